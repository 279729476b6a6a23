"""Forward flows: the agreement, who signed it, its periods, and what was delivered into them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base

_ORG, _PERSON = "organisation.org_id", "person.user_id"


class ForwardFlowRow(Base):
    """What was agreed (never changed), and where it stands. `pdf` follows from `facts`, `agreement_sha256` is its digest."""

    __tablename__ = "forward_flow"

    flow_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    seller_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    buyer_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    proposed_by_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    currency: Mapped[str]
    price_bps: Mapped[int]
    states: Mapped[list[str]]
    debt_types: Mapped[list[str]]
    debtor_types: Mapped[list[str]]
    min_face_value_cents: Mapped[int | None]
    max_face_value_cents: Mapped[int | None]
    min_age_days: Mapped[int | None]
    max_age_days: Mapped[int | None]
    min_volume_cents: Mapped[int]
    max_volume_cents: Mapped[int]
    rhythm: Mapped[str]
    first_on: Mapped[date]
    period_count: Mapped[int]
    delivery_days: Mapped[int]
    notice_days: Mapped[int]
    commission: Mapped[dict[str, Any]]
    sale_terms: Mapped[dict[str, Any]]
    facts: Mapped[str] = mapped_column(deferred=True)
    pdf: Mapped[bytes] = mapped_column(deferred=True)
    agreement_sha256: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    proposed_at: Mapped[datetime]
    answer_by_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    noticed_at: Mapped[datetime | None]
    noticed_by_org_id: Mapped[UUID | None] = mapped_column(ForeignKey(_ORG), index=True)
    ends_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]

    __table_args__ = (UniqueConstraint("flow_id", "agreement_sha256"),)


class ForwardFlowSignatureRow(Base):
    """Who signed which bytes, when. Append-only."""

    __tablename__ = "forward_flow_signature"

    flow_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), primary_key=True, index=True)
    party: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    typed_name: Mapped[str]
    agreement_sha256: Mapped[str]
    signed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("flow_id", "party"),
        ForeignKeyConstraint(
            ["flow_id", "agreement_sha256"],
            ["forward_flow.flow_id", "forward_flow.agreement_sha256"],
            name="fk_forward_flow_signature_agreement",
        ),
        Index("ix_forward_flow_signature_flow_id_agreement_sha256", "flow_id", "agreement_sha256"),
    )


class SealedFlowRow(Base):
    """The agreement as delivered: `pdf` begins with the document that both sides signed. Append-only."""

    __tablename__ = "sealed_flow"

    flow_id: Mapped[UUID] = mapped_column(ForeignKey("forward_flow.flow_id"), primary_key=True)
    base_sha256: Mapped[str]
    sha256: Mapped[str]
    level: Mapped[str]
    pdf: Mapped[bytes] = mapped_column(deferred=True)
    sealed_at: Mapped[datetime]


class ForwardFlowPeriodRow(Base):
    """Delivered if it has a delivery; missed or void if it says so; open otherwise."""

    __tablename__ = "forward_flow_period"

    flow_id: Mapped[UUID] = mapped_column(ForeignKey("forward_flow.flow_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_on: Mapped[date]
    last_on: Mapped[date]
    due_at: Mapped[datetime]
    missed_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_forward_flow_period_due_at",
            "due_at",
            postgresql_where=text("missed_at IS NULL AND voided_at IS NULL"),
        ),
    )


class ForwardFlowDeliveryRow(Base):
    """A pool that was delivered for a period: to its settlement what an award is. Append-only."""

    __tablename__ = "forward_flow_delivery"

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    flow_id: Mapped[UUID]
    number: Mapped[int]
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), index=True)
    seller_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    buyer_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    account_count: Mapped[int]
    face_value_cents: Mapped[int]
    hammer_cents: Mapped[int]
    currency: Mapped[str]
    delivered_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    delivered_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("flow_id", "number"),
        ForeignKeyConstraint(
            ["flow_id", "number"],
            ["forward_flow_period.flow_id", "forward_flow_period.number"],
            name="fk_forward_flow_delivery_period",
        ),
    )
