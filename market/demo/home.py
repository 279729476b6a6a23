"""Where a demo lives: a folder nobody else uses meanwhile, and a database of its own that is dropped afterwards."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from market.db.cluster import RolePasswords, can_prepare, drop_database, keep_passwords, prepare
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.db.ready import make_data_dir
from market.demo.server import Server, demo_settings
from market.kit.ids import Chance
from market.settings import Settings, SettingsError

_OF_ONE_RUN = ("files", "mail", "work", "server.log")
"""What is cleared before a run; the embedded database's home and its keys stay, so that a second run starts faster."""


@asynccontextmanager
async def served(settings: Settings, chance: Chance) -> AsyncIterator[Server]:
    """A running server on a fresh database and fresh folders; stopped, and its database dropped, on leaving.

    Raises `SettingsError` if another demo is running or the given PostgreSQL may not be used, `ServerError`,
    `EmbeddedError`, `ClusterError`.
    """
    name = f"market_demo_{chance.new_id().hex[-12:]}"
    with _alone_in(settings.data_dir / "demo") as folder:
        own = demo_settings(settings, folder, database_name=name)
        make_data_dir(own)
        async with _admin_url(own, chance) as admin_url:
            try:
                server = Server(await _with_database(own, admin_url, chance))
                try:
                    await server.start()
                    yield server
                finally:
                    await asyncio.shield(server.stop())
            finally:
                await asyncio.shield(drop_database(admin_url, name))


async def _with_database(own: Settings, admin_url: str, chance: Chance) -> Settings:
    """The settings with a prepared and migrated database, and no more than the two logins that a server needs."""
    passwords = RolePasswords.load_or_create(own.data_dir / "keys" / "roles.json", chance.token)
    urls = await prepare(admin_url, database=own.database_name, passwords=passwords)
    await migrate(urls.migrator)
    return replace(own, database_url=urls.app, officer_database_url=urls.officer)


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another demo runs in {folder}; wait for it, or set MARKET_DATA_DIR") from None
        for name in _OF_ONE_RUN:
            found = folder / name
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink(missing_ok=True)
        yield folder


@asynccontextmanager
async def _admin_url(own: Settings, chance: Chance) -> AsyncIterator[str]:
    """A login that may create databases: the one that was given, or that of an embedded server for this run."""
    if own.database_url is not None:
        if not await can_prepare(own.database_url):
            raise SettingsError("the demo makes a database of its own: MARKET_DATABASE_URL must be allowed to")
        yield own.database_url
        return
    word = keep_passwords(own.data_dir / "keys" / "postgres.json", ("superuser",), chance.token)
    server = EmbeddedPostgres(own.data_dir / "postgres", superuser_password=word["superuser"])
    server.start()  # in this thread: the database ends with the thread that started it
    try:
        yield server.admin_url
    finally:
        server.stop()
