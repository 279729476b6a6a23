"""The folded state of auctions, kept in memory: events are folded once per process, whoever wrote them."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auctions.auction import Auction
from auctions.engine import evolve
from auctions.record import decode

_MAX_AUCTIONS = 2_000

ReadEvents = Callable[[UUID, int], Awaitable[Sequence[str]]]
"""The canonical texts of some next events of an auction after a seq, in order; none if there are none."""


@dataclass(frozen=True, slots=True)
class Folded:
    """An auction after its event `auction.seq`, which was decided at `last_at`. An immutable value."""

    auction: Auction
    last_at: datetime


class States:
    """Committed states only. What lies here may be behind the database, never ahead of it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, Folded] = OrderedDict()

    def peek(self, auction_id: UUID) -> Folded | None:
        """What is known without asking the database."""
        return self._kept.get(auction_id)

    def put(self, auction_id: UUID, folded: Folded) -> None:
        """Keep a committed state, unless a later one is known."""
        known = self._kept.pop(auction_id, None)
        keep = folded if known is None or known.auction.seq <= folded.auction.seq else known
        self._kept[auction_id] = keep
        if len(self._kept) > _MAX_AUCTIONS:
            self._kept.popitem(last=False)

    def forget(self, auction_id: UUID) -> None:
        self._kept.pop(auction_id, None)

    async def upto_date(self, auction_id: UUID, read: ReadEvents) -> Folded | None:
        """The state after every event that `read` finds; None if the auction has none."""
        folded = self._kept.get(auction_id)
        while texts := await read(auction_id, 0 if folded is None else folded.auction.seq):
            folded = fold(folded, texts)
        if folded is not None:
            self.put(auction_id, folded)
        return folded


def fold(folded: Folded | None, texts: Sequence[str]) -> Folded:
    """The state after the next events, given as canonical texts. Raises `OutOfSequenceError` on a gap."""
    auction = None if folded is None else folded.auction
    last_at = None if folded is None else folded.last_at
    for text in texts:
        event = decode(text)
        auction, last_at = evolve(auction, event, text.encode("ascii")), event.at
    if auction is None or last_at is None:
        raise ValueError("nothing to fold")
    return Folded(auction, last_at)
