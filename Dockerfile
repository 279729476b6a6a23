# syntax=docker/dockerfile:1
# Stage 1 builds a virtual environment; stage 2 holds only that, the code and an unprivileged user.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv /opt/market
COPY requirements-run.txt pyproject.toml README.md LICENSE ./
# Everything pinned and checked by hash; without what only tests need.
RUN /opt/market/bin/pip install --require-hashes -r requirements-run.txt
COPY auctions auctions
COPY masking masking
COPY migrations migrations
COPY market market
COPY docs/problems.md docs/problems.md
RUN /opt/market/bin/pip install --no-deps --no-build-isolation . \
 && /opt/market/bin/pip uninstall -y hatchling editables pathspec pluggy trove-classifiers

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 market \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/market --create-home --shell /usr/sbin/nologin market \
 && install -d -o market -g market -m 0700 /var/lib/market/data
COPY --from=build /opt/market /opt/market
ENV PATH=/opt/market/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MARKET_HOST=0.0.0.0 MARKET_PORT=8000 MARKET_DATA_DIR=/var/lib/market/data
USER market
VOLUME /var/lib/market/data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["market"]
CMD ["serve", "--without-worker"]
