"""Proving to be there: what completes a sign-in, and what the market asks for again before it does something grave."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import Malformed
from market.parties import passkeys, rules
from market.parties.factors import CHALLENGE_LIFE, FactorKind, ProofKind, matching_step, recovery_digest
from market.parties.passkeys import CHALLENGE_BYTES, Site
from market.parties.passwords import STANDARD, Hasher
from market.parties.rules import WITH_ONE, ProofRefused, SignedIn
from market.parties.service.signing_in import Bucket, count_try, forget_try, know_device, renew_session
from market.parties.service.tokens import digest
from market.parties.store import factors, people

_PROOFS = digest("proofs")


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """One of: a password, a code of an app, a recovery code (`text`), or a passkey's answer (`credential`)."""

    kind: ProofKind
    text: str = ""
    credential: dict[str, Any] | None = None
    device_token: str | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """How a person may prove to be there, and what a passkey is asked (None: the person has none)."""

    kinds: tuple[ProofKind, ...]
    passkey: dict[str, Any] | None


def patience_with(user_id: UUID) -> list[Bucket]:
    """The count of a person's failed proofs: only who knows the password comes this far, so nobody else adds to it."""
    return [Bucket(digest(str(user_id)), _PROOFS, WITH_ONE)]


async def ways_to_prove(tx: AsyncSession, context: Context, actor: Actor) -> Ways:
    """What `prove` takes from this person now; starts a passkey's ceremony if there is a passkey.

    A password proves nothing beside a second factor. Raises `Forbidden` for API keys.
    """
    user_id, org_id, session_id = _session(actor)
    kinds = await factors.kinds_of(tx, user_id)
    if not kinds:
        return Ways((ProofKind.PASSWORD,), None)
    known = await factors.credential_ids(tx, user_id)
    ways = [ProofKind.TOTP] if FactorKind.TOTP in kinds else []
    ways += [ProofKind.PASSKEY] if known else []
    ways += [ProofKind.RECOVERY] if await factors.count_recovery_codes(tx, user_id) else []
    options = None
    if known:
        challenge = context.chance.entropy(CHALLENGE_BYTES)
        expires_at = context.clock.now() + CHALLENGE_LIFE
        await factors.keep_challenge(tx, session_id, "prove", org_id, challenge=challenge, expires_at=expires_at)
        options = passkeys.request_options(Site.of(context.settings.public_url), challenge, known)
    return Ways(tuple(ways), options)


async def prove(context: Context, actor: Actor, proof: Proof, *, hasher: Hasher = STANDARD) -> SignedIn:
    """Complete the actor's session, or make its proof fresh; the session goes on under another token.

    Raises `ProofRefused` (wrong, used before, or of a kind that this person does not prove with), `RateLimited` after
    some failures, `Forbidden` for API keys.
    """
    user_id, _, _ = _session(actor)
    buckets, now = patience_with(user_id), context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        await count_try(tx, buckets, now)
        has_factor = bool(await factors.list_factors(tx, user_id))
        person = await people.read_person(tx, user_id)
    if proof.kind is ProofKind.PASSWORD:
        right = await hasher.matches(person.password_hash, rules.plain_password(proof.text)) and not has_factor
    else:
        async with context.db.begin(SYSTEM) as tx:  # commits a refusal too: a used challenge, a cloned passkey
            right = await _holds(tx, context, actor, proof)
    if not right:
        raise ProofRefused(_REFUSED[proof.kind])
    async with context.db.begin(SYSTEM) as tx:
        await forget_try(tx, buckets, now)
        renewed = await renew_session(tx, context, actor, proved_by=proof.kind, now=now)
        body = {"session_id": actor.session_id, "proved_by": proof.kind}
        await journal.append(tx, actor, f"org:{actor.org_id}", "session.proved", body)
        device_token = await know_device(tx, context, actor, proof.device_token, now)
        return replace(renewed, device_token=device_token)


_REFUSED = {
    ProofKind.PASSWORD: "the password is wrong, or you have a second factor: prove that",
    ProofKind.TOTP: "the code is wrong, too old, or was used before; wait for the app's next code",
    ProofKind.PASSKEY: "the passkey's answer does not hold for this site and this ceremony; start it again",
    ProofKind.RECOVERY: "there is no such recovery code, or it was used before",
}


async def _holds(tx: AsyncSession, context: Context, actor: Actor, proof: Proof) -> bool:
    user_id, _, _ = _session(actor)
    now = context.clock.now()
    match proof.kind:
        case ProofKind.TOTP:
            return await use_code(tx, context, user_id, proof.text, confirmed=True) is not None
        case ProofKind.RECOVERY:
            return await factors.use_recovery_code(tx, user_id, recovery_digest(user_id, proof.text), now)
        case ProofKind.PASSKEY:
            if proof.credential is None:
                raise Malformed("send what the browser's authenticator answered", field="credential")
            return await _passkey_holds(tx, context, actor, proof.credential)
        case ProofKind.PASSWORD:
            raise AssertionError("a password is checked outside a transaction")


async def use_code(
    tx: AsyncSession, context: Context, user_id: UUID, code: str, *, confirmed: bool, factor_id: UUID | None = None
) -> UUID | None:
    """The app whose code this is, the code being used up with that; None if it is no app's.

    Of the confirmed apps, or of the one app that waits for its confirmation.
    """
    now = context.clock.now()
    for app in await factors.lock_totps(tx, user_id):
        if (app.confirmed_at is not None) is not confirmed or factor_id not in (None, app.factor_id):
            continue
        secret = context.vault.unwrap(app.sealed_secret, seal(app.factor_id))
        step = matching_step(secret, "".join(code.split()), now, after_step=app.last_step)
        if step is not None:
            await factors.use_totp(tx, app.factor_id, step, now)
            return app.factor_id
    return None


def seal(factor_id: UUID) -> str:
    """The vault's context of an app's secret."""
    return f"totp/{factor_id}"


async def _passkey_holds(tx: AsyncSession, context: Context, actor: Actor, credential: dict[str, Any]) -> bool:
    """Whether the answer is one of this person's passkeys to this session's ceremony, which ends with it."""
    user_id, org_id, session_id = _session(actor)
    now, site = context.clock.now(), Site.of(context.settings.public_url)
    challenge = await factors.take_challenge(tx, session_id, "prove", now)
    if challenge is None:
        return False
    try:
        kept = await factors.lock_passkey(tx, user_id, passkeys.credential_id_of(credential))
        if kept is None:
            return False
        factor_id, public_key, kept_count = kept
        count = passkeys.signed_count(site, challenge, credential, public_key)
    except ProofRefused:
        return False
    if passkeys.is_clone(kept_count, count):
        await factors.mark_cloned(tx, factor_id, now)
        await journal.append(tx, actor, f"org:{org_id}", "passkey.cloned", {"factor_id": factor_id})
        return False
    await factors.use_passkey(tx, factor_id, count, now)
    return True


def _session(actor: Actor) -> tuple[UUID, UUID, UUID]:
    """(user, organisation, session). Raises `Forbidden` for API keys."""
    rules.require_person(actor)
    if actor.user_id is None or actor.org_id is None or actor.session_id is None:
        raise AssertionError("who proves to be there came in with a session")
    return actor.user_id, actor.org_id, actor.session_id
