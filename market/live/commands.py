"""What a frame asks of the engine: the wire's commands as the engine's."""

from auctions import messages, moves
from auctions.messages import Move
from market.live.protocol import (
    Accept,
    AcceptCounter,
    Arm,
    Award,
    Bid,
    BidderCommand,
    Binding,
    BuyNow,
    Command,
    Counter,
    DeclineHighest,
    Indicate,
    Package,
    Proxy,
    ProxyCancel,
    Refuse,
    ReviseTape,
    Seal,
    Shortlist,
    TakeHighest,
    Withdraw,
)


def engine_command(command: Command, bidder: str) -> messages.Command | Move:
    """What the engine is asked."""
    match command:
        case Refuse(seq=seq, reason=reason):
            return messages.RefuseBid(seq=seq, reason=reason)
        case Award(bid_seq=bid_seq, seq_seen=seq_seen):
            return moves.AwardOffer(bid_seq=bid_seq, seq_seen=seq_seen)
        case TakeHighest(seq_seen=seq_seen):
            return messages.TakeHighest(seq_seen=seq_seen)
        case DeclineHighest(seq_seen=seq_seen):
            return messages.DeclineHighest(seq_seen=seq_seen)
        case Counter(bid_seq=bid_seq, price_cents=cents, valid_until=until):
            return moves.CounterOffer(bid_seq=bid_seq, price_cents=cents, expires_at=until)
        case Shortlist(chosen=chosen, declined=declined):
            reasons = tuple((str(one.bidder), one.reason) for one in declined)
            return moves.Shortlist(chosen=tuple(map(str, chosen)), declined=reasons)
        case ReviseTape(tape_version=version):
            return moves.ReviseTape(tape_version=version)
        case _:
            return _of_bidder(command, bidder)


def _of_bidder(command: BidderCommand, bidder: str) -> messages.BidderCommand | moves.BidderMove:  # noqa: C901  # one flat match
    match command:
        case Bid(cid=cid, amount_cents=cents, confirmed=confirmed):
            return messages.PlaceBid(bidder=bidder, cid=cid, amount_cents=cents, confirmed=confirmed)
        case Proxy(cid=cid, ceiling_cents=cents, confirmed=confirmed):
            return messages.SetCeiling(bidder=bidder, cid=cid, ceiling_cents=cents, confirmed=confirmed)
        case ProxyCancel(cid=cid):
            return messages.CancelCeiling(bidder=bidder, cid=cid)
        case BuyNow(cid=cid):
            return messages.BuyNow(bidder=bidder, cid=cid)
        case Accept(cid=cid, step=step, price_cents=cents):
            return moves.AcceptStep(bidder=bidder, cid=cid, step=step, price_cents=cents)
        case Arm(cid=cid, step=step):
            return moves.ArmStep(bidder=bidder, cid=cid, step=step)
        case Withdraw(cid=cid):
            return moves.Withdraw(bidder=bidder, cid=cid)
        case Seal(cid=cid, sealed=sealed, commitment=commitment):
            return moves.SealBid(bidder=bidder, cid=cid, sealed=sealed, commitment=commitment)
        case AcceptCounter(cid=cid, counter_seq=seq):
            return moves.AcceptCounter(bidder=bidder, cid=cid, counter_seq=seq)
        case Indicate(cid=cid, low_cents=low, high_cents=high, conditions=conditions):
            return moves.Indicate(bidder=bidder, cid=cid, low_cents=low, high_cents=high, conditions=conditions)
        case Binding(cid=cid, amount_cents=cents, reason=reason):
            return moves.PlaceBinding(bidder=bidder, cid=cid, amount_cents=cents, reason=reason)
        case Package(cid=cid, pools=pools, amount_cents=cents):
            return moves.PlacePackageBid(bidder=bidder, cid=cid, pools=tuple(map(str, pools)), amount_cents=cents)
