"""Indicative, then binding: many say roughly, a few look closely, and those bid.

indicative     a range and its conditions, replaceable, withdrawable; binds nobody
shortlist      the seller chooses among those who indicated and gives every other one a reason
due diligence  nobody bids
binding        sealed: first price, replaceable, withdrawable, perhaps bettered once in a best-and-final round; or
               English: the shortlisted outbid each other by the rules of `auctions.ascending`, and nothing is taken back
               far below the own indication only with a reason; one given in the open holds for what the bidder bids later
changed tape   makes every indication before it stale: it cannot be shortlisted, and asks for no reason later
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auctions import ascending
from auctions.auction import Auction
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    CancelCeiling,
    Decision,
    Event,
    FailureReason,
    PlaceBid,
    Reason,
    Refused,
    SetCeiling,
)
from auctions.moves import (
    BidsOpened,
    BindingExplained,
    BindingSealed,
    Declined,
    Indicate,
    IndicationPlaced,
    OpenedBid,
    PlaceBinding,
    ReviseTape,
    Shortlist,
    Shortlisted,
    Stage,
    StageBegan,
    TapeRevised,
    Withdraw,
)  # fmt: skip
from auctions.sealed import awarded, bettered, finalists_of, ranking, withdraw
from auctions.terms import Binding, EnglishTerms, TwoStageTerms
from auctions.terms.dutch import WHOLE_BPS

_OPEN_BID = PlaceBid | SetCeiling | CancelCeiling
_WITHDRAWING = {Stage.INDICATIVE, Stage.SHORTLISTING, Stage.BINDING, Stage.FINAL}


def takes(terms: TwoStageTerms) -> tuple[type, ...]:
    """The commands of the format."""
    shared = (Indicate, Withdraw, Shortlist, ReviseTape, PlaceBinding)
    return (*shared, PlaceBid, SetCeiling, CancelCeiling) if terms.binding is Binding.ENGLISH else shared


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a bidder in good standing or the seller."""
    terms, stage = _terms(auction), auction.the_book.stage
    match command:
        case ReviseTape():
            name, seq, version = auction.auction_id, auction.seq + 1, command.tape_version
            return Accepted((TapeRevised(auction_id=name, seq=seq, at=now, tape_version=version),))
        case Indicate():
            return _indicate(auction, command, now)
        case Shortlist():
            return _shortlist(auction, terms, command, now)
        case PlaceBinding() | PlaceBid() | SetCeiling() | CancelCeiling():
            return _bind(auction, terms, command, now)
        case Withdraw() if auction.ascent is not None:
            return Refused(Reason.NOT_OPEN, None, "an open bid stands")
        case Withdraw() if stage in _WITHDRAWING:
            return withdraw(auction, command, now)
        case _:
            return Refused(Reason.NOT_OPEN, None, "nothing stands during due diligence")


def is_stale(auction: Auction, indication: IndicationPlaced) -> bool:
    """Whether the tape has changed since."""
    return indication.tape_version != auction.the_book.tape_version


def _indicate(auction: Auction, command: Indicate, now: datetime) -> Decision:
    book = auction.the_book
    before = book.offer_of(command.bidder)
    if book.stage is not Stage.INDICATIVE:
        renews = isinstance(before, IndicationPlaced) and is_stale(auction, before)
        if not (book.stage is Stage.SHORTLISTING and renews):
            return Refused(Reason.TOO_LATE, None, "the indicative part is over")
    if command.low_cents < book.least_cents:
        return Refused(Reason.BID_TOO_LOW, book.least_cents)
    placed = IndicationPlaced(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if before is None else before.seq,
        low_cents=command.low_cents,
        high_cents=command.high_cents,
        conditions=command.conditions,
        tape_version=book.tape_version,
    )
    return Accepted((placed,))


