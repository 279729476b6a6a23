"""Have a database: the embedded one, one that we may prepare, or one that is ready behind given logins."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from market.db.cluster import RolePasswords, RoleUrls, can_prepare, keep_passwords, prepare
from market.db.embedded import EmbeddedPostgres
from market.db.embedded_host import EmbeddedError
from market.db.migrate import migrate
from market.kit.ids import Chance
from market.settings import Settings, SettingsError

_log = structlog.get_logger()
_KEEP_S = 0.5


@asynccontextmanager
async def ready_database(settings: Settings, chance: Chance) -> AsyncIterator[RoleUrls]:
    """Addresses of a prepared and migrated database, for as long as the block lasts.

    Without `database_url` the embedded PostgreSQL runs meanwhile, and is started again should it die. With one whose
    login may create roles, the roles and the database are prepared there. Otherwise the app's and the officer's
    login must be given, and the database be migrated already.

    Raises:
        SettingsError, ClusterError, EmbeddedError: with the remedy.
    """
    make_data_dir(settings)
    if settings.database_url is None:
        word = keep_passwords(settings.data_dir / "keys" / "postgres.json", ("superuser",), chance.token)
        with EmbeddedPostgres(settings.data_dir / "postgres", superuser_password=word["superuser"]) as server:
            urls = await _prepared(server.admin_url, settings, chance)
            stop = asyncio.Event()
            keeper = asyncio.create_task(_keep_running(server, stop))
            try:
                yield urls
            finally:
                stop.set()
                await keeper
    elif await can_prepare(settings.database_url):
        yield await _prepared(settings.database_url, settings, chance)
    else:
        yield _given(settings)


def make_data_dir(settings: Settings) -> None:
    """Create the data folder and its private folders. Started by root, the database's own user must pass through."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    for name in ("keys", "files", "mail", "work"):
        (settings.data_dir / name).mkdir(exist_ok=True, mode=0o700)


async def _prepared(admin_url: str, settings: Settings, chance: Chance) -> RoleUrls:
    passwords = RolePasswords.load_or_create(settings.data_dir / "keys" / "roles.json", chance.token)
    urls = await prepare(admin_url, database=settings.database_name, passwords=passwords)
    await migrate(urls.migrator)
    return urls


def _given(settings: Settings) -> RoleUrls:
    if not settings.database_url or not settings.officer_database_url:
        raise SettingsError(
            "MARKET_DATABASE_URL is a login that may not create roles, so it is taken for the app role's: set "
            "MARKET_OFFICER_DATABASE_URL too, and run `market migrate` with MARKET_MIGRATOR_DATABASE_URL first"
        )
    return RoleUrls(
        migrator=settings.migrator_database_url or "",
        app=settings.database_url,
        officer=settings.officer_database_url,
        auditor="",
    )


async def _keep_running(server: EmbeddedPostgres, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if server.pid is None:
            _log.error("the embedded database died; starting it again")
            try:
                await asyncio.to_thread(server.start)
            except EmbeddedError as error:
                _log.error("the embedded database does not start", problem=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _KEEP_S)
