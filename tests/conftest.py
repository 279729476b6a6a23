"""One real PostgreSQL for the whole run; a fresh, migrated database for every test that asks for a `context`.

MARKET_DATABASE_URL (a login that may create roles and databases) runs the same tests on another server.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copytree

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import make_url

from market.compliance.screening import service as screening
from market.db.cluster import RolePasswords, RoleUrls, drop_database, prepare
from market.db.context import Context
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.db.ready import make_data_dir
from market.db.session import Database
from market.kit.actor import SYSTEM
from market.kit.clock import SystemClock
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.vault import KeyFileVault
from market.settings import Settings
from tests import factories
from tests.application import application
from tests.listed import a_packed
from tests.running import RunningServer

_numbers = itertools.count(1)
_ROOM_BYTES = 4 * 1024**3
_PREFIX = f"market_test_{os.getpid()}"


@dataclass(frozen=True)
class Cluster:
    admin_url: str
    urls: RoleUrls
    template: str

    async def fresh_database(self, template: str | None = None) -> tuple[str, RoleUrls]:
        """A copy of the migrated template, or of another database, and the roles' addresses of it."""
        name = f"{_PREFIX}_{next(_numbers)}"
        admin = await asyncpg.connect(self.admin_url)
        try:
            await admin.execute(
                f"CREATE DATABASE {name} TEMPLATE {template or self.template} OWNER market_migrator STRATEGY file_copy"
            )
            # A copy has the template's tables, policies and grants inside, but not its grants on the database itself.
            await admin.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            await admin.execute(
                f"GRANT CONNECT ON DATABASE {name} TO market_migrator, market_app, market_officer, market_auditor"
            )
        finally:
            await admin.close()
        return name, RoleUrls(**{role: self._in(name, url) for role, url in asdict(self.urls).items()})

    def _in(self, name: str, url: str) -> str:
        return make_url(url).set(database=name).render_as_string(hide_password=False)


def _in_memory() -> Path | None:
    """Where memory serves as a disk with room to spare: there a fresh database costs a fifth. None: the usual place."""
    place = Path("/dev/shm")
    if not place.is_dir() or not os.access(place, os.W_OK):
        return None
    found = os.statvfs(place)
    has_room = found.f_bavail * found.f_frsize >= _ROOM_BYTES
    return place if has_room and not found.f_flag & os.ST_NOEXEC else None


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that any user may pass through, as the embedded server's own user must."""
    with tempfile.TemporaryDirectory(prefix="market-tests-", dir=_in_memory(), ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session")
def admin_url(folder: Path) -> Iterator[str]:
    given = os.environ.get("MARKET_DATABASE_URL")
    if given:
        yield given
        return
    with EmbeddedPostgres(folder / "postgres", superuser_password="tests-only") as server:
        asyncio.run(_forget_on_power_cut(server.admin_url))
        yield server.admin_url


async def _forget_on_power_cut(admin_url: str) -> None:
    """Tests kill processes, never the machine: its cache keeps what was written, and a copy of a database is quick.

    Autovacuum's own transactions would now and then hold back the journal's readers for a moment.
    """
    admin = await asyncpg.connect(admin_url)
    for setting in ("fsync", "full_page_writes", "autovacuum"):
        await admin.execute(f"ALTER SYSTEM SET {setting} = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


@pytest.fixture(scope="session")
def passwords(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RolePasswords:
    """The roles' passwords: roles belong to the cluster, so on a given server all processes of a run share them."""
    is_shared = "MARKET_DATABASE_URL" in os.environ and "PYTEST_XDIST_WORKER" in os.environ
    home = tmp_path_factory.getbasetemp().parent if is_shared else folder
    return RolePasswords.load_or_create(home / "roles.json", SystemChance(SystemClock()).token)


@pytest_asyncio.fixture(scope="session")
async def cluster(admin_url: str, passwords: RolePasswords) -> AsyncIterator[Cluster]:
    template = f"{_PREFIX}_template"
    urls = await prepare(admin_url, database=template, passwords=passwords)
    await migrate(urls.migrator)
    await load_a_list(urls)
    yield Cluster(admin_url, urls, template)
    await drop_database(admin_url, template)


async def load_a_list(urls: RoleUrls) -> None:
    """A small sanctions list without an age, so that every database of a test may clear parties and take bids."""
    db, clock = Database(urls.app, urls.officer), SystemClock()
    async with db.begin(SYSTEM) as tx:
        await screening.take_lists(
            tx,
            SYSTEM,
            [a_packed()],
            checked_at=clock.now(),
            good_for=None,
            now=clock.now(),
            chance=SystemChance(clock),
        )
    await db.close()


@dataclass(frozen=True)
class Inhabited:
    """A database to copy whose people are cleared already, and the folder with its keys and papers."""

    template: str
    data_dir: Path
    people: factories.People


@pytest_asyncio.fixture(scope="session")
async def inhabited(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inhabited]:
    """Made once for all tests that ask for people: to clear one takes hundreds of statements."""
    name, found = await cluster.fresh_database()
    data_dir = tmp_path_factory.mktemp("inhabited")
    async with a_context(found, data_dir) as context:
        people = await factories.People.moved_in(context)
    yield Inhabited(name, data_dir, people)
    await drop_database(cluster.admin_url, name)


@pytest.fixture
def origin() -> Inhabited | None:
    """What a test's database and folder are copies of. None: a migrated database without people."""
    return None


@pytest_asyncio.fixture
async def urls(cluster: Cluster, origin: Inhabited | None) -> AsyncIterator[RoleUrls]:
    """The four roles' addresses of this test's own database."""
    name, found = await cluster.fresh_database(origin and origin.template)
    yield found
    await drop_database(cluster.admin_url, name)


@asynccontextmanager
async def a_context(urls: RoleUrls, data_dir: Path) -> AsyncIterator[Context]:
    clock = SystemClock()
    chance = SystemChance(clock)
    settings = Settings.from_environment(
        {},
        data_dir=data_dir,
        public_url="http://market.test",
        requests_per_minute=1_000_000,
        signins_per_minute=1_000_000,
        second_factor="nobody",
        worker_poll_ms=20,
    )
    make_data_dir(settings)
    db = Database(urls.app, urls.officer, pool_count=5)
    yield Context(
        settings=settings,
        db=db,
        clock=clock,
        chance=chance,
        files=FileStore(settings.data_dir / "files"),
        vault=KeyFileVault(settings.data_dir / "keys" / "kek", chance),
    )
    await db.close()


@pytest_asyncio.fixture
async def context(urls: RoleUrls, tmp_path: Path, origin: Inhabited | None) -> AsyncIterator[Context]:
    """What acting code is handed, on this test's own database and folder, with the real clock and chance."""
    data_dir = tmp_path / "data"
    if origin is not None:
        copytree(origin.data_dir, data_dir)
    async with a_context(urls, data_dir) as found:
        if origin is not None:
            origin.people.live_in(found)
        yield found


@pytest_asyncio.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP against the real application in this process, its lifespan (lane, feed, ticker) running."""
    app = application(context)
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    running = asyncio.create_task(live())
    await asyncio.wait({running, asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://market.test") as found:
        found.headers["Origin"] = "http://market.test"
        yield found
    stop.set()
    await running


@pytest_asyncio.fixture
async def server(context: Context, urls: RoleUrls) -> AsyncIterator[RunningServer]:
    """The real server (uvicorn in its own process) on this test's database; worker included."""
    running = RunningServer(context.settings, urls)
    await running.start()
    yield running
    await running.stop()
