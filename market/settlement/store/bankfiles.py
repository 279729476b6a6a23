"""All SQL of files of payment orders, and of what payment providers told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import BankFilePayoutRow, BankFileRow, ProviderEventRow
from market.db.tables.settlement import PayoutRow
from market.kit.pages import PageRequest
from market.settlement.rails.stripe import Event
from market.settlement.rules import PayoutState
from market.settlement.store.bank import Payout


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file as it was made; its bytes follow from this and its payouts, and have the digest `sha256`."""

    bank_file_id: UUID
    format: str
    currency: str
    file_ref: str
    originator: dict[str, Any]
    execute_on: date
    payout_count: int
    total_cents: int
    sha256: str
    created_by: UUID
    created_at: datetime


async def ordered_payouts(tx: AsyncSession, currency: str, limit: int) -> list[Payout]:
    """Payouts that await being sent, oldest first."""
    found = await tx.scalars(
        select(PayoutRow)
        .where(PayoutRow.currency == currency, PayoutRow.state == PayoutState.ORDERED.value)
        .order_by(PayoutRow.payout_id)
        .limit(limit)
    )
    return [_payout(row) for row in found]


async def add_file(tx: AsyncSession, file: BankFile, payout_ids: Sequence[UUID]) -> None:
    tx.add(BankFileRow(**{name: getattr(file, name) for name in BankFile.__slots__}))
    await tx.flush()
    tx.add_all(
        BankFilePayoutRow(bank_file_id=file.bank_file_id, payout_id=payout_id, position=number)
        for number, payout_id in enumerate(payout_ids, 1)
    )
    await tx.flush()


async def find_file(tx: AsyncSession, bank_file_id: UUID) -> BankFile | None:
    row = await tx.scalar(select(BankFileRow).where(BankFileRow.bank_file_id == bank_file_id))
    return None if row is None else _file(row)


async def payouts_of(tx: AsyncSession, bank_file_id: UUID) -> list[Payout]:
    """The payouts of a file, in its order."""
    found = await tx.scalars(
        select(PayoutRow)
        .join(BankFilePayoutRow, BankFilePayoutRow.payout_id == PayoutRow.payout_id)
        .where(BankFilePayoutRow.bank_file_id == bank_file_id)
        .order_by(BankFilePayoutRow.position)
    )
    return [_payout(row) for row in found]


async def list_files(tx: AsyncSession, request: PageRequest) -> list[BankFile]:
    """Newest first."""
    query = select(BankFileRow).order_by(BankFileRow.bank_file_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(BankFileRow.bank_file_id < request.after)
    return [_file(row) for row in await tx.scalars(query)]


async def add_event(tx: AsyncSession, provider: str, event: Event, body_sha256: str, now: datetime) -> bool:
    """Keep a provider's message; False if it was kept before."""
    added = await tx.execute(
        insert(ProviderEventRow)
        .values(
            provider=provider, event_id=event.event_id, kind=event.kind, reference=event.reference,
            body_sha256=body_sha256, received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["provider", "event_id"])
        .returning(ProviderEventRow.event_id)
    )  # fmt: skip
    return added.one_or_none() is not None


def _file(row: BankFileRow) -> BankFile:
    return BankFile(*(getattr(row, name) for name in BankFile.__slots__))


def _payout(row: PayoutRow) -> Payout:
    values = {name: getattr(row, name) for name in Payout.__slots__}
    return Payout(**values | {"state": PayoutState(row.state)})
