"""All SQL of the ledger. Writing is one call of the database function `ledger_apply`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, case, func, literal, select, text, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from market.db.tables.settlement import LedgerAccountRow, LedgerResolutionRow, LedgerTransferRow
from market.kit.pages import PageRequest
from market.settlement.moves import HeldDeposit, Move, Transfer, deposits
from market.settlement.rules import InsufficientFunds, TransferConflict

_APPLY = text("SELECT ledger_apply(CAST(:moves AS jsonb))")
_POST_ALL = text("SELECT ledger_post_all(CAST(:moves AS jsonb))")
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
_REPEATED = frozenset({"LG001", "LG002"})


@dataclass(frozen=True, slots=True)
class Account:
    """Sums since the account was opened, in minor units. `balance_cents` is on the account's own side.

    `available_cents` is what of it is not reserved.
    """

    account_id: UUID
    name: str
    currency: str
    side: str
    debits_posted_cents: int
    credits_posted_cents: int
    debits_pending_cents: int
    credits_pending_cents: int

    @property
    def balance_cents(self) -> int:
        balance = self.credits_posted_cents - self.debits_posted_cents
        return -balance if self.side == "debit" else balance

    @property
    def available_cents(self) -> int:
        return self.balance_cents - (self.credits_pending_cents if self.side == "debit" else self.debits_pending_cents)


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as it stands: `state` is posted, pending, voided or expired; `posted_cents` is what has moved."""

    transfer_id: UUID
    position: int
    at: datetime
    kind: str
    subject: str
    debit: str
    credit: str
    currency: str
    amount_cents: int
    posted_cents: int
    state: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The books of one currency; see `service.trial_balance` for what must hold."""

    currency: str
    debits_cents: int
    credits_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int
    drifted_account_count: int


async def apply(tx: AsyncSession, moves: Sequence[Move]) -> int:
    """Apply all moves or none; returns how many were new. Locks their accounts in order of id.

    Raises `InsufficientFunds` if an account would go below zero, `TransferConflict` if an id was used for something else.
    """
    if not moves:
        return 0
    with _told():
        result = await tx.execute(_APPLY, {"moves": json.dumps([move.to_json() for move in moves])})
    return int(result.scalar_one())


async def post_all(tx: AsyncSession, transfers: Sequence[Transfer]) -> int:
    """Post up to 250,000 transfers at once or none; returns how many were new. Locks their accounts in order of id.

    Each account changes once, by the sum, so that a large statement takes seconds; on a machine that does much else it may
    take ten minutes. Raises as `apply` does.
    """
    if not transfers:
        return 0
    await tx.execute(_PATIENCE)
    with _told():
        result = await tx.execute(_POST_ALL, {"moves": json.dumps([each.to_json() for each in transfers])})
    return int(result.scalar_one())


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses, in the words of this room."""
    try:
        yield
    except DBAPIError as error:
        state, constraint = _cause(error)
        if constraint == "ck_ledger_account_covered":
            raise InsufficientFunds("an account does not hold the amount that would leave it") from error
        if state in _REPEATED or constraint in {"pk_ledger_transfer", "uq_ledger_resolution_resolution_id"}:
            raise TransferConflict("this transfer exists with another content") from error
        raise


def _cause(error: DBAPIError) -> tuple[str | None, str | None]:
    cause: Any = getattr(error.orig, "__cause__", None)
    return getattr(cause, "sqlstate", None), getattr(cause, "constraint_name", None)


async def find_account(tx: AsyncSession, name: str, currency: str) -> Account | None:
    """An account as of now, or None before its first transfer or if it is not the actor's to see."""
    row = await tx.scalar(
        select(LedgerAccountRow)
        .where(LedgerAccountRow.name == name, LedgerAccountRow.currency == currency)
        .execution_options(populate_existing=True)
    )
    return None if row is None else _account(row)


async def list_accounts(tx: AsyncSession, request: PageRequest) -> list[Account]:
    """The accounts that the actor may see, and one more than the page holds if there is one."""
    query = select(LedgerAccountRow).order_by(LedgerAccountRow.account_id).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(LedgerAccountRow.account_id > request.after)
    return [_account(row) for row in await tx.scalars(query)]


async def list_entries(tx: AsyncSession, request: PageRequest) -> list[Entry]:
    """The transfers that the actor may see, oldest first, and one more than the page holds if there is one."""
    query = _entries().order_by(LedgerTransferRow.position).limit(request.limit + 1)
    if request.after is not None:
        after = select(LedgerTransferRow.position).where(LedgerTransferRow.transfer_id == request.after)
        query = query.where(LedgerTransferRow.position > after.scalar_subquery())
    return [_entry(row) for row in await tx.execute(query)]


async def entries_of(tx: AsyncSession, subject: str) -> list[Entry]:
    """The transfers of one subject that the actor may see, in order, 1,000 at most."""
    found = await tx.execute(
        _entries().where(LedgerTransferRow.subject == subject).order_by(LedgerTransferRow.position).limit(1_000)
    )
    return [_entry(row) for row in found]


