"""Second factors of a person: enrolled with a confirmation, listed, removed; and the recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import Conflict, NotFound
from market.parties import passkeys, rules
from market.parties.factors import (
    CHALLENGE_LIFE,
    ENROLMENT_LIFE,
    FACTOR_COUNT,
    SECRET_BYTES,
    Factor,
    FactorKind,
    key_uri,
    must_have_factor,
    new_recovery_codes,
    recovery_digest,
    secret_text,
)
from market.parties.passkeys import CHALLENGE_BYTES, Site
from market.parties.rules import ProofRefused, SignedIn
from market.parties.service.proving import patience_with, seal, use_code
from market.parties.service.signing_in import count_try, forget_try, know_device, renew_session
from market.parties.store import factors, people, signins


@dataclass(frozen=True, slots=True, repr=False)
class NewTotp:
    """An authenticator app to be confirmed; `secret` and `uri` are shown here and never again."""

    factor_id: UUID
    secret: str
    uri: str


@dataclass(frozen=True, slots=True, repr=False)
class Enrolled:
    """A factor that counts now, the session under its new token, and recovery codes (only with the first factor)."""

    signed_in: SignedIn
    recovery_codes: Sequence[str]


async def list_factors(tx: AsyncSession, actor: Actor) -> tuple[list[Factor], int]:
    """The person's own factors, oldest first, and how many recovery codes are left."""
    rules.require_person(actor)
    user_id = _user(actor)
    return await factors.list_factors(tx, user_id), await factors.count_recovery_codes(tx, user_id)


async def begin_totp(tx: AsyncSession, context: Context, actor: Actor, name: str) -> NewTotp:
    """Draw the secret of a new authenticator app, sealed by the vault; it counts once a code of it was entered.

    Raises `Malformed`, `Forbidden` for API keys, `Conflict` past 10 factors.
    """
    name = rules.checked_name(name)[:100]
    await _refuse_more(tx, actor)
    person = await people.read_person(tx, _user(actor))
    factor_id, secret = context.chance.new_id(), context.chance.entropy(SECRET_BYTES)
    await factors.add_totp(
        tx,
        person,
        factor_id,
        name=name,
        sealed_secret=context.vault.wrap(secret, seal(factor_id)),
        now=context.clock.now(),
    )
    return NewTotp(factor_id, secret_text(secret), key_uri(secret, person.email))


async def confirm_totp(
    context: Context, actor: Actor, factor_id: UUID, code: str, device_token: str | None
) -> Enrolled:
    """The app's first code makes it a factor. Raises `ProofRefused`, `RateLimited`, `NotFound` after 15 minutes."""
    rules.require_person(actor)
    buckets, now = patience_with(_user(actor)), context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        await count_try(tx, buckets, now)
    async with context.db.begin(SYSTEM) as tx:
        waiting = {each.factor_id: each for each in await factors.lock_totps(tx, _user(actor))}.get(factor_id)
        if waiting is None or waiting.confirmed_at is not None or waiting.created_at + ENROLMENT_LIFE <= now:
            raise NotFound("no such app waits for its first code; start again at POST /v1/factors/totp")
        if await use_code(tx, context, _user(actor), code, confirmed=False, factor_id=factor_id) is None:
            raise ProofRefused("the code is wrong; check the device's clock and enter the next one")
        await forget_try(tx, buckets, now)
        return await _enrolled(tx, context, actor, factor_id, FactorKind.TOTP, device_token)


async def begin_passkey(tx: AsyncSession, context: Context, actor: Actor) -> dict[str, Any]:
    """What the browser's `navigator.credentials.create` is asked; starts a ceremony of 5 minutes."""
    await _refuse_more(tx, actor)
    if actor.session_id is None or actor.org_id is None:
        raise AssertionError("only a session enrols a passkey")
    person, challenge = await people.read_person(tx, _user(actor)), context.chance.entropy(CHALLENGE_BYTES)
    expires_at = context.clock.now() + CHALLENGE_LIFE
    await factors.keep_challenge(
        tx, actor.session_id, "enrol", actor.org_id, challenge=challenge, expires_at=expires_at
    )
    known = await factors.credential_ids(tx, person.user_id)
    return passkeys.creation_options(Site.of(context.settings.public_url), person, challenge, known)


