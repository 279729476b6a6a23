"""What several verbs of compliance share: finding and locking, journalling, the promise of a date."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import rules
from market.compliance.papers import Evidence
from market.compliance.rules import Case, CaseAct, CaseState, Clearance, Grant
from market.compliance.store import cases, clearances
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import NotFound

T = TypeVar("T")

READ, WRITE = "compliance:read", "compliance:write"
PARTY_AND_OFFICER = (Role.MEMBER, Role.OFFICER)


async def taken_up(tx: AsyncSession, actor: Actor, case_id: UUID, act: CaseAct) -> Case:
    """The case locked and ready for the act; the first officer who acts on a submitted one takes it up."""
    case = await lock(tx, case_id)
    if case.state is CaseState.SUBMITTED:
        case = await cases.move_case(tx, case, rules.next_state(case.state, CaseAct.SCREEN))
        await note(tx, actor, case, "case.screening_began", {})
    if case.state is CaseState.SCREENING:
        case = await cases.move_case(tx, case, rules.next_state(case.state, CaseAct.TAKE_UP), assigned_to=actor.user_id)
        await note(tx, actor, case, "case.taken_up", {})
    rules.next_state(case.state, act)
    return case


async def locked(tx: AsyncSession, case_id: UUID, act: CaseAct) -> Case:
    case = await lock(tx, case_id)
    rules.next_state(case.state, act)
    return case


async def lock(tx: AsyncSession, case_id: UUID) -> Case:
    return existing(await cases.lock_case(tx, case_id), "case")


async def find_case(tx: AsyncSession, case_id: UUID) -> Case:
    return existing(await cases.find_case(tx, case_id), "case")


async def find_evidence(tx: AsyncSession, case_id: UUID, evidence_id: UUID) -> Evidence:
    return existing(await cases.find_evidence(tx, case_id, evidence_id), "evidence")


async def find_clearance(tx: AsyncSession, clearance_id: UUID) -> Clearance:
    return existing(await clearances.find_clearance(tx, clearance_id), "clearance")


def existing(thing: T | None, noun: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {noun}, or it is not yours to see")
    return thing


async def note(tx: AsyncSession, actor: Actor, case: Case, kind: str, body: Mapping[str, object]) -> None:
    await journal.append(tx, actor, f"case:{case.case_id}", kind, {"case_id": case.case_id, **body})


def said(grant: Grant) -> dict[str, object]:
    return {
        "capabilities": sorted(grant.capabilities),
        "states": list(grant.states),
        "max_bid_cents": grant.max_bid_cents,
        "currency": grant.currency,
    }


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def own_user(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise AssertionError("a person acts here")
    return actor.user_id
