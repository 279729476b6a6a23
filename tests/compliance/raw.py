"""Plain SQL as one of the database's roles, past every layer of the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from market.kit.actor import SYSTEM, Actor

REFUSED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.CheckViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.UniqueViolationError,
)


@asynccontextmanager
async def acting(url: str, actor: Actor = SYSTEM) -> AsyncIterator[Any]:
    """A connection in a transaction that claims to be `actor`'s; rolled back at the end unless committed by hand."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(
            "SELECT set_config('app.role', $1, true), set_config('app.org_id', $2, true), set_config('app.user_id', $3, true)",
            actor.role.value,
            str(actor.org_id or ""),
            str(actor.user_id or ""),
        )
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()
