"""Another password: by who knows the old one, or by who reads the mail of the address."""

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor
from market.parties import rules
from market.parties.passwords import SALT_BYTES, STANDARD, Hasher
from market.parties.rules import Person, SignedIn
from market.parties.service.proving import patience_with
from market.parties.service.signing_in import count_try, forget_try, know_device, renew_session
from market.parties.store import codes, people, signins


async def change_password(context: Context, actor: Actor, old: str, new: str, *, hasher: Hasher = STANDARD) -> SignedIn:
    """Change the own password; every other session ends, this one goes on under another token.

    Raises `ProofRefused` for a wrong old one, `WeakPassword`, `RateLimited`, `Forbidden` for API keys.
    """
    rules.require_person(actor)
    if actor.user_id is None:
        raise AssertionError("passwords are people's")
    buckets, now = patience_with(actor.user_id), context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        person = await people.read_person(tx, actor.user_id)
        text = rules.checked_password(new, person.email, field="new_password")
        await count_try(tx, buckets, now)
    if not await hasher.matches(person.password_hash, rules.plain_password(old)):
        raise rules.ProofRefused("the old password is wrong", field="old_password")
    password_hash = await hasher.hash(text, context.chance.entropy(SALT_BYTES))
    async with context.db.begin(SYSTEM) as tx:
        await forget_try(tx, buckets, now)
        await people.change_password(tx, person.user_id, password_hash)
        count = await signins.end_sessions(tx, person.user_id, now, but=actor.session_id)
        await _note(tx, person, "person.password_changed", {"session_count": count})
        if actor.session_id is None:
            raise AssertionError("who changes a password came in with a session")
        proved_by = await signins.proved_by(tx, actor.session_id)
        return await renew_session(tx, context, actor, proved_by=proved_by, now=now)


async def request_password_code(context: Context, email: str) -> None:
    """Have a code mailed with which a new password may be chosen. Says nothing about who is known."""
    email = rules.checked_email(email)
    async with context.db.begin(SYSTEM) as tx:
        person = await people.find_person(tx, email)
        if person is None or person.contact_verified_at is None or await people.is_disabled(tx, person.user_id):
            return
        await journal.append(
            tx, SYSTEM, f"org:{person.org_id}", "person.password_code_requested", {"user_id": person.user_id}
        )


async def reset_password(context: Context, email: str, code: str, new: str, *, hasher: Hasher = STANDARD) -> str | None:
    """Choose a new password with the mailed code: all sessions end, all browsers but this one are forgotten.

    A second factor stays, and is asked for at the next sign-in. The token of this browser, which is known from now on.
    Raises `CodeRefused`, the same for a wrong code, an old one, one tried too often and an unknown address;
    `WeakPassword`, `Malformed`.
    """
    email = rules.checked_email(email)
    text = rules.checked_password(new, email, field="new_password")
    async with context.db.begin(SYSTEM) as tx:
        kept = await codes.spend_attempt(tx, email, context.clock.now())
    right = await hasher.matches(kept, code)
    password_hash = await hasher.hash(text, context.chance.entropy(SALT_BYTES))
    if right and kept is not None:
        now = context.clock.now()
        async with context.db.begin(SYSTEM) as tx:
            person = await people.lock_person(tx, email)
            if (
                person is not None
                and person.contact_verified_at is not None
                and not await people.is_disabled(tx, person.user_id)
                and await codes.code_still_is(tx, person.user_id, kept)
            ):
                await people.change_password(tx, person.user_id, password_hash)
                await codes.drop_code(tx, person.user_id)
                count = await signins.end_sessions(tx, person.user_id, now)
                await signins.forget_devices(tx, person.user_id)
                await _note(tx, person, "person.password_reset", {"session_count": count})
                return await know_device(tx, context, person.actor, None, now)
    raise rules.CodeRefused(
        "the code is wrong, more than 30 minutes old, or was tried five times; POST /v1/password/codes sends another",
        field="code",
    )


async def _note(tx: AsyncSession, person: Person, kind: str, body: dict[str, object]) -> None:
    await journal.append(tx, person.actor, f"org:{person.org_id}", kind, {"user_id": person.user_id, **body})
