"""What the worker does for portfolios: inspect tapes, mask them, cut pools.

Each tick claims one row for a short lease, computes in a child process while it renews the lease, and writes the result
in a second transaction, if the claim still stands. A worker that dies leaves a lease that runs out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import scrubbing, work
from market.portfolios.claims import LEASE, Claim, compute
from market.portfolios.platform_key import print_key
from market.portfolios.rules import (
    MAX_ATTEMPT_COUNT,
    KeyPurpose,
    Pool,
    PoolState,
    Portfolio,
    PortfolioState,
    Refusal,
    key_context,
    while_claimed,
)
from market.portfolios.saleability import CarveOut, rows_of
from market.portfolios.service.doubles import flag
from market.portfolios.service.shredding import past_retention, shred
from market.portfolios.service.uploads import expire_upload
from market.portfolios.shreds import Cause
from market.portfolios.store import pools as pool_store
from market.portfolios.store import portfolios as store
from market.portfolios.store import saleability as saleability_store
from market.portfolios.store.saleability import Overlap
from market.portfolios.tapes import SealedTape
from market.portfolios.turns import Turn, turns_of

_KEY_BYTES, _PREFIX_BYTES = 32, 7
_GIVEN_UP = Refusal(
    "processing_failed",
    f"The file could not be processed in {MAX_ATTEMPT_COUNT} attempts: export the tape again, or split it.",
)


async def inspect_tape(context: Context) -> bool:
    """Read one received tape and propose a mapping."""
    portfolio = await _claim_portfolio(context, PortfolioState.RECEIVED, PortfolioState.INSPECTING)
    if portfolio is None:
        return False
    claim = Claim(context, portfolio.portfolio_id, portfolio.claimed_until, store.renew_portfolio)
    found = await compute(claim, work.inspect_tape, await _sealed_tape(context, portfolio))
    if found is None:
        return True
    async with context.db.begin(SYSTEM) as tx:
        if not await store.hold_portfolio(tx, portfolio.portfolio_id, claim.until):
            return True
        if isinstance(found, Refusal):
            await _refuse_portfolio(tx, portfolio, found)
            return True
        template = await store.find_template(tx, portfolio.org_id, found.digest)
        await store.save_portfolio(
            tx,
            portfolio.portfolio_id,
            PortfolioState.MAPPING_NEEDED,
            source=found.source | {"template": template.name if template else None},
            header_digest=found.digest,
            findings=found.findings,
            mapping=_fitted(template.mapping, found.mapping) if template else found.mapping,
        )
        body = {"column_count": len(found.findings), "from_template": template is not None}
        await journal.append(tx, SYSTEM, f"portfolio:{portfolio.portfolio_id}", "portfolio.inspected", body)
    return True


async def mask_portfolio(context: Context) -> bool:
    """Mask one portfolio with the mapping that its seller confirmed."""
    portfolio = await _claim_portfolio(context, PortfolioState.MASKING)
    if portfolio is None:
        return False
    claim = Claim(context, portfolio.portfolio_id, portfolio.claimed_until, store.renew_portfolio)
    judged = await _scrub(context, claim, portfolio)
    if judged is None:
        return True
    made: work.MaskedPortfolio | work.NothingAccepted | Refusal | None
    if isinstance(judged, Refusal):
        made = judged
    else:
        job = await _mask_job(context, portfolio, portfolio.portfolio_id, (), judged.found)
        made = await compute(claim, work.mask_portfolio, job)
    if made is None:
        return True
    async with context.db.begin(SYSTEM) as tx:
        if not await store.hold_portfolio(tx, portfolio.portfolio_id, claim.until):
            return True
        if isinstance(made, Refusal):
            await _refuse_portfolio(tx, portfolio, made)
            return True
        await store.replace_refused(tx, portfolio, made.refused)
        if isinstance(judged, _Judged):
            await _record_scrub(context, tx, portfolio, judged)
        if isinstance(made, work.NothingAccepted):
            told = judged.told if isinstance(judged, _Judged) else None
            await _refuse_portfolio(tx, portfolio, made.refusal, totals=made.totals, saleability=told)
            return True
        await store.save_portfolio(
            tx,
            portfolio.portfolio_id,
            PortfolioState.READY,
            totals=made.totals,
            strata=made.strata,
            report=made.report,
            saleability=judged.told if isinstance(judged, _Judged) else None,
            preview=made.preview,
            vetted=made.vetted,
        )
        body = {**made.totals, "preview_sha256": made.preview.sha256, "vetted_sha256": made.vetted.sha256}
        await journal.append(tx, SYSTEM, f"portfolio:{portfolio.portfolio_id}", "portfolio.masked", body)
    return True


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the saleability rules found, what the seller is told of it, and the other pools that hold the same accounts."""

    found: list[CarveOut]
    told: dict[str, Any]
    overlaps: list[Overlap]


