"""The folded state of one auction: what its events add up to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auctions.book import Book
from auctions.increments import increment_at
from auctions.messages import Bid, BidStruck
from auctions.moves import Stage
from auctions.terms import EnglishTerms, Terms, TwoStageTerms


class Phase(StrEnum):
    SCHEDULED = "scheduled"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    AWARDING = "awarding"
    """Bidding is over; the seller may take the highest bid although it is below the reserve."""
    AWARDED = "awarded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in _ENDED

    @property
    def has_closed(self) -> bool:
        """Whether bidding is over for good."""
        return self in _ENDED or self is Phase.AWARDING


_ENDED = frozenset({Phase.CLOSED, Phase.AWARDED, Phase.FAILED, Phase.CANCELLED})


Remembered = Bid | BidStruck
"""What an ascending auction keeps in order, so that its bids can meet again."""


class BidLog:
    """Every bid and strike so far, oldest first. Appending makes a new log in constant time and leaves the old one as it was."""

    __slots__ = ("_count", "_newest")

    def __init__(self, newest: tuple[Remembered, object] | None = None, count: int = 0) -> None:
        self._newest = newest  # a chain of (one, the chain before it), so that old and new logs share what they have
        self._count = count

    def append(self, one: Remembered) -> "BidLog":
        return BidLog((one, self._newest), self._count + 1)

    def __iter__(self) -> Iterator[Remembered]:
        return reversed(list(self._newest_first()))

    def _newest_first(self) -> Iterator[Remembered]:
        cell: object = self._newest
        while isinstance(cell, tuple):
            one, cell = cell
            yield one

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BidLog) and len(self) == len(other) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((self._count, self._newest and self._newest[0]))

    def __repr__(self) -> str:
        return f"BidLog({self._count} bids)"


NO_BIDS_YET = BidLog()


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """One auction after the event `seq`; `head` is the hash chain's head there (32 bytes).

    `price_cents` and `leader` are None until there is a bid. `leader_ceiling_cents` is secret and never below the
    price; `leader_bid_seq` is the bid by which the leader leads. `closes_at` is the effective close and
    `latest_close_at` the furthest it may move; a pause moves both. `paddles` numbers bidders by their first bid.
    `bids` keeps every accepted bid of an ascending auction, lowered ceiling and strike, `struck` the seqs of the bids that were
    struck out, and `refused` the bidders one of whose bids the seller struck out while the price rose.
    `bid_count` counts the bids that all could see. `phase_reason` says why it is paused, cancelled or failed.
    `answer_until` is when the seller's time to take a bid below the reserve ends, None unless it was asked.
    `book` is what the other formats remember, None in an ascending auction.
    """

    auction_id: str
    seq: int
    head: bytes
    terms: Terms
    phase: Phase
    closes_at: datetime
    latest_close_at: datetime
    price_cents: int | None = None
    leader: str | None = None
    leader_ceiling_cents: int | None = None
    leader_bid_seq: int | None = None
    reserve_met: bool = False
    bid_count: int = 0
    bids: BidLog = NO_BIDS_YET
    struck: frozenset[int] = frozenset()
    refused: frozenset[str] = frozenset()
    paddles: Mapping[str, int]
    paused_at: datetime | None = None
    phase_reason: str | None = None
    answer_until: datetime | None = None
    winner: str | None = None
    hammer_cents: int | None = None
    book: Book | None = None

    @property
    def min_next_cents(self) -> int:
        """The least amount that a bidder who does not lead may bid."""
        ascent = self.ascent
        return self.the_book.least_cents if ascent is None else min_next(ascent, self.price_cents)

    @property
    def ascent(self) -> EnglishTerms | None:
        """The terms under which the price rises now; None in formats and parts in which it does not."""
        if isinstance(self.terms, EnglishTerms):
            return self.terms
        if isinstance(self.terms, TwoStageTerms) and self.the_book.stage is Stage.BINDING:
            return self.terms.ascent
        return None

    @property
    def the_book(self) -> Book:
        """The book of an auction that keeps one."""
        assert self.book is not None, "an ascending auction keeps no book"
        return self.book

    def paddle_of(self, bidder: str) -> int:
        """The bidder's number, or the number it gets with its first bid."""
        return self.paddles.get(bidder) or len(self.paddles) + 1


def min_next(terms: EnglishTerms, price_cents: int | None) -> int:
    """The opening bid while there is no price, afterwards the price and its increment."""
    if price_cents is None:
        return terms.opening_cents
    return price_cents + increment_at(terms.increments, price_cents)
