"""What the worker does: read the lists' folder, order screenings that are due, run them, and watch that none is missed."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.screening import bundled, rules, service, store
from market.compliance.screening.lists import ListUnreadable, PackedVersion, list_files
from market.compliance.screening.rules import Disclosed, Occasion
from market.compliance.screening.score import ALGORITHM, TUNED
from market.compliance.screening.screen import Question, Screened, answer, read_and_pack, suspect_share_bps
from market.db.context import Context
from market.journal import service as journal
from market.journal.rules import Entry
from market.kit.actor import SYSTEM
from market.kit.children import Crew

_log = structlog.get_logger()
SPECIMEN = "specimen"
_RECHECK = timedelta(hours=1)
_SAID_AGAIN = timedelta(hours=1)
_OCCASIONS = {
    "case.submitted": Occasion.SUBMISSION,
    "auction.published": Occasion.LISTING,
    "auction.bidder_registered": Occasion.REGISTRATION,
    "auction.awarded": Occasion.AWARD,
    "second_offer.accepted": Occasion.AWARD,
    "flow.accepted": Occasion.REGISTRATION,
    "flow.delivered": Occasion.LISTING,
    "settlement.release_prepared": Occasion.RELEASE,
    "bank_account.changed": Occasion.CHANGE,
}
SCREENER = Crew(1)
"""The process that reads lists and compares names; one, so that the lists lie in memory once."""


async def take_list_files(context: Context) -> bool:
    """Load the lists of the folder in the settings when a file in it is new. True if something was loaded.

    A file counts as checked when it was last written. `specimen` stands for the lists of the package, which are taken
    for checked now: that is for demos and tests.
    """
    wanted = context.settings.screening_lists
    now = context.clock.now()
    folder = bundled.FOLDER if wanted == SPECIMEN else Path(wanted) if wanted else context.settings.data_dir / "lists"
    files = await asyncio.to_thread(_files_in, folder)
    if not files:
        return False
    checked_at = now if wanted == SPECIMEN else _written_at(files)
    async with context.db.begin(SYSTEM) as tx:
        known = await store.list_states(tx)
    if known and max(state.checked_at for state in known) >= (now - _RECHECK if wanted == SPECIMEN else checked_at):
        return False
    try:
        versions = await SCREENER.submit(context.settings.mask_memory_mib, read_and_pack, files)
    except ListUnreadable as trouble:
        _log.error("sanctions lists cannot be read", problem=str(trouble))
        return False
    await load(context, versions, checked_at=min(checked_at, now))
    return True


async def load(context: Context, versions: Sequence[PackedVersion], *, checked_at: datetime) -> list[rules.ListState]:
    """Keep these versions as current at `checked_at`, for as long as the settings say."""
    hours = context.settings.screening_list_hours
    async with context.db.begin(SYSTEM) as tx:
        return await service.take_lists(
            tx, SYSTEM, versions, checked_at=checked_at, good_for=timedelta(hours=hours) if hours else None,
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip


def _files_in(folder: Path) -> list[Path]:
    return list_files(folder) if folder.is_dir() else []


def _written_at(files: Sequence[Path]) -> datetime:
    """A folder is as current as its oldest file."""
    return datetime.fromtimestamp(min(path.stat().st_mtime for path in files), UTC)


async def order_by_journal(context: Context) -> bool:
    """Follow the journal: who submits, lists, registers, wins, or changes its bank is screened."""
    return await journal.follow(context, "screening.occasions", lambda tx, entry: _order(tx, context, entry)) > 0


async def _order(tx: AsyncSession, context: Context, entry: Entry) -> None:
    occasion = _OCCASIONS.get(entry.kind)
    if occasion is None:
        return
    for org_id in await _concerned(tx, entry, occasion):
        await service.order(tx, org_id, occasion, now=context.clock.now(), chance=context.chance)


async def _concerned(tx: AsyncSession, entry: Entry, occasion: Occasion) -> set[UUID]:
    """Whom to screen: who won, both sides of a sale that is to be released or of a flow, else the organisation that acted."""
    if winner := entry.body.get("winner_org_id"):
        return {UUID(winner)}
    if entry.kind.startswith("flow.") and not entry.stream.startswith("flow:"):
        return set()  # the other side is told; the flow's own stream has it too
    if occasion is Occasion.RELEASE or entry.stream.startswith("flow:"):
        return await store.parties_of(tx, entry.stream)
    return {entry.actor_org_id} if entry.actor_org_id else set()


async def order_what_is_due(context: Context) -> bool:
    """Order a screening of whoever the newest lists, a change of names or the night make due. True if there was any."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        newest = {state.version_id for state in await store.list_states(tx)}
        waiting = await store.waiting_orgs(tx)
        ordered = False
        for org_id, run, full_at in await store.watched_orgs(tx, now) if newest else []:
            occasion = await _due(tx, org_id, run, full_at, newest, now)
            if occasion is not None and org_id not in waiting:
                await service.order(tx, org_id, occasion, now=now, chance=context.chance)
                ordered = True
        return ordered


