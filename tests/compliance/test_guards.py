"""What the database refuses when somebody holds a role's login and speaks SQL, past every layer of the application."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from market.compliance import service
from market.compliance.requirements import Capability
from market.compliance.rules import CaseState
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import service as journal
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.factories import Party, a_grant

# A clearance as the case says, each column open to a change.
COLUMNS = {
    "clearance_id": "gen_random_uuid()",
    "org_id": "c.org_id",
    "capability": "$2",
    "states": "c.prepared_states",
    "max_bid_cents": "c.prepared_max_bid_cents",
    "currency": "c.prepared_currency",
    "valid_from": "now()",
    "valid_until": "c.prepared_valid_until",
    "case_id": "c.case_id",
    "prepared_by": "c.prepared_by",
    "approved_by": "$3",
    "evidence_digest": "c.evidence_digest",
}


def copy_of_the_case(**changes: str) -> str:
    columns = {**COLUMNS, **changes}
    return (
        f"INSERT INTO clearance ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        " FROM verification_case c WHERE c.case_id = $1 AND ($3::uuid IS NOT NULL)"
    )


COPY_OF_THE_CASE = copy_of_the_case()
APPROVE = "UPDATE verification_case SET state = 'cleared', approved_by = $2, decision_reason = 'x' WHERE case_id = $1"
END = "INSERT INTO clearance_end (clearance_id, org_id, ended_at, ended_by, reason) VALUES ($1, $2, now(), $3, 'x')"


async def refused(url: str, actor: Any, statement: str, *values: Any) -> None:
    async with acting(url, actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(statement, *values)


async def test_the_app_role_can_neither_grant_nor_end_nor_verify_whoever_it_claims_to_be(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    case_id = await factories.prepared_case(context, party, officers[0])
    paper = await factories_paper(context, officers[0], case_id)
    for actor in (party.actor, officers[0].actor, officers[1].actor):
        await refused(urls.app, actor, COPY_OF_THE_CASE, case_id, "bid", officers[1].user_id)
        await refused(urls.app, actor, END, party.clearances["bid"], party.org_id, officers[1].user_id)
        await refused(urls.app, actor, APPROVE, case_id, officers[1].user_id)
        await refused(
            urls.app, actor,
            "INSERT INTO evidence_verification VALUES ($1, $2, $3, $4, $5, now(), 'x')",
            paper, case_id, party.org_id, party.user_id, officers[0].user_id,
        )  # fmt: skip
        await refused(
            urls.app, actor,
            "UPDATE verification_case SET prepared_max_bid_cents = 1000000000000 WHERE case_id = $1", case_id,
        )  # fmt: skip
        for table in ("clearance", "clearance_end", "evidence", "evidence_verification", "beneficial_owner"):
            await refused(urls.app, actor, f"DELETE FROM {table}")


async def factories_paper(context: Context, officer: Party, case_id: UUID) -> UUID:
    async with context.db.begin(officer.actor) as tx:
        return (await service.read_case(tx, officer.actor, case_id)).evidence[0].evidence_id


async def test_no_officer_grants_what_was_not_prepared_and_approved_by_two(context: Context, urls: RoleUrls) -> None:
    preparer, approver = await factories.two_officers(context)
    party = await factories.register_member(context)
    asked = a_grant(("bid",), ("CA",), 100_00)
    case_id = await factories.prepared_case(context, party, preparer, asked)

    await refused(urls.officer, approver.actor, COPY_OF_THE_CASE, case_id, "bid", approver.user_id)
    await refused(urls.officer, preparer.actor, APPROVE, case_id, preparer.user_id)
    await refused(urls.officer, preparer.actor, APPROVE, case_id, approver.user_id)
    await refused(urls.officer, party.actor, APPROVE, case_id, party.user_id)
    for change in (
        "prepared_max_bid_cents = 99",
        "prepared_states = ARRAY['*']",
        "prepared_valid_until = prepared_valid_until + interval '1 day'",
        "prepared_by = approved_by",
        "evidence_digest = repeat('0', 64)",
    ):
        await refused(
            urls.officer, approver.actor,
            f"UPDATE verification_case SET state = 'cleared', approved_by = $2, decision_reason = 'x', {change} WHERE case_id = $1",
            case_id, approver.user_id,
        )  # fmt: skip

    changes: list[dict[str, str]] = [
        {"max_bid_cents": "100000"},
        {"states": "ARRAY['*']"},
        {"currency": "'EUR'"},
        {"valid_until": "now() + interval '399 days'"},
        {"prepared_by": "$3"},
        {"approved_by": f"'{preparer.user_id}'::uuid", "prepared_by": "$3"},
        {"approved_by": f"'{party.user_id}'::uuid"},
        {"evidence_digest": "repeat('0', 64)"},
        {"org_id": f"'{preparer.org_id}'::uuid"},
    ]
    for capability, change in [("list", {}), *(("bid", change) for change in changes)]:
        async with acting(urls.officer, approver.actor) as connection:
            await connection.execute(APPROVE, case_id, approver.user_id)
            with pytest.raises(REFUSED):
                await connection.execute(copy_of_the_case(**change), case_id, capability, approver.user_id)

    async with acting(urls.officer, approver.actor) as connection:
        await connection.execute(APPROVE, case_id, approver.user_id)
        await connection.execute(COPY_OF_THE_CASE, case_id, "bid", approver.user_id)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(COPY_OF_THE_CASE, case_id, "bid", approver.user_id)


async def test_a_case_moves_as_the_machine_says_and_in_no_other_way(context: Context, urls: RoleUrls) -> None:
    """Every state to every state, as each role: 216 attempts, of which 15 may pass."""
    preparer, approver = await factories.two_officers(context)
    parties = [await factories.register_member(context) for _ in CaseState]
    asked = a_grant(("list",))
    cases = {
        CaseState.DRAFT: await factories.draft_case(context, parties[0], asked),
        CaseState.SUBMITTED: await factories.submitted_case(context, parties[1], asked),
        CaseState.IN_REVIEW: await factories.verified_case(context, parties[2], preparer, asked),
        CaseState.INFO_REQUESTED: await factories.verified_case(context, parties[3], preparer, asked),
        CaseState.PREPARED: await factories.prepared_case(context, parties[4], preparer, asked),
        CaseState.CLEARED: await factories.prepared_case(context, parties[5], preparer, asked),
        CaseState.DECLINED: await factories.verified_case(context, parties[6], preparer, asked),
        CaseState.SCREENING: await factories.submitted_case(context, parties[7], asked),
        CaseState.BLOCKED: await factories.verified_case(context, parties[8], preparer, asked),
    }
    await factories.block(context, (preparer, approver), parties[8].org_id)
    async with context.db.begin(factories.SYSTEM) as tx:
        screening = cases[CaseState.SCREENING]
        await tx.execute(
            text("UPDATE verification_case SET state = 'screening' WHERE case_id = :id"), {"id": screening}
        )
        await journal.append(tx, factories.SYSTEM, f"case:{screening}", "case.screening_began", {})
    async with context.db.begin_as_officer(approver.actor) as tx:
        await service.request_information(
            tx, approver.actor, cases[CaseState.INFO_REQUESTED], "more", now=context.clock.now(), chance=context.chance
        )
        await service.decline(tx, approver.actor, cases[CaseState.DECLINED], "no")
    await factories.approve(context, approver, cases[CaseState.CLEARED])

    passed = set()
    for party, (before, case_id) in zip(parties, cases.items(), strict=True):
        for url, actor, name in (
            (urls.app, party.actor, "app"), (urls.app, factories.SYSTEM, "system"), (urls.officer, approver.actor, "officer"),
        ):  # fmt: skip
            async with acting(url, actor) as connection:
                for after in set(CaseState) - {before}:
                    point = connection.transaction()
                    await point.start()
                    try:
                        assert await connection.execute(_move(after, name), case_id) == "UPDATE 1"
                        passed.add((name, before.value, after.value))
                    except REFUSED:
                        pass
                    finally:
                        await point.rollback()
    assert passed == {
        ("app", "draft", "submitted"),
        ("app", "info_requested", "in_review"),
        ("system", "draft", "submitted"),
        ("system", "info_requested", "in_review"),
        ("system", "submitted", "screening"),
        ("system", "screening", "in_review"),
        ("officer", "submitted", "screening"),
        ("officer", "screening", "in_review"),
        ("officer", "prepared", "in_review"),
        ("officer", "in_review", "info_requested"),
        ("officer", "in_review", "prepared"),
        ("officer", "in_review", "declined"),
        ("officer", "prepared", "info_requested"),
        ("officer", "prepared", "cleared"),
        ("officer", "prepared", "declined"),
    }


_PLAN = (
    "prepared_risk = {8}, prepared_by = {0}, prepared_capabilities = {1}, prepared_states = {2}, prepared_max_bid_cents = {3},"
    " prepared_currency = {4}, prepared_valid_until = {5}, evidence_digest = {6}, prepared_at = {7}"
)


def _move(after: CaseState, role: str) -> str:
    """The most plausible UPDATE to this state: with everything that the CHECKs ask for."""
    columns = [f"state = '{after}'", "submitted_at = coalesce(submitted_at, now())"]
    if role == "officer":
        columns.pop()
        me = "current_setting('app.user_id')::uuid"
        if after is CaseState.PREPARED:
            values = (
                me,
                "capabilities",
                "states",
                "1",
                "currency",
                "now() + interval '9 days'",
                "repeat('0', 64)",
                "now()",
                "'standard'",
            )
            columns.append(_PLAN.format(*values))
        elif after not in (CaseState.CLEARED, CaseState.DECLINED):
            columns.append(_PLAN.format(*["NULL"] * 9))
        columns += [
            f"approved_by = {me if after is CaseState.CLEARED else 'NULL'}",
            f"declined_by = {me if after is CaseState.DECLINED else 'NULL'}",
            "decided_at = NULL",
            f"decision_reason = {repr('x') if after in (CaseState.CLEARED, CaseState.DECLINED) else 'NULL'}",
        ]
    return f"UPDATE verification_case SET {', '.join(columns)} WHERE case_id = $1"


async def test_a_case_begins_as_a_draft_and_its_papers_come_in_time(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    party, other = await factories.register_member(context), await factories.register_member(context)
    new_case = (
        "INSERT INTO verification_case (case_id, org_id, opened_by, state, capabilities, states, max_bid_cents,"
        " currency, created_at, submitted_at) VALUES (gen_random_uuid(), $1, $2, $3, ARRAY['bid'], ARRAY['*'], 1, 'USD',"
        " now(), CASE WHEN $3 <> 'draft' THEN now() END)"
    )
    for org_id, user_id, state in (
        (other.org_id, other.user_id, "submitted"),
        (other.org_id, other.user_id, "in_review"),
        (other.org_id, party.user_id, "draft"),
        (other.org_id, officer.user_id, "draft"),
        (party.org_id, party.user_id, "draft"),
    ):
        await refused(urls.app, other.actor, new_case, org_id, user_id, state)

    case_id = await factories.submitted_case(context, party)
    copied = (
        "INSERT INTO evidence SELECT gen_random_uuid(), $1, $2, type, file_sha256, size_bytes, sealed_sha256, wrapped_key,"
        " issuer, number, jurisdiction, issued_on, expires_on, $3, now() FROM evidence LIMIT 1"
    )
    await refused(urls.app, party.actor, copied, case_id, party.org_id, party.user_id)
    await refused(
        urls.app, party.actor,
        "INSERT INTO beneficial_owner SELECT gen_random_uuid(), case_id, org_id, 'Eve', NULL, 'US', 1"
        " FROM beneficial_owner LIMIT 1",
    )  # fmt: skip
    async with context.db.begin_as_officer(officer.actor) as tx:
        await service.request_information(
            tx, officer.actor, case_id, "more", now=context.clock.now(), chance=context.chance
        )
    await refused(urls.app, party.actor, copied, case_id, party.org_id, officer.user_id)
    await refused(urls.app, party.actor, copied, case_id, other.org_id, other.user_id)
    async with acting(urls.app, party.actor) as connection:
        await connection.execute(copied, case_id, party.org_id, party.user_id)


async def test_nobody_rewrites_history_not_even_the_owner_of_the_tables(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await service.end_clearance(tx, officers[0].actor, party.clearances["list"], "x", context.clock.now())
    for statement in (
        "UPDATE clearance SET max_bid_cents = 0",
        "UPDATE clearance SET valid_until = now() + interval '10 years'",
        "DELETE FROM clearance_end",
        "UPDATE clearance_end SET reason = 'y'",
        "DELETE FROM clearance",
        "UPDATE evidence SET expires_on = NULL",
        "DELETE FROM evidence",
        "DELETE FROM evidence_verification",
        "UPDATE beneficial_owner SET name = 'x'",
        "TRUNCATE clearance_end CASCADE",
        "TRUNCATE evidence CASCADE",
        "DELETE FROM verification_case",
        "UPDATE verification_case SET state = 'draft'",
        "UPDATE verification_case SET max_bid_cents = 1",
        "UPDATE verification_case SET decision_reason = 'another'",
    ):
        for url in (urls.app, urls.officer, urls.auditor, urls.migrator):
            await refused(url, officers[0].actor, statement)


async def test_an_organisation_sees_its_own_cases_only_and_an_operator_none(context: Context, urls: RoleUrls) -> None:
    mine, theirs = [await factories.cleared_organisation(context) for _ in range(2)]
    operator = await factories.operator(context)
    tables = ("verification_case", "beneficial_owner", "evidence", "evidence_verification")
    async with acting(urls.app, mine.actor) as connection:
        for table in (*tables, "clearance"):
            owners = await connection.fetch(f"SELECT DISTINCT org_id FROM {table}")
            assert [row["org_id"] for row in owners] == [mine.org_id]
        moved = await connection.execute(
            "UPDATE verification_case SET state = 'submitted' WHERE org_id = $1", theirs.org_id
        )
        assert moved == "UPDATE 0"
    async with acting(urls.app, operator.actor) as connection:
        for table in tables:
            assert await connection.fetch(f"SELECT * FROM {table}") == []
    async with acting(urls.auditor) as connection:
        assert await connection.fetchval("SELECT count(*) FROM clearance") == 4


async def test_an_end_is_an_officers_in_the_own_name_and_stamped_by_the_database(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    clearance_id = party.clearances["bid"]
    await refused(urls.officer, officers[0].actor, END, clearance_id, party.org_id, officers[1].user_id)
    await refused(urls.officer, party.actor, END, clearance_id, party.org_id, party.user_id)
    async with acting(urls.officer, officers[0].actor) as connection:
        await connection.execute(END.replace("now()", "'2000-01-01'"), clearance_id, party.org_id, officers[0].user_id)
        stamped = await connection.fetchval("SELECT now() - ended_at FROM clearance_end")
        assert abs(stamped) < timedelta(minutes=1)


async def test_uploader_preparer_and_approver_are_three_people_even_for_the_owner_of_the_tables(
    context: Context, urls: RoleUrls
) -> None:
    preparer = await factories.officer(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, preparer)
    async with acting(urls.migrator, preparer.actor) as connection:
        await connection.execute("ALTER TABLE verification_case DISABLE TRIGGER USER")
        for column, who in (
            ("approved_by", preparer.user_id),
            ("approved_by", party.user_id),
            ("prepared_by", party.user_id),
        ):
            point = connection.transaction()
            await point.start()
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.execute(
                    f"UPDATE verification_case SET state = 'cleared', decided_at = now(), {column} = $2"
                    " WHERE case_id = $1",
                    case_id,
                    who,
                )
            await point.rollback()


# The gate function.

GATE = "SELECT clearance_refusal($1, $2, $3, $4, $5, $6, $7)"


async def test_the_gate_says_why_a_clearance_does_not_carry_a_bid(context: Context, urls: RoleUrls) -> None:
    party = await factories.cleared_organisation(context, ("list", "bid"), ("CA", "NY"), 100_00)
    other = await factories.register_member(context)
    now = context.clock.now()
    good: dict[str, Any] = {
        "id": party.clearances["bid"], "org": party.org_id, "capability": "bid", "amount": 100_00,
        "states": ["CA"], "at": now, "currency": "USD",
    }  # fmt: skip
    expected: list[tuple[dict[str, Any], str | None]] = [
        ({}, None),
        ({"at": None, "currency": None}, None),
        ({"states": []}, None),
        ({"id": context.chance.new_id()}, "missing"),
        ({"id": None}, "missing"),
        ({"org": other.org_id}, "missing"),
        ({"org": None}, "missing"),
        ({"capability": "list"}, "missing"),
        ({"id": party.clearances["list"]}, "missing"),
        ({"amount": 100_01}, "over-limit"),
        ({"amount": None}, "over-limit"),
        ({"states": ["CA", "TX"]}, "state-not-covered"),
        ({"states": ["??"]}, "state-not-covered"),
        ({"currency": "EUR"}, "wrong-currency"),
        ({"at": now + timedelta(days=366)}, "expired"),
        ({"at": now - timedelta(days=1)}, "not-yet-valid"),
        ({"id": party.clearances["list"], "capability": "list", "amount": None}, None),
    ]
    async with acting(urls.app, party.actor) as connection:
        for change, answer in expected:
            assert (change, await connection.fetchval(GATE, *{**good, **change}.values())) == (change, answer)


async def test_an_end_waits_for_a_bid_that_holds_the_clearance_and_every_later_bid_sees_it(
    context: Context, urls: RoleUrls
) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    question = (GATE, party.clearances["bid"], party.org_id, "bid", 1, [], None, None)

    async with acting(urls.app, party.actor) as bidding:
        assert await bidding.fetchval(*question) is None
        ending = asyncio.create_task(_end(context, officer, party.clearances["bid"]))
        while not await bidding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not ending.done()
        assert await bidding.fetchval(*question) is None
    await ending
    async with acting(urls.app, party.actor) as bidding:
        assert await bidding.fetchval(*question) == "ended"


async def test_a_bid_that_waited_for_an_end_sees_it(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    clearance_id = party.clearances["bid"]
    async with acting(urls.app, party.actor) as bidding:
        async with context.db.begin_as_officer(officer.actor) as tx:
            await service.end_clearance(tx, officer.actor, clearance_id, "x", context.clock.now())
            asking = asyncio.create_task(bidding.fetchval(GATE, clearance_id, party.org_id, "bid", 1, [], None, None))
            async with acting(urls.app) as watching:
                while not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert not asking.done()
        assert await asking == "ended"


async def _end(context: Context, officer: Party, clearance_id: UUID) -> None:
    async with context.db.begin_as_officer(officer.actor) as tx:
        await service.end_clearance(tx, officer.actor, clearance_id, "x", context.clock.now())


async def test_only_those_who_may_ask_the_gate(urls: RoleUrls) -> None:
    await refused(urls.auditor, factories.SYSTEM, GATE, None, None, str(Capability.BID), 1, [], None, None)
