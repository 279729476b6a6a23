"""Lists that nobody checked for too long stop the market; loading them again lets it go on."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from market.compliance.screening import bundled, jobs, store
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import Malformed
from tests import factories
from tests.listed import a_packed


async def test_without_any_list_nothing_is_fresh(context: Context, urls: RoleUrls) -> None:
    owner = await asyncpg.connect(urls.migrator)
    assert await owner.fetchval("SELECT lists_are_fresh()")
    await owner.execute("DELETE FROM screening_horizon")
    assert not await owner.fetchval("SELECT lists_are_fresh()")
    await owner.close()
    party = await factories.register_member(context)
    async with context.db.begin(SYSTEM) as tx:
        assert await store.gap(tx, party.org_id, None) == "lists"


async def test_a_list_counts_for_72_hours_from_its_check_and_a_newer_check_renews_it(context: Context) -> None:
    now = context.clock.now()
    [state] = await jobs.load(context, [a_packed()], checked_at=now)
    assert state.good_until - state.checked_at == timedelta(hours=72)
    before = state.version_id
    [state] = await jobs.load(context, [a_packed()], checked_at=context.clock.now())
    assert state.version_id == before
    assert state.checked_at > now


async def test_an_older_check_that_comes_late_moves_nothing_back(context: Context) -> None:
    now = context.clock.now()
    await jobs.load(context, [a_packed()], checked_at=now)
    [state] = await jobs.load(context, [a_packed()], checked_at=now - timedelta(hours=80))
    assert state.checked_at == now


async def test_a_check_in_the_future_is_refused(context: Context) -> None:
    with pytest.raises(Malformed):
        await jobs.load(context, [a_packed()], checked_at=context.clock.now() + timedelta(hours=1))


async def test_the_age_is_not_enforced_if_the_setting_says_so(context: Context) -> None:
    lax = replace(context, settings=replace(context.settings, screening_list_hours=0))
    [state] = await jobs.load(lax, [a_packed()], checked_at=context.clock.now())
    assert state.good_until - state.checked_at > timedelta(days=36_000)


async def test_the_gate_refuses_a_batch_of_bids_when_a_list_is_past_its_age(context: Context, urls: RoleUrls) -> None:
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("UPDATE screening_horizon SET good_until = clock_timestamp()")
    lane = await asyncpg.connect(urls.app)
    await lane.execute("SET app.role = 'system'")
    with pytest.raises(asyncpg.CheckViolationError, match="past its age") as refused:
        await lane.execute(
            "INSERT INTO bid (auction_id, org_id) SELECT auction_id, org_id FROM registration WHERE false"
        )
    assert refused.value.constraint_name == "bid_gate"
    await lane.close()
    await owner.close()


async def test_the_worker_loads_the_folder_when_a_file_in_it_is_new(context: Context, tmp_path) -> None:
    folder = context.settings.data_dir / "lists"
    folder.mkdir()
    assert not await jobs.take_list_files(context)
    for name in ("cons_prim_2025-12.csv.gz", "cons_alt_2025-12.csv.gz"):
        (folder / name).write_bytes((bundled.FOLDER / name).read_bytes())
    assert await jobs.take_list_files(context)
    assert not await jobs.take_list_files(context)
    async with context.db.begin(SYSTEM) as tx:
        states = {state.list_id: state for state in await store.list_states(tx)}
    assert states["ofac-cons"].entry_count == 442
    (folder / "cons_prim_2025-12.csv.gz").write_bytes(b"not a list")
    (folder / "cons_alt_2025-12.csv.gz").touch()
    assert not await jobs.take_list_files(context)
