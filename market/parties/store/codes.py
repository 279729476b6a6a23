"""Contact codes: wanted, mailed, guessed at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import ContactCodeRow, PersonRow
from market.parties.rules import CODE_ATTEMPT_COUNT, CODE_PAUSE, Person
from market.parties.store.people import read_person


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail to send: to whom, for which revision of the registration, which try this is (from 1), and what for."""

    person: Person
    revision: int
    attempt: int
    purpose: str


async def want_code(tx: AsyncSession, user_id: UUID, now: datetime, *, purpose: str) -> None:
    """Have the worker mail a code: now, or when the pause since the last mail is over.

    A new password that was asked for is not forgotten because somebody registers the address again meanwhile.
    """
    person = await tx.scalar(select(PersonRow).where(PersonRow.user_id == user_id))
    if person is None:
        return
    wanted = insert(ContactCodeRow).values(
        user_id=user_id, org_id=person.org_id, revision=0, attempt_count=0, send_due_at=now, send_attempt_count=0,
        purpose=purpose,
    )  # fmt: skip
    at_once_or_later = func.greatest(ContactCodeRow.last_sent_at + CODE_PAUSE, wanted.excluded.send_due_at)
    await tx.execute(
        wanted.on_conflict_do_update(
            index_elements=[ContactCodeRow.user_id],
            set_={
                "send_due_at": func.least(ContactCodeRow.send_due_at, at_once_or_later),
                "purpose": case((ContactCodeRow.purpose == "password", ContactCodeRow.purpose), else_=purpose),
            },
        )
    )


async def void_code(tx: AsyncSession, user_id: UUID) -> None:
    """The code that was mailed, or is being mailed, proves nothing any more."""
    await tx.execute(
        update(ContactCodeRow)
        .where(ContactCodeRow.user_id == user_id)
        .values(revision=ContactCodeRow.revision + 1, code_hash=None, expires_at=None)
    )


async def claim_code(tx: AsyncSession, now: datetime, *, lease: timedelta) -> Claim | None:
    """A mail that is due; nobody else gets it for `lease` times the try.

    Locks the row, passing over those that others hold.
    """
    row = await tx.scalar(
        select(ContactCodeRow)
        .where(ContactCodeRow.send_due_at <= now)
        .order_by(ContactCodeRow.send_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    claim = Claim(await read_person(tx, row.user_id), row.revision, row.send_attempt_count + 1, row.purpose)
    await tx.execute(
        update(ContactCodeRow)
        .where(ContactCodeRow.user_id == row.user_id)
        .values(send_attempt_count=claim.attempt, last_sent_at=now, send_due_at=now + lease * claim.attempt)
    )
    return claim


async def keep_code(tx: AsyncSession, claim: Claim, code_hash: str, expires_at: datetime) -> bool:
    """False if the registration was replaced meanwhile: then this code must not be mailed."""
    kept = await tx.execute(
        update(ContactCodeRow)
        .where(ContactCodeRow.user_id == claim.person.user_id, ContactCodeRow.revision == claim.revision)
        .values(code_hash=code_hash, expires_at=expires_at, attempt_count=0)
        .returning(ContactCodeRow.user_id)
    )
    return kept.first() is not None


async def mark_sent(tx: AsyncSession, claim: Claim) -> None:
    """Nothing more to send, unless the registration was replaced meanwhile."""
    await tx.execute(
        update(ContactCodeRow)
        .where(ContactCodeRow.user_id == claim.person.user_id, ContactCodeRow.revision == claim.revision)
        .values(send_due_at=None, send_attempt_count=0, purpose="contact")
    )


async def spend_attempt(tx: AsyncSession, email: str, now: datetime) -> str | None:
    """The hash to compare a guess with, one attempt being spent on it; None if there is nothing left to guess."""
    owner = select(PersonRow.user_id).where(PersonRow.email == email).scalar_subquery()
    spent = await tx.execute(
        update(ContactCodeRow)
        .where(
            ContactCodeRow.user_id == owner,
            ContactCodeRow.expires_at > now,
            ContactCodeRow.attempt_count < CODE_ATTEMPT_COUNT,
        )
        .values(attempt_count=ContactCodeRow.attempt_count + 1)
        .returning(ContactCodeRow.code_hash)
    )
    return spent.scalar_one_or_none()


async def code_still_is(tx: AsyncSession, user_id: UUID, code_hash: str) -> bool:
    """Locks the code's row: no newer code can take its place in this transaction."""
    found = await tx.scalar(select(ContactCodeRow.code_hash).where(ContactCodeRow.user_id == user_id).with_for_update())
    return found == code_hash


async def drop_code(tx: AsyncSession, user_id: UUID) -> None:
    """The code was used; nothing of it is kept."""
    await tx.execute(delete(ContactCodeRow).where(ContactCodeRow.user_id == user_id))
