"""Who is behind a request: the session cookie or the API key, from which address, and from whose pages."""

from ipaddress import IPv6Address, ip_address
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import RateLimited, Unauthenticated
from market.kit.rates import Rates
from market.parties import rules, service
from market.parties.rules import SignedIn

COOKIE = "market_session"
DEVICE_COOKIE = "market_device"
"""Makes a browser a known one, so that strangers' failures do not hold its person up. It signs nobody in."""
STEP_UP = {"step_up": True}
"""As `opt` of a route: only with a proof not older than 5 minutes, and never for an API key."""
DESPITE = "despite"
"""In `opt` of a route: what a session may lack and still come in."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_RATES = "parties_rates"
_ACTOR = "parties_actor"

Connection = ASGIConnection[Any, Any, Any, Any]


async def provide_actor(request: Request[Any, Any, Any], context: NamedDependency[Context]) -> Actor:
    """Who asks: the holder of the API key or of the session cookie. Raises `Unauthenticated`, `CrossSite`.

    Looked up once per request: the door asks before the body is read, the route again.
    """
    kept: dict[str, Any] = request.scope["state"]
    if _ACTOR not in kept:
        kept[_ACTOR] = await actor_of(request, context)
    actor: Actor = kept[_ACTOR]
    return actor


async def actor_of(connection: Connection, context: Context) -> Actor:
    """Who is behind an HTTP request or a socket's handshake.

    A bearer key counts alone: with a wrong one no cookie helps. A cookie counts only if the request does not come
    from another site, unless all it can do is read. Raises `Unauthenticated`, `SecondFactorRequired`, `NetworkRefused`,
    `CrossSite`.
    """
    header = connection.headers.get("authorization")
    if header is not None:
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.startswith("mk_"):
            raise Unauthenticated("Authorization takes an API key as: Bearer mk_…")
    else:
        token = connection.cookies.get(COOKIE, "")
        if not token:
            raise Unauthenticated("sign in at POST /v1/session, or send an API key as Authorization: Bearer mk_…")
        if not isinstance(connection, Request) or connection.method not in _SAFE_METHODS:
            refuse_other_sites(connection, context)
    async with context.db.begin(SYSTEM) as tx:
        return await service.authenticate(
            tx, token.strip(), context.clock.now(), address=host_of(connection), despite=_despite(connection)
        )


def host_of(connection: Connection) -> str:
    """The network address as the server sees it: a trusted proxy's word is believed before the application is asked."""
    return connection.client.host if connection.client else "unknown"


def _despite(connection: Connection) -> tuple[str, ...]:
    handler = connection.scope.get("route_handler")
    return tuple(handler.opt.get(DESPITE, ())) if handler is not None else ()


def refuse_other_sites(connection: Connection, context: Context) -> None:
    """Raises `CrossSite` for what a browser sends from a page of another origin.

    Browsers set `Origin` on every unsafe cross-site request and every socket handshake, and pages cannot change it
    (Fetch standard, § 3.2; Sec-Fetch-Site likewise). A request with neither is no browser's, so nobody was lured.
    """
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site not in (None, "same-origin", "none") or origin not in (None, _origin(context.settings.public_url)):
        raise rules.CrossSite("a signed-in browser may act from the marketplace's own pages only")


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3]).lower()


def guard_newcomers(request: Request[Any, Any, Any], context: Context) -> str:
    """The caller's network address, once it has a token left for trying names and passwords."""
    refuse_other_sites(request, context)
    address = address_of(host_of(request))
    wait_s = count_attempt(request, context, address)
    if wait_s:
        raise RateLimited("too many attempts from this address; wait a while", retry_after_s=round(wait_s, 1))
    return address


def count_attempt(connection: Connection, context: Context, address: str) -> float:
    """Count one try at a name, password or key. 0 if the address may go on, else the seconds to wait."""
    per_minute = context.settings.signins_per_minute
    rates: Rates = connection.app.state.setdefault(
        _RATES, Rates(context.clock, per_second=per_minute / 60, burst=per_minute)
    )
    return rates.take(address)


def address_of(host: str) -> str:
    """The network address that is counted; IPv6 hosts share that of their /64, one subscriber's (RFC 6177 § 2)."""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)


def session_cookies(context: Context, signed_in: SignedIn) -> list[Cookie]:
    """The cookies of a session's new token and, once, of a browser that is known from now on."""
    cookies = [_cookie(context, COOKIE, signed_in.token, max_age_s=context.settings.session_hours * 3600)]
    return [*cookies, *device_cookies(context, signed_in.device_token)]


def device_cookies(context: Context, device_token: str | None) -> list[Cookie]:
    """The cookie of a browser that is known from now on; none if it is known already."""
    if device_token is None:
        return []
    return [_cookie(context, DEVICE_COOKIE, device_token, max_age_s=int(rules.DEVICE_LIFE.total_seconds()))]


def no_session_cookie(context: Context) -> Cookie:
    """Makes the browser drop its session's token."""
    return _cookie(context, COOKIE, "", max_age_s=0)


def _cookie(context: Context, name: str, token: str, *, max_age_s: int) -> Cookie:
    return Cookie(
        key=name,
        value=token,
        path="/",
        max_age=max_age_s,
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )
