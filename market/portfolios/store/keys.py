"""SQL of the platform's own keys, and of what is shredded."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import PlatformKeyRow


async def platform_key(tx: AsyncSession, name: str) -> bytes | None:
    """The wrapped key of that name; None before it was drawn, and for everybody but the platform."""
    found: bytes | None = await tx.scalar(select(PlatformKeyRow.wrapped).where(PlatformKeyRow.name == name))
    return found


async def add_platform_key(tx: AsyncSession, name: str, wrapped: bytes, now: datetime) -> None:
    """Keep a new key, unless another process was first."""
    await tx.execute(upsert(PlatformKeyRow).values(name=name, wrapped=wrapped, made_at=now).on_conflict_do_nothing())
