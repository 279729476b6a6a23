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
        """Open, carry out and close what is due now; returns the seconds until something is due next, None if nothing is."""
        drain = timedelta(milliseconds=self._context.settings.close_drain_ms)
        while True:
            async with self._context.db.begin(SYSTEM) as tx:
                due = await store.due(tx, drain)
            todo: list[tuple[Open | Tick | Close, Sequence[UUID]]]
            todo = [(Open(), due.to_open), (Tick(), due.to_tick), (Close(), due.to_close)]
            now = self._context.clock.now()
            orders = [BidOrder(SYSTEM, auction_id, command, now) for command, ids in todo for auction_id in ids]
            if not orders:
                return due.next_in_s
            answers = await asyncio.gather(*(self._submit(order) for order in orders), return_exceptions=True)
            if not any(isinstance(answer, Answer) and answer.holds for answer in answers):
                return _RETRY_S

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
