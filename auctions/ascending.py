"""English auction: the price rises, the highest ceiling leads, the earlier of two equals stays ahead.

no leader                   the bidder leads at the opening bid (a manual bid: at its amount)
above the leader's ceiling  the bidder leads at its amount (manual), or one step above the old ceiling or the
                            price, whichever is more, but at most at its own ceiling (proxy)
equal                       the leader stays, at that amount
below                       the leader stays, one step above the bid, at most at its own ceiling
then                        a price below the reserve rises to it if the leader's ceiling reaches it
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from auctions.auction import Auction, Remembered, min_next
from auctions.below_reserve import ask, give_up
from auctions.increments import increment_at
from auctions.messages import (
    Accepted,
    AnswerAwaited,
    AuctionClosed,
    AuctionFailed,
    Awarded,
    BidAccepted,
    BidderCommand,
    BidKind,
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    BuyNow,
    CancelCeiling,
    CeilingLowered,
    CloseExtended,
    Decision,
    Event,
    FailureReason,
    Outcome,
    PlaceBid,
    Reason,
    RefuseBid,
    Refused,
    ReserveMet,
    SetCeiling,
    StrikeCommand,
)
from auctions.terms import EnglishTerms

_REMEMBERING = 3
"""From this version of the rules on a strike is remembered: whom the seller refused, and what was made of the lead."""


class Lead(NamedTuple):
    """Who leads by which bid, at what price, and how far the leader would go."""

    bidder: str
    bid_seq: int
    ceiling_cents: int
    price_cents: int


class Offer(NamedTuple):
    """A bid on its way into the table above."""

    bidder: str
    seq: int
    cents: int
    kind: BidKind


def meet(terms: EnglishTerms, lead: Lead | None, offer: Offer) -> Lead:
    """Who leads after `offer` met `lead`. The table above; knows nothing of least bids, limits or time."""
    cents, exact = offer.cents, offer.kind is BidKind.MANUAL
    if lead is None:
        after = Lead(offer.bidder, offer.seq, cents, cents if exact else terms.opening_cents)
    elif offer.bidder == lead.bidder and not exact:
        after = lead._replace(ceiling_cents=max(lead.ceiling_cents, cents))
    elif cents > lead.ceiling_cents:
        step_above = lead.ceiling_cents + increment_at(terms.increments, lead.ceiling_cents)
        price = cents if exact else min(cents, max(min_next(terms, lead.price_cents), step_above))
        after = Lead(offer.bidder, offer.seq, cents, price)
    else:
        price = min(lead.ceiling_cents, cents + increment_at(terms.increments, cents))
        after = lead._replace(price_cents=price)
    if terms.reserve_cents is not None and after.price_cents < terms.reserve_cents <= after.ceiling_cents:
        return after._replace(price_cents=terms.reserve_cents)
    return after


def lead_of(auction: Auction) -> Lead | None:
    """The current lead; None before the first bid that counts."""
    if auction.leader is None:
        return None
    assert auction.leader_bid_seq is not None
    assert auction.leader_ceiling_cents is not None
    assert auction.price_cents is not None
    return Lead(auction.leader, auction.leader_bid_seq, auction.leader_ceiling_cents, auction.price_cents)


def decide_bid(auction: Auction, terms: EnglishTerms, command: BidderCommand, now: datetime) -> Decision:
    """The answer to a well-formed command of a bidder in good standing while bids are taken."""
    match command:
        case PlaceBid():
            return _bid(auction, terms, command, BidKind.MANUAL, command.amount_cents, now)
        case SetCeiling():
            return _bid(auction, terms, command, BidKind.PROXY, command.ceiling_cents, now)
        case CancelCeiling():
            return _lower_ceiling(auction, command, now)
        case BuyNow():
            return _buy_now(auction, terms, command, now)
        case _:
            assert_never(command)


def _bid(
    auction: Auction,
    terms: EnglishTerms,
    command: PlaceBid | SetCeiling,
    kind: BidKind,
    cents: int,
    now: datetime,
) -> Decision:
    lead = lead_of(auction)
    if refused := _refuse_amount(auction, terms, lead, command, kind, cents):
        return refused
    seq = auction.seq + 1
    after = meet(terms, lead, Offer(command.bidder, seq, cents, kind))
    changed = lead is None or after.price_cents != lead.price_cents or after.bidder != lead.bidder
    raised = lead is not None and after.bidder == command.bidder and after.bid_seq == lead.bid_seq
    bid = BidAccepted(
        auction_id=auction.auction_id,
        seq=seq,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        bid_kind=kind,
        amount_cents=cents,
        amends=after.bid_seq if raised else None,
        outcome=_outcome(after, command.bidder, cents, changed=changed),
        price_cents=after.price_cents,
        min_next_cents=min_next(terms, after.price_cents),
        leader=after.bidder,
        leader_paddle=auction.paddle_of(after.bidder),
        leader_ceiling_cents=after.ceiling_cents,
    )
    return Accepted((bid, *_consequences(auction, terms, after, now))) if changed else Accepted((bid,))


def _refuse_amount(
    auction: Auction,
    terms: EnglishTerms,
    lead: Lead | None,
    command: PlaceBid | SetCeiling,
    kind: BidKind,
    cents: int,
) -> Refused | None:
    least = min_next(terms, auction.price_cents)
    floor = least
    if lead is not None and lead.bidder == command.bidder:
        # Raising one's own ceiling moves no price, but a step of the ladder it must be: a cent would do for ever.
        step = 1 if terms.rules == 1 else increment_at(terms.increments, lead.ceiling_cents)
        floor = lead.ceiling_cents + step if kind is BidKind.PROXY else max(least, lead.ceiling_cents + 1)
    if cents < floor:
        return Refused(Reason.BID_TOO_LOW, floor)
    if command.standing.limit_cents is not None and cents > command.standing.limit_cents:
        return Refused(Reason.LIMIT, floor, command.standing.detail)
    if cents >= terms.confirm_multiple * least and not command.confirmed:
        return Refused(Reason.CONFIRM_NEEDED, floor)
    return None


def _outcome(after: Lead, bidder: str, cents: int, *, changed: bool) -> Outcome:
    if after.bidder == bidder:
        return Outcome.LEADING if changed else Outcome.RAISED
    return Outcome.OUTBID_TIE if after.ceiling_cents == cents else Outcome.OUTBID


def _consequences(auction: Auction, terms: EnglishTerms, after: Lead, now: datetime) -> Iterable[Event]:
    """What a bid that changed price or leader brings with it, as the events after the bid's own."""
    seq = auction.seq + 2
    if not auction.reserve_met and _meets_reserve(terms, after):
        yield ReserveMet(auction_id=auction.auction_id, seq=seq, at=now)
        seq += 1
    if auction.closes_at - now <= timedelta(seconds=terms.soft_close_window_s):
        closes_at = min(now + timedelta(seconds=terms.soft_close_extension_s), auction.latest_close_at)
        if closes_at > auction.closes_at:
            yield CloseExtended(auction_id=auction.auction_id, seq=seq, at=now, closes_at=closes_at)


