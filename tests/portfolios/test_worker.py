"""The worker dies, is late, fails: another takes over, and nothing is written twice or half."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from market.kit.actor import SYSTEM
from market.portfolios import claims, jobs
from market.portfolios.rules import PortfolioState
from market.portfolios.store import portfolios as store
from market.portfolios.tapes import opened
from tests import factories
from tests.portfolios import tapes


async def state_of(context, portfolio):
    async with context.db.begin(SYSTEM) as tx:
        return await store.find_portfolio(tx, portfolio.portfolio_id)


async def let_the_lease_end(context, table="portfolio"):
    async with context.db.begin(SYSTEM) as tx:
        await tx.execute(text(f"UPDATE {table} SET claimed_until = claimed_until - interval '1 hour'"))


async def claim(context, portfolio):
    """What a worker does before it dies."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        return await store.claim_portfolio(
            tx, [PortfolioState.RECEIVED, PortfolioState.INSPECTING], PortfolioState.INSPECTING,
            now=now, until=now + claims.LEASE,
        )  # fmt: skip


async def test_a_tape_in_one_workers_hand_is_left_alone_until_its_lease_ends(context):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    assert (await claim(context, portfolio)).state is PortfolioState.INSPECTING
    assert await jobs.inspect_tape(context) is False

    await let_the_lease_end(context)
    assert await jobs.inspect_tape(context) is True
    assert (await state_of(context, portfolio)).state is PortfolioState.MAPPING_NEEDED


async def test_two_workers_never_take_the_same_tape(context):
    seller = await factories.seller(context)
    for seed in range(3):
        await factories.received_portfolio(context, seller, tapes.tape(20, seed=seed + 1))
    done = await asyncio.gather(*(jobs.inspect_tape(context) for _ in range(5)))
    assert sorted(done) == [False, False, True, True, True]
    async with context.db.begin(SYSTEM) as tx:
        kinds = await tx.scalars(text("SELECT stream FROM journal WHERE kind = 'portfolio.inspected'"))
        assert len(set(kinds)) == 3


async def test_after_three_attempts_without_an_answer_the_tape_is_refused(context):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    for _ in range(3):
        assert await claim(context, portfolio) is not None
        await let_the_lease_end(context)
    assert await jobs.inspect_tape(context) is False
    found = await state_of(context, portfolio)
    assert (found.state, found.refusal.code) == (PortfolioState.REFUSED, "processing_failed")


async def test_a_worker_that_comes_back_late_writes_nothing(context, monkeypatch):
    """While it computed, its lease ended and another worker did the work."""
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    compute = jobs.compute

    async def late(*args):
        found = await compute(*args)
        monkeypatch.setattr(jobs, "compute", compute)
        await let_the_lease_end(context)
        assert await jobs.inspect_tape(context) is True
        return found

    monkeypatch.setattr(jobs, "compute", late)
    assert await jobs.inspect_tape(context) is True
    async with context.db.begin(SYSTEM) as tx:
        count = await tx.scalar(text("SELECT count(*) FROM journal WHERE kind = 'portfolio.inspected'"))
    assert count == 1
    assert (await state_of(context, portfolio)).state is PortfolioState.MAPPING_NEEDED


async def test_a_worker_that_comes_back_while_another_is_at_it_writes_nothing(context, monkeypatch):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    compute = jobs.compute

    async def late(*args):
        found = await compute(*args)
        await let_the_lease_end(context)
        assert (await claim(context, portfolio)).attempt_count == 2
        return found

    monkeypatch.setattr(jobs, "compute", late)
    assert await jobs.inspect_tape(context) is True
    assert (await state_of(context, portfolio)).state is PortfolioState.INSPECTING


async def test_a_killed_child_process_gives_the_tape_back_and_the_next_attempt_succeeds(context):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    pool = claims.TAPE_READERS.pool(context.settings.mask_memory_mib)
    await asyncio.get_running_loop().run_in_executor(pool, os.getpid)
    while not pool._idle_worker_semaphore._value:  # else the next job would start a child beside it
        await asyncio.sleep(0.01)
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGSTOP)
    under_way = asyncio.create_task(jobs.inspect_tape(context))
    while (await state_of(context, portfolio)).state is PortfolioState.RECEIVED:
        await asyncio.sleep(0.01)
    for pid in list(pool._processes):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(Exception, match="process"):
        await asyncio.wait_for(under_way, 20)

    assert await jobs.inspect_tape(context) is True
    assert (await state_of(context, portfolio)).state is PortfolioState.MAPPING_NEEDED


