"""Opening and closing on time: sleep until something is due, then say so through the lane, like everybody else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from auctions.messages import Close, Open
from auctions.moves import Tick
from market.bidding.orders import Answer, BidOrder
from market.bidding.store import auctions as store
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import Transient

_log = structlog.get_logger()
_LONGEST_SLEEP_S = 5.0
"""Another node may have published and died before anybody here was told."""
_RETRY_S = 0.2
_AHEAD = timedelta(milliseconds=20)
"""What falls due so soon is looked up before its time, so that at its time nothing but the lane is between."""
_TIMER_S = 0.001
"""A timer counts whole milliseconds and may fire before its time; what is said too early is refused."""


class Closer:
    """Every node runs one; a second Close of an auction changes nothing, so they need not agree on who does it.

    Auctions are closed a little after their end (`close_drain_ms`), when every bid that arrived before it is decided.
    """

    def __init__(self, context: Context, submit: Callable[[BidOrder], Awaitable[Answer]]) -> None:
        self._context = context
        self._submit = submit
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="auction closer")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def wake(self) -> None:
        """Look again: something may be due sooner than was known."""
        self._sooner.set()

    async def close_due(self) -> float | None:
        """Open, carry out and close what is due now or within 20 ms; returns the seconds until something is due next, None if nothing is."""
        drain, loop = timedelta(milliseconds=self._context.settings.close_drain_ms), asyncio.get_running_loop()
        while True:
            async with self._context.db.begin(SYSTEM) as tx:
                now = await store.read_clock(tx)
                began_s = loop.time()
                due = await store.due(tx, now, drain=drain, ahead=_AHEAD)
            todo: list[tuple[Open | Tick | Close, Sequence[tuple[UUID, float]]]]
            todo = [(Open(), due.to_open), (Tick(), due.to_tick), (Close(), due.to_close)]
            orders = [
                self._say(auction_id, command, began_s + left_s)
                for command, which in todo
                for auction_id, left_s in which
            ]
            if not orders:
                return due.next_in_s
            answers = await asyncio.gather(*orders, return_exceptions=True)
            if not any(isinstance(answer, Answer) and answer.holds for answer in answers):
                return min(_RETRY_S, due.next_in_s or _RETRY_S)

    async def _say(self, auction_id: UUID, command: Open | Tick | Close, at_s: float) -> Answer:
        """Once the loop's clock shows `at_s`, give the order to the lane."""
        if (left_s := at_s - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left_s + _TIMER_S)
        return await self._submit(BidOrder(SYSTEM, auction_id, command, self._context.clock.now()))

    async def _run(self) -> None:
        while True:
            self._sooner.clear()
            try:
                wait_s = await self.close_due()
            except Transient:
                _log.warning("closing waits for the database")
                wait_s = _RETRY_S
            except Exception as error:  # noqa: BLE001 - auctions must close, whatever happened to the last attempt
                _log.error("closing failed; trying again", exc_info=error)
                wait_s = _RETRY_S
            with suppress(TimeoutError):  # wait_for would swallow a cancellation that comes with a wake (3.11)
                async with asyncio.timeout(min(_LONGEST_SLEEP_S, wait_s or _LONGEST_SLEEP_S)):
                    await self._sooner.wait()
