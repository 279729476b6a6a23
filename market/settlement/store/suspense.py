"""All SQL of matching by two people."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import SuspenseDecisionRow, SuspenseProposalRow
from market.db.tables.settlement import BankEntryRow
from market.kit.pages import PageRequest
from market.settlement.store.bank import BankEntry


@dataclass(frozen=True, slots=True)
class Proposal:
    """`org_id` is None for the platform's own: a debit to be borne by its commission."""

    proposal_id: UUID
    entry_id: UUID
    org_id: UUID | None
    reason: str
    proposed_by: UUID
    at: datetime


async def find_entry(tx: AsyncSession, entry_id: UUID) -> BankEntry | None:
    row = await tx.scalar(select(BankEntryRow).where(BankEntryRow.entry_id == entry_id))
    return None if row is None else BankEntry(*(getattr(row, name) for name in BankEntry.__slots__))


async def is_corrected(tx: AsyncSession, entry_id: UUID) -> bool:
    """Whether a later credit made this debit good."""
    return bool(await tx.scalar(select(exists().where(BankEntryRow.corrects_entry_id == entry_id))))


async def is_matched(tx: AsyncSession, entry_id: UUID) -> bool:
    """Whether two people have said whose the entry is."""
    query = exists().where(SuspenseDecisionRow.entry_id == entry_id, SuspenseDecisionRow.outcome == "confirmed")
    return bool(await tx.scalar(select(query)))


async def add_proposal(tx: AsyncSession, proposal: Proposal) -> None:
    tx.add(SuspenseProposalRow(**{name: getattr(proposal, name) for name in Proposal.__slots__}))
    await tx.flush()


async def find_proposal(tx: AsyncSession, proposal_id: UUID) -> tuple[Proposal, str | None] | None:
    """A proposal and how it was decided (None: it is open)."""
    found = (
        await tx.execute(
            select(SuspenseProposalRow, SuspenseDecisionRow.outcome)
            .outerjoin(SuspenseDecisionRow, SuspenseDecisionRow.proposal_id == SuspenseProposalRow.proposal_id)
            .where(SuspenseProposalRow.proposal_id == proposal_id)
        )
    ).one_or_none()
    return None if found is None else (_proposal(found[0]), found[1])


async def list_open(tx: AsyncSession, request: PageRequest) -> list[Proposal]:
    """Proposals that nobody has decided, of entries that are not matched otherwise; oldest first."""
    decided = exists().where(SuspenseDecisionRow.proposal_id == SuspenseProposalRow.proposal_id)
    matched = exists().where(
        SuspenseDecisionRow.entry_id == SuspenseProposalRow.entry_id, SuspenseDecisionRow.outcome == "confirmed"
    )
    query = (
        select(SuspenseProposalRow)
        .where(~decided, ~matched)
        .order_by(SuspenseProposalRow.proposal_id)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(SuspenseProposalRow.proposal_id > request.after)
    return [_proposal(row) for row in await tx.scalars(query)]


async def add_decision(tx: AsyncSession, proposal: Proposal, *, outcome: str, decided_by: UUID, now: datetime) -> None:
    tx.add(
        SuspenseDecisionRow(
            proposal_id=proposal.proposal_id, entry_id=proposal.entry_id, outcome=outcome, decided_by=decided_by, at=now
        )
    )
    await tx.flush()


def _proposal(row: SuspenseProposalRow) -> Proposal:
    return Proposal(*(getattr(row, name) for name in Proposal.__slots__))
