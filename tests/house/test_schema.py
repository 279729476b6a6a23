"""The migrated database and the code's idea of it are the same, and its guards stand."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from market.db.cluster import RoleUrls
from market.db.migrate import migrate
from market.db.schema import Base

# Tables without rows of one organisation: everybody may see them, or only functions of the owner touch them.
NOT_OF_ONE_ORGANISATION = {"alembic_version", "journal", "journal_head", "journal_reader"}


async def _ask(url: str, question: str) -> list[tuple]:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        found = [tuple(row) for row in await connection.execute(text(question))]
    await engine.dispose()
    return found


async def test_the_tables_in_code_are_the_tables_in_the_database(urls: RoleUrls) -> None:
    engine = create_async_engine(make_url(urls.migrator).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), Base.metadata)
        )
    await engine.dispose()
    assert differences == []


async def test_migrating_twice_changes_nothing(urls: RoleUrls) -> None:
    before, after = await migrate(urls.migrator)
    assert before == after


async def test_the_app_role_owns_nothing_and_may_create_nothing(urls: RoleUrls) -> None:
    owned = await _ask(
        urls.migrator,
        "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ('market_app', 'market_officer', 'market_auditor')",
    )
    assert owned == []
    rights = await _ask(
        urls.app,
        "SELECT has_schema_privilege('public', 'CREATE'), has_database_privilege(current_database(), 'CREATE'),"
        " (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)",
    )
    assert rights == [(False, False, False)]


async def test_every_table_with_an_organisation_has_row_level_security(urls: RoleUrls) -> None:
    bare = await _ask(
        urls.migrator,
        "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'org_id'"
        " AND NOT c.relrowsecurity",
    )
    assert [name for (name,) in bare if name not in NOT_OF_ONE_ORGANISATION] == []


async def test_nobody_may_truncate_anything(urls: RoleUrls) -> None:
    can = await _ask(
        urls.app,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege(oid, 'TRUNCATE')",
    )
    assert can == []


async def test_functions_with_the_owners_rights_pin_their_search_path(urls: RoleUrls) -> None:
    loose = await _ask(
        urls.migrator,
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND NOT coalesce(array_to_string(proconfig, ','), '') LIKE '%search_path=%'",
    )
    assert loose == []


async def test_functions_with_the_owners_rights_are_not_everybodys(urls: RoleUrls) -> None:
    open_to_all = await _ask(
        urls.migrator,
        "SELECT proname FROM pg_proc p WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND prorettype <> 'trigger'::regtype"
        " AND EXISTS (SELECT 1 FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a"
        "             WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')",
    )
    assert open_to_all == []


async def test_every_foreign_key_has_an_index_to_stand_on(urls: RoleUrls) -> None:
    missing = await _ask(
        urls.migrator,
        "SELECT c.conrelid::regclass::text, c.conname FROM pg_constraint c WHERE c.contype = 'f'"
        " AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid"
        "   AND (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey"
        "   AND c.conkey @> (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1])",
    )
    assert missing == []


HOT = ("auction", "auction_event", "bid", "bid_refusal", "strike", "registration", "auction_checkpoint")
"""The tables that every bid or every close reads or writes. A database that shards by auction needs what is asked below."""


async def test_the_auction_is_part_of_every_key_and_unique_constraint_of_the_hot_tables(urls: RoleUrls) -> None:
    keys = await _ask(
        urls.migrator,
        """SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, EXISTS (
                SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'auction_id'
                    AND a.attnum = ANY (i.indkey::int2[]))
            FROM pg_index i WHERE i.indisunique AND i.indrelid::regclass::text = ANY ('{%s}')"""  # noqa: UP031
        % ",".join(HOT),
    )
    assert {table for table, _, _ in keys} == set(HOT)
    assert [(table, key) for table, key, holds in keys if not holds] == []


async def test_the_hot_tables_can_be_split_by_auction_with_every_key_that_they_have(urls: RoleUrls) -> None:
    """PostgreSQL itself is asked: a partitioned twin of each table takes all its keys, which it refuses to one without."""
    engine = create_async_engine(make_url(urls.migrator).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        for table in HOT:
            twin = f"CREATE TEMP TABLE twin_{table} (LIKE {table} INCLUDING ALL) PARTITION BY HASH (auction_id)"
            await connection.execute(text(twin))
        await connection.rollback()
    await engine.dispose()
