"""Indicative, then binding: many say roughly, a few look closely, and those bid under seal.

indicative     a range and its conditions, replaceable, withdrawable; binds nobody
shortlist      the seller chooses among those who indicated and gives every other one a reason
due diligence  nobody bids
binding        sealed, first price, replaceable, withdrawable; far below the own indication only with a reason
changed tape   makes every indication before it stale: it cannot be shortlisted, and asks for no reason later
"""

from datetime import datetime, timedelta

from auctions.auction import Auction
from auctions.messages import Accepted, AuctionClosed, AuctionFailed, Decision, Event, FailureReason, Reason, Refused
from auctions.moves import (
    BidsOpened,
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
from auctions.sealed import awarded, ranking, withdraw
from auctions.terms import TwoStageTerms
from auctions.terms.dutch import WHOLE_BPS


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
        case PlaceBinding():
            return _bind(auction, terms, command, now)
        case Withdraw() if stage in {Stage.INDICATIVE, Stage.SHORTLISTING, Stage.BINDING}:
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


def _bind(auction: Auction, terms: TwoStageTerms, command: PlaceBinding, now: datetime) -> Decision:
    book, cents = auction.the_book, command.amount_cents
    if book.stage is not Stage.BINDING:
        return Refused(Reason.NOT_OPEN, None, "binding bids are taken after due diligence")
    if book.admitted is None or command.bidder not in book.admitted:
        return Refused(Reason.NOT_ELIGIBLE, None, "not on the shortlist")
    if cents < book.least_cents:
        return Refused(Reason.BID_TOO_LOW, book.least_cents)
    limit_cents = command.standing.limit_cents
    if limit_cents is not None and cents > limit_cents:
        return Refused(Reason.LIMIT, book.least_cents, command.standing.detail)
    said = book.indications[command.bidder]
    far_below = cents * WHOLE_BPS < said.low_cents * (WHOLE_BPS - terms.deviation_bps)
    if far_below and not is_stale(auction, said) and not command.reason.strip():
        return Refused(Reason.CONFIRM_NEEDED, None, "so far below the own indication a reason is needed")
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
    return _open(auction, now) if book.offers else _failed(auction, seq, now, FailureReason.NO_BIDS)


def _open(auction: Auction, now: datetime) -> tuple[Event, ...]:
    bids = [offer for _, offer in sorted(auction.the_book.offers.items()) if isinstance(offer, BindingSealed)]
    opened = tuple(
        OpenedBid(bid_seq=b.seq, bidder=b.bidder, paddle=b.paddle, amount_cents=b.amount_cents) for b in bids
    )
    event = BidsOpened(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, opened=opened, ends=True)
    best, reserve_cents = ranking(opened)[0], _terms(auction).reserve_cents
    assert best.amount_cents is not None
    if reserve_cents is not None and best.amount_cents < reserve_cents:
        return (event, *_failed(auction, event.seq + 1, now, FailureReason.RESERVE_NOT_MET))
    return (event, *awarded(auction.auction_id, best.bidder, best.paddle, best.amount_cents, event.seq + 1, now))


def _failed(auction: Auction, seq: int, now: datetime, reason: FailureReason) -> tuple[Event, ...]:
    name = auction.auction_id
    failed = AuctionFailed(auction_id=name, seq=seq + 1, at=now, reason=reason)
    return (AuctionClosed(auction_id=name, seq=seq, at=now), failed)


def _begin(auction: Auction, stage: Stage, seq: int, now: datetime, admitted: tuple[str, ...] | None) -> StageBegan:
    terms = _terms(auction)
    lasting = {
        Stage.SHORTLISTING: (terms.shortlist_s, terms.due_diligence_s + terms.binding_s),
        Stage.DUE_DILIGENCE: (terms.due_diligence_s, terms.binding_s),
        Stage.BINDING: (terms.binding_s, 0),
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
        clears=stage is Stage.DUE_DILIGENCE,
    )


def _terms(auction: Auction) -> TwoStageTerms:
    assert isinstance(auction.terms, TwoStageTerms)
    return auction.terms
