"""Notices before a clearance expires; retention, holds and erasure by rule."""

from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest

from market.compliance import jobs, service
from market.compliance.proposals import Kind
from market.compliance.requirements import Method
from market.compliance.retention import OFAC, REG_F
from market.compliance.rules import Erased
from market.compliance.sealed import sealing
from market.compliance.service.keeping import erase_due
from market.compliance.service.noticing import note_expiries
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import archive
from market.journal import service as journal
from market.journal.checkpoints import Signer
from market.kit.actor import SYSTEM
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.factories import Mailbox, Party


async def as_owner(urls: RoleUrls, *statements: str) -> None:
    """What only the owner of the tables can do, guards off: let time pass."""
    owner = await asyncpg.connect(urls.migrator)
    for statement in statements:
        await owner.execute(statement)
    await owner.close()


async def years_pass(urls: RoleUrls, years: float) -> None:
    """All that was decided and granted lies so many years further back."""
    back = f"interval '{int(years * 365.25)} days'"
    off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("clearance", "clearance_end", "verification_case")]
    await as_owner(
        urls, *off,
        f"UPDATE clearance SET valid_from = valid_from - {back}, valid_until = valid_until - {back}",
        f"UPDATE clearance_end SET ended_at = ended_at - {back}",
        f"UPDATE verification_case SET decided_at = decided_at - {back}",
        *[statement.replace("DISABLE", "ENABLE") for statement in off],
    )  # fmt: skip


async def report(context: Context, officer: Party, now: datetime) -> list[tuple[str, str, bool]]:
    async with context.db.begin_as_officer(officer.actor) as tx:
        found = await service.retention_report(tx, officer.actor, now)
    return [(kept.type.value, kept.rule, kept.is_due(now)) for kept in found]


@pytest.fixture
async def cleared(context: Context) -> tuple[Party, tuple[Party, Party], list]:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    await factories.approve(context, officers[1], case_id)
    async with context.db.begin(party.actor) as tx:
        papers = (await service.read_case(tx, party.actor, case_id)).evidence
    return party, officers, list(papers)


async def test_a_holder_is_told_60_30_and_7_days_before_the_end_once_each(context: Context) -> None:
    party = await factories.cleared_organisation(context, ("list",))
    async with context.db.begin(SYSTEM) as tx:
        ends = (await service.require_clearance(tx, party.org_id, "list", context.clock.now())).valid_until
    told = []
    for days_left in (61, 59, 58, 31, 29.5, 8, 6.9, 1):
        async with context.db.begin(SYSTEM) as tx:
            told.append(await note_expiries(tx, ends - timedelta(days=days_left)))
    assert told == [0, 1, 0, 0, 1, 0, 1, 0]
    mailbox = Mailbox()
    while await jobs.send_expiry_notices(
        replace(context, clock=Later(ends)), mailer=mailbox
    ):  # every notice is due by then
        pass
    assert sorted((to, subject) for to, subject, _ in mailbox.messages) == [
        (party.email, f"Your clearance to list ends in less than {days} days") for days in (30, 60, 7)
    ]
    async with context.db.begin(SYSTEM) as tx:
        history = await journal.history(tx, f"org:{party.org_id}")
    assert [entry.body["days"] for entry in history if entry.kind == "clearance.expiring"] == [60, 30, 7]


