"""All SQL of verification cases, evidence and clearances."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.requirements import Capability, EvidenceType
from market.compliance.rules import Case, CaseState, Clearance, Description, Evidence, FourEyes, Grant, Owner, Plan
from market.db.tables.compliance import (
    BeneficialOwnerRow,
    ClearanceEndRow,
    ClearanceRow,
    EvidenceRow,
    EvidenceVerificationRow,
    VerificationCaseRow,
)
from market.kit.actor import Actor
from market.kit.pages import PageRequest

_INSUFFICIENT_PRIVILEGE = "42501"
_NO_PLAN: dict[str, Any] = dict.fromkeys(
    (
        "prepared_by", "prepared_at", "prepared_capabilities", "prepared_states", "prepared_max_bid_cents",
        "prepared_currency", "prepared_valid_until", "evidence_digest",
    )
)  # fmt: skip


async def add_case(tx: AsyncSession, actor: Actor, case_id: UUID, asked: Grant, now: datetime) -> bool:
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
        )
        .on_conflict_do_nothing()
        .returning(VerificationCaseRow.case_id)
    )
    return added.first() is not None


async def add_owners(tx: AsyncSession, case: Case, owners: Sequence[tuple[UUID, Owner]]) -> None:
    await tx.execute(
        insert(BeneficialOwnerRow),
        [
            {
                "owner_id": owner_id,
                "case_id": case.case_id,
                "org_id": case.org_id,
                "name": owner.name,
                "birth_date": owner.birth_date,
                "country": owner.country,
                "share_bps": owner.share_bps,
            }
            for owner_id, owner in owners
        ],
    )


async def find_case(tx: AsyncSession, case_id: UUID) -> Case | None:
    return await _one_case(tx, select(VerificationCaseRow).where(VerificationCaseRow.case_id == case_id))


async def lock_case(tx: AsyncSession, case_id: UUID) -> Case | None:
    """Locks the case's row: acts on one case take turns."""
    query = select(VerificationCaseRow).where(VerificationCaseRow.case_id == case_id).with_for_update()
    return await _one_case(tx, query)


async def list_cases(tx: AsyncSession, state: CaseState | None, page: PageRequest) -> list[Case]:
    """Up to one more than asked for, oldest first."""
    query = select(VerificationCaseRow).order_by(VerificationCaseRow.case_id).limit(page.limit + 1)
    if state is not None:
        query = query.where(VerificationCaseRow.state == state.value)
    if page.after is not None:
        query = query.where(VerificationCaseRow.case_id > page.after)
    return [_case(row) for row in await tx.scalars(query)]


async def list_owners(tx: AsyncSession, case_id: UUID) -> list[Owner]:
    found = await tx.scalars(
        select(BeneficialOwnerRow)
        .where(BeneficialOwnerRow.case_id == case_id)
        .order_by(BeneficialOwnerRow.owner_id)
        .limit(100)
    )
    return [Owner(row.name, row.birth_date, row.country, row.share_bps) for row in found]


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


async def drop_plan(tx: AsyncSession, case: Case, state: CaseState, message: str) -> Case:
    return await move_case(tx, case, state, message=message, **_NO_PLAN)


async def keep_plan(
    tx: AsyncSession, case: Case, actor: Actor, granted: Grant, *, valid_until: datetime, digest: str
) -> Case:
    return await move_case(
        tx,
        case,
        CaseState.PREPARED,
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
        )
    )


async def list_evidence(tx: AsyncSession, case_id: UUID) -> list[Evidence]:
    """All papers of a case (the rules bound their number), in order of arrival."""
    query = _EVIDENCE.where(EvidenceRow.case_id == case_id).order_by(EvidenceRow.evidence_id).limit(200)
    return [_evidence(row, checked) for row, checked in (await tx.execute(query))]


async def find_evidence(tx: AsyncSession, case_id: UUID, evidence_id: UUID) -> Evidence | None:
    query = _EVIDENCE.where(EvidenceRow.case_id == case_id, EvidenceRow.evidence_id == evidence_id)
    found = (await tx.execute(query)).first()
    return None if found is None else _evidence(*found)


async def add_verification(tx: AsyncSession, actor: Actor, paper: Evidence, source: str, now: datetime) -> bool:
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
        )
        .on_conflict_do_nothing()
        .returning(EvidenceVerificationRow.evidence_id)
    )
    return added.first() is not None


async def grant(tx: AsyncSession, case: Case, clearance_ids: dict[Capability, UUID], now: datetime) -> None:
    """Insert the clearances that a cleared case carries. Raises `FourEyes` when the database's own checks refuse."""
    if case.plan is None or case.approved_by is None:
        raise AssertionError("only an approved plan is granted")
    rows = [
        {
            "clearance_id": clearance_id,
            "org_id": case.org_id,
            "capability": capability.value,
            "states": list(case.plan.grant.states),
            "max_bid_cents": case.plan.grant.max_bid_cents,
            "currency": case.plan.grant.currency,
            "valid_from": now,
            "valid_until": case.plan.valid_until,
            "case_id": case.case_id,
            "prepared_by": case.plan.prepared_by,
            "approved_by": case.approved_by,
            "evidence_digest": case.plan.evidence_digest,
        }
        for capability, clearance_id in clearance_ids.items()
    ]
    try:
        await tx.execute(insert(ClearanceRow), rows)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            raise FourEyes("the case cannot be granted as it was prepared; prepare it again") from error
        raise


