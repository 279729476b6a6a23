"""What a party does with its case: open, bring papers, submit, answer, appeal; and who may read what."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import papers, rules
from market.compliance.deadlines import Promise
from market.compliance.packs import LICENCES
from market.compliance.papers import Description, Evidence, Shortfall
from market.compliance.proposals import Kind
from market.compliance.requirements import Capability
from market.compliance.rules import Appeal, Case, CaseAct, CaseState, Grant, Message, Owner
from market.compliance.sealed import extracted, open_file, seal_file
from market.compliance.service.rulebook import pack_in_force
from market.compliance.service.steps import (
    PARTY_AND_OFFICER,
    READ,
    WRITE,
    day_of,
    find_case,
    find_evidence,
    lock,
    locked,
    note,
    own_user,
    said,
)
from market.compliance.store import cases as store
from market.compliance.store import clearances, officers
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import Known, require

_MESSAGE_COUNT = 200
_LISTING_PAPERS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with everything in it; `lacking` is what it still needs to be cleared as asked for.

    Of papers of listings the newest 200, which follow those of the organisation. `party` is told to officers.
    """

    case: Case
    owners: Sequence[Owner]
    evidence: Sequence[Evidence]
    messages: Sequence[Message] = ()
    lacking: Sequence[Shortfall] = ()
    appeal: Appeal | None = None
    party: Known | None = None


async def open_case(
    tx: AsyncSession,
    actor: Actor,
    asked: Grant,
    owners: Sequence[Owner],
    *,
    resells: bool = False,
    now: datetime,
    chance: Chance,
) -> CaseFile:
    """A new draft of the actor's organisation, which `resells` what others originated, or sells its own.

    Whoever was cleared to bid here, or as a reseller, and asks to list counts as one that resells, whatever it says.
    Raises `Malformed`, `CoolingOff` within 90 days of a no, or `Conflict` while another case is open.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    asked, named = asked.checked(), rules.checked_owners(owners, day_of(now))
    if actor.org_id is None:
        raise AssertionError("a member has an organisation")
    declined = await store.last_declined(tx, actor.org_id)
    if declined is not None and declined.may_open_again_at is not None and now < declined.may_open_again_at:
        raise rules.CoolingOff(
            f"your case was declined; you may open another from {declined.may_open_again_at:%Y-%m-%d}, or appeal now",
            case_id=str(declined.case_id),
            from_at=declined.may_open_again_at.isoformat(),
        )
    if Capability.LIST in asked.capabilities:
        resells = resells or await clearances.had_clearance(tx, actor.org_id, Capability.BID)
        resells = resells or await store.was_cleared_as_reseller(tx, actor.org_id)
    case_id = chance.new_id()
    if not await store.add_case(tx, actor, case_id, asked, resells=resells, now=now):
        raise Conflict("your organisation has an open case; it is decided first")
    case = await find_case(tx, case_id)
    named = [replace(owner, owner_id=chance.new_id()) for owner in named]
    await store.add_owners(tx, case, named)
    body = {"case_id": case_id, "org_id": case.org_id, **said(asked), "resells": resells, "owner_count": len(named)}
    await note(tx, actor, case, "case.opened", body)
    return CaseFile(case, named, [], lacking=await _lacking(tx, case, named, [], now))


async def list_cases(
    tx: AsyncSession, actor: Actor, page: PageRequest, *, state: CaseState | None = None
) -> Page[Case]:
    """The own organisation's cases; for officers everybody's. A party reads a blocked case as one in review."""
    require(actor, role=PARTY_AND_OFFICER, scope=READ)
    if actor.role is Role.OFFICER or state is None:
        wanted = [state] if state else []
    elif state is CaseState.BLOCKED:
        return Page([], None)
    else:
        wanted = [found for found in CaseState if rules.shown_state(found) is state]
    page_of = Page.cut(await store.list_cases(tx, wanted, page), page, lambda case: case.case_id)
    return Page([_shown(case, actor) for case in page_of.items], page_of.next_cursor)


async def read_case(tx: AsyncSession, actor: Actor, case_id: UUID, *, now: datetime | None = None) -> CaseFile:
    """A case that the actor may see; `now` adds what it lacks. Raises `NotFound`."""
    require(actor, role=PARTY_AND_OFFICER, scope=READ)
    case = await find_case(tx, case_id)
    owners, brought = await store.list_owners(tx, case_id), await store.list_evidence(tx, case_id)
    messages, appeal = await officers.list_messages(tx, case_id), await officers.find_appeal(tx, case_id)
    lacking: list[Shortfall] = []
    if now is not None and case.state not in {CaseState.CLEARED, CaseState.DECLINED}:
        lacking = await _lacking(tx, case, owners, brought, now)
    of_listings = await store.listing_papers_of(tx, case_id, _LISTING_PAPERS_SHOWN)
    party = (await parties.who_are(tx, actor, [case.org_id]))[case.org_id] if actor.role is Role.OFFICER else None
    return CaseFile(_shown(case, actor), owners, [*brought, *of_listings], messages, lacking, appeal, party)


async def _lacking(
    tx: AsyncSession, case: Case, owners: Sequence[Owner], brought: Sequence[Evidence], now: datetime
) -> list[Shortfall]:
    """What the case needs beyond what was brought, under the pack in force, to be cleared as asked for."""
    pack = await pack_in_force(tx, LICENCES)
    return papers.shortfalls(case.asked, owners, brought, pack=pack, today=day_of(now), of_reseller=case.resells)


def _shown(case: Case, actor: Actor) -> Case:
    return case if actor.role is Role.OFFICER else rules.for_party(case)


async def case_for_evidence(tx: AsyncSession, actor: Actor, case_id: UUID) -> Case:
    """The actor's own case, which takes papers now; asked before a file is read. Raises `NotFound`, `WrongCaseState`.

    A cleared one takes those of listings.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    case = await find_case(tx, case_id)
    if case.state is not CaseState.CLEARED:
        rules.next_state(case.state, CaseAct.ADD_EVIDENCE)
    return case