async def _due(
    tx: AsyncSession, org_id: UUID, run: Any, full_at: datetime | None, newest: set[UUID], now: datetime
) -> Occasion | None:
    if run is None or full_at is None or full_at <= now - rules.FULL_EVERY or run.config_hash != TUNED.digest:
        return Occasion.FULL
    if not newest <= set(run.version_ids):
        return Occasion.DELTA
    if run.party_hash != rules.party_hash(await store.disclosed_names(tx, org_id)):
        return Occasion.CHANGE
    return None


async def screen_next(context: Context) -> bool:
    """Run the oldest screening that was ordered. True if there was one, and lists to run it against.

    The comparison itself holds no transaction; of two workers with the same order, the first to write wins.
    """
    async with context.db.begin(SYSTEM) as tx:
        states = await store.list_states(tx)
        taken = await store.next_order(tx) if states else None
        if taken is None:
            return False
        order_id, org_id, occasion = taken
        disclosed = await store.disclosed_names(tx, org_id)
        last, known = await store.last_run(tx, org_id), store.pairs(await store.alerts_of(tx, org_id))
    since = last if occasion is Occasion.DELTA and _same_names_and_numbers(last, disclosed) else None
    before = None if since is None else await _versions(context, since.version_ids)
    question = Question(disclosed, await _versions(context, [state.version_id for state in states]), before)
    said = await SCREENER.submit(context.settings.mask_memory_mib, answer, question)
    kept = set() if since is None else _untouched(known.values(), since.alert_ids, said.touched)
    async with context.db.begin(SYSTEM) as tx:
        if await store.end_order(tx, order_id, context.clock.now()) and said.found:
            await _keep(
                tx, context, org_id, said.found, occasion, states=states, known=known, kept=kept, is_full=since is None
            )
    return True


def _same_names_and_numbers(last: Any, disclosed: Sequence[Disclosed]) -> bool:
    return bool(
        last is not None and last.config_hash == TUNED.digest and last.party_hash == rules.party_hash(disclosed)
    )


def _untouched(known: Iterable[rules.Alert], holding: Sequence[UUID], touched: Collection[str]) -> set[UUID]:
    """Of the alerts that the last screening held, those whose entries are what they were."""
    return {
        alert.alert_id
        for alert in known
        if alert.alert_id in holding and f"{alert.list_id}:{alert.entry_id}" not in touched
    }


async def _versions(context: Context, version_ids: Sequence[UUID]) -> tuple[PackedVersion, ...]:
    async with context.db.begin(SYSTEM) as tx:
        found = [await store.read_version(tx, version_id) for version_id in version_ids]
    return tuple(version for version in found if version is not None)


