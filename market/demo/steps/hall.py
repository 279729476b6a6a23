"""The auction room: one live socket per bidder, everything heard is kept, and told once."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from market.client.live import LiveClient
from market.client.messages import Ack, Event, LiveError
from market.demo.cast import Character
from market.demo.world import World

_PATIENCE_S = 300.0
"""How long anything is waited for that must come, on however slow a machine."""
_OVER = frozenset({"awarded", "auction_failed", "auction_cancelled"})


class Hall:
    """Use as an async context manager: everybody connects and follows the auction until it is left."""

    def __init__(self, world: World, *people: Character) -> None:
        self._world, self._people = world, people
        self._auction: UUID = world.sale.auction_id
        self._live: dict[Character, LiveClient] = {}
        self._stack = AsyncExitStack()
        self._listeners: list[asyncio.Task[None]] = []
        self._news = asyncio.Condition()
        self.heard: dict[Character, dict[int, Event]] = {who: {} for who in people}
        self.acked: list[tuple[Character, int, Ack]] = []
        """Every accepted bid: who, how much, and the answer."""

    async def __aenter__(self) -> Self:
        for who in self._people:
            live = await self._stack.enter_async_context(self._world[who].live())
            self._live[who] = live
            await live.watch(self._auction)
            self._listeners.append(asyncio.create_task(self._listen(who, live)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._listeners:
            task.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        await self._stack.aclose()

    def state(self, who: Character) -> dict[str, Any]:
        """The auction as somebody sees it now."""
        return self._live[who].state(self._auction)

    @property
    def closes_at(self) -> datetime:
        """When the auction closes as things stand."""
        return datetime.fromisoformat(self.state(self._people[0])["closes_at"])

    async def bid(self, who: Character, amount: Any, *, cid: str | None = None) -> Ack:
        """Bid exactly an amount. Raises `LiveError` for what is no amount."""
        return self._keep(who, amount, await self._live[who].bid(self._auction, amount, cid=cid))

    async def proxy(self, who: Character, ceiling_cents: int) -> Ack:
        """Have the engine bid up to a secret ceiling."""
        return self._keep(who, ceiling_cents, await self._live[who].proxy(self._auction, ceiling_cents))

    def _keep(self, who: Character, cents: int, ack: Ack) -> Ack:
        """An answer that names an event is a promise; also when it is a duplicate's, after a reconnection."""
        if ack.seq is not None and ack.status != "rejected":
            self.acked.append((who, cents, ack))
        return ack

    async def nonsense(self, who: Character, amount: object) -> str:
        """The code with which something that is no amount is turned away; `accepted` or the ack's code if it is not."""
        try:
            ack = await self.bid(who, amount)
        except LiveError as error:
            return f"{error.code} {error.field}"
        return ack.code or ack.status

    async def until_open(self, *, timeout_s: float = _PATIENCE_S) -> None:
        """Until every watcher sees the auction open, whether it heard that happen or came later."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: all(self.state(who)["phase"] == "open" for who in self._people))

    async def until_heard(self, kind: str, *, timeout_s: float = _PATIENCE_S) -> Event:
        """The first event of a kind, by the first watcher's feed. Raises `TimeoutError`."""
        return await self._until(frozenset({kind}), timeout_s)

    async def caught_up(self, who: Character, seq: int | None, *, timeout_s: float = _PATIENCE_S) -> dict[str, Any]:
        """The auction as somebody sees it once it has heard event `seq`. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: self.state(who)["seq"] >= (seq or 0))
        return self.state(who)

    async def until_over(self, *, timeout_s: float = _PATIENCE_S) -> Event:
        """How the auction ended, once every watcher has heard it. Raises `TimeoutError`."""
        last = await self._until(_OVER, timeout_s)
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: all(self.state(who)["seq"] >= last.seq for who in self._people))
        return last

    async def sleep_until(self, at: datetime) -> None:
        """Wait for an instant, by the clock that this machine shares with the server."""
        await asyncio.sleep(max(0.0, (at - self._world.clock.now()).total_seconds()))

    async def _until(self, kinds: frozenset[str], timeout_s: float) -> Event:
        feed = self.heard[self._people[0]]

        def found() -> Event | None:
            return next((event for event in feed.values() if event.kind in kinds), None)

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: found() is not None)
        event = found()
        assert event is not None
        return event

    async def _listen(self, who: Character, live: LiveClient) -> None:
        async for update in live.events(self._auction):
            if isinstance(update, Event):
                self.heard[who][update.seq] = update
                if who is self._people[0]:
                    self._world.teller.live(update.seq, update.kind, update.data, self._world.bank.currency)
            async with self._news:
                self._news.notify_all()
