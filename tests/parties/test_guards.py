"""What the database refuses when somebody holds the app role's login and speaks SQL."""

import asyncpg
import pytest

from market.db.cluster import RoleUrls
from market.db.context import Context
from market.kit.actor import SYSTEM, Role
from market.parties import service
from market.parties.rules import KeyOrder
from tests import factories
from tests.compliance.raw import REFUSED, acting

NEW_PERSON = (
    "INSERT INTO person (user_id, org_id, org_kind, email, name, password_hash, role, invitation_id, created_at)"
    " VALUES (gen_random_uuid(), $1, $2, 'eve@x.example', 'Eve', '$argon2id$x', $3, $4, now())"
)


async def test_an_officer_cannot_belong_to_a_trading_organisation_nor_a_trader_to_the_platform(
    context: Context, urls: RoleUrls
) -> None:
    trader, officer = await factories.register_member(context), await factories.officer(context)
    async with context.db.begin(SYSTEM) as tx:
        await service.invite_staff(
            tx, SYSTEM, "eve@x.example", Role.OFFICER, now=context.clock.now(), chance=context.chance
        )
    async with acting(urls.app) as connection:
        invitation = await connection.fetchval("SELECT invitation_id FROM staff_invitation WHERE email LIKE 'eve%'")
    for org_id, kind, role, invited in (
        (trader.org_id, "platform", "officer", invitation),
        (trader.org_id, "trading", "officer", invitation),
        (trader.org_id, "platform", "member", None),
        (officer.org_id, "platform", "member", None),
        (officer.org_id, "trading", "member", None),
        (officer.org_id, "platform", "officer", None),
        (officer.org_id, "platform", "operator", invitation),
    ):
        async with acting(urls.app) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(NEW_PERSON, org_id, kind, role, invited)
    async with acting(urls.app) as connection:
        await connection.execute(NEW_PERSON, officer.org_id, "platform", "officer", invitation)


async def test_there_is_one_platform_organisation(urls: RoleUrls) -> None:
    async with acting(urls.app) as connection:
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "INSERT INTO organisation VALUES (gen_random_uuid(), 'Second', 'US', '1', 'platform', now())"
            )


ATTACKS = (
    "UPDATE person SET role = 'officer'",
    "UPDATE person SET org_id = (SELECT org_id FROM organisation WHERE kind = 'platform')",
    "UPDATE person SET email = 'eve@x.example'",
    "UPDATE organisation SET kind = 'platform'",
    "UPDATE organisation SET name = 'Renamed' WHERE kind = 'trading'",
    "UPDATE user_session SET expires_at = 'infinity'",
    "UPDATE user_session SET user_id = gen_random_uuid()",
    "UPDATE api_key SET scopes = ARRAY['bids:write']",
    "UPDATE api_key SET expires_at = 'infinity'",
    "DELETE FROM person",
    "DELETE FROM organisation",
    "DELETE FROM api_key",
    "DELETE FROM staff_invitation",
)


async def test_what_a_person_is_cannot_be_changed_by_sql(context: Context, urls: RoleUrls) -> None:
    await factories.register_member(context)
    for attack in ATTACKS:
        async with acting(urls.app) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(attack)


async def test_an_organisation_sees_and_writes_its_own_rows_only(context: Context, urls: RoleUrls) -> None:
    mine, theirs = await factories.register_member(context), await factories.register_member(context)
    for party in (mine, theirs):
        async with context.db.begin(party.actor) as tx:
            asked = KeyOrder("bot", ("bids:read",), 1)
            await service.create_key(tx, party.actor, asked, now=context.clock.now(), chance=context.chance)
    async with acting(urls.app, mine.actor) as connection:
        for table in ("organisation", "person", "user_session", "api_key"):
            owners = await connection.fetch(f"SELECT DISTINCT org_id FROM {table}")
            assert [row["org_id"] for row in owners] == [mine.org_id]
        assert await connection.fetch("SELECT * FROM staff_invitation") == []
        changed = await connection.execute("UPDATE api_key SET revoked_at = now() WHERE org_id = $1", theirs.org_id)
        assert changed == "UPDATE 0"
    async with acting(urls.app, mine.actor) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO user_session VALUES (gen_random_uuid(), $1, $2, sha256('t'), now(), now(), 60,"
                " now() + interval '1 hour')",
                theirs.user_id,
                theirs.org_id,
            )


async def test_a_stranger_to_all_organisations_sees_nothing(context: Context, urls: RoleUrls) -> None:
    await factories.register_member(context)
    connection = await asyncpg.connect(urls.app)
    try:
        for table in ("organisation", "person", "user_session", "api_key", "contact_code"):
            assert await connection.fetch(f"SELECT * FROM {table}") == []
    finally:
        await connection.close()


async def test_names_of_others_are_shown_and_nothing_else(context: Context) -> None:
    mine, theirs = await factories.register_member(context), await factories.register_member(context)
    async with context.db.begin(mine.actor) as tx:
        names = await service.display_names(tx, [mine.org_id, theirs.org_id, mine.user_id])
        assert set(names) == {mine.org_id, theirs.org_id}
        assert await service.find_organisation(tx, theirs.org_id) is None
        assert await service.emails_of(tx, theirs.org_id) == []
        assert await service.emails_of(tx, mine.org_id) == [mine.email]


async def test_neither_officer_nor_auditor_reads_what_could_be_guessed_offline(
    context: Context, urls: RoleUrls
) -> None:
    await factories.register_member(context)
    for url in (urls.officer, urls.auditor):
        async with acting(url) as connection:
            assert await connection.fetchval("SELECT count(email) FROM person") == 1
        for secret in ("password_hash FROM person", "token_sha256 FROM user_session", "code_hash FROM contact_code"):
            async with acting(url) as connection:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT {secret}")
