"""What one says and hears in the formats other than the ascending one. Joined with the rest in `auctions.messages`."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from auctions.basis import IN_GOOD_STANDING, Stamp, Standing
from auctions.basis import Stage as Stage  # noqa: PLC0414  # a word of the moves, too

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SealBid:
    """A bid that only its bidder can read: `sealed` is opaque text, `commitment` is made by `sealed.commitment_of`."""

    bidder: str
    cid: str
    sealed: str
    commitment: str
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The content of one sealed bid; `amount_cents` is None if nobody can read it."""

    bid_seq: int
    amount_cents: int | None
    salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBids:
    """Bring all bids that the clients sealed, in the order of their seqs, and the private `key` (64 hexadecimal digits)."""

    opened: tuple[Opened, ...]
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardOffer:
    """The seller sells to the offer `bid_seq`, having seen everything up to event `seq_seen`."""

    bid_seq: int
    seq_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterOffer:
    """The seller would sell to the bidder of the offer `bid_seq` at `price_cents`, until `expires_at` or the close."""

    bid_seq: int
    price_cents: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptCounter:
    """Buy at the price of the counter-offer that the seller made as event `counter_seq`."""

    bidder: str
    cid: str
    counter_seq: int
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicate:
    """Say roughly what one would pay, from `low_cents` to `high_cents` (equal for a point), and on what conditions."""

    bidder: str
    cid: str
    low_cents: int
    high_cents: int
    conditions: str = ""
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceBinding:
    """A binding bid after due diligence; `reason` explains one far below the own indication, and later ones."""

    bidder: str
    cid: str
    amount_cents: int
    reason: str = ""
    standing: Standing = IN_GOOD_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """The seller lets the `chosen` bidders go on and tells every other one why not, as pairs of bidder and reason."""

    chosen: tuple[str, ...]
    declined: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviseTape:
    """The tape has changed: indications made before are stale."""

    tape_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePackageBid:
    """Bid `amount_cents` for all the named pools or none."""

    bidder: str
    cid: str
    pools: tuple[str, ...]
    amount_cents: int
    standing: Standing = IN_GOOD_STANDING


BidderMove = AcceptStep | ArmStep | Withdraw | SealBid | AcceptCounter | Indicate | PlaceBinding | PlacePackageBid
OfficeMove = OpenBids | AwardOffer | CounterOffer | Shortlist | ReviseTape
Move = Tick | BidderMove | OfficeMove


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing(Stamp):
    """What stands until it is replaced (`replaces`: the seq of what stood before), withdrawn, struck out or taken."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BidSealed(_Standing):
    """A bid that nobody may see before the opening: its amount, or the bytes and the commitment of its bidder."""

    kind: ClassVar[str] = "bid_sealed"
    amount_cents: int | None
    sealed: str | None
    commitment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn(Stamp):
    kind: ClassVar[str] = "offer_withdrawn"
    bidder: str
    paddle: int
    cid: str
    bid_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBid:
    """One opened bid. `flaw` says why it does not count: UNREADABLE, COMMITMENT_BROKEN or OUT_OF_BOUNDS."""

    bid_seq: int
    bidder: str
    paddle: int
    amount_cents: int | None
    salt: str | None = None
    flaw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsOpened(Stamp):
    """All sealed bids, in the order of their seqs; shown to the room if bidding `ends` with them, and then with the `key`."""

    kind: ClassVar[str] = "bids_opened"
    opened: tuple[OpenedBid, ...]
    ends: bool
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBegan(Stamp):
    """The next part of the auction. Bids are taken from `begins_at` until `closes_at`, of the `admitted` (None: of all).

    `price_cents` and `leader` are what stands so far, `least_cents` the least to bid. `clears`: what stood is gone.
    """

    kind: ClassVar[str] = "stage_began"
    stage: Stage
    begins_at: datetime
    closes_at: datetime
    latest_close_at: datetime
    admitted: tuple[str, ...] | None
    least_cents: int
    price_cents: int | None
    leader: str | None
    leader_paddle: int | None
    clears: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferPlaced(_Standing):
    """An offer that the office sees, and of the others only its bidder."""

    kind: ClassVar[str] = "offer_placed"
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Countered(Stamp):
    """The seller's price to the bidder of the offer `offer_seq`, good until `expires_at`; a pause does not move that."""

    kind: ClassVar[str] = "countered"
    bidder: str
    paddle: int
    offer_seq: int
    price_cents: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterAccepted(Stamp):
    kind: ClassVar[str] = "counter_accepted"
    bidder: str
    paddle: int
    cid: str
    counter_seq: int
    price_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTaken(Stamp):
    """The seller took the offer `taken_seq`, having seen everything up to `seq_seen`."""

    kind: ClassVar[str] = "offer_taken"
    bidder: str
    paddle: int
    taken_seq: int
    price_cents: int
    seq_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicationPlaced(_Standing):
    """An indication for the tape in `tape_version`, seen by the office and its bidder."""

    kind: ClassVar[str] = "indication_placed"
    low_cents: int
    high_cents: int
    conditions: str
    tape_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSealed(_Standing):
    """A binding bid that nobody but its bidder may see before the opening."""

    kind: ClassVar[str] = "binding_sealed"
    amount_cents: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingExplained(_Standing):
    """Why the bidder's open binding bids, from `amount_cents` up, are far below its indication; seen as that is."""

    kind: ClassVar[str] = "binding_explained"
    amount_cents: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Who is not on the shortlist, and why."""

    bidder: str
    paddle: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlisted(Stamp):
    kind: ClassVar[str] = "shortlisted"
    chosen: tuple[str, ...]
    declined: tuple[Declined, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeRevised(Stamp):
    kind: ClassVar[str] = "tape_revised"
    tape_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageBid(_Standing):
    """An open bid for a set of pools, and the seqs of the bids that win now, with what they bring together."""

    kind: ClassVar[str] = "package_bid"
    pools: tuple[str, ...]
    amount_cents: int
    winning: tuple[int, ...]
    revenue_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardChanged(Stamp):
    """What wins after a bid was struck out."""

    kind: ClassVar[str] = "board_changed"
    winning: tuple[int, ...]
    revenue_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAward:
    """What one winning bid takes, at which amount."""

    bid_seq: int
    bidder: str
    paddle: int
    pools: tuple[str, ...]
    hammer_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsAwarded(Stamp):
    """Several winners; `hammer_cents` is what they pay together."""

    kind: ClassVar[str] = "pools_awarded"
    awards: tuple[PoolAward, ...]
    hammer_cents: int


Offer = PackageBid | IndicationPlaced | BindingSealed | StepArmed | BidSealed | OfferPlaced
"""What stands in a book."""
OfOneBidder = (
    Offer | StepDisarmed | StepAccepted | OfferWithdrawn | Countered | CounterAccepted | OfferTaken | BindingExplained
)
MoveEvent = OfOneBidder | BidsOpened | StageBegan | Shortlisted | TapeRevised | BoardChanged | PoolsAwarded
