"""`market demo`: a server of its own, a whole sale through it, and an honest exit status."""

import asyncio
import signal

from market.demo import story
from market.demo.bank import Bank
from market.demo.checks import Checks
from market.demo.home import served
from market.demo.options import Options
from market.demo.server import ServerError
from market.demo.teller import Teller
from market.demo.world import World
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance
from market.settings import Settings

INTERRUPTED = 130


async def run(settings: Settings, options: Options) -> int:
    """Sell a portfolio and tell about it; 0 if every check held, 1 if not or if something broke, 130 if interrupted."""
    clock = SystemClock()
    chance = SystemChance(clock)
    teller = Teller(clock)
    checks = Checks(told=teller.check)
    _stop_on_signals()
    try:
        async with served(settings, chance) as server:
            teller.say(
                f"The server answers on {server.settings.public_url}; its data is in {server.settings.data_dir}."
            )
            bank, now = Bank("000123456789", options.currency), clock.now()
            world = World(server.settings, options, clock, chance, teller, checks, bank, begun_at=now)
            try:
                await story.tell(world)
            except Exception as error:  # noqa: BLE001 - whatever stops the story is a check that did not hold
                checks.broke("the story goes on to its end", error)
            finally:
                await world.close()
    except asyncio.CancelledError:
        teller.say("Interrupted; the server is stopped.")
        return INTERRUPTED
    except ServerError as error:
        checks.broke("the server starts", error)
    teller.verdict(checks)
    return 1 if checks.failed else 0


def _stop_on_signals() -> None:
    """Ctrl-C and SIGTERM end the story in order, so that the server is stopped."""
    story_task = asyncio.current_task()
    assert story_task is not None
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, story_task.cancel)
