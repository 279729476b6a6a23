"""A party that left, and staff whose access ended, are forgotten ten years later: nothing that names a person stays."""

import asyncpg
import pytest
from sqlalchemy import text

from market.compliance import jobs, service
from market.compliance.proposals import Kind
from market.compliance.requirements import EvidenceType
from market.compliance.retention import PartyKept
from market.compliance.screening.rules import AlertState, Verdict
from market.compliance.service.keeping import erase_due, forget_parties, forget_staff
from market.db import rewrap
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import archive
from market.journal import service as journal
from market.journal.checkpoints import Signer
from market.kit.actor import SYSTEM, Role
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.rules import SignInRefused
from market.settlement import service as settlements
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.compliance.screening.test_runs import REASON, alerts, decide, disclose
from tests.compliance.test_keeping import as_owner
from tests.factories import Party

TIMES = {
    "clearance": ("valid_from", "valid_until"),
    "clearance_end": ("ended_at",),
    "verification_case": ("created_at", "submitted_at", "decided_at"),
    "organisation": ("created_at",),
    "person": ("created_at",),
    "user_session": ("created_at", "last_used_at"),
    "api_key": ("created_at", "last_used_at", "expires_at"),
    "settlement": ("ended_at",),
    "staff_disabling": ("disabled_at",),
    "staff_invitation": ("created_at", "expires_at"),
    "disclosed_name": ("added_at",),
    "screening_alert": ("raised_at",),
    "screening_decision": ("decided_at",),
}
WORDS = ("Zlatarovic", REASON, "a word too many", "P12345678")


async def years_pass(urls: RoleUrls, years: float) -> None:
    """Everything that a party or somebody of the staff did lies so many years further back."""
    back = f"interval '{int(years * 365.25)} days'"
    off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TIMES]
    await as_owner(
        urls, *off,
        *(f"UPDATE {table} SET {', '.join(f'{at} = {at} - {back}' for at in columns)}" for table, columns in TIMES.items()),
        *[statement.replace("DISABLE", "ENABLE") for statement in off],
    )  # fmt: skip


async def everything(urls: RoleUrls, *, without: tuple[str, ...] = ("journal",)) -> str:
    """All that the database holds, as text."""
    owner = await asyncpg.connect(urls.migrator)
    tables = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows = [
        row[0]
        for (table,) in tables
        if table not in without
        for row in await owner.fetch(f"SELECT t::text FROM {table} t")
    ]
    await owner.close()
    return "\n".join(rows)


@pytest.fixture
async def left(context: Context) -> tuple[Party, tuple[Party, Party]]:
    """A party with all that there can be about it, and whose clearances are ended."""
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    await disclose(context, officers[0], party.org_id, "Borivoje Milan Zlatarovic", id_number="P12345678")
    for alert in await alerts(context, officers[0]):
        await decide(context, officers[0], alert, Verdict.FALSE_POSITIVE)
    granted = await factories.approve(context, officers[1], case_id)
    await factories.name_bank_account(context, party)
    now = context.clock.now()
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        for clearance_id in granted.values():
            await service.end_clearance(tx, officers[0].actor, clearance_id, "a word too many", now)
    return party, officers


async def forget(context: Context) -> int:
    async with context.db.begin(SYSTEM) as tx:
        return await forget_parties(tx, context.clock.now())


async def report(context: Context, officer: Party) -> list[PartyKept]:
    async with context.db.begin_as_officer(officer.actor) as tx:
        return await service.parties_report(tx, officer.actor, context.clock.now())