async def finish_passkey(
    context: Context, actor: Actor, name: str, credential: dict[str, Any], device_token: str | None
) -> Enrolled:
    """The authenticator's answer makes the passkey a factor. Raises `ProofRefused`, `Malformed`, `Conflict`."""
    rules.require_person(actor)
    name, now = rules.checked_name(name)[:100], context.clock.now()
    if actor.session_id is None:
        raise AssertionError("only a session enrols a passkey")
    async with context.db.begin(SYSTEM) as tx:  # commits: a challenge is answered once, rightly or wrongly
        challenge = await factors.take_challenge(tx, actor.session_id, "enrol", now)
    if challenge is None:
        raise passkeys.refusal()
    passkey = passkeys.registered(Site.of(context.settings.public_url), challenge, credential)
    async with context.db.begin(SYSTEM) as tx:
        await _refuse_more(tx, actor)
        person, factor_id = await people.read_person(tx, _user(actor)), context.chance.new_id()
        if not await factors.add_passkey(tx, person, factor_id, passkey, name=name, now=now):
            raise Conflict("this passkey is enrolled already")
        return await _enrolled(tx, context, actor, factor_id, FactorKind.PASSKEY, device_token)


async def _enrolled(
    tx: AsyncSession, context: Context, actor: Actor, factor_id: UUID, kind: FactorKind, device_token: str | None
) -> Enrolled:
    """Every other session ends: it was let in with less. The first factor brings recovery codes."""
    now, user_id = context.clock.now(), _user(actor)
    codes = []
    if len(await factors.list_factors(tx, user_id)) == 1:
        codes = await _draw_codes(tx, context, actor)
    await signins.end_sessions(tx, user_id, now, but=actor.session_id)
    body = {"factor_id": factor_id, "kind": kind}
    await journal.append(tx, actor, f"org:{actor.org_id}", "factor.enrolled", body)
    renewed = await renew_session(tx, context, actor, proved_by=kind, now=now)
    return Enrolled(replace(renewed, device_token=await know_device(tx, context, actor, device_token, now)), codes)


async def draw_recovery_codes(tx: AsyncSession, context: Context, actor: Actor) -> list[str]:
    """Ten new codes, shown only now; the former ones are worth nothing. Raises `Conflict` without a second factor."""
    rules.require_person(actor)
    if not await factors.list_factors(tx, _user(actor)):
        raise Conflict("recovery codes stand in for a second factor; enrol one first")
    return await _draw_codes(tx, context, actor)


async def _draw_codes(tx: AsyncSession, context: Context, actor: Actor) -> list[str]:
    codes, user_id = new_recovery_codes(context.chance), _user(actor)
    if actor.org_id is None:
        raise AssertionError("people belong to an organisation")
    digests = [recovery_digest(user_id, code) for code in codes]
    await factors.replace_recovery_codes(tx, user_id, actor.org_id, digests, context.clock.now())
    await journal.append(tx, actor, f"org:{actor.org_id}", "recovery_codes.drawn", {"count": len(codes)})
    return codes


async def remove_factor(tx: AsyncSession, context: Context, actor: Actor, factor_id: UUID) -> None:
    """The factor opens nothing any more. Raises `NotFound`, or `Conflict` for the last one of who must have one."""
    rules.require_person(actor)
    user_id, now = _user(actor), context.clock.now()
    own = await factors.list_factors(tx, user_id)
    if factor_id not in {factor.factor_id for factor in own}:
        raise NotFound("you have no such factor")
    if len(own) == 1 and must_have_factor(context.settings.second_factor, actor.role):
        raise Conflict("your role needs a second factor; enrol another before you remove the last one")
    await factors.remove_factors(tx, user_id, now, factor_id)
    if len(own) == 1 and actor.org_id is not None:
        await factors.replace_recovery_codes(tx, user_id, actor.org_id, [], now)
    await signins.end_sessions(tx, user_id, now, but=actor.session_id)
    await journal.append(tx, actor, f"org:{actor.org_id}", "factor.removed", {"factor_id": factor_id})


async def _refuse_more(tx: AsyncSession, actor: Actor) -> None:
    rules.require_person(actor)
    if len(await factors.list_factors(tx, _user(actor))) >= FACTOR_COUNT:
        raise Conflict(f"you have {FACTOR_COUNT} factors; remove one first")


def _user(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise AssertionError("factors are people's")
    return actor.user_id