def _meets_reserve(terms: EnglishTerms, lead: Lead | None) -> bool:
    return lead is not None and (terms.reserve_cents is None or lead.price_cents >= terms.reserve_cents)


def _lower_ceiling(auction: Auction, command: CancelCeiling, now: datetime) -> Decision:
    lead = lead_of(auction)
    if lead is None or lead.bidder != command.bidder or lead.ceiling_cents == lead.price_cents:
        return Refused(Reason.NO_CEILING)
    lowered = CeilingLowered(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        leader_ceiling_cents=lead.price_cents,
    )
    return Accepted((lowered,))


def _buy_now(auction: Auction, terms: EnglishTerms, command: BuyNow, now: datetime) -> Decision:
    cents, limit = terms.buy_now_cents, command.standing.limit_cents
    if cents is None or (auction.price_cents is not None and auction.price_cents >= cents):
        return Refused(Reason.NO_BUY_NOW)
    if limit is not None and cents > limit:
        return Refused(Reason.LIMIT, None, command.standing.detail)
    name, seq, paddle = auction.auction_id, auction.seq, auction.paddle_of(command.bidder)
    bought = BoughtNow(
        auction_id=name,
        seq=seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=paddle,
        cid=command.cid,
        price_cents=cents,
        min_next_cents=min_next(terms, cents),
    )
    closed = AuctionClosed(auction_id=name, seq=seq + 2, at=now)
    awarded = Awarded(
        auction_id=name, seq=seq + 3, at=now, winner=command.bidder, winner_paddle=paddle, hammer_cents=cents
    )
    return Accepted((bought, closed, awarded))


def shut_out(auction: Auction, terms: EnglishTerms) -> frozenset[str]:
    """The bidders whom the seller has refused: none of their bids counts, and they may not bid again."""
    return auction.refused if terms.rules >= _REMEMBERING else frozenset()


