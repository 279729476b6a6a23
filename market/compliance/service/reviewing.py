"""What officers do with a case, up to two of them deciding it.

Functions that decide run in a transaction of `Database.begin_as_officer`; the role `app` cannot do what they do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import papers, rules
from market.compliance.deadlines import Promise
from market.compliance.packs import LICENCES
from market.compliance.papers import Evidence
from market.compliance.requirements import Method
from market.compliance.rules import Appeal, Case, CaseAct, CaseState, Clearance, Grant, Risk
from market.compliance.screening import service as screening
from market.compliance.service.cases import has_opened, refuse_short
from market.compliance.service.rulebook import pack_in_force
from market.compliance.service.steps import (
    day_of,
    existing,
    find_case,
    find_clearance,
    find_evidence,
    lock,
    locked,
    note,
    own_user,
    said,
    taken_up,
)
from market.compliance.store import cases as store
from market.compliance.store import clearances, officers, rulebook
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed
from market.kit.ids import Chance
from market.parties import service as parties
from market.parties.rules import require

_PROMISE = Promise()
_QUEUE_COUNT = 200


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for officers: cases, the one due first at the head, appeals that nobody has decided, and papers of listings
    that nobody has verified.
    """

    cases: list[Case]
    appeals: list[Appeal]
    listing_papers: list[Evidence]

    @property
    def org_ids(self) -> set[UUID]:
        """Whose they are."""
        of_cases, of_appeals = {case.org_id for case in self.cases}, {found.org_id for found in self.appeals}
        return of_cases | of_appeals | {paper.org_id for paper in self.listing_papers}


async def queue(tx: AsyncSession, actor: Actor, *, assigned_to: UUID | None = None) -> Queue:
    """At most 200 of each; `assigned_to` keeps the cases of one officer."""
    require(actor, role=Role.OFFICER)
    papers_of_listings = await store.unverified_listing_papers(tx, _QUEUE_COUNT)
    return Queue(await store.queue(tx, assigned_to, _QUEUE_COUNT), await officers.open_appeals(tx), papers_of_listings)


async def assign(tx: AsyncSession, actor: Actor, case_id: UUID, officer_id: UUID | None) -> Case:
    """Say who looks after a case; None: nobody in particular. Raises `Malformed` for who is no officer, or not any more."""
    require(actor, role=Role.OFFICER)
    case = await lock(tx, case_id)
    if officer_id is not None and not await parties.is_officer(tx, officer_id):
        raise Malformed("name an officer, or null for nobody in particular", field="officer_id")
    if case.state not in rules.OPEN_TO_OFFICERS:
        raise rules.WrongCaseState(f"the case is {case.state}: nobody need look after it")
    moved = await store.move_case(tx, case, case.state, assigned_to=officer_id)
    await note(tx, actor, moved, "case.assigned", {"officer_id": officer_id})
    return moved


async def verify_evidence(
    tx: AsyncSession,
    actor: Actor,
    case_id: UUID,
    evidence_id: UUID,
    source: str,
    now: datetime,
    *,
    method: Method = Method.INSPECTION,
    seal: Callable[[Evidence], bytes] | None = None,
) -> Evidence:
    """An officer's word that a paper is genuine; `source` says against what it was checked, `seal` what was read off it.

    Raises `Conflict` if it was verified before, or does not count any more; `PaperUnopened` for an inspection by somebody
    who has not opened the file.
    """
    require(actor, role=Role.OFFICER)
    source = rules.checked_text(source, field="source", longest=500)
    paper = await find_evidence(tx, case_id, evidence_id)
    if paper.described.portfolio_id is None:
        case = await taken_up(tx, actor, case_id, CaseAct.VERIFY_EVIDENCE)
    else:
        case = await _cleared(tx, case_id)
    if not paper.counts_on(day_of(now)):
        raise Conflict("this paper does not count any more; request a newer one")
    if method is Method.INSPECTION and paper.verified_by is None and not await has_opened(tx, actor, paper):
        raise rules.PaperUnopened(
            "an inspection is by who has seen the paper: open it first (GET …/evidence/{evidence_id}/file), or name the method "
            "by which you checked it without (register, issuer, call_back, screening)"
        )
    extracted = None if seal is None else seal(paper)
    if not await store.add_verification(tx, actor, paper, source=source, method=method, extracted=extracted, now=now):
        raise Conflict("this paper was verified before")
    await note(tx, actor, case, "evidence.verified", {"evidence_id": evidence_id, "method": method})
    return await find_evidence(tx, case_id, evidence_id)


