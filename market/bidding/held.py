"""What waits in the lane because somebody holds its auction's row, so that no other auction waits with it."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from market.bidding.orders import Answer, BidOrder, Told
from market.kit.actor import Role
from market.kit.errors import Transient

_log = structlog.get_logger()

_LOOK_EVERY_S = 0.05
_LONGEST_S = 10.0
"""A deposit holds the row for milliseconds; a node that froze in the midst of one is cut off by the database in 5 s."""
_MOST_PER_AUCTION = 256


@dataclass(slots=True)
class Ticket:
    """An order and who is told its answer. `until_s` is the loop's time at which a wait for the row is given up."""

    order: BidOrder
    told: Told
    until_s: float | None = None

    def tell(self, answer: Answer | Transient) -> None:
        try:
            self.told(answer)
        except Exception as error:  # noqa: BLE001 - what one asker makes of its answer must not reach its neighbours
            _log.error("an answer could not be told", exc_info=error)


class Held:
    """Tickets by auction, first come first served. Each waits 10 s at most, however often its row is missed."""

    def __init__(self) -> None:
        self._of: dict[UUID, list[Ticket]] = {}
        self._look_at_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._of)

    def __contains__(self, auction_id: UUID) -> bool:
        return auction_id in self._of

    def auction_ids(self) -> Sequence[UUID]:
        return list(self._of)

    def all(self) -> Iterator[Ticket]:
        """Take everything out."""
        while self._of:
            yield from self._of.pop(next(iter(self._of)))

    def is_full(self, auction_id: UUID) -> bool:
        """Whether an auction has as many waiting as may wait: one that is held for long fills no queue of others."""
        return len(self._of.get(auction_id, ())) >= _MOST_PER_AUCTION

    def next_look_in(self) -> float | None:
        """Seconds until one should look again; None while nothing is held."""
        return max(0.0, self._look_at_s - _now_s()) if self._of else None

    def put(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Keep the tickets, but for those returned: the clock's, and what has waited too long."""
        late, now_s = [], _now_s()
        if not self._of:
            self._look_at_s = now_s + _LOOK_EVERY_S
        for ticket in tickets:
            if ticket.until_s is None:
                ticket.until_s = now_s + _LONGEST_S
            if ticket.order.actor.role is Role.SYSTEM or ticket.until_s <= now_s:
                late.append(ticket)
            else:
                self._of.setdefault(ticket.order.auction_id, []).append(ticket)
        return late

    def look(self, free: Collection[UUID]) -> tuple[list[Ticket], list[Ticket]]:
        """Take out what waited for a row that is free by now, in order, and what has waited too long."""
        self._look_at_s = _now_s() + _LOOK_EVERY_S
        freed = [ticket for auction_id in free for ticket in self._of.pop(auction_id, ())]
        late = [ticket for tickets in self._of.values() for ticket in tickets if (ticket.until_s or 0.0) <= _now_s()]
        for ticket in late:
            self._of[ticket.order.auction_id].remove(ticket)
        self._of = {auction_id: tickets for auction_id, tickets in self._of.items() if tickets}
        return freed, late


def _now_s() -> float:
    return asyncio.get_running_loop().time()
