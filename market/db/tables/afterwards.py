from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base

_ORG = "organisation.org_id"
_PERSON = "person.user_id"


class PutBackRow(Base):
    """A buyer's claim to give one account (a row of the sale file) back, and what became of it."""

    __tablename__ = "put_back"

    put_back_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"))
    row_number: Mapped[int]
    face_value_cents: Mapped[int]
    ground: Mapped[str]
    evidence_sha256: Mapped[str]
    claimed_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    claimed_at: Mapped[datetime]
    answer_by_at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str | None]
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    answered_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    decided_at: Mapped[datetime | None]
    refund_cents: Mapped[int]
    refunded_at: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_put_back_settlement_id_row_number",
            "settlement_id",
            "row_number",
            unique=True,
            postgresql_where=text("state NOT IN ('declined', 'withdrawn')"),
        ),
        Index("ix_put_back_state_answer_by_at", "state", "answer_by_at"),
    )


class PutBackEvidenceRow(Base):
    """A document behind claims of a sale, sealed under a key of its own. Append-only."""

    __tablename__ = "put_back_evidence"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    file_sha256: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    wrapped_key: Mapped[bytes] = mapped_column(info={WRAP: "put-back-evidence/{settlement_id}/{file_sha256}"})
    handed_in_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    handed_in_at: Mapped[datetime]


class TitleLinkRow(Base):
    """Who assigned which rows of a sale file to whom, in order: unbroken, and never changed."""

    __tablename__ = "title_link"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_row: Mapped[int]
    last_row: Mapped[int]
    from_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    to_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    cause: Mapped[str]
    put_back_id: Mapped[UUID | None] = mapped_column(ForeignKey("put_back.put_back_id"), unique=True)
    document_sha256: Mapped[str]
    at: Mapped[datetime]


class SettlementHoldRow(Base):
    """A sale stands still: held by an officer or for an ended clearance, or disputed by the party `org_id`; two officers end it."""

    __tablename__ = "settlement_hold"

    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"))
    placed_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    reason: Mapped[str]
    placed_at: Mapped[datetime]
    clearance_id: Mapped[UUID | None] = mapped_column(ForeignKey("clearance_end.clearance_id"), index=True)
    lift_prepared_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    lift_reason: Mapped[str | None]
    lifted_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    lifted_at: Mapped[datetime | None]
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey(_ORG), index=True)
    outcome: Mapped[str]

    __table_args__ = (
        Index(
            "uq_settlement_hold_settlement_id", "settlement_id", unique=True, postgresql_where=text("lifted_at IS NULL")
        ),
    )


class SecondOfferRow(Base):
    """After a default: the pool at the next bidder's own bid, until `expires_at`."""

    __tablename__ = "second_offer"

    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("settlement.settlement_id"), unique=True)
    auction_id: Mapped[UUID] = mapped_column(ForeignKey("auction.auction_id"), index=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), index=True)
    seller_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    amount_cents: Mapped[int]
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str]
    answered_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_second_offer_state_expires_at", "state", "expires_at"),)


class TaxRuleRow(Base):
    """A tax on services in a country from a day on. Append-only: the newest that began counts."""

    __tablename__ = "tax_rule"

    tax_rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    country: Mapped[str]
    name: Mapped[str]
    rate_bps: Mapped[int]
    source: Mapped[str]
    valid_from_on: Mapped[date]
    created_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_tax_rule_country_valid_from_on", "country", "valid_from_on"),)
