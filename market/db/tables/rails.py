from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base

_PERSON = "person.user_id"


class PaymentReferenceRow(Base):
    """What an organisation writes on a wire so that the money reaches its cash account."""

    __tablename__ = "payment_reference"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)


class BankStatementRow(Base):
    __tablename__ = "bank_statement"

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    bank_account: Mapped[str]
    statement_ref: Mapped[str]
    currency: Mapped[str]
    chain: Mapped[int]
    opening_cents: Mapped[int]
    closing_cents: Mapped[int]
    entry_count: Mapped[int]
    file_sha256: Mapped[str]
    imported_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    imported_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("bank_account", "statement_ref"), UniqueConstraint("currency", "chain"))


class SealedDocumentRow(Base):
    """A document as delivered: `pdf` begins with what `facts` render to, whose digest is `base_sha256`."""

    __tablename__ = "sealed_document"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[str]
    base_sha256: Mapped[str]
    sha256: Mapped[str]
    level: Mapped[str]
    pdf: Mapped[bytes] = mapped_column(deferred=True)
    sealed_at: Mapped[datetime]


class BankFileRow(Base):
    """A file of payment orders. Its bytes follow from this row and its payouts; `sha256` is their digest."""

    __tablename__ = "bank_file"

    bank_file_id: Mapped[UUID] = mapped_column(primary_key=True)
    format: Mapped[str]
    currency: Mapped[str]
    file_ref: Mapped[str] = mapped_column(unique=True)
    originator: Mapped[dict[str, Any]]
    execute_on: Mapped[date]
    payout_count: Mapped[int]
    total_cents: Mapped[int]
    sha256: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    created_at: Mapped[datetime]


class BankFilePayoutRow(Base):
    __tablename__ = "bank_file_payout"

    bank_file_id: Mapped[UUID] = mapped_column(ForeignKey("bank_file.bank_file_id"), primary_key=True)
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.payout_id"), primary_key=True, index=True)
    position: Mapped[int]

    __table_args__ = (UniqueConstraint("bank_file_id", "position"),)


class SweepRow(Base):
    """One person's order to pay out what the platform earned (`commission`), or owes in tax, to an organisation's account."""

    __tablename__ = "sweep"

    sweep_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    currency: Mapped[str]
    amount_cents: Mapped[int]
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    proposed_at: Mapped[datetime]


class SweepDecisionRow(Base):
    """Another person's word on it; once confirmed there is a payout of the same id."""

    __tablename__ = "sweep_decision"

    sweep_id: Mapped[UUID] = mapped_column(ForeignKey("sweep.sweep_id"), primary_key=True)
    outcome: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    decided_at: Mapped[datetime]


class WriteOffRow(Base):
    """One person's wish that the platform bears what a sale's payment came short. Append-only."""

    __tablename__ = "write_off"

    write_off_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), index=True)
    amount_cents: Mapped[int]
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    proposed_at: Mapped[datetime]


class WriteOffDecisionRow(Base):
    """Another person's word on it. Append-only."""

    __tablename__ = "write_off_decision"

    write_off_id: Mapped[UUID] = mapped_column(ForeignKey("write_off.write_off_id"), primary_key=True)
    outcome: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    decided_at: Mapped[datetime]


class WithdrawalApprovalRow(Base):
    """A second person's word on a withdrawal. Append-only."""

    __tablename__ = "withdrawal_approval"

    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.payout_id"), primary_key=True)
    approved_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]


class CallBackRow(Base):
    """That somebody of the platform called back about a changed bank account. Append-only."""

    __tablename__ = "bank_account_call_back"

    bank_account_id: Mapped[UUID] = mapped_column(ForeignKey("bank_account.bank_account_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    called_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    note: Mapped[str]
    at: Mapped[datetime]


class SuspenseProposalRow(Base):
    """One person's idea of whose an entry in suspense is; `org_id` null is the platform itself (debits only)."""

    __tablename__ = "suspense_proposal"

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("bank_entry.entry_id"), index=True)
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("proposal_id", "entry_id"),)


class SuspenseDecisionRow(Base):
    """Another person's word on a proposal. An entry is matched once."""

    __tablename__ = "suspense_decision"

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID]
    outcome: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["proposal_id", "entry_id"],
            ["suspense_proposal.proposal_id", "suspense_proposal.entry_id"],
            name="fk_suspense_decision_suspense_proposal",
        ),
        Index("ix_suspense_decision_proposal_id_entry_id", "proposal_id", "entry_id"),
        Index(
            "uq_suspense_decision_confirmed", "entry_id", unique=True, postgresql_where=text("outcome = 'confirmed'")
        ),
    )


class BankNoticeRow(Base):
    """The parts of a batch booking, told before or after the statement that books it."""

    __tablename__ = "bank_notice"

    bank_account: Mapped[str] = mapped_column(primary_key=True)
    entry_ref: Mapped[str] = mapped_column(primary_key=True)
    notice_ref: Mapped[str]
    currency: Mapped[str]
    direction: Mapped[str]
    amount_cents: Mapped[int]
    parts: Mapped[list[Any]]
    file_sha256: Mapped[str] = mapped_column(index=True)
    imported_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    imported_at: Mapped[datetime]


class BankNoticeDecisionRow(Base):
    """A second person's word on a file of notices. Append-only."""

    __tablename__ = "bank_notice_decision"

    file_sha256: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]


class ProviderEventRow(Base):
    """A payment provider's message, once; its body is not kept."""

    __tablename__ = "provider_event"

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    reference: Mapped[str | None]
    body_sha256: Mapped[str]
    received_at: Mapped[datetime]


class LedgerCheckRow(Base):
    """What a daily check of the books found: its report in lines. Append-only."""

    __tablename__ = "ledger_check"

    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    divergence_count: Mapped[int]
    lines: Mapped[list[Any]]
