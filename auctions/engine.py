"""The engine: what a command leads to, and what events add up to. Pure; the same arguments give the same answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from auctions import ascending
from auctions.auction import Auction, Phase
from auctions.messages import (
    Accepted,
    AuctionCancelled,
    AuctionClosed,
    AuctionFailed,
    AuctionOpened,
    AuctionPaused,
    AuctionResumed,
    AuctionScheduled,
    Awarded,
    BidAccepted,
    BidderCommand,
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    BuyNow,
    Cancel,
    CancelCeiling,
    CeilingLowered,
    Close,
    CloseExtended,
    Command,
    Decision,
    Event,
    LaterEvent,
    Open,
    Outcome,
    Pause,
    PhaseEvent,
    PlaceBid,
    Reason,
    RefuseBid,
    Refused,
    ReserveMet,
    Resume,
    SetCeiling,
    StrikeCommand,
    VoidBid,
)
from auctions.record import GENESIS, chain, encode
from auctions.shape import flaw_in
from auctions.terms import EnglishTerms, Terms

__all__ = ["Accepted", "Decision", "OutOfSequenceError", "Refused", "decide", "evolve", "replay", "schedule"]


class OutOfSequenceError(ValueError):
    """An event that does not follow the state it was to be folded into: `seq` is the one that was due."""

    def __init__(self, seq: int, found: int) -> None:
        super().__init__(f"event {seq} was due, found {found}")
        self.seq = seq


def schedule(auction_id: str, terms: Terms, now: datetime) -> AuctionScheduled:
    """The first event of an auction."""
    return AuctionScheduled(auction_id=auction_id, seq=1, at=_in_utc(now), terms=terms)


def decide(auction: Auction, command: Command, now: datetime) -> Decision:
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
        case Resume():
            return _resume(auction, now)
        case Cancel():
            return _cancel(auction, command, now)
        case Close():
            return _close(auction, now)
        case _:
            assert_never(command)


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
    if auction.phase.has_ended:
        return Refused(Reason.TOO_LATE, None, auction.phase.value)
    if auction.phase is Phase.PAUSED:
        return Refused(Reason.PAUSED)
    if now < auction.terms.opens_at:
        return Refused(Reason.NOT_OPEN)
    if now >= auction.closes_at:
        return Refused(Reason.TOO_LATE)
    return None


def _while_open(auction: Auction, command: BidderCommand | StrikeCommand | Pause, now: datetime) -> Decision:
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


def _dispatch(auction: Auction, command: BidderCommand | StrikeCommand | Pause, now: datetime) -> Decision:
    match command:
        case Pause():
            paused = AuctionPaused(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, reason=command.reason)
            return Accepted((paused,))
        case RefuseBid() | VoidBid():
            match auction.terms:
                case EnglishTerms() as terms:
                    return ascending.decide_strike(auction, terms, command, now)
        case _:
            if command.standing.refusal is not None:
                return Refused(command.standing.refusal, None, command.standing.detail)
            match auction.terms:
                case EnglishTerms() as terms:
                    return ascending.decide_bid(auction, terms, command, now)


def _resume(auction: Auction, now: datetime) -> Decision:
    if auction.phase.has_ended:
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
    if auction.phase.has_ended or (auction.phase is not Phase.PAUSED and now >= auction.closes_at):
        return Refused(Reason.TOO_LATE)
    cancelled = AuctionCancelled(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, reason=command.reason)
    return Accepted((cancelled,))


def _close(auction: Auction, now: datetime) -> Decision:
    if auction.phase.has_ended:
        return Accepted(())
    if auction.phase is Phase.PAUSED or now < auction.closes_at:
        return Refused(Reason.NOT_DUE)
    closed = AuctionClosed(auction_id=auction.auction_id, seq=auction.seq + 1, at=now)
    match auction.terms:
        case EnglishTerms():
            return Accepted((closed, ascending.award(auction, auction.seq + 2, now)))


def evolve(auction: Auction | None, event: Event, event_bytes: bytes | None = None) -> Auction:
    """The state after `event`; None is the state before the first one.

    Pass the event's canonical bytes if they are at hand: it saves encoding them again for the hash chain. Raises
    OutOfSequenceError if the event is not the next one of this auction.
    """
    encoded = encode(event) if event_bytes is None else event_bytes
    if isinstance(event, AuctionScheduled):
        if auction is not None or event.seq != 1:
            raise OutOfSequenceError(1 if auction is None else auction.seq + 1, event.seq)
        return _scheduled(event, chain(GENESIS, encoded))
    if auction is None or event.seq != auction.seq + 1 or event.auction_id != auction.auction_id:
        raise OutOfSequenceError(1 if auction is None else auction.seq + 1, event.seq)
    return _fold(auction, event, chain(auction.head, encoded))


def _scheduled(event: AuctionScheduled, head: bytes) -> Auction:
    return Auction(
        auction_id=event.auction_id,
        seq=event.seq,
        head=head,
        terms=event.terms,
        phase=Phase.SCHEDULED,
        closes_at=event.terms.closes_at,
        latest_close_at=event.terms.latest_close_at,
        paddles={},
    )


def _fold(auction: Auction, event: LaterEvent, head: bytes) -> Auction:
    seq = event.seq
    match event:
        case BidAccepted():
            return _with_bid(auction, event, head)
        case CloseExtended():
            return replace(auction, seq=seq, head=head, closes_at=event.closes_at)
        case ReserveMet():
            return replace(auction, seq=seq, head=head, reserve_met=True)
        case CeilingLowered():
            ceiling_cents, bids = event.leader_ceiling_cents, auction.bids.append(event)
            return replace(auction, seq=seq, head=head, leader_ceiling_cents=ceiling_cents, bids=bids)
        case BidRefusedBySeller() | BidVoided():
            return _without_bid(auction, event, head)
        case BoughtNow():
            return _with_buyer(auction, event, head)
        case _:
            return _in_phase(auction, event, head)


def _with_bid(auction: Auction, event: BidAccepted, head: bytes) -> Auction:
    amends_nothing = event.leader == event.bidder and event.amends is None
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.leader,
        leader_ceiling_cents=event.leader_ceiling_cents,
        leader_bid_seq=event.seq if amends_nothing else auction.leader_bid_seq,
        bid_count=auction.bid_count + (event.outcome is not Outcome.RAISED),
        bids=auction.bids.append(event),
        paddles=_paddles_with(auction, event.bidder, event.paddle),
    )


def _without_bid(auction: Auction, event: BidRefusedBySeller | BidVoided, head: bytes) -> Auction:
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.leader,
        leader_ceiling_cents=event.leader_ceiling_cents,
        leader_bid_seq=event.leader_bid_seq,
        reserve_met=event.reserve_met,
        struck=auction.struck | {event.bid_seq},
    )


def _with_buyer(auction: Auction, event: BoughtNow, head: bytes) -> Auction:
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.bidder,
        leader_ceiling_cents=event.price_cents,
        leader_bid_seq=event.seq,
        reserve_met=True,
        paddles=_paddles_with(auction, event.bidder, event.paddle),
    )


def _paddles_with(auction: Auction, bidder: str, paddle: int) -> Mapping[str, int]:
    return auction.paddles if bidder in auction.paddles else {**auction.paddles, bidder: paddle}


def _in_phase(auction: Auction, event: PhaseEvent, head: bytes) -> Auction:
    match event:
        case AuctionOpened():
            return replace(auction, seq=event.seq, head=head, phase=Phase.OPEN)
        case AuctionPaused():
            return replace(
                auction, seq=event.seq, head=head, phase=Phase.PAUSED, paused_at=event.at, phase_reason=event.reason
            )
        case AuctionResumed():
            running = replace(auction, phase=Phase.OPEN, paused_at=None, phase_reason=None)
            closes_at, latest_close_at = event.closes_at, event.latest_close_at
            return replace(running, seq=event.seq, head=head, closes_at=closes_at, latest_close_at=latest_close_at)
        case AuctionCancelled():
            return replace(auction, seq=event.seq, head=head, phase=Phase.CANCELLED, phase_reason=event.reason)
        case AuctionClosed():
            return replace(auction, seq=event.seq, head=head, phase=Phase.CLOSED)
        case Awarded():
            won = replace(auction, phase=Phase.AWARDED, winner=event.winner, hammer_cents=event.hammer_cents)
            return replace(won, seq=event.seq, head=head)
        case AuctionFailed():
            return replace(auction, seq=event.seq, head=head, phase=Phase.FAILED, phase_reason=event.reason.value)
        case _:
            assert_never(event)


def replay(events: Iterable[Event]) -> Auction:
    """The state that a whole log adds up to. Raises OutOfSequenceError on a gap, ValueError if there are no events."""
    auction: Auction | None = None
    for event in events:
        auction = evolve(auction, event)
    if auction is None:
        raise ValueError("an auction begins with an event")
    return auction
