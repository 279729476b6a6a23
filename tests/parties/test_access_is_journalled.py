"""Who holds the app's login changes nobody's access, and nothing that stands in somebody's way, without a line that says so.

Each statement is one that the app itself makes in passing, by whoever holds its login and speaks SQL.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from market.db.cluster import RoleUrls
from market.db.context import Context
from market.parties import service
from market.parties.rules import KeyOrder
from tests import factories
from tests.compliance.raw import REFUSED, acting

AUDIT = Path(__file__).resolve().parents[2] / "docs" / "audit.md"
_NEW_SESSION = (
    "INSERT INTO user_session (session_id, user_id, org_id, token_sha256, created_at, last_used_at, idle_s, expires_at)"
    " SELECT gen_random_uuid(), user_id, org_id, sha256(user_id::text::bytea), now(), now(), 600, now() + interval '1 hour'"
    " FROM person WHERE role = 'officer'"
)
STEALTHY = (
    "INSERT INTO staff_disabling SELECT user_id, org_id, NULL, 'x', now() FROM person WHERE role = 'officer'",
    "INSERT INTO staff_invitation SELECT gen_random_uuid(), org_id, 'eve@x.example', 'officer', sha256('mine'), now(),"
    " now() + interval '7 days' FROM organisation WHERE kind = 'platform'",
    "INSERT INTO person SELECT gen_random_uuid(), org_id, 'trading', 'eve@x.example', 'Eve', '$argon2id$x', 'member', NULL,"
    " now(), now() FROM organisation WHERE kind = 'trading'",
    "UPDATE person SET password_hash = '$argon2id$mine' WHERE role = 'officer'",
    _NEW_SESSION,
    "UPDATE user_session SET token_sha256 = sha256(session_id::text::bytea)",
    "UPDATE user_session SET proved_at = now()",
    "UPDATE user_session SET lacks = NULL",
    "INSERT INTO totp_factor SELECT gen_random_uuid(), user_id, org_id, 'mine', sha256('a') || sha256('b'), 0, now(), now()"
    " FROM person",
    "UPDATE totp_factor SET confirmed_at = now()",
    "INSERT INTO passkey SELECT gen_random_uuid(), user_id, org_id, 'mine', sha256('c'), 'k', 0, now() FROM person"
    " WHERE role = 'officer' LIMIT 1",
    "INSERT INTO recovery_code SELECT user_id, sha256('mine'), org_id, now() FROM person",
    "INSERT INTO api_key (key_id, user_id, org_id, name, scopes, secret_sha256, created_at, expires_at)"
    " SELECT gen_random_uuid(), user_id, org_id, 'mine', ARRAY['bids:write'], sha256('mine'), now(), now() + interval '1 day'"
    " FROM person",
    "UPDATE api_key SET revoked_at = now()",
    "INSERT INTO screening_check SELECT gen_random_uuid(), list_id, version_id, now(), 'infinity' FROM screening_list",
    "INSERT INTO screening_run SELECT gen_random_uuid(), org_id, occasion, now(), algorithm, config_hash, party_hash,"
    " version_ids, true, 1, '{}', 0, '{}' FROM screening_run LIMIT 1",
)


@pytest.fixture
async def peopled(context: Context) -> Context:
    """An officer with an app that waits for its first code and a session that lacks a proof, and a trader with a key."""
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    async with context.db.begin(party.actor) as tx:
        asked = KeyOrder("bot", ("bids:read",), 1)
        await service.create_key(tx, party.actor, asked, now=context.clock.now(), chance=context.chance)
    async with context.db.begin(officer.actor) as tx:
        await service.begin_totp(tx, context, officer.actor, "phone")
    attempt = service.SignIn(officer.email, officer.password, "192.0.2.1")
    strict = replace(context, settings=replace(context.settings, second_factor="staff"))
    await service.sign_in(strict, attempt, hasher=factories.CHEAP)
    return context


async def test_nothing_about_access_commits_without_a_line_in_the_journal(peopled: Context, urls: RoleUrls) -> None:
    for attack in STEALTHY:
        async with acting(urls.app) as connection:
            done = await connection.execute(attack)
            assert not done.endswith(" 0"), attack
            with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_nobody_says_unheard_where_to_pay_to(context: Context, urls: RoleUrls) -> None:
    party = await factories.register_member(context)
    async with acting(urls.app, party.actor) as connection:
        await connection.execute(
            "INSERT INTO bank_account SELECT gen_random_uuid(), org_id, 'Thief', 'iban', '0000', '\\x00',"
            " now() + interval '2 days', user_id, now() FROM person"
        )
        with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_a_line_about_somebody_else_or_something_else_does_not_do(context: Context, urls: RoleUrls) -> None:
    officer, other = await factories.two_officers(context)
    disable = "INSERT INTO staff_disabling SELECT user_id, org_id, NULL, 'x', now() FROM person WHERE user_id = $1"
    line = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)"
    stream = f"org:{officer.org_id}"
    for said in (
        (stream, "staff.disabled", other.user_id),
        (stream, "staff.joined", officer.user_id),
        ("org:elsewhere", "staff.disabled", officer.user_id),
    ):
        async with acting(urls.app) as connection:
            await connection.execute(disable, officer.user_id)
            await _say(connection, line, *said)
            with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    async with acting(urls.app) as connection:
        await connection.execute(disable, officer.user_id)
        await _say(connection, line, stream, "staff.disabled", officer.user_id)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_a_line_of_an_earlier_transaction_does_not_do(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    connection = await asyncpg.connect(urls.app)
    await connection.execute("SET app.role = 'system'")
    line = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)"
    await _say(connection, line, f"org:{officer.org_id}", "staff.disabled", officer.user_id)
    with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
        await connection.execute("INSERT INTO staff_disabling SELECT user_id, org_id, NULL, 'x', now() FROM person")
    await connection.close()


async def test_a_line_that_is_filed_under_a_later_transaction_does(context: Context, urls: RoleUrls) -> None:
    officer, other = await factories.two_officers(context)
    line, stream = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)", f"org:{officer.org_id}"
    async with acting(urls.app) as connection:
        await connection.execute("SELECT pg_current_xact_id()")
        async with acting(urls.app) as later:
            await _say(later, line, stream, "staff.joined", other.user_id)
            await later.execute("COMMIT")
        disable = "INSERT INTO staff_disabling SELECT user_id, org_id, NULL, 'x', now() FROM person WHERE user_id = $1"
        await connection.execute(disable, officer.user_id)
        await _say(connection, line, stream, "staff.disabled", officer.user_id)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_a_line_of_another_transaction_that_ended_meanwhile_does_not_do(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    line, stream = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)", f"org:{officer.org_id}"
    async with acting(urls.app) as connection:
        await connection.execute("SELECT pg_current_xact_id()")
        async with acting(urls.app) as honest:
            await _say(honest, line, stream, "person.password_changed", officer.user_id)
            await honest.execute("COMMIT")
        steal = "UPDATE person SET password_hash = '$argon2id$mine' WHERE user_id = $1"
        await connection.execute(steal, officer.user_id)
        with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_a_line_of_a_savepoint_does(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    line, stream = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)", f"org:{officer.org_id}"
    async with acting(urls.app) as connection:
        change = "UPDATE person SET password_hash = '$argon2id$new' WHERE user_id = $1"
        await connection.execute(change, officer.user_id)
        async with connection.transaction():
            await _say(connection, line, stream, "person.password_changed", officer.user_id)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def _say(connection: Any, line: str, stream: str, kind: str, user_id: UUID) -> None:
    await connection.execute(line, stream, kind, json.dumps({"user_id": str(user_id)}))


async def test_what_ended_does_not_begin_again(peopled: Context, urls: RoleUrls) -> None:
    ends = {
        "user_session": "ended_at",
        "api_key": "revoked_at",
        "totp_factor": "removed_at",
        "person": "contact_verified_at",
    }
    for table, column in ends.items():
        async with acting(urls.app) as connection:
            assert await connection.execute(f"UPDATE {table} SET {column} = now()") != "UPDATE 0"
            with pytest.raises(REFUSED, match="does not begin again"):
                await connection.execute(f"UPDATE {table} SET {column} = NULL")


_WRITABLE = """
    SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND EXISTS (SELECT FROM unnest(ARRAY['market_app', 'market_officer']) AS login
        WHERE has_any_column_privilege(login, c.oid, 'INSERT, UPDATE') OR has_table_privilege(login, c.oid, 'DELETE'))
    AND NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE t.tgrelid = c.oid
        AND f.proname IN ('is_journalled', 'change_is_told', 'staff_erasure_is_journalled'))
"""


async def test_every_table_that_a_login_writes_is_held_to_the_journal_or_named_as_one_that_is_not(
    context: Context, urls: RoleUrls
) -> None:
    async with acting(urls.auditor) as connection:
        unheld = {row["relname"] for row in await connection.fetch(_WRITABLE)}
    section = AUDIT.read_text(encoding="utf-8").partition("## What the database does not hold to a line")[2]
    assert set(re.findall(r"`([a-z_]+)`", section)) == unheld
