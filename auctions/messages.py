"""What one says to an auction (commands, imperative) and what it says back (events, past tense; or a Reason)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from auctions.basis import IN_GOOD_STANDING, FailureReason, Reason, Stamp, Standing
from auctions.moves import BidderMove, Move, MoveEvent
from auctions.terms import Terms

__all__ = [
    "IN_GOOD_STANDING",
    "Accepted",
    "AnswerAwaited",
    "AnswerCommand",
    "AuctionCancelled",
    "AuctionClosed",
    "AuctionFailed",
    "AuctionOpened",
    "AuctionPaused",
    "AuctionResumed",
    "AuctionScheduled",
    "Awarded",
    "Bid",
    "BidAccepted",
    "BidKind",
    "BidRefusedBySeller",
    "BidStruck",
    "BidVoided",
    "BidderCommand",
    "BidderMove",
    "BoughtNow",
    "BuyNow",
    "Cancel",
    "CancelCeiling",
    "CeilingLowered",
    "Close",
    "CloseExtended",
    "Command",
    "Decision",
    "DeclineHighest",
    "Event",
    "FailureReason",
    "HighestDeclined",
    "HighestTaken",
    "LaterEvent",
    "Move",
    "MoveEvent",
    "Open",
    "Outcome",
    "Pause",
    "PhaseEvent",
    "PlaceBid",
    "Reason",
    "RefuseBid",
    "Refused",
    "ReserveMet",
    "Resume",
    "SetCeiling",
    "Stamp",
    "Standing",
    "StrikeCommand",
    "TakeHighest",
    "VoidBid",
]  # fmt: skip


class BidKind(StrEnum):
    """An exact amount, or a secret ceiling up to which the engine bids for the bidder."""

    MANUAL = "manual"
    PROXY = "proxy"


class Outcome(StrEnum):
    """What a bid did for its bidder at once."""

    LEADING = "leading"
    RAISED = "raised"
    """The leader raised its own ceiling; neither price nor leader changed and nobody else is told."""
    OUTBID = "outbid"
    OUTBID_TIE = "outbid_tie"


# Commands


@dataclass(frozen=True, slots=True)
class Open:
    """Open at or after opens_at. Bids open a due auction by themselves; this tells watchers on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceBid:
    """Bid exactly `amount_cents`: the price becomes this amount if it beats the leader's ceiling."""

    bidder: str
    cid: str
    amount_cents: int
    confirmed: bool = False
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCeiling:
    """Let the engine bid for the bidder, as little as needed, up to `ceiling_cents`, which stays secret."""

    bidder: str
    cid: str
    ceiling_cents: int
    confirmed: bool = False
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCeiling:
    """Lower the own ceiling to the current price. The bid itself stands: nothing is withdrawn."""

    bidder: str
    cid: str
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyNow:
    """Buy at the terms' buy-now amount and end the auction; possible until the price reaches it."""

    bidder: str
    cid: str
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseBid:
    """The seller strikes out the bid of event `seq`, until the close; where the price rises, its bidder is out with all its bids."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidBid:
    """The operator strikes out the bid accepted as event `seq`, until the close; all are told the reason."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stop the clock of an open auction: no bids until Resume, which moves the close by as long as it stood still."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Let the clock run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End the auction without a winner; possible until the close."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the auction at or after its effective close and award it or say why not. May be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeHighest:
    """The seller sells to the highest bid, which is below the reserve, having seen everything up to `seq_seen`.

    `standing` is the highest bidder's at this moment.
    """

    seq_seen: int
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineHighest:
    """The seller does not sell to the highest bid, having seen everything up to `seq_seen`."""

    seq_seen: int


