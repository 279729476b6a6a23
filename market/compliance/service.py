"""What happens to a verification case, from the party's draft to two officers' decision, and to clearances.

Functions that decide run in a transaction of `Database.begin_as_officer`; the role `app` cannot do what they do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import rules, store
from market.compliance.requirements import Capability
from market.compliance.rules import Case, CaseAct, CaseState, Clearance, Description, Evidence, Grant, Owner
from market.compliance.sealed import open_file, seal_file
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require

T = TypeVar("T")

READ, WRITE = "compliance:read", "compliance:write"
_PARTY_AND_OFFICER = (Role.MEMBER, Role.OFFICER)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with everything in it."""

    case: Case
    owners: Sequence[Owner]
    evidence: Sequence[Evidence]


async def open_case(
    tx: AsyncSession, actor: Actor, asked: Grant, owners: Sequence[Owner], *, now: datetime, chance: Chance
) -> CaseFile:
    """A new draft of the actor's organisation. Raises `Malformed`, or `Conflict` while another case is open."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    asked, named = asked.checked(), rules.checked_owners(owners, _day(now))
    case_id = chance.new_id()
    if not await store.add_case(tx, actor, case_id, asked, now):
        raise Conflict("your organisation has an open case; it is decided first")
    case = await _case(tx, case_id)
    await store.add_owners(tx, case, [(chance.new_id(), owner) for owner in named])
    body = {"case_id": case_id, "org_id": case.org_id, **_said(asked), "owner_count": len(named)}
    await _note(tx, actor, case, "case.opened", body)
    return CaseFile(case, named, [])


async def list_cases(
    tx: AsyncSession, actor: Actor, page: PageRequest, *, state: CaseState | None = None
) -> Page[Case]:
    """The own organisation's cases; for officers everybody's, which makes `state=submitted` their queue."""
    require(actor, role=_PARTY_AND_OFFICER, scope=READ)
    return Page.cut(await store.list_cases(tx, state, page), page, lambda case: case.case_id)


async def read_case(tx: AsyncSession, actor: Actor, case_id: UUID) -> CaseFile:
    """A case that the actor may see. Raises `NotFound`."""
    require(actor, role=_PARTY_AND_OFFICER, scope=READ)
    case = await _case(tx, case_id)
    return CaseFile(case, await store.list_owners(tx, case_id), await store.list_evidence(tx, case_id))


async def case_for_evidence(tx: AsyncSession, actor: Actor, case_id: UUID) -> Case:
    """The actor's own case, which takes papers now; asked before a file is read. Raises `NotFound`, `WrongCaseState`."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    case = await _case(tx, case_id)
    rules.next_state(case.state, CaseAct.ADD_EVIDENCE)
    return case


async def add_evidence(context: Context, actor: Actor, case_id: UUID, described: Description, clear: bytes) -> Evidence:
    """Seal a file and add it to the actor's own case, in two transactions with the sealing between them.

    Raises `NotFound`, `WrongCaseState`, `Malformed`, or `Conflict` past 100 papers.
    """
    described = described.checked(_day(context.clock.now()))
    if not clear:
        raise Malformed("the file is empty", field="file")
    async with context.db.begin(actor) as tx:
        case = await case_for_evidence(tx, actor, case_id)
    evidence_id = context.chance.new_id()
    sealed = await asyncio.to_thread(seal_file, context, evidence_id, case_id, case.org_id, clear)
    async with context.db.begin(actor) as tx:
        case = await _locked(tx, case_id, CaseAct.ADD_EVIDENCE)
        if len(await store.list_evidence(tx, case_id)) >= rules.EVIDENCE_COUNT:
            raise Conflict(f"a case holds at most {rules.EVIDENCE_COUNT} papers")
        if actor.user_id is None:
            raise AssertionError("a member is a person")
        paper = Evidence(
            evidence_id, case_id, case.org_id, described, sealed.file_sha256, sealed.size_bytes, sealed.sealed_sha256,
            sealed.wrapped_key, actor.user_id, context.clock.now(),
        )  # fmt: skip
        await store.add_evidence(tx, paper)
        body = {"evidence_id": evidence_id, "type": described.type, "file_sha256": sealed.file_sha256}
        await _note(tx, actor, case, "evidence.added", body)
        return paper


async def submit(tx: AsyncSession, actor: Actor, case_id: UUID, now: datetime) -> Case:
    """Hand the case to the officers, the first time or with what they asked for.

    Raises `WrongCaseState`, or `EvidenceShort` naming the papers that are missing.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    case = await _locked(tx, case_id, CaseAct.SUBMIT)
    lacking = rules.shortfalls(case.asked.capabilities, await store.list_evidence(tx, case_id), _day(now))
    _refuse_short([(type_, why) for type_, why in lacking if why != "unverified"])
    moved = await store.move_case(
        tx, case, rules.next_state(case.state, CaseAct.SUBMIT), submitted_at=case.submitted_at or now
    )
    await _note(tx, actor, moved, "case.submitted", {"again": case.submitted_at is not None})
    return moved


async def read_file(context: Context, actor: Actor, case_id: UUID, evidence_id: UUID) -> tuple[Evidence, bytes]:
    """The clear file, for officers and the organisation that brought it. Every officer's look is journalled first."""
    require(actor, role=_PARTY_AND_OFFICER, scope=READ)
    async with context.db.begin(actor) as tx:
        case = await _case(tx, case_id)
        paper = await _evidence(tx, case_id, evidence_id)
        if actor.role is Role.OFFICER:
            await _note(tx, actor, case, "evidence.read", {"evidence_id": evidence_id})
    return paper, await asyncio.to_thread(open_file, context, paper)