class Later:
    """A clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic_s(self) -> float:
        return 0.0


async def test_papers_are_kept_3_or_10_years_after_the_last_clearance_and_not_a_day_less(
    context: Context, urls: RoleUrls, cleared
) -> None:
    _, officers, papers = cleared
    now = context.clock.now()
    assert await report(context, officers[0], now) == []
    await years_pass(urls, 3.4)  # the clearance was good for nearly half a year
    async with context.db.begin(SYSTEM) as tx:
        assert await erase_due(tx, now) == 0
    await years_pass(urls, 0.6)
    due = await report(context, officers[0], now)
    assert {rule for _, rule, is_due in due if is_due} == {REG_F}
    async with context.db.begin(SYSTEM) as tx:
        erased = await erase_due(tx, now)
    assert 0 < erased == len(due) < len(papers)
    await years_pass(urls, 7)
    assert {rule for _, rule, is_due in await report(context, officers[0], now) if is_due} == {OFAC}


async def test_what_was_erased_opens_no_more_and_its_history_still_verifies(
    context: Context, urls: RoleUrls, cleared
) -> None:
    party, officers, papers = cleared
    case_id = papers[0].case_id
    assert (await service.read_file(context, party.actor, case_id, papers[0].evidence_id))[1]
    await years_pass(urls, 11)
    assert not await jobs.erase_what_is_due(context)
    for paper in papers:
        with pytest.raises(Erased):
            await service.read_file(context, party.actor, case_id, paper.evidence_id)
    assert context.files.path(papers[0].sealed_sha256).exists()
    owner = await asyncpg.connect(urls.migrator)
    assert await owner.fetchval("SELECT count(*) FROM evidence WHERE wrapped_key IS NOT NULL") == 0
    assert {row["name"] for row in await owner.fetch("SELECT name FROM beneficial_owner")} == {"erased"}
    digests = {row["file_sha256"] for row in await owner.fetch("SELECT file_sha256 FROM evidence")}
    await owner.close()
    assert digests == {paper.file_sha256 for paper in papers}
    data = await service.export_case(context, officers[0].actor, case_id)
    assert archive.check(data, Signer.of(context).public_key).row_counts["erasure"] == len(papers)


async def test_a_hold_stops_every_erasure_until_two_officers_release_it(
    context: Context, urls: RoleUrls, cleared
) -> None:
    party, officers, papers = cleared
    now, chance = context.clock.now(), context.chance
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        hold = await service.place_hold(tx, officers[0].actor, party.org_id, "a subpoena", now=now, chance=chance)
    await years_pass(urls, 11)
    async with context.db.begin(SYSTEM) as tx:
        assert await erase_due(tx, now) == 0
    assert not any(is_due for _, _, is_due in await report(context, officers[0], now))
    forged = "INSERT INTO evidence_erasure VALUES ($1, $2, $3, 'x', now(), now())"
    async with acting(urls.app) as connection:
        with pytest.raises(REFUSED, match="hold"):
            await connection.execute(forged, papers[0].evidence_id, papers[0].case_id, party.org_id)
    await factories.agreed(context, officers, Kind.RELEASE_HOLD, org_id=party.org_id, subject_id=hold.hold_id)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        assert [found.is_released for found in await service.list_holds(tx, officers[0].actor)] == [True]
    async with context.db.begin(SYSTEM) as tx:
        assert await erase_due(tx, now) == len(papers)


async def test_nobody_erases_early_or_more_than_the_rule_says(context: Context, urls: RoleUrls, cleared) -> None:
    party, officers, papers = cleared
    forged = "INSERT INTO evidence_erasure VALUES ($1, $2, $3, 'x', now(), now())"
    attempts = [
        (forged, papers[0].evidence_id, papers[0].case_id, party.org_id),
        ("UPDATE evidence SET wrapped_key = NULL, number = ''",),
        ("UPDATE evidence SET wrapped_key = $1", b"x" * 40),
        ("UPDATE evidence_verification SET extracted = NULL, source = 'x'",),
        ("UPDATE beneficial_owner SET name = 'erased', birth_date = NULL",),
        ("DELETE FROM evidence",),
    ]
    for url, actor in (
        (urls.app, SYSTEM),
        (urls.app, party.actor),
        (urls.officer, officers[0].actor),
        (urls.migrator, SYSTEM),
    ):
        for statement, *values in attempts:
            async with acting(url, actor) as connection:
                with pytest.raises(REFUSED):
                    await connection.execute(statement, *values)
    await years_pass(urls, 4)
    async with context.db.begin(SYSTEM) as tx:
        assert await erase_due(tx, context.clock.now())
    for statement in (
        "UPDATE evidence SET wrapped_key = NULL, number = '', issuer = 'x'",
        "UPDATE evidence SET wrapped_key = NULL, number = '' WHERE type = 'government_id'",
        "UPDATE beneficial_owner SET name = 'erased', birth_date = NULL",
    ):
        async with acting(urls.app) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(statement)


async def test_what_was_read_off_a_paper_goes_with_it(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party, factories.a_grant(("list",)))
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        for paper in (await service.read_case(tx, officers[0].actor, case_id)).evidence:
            seal = sealing(context, {"seen": "everything"})
            now = context.clock.now()
            await service.verify_evidence(tx, officers[0].actor, case_id, paper.evidence_id, "x", now, seal=seal,
                                          method=Method.REGISTER)  # fmt: skip
        await service.decline(tx, officers[0].actor, case_id, "no")
    await years_pass(urls, 10.1)
    async with context.db.begin(SYSTEM) as tx:
        assert await erase_due(tx, context.clock.now())
    owner = await asyncpg.connect(urls.migrator)
    assert await owner.fetchval("SELECT count(*) FROM evidence_verification WHERE extracted IS NOT NULL") == 0
    assert await owner.fetchval("SELECT count(*) FROM evidence_verification") > 0
    await owner.close()
