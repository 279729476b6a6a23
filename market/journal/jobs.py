"""Checkpoints by the minute."""

from datetime import timedelta

from market.db.context import Context
from market.journal import service
from market.kit.actor import SYSTEM

EVERY = timedelta(minutes=1)


async def take_checkpoints(context: Context) -> bool:
    """Each minute, sign where all streams stand. True if it was time; never calls for another turn at once."""
    async with context.db.begin(SYSTEM) as tx:
        if not await service.on_duty(tx, "journal.checkpoints", context.clock.now(), EVERY):
            return False
    await service.take_checkpoint(context)
    return False


TICKS = (take_checkpoints,)
