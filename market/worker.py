"""Composition root of time and jobs: every feature's ticks, again and again, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from market.bidding import jobs as bidding
from market.compliance import jobs as compliance
from market.compliance.screening import jobs as screening
from market.db.context import Context
from market.journal import jobs as journal
from market.journal.service import writing_mark
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.parties import jobs as parties
from market.portfolios import jobs as portfolios
from market.settlement import jobs as settlement

_log = structlog.get_logger()

Tick = Callable[[Context], Awaitable[bool]]
"""Does one piece of work that is due; True if there was some (call again at once), False if there is none now."""

TICKS: tuple[Tick, ...] = (
    *journal.TICKS,
    *parties.TICKS,
    *compliance.TICKS,
    *screening.TICKS,
    *portfolios.TICKS,
    *bidding.TICKS,
    *settlement.TICKS,
)


_STILL_S = 2.0
"""How long a tick may sleep while nothing is written: what only time makes due is a matter of hours and days."""


class _Pace:
    """Wakes the ticks. Who asked for `turn` before it looked for work cannot miss a wake that came while it looked."""

    def __init__(self) -> None:
        self.turn = 0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self.turn += 1
        self._woken.set()
        self._woken = asyncio.Event()

    async def after(self, turn: int, *, within_s: float) -> None:
        """Returns once somebody woke the ticks after `turn`, or after `within_s` seconds."""
        if self.turn == turn:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), within_s)


async def run(context: Context, stop: asyncio.Event, *, ticks: tuple[Tick, ...] = TICKS) -> None:
    """Run all ticks side by side until `stop` is set, and let the ones under way finish.

    They look for work whenever something was written to the database, and every two seconds while nothing is. A tick that
    fails is logged and tried again after a pause that doubles up to 30 s; the others go on.
    """
    pace = _Pace()
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(context, pace, stop))
        for tick in ticks:
            group.create_task(_repeat(context, tick, pace, stop))


async def _watch(context: Context, pace: _Pace, stop: asyncio.Event) -> None:
    """Wake the ticks when a transaction began to write or ended since the last look: one small query instead of theirs."""
    seen: str | None = None
    while not stop.is_set():
        mark = seen
        try:
            async with context.db.begin(SYSTEM) as tx:
                mark = await writing_mark(tx)
        except Exception as error:  # noqa: BLE001 - the ticks look by themselves meanwhile
            _log.warning("the worker cannot see what is written", error=type(error).__name__)
        if mark != seen:
            seen = mark
            pace.wake()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), context.settings.worker_poll_ms / 1000)
    pace.wake()


async def _repeat(context: Context, tick: Tick, pace: _Pace, stop: asyncio.Event) -> None:
    poll_s = context.settings.worker_poll_ms / 1000
    fault_s = 0.0
    while not stop.is_set():
        turn = pace.turn
        try:
            if await tick(context):
                fault_s = 0.0
                continue
            fault_s = 0.0
        except Transient:
            _log.warning("worker waits for the database", tick=tick.__name__)
            fault_s = min(30.0, max(poll_s, fault_s) * 2)
        except Exception as error:  # noqa: BLE001 - one tick's fault must not end the others
            _log.error("fault in worker", tick=tick.__name__, exc_info=error)
            fault_s = min(30.0, max(poll_s, fault_s) * 2)
        if fault_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), fault_s)
        else:
            await pace.after(turn, within_s=max(poll_s, _STILL_S))
