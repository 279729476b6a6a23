"""Which command an event tells of, so that a log can be decided again. For the formats that keep a book."""

from auctions.messages import Close, Command, Move, MoveEvent, PlaceBid
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    AwardOffer,
    BidSealed,
    BidsOpened,
    BindingExplained,
    BindingSealed,
    BoardChanged,
    CounterAccepted,
    Countered,
    CounterOffer,
    Indicate,
    IndicationPlaced,
    OfferPlaced,
    OfferTaken,
    OfferWithdrawn,
    OpenBids,
    Opened,
    PackageBid,
    PlaceBinding,
    PlacePackageBid,
    PoolsAwarded,
    ReviseTape,
    SealBid,
    Shortlist,
    Shortlisted,
    StageBegan,
    StepAccepted,
    StepArmed,
    StepDisarmed,
    TapeRevised,
    Tick,
    Withdraw,
)  # fmt: skip


def move_behind(event: MoveEvent) -> Command | Move | None:  # noqa: C901, PLR0912  # one flat match
    """The command that must have led to an event of a format with a book; None if no command can have."""
    match event:
        case StepArmed():
            return ArmStep(bidder=event.bidder, cid=event.cid, step=event.step)
        case StepDisarmed() | OfferWithdrawn():
            return Withdraw(bidder=event.bidder, cid=event.cid)
        case StepAccepted(armed_seq=None):
            step, price_cents = event.step, event.price_cents
            return AcceptStep(bidder=event.bidder, cid=event.cid, step=step, price_cents=price_cents)
        case StepAccepted():
            return Tick()
        case BidSealed():
            return _bid_behind(event)
        case IndicationPlaced():
            low, high, conditions = event.low_cents, event.high_cents, event.conditions
            return Indicate(bidder=event.bidder, cid=event.cid, low_cents=low, high_cents=high, conditions=conditions)
        case BindingSealed() | BindingExplained():
            cents, reason = event.amount_cents, event.reason
            return PlaceBinding(bidder=event.bidder, cid=event.cid, amount_cents=cents, reason=reason)
        case PackageBid():
            pools, cents = event.pools, event.amount_cents
            return PlacePackageBid(bidder=event.bidder, cid=event.cid, pools=pools, amount_cents=cents)
        case BoardChanged() | PoolsAwarded():
            return None
        case Shortlisted():
            return Shortlist(chosen=event.chosen, declined=tuple((one.bidder, one.reason) for one in event.declined))
        case TapeRevised():
            return ReviseTape(tape_version=event.tape_version)
        case OfferPlaced():
            return PlaceBid(bidder=event.bidder, cid=event.cid, amount_cents=event.amount_cents, confirmed=True)
        case Countered():
            cents, expires_at = event.price_cents, event.expires_at
            return CounterOffer(bid_seq=event.offer_seq, price_cents=cents, expires_at=expires_at)
        case CounterAccepted():
            return AcceptCounter(bidder=event.bidder, cid=event.cid, counter_seq=event.counter_seq)
        case OfferTaken():
            return AwardOffer(bid_seq=event.taken_seq, seq_seen=event.seq_seen)
        case BidsOpened() if not event.opened or any(bid.salt is not None for bid in event.opened):
            contents = [Opened(bid_seq=b.bid_seq, amount_cents=b.amount_cents, salt=b.salt or "") for b in event.opened]
            return OpenBids(opened=tuple(contents), key=event.key)
        case BidsOpened() | StageBegan():
            return Close()


def _bid_behind(event: BidSealed) -> PlaceBid | SealBid | None:
    bidder, cid = event.bidder, event.cid
    if event.amount_cents is not None:
        return PlaceBid(bidder=bidder, cid=cid, amount_cents=event.amount_cents, confirmed=True)
    if event.sealed is None or event.commitment is None:
        return None
    return SealBid(bidder=bidder, cid=cid, sealed=event.sealed, commitment=event.commitment)
