"""All SQL of sanctions screening."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.screening.lists import PackedVersion
from market.compliance.screening.rules import (
    Alert,
    AlertState,
    Decision,
    Disclosed,
    ListState,
    Occasion,
    SubjectRole,
    Verdict,
)
from market.db.tables.compliance import BeneficialOwnerRow, ClearanceEndRow, ClearanceRow, VerificationCaseRow
from market.db.tables.flows import ForwardFlowRow
from market.db.tables.parties import OrganisationRow, PersonRow
from market.db.tables.screening import (
    DisclosedNameRow,
    ScreeningAlertRow,
    ScreeningCheckRow,
    ScreeningDecisionRow,
    ScreeningHorizonRow,
    ScreeningListRow,
    ScreeningOrderRow,
    ScreeningRunRow,
)
from market.db.tables.settlement import BankAccountRow, SettlementRow
from market.kit.pages import PageRequest

Run: TypeAlias = ScreeningRunRow
"""A screening as it is kept; read by the wire and the worker, changed by nobody."""
_NAMES_COUNT = 500
_ALERTS_COUNT = 1_000
_WAITING = ("submitted", "screening", "in_review", "info_requested", "prepared")
"""States of a case whose organisation waits for a clearance."""


# Lists.


async def add_version(tx: AsyncSession, version_id: UUID, version: PackedVersion, now: datetime) -> UUID:
    """The id under which this content is kept: the given one, or the older one's."""
    added = insert(ScreeningListRow).values(
        version_id=version_id,
        list_id=version.list_id,
        published_on=version.published_on,
        content_hash=version.content_hash,
        entry_count=version.entry_count,
        entries=version.entries,
        added_at=now,
    )
    await tx.execute(added.on_conflict_do_nothing())
    found = await tx.scalar(
        select(ScreeningListRow.version_id).where(
            ScreeningListRow.list_id == version.list_id, ScreeningListRow.content_hash == version.content_hash
        )
    )
    if found is None:
        raise AssertionError("a version that is there is found")
    return found


async def add_check(
    tx: AsyncSession, check_id: UUID, *, list_id: str, version_id: UUID, checked_at: datetime, good_until: datetime
) -> None:
    await tx.execute(
        insert(ScreeningCheckRow).values(
            check_id=check_id, list_id=list_id, version_id=version_id, checked_at=checked_at, good_until=good_until
        )
    )


async def list_states(tx: AsyncSession) -> list[ListState]:
    """Each list as last checked, by its id."""
    found = await tx.execute(
        select(
            ScreeningHorizonRow.list_id, ScreeningHorizonRow.version_id, ScreeningListRow.content_hash,
            ScreeningListRow.published_on, ScreeningListRow.entry_count, ScreeningHorizonRow.checked_at,
            ScreeningHorizonRow.good_until,
        )
        .join(ScreeningListRow, ScreeningListRow.version_id == ScreeningHorizonRow.version_id)
        .order_by(ScreeningHorizonRow.list_id)
        .limit(100)
    )  # fmt: skip
    return [ListState(*row) for row in found]


async def read_version(tx: AsyncSession, version_id: UUID) -> PackedVersion | None:
    row = await tx.get(ScreeningListRow, version_id)
    if row is None:
        return None
    return PackedVersion(row.list_id, row.published_on, row.content_hash, row.entry_count, row.entries)


async def gap(tx: AsyncSession, org_id: UUID, since: datetime | None) -> str | None:
    """`lists`, `unscreened`, `alert`, or None if nothing stands in the way."""
    found: str | None = await tx.scalar(text("SELECT screening_gap(:org, :since)").bindparams(org=org_id, since=since))
    return found


# Who is screened.


