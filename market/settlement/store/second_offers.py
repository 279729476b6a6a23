"""All SQL of second offers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select as pick
from sqlalchemy import text, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.afterwards import SecondOfferRow
from market.kit.pages import PageRequest

_BATCH = 1000


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOffer:
    """A defaulted sale's pool, offered to the next bidder (`org_id`) at its own bid."""

    offer_id: UUID
    settlement_id: UUID
    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    org_id: UUID
    amount_cents: int
    offered_at: datetime
    expires_at: datetime
    state: OfferState
    answered_at: datetime | None = None


async def runner_up(tx: AsyncSession, auction_id: UUID, *, but_org_id: UUID) -> tuple[UUID, int] | None:
    """The next bidder and its highest bid that stands, for the seller and the platform; None if there is none."""
    found = (
        await tx.execute(
            text("SELECT org_id, amount_cents FROM runner_up(:auction_id, :but)"),
            {"auction_id": auction_id, "but": but_org_id},
        )
    ).one_or_none()
    return None if found is None else (found.org_id, found.amount_cents)


async def add(tx: AsyncSession, offer: SecondOffer) -> None:
    values = {name: getattr(offer, name) for name in SecondOffer.__slots__}
    tx.add(SecondOfferRow(**values | {"state": offer.state.value}))
    await tx.flush()


async def lock(tx: AsyncSession, offer_id: UUID) -> SecondOffer | None:
    """An offer that the actor may see; locks its row."""
    row = await tx.scalar(
        pick(SecondOfferRow)
        .where(SecondOfferRow.offer_id == offer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else _offer(row)


async def of_settlement(tx: AsyncSession, settlement_id: UUID) -> SecondOffer | None:
    row = await tx.scalar(pick(SecondOfferRow).where(SecondOfferRow.settlement_id == settlement_id))
    return None if row is None else _offer(row)


async def list_all(tx: AsyncSession, request: PageRequest) -> list[SecondOffer]:
    """Those that the actor may see, oldest first."""
    query = pick(SecondOfferRow).order_by(SecondOfferRow.offer_id).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(SecondOfferRow.offer_id > request.after)
    return [_offer(row) for row in await tx.scalars(query)]


async def overdue(tx: AsyncSession, now: datetime, only: UUID | None = None) -> list[SecondOffer]:
    """Open offers whose time is over, or `only` this one. Locks their rows, leaving out those that others hold."""
    found = await tx.scalars(
        pick(SecondOfferRow)
        .where(SecondOfferRow.state == OfferState.OPEN.value, SecondOfferRow.expires_at <= now)
        .where(true() if only is None else SecondOfferRow.offer_id == only)
        .order_by(SecondOfferRow.expires_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    return [_offer(row) for row in found]


async def move(tx: AsyncSession, offer_id: UUID, state: OfferState, answered_at: datetime | None = None) -> None:
    await tx.execute(
        update(SecondOfferRow)
        .where(SecondOfferRow.offer_id == offer_id)
        .values(state=state.value, answered_at=answered_at)
    )


def _offer(row: SecondOfferRow) -> SecondOffer:
    values = {name: getattr(row, name) for name in SecondOffer.__slots__}
    return SecondOffer(**values | {"state": OfferState(row.state)})
