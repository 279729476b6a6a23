"""Sanctions lists as loaded, who was screened against them, what that raised, and what officers decided."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Uuid

from market.db.base import Base

_ORG = "organisation.org_id"
_PERSON = "person.user_id"


class ScreeningListRow(Base):
    """One content of one list; `entries` is its JSON, deflated. Append-only."""

    __tablename__ = "screening_list"

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    list_id: Mapped[str]
    published_on: Mapped[date | None]
    content_hash: Mapped[str]
    entry_count: Mapped[int]
    entries: Mapped[bytes]
    added_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("list_id", "content_hash"), UniqueConstraint("version_id", "list_id"))


class ScreeningCheckRow(Base):
    """When a version was last known to be what its publisher hands out, and until when that word holds. Append-only."""

    __tablename__ = "screening_check"

    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    list_id: Mapped[str]
    version_id: Mapped[UUID]
    checked_at: Mapped[datetime]
    good_until: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["version_id", "list_id"], ["screening_list.version_id", "screening_list.list_id"]),
        Index("ix_screening_check_version_id_list_id", "version_id", "list_id"),
        Index("ix_screening_check_list_id_checked_at", "list_id", "checked_at"),
    )


class ScreeningHorizonRow(Base):
    """The newest check of each list, kept by a trigger."""

    __tablename__ = "screening_horizon"

    list_id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[UUID]
    checked_at: Mapped[datetime]
    good_until: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["version_id", "list_id"], ["screening_list.version_id", "screening_list.list_id"]),
        Index("ix_screening_horizon_version_id_list_id", "version_id", "list_id"),
    )


class DisclosedNameRow(Base):
    """A director, signatory, trade name, bank or further owner that an officer read in the evidence. Append-only."""

    __tablename__ = "disclosed_name"

    name_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    role: Mapped[str]
    is_person: Mapped[bool]
    name: Mapped[str]
    birth_date: Mapped[date | None]
    country: Mapped[str | None]
    id_number: Mapped[str | None]
    share_bps: Mapped[int | None]
    holds_in: Mapped[str | None]
    added_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    added_at: Mapped[datetime]


class ScreeningOrderRow(Base):
    """An organisation that is to be screened, and why."""

    __tablename__ = "screening_order"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    occasion: Mapped[str]
    ordered_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_screening_order_waiting", "order_id", postgresql_where=text("done_at IS NULL")),)


class ScreeningRunRow(Base):
    """One screening of every disclosed name of an organisation; `alert_ids` are all that hold after it. Append-only."""

    __tablename__ = "screening_run"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG))
    occasion: Mapped[str]
    screened_at: Mapped[datetime]
    algorithm: Mapped[str]
    config_hash: Mapped[str]
    party_hash: Mapped[str]
    version_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    is_full: Mapped[bool]
    subject_count: Mapped[int]
    alert_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    suspect_share_bps: Mapped[int]
    results: Mapped[list[Any]]

    __table_args__ = (Index("ix_screening_run_org_id_screened_at", "org_id", "screened_at"),)


class ScreeningAlertRow(Base):
    """A name and a list entry that may be the same, once for each content of both. Append-only."""

    __tablename__ = "screening_alert"

    alert_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("screening_run.run_id"), index=True)
    role: Mapped[str]
    name: Mapped[str]
    subject_hash: Mapped[str]
    list_id: Mapped[str]
    entry_id: Mapped[str]
    entry_hash: Mapped[str]
    listed_name: Mapped[str]
    score_bps: Mapped[int]
    rank_bps: Mapped[int]
    trace: Mapped[dict[str, Any]]
    raised_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("org_id", "subject_hash", "list_id", "entry_id", "entry_hash", name="uq_screening_alert_pair"),
    )


class ScreeningDecisionRow(Base):
    """An officer's word on an alert. Append-only."""

    __tablename__ = "screening_decision"

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("screening_alert.alert_id"))
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    verdict: Mapped[str]
    reason: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    decided_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("alert_id", "decided_by"),)
