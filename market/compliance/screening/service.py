"""What happens with lists, screenings and alerts: loaded, ordered, run, decided, and asked about at every gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.screening import rules, store
from market.compliance.screening.lists import PackedVersion
from market.compliance.screening.rules import (
    Alert,
    AlertState,
    Decision,
    Disclosed,
    ListState,
    Occasion,
    Verdict,
)
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import checked_country, checked_name, require

FOR_EVER = timedelta(days=36_500)
_PENDING = "some routine checks on your organisation are being renewed; this needs nothing from you, try again later"

_FOR_OFFICERS = {
    "lists": "the sanctions lists are missing or past their age: have the newest ones loaded (market screening load)",
    "unscreened": "the organisation waits to be screened against the newest lists; try again in a few seconds",
    "alert": "an alert on the organisation is not dismissed: see GET /v1/screening/alerts",
}


@dataclass(frozen=True, slots=True)
class Status:
    """How screening stands: `overdue` are cleared or waiting organisations not screened for 26 hours."""

    lists: Sequence[ListState]
    are_fresh: bool
    waiting_count: int
    open_alert_count: int
    overdue: Sequence[UUID]


async def take_lists(
    tx: AsyncSession,
    actor: Actor,
    versions: Sequence[PackedVersion],
    *,
    checked_at: datetime,
    good_for: timedelta | None,
    now: datetime,
    chance: Chance,
) -> list[ListState]:
    """Keep these list versions as what the publishers hand out at `checked_at`; content known before is kept once.

    The market trusts them for `good_for` from then on, without end if it is None. Raises `Malformed` for a check in
    the future.
    """
    if checked_at > now:
        raise Malformed("lists cannot have been checked in the future", field="checked_at")
    for version in versions:
        version_id = await store.add_version(tx, chance.new_id(), version, now)
        good_until = checked_at + (good_for or FOR_EVER)
        await store.add_check(
            tx, chance.new_id(), list_id=version.list_id, version_id=version_id, checked_at=checked_at,
            good_until=good_until,
        )  # fmt: skip
        body = {"list_id": version.list_id, "content_hash": version.content_hash, "entry_count": version.entry_count}
        await journal.append(tx, actor, f"list:{version_id}", "screening_list.checked", body)
    return await store.list_states(tx)


async def order(tx: AsyncSession, org_id: UUID, occasion: Occasion, *, now: datetime, chance: Chance) -> None:
    """Have every disclosed name of the organisation screened soon after this transaction commits.

    For the platform's own transactions. What parties do (a submission, a listing, a registration) is read in the journal.
    """
    await store.add_order(tx, chance.new_id(), org_id, occasion, now)


async def require_standing(tx: AsyncSession, org_id: UUID) -> None:
    """Raises `ChecksPending` unless the lists are fresh and no alert on the organisation is undecided or confirmed.

    For whatever a party does: the words are the same whatever lies behind them.
    """
    if await store.gap(tx, org_id, None) is not None:
        raise rules.ChecksPending(_PENDING)


async def require_screened(tx: AsyncSession, org_id: UUID, *, since: datetime) -> None:
    """The same for officers, in plain words; and the organisation must have been screened after `since`.

    That screening must be against the newest lists, and no other may wait. Raises `ChecksPending`.
    """
    found = await store.gap(tx, org_id, since)
    if found is not None:
        raise rules.ChecksPending(_FOR_OFFICERS[found])


async def ask_for_screening(tx: AsyncSession, actor: Actor, org_id: UUID, *, now: datetime, chance: Chance) -> None:
    """An officer has an organisation screened now. Raises `NotFound`."""
    require(actor, role=Role.OFFICER)
    await _require_trading(tx, org_id)
    await store.add_order(tx, chance.new_id(), org_id, Occasion.ASKED, now)
    await journal.append(tx, actor, f"screening:{org_id}", "screening.asked_for", {"org_id": org_id})


async def disclose(
    tx: AsyncSession, actor: Actor, org_id: UUID, disclosed: Disclosed, *, now: datetime, chance: Chance
) -> UUID:
    """An officer adds a name that the evidence discloses; the organisation is screened again. Raises `NotFound`."""
    require(actor, role=Role.OFFICER)
    await _require_trading(tx, org_id)
    if actor.user_id is None:
        raise AssertionError("an officer is a person")
    checked_name(disclosed.name, field="name")
    if disclosed.country is not None:
        checked_country(disclosed.country, field="country")
    if disclosed.birth_date is not None and disclosed.birth_date >= now.date():
        raise Malformed("a birth date lies in the past", field="birth_date")
    name_id = chance.new_id()
    await store.add_name(tx, name_id, org_id, disclosed, added_by=actor.user_id, now=now)
    await store.add_order(tx, chance.new_id(), org_id, Occasion.CHANGE, now)
    body = {"org_id": org_id, "name_id": name_id, "role": disclosed.role}
    await journal.append(tx, actor, f"screening:{org_id}", "screening.name_disclosed", body)
    return name_id


async def list_alerts(
    tx: AsyncSession, actor: Actor, page: PageRequest, *, state: AlertState | None = None
) -> Page[Alert]:
    """All alerts, oldest first. For officers only."""
    require(actor, role=Role.OFFICER)
    return Page.cut(await store.list_alerts(tx, page, state), page, lambda alert: alert.alert_id)


async def decide(
    tx: AsyncSession, actor: Actor, alert_id: UUID, verdict: Verdict, reason: str, *, now: datetime, chance: Chance
) -> Alert:
    """An officer's word. One dismisses for as long as party and entry stay what they are; two confirm a match.

    In a transaction of the officer role. Raises `NotFound`, `WrongAlertState`, `Malformed`. What follows for the organisation
    is `market.compliance.service.decide_alert`, the only caller: the database refuses a match that leaves a clearance.
    """
    require(actor, role=Role.OFFICER)
    alert = await _alert(tx, alert_id)
    if actor.user_id is None:
        raise AssertionError("an officer is a person")
    tidy = rules.check_decision(alert, actor.user_id, reason)
    await store.add_decision(tx, chance.new_id(), alert, Decision(verdict, tidy, actor.user_id, now))
    decided = await _alert(tx, alert_id)
    kind = {
        AlertState.DISMISSED: "screening.alert_dismissed",
        AlertState.PROPOSED: "screening.match_proposed",
        AlertState.CONFIRMED: "screening.match_confirmed",
    }[decided.state]
    body = {"alert_id": alert_id, "org_id": alert.org_id, "entry": f"{alert.list_id}:{alert.entry_id}"}
    await journal.append(tx, actor, f"screening:{alert.org_id}", kind, body)
    return decided


async def read_status(tx: AsyncSession, actor: Actor, now: datetime) -> Status:
    """For officers, and the command line as the system."""
    require(actor, role=(Role.OFFICER, Role.SYSTEM))
    states = await store.list_states(tx)
    return Status(
        states,
        bool(states) and all(state.good_until > now for state in states),
        len(await store.waiting_orgs(tx)),
        await store.count_open_alerts(tx),
        await store.overdue_orgs(tx, now, now - rules.SCREENED_EVERY),
    )


async def list_runs(tx: AsyncSession, actor: Actor, org_id: UUID, limit: int) -> Sequence[store.Run]:
    """The organisation's newest screenings with their traces. For officers only."""
    require(actor, role=Role.OFFICER)
    return await store.runs_of(tx, org_id, limit)


async def locked_alert(tx: AsyncSession, alert_id: UUID) -> Alert:
    """The alert, locked. Raises `NotFound`."""
    found = await store.lock_alert(tx, alert_id)
    if found is None:
        raise NotFound("there is no such alert")
    return found


async def _alert(tx: AsyncSession, alert_id: UUID) -> Alert:
    found = await store.find_alert(tx, alert_id)
    if found is None:
        raise NotFound("there is no such alert")
    return found


async def _require_trading(tx: AsyncSession, org_id: UUID) -> None:
    if not await store.is_trading(tx, org_id):
        raise NotFound("there is no such organisation")
