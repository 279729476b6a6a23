"""What takes two officers: one proposes, another decides, and the database refuses the same person twice."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import rules
from market.compliance.deadlines import Promise
from market.compliance.proposals import Hold, Kind, Proposal, refuse_incomplete
from market.compliance.rules import CaseAct, CaseState
from market.compliance.service.clearances import end_all
from market.compliance.service.steps import existing, note, own_user
from market.compliance.store import cases, officers, rulebook
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require


async def propose(
    tx: AsyncSession,
    actor: Actor,
    kind: Kind,
    reason: str,
    *,
    org_id: UUID | None = None,
    subject_id: UUID | None = None,
    now: datetime,
    chance: Chance,
) -> Proposal:
    """One officer's proposal. To block suspends the organisation at once, before the other officer has looked.

    Raises `Malformed` for a missing subject, `NotFound` for one that is not there.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    refuse_incomplete(kind, org_id, subject_id)
    await _require_subject(tx, kind, org_id, subject_id)
    return await _made(tx, actor, Proposal(chance.new_id(), kind, org_id, subject_id, reason, own_user(actor), now))


async def propose_block(
    tx: AsyncSession, actor: Actor, org_id: UUID, reason: str, *, alert_id: UUID, now: datetime, chance: Chance
) -> Proposal:
    """A block that one officer's word on an alert proposes: it suspends at once, like every proposal to block."""
    require(actor, role=Role.OFFICER)
    return await _made(tx, actor, Proposal(chance.new_id(), Kind.BLOCK, org_id, alert_id, reason, own_user(actor), now))


async def _made(tx: AsyncSession, actor: Actor, found: Proposal) -> Proposal:
    ended = 0
    if found.kind is Kind.BLOCK and found.org_id is not None:
        await cases.newest_case(tx, found.org_id)  # locked, so that a grant under way is over and seen
        ended = await end_all(tx, actor, found.org_id, "under review", found.proposed_at)
    await officers.add_proposal(tx, found)
    body = {**_facts(found), "ended_clearance_count": ended}
    await journal.append(tx, actor, f"proposal:{found.proposal_id}", "proposal.made", body)
    return found


async def decide(
    tx: AsyncSession,
    actor: Actor,
    proposal_id: UUID,
    reason: str,
    *,
    carried: bool,
    now: datetime,
    promise: Promise = Promise(),  # noqa: B008 - frozen
) -> Proposal:
    """Another officer's yes or no, with a reason; what is carried takes effect in the same transaction.

    Raises `FourEyes` for the proposer, `NotFound`, `Conflict` if it was decided before.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    found = existing(await officers.lock_proposal(tx, proposal_id), "proposal")
    if found.carried is not None:
        raise Conflict("this proposal was decided before")
    if found.proposed_by == actor.user_id:
        raise rules.FourEyes("you made this proposal; another officer decides it")
    await officers.decide_proposal(tx, found, decided_by=own_user(actor), carried_=carried, reason=reason, now=now)
    if carried and found.org_id is not None and found.kind in {Kind.BLOCK, Kind.UNBLOCK}:
        await _freeze_or_thaw(tx, actor, found.kind, found.org_id, now=now, promise=promise)
    kind = "proposal.carried" if carried else "proposal.rejected"
    await journal.append(tx, actor, f"proposal:{proposal_id}", kind, _facts(found))
    return existing(await officers.lock_proposal(tx, proposal_id), "proposal")


async def _freeze_or_thaw(
    tx: AsyncSession, actor: Actor, kind: Kind, org_id: UUID, *, now: datetime, promise: Promise
) -> None:
    """The newest case of the organisation is blocked, or goes back into review; every clearance of a blocked one ends."""
    case = await cases.newest_case(tx, org_id)
    if case is not None and kind is Kind.BLOCK and case.state is not CaseState.BLOCKED:
        moved = await cases.move_case(tx, case, rules.next_state(case.state, CaseAct.BLOCK), due_at=None)
        await note(tx, actor, moved, "case.blocked", {})
    if case is not None and kind is Kind.UNBLOCK and case.state is CaseState.BLOCKED:
        moved = await cases.reopen(
            tx, case, CaseState.IN_REVIEW, submitted_at=case.submitted_at or now, due_at=promise.from_(now)
        )
        await note(tx, actor, moved, "case.unblocked", {})
    if kind is Kind.BLOCK:
        await end_all(tx, actor, org_id, "under review", now)


async def list_proposals(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[Proposal]:
    """Newest first, decided ones too."""
    require(actor, role=Role.OFFICER)
    return Page.cut(await officers.list_proposals(tx, page), page, lambda found: found.proposal_id)


async def place_hold(
    tx: AsyncSession, actor: Actor, org_id: UUID, reason: str, *, now: datetime, chance: Chance
) -> Hold:
    """From now nothing of the organisation is erased, until two officers release the hold. Raises `NotFound`."""
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    existing(await parties.find_organisation(tx, org_id), "organisation")
    hold = Hold(chance.new_id(), org_id, reason, own_user(actor), now)
    await officers.add_hold(tx, hold)
    await journal.append(tx, actor, f"org:{org_id}", "hold.placed", {"hold_id": hold.hold_id})
    return hold


async def list_holds(tx: AsyncSession, actor: Actor) -> list[Hold]:
    """Every hold, newest first; released ones say so."""
    require(actor, role=Role.OFFICER)
    return await officers.list_holds(tx)


async def _require_subject(tx: AsyncSession, kind: Kind, org_id: UUID | None, subject_id: UUID | None) -> None:
    if org_id is not None:
        existing(await parties.find_organisation(tx, org_id), "organisation")
    if kind is Kind.ADOPT_RULES and subject_id is not None:
        existing(await rulebook.find_pack(tx, subject_id), "rule pack")
    if kind is Kind.RELEASE_HOLD:
        holds = [hold for hold in await officers.list_holds(tx) if not hold.is_released]
        existing(next((hold for hold in holds if (hold.hold_id, hold.org_id) == (subject_id, org_id)), None), "hold")


def _facts(found: Proposal) -> dict[str, object]:
    return {"kind": found.kind, "org_id": found.org_id, "subject_id": found.subject_id}
