"""What was erased by rule, and when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base


class EvidenceErasureRow(Base):
    """A paper whose time is over; the database refuses one whose is not. Append-only."""

    __tablename__ = "evidence_erasure"

    evidence_id: Mapped[UUID] = mapped_column(ForeignKey("evidence.evidence_id"), primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    rule: Mapped[str]
    due_at: Mapped[datetime]
    erased_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        Index("ix_evidence_erasure_case_id_org_id", "case_id", "org_id"),
    )


class PartyErasureRow(Base):
    """A party that left so long ago that what is kept of it goes, in this statement; the database refuses it earlier. Append-only."""

    __tablename__ = "party_erasure"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), primary_key=True)
    due_at: Mapped[datetime]
    erased_at: Mapped[datetime]


class StaffErasureRow(Base):
    """Somebody of the staff whose access ended so long ago that an id is left; the database alone writes it. Append-only."""

    __tablename__ = "staff_erasure"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    erased_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_staff_erasure_user_id_org_id", "user_id", "org_id"),
    )