def decide_strike(auction: Auction, terms: EnglishTerms, command: StrikeCommand, now: datetime) -> Decision:
    """Strike out one bid and let all others meet again, in their order. Takes time in proportion to their number.

    If the seller refuses it, all bids of its bidder fall with it.
    """
    bid = next((b for b in auction.bids if b.seq == command.seq and isinstance(b, BidAccepted)), None)
    out = shut_out(auction, terms)
    if bid is None or not _counts(bid, auction.struck, out):
        return Refused(Reason.NO_SUCH_BID)
    event_type = BidRefusedBySeller if isinstance(command, RefuseBid) else BidVoided
    if event_type is BidRefusedBySeller and terms.rules >= _REMEMBERING:
        out |= {bid.bidder}
    after = lead_from(terms, auction.bids, auction.struck | {bid.seq}, out)
    if after is not None and terms.rules >= _REMEMBERING:
        after = _restored(lead_of(auction), after)
    price_cents = None if after is None else after.price_cents
    struck = event_type(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bid_seq=bid.seq,
        reason=command.reason,
        bidder=bid.bidder,
        paddle=bid.paddle,
        price_cents=price_cents,
        min_next_cents=min_next(terms, price_cents),
        leader=None if after is None else after.bidder,
        leader_paddle=None if after is None else auction.paddle_of(after.bidder),
        leader_ceiling_cents=None if after is None else after.ceiling_cents,
        leader_bid_seq=None if after is None else after.bid_seq,
        reserve_met=_meets_reserve(terms, after),
    )
    return Accepted((struck,))


def _restored(before: Lead | None, after: Lead) -> Lead:
    """What a strike makes of the lead. The price never rises; who comes to lead has no ceiling above it.

    Bids that meet again may end higher than they did: a ceiling that was raised in silence overbids what it had only
    fended off. And a ceiling that had been beaten is known to everybody, the seller's friends included.
    """
    assert before is not None, "where a bid is left, somebody led"
    price_cents = min(after.price_cents, before.price_cents)
    ceiling_cents = after.ceiling_cents if after.bidder == before.bidder else price_cents
    return after._replace(price_cents=price_cents, ceiling_cents=ceiling_cents)


def lead_from(
    terms: EnglishTerms, bids: Iterable[Remembered], struck: frozenset[int], out: frozenset[str] = frozenset()
) -> Lead | None:
    """Who leads when only the bids count that were not struck out, of bidders who are not shut `out`.

    A raised ceiling falls with the bid it amends. What an earlier strike made of the lead stays so.
    """
    lead: Lead | None = None
    for bid in bids:
        match bid:
            case BidAccepted():
                if _counts(bid, struck, out):
                    lead = meet(terms, lead, Offer(bid.bidder, bid.seq, bid.amount_cents, bid.bid_kind))
            case CeilingLowered():
                if lead is not None and lead.bidder == bid.bidder:
                    lead = _at_most(lead, lead.price_cents, bid.leader_ceiling_cents)
            case BidRefusedBySeller() | BidVoided():
                if lead is not None and lead.bidder == bid.leader and terms.rules >= _REMEMBERING:
                    lead = _at_most(lead, bid.price_cents, bid.leader_ceiling_cents)
            case _:
                assert_never(bid)
    return lead


def _at_most(lead: Lead, price_cents: int | None, ceiling_cents: int | None) -> Lead:
    """The same lead at no more than this price, and with no higher ceiling."""
    assert price_cents is not None
    assert ceiling_cents is not None
    price_cents = min(lead.price_cents, price_cents)
    return lead._replace(
        price_cents=price_cents, ceiling_cents=max(price_cents, min(lead.ceiling_cents, ceiling_cents))
    )


def _counts(bid: BidAccepted, struck: frozenset[int], out: frozenset[str]) -> bool:
    return bid.seq not in struck and bid.amends not in struck and bid.bidder not in out


def award(auction: Auction, terms: EnglishTerms, seq: int, now: datetime) -> Awarded | AuctionFailed | AnswerAwaited:
    """How a closed auction ends, as event `seq`, unless the seller is asked first."""
    name, leader, price_cents = auction.auction_id, auction.leader, auction.price_cents
    if leader is None or price_cents is None:
        return AuctionFailed(auction_id=name, seq=seq, at=now, reason=FailureReason.NO_BIDS)
    if not auction.reserve_met:
        answer_s = terms.below_reserve_answer_s
        return give_up(auction, seq, now) if answer_s is None else ask(auction, answer_s, seq, now)
    paddle = auction.paddle_of(leader)
    return Awarded(auction_id=name, seq=seq, at=now, winner=leader, winner_paddle=paddle, hammer_cents=price_cents)