# What officers do.


async def verify_evidence(
    tx: AsyncSession, actor: Actor, case_id: UUID, evidence_id: UUID, source: str, now: datetime
) -> Evidence:
    """An officer's word that a paper is genuine; `source` says against what it was checked.

    Raises `Conflict` if it was verified before, or does not count any more.
    """
    require(actor, role=Role.OFFICER)
    source = rules.checked_text(source, field="source", longest=500)
    case = await _taken_up(tx, actor, case_id, CaseAct.VERIFY_EVIDENCE)
    paper = await _evidence(tx, case_id, evidence_id)
    if not paper.counts_on(_day(now)):
        raise Conflict("this paper does not count any more; request a newer one")
    if not await store.add_verification(tx, actor, paper, source, now):
        raise Conflict("this paper was verified before")
    await _note(tx, actor, case, "evidence.verified", {"evidence_id": evidence_id})
    return await _evidence(tx, case_id, evidence_id)


async def request_information(tx: AsyncSession, actor: Actor, case_id: UUID, message: str) -> Case:
    """Ask the party for more, which it reads with the case; what was prepared is dropped."""
    require(actor, role=Role.OFFICER)
    message = rules.checked_text(message, field="message", longest=2000)
    case = await _taken_up(tx, actor, case_id, CaseAct.REQUEST_INFORMATION)
    moved = await store.drop_plan(tx, case, CaseState.INFO_REQUESTED, message)
    await _note(tx, actor, moved, "case.information_requested", {})
    return moved


async def prepare(
    tx: AsyncSession, actor: Actor, case_id: UUID, granted: Grant, *, valid_until: datetime | None, now: datetime
) -> Case:
    """Officer A's proposal. Without `valid_until` it lasts as long as it may: to the first expiry, or 12 months.

    Raises `EvidenceShort` naming every paper that is missing, unverified or expired, `WrongCaseState`, `Malformed`.
    """
    require(actor, role=Role.OFFICER)
    granted = granted.checked()
    case = await _taken_up(tx, actor, case_id, CaseAct.PREPARE)
    granted.refuse_beyond(case.asked)
    papers = await store.list_evidence(tx, case_id)
    _refuse_short(rules.shortfalls(granted.capabilities, papers, _day(now)))
    latest = rules.latest_end(papers, now)
    until = latest if valid_until is None else valid_until
    if not now < until <= latest:
        raise Malformed(f"must lie ahead, and not after {latest.isoformat()}", field="valid_until")
    digest = rules.evidence_digest(papers)
    moved = await store.keep_plan(tx, case, actor, granted, valid_until=until, digest=digest)
    body = {**_said(granted), "valid_until": until.isoformat(), "evidence_digest": digest}
    await _note(tx, actor, moved, "case.prepared", body)
    return moved


async def approve(
    tx: AsyncSession, actor: Actor, case_id: UUID, *, now: datetime, chance: Chance
) -> tuple[Case, list[Clearance]]:
    """Officer B's yes to what officer A prepared: one clearance for each capability, from now.

    Raises `FourEyes` for officer A, `WrongCaseState`, or `Conflict` if the proposal has run out, or a clearance of the
    organisation was ended since it was made.
    """
    require(actor, role=Role.OFFICER)
    case = await _locked(tx, case_id, CaseAct.APPROVE)
    if case.plan is None:
        raise AssertionError("a prepared case has a plan")
    if case.plan.prepared_by == actor.user_id:
        raise rules.FourEyes("you prepared this case; another officer approves it")
    if case.plan.valid_until <= now or await store.ended_since(tx, case.org_id, case.plan.prepared_at):
        raise Conflict("things have changed since it was prepared: request information, then prepare it again")
    cleared = await store.move_case(tx, case, CaseState.CLEARED, approved_by=actor.user_id)
    clearance_ids = {capability: chance.new_id() for capability in sorted(case.plan.grant.capabilities)}
    await store.grant(tx, cleared, clearance_ids, now)
    await _note(tx, actor, cleared, "case.cleared", {"clearance_ids": list(clearance_ids.values())})
    granted = [await _clearance(tx, clearance_id) for clearance_id in clearance_ids.values()]
    for found in granted:
        body = {"clearance_id": found.clearance_id, "org_id": found.org_id, "capability": found.capability}
        await journal.append(tx, actor, f"org:{found.org_id}", "clearance.granted", body)
    return cleared, granted


