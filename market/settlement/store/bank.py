"""All SQL of bank accounts, statements and payouts."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from market.db.tables.rails import BankStatementRow, PaymentReferenceRow, SuspenseDecisionRow
from market.db.tables.settlement import (
    BankAccountRow,
    BankEntryRow,
    PayoutRow,
)
from market.kit.pages import PageRequest
from market.settlement.rules import PayoutState

# Two people have not said yet whose an entry in suspense is.
_IS_OPEN = ~exists().where(
    SuspenseDecisionRow.entry_id == BankEntryRow.entry_id, SuspenseDecisionRow.outcome == "confirmed"
)
_BATCH = 1000
_ENTRIES_AT_ONCE = 5_000
_ADD_ENTRIES = text(
    """INSERT INTO bank_entry (entry_id, statement_id, bank_account, entry_ref, direction, amount_cents, currency, booked_on,
        remittance, outcome, reference, org_id, corrects_entry_id, told_by)
    SELECT * FROM unnest(CAST(:entry_id AS uuid[]), CAST(:statement_id AS uuid[]), CAST(:bank_account AS text[]),
        CAST(:entry_ref AS text[]), CAST(:direction AS text[]), CAST(:amount_cents AS bigint[]), CAST(:currency AS text[]),
        CAST(:booked_on AS date[]), CAST(:remittance AS text[]), CAST(:outcome AS text[]), CAST(:reference AS text[]),
        CAST(:org_id AS uuid[]), CAST(:corrects_entry_id AS uuid[]), CAST(:told_by AS text[]))"""
)
_IMPORT_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('debtmarket bank statements'))")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where an organisation is paid to. The number itself stays sealed (None once erased); people see its last four characters."""

    bank_account_id: UUID
    org_id: UUID
    holder_name: str
    scheme: str
    last_four: str
    sealed_number: bytes | None
    usable_from_at: datetime
    created_by: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A statement that was applied; `chain` counts the statements of its currency from 1."""

    statement_id: UUID
    bank_account: str
    statement_ref: str
    currency: str
    chain: int
    opening_cents: int
    closing_cents: int
    entry_count: int
    file_sha256: str
    imported_by: UUID
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class BankEntry:
    entry_id: UUID
    statement_id: UUID
    bank_account: str
    entry_ref: str
    direction: str
    amount_cents: int
    currency: str
    booked_on: date | None
    remittance: str
    outcome: str
    reference: str | None
    org_id: UUID | None
    corrects_entry_id: UUID | None = None
    """The unmatched debit that this credit makes good; neither is in the ledger."""
    told_by: str | None = None
    """SHA-256 of the file of notices that told of this part of a batch; None for what the statement itself says."""


@dataclass(frozen=True, slots=True)
class Payout:
    """`settlement_id` is None for a withdrawal of free cash."""

    payout_id: UUID
    settlement_id: UUID | None
    org_id: UUID
    bank_account_id: UUID
    reference: str
    amount_cents: int
    currency: str
    state: PayoutState
    ordered_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None
    confirmed_entry_id: UUID | None
    returned_entry_id: UUID | None = None


async def keep_reference(tx: AsyncSession, org_id: UUID, reference: str) -> None:
    """Remember an organisation's payment reference, once."""
    await tx.execute(
        insert(PaymentReferenceRow)
        .values(org_id=org_id, reference=reference)
        .on_conflict_do_nothing(index_elements=["org_id"])
    )


async def orgs_by_reference(tx: AsyncSession, references: Collection[str]) -> dict[str, UUID]:
    """Whose the payment references are."""
    found = await tx.execute(
        select(PaymentReferenceRow.reference, PaymentReferenceRow.org_id).where(
            PaymentReferenceRow.reference == func.any(list(references))
        )
    )
    return {row.reference: row.org_id for row in found}


async def add_bank_account(tx: AsyncSession, account: BankAccount) -> None:
    tx.add(BankAccountRow(**{name: getattr(account, name) for name in BankAccount.__slots__}))
    await tx.flush()


