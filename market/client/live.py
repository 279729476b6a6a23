"""One socket to `/v1/live`, many auctions: it comes back by itself, misses nothing, and never bids twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import msgspec

from market.client.follower import Follower, Nothing
from market.client.link import Link, text
from market.client.messages import Ack, ClockSync, LiveClosed, LiveError, OutcomeUnknown, Snapshot, Update
from market.client.moves import LiveMoves
from market.kit.clock import Clock

_WAITING_UPDATES = 10_000
_BY_US = 1000
_SUB = "sub:"
_UNDECIDED = {"BUSY", "RATE_LIMITED"}
"""Acks that say nothing about an earlier sending of the same command."""
_TRY_AGAIN = {"TRY_AGAIN", "RATE_LIMITED"}
"""Errors after which the same subscription may succeed."""
_TRY_AGAIN_S = 1.0


@dataclass(slots=True)
class _Watch:
    follower: Follower
    ready: asyncio.Future[None]
    readers: set[asyncio.Queue[Update | None]] = field(default_factory=set)

    def end(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
        for updates in self.readers:
            updates.put_nowait(None)


@dataclass(slots=True)
class _Pending:
    frame: str
    answer: asyncio.Future[Any]
    sent_again: bool = False


class LiveClient(LiveMoves):
    """Use as an async context manager; `MarketClient.live` makes one.

    `jitter` gives a number from 0 to 1 that spreads reconnections; `new_name` an unpredictable text for cids.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        new_name: Callable[[], str],
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        origin: str | None = None,
    ) -> None:
        self._clock = clock
        self._new_name = new_name
        self._link = Link(url, self, jitter=jitter, api_key=api_key, headers=headers or {}, origin=origin)
        self._watches: dict[UUID, _Watch] = {}
        self._pending: dict[str, _Pending] = {}
        self._runner: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def connected_count(self) -> int:
        """How often a connection was made and signed in; more than 1 means it came back."""
        return self._link.connected_count

    async def __aenter__(self) -> Self:
        """Connect and sign in. Raises `LiveClosed` if the server will not have us."""
        self._runner = asyncio.create_task(self._link.run())
        waiting = asyncio.create_task(self._link.is_signed_in.wait())
        try:
            await asyncio.wait({self._runner, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        self._raise_if_closed()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._link.end(LiveClosed(_BY_US, "closed by us"))
        for task in (self._runner, *self._errands):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _raise_if_closed(self) -> None:
        if self._link.closed is not None:
            raise self._link.closed

    # Watching

    async def watch(self, auction: UUID) -> dict[str, Any]:
        """Follow an auction from now on; returns its state. Raises `LiveError` if it is not ours to see."""
        watch = self._watch(auction)
        await asyncio.shield(watch.ready)
        return self.state(auction)

    def state(self, auction: UUID) -> dict[str, Any]:
        """The auction as this user may see it now, equal to the server's own snapshot. Raises `KeyError` unwatched."""
        state = self._watches[auction].follower.state
        if state is None:
            raise KeyError(auction)
        return state

    async def events(self, auction: UUID) -> AsyncIterator[Update]:
        """What is known now as a `Snapshot`, then every event in order; a `Snapshot` again where the server sums up.

        Ends when the client is closed. A reader more than 10,000 updates behind goes on from a snapshot.
        """
        watch = self._watch(auction)
        await asyncio.shield(watch.ready)
        updates: asyncio.Queue[Update | None] = asyncio.Queue()
        updates.put_nowait(self._summary(watch))
        watch.readers.add(updates)
        try:
            while (update := await updates.get()) is not None:
                yield update
        finally:
            watch.readers.discard(updates)
        if self._link.closed is not None and self._link.closed.code != _BY_US:
            raise self._link.closed

    # Commands

    async def bid(
        self,
        auction: UUID,
        amount_cents: int,
        *,
        confirmed: bool = False,
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """Bid exactly this amount and wait for the stored answer, over as many connections as it takes.

        The same `cid` is sent again after a reconnection, so the bid counts at most once. Raises `LiveError` if the
        frame is malformed, `OutcomeUnknown` if no answer came in time.
        """
        fields = {"amount_cents": amount_cents, "confirmed": confirmed}
        return await self._command("bid", auction, cid, timeout_s, fields)

    async def proxy(
        self,
        auction: UUID,
        ceiling_cents: int,
        *,
        confirmed: bool = False,
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """Let the engine bid up to a secret ceiling. See `bid`."""
        fields = {"ceiling_cents": ceiling_cents, "confirmed": confirmed}
        return await self._command("proxy", auction, cid, timeout_s, fields)

    async def proxy_cancel(self, auction: UUID, *, cid: str | None = None, timeout_s: float = 30) -> Ack:
        """Lower the own ceiling to the current price. See `bid`."""
        return await self._command("proxy_cancel", auction, cid, timeout_s, {})

    async def buy_now(self, auction: UUID, *, cid: str | None = None, timeout_s: float = 30) -> Ack:
        """Buy at the buy-now amount and end the auction. See `bid`."""
        return await self._command("buy_now", auction, cid, timeout_s, {})

    async def refuse(
        self, auction: UUID, seq: int, reason: str, *, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """As the seller, strike out the bid accepted as event `seq`. See `bid`."""
        return await self._command("refuse", auction, cid, timeout_s, {"seq": seq, "reason": reason})

    async def ping(self, *, timeout_s: float = 5) -> ClockSync:
        """Compare clocks with the server (RFC 5905 § 8). Raises `TimeoutError` if no answer comes."""
        name = self._new_name()
        answer = self._expect(name, "")
        try:
            await self._link.send(text({"op": "ping", "id": name, "t0": self._micros()}))
            pong = await asyncio.wait_for(answer, timeout_s)
        finally:
            self._pending.pop(name, None)
        t0, t1, t2, t3 = pong["t0"], pong["t1"], pong["t2"], self._micros()
        return ClockSync(
            offset_s=((t1 - t0) + (t2 - t3)) / 2_000_000, round_trip_s=max(0, (t3 - t0) - (t2 - t1)) / 1_000_000
        )

    async def _command(
        self, op: str, auction: UUID, cid: str | None, timeout_s: float, fields: Mapping[str, Any]
    ) -> Ack:
        self._raise_if_closed()
        cid = self._new_name() if cid is None else cid
        name = self._new_name()
        frame = text({"op": op, "id": name, "auction": str(auction), "cid": cid, **fields})
        answer = self._expect(name, frame)
        try:
            await self._link.send(frame)
            return msgspec.convert(await asyncio.wait_for(answer, timeout_s), Ack)
        except TimeoutError:
            raise OutcomeUnknown(cid) from None
        finally:
            self._pending.pop(name, None)

    def _expect(self, name: str, frame: str) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[name] = _Pending(frame, answer)
        return answer

    def _watch(self, auction: UUID) -> _Watch:
        self._raise_if_closed()
        watch = self._watches.get(auction)
        if watch is None:
            watch = _Watch(Follower(auction), asyncio.get_running_loop().create_future())
            watch.ready.add_done_callback(_retrieve)
            self._watches[auction] = watch
            self._subscribe(watch)
        return watch

    # What the link tells of

    async def signed_in(self) -> None:
        """Take up where the last connection ended: subscriptions first, then every command without an answer."""
        for watch in list(self._watches.values()):
            self._subscribe(watch)
        for pending in list(self._pending.values()):
            if pending.frame:
                pending.sent_again = True
                await self._link.send(pending.frame)

    async def heard(self, frame: dict[str, Any]) -> None:
        """Take one frame; a message of a newer server is passed over."""
        match frame["t"]:
            case "event" | "snapshot":
                self._take(frame)
            case "ack" if frame.get("code") in _UNDECIDED and self._was_sent_again(frame["id"]):
                self._errand(self._send_later(frame["id"], frame.get("retry_after_ms", 1000) / 1000))
            case "ack" | "pong":
                self._answer(frame["id"], frame)
            case "hb":
                self._compare(frame["heads"])
            case "error":
                self._fail(frame)
            case "resync":
                self._start_anew(UUID(frame["auction"]))

    def ended(self, closed: LiveClosed) -> None:
        """Nobody is left waiting."""
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(closed)
        for watch in self._watches.values():
            watch.end(closed)

    def _take(self, frame: dict[str, Any]) -> None:
        watch = self._watches.get(UUID(frame["auction"]))
        if watch is None:
            return
        follower = watch.follower
        taken = follower.take_snapshot(frame) if frame["t"] == "snapshot" else follower.take_event(frame)
        if taken is Nothing.GAP:
            self._subscribe(watch)
        elif not isinstance(taken, Nothing):
            if not watch.ready.done():
                watch.ready.set_result(None)
            for updates in watch.readers:
                if updates.qsize() >= _WAITING_UPDATES:
                    _drop_all(updates)
                    updates.put_nowait(self._summary(watch))
                else:
                    updates.put_nowait(taken)

    def _summary(self, watch: _Watch) -> Snapshot:
        follower = watch.follower
        state = self.state(follower.auction)
        return Snapshot(auction=follower.auction, seq=state["seq"], epoch=follower.epoch or "", state=state)

    def _compare(self, heads: Mapping[str, int]) -> None:
        for auction, watch in self._watches.items():
            if watch.follower.hear_head(heads.get(str(auction))):
                self._subscribe(watch)

    def _start_anew(self, auction: UUID) -> None:
        watch = self._watches.get(auction)
        if watch is not None:
            watch.follower.forget()
            self._subscribe(watch)

    def _subscribe(self, watch: _Watch) -> None:
        message = {"op": "sub", "id": f"{_SUB}{watch.follower.auction}", **watch.follower.subscription()}
        self._errand(self._link.send(text(message)))

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _was_sent_again(self, name: str) -> bool:
        pending = self._pending.get(name)
        return pending is not None and pending.sent_again

    async def _send_later(self, name: str, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        pending = self._pending.get(name)
        if pending is not None:
            await self._link.send(pending.frame)

    def _answer(self, name: str, value: Any) -> None:
        pending = self._pending.get(name)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(value)

    def _fail(self, frame: dict[str, Any]) -> None:
        name = str(frame.get("id", ""))
        error = LiveError(frame["code"], frame["detail"], frame.get("field"))
        pending = self._pending.get(name)
        if pending is not None and not pending.answer.done():
            pending.answer.set_exception(error)
        elif name.startswith(_SUB):
            self._fail_subscription(UUID(name.removeprefix(_SUB)), error)

    def _fail_subscription(self, auction: UUID, error: LiveError) -> None:
        watch = self._watches.get(auction)
        if watch is None:
            return
        if error.code in _TRY_AGAIN:
            self._errand(self._subscribe_later(watch))
        else:
            del self._watches[auction]
            watch.end(error)

    async def _subscribe_later(self, watch: _Watch) -> None:
        await asyncio.sleep(_TRY_AGAIN_S)
        self._subscribe(watch)

    def _micros(self) -> int:
        at = self._clock.now()
        return int(at.timestamp()) * 1_000_000 + at.microsecond


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


def _drop_all(updates: asyncio.Queue[Update | None]) -> None:
    while not updates.empty():
        updates.get_nowait()