def _shortlist(auction: Auction, terms: TwoStageTerms, command: Shortlist, now: datetime) -> Decision:
    if auction.the_book.stage is not Stage.SHORTLISTING:
        return Refused(Reason.STALE, None, "the shortlist is made when the indicative part has ended")
    by_bidder = {offer.bidder: offer for offer in auction.the_book.offers.values()}
    reasons = dict(command.declined)
    if not set(command.chosen) <= by_bidder.keys():
        return Refused(Reason.NO_SUCH_BID, None, "only who has indicated can be chosen")
    if reasons.keys() != by_bidder.keys() - set(command.chosen):
        return Refused(Reason.STALE, None, "every bidder is chosen, or declined with a reason")
    chosen = [by_bidder[name] for name in command.chosen]
    if any(isinstance(offer, IndicationPlaced) and is_stale(auction, offer) for offer in chosen):
        return Refused(Reason.STALE, None, "the tape has changed since one of them indicated")
    if len(chosen) > terms.shortlist_most:
        return Refused(Reason.LIMIT, None, f"at most {terms.shortlist_most} may be chosen")
    declined = tuple(
        Declined(bidder=name, paddle=by_bidder[name].paddle, reason=reasons[name]) for name in sorted(reasons)
    )
    names = tuple(sorted(command.chosen))
    listed = Shortlisted(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, chosen=names, declined=declined)
    return Accepted((listed, _begin(auction, Stage.DUE_DILIGENCE, listed.seq + 1, now, names)))


def _bind(auction: Auction, terms: TwoStageTerms, command: PlaceBinding | _OPEN_BID, now: datetime) -> Decision:
    book, ascent = auction.the_book, auction.ascent
    if book.stage not in {Stage.BINDING, Stage.FINAL}:
        return Refused(Reason.NOT_OPEN, None, "binding bids are taken after due diligence")
    if book.admitted is None or command.bidder not in book.admitted:
        return Refused(Reason.NOT_ELIGIBLE, None, f"not {_ADMITTED[book.stage]}")
    if ascent is not None:
        return _bid_in_the_open(auction, terms, ascent, command, now)
    assert isinstance(command, PlaceBinding)
    return _seal(auction, terms, command, now)


_ADMITTED = {Stage.BINDING: "on the shortlist", Stage.FINAL: "among the finalists"}


def _seal(auction: Auction, terms: TwoStageTerms, command: PlaceBinding, now: datetime) -> Decision:
    book, cents = auction.the_book, command.amount_cents
    first = next((bid.amount_cents for bid in book.opened_first if bid.bidder == command.bidder), None)
    least_cents = book.least_cents if first is None else first + 1
    if cents < least_cents:
        return Refused(Reason.BID_TOO_LOW, least_cents)
    limit_cents = command.standing.limit_cents
    if limit_cents is not None and cents > limit_cents:
        return Refused(Reason.LIMIT, least_cents, command.standing.detail)
    if _is_far_below(auction, terms, command.bidder, cents) and not command.reason.strip():
        return _UNEXPLAINED
    before = book.offer_of(command.bidder)
    sealed = BindingSealed(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if before is None else before.seq,
        amount_cents=cents,
        reason=command.reason,
    )
    return Accepted((sealed,))


_UNEXPLAINED = Refused(Reason.CONFIRM_NEEDED, None, "so far below the own indication a reason is needed")


def _is_far_below(auction: Auction, terms: TwoStageTerms, bidder: str, cents: int) -> bool:
    said = auction.the_book.indications[bidder]
    return cents * WHOLE_BPS < said.low_cents * (WHOLE_BPS - terms.deviation_bps) and not is_stale(auction, said)


def _bid_in_the_open(
    auction: Auction, terms: TwoStageTerms, ascent: EnglishTerms, command: PlaceBinding | _OPEN_BID, now: datetime
) -> Decision:
    """By the rules of the ascending format. The reason of a binding bid comes as an event before the bid's own."""
    if isinstance(command, CancelCeiling):
        return ascending.decide_bid(auction, ascent, command, now)
    told: tuple[BindingExplained, ...] = ()
    if isinstance(command, PlaceBinding):
        told = (_explained(auction, command, now),) if command.reason.strip() else ()
        cents, standing = command.amount_cents, command.standing
        command = PlaceBid(bidder=command.bidder, cid=command.cid, amount_cents=cents, standing=standing)
    decision = ascending.decide_bid(replace(auction, seq=auction.seq + len(told)), ascent, command, now)
    if isinstance(decision, Refused):
        return decision
    cents = command.amount_cents if isinstance(command, PlaceBid) else command.ceiling_cents
    is_explained = bool(told) or command.bidder in auction.the_book.explained
    if _is_far_below(auction, terms, command.bidder, cents) and not is_explained:
        return _UNEXPLAINED
    return Accepted((*told, *decision.events))


