"""Organisations are screened, alerts are raised once, officers decide, and the market's gates hear of it."""

import asyncio
import os
import signal
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import rules as compliance_rules
from market.compliance import service as compliance
from market.compliance.proposals import Kind, Proposal
from market.compliance.requirements import needed_types
from market.compliance.rules import NEUTRAL, CaseState, FourEyes
from market.compliance.screening import jobs, screen, service, store
from market.compliance.screening.lists import ListEntry
from market.compliance.screening.rules import (
    Alert,
    AlertState,
    ChecksPending,
    Disclosed,
    Occasion,
    SubjectRole,
    Verdict,
    WrongAlertState,
)
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden
from market.kit.pages import PageRequest
from tests import factories
from tests.factories import Party
from tests.listed import LISTED, a_listed, a_packed

REASON = "another date of birth, seen on the passport"


async def disclose(context: Context, officer: Party, org_id: UUID, name: str, **more: object) -> None:
    async with context.db.begin_as_officer(officer.actor) as tx:
        disclosed = Disclosed(SubjectRole.DIRECTOR, name, is_person=True, **more)
        await service.disclose(tx, officer.actor, org_id, disclosed, now=context.clock.now(), chance=context.chance)
    await factories.screen(context)


async def alerts(context: Context, officer: Party, state: AlertState | None = None) -> Sequence[Alert]:
    async with context.db.begin(officer.actor) as tx:
        return (await service.list_alerts(tx, officer.actor, PageRequest(), state=state)).items


async def decide(context: Context, officer: Party, alert: Alert, verdict: Verdict) -> Alert:
    async with context.db.begin_as_officer(officer.actor) as tx:
        return await compliance.decide_alert(
            tx, officer.actor, alert.alert_id, verdict, REASON, now=context.clock.now(), chance=context.chance
        )


async def load(context: Context, *entries: ListEntry, hours_ago: float = 0) -> None:
    checked_at = context.clock.now() - timedelta(hours=hours_ago)
    await jobs.load(context, [a_packed(*entries)], checked_at=checked_at)


async def gap(context: Context, org_id: UUID) -> str | None:
    async with context.db.begin(SYSTEM) as tx:
        return await store.gap(tx, org_id, None)


async def holding(context: Context, org_id: UUID) -> set[tuple[str, str, str, str]]:
    async with context.db.begin(SYSTEM) as tx:
        run = await store.last_run(tx, org_id)
        assert run is not None
        return {alert.pair for alert in await store.alerts_of(tx, org_id) if alert.alert_id in run.alert_ids}


async def screen_as(context: Context, org_id: UUID, occasion: Occasion) -> None:
    async with context.db.begin(SYSTEM) as tx:
        await service.order(tx, org_id, occasion, now=context.clock.now(), chance=context.chance)
    await factories.screen(context)


async def test_a_submitted_case_is_screened_with_everything_on_record(context: Context) -> None:
    party = await factories.cleared_organisation(context)
    async with context.db.begin(SYSTEM) as tx:
        run = await store.last_run(tx, party.org_id)
        states = await store.list_states(tx)
    assert run is not None
    assert (run.occasion, run.subject_count, run.alert_ids, run.is_full) == ("submission", 3, [], True)
    assert run.version_ids == [state.version_id for state in states]
    assert {each["role"] for each in run.results} == {"entity", "user", "owner"}
    assert len(run.config_hash) == len(run.party_hash) == 64


