"""Below the reserve: after an ascending auction that did not reach it the seller may still take the highest bid.

asked     at the close, if there is a bid and the terms give the seller time to answer
takes     with the eyes open (STALE otherwise), at the price of the close, from a bidder who may still buy
declines  or says nothing until the time is over: the auction fails, as it would have without being asked
"""

from datetime import datetime, timedelta

from auctions.auction import Auction
from auctions.messages import (
    Accepted,
    AnswerAwaited,
    AnswerCommand,
    AuctionFailed,
    Awarded,
    Decision,
    DeclineHighest,
    FailureReason,
    HighestDeclined,
    HighestTaken,
    Reason,
    Refused,
    TakeHighest,
)


def ask(auction: Auction, answer_s: int, seq: int, now: datetime) -> AnswerAwaited:
    """The question to the seller, as event `seq`; its time begins when the auction was closed."""
    until = now + timedelta(seconds=answer_s)
    return AnswerAwaited(auction_id=auction.auction_id, seq=seq, at=now, answer_until=until)


def decide_answer(auction: Auction, command: AnswerCommand, now: datetime) -> Decision:
    """The answer to the seller, in an auction that awaits the seller's."""
    assert auction.answer_until is not None
    if now >= auction.answer_until:
        return Refused(Reason.TOO_LATE, None, "the time to answer is over")
    if isinstance(command, TakeHighest) and command.standing.refusal is not None:
        return Refused(Reason.NOT_ELIGIBLE, None, "the highest bidder may not buy here at the moment")
    if command.seq_seen != auction.seq:
        return Refused(Reason.STALE, None, "the auction has moved since")
    return _decline(auction, command, now) if isinstance(command, DeclineHighest) else _take(auction, command, now)


def _take(auction: Auction, command: TakeHighest, now: datetime) -> Decision:
    leader, price_cents, limit_cents = auction.leader, auction.price_cents, command.standing.limit_cents
    assert leader is not None
    assert price_cents is not None
    if limit_cents is not None and price_cents > limit_cents:
        return Refused(Reason.LIMIT, None, "the price is above what the highest bidder may pay at the moment")
    name, seq, paddle = auction.auction_id, auction.seq + 1, auction.paddle_of(leader)
    taken = HighestTaken(
        auction_id=name,
        seq=seq,
        at=now,
        bidder=leader,
        paddle=paddle,
        price_cents=price_cents,
        seq_seen=command.seq_seen,
    )
    awarded = Awarded(
        auction_id=name, seq=seq + 1, at=now, winner=leader, winner_paddle=paddle, hammer_cents=price_cents
    )
    return Accepted((taken, awarded))


def _decline(auction: Auction, command: DeclineHighest, now: datetime) -> Decision:
    seq = auction.seq + 1
    declined = HighestDeclined(auction_id=auction.auction_id, seq=seq, at=now, seq_seen=command.seq_seen)
    return Accepted((declined, give_up(auction, seq + 1, now)))


def give_up(auction: Auction, seq: int, now: datetime) -> AuctionFailed:
    """The end without a sale, as event `seq`."""
    return AuctionFailed(auction_id=auction.auction_id, seq=seq, at=now, reason=FailureReason.RESERVE_NOT_MET)
