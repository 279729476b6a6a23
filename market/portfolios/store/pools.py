"""SQL of pools."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, bindparam, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.portfolios import PoolBalanceRow, PoolKeyRow, PoolRow, PoolTraitRow
from market.kit.pages import PageRequest
from market.portfolios.rules import Circle, KeyPurpose, Pool, PoolState, Selection
from market.portfolios.store.rows import before, free, kept_file, refusal_of, stored
from market.portfolios.traits import Traits


async def add_pools(tx: AsyncSession, pools: Sequence[Pool]) -> None:
    await tx.execute(
        insert(PoolRow),
        [
            {
                "pool_id": pool.pool_id,
                "portfolio_id": pool.portfolio_id,
                "org_id": pool.org_id,
                "name": pool.name,
                "selection": asdict(pool.selection),
                "excluded_pool_ids": list(pool.excluded_pool_ids),
                "state": pool.state.value,
                "attempt_count": 0,
                "currency": pool.currency,
                "tape_version": pool.tape_version,
                "created_by": pool.created_by,
                "created_at": pool.created_at,
            }
            for pool in pools
        ],
    )


async def find_pool(tx: AsyncSession, pool_id: UUID) -> Pool | None:
    row = await tx.scalar(select(PoolRow).where(PoolRow.pool_id == pool_id))
    return None if row is None else _pool(row)


async def find_pools(tx: AsyncSession, pool_ids: Collection[UUID]) -> list[Pool]:
    """Those of the pools that the transaction's actor may see."""
    return [_pool(row) for row in await tx.scalars(select(PoolRow).where(PoolRow.pool_id.in_(pool_ids)))]


async def lock_pool(tx: AsyncSession, pool_id: UUID) -> Pool | None:
    """Locks the pool's row until the transaction ends."""
    row = await tx.scalar(
        select(PoolRow).where(PoolRow.pool_id == pool_id).with_for_update().execution_options(populate_existing=True)
    )
    return None if row is None else _pool(row)


async def list_pools(
    tx: AsyncSession, request: PageRequest, *, portfolio_id: UUID | None, org_id: UUID | None
) -> list[Pool]:
    """Up to `limit + 1` pools, newest first: an organisation's or portfolio's own, or all that are or were on offer."""
    where: list[ColumnElement[bool]] = [*before(PoolRow.pool_id, request)]
    if portfolio_id is not None:
        where.append(PoolRow.portfolio_id == portfolio_id)
    if org_id is not None:
        where.append(PoolRow.org_id == org_id)
    if portfolio_id is None and org_id is None:
        where.append(PoolRow.offered_at.is_not(None))
    found = await tx.scalars(select(PoolRow).where(*where).order_by(PoolRow.pool_id.desc()).limit(request.limit + 1))
    return [_pool(row) for row in found]


async def pools_of(tx: AsyncSession, portfolio_id: UUID) -> list[Pool]:
    """All pools of a portfolio in the order they were asked for (at most `MAX_POOL_COUNT`)."""
    found = await tx.scalars(select(PoolRow).where(PoolRow.portfolio_id == portfolio_id).order_by(PoolRow.pool_id))
    return [_pool(row) for row in found]


