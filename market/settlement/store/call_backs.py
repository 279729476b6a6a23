"""All SQL of calling back about changed bank accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from market.db.tables.rails import CallBackRow
from market.db.tables.settlement import BankAccountRow
from market.kit.pages import PageRequest


async def is_confirmed(tx: AsyncSession, bank_account_id: UUID) -> bool:
    """Whether it is the organisation's first account and in its name, or somebody called back. The database holds the rule."""
    return bool(await tx.scalar(select(func.bank_account_is_confirmed(bank_account_id))))


async def unconfirmed(tx: AsyncSession, request: PageRequest) -> list[UUID]:
    """The accounts that their organisations named last and that wait for a call back, oldest first; one more than asked."""
    later = aliased(BankAccountRow)
    mine, other = (tuple_(row.created_at, row.bank_account_id) for row in (BankAccountRow, later))
    query = (
        select(BankAccountRow.bank_account_id)
        .where(
            ~func.bank_account_is_confirmed(BankAccountRow.bank_account_id),
            ~exists().where(later.org_id == BankAccountRow.org_id, other > mine),
        )
        .order_by(BankAccountRow.bank_account_id)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(BankAccountRow.bank_account_id > request.after)
    return list(await tx.scalars(query))


async def add(
    tx: AsyncSession, bank_account_id: UUID, *, org_id: UUID, called_by: UUID, note: str, now: datetime
) -> None:
    tx.add(CallBackRow(bank_account_id=bank_account_id, org_id=org_id, called_by=called_by, note=note, at=now))
    await tx.flush()


async def erase_due_notes(tx: AsyncSession) -> list[tuple[UUID, UUID]]:
    """Up to 50 notes whose time is over are no more: (bank account, organisation) of each. The database holds the rule."""
    found = await tx.execute(_ERASE_DUE)
    return [(bank_account_id, org_id) for bank_account_id, org_id in found]


_ERASE_DUE = text(
    """UPDATE bank_account_call_back SET note = 'erased by rule' WHERE bank_account_id IN (
        SELECT bank_account_id FROM bank_account_call_back
        WHERE note <> 'erased by rule' AND call_back_note_due_at(org_id, at) <= clock_timestamp()
        ORDER BY bank_account_id LIMIT 50) RETURNING bank_account_id, org_id"""
)