async def find_entry(tx: AsyncSession, transfer_id: UUID) -> Entry | None:
    row = (await tx.execute(_entries().where(LedgerTransferRow.transfer_id == transfer_id))).one_or_none()
    return None if row is None else _entry(row)


async def held_deposits(tx: AsyncSession, auction_id: UUID, *, org_id: UUID | None = None) -> list[HeldDeposit]:
    """The reservations for an auction that are not resolved, of all bidders or of one, in order of organisation."""
    debit, credit = aliased(LedgerAccountRow), aliased(LedgerAccountRow)
    query = (
        select(LedgerTransferRow.transfer_id, type_coerce(debit.org_id, Uuid()), LedgerTransferRow.amount_cents)
        .join(debit, debit.account_id == LedgerTransferRow.debit_account_id)
        .outerjoin(LedgerResolutionRow, LedgerResolutionRow.transfer_id == LedgerTransferRow.transfer_id)
        .where(
            LedgerTransferRow.phase == "pending",
            LedgerTransferRow.subject == f"auction:{auction_id}",
            LedgerResolutionRow.transfer_id.is_(None),
        )
        .order_by(debit.org_id)
        .limit(10_000)
    )
    if org_id is None:
        query = query.join(credit, credit.account_id == LedgerTransferRow.credit_account_id).where(
            credit.name == deposits(auction_id)
        )
    else:
        query = query.where(debit.org_id == org_id)
    return [HeldDeposit(*row) for row in await tx.execute(query)]


async def trial_balances(tx: AsyncSession) -> list[TrialBalance]:
    """The books of every currency, with the counters compared with the sums of the transfers."""
    return [TrialBalance(*map(_plain, row)) for row in await tx.execute(_TRIAL_BALANCE)]


_TRIAL_BALANCE = text("""
    WITH leg AS (
        SELECT debit_account_id AS account_id, amount_cents AS debit, 0 AS credit, phase, transfer_id FROM ledger_transfer
        UNION ALL SELECT credit_account_id, 0, amount_cents, phase, transfer_id FROM ledger_transfer
    ), summed AS (
        SELECT leg.account_id,
            sum(CASE WHEN phase = 'posted' THEN debit ELSE least(debit, coalesce(r.posted_cents, 0)) END) AS debits,
            sum(CASE WHEN phase = 'posted' THEN credit ELSE least(credit, coalesce(r.posted_cents, 0)) END) AS credits,
            sum(debit) FILTER (WHERE phase = 'pending' AND r.transfer_id IS NULL) AS debits_pending,
            sum(credit) FILTER (WHERE phase = 'pending' AND r.transfer_id IS NULL) AS credits_pending
        FROM leg LEFT JOIN ledger_resolution r USING (transfer_id)
        GROUP BY leg.account_id
    )
    SELECT a.currency, sum(debits_posted_cents), sum(credits_posted_cents),
        coalesce(sum(debits_posted_cents - credits_posted_cents) FILTER (WHERE name = 'bank:fbo'), 0),
        coalesce(sum(credits_posted_cents - debits_posted_cents)
            FILTER (WHERE name ~ '^(clearing|org|deposit|escrow|holdback|tax):'), 0),
        coalesce(sum(credits_posted_cents - debits_posted_cents)
            FILTER (WHERE name ~ '^(rev|loss|fx):' OR name = 'bank:op'), 0),
        count(*) FILTER (WHERE (debits_posted_cents, credits_posted_cents, debits_pending_cents, credits_pending_cents)
            IS DISTINCT FROM (coalesce(debits, 0), coalesce(credits, 0),
                coalesce(debits_pending, 0), coalesce(credits_pending, 0)))
    FROM ledger_account a LEFT JOIN summed USING (account_id)
    GROUP BY a.currency ORDER BY a.currency
""")


def _entries() -> Any:
    debit, credit, row, end = (
        aliased(LedgerAccountRow),
        aliased(LedgerAccountRow),
        LedgerTransferRow,
        LedgerResolutionRow,
    )
    # Of the other side's account a party sees the kind, never whose it is.
    return (
        select(
            row.transfer_id,
            row.position,
            row.at,
            row.kind,
            row.subject,
            func.coalesce(debit.name, literal("(not yours)")),
            func.coalesce(credit.name, literal("(not yours)")),
            row.currency,
            row.amount_cents,
            func.coalesce(end.posted_cents, case((row.phase == "posted", row.amount_cents), else_=0)),
            func.coalesce(end.outcome, row.phase),
            end.at,
        )
        .outerjoin(debit, debit.account_id == row.debit_account_id)
        .outerjoin(credit, credit.account_id == row.credit_account_id)
        .outerjoin(end, end.transfer_id == row.transfer_id)
    )


def _account(row: LedgerAccountRow) -> Account:
    return Account(
        row.account_id, row.name, row.currency, row.side,
        row.debits_posted_cents, row.credits_posted_cents, row.debits_pending_cents, row.credits_pending_cents,
    )  # fmt: skip


def _entry(row: Any) -> Entry:
    return Entry(*row)


def _plain(value: Any) -> Any:
    """Sums of bigint arrive as decimals."""
    return value if isinstance(value, str) else int(value)