async def request_information(
    tx: AsyncSession, actor: Actor, case_id: UUID, message: str, *, resells: bool = False, now: datetime, chance: Chance
) -> Case:
    """Ask the party for more, which it reads with the case; what was prepared is dropped, and the clock stands.

    `resells`: the officer found that it sells what others originated, and from now on the case needs a reseller's papers.
    A cleared case stays so while papers of a listing wait in it: what is asked for is about them.
    """
    require(actor, role=Role.OFFICER)
    message = rules.checked_text(message, field="message", longest=2000)
    if (await find_case(tx, case_id)).state is CaseState.CLEARED:
        case = moved = await _cleared(tx, case_id)
        if resells:
            raise rules.WrongCaseState(
                "the case is cleared: end its clearances, review it again, and then say that the party resells"
            )
        if not any(paper.verified_by is None for paper in await store.listing_papers_of(tx, case_id, _QUEUE_COUNT)):
            raise rules.WrongCaseState(
                "the case is cleared, and no paper of a listing waits in it: there is nothing to ask"
            )
    else:
        case = await taken_up(tx, actor, case_id, CaseAct.REQUEST_INFORMATION)
        said = {"resells": True} if resells and not case.resells else {}
        moved = await store.reopen(tx, case, CaseState.INFO_REQUESTED, message=message, due_at=None, **said)
    message_id, author_id = chance.new_id(), own_user(actor)
    await officers.add_message(tx, case, message_id, author_id=author_id, side="officer", text=message, now=now)
    await note(tx, actor, moved, "case.information_requested", {"message_id": message_id, "resells": moved.resells})
    return moved


async def _cleared(tx: AsyncSession, case_id: UUID) -> Case:
    case = await lock(tx, case_id)
    if case.state is not CaseState.CLEARED:
        raise rules.WrongCaseState(f"papers of a listing are looked at while the case is cleared; it is {case.state}")
    return case


async def prepare(
    tx: AsyncSession,
    actor: Actor,
    case_id: UUID,
    granted: Grant,
    *,
    valid_until: datetime | None,
    now: datetime,
    risk: Risk = Risk.STANDARD,
    promise: Promise = _PROMISE,
) -> Case:
    """Officer A's proposal. Without `valid_until` it lasts as long as it may: to the first expiry, or 12 months (6 at
    high risk).

    Raises `EvidenceShort` naming every paper that is missing, unverified or expired, every owner who is not identified and
    every state without a licence; `WrongCaseState`, `Malformed`.
    """
    require(actor, role=Role.OFFICER)
    granted = granted.checked()
    case = await taken_up(tx, actor, case_id, CaseAct.PREPARE)
    granted.refuse_beyond(case.asked)
    owners, brought = await store.list_owners(tx, case_id), await store.list_evidence(tx, case_id)
    pack = await pack_in_force(tx, LICENCES)
    today = day_of(now)
    refuse_short(papers.shortfalls(granted, owners, brought, pack=pack, today=today, of_reseller=case.resells))
    latest = papers.latest_end(brought, now, risk)
    until = latest if valid_until is None else valid_until
    if not now < until <= latest:
        raise Malformed(f"must lie ahead, and not after {latest.isoformat()}", field="valid_until")
    digest = papers.evidence_digest(brought)
    moved = await store.keep_plan(
        tx, case, actor, granted, risk=risk, valid_until=until, digest=digest, due_at=promise.from_(now)
    )
    body = {
        **said(granted),
        "risk": risk,
        "valid_until": until.isoformat(),
        "evidence_digest": digest,
        "rules_sha256": pack.sha256,
        "rules_reviewed": pack.is_reviewed,
    }
    await note(tx, actor, moved, "case.prepared", body)
    return moved


async def send_back(
    tx: AsyncSession, actor: Actor, case_id: UUID, reason: str, *, now: datetime, promise: Promise = _PROMISE
) -> Case:
    """Officer B's «not like this»: the proposal is dropped, and the case is in review again."""
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await locked(tx, case_id, CaseAct.SEND_BACK)
    moved = await store.reopen(tx, case, CaseState.IN_REVIEW, due_at=promise.from_(now))
    await note(tx, actor, moved, "case.sent_back", {"reason_sha256": rules.text_digest(reason)})
    return moved


