"""Composition root of time and jobs: every feature's ticks, again and again, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from market.bidding import jobs as bidding
from market.compliance import jobs as compliance
from market.compliance.screening import jobs as screening
from market.db.context import Context
from market.journal import jobs as journal
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


async def run(context: Context, stop: asyncio.Event, *, ticks: tuple[Tick, ...] = TICKS) -> None:
    """Run all ticks side by side until `stop` is set, and let the ones under way finish.

    A tick that fails is logged and tried again after a pause that doubles up to 30 s; the others go on.
    """
    async with asyncio.TaskGroup() as group:
        for tick in ticks:
            group.create_task(_repeat(context, tick, stop))


async def _repeat(context: Context, tick: Tick, stop: asyncio.Event) -> None:
    poll_s = context.settings.worker_poll_ms / 1000
    pause_s = poll_s
    while not stop.is_set():
        try:
            if await tick(context):
                pause_s = poll_s
                continue
            pause_s = poll_s
        except Transient:
            _log.warning("worker waits for the database", tick=tick.__name__)
            pause_s = min(30.0, pause_s * 2)
        except Exception as error:  # noqa: BLE001 - one tick's fault must not end the others
            _log.error("fault in worker", tick=tick.__name__, exc_info=error)
            pause_s = min(30.0, pause_s * 2)
        try:
            await asyncio.wait_for(stop.wait(), pause_s)
        except TimeoutError:
            continue
