"""What one says and hears in the formats other than the ascending one. Joined with the rest in `auctions.messages`."""

from dataclasses import dataclass
from typing import ClassVar

from auctions.basis import IN_GOOD_STANDING, Stamp, Standing

# Commands


@dataclass(frozen=True, slots=True)
class Tick:
    """Do what has fallen due by the clock: an armed step. Nothing happens if nothing is due; may be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptStep:
    """Buy at the current price of a descending auction, seen as `price_cents` in step `step` (from 0)."""

    bidder: str
    cid: str
    step: int
    price_cents: int
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStep:
    """Accept as soon as step `step` begins, if nobody has bought before. Replaces the bidder's armed step."""

    bidder: str
    cid: str
    step: int
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Take back the own standing offer or armed step, in formats that allow it."""

    bidder: str
    cid: str
    standing: Standing = IN_GOOD_STANDING


BidderMove = AcceptStep | ArmStep | Withdraw
Move = Tick | BidderMove


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing(Stamp):
    """Something of a bidder's that stands until it is replaced, withdrawn, struck out or taken.

    `paddle` numbers bidders by their first event; `replaces` is the seq of what stood before.
    """

    bidder: str
    paddle: int
    cid: str
    replaces: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepArmed(_Standing):
    """The bidder buys at `price_cents` as soon as step `step` begins."""

    kind: ClassVar[str] = "step_armed"
    step: int
    price_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDisarmed(Stamp):
    kind: ClassVar[str] = "step_disarmed"
    bidder: str
    paddle: int
    cid: str
    bid_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAccepted(Stamp):
    """Somebody took a step of the falling price; `armed_seq` is the event that had armed it, None if by hand."""

    kind: ClassVar[str] = "step_accepted"
    bidder: str
    paddle: int
    cid: str
    step: int
    price_cents: int
    armed_seq: int | None


Offer = StepArmed
"""What stands in a book."""
MoveEvent = Offer | StepDisarmed | StepAccepted
