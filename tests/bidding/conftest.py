"""One database with cleared parties for all tests of this room, an auction of its own for each, and lanes on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest_asyncio
from sqlalchemy.engine import make_url

from auctions.messages import PlaceBid, SetCeiling
from market.bidding.lane import BidOrder, Lane
from market.bidding.rules import RegistrationRefused
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
from tests.factories import Party, Room

_cids = count(1)


@dataclass(frozen=True)
class Hall:
    """The shared database and who is cleared in it. Tests that end a clearance make a party of their own."""

    context: Context
    urls: RoleUrls
    admin_url: str
    officers: tuple[Party, Party]
    operator: Party
    seller: Party
    buyers: list[Party]

    async def room(self, *, buyer_count: int = 3, **published) -> Room:
        """A new auction that is open, with the first `buyer_count` buyers registered."""
        auction = await factories.published_auction(self.context, self.seller, **published)
        buyers = self.buyers[:buyer_count]
        for party in buyers:
            await factories.register_for(self.context, party, auction)
        return Room(auction, self.seller, buyers, self.officers)

    async def brief_room(self, seconds: float, *, terms=None, **published) -> Room:
        """A room that ends in about so many seconds; on a busy machine later, so that half of the time is left."""
        while True:
            now = self.context.clock.now()
            closes_at = now + timedelta(seconds=seconds)
            brief = {"opens_at": now - timedelta(seconds=1), "closes_at": closes_at, "soft_close_window_s": 0}
            with suppress(RegistrationRefused):
                room = await self.room(terms=brief | (terms or {}), **published)
                if self.context.clock.now() < now + timedelta(seconds=seconds / 2):
                    return room
            seconds *= 3

    async def later_room(self, seconds: float) -> Room:
        """A room that opens in about so many seconds; on a busy machine later, so that half of the time is left."""
        while True:
            now = self.context.clock.now()
            opens_at = now + timedelta(seconds=seconds)
            room = await self.room(terms={"opens_at": opens_at, "closes_at": opens_at + timedelta(hours=1)})
            if self.context.clock.now() < now + timedelta(seconds=seconds / 2):
                return room
            seconds *= 3

    async def until(self, at: datetime) -> None:
        """Wait until the clock shows `at`."""
        await asyncio.sleep(max(0.0, (at - self.context.clock.now()).total_seconds()))

    async def admin(self) -> asyncpg.Connection:
        """A superuser's connection, to kill others with."""
        return await asyncpg.connect(self.admin_url)

    async def migrator(self) -> asyncpg.Connection:
        """A connection that may do what no running server may."""
        return await asyncpg.connect(self.urls.migrator)


@pytest_asyncio.fixture(scope="session")
async def hall(cluster, tmp_path_factory) -> AsyncIterator[Hall]:
    name, urls = await cluster.fresh_database()
    admin_url = make_url(cluster.admin_url).set(database=name).render_as_string(hide_password=False)
    hall = await furnished(urls, admin_url, tmp_path_factory.mktemp("hall"))
    yield hall
    await hall.context.db.close()
    await drop_database(cluster.admin_url, name)


async def furnished(urls: RoleUrls, admin_url: str, data_dir: Path) -> Hall:
    """The people of a hall in a migrated database that has no other."""
    clock = SystemClock()
    chance = SystemChance(clock)
    limits = {"commands_per_second": 1_000_000, "commands_burst": 1_000_000, "requests_per_minute": 1_000_000}
    settings = Settings.from_environment({}, data_dir=data_dir, **limits)
    settings = replace(settings, public_url="http://market.test", signins_per_minute=1_000_000, second_factor="nobody")
    make_data_dir(settings)
    db = Database(urls.app, urls.officer, pool_count=8)
    vault = KeyFileVault(settings.data_dir / "keys" / "kek", chance)
    context = Context(settings, db, clock, chance, FileStore(settings.data_dir / "files"), vault)
    officers = await factories.two_officers(context)
    seller = await factories.cleared_organisation(context, officers=officers)
    buyers = [await factories.buyer(context, officers) for _ in range(4)]
    return Hall(context, urls, admin_url, officers, await factories.operator(context), seller, buyers)


@pytest_asyncio.fixture
async def make_lane(hall: Hall) -> AsyncIterator[Callable]:
    """Start lanes, each with its own connection, as nodes would; `closer=False` leaves the closer down."""
    lanes: list[Lane] = []

    async def make(*, closer: bool = True, on_commit=None, clock=None, **settings) -> Lane:
        context = replace(hall.context, settings=replace(hall.context.settings, **settings))
        lane = Lane(context if clock is None else replace(context, clock=clock), on_commit=on_commit)
        await lane.start()
        if not closer:
            await lane._closer.stop()
        lanes.append(lane)
        return lane

    yield make
    for lane in lanes:
        await lane.stop()


@pytest_asyncio.fixture
async def lane(make_lane) -> Lane:
    return await make_lane()


def new_cid() -> str:
    return f"c{next(_cids)}"


def bid(context, party, auction_id, amount_cents, *, cid=None, received_at=None, confirmed=True) -> BidOrder:
    """An exact bid of the party, under a cid of its own unless one is given."""
    command = PlaceBid(bidder=str(party.org_id), cid=cid or new_cid(), amount_cents=amount_cents, confirmed=confirmed)
    return BidOrder(party.actor, auction_id, command, received_at or context.clock.now())


def ceiling(context, party, auction_id, ceiling_cents, *, cid=None) -> BidOrder:
    bidder, cid = str(party.org_id), cid or new_cid()
    command = SetCeiling(bidder=bidder, cid=cid, ceiling_cents=ceiling_cents, confirmed=True)
    return BidOrder(party.actor, auction_id, command, context.clock.now())


async def say(lane, context, actor, auction_id, command):
    """One command through the lane, received now."""
    return await lane.submit(BidOrder(actor, auction_id, command, context.clock.now()))


async def submit_all(lane, orders):
    return await asyncio.gather(*(lane.submit(order) for order in orders))


async def events_of(hall: Hall, auction_id) -> list[asyncpg.Record]:
    connection = await hall.migrator()
    try:
        return await connection.fetch(
            "SELECT seq, kind, body, hash FROM auction_event WHERE auction_id = $1 ORDER BY seq", auction_id
        )
    finally:
        await connection.close()


async def count_of(hall: Hall, table: str, auction_id) -> int:
    connection = await hall.migrator()
    try:
        return await connection.fetchval(f"SELECT count(*) FROM {table} WHERE auction_id = $1", auction_id)
    finally:
        await connection.close()