async def disclosed_names(tx: AsyncSession, org_id: UUID) -> list[Disclosed]:
    """Every name that the organisation disclosed: its own, its people, owners, bank, and what officers added."""
    org = await tx.get(OrganisationRow, org_id)
    if org is None:
        return []
    found = [Disclosed(SubjectRole.ENTITY, org.name, False, None, org.country, org.registration_number or None)]
    people = select(PersonRow.name).where(PersonRow.org_id == org_id).order_by(PersonRow.user_id).limit(_NAMES_COUNT)
    found += [Disclosed(SubjectRole.USER, name, True, None, org.country) for name in await tx.scalars(people)]
    found += [
        Disclosed(
            SubjectRole.of(owns=bool(row.share_bps) or row.controls, signs=row.signs, directs=row.directs),
            row.name, True, row.birth_date, row.country, None, row.share_bps,
        )
        for row in await tx.scalars(_newest_owners(org_id))
    ]  # fmt: skip
    bank = (
        select(BankAccountRow.holder_name)
        .where(BankAccountRow.org_id == org_id)
        .order_by(BankAccountRow.created_at.desc(), BankAccountRow.bank_account_id.desc())
        .limit(1)
    )
    found += [Disclosed(SubjectRole.BANK, name, False) for name in await tx.scalars(bank)]
    added = select(DisclosedNameRow).where(DisclosedNameRow.org_id == org_id).order_by(DisclosedNameRow.name_id)
    found += [
        Disclosed(
            SubjectRole(row.role), row.name, row.is_person, row.birth_date, row.country, row.id_number, row.share_bps,
            row.holds_in,
        )
        for row in await tx.scalars(added.limit(_NAMES_COUNT))
    ]  # fmt: skip
    return list({each.content_hash: each for each in found}.values())


