"""Checkpoints of auctions' logs, and receipts that bidders keep."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auctions.receipts import Checkpoint, leaf, path, root
from auctions.terms import instant
from market.bidding.rules import NoSuchReceipt, NotCheckpointed
from market.bidding.service.looking import find_auction
from market.bidding.signatures import Signer
from market.bidding.store import proving as store
from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.parties.rules import require


@dataclass(frozen=True, slots=True)
class Receipt:
    """That event `seq` was in the log when the checkpoint was signed."""

    auction_id: UUID
    seq: int
    blind: bytes
    path: list[bytes]
    checkpoint: Checkpoint


async def take_checkpoint(tx: AsyncSession, signer: Signer, auction_id: UUID, now: datetime) -> Checkpoint | None:
    """Sign where an auction's log stands; None if it has not moved since the checkpoint before."""
    heads = await store.heads(tx, auction_id)
    if not heads or await store.checkpointed_size(tx, auction_id) >= len(heads):
        return None
    leaves = _leaves(signer, auction_id, heads)
    name, key = str(auction_id), signer.public_key
    bare = Checkpoint(auction_id=name, size=len(heads), root=root(leaves), at=instant(now), public_key=key)
    signed = replace(bare, signature=signer.sign(bare.statement))
    await store.keep_checkpoint(tx, auction_id, signed, now)
    return signed


async def take_due_checkpoints(context: Context, signer: Signer) -> int:
    """Each minute, and as soon as an auction has ended: sign what moved. Returns how many were signed."""
    async with context.db.begin(SYSTEM) as tx:
        due = await store.to_checkpoint(tx, context.clock.now())
    for auction_id in due:
        async with context.db.begin(SYSTEM) as tx:
            await take_checkpoint(tx, signer, auction_id, context.clock.now())
    return len(due)


async def checkpoints_of(tx: AsyncSession, actor: Actor, auction_id: UUID) -> list[Checkpoint]:
    """The newest checkpoints first, 100 at most; they say nothing of the log but its length. Raises `NoSuchAuction`."""
    require(actor, scope="auctions:read")
    await find_auction(tx, auction_id)
    return await store.checkpoints(tx, auction_id)


async def receipt_for(context: Context, actor: Actor, auction_id: UUID, seq: int, signer: Signer) -> Receipt:
    """The receipt for one's own bid, under the first checkpoint that covers it.

    Raises `NoSuchAuction`, `NoSuchReceipt` for what is not the actor's bid, and `NotCheckpointed` for a minute.
    """
    require(actor, scope="auctions:read")
    async with context.db.begin(actor) as tx:
        await find_auction(tx, auction_id)
        if not await store.is_own_bid(tx, auction_id, seq):
            raise NoSuchReceipt("receipts are for your own accepted bids, by their seq")
        checkpoint = await store.covering(tx, auction_id, seq)
    if checkpoint is None:
        raise NotCheckpointed("the next checkpoint comes within a minute")
    async with context.db.begin(SYSTEM) as tx:
        heads = (await store.heads(tx, auction_id))[: checkpoint.size]
    blind = signer.blinds(str(auction_id), seq)[-1]
    return Receipt(auction_id, seq, blind, path(_leaves(signer, auction_id, heads), seq - 1), checkpoint)


def _leaves(signer: Signer, auction_id: UUID, heads: list[bytes]) -> list[bytes]:
    blinds = signer.blinds(str(auction_id), len(heads))
    return [leaf(blind, head) for blind, head in zip(blinds, heads, strict=True)]
