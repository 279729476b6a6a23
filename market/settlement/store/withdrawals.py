"""All SQL of the second person's word on withdrawals."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import SweepRow, WithdrawalApprovalRow
from market.db.tables.settlement import PayoutRow
from market.kit.pages import PageRequest
from market.settlement.rules import PayoutState


async def flaws(tx: AsyncSession, payout_ids: Collection[UUID], user_id: UUID) -> dict[UUID, str]:
    """Why this person may not send them, by payout; those that it may send are not named. The database holds the rule."""
    flaw = func.withdrawal_flaw(PayoutRow.payout_id, user_id)
    found = await tx.execute(
        select(PayoutRow.payout_id, flaw.label("flaw")).where(
            PayoutRow.payout_id.in_(payout_ids), PayoutRow.settlement_id.is_(None), flaw.is_not(None)
        )
    )
    return {row.payout_id: row.flaw for row in found}


async def brought_money(tx: AsyncSession, user_id: UUID, org_id: UUID, currency: str) -> bool:
    """Whether this person imported money of the organisation."""
    return bool(await tx.scalar(select(func.brought_money(user_id, org_id, currency))))


async def is_approved(tx: AsyncSession, payout_id: UUID) -> bool:
    return bool(await tx.scalar(select(exists().where(WithdrawalApprovalRow.payout_id == payout_id))))


async def add_approval(tx: AsyncSession, payout_id: UUID, *, approved_by: UUID, now: datetime) -> None:
    tx.add(WithdrawalApprovalRow(payout_id=payout_id, approved_by=approved_by, at=now))
    await tx.flush()


async def unapproved(tx: AsyncSession, request: PageRequest) -> list[UUID]:
    """Withdrawals that are ordered and that no second person has approved, oldest first."""
    query = (
        select(PayoutRow.payout_id)
        .where(
            PayoutRow.settlement_id.is_(None),
            PayoutRow.state == PayoutState.ORDERED.value,
            ~exists().where(WithdrawalApprovalRow.payout_id == PayoutRow.payout_id),
            ~exists().where(SweepRow.sweep_id == PayoutRow.payout_id),
        )
        .order_by(PayoutRow.payout_id)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(PayoutRow.payout_id > request.after)
    return list(await tx.scalars(query))
