"""From the event table to the rooms: commits of this node at once, other nodes' by hint, and by looking every second.

The table is the truth. A hint only says where to look, so a lost, doubled or late one does no harm.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from auctions.auction import Auction
from auctions.engine import OutOfSequenceError, evolve
from auctions.messages import Event
from auctions.record import decode
from auctions.views import Audience
from market.bidding.lane import CHANNEL, Committed, Lane
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import NotFound, Transient
from market.live import store
from market.live.bus import Bus, BusError
from market.live.outlet import Outlet
from market.live.protocol import Frame, Resync, write
from market.live.room import TAIL_COUNT, TURN_COUNT, Room

_log = structlog.get_logger()

POLL_S = 1.0
"""How late another node's event is at most while the listening connection is down."""
TICK_S = 0.1
"""Observers see at most one update of an auction in this time."""
_PACE_COUNT = 32
_RECONNECT_S = 0.5

_hint_decoder: msgspec.json.Decoder[dict[UUID, int]] = msgspec.json.Decoder(dict[UUID, int])


class Feed:
    """The rooms of one node, kept up to date while it runs."""

    def __init__(self, context: Context, lane: Lane) -> None:
        self._context = context
        self._lane = lane
        self._rooms: dict[UUID, Room] = {}
        self._loading, self._telling = asyncio.Lock(), asyncio.Lock()
        self._inbox: deque[tuple[UUID, Committed]] = deque()
        self._behind: set[UUID] = set()
        self._news = asyncio.Event()
        self._gaps = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._shown_at_s = 0.0
        self._turn = 0
        bus_url = context.settings.bus_url
        subject = f"market.{context.settings.database_name}.heads"
        self._bus = Bus(bus_url, subject=subject, heard=self._heads_are) if bus_url else None

    async def start(self) -> None:
        """Begin to follow. Until then, and after `stop`, rooms stand still."""
        self._lane.on_commit = self.committed
        parts = [self._deliver, self._fetch, self._listen, self._poll, self._tick]
        for work in parts + ([self._hold_bus] if self._bus else []):
            self._tasks.append(asyncio.create_task(_for_ever(work.__name__, work)))

    async def stop(self) -> None:
        self._lane.on_commit = None
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def join(
        self, auction_id: UUID, outlet: Outlet, audience: Audience, *, from_seq: int | None, epoch: str | None
    ) -> None:
        """Bring the socket up to date on an auction and keep it so. Raises `NotFound`, `Transient`."""
        while (room := self._rooms.get(auction_id)) is None:
            await self._open(auction_id)
        room.join(outlet, audience, from_seq=from_seq, epoch=epoch)
        if room.known_seq > room.auction.seq:
            self._look(auction_id)

    def leave(self, auction_id: UUID, outlet: Outlet) -> None:
        room = self._rooms.get(auction_id)
        if room is not None:
            room.leave(outlet)

    def head(self, auction_id: UUID) -> int:
        """The newest event that the database is known to have; 0 if nobody watches the auction."""
        room = self._rooms.get(auction_id)
        return 0 if room is None else room.known_seq

    def committed(self, batch: Mapping[UUID, Committed]) -> None:
        """What the lane calls after each commit: notes it and returns; telling the watchers comes later."""
        for auction_id, news in batch.items():
            if auction_id in self._rooms:
                self._inbox.append((auction_id, news))
        self._news.set()
        if self._bus is not None:
            self._bus.tell({auction_id: news.auction.seq for auction_id, news in batch.items()})

    def _look(self, auction_id: UUID) -> None:
        self._behind.add(auction_id)
        self._gaps.set()

    async def _open(self, auction_id: UUID) -> None:
        async with self._loading:
            if auction_id in self._rooms:
                return
            folded = await self._lane.states.upto_date(auction_id, self._read)
            if folded is None:
                raise NotFound("there is no such auction")
            seq = folded.auction.seq
            async with self._context.db.begin(SYSTEM) as tx:
                lineage = await store.lineage(tx)
                texts = await store.events_after(tx, auction_id, max(0, seq - TAIL_COUNT))
            newest = [event for event in map(decode, texts) if event.seq <= seq]
            self._rooms[auction_id] = Room(folded.auction, lineage, newest)
            self._look(auction_id)  # something may have been committed since it was read

    async def _read(self, auction_id: UUID, after_seq: int) -> list[str]:
        async with self._context.db.begin(SYSTEM) as tx:
            return await store.events_after(tx, auction_id, after_seq)

    # What runs for ever

    async def _deliver(self) -> None:
        """Hand out what was committed here."""
        await self._news.wait()
        self._news.clear()
        while self._inbox:
            auction_id, news = self._inbox.popleft()
            room = self._rooms.get(auction_id)
            if room is not None:
                try:
                    await self._tell(room, news.auction, [event for event, _ in news.events])
                except OutOfSequenceError:  # another node wrote before us
                    self._look(auction_id)

    async def _tell(self, room: Room, auction: Auction, events: Sequence[Event]) -> None:
        """Take the room on and tell it, one advance after the other. Raises `OutOfSequenceError`."""
        async with self._telling:
            await _push(room.advance(auction, events))

    async def _fetch(self) -> None:
        """Read what rooms lack: what other nodes committed, and what was missed."""
        await self._gaps.wait()
        self._gaps.clear()
        while self._behind:
            auction_id = self._behind.pop()
            try:
                await self._catch_up(auction_id)
            except BaseException:
                self._look(auction_id)
                raise

    async def _catch_up(self, auction_id: UUID) -> None:
        room = self._rooms.get(auction_id)
        while room is not None and (texts := await self._read(auction_id, room.auction.seq)):
            auction, events = room.auction, []
            for text in texts:
                event = decode(text)
                if event.seq > auction.seq:  # else a commit of ours was quicker
                    auction = evolve(auction, event, text.encode("ascii"))
                    events.append(event)
            await self._tell(room, auction, events)

    async def _listen(self) -> None:
        """Hold a connection that hears the hints; when it is lost, look at everything once and connect again."""
        connection = await self._context.db.raw_connection()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._hinted)
            await self._compare_heads()  # what was committed before we listened
            await lost.wait()
        finally:
            with suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresError, TimeoutError):
                await connection.close(timeout=1)
        _log.warning("the feed lost its listening connection; polling meanwhile")
        await asyncio.sleep(_RECONNECT_S)

    async def _hold_bus(self) -> None:
        """While there is a bus, the lane hints by it and not by the database; when it is lost, by the database again."""
        assert self._bus is not None
        try:
            await self._bus.run(connected=self._on_bus)
        finally:
            self._lane.hints_by_database = True

    def _on_bus(self) -> None:
        self._lane.hints_by_database = False
        for auction_id in self._rooms:  # what was hinted while we did not hear
            self._look(auction_id)

    def _hinted(self, _connection: Any, pid: int, _channel: str, payload: object) -> None:
        if self._lane.is_own(pid):  # it tells us itself
            return
        with suppress(msgspec.DecodeError):
            self._heads_are(_hint_decoder.decode(str(payload)))

    async def _poll(self) -> None:
        await asyncio.sleep(POLL_S)
        self._drop_idle()
        await self._compare_heads()

    async def _compare_heads(self) -> None:
        seen = {auction_id: room.auction.seq for auction_id, room in self._rooms.items()}
        if not seen:
            return
        async with self._context.db.begin(SYSTEM) as tx:
            heads = await store.heads(tx, list(seen))
        self._heads_are(heads)
        for auction_id, seq in seen.items():
            if heads.get(auction_id, 0) < seq:
                self._start_anew(auction_id)

    def _heads_are(self, heads: Mapping[UUID, int]) -> None:
        for auction_id, seq in heads.items():
            room = self._rooms.get(auction_id)
            if room is not None and seq > room.auction.seq:
                room.known_seq = max(room.known_seq, seq)
                self._look(auction_id)

    def _start_anew(self, auction_id: UUID) -> None:
        """The table went back to an older state, as after a restore: what the room knows never happened."""
        self._lane.states.forget(auction_id)
        room = self._rooms.pop(auction_id, None)
        if room is not None:
            frame = write(Resync(auction=auction_id, reason="the history was restored"))
            for outlet in room.outlets():
                outlet.push(frame)

    def _drop_idle(self) -> None:
        for auction_id in [auction_id for auction_id, room in self._rooms.items() if room.is_empty]:
            del self._rooms[auction_id]

    async def _tick(self) -> None:
        """Show the observers whose turn it is what is new; the same ones again a tick later."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._shown_at_s + TICK_S / TURN_COUNT - loop.time()))
        self._shown_at_s, turn = loop.time(), self._turn
        self._turn = (turn + 1) % TURN_COUNT
        await _push(pair for room in tuple(self._rooms.values()) for pair in room.show_observers(turn))


async def _push(frames: Iterable[tuple[Outlet, Frame]]) -> None:
    """A few at a time, so that bids are taken and answered in between."""
    for number, (outlet, frame) in enumerate(frames, start=1):
        outlet.push(frame)
        if number % _PACE_COUNT == 0:
            await asyncio.sleep(0)


async def _for_ever(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Call `work` again and again; passing trouble and faults are logged and followed by a pause, never by the end."""
    while True:
        try:
            await work()
        except BusError as error:
            _log.warning("no bus of hints; the database hints meanwhile", why=str(error))
            await asyncio.sleep(_RECONNECT_S)
        except (Transient, OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
            _log.warning("the feed waits for what it hears from", part=name)
            await asyncio.sleep(_RECONNECT_S)
        except Exception as error:  # noqa: BLE001 - a fault in one room must not silence all the others
            _log.error("fault in feed", part=name, exc_info=error)
            await asyncio.sleep(_RECONNECT_S)
