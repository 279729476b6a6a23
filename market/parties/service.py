"""What organisations and people do: register, prove their address, sign in, make keys, join the staff.

Hashing a password takes tenths of a second. It happens between two transactions, so that none is held meanwhile.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound, RateLimited, Transient, Unauthenticated
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import rules
from market.parties.passwords import SALT_BYTES, STANDARD, Hasher
from market.parties.rules import ApiKey, Invitation, Organisation, Person, Registration, SignedIn
from market.parties.store import codes, keys, people, signins

_RACE_COUNT = 3
_TOUCH_EVERY = timedelta(seconds=60)
_KEY_PREFIX = "mk_"


async def register(context: Context, stated: Registration, *, hasher: Hasher = STANDARD) -> None:
    """Enter a trading organisation with its first person, and have a code mailed to prove the address.

    The answer is the same whether the address is new, known or expected to be a staff member's; only its owner
    learns more, by mail. As long as nobody has proved the address, a later registration replaces an earlier one and
    voids its code, so nobody can keep an address that is not theirs. Raises `Malformed` or `WeakPassword`.
    """
    stated = stated.checked()
    password_hash = await hasher.hash(stated.password, context.chance.entropy(SALT_BYTES))
    for _ in range(_RACE_COUNT):
        async with context.db.begin(SYSTEM) as tx:
            if await _enter_or_replace(tx, context, stated, password_hash):
                return
    raise Transient("this registration crosses with others; try again in a moment")


async def _enter_or_replace(tx: AsyncSession, context: Context, stated: Registration, password_hash: str) -> bool:
    """False if another transaction entered the same address meanwhile; it is there to be seen the next time."""
    now = context.clock.now()
    known = await people.lock_person(tx, stated.email)
    if known is None:
        if await people.is_invited(tx, stated.email, now):
            return True
        known = Person(
            context.chance.new_id(), context.chance.new_id(), stated.email, stated.person_name, password_hash,
            Role.MEMBER, None,
        )  # fmt: skip
        if not await people.add_newcomer(tx, known, stated, now):
            return False
        body = {"org_id": known.org_id, "user_id": known.user_id}
        await journal.append(tx, known.actor, f"org:{known.org_id}", "organisation.registered", body)
    elif known.contact_verified_at is None and known.role is Role.MEMBER:
        await people.replace_registration(tx, known, stated, password_hash)
        await codes.void_code(tx, known.user_id)
        await journal.append(tx, known.actor, f"org:{known.org_id}", "organisation.registered_again", {})
    await _ask_for_code(tx, known)
    return True


async def request_code(context: Context, email: str) -> None:
    """Have a code mailed to a person whose address is not proved yet. Says nothing about who is known."""
    email = rules.checked_email(email)
    async with context.db.begin(SYSTEM) as tx:
        known = await people.find_person(tx, email)
        if known is not None and known.contact_verified_at is None:
            await _ask_for_code(tx, known)


async def _ask_for_code(tx: AsyncSession, person: Person) -> None:
    await journal.append(
        tx, SYSTEM, f"org:{person.org_id}", "person.contact_code_requested", {"user_id": person.user_id}
    )


async def verify_contact(context: Context, email: str, code: str, password: str, *, hasher: Hasher = STANDARD) -> None:
    """Prove an address with the code mailed to it, and with the password that was registered for it.

    The code says who reads the mail, the password whose registration it is: without it, the owner's code would prove
    the registration of a stranger who replaced the owner's. Raises `CodeRefused`, the same for a wrong code, an old
    one, one tried too often, a wrong password and an unknown address.
    """
    email = rules.checked_email(email)
    async with context.db.begin(SYSTEM) as tx:
        kept = await codes.spend_attempt(tx, email, context.clock.now())
        stated = await people.find_person(tx, email)
    is_theirs = await hasher.matches(stated.password_hash if stated else None, rules.plain_password(password))
    right = await hasher.matches(kept, code)
    if is_theirs and right and kept is not None:
        async with context.db.begin(SYSTEM) as tx:
            person = await people.lock_person(tx, email)
            if person is not None and await codes.code_still_is(tx, person.user_id, kept):
                await people.mark_contact_verified(tx, person.user_id, context.clock.now())
                await journal.append(
                    tx, person.actor, f"org:{person.org_id}", "person.contact_verified", {"user_id": person.user_id}
                )
                return
    raise rules.CodeRefused(
        "the code or the password is wrong, or the code is more than 30 minutes old or was tried five times; "
        "POST /v1/contact/codes sends another, and who did not choose this password registers again",
        field="code",
    )


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """An attempt: from which network address, and with which earlier session's token, if any."""

    email: str
    password: str
    address: str
    former_token: str | None = None


