"""SQL of verification cases, owners and evidence."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.papers import Description, Evidence
from market.compliance.requirements import Capability, EvidenceType, Method
from market.compliance.rules import WAITING, Case, CaseState, Grant, Owner, Plan, Risk
from market.db.tables.compliance import (
    BeneficialOwnerRow,
    ClearanceRow,
    EvidenceRow,
    EvidenceVerificationRow,
    VerificationCaseRow,
)
from market.kit.actor import Actor
from market.kit.pages import PageRequest

_NO_PLAN: dict[str, Any] = dict.fromkeys(
    (
        "prepared_by", "prepared_at", "prepared_capabilities", "prepared_states", "prepared_max_bid_cents",
        "prepared_currency", "prepared_valid_until", "prepared_risk", "evidence_digest",
    )
)  # fmt: skip


async def add_case(
    tx: AsyncSession, actor: Actor, case_id: UUID, asked: Grant, *, resells: bool, now: datetime
) -> bool:
    """False if the organisation has an open case already; then nothing was written."""
    added = await tx.execute(
        insert(VerificationCaseRow)
        .values(
            case_id=case_id,
            org_id=actor.org_id,
            opened_by=actor.user_id,
            state=CaseState.DRAFT.value,
            capabilities=sorted(asked.capabilities),
            states=list(asked.states),
            max_bid_cents=asked.max_bid_cents,
            currency=asked.currency,
            created_at=now,
            resells=resells,
        )
        .on_conflict_do_nothing()
        .returning(VerificationCaseRow.case_id)
    )
    return added.first() is not None


async def was_cleared_as_reseller(tx: AsyncSession, org_id: UUID) -> bool:
    """Whether a case of it was ever cleared that says so, by its own word or an officer's."""
    row = VerificationCaseRow
    query = select(row.case_id).join(ClearanceRow, ClearanceRow.case_id == row.case_id)
    return await tx.scalar(query.where(row.org_id == org_id, row.resells).limit(1)) is not None


async def add_owners(tx: AsyncSession, case: Case, owners: Sequence[Owner]) -> None:
    await tx.execute(
        insert(BeneficialOwnerRow),
        [
            {
                "owner_id": owner.owner_id,
                "case_id": case.case_id,
                "org_id": case.org_id,
                "name": owner.name,
                "birth_date": owner.birth_date,
                "country": owner.country,
                "share_bps": owner.share_bps,
                "controls": owner.controls,
                "signs": owner.signs,
                "directs": owner.directs,
            }
            for owner in owners
        ],
    )


async def find_case(tx: AsyncSession, case_id: UUID) -> Case | None:
    return await _one_case(tx, select(VerificationCaseRow).where(VerificationCaseRow.case_id == case_id))


async def lock_case(tx: AsyncSession, case_id: UUID) -> Case | None:
    """Locks the case's row: acts on one case take turns."""
    query = select(VerificationCaseRow).where(VerificationCaseRow.case_id == case_id).with_for_update()
    return await _one_case(tx, query)


async def list_cases(tx: AsyncSession, states: Sequence[CaseState], page: PageRequest) -> list[Case]:
    """Up to one more than asked for, oldest first; without states, whatever their state."""
    query = select(VerificationCaseRow).order_by(VerificationCaseRow.case_id).limit(page.limit + 1)
    if states:
        query = query.where(VerificationCaseRow.state.in_([state.value for state in states]))
    if page.after is not None:
        query = query.where(VerificationCaseRow.case_id > page.after)
    return [_case(row) for row in await tx.scalars(query)]


async def queue(tx: AsyncSession, assigned_to: UUID | None, limit: int) -> list[Case]:
    """The cases that wait for officers, the one due first at the head; of one officer if one is named."""
    query = select(VerificationCaseRow).where(VerificationCaseRow.state.in_([state.value for state in WAITING]))
    if assigned_to is not None:
        query = query.where(VerificationCaseRow.assigned_to == assigned_to)
    ordered = query.order_by(VerificationCaseRow.due_at.asc().nulls_last(), VerificationCaseRow.case_id).limit(limit)
    return [_case(row) for row in await tx.scalars(ordered)]


async def newest_case(tx: AsyncSession, org_id: UUID) -> Case | None:
    """The organisation's newest case, locked; None if it never opened one."""
    query = (
        select(VerificationCaseRow)
        .where(VerificationCaseRow.org_id == org_id)
        .order_by(VerificationCaseRow.case_id.desc())
        .limit(1)
    )
    return await _one_case(tx, query.with_for_update())


