"""One database with cleared parties for all tests of this room, and a clock that can be moved on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg
import pytest_asyncio

from market.db.cluster import RoleUrls, drop_database
from market.db.context import Context
from market.db.ready import make_data_dir
from market.db.session import Database
from market.kit.clock import SystemClock
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.vault import KeyFileVault
from market.settings import Settings
from tests import factories
from tests.factories import Party


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


@dataclass
class MovedClock(SystemClock):
    """The real clock, so much ahead."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass(frozen=True)
class Bank:
    """The shared database and who is cleared in it."""

    context: Context
    urls: RoleUrls
    officers: tuple[Party, Party]
    operator: Party
    seller: Party
    buyers: list[Party]

    def later(self, **ahead: int) -> Context:
        """The same market, so much later."""
        return replace(self.context, clock=MovedClock(timedelta(**ahead)))

    async def pay_in(self, party: Party, cents: int) -> None:
        await factories.pay_in(self.context, self.operator, party, cents)


@pytest_asyncio.fixture(scope="session")
async def bank(cluster, tmp_path_factory) -> AsyncIterator[Bank]:
    name, urls = await cluster.fresh_database()
    clock = SystemClock()
    chance = SystemChance(clock)
    settings = Settings.from_environment(
        {},
        data_dir=tmp_path_factory.mktemp("bank"),
        public_url="http://market.test",
        requests_per_minute=1_000_000,
        signins_per_minute=1_000_000,
        second_factor="nobody",
    )
    make_data_dir(settings)
    db = Database(urls.app, urls.officer, pool_count=8)
    vault = KeyFileVault(settings.data_dir / "keys" / "kek", chance)
    context = Context(settings, db, clock, chance, FileStore(settings.data_dir / "files"), vault)
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    buyers = [await factories.buyer(context, officers) for _ in range(3)]
    operator = await factories.operator(context)
    await factories.name_bank_account(context, seller)
    yield Bank(context, urls, officers, operator, seller, buyers)
    await db.close()
    await drop_database(cluster.admin_url, name)
