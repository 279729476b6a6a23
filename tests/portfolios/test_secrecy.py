"""Nothing of the tape's persons and no key in the clear: not in the database, the journal, the logs, nor on the disk."""

import csv
import io
from dataclasses import fields

import asyncpg
from sqlalchemy.engine import make_url

from market.kit.actor import SYSTEM
from market.portfolios.rules import KeyPurpose, key_context
from market.portfolios.store import portfolios as store
from market.portfolios.work import MaskJob, SealedTape
from tests import factories
from tests.portfolios import tapes


async def dump(admin_url, context):
    """Every cell of every table of this test's database as text, bytes in hex, read as the owner of everything."""
    name = make_url(context.db.app_url).database
    connection = await asyncpg.connect(make_url(admin_url).set(database=name).render_as_string(hide_password=False))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = {}
        for (table,) in tables:
            found = await connection.fetch(f'SELECT t::text AS row FROM "{table}" t')
            rows[table] = [record["row"] for record in found]
        return rows
    finally:
        await connection.close()


def forms(value):
    """A value as it is, in lower case, as digits only, and as hex."""
    digits = "".join(filter(str.isdigit, value))
    return {value, value.lower(), value.encode().hex()} | ({digits} if len(digits) >= 9 else set())


async def test_no_original_identifier_is_in_the_database_or_on_the_disk(context, admin_url, visit, capsys):
    seller = await factories.seller(context)
    rows = tapes.rows(120)
    rows[4]["Curr Bal"] = "unreadable-Quixotella"
    rows[7]["Acct No"] = ""
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows))
    visitor = await visit(seller)
    body = {"pools": [{"name": "P", "selection": {"everything": True}}]}
    await visitor.post(f"/v1/portfolios/{portfolio.portfolio_id}/pools", json=body)
    await factories.work_off(context)
    for stage in ("preview", "vetted"):
        await visitor.get(f"/v1/portfolios/{portfolio.portfolio_id}/masked-file", params={"stage": stage})

    tables = await dump(admin_url, context)
    assert len(tables["portfolio"]) == len(tables["pool"]) == 1
    assert len(tables["refused_account"]) == 2
    kept = "\n".join(row for found in tables.values() for row in found)
    logged = capsys.readouterr()
    files = [path.read_bytes() for path in context.settings.data_dir.rglob("*") if path.is_file()]
    wanted = {form for value in tapes.identifiers(rows) - set(tapes.FIRST) - set(tapes.LAST) for form in forms(value)}
    assert len(wanted) > 500
    for form in wanted | {"Quixotella"}:
        assert form not in kept
        assert form not in logged.out
        assert form not in logged.err
        assert not any(form.encode() in content for content in files)
    for name in [*tapes.FIRST, *tapes.LAST]:
        assert f'"{name}"' not in kept
        assert not any(f'"{name}"'.encode() in content or f",{name},".encode() in content for content in files)


async def test_no_key_is_kept_in_the_clear(context, admin_url):
    pool = await factories.ready_pool(context, await factories.seller(context))
    async with context.db.begin(SYSTEM) as tx:
        keys = []
        for purpose in (KeyPurpose.TAPE, KeyPurpose.TOKEN):
            wrapped = await store.portfolio_key(tx, pool.portfolio_id, purpose)
            keys.append(context.vault.unwrap(wrapped, key_context(purpose, pool.portfolio_id)))
    tables = await dump(admin_url, context)
    kept = "\n".join(row for found in tables.values() for row in found)
    files = [
        path.read_bytes()
        for path in context.settings.data_dir.rglob("*")
        if path.is_file() and path.parent.name != "keys"
    ]
    assert len(set(keys)) == 2
    for key in keys:
        assert key.hex() not in kept
        assert not any(key in content for content in files)
    assert len({row.split(",")[-1] for row in tables["portfolio_key"] + tables["pool_key"]}) == 4


async def test_two_portfolios_of_one_tape_share_no_token(context, visit):
    seller = await factories.seller(context)
    tape = tapes.tape(60)
    visitor = await visit(seller)
    tokens = []
    for _ in range(2):
        portfolio = await factories.ready_portfolio(context, seller, tape)
        file = await visitor.get(f"/v1/portfolios/{portfolio.portfolio_id}/masked-file", params={"stage": "vetted"})
        rows = csv.DictReader(io.StringIO(file.text))
        tokens.append({row[name] for row in rows for name in ("account_number", "national_id")})
    assert len(tokens[0]) == len(tokens[1]) == 120
    assert not tokens[0] & tokens[1]


def test_a_job_does_not_show_its_keys():
    shown = {field.name: field.repr for field in (*fields(MaskJob), *fields(SealedTape))}
    secrets = ("data_key", "token_key", "sale_key", "commit_key", "nonce_prefix")
    assert [shown[name] for name in secrets] == [False] * 5