async def _keep(
    tx: AsyncSession,
    context: Context,
    org_id: UUID,
    found: Sequence[Screened],
    occasion: Occasion,
    *,
    states: Sequence[rules.ListState],
    known: dict[tuple[str, str, str, str], rules.Alert],
    kept: set[UUID],
    is_full: bool,
) -> None:
    now, run_id = context.clock.now(), context.chance.new_id()
    rows, holding = _alert_rows(context, org_id, run_id, found, known=known, now=now)
    alert_ids = sorted(kept | holding)
    suspects = {row["subject_hash"] for row in rows} | {
        a.subject_hash for a in known.values() if a.alert_id in alert_ids
    }
    disclosed = [each.disclosed for each in found]
    await store.add_run(
        tx,
        run_id=run_id,
        org_id=org_id,
        occasion=occasion.value,
        screened_at=now,
        algorithm=ALGORITHM,
        config_hash=TUNED.digest,
        party_hash=rules.party_hash(disclosed),
        version_ids=[state.version_id for state in states],
        is_full=is_full,
        subject_count=len(found),
        alert_ids=alert_ids,
        suspect_share_bps=suspect_share_bps(disclosed, suspects),
        results=[each.plain() for each in found],
    )
    await store.add_alerts(tx, rows)
    body = {"run_id": run_id, "org_id": org_id, "occasion": occasion, "new_alerts": len(rows), "alerts": len(alert_ids)}
    await journal.append(tx, SYSTEM, f"screening:{org_id}", "screening.run", body)


def _alert_rows(
    context: Context,
    org_id: UUID,
    run_id: UUID,
    found: Sequence[Screened],
    *,
    known: dict[tuple[str, str, str, str], rules.Alert],
    now: datetime,
) -> tuple[list[dict[str, Any]], set[UUID]]:
    """(rows of alerts that are new, ids of all that hold): an alert that was raised for the same contents is that one."""
    rows: list[dict[str, Any]] = []
    holding: set[UUID] = set()
    for each in found:
        for match in (match for match in each.matches if match.alert):
            pair = (each.disclosed.content_hash, match.entry.list_id, match.entry.entry_id, match.entry.content_hash)
            if pair in known:
                holding.add(known[pair].alert_id)
                continue
            alert_id = context.chance.new_id()
            holding.add(alert_id)
            values = dict(zip(("subject_hash", "list_id", "entry_id", "entry_hash"), pair, strict=True))
            rows.append(
                {
                    "alert_id": alert_id,
                    "org_id": org_id,
                    "run_id": run_id,
                    "role": each.disclosed.role.value,
                    "name": each.disclosed.name,
                    **values,
                    "listed_name": match.listed_name,
                    "score_bps": round(match.score * 10_000),
                    "rank_bps": round(match.rank * 10_000),
                    "trace": match.trace,
                    "raised_at": now,
                }
            )
    return rows, holding


async def watch(context: Context) -> bool:
    """Say in the log and the journal who is overdue, once an hour for each. Always False: there is nothing to hurry."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        for org_id in await store.overdue_orgs(tx, now, now - rules.SCREENED_EVERY):
            if not await store.was_called_overdue(tx, org_id, _SAID_AGAIN):
                _log.error("a cleared organisation was not screened for 26 hours", org_id=str(org_id))
                await journal.append(tx, SYSTEM, f"screening:{org_id}", "screening.overdue", {"org_id": org_id})
    return False


def _every(pause: timedelta, tick: Callable[[Context], Awaitable[bool]]) -> Callable[[Context], Awaitable[bool]]:
    """The tick, but not before this long after its last call."""
    last: datetime | None = None

    @functools.wraps(tick)
    async def paced(context: Context) -> bool:
        nonlocal last
        now = context.clock.now()
        if last is not None and now - last < pause:
            return False
        last = now
        return await tick(context)

    return paced


TICKS = (
    _every(timedelta(seconds=5), take_list_files),
    order_by_journal,
    _every(timedelta(seconds=10), order_what_is_due),
    screen_next,
    _every(timedelta(minutes=5), watch),
)