async def sign_in(context: Context, attempt: SignIn, *, hasher: Hasher = STANDARD) -> SignedIn:
    """Start a session with a new token; an earlier session of the same browser ends.

    Raises `SignInRefused` (the same for a wrong password and an unknown address, after the same work),
    `ContactUnverified`, or `RateLimited` when this address failed too often for this account.
    """
    email = attempt.email.strip().lower()
    account, address = _digest(email), _digest(attempt.address)
    async with context.db.begin(SYSTEM) as tx:
        await _count_try(tx, account, address, context.clock.now())
        person = await people.find_person(tx, email) if rules.is_email(email) else None
    kept = None if person is None else person.password_hash
    right = await hasher.matches(kept, rules.plain_password(attempt.password))
    if person is None or not right:
        raise rules.SignInRefused("the e-mail address or the password is wrong")
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        await signins.forget_delay(tx, account, address, older_than=now - rules.DELAY_MEMORY)
        if person.contact_verified_at is not None:
            return await _start_session(tx, context, person, attempt.former_token, now)
    raise rules.ContactUnverified(
        "enter the code that was mailed to this address at POST /v1/contact/verification; "
        "POST /v1/contact/codes sends another"
    )


async def _count_try(tx: AsyncSession, account: bytes, address: bytes, now: datetime) -> None:
    """Count the try as failed beforehand, so that parallel guesses wait too; a success forgets it."""
    failure_count, next_at = await signins.lock_delay(tx, account, address, now)
    if next_at + rules.DELAY_MEMORY <= now:
        failure_count = 0
    if now < next_at:
        wait_s = (next_at - now).total_seconds()
        raise RateLimited("too many failed sign-ins from this address; wait a while", retry_after_s=round(wait_s, 1))
    failure_count += 1
    await signins.keep_delay(
        tx, account, address, failure_count=failure_count, next_at=now + rules.delay_after(failure_count)
    )
    await signins.forget_old_delays(tx, now - rules.DELAY_MEMORY)


async def _start_session(
    tx: AsyncSession, context: Context, person: Person, former_token: str | None, now: datetime
) -> SignedIn:
    if former_token is not None:
        await sign_out(tx, former_token, now)
    settings, actor = context.settings, person.actor
    token, session_id = context.chance.token(), context.chance.new_id()
    expires_at = now + timedelta(hours=settings.session_hours)
    await signins.thin_sessions(tx, person.user_id, now, keep_count=rules.LIVE_SESSION_COUNT - 1)
    await signins.add_session(
        tx, session_id, actor, _digest(token),
        now=now, idle_s=settings.session_idle_minutes * 60, expires_at=expires_at,
    )  # fmt: skip
    await journal.append(tx, actor, f"org:{person.org_id}", "session.started", {"session_id": session_id})
    return SignedIn(token, actor, person, expires_at)


async def sign_out(tx: AsyncSession, token: str, now: datetime) -> None:
    """End the session of this token; nothing happens if there is none."""
    found = await signins.find_session(tx, _digest(token), now)
    if found is not None:
        session_id, _, actor = found
        await signins.end_session(tx, session_id, now)
        await journal.append(tx, actor, f"org:{actor.org_id}", "session.ended", {"session_id": session_id})


async def authenticate(tx: AsyncSession, token: str, now: datetime) -> Actor:
    """Who holds this session token or API key (`mk_…`). Raises `Unauthenticated`.

    The transaction must be one of `SYSTEM`: it is not known yet whose it is.
    """
    if token.startswith(_KEY_PREFIX):
        return await _holder_of_key(tx, token, now)
    found = await signins.find_session(tx, _digest(token), now)
    if found is None:
        raise Unauthenticated("the session has ended; sign in again")
    session_id, last_used_at, actor = found
    if now - last_used_at >= _TOUCH_EVERY:
        await signins.touch_session(tx, session_id, now)
    return actor


async def _holder_of_key(tx: AsyncSession, token: str, now: datetime) -> Actor:
    key_id, _, secret = token.removeprefix(_KEY_PREFIX).partition("_")
    if len(key_id) == 32 and set(key_id) <= set("0123456789abcdef"):
        found = await keys.find_key(tx, UUID(hex=key_id), now)
        if found is not None and hmac.compare_digest(found[0], _digest(secret)):
            return found[1]
    raise Unauthenticated("the API key is wrong, expired or revoked")


