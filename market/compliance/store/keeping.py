"""SQL of retention: what is kept until when, and its erasure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.requirements import EvidenceType
from market.compliance.retention import Kept, PartyKept
from market.db.tables.compliance import (
    BeneficialOwnerRow,
    CaseMessageRow,
    EvidenceRow,
    EvidenceVerificationRow,
)
from market.db.tables.erasures import EvidenceErasureRow, PartyErasureRow

_DUE_BY = text(
    "SELECT evidence_id, case_id, org_id, type, rule, due_at, held FROM evidence_retention()"
    " WHERE due_at <= :until ORDER BY due_at, evidence_id LIMIT :limit"
)
_UNHELD = text(
    "SELECT evidence_id, case_id, org_id, type, rule, due_at, held FROM evidence_retention()"
    " WHERE due_at <= :until AND NOT held ORDER BY due_at, evidence_id LIMIT :limit"
)

_PARTIES_BY = text(
    "SELECT org_id, due_at, held FROM party_retention() WHERE due_at <= :until ORDER BY due_at, org_id LIMIT :limit"
)
_UNHELD_PARTIES = text(
    "SELECT org_id, due_at, held FROM party_retention() WHERE due_at <= :until AND NOT held"
    " ORDER BY due_at, org_id LIMIT :limit"
)


async def due_by(tx: AsyncSession, until: datetime, limit: int) -> list[Kept]:
    """Papers whose time is over by then, held ones too, the longest overdue first."""
    return [_kept(row) for row in await tx.execute(_DUE_BY, {"until": until, "limit": limit})]


async def unheld_due_by(tx: AsyncSession, until: datetime, limit: int) -> list[Kept]:
    """Papers whose time is over by then and that no hold keeps."""
    return [_kept(row) for row in await tx.execute(_UNHELD, {"until": until, "limit": limit})]


async def erase(tx: AsyncSession, kept: Kept, now: datetime) -> None:
    """Note the erasure (the database refuses one that is not due) and destroy the paper's key and what was read off it."""
    await tx.execute(
        insert(EvidenceErasureRow).values(
            evidence_id=kept.evidence_id, case_id=kept.case_id, org_id=kept.org_id, rule=kept.rule,
            due_at=kept.due_at, erased_at=now,
        )
    )  # fmt: skip
    verified = EvidenceVerificationRow.evidence_id == kept.evidence_id
    await tx.execute(update(EvidenceVerificationRow).where(verified).values(extracted=None))
    gone = update(EvidenceRow).where(EvidenceRow.evidence_id == kept.evidence_id)
    await tx.execute(gone.values(wrapped_key=None, number=""))


async def erase_people(tx: AsyncSession, case_ids: Sequence[UUID]) -> None:
    """Of cases whose last paper is erased, the owners' names and the talk go too."""
    left = exists(
        select(EvidenceRow.evidence_id).where(
            EvidenceRow.case_id == BeneficialOwnerRow.case_id, EvidenceRow.wrapped_key.is_not(None)
        )
    )
    owners = update(BeneficialOwnerRow).where(BeneficialOwnerRow.case_id.in_(case_ids), ~left)
    await tx.execute(owners.values(name="erased", birth_date=None).execution_options(synchronize_session=False))
    left_of_talk = exists(
        select(EvidenceRow.evidence_id).where(
            EvidenceRow.case_id == CaseMessageRow.case_id, EvidenceRow.wrapped_key.is_not(None)
        )
    )
    talk = update(CaseMessageRow).where(CaseMessageRow.case_id.in_(case_ids), ~left_of_talk)
    await tx.execute(talk.values(text="erased").execution_options(synchronize_session=False))


async def parties_due_by(tx: AsyncSession, until: datetime, limit: int) -> list[PartyKept]:
    """Parties whose time is over by then, held ones too, the longest gone first."""
    return [PartyKept(*row) for row in await tx.execute(_PARTIES_BY, {"until": until, "limit": limit})]


async def unheld_parties_due_by(tx: AsyncSession, until: datetime, limit: int) -> list[PartyKept]:
    """Parties whose time is over by then and that no hold keeps."""
    return [PartyKept(*row) for row in await tx.execute(_UNHELD_PARTIES, {"until": until, "limit": limit})]


async def forget_party(tx: AsyncSession, kept: PartyKept, now: datetime) -> None:
    """Note the erasure; with it the database empties what is kept of the party. It refuses one that is not due.

    Locks the organisation.
    """
    await tx.execute(insert(PartyErasureRow).values(org_id=kept.org_id, due_at=kept.due_at, erased_at=now))


async def forget_staff(tx: AsyncSession) -> list[tuple[UUID, UUID]]:
    """Up to 50 of the staff whose access ended ten years ago are no more than an id: (person, organisation) of each."""
    found = await tx.execute(text("SELECT gone_user_id, gone_org_id FROM forget_staff()"))
    return [(user_id, org_id) for user_id, org_id in found]


def _kept(row: Sequence[object]) -> Kept:
    evidence_id, case_id, org_id, type_, rule, due_at, held = row
    return Kept(evidence_id, case_id, org_id, EvidenceType(str(type_)), str(rule), due_at, bool(held))  # type: ignore[arg-type]
