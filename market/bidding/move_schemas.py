"""The commands of the formats other than the ascending one, on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field

from auctions.allocation import MAX_POOL_COUNT
from auctions.increments import MAX_CENTS
from auctions.moves import Opened
from auctions.receipts import Checkpoint
from market.bidding.service.boards import Need
from market.bidding.service.proving import Receipt
from market.bidding.service.sealing import Envelopes

Cents = Annotated[int, Meta(ge=1, le=MAX_CENTS)]
_Step = Annotated[int, Meta(ge=0, le=10_000)]
_Seq = Annotated[int, Meta(ge=1, le=2**53)]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class _Body(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class AcceptBody(_Body, frozen=True, kw_only=True):
    """Which step you saw (from 0), and its price."""

    step: _Step
    price_cents: Cents


class ArmBody(_Body, frozen=True, kw_only=True):
    step: _Step


class SealBody(_Body, frozen=True, kw_only=True):
    """`market auction ceremony seal` makes both."""

    sealed: Annotated[str, Meta(pattern=r"^[!-~]{1,3000}$")]
    commitment: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class IndicateBody(_Body, frozen=True, kw_only=True):
    """A range, or a point if both ends are equal."""

    low_cents: Cents
    high_cents: Cents
    conditions: Annotated[str, Meta(max_length=2000)] = ""


class BindingBody(_Body, frozen=True, kw_only=True):
    amount_cents: Cents
    reason: Annotated[str, Meta(max_length=500)] = ""


class PackageBody(_Body, frozen=True, kw_only=True):
    pools: Annotated[list[UUID], Meta(min_length=1, max_length=MAX_POOL_COUNT)]
    amount_cents: Cents


class AcceptCounterBody(_Body, frozen=True, kw_only=True):
    """The seq of the seller's counter-offer."""

    counter_seq: _Seq


class AwardBody(_Body, frozen=True, kw_only=True):
    bid_seq: _Seq
    seq_seen: _Seq


class AnswerBody(_Body, frozen=True, kw_only=True):
    """The newest event that you have seen; `STALE` if there are others since."""

    seq_seen: _Seq


class CounterBody(_Body, frozen=True, kw_only=True):
    bid_seq: _Seq
    price_cents: Cents
    valid_until: Annotated[datetime, Meta(tz=True)]


class DeclinedBody(_Body, frozen=True, kw_only=True):
    """Who is not on the shortlist, and why; only that bidder is told."""

    bidder: UUID
    reason: _Reason


class ShortlistBody(_Body, frozen=True, kw_only=True):
    chosen: Annotated[list[UUID], Meta(min_length=1, max_length=100)]
    declined: Annotated[list[DeclinedBody], Meta(max_length=10_000)] = field(default_factory=list)


class ReviseBody(_Body, frozen=True, kw_only=True):
    tape_version: Annotated[str, Meta(pattern=r"^[ -~]{1,128}$")]


class OpenedBody(_Body, frozen=True, kw_only=True):
    """The content of one sealed bid; without an amount if nobody can read it."""

    bid_seq: _Seq
    amount_cents: Cents | None
    salt: Annotated[str, Meta(pattern=r"^[ -~]{0,128}$")] = ""


class OpeningBody(_Body, frozen=True, kw_only=True):
    """The private key of the auction, joined from enough shares: the market opens the bids with it.

    For an auction under the first rules: every standing sealed bid instead, in the order of their seqs, and no other.
    """

    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    opened: Annotated[list[OpenedBody], Meta(max_length=10_000)] = field(default_factory=list)

    def to_opened(self) -> tuple[Opened, ...]:
        return tuple(Opened(bid_seq=o.bid_seq, amount_cents=o.amount_cents, salt=o.salt) for o in self.opened)


class SealedBidView(Struct, frozen=True):
    bid_seq: int
    bidder: str
    sealed: str
    commitment: str


class SealedBids(Struct, frozen=True):
    """`seq` and `head` say how far the log reached: what is opened was sealed before."""

    auction_id: str
    sealing_key: str
    opening_cents: int
    most_cents: int
    seq: int
    head: str
    bids: Sequence[SealedBidView]

    @classmethod
    def build(cls, found: Envelopes) -> "SealedBids":
        bids = [SealedBidView(b.bid_seq, b.bidder, b.sealed, b.commitment) for b in found.bids]
        facts = (
            found.auction_id,
            found.sealing_key,
            found.opening_cents,
            found.most_cents,
            found.seq,
            found.head.hex(),
        )
        return cls(*facts, bids)


class NeedView(Struct, frozen=True):
    """As of event `seq`, the least amount that wins these pools; null if that cannot be proven in reasonable time."""

    seq: int
    need_cents: int | None

    @classmethod
    def build(cls, found: Need) -> "NeedView":
        return cls(found.seq, found.need_cents)


class CheckpointView(Struct, frozen=True):
    """Signed with Ed25519 over the lines auction-checkpoint/1, auction_id, size, root, at, public_key."""

    auction_id: str
    size: int
    root: str
    at: str
    public_key: str
    signature: str

    @classmethod
    def build(cls, found: Checkpoint) -> "CheckpointView":
        signed = (found.public_key.hex(), found.signature.hex())
        return cls(found.auction_id, found.size, found.root.hex(), found.at, *signed)


class CheckpointList(Struct, frozen=True):
    """Newest first."""

    items: Sequence[CheckpointView]


class ReceiptView(Struct, frozen=True):
    """Keep it: `market auction verify LOG --receipt FILE --public-key KEY` checks it against the log. See docs/auction-log.md."""

    auction_id: UUID
    seq: int
    blind: str
    path: Sequence[str]
    checkpoint: CheckpointView

    @classmethod
    def build(cls, found: Receipt) -> "ReceiptView":
        siblings = [sibling.hex() for sibling in found.path]
        return cls(found.auction_id, found.seq, found.blind.hex(), siblings, CheckpointView.build(found.checkpoint))
