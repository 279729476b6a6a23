"""Sessions, and the delays after failed sign-ins."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import PersonRow, SigninDelayRow, UserSessionRow
from market.kit.actor import Actor, Role


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


async def forget_delay(tx: AsyncSession, account: bytes, address: bytes, *, older_than: datetime) -> None:
    """Forget this account's failures from this address, and a few that are too old to count."""
    await tx.execute(
        delete(SigninDelayRow).where(SigninDelayRow.account_sha256 == account, SigninDelayRow.address_sha256 == address)
    )
    await forget_old_delays(tx, older_than)


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
    tx: AsyncSession, session_id: UUID, actor: Actor, digest: bytes, *, now: datetime, idle_s: int, expires_at: datetime
) -> None:
    await tx.execute(
        insert(UserSessionRow).values(
            session_id=session_id,
            user_id=actor.user_id,
            org_id=actor.org_id,
            token_sha256=digest,
            created_at=now,
            last_used_at=now,
            idle_s=idle_s,
            expires_at=expires_at,
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


async def find_session(tx: AsyncSession, digest: bytes, now: datetime) -> tuple[UUID, datetime, Actor] | None:
    """(session, last used, who) of a session that is neither ended, too old nor left unused."""
    found = await tx.execute(
        select(
            UserSessionRow.session_id,
            UserSessionRow.last_used_at,
            UserSessionRow.idle_s,
            PersonRow.role,
            PersonRow.user_id,
            PersonRow.org_id,
        )
        .join(PersonRow, PersonRow.user_id == UserSessionRow.user_id)
        .where(
            UserSessionRow.token_sha256 == digest,
            UserSessionRow.ended_at.is_(None),
            UserSessionRow.expires_at > now,
        )
    )
    row = found.first()
    if row is None or row.last_used_at + timedelta(seconds=row.idle_s) <= now:
        return None
    return row.session_id, row.last_used_at, Actor(Role(row.role), row.user_id, row.org_id)


async def touch_session(tx: AsyncSession, session_id: UUID, now: datetime) -> None:
    await tx.execute(update(UserSessionRow).where(UserSessionRow.session_id == session_id).values(last_used_at=now))


async def end_session(tx: AsyncSession, session_id: UUID, now: datetime) -> None:
    await tx.execute(update(UserSessionRow).where(UserSessionRow.session_id == session_id).values(ended_at=now))
