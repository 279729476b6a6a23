"""After a default the seller may offer the pool to the next bidder, at that bidder's own bid."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service as bidding
from market.compliance import service as compliance
from market.compliance.rules import NotCleared
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.settlement.calendar import deadline
from market.settlement.rules import Party, Settlement, State, WrongState
from market.settlement.service.books import READ
from market.settlement.service.listings import of_auction
from market.settlement.service.sale import WRITE, begin
from market.settlement.service.steps import locked, note
from market.settlement.store import second_offers as store
from market.settlement.store import settlements
from market.settlement.store.second_offers import OfferState, SecondOffer

_ANSWER_BUSINESS_DAYS = 1
_DEFAULTED = (State.SIGN_DEFAULT, State.BUYER_DEFAULT)


class NoRunnerUp(Conflict):
    slug, title = "no-runner-up", "There is no next bidder"


async def offer_second(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, *, now: datetime, chance: Chance
) -> SecondOffer:
    """The seller of a defaulted sale offers the pool on; it is on offer for one business day. Locks settlement and pool.

    Raises `WrongState` unless the buyer defaulted, `NoRunnerUp`, and whatever keeps the pool from being offered. Doing it
    again returns the offer.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    if settlement.party(actor.org_id) is not Party.SELLER:
        raise NotFound("there is no such sale, or you are not its seller")
    if before := await store.of_settlement(tx, settlement_id):
        return before
    if settlement.state not in _DEFAULTED:
        raise WrongState(f"the settlement is {settlement.state}; this needs a default", state=settlement.state.value)
    if settlement.auction_id is None:
        raise NoRunnerUp("nobody bids in a forward flow; put the pool up for auction")
    found = await store.runner_up(tx, settlement.auction_id, but_org_id=settlement.buyer_org_id)
    if found is None:
        raise NoRunnerUp("no bid of another stands for this pool; list it again")
    auction = await bidding.find_auction(tx, settlement.auction_id)
    await portfolios.mark_offered(tx, actor, settlement.pool_id, settlement.auction_id, auction.circle)
    offer = SecondOffer(
        offer_id=chance.new_id(),
        settlement_id=settlement_id,
        auction_id=settlement.auction_id,
        pool_id=settlement.pool_id,
        seller_org_id=settlement.seller_org_id,
        org_id=found[0],
        amount_cents=found[1],
        offered_at=now,
        expires_at=deadline(now, _ANSWER_BUSINESS_DAYS, settlement.currency),
        state=OfferState.OPEN,
    )
    await store.add(tx, offer)
    await note(tx, actor, settlement, "offered_on", {"offer_id": offer.offer_id, "expires_at": offer.expires_at})
    return offer


async def answer_second(tx: AsyncSession, actor: Actor, offer_id: UUID, *, accept: bool, now: datetime) -> SecondOffer:
    """The next bidder takes the pool at its own bid, or not. Its clearance is looked at again, and held. Locks offer, then clearance.

    The worker opens the new settlement, or frees the pool. Raises `NotFound`, `WrongState` after the time or an answer.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    offer = await store.lock(tx, offer_id)
    if offer is None or actor.org_id != offer.org_id:
        raise NotFound("there is no such offer, or it was not made to you")
    if offer.state is not OfferState.OPEN or now >= offer.expires_at:
        raise WrongState("the offer is answered or over", state=offer.state.value)
    if accept:
        await _require_gate(tx, offer, now)
    state = OfferState.ACCEPTED if accept else OfferState.DECLINED
    await store.move(tx, offer_id, state, now)
    body = {"offer_id": offer_id, "settlement_id": offer.settlement_id}
    await journal.append(tx, actor, f"org:{offer.org_id}", f"second_offer.{state}", body)
    return await store.lock(tx, offer_id) or offer


async def _require_gate(tx: AsyncSession, offer: SecondOffer, now: datetime) -> None:
    """What the gate asks of a bid, asked again: clearance now, in this currency, for these debtor states and this amount."""
    auction = await bidding.find_auction(tx, offer.auction_id)
    cleared = await compliance.require_clearance(
        tx, offer.org_id, "bid", now, currency=auction.currency, states=auction.debtor_states
    )
    if not cleared.covers(auction.debtor_states) or offer.amount_cents > cleared.max_bid_cents:
        raise NotCleared(
            "your organisation's clearance no longer covers these debtor states or this amount; open a case at POST /v1/cases"
        )
    await compliance.hold_clearance(tx, cleared, auction.debtor_states, offer.amount_cents)


async def list_second_offers(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[SecondOffer]:
    """Offers made by or to one's organisation, oldest first; all for the platform."""
    require(actor, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda offer: offer.offer_id)


async def open_accepted(tx: AsyncSession, offer_id: UUID, *, chance: Chance) -> Settlement | None:
    """An accepted offer becomes a settlement at the bidder's own bid; None if it has one. Locks the offer."""
    offer = await store.lock(tx, offer_id)
    if offer is None or offer.state is not OfferState.ACCEPTED or offer.answered_at is None:
        raise AssertionError("only an accepted offer is settled")
    if any(
        each.pool_id == offer.pool_id and each.buyer_org_id == offer.org_id
        for each in await settlements.of_auction(tx, offer.auction_id)
    ):
        return None
    settlement = await begin(
        tx,
        of_auction(await bidding.find_auction(tx, offer.auction_id)),
        (offer.pool_id, offer.org_id, offer.amount_cents, offer.answered_at),
        chance.new_id(),
    )
    await settlements.add(tx, settlement)
    body = {"auction_id": offer.auction_id, "hammer_cents": offer.amount_cents, "offer_id": offer_id}
    await note(tx, SYSTEM, settlement, "opened", body)
    return settlement


async def free_pool(tx: AsyncSession, offer_id: UUID) -> None:
    """A declined offer: the pool may be listed again."""
    offer = await store.lock(tx, offer_id)
    if offer is None or offer.state is not OfferState.DECLINED:
        raise AssertionError("only a declined offer frees its pool like this")
    await portfolios.mark_unsold(tx, SYSTEM, offer.pool_id)


async def expire_offers(tx: AsyncSession, *, now: datetime, only: UUID | None = None) -> int:
    """Offers that nobody answered are over; their pools may be listed again. Returns how many. Locks offers, then pools."""
    overdue = await store.overdue(tx, now, only)
    for offer in overdue:
        await store.move(tx, offer.offer_id, OfferState.EXPIRED)
        await portfolios.mark_unsold(tx, SYSTEM, offer.pool_id)
        body = {"offer_id": offer.offer_id, "settlement_id": offer.settlement_id}
        await journal.append(tx, SYSTEM, f"org:{offer.org_id}", "second_offer.expired", body)
    return len(overdue)
