"""A sale is undone before its release: the buyer is refunded in full, and a seller at fault owes a penalty."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import SYSTEM, Actor
from market.portfolios import service as portfolios
from market.settlement import moves
from market.settlement.rules import Settlement, Step
from market.settlement.service.steps import note, take
from market.settlement.store import ledger
from market.settlement.store import settlements as store


async def undo(
    tx: AsyncSession, actor: Actor, settlement: Settlement, step: Step, *, now: datetime, penalty_cents: int = 0
) -> Settlement:
    """What lies in escrow is the buyer's again, the pool may be offered again. Locks settlement (held), pool, accounts."""
    account = await ledger.find_account(tx, moves.escrow(settlement.settlement_id), settlement.currency)
    refund_cents = account.balance_cents if account else 0
    await portfolios.mark_unsold(tx, actor, settlement.pool_id)
    await ledger.apply(tx, moves.refunded(settlement, refund_cents))
    body = {"refund_cents": refund_cents, "penalty_cents": penalty_cents}
    return await take(tx, actor, settlement, step, body=body, ended_at=now, penalty_cents=penalty_cents)


async def fail_seller(tx: AsyncSession, actor: Actor, settlement: Settlement, *, now: datetime) -> Settlement:
    """The seller is in default: the sale is undone, and the seller owes the listing's penalty to the buyer."""
    penalty_cents = settlement.hammer_cents * settlement.penalty_bps // 10_000
    return await _collect(
        tx, actor, await undo(tx, actor, settlement, Step.FAIL_SELLER, now=now, penalty_cents=penalty_cents)
    )


async def collect_penalties(tx: AsyncSession, *, only: UUID | None = None) -> list[Settlement]:
    """What sellers in default still owe is taken as their cash comes in, oldest sale first. Returns whose grew."""
    owing = await store.owing_penalty(tx, only)
    after = [await _collect(tx, SYSTEM, settlement) for settlement in owing]
    return [new for old, new in zip(owing, after, strict=True) if new != old]


async def _collect(tx: AsyncSession, actor: Actor, settlement: Settlement) -> Settlement:
    """The caller holds the settlement's lock."""
    account = await ledger.find_account(tx, moves.cash(settlement.seller_org_id), settlement.currency)
    owed_cents = settlement.penalty_cents - settlement.penalty_paid_cents
    amount_cents = min(owed_cents, account.available_cents if account else 0)
    if not amount_cents:
        return settlement
    await ledger.apply(tx, moves.penalised(settlement, amount_cents))
    paid_cents = settlement.penalty_paid_cents + amount_cents
    await store.move(tx, settlement.settlement_id, settlement.state, penalty_paid_cents=paid_cents)
    await note(tx, actor, settlement, "penalty_paid", {"amount_cents": amount_cents, "paid_cents": paid_cents})
    return replace(settlement, penalty_paid_cents=paid_cents)