async def lock_bank_account(tx: AsyncSession, org_id: UUID) -> None:
    """Accounts of one organisation are named one after the other (advisory lock, as in the trigger)."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"bank account {org_id}", 0))))


async def newest_bank_account(tx: AsyncSession, org_id: UUID) -> BankAccount | None:
    row = await tx.scalar(
        select(BankAccountRow)
        .where(BankAccountRow.org_id == org_id)
        .order_by(BankAccountRow.created_at.desc(), BankAccountRow.bank_account_id.desc())
        .limit(1)
    )
    return None if row is None else _bank_account(row)


async def find_bank_accounts(tx: AsyncSession, ids: Collection[UUID]) -> dict[UUID, BankAccount]:
    found = await tx.scalars(select(BankAccountRow).where(BankAccountRow.bank_account_id.in_(ids)))
    return {row.bank_account_id: _bank_account(row) for row in found}


async def lock_imports(tx: AsyncSession) -> None:
    """One import at a time: an advisory lock until the transaction ends, taken before all other locks."""
    await tx.execute(_IMPORT_LOCK)


async def last_statement(tx: AsyncSession, currency: str) -> KeptStatement | None:
    row = await tx.scalar(
        select(BankStatementRow)
        .where(BankStatementRow.currency == currency)
        .order_by(BankStatementRow.chain.desc())
        .limit(1)
    )
    return None if row is None else _statement(row)


async def statement_exists(tx: AsyncSession, bank_account: str, statement_ref: str) -> bool:
    query = exists().where(
        BankStatementRow.bank_account == bank_account, BankStatementRow.statement_ref == statement_ref
    )
    return bool(await tx.scalar(select(query)))


async def known_entry_refs(tx: AsyncSession, bank_account: str, refs: Sequence[str]) -> list[str]:
    """Those of `refs` that stand on a statement applied before."""
    found = await tx.scalars(
        select(BankEntryRow.entry_ref)
        .where(BankEntryRow.bank_account == bank_account, BankEntryRow.entry_ref == func.any(refs))
        .limit(5)
    )
    return list(found)


async def add_statement(tx: AsyncSession, statement: KeptStatement, entries: Sequence[BankEntry]) -> None:
    tx.add(BankStatementRow(**{name: getattr(statement, name) for name in KeptStatement.__slots__}))
    await tx.flush()
    for first in range(0, len(entries), _ENTRIES_AT_ONCE):
        rows = entries[first : first + _ENTRIES_AT_ONCE]
        await tx.execute(_ADD_ENTRIES, {name: [getattr(row, name) for row in rows] for name in BankEntry.__slots__})


async def list_statements(tx: AsyncSession, request: PageRequest) -> list[KeptStatement]:
    """Newest first."""
    query = select(BankStatementRow).order_by(BankStatementRow.statement_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(BankStatementRow.statement_id < request.after)
    return [_statement(row) for row in await tx.scalars(query)]


async def list_suspense(tx: AsyncSession, request: PageRequest) -> list[BankEntry]:
    """Entries that nobody was found for, oldest first."""
    query = (
        select(BankEntryRow)
        .where(BankEntryRow.outcome == "suspense", _IS_OPEN)
        .order_by(BankEntryRow.entry_id)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(BankEntryRow.entry_id > request.after)
    return [_bank_entry(row) for row in await tx.scalars(query)]


async def unmatched_debits(tx: AsyncSession, currency: str) -> list[BankEntry]:
    """What left the bank without an order of ours and was not made good: on the statement, not in the ledger."""
    corrects = aliased(BankEntryRow)
    found = await tx.scalars(
        select(BankEntryRow)
        .where(
            BankEntryRow.currency == currency,
            BankEntryRow.outcome == "suspense",
            BankEntryRow.direction == "debit",
            _IS_OPEN,
            ~exists().where(corrects.corrects_entry_id == BankEntryRow.entry_id),
        )
        .order_by(BankEntryRow.entry_id)
    )
    return [_bank_entry(row) for row in found]


async def add_payout(tx: AsyncSession, payout: Payout) -> None:
    values = {name: getattr(payout, name) for name in Payout.__slots__}
    tx.add(PayoutRow(**values | {"state": payout.state.value}))
    await tx.flush()


async def payouts_by_reference(tx: AsyncSession, references: Collection[str]) -> dict[str, Payout]:
    """Payouts by their references. Locks their rows in order of id."""
    found = await tx.scalars(
        select(PayoutRow)
        .where(PayoutRow.reference == func.any(list(references)))
        .order_by(PayoutRow.payout_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.reference: _payout(row) for row in found}


async def lock_payout(tx: AsyncSession, payout_id: UUID) -> Payout | None:
    """A payout; locks its row."""
    row = await tx.scalar(
        select(PayoutRow)
        .where(PayoutRow.payout_id == payout_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else _payout(row)


async def payout_of(tx: AsyncSession, settlement_id: UUID) -> Payout | None:
    row = await tx.scalar(select(PayoutRow).where(PayoutRow.settlement_id == settlement_id))
    return None if row is None else _payout(row)


async def list_payouts(tx: AsyncSession, request: PageRequest, state: PayoutState | None) -> list[Payout]:
    """Oldest first."""
    query = select(PayoutRow).order_by(PayoutRow.payout_id).limit(request.limit + 1)
    if state is not None:
        query = query.where(PayoutRow.state == state.value)
    if request.after is not None:
        query = query.where(PayoutRow.payout_id > request.after)
    return [_payout(row) for row in await tx.scalars(query)]


async def settlements_of_payouts(tx: AsyncSession, references: Collection[str]) -> list[UUID]:
    """The sales whose proceeds the references pay."""
    found = await tx.scalars(select(PayoutRow.settlement_id).where(PayoutRow.reference == func.any(list(references))))
    return [settlement_id for settlement_id in found if settlement_id is not None]


async def sent_payouts(tx: AsyncSession, before: datetime) -> AsyncIterator[Payout]:
    """All payouts sent before an instant that await the bank's answer, the longest first; read by pages, nothing is locked."""
    place = tuple_(PayoutRow.sent_at, PayoutRow.payout_id)
    query = (
        select(PayoutRow)
        .where(PayoutRow.state == PayoutState.SENT.value, PayoutRow.sent_at < before)
        .order_by(PayoutRow.sent_at, PayoutRow.payout_id)
        .limit(_BATCH)
    )
    page = (await tx.scalars(query)).all()
    while page:
        for row in page:
            yield _payout(row)
        page = (await tx.scalars(query.where(place > (page[-1].sent_at, page[-1].payout_id)))).all()