async def last_declined(tx: AsyncSession, org_id: UUID) -> Case | None:
    """The organisation's case that was declined last."""
    query = select(VerificationCaseRow).where(
        VerificationCaseRow.org_id == org_id, VerificationCaseRow.state == CaseState.DECLINED.value
    )
    return await _one_case(tx, query.order_by(VerificationCaseRow.decided_at.desc()).limit(1))


async def list_owners(tx: AsyncSession, case_id: UUID) -> list[Owner]:
    found = await tx.scalars(
        select(BeneficialOwnerRow)
        .where(BeneficialOwnerRow.case_id == case_id)
        .order_by(BeneficialOwnerRow.owner_id)
        .limit(100)
    )
    return [
        Owner(
            row.name, row.birth_date, row.country, row.share_bps, row.controls, row.owner_id, signs=row.signs,
            directs=row.directs,
        )
        for row in found
    ]  # fmt: skip


async def move_case(tx: AsyncSession, case: Case, state: CaseState, **changes: Any) -> Case:
    """Write the new state and what goes with it; triggers stamp the instants and refuse what may not be."""
    await tx.execute(
        update(VerificationCaseRow)
        .where(VerificationCaseRow.case_id == case.case_id)
        .values(state=state.value, **changes)
        .execution_options(synchronize_session=False)
    )
    moved = await find_case(tx, case.case_id)
    if moved is None:
        raise AssertionError("a locked case does not vanish")
    return moved


async def reopen(tx: AsyncSession, case: Case, state: CaseState, **changes: Any) -> Case:
    """Move a case back: what was prepared and decided is dropped (the journal and the clearances keep it)."""
    undecided = {"approved_by": None, "declined_by": None, "decided_at": None, "decision_reason": None}
    return await move_case(tx, case, state, **_NO_PLAN, **undecided, **changes)


async def keep_plan(
    tx: AsyncSession,
    case: Case,
    actor: Actor,
    granted: Grant,
    *,
    risk: Risk,
    valid_until: datetime,
    digest: str,
    due_at: datetime,
) -> Case:
    return await move_case(
        tx,
        case,
        CaseState.PREPARED,
        prepared_risk=risk.value,
        due_at=due_at,
        prepared_by=actor.user_id,
        prepared_capabilities=sorted(granted.capabilities),
        prepared_states=list(granted.states),
        prepared_max_bid_cents=granted.max_bid_cents,
        prepared_currency=granted.currency,
        prepared_valid_until=valid_until,
        evidence_digest=digest,
    )


async def add_evidence(tx: AsyncSession, paper: Evidence) -> None:
    described = paper.described
    await tx.execute(
        insert(EvidenceRow).values(
            evidence_id=paper.evidence_id,
            case_id=paper.case_id,
            org_id=paper.org_id,
            type=described.type.value,
            file_sha256=paper.file_sha256,
            size_bytes=paper.size_bytes,
            sealed_sha256=paper.sealed_sha256,
            wrapped_key=paper.wrapped_key,
            issuer=described.issuer,
            number=described.number,
            jurisdiction=described.jurisdiction,
            issued_on=described.issued_on,
            expires_on=described.expires_on,
            uploaded_by=paper.uploaded_by,
            uploaded_at=paper.uploaded_at,
            owner_id=described.owner_id,
            covered_states=list(described.covered_states) or None,
            held_by=described.held_by,
            amount_cents=described.amount_cents,
            portfolio_id=described.portfolio_id,
        )
    )


async def list_evidence(tx: AsyncSession, case_id: UUID) -> list[Evidence]:
    """All papers of a case (the rules bound their number), in order of arrival; not those of its party's listings."""
    query = _EVIDENCE.where(EvidenceRow.case_id == case_id, EvidenceRow.portfolio_id.is_(None))
    return await _papers(tx, query.order_by(EvidenceRow.evidence_id).limit(200))


async def listing_papers_of(tx: AsyncSession, case_id: UUID, limit: int) -> list[Evidence]:
    """The newest papers of listings that came to a case."""
    query = _EVIDENCE.where(EvidenceRow.case_id == case_id, EvidenceRow.portfolio_id.is_not(None))
    return await _papers(tx, query.order_by(EvidenceRow.evidence_id.desc()).limit(limit))


async def papers_of_portfolio(tx: AsyncSession, portfolio_id: UUID) -> list[Evidence]:
    """All papers of a portfolio that were not erased (the rules bound their number), in order of arrival."""
    query = _EVIDENCE.where(EvidenceRow.portfolio_id == portfolio_id, EvidenceRow.wrapped_key.is_not(None))
    return await _papers(tx, query.order_by(EvidenceRow.evidence_id).limit(200))