def _explained(auction: Auction, command: PlaceBinding, now: datetime) -> BindingExplained:
    return BindingExplained(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=auction.the_book.explained.get(command.bidder),
        amount_cents=command.amount_cents,
        reason=command.reason,
    )


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """What the end of the present part leads to."""
    book, seq = auction.the_book, auction.seq + 1
    if book.stage is Stage.INDICATIVE:
        if not book.offers:
            return _failed(auction, seq, now, FailureReason.NO_BIDS)
        return (_begin(auction, Stage.SHORTLISTING, seq, now, None),)
    if book.stage is Stage.SHORTLISTING:
        return _failed(auction, seq, now, FailureReason.NOT_AWARDED)
    if book.stage is Stage.DUE_DILIGENCE:
        return (_begin(auction, Stage.BINDING, seq, now, book.admitted),)
    if (ascent := auction.ascent) is not None:
        closed = AuctionClosed(auction_id=auction.auction_id, seq=seq, at=now)
        return (closed, ascending.award(auction, ascent, seq + 1, now))
    return _open(auction, now)


def _open(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """All sealed bids together, and then the end, or once a round in which the best of them may better theirs."""
    name, book = auction.auction_id, auction.the_book
    bids = [offer for _, offer in sorted(book.offers.items()) if isinstance(offer, BindingSealed)]
    if not bids:
        return _settle(auction, bettered(auction, ()), auction.seq + 1, now)
    opened = tuple(
        OpenedBid(bid_seq=b.seq, bidder=b.bidder, paddle=b.paddle, amount_cents=b.amount_cents) for b in bids
    )
    finalists = finalists_of(_terms(auction), ranking(opened)) if book.stage is Stage.BINDING else ()
    goes_on = len(finalists) > 1
    event = BidsOpened(auction_id=name, seq=auction.seq + 1, at=now, opened=opened, ends=not goes_on)
    if goes_on:
        names = tuple(sorted(bid.bidder for bid in finalists))
        return (event, _begin(auction, Stage.FINAL, event.seq + 1, now, names))
    return (event, *_settle(auction, bettered(auction, opened), event.seq + 1, now))


def _settle(auction: Auction, ranked: Sequence[OpenedBid], seq: int, now: datetime) -> tuple[Event, ...]:
    if not ranked:
        return _failed(auction, seq, now, FailureReason.NO_BIDS)
    best, reserve_cents = ranked[0], _terms(auction).reserve_cents
    assert best.amount_cents is not None
    if reserve_cents is not None and best.amount_cents < reserve_cents:
        return _failed(auction, seq, now, FailureReason.RESERVE_NOT_MET)
    return awarded(auction.auction_id, best.bidder, best.paddle, best.amount_cents, seq, now)


def _failed(auction: Auction, seq: int, now: datetime, reason: FailureReason) -> tuple[Event, ...]:
    name = auction.auction_id
    failed = AuctionFailed(auction_id=name, seq=seq + 1, at=now, reason=reason)
    return (AuctionClosed(auction_id=name, seq=seq, at=now), failed)


def _begin(auction: Auction, stage: Stage, seq: int, now: datetime, admitted: tuple[str, ...] | None) -> StageBegan:
    terms = _terms(auction)
    lasting = {
        Stage.SHORTLISTING: (terms.shortlist_s, terms.due_diligence_s + terms.binding_most_s),
        Stage.DUE_DILIGENCE: (terms.due_diligence_s, terms.binding_most_s),
        Stage.BINDING: (terms.binding_s, terms.binding_most_s - terms.binding_s),
        Stage.FINAL: (terms.final_s or 0, 0),
    }
    lasts_s, after_s = lasting[stage]
    closes_at = now + timedelta(seconds=lasts_s)
    return StageBegan(
        auction_id=auction.auction_id,
        seq=seq,
        at=now,
        stage=stage,
        begins_at=now,
        closes_at=closes_at,
        latest_close_at=closes_at + timedelta(seconds=after_s),
        admitted=admitted,
        least_cents=auction.min_next_cents,
        price_cents=None,
        leader=None,
        leader_paddle=None,
        clears=stage in {Stage.DUE_DILIGENCE, Stage.FINAL},
    )


def _terms(auction: Auction) -> TwoStageTerms:
    assert isinstance(auction.terms, TwoStageTerms)
    return auction.terms