async def _scrub(context: Context, claim: Claim, portfolio: Portfolio) -> _Judged | Refusal | None:
    """Judge every account, on the day of the cut-off or today, whichever is later; None when the claim was lost."""
    as_of = max(portfolio.cut_off_on, context.clock.now().date())
    job = scrubbing.ScrubJob(
        tape=await _sealed_tape(context, portfolio),
        mapping=portfolio.mapping or {},
        currency=portfolio.currency,
        cut_off_on=portfolio.cut_off_on,
        as_of=as_of,
        print_key=await print_key(context),
    )
    scrubbed = await compute(claim, scrubbing.scrub, job)
    if scrubbed is None or isinstance(scrubbed, Refusal):
        return scrubbed
    async with context.db.begin(SYSTEM) as tx:
        overlaps = await saleability_store.overlaps_of_prints(tx, portfolio.portfolio_id, scrubbed.prints)
    elsewhere = np.array(sorted({row for each in overlaps for row in each.rows}), np.int64)
    found = scrubbing.tally(scrubbed, elsewhere, disclose_time=portfolio.time_barred == "disclose")
    return _Judged(found, scrubbing.summary(scrubbed, found, as_of), overlaps)


async def _record_scrub(context: Context, tx: AsyncSession, portfolio: Portfolio, judged: _Judged) -> None:
    await saleability_store.replace_carve_outs(tx, portfolio, judged.found)
    await flag(tx, portfolio, judged.overlaps, now=context.clock.now(), chance=context.chance)
    body = {name: value for name, value in judged.told.items() if name.endswith(("_count", "_cents"))}
    await journal.append(tx, SYSTEM, f"portfolio:{portfolio.portfolio_id}", "portfolio.scrubbed", body)


async def cut_pool(context: Context) -> bool:
    """Cut one pool out of its portfolio: masked files, sealed sale file, commitment; the leak gate has the last word."""
    pool = await _claim_pool(context)
    if pool is None:
        return False
    claim = Claim(context, pool.pool_id, pool.claimed_until, pool_store.renew_pool)
    async with context.db.begin(SYSTEM) as tx:
        portfolio = await store.find_portfolio(tx, pool.portfolio_id)
        pools = {other.pool_id: other for other in await pool_store.pools_of(tx, pool.portfolio_id)}
        found = await saleability_store.carve_outs(tx, pool.portfolio_id)
    if portfolio is None:
        raise AssertionError("a pool has a portfolio")
    job = await _mask_job(context, portfolio, pool.pool_id, turns_of(pool, pools), found)
    made = await compute(claim, work.cut_pool, job)
    if made is None:
        return True
    async with context.db.begin(SYSTEM) as tx:
        if not await pool_store.hold_pool(tx, pool.pool_id, claim.until):
            return True
        if isinstance(made, Refusal):
            await _refuse_pool(tx, pool, made)
        else:
            await _record_pool(context, tx, pool, job, made)
    return True


async def _record_pool(context: Context, tx: AsyncSession, pool: Pool, job: work.MaskJob, made: work.CutPool) -> None:
    counted = (len(made.balances), len(made.traits.states), made.balances.sum())
    if counted != (made.account_count, made.account_count, made.face_value_cents):
        raise AssertionError("a pool is the sum of its accounts")
    await saleability_store.replace_prints(tx, pool.pool_id, made.prints)
    await pool_store.add_balances(tx, pool.pool_id, made.balances.tolist())
    await pool_store.add_traits(tx, pool.pool_id, made.traits)
    for purpose, key in ((KeyPurpose.SALE, job.sale_key), (KeyPurpose.COMMIT, job.commit_key)):
        wrapped = await asyncio.to_thread(context.vault.wrap, key, key_context(purpose, pool.pool_id))
        await pool_store.add_pool_key(tx, pool, purpose, wrapped)
    await pool_store.save_pool(
        tx,
        pool.pool_id,
        PoolState.READY,
        account_count=made.account_count,
        face_value_cents=made.face_value_cents,
        debtor_states=made.debtor_states,
        state_sums=made.state_sums,
        strata=made.strata,
        report=made.report,
        saleability={"time_barred": made.disclosed},
        commitment_root=made.commitment_root,
        preview=made.preview,
        vetted=made.vetted,
        sale=made.sale,
        leaves=made.leaves,
    )
    body = {
        "account_count": made.account_count,
        "face_value_cents": made.face_value_cents,
        "commitment_root": made.commitment_root,
        "preview_sha256": made.preview.sha256,
        "vetted_sha256": made.vetted.sha256,
        "sale_sha256": made.sale.sha256,
    }
    await journal.append(tx, SYSTEM, f"pool:{pool.pool_id}", "pool.cut", body)