async def approve(
    tx: AsyncSession, actor: Actor, case_id: UUID, *, reason: str, now: datetime, chance: Chance
) -> tuple[Case, list[Clearance]]:
    """Officer B's yes, with a reason, to what officer A prepared: one clearance for each capability, from now.

    Raises `FourEyes` for officer A and for who changed rules today, `WrongCaseState`, `ChecksPending` without a screening, or `Conflict` if the proposal has run
    out, or a clearance of the organisation was ended since it was made.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await locked(tx, case_id, CaseAct.APPROVE)
    if case.plan is None:
        raise AssertionError("a prepared case has a plan")
    if case.plan.prepared_by == actor.user_id:
        raise rules.FourEyes("you prepared this case; another officer approves it")
    if await rulebook.changed_rules_on(tx, actor.user_id, day_of(now)):
        raise rules.FourEyes("who changes rules does not approve on that day; another officer does")
    if case.plan.valid_until <= now or await clearances.ended_since(tx, case.org_id, case.plan.prepared_at):
        raise Conflict("things have changed since it was prepared: request information, then prepare it again")
    await screening.require_screened(tx, case.org_id, since=case.submitted_at or now)
    cleared = await store.move_case(
        tx, case, CaseState.CLEARED, approved_by=actor.user_id, decision_reason=reason, due_at=None
    )
    clearance_ids = {capability: chance.new_id() for capability in sorted(case.plan.grant.capabilities)}
    await clearances.grant(tx, cleared, clearance_ids, now)
    body = {"clearance_ids": list(clearance_ids.values()), "reason_sha256": rules.text_digest(reason)}
    await note(tx, actor, cleared, "case.cleared", body)
    granted = [await find_clearance(tx, clearance_id) for clearance_id in clearance_ids.values()]
    for found in granted:
        said_of = {"clearance_id": found.clearance_id, "org_id": found.org_id, "capability": found.capability}
        await journal.append(tx, actor, f"org:{found.org_id}", "clearance.granted", said_of)
    return cleared, granted


async def decline(tx: AsyncSession, actor: Actor, case_id: UUID, reason: str) -> Case:
    """One officer's no, with a reason that the party reads. The party may appeal, or open another case in 90 days."""
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await taken_up(tx, actor, case_id, CaseAct.DECLINE)
    moved = await store.move_case(
        tx, case, CaseState.DECLINED, declined_by=actor.user_id, message=reason, decision_reason=reason, due_at=None
    )
    await note(tx, actor, moved, "case.declined", {"reason_sha256": rules.text_digest(reason)})
    return moved


async def decide_appeal(
    tx: AsyncSession,
    actor: Actor,
    case_id: UUID,
    reason: str,
    *,
    upheld: bool,
    now: datetime,
    promise: Promise = _PROMISE,
) -> Case:
    """Another officer than the one who declined: upheld brings the case back into review, otherwise the no stands.

    Raises `FourEyes`, `NotFound` without an appeal, `Conflict` if it was decided before.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await locked(tx, case_id, CaseAct.UPHOLD_APPEAL)
    found = existing(await officers.find_appeal(tx, case_id), "appeal")
    if found.upheld is not None:
        raise Conflict("this appeal was decided before")
    if found.declined_by == actor.user_id:
        raise rules.FourEyes("you declined this case; another officer decides the appeal")
    await officers.decide_appeal(tx, found, decided_by=own_user(actor), upheld=upheld, reason=reason, now=now)
    if upheld:
        case = await store.reopen(tx, case, CaseState.IN_REVIEW, due_at=promise.from_(now))
    body = {"appeal_id": found.appeal_id, "upheld": upheld, "reason_sha256": rules.text_digest(reason)}
    await note(tx, actor, case, "case.appeal_decided", body)
    return case


async def review_again(
    tx: AsyncSession, actor: Actor, case_id: UUID, reason: str, *, now: datetime, promise: Promise = _PROMISE
) -> Case:
    """Take a cleared case up again after its clearance was ended or has expired; two officers then grant anew.

    Raises `WrongCaseState`, or `Conflict` while what it cleared still holds, or another case of the party is open.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    case = await locked(tx, case_id, CaseAct.REVIEW_AGAIN)
    if not await clearances.has_lapsed(tx, case_id):
        raise Conflict("what this case cleared still holds; suspend it first")
    newest = await store.newest_case(tx, case.org_id)
    if newest is not None and newest.case_id != case_id and newest.state is not CaseState.DECLINED:
        raise Conflict("the party has a newer case; go on with that one")
    moved = await store.reopen(tx, case, CaseState.IN_REVIEW, due_at=promise.from_(now))
    await note(tx, actor, moved, "case.reviewed_again", {"reason_sha256": rules.text_digest(reason)})
    return moved
