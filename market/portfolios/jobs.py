"""What the worker does for portfolios: inspect tapes, mask them, cut pools.

Each tick claims one row for a short lease, computes in a child process while it renews the lease, and writes the result
in a second transaction, if the claim still stands. A worker that dies leaves a lease that runs out.
"""

import asyncio
import functools
import multiprocessing
import os
import shutil
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing import connection
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import work
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
from market.portfolios.store import pools as pool_store
from market.portfolios.store import portfolios as store
from market.portfolios.turns import Turn, turns_of

LEASE = timedelta(seconds=30)
_RENEW_S = 10.0
_PROCESS_COUNT = 2
_LEFTOVER_AGE = timedelta(days=1)
_KEY_BYTES, _PREFIX_BYTES = 32, 7
_GIVEN_UP = Refusal(
    "processing_failed",
    f"The file could not be processed in {MAX_ATTEMPT_COUNT} attempts: export the tape again, or split it.",
)

Job = TypeVar("Job")
Result = TypeVar("Result")
Renew = Callable[[AsyncSession, UUID, datetime, datetime], Awaitable[bool]]


class _ClaimLost(Exception):
    """Another worker took over; whatever was computed here is not written."""


class _Claim:
    """The hold on one row, renewed while its work is under way."""

    def __init__(self, context: Context, row_id: UUID, until: datetime | None, renew: Renew) -> None:
        if until is None:
            raise AssertionError("a claimed row says until when")
        self.context, self.row_id, self.until, self._renew = context, row_id, until, renew

    async def renew(self, lease: timedelta = LEASE) -> None:
        """Hold on for another lease; none gives the row back. Raises `_ClaimLost`."""
        until = self.context.clock.now() + lease
        async with self.context.db.begin(SYSTEM) as tx:
            if not await self._renew(tx, self.row_id, self.until, until):
                raise _ClaimLost
        self.until = until


async def inspect_tape(context: Context) -> bool:
    """Read one received tape and propose a mapping."""
    portfolio = await _claim_portfolio(context, PortfolioState.RECEIVED, PortfolioState.INSPECTING)
    if portfolio is None:
        return False
    claim = _Claim(context, portfolio.portfolio_id, portfolio.claimed_until, store.renew_portfolio)
    found = await _compute(claim, work.inspect_tape, await _sealed_tape(context, portfolio))
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
    claim = _Claim(context, portfolio.portfolio_id, portfolio.claimed_until, store.renew_portfolio)
    job = await _mask_job(context, portfolio, portfolio.portfolio_id, ())
    made = await _compute(claim, work.mask_portfolio, job)
    if made is None:
        return True
    async with context.db.begin(SYSTEM) as tx:
        if not await store.hold_portfolio(tx, portfolio.portfolio_id, claim.until):
            return True
        if isinstance(made, Refusal):
            await _refuse_portfolio(tx, portfolio, made)
            return True
        await store.replace_refused(tx, portfolio, made.refused)
        if isinstance(made, work.NothingAccepted):
            await _refuse_portfolio(tx, portfolio, made.refusal, totals=made.totals)
            return True
        await store.save_portfolio(
            tx,
            portfolio.portfolio_id,
            PortfolioState.READY,
            totals=made.totals,
            strata=made.strata,
            report=made.report,
            preview=made.preview,
            vetted=made.vetted,
        )
        body = {**made.totals, "preview_sha256": made.preview.sha256, "vetted_sha256": made.vetted.sha256}
        await journal.append(tx, SYSTEM, f"portfolio:{portfolio.portfolio_id}", "portfolio.masked", body)
    return True


