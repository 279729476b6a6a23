"""Sessions: started with a password, complete with a second factor, ended by their owner, by time or by a change."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import NotFound, RateLimited, Unauthenticated
from market.kit.pages import Page, PageRequest
from market.parties import rules
from market.parties.factors import must_have_factor
from market.parties.passwords import STANDARD, Hasher
from market.parties.rules import WITH_ADDRESS, WITH_ALL, WITH_ONE, Patience, Person, Session, SignedIn
from market.parties.service.keys import PREFIX, holder_of_key, key_holds
from market.parties.service.tokens import digest
from market.parties.store import factors, people, signins

_TOUCH_EVERY = timedelta(seconds=60)
_AGENT_CHARACTERS = 200
_ANYWHERE = digest("anywhere")
_ANYBODY = digest("anybody")


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """An attempt: from which network address, with which browser, and with which earlier session's token, if any."""

    email: str
    password: str
    address: str
    former_token: str | None = None
    device_token: str | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Failures that are counted together, and how patient we are with them."""

    account: bytes
    address: bytes
    patience: Patience


async def sign_in(context: Context, attempt: SignIn, *, hasher: Hasher = STANDARD) -> SignedIn:
    """Start a session with a new token; an earlier session of the same browser ends.

    What it `lacks` has to be done first: who has a second factor proves it, who must have one enrols it. Raises
    `SignInRefused` (the same for a wrong password, an unknown address and a disabled access, after the same work),
    `ContactUnverified`, or `RateLimited` after too many failures (see `_buckets`).
    """
    email, now = attempt.email.strip().lower(), context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        person = await people.find_person(tx, email) if rules.is_email(email) else None
        buckets = await _buckets(tx, attempt, email, person, now)
        await count_try(tx, buckets, now)
        is_out = person is not None and await people.is_disabled(tx, person.user_id)
    kept = None if person is None else person.password_hash
    right = await hasher.matches(kept, rules.plain_password(attempt.password))
    if person is None or not right or is_out:
        raise rules.SignInRefused("the e-mail address or the password is wrong")
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        await forget_try(tx, buckets, now)
        if person.contact_verified_at is not None:
            return await _start_session(tx, context, person, attempt, now)
    raise rules.ContactUnverified(
        "enter the code that was mailed to this address at POST /v1/contact/verification; "
        "POST /v1/contact/codes sends another"
    )


async def _buckets(tx: AsyncSession, attempt: SignIn, email: str, person: Person | None, now: datetime) -> list[Bucket]:
    """Where a failure counts: a known browser has a count of its own, so nobody else's failures hold it up.

    An unknown one counts with its address at this account, with all unknown ones at this account, and with its address
    at all accounts.
    """
    account, address = digest(email), digest(attempt.address)
    if attempt.device_token and person is not None:
        device = digest(attempt.device_token)
        if await signins.is_known_device(tx, device, person.user_id, used_after=now - rules.DEVICE_LIFE):
            return [Bucket(account, device, WITH_ONE)]
    return [
        Bucket(account, address, WITH_ONE),
        Bucket(account, _ANYWHERE, WITH_ALL),
        Bucket(_ANYBODY, address, WITH_ADDRESS),
    ]


async def count_try(tx: AsyncSession, buckets: list[Bucket], now: datetime) -> None:
    """Count the try as failed beforehand, so that parallel guesses wait too; `forget_try` takes that back.

    Raises `RateLimited`. Locks the counts in order of their keys.
    """
    for bucket in sorted(buckets, key=lambda each: (each.account, each.address)):
        failure_count, next_at = await signins.lock_delay(tx, bucket.account, bucket.address, now)
        if next_at + rules.DELAY_MEMORY <= now:
            failure_count = 0
        if now < next_at and bucket.patience.delay_after(failure_count):  # without a delay, others are just as quick
            wait_s = (next_at - now).total_seconds()
            raise RateLimited("too many failed attempts; wait a while", retry_after_s=round(wait_s, 1))
        failure_count += 1
        await signins.keep_delay(
            tx,
            bucket.account,
            bucket.address,
            failure_count=failure_count,
            next_at=now + bucket.patience.delay_after(failure_count),
        )
    await signins.forget_old_delays(tx, now - rules.DELAY_MEMORY)


async def forget_try(tx: AsyncSession, buckets: list[Bucket], now: datetime) -> None:
    """The try was right: failures with one guesser are forgotten, from the shared counts only this one is taken."""
    for bucket in sorted(buckets, key=lambda each: (each.account, each.address)):
        failure_count, _ = await signins.lock_delay(tx, bucket.account, bucket.address, now)
        if bucket.patience is WITH_ONE or failure_count <= 1:
            await signins.forget_delay(tx, bucket.account, bucket.address)
        else:
            await signins.keep_delay(tx, bucket.account, bucket.address, failure_count=failure_count - 1, next_at=now)


async def _start_session(
    tx: AsyncSession, context: Context, person: Person, attempt: SignIn, now: datetime
) -> SignedIn:
    if attempt.former_token is not None:
        await sign_out(tx, attempt.former_token, now)
    settings, token, session_id = context.settings, context.chance.token(), context.chance.new_id()
    lacks = None
    if await factors.list_factors(tx, person.user_id):
        lacks = "proof"
    elif must_have_factor(settings.second_factor, person.role):
        lacks = "enrolment"
    expires_at = now + timedelta(hours=settings.session_hours)
    session = Session(session_id, now, now, expires_at, now, "password", attempt.agent[:_AGENT_CHARACTERS])
    await signins.thin_sessions(tx, person.user_id, now, keep_count=rules.LIVE_SESSION_COUNT - 1)
    await signins.add_session(
        tx, session, person.actor, digest(token), idle_s=settings.session_idle_minutes * 60, lacks=lacks
    )
    body = {"session_id": session_id, "lacks": lacks or "nothing"}
    await journal.append(tx, person.actor, f"org:{person.org_id}", "session.started", body)
    device_token = None if lacks else await know_device(tx, context, person.actor, attempt.device_token, now)
    return SignedIn(token, person.actor, person, expires_at, lacks, device_token, now)


async def know_device(
    tx: AsyncSession, context: Context, actor: Actor, device_token: str | None, now: datetime
) -> str | None:
    """Know this browser from a complete sign-in on; the token that it keeps, None if it has one already."""
    if actor.user_id is None:
        raise AssertionError("only people sign in")
    if device_token is not None:
        kept = digest(device_token)
        if await signins.is_known_device(tx, kept, actor.user_id, used_after=now - rules.DEVICE_LIFE):
            await signins.touch_device(tx, kept, now)
            return None
    token = context.chance.token()
    await signins.keep_device(tx, digest(token), actor, now)
    return token


async def renew_session(tx: AsyncSession, context: Context, actor: Actor, *, proved_by: str, now: datetime) -> SignedIn:
    """The actor's session with another token and a fresh proof; the former token is worth nothing any more."""
    if actor.session_id is None or actor.user_id is None:
        raise AssertionError("only a session is renewed")
    token = context.chance.token()
    expires_at = await signins.renew_session(tx, actor.session_id, digest(token), proved_by=proved_by, now=now)
    person = await people.read_person(tx, actor.user_id)
    return SignedIn(token, actor, person, expires_at, proved_at=now)


