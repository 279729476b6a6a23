"""What is due by the clock or by both parties' wish; each sale by itself, so that none waits for another."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.settlement.rules import State
from market.settlement.service.sale import cancel_given_up, close_due, lapse_due, unpaid_overdue
from market.settlement.service.second_offers import expire_offers
from market.settlement.service.undoing import collect_penalties
from market.settlement.store import second_offers
from market.settlement.store import settlements as store


async def due_sales(tx: AsyncSession, *, now: datetime) -> list[UUID]:
    """Sales that something is due for, each once; nothing moves yet."""
    found = [
        *await store.given_up(tx),
        *await store.overdue(tx, State.SIGNING, now),
        *await unpaid_overdue(tx, now),
        *await store.overdue(tx, State.PUTBACK_WINDOW, now),
        *await store.owing_penalty(tx),
    ]
    return list(dict.fromkeys(each.settlement_id for each in found))


async def due_offers(tx: AsyncSession, *, now: datetime) -> list[UUID]:
    """Second offers whose time is over."""
    return [each.offer_id for each in await second_offers.overdue(tx, now)]


async def pass_sale(tx: AsyncSession, settlement_id: UUID, *, now: datetime) -> bool:
    """What is due for this sale happens; False if nothing is, or if somebody else has it in hand. Locks its row."""
    done = [
        *await cancel_given_up(tx, now=now, only=settlement_id),
        *await lapse_due(tx, now=now, only=settlement_id),
        *await close_due(tx, now=now, only=settlement_id),
        *await collect_penalties(tx, only=settlement_id),
    ]
    return bool(done)


async def pass_offer(tx: AsyncSession, offer_id: UUID, *, now: datetime) -> bool:
    """This offer is over; False if it is not, or if somebody else has it in hand. Locks its row."""
    return await expire_offers(tx, now=now, only=offer_id) > 0