async def ended_since(tx: AsyncSession, org_id: UUID, since: datetime) -> bool:
    """Whether a clearance of the organisation was ended at or after this instant."""
    found = await tx.scalar(
        select(ClearanceEndRow.clearance_id)
        .where(ClearanceEndRow.org_id == org_id, ClearanceEndRow.ended_at >= since)
        .limit(1)
    )
    return found is not None


async def find_clearance(tx: AsyncSession, clearance_id: UUID) -> Clearance | None:
    found = (await tx.execute(_CLEARANCE.where(ClearanceRow.clearance_id == clearance_id))).first()
    return None if found is None else _clearance(*found)


async def list_clearances(tx: AsyncSession, page: PageRequest) -> list[Clearance]:
    """Up to one more than asked for, oldest first, ended and expired ones too."""
    query = _CLEARANCE.order_by(ClearanceRow.clearance_id).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(ClearanceRow.clearance_id > page.after)
    return [_clearance(row, end) for row, end in (await tx.execute(query))]


async def live_clearances(tx: AsyncSession, org_id: UUID, capability: Capability, now: datetime) -> list[Clearance]:
    """Not ended and not expired, the one that lasts longest first. More than one only around a renewal."""
    query = _CLEARANCE.where(
        ClearanceRow.org_id == org_id,
        ClearanceRow.capability == capability.value,
        ClearanceRow.valid_until > now,
        ClearanceEndRow.clearance_id.is_(None),
    )
    ordered = query.order_by(ClearanceRow.valid_until.desc(), ClearanceRow.clearance_id.desc()).limit(20)
    return [_clearance(row, end) for row, end in (await tx.execute(ordered))]


async def had_clearance(tx: AsyncSession, org_id: UUID, capability: Capability) -> bool:
    found = await tx.scalar(
        select(func.count())
        .select_from(ClearanceRow)
        .where(ClearanceRow.org_id == org_id, ClearanceRow.capability == capability.value)
    )
    return bool(found)


async def end(tx: AsyncSession, actor: Actor, clearance: Clearance, reason: str, now: datetime) -> bool:
    """False if it was ended before. Waits for bids that hold the clearance; later ones see the end."""
    added = await tx.execute(
        insert(ClearanceEndRow)
        .values(
            clearance_id=clearance.clearance_id,
            org_id=clearance.org_id,
            ended_at=now,
            ended_by=actor.user_id,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(ClearanceEndRow.clearance_id)
    )
    return added.first() is not None


_EVIDENCE = select(EvidenceRow, EvidenceVerificationRow).outerjoin(
    EvidenceVerificationRow, EvidenceVerificationRow.evidence_id == EvidenceRow.evidence_id
)
_CLEARANCE = select(ClearanceRow, ClearanceEndRow).outerjoin(
    ClearanceEndRow, ClearanceEndRow.clearance_id == ClearanceRow.clearance_id
)


async def _one_case(tx: AsyncSession, query: Select[VerificationCaseRow]) -> Case | None:
    row = await tx.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _case(row)


def _case(row: VerificationCaseRow) -> Case:
    asked = Grant(frozenset(map(Capability, row.capabilities)), tuple(row.states), row.max_bid_cents, row.currency)
    return Case(
        row.case_id, row.org_id, row.opened_by, CaseState(row.state), asked, row.created_at, row.submitted_at,
        row.message, _plan(row), row.approved_by, row.declined_by, row.decided_at,
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
    return Plan(granted, row.prepared_valid_until, row.evidence_digest, row.prepared_by, row.prepared_at)


def _evidence(row: EvidenceRow, checked: EvidenceVerificationRow | None) -> Evidence:
    described = Description(
        EvidenceType(row.type), row.issuer, row.number, row.jurisdiction, row.issued_on, row.expires_on
    )
    found = Evidence(
        row.evidence_id, row.case_id, row.org_id, described, row.file_sha256, row.size_bytes, row.sealed_sha256,
        row.wrapped_key, row.uploaded_by, row.uploaded_at,
    )  # fmt: skip
    if checked is None:
        return found
    return replace(found, verified_by=checked.verified_by, verified_at=checked.verified_at, source=checked.source)


def _clearance(row: ClearanceRow, ended: ClearanceEndRow | None) -> Clearance:
    return Clearance(
        row.clearance_id, row.org_id, Capability(row.capability), tuple(row.states), row.max_bid_cents, row.currency,
        row.valid_from, row.valid_until, row.case_id, row.prepared_by, row.approved_by,
        None if ended is None else ended.ended_at, None if ended is None else ended.reason,
    )  # fmt: skip
