"""The doors for people and programs: registering, proving an address, signing in, keys."""

from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import NotFound, RateLimited, Unauthenticated
from market.kit.pages import PageRequest
from market.kit.rates import Rates
from market.parties import rules, schemas, service
from market.parties.service import Joining, SignIn

COOKIE = "market_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_RATES = "parties_rates"
_ACTOR = "parties_actor"
_PEOPLE, _KEYS = ["People"], ["API keys"]

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
    from another site, unless all it can do is read. Raises `Unauthenticated`, `CrossSite`.
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
        return await service.authenticate(tx, token.strip(), context.clock.now())


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


def _guard_newcomers(request: Request[Any, Any, Any], context: Context) -> str:
    """The caller's network address, once it has a token left for trying names and passwords."""
    refuse_other_sites(request, context)
    address = address_of(request.client.host if request.client else "unknown")
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


@post("/v1/organisations", tags=_PEOPLE, summary="Register an organisation", operation_id="register",
      opt={"public": True}, security=[])  # fmt: skip
async def register(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.RegistrationBody]
) -> schemas.Registered:
    """Enter an organisation with its first person. A code is mailed; with it the address is proved, then sign in.

    The answer does not tell whether the address was known.
    """
    _guard_newcomers(request, context)
    await service.register(context, data.stated())
    return schemas.Registered()


@post("/v1/staff", tags=_PEOPLE, summary="Join the staff", operation_id="joinStaff", opt={"public": True}, security=[])
async def join_staff(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.StaffBody]
) -> schemas.Registered:
    """Become an officer or operator with an invitation, which works once and for its own address only."""
    _guard_newcomers(request, context)
    await service.join_staff(context, Joining(data.invitation, data.email, data.name, data.password))
    return schemas.Registered()


@post("/v1/contact/codes", tags=_PEOPLE, summary="Mail another code", operation_id="requestCode", status_code=202,
      opt={"public": True}, security=[])  # fmt: skip
async def request_code(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.EmailBody]
) -> schemas.Registered:
    """Mail a code to the address if it still has to be proved, at most one a minute."""
    _guard_newcomers(request, context)
    await service.request_code(context, data.email)
    return schemas.Registered()


@post("/v1/contact/verification", tags=_PEOPLE, summary="Prove an e-mail address", operation_id="verifyContact",
      status_code=204, opt={"public": True}, security=[])  # fmt: skip
async def verify_contact(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.CodeBody]
) -> None:
    """Enter the mailed code, and the password chosen when registering: 8 digits, 30 minutes, five attempts."""
    _guard_newcomers(request, context)
    await service.verify_contact(context, data.email, data.code, data.password)


@post("/v1/session", tags=_PEOPLE, summary="Sign in", operation_id="signIn", opt={"public": True}, security=[])
async def sign_in(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.SignInBody]
) -> Response[schemas.SessionView]:
    """Start a session; its token comes as the cookie `market_session`. A session that was there before ends."""
    address = _guard_newcomers(request, context)
    attempt = SignIn(data.email, data.password, address, request.cookies.get(COOKIE))
    signed_in = await service.sign_in(context, attempt)
    cookie = _cookie(context, signed_in.token, max_age_s=context.settings.session_hours * 3600)
    return Response(schemas.SessionView.from_sign_in(signed_in), cookies=[cookie])


@get("/v1/session", tags=_PEOPLE, summary="Who am I", operation_id="readSession")
async def read_session(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.SessionView:
    """The signed-in person, or the person behind the API key."""
    async with context.db.begin(actor) as tx:
        return schemas.SessionView.of(await service.read_person(tx, actor))


@delete("/v1/session", tags=_PEOPLE, summary="Sign out", operation_id="signOut")
async def sign_out(
    request: Request[Any, Any, Any], context: NamedDependency[Context], actor: NamedDependency[Actor]
) -> Response[None]:
    """End this session at once, on the server too."""
    rules.require_person(actor)
    async with context.db.begin(SYSTEM) as tx:
        await service.sign_out(tx, request.cookies.get(COOKIE, ""), context.clock.now())
    return Response(None, cookies=[_cookie(context, "", max_age_s=0)])


def _cookie(context: Context, token: str, *, max_age_s: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=token,
        path="/",
        max_age=max_age_s,
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )


@get("/v1/organisation", tags=_PEOPLE, summary="The own organisation", operation_id="readOrganisation")
async def read_organisation(
    context: NamedDependency[Context], actor: NamedDependency[Actor]
) -> schemas.OrganisationView:
    """The organisation of whoever asks."""
    rules.require(actor, scope="parties:read")
    async with context.db.begin(actor) as tx:
        found = await service.find_organisation(tx, actor.org_id) if actor.org_id else None
    if found is None:
        raise NotFound("there is no organisation behind this sign-in")
    return schemas.OrganisationView.of(found)


@post("/v1/api-keys", tags=_KEYS, summary="Make an API key", operation_id="createKey")
async def create_key(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.KeyBody]
) -> schemas.NewKeyView:
    """A key for programs, limited to scopes and days. Its token is shown this once. Officers have no keys."""
    async with context.db.begin(actor) as tx:
        key, token = await service.create_key(
            tx, actor, name=data.name, scopes=data.scopes, days=data.days,
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    return schemas.NewKeyView(schemas.KeyView.of(key), token)


@get("/v1/api-keys", tags=_KEYS, summary="List API keys", operation_id="listKeys")
async def list_keys(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.KeyPage:
    """The organisation's keys, oldest first, the dead ones too."""
    async with context.db.begin(actor) as tx:
        page = await service.list_keys(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.KeyPage([schemas.KeyView.of(key) for key in page.items], page.next_cursor)


@delete("/v1/api-keys/{key_id:uuid}", tags=_KEYS, summary="Revoke an API key", operation_id="revokeKey")
async def revoke_key(context: NamedDependency[Context], actor: NamedDependency[Actor], key_id: FromPath[UUID]) -> None:
    """The key stops working at once."""
    async with context.db.begin(actor) as tx:
        await service.revoke_key(tx, actor, key_id, context.clock.now())


HANDLERS: list[ControllerRouterHandler] = [
    register, join_staff, request_code, verify_contact, sign_in, read_session, sign_out,
    read_organisation, create_key, list_keys, revoke_key,
]  # fmt: skip
