"""Bring a database to the newest revision, as the migrator role."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_HISTORY = Path(__file__).resolve().parents[2] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HISTORY))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d-%%(slug)s")
    return config


def newest_revision() -> str:
    """The revision that this code expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise AssertionError("the migration history is missing from this installation")
    return head


async def migrate(migrator_url: str) -> tuple[str | None, str]:
    """Apply what is missing; returns the revision (before, after). Waits for another migration that is running."""

    def upgrade(connection: Connection) -> str | None:
        before = MigrationContext.configure(connection).get_current_revision()
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before

    engine = create_async_engine(make_url(migrator_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(upgrade), newest_revision()
    finally:
        await engine.dispose()
