"""The engine: what a command leads to, and what events add up to. Pure; the same arguments give the same answer."""

from collections.abc import Iterable
from datetime import UTC, datetime

from auctions import ascending, below_reserve, formats
from auctions.auction import Auction, Phase
from auctions.folding import fold, scheduled
from auctions.formats import RULES, due_at
from auctions.messages import (
    Accepted,
    AnswerCommand,
    AuctionCancelled,
    AuctionClosed,
    AuctionOpened,
    AuctionPaused,
    AuctionResumed,
    AuctionScheduled,
    BidderCommand,
    BuyNow,
    Cancel,
    CancelCeiling,
    Close,
    Command,
    Decision,
    DeclineHighest,
    Event,
    Move,
    Open,
    Pause,
    PlaceBid,
    Reason,
    RefuseBid,
    Refused,
    Resume,
    SetCeiling,
    StrikeCommand,
    TakeHighest,
    VoidBid,
)
from auctions.moves import BidderMove, Tick
from auctions.record import GENESIS, chain, encode
from auctions.shape import flaw_in
from auctions.terms import EnglishTerms, Terms

__all__ = ["Accepted", "Decision", "OutOfSequenceError", "Refused", "decide", "due_at", "evolve", "replay", "schedule"]

_Running = BidderCommand | StrikeCommand | Pause | Move


class OutOfSequenceError(ValueError):
    """An event that does not follow the state it was to be folded into: `seq` is the one that was due."""

    def __init__(self, seq: int, found: int) -> None:
        super().__init__(f"event {seq} was due, found {found}")
        self.seq = seq


def schedule(auction_id: str, terms: Terms, now: datetime) -> AuctionScheduled:
    """The first event of an auction."""
    return AuctionScheduled(auction_id=auction_id, seq=1, at=_in_utc(now), terms=terms)


def decide(auction: Auction, command: Command | Move, now: datetime) -> Decision:
    """What `command` leads to at the instant `now` (aware): events to append, or a refusal that changes nothing.

    Reasons are given in the order of `Reason`. Bids are taken while opens_at <= now < closes_at, where closes_at is
    the effective close; the first command inside that interval opens the auction if nothing else has.
    """
    now = _in_utc(now)
    if flaw := flaw_in(command):
        return Refused(Reason.MALFORMED, None, flaw)
    match command:
        case Open():
            return _open(auction, now)
        case PlaceBid() | SetCeiling() | CancelCeiling() | BuyNow() | RefuseBid() | VoidBid() | Pause():
            return _while_open(auction, command, now)
        case Tick():
            return _tick(auction, now)
        case Resume():
            return _resume(auction, now)
        case Cancel():
            return _cancel(auction, command, now)
        case Close():
            return _close(auction, now)
        case TakeHighest() | DeclineHighest():
            return _answer(auction, command, now)
        case _:
            return _while_open(auction, command, now)


def _in_utc(now: datetime) -> datetime:
    assert now.tzinfo is not None, "an instant needs a time zone"
    return now.astimezone(UTC)


def _open(auction: Auction, now: datetime) -> Decision:
    if auction.phase in {Phase.OPEN, Phase.PAUSED}:
        return Accepted(())
    return _untimely(auction, now) or Accepted((_opened(auction, now),))


def _opened(auction: Auction, now: datetime) -> AuctionOpened:
    return AuctionOpened(auction_id=auction.auction_id, seq=auction.seq + 1, at=now)


def _untimely(auction: Auction, now: datetime) -> Refused | None:
    if auction.phase.has_closed:
        return Refused(Reason.TOO_LATE, None, auction.phase.value)
    if auction.phase is Phase.PAUSED:
        return Refused(Reason.PAUSED)
    if now < auction.terms.opens_at:
        return Refused(Reason.NOT_OPEN)
    if now >= auction.closes_at:
        return Refused(Reason.TOO_LATE)
    return None


def _while_open(auction: Auction, command: _Running, now: datetime) -> Decision:
    if not _is_taken(auction.terms, command):
        return Refused(Reason.MALFORMED, None, f"not a command of the format {auction.terms.format}")
    if auction.phase is Phase.PAUSED:
        if isinstance(command, Pause):
            return Accepted(())
        if isinstance(command, RefuseBid | VoidBid):
            return _dispatch(auction, command, now)
    if untimely := _untimely(auction, now):
        return untimely
    if auction.phase is not Phase.SCHEDULED:
        return _dispatch(auction, command, now)
    opened = _opened(auction, now)
    decision = _dispatch(evolve(auction, opened), command, now)
    return Accepted((opened, *decision.events)) if isinstance(decision, Accepted) else decision


def _dispatch(auction: Auction, command: _Running, now: datetime) -> Decision:
    match command:
        case Pause():
            if formats.is_overdue(auction, now):
                return Refused(Reason.POOL_SOLD)
            paused = AuctionPaused(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, reason=command.reason)
            return Accepted((paused,))
        case RefuseBid() | VoidBid():
            if (ascent := auction.ascent) is not None:
                return ascending.decide_strike(auction, ascent, command, now)
            return formats.strike(auction, command, now)
        case PlaceBid() | SetCeiling() | CancelCeiling() | BuyNow():
            if refused := _refuse_bidder(auction, command):
                return refused
            if isinstance(auction.terms, EnglishTerms):
                return ascending.decide_bid(auction, auction.terms, command, now)
        case _:
            if isinstance(command, BidderMove) and (refused := _refuse_bidder(auction, command)):
                return refused
    return RULES[type(auction.terms)].decide(auction, command, now)


