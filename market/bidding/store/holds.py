"""The lock that keeps an auction where it is while money and title around it move."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


async def hold_auction(tx: AsyncSession, auction_id: UUID) -> None:
    """Wait for the lane's batch, and let none begin before this transaction ends. Nothing happens without such an auction.

    The database's function takes the lane's own lock (`FOR NO KEY UPDATE`), for members may not lock others' rows. Under
    the weaker `FOR SHARE`, one registration after the other could pass a waiting lane by, until its `lock_timeout`.
    """
    await tx.execute(select(func.auction_hold(auction_id)))