def _require_taken(case: Case, described: Description) -> None:
    """Raises `WrongCaseState`: papers of the organisation go to an open case, those of a listing to the one that cleared it."""
    if described.portfolio_id is None:
        rules.next_state(case.state, CaseAct.ADD_EVIDENCE)
    elif case.state is not CaseState.CLEARED:
        raise rules.WrongCaseState(
            "papers of a listing go to the case that cleared you to list; this one is not cleared"
        )


async def add_evidence(context: Context, actor: Actor, case_id: UUID, described: Description, clear: bytes) -> Evidence:
    """Seal a file and add it to the actor's own case, in two transactions with the sealing between them.

    Raises `NotFound`, `WrongCaseState`, `Malformed`, or `Conflict` past 100 papers of a case or 20 of a portfolio.
    """
    described = described.checked(day_of(context.clock.now()))
    if not clear:
        raise Malformed("the file is empty", field="file")
    async with context.db.begin(actor) as tx:
        case = await case_for_evidence(tx, actor, case_id)
        _require_taken(case, described)
        if described.portfolio_id is not None and not await store.is_own_portfolio(tx, described.portfolio_id):
            raise Malformed("there is no such portfolio of yours", field="portfolio_id")
        named = {owner.owner_id for owner in await store.list_owners(tx, case_id)}
    if described.owner_id is not None and described.owner_id not in named:
        raise Malformed("the case names no such owner", field="owner_id")
    evidence_id = context.chance.new_id()
    sealed = await asyncio.to_thread(seal_file, context, evidence_id, case_id, case.org_id, clear)
    async with context.db.begin(actor) as tx:
        case = await lock(tx, case_id)
        _require_taken(case, described)
        await _require_room(tx, case_id, described)
        paper = Evidence(
            evidence_id, case_id, case.org_id, described, sealed.file_sha256, sealed.size_bytes, sealed.sealed_sha256,
            sealed.wrapped_key, own_user(actor), context.clock.now(),
        )  # fmt: skip
        await store.add_evidence(tx, paper)
        body: dict[str, object] = {
            "evidence_id": evidence_id,
            "type": described.type,
            "file_sha256": sealed.file_sha256,
        }
        if described.portfolio_id is not None:
            body["portfolio_id"] = described.portfolio_id
        await note(tx, actor, case, "evidence.added", body)
        return paper