async def test_a_party_is_forgotten_ten_years_after_it_left_and_not_a_day_less(
    context: Context, urls: RoleUrls, left
) -> None:
    party, officers = left
    named = await everything(urls)
    assert [word for word in (*WORDS, party.email) if word not in named] == []
    await years_pass(urls, 9.95)
    await jobs.erase_what_is_due(context)
    assert [kept.org_id for kept in await report(context, officers[0])] == [party.org_id]
    assert "Zlatarovic" in await everything(urls)
    await years_pass(urls, 0.1)
    await as_owner(urls, "DELETE FROM duty WHERE name = 'compliance.erasure'")
    await jobs.erase_what_is_due(context)
    kept = await everything(urls, without=("journal", "screening_list"))
    assert [word for word in (*WORDS, party.email) if word in kept] == []
    assert await report(context, officers[0]) == []


async def test_who_is_forgotten_signs_in_no_more_and_the_proof_still_holds(
    context: Context, urls: RoleUrls, left
) -> None:
    party, officers = left
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        (case_id,) = {found.case_id for found in (await service.list_cases(tx, officers[0].actor, PageRequest())).items}
    await years_pass(urls, 11)
    await jobs.erase_what_is_due(context)
    async with context.db.begin(SYSTEM) as tx:
        assert (await journal.history(tx, f"org:{party.org_id}"))[-1].kind == "party.erased"
        assert await journal.verify_stream(tx, f"org:{party.org_id}") is None
    data = await service.export_case(context, officers[0].actor, case_id)
    archive.check(data, Signer.of(context).public_key)
    assert party.email.encode() not in data
    await rewrap.rotate(context)
    for email in (party.email, f"erased-{party.user_id}@erased.invalid"):
        with pytest.raises(SignInRefused):
            await parties.sign_in(
                context, parties.SignIn(email, factories.PASSWORD, "192.0.2.1"), hasher=factories.CHEAP
            )


async def test_a_hold_or_a_duty_keeps_a_party(context: Context, urls: RoleUrls, left) -> None:
    party, officers = left
    now, chance = context.clock.now(), context.chance
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        hold = await service.place_hold(tx, officers[0].actor, party.org_id, "a subpoena", now=now, chance=chance)
    await years_pass(urls, 11)
    assert await forget(context) == 0
    assert [(kept.org_id, kept.is_held) for kept in await report(context, officers[0])] == [(party.org_id, True)]
    async with acting(urls.app) as connection:
        with pytest.raises(REFUSED, match="hold"):
            await connection.execute("INSERT INTO party_erasure VALUES ($1, now(), now())", party.org_id)
    await factories.agreed(context, officers, Kind.RELEASE_HOLD, org_id=party.org_id, subject_id=hold.hold_id)
    await factories.block(context, officers, party.org_id)
    assert await report(context, officers[0]) == []
    assert await forget(context) == 0


