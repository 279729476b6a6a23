"""What happens after an auction's end: a pool that found no buyer goes back to its seller."""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service
from market.bidding.signatures import Signer
from market.db.context import Context
from market.journal import service as journal
from market.journal.rules import Entry
from market.kit.actor import SYSTEM
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState

_ENDED_UNSOLD = frozenset({"auction.failed", "auction.cancelled"})
"""Nothing of the auction was sold; `auction.pool_unsold` is for one pool of several."""


async def return_unsold_pools(context: Context) -> bool:
    """Follow the journal; the pool of an auction that failed or was cancelled may be offered again."""
    return await journal.follow(context, "bidding.unsold", _return_pool) > 0


async def _return_pool(tx: AsyncSession, entry: Entry) -> None:
    if entry.kind in _ENDED_UNSOLD:
        returned = await service.pools_of(tx, UUID(entry.body["auction_id"]))
    elif entry.kind == "auction.pool_unsold":
        returned = [UUID(entry.body["pool_id"])]
    else:
        return
    for pool_id in returned:
        pool = await portfolios.find_pool(tx, SYSTEM, pool_id)
        if pool.state is PoolState.OFFERED and str(pool.auction_id) == entry.body["auction_id"]:
            await portfolios.mark_unsold(tx, SYSTEM, pool.pool_id)


_LOOK_EVERY = timedelta(seconds=5)


async def take_checkpoints(context: Context) -> bool:
    """Each minute, and soon after an auction has ended, sign where its log stands. Never calls for another turn at once."""
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "bidding.checkpoints", context.clock.now(), _LOOK_EVERY):
            return False
    signer = await asyncio.to_thread(Signer.of, context)
    while await service.take_due_checkpoints(context, signer):
        pass
    return False


TICKS = (return_unsold_pools, take_checkpoints)