async def _claim_portfolio(context: Context, *states: PortfolioState) -> Portfolio | None:
    """A portfolio to work on; one that was tried too often is refused instead, and the next one is taken."""
    claimed = while_claimed(states[0])
    if claimed is None:
        raise AssertionError("there is nothing to do in that state")
    while True:
        now = context.clock.now()
        async with context.db.begin(SYSTEM) as tx:
            portfolio = await store.claim_portfolio(tx, states, claimed, now=now, until=now + LEASE)
            if portfolio is None or portfolio.attempt_count <= MAX_ATTEMPT_COUNT:
                return portfolio
            await _refuse_portfolio(tx, portfolio, _GIVEN_UP)


async def _claim_pool(context: Context) -> Pool | None:
    while True:
        now = context.clock.now()
        async with context.db.begin(SYSTEM) as tx:
            pool = await pool_store.claim_pool(tx, now=now, until=now + LEASE)
            if pool is None or pool.attempt_count <= MAX_ATTEMPT_COUNT:
                return pool
            await _refuse_pool(tx, pool, _GIVEN_UP)


async def _refuse_portfolio(
    tx: AsyncSession,
    portfolio: Portfolio,
    refusal: Refusal,
    *,
    totals: dict[str, Any] | None = None,
    saleability: dict[str, Any] | None = None,
) -> None:
    known = {"refusal": refusal, "totals": totals, "saleability": saleability}
    await store.save_portfolio(tx, portfolio.portfolio_id, PortfolioState.REFUSED, **known)
    stream = f"portfolio:{portfolio.portfolio_id}"
    await journal.append(tx, SYSTEM, stream, "portfolio.refused", {"code": refusal.code, "row": refusal.row})


async def _refuse_pool(tx: AsyncSession, pool: Pool, refusal: Refusal) -> None:
    await pool_store.save_pool(tx, pool.pool_id, PoolState.REFUSED, refusal=refusal)
    await journal.append(tx, SYSTEM, f"pool:{pool.pool_id}", "pool.refused", {"code": refusal.code})


def _fitted(template: dict[str, object], proposed: dict[str, object]) -> dict[str, object]:
    """A template's mapping under this tape's own spelling of the headers."""
    said = {header.casefold(): name for header, name in dict(template["columns"]).items()}  # type: ignore[call-overload]
    columns = {header: said.get(header.casefold()) for header in dict(proposed["columns"])}  # type: ignore[call-overload]
    return {**template, "columns": columns}


async def _sealed_tape(context: Context, portfolio: Portfolio) -> SealedTape:
    async with context.db.begin(SYSTEM) as tx:
        tape = await store.tape_of(tx, portfolio.portfolio_id)
        wrapped = await store.portfolio_key(tx, portfolio.portfolio_id, KeyPurpose.TAPE)
    return SealedTape(
        files_root=context.files.root,
        portfolio_id=str(portfolio.portfolio_id),
        org_id=str(portfolio.org_id),
        sealed_sha256=tape.sealed.sha256,
        data_key=await _unwrap(context, wrapped, key_context(KeyPurpose.TAPE, portfolio.portfolio_id)),
        max_bytes=context.settings.upload_max_bytes,
    )


async def _mask_job(
    context: Context, portfolio: Portfolio, owner_id: UUID, turns: tuple[Turn, ...], found: list[CarveOut]
) -> work.MaskJob:
    """A job with fresh keys for the sale file; the portfolio's own keys are unwrapped for it."""
    tape = await _sealed_tape(context, portfolio)
    async with context.db.begin(SYSTEM) as tx:
        wrapped = await store.portfolio_key(tx, portfolio.portfolio_id, KeyPurpose.TOKEN)
    return work.MaskJob(
        tape=tape,
        owner_id=str(owner_id),
        mapping=portfolio.mapping or {},
        currency=portfolio.currency,
        cut_off_on=portfolio.cut_off_on,
        turns=turns,
        carved_rows=rows_of(found, carved=True),
        disclosed_rows=rows_of(found, carved=False),
        token_key=await _unwrap(context, wrapped, key_context(KeyPurpose.TOKEN, portfolio.portfolio_id)),
        sale_key=context.chance.entropy(_KEY_BYTES),
        commit_key=context.chance.entropy(_KEY_BYTES),
        nonce_prefix=context.chance.entropy(_PREFIX_BYTES),
        print_key=await print_key(context),
    )


async def _unwrap(context: Context, wrapped: bytes, key_of: str) -> bytes:
    """In a thread: the vault may be another machine's."""
    return await asyncio.to_thread(context.vault.unwrap, wrapped, key_of)


async def shred_unsold(context: Context) -> bool:
    """Destroy the keys of one portfolio that sold nothing within the retention of the settings."""
    days = context.settings.unsold_retention_days
    async with context.db.begin(SYSTEM) as tx:
        found = await past_retention(tx, now=context.clock.now(), days=days, limit=1)
        if not found:
            return False
        await shred(tx, found[0].portfolio_id, Cause.RETENTION)
    return True


TICKS: tuple[Callable[[Context], Awaitable[bool]], ...] = (
    inspect_tape,
    mask_portfolio,
    cut_pool,
    shred_unsold,
    expire_upload,
)
