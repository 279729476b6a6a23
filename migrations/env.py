"""Runs the history as the migrator role. Called through `market.db.migrate`, which hands in a connection."""

from alembic import context
from sqlalchemy import Connection, text

from market.db.schema import Base

# A migration that must wait for a lock longer than this blocks everybody queued behind it: better to fail and try again.
_LOCK_TIMEOUT = "4s"
_STATEMENT_TIMEOUT = "60s"


def run(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_lock(hashtext('debtmarket migrations'))"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(text("SELECT pg_advisory_unlock(hashtext('debtmarket migrations'))"))
    connection.commit()


run(context.config.attributes["connection"])