async def sign_out(tx: AsyncSession, token: str, now: datetime) -> None:
    """End the session of this token; nothing happens if there is none."""
    found = await signins.find_session(tx, digest(token), now)
    if found is not None:
        await signins.end_session(tx, found.session_id, now)
        body = {"session_id": found.session_id}
        await journal.append(tx, found.actor, f"org:{found.actor.org_id}", "session.ended", body)


async def list_sessions(tx: AsyncSession, actor: Actor, page: PageRequest, now: datetime) -> Page[Session]:
    """The person's own sessions that count, oldest first. Raises `Forbidden` for API keys."""
    rules.require_person(actor)
    if actor.user_id is None:
        raise AssertionError("only people have sessions")
    found = await signins.list_sessions(tx, actor.user_id, page, now)
    return Page.cut(found, page, lambda session: session.session_id)


async def end_own_session(tx: AsyncSession, actor: Actor, session_id: UUID, now: datetime) -> None:
    """End one of the person's own sessions. Raises `NotFound`, `Forbidden` for API keys."""
    rules.require_person(actor)
    if actor.user_id is None or not await signins.end_sessions(tx, actor.user_id, now, only=session_id):
        raise NotFound("you have no such session, or it has ended")
    await journal.append(tx, actor, f"org:{actor.org_id}", "session.ended", {"session_id": session_id})


async def authenticate(
    tx: AsyncSession, token: str, now: datetime, *, address: str = "", despite: tuple[str, ...] = ()
) -> Actor:
    """Who holds this session token or API key (`mk_…`), coming from the network `address`.

    Raises `Unauthenticated`; `SecondFactorRequired` for a session that lacks something that is not in `despite`. The
    transaction must be one of `SYSTEM`: it is not known yet whose it is.
    """
    if token.startswith(PREFIX):
        return await holder_of_key(tx, token, now, address)
    found = await signins.find_session(tx, digest(token), now)
    if found is None:
        raise Unauthenticated("the session has ended; sign in again")
    if found.lacks is not None and found.lacks not in despite:
        raise rules.SecondFactorRequired(_LACKING[found.lacks])
    if now - found.last_used_at >= _TOUCH_EVERY:
        await signins.touch_session(tx, found.session_id, now)
    return found.actor


async def still_holds(tx: AsyncSession, actor: Actor, now: datetime) -> bool:
    """Whether the session or key that the actor came in with still counts; its token may have changed meanwhile."""
    if actor.key_id is not None:
        return await key_holds(tx, actor.key_id, now)
    if actor.session_id is None:
        return False
    found = await signins.find_session_by_id(tx, actor.session_id, now)
    if found is not None and now - found.last_used_at >= _TOUCH_EVERY:
        await signins.touch_session(tx, found.session_id, now)
    return found is not None


async def lacks(tx: AsyncSession, actor: Actor, now: datetime) -> tuple[datetime | None, str | None]:
    """(when the session ends at the latest, what it lacks to be complete); (None, None) for an API key."""
    found = await signins.find_session_by_id(tx, actor.session_id, now) if actor.session_id else None
    return (None, None) if found is None else (found.expires_at, found.lacks)


_LACKING = {
    "proof": "the password was right; prove your second factor at POST /v1/session/proof",
    "enrolment": "the password was right, but your role needs a second factor: enrol one at POST /v1/factors/totp, "
    "or a passkey at POST /v1/factors/passkeys/options",
}
