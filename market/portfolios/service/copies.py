"""Every buyer's own copy of a vetted masked file, made when it is first asked for; and whose copy was leaked."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.parties.rules import require
from market.portfolios.claims import TAPE_READERS
from market.portfolios.copying import CopyJob, Traced, TraceJob, make_copy, trace_leak
from market.portfolios.rules import KeyPurpose, Pool, key_context
from market.portfolios.store import data_room as store
from market.portfolios.store import pools as pool_store
from market.portfolios.store import portfolios as portfolio_store


@dataclass(frozen=True, slots=True)
class Leak:
    """How many tokens of a leaked file are those of each organisation's copy, the likeliest first."""

    pool_id: UUID
    suspicions: list[Traced]


async def make_for(context: Context, pool_id: UUID, org_id: UUID) -> None:
    """Re-key the pool's vetted file for this buyer in a child process and keep it; a second call finds it made.

    The copy is a function of file, key and buyer: whoever makes it twice makes the same bytes.
    """
    async with context.db.begin(SYSTEM) as tx:
        if await store.buyer_copy(tx, pool_id, org_id) is not None:
            return
        pool = await pool_store.find_pool(tx, pool_id)
    if pool is None or pool.vetted is None:
        raise AssertionError("a pool on offer has a vetted file")
    job = CopyJob(context.files.root, pool.vetted.sha256, await _token_key(context, pool), str(org_id))
    made = await TAPE_READERS.submit(context.settings.mask_memory_mib, make_copy, job)
    async with context.db.begin(SYSTEM) as tx:
        if await store.add_buyer_copy(tx, pool_id, org_id, made, context.clock.now()):
            body = {"org_id": org_id, "file_sha256": made.sha256}
            await journal.append(tx, SYSTEM, f"pool:{pool_id}", "pool.copy_made", body)


async def trace(context: Context, actor: Actor, pool_id: UUID, leak: bytes) -> Leak:
    """For officers: whose copy of this pool's vetted file a leaked file came from, any part of it, columns moved or renamed.

    Raises `Forbidden`, `NotFound`, and `Malformed` for a file that is no table.
    """
    require(actor, role=Role.OFFICER)
    async with context.db.begin(SYSTEM) as tx:
        pool = await pool_store.find_pool(tx, pool_id)
        candidates = await store.copy_holders(tx, pool_id)
    if pool is None or pool.vetted is None:
        raise NotFound("there is no such pool, or it has no masked file")
    names = tuple(str(org_id) for org_id in candidates)
    job = TraceJob(context.files.root, pool.vetted.sha256, await _token_key(context, pool), names, leak)
    found = await TAPE_READERS.submit(context.settings.mask_memory_mib, trace_leak, job)
    if found is None:
        raise Malformed("the leaked file cannot be read as a table: save it as CSV with a row of headings")
    async with context.db.begin(actor) as tx:
        body = {"candidate_count": len(names), "suspect_count": sum(1 for each in found if each.matched_count)}
        await journal.append(tx, actor, f"pool:{pool_id}", "pool.leak_traced", body)
    return Leak(pool_id, found)


async def _token_key(context: Context, pool: Pool) -> bytes:
    async with context.db.begin(SYSTEM) as tx:
        wrapped = await portfolio_store.portfolio_key(tx, pool.portfolio_id, KeyPurpose.TOKEN)
    return await asyncio.to_thread(context.vault.unwrap, wrapped, key_context(KeyPurpose.TOKEN, pool.portfolio_id))