def _newest_owners(org_id: UUID) -> Select[BeneficialOwnerRow]:
    newest = (
        select(VerificationCaseRow.case_id)
        .where(VerificationCaseRow.org_id == org_id, VerificationCaseRow.submitted_at.is_not(None))
        .order_by(VerificationCaseRow.submitted_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(BeneficialOwnerRow)
        .where(BeneficialOwnerRow.case_id == newest)
        .order_by(BeneficialOwnerRow.owner_id)
        .limit(_NAMES_COUNT)
    )


async def add_name(
    tx: AsyncSession, name_id: UUID, org_id: UUID, disclosed: Disclosed, *, added_by: UUID, now: datetime
) -> None:
    await tx.execute(
        insert(DisclosedNameRow).values(
            name_id=name_id, org_id=org_id, role=disclosed.role.value, is_person=disclosed.is_person,
            name=disclosed.name, birth_date=disclosed.birth_date, country=disclosed.country,
            id_number=disclosed.id_number, share_bps=disclosed.share_bps, holds_in=disclosed.holds_in,
            added_by=added_by, added_at=now,
        )
    )  # fmt: skip


async def parties_of(tx: AsyncSession, stream: str) -> set[UUID]:
    """Seller and buyer of the settlement or the forward flow whose stream of the journal it is."""
    kind, _, named = stream.partition(":")
    of = SettlementRow if kind == "settlement" else ForwardFlowRow
    row: SettlementRow | ForwardFlowRow | None = await tx.get(of, UUID(named))
    return set() if row is None else {row.seller_org_id, row.buyer_org_id}


async def is_trading(tx: AsyncSession, org_id: UUID) -> bool:
    return getattr(await tx.get(OrganisationRow, org_id), "kind", None) == "trading"


async def watched_orgs(tx: AsyncSession, now: datetime) -> list[tuple[UUID, ScreeningRunRow | None, datetime | None]]:
    """(organisation, its last run, its last full one's instant) of all that hold a clearance or wait for one."""
    cleared = (
        select(ClearanceRow.org_id)
        .outerjoin(ClearanceEndRow, ClearanceEndRow.clearance_id == ClearanceRow.clearance_id)
        .where(ClearanceRow.valid_until > now, ClearanceEndRow.clearance_id.is_(None))
    )
    waiting = select(VerificationCaseRow.org_id).where(VerificationCaseRow.state.in_(_WAITING))
    orgs = (await tx.scalars(cleared.union(waiting))).all()
    last = await tx.scalars(
        select(ScreeningRunRow)
        .where(ScreeningRunRow.org_id.in_(orgs))
        .ext(distinct_on(ScreeningRunRow.org_id))
        .order_by(ScreeningRunRow.org_id, ScreeningRunRow.screened_at.desc(), ScreeningRunRow.run_id.desc())
    )
    runs = {run.org_id: run for run in last}
    full = await tx.execute(
        select(ScreeningRunRow.org_id, func.max(ScreeningRunRow.screened_at))
        .where(ScreeningRunRow.org_id.in_(orgs), ScreeningRunRow.is_full)
        .group_by(ScreeningRunRow.org_id)
    )
    fulls = {row[0]: row[1] for row in full}
    return [(org_id, runs.get(org_id), fulls.get(org_id)) for org_id in sorted(orgs)]


async def overdue_orgs(tx: AsyncSession, now: datetime, before: datetime) -> list[UUID]:
    """Organisations that hold or wait for a clearance, last screened before `before`; if never, who submitted by then."""
    newcomers = set(
        await tx.scalars(
            select(VerificationCaseRow.org_id)
            .where(VerificationCaseRow.state.in_(_WAITING), VerificationCaseRow.submitted_at >= before)
            .limit(10_000)
        )
    )
    return [
        org_id
        for org_id, run, _ in await watched_orgs(tx, now)
        if (org_id not in newcomers if run is None else run.screened_at < before)
    ]


async def was_called_overdue(tx: AsyncSession, org_id: UUID, within: timedelta) -> bool:
    """Whether the journal said so long ago or less that the organisation is overdue."""
    found = await tx.scalar(
        text(
            "SELECT EXISTS (SELECT FROM journal WHERE stream = :stream AND kind = 'screening.overdue' AND at > clock_timestamp() - :within)"
        ).bindparams(stream=f"screening:{org_id}", within=within)
    )
    return bool(found)


# Orders.


async def add_order(tx: AsyncSession, order_id: UUID, org_id: UUID, occasion: Occasion, now: datetime) -> None:
    await tx.execute(
        insert(ScreeningOrderRow).values(
            order_id=order_id, org_id=org_id, occasion=occasion.value, ordered_at=now, done_at=None
        )
    )


async def next_order(tx: AsyncSession) -> tuple[UUID, UUID, Occasion] | None:
    """The oldest waiting order: (id, organisation, occasion)."""
    row = await tx.scalar(
        select(ScreeningOrderRow)
        .where(ScreeningOrderRow.done_at.is_(None))
        .order_by(ScreeningOrderRow.order_id)
        .limit(1)
    )
    return None if row is None else (row.order_id, row.org_id, Occasion(row.occasion))


async def end_order(tx: AsyncSession, order_id: UUID, now: datetime) -> bool:
    """False if somebody else has ended it. Locks its row."""
    ended = await tx.execute(
        update(ScreeningOrderRow)
        .where(ScreeningOrderRow.order_id == order_id, ScreeningOrderRow.done_at.is_(None))
        .values(done_at=now)
        .returning(ScreeningOrderRow.order_id)
    )
    return ended.first() is not None


async def waiting_orgs(tx: AsyncSession) -> set[UUID]:
    return set(
        await tx.scalars(select(ScreeningOrderRow.org_id).where(ScreeningOrderRow.done_at.is_(None)).limit(10_000))
    )


# Runs and alerts.


async def last_run(tx: AsyncSession, org_id: UUID) -> ScreeningRunRow | None:
    found: ScreeningRunRow | None = await tx.scalar(
        select(ScreeningRunRow)
        .where(ScreeningRunRow.org_id == org_id)
        .order_by(ScreeningRunRow.screened_at.desc(), ScreeningRunRow.run_id.desc())
        .limit(1)
    )
    return found


async def add_run(tx: AsyncSession, **values: Any) -> None:
    await tx.execute(insert(ScreeningRunRow).values(**values))


async def add_alerts(tx: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await tx.execute(insert(ScreeningAlertRow), list(rows))


async def alerts_of(tx: AsyncSession, org_id: UUID) -> list[Alert]:
    return await _alerts(tx, select(ScreeningAlertRow).where(ScreeningAlertRow.org_id == org_id).limit(_ALERTS_COUNT))


async def find_alert(tx: AsyncSession, alert_id: UUID) -> Alert | None:
    found = await _alerts(tx, select(ScreeningAlertRow).where(ScreeningAlertRow.alert_id == alert_id))
    return found[0] if found else None


async def lock_alert(tx: AsyncSession, alert_id: UUID) -> Alert | None:
    """Locks the alert by an advisory lock: two who decide it at once take turns."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"alert:{alert_id}", 0))))
    return await find_alert(tx, alert_id)


async def list_alerts(tx: AsyncSession, page: PageRequest, state: AlertState | None) -> list[Alert]:
    """Up to one more than asked for, oldest first."""
    confirming = (
        select(func.count())
        .where(
            ScreeningDecisionRow.alert_id == ScreeningAlertRow.alert_id, ScreeningDecisionRow.verdict == "true_positive"
        )
        .scalar_subquery()
    )
    dismissed = (
        select(ScreeningDecisionRow.alert_id)
        .where(
            ScreeningDecisionRow.alert_id == ScreeningAlertRow.alert_id,
            ScreeningDecisionRow.verdict == "false_positive",
        )
        .exists()
    )
    query = select(ScreeningAlertRow).order_by(ScreeningAlertRow.alert_id).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(ScreeningAlertRow.alert_id > page.after)
    if state is AlertState.DISMISSED:
        query = query.where(dismissed)
    elif state is not None:
        count = {AlertState.OPEN: 0, AlertState.PROPOSED: 1, AlertState.CONFIRMED: 2}[state]
        query = query.where(~dismissed, confirming == count)
    return await _alerts(tx, query)


async def count_open_alerts(tx: AsyncSession) -> int:
    undecided = (
        ~select(ScreeningDecisionRow.alert_id)
        .where(ScreeningDecisionRow.alert_id == ScreeningAlertRow.alert_id)
        .exists()
    )
    found = await tx.scalar(select(func.count()).select_from(ScreeningAlertRow).where(undecided))
    return int(found or 0)


async def add_decision(tx: AsyncSession, decision_id: UUID, alert: Alert, decision: Decision) -> None:
    await tx.execute(
        insert(ScreeningDecisionRow).values(
            decision_id=decision_id,
            alert_id=alert.alert_id,
            org_id=alert.org_id,
            verdict=decision.verdict.value,
            reason=decision.reason,
            decided_by=decision.decided_by,
            decided_at=decision.decided_at,
        )
    )


async def _alerts(tx: AsyncSession, query: Select[ScreeningAlertRow]) -> list[Alert]:
    rows = (await tx.scalars(query)).all()
    decided = await tx.scalars(
        select(ScreeningDecisionRow)
        .where(ScreeningDecisionRow.alert_id.in_([row.alert_id for row in rows]))
        .order_by(ScreeningDecisionRow.decided_at, ScreeningDecisionRow.decision_id)
    )
    decisions: dict[UUID, list[Decision]] = {}
    for each in decided:
        said = Decision(Verdict(each.verdict), each.reason, each.decided_by, each.decided_at)
        decisions.setdefault(each.alert_id, []).append(said)
    return [
        Alert(
            row.alert_id, row.org_id, SubjectRole(row.role), row.name, row.subject_hash, row.list_id, row.entry_id,
            row.entry_hash, row.listed_name, row.score_bps, row.rank_bps, row.trace, row.raised_at,
            tuple(decisions.get(row.alert_id, ())),
        )
        for row in rows
    ]  # fmt: skip


async def runs_of(tx: AsyncSession, org_id: UUID, limit: int) -> Sequence[ScreeningRunRow]:
    """The newest first."""
    found = await tx.scalars(
        select(ScreeningRunRow)
        .where(ScreeningRunRow.org_id == org_id)
        .order_by(ScreeningRunRow.screened_at.desc(), ScreeningRunRow.run_id.desc())
        .limit(limit)
    )
    return found.all()


def pairs(alerts: Collection[Alert]) -> dict[tuple[str, str, str, str], Alert]:
    return {alert.pair: alert for alert in alerts}
