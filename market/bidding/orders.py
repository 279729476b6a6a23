"""What is handed to the lane and what it answers; what it tells the node's own feed after the commit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from auctions.auction import Auction
from auctions.messages import Command, Event, Move, Outcome, Reason, RefuseBid, VoidBid
from market.kit.actor import Actor
from market.kit.errors import Transient


@dataclass(frozen=True, slots=True)
class BidOrder:
    """One command to one auction.

    A bidder's command names the actor's own organisation (`bidder=str(actor.org_id)`) and leaves `standing` alone: the
    lane finds it out under the locks. `received_at` is the node's clock when the command arrived. `key` is what the seller
    or the operator calls a strike, so that its repeat is told the same.
    """

    actor: Actor
    auction_id: UUID
    command: Command | Move
    received_at: datetime
    key: str | None = None

    @property
    def strike_key(self) -> tuple[UUID, UUID, str] | None:
        """What the decision on a strike is kept under: auction, who says it (organisation or person), and its key."""
        by_id = self.actor.org_id or self.actor.user_id
        if self.key is None or by_id is None or not isinstance(self.command, RefuseBid | VoidBid):
            return None
        return self.auction_id, by_id, self.key

    @property
    def cid(self) -> str | None:
        """The bidder's own key of this command, unique per bidder and auction for ever; None for office commands."""
        return getattr(self.command, "cid", None)


class Status(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """The cid was decided before: `seq` stands if it was accepted then, `code` alone if it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command; given only after the commit that keeps it.

    `seq` is the event the command led to (an office command that changes nothing: the present seq). `code` is the
    reason of a refusal, or OUTBID_TIE beside an accepted bid. `outcome` is what a bid for a rising price did for its
    bidder when it was decided. Both instants are the database's clock.
    """

    status: Status
    received_at: datetime
    decided_at: datetime
    seq: int | None = None
    code: Reason | None = None
    outcome: Outcome | None = None
    min_next_cents: int | None = None
    detail: str = ""
    retry_after_s: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the command counts: accepted now, or before under the same cid."""
        return self.seq is not None


Told = Callable[[Answer | Transient], None]
"""Takes an order's answer; `Transient` if it could not be decided: nothing was kept, or nobody can tell yet."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What one batch added to one auction: the state after it, and its events in order with their canonical bytes."""

    auction: Auction
    events: tuple[tuple[Event, bytes], ...]


OnCommit = Callable[[Mapping[UUID, Committed]], None]
"""Called by the lane right after each commit that added events; must be quick and not raise."""

CHANNEL = "auction"
"""NOTIFY channel of the hint after each batch: a JSON object {auction id: last seq}. The events are the truth."""

PUBLISHED_CHANNEL = "auction_published"
"""NOTIFY channel of a new auction: its id. Wakes the closers of all nodes."""
