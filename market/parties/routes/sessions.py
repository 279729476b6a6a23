"""The doors of sessions: signing in, proving it is you, other browsers, another password."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.pages import PageRequest
from market.parties import rules, schemas, service
from market.parties.routes.who import (
    COOKIE,
    DESPITE,
    DEVICE_COOKIE,
    STEP_UP,
    device_cookies,
    guard_newcomers,
    no_session_cookie,
    session_cookies,
)
from market.parties.rules import SignedIn
from market.parties.service import SignIn

_PEOPLE, _SESSIONS = ["People"], ["Sessions"]
Web = Request[Any, Any, Any]


@post("/v1/session", tags=_SESSIONS, summary="Sign in", operation_id="signIn", opt={"public": True}, security=[{}])
async def sign_in(
    request: Web, context: NamedDependency[Context], data: JSONBody[schemas.SignInBody]
) -> Response[schemas.SessionView]:
    """Start a session; its token comes as the cookie `market_session`. A session that was there before ends.

    `lacks` says what is to be done before anything else: `proof` of a second factor (`POST /v1/session/proof`), or its
    `enrolment` (`POST /v1/factors/totp`, or a passkey).
    """
    address = guard_newcomers(request, context)
    attempt = SignIn(
        data.email, data.password, address, request.cookies.get(COOKIE), request.cookies.get(DEVICE_COOKIE),
        request.headers.get("user-agent", ""),
    )  # fmt: skip
    return _signed_in(context, await service.sign_in(context, attempt))


def _signed_in(context: Context, signed_in: SignedIn, status_code: int = 201) -> Response[schemas.SessionView]:
    view = schemas.SessionView.from_sign_in(signed_in)
    return Response(view, cookies=session_cookies(context, signed_in), status_code=status_code)


@get("/v1/session", tags=_SESSIONS, summary="Who am I", operation_id="readSession",
     opt={DESPITE: ("proof", "enrolment")})  # fmt: skip
async def read_session(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.SessionView:
    """The signed-in person, or the person behind the API key; what the session lacks, until when its proof is fresh."""
    async with context.db.begin(actor) as tx:
        person = await service.read_person(tx, actor)
        expires_at, lacks = await service.lacks(tx, actor, context.clock.now())
    return schemas.SessionView.of(person, expires_at, lacks=lacks, proved_at=actor.proved_at)


@delete("/v1/session", tags=_SESSIONS, summary="Sign out", operation_id="signOut",
        opt={DESPITE: ("proof", "enrolment")})  # fmt: skip
async def sign_out(request: Web, context: NamedDependency[Context], actor: NamedDependency[Actor]) -> Response[None]:
    """End this session at once, on the server too."""
    rules.require_person(actor)
    async with context.db.begin(SYSTEM) as tx:
        await service.sign_out(tx, request.cookies.get(COOKIE, ""), context.clock.now())
    return Response(None, cookies=[no_session_cookie(context)])


@post("/v1/session/proof-options", tags=_SESSIONS, summary="How you can prove it is you", operation_id="proofOptions",
      status_code=200, opt={DESPITE: ("proof",)})  # fmt: skip
async def proof_options(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.ProofOptions:
    """What `POST /v1/session/proof` takes from you; with a passkey, the options of `navigator.credentials.get`."""
    async with context.db.begin(actor) as tx:
        ways = await service.ways_to_prove(tx, context, actor)
    return schemas.ProofOptions([kind.value for kind in ways.kinds], ways.passkey)


@post("/v1/session/proof", tags=_SESSIONS, summary="Prove it is you", operation_id="proveSession", status_code=200,
      opt={DESPITE: ("proof",)})  # fmt: skip
async def prove(
    request: Web, context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.ProofBody]
) -> Response[schemas.SessionView]:
    """Complete a sign-in, or make the proof fresh for what asks for one. The session goes on under a new cookie.

    With a second factor only that counts; without one, the password.
    """
    proof = data.proof(request.cookies.get(DEVICE_COOKIE))
    return _signed_in(context, await service.prove(context, actor, proof), 200)


@get("/v1/sessions", tags=_SESSIONS, summary="Where you are signed in", operation_id="listSessions")
async def list_sessions(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.OwnSessionPage:
    """Your own sessions, oldest first, this one too."""
    async with context.db.begin(actor) as tx:
        page = await service.list_sessions(tx, actor, PageRequest.parse(limit, cursor), context.clock.now())
    return schemas.OwnSessionPage(
        [schemas.OwnSessionView.of(each, actor.session_id) for each in page.items], page.next_cursor
    )


@delete("/v1/sessions/{session_id:uuid}", tags=_SESSIONS, summary="Sign out elsewhere", operation_id="endSession")
async def end_session(
    context: NamedDependency[Context], actor: NamedDependency[Actor], session_id: FromPath[UUID]
) -> None:
    """End one of your own sessions at once."""
    async with context.db.begin(actor) as tx:
        await service.end_own_session(tx, actor, session_id, context.clock.now())


@put("/v1/password", tags=_PEOPLE, summary="Change the password", operation_id="changePassword", opt=STEP_UP)
async def change_password(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.NewPasswordBody]
) -> Response[schemas.SessionView]:
    """Needs the old password and a fresh proof. Every other session of yours ends."""
    renewed = await service.change_password(context, actor, data.old_password, data.new_password)
    return _signed_in(context, renewed, 200)


@post("/v1/password/codes", tags=_PEOPLE, summary="Forgot the password", operation_id="requestPasswordCode",
      status_code=202, opt={"public": True}, security=[{}])  # fmt: skip
async def request_password_code(
    request: Web, context: NamedDependency[Context], data: JSONBody[schemas.EmailBody]
) -> schemas.CodeSent:
    """Mail a code to the address if it is somebody's, at most one a minute. The answer does not tell."""
    guard_newcomers(request, context)
    await service.request_password_code(context, data.email)
    return schemas.CodeSent()


@post("/v1/password/reset", tags=_PEOPLE, summary="Choose a new password", operation_id="resetPassword",
      status_code=204, opt={"public": True}, security=[{}])  # fmt: skip
async def reset_password(
    request: Web, context: NamedDependency[Context], data: JSONBody[schemas.ResetBody]
) -> Response[None]:
    """With the mailed code: 8 digits, 30 minutes, five attempts. All your sessions end; a second factor stays."""
    guard_newcomers(request, context)
    device_token = await service.reset_password(context, data.email, data.code, data.new_password)
    return Response(None, cookies=device_cookies(context, device_token), status_code=204)


HANDLERS: list[ControllerRouterHandler] = [
    sign_in, read_session, sign_out, proof_options, prove, list_sessions, end_session,
    change_password, request_password_code, reset_password,
]  # fmt: skip