async def _require_room(tx: AsyncSession, case_id: UUID, described: Description) -> None:
    if described.portfolio_id is None:
        if len(await store.list_evidence(tx, case_id)) >= rules.EVIDENCE_COUNT:
            raise Conflict(f"a case holds at most {rules.EVIDENCE_COUNT} papers")
    elif len(await store.papers_of_portfolio(tx, described.portfolio_id)) >= rules.LISTING_PAPER_COUNT:
        raise Conflict(f"a portfolio has at most {rules.LISTING_PAPER_COUNT} papers")


async def submit(
    tx: AsyncSession,
    actor: Actor,
    case_id: UUID,
    now: datetime,
    *,
    promise: Promise = Promise(),  # noqa: B008 - frozen
) -> Case:
    """Hand the case to the officers, the first time or with what they asked for.

    Raises `WrongCaseState`, or `EvidenceShort` naming the papers that are missing.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    case = await locked(tx, case_id, CaseAct.SUBMIT)
    owners, brought = await store.list_owners(tx, case_id), await store.list_evidence(tx, case_id)
    lacking = await _lacking(tx, case, owners, brought, now)
    # Officers may clear fewer states than were asked for, and verify: neither keeps a case from coming in.
    refuse_short([one for one in lacking if one.why != "unverified" and one.state is None])
    moved = await store.move_case(
        tx,
        case,
        rules.next_state(case.state, CaseAct.SUBMIT),
        submitted_at=case.submitted_at or now,
        due_at=promise.from_(now),
    )
    await note(tx, actor, moved, "case.submitted", {"again": case.submitted_at is not None})
    return rules.for_party(moved)


async def read_file(context: Context, actor: Actor, case_id: UUID, evidence_id: UUID) -> tuple[Evidence, bytes]:
    """The clear file, for the organisation that brought it and for officers; every look is journalled before it is granted.

    Officers open papers while a case waits for a decision. Before and afterwards raises `SealedAgain`, unless two of them
    broke the glass for this organisation less than 24 hours ago. Raises `Erased` when its time is over.
    """
    require(actor, role=PARTY_AND_OFFICER, scope=READ)
    if actor.role is Role.OFFICER:
        async with context.db.begin_as_officer(actor) as tx:
            paper = await _looked_at(tx, actor, case_id, evidence_id, context.clock.now(), part="file")
    else:
        async with context.db.begin(actor) as tx:
            case, paper = await find_case(tx, case_id), await find_evidence(tx, case_id, evidence_id)
            await note(tx, actor, case, "evidence.read", {"evidence_id": evidence_id, "part": "file"})
    if paper.wrapped_key is None:
        raise rules.Erased("the rule of its kind has erased this paper; its digest and its history stay")
    return paper, await asyncio.to_thread(open_file, context, paper)


async def read_fields(context: Context, actor: Actor, case_id: UUID, evidence_id: UUID) -> dict[str, str]:
    """What an officer read off a paper when verifying it, for officers; a look like that at the file itself."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        paper = await _looked_at(tx, actor, case_id, evidence_id, context.clock.now(), part="fields")
    return extracted(context, paper)


