"""SQL of what officers say and decide together: messages, appeals, proposals, holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import Row, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.proposals import Hold, Kind, Proposal
from market.compliance.rules import Appeal, Case, Message
from market.db.tables.compliance import (
    AppealDecisionRow,
    CaseAppealRow,
    CaseMessageRow,
    LegalHoldRow,
    ProposalDecisionRow,
    ProposalRow,
)
from market.kit.pages import PageRequest

Side = Literal["officer", "party"]


async def add_message(
    tx: AsyncSession, case: Case, message_id: UUID, *, author_id: UUID | None, side: Side, text: str, now: datetime
) -> None:
    await tx.execute(
        insert(CaseMessageRow).values(
            message_id=message_id, case_id=case.case_id, org_id=case.org_id, author_id=author_id, side=side, text=text,
            at=now,
        )
    )  # fmt: skip


async def list_messages(tx: AsyncSession, case_id: UUID) -> list[Message]:
    """The talk of a case in order, the last 500 lines."""
    newest = (
        select(CaseMessageRow).where(CaseMessageRow.case_id == case_id).order_by(CaseMessageRow.at.desc()).limit(500)
    )
    found = [
        Message(row.message_id, row.case_id, cast("Side", row.side), row.text, row.at)
        for row in await tx.scalars(newest)
    ]
    return found[::-1]


async def count_messages(tx: AsyncSession, case_id: UUID) -> int:
    query = select(func.count()).select_from(CaseMessageRow).where(CaseMessageRow.case_id == case_id)
    return int(await tx.scalar(query) or 0)


# Appeals.


async def add_appeal(tx: AsyncSession, appeal: Appeal, appealed_by: UUID | None) -> bool:
    """False if the case was appealed before."""
    added = await tx.execute(
        upsert(CaseAppealRow)
        .values(
            appeal_id=appeal.appeal_id,
            case_id=appeal.case_id,
            org_id=appeal.org_id,
            declined_by=appeal.declined_by,
            appealed_by=appealed_by,
            grounds=appeal.grounds,
            appealed_at=appeal.appealed_at,
            due_at=appeal.due_at,
        )
        .on_conflict_do_nothing()
        .returning(CaseAppealRow.appeal_id)
    )
    return added.first() is not None


async def find_appeal(tx: AsyncSession, case_id: UUID) -> Appeal | None:
    found = (await tx.execute(_APPEAL.where(CaseAppealRow.case_id == case_id))).first()
    return None if found is None else _appeal(*found)


async def open_appeals(tx: AsyncSession) -> list[Appeal]:
    """Appeals that nobody has decided, the one due first at the head; at most 200."""
    query = _APPEAL.where(AppealDecisionRow.appeal_id.is_(None)).order_by(CaseAppealRow.due_at).limit(200)
    return [_appeal(row, decided) for row, decided in (await tx.execute(query))]


async def decide_appeal(
    tx: AsyncSession, appeal: Appeal, *, decided_by: UUID | None, upheld: bool, reason: str, now: datetime
) -> None:
    await tx.execute(
        insert(AppealDecisionRow).values(
            appeal_id=appeal.appeal_id,
            case_id=appeal.case_id,
            org_id=appeal.org_id,
            declined_by=appeal.declined_by,
            decided_by=decided_by,
            upheld=upheld,
            reason=reason,
            decided_at=now,
        )
    )


_APPEAL = select(CaseAppealRow, AppealDecisionRow).outerjoin(
    AppealDecisionRow, AppealDecisionRow.appeal_id == CaseAppealRow.appeal_id
)


def _appeal(row: CaseAppealRow, decided: AppealDecisionRow | None) -> Appeal:
    found = (row.appeal_id, row.case_id, row.org_id, row.declined_by, row.grounds, row.appealed_at, row.due_at)
    if decided is None:
        return Appeal(*found)
    return Appeal(*found, decided.upheld, decided.reason, decided.decided_by)


# Proposals.


async def add_proposal(tx: AsyncSession, proposal: Proposal) -> None:
    await tx.execute(
        insert(ProposalRow).values(
            proposal_id=proposal.proposal_id,
            kind=proposal.kind.value,
            org_id=proposal.org_id,
            subject_id=proposal.subject_id,
            reason=proposal.reason,
            proposed_by=proposal.proposed_by,
            proposed_at=proposal.proposed_at,
        )
    )


async def lock_proposal(tx: AsyncSession, proposal_id: UUID) -> Proposal | None:
    """Locks the proposal by an advisory lock: two who decide it at once take turns."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"proposal:{proposal_id}", 0))))
    found = (await tx.execute(_PROPOSAL.where(ProposalRow.proposal_id == proposal_id))).first()
    return None if found is None else _proposal(found)