async def create_key(
    tx: AsyncSession, actor: Actor, *, name: str, scopes: list[str], days: int, now: datetime, chance: Chance
) -> tuple[ApiKey, str]:
    """A new API key of the actor, and its secret form, shown only now.

    Raises `Forbidden` for officers (who decide in person) and for API keys, `Malformed`, `Conflict` past 50 live keys.
    """
    rules.require(actor, role=(Role.MEMBER, Role.OPERATOR))
    rules.require_person(actor)
    if not 1 <= days <= rules.KEY_LIFE_DAYS:
        raise Malformed(f"a key lives 1 to {rules.KEY_LIFE_DAYS} days", field="days")
    org_id = _org(actor)
    if await keys.count_live_keys(tx, org_id, now) >= rules.LIVE_KEY_COUNT:
        raise Conflict(f"there are {rules.LIVE_KEY_COUNT} live keys already; revoke one first")
    secret, key_id = chance.token(), chance.new_id()
    key = ApiKey(
        key_id,
        rules.checked_name(name)[:100],
        tuple(rules.checked_scopes(scopes)),
        now,
        now + timedelta(days=days),
        None,
    )
    await keys.add_key(tx, actor, key, _digest(secret))
    await journal.append(tx, actor, f"org:{org_id}", "api_key.created", {"key_id": key_id, "scopes": list(key.scopes)})
    return key, f"{_KEY_PREFIX}{key_id.hex}_{secret}"


async def list_keys(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[ApiKey]:
    """The organisation's keys, live and dead, without their secrets."""
    rules.require(actor, scope="parties:read")
    return Page.cut(await keys.list_keys(tx, _org(actor), page), page, lambda key: key.key_id)


async def revoke_key(tx: AsyncSession, actor: Actor, key_id: UUID, now: datetime) -> None:
    """End a key at once. Raises `NotFound` if the organisation has no such live key."""
    rules.require(actor, scope="parties:write")
    if not await keys.revoke_key(tx, _org(actor), key_id, now):
        raise NotFound("there is no such key, or it is revoked already")
    await journal.append(tx, actor, f"org:{actor.org_id}", "api_key.revoked", {"key_id": key_id})


async def invite_staff(
    tx: AsyncSession, actor: Actor, email: str, role: Role, *, now: datetime, chance: Chance
) -> Invitation:
    """The right to become an officer or operator within 7 days; only whoever runs the machine gives it.

    Raises `Forbidden`, `Malformed`, or `Conflict` if the address is a person's already.
    """
    rules.require(actor, role=Role.SYSTEM)
    email = rules.checked_email(email)
    if role not in (Role.OFFICER, Role.OPERATOR):
        raise Malformed("staff are officers or operators", field="role")
    if await people.find_person(tx, email) is not None:
        raise Conflict("this address belongs to somebody already; staff need one of their own")
    token, invitation_id, expires_at = chance.token(), chance.new_id(), now + rules.INVITATION_LIFE
    await people.add_invitation(tx, invitation_id, email, role, _digest(token), now=now, expires_at=expires_at)
    await journal.append(
        tx,
        actor,
        f"org:{await people.platform_id(tx)}",
        "staff.invited",
        {"invitation_id": invitation_id, "role": role},
    )
    return Invitation(token, email, role, expires_at)


@dataclass(frozen=True, slots=True, repr=False)
class Joining:
    """An invited person's answer."""

    invitation: str
    email: str
    name: str
    password: str


async def join_staff(context: Context, stated: Joining, *, hasher: Hasher = STANDARD) -> None:
    """Become what the invitation says, and have a code mailed to prove the address.

    Raises `InvitationRefused` (unknown, used, expired, or for another address), `Malformed`, `WeakPassword`.
    """
    email, name = rules.checked_email(stated.email), rules.checked_name(stated.name)
    password = rules.checked_password(stated.password, email)
    password_hash = await hasher.hash(password, context.chance.entropy(SALT_BYTES))
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        found = await people.find_invitation(tx, _digest(stated.invitation), now)
        if found is None or found[2] != email:
            raise _invitation_refused()
        invitation_id, org_id, _, role = found
        person = Person(context.chance.new_id(), org_id, email, name, password_hash, role, None)
        if not await people.add_person(tx, person, invitation_id=invitation_id, now=now):
            raise _invitation_refused()
        await journal.append(
            tx, person.actor, f"org:{org_id}", "staff.joined", {"user_id": person.user_id, "role": role}
        )
        await _ask_for_code(tx, person)


def _invitation_refused() -> rules.InvitationRefused:
    return rules.InvitationRefused(
        "the invitation is unknown, used, expired, or for another address; ask for a new one"
    )


async def find_organisation(tx: AsyncSession, org_id: UUID) -> Organisation | None:
    """An organisation that this transaction's actor may see: the own one, or any for the platform's roles."""
    return await people.find_organisation(tx, org_id)


async def display_names(tx: AsyncSession, org_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Names of organisations, the own and others', by id; unknown ids are left out."""
    return await people.names(tx, org_ids)


async def emails_of(tx: AsyncSession, org_id: UUID) -> list[str]:
    """Verified addresses of an organisation's people."""
    return await people.emails_of(tx, org_id)


async def read_person(tx: AsyncSession, actor: Actor) -> Person:
    """The person behind the actor, who is signed in."""
    if actor.user_id is None:
        raise AssertionError("only people are asked for")
    return await people.read_person(tx, actor.user_id)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _org(actor: Actor) -> UUID:
    if actor.org_id is None:
        raise AssertionError("an actor who came through a door has an organisation")
    return actor.org_id
