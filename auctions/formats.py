"""Which rules hold in which format: what it takes, and who answers. The ascending format is wired in the engine itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auctions import asking, descending, hybrid, packages, sealed, two_stage
from auctions.allocation import TooHardError
from auctions.auction import Auction, Phase
from auctions.messages import (
    Accepted,
    BidRefusedBySeller,
    BidVoided,
    BuyNow,
    Decision,
    Event,
    PlaceBid,
    Reason,
    RefuseBid,
    Refused,
    StrikeCommand,
)
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    AwardOffer,
    CounterOffer,
    PlacePackageBid,
    Withdraw,
)
from auctions.terms import (
    BestOfferTerms,
    DutchTerms,
    FixedPriceTerms,
    HybridTerms,
    PackageTerms,
    SealedTerms,
    TwoStageTerms,
)


def _no_tick(_: Auction, __: datetime) -> tuple[Event, ...]:
    return ()


def _at_the_close(auction: Auction) -> datetime:
    return auction.closes_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One format. `takes` are the commands of bidders and seller that it knows besides those that all formats share.

    `decide` answers them while the auction runs, `close` says what the effective close leads to, `tick` what has
    fallen due before it, and `due_at` when the next of the two is due.
    """

    takes: Callable[[Any], tuple[type[Any], ...]]
    decide: Callable[[Auction, object, datetime], Decision]
    close: Callable[[Auction, datetime], tuple[Event, ...]]
    tick: Callable[[Auction, datetime], tuple[Event, ...]] = _no_tick
    due_at: Callable[[Auction], datetime] = _at_the_close


RULES: Mapping[type[Any], Rules] = {
    DutchTerms: Rules(
        takes=lambda _: (AcceptStep, ArmStep, Withdraw),
        decide=descending.decide,
        close=descending.close,
        tick=descending.tick,
        due_at=descending.due_at,
    ),
    FixedPriceTerms: Rules(takes=lambda _: (BuyNow,), decide=asking.buy, close=asking.close),
    BestOfferTerms: Rules(
        takes=lambda _: (PlaceBid, Withdraw, AwardOffer, CounterOffer, AcceptCounter),
        decide=asking.decide,
        close=asking.close,
    ),
    HybridTerms: Rules(takes=lambda _: (AcceptStep, PlaceBid), decide=hybrid.decide, close=hybrid.close),
    TwoStageTerms: Rules(
        takes=two_stage.takes,
        decide=two_stage.decide,
        close=two_stage.close,
    ),
    PackageTerms: Rules(takes=lambda _: (PlacePackageBid,), decide=packages.decide, close=packages.close),
    SealedTerms: Rules(takes=sealed.takes, decide=sealed.decide, close=sealed.close),
}


def due_at(auction: Auction) -> datetime | None:
    """When the clock next has something to do here: open, tick or close. None while paused and after the end."""
    if auction.phase.has_ended or auction.phase is Phase.PAUSED:
        return None
    if auction.phase is Phase.SCHEDULED:
        return auction.terms.opens_at
    if auction.phase is Phase.AWARDING:
        return auction.answer_until
    rules = RULES.get(type(auction.terms))
    return auction.closes_at if rules is None else rules.due_at(auction)


def is_overdue(auction: Auction, now: datetime) -> bool:
    """Whether a tick that has fallen due, but was not carried out yet, ends the auction: nothing may come before it."""
    rules = RULES.get(type(auction.terms))
    return rules is not None and auction.phase is Phase.OPEN and bool(rules.tick(auction, now))


def strike(auction: Auction, command: StrikeCommand, now: datetime) -> Decision:
    """Strike out something that stands; price and leader stay, because nothing that stands has made them."""
    if is_overdue(auction, now):
        return Refused(Reason.POOL_SOLD)
    offer = auction.the_book.offers.get(command.seq)
    if offer is None:
        return Refused(Reason.NO_SUCH_BID)
    event_type = BidRefusedBySeller if isinstance(command, RefuseBid) else BidVoided
    struck = event_type(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bid_seq=offer.seq,
        reason=command.reason,
        bidder=offer.bidder,
        paddle=offer.paddle,
        price_cents=auction.price_cents,
        min_next_cents=auction.min_next_cents,
        leader=auction.leader,
        leader_paddle=None if auction.leader is None else auction.paddles[auction.leader],
        leader_ceiling_cents=None,
        leader_bid_seq=auction.leader_bid_seq,
        reserve_met=auction.reserve_met,
    )
    if isinstance(auction.terms, PackageTerms):
        try:
            changed = packages.after_strike(auction, offer.seq, struck.seq + 1, now)
        except TooHardError:
            return Refused(Reason.LIMIT, None, "without this bid nobody could prove in time which bids win")
        return Accepted((struck, changed))
    return Accepted((struck,))