def _refuse_bidder(auction: Auction, command: BidderCommand | BidderMove) -> Refused | None:
    """Why who asks may not: the seller refused a bid of this bidder, or its standing."""
    if (ascent := auction.ascent) is not None and command.bidder in ascending.shut_out(auction, ascent):
        return Refused(Reason.NOT_ELIGIBLE, None, "the seller refused a bid of this bidder")
    if command.standing.refusal is not None:
        return Refused(command.standing.refusal, None, command.standing.detail)
    return None


def _is_taken(terms: Terms, command: _Running) -> bool:
    if isinstance(command, RefuseBid | VoidBid | Pause):
        return True
    if isinstance(terms, EnglishTerms):
        return isinstance(command, PlaceBid | SetCeiling | CancelCeiling | BuyNow)
    return isinstance(command, RULES[type(terms)].takes(terms))


def _tick(auction: Auction, now: datetime) -> Decision:
    """Nothing is due before the opening, during a pause and after the end."""
    rules = RULES.get(type(auction.terms))
    return Accepted(rules.tick(auction, now) if rules is not None and auction.phase is Phase.OPEN else ())


def _resume(auction: Auction, now: datetime) -> Decision:
    if auction.phase.has_closed:
        return Refused(Reason.TOO_LATE, None, auction.phase.value)
    if auction.phase is Phase.SCHEDULED:
        return Refused(Reason.NOT_OPEN)
    if auction.paused_at is None:
        return Accepted(())
    stood_still = max(now, auction.paused_at) - auction.paused_at
    resumed = AuctionResumed(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        closes_at=auction.closes_at + stood_still,
        latest_close_at=auction.latest_close_at + stood_still,
    )
    return Accepted((resumed,))


def _cancel(auction: Auction, command: Cancel, now: datetime) -> Decision:
    if auction.phase is Phase.CANCELLED:
        return Accepted(())
    if auction.phase.has_closed or (auction.phase is not Phase.PAUSED and now >= auction.closes_at):
        return Refused(Reason.TOO_LATE)
    if formats.is_overdue(auction, now):
        return Refused(Reason.POOL_SOLD)
    cancelled = AuctionCancelled(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, reason=command.reason)
    return Accepted((cancelled,))


def _close(auction: Auction, now: datetime) -> Decision:
    if auction.phase.has_ended:
        return Accepted(())
    if auction.answer_until is not None:
        is_over = now >= auction.answer_until
        return Accepted((below_reserve.give_up(auction, auction.seq + 1, now),)) if is_over else Refused(Reason.NOT_DUE)
    if auction.phase is Phase.PAUSED or now < auction.closes_at:
        return Refused(Reason.NOT_DUE)
    if not isinstance(auction.terms, EnglishTerms):
        return Accepted(RULES[type(auction.terms)].close(auction, now))
    closed = AuctionClosed(auction_id=auction.auction_id, seq=auction.seq + 1, at=now)
    return Accepted((closed, ascending.award(auction, auction.terms, auction.seq + 2, now)))


def _answer(auction: Auction, command: AnswerCommand, now: datetime) -> Decision:
    if not isinstance(auction.terms, EnglishTerms):
        return Refused(Reason.MALFORMED, None, f"not a command of the format {auction.terms.format}")
    if auction.phase.has_ended:
        return Refused(Reason.TOO_LATE, None, auction.phase.value)
    if auction.phase is not Phase.AWARDING:
        return Refused(Reason.NOT_DUE, None, "the seller is asked after the close, if the reserve was not met")
    return below_reserve.decide_answer(auction, command, now)


def evolve(auction: Auction | None, event: Event, event_bytes: bytes | None = None) -> Auction:
    """The state after `event`; None is the state before the first one.

    Pass the event's canonical bytes if they are at hand: it saves encoding them again for the hash chain. Raises
    OutOfSequenceError if the event is not the next one of this auction.
    """
    encoded = encode(event) if event_bytes is None else event_bytes
    if isinstance(event, AuctionScheduled):
        if auction is not None or event.seq != 1:
            raise OutOfSequenceError(1 if auction is None else auction.seq + 1, event.seq)
        return scheduled(event, chain(GENESIS, encoded))
    if auction is None or event.seq != auction.seq + 1 or event.auction_id != auction.auction_id:
        raise OutOfSequenceError(1 if auction is None else auction.seq + 1, event.seq)
    return fold(auction, event, chain(auction.head, encoded))


def replay(events: Iterable[Event]) -> Auction:
    """The state that a whole log adds up to. Raises OutOfSequenceError on a gap, ValueError if there are no events."""
    auction: Auction | None = None
    for event in events:
        auction = evolve(auction, event)
    if auction is None:
        raise ValueError("an auction begins with an event")
    return auction
