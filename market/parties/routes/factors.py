"""The doors of second factors: authenticator apps, passkeys, recovery codes."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.parties import schemas, service
from market.parties.routes.who import DESPITE, DEVICE_COOKIE, STEP_UP, session_cookies
from market.parties.service.factors import Enrolled

_FACTORS = ["Second factors"]
_FIRST = {**STEP_UP, DESPITE: ("enrolment",)}
"""Enrolling is what a session may still lack; a stolen one needs a fresh proof all the same."""
Web = Request[Any, Any, Any]


@get("/v1/factors", tags=_FACTORS, summary="Your second factors", operation_id="listFactors")
async def list_factors(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.FactorsView:
    """Authenticator apps and passkeys, oldest first, and how many recovery codes are left."""
    async with context.db.begin(actor) as tx:
        found, code_count = await service.list_factors(tx, actor)
    return schemas.FactorsView([schemas.FactorView.of(factor) for factor in found], code_count)


@post("/v1/factors/totp", tags=_FACTORS, summary="Add an authenticator app", operation_id="beginTotp", opt=_FIRST)
async def begin_totp(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.FactorBody]
) -> schemas.NewTotpView:
    """The app's secret, shown this once, as text and as the content of a QR code. It counts once it is confirmed.

    Six digits every 30 seconds (RFC 6238, SHA-1). Needs a fresh proof.
    """
    async with context.db.begin(actor) as tx:
        found = await service.begin_totp(tx, context, actor, data.name)
    return schemas.NewTotpView(found.factor_id, found.secret, found.uri)


@post("/v1/factors/totp/{factor_id:uuid}/confirmation", tags=_FACTORS, summary="Confirm an authenticator app",
      operation_id="confirmTotp", opt=_FIRST)  # fmt: skip
async def confirm_totp(
    request: Web,
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    factor_id: FromPath[UUID],
    data: JSONBody[schemas.FactorCodeBody],
) -> Response[schemas.EnrolledView]:
    """The app's first code, within 15 minutes. With the first factor come recovery codes; other sessions end."""
    device_token = request.cookies.get(DEVICE_COOKIE)
    return _enrolled(context, await service.confirm_totp(context, actor, factor_id, data.code, device_token))


@post("/v1/factors/passkeys/options", tags=_FACTORS, summary="Begin to add a passkey", operation_id="beginPasskey",
      status_code=200, opt=_FIRST)  # fmt: skip
async def begin_passkey(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.PasskeyOptions:
    """The options of `navigator.credentials.create`, good for 5 minutes. Needs a fresh proof."""
    async with context.db.begin(actor) as tx:
        return schemas.PasskeyOptions(await service.begin_passkey(tx, context, actor))


@post("/v1/factors/passkeys", tags=_FACTORS, summary="Add a passkey", operation_id="addPasskey", opt=_FIRST)
async def add_passkey(
    request: Web,
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    data: JSONBody[schemas.PasskeyBody],
) -> Response[schemas.EnrolledView]:
    """What the browser's authenticator answered. With the first factor come recovery codes; other sessions end."""
    device_token = request.cookies.get(DEVICE_COOKIE)
    return _enrolled(context, await service.finish_passkey(context, actor, data.name, data.credential, device_token))


def _enrolled(context: Context, enrolled: Enrolled) -> Response[schemas.EnrolledView]:
    signed_in = enrolled.signed_in
    view = schemas.EnrolledView(schemas.SessionView.from_sign_in(signed_in), list(enrolled.recovery_codes))
    return Response(view, cookies=session_cookies(context, signed_in))


@post("/v1/factors/recovery-codes", tags=_FACTORS, summary="New recovery codes", operation_id="drawRecoveryCodes",
      opt=STEP_UP)  # fmt: skip
async def draw_recovery_codes(
    context: NamedDependency[Context], actor: NamedDependency[Actor]
) -> schemas.RecoveryCodesView:
    """Ten codes, shown this once, each good for one proof; the former ones are void. Needs a fresh proof."""
    async with context.db.begin(actor) as tx:
        return schemas.RecoveryCodesView(await service.draw_recovery_codes(tx, context, actor))


@delete("/v1/factors/{factor_id:uuid}", tags=_FACTORS, summary="Remove a second factor", operation_id="removeFactor",
        opt=STEP_UP)  # fmt: skip
async def remove_factor(
    context: NamedDependency[Context], actor: NamedDependency[Actor], factor_id: FromPath[UUID]
) -> None:
    """Needs a fresh proof. Who must have a factor keeps the last one. Every other session of yours ends."""
    async with context.db.begin(actor) as tx:
        await service.remove_factor(tx, context, actor, factor_id)


HANDLERS: list[ControllerRouterHandler] = [
    list_factors, begin_totp, confirm_totp, begin_passkey, add_passkey, draw_recovery_codes, remove_factor,
]  # fmt: skip