async def test_nobody_is_approved_unscreened_or_with_an_alert(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    await disclose(context, officers[0], party.org_id, "Borivoje Milan Zlatarovic")
    with pytest.raises(ChecksPending):
        await factories.approve(context, officers[1], case_id)
    [alert] = await alerts(context, officers[0], AlertState.OPEN)
    assert (alert.entry_id, alert.score_bps, alert.name) == ("1", 10_000, "Borivoje Milan Zlatarovic")
    assert alert.trace["pairs"]
    await decide(context, officers[0], alert, Verdict.FALSE_POSITIVE)
    assert await factories.approve(context, officers[1], case_id)


async def test_the_database_grants_no_clearance_over_an_alert_whatever_the_application_says(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    await disclose(context, officers[0], party.org_id, "Bora Zlatarovic")
    async with context.db.begin_as_officer(officers[1].actor) as tx:
        await tx.execute(
            text(
                "UPDATE verification_case SET state = 'cleared', approved_by = :who, decision_reason = 'x'"
                " WHERE case_id = :case"
            ).bindparams(who=officers[1].user_id, case=case_id)
        )
        grants = text(
            "INSERT INTO clearance (clearance_id, org_id, capability, states, max_bid_cents, currency, valid_from,"
            " valid_until, case_id, prepared_by, approved_by, evidence_digest) SELECT gen_random_uuid(), org_id, 'bid',"
            " prepared_states, prepared_max_bid_cents, prepared_currency, now(), prepared_valid_until, case_id,"
            " prepared_by, approved_by, evidence_digest FROM verification_case WHERE case_id = :case"
        ).bindparams(case=case_id)
        with pytest.raises(Exception, match="without an open alert"):
            await tx.execute(grants)
        await tx.rollback()


async def test_an_alert_is_raised_once_and_stays_dismissed_while_party_and_entry_are_the_same(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officer, party.org_id, "Fairuz Hashim al-Tamburi")
    [alert] = await alerts(context, officer)
    assert await gap(context, party.org_id) == "alert"
    await decide(context, officer, alert, Verdict.FALSE_POSITIVE)
    await screen_as(context, party.org_id, Occasion.FULL)
    assert [found.alert_id for found in await alerts(context, officer)] == [alert.alert_id]
    assert await gap(context, party.org_id) is None

    await load(context, *LISTED[:2], replace(LISTED[2], births=("1976",)))
    await screen_as(context, party.org_id, Occasion.DELTA)
    [again] = await alerts(context, officer, AlertState.OPEN)
    assert again.entry_hash != alert.entry_hash
    assert again.subject_hash == alert.subject_hash
    assert await gap(context, party.org_id) == "alert"


async def test_the_memory_of_a_decision_lapses_when_the_party_says_something_else(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officer, party.org_id, "Bora Zlatarovic")
    [alert] = await alerts(context, officer)
    await decide(context, officer, alert, Verdict.FALSE_POSITIVE)
    await disclose(context, officer, party.org_id, "Bora Zlatarovic", country="RS")
    [again] = await alerts(context, officer, AlertState.OPEN)
    assert again.subject_hash != alert.subject_hash


async def test_a_match_is_confirmed_by_two_officers_and_told_to_the_journal_alone(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    assert (await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)).state is AlertState.PROPOSED
    with pytest.raises(WrongAlertState):
        await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)
    assert (await decide(context, officers[1], alert, Verdict.TRUE_POSITIVE)).state is AlertState.CONFIRMED
    with pytest.raises(WrongAlertState):
        await decide(context, await factories.officer(context), alert, Verdict.FALSE_POSITIVE)
    async with context.db.begin(SYSTEM) as tx:
        told = await tx.scalar(
            text(
                "SELECT count(*) FROM journal WHERE kind = 'screening.match_confirmed' AND stream = :stream"
            ).bindparams(stream=f"screening:{party.org_id}")
        )
    assert told == 1
    async with context.db.begin(party.actor) as tx:
        seen = await tx.scalar(text("SELECT count(*) FROM journal WHERE stream LIKE 'screening:%'"))
        assert seen == 0


async def test_the_first_word_suspends_at_once_and_the_second_blocks(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)
    for capability in ("list", "bid"):
        async with context.db.begin(party.actor) as tx:
            assert await compliance.current_clearance(tx, party.org_id, capability, context.clock.now()) is None
    [made] = await proposals(context, officers[1])
    assert (made.kind, made.org_id, made.subject_id) == (Kind.BLOCK, party.org_id, alert.alert_id)
    assert (made.proposed_by, made.carried, made.reason) == (officers[0].user_id, None, REASON)
    await decide(context, officers[1], alert, Verdict.TRUE_POSITIVE)
    [made] = await proposals(context, officers[1])
    assert (made.decided_by, made.carried) == (officers[1].user_id, True)
    async with context.db.begin(officers[0].actor) as tx:
        [case] = (await compliance.list_cases(tx, officers[0].actor, PageRequest(), state=CaseState.BLOCKED)).items
    assert case.org_id == party.org_id
    async with context.db.begin(party.actor) as tx:
        read = await compliance.read_case(tx, party.actor, case.case_id)
        assert (read.case.state, read.case.message) == (CaseState.IN_REVIEW, NEUTRAL)


async def proposals(context: Context, officer: Party) -> Sequence[Proposal]:
    async with context.db.begin_as_officer(officer.actor) as tx:
        return (await compliance.list_proposals(tx, officer.actor, PageRequest())).items


async def test_a_match_dismissed_after_all_rejects_the_block_and_two_officers_clear_again(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    await factories.approve(context, officers[1], case_id)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)
    with pytest.raises(compliance_rules.NotCleared):
        await _require(context, party)
    assert (await decide(context, officers[1], alert, Verdict.FALSE_POSITIVE)).state is AlertState.DISMISSED
    assert [found.carried for found in await proposals(context, officers[0])] == [False]
    with pytest.raises(compliance_rules.NotCleared):
        await _require(context, party)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        now = context.clock.now()
        await compliance.review_again(tx, officers[0].actor, case_id, "another person", now=now)
        await compliance.prepare(tx, officers[0].actor, case_id, factories.a_grant(), valid_until=None, now=now)
    await factories.screen(context)
    await factories.approve(context, officers[1], case_id)
    await _require(context, party)


async def test_of_two_first_words_at_once_the_second_confirms(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    words = [decide(context, officer, alert, Verdict.TRUE_POSITIVE) for officer in officers]
    assert {said.state for said in await asyncio.gather(*words)} == {AlertState.PROPOSED, AlertState.CONFIRMED}
    assert [found.carried for found in await proposals(context, officers[0])] == [True]


async def grantable(context: Context, officers: tuple[Party, Party]) -> tuple[Party, UUID, Alert]:
    """A party whose prepared case may be approved, and an open alert of it on an entry that is listed no more."""
    party = await factories.register_member(context)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    case_id = await factories.prepared_case(context, party, officers[0], factories.a_grant(("list",)))
    [alert] = await alerts(context, officers[0])
    await load(context, a_listed("9", "SOMEBODY ELSE, Entirely"))
    await screen_as(context, party.org_id, Occasion.FULL)
    return party, case_id, alert


async def approve_in(tx: AsyncSession, context: Context, officer: Party, case_id: UUID) -> None:
    now = context.clock.now()
    await compliance.approve(tx, officer.actor, case_id, reason="All papers checked", now=now, chance=context.chance)


async def say_match(tx: AsyncSession, officer: Party, party: Party, alert: Alert) -> None:
    """The word by plain SQL, with its line in the journal and nothing else."""
    word = text(
        "INSERT INTO screening_decision VALUES (gen_random_uuid(), :alert, :org, 'true_positive', 'a forged word', :me, now())"
    ).bindparams(alert=alert.alert_id, org=party.org_id, me=officer.user_id)
    await tx.execute(word)
    await journal.append(tx, officer.actor, f"screening:{party.org_id}", "screening.match_proposed", {})


async def waiting_for_a_lock(context: Context, task: asyncio.Task[Any]) -> None:
    async with context.db.begin(SYSTEM) as tx:
        while not await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert not task.done()


async def test_a_word_of_a_match_waits_for_a_grant_under_way_and_ends_it(context: Context) -> None:
    officers = await factories.two_officers(context)
    party, case_id, alert = await grantable(context, officers)
    async with context.db.begin_as_officer(officers[1].actor) as tx:
        await approve_in(tx, context, officers[1], case_id)
        word = asyncio.create_task(decide(context, officers[0], alert, Verdict.TRUE_POSITIVE))
        await waiting_for_a_lock(context, word)
    assert (await word).state is AlertState.PROPOSED
    async with context.db.begin(SYSTEM) as tx:
        assert await compliance.current_clearance(tx, party.org_id, "list", context.clock.now()) is None


async def test_a_grant_that_waited_for_a_forged_word_of_a_match_sees_it(context: Context) -> None:
    officers = await factories.two_officers(context)
    party, case_id, alert = await grantable(context, officers)

    async def grant() -> None:
        async with context.db.begin_as_officer(officers[1].actor) as other:
            await approve_in(other, context, officers[1], case_id)

    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await say_match(tx, officers[0], party, alert)
        await tx.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        granting = asyncio.create_task(grant())
        await waiting_for_a_lock(context, granting)
    with pytest.raises(FourEyes, match="cannot be granted"):
        await granting


async def test_a_forged_word_of_a_match_sees_the_grant_that_it_waited_for(context: Context) -> None:
    officers = await factories.two_officers(context)
    party, case_id, alert = await grantable(context, officers)

    async def say() -> None:
        async with context.db.begin_as_officer(officers[0].actor) as other:
            await say_match(other, officers[0], party, alert)

    async with context.db.begin_as_officer(officers[1].actor) as tx:
        await approve_in(tx, context, officers[1], case_id)
        saying = asyncio.create_task(say())
        await waiting_for_a_lock(context, saying)
    with pytest.raises(DBAPIError, match="keeps no clearance"):
        await saying


async def test_a_match_called_by_one_holds_up_every_clearance_whatever_the_party_says_now(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    await decide(context, officers[0], alert, Verdict.TRUE_POSITIVE)
    await load(context, a_listed("9", "SOMEBODY ELSE, Entirely"))
    await screen_as(context, party.org_id, Occasion.FULL)
    assert await holding(context, party.org_id) == set()
    assert await gap(context, party.org_id) == "alert"
    await decide(context, officers[1], alert, Verdict.FALSE_POSITIVE)
    assert await gap(context, party.org_id) is None


async def test_the_database_keeps_no_match_that_leaves_a_clearance_or_no_line_in_the_journal(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    await disclose(context, officers[0], party.org_id, "ZLATAROVIC, Bora")
    [alert] = await alerts(context, officers[0])
    forged = text(
        "INSERT INTO screening_decision VALUES (gen_random_uuid(), :alert, :org, :verdict, 'because I say so', :me, now())"
    ).bindparams(alert=alert.alert_id, org=party.org_id, me=officers[0].user_id)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await tx.execute(forged.bindparams(verdict="false_positive"))
        with pytest.raises(DBAPIError, match="not in the journal"):
            await tx.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await tx.rollback()
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await tx.execute(forged.bindparams(verdict="true_positive"))
        await journal.append(tx, officers[0].actor, f"screening:{party.org_id}", "screening.match_proposed", {})
        with pytest.raises(DBAPIError, match="keeps no clearance"):
            await tx.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await tx.rollback()
    async with context.db.begin(SYSTEM) as tx:
        assert dict(await journal.breaches(tx))["clearance_of_a_match"] == 0
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("ALTER TABLE screening_decision DISABLE TRIGGER USER")
    await owner.execute(
        "INSERT INTO screening_decision VALUES (gen_random_uuid(), $1, $2, 'true_positive', 'past every trigger', $3, now())",
        alert.alert_id, party.org_id, officers[0].user_id,
    )  # fmt: skip
    await owner.execute("ALTER TABLE screening_decision ENABLE TRIGGER USER")
    await owner.close()
    async with context.db.begin(SYSTEM) as tx:
        assert dict(await journal.breaches(tx))["clearance_of_a_match"] == 2


async def test_a_party_hears_the_same_words_whatever_lies_behind_them(context: Context) -> None:
    officer = await factories.officer(context)
    suspect, stale = await factories.buyer(context), await factories.buyer(context)
    await disclose(context, officer, suspect.org_id, "Bora Zlatarovic")
    with pytest.raises(ChecksPending) as by_alert:
        await _require(context, suspect)
    await load(context, hours_ago=73)
    await _age_the_lists(context)
    with pytest.raises(ChecksPending) as by_age:
        await _require(context, stale)
    assert by_alert.value.detail == by_age.value.detail
    assert not by_alert.value.members
    assert not {"sanction", "list", "alert", "match"} & set(by_alert.value.detail.lower().replace(",", " ").split())


async def _require(context: Context, party: Party) -> None:
    async with context.db.begin(party.actor) as tx:
        await compliance.require_clearance(tx, party.org_id, "bid", context.clock.now())


async def _age_the_lists(context: Context) -> None:
    """A later check that holds no longer."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        [state] = await store.list_states(tx)
        await store.add_check(
            tx, context.chance.new_id(), list_id=state.list_id, version_id=state.version_id,
            checked_at=now, good_until=now + timedelta(microseconds=1),
        )  # fmt: skip
        await journal.append(tx, SYSTEM, f"list:{state.version_id}", "screening_list.checked", {})


async def test_no_party_and_no_operator_sees_anything_of_a_screening(context: Context) -> None:
    officer, operator = await factories.officer(context), await factories.operator(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officer, party.org_id, "Bora Zlatarovic")
    for actor in (party.actor, operator.actor):
        async with context.db.begin(actor) as tx:
            for table in ("screening_run", "screening_alert", "screening_order", "disclosed_name", "screening_list"):
                assert await tx.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        async with context.db.begin(actor) as tx:
            with pytest.raises(Forbidden):
                await service.list_alerts(tx, actor, PageRequest())
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(Exception, match="another organisation"):
            await store.gap(tx, officer.org_id, None)


async def test_nothing_of_a_screening_is_ever_changed(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officer, party.org_id, "Bora Zlatarovic")
    [alert] = await alerts(context, officer)
    await decide(context, officer, alert, Verdict.FALSE_POSITIVE)
    owner = await asyncpg.connect(urls.migrator)
    tables = (
        "screening_list",
        "screening_check",
        "screening_run",
        "screening_alert",
        "screening_decision",
        "disclosed_name",
    )
    for table in tables:
        for attack in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(asyncpg.PostgresError, match="append-only|only grows"):
                await owner.execute(attack)
    await owner.close()


async def test_an_officer_decides_only_in_the_own_name(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officers[0], party.org_id, "Bora Zlatarovic")
    [alert] = await alerts(context, officers[0])
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        forged = text(
            "INSERT INTO screening_decision VALUES (gen_random_uuid(), :alert, :org, 'false_positive', 'because I say so',"
            " :other, now())"
        ).bindparams(alert=alert.alert_id, org=party.org_id, other=officers[1].user_id)
        with pytest.raises(Exception, match="in the own name"):
            await tx.execute(forged)
        await tx.rollback()


async def test_incremental_screenings_and_the_full_run_agree(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    for name in ("Bora Zlatarovic", "Fayruz Tambouri", "Karim Bosanovic"):
        await disclose(context, officer, party.org_id, name)
    steps = [
        [*LISTED, a_listed("4", "BOSANOVIC, Karim")],
        [*LISTED[1:], a_listed("4", "BOSANOVIC, Karim"), a_listed("5", "TAMBOURI, Fairuz")],
        [*LISTED, a_listed("4", "SOMEBODY ELSE, Entirely"), a_listed("5", "TAMBOURI, Fairuz")],
    ]
    for entries in steps:
        await load(context, *entries)
        assert await jobs.order_what_is_due(context)
        await factories.screen(context)
        async with context.db.begin(SYSTEM) as tx:
            run = await store.last_run(tx, party.org_id)
            assert run is not None
            assert (run.occasion, run.is_full) == ("delta", False)
        incremental = await holding(context, party.org_id)
        await screen_as(context, party.org_id, Occasion.FULL)
        assert await holding(context, party.org_id) == incremental
        assert incremental
    assert not await jobs.order_what_is_due(context)


async def test_a_party_that_was_not_screened_for_26_hours_is_shown_to_officers_and_said_once_an_hour(
    context: Context,
) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    later = replace(context, clock=_Later(context, timedelta(hours=27)))
    async with context.db.begin(officer.actor) as tx:
        assert list((await service.read_status(tx, officer.actor, context.clock.now())).overdue) == []
        assert list((await service.read_status(tx, officer.actor, later.clock.now())).overdue) == [party.org_id]
    for _ in range(2):
        assert not await jobs.watch(later)
    async with context.db.begin(SYSTEM) as tx:
        said = await tx.scalar(text("SELECT count(*) FROM journal WHERE kind = 'screening.overdue'"))
    assert said == 1
    assert await jobs.order_what_is_due(later)


async def test_who_has_just_submitted_is_not_called_overdue_but_is_after_26_hours_unscreened(context: Context) -> None:
    party = await factories.register_member(context)
    asked = factories.a_grant()
    case_id = await factories.draft_case(context, party, asked)
    await factories.bring_papers(context, party, case_id, needed_types(asked.capabilities))
    async with context.db.begin(party.actor) as tx:
        await compliance.submit(tx, party.actor, case_id, context.clock.now())
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        assert await store.overdue_orgs(tx, now, now - timedelta(hours=26)) == []
        later = now + timedelta(hours=27)
        assert await store.overdue_orgs(tx, later, later - timedelta(hours=26)) == [party.org_id]


async def test_names_are_compared_by_another_process_and_one_that_dies_is_followed_by_the_next(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "search", None)
    party = await factories.cleared_organisation(context)
    async with context.db.begin(SYSTEM) as tx:
        before = await store.last_run(tx, party.org_id)
        await service.order(tx, party.org_id, Occasion.FULL, now=context.clock.now(), chance=context.chance)
    for pid in list(jobs.SCREENER.pool(context.settings.mask_memory_mib)._processes):
        os.kill(pid, signal.SIGKILL)
    with suppress(BrokenProcessPool):  # killed under way; killed idle, it is replaced unseen
        await jobs.screen_next(context)
    await factories.screen(context)
    async with context.db.begin(SYSTEM) as tx:
        after = await store.last_run(tx, party.org_id)
        assert not await store.waiting_orgs(tx)
    assert before is not None
    assert after is not None
    assert after.run_id != before.run_id


class _Later:
    def __init__(self, context: Context, ahead: timedelta) -> None:
        self._clock, self._ahead = context.clock, ahead

    def now(self):
        return self._clock.now() + self._ahead


async def test_owners_with_alerts_are_added_up_by_the_50_percent_rule(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    for name, share, holds_in in (("Bora Zlatarovic", 6_000, "Alpha Holding"), ("Alpha Holding", 4_000, None)):
        async with context.db.begin_as_officer(officer.actor) as tx:
            owner = Disclosed(SubjectRole.OWNER, name, holds_in is not None, share_bps=share, holds_in=holds_in)
            await service.disclose(
                tx, officer.actor, party.org_id, owner, now=context.clock.now(), chance=context.chance
            )
    await factories.screen(context)
    async with context.db.begin(SYSTEM) as tx:
        run = await store.last_run(tx, party.org_id)
    assert run is not None
    assert run.suspect_share_bps == 4_000


async def test_an_id_number_alone_raises_an_alert(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.cleared_organisation(context)
    await disclose(context, officer, party.org_id, "Harmless Person", id_number="99-8877-6655")
    [alert] = await alerts(context, officer)
    assert (alert.entry_id, alert.score_bps) == ("2", 10_000)
