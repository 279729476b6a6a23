"""Sessions, known devices, and the delays after failed sign-ins."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import KnownDeviceRow, PersonRow, SigninDelayRow, StaffDisablingRow, UserSessionRow
from market.kit.actor import Actor, Role
from market.kit.pages import PageRequest
from market.parties.rules import KNOWN_DEVICE_COUNT, Session


@dataclass(frozen=True, slots=True)
class Found:
    """A session that counts: who, last used when, and what it `lacks` to be a complete sign-in."""

    actor: Actor
    session_id: UUID
    last_used_at: datetime
    expires_at: datetime
    lacks: str | None


async def lock_delay(tx: AsyncSession, account: bytes, address: bytes, now: datetime) -> tuple[int, datetime]:
    """(failures so far, next try counts from). Locks the row, made if need be: tries of one pair take turns."""
    key = {"account_sha256": account, "address_sha256": address}
    made = await tx.execute(
        insert(SigninDelayRow)
        .values(**key, failure_count=1, next_at=now)
        .on_conflict_do_nothing()
        .returning(SigninDelayRow.next_at)
    )
    if made.first() is not None:
        return 0, now
    row = (await tx.scalars(select(SigninDelayRow).filter_by(**key).with_for_update())).one_or_none()
    return (0, now) if row is None else (row.failure_count, row.next_at)


async def keep_delay(
    tx: AsyncSession, account: bytes, address: bytes, *, failure_count: int, next_at: datetime
) -> None:
    values = {"failure_count": failure_count, "next_at": next_at}
    key = {"account_sha256": account, "address_sha256": address}
    await tx.execute(
        insert(SigninDelayRow).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values)
    )


async def forget_delay(tx: AsyncSession, account: bytes, address: bytes) -> None:
    """Forget all failures of this pair."""
    await tx.execute(
        delete(SigninDelayRow).where(SigninDelayRow.account_sha256 == account, SigninDelayRow.address_sha256 == address)
    )


async def forget_old_delays(tx: AsyncSession, older_than: datetime) -> None:
    old = select(SigninDelayRow.account_sha256, SigninDelayRow.address_sha256).where(
        SigninDelayRow.next_at < older_than
    )
    keys = (await tx.execute(old.limit(20).with_for_update(skip_locked=True))).all()
    for account, address in keys:
        await tx.execute(
            delete(SigninDelayRow).where(
                SigninDelayRow.account_sha256 == account, SigninDelayRow.address_sha256 == address
            )
        )


async def add_session(
    tx: AsyncSession,
    session: Session,
    actor: Actor,
    digest: bytes,
    *,
    idle_s: int,
    lacks: str | None,
) -> None:
    await tx.execute(
        insert(UserSessionRow).values(
            session_id=session.session_id,
            user_id=actor.user_id,
            org_id=actor.org_id,
            token_sha256=digest,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            idle_s=idle_s,
            expires_at=session.expires_at,
            proved_at=session.proved_at,
            proved_by=session.proved_by,
            lacks=lacks,
            agent=session.agent,
        )
    )


async def thin_sessions(tx: AsyncSession, user_id: UUID, now: datetime, *, keep_count: int) -> None:
    """Delete a person's sessions that are over, and the oldest beyond `keep_count`."""
    kept = (
        select(UserSessionRow.session_id)
        .where(UserSessionRow.user_id == user_id, UserSessionRow.ended_at.is_(None), UserSessionRow.expires_at > now)
        .order_by(UserSessionRow.session_id.desc())
        .limit(keep_count)
    )
    await tx.execute(
        delete(UserSessionRow).where(UserSessionRow.user_id == user_id, UserSessionRow.session_id.not_in(kept))
    )


async def find_session(tx: AsyncSession, digest: bytes, now: datetime) -> Found | None:
    """A session that is neither ended, too old nor left unused, of a person whose access is not disabled."""
    found = await tx.execute(_sessions().where(UserSessionRow.token_sha256 == digest, *_alive(now)))
    return _found(found.first(), now)


async def find_session_by_id(tx: AsyncSession, session_id: UUID, now: datetime) -> Found | None:
    """The same, for who was let in with it before."""
    found = await tx.execute(_sessions().where(UserSessionRow.session_id == session_id, *_alive(now)))
    return _found(found.first(), now)


def _sessions() -> Select[*tuple[Any, ...]]:
    return (
        select(
            UserSessionRow.session_id,
            UserSessionRow.last_used_at,
            UserSessionRow.idle_s,
            UserSessionRow.expires_at,
            UserSessionRow.proved_at,
            UserSessionRow.lacks,
            PersonRow.role,
            PersonRow.user_id,
            PersonRow.org_id,
        )
        .join(PersonRow, PersonRow.user_id == UserSessionRow.user_id)
        .outerjoin(StaffDisablingRow, StaffDisablingRow.user_id == UserSessionRow.user_id)
    )


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        UserSessionRow.ended_at.is_(None),
        UserSessionRow.expires_at > now,
        StaffDisablingRow.user_id.is_(None),
    )