async def test_a_long_work_renews_its_lease(context, monkeypatch):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    monkeypatch.setattr(claims, "_RENEW_S", 0.0)
    leases = []
    renew = store.renew_portfolio

    async def noted(tx, portfolio_id, claimed_until, until):
        leases.append((claimed_until, until))
        return await renew(tx, portfolio_id, claimed_until, until)

    monkeypatch.setattr(store, "renew_portfolio", noted)
    assert await jobs.inspect_tape(context) is True
    assert leases
    assert all(until > before for before, until in leases)
    assert (await state_of(context, portfolio)).state is PortfolioState.MAPPING_NEEDED


async def test_a_worker_that_lost_its_claim_stops_renewing(context, monkeypatch):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    monkeypatch.setattr(claims, "_RENEW_S", 0.0)

    async def lost(*_):
        return False

    monkeypatch.setattr(store, "renew_portfolio", lost)
    assert await jobs.inspect_tape(context) is True
    assert (await state_of(context, portfolio)).state is PortfolioState.INSPECTING


async def test_drafts_of_a_killed_process_are_swept_and_young_ones_stay(context):
    old, young = context.files.root / ".draft-old", context.files.root / ".draft-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "preview.csv").write_text("masked")
    past = (context.clock.now() - timedelta(days=2)).timestamp()
    os.utime(old, (past, past))
    claims._sweep(context)
    assert not old.exists()
    assert young.exists()


async def test_an_altered_sealed_tape_is_not_read(context):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(30))
    async with context.db.begin(SYSTEM) as tx:
        tape = await store.tape_of(tx, portfolio.portfolio_id)
    path = context.files.path(tape.sealed.sha256)
    sealed = bytearray(path.read_bytes())
    sealed[-20] ^= 1
    path.write_bytes(sealed)
    for _ in range(3):
        with pytest.raises(Exception, match="altered"):
            await jobs.inspect_tape(context)
    assert await jobs.inspect_tape(context) is False
    assert (await state_of(context, portfolio)).refusal.code == "processing_failed"


async def test_a_tape_is_read_without_ever_lying_in_the_clear_on_a_disk(context):
    seller = await factories.seller(context)
    rows = tapes.rows(300)
    portfolio = await factories.received_portfolio(context, seller, tapes.text(rows))
    sealed = await jobs._sealed_tape(context, portfolio)
    with opened(sealed) as source:
        assert source.read(7) == b"Acct No"
        assert not any(
            row["SSN"].encode() in path.read_bytes()
            for path in context.settings.data_dir.rglob("*")
            if path.is_file()
            for row in rows[:20]
        )


def hungry(_job):
    """What a hostile file makes of a task."""
    return len(bytearray(2 << 30))


async def test_a_file_that_takes_too_much_memory_is_refused_in_one_attempt_and_the_worker_goes_on(context, monkeypatch):
    tight, seller = (
        replace(context, settings=replace(context.settings, mask_memory_mib=2048)),
        await factories.seller(context),
    )
    hostile, other = [await factories.received_portfolio(context, seller, tapes.tape(30)) for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(jobs.work, "inspect_tape", hungry)
        assert await jobs.inspect_tape(tight) is True
    found = await state_of(context, hostile)
    assert (found.state, found.refusal.code) == (PortfolioState.REFUSED, "too_much_memory")
    assert await jobs.inspect_tape(tight) is True
    assert (await state_of(context, other)).state is PortfolioState.MAPPING_NEEDED


def endless(tape):
    """What a hostile file makes of a task, with something half done."""
    with tempfile.TemporaryDirectory(dir=tape.files_root, prefix=".draft-"):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)


async def test_a_file_that_takes_too_long_is_refused_in_one_attempt_and_leaves_nothing_half_done(context, monkeypatch):
    seller = await factories.seller(context)
    hostile, other = [await factories.received_portfolio(context, seller, tapes.tape(30)) for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(jobs.work, "inspect_tape", endless)
        assert await jobs.inspect_tape(replace(context, settings=replace(context.settings, mask_limit_s=1))) is True
    found = await state_of(context, hostile)
    assert (found.state, found.refusal.code) == (PortfolioState.REFUSED, "too_much_time")
    assert "split it" in found.refusal.message
    assert not list(context.files.root.glob(".draft-*"))
    assert await jobs.inspect_tape(context) is True
    assert (await state_of(context, other)).state is PortfolioState.MAPPING_NEEDED
