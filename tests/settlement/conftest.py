"""One database with cleared parties for all tests of this room."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from market.db.cluster import RoleUrls, drop_database
from market.db.context import Context
from tests.settlement.banks import Bank, opened


@pytest_asyncio.fixture
async def unguarded(context: Context, urls: RoleUrls) -> Context:
    """A ledger that moves money for no reason, so that its own rules can be tried: only its owner can make it so.

    For tests of bare transfers alone; every other test of this room meets the guard.
    """
    owner = await asyncpg.connect(urls.migrator)
    for table in ("ledger_transfer", "ledger_resolution"):
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_is_of_event")
    await owner.close()
    return context


@pytest_asyncio.fixture(scope="session")
async def bank(cluster, tmp_path_factory) -> AsyncIterator[Bank]:
    name, urls = await cluster.fresh_database()
    async with opened(urls, tmp_path_factory.mktemp("bank")) as market:
        yield market
    await drop_database(cluster.admin_url, name)
