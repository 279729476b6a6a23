"""Transactions: the only place that commits. One service function runs in one of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from market.kit.actor import Actor, Role
from market.kit.errors import Transient

_SCOPE = text(
    "SELECT set_config('app.role', :role, true), set_config('app.org_id', :org_id, true),"
    " set_config('app.user_id', :user_id, true)"
)
# Deadlock, serialisation, lock time-out, too many connections, the server going down or coming up.
_WEATHER = frozenset({"40P01", "40001", "55P03", "53300", "57P01", "57P02", "57P03"})


class Database:
    """Two logins on one database: `app` for everybody's work, `officer` for compliance decisions."""

    def __init__(self, app_url: str, officer_url: str, *, pool_count: int = 10, patience_s: float = 10.0) -> None:
        """Who finds all of `pool_count` connections taken waits `patience_s` for one, then gets `Transient`."""
        self.app_url = app_url
        self._app = _engine(app_url, pool_count, patience_s)
        self._officer = _engine(officer_url, 4, patience_s)

    @asynccontextmanager
    async def begin(self, actor: Actor) -> AsyncIterator[AsyncSession]:
        """One transaction of `actor` as the role `app`: commits on leaving, rolls back on any exception.

        Row-level security sees the actor's role and organisation. Raises `Transient` for passing trouble.
        """
        async with _transaction(self._app, actor) as tx:
            yield tx

    @asynccontextmanager
    async def begin_as_officer(self, actor: Actor) -> AsyncIterator[AsyncSession]:
        """One transaction as the role `officer`, which alone may decide cases and grant or end clearances."""
        if actor.role is not Role.OFFICER:
            raise AssertionError("only an officer acts as the officer role")
        async with _transaction(self._officer, actor) as tx:
            yield tx

    async def raw_connection(self) -> Any:
        """A connection of its own (asyncpg) as the role `app`, outside the pool: the bid writer's and listener's."""
        return await asyncpg.connect(
            make_url(self.app_url).set(drivername="postgresql").render_as_string(hide_password=False)
        )

    async def close(self) -> None:
        await self._app.dispose()
        await self._officer.dispose()


class Joined(Database):
    """A database in which all that is done is part of one transaction that is open, and ends with it.

    It has that transaction's connection and no other: who holds one and waits for a second can stop all who do the same.
    """

    def __init__(self, db: Database, actor: Actor, tx: AsyncSession) -> None:
        """`tx` is a transaction of `actor` in `db`."""
        self.app_url = db.app_url
        self._actor, self._tx = actor, tx

    @asynccontextmanager
    async def begin(self, actor: Actor) -> AsyncIterator[AsyncSession]:
        """A savepoint: any exception undoes what was done since, and frees its locks.

        Another actor than the transaction's has a session of its own, so that neither is handed rows that the other loaded.
        """
        if actor == self._actor:
            async with self._tx.begin_nested():
                yield self._tx
            return
        connection = await self._tx.connection()
        async with (
            AsyncSession(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session,
            session.begin(),
        ):
            await _act_as(session, actor)
            yield session
            await session.flush()
            await _act_as(session, self._actor)  # after an exception the savepoint brings them back

    def begin_as_officer(self, actor: Actor) -> NoReturn:
        raise AssertionError(f"the login of an {actor.role.value} has connections of its own")

    async def close(self) -> None:
        raise AssertionError("whoever opened the database closes it")


@asynccontextmanager
async def _transaction(engine: AsyncEngine, actor: Actor) -> AsyncIterator[AsyncSession]:
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            await _act_as(session, actor)
            yield session
    except OperationalError as error:
        raise Transient("the database is busy or restarting; try again in a moment") from error
    except PoolTimeout as error:
        raise Transient("the database has more to do than it can; try again in a moment") from error
    except (OSError, asyncpg.InterfaceError) as error:
        raise Transient("the database cannot be reached; try again in a moment") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _WEATHER or error.connection_invalidated:
            raise Transient("the database is busy or restarting; try again in a moment") from error
        raise


async def _act_as(session: AsyncSession, actor: Actor) -> None:
    """Until the transaction, or the savepoint that it is rolled back to, ends."""
    await session.execute(
        _SCOPE,
        {"role": actor.role.value, "org_id": str(actor.org_id or ""), "user_id": str(actor.user_id or "")},
    )


def _engine(url: str, pool_count: int, patience_s: float) -> AsyncEngine:
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_count,
        max_overflow=0,
        pool_timeout=patience_s,
        pool_pre_ping=True,
        hide_parameters=True,
    )
