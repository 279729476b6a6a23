"""The SQL of checkpoints and receipts."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from auctions.receipts import Checkpoint
from auctions.terms import instant
from market.bidding.rules import ENDED
from market.db.tables.bidding import AuctionCheckpointRow, AuctionEventRow, AuctionRow, BidRow

_EVERY = timedelta(minutes=1)
_AT_ONCE = 50
_SHOWN = 100
_MAX_EVENTS = 1_000_000

_COLUMNS = (
    AuctionCheckpointRow.auction_id,
    AuctionCheckpointRow.size,
    AuctionCheckpointRow.root,
    AuctionCheckpointRow.at,
    AuctionCheckpointRow.public_key,
    AuctionCheckpointRow.signature,
)


async def to_checkpoint(tx: AsyncSession, now: datetime) -> list[UUID]:
    """Auctions whose log moved since their last checkpoint, if that is a minute ago or the auction has ended."""
    last = (
        select(func.max(AuctionCheckpointRow.size).label("size"), func.max(AuctionCheckpointRow.at).label("at"))
        .where(AuctionCheckpointRow.auction_id == AuctionRow.auction_id)
        .lateral()
    )
    moved = AuctionRow.seq > func.coalesce(last.c.size, 0)
    is_time = or_(last.c.at.is_(None), last.c.at <= now - _EVERY, AuctionRow.phase.in_(ENDED))
    query = (
        select(AuctionRow.auction_id).join(last, moved).where(is_time).order_by(AuctionRow.auction_id).limit(_AT_ONCE)
    )
    return list(await tx.scalars(query))


async def heads(tx: AsyncSession, auction_id: UUID) -> list[bytes]:
    """The heads after events 1, 2 …, in order."""
    query = (
        select(AuctionEventRow.hash)
        .where(AuctionEventRow.auction_id == auction_id)
        .order_by(AuctionEventRow.seq)
        .limit(_MAX_EVENTS)
    )
    return list(await tx.scalars(query))


async def checkpointed_size(tx: AsyncSession, auction_id: UUID) -> int:
    """How many events the newest checkpoint covers."""
    newest = select(func.max(AuctionCheckpointRow.size)).where(AuctionCheckpointRow.auction_id == auction_id)
    return int(await tx.scalar(newest) or 0)


async def keep_checkpoint(tx: AsyncSession, auction_id: UUID, checkpoint: Checkpoint, now: datetime) -> None:
    await tx.execute(
        insert(AuctionCheckpointRow).values(
            auction_id=auction_id,
            size=checkpoint.size,
            root=checkpoint.root,
            at=now,
            public_key=checkpoint.public_key,
            signature=checkpoint.signature,
        )
    )


async def checkpoints(tx: AsyncSession, auction_id: UUID) -> list[Checkpoint]:
    """Newest first."""
    query = (
        select(*_COLUMNS)
        .where(AuctionCheckpointRow.auction_id == auction_id)
        .order_by(AuctionCheckpointRow.size.desc())
        .limit(_SHOWN)
    )
    return [_checkpoint(tuple(row)) for row in await tx.execute(query)]


async def covering(tx: AsyncSession, auction_id: UUID, seq: int) -> Checkpoint | None:
    """The first checkpoint that covers an event."""
    query = (
        select(*_COLUMNS)
        .where(AuctionCheckpointRow.auction_id == auction_id, AuctionCheckpointRow.size >= seq)
        .order_by(AuctionCheckpointRow.size)
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _checkpoint(tuple(row))


async def is_own_bid(tx: AsyncSession, auction_id: UUID, seq: int) -> bool:
    """Whether the event is a bid of the transaction's organisation."""
    return bool(await tx.scalar(select(exists().where(BidRow.auction_id == auction_id, BidRow.seq == seq))))


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    name, size, root, at, public_key, signature = row
    return Checkpoint(
        auction_id=str(name), size=size, root=root, at=instant(at), public_key=public_key, signature=signature
    )
