"""Dutch, then sealed, then best bid: who stops the falling price is challenged once, and may answer once.

dutch    as in the descending format, without armed steps; nobody accepts: the auction fails
sealed   all but who accepted, above the accepted price, replaceable; no bid: sold at the accepted price
best     who accepted, alone, must exceed the best sealed bid; otherwise that bid wins. Of equal sealed bids the earlier
         is the best, and an equal best bid is too low: who came first stays ahead
"""

from datetime import datetime, timedelta

from auctions.auction import Auction
from auctions.descending import accept
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    Decision,
    Event,
    FailureReason,
    PlaceBid,
    Reason,
    Refused,
)
from auctions.moves import AcceptStep, BidsOpened, OpenedBid, Stage, StageBegan
from auctions.sealed import above_limit, awarded, open_all, ranking, seal
from auctions.terms import HybridTerms


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a well-formed command of a bidder in good standing."""
    assert isinstance(command, AcceptStep | PlaceBid)
    terms, in_dutch = _terms(auction), auction.the_book.stage is Stage.DUTCH
    if isinstance(command, AcceptStep):
        return (
            _accept(auction, terms, command, now) if in_dutch else Refused(Reason.STEP_MOVED, None, "the price stands")
        )
    if in_dutch:
        return Refused(Reason.NOT_OPEN, None, "sealed bids are taken after a step is accepted")
    return _seal(auction, command, now)


def _accept(auction: Auction, terms: HybridTerms, command: AcceptStep, now: datetime) -> Decision:
    if now < auction.closes_at - timedelta(seconds=(terms.last_step + 1) * terms.interval_s):
        return Refused(Reason.NOT_OPEN, terms.start_cents, "the first step has not begun")
    accepted = accept(auction, terms, command, now)
    if isinstance(accepted, Refused):
        return accepted
    began = _begin(
        auction, Stage.SEALED, accepted.seq + 1, now, leading=(accepted.bidder, accepted.paddle, accepted.price_cents)
    )
    return Accepted((accepted, began))


def _seal(auction: Auction, command: PlaceBid, now: datetime) -> Decision:
    book = auction.the_book
    assert book.begins_at is not None
    if now < book.begins_at:
        return Refused(Reason.NOT_OPEN, book.least_cents, "the next part has not begun")
    is_accepter = command.bidder == accepter(auction)
    if is_accepter != (book.stage is Stage.BEST):
        return Refused(Reason.NOT_ELIGIBLE, None, "not your turn in this part")
    if command.amount_cents < book.least_cents:
        return Refused(Reason.BID_TOO_LOW, book.least_cents)
    return above_limit(command, book.least_cents) or Accepted((seal(auction, command, now),))


def accepter(auction: Auction) -> str | None:
    """Who stopped the falling price; None while it falls."""
    admitted = auction.the_book.admitted
    return auction.leader if admitted is None else admitted[0]


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """What the end of the present part leads to."""
    book, name, seq = auction.the_book, auction.auction_id, auction.seq
    if auction.leader is None or auction.price_cents is None:
        failed = AuctionFailed(auction_id=name, seq=seq + 2, at=now, reason=FailureReason.NO_BIDS)
        return (AuctionClosed(auction_id=name, seq=seq + 1, at=now), failed)
    if not book.offers:
        paddle = auction.paddles[auction.leader]
        return awarded(name, auction.leader, paddle, auction.price_cents, seq + 1, now)
    opened = BidsOpened(auction_id=name, seq=seq + 1, at=now, opened=(*book.opened, *open_all(auction)), ends=True)
    best = ranking(opened.opened)[0]
    assert best.amount_cents is not None
    if book.stage is Stage.BEST:
        return (opened, *awarded(name, best.bidder, best.paddle, best.amount_cents, seq + 2, now))
    return (opened, _challenge(auction, best, seq + 2, now))


def _challenge(auction: Auction, best: OpenedBid, seq: int, now: datetime) -> StageBegan:
    assert best.amount_cents is not None
    leading = (best.bidder, best.paddle, best.amount_cents)
    return _begin(auction, Stage.BEST, seq, now, leading=leading, admitted=(str(accepter(auction)),))


def _begin(
    auction: Auction,
    stage: Stage,
    seq: int,
    now: datetime,
    *,
    leading: tuple[str, int, int],
    admitted: tuple[str, ...] | None = None,
) -> StageBegan:
    terms = _terms(auction)
    leader, paddle, price_cents = leading
    begins_at = now + timedelta(seconds=terms.pause_s)
    closes_at = begins_at + timedelta(seconds=terms.sealed_s if stage is Stage.SEALED else terms.best_s)
    after_s = terms.pause_s + terms.best_s if stage is Stage.SEALED else 0
    return StageBegan(
        auction_id=auction.auction_id,
        seq=seq,
        at=now,
        stage=stage,
        begins_at=begins_at,
        closes_at=closes_at,
        latest_close_at=closes_at + timedelta(seconds=after_s),
        admitted=admitted,
        least_cents=price_cents + 1,
        price_cents=price_cents,
        leader=leader,
        leader_paddle=paddle,
        clears=True,
    )


def _terms(auction: Auction) -> HybridTerms:
    assert isinstance(auction.terms, HybridTerms)
    return auction.terms
