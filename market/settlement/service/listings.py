"""The terms that a sale is made on: its listing's, or those of the forward flow that its pool was delivered into."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service as bidding
from market.bidding.commission import Schedule
from market.bidding.rules import Auction
from market.bidding.sale_terms import SaleTerms
from market.settlement.agreement import UnderFlow
from market.settlement.flows import Delivery, Flow, periods_of
from market.settlement.rules import Settlement
from market.settlement.store import flows


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was fixed before the sale, and what it came from."""

    seller_org_id: UUID
    currency: str
    commission: Schedule
    sale_terms: SaleTerms
    auction_id: UUID | None = None
    delivery_id: UUID | None = None
    under: UnderFlow | None = None


def of_auction(auction: Auction) -> Listing:
    return Listing(
        seller_org_id=auction.seller_org_id,
        currency=auction.currency,
        commission=Schedule.from_json(auction.commission),
        sale_terms=SaleTerms.from_json(auction.sale_terms),
        auction_id=auction.auction_id,
    )


def of_delivery(flow: Flow, delivery: Delivery) -> Listing:
    span = periods_of(flow.terms)[delivery.number - 1]
    return Listing(
        seller_org_id=flow.seller_org_id,
        currency=flow.terms.currency,
        commission=flow.terms.commission,
        sale_terms=flow.terms.sale_terms,
        delivery_id=delivery.delivery_id,
        under=UnderFlow(
            reference=flow.reference,
            dated_at=flow.accepted_at or flow.proposed_at,
            agreement_sha256=flow.agreement_sha256,
            price_bps=flow.terms.price_bps,
            first_on=span.first_on,
            last_on=span.last_on,
        ),
    )


async def listing_of(tx: AsyncSession, settlement: Settlement) -> Listing:
    """What a sale was made on, for its parties and the platform."""
    if settlement.auction_id is not None:
        return of_auction(await bidding.find_auction(tx, settlement.auction_id))
    found = None if settlement.delivery_id is None else await flows.find_delivered(tx, settlement.delivery_id)
    if found is None:
        raise AssertionError("a sale is of an auction or of a delivery")
    return of_delivery(*found)
