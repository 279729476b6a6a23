"""The door that every HTTP request passes: a rate limit, headers, and one log line without what was asked."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from market.db.context import Context
from market.edge.bodies import in_time, refuse_lax
from market.edge.problems import rendered, template_of
from market.kit.errors import RateLimited
from market.kit.rates import Rates
from market.parties.routes import address_of, provide_actor
from market.parties.rules import require_fresh

_log = structlog.get_logger()


def door(context: Context) -> Any:
    """The middleware, with its own counters: an address may be an office of people, so it has more than one of them."""
    rates = _rates(context, times=4)

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

            wait_s = rates.take(address_of((scope.get("client") or ("unknown",))[0]))
            if wait_s:
                response = rendered(_too_many(wait_s, "from this address"))
                await response.to_asgi_response(app=None, request=None)(scope, receive, send_on)  # type: ignore[arg-type]
            else:
                await app(scope, in_time(receive), send_on)
            took_ms = round((context.clock.monotonic_s() - started_s) * 1000, 1)
            _log.info("request", method=scope["method"], path=template_of(scope), status=status, took_ms=took_ms)

        return guarded

    return middleware


def met(context: Context) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """What happens before a route: who asks, how often, with a proof how fresh; only then the body is read, strictly."""
    rates, rates_of_keys = _rates(context, times=1), _rates(context, times=2)

    async def meet(request: Request[Any, Any, Any]) -> None:
        if "actor" in request.route_handler.parsed_fn_signature.parameters:
            actor = await provide_actor(request, context)
            wait_s = rates.take(actor.key_id or actor.user_id)
            if wait_s:
                raise _too_many(wait_s, "of yours")
            # However many keys an organisation makes itself, together they ask for no more than two.
            wait_s = rates_of_keys.take(actor.org_id) if actor.key_id else 0.0
            if wait_s:
                raise _too_many(wait_s, "of your organisation's keys")
            if request.route_handler.opt.get("step_up"):
                require_fresh(actor, context.clock.now())
        await refuse_lax(request)

    return meet


def _rates(context: Context, *, times: int) -> Rates:
    per_minute = context.settings.requests_per_minute
    return Rates(context.clock, per_second=per_minute * times / 60, burst=max(20, per_minute // 4) * times)


def _too_many(wait_s: float, whose: str) -> RateLimited:
    return RateLimited(f"too many requests {whose}; slow down", retry_after_s=round(wait_s, 2))


def _headers(path: str) -> Sequence[tuple[bytes, bytes]]:
    if path.startswith("/schema"):
        return _PAGE_HEADERS
    return _TEXT_HEADERS if path == "/" or path.startswith("/problems") else _API_HEADERS


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
_TEXT_HEADERS = (
    *_COMMON_HEADERS,
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)
_PAGE_HEADERS = (
    *_COMMON_HEADERS,
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
)
