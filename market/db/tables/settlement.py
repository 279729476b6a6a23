from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base

_ORG = "organisation.org_id"
_PERSON = "person.user_id"


class LedgerAccountRow(Base):
    """Opened and moved only by the database function `ledger_apply`."""

    __tablename__ = "ledger_account"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    currency: Mapped[str]
    side: Mapped[str]
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey(_ORG), index=True)
    debits_posted_cents: Mapped[int]
    credits_posted_cents: Mapped[int]
    debits_pending_cents: Mapped[int]
    credits_pending_cents: Mapped[int]
    opened_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("name", "currency"), UniqueConstraint("account_id", "currency"))


class LedgerTransferRow(Base):
    """One amount from one account to another, at once or reserved. Written only by `ledger_apply`."""

    __tablename__ = "ledger_transfer"

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Identity(always=True))
    debit_account_id: Mapped[UUID]
    credit_account_id: Mapped[UUID]
    currency: Mapped[str]
    amount_cents: Mapped[int]
    phase: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    expires_at: Mapped[datetime | None]
    digest: Mapped[bytes]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["debit_account_id", "currency"],
            ["ledger_account.account_id", "ledger_account.currency"],
            name="fk_ledger_transfer_debit_account",
        ),
        ForeignKeyConstraint(
            ["credit_account_id", "currency"],
            ["ledger_account.account_id", "ledger_account.currency"],
            name="fk_ledger_transfer_credit_account",
        ),
        Index("uq_ledger_transfer_position", "position", unique=True),
        Index("ix_ledger_transfer_debit_account_id_currency", "debit_account_id", "currency"),
        Index("ix_ledger_transfer_credit_account_id_currency", "credit_account_id", "currency"),
        Index(
            "ix_ledger_transfer_write_off",
            "subject",
            postgresql_where=text("kind IN ('write_off', 'write_off_covered')"),
        ),
    )


class LedgerResolutionRow(Base):
    """How a reserved transfer ended; each has at most one end. Written only by `ledger_apply`."""

    __tablename__ = "ledger_resolution"

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_transfer.transfer_id"), primary_key=True)
    resolution_id: Mapped[UUID] = mapped_column(unique=True)
    outcome: Mapped[str]
    posted_cents: Mapped[int]
    at: Mapped[datetime]


class BankAccountRow(Base):
    """Where an organisation is paid to. The newest row counts, from `usable_from_at` on. Its number goes when its time is over."""

    __tablename__ = "bank_account"

    bank_account_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    holder_name: Mapped[str]
    scheme: Mapped[str]
    last_four: Mapped[str]
    sealed_number: Mapped[bytes | None] = mapped_column(info={WRAP: "bank-account/{bank_account_id}"})
    usable_from_at: Mapped[datetime]
    created_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    created_at: Mapped[datetime]


class BankEntryRow(Base):
    """One booked movement of a statement. An entry in suspense names nobody; it is listed all the same.

    `corrects_entry_id` names the unmatched debit that a credit makes good; `told_by` the file of notices that told of this part.
    """

    __tablename__ = "bank_entry"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(ForeignKey("bank_statement.statement_id"), index=True)
    bank_account: Mapped[str]
    entry_ref: Mapped[str]
    direction: Mapped[str]
    amount_cents: Mapped[int]
    currency: Mapped[str]
    booked_on: Mapped[date | None]
    remittance: Mapped[str]
    outcome: Mapped[str]
    reference: Mapped[str | None]
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey(_ORG), index=True)
    corrects_entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_entry.entry_id"), unique=True)
    told_by: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("bank_account", "entry_ref"),
        Index("ix_bank_entry_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
    )


class SettlementRow(Base):
    """Of an auction's award, or of a delivery into a forward flow: one of `auction_id` and `delivery_id` is set."""

    __tablename__ = "settlement"

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    auction_id: Mapped[UUID | None] = mapped_column(ForeignKey("auction.auction_id"))
    delivery_id: Mapped[UUID | None] = mapped_column(ForeignKey("forward_flow_delivery.delivery_id"), unique=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), index=True)
    seller_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    buyer_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    currency: Mapped[str]
    hammer_cents: Mapped[int]
    buyer_fee_cents: Mapped[int]
    seller_fee_cents: Mapped[int]
    commission: Mapped[dict[str, Any]]
    deposit_cents: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    awarded_at: Mapped[datetime]
    sign_by_at: Mapped[datetime | None]
    pay_by_at: Mapped[datetime | None]
    putback_until_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    attempt_count: Mapped[int]
    claimed_until: Mapped[datetime | None]
    account_count: Mapped[int]
    face_value_cents: Mapped[int]
    holdback_cents: Mapped[int]
    putback_days: Mapped[int]
    forfeit_seller_bps: Mapped[int]
    refunded_face_cents: Mapped[int]
    refunded_price_cents: Mapped[int]
    refunded_buyer_fee_cents: Mapped[int]
    refunded_seller_fee_cents: Mapped[int]
    held_since_at: Mapped[datetime | None]
    buyer_tax_cents: Mapped[int]
    seller_tax_cents: Mapped[int]
    tax: Mapped[list[Any]]
    refunded_buyer_tax_cents: Mapped[int]
    refunded_seller_tax_cents: Mapped[int]
    penalty_bps: Mapped[int]
    penalty_cents: Mapped[int]
    penalty_paid_cents: Mapped[int]

    __table_args__ = (
        Index("ix_settlement_auction_id_pool_id", "auction_id", "pool_id"),
        Index(
            "uq_settlement_pool_id",
            "pool_id",
            unique=True,
            postgresql_where=text("state NOT IN ('sign_default', 'buyer_default', 'seller_default', 'cancelled')"),
        ),
    )


