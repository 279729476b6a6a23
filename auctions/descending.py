"""Dutch auction: the price is a pure function of time, and the first to accept buys.

step k       floor((now - t0) / interval), where t0 is the opening moved by the pauses; the price is the terms' price_at(k)
accepted     at the price of now, never above the price that was clicked; strict: only the current step
armed        an acceptance given ahead: at the beginning of its step the earliest arming buys; nothing comes between
             that instant and the tick that carries it out
"""

from datetime import datetime, timedelta
from typing import Protocol

from auctions.auction import Auction, Phase
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    Awarded,
    Decision,
    Event,
    FailureReason,
    Reason,
    Refused,
)
from auctions.moves import AcceptStep, ArmStep, StepAccepted, StepArmed, StepDisarmed, Withdraw
from auctions.terms import DutchTerms


class Falling(Protocol):
    """Terms under which a price falls step by step; the steps end at `falls_until`, if the clock is never paused."""

    @property
    def interval_s(self) -> int: ...
    @property
    def last_step(self) -> int: ...
    @property
    def strict(self) -> bool: ...
    def price_at(self, step: int) -> int: ...


def step_at(terms: Falling, closes_at: datetime, now: datetime) -> int:
    """The step that is current at `now` when the last one ends at `closes_at`; the first one before it begins."""
    interval = timedelta(seconds=terms.interval_s)
    begins_at = closes_at - (terms.last_step + 1) * interval
    return min(max(0, (now - begins_at) // interval), terms.last_step)


def accept(auction: Auction, terms: Falling, command: AcceptStep, now: datetime) -> StepAccepted | Refused:
    """The acceptance of a step by hand, as the next event."""
    step = step_at(terms, auction.closes_at, now)
    price_cents = terms.price_at(step)
    exact = (command.step, command.price_cents) == (step, price_cents)
    if command.price_cents < price_cents or command.step > step or (terms.strict and not exact):
        return Refused(Reason.STEP_MOVED, price_cents, f"the step is {step}")
    if command.standing.limit_cents is not None and price_cents > command.standing.limit_cents:
        return Refused(Reason.LIMIT, price_cents, command.standing.detail)
    return StepAccepted(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        step=step,
        price_cents=price_cents,
        armed_seq=None,
    )


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a well-formed command of a bidder in good standing while the price falls."""
    terms = _terms(auction)
    if due_at(auction) <= now:
        return Refused(Reason.POOL_SOLD, None, "an armed step has begun")
    match command:
        case AcceptStep():
            accepted = accept(auction, terms, command, now)
            return accepted if isinstance(accepted, Refused) else Accepted((accepted, *_sold(accepted)))
        case ArmStep():
            return _arm(auction, terms, command, now)
        case Withdraw():
            return _disarm(auction, command, now)
        case _:
            raise AssertionError("the engine hands on only what the format takes")


def _arm(auction: Auction, terms: DutchTerms, command: ArmStep, now: datetime) -> Decision:
    step = step_at(terms, auction.closes_at, now)
    if not step < command.step <= terms.last_step:
        return Refused(Reason.STEP_MOVED, terms.price_at(step), f"the step is {step} of {terms.last_step}")
    price_cents, limit_cents = terms.price_at(command.step), command.standing.limit_cents
    if limit_cents is not None and price_cents > limit_cents:
        return Refused(Reason.LIMIT, price_cents, command.standing.detail)
    before = auction.the_book.offer_of(command.bidder)
    armed = StepArmed(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if before is None else before.seq,
        step=command.step,
        price_cents=price_cents,
    )
    return Accepted((armed,))


def _disarm(auction: Auction, command: Withdraw, now: datetime) -> Decision:
    before = auction.the_book.offer_of(command.bidder)
    if before is None:
        return Refused(Reason.NO_SUCH_BID)
    disarmed = StepDisarmed(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        bid_seq=before.seq,
    )
    return Accepted((disarmed,))


def due_at(auction: Auction) -> datetime:
    """When the next armed step begins, or when the last step ends if none is armed."""
    first = _first_armed(auction)
    if first is None:
        return auction.closes_at
    terms = _terms(auction)
    return auction.closes_at - timedelta(seconds=(terms.last_step + 1 - first.step) * terms.interval_s)


def tick(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """The sale by an armed step that has begun; nothing if none has."""
    first = _first_armed(auction)
    if first is None or auction.phase is not Phase.OPEN or now < due_at(auction):
        return ()
    accepted = StepAccepted(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=first.bidder,
        paddle=first.paddle,
        cid=first.cid,
        step=first.step,
        price_cents=first.price_cents,
        armed_seq=first.seq,
    )
    return (accepted, *_sold(accepted))


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """How the end of the last step ends the auction."""
    name, seq = auction.auction_id, auction.seq
    failed = AuctionFailed(auction_id=name, seq=seq + 2, at=now, reason=FailureReason.NO_BIDS)
    return tick(auction, now) or (AuctionClosed(auction_id=name, seq=seq + 1, at=now), failed)


def _first_armed(auction: Auction) -> StepArmed | None:
    armed = [offer for offer in auction.the_book.offers.values() if isinstance(offer, StepArmed)]
    return min(armed, key=lambda offer: (offer.step, offer.seq), default=None)


def _sold(accepted: StepAccepted) -> tuple[Event, ...]:
    name, seq, at = accepted.auction_id, accepted.seq, accepted.at
    awarded = Awarded(
        auction_id=name,
        seq=seq + 2,
        at=at,
        winner=accepted.bidder,
        winner_paddle=accepted.paddle,
        hammer_cents=accepted.price_cents,
    )
    return (AuctionClosed(auction_id=name, seq=seq + 1, at=at), awarded)


def _terms(auction: Auction) -> DutchTerms:
    assert isinstance(auction.terms, DutchTerms)
    return auction.terms
