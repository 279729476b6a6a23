"""Full garbage collections wait for a lull, and not for ever."""

import asyncio
import gc
import time
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


async def keep_busy(seconds):
    """Nearly all of one core, as a flood of bids takes it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(20_000))
        await asyncio.sleep(0)


@asynccontextmanager
async def collecting(**times):
    task = asyncio.create_task(collect_in_lulls(**times))
    await asyncio.sleep(0)
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_no_full_collection_falls_into_work_and_one_comes_in_the_lull_after_it():
    async with collecting(look_s=0.2):
        before = full_collections()
        litter()
        kept = [Cycle() for _ in range(200_000)]
        await keep_busy(1)
        assert full_collections() == before
        del kept
        async with asyncio.timeout(60):
            while full_collections() == before:
                await asyncio.sleep(0.05)


async def test_without_a_lull_it_comes_after_the_longest_wait():
    async with collecting(look_s=0.1, most_looks=3):
        before = full_collections()
        async with asyncio.timeout(60):
            while full_collections() == before:
                litter()
                await keep_busy(0.2)


async def test_where_nothing_grew_old_nothing_is_collected_and_the_collector_is_its_own_again_afterwards():
    usual = gc.get_threshold()
    gc.collect()
    async with collecting(look_s=0.01):
        before = full_collections()
        await asyncio.sleep(0.2)
        assert full_collections() == before
        assert gc.get_threshold() != usual
    assert gc.get_threshold() == usual


@pytest.fixture(autouse=True)
def clean():
    gc.collect()
