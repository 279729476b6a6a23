from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base


class VerificationCaseRow(Base):
    """What an organisation asks for, where its case stands, and what officer A prepared for officer B."""

    __tablename__ = "verification_case"

    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"))
    opened_by: Mapped[UUID]
    state: Mapped[str]
    capabilities: Mapped[list[str]]
    states: Mapped[list[str]]
    max_bid_cents: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    message: Mapped[str | None]
    prepared_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    prepared_at: Mapped[datetime | None]
    prepared_capabilities: Mapped[list[str] | None]
    prepared_states: Mapped[list[str] | None]
    prepared_max_bid_cents: Mapped[int | None]
    prepared_currency: Mapped[str | None]
    prepared_valid_until: Mapped[datetime | None]
    evidence_digest: Mapped[str | None]
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    declined_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("case_id", "org_id"),
        ForeignKeyConstraint(["opened_by", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_verification_case_opened_by_org_id", "opened_by", "org_id"),
        Index("ix_verification_case_org_id", "org_id"),
        Index("ix_verification_case_state_case_id", "state", "case_id"),
        Index(
            "uq_verification_case_open",
            "org_id",
            unique=True,
            postgresql_where=text("state <> ALL (ARRAY['cleared'::text, 'declined'::text])"),
        ),
    )


class BeneficialOwnerRow(Base):
    """A person who owns part of the organisation or controls it (`share_bps` may be 0 then). Append-only."""

    __tablename__ = "beneficial_owner"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    name: Mapped[str]
    birth_date: Mapped[date | None]
    country: Mapped[str]
    share_bps: Mapped[int]

    __table_args__ = (
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        Index("ix_beneficial_owner_case_id_org_id", "case_id", "org_id"),
    )


class EvidenceRow(Base):
    """One document: `file_sha256` is of the clear file, `sealed_sha256` names the sealed one. Append-only."""

    __tablename__ = "evidence"

    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    type: Mapped[str]
    file_sha256: Mapped[str]
    size_bytes: Mapped[int]
    sealed_sha256: Mapped[str]
    wrapped_key: Mapped[bytes] = mapped_column(info={WRAP: "evidence:{evidence_id}"})
    issuer: Mapped[str]
    number: Mapped[str]
    jurisdiction: Mapped[str]
    issued_on: Mapped[date]
    expires_on: Mapped[date | None]
    uploaded_by: Mapped[UUID]
    uploaded_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        ForeignKeyConstraint(["uploaded_by", "org_id"], ["person.user_id", "person.org_id"]),
        UniqueConstraint("evidence_id", "case_id", "org_id", "uploaded_by"),
        Index("ix_evidence_uploaded_by_org_id", "uploaded_by", "org_id"),
        Index("ix_evidence_case_id_org_id", "case_id", "org_id"),
    )


class EvidenceVerificationRow(Base):
    """An officer's word that one document is genuine, and where it was checked. Append-only."""

    __tablename__ = "evidence_verification"

    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    uploaded_by: Mapped[UUID]
    verified_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    verified_at: Mapped[datetime]
    source: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(
            ["evidence_id", "case_id", "org_id", "uploaded_by"],
            ["evidence.evidence_id", "evidence.case_id", "evidence.org_id", "evidence.uploaded_by"],
            name="fk_evidence_verification_evidence",
        ),
        UniqueConstraint("evidence_id", "case_id", "org_id", "uploaded_by"),
        Index("ix_evidence_verification_case_id", "case_id"),
    )


class ClearanceRow(Base):
    """A dated grant of one capability. Append-only; a `clearance_end` row ends it early."""

    __tablename__ = "clearance"

    clearance_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    capability: Mapped[str]
    states: Mapped[list[str]]
    max_bid_cents: Mapped[int]
    currency: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    case_id: Mapped[UUID]
    prepared_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    approved_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    evidence_digest: Mapped[str]

    __table_args__ = (
        UniqueConstraint("org_id", "capability", "clearance_id"),
        UniqueConstraint("case_id", "capability"),
        Index("ix_clearance_case_id_org_id", "case_id", "org_id"),
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
    )


class ClearanceEndRow(Base):
    """The early end of a clearance, by one officer, at once. Append-only."""

    __tablename__ = "clearance_end"

    clearance_id: Mapped[UUID] = mapped_column(ForeignKey("clearance.clearance_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    ended_at: Mapped[datetime]
    ended_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    reason: Mapped[str]