async def open_proposal(tx: AsyncSession, kind: Kind, subject_id: UUID) -> Proposal | None:
    """The oldest proposal of this kind about this subject that nobody has decided."""
    query = _PROPOSAL.where(
        ProposalRow.kind == kind.value, ProposalRow.subject_id == subject_id, ProposalDecisionRow.proposal_id.is_(None)
    )
    found = (await tx.execute(query.order_by(ProposalRow.proposal_id).limit(1))).first()
    return None if found is None else _proposal(found)


async def list_proposals(tx: AsyncSession, page: PageRequest) -> list[Proposal]:
    """Up to one more than asked for, newest first."""
    query = _PROPOSAL.order_by(ProposalRow.proposal_id.desc()).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(ProposalRow.proposal_id < page.after)
    return [_proposal(row) for row in await tx.execute(query)]


async def carried(
    tx: AsyncSession, kinds: Sequence[Kind], *, org_id: UUID | None = None, subject_id: UUID | None = None
) -> Proposal | None:
    """The proposal of these kinds about this organisation or subject that was carried last."""
    query = _PROPOSAL.where(ProposalRow.kind.in_([kind.value for kind in kinds]), ProposalDecisionRow.carried)
    if org_id is not None:
        query = query.where(ProposalRow.org_id == org_id)
    if subject_id is not None:
        query = query.where(ProposalRow.subject_id == subject_id)
    found = (await tx.execute(query.order_by(ProposalDecisionRow.decided_at.desc()).limit(1))).first()
    return None if found is None else _proposal(found)


async def decide_proposal(
    tx: AsyncSession, proposal: Proposal, *, decided_by: UUID | None, carried_: bool, reason: str, now: datetime
) -> None:
    await tx.execute(
        insert(ProposalDecisionRow).values(
            proposal_id=proposal.proposal_id,
            proposed_by=proposal.proposed_by,
            decided_by=decided_by,
            carried=carried_,
            reason=reason,
            decided_at=now,
        )
    )


_PROPOSAL = select(ProposalRow, ProposalDecisionRow).outerjoin(
    ProposalDecisionRow, ProposalDecisionRow.proposal_id == ProposalRow.proposal_id
)


def _proposal(found: Row[ProposalRow, ProposalDecisionRow]) -> Proposal:
    row, decided = found[0], cast("ProposalDecisionRow | None", found[1])
    proposed = (
        row.proposal_id, Kind(row.kind), row.org_id, row.subject_id, row.reason, row.proposed_by, row.proposed_at,
    )  # fmt: skip
    if decided is None:
        return Proposal(*proposed)
    return Proposal(*proposed, decided.carried, decided.decided_by, decided.reason, decided.decided_at)


# Holds.


async def add_hold(tx: AsyncSession, hold: Hold) -> None:
    await tx.execute(
        insert(LegalHoldRow).values(
            hold_id=hold.hold_id, org_id=hold.org_id, reason=hold.reason, placed_by=hold.placed_by,
            placed_at=hold.placed_at,
        )
    )  # fmt: skip


async def list_holds(tx: AsyncSession) -> list[Hold]:
    """Every hold, newest first, at most 500; those that two officers released say so."""
    released = (
        select(ProposalRow.subject_id)
        .join(ProposalDecisionRow, ProposalDecisionRow.proposal_id == ProposalRow.proposal_id)
        .where(ProposalRow.kind == Kind.RELEASE_HOLD.value, ProposalDecisionRow.carried)
    )
    query = select(LegalHoldRow, LegalHoldRow.hold_id.in_(released)).order_by(LegalHoldRow.hold_id.desc()).limit(500)
    return [
        Hold(row.hold_id, row.org_id, row.reason, row.placed_by, row.placed_at, is_released=is_released)
        for row, is_released in (await tx.execute(query))
    ]