async def decline(tx: AsyncSession, actor: Actor, case_id: UUID, reason: str) -> Case:
    """One officer's no, with a reason that the party reads. The case is over; the party may open another."""
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await _taken_up(tx, actor, case_id, CaseAct.DECLINE)
    moved = await store.move_case(tx, case, CaseState.DECLINED, declined_by=actor.user_id, message=reason)
    await _note(tx, actor, moved, "case.declined", {})
    return moved


async def end_clearance(tx: AsyncSession, actor: Actor, clearance_id: UUID, reason: str, now: datetime) -> Clearance:
    """Suspend at once: this clearance ends, and every other live one of the same organisation and capability.

    One officer suffices; only a new grant by two lifts it. Raises `NotFound`, or `Conflict` if it was ended before.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    named = await _clearance(tx, clearance_id)
    if named.ended_at is not None:
        raise Conflict("this clearance was ended before")
    alive = {
        found.clearance_id: found for found in await store.live_clearances(tx, named.org_id, named.capability, now)
    }
    for found in sorted({**alive, clearance_id: named}.values(), key=lambda clearance: clearance.clearance_id):
        if not await store.end(tx, actor, found, reason, now):
            raise Conflict("another officer ends it at this moment")
        body = {"clearance_id": found.clearance_id, "org_id": found.org_id, "capability": found.capability}
        await journal.append(tx, actor, f"org:{found.org_id}", "clearance.ended", body)
    return await _clearance(tx, clearance_id)


# What everybody asks.


async def list_clearances(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[Clearance]:
    """The own organisation's clearances, for the platform's roles everybody's, with the ended and expired ones."""
    require(actor, scope=READ)
    return Page.cut(await store.list_clearances(tx, page), page, lambda clearance: clearance.clearance_id)


async def current_clearance(
    tx: AsyncSession, org_id: UUID, capability: Capability | str, now: datetime
) -> Clearance | None:
    """The clearance that holds now, the one that lasts longest if there are two; time alone makes it expire."""
    alive = await store.live_clearances(tx, org_id, Capability(capability), now)
    return next((found for found in alive if found.valid_from <= now), None)


async def require_clearance(tx: AsyncSession, org_id: UUID, capability: Capability | str, now: datetime) -> Clearance:
    """The clearance that holds now. Raises `NotCleared`, saying what to do."""
    found = await current_clearance(tx, org_id, capability, now)
    if found is not None:
        return found
    had_one = await store.had_clearance(tx, org_id, Capability(capability))
    why = "the clearance has expired or was ended" if had_one else "compliance has not cleared it yet"
    raise rules.NotCleared(
        f"your organisation may not {capability} now: {why}; open a case at POST /v1/cases",
        capability=str(capability),
    )


def _refuse_short(lacking: list[tuple[str, str]]) -> None:
    if lacking:
        said = ", ".join(f"{type_} ({why})" for type_, why in lacking)
        raise rules.EvidenceShort(
            f"the case lacks: {said}", evidence=[{"type": type_, "why": why} for type_, why in lacking]
        )


async def _taken_up(tx: AsyncSession, actor: Actor, case_id: UUID, act: CaseAct) -> Case:
    """The case locked and ready for the act; the first officer who acts on a submitted one takes it up."""
    case = await _lock(tx, case_id)
    if case.state is CaseState.SUBMITTED:
        case = await store.move_case(tx, case, rules.next_state(case.state, CaseAct.TAKE_UP))
        await _note(tx, actor, case, "case.taken_up", {})
    rules.next_state(case.state, act)
    return case


async def _locked(tx: AsyncSession, case_id: UUID, act: CaseAct) -> Case:
    case = await _lock(tx, case_id)
    rules.next_state(case.state, act)
    return case


async def _lock(tx: AsyncSession, case_id: UUID) -> Case:
    return _found(await store.lock_case(tx, case_id), "case")


async def _case(tx: AsyncSession, case_id: UUID) -> Case:
    return _found(await store.find_case(tx, case_id), "case")


async def _evidence(tx: AsyncSession, case_id: UUID, evidence_id: UUID) -> Evidence:
    return _found(await store.find_evidence(tx, case_id, evidence_id), "evidence")


async def _clearance(tx: AsyncSession, clearance_id: UUID) -> Clearance:
    return _found(await store.find_clearance(tx, clearance_id), "clearance")


def _found(thing: T | None, noun: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {noun}, or it is not yours to see")
    return thing


async def _note(tx: AsyncSession, actor: Actor, case: Case, kind: str, body: dict[str, object]) -> None:
    await journal.append(tx, actor, f"case:{case.case_id}", kind, {"case_id": case.case_id, **body})


def _said(grant: Grant) -> dict[str, object]:
    return {
        "capabilities": sorted(grant.capabilities),
        "states": list(grant.states),
        "max_bid_cents": grant.max_bid_cents,
        "currency": grant.currency,
    }


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
