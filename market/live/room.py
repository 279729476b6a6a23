"""One auction as this node knows it, and the sockets that watch it. Pure bookkeeping: it waits for nothing.

Bidders, the seller and officers hear every event at once. Observers see the auction as of the last tick: one new
event as it is, several as a fresh snapshot. They take turns, each with ticks of its own, so that a thousand of them are not
written to in one go. A frame is encoded once per (seq, audience) and shared.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from auctions.auction import Auction
from auctions.engine import OutOfSequenceError
from auctions.messages import Event
from auctions.views import OBSERVER, OTHER_BIDDER, Audience, Role, concerned, project, snapshot
from market.live.outlet import Outlet
from market.live.protocol import VERSION, Frame, write_event, write_snapshot

TAIL_COUNT = 256
"""So many newest events are at hand for those who come back; who was away for longer gets a snapshot."""

TURN_COUNT = 5
"""Observers take turns: so many parts of them are shown an auction one after the other in each tick."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An event and the frames that show it, made when the first of an audience asks."""

    event: Event
    concerned: frozenset[str]
    frames: dict[Audience, Frame] = field(default_factory=dict)

    def frame(self, audience: Audience) -> Frame:
        if audience.role is Role.BIDDER and audience.bidder not in self.concerned:
            audience = OTHER_BIDDER
        found = self.frames.get(audience)
        if found is None:
            found = self.frames[audience] = write_event(project(self.event, audience))
        return found


@dataclass(eq=False, frozen=True, slots=True)
class _Seat:
    """As whom a socket watches, and at which turn if as an observer, from when it joined until it leaves or joins again."""

    audience: Audience
    turn: int


class Room:
    def __init__(self, auction: Auction, lineage: str, newest: Iterable[Event] = ()) -> None:
        """`lineage` names the history that the seqs belong to; it changes when the database is restored.

        `newest` are the last events that led to `auction`, for those who come back.
        """
        self.auction = auction
        self.known_seq = auction.seq
        """The newest event that the database is known to have; ahead of `auction` while the feed catches up."""
        self._lineage = lineage
        self._shown = [auction] * TURN_COUNT
        self._joined_count = 0
        self._tail = deque((_Told(event, concerned(event)) for event in newest), maxlen=TAIL_COUNT)
        self._seats: dict[Outlet, _Seat] = {}
        self._snapshots: dict[tuple[int, Audience], Frame] = {}

    @property
    def is_empty(self) -> bool:
        return not self._seats

    def outlets(self) -> tuple[Outlet, ...]:
        return tuple(self._seats)

    def epoch(self, audience: Audience) -> str:
        """Frames of one epoch add up; it differs by protocol, history and audience."""
        return f"{VERSION}-{self._lineage}-{audience.role.value}"

    def join(self, outlet: Outlet, audience: Audience, *, from_seq: int | None, epoch: str | None) -> None:
        """Bring the socket up to date and keep it so. Joining again starts anew."""
        turn = self._turn()
        seen = self._shown[turn] if audience.role is Role.OBSERVER else self.auction
        missed = None if epoch != self.epoch(audience) else self._missed(from_seq, seen.seq)
        if missed is None:
            outlet.push(self._snapshot(seen, audience))
        else:
            for told in missed:
                outlet.push(told.frame(audience))
        self._seats.pop(outlet, None)
        self._seats[outlet] = _Seat(audience, turn)

    def _turn(self) -> int:
        """One of the turns that have been shown the most, so that nobody who comes back is taken back."""
        newest_seq = max(shown.seq for shown in self._shown)
        newest = [turn for turn, shown in enumerate(self._shown) if shown.seq == newest_seq]
        self._joined_count += 1
        return newest[self._joined_count % len(newest)]

    def leave(self, outlet: Outlet) -> None:
        """Tell this socket nothing more; nothing happens if it was not told anything."""
        self._seats.pop(outlet, None)

    def advance(self, auction: Auction, events: Sequence[Event]) -> Iterable[tuple[Outlet, Frame]]:
        """Take in what happened, and return what all but the observers get to hear of it; `auction` is the state after `events`.

        What is known already is left out. Raises `OutOfSequenceError` if something before it is missing. Each gets one
        string of all the frames. Push them in this order, and all before the room advances again.
        """
        seq = self.auction.seq
        news = [event for event in events if event.seq > seq]
        if not news:
            return ()
        if news[0].seq != seq + 1 or news[-1].seq != auction.seq:
            raise OutOfSequenceError(seq + 1, news[0].seq)
        self.auction = auction
        self.known_seq = max(self.known_seq, auction.seq)
        self._snapshots.clear()
        added = [_Told(event, concerned(event)) for event in news]
        self._tail.extend(added)
        hearing = [pair for pair in self._seats.items() if pair[1].audience.role is not Role.OBSERVER]
        return self._tell(added, hearing) if hearing else ()

    def _tell(self, added: Sequence[_Told], hearing: Sequence[tuple[Outlet, _Seat]]) -> Iterator[tuple[Outlet, Frame]]:
        """Only who still sits where he sat: whoever sat down since has these events in his snapshot."""
        said: dict[Audience, Frame] = {}
        for outlet, seat in hearing:
            if self._seats.get(outlet) is seat:
                frames = said.get(seat.audience)
                if frames is None:
                    frames = said[seat.audience] = b"".join([told.frame(seat.audience) for told in added])
                yield outlet, frames

    def show_observers(self, turn: int) -> Iterator[tuple[Outlet, Frame]]:
        """What the observers of this turn get at their tick: at most one frame each."""
        behind = self.auction.seq - self._shown[turn].seq
        if not behind:
            return
        shown = self._shown[turn] = self.auction
        watching = [
            pair for pair in self._seats.items() if pair[1].turn == turn and pair[1].audience.role is Role.OBSERVER
        ]
        if watching:
            frame = self._tail[-1].frame(OBSERVER) if behind == 1 else self._snapshot(shown, OBSERVER)
            yield from ((outlet, frame) for outlet, seat in watching if self._seats.get(outlet) is seat)

    def _missed(self, from_seq: int | None, head_seq: int) -> list[_Told] | None:
        """The events after `from_seq`, or None if a snapshot is needed."""
        if from_seq is None or from_seq > head_seq:
            return None
        missed = [told for told in self._tail if from_seq < told.event.seq <= head_seq]
        return missed if len(missed) == head_seq - from_seq else None

    def _snapshot(self, auction: Auction, audience: Audience) -> Frame:
        key = (auction.seq, audience)
        found = self._snapshots.get(key)
        if found is None:
            found = self._snapshots[key] = write_snapshot(snapshot(auction, audience), self.epoch(audience))
        return found