async def cut_pool(context: Context) -> bool:
    """Cut one pool out of its portfolio: masked files, sealed sale file, commitment; the leak gate has the last word."""
    pool = await _claim_pool(context)
    if pool is None:
        return False
    claim = _Claim(context, pool.pool_id, pool.claimed_until, pool_store.renew_pool)
    async with context.db.begin(SYSTEM) as tx:
        portfolio = await store.find_portfolio(tx, pool.portfolio_id)
        pools = {other.pool_id: other for other in await pool_store.pools_of(tx, pool.portfolio_id)}
    if portfolio is None:
        raise AssertionError("a pool has a portfolio")
    job = await _mask_job(context, portfolio, pool.pool_id, turns_of(pool, pools))
    made = await _compute(claim, work.cut_pool, job)
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
    for purpose, key in ((KeyPurpose.SALE, job.sale_key), (KeyPurpose.COMMIT, job.commit_key)):
        wrapped = context.vault.wrap(key, key_context(purpose, pool.pool_id))
        await pool_store.add_pool_key(tx, pool, purpose, wrapped)
    await pool_store.save_pool(
        tx,
        pool.pool_id,
        PoolState.READY,
        account_count=made.account_count,
        face_value_cents=made.face_value_cents,
        debtor_states=made.debtor_states,
        strata=made.strata,
        report=made.report,
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
    tx: AsyncSession, portfolio: Portfolio, refusal: Refusal, *, totals: dict[str, Any] | None = None
) -> None:
    await store.save_portfolio(tx, portfolio.portfolio_id, PortfolioState.REFUSED, refusal=refusal, totals=totals)
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


async def _sealed_tape(context: Context, portfolio: Portfolio) -> work.SealedTape:
    async with context.db.begin(SYSTEM) as tx:
        tape = await store.tape_of(tx, portfolio.portfolio_id)
        wrapped = await store.portfolio_key(tx, portfolio.portfolio_id, KeyPurpose.TAPE)
    return work.SealedTape(
        files_root=context.files.root,
        portfolio_id=str(portfolio.portfolio_id),
        org_id=str(portfolio.org_id),
        sealed_sha256=tape.sealed.sha256,
        data_key=context.vault.unwrap(wrapped, key_context(KeyPurpose.TAPE, portfolio.portfolio_id)),
        max_bytes=context.settings.upload_max_bytes,
    )


async def _mask_job(context: Context, portfolio: Portfolio, owner_id: UUID, turns: tuple[Turn, ...]) -> work.MaskJob:
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
        token_key=context.vault.unwrap(wrapped, key_context(KeyPurpose.TOKEN, portfolio.portfolio_id)),
        sale_key=context.chance.entropy(_KEY_BYTES),
        commit_key=context.chance.entropy(_KEY_BYTES),
        nonce_prefix=context.chance.entropy(_PREFIX_BYTES),
    )


async def _compute(claim: _Claim, task: Callable[[Job], Result], job: Job) -> Result | None:
    """The result of `task` in a child process; None when another worker took over meanwhile.

    When the task fails the row is given back at once, to be tried again, and the error goes to the worker's log.
    """
    await asyncio.to_thread(_sweep, claim.context)
    try:
        future = asyncio.get_running_loop().run_in_executor(_processes(), task, job)
        while not (await asyncio.wait({future}, timeout=_RENEW_S))[0]:
            await claim.renew()
        return future.result()
    except _ClaimLost:
        return None
    except BaseException as error:
        if isinstance(error, BrokenProcessPool):
            _processes.cache_clear()
        with suppress(_ClaimLost):
            await claim.renew(timedelta(0))
        raise


@functools.cache
def _processes() -> ProcessPoolExecutor:
    """Child processes that are started when first needed and end with this process, however it ends."""
    return ProcessPoolExecutor(
        _PROCESS_COUNT, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """In a child: a killed worker leaves no child behind that holds its keys."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _sweep(context: Context) -> None:
    """Remove drafts that a killed process left behind: they are sealed or masked, and nobody refers to them."""
    oldest = (context.clock.now() - _LEFTOVER_AGE).timestamp()
    for draft in context.files.root.glob(".draft-*"):
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime > oldest:
                continue
            if draft.is_dir():
                shutil.rmtree(draft)
            else:
                draft.unlink()


TICKS: tuple[Callable[[Context], Awaitable[bool]], ...] = (inspect_tape, mask_portfolio, cut_pool)