def _found(row: Row[Any] | None, now: datetime) -> Found | None:
    if row is None or row.last_used_at + timedelta(seconds=row.idle_s) <= now:
        return None
    actor = Actor(Role(row.role), row.user_id, row.org_id, session_id=row.session_id, proved_at=row.proved_at)
    return Found(actor, row.session_id, row.last_used_at, row.expires_at, row.lacks)


async def touch_session(tx: AsyncSession, session_id: UUID, now: datetime) -> None:
    await tx.execute(update(UserSessionRow).where(UserSessionRow.session_id == session_id).values(last_used_at=now))


async def renew_session(
    tx: AsyncSession, session_id: UUID, digest: bytes, *, proved_by: str, now: datetime
) -> datetime:
    """Another token, a fresh proof, and nothing lacks any more; when the session ends at the latest."""
    renewed = await tx.execute(
        update(UserSessionRow)
        .where(UserSessionRow.session_id == session_id)
        .values(token_sha256=digest, proved_at=now, proved_by=proved_by, lacks=None, last_used_at=now)
        .returning(UserSessionRow.expires_at)
    )
    expires_at: datetime = renewed.scalar_one()
    return expires_at


async def proved_by(tx: AsyncSession, session_id: UUID) -> str:
    """How the session was proved last."""
    query = select(UserSessionRow.proved_by).where(UserSessionRow.session_id == session_id)
    return (await tx.scalars(query)).one()


async def list_sessions(tx: AsyncSession, user_id: UUID, page: PageRequest, now: datetime) -> list[Session]:
    """The person's sessions that count, up to one more than asked for, in order of creation."""
    query = (
        select(UserSessionRow)
        .where(
            UserSessionRow.user_id == user_id,
            UserSessionRow.ended_at.is_(None),
            UserSessionRow.expires_at > now,
            UserSessionRow.last_used_at + UserSessionRow.idle_s * text("interval '1 second'") > now,
        )
        .order_by(UserSessionRow.session_id)
        .limit(page.limit + 1)
    )
    if page.after is not None:
        query = query.where(UserSessionRow.session_id > page.after)
    return [
        Session(
            row.session_id, row.created_at, row.last_used_at, row.expires_at, row.proved_at, row.proved_by, row.agent
        )
        for row in await tx.scalars(query)
    ]


async def end_session(tx: AsyncSession, session_id: UUID, now: datetime) -> None:
    await tx.execute(update(UserSessionRow).where(UserSessionRow.session_id == session_id).values(ended_at=now))


async def end_sessions(
    tx: AsyncSession, user_id: UUID, now: datetime, *, only: UUID | None = None, but: UUID | None = None
) -> int:
    """End the person's live sessions: all of them, `only` one, or all `but` one. How many that were."""
    ending = update(UserSessionRow).where(UserSessionRow.user_id == user_id, UserSessionRow.ended_at.is_(None))
    if only is not None:
        ending = ending.where(UserSessionRow.session_id == only)
    if but is not None:
        ending = ending.where(UserSessionRow.session_id != but)
    return len((await tx.execute(ending.values(ended_at=now).returning(UserSessionRow.session_id))).all())


async def is_known_device(tx: AsyncSession, digest: bytes, user_id: UUID, *, used_after: datetime) -> bool:
    found = await tx.scalar(
        select(KnownDeviceRow.device_sha256).where(
            KnownDeviceRow.device_sha256 == digest,
            KnownDeviceRow.user_id == user_id,
            KnownDeviceRow.last_used_at > used_after,
        )
    )
    return found is not None


async def keep_device(tx: AsyncSession, digest: bytes, actor: Actor, now: datetime) -> None:
    """Know a browser from now on; of very many the longest unused is forgotten."""
    kept = (
        select(KnownDeviceRow.device_sha256)
        .where(KnownDeviceRow.user_id == actor.user_id)
        .order_by(KnownDeviceRow.last_used_at.desc())
        .limit(KNOWN_DEVICE_COUNT - 1)
    )
    await tx.execute(
        delete(KnownDeviceRow).where(KnownDeviceRow.user_id == actor.user_id, KnownDeviceRow.device_sha256.not_in(kept))
    )
    await tx.execute(
        insert(KnownDeviceRow).values(
            device_sha256=digest, user_id=actor.user_id, org_id=actor.org_id, created_at=now, last_used_at=now
        )
    )


async def touch_device(tx: AsyncSession, digest: bytes, now: datetime) -> None:
    await tx.execute(update(KnownDeviceRow).where(KnownDeviceRow.device_sha256 == digest).values(last_used_at=now))


async def forget_devices(tx: AsyncSession, user_id: UUID) -> None:
    await tx.execute(delete(KnownDeviceRow).where(KnownDeviceRow.user_id == user_id))