async def move_payout(
    tx: AsyncSession,
    payout_id: UUID,
    state: PayoutState,
    *,
    sent_at: datetime | None,
    confirmed_at: datetime | None = None,
    entry_id: UUID | None = None,
) -> None:
    await tx.execute(
        update(PayoutRow)
        .where(PayoutRow.payout_id == payout_id)
        .values(state=state.value, sent_at=sent_at, confirmed_at=confirmed_at, confirmed_entry_id=entry_id)
    )


async def mark_returned(tx: AsyncSession, payout_id: UUID, entry_id: UUID) -> None:
    await tx.execute(
        update(PayoutRow)
        .where(PayoutRow.payout_id == payout_id)
        .values(state=PayoutState.RETURNED.value, returned_entry_id=entry_id)
    )


async def find_payout(tx: AsyncSession, payout_id: UUID) -> Payout | None:
    row = await tx.scalar(select(PayoutRow).where(PayoutRow.payout_id == payout_id))
    return None if row is None else _payout(row)


def _bank_account(row: BankAccountRow) -> BankAccount:
    return BankAccount(*(getattr(row, name) for name in BankAccount.__slots__))


def _statement(row: BankStatementRow) -> KeptStatement:
    return KeptStatement(*(getattr(row, name) for name in KeptStatement.__slots__))


def _bank_entry(row: BankEntryRow) -> BankEntry:
    return BankEntry(*(getattr(row, name) for name in BankEntry.__slots__))


def _payout(row: PayoutRow) -> Payout:
    values = {name: getattr(row, name) for name in Payout.__slots__}
    return Payout(**values | {"state": PayoutState(row.state)})