async def test_nobody_erases_a_party_early_or_changes_more_than_the_rule_says(
    context: Context, urls: RoleUrls, left
) -> None:
    party, officers = left
    erase = ("INSERT INTO party_erasure VALUES ($1, now(), now())", party.org_id)
    attempts = [
        ("UPDATE disclosed_name SET name = 'erased by rule', birth_date = NULL, id_number = NULL",),
        ("UPDATE screening_decision SET reason = 'erased by rule'",),
        ("UPDATE clearance_end SET reason = 'erased by rule'",),
        ("UPDATE verification_case SET decision_reason = 'erased by rule'",),
        ("UPDATE bank_account SET holder_name = 'erased by rule', last_four = '0000', sealed_number = NULL",),
        ("UPDATE person SET email = 'erased-' || user_id || '@erased.invalid'",),
        ("DELETE FROM disclosed_name",),
        ("DELETE FROM bank_account",),
        ("SELECT party_is_forgotten()",),
    ]
    for url, actor in (
        (urls.app, SYSTEM),
        (urls.app, party.actor),
        (urls.officer, officers[0].actor),
        (urls.migrator, SYSTEM),
    ):
        for statement, *values in [erase, *attempts][: None if url != urls.migrator else 6]:
            async with acting(url, actor) as connection:
                with pytest.raises((*REFUSED, asyncpg.FeatureNotSupportedError)):
                    await connection.execute(statement, *values)
    await years_pass(urls, 11)
    async with acting(urls.officer, officers[0].actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(*erase)
    async with acting(urls.app, party.actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(*erase)
    await jobs.erase_what_is_due(context)
    for statement in (
        "UPDATE disclosed_name SET role = 'owner'",
        "UPDATE screening_decision SET verdict = 'true_positive'",
        "UPDATE clearance_end SET reason = 'another word'",
        "UPDATE clearance_end SET reason = 'erased by rule', ended_at = now()",
    ):
        async with acting(urls.migrator) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(statement)


async def test_an_erasure_without_a_line_in_the_journal_does_not_stay(context: Context, urls: RoleUrls, left) -> None:
    party, _ = left
    await years_pass(urls, 11)
    async with context.db.begin(SYSTEM) as tx:
        while await erase_due(tx, context.clock.now()):
            pass
    async with acting(urls.app) as connection:
        await connection.execute("INSERT INTO party_erasure VALUES ($1, now(), now())", party.org_id)
        with pytest.raises(REFUSED, match="journal"):
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_an_alert_that_nobody_decided_keeps_a_party_however_long_it_was_away(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    await years_pass(urls, 11)
    await disclose(context, officers[0], party.org_id, "Borivoje Milan Zlatarovic")
    await years_pass(urls, 11)

    async def is_kept() -> bool:
        await as_owner(urls, "DELETE FROM duty WHERE name = 'compliance.erasure'")
        await jobs.erase_what_is_due(context)
        return "Zlatarovic" in await everything(urls, without=("screening_list",))

    assert await is_kept()
    async with acting(urls.app) as connection:
        with pytest.raises(REFUSED, match="kept"):
            await connection.execute("INSERT INTO party_erasure VALUES ($1, now(), now())", party.org_id)
    [alert] = await alerts(context, officers[0], AlertState.OPEN)
    await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)
    await years_pass(urls, 11)
    assert await is_kept()
    await decide(context, officers[1], alert, Verdict.FALSE_POSITIVE)
    assert await is_kept()
    await years_pass(urls, 9.95)
    assert await is_kept()
    await years_pass(urls, 0.1)
    assert not await is_kept()


async def test_the_time_is_counted_from_the_last_name_and_the_last_alert_too(context: Context, urls: RoleUrls) -> None:
    officer, party = await factories.officer(context), await factories.register_member(context)
    await years_pass(urls, 11)
    await disclose(context, officer, party.org_id, "Anna Nowhere")
    assert await forget(context) == 0
    await years_pass(urls, 11)
    assert await forget(context) == 1


async def test_what_was_said_about_a_sale_goes_when_both_of_its_sides_are_gone(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    seller, buyer = await factories.seller(context, officers), await factories.buyer(context, officers)
    auction = await factories.sold_auction(context, seller, [buyer], hammer_cents=100_00)
    sale = await factories.settlement_in(context, "signing", auction)
    for party in (seller, buyer):
        async with context.db.begin(party.actor) as tx:
            await settlements.ask_cancellation(
                tx, party.actor, sale.settlement_id, "they moved on", now=context.clock.now()
            )
    assert await forget(context) == 0
    await factories.settlement_in(context, "cancelled", auction)
    await years_pass(urls, 11)
    async with context.db.begin(buyer.actor) as tx:
        await tx.execute(text("UPDATE user_session SET last_used_at = clock_timestamp()"))
    await jobs.erase_what_is_due(context)
    kept = await everything(urls)
    assert seller.email not in kept
    assert buyer.email in kept
    assert "they moved on" in kept
    await years_pass(urls, 11)
    await as_owner(urls, "DELETE FROM duty WHERE name = 'compliance.erasure'")
    await jobs.erase_what_is_due(context)
    kept = await everything(urls)
    assert buyer.email not in kept
    assert "they moved on" not in kept


async def test_papers_of_a_case_that_its_party_walked_away_from_go_too(context: Context, urls: RoleUrls) -> None:
    party = await factories.register_member(context)
    case_id = await factories.draft_case(context, party)
    await factories.bring_papers(context, party, case_id, [EvidenceType.TAX_FORM])
    await years_pass(urls, 9.95)
    await jobs.erase_what_is_due(context)
    assert party.email in await everything(urls)
    await years_pass(urls, 0.1)
    await as_owner(urls, "DELETE FROM duty WHERE name = 'compliance.erasure'")
    await jobs.erase_what_is_due(context)
    assert party.email not in await everything(urls)


async def test_staff_are_forgotten_ten_years_after_their_access_ended_while_no_hold_is_open(
    context: Context, urls: RoleUrls, left
) -> None:
    party, officers = left
    gone, now = await factories.officer(context), context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        await parties.disable_staff(tx, SYSTEM, gone.user_id, "left for Mallory and Sons", now=now)
        await parties.invite_staff(tx, SYSTEM, "nobody@market.example", Role.OFFICER, now=now, chance=context.chance)
    await years_pass(urls, 11)

    async def forgotten() -> int:
        async with context.db.begin(SYSTEM) as tx:
            return await forget_staff(tx)

    async with context.db.begin_as_officer(officers[0].actor) as tx:
        hold = await service.place_hold(
            tx, officers[0].actor, party.org_id, "a subpoena", now=now, chance=context.chance
        )
    assert await forgotten() == 0
    await factories.agreed(context, officers, Kind.RELEASE_HOLD, org_id=party.org_id, subject_id=hold.hold_id)
    assert await forgotten() == 1
    assert await forgotten() == 0
    kept = await everything(urls)
    assert [word for word in (gone.email, "Mallory", "nobody@market.example") if word in kept] == []
    assert officers[0].email in kept
    async with acting(urls.app, party.actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute("SELECT forget_staff()")


async def test_a_stolen_login_forgets_no_staff_by_saying_that_their_access_ended_long_ago(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    operator = await factories.operator(context)
    member = await factories.register_member(context)
    async with acting(urls.app) as connection:
        await connection.execute(
            "INSERT INTO staff_disabling SELECT user_id, org_id, NULL, 'x', '2010-01-01' FROM person"
        )
        assert await connection.fetch("SELECT * FROM forget_staff()") == []
        emails = {row["email"] for row in await connection.fetch("SELECT email FROM person")}
        assert emails >= {officers[0].email, officers[1].email, operator.email, member.email}
    async with acting(urls.app) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(
                "INSERT INTO staff_erasure SELECT user_id, org_id, now() FROM person WHERE role = 'officer'"
            )


async def test_no_staff_are_forgotten_without_a_line_in_the_journal_about_each(
    context: Context, urls: RoleUrls
) -> None:
    gone = [await factories.officer(context), await factories.officer(context)]
    async with context.db.begin(SYSTEM) as tx:
        for each in gone:
            await parties.disable_staff(tx, SYSTEM, each.user_id, "left", now=context.clock.now())
    await years_pass(urls, 11)
    line = "SELECT journal_append($1, $2, 'system', NULL, NULL, $3)"
    for said in ([], [gone[0], gone[0]], gone):
        async with acting(urls.app) as connection:
            assert len(await connection.fetch("SELECT * FROM forget_staff()")) == 2
            for each in said:
                body = f'{{"user_id": "{each.user_id}"}}'
                await connection.execute(line, f"org:{each.org_id}", "staff.erased", body)
            if said == gone:
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            else:
                with pytest.raises(REFUSED, match="journal"):
                    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    async with context.db.begin(SYSTEM) as tx:
        assert await forget_staff(tx) == 2
    async with context.db.begin(SYSTEM) as tx:
        lines = (await journal.history(tx, f"org:{gone[0].org_id}"))[-2:]
    assert [line.kind for line in lines] == ["staff.erased"] * 2
    assert {line.body["user_id"] for line in lines} == {str(each.user_id) for each in gone}
