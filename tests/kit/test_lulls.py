"""Full garbage collections wait for a lull, and not for ever."""

import asyncio
import gc
from contextlib import asynccontextmanager, suppress

import pytest

from market.kit.lulls import collect_in_lulls


class Cycle:
    def __init__(self):
        self.itself = self


def full_collections():
    return gc.get_stats()[2]["collections"]


def litter():
    """Enough young collections that a full one is due, whatever else is alive."""
    for _ in range(12):
        gc.collect(1)


class Work:
    """Bids that keep coming until `end`."""

    def __init__(self):
        self.goes_on = True
        self.looks = 0
        self._count = 0

    def count(self):
        self.looks += 1
        self._count += self.goes_on
        return self._count


@asynccontextmanager
async def collecting(work, **times):
    task = asyncio.create_task(collect_in_lulls(work.count, look_s=0.01, **{"least_looks": 1} | times))
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(is_so):
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_no_full_collection_falls_into_work_and_one_comes_in_the_lull_after_it():
    work = Work()
    async with collecting(work, most_looks=10**9):
        before = full_collections()
        litter()
        kept = [Cycle() for _ in range(200_000)]
        await asyncio.sleep(0.3)
        assert full_collections() == before
        del kept
        work.goes_on = False
        await until(lambda: full_collections() > before)


async def test_without_a_lull_it_comes_after_the_longest_wait():
    async with collecting(Work(), most_looks=3):
        before = full_collections()
        litter()
        await until(lambda: full_collections() > before)


async def test_even_in_a_lull_it_comes_no_more_often_than_that():
    work = Work()
    work.goes_on = False
    async with collecting(work, least_looks=10**9):
        before = full_collections()
        litter()
        await asyncio.sleep(0.2)
        assert full_collections() == before


async def test_a_long_rest_before_the_work_is_no_wait_for_a_lull():
    work = Work()
    async with collecting(work, most_looks=20):
        before = full_collections()
        await until(lambda: work.looks > 80)
        litter()
        seen = work.looks
        await until(lambda: work.looks > seen + 6)
        assert full_collections() == before


async def test_where_nothing_grew_old_nothing_is_collected_and_the_collector_is_its_own_again_afterwards():
    usual, work = gc.get_threshold(), Work()
    work.goes_on = False
    async with collecting(work):
        before = full_collections()
        await asyncio.sleep(0.2)
        assert full_collections() == before
        assert gc.get_threshold() != usual
    assert gc.get_threshold() == usual


@pytest.fixture(autouse=True)
def clean():
    gc.collect()