class AgreementRow(Base):
    """The agreement as issued: `pdf` follows from `facts` byte for byte, and `sha256` is its digest."""

    __tablename__ = "agreement"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    sha256: Mapped[str]
    facts: Mapped[str]
    pdf: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("settlement_id", "sha256"),)


class SettlementSignatureRow(Base):
    """Who signed which bytes, when. A buyer's signature names the key that the sale file's key is sealed to."""

    __tablename__ = "settlement_signature"

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), primary_key=True, index=True)
    party: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    typed_name: Mapped[str]
    agreement_sha256: Mapped[str]
    recipient_public_key: Mapped[bytes | None]
    signed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("settlement_id", "party"),
        ForeignKeyConstraint(
            ["settlement_id", "agreement_sha256"],
            ["agreement.settlement_id", "agreement.sha256"],
            name="fk_settlement_signature_agreement",
        ),
        Index("ix_settlement_signature_settlement_id_agreement_sha256", "settlement_id", "agreement_sha256"),
    )


class SettlementCancellationRow(Base):
    """One party's wish to undo the sale; with both parties' it is cancelled."""

    __tablename__ = "settlement_cancellation"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), primary_key=True, index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    reason: Mapped[str]
    at: Mapped[datetime]


class ReleasePreparationRow(Base):
    __tablename__ = "release_preparation"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    prepared_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("settlement_id", "prepared_by"),)


class ReleaseApprovalRow(Base):
    """Its keys and CHECK make it impossible without a preparation, and by the person who prepared."""

    __tablename__ = "release_approval"

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    prepared_by: Mapped[UUID]
    approved_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["settlement_id", "prepared_by"],
            ["release_preparation.settlement_id", "release_preparation.prepared_by"],
            name="fk_release_approval_release_preparation",
        ),
        Index("ix_release_approval_settlement_id_prepared_by", "settlement_id", "prepared_by"),
    )


class SaleKeyGrantRow(Base):
    """The keys of sale file and commitment, sealed to the winner. Impossible without approval and signature."""

    __tablename__ = "sale_key_grant"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("release_approval.settlement_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    file_sha256: Mapped[str]
    leaves_sha256: Mapped[str]
    released_key: Mapped[bytes]
    released_commit_key: Mapped[bytes]
    info: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["settlement_id", "org_id"],
            ["settlement_signature.settlement_id", "settlement_signature.org_id"],
            name="fk_sale_key_grant_settlement_signature",
        ),
        Index("ix_sale_key_grant_settlement_id_org_id", "settlement_id", "org_id"),
    )


class CommandOutcomeRow(Base):
    """What a command that came with an `Idempotency-Key` was answered, sealed; `name` is a digest of person and key.

    Written in the command's own transaction, never changed, deleted after its time.
    """

    __tablename__ = "command_outcome"

    name: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    sealed: Mapped[bytes]
    wrapped_key: Mapped[bytes] = mapped_column(info={WRAP: "command-outcome/{name}"})
    made_at: Mapped[datetime] = mapped_column(index=True)


class PayoutRow(Base):
    """An order to the bank: a sale's proceeds, or without `settlement_id` an organisation's withdrawal of its cash.

    Only a statement's debit confirms it, only its credit returns it; time alone makes it at most `unknown`.
    """

    __tablename__ = "payout"

    payout_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID | None] = mapped_column(ForeignKey("release_approval.settlement_id"), unique=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    bank_account_id: Mapped[UUID] = mapped_column(ForeignKey("bank_account.bank_account_id"), index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    amount_cents: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    ordered_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    confirmed_entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_entry.entry_id"), unique=True)
    returned_entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_entry.entry_id"), unique=True)
