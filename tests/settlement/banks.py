"""A market of one's own for tests of settlement: cleared parties, a bank, and a clock that can be moved on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from market.db.cluster import RoleUrls
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


@dataclass
class MovedClock(SystemClock):
    """The real clock, so much ahead."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass(frozen=True)
class Bank:
    """The shared database and who is cleared in it. The operator imports statements, the cashier sends payouts."""

    context: Context
    urls: RoleUrls
    officers: tuple[Party, Party]
    operator: Party
    cashier: Party
    seller: Party
    buyers: list[Party]

    def later(self, **ahead: int) -> Context:
        """The same market, so much later."""
        return replace(self.context, clock=MovedClock(timedelta(**ahead)))

    async def pay_in(self, party: Party, cents: int, *, currency: str = "USD") -> None:
        await factories.pay_in(self.context, self.operator, party, cents, currency=currency)


@asynccontextmanager
async def opened(urls: RoleUrls, folder: Path, *, buyer_count: int = 3) -> AsyncIterator[Bank]:
    """The market of an empty, migrated database, its files in `folder`."""
    clock = SystemClock()
    chance = SystemChance(clock)
    settings = Settings.from_environment(
        {},
        data_dir=folder,
        public_url="http://market.test",
        requests_per_minute=1_000_000,
        signins_per_minute=1_000_000,
        second_factor="nobody",
        commission_by="listing",
    )
    make_data_dir(settings)
    db = Database(urls.app, urls.officer, pool_count=8)
    vault = KeyFileVault(settings.data_dir / "keys" / "kek", chance)
    context = Context(settings, db, clock, chance, FileStore(settings.data_dir / "files"), vault)
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    buyers = [await factories.buyer(context, officers) for _ in range(buyer_count)]
    operator, cashier = await factories.operator(context), await factories.operator(context)
    await factories.name_bank_account(context, seller)
    yield Bank(context, urls, officers, operator, cashier, seller, buyers)
    await db.close()