BidderCommand = PlaceBid | SetCeiling | CancelCeiling | BuyNow
StrikeCommand = RefuseBid | VoidBid
AnswerCommand = TakeHighest | DeclineHighest
Command = Open | BidderCommand | StrikeCommand | Pause | Resume | Cancel | Close | AnswerCommand
"""The commands of the ascending format, most of which the others know too; theirs are in `auctions.moves`."""


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionScheduled(Stamp):
    kind: ClassVar[str] = "auction_scheduled"
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionOpened(Stamp):
    kind: ClassVar[str] = "auction_opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class BidAccepted(Stamp):
    """A bid counts. `amount_cents` is the exact amount of a manual bid and the secret ceiling of a proxy bid.

    `paddle` numbers bidders by their first accepted bid. `amends` is the seq of the bid whose ceiling its own bidder
    raised. What follows from the bid stands here too, so that a reader needs no rules: price, least next bid, leader.
    """

    kind: ClassVar[str] = "bid_accepted"
    bidder: str
    paddle: int
    cid: str
    bid_kind: BidKind
    amount_cents: int
    amends: int | None
    outcome: Outcome
    price_cents: int
    min_next_cents: int
    leader: str
    leader_paddle: int
    leader_ceiling_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingLowered(Stamp):
    """The leader gave up its ceiling above the price; the bid at the price stands."""

    kind: ClassVar[str] = "ceiling_lowered"
    bidder: str
    paddle: int
    cid: str
    leader_ceiling_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveMet(Stamp):
    """From now on the seller must sell. Without a reserve this follows the first bid, so that nobody can tell."""

    kind: ClassVar[str] = "reserve_met"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseExtended(Stamp):
    kind: ClassVar[str] = "close_extended"
    closes_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _BidStruck(Stamp):
    """A bid no longer counts; price and leader are what the other bids make of them, None if there are no others."""

    bid_seq: int
    reason: str
    bidder: str
    paddle: int
    price_cents: int | None
    min_next_cents: int
    leader: str | None
    leader_paddle: int | None
    leader_ceiling_cents: int | None
    leader_bid_seq: int | None
    reserve_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BidRefusedBySeller(_BidStruck):
    kind: ClassVar[str] = "bid_refused_by_seller"


@dataclass(frozen=True, slots=True, kw_only=True)
class BidVoided(_BidStruck):
    kind: ClassVar[str] = "bid_voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtNow(Stamp):
    kind: ClassVar[str] = "bought_now"
    bidder: str
    paddle: int
    cid: str
    price_cents: int
    min_next_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionPaused(Stamp):
    kind: ClassVar[str] = "auction_paused"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionResumed(Stamp):
    """The clock runs again; both instants moved by as long as it stood still."""

    kind: ClassVar[str] = "auction_resumed"
    closes_at: datetime
    latest_close_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionCancelled(Stamp):
    kind: ClassVar[str] = "auction_cancelled"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionClosed(Stamp):
    kind: ClassVar[str] = "auction_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAwaited(Stamp):
    """Bidding ended below the reserve: the seller may take the highest bid before `answer_until`."""

    kind: ClassVar[str] = "answer_awaited"
    answer_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HighestTaken(Stamp):
    """The seller took the highest bid, having seen everything up to `seq_seen`."""

    kind: ClassVar[str] = "highest_taken"
    bidder: str
    paddle: int
    price_cents: int
    seq_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HighestDeclined(Stamp):
    kind: ClassVar[str] = "highest_declined"
    seq_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Awarded(Stamp):
    kind: ClassVar[str] = "awarded"
    winner: str
    winner_paddle: int
    hammer_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionFailed(Stamp):
    kind: ClassVar[str] = "auction_failed"
    reason: FailureReason


BidStruck = BidRefusedBySeller | BidVoided
Bid = BidAccepted | CeilingLowered
PhaseEvent = (
    AuctionOpened | AuctionPaused | AuctionResumed | AuctionCancelled | AuctionClosed | AnswerAwaited | Awarded
    | AuctionFailed
)  # fmt: skip
Answered = HighestTaken | HighestDeclined
LaterEvent = PhaseEvent | Bid | BidStruck | ReserveMet | CloseExtended | BoughtNow | Answered | MoveEvent
Event = AuctionScheduled | LaterEvent


# Answers


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command holds: append these events, in order. Empty if it had its effect before (Open, Pause, Close …)."""

    events: tuple[Event, ...]

    @property
    def notice(self) -> Reason | None:
        """OUTBID_TIE if the bid met an equal, earlier ceiling; otherwise None."""
        tied = any(isinstance(e, BidAccepted) and e.outcome is Outcome.OUTBID_TIE for e in self.events)
        return Reason.OUTBID_TIE if tied else None


@dataclass(frozen=True, slots=True)
class Refused:
    """The command changes nothing. `min_next_cents` comes with refusals that another amount would avoid."""

    reason: Reason
    min_next_cents: int | None = None
    detail: str = ""


Decision = Accepted | Refused
