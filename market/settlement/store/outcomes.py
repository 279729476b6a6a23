"""What commands with a key were answered, sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.settlement import CommandOutcomeRow
from market.kit.sealed import Sealed


async def lock(tx: AsyncSession, name: str) -> bool:
    """One command of a name at a time: an advisory lock until the transaction ends, before all others; False if it is taken."""
    key = func.hashtextextended(f"command outcome {name}", 0)
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(key))))


async def find(tx: AsyncSession, name: str) -> Sealed | None:
    query = select(CommandOutcomeRow.sealed, CommandOutcomeRow.wrapped_key).where(CommandOutcomeRow.name == name)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Sealed(row.sealed, row.wrapped_key)


async def add(tx: AsyncSession, name: str, sealed: Sealed, *, user_id: UUID, now: datetime) -> None:
    row = {"name": name, "user_id": user_id, "sealed": sealed.content, "wrapped_key": sealed.wrapped_key}
    await tx.execute(insert(CommandOutcomeRow).values(**row, made_at=now))


async def forget_one(tx: AsyncSession, name: str, made_until: datetime) -> None:
    """If its time is over, whether the worker has passed by or not."""
    old = (CommandOutcomeRow.name == name) & (CommandOutcomeRow.made_at <= made_until)
    await tx.execute(delete(CommandOutcomeRow).where(old))


async def forget_old(tx: AsyncSession, made_until: datetime, limit: int) -> int:
    """Delete up to `limit` whose time is over, the oldest first; how many."""
    old = select(CommandOutcomeRow.name).where(CommandOutcomeRow.made_at <= made_until)
    oldest = old.order_by(CommandOutcomeRow.made_at).limit(limit).scalar_subquery()
    gone = await tx.execute(
        delete(CommandOutcomeRow).where(CommandOutcomeRow.name.in_(oldest)).returning(CommandOutcomeRow.name)
    )
    return len(gone.all())
