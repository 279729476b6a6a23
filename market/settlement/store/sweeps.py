"""All SQL of sweeps."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import SweepDecisionRow, SweepRow
from market.db.tables.settlement import SettlementRow
from market.kit.pages import PageRequest
from market.settlement.sweeps import Source, Sweep

_DECISION = ("outcome", "decided_by", "decided_at")


async def add(tx: AsyncSession, sweep: Sweep) -> None:
    asked = {name: getattr(sweep, name) for name in Sweep.__slots__ if name not in _DECISION}
    tx.add(SweepRow(**asked | {"source": sweep.source.value}))
    await tx.flush()


async def find(tx: AsyncSession, sweep_id: UUID) -> Sweep | None:
    found = (await tx.execute(_all().where(SweepRow.sweep_id == sweep_id))).one_or_none()
    return None if found is None else _sweep(*found)


async def list_all(tx: AsyncSession, request: PageRequest) -> list[Sweep]:
    """Newest first, and one more than the page holds if there is one."""
    query = _all().order_by(SweepRow.sweep_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(SweepRow.sweep_id < request.after)
    return [_sweep(*row) for row in await tx.execute(query)]


async def decide(tx: AsyncSession, sweep_id: UUID, outcome: str, *, by: UUID, now: datetime) -> None:
    tx.add(SweepDecisionRow(sweep_id=sweep_id, outcome=outcome, decided_by=by, decided_at=now))
    await tx.flush()


async def refundable_cents(tx: AsyncSession, source: Source, currency: str) -> int:
    """What put-backs may still ask for: of all sales that are released and not over, what was not refunded."""
    kept = {
        Source.COMMISSION: SettlementRow.buyer_fee_cents
        + SettlementRow.seller_fee_cents
        - SettlementRow.refunded_buyer_fee_cents
        - SettlementRow.refunded_seller_fee_cents,
        Source.TAX: SettlementRow.buyer_tax_cents
        + SettlementRow.seller_tax_cents
        - SettlementRow.refunded_buyer_tax_cents
        - SettlementRow.refunded_seller_tax_cents,
    }[source]
    query = select(func.coalesce(func.sum(kept), 0)).where(
        SettlementRow.currency == currency,
        SettlementRow.putback_until_at.is_not(None),
        SettlementRow.ended_at.is_(None),
    )
    return int(await tx.scalar(query) or 0)


def _all() -> Any:
    decision = (SweepDecisionRow.outcome, SweepDecisionRow.decided_by, SweepDecisionRow.decided_at)
    return select(SweepRow, *decision).outerjoin(SweepDecisionRow, SweepDecisionRow.sweep_id == SweepRow.sweep_id)


def _sweep(row: SweepRow, *decision: Any) -> Sweep:
    asked = {name: getattr(row, name) for name in Sweep.__slots__ if name not in _DECISION}
    return Sweep(**asked | {"source": Source(row.source)} | dict(zip(_DECISION, decision, strict=True)))