async def has_opened(tx: AsyncSession, actor: Actor, paper: Evidence) -> bool:
    """Whether this very person opened the file."""
    seen = {"evidence_id": paper.evidence_id, "part": "file"}
    return await journal.has_done(tx, actor, f"case:{paper.case_id}", "evidence.read", seen)


async def _looked_at(
    tx: AsyncSession, actor: Actor, case_id: UUID, evidence_id: UUID, now: datetime, *, part: Literal["file", "fields"]
) -> Evidence:
    case, paper = await find_case(tx, case_id), await find_evidence(tx, case_id, evidence_id)
    body: dict[str, object] = {"evidence_id": evidence_id, "part": part}
    if case.state not in rules.OPEN_TO_OFFICERS and not _awaits_a_word(case, paper):
        glass = await officers.carried(tx, [Kind.BREAK_GLASS], org_id=case.org_id)
        if glass is None or not glass.opens_glass(now):
            raise rules.SealedAgain(
                "officers open papers while a case waits for a decision; otherwise two of them break the glass: "
                "POST /v1/proposals with kind break_glass"
            )
        body["proposal_id"] = glass.proposal_id
    await note(tx, actor, case, "evidence.read", body)
    return paper


def _awaits_a_word(case: Case, paper: Evidence) -> bool:
    """Whether it is a paper of a listing that no officer has verified."""
    return case.state is CaseState.CLEARED and paper.described.portfolio_id is not None and paper.verified_by is None


async def answer(
    tx: AsyncSession, actor: Actor, case_id: UUID, text: str, *, now: datetime, chance: Chance
) -> list[Message]:
    """The party writes to the officers about its open case. Raises `WrongCaseState` once it is decided, `Conflict`."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    text = rules.checked_text(text, field="text", longest=2000)
    case = await lock(tx, case_id)
    if case.state in {CaseState.CLEARED, CaseState.DECLINED}:
        raise rules.WrongCaseState(f"the case is {case.state}: there is nothing to answer")
    if await officers.count_messages(tx, case_id) >= _MESSAGE_COUNT:
        raise Conflict(f"a case holds at most {_MESSAGE_COUNT} messages")
    await officers.add_message(tx, case, chance.new_id(), author_id=own_user(actor), side="party", text=text, now=now)
    await note(tx, actor, case, "case.answered", {})
    return await officers.list_messages(tx, case_id)


async def appeal(
    tx: AsyncSession,
    actor: Actor,
    case_id: UUID,
    grounds: str,
    *,
    now: datetime,
    chance: Chance,
    promise: Promise = Promise(),  # noqa: B008 - frozen
) -> Appeal:
    """The party's word against a no, once, within the cool-off; another officer decides it.

    Raises `WrongCaseState`, or `Conflict` if it was appealed before or the time is over.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    grounds = rules.checked_text(grounds, field="grounds", longest=2000)
    case = await lock(tx, case_id)
    if case.state is not CaseState.DECLINED:
        raise rules.WrongCaseState(f"the case is {rules.shown_state(case.state)}: one appeals against a no")
    if case.declined_by is None or case.may_open_again_at is None or now >= case.may_open_again_at:
        raise Conflict("an appeal comes within 90 days; open another case")
    found = Appeal(chance.new_id(), case_id, case.org_id, case.declined_by, grounds, now, promise.from_(now))
    if not await officers.add_appeal(tx, found, own_user(actor)):
        raise Conflict("this case was appealed before")
    await note(tx, actor, case, "case.appealed", {"appeal_id": found.appeal_id})
    return found


def refuse_short(lacking: Sequence[Shortfall]) -> None:
    """Raises `EvidenceShort` naming everything, if there is anything."""
    if lacking:
        raise rules.EvidenceShort(
            f"the case lacks: {', '.join(one.said for one in lacking)}",
            evidence=[
                {"type": one.type.value, "why": one.why}
                | ({"owner_id": str(one.owner_id)} if one.owner_id else {})
                | ({"state": one.state} if one.state else {})
                for one in lacking
            ],
        )
