"""Composition root of HTTP and sockets: which doors there are, who stands behind them, and how a no is said."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send
from sqlalchemy import text

from market.db.context import Context
from market.db.migrate import newest_revision
from market.kit.actor import SYSTEM
from market.kit.errors import MarketError, RateLimited
from market.kit.rates import Rates
from market.parties import routes as parties

_log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"
_MAX_BODY_BYTES = 1_000_000
"""Of a JSON body; the upload routes set their own."""
_UI = "/schema/ui"


def create_app(context: Context) -> Litestar:
    """The whole market behind one ASGI application."""
    return Litestar(
        route_handlers=[*HANDLERS, _swagger_files()],
        dependencies={
            "context": Provide(lambda: context, sync_to_thread=False),
            "actor": Provide(parties.provide_actor),
        },
        exception_handlers={MarketError: _refusal, HTTPException: _http_refusal, Exception: _fault},
        middleware=[_door(context)],
        request_max_body_size=_MAX_BODY_BYTES,
        openapi_config=_openapi(),
        debug=False,
    )


# Problems: one shape for every no (RFC 9457).


def problem(status: int, slug: str, title: str, detail: str, **members: Any) -> Response[dict[str, Any]]:
    """A problem document; members that are None are left out."""
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail, **members}
    return Response(
        {name: value for name, value in body.items() if value is not None}, status_code=status, media_type=PROBLEM_JSON
    )


def _refusal(_: Request[Any, Any, Any], error: MarketError) -> Response[dict[str, Any]]:
    return _rendered(error)


def _rendered(error: MarketError) -> Response[dict[str, Any]]:
    response = problem(error.status, error.slug, error.title, error.detail, field=error.field, **error.members)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="market"'
    wait_s = error.members.get("retry_after_s")
    if wait_s is not None:
        response.headers["Retry-After"] = str(max(1, int(wait_s + 0.999)))
    return response


def _http_refusal(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    if isinstance(error, ValidationException):
        field, detail = _first_complaint(error)
        return problem(422, "malformed", "The request is not well formed", detail, field=field)
    slug, title = _HTTP_SLUGS.get(error.status_code, ("refused", "Refused"))
    response = problem(
        error.status_code, slug, title, _HTTP_DETAILS.get(error.status_code, "the request cannot be served")
    )
    if error.headers:
        response.headers.update(error.headers)
    return response


_HTTP_SLUGS = {
    400: ("malformed", "The request is not well formed"),
    401: ("unauthenticated", "Sign in first"),
    403: ("forbidden", "Not yours to do"),
    404: ("not-found", "No such thing, or not yours to see"),
    405: ("method-not-allowed", "This address does not take that method"),
    413: ("too-large", "Too large"),
    415: ("unsupported-media-type", "Send JSON, or the media type that the address takes"),
}
_HTTP_DETAILS = {
    400: "the body or the address cannot be read; compare it with /schema",
    404: "there is nothing at this address; /schema lists what there is",
    405: "the header Allow lists the methods of this address",
    413: "the body is larger than this address takes",
}


def _first_complaint(error: ValidationException) -> tuple[str | None, str]:
    """The field at fault and what is wrong with it. Messages of the decoder name types and bounds, never values."""
    complaints = error.extra if isinstance(error.extra, list) else []
    for complaint in complaints:
        if isinstance(complaint, dict):
            return complaint.get("key") or None, str(complaint.get("message", "is not well formed"))
    return None, "the request does not match its schema; compare it with /schema"


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Our mistake: logged with its place, told without its content."""
    _log.error("fault", path=_template(request.scope), exc_info=error)
    return problem(500, "fault", "Our mistake", "something broke on our side; nothing was changed, and it is logged")


# The door: a rate limit, headers and one log line for every request.


def _door(context: Context) -> Any:
    per_minute = context.settings.requests_per_minute
    rates = Rates(context.clock, per_second=per_minute / 60, burst=max(20, per_minute // 4))

    def middleware(app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP or scope["path"].startswith("/health"):
                await app(scope, receive, send)
                return
            started_s = context.clock.monotonic_s()
            status = 500

            async def send_on(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = [*message["headers"], *_headers(scope["path"])]
                await send(message)

            wait_s = rates.take((scope.get("client") or ("unknown",))[0])
            if wait_s:
                await _too_many(wait_s)(scope, receive, send_on)
            else:
                await app(scope, receive, send_on)
            took_ms = round((context.clock.monotonic_s() - started_s) * 1000, 1)
            _log.info("request", method=scope["method"], path=_template(scope), status=status, took_ms=took_ms)

        return guarded

    return middleware


def _too_many(wait_s: float) -> ASGIApp:
    error = RateLimited("too many requests from this address; slow down", retry_after_s=round(wait_s, 2))
    return _rendered(error).to_asgi_response(app=None, request=None)  # type: ignore[arg-type]


def _template(scope: Any) -> str:
    """The route's pattern (`/v1/pools/{pool_id:uuid}`): an address as sent may hold personal data."""
    return str(scope.get("path_template") or "(no such route)")


def _headers(path: str) -> Sequence[tuple[bytes, bytes]]:
    return _PAGE_HEADERS if path.startswith("/schema") else _API_HEADERS


_COMMON_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_API_HEADERS = (
    *_COMMON_HEADERS,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_PAGE_HEADERS = (
    *_COMMON_HEADERS,
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
)


# Documents and health.


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="debtmarket",
        version="1",
        description="A marketplace for delinquent receivables: masked tapes, vetted parties, live auctions, escrow.",
        path="/schema",
        use_handler_docstrings=True,
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                js_url=f"{_UI}/swagger-ui-bundle.js",
                css_url=f"{_UI}/swagger-ui.css",
                standalone_preset_js_url=f"{_UI}/swagger-ui-standalone-preset.js",
                favicon="<link rel='icon' href='data:,'>",
            )
        ],
        components=Components(
            security_schemes={
                "session": SecurityScheme(type="apiKey", security_scheme_in="cookie", name="market_session"),
                "api_key": SecurityScheme(type="http", scheme="bearer"),
            }
        ),
        security=[{"session": []}, {"api_key": []}],
    )


def _swagger_files() -> Any:
    """The pages' scripts, from the installed package: nothing is loaded from another host."""
    found = importlib.util.find_spec("swagger_ui")
    if found is None or found.origin is None:
        raise AssertionError("the package swagger-ui-py is missing from this installation")
    return create_static_files_router(
        path=_UI, directories=[Path(found.origin).with_name("static")], include_in_schema=False, html_mode=False
    )


@get("/health/live", include_in_schema=False, media_type=MediaType.JSON)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready", include_in_schema=False, media_type=MediaType.JSON)
async def ready(context: NamedDependency[Context]) -> Response[dict[str, str]]:
    """The database answers and is migrated to what this code expects."""
    async with context.db.begin(SYSTEM) as tx:
        found = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    wanted = newest_revision()
    if found != wanted:
        return Response({"status": "migrating", "database": str(found), "code": wanted}, status_code=503)
    return Response({"status": "ready", "database": str(found)})


HANDLERS: list[ControllerRouterHandler] = [live, ready, *parties.HANDLERS]