async def unverified_listing_papers(tx: AsyncSession, limit: int) -> list[Evidence]:
    """Papers of listings that no officer has verified, the oldest first."""
    query = _EVIDENCE.where(
        EvidenceRow.portfolio_id.is_not(None),
        EvidenceRow.wrapped_key.is_not(None),
        EvidenceVerificationRow.evidence_id.is_(None),
    )
    return await _papers(tx, query.order_by(EvidenceRow.evidence_id).limit(limit))


async def is_own_portfolio(tx: AsyncSession, portfolio_id: UUID) -> bool:
    """Whether the actor's organisation has such a portfolio, as row-level security shows it."""
    return bool(await tx.scalar(_OWN_PORTFOLIO, {"portfolio_id": portfolio_id}))


async def _papers(tx: AsyncSession, query: Any) -> list[Evidence]:
    return [_evidence(row, checked) for row, checked in (await tx.execute(query))]


async def find_evidence(tx: AsyncSession, case_id: UUID, evidence_id: UUID) -> Evidence | None:
    query = _EVIDENCE.where(EvidenceRow.case_id == case_id, EvidenceRow.evidence_id == evidence_id)
    found = (await tx.execute(query)).first()
    return None if found is None else _evidence(*found)


async def add_verification(
    tx: AsyncSession,
    actor: Actor,
    paper: Evidence,
    *,
    source: str,
    method: Method,
    extracted: bytes | None,
    now: datetime,
) -> bool:
    """False if it was verified before."""
    added = await tx.execute(
        insert(EvidenceVerificationRow)
        .values(
            evidence_id=paper.evidence_id,
            case_id=paper.case_id,
            org_id=paper.org_id,
            uploaded_by=paper.uploaded_by,
            verified_by=actor.user_id,
            verified_at=now,
            source=source,
            method=method.value,
            extracted=extracted,
        )
        .on_conflict_do_nothing()
        .returning(EvidenceVerificationRow.evidence_id)
    )
    return added.first() is not None


_OWN_PORTFOLIO = text("SELECT EXISTS (SELECT FROM portfolio WHERE portfolio_id = :portfolio_id)")
_EVIDENCE = select(EvidenceRow, EvidenceVerificationRow).outerjoin(
    EvidenceVerificationRow, EvidenceVerificationRow.evidence_id == EvidenceRow.evidence_id
)


async def _one_case(tx: AsyncSession, query: Select[VerificationCaseRow]) -> Case | None:
    row = await tx.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _case(row)


def _case(row: VerificationCaseRow) -> Case:
    asked = Grant(frozenset(map(Capability, row.capabilities)), tuple(row.states), row.max_bid_cents, row.currency)
    return Case(
        row.case_id, row.org_id, row.opened_by, CaseState(row.state), asked, row.created_at, row.submitted_at,
        row.message, _plan(row), row.approved_by, row.declined_by, row.decided_at, row.due_at, row.assigned_to,
        row.decision_reason, row.resells,
    )  # fmt: skip


def _plan(row: VerificationCaseRow) -> Plan | None:
    if (
        row.prepared_by is None
        or row.prepared_at is None
        or row.prepared_valid_until is None
        or row.evidence_digest is None
    ):
        return None
    granted = Grant(
        frozenset(map(Capability, row.prepared_capabilities or ())),
        tuple(row.prepared_states or ()),
        row.prepared_max_bid_cents or 0,
        row.prepared_currency or "",
    )
    risk = Risk(row.prepared_risk or Risk.STANDARD)
    return Plan(granted, row.prepared_valid_until, row.evidence_digest, row.prepared_by, row.prepared_at, risk)


def _evidence(row: EvidenceRow, checked: EvidenceVerificationRow | None) -> Evidence:
    described = Description(
        EvidenceType(row.type), row.issuer, row.number, row.jurisdiction, row.issued_on, row.expires_on, row.owner_id,
        tuple(row.covered_states or ()), row.held_by, row.amount_cents, row.portfolio_id,
    )  # fmt: skip
    found = Evidence(
        row.evidence_id, row.case_id, row.org_id, described, row.file_sha256, row.size_bytes, row.sealed_sha256,
        row.wrapped_key, row.uploaded_by, row.uploaded_at,
    )  # fmt: skip
    if checked is None:
        return found
    return replace(
        found,
        verified_by=checked.verified_by,
        verified_at=checked.verified_at,
        source=checked.source,
        method=Method(checked.method),
        extracted=checked.extracted,
    )
