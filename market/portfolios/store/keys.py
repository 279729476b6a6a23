"""SQL of the platform's own keys, and of what is shredded."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import PlatformKeyRow, ShreddingRow, ShredOrderRow
from market.kit.pages import PageRequest
from market.portfolios.shreds import Cause, Expired, Shredding, ShredOrder
from market.portfolios.store.rows import before


async def platform_key(tx: AsyncSession, name: str) -> bytes | None:
    """The wrapped key of that name; None before it was drawn, and for everybody but the platform."""
    found: bytes | None = await tx.scalar(select(PlatformKeyRow.wrapped).where(PlatformKeyRow.name == name))
    return found


async def add_platform_key(tx: AsyncSession, name: str, wrapped: bytes, now: datetime) -> None:
    """Keep a new key, unless another process was first."""
    await tx.execute(upsert(PlatformKeyRow).values(name=name, wrapped=wrapped, made_at=now).on_conflict_do_nothing())


async def add_order(tx: AsyncSession, order: ShredOrder) -> None:
    await tx.execute(
        insert(ShredOrderRow).values(
            order_id=order.order_id,
            portfolio_id=order.portfolio_id,
            org_id=order.org_id,
            reason=order.reason,
            asked_by=order.asked_by,
            asked_at=order.asked_at,
        )
    )


async def find_order(tx: AsyncSession, order_id: UUID) -> ShredOrder | None:
    row = await tx.get(ShredOrderRow, order_id)
    return None if row is None else _order(row)


async def list_orders(tx: AsyncSession, request: PageRequest) -> list[tuple[ShredOrder, Shredding | None]]:
    """Up to `limit + 1` orders, newest first, each with what became of its portfolio."""
    found = await tx.execute(
        select(ShredOrderRow, ShreddingRow)
        .outerjoin(ShreddingRow, ShreddingRow.portfolio_id == ShredOrderRow.portfolio_id)
        .where(*before(ShredOrderRow.order_id, request))
        .order_by(ShredOrderRow.order_id.desc())
        .limit(request.limit + 1)
    )
    return [(_order(order), None if done is None else _shredding(done)) for order, done in found]


async def shredding_of(tx: AsyncSession, portfolio_id: UUID) -> Shredding | None:
    row = await tx.scalar(
        select(ShreddingRow).where(ShreddingRow.portfolio_id == portfolio_id).execution_options(populate_existing=True)
    )
    return None if row is None else _shredding(row)


async def shred(tx: AsyncSession, portfolio_id: UUID, org_id: UUID, cause: Cause, **order: Any) -> None:
    """The deed itself: the row's triggers check that it is due and delete every wrap. Locks the portfolio's row."""
    await tx.execute(
        insert(ShreddingRow).values(
            portfolio_id=portfolio_id,
            org_id=org_id,
            cause=cause.value,
            wrap_count=0,
            shredded_at=text("now()"),
            **order,
        )
    )


async def past_retention(tx: AsyncSession, before_at: datetime, limit: int) -> list[Expired]:
    """Portfolios uploaded before then that sold nothing, are not on offer, not on hold and not shredded; oldest first."""
    found = await tx.execute(
        text("SELECT portfolio_id, org_id, created_at FROM portfolios_past_retention(:before, :limit)"),
        {"before": before_at, "limit": limit},
    )
    return [Expired(*row) for row in found]


def _order(row: ShredOrderRow) -> ShredOrder:
    return ShredOrder(row.order_id, row.portfolio_id, row.org_id, row.reason, row.asked_by, row.asked_at)


def _shredding(row: ShreddingRow) -> Shredding:
    return Shredding(row.portfolio_id, row.org_id, Cause(row.cause), row.wrap_count, row.shredded_at)