async def claim_pool(tx: AsyncSession, *, now: datetime, until: datetime) -> Pool | None:
    """The oldest pool to cut that no worker holds, now held until `until`. Locks its row, skipping locked ones."""
    row = await tx.scalar(
        free(select(PoolRow), PoolRow, [PoolState.CUTTING.value], now)
        .order_by(PoolRow.pool_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    row.claimed_until, row.attempt_count = until, row.attempt_count + 1
    await tx.flush()
    return _pool(row)


async def hold_pool(tx: AsyncSession, pool_id: UUID, claimed_until: datetime) -> bool:
    """Whether the claim that ends at `claimed_until` still stands. Locks the pool's row."""
    return (
        await tx.scalar(
            select(PoolRow.pool_id)
            .where(PoolRow.pool_id == pool_id, PoolRow.claimed_until == claimed_until)
            .with_for_update()
        )
        is not None
    )


async def renew_pool(tx: AsyncSession, pool_id: UUID, claimed_until: datetime, until: datetime) -> bool:
    """Whether the claim still stood; it now lasts until `until`."""
    result = await tx.execute(
        update(PoolRow)
        .where(PoolRow.pool_id == pool_id, PoolRow.claimed_until == claimed_until)
        .values(claimed_until=until)
        .returning(PoolRow.pool_id)
    )
    return result.scalar_one_or_none() is not None


async def save_pool(tx: AsyncSession, pool_id: UUID, state: PoolState, **changed: Any) -> None:
    """Move a pool on: its claim ends and its attempts start again from 0."""
    await tx.execute(
        update(PoolRow)
        .where(PoolRow.pool_id == pool_id)
        .values(state=state.value, claimed_until=None, attempt_count=0, **stored(changed))
    )


async def lock_tape_offered_elsewhere(tx: AsyncSession, pool: Pool) -> bool:
    """Whether a pool of another portfolio with the same tape is on offer or sold. Locks the tape's digest (advisory)."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(pool.tape_version, 0))))
    return bool(await tx.scalar(select(func.tape_offered_elsewhere(pool.tape_version, pool.portfolio_id))))


async def deliver_pool(tx: AsyncSession, pool_id: UUID, flow_id: UUID) -> None:
    """Delivered from now, by the database's clock, and to be seen by the flow's buyer alone."""
    circle = Circle.INVITED.value
    await save_pool(tx, pool_id, PoolState.OFFERED, flow_id=flow_id, circle=circle, offered_at=func.clock_timestamp())


async def offer_pool(tx: AsyncSession, pool_id: UUID, auction_id: UUID, circle: Circle) -> None:
    """On offer from now, by the database's clock."""
    await save_pool(
        tx, pool_id, PoolState.OFFERED, auction_id=auction_id, circle=circle.value, offered_at=func.clock_timestamp()
    )


async def sell_pool(tx: AsyncSession, pool_id: UUID) -> None:
    """Sold now, by the database's clock."""
    await save_pool(tx, pool_id, PoolState.SOLD, sold_at=func.clock_timestamp())


async def add_pool_key(tx: AsyncSession, pool: Pool, purpose: KeyPurpose, wrapped: bytes) -> None:
    await tx.execute(
        insert(PoolKeyRow).values(pool_id=pool.pool_id, org_id=pool.org_id, purpose=purpose.value, wrapped=wrapped)
    )


async def pool_key(tx: AsyncSession, pool_id: UUID, purpose: KeyPurpose) -> bytes | None:
    """The wrapped key; None for everybody but the seller and the platform."""
    key: bytes | None = await tx.scalar(
        select(PoolKeyRow.wrapped).where(PoolKeyRow.pool_id == pool_id, PoolKeyRow.purpose == purpose.value)
    )
    return key


_BALANCES_TO_A_ROW = 1000
_BALANCES = text(
    """SELECT wanted.number, b.balances_cents[wanted.number - b.first_row + 1] FROM unnest(:row_numbers) AS wanted (number)
    JOIN pool_balance b ON b.pool_id = :pool_id AND b.first_row = wanted.number - (wanted.number - 1) % 1000"""
).bindparams(bindparam("row_numbers", type_=ARRAY(BigInteger)))


async def add_balances(tx: AsyncSession, pool_id: UUID, balances_cents: Sequence[int]) -> None:
    """Put every account's balance on record, in the order of the sale file."""
    await tx.execute(
        insert(PoolBalanceRow),
        [
            {"pool_id": pool_id, "first_row": at + 1, "balances_cents": balances_cents[at : at + _BALANCES_TO_A_ROW]}
            for at in range(0, len(balances_cents), _BALANCES_TO_A_ROW)
        ],
    )


async def add_traits(tx: AsyncSession, pool_id: UUID, traits: Traits) -> None:
    """Put on record what a forward flow may ask of every account, in the order of the sale file."""
    await tx.execute(
        insert(PoolTraitRow),
        [
            {
                "pool_id": pool_id,
                "first_row": at + 1,
                "states": traits.states[at : at + _BALANCES_TO_A_ROW],
                "debt_types": traits.debt_types[at : at + _BALANCES_TO_A_ROW],
                "debtor_types": traits.debtor_types[at : at + _BALANCES_TO_A_ROW],
                "ages_days": traits.ages_days[at : at + _BALANCES_TO_A_ROW],
            }
            for at in range(0, len(traits.states), _BALANCES_TO_A_ROW)
        ],
    )


async def balances(tx: AsyncSession, pool_id: UUID, row_numbers: Sequence[int]) -> dict[int, int]:
    """Row of the sale file -> balance on record."""
    found = await tx.execute(_BALANCES, {"pool_id": pool_id, "row_numbers": list(row_numbers)})
    return {number: cents for number, cents in found if cents is not None}


def _pool(row: PoolRow) -> Pool:
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.selection.items()
    }
    return Pool(
        pool_id=row.pool_id,
        portfolio_id=row.portfolio_id,
        org_id=row.org_id,
        name=row.name,
        selection=Selection(**chosen),
        excluded_pool_ids=tuple(row.excluded_pool_ids),
        state=PoolState(row.state),
        claimed_until=row.claimed_until,
        attempt_count=row.attempt_count,
        currency=row.currency,
        tape_version=row.tape_version,
        created_by=row.created_by,
        created_at=row.created_at,
        refusal=refusal_of(row.refusal),
        account_count=row.account_count,
        face_value_cents=row.face_value_cents,
        debtor_states=None if row.debtor_states is None else tuple(row.debtor_states),
        state_sums=row.state_sums,
        strata=row.strata,
        report=row.report,
        saleability=row.saleability,
        commitment_root=row.commitment_root,
        preview=kept_file(row.preview_sha256, row.preview_size_bytes),
        vetted=kept_file(row.vetted_sha256, row.vetted_size_bytes),
        sale=kept_file(row.sale_sha256, row.sale_size_bytes),
        leaves=kept_file(row.leaves_sha256, row.leaves_size_bytes),
        offered_at=row.offered_at,
        auction_id=row.auction_id,
        flow_id=row.flow_id,
        sold_at=row.sold_at,
    )
