"""What follows a sale: recalls, resales, requests for documents, destruction by those who did not win."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base

_ORG, _PERSON, _SALE = "organisation.org_id", "person.user_id", "settlement.settlement_id"


class RecallRow(Base):
    """An account that was sold must be left alone, and why. Append-only."""

    __tablename__ = "recall"

    recall_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey(_SALE), index=True)
    row_number: Mapped[int]
    ground: Mapped[str]
    reason: Mapped[str]
    recalled_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    recalled_at: Mapped[datetime]


class RecallNoticeRow(Base):
    """To one organisation that bought the account, then or later; `settlement_id` is the sale that it bought it by.

    `row_number` is of that sale's file (the first sale's), `tape_row` of its tape (later ones'; the header is row 1).
    """

    __tablename__ = "recall_notice"

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    recall_id: Mapped[UUID] = mapped_column(ForeignKey("recall.recall_id"))
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey(_SALE), index=True)
    ground: Mapped[str]
    row_number: Mapped[int | None]
    tape_row: Mapped[int | None]
    forward_to: Mapped[list[str]]
    sent_at: Mapped[datetime]
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    confirmed_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("recall_id", "settlement_id"),)


class ResaleRow(Base):
    """Accounts that a buyer says it sold outside the market. Append-only."""

    __tablename__ = "resale"

    resale_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey(_SALE), index=True)
    first_row: Mapped[int]
    last_row: Mapped[int]
    to_name: Mapped[str]
    sold_on: Mapped[date]
    declared_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    declared_at: Mapped[datetime]


class MediaRequestRow(Base):
    """A buyer asks for a document behind an account. Append-only."""

    __tablename__ = "media_request"

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey(_SALE), index=True)
    seller_org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    row_number: Mapped[int]
    kind: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]


class MediaAnswerRow(Base):
    """The document, sealed under a key of its own, or the reason why there is none. Append-only."""

    __tablename__ = "media_answer"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("media_request.request_id"), primary_key=True)
    reason: Mapped[str | None]
    file_sha256: Mapped[str | None]
    sealed: Mapped[bytes | None] = mapped_column(deferred=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(info={WRAP: "media/{request_id}"})
    answered_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    answered_at: Mapped[datetime]


class DestructionRow(Base):
    """Who did not win a pool has destroyed the masked files that it took, says a person of it. Append-only."""

    __tablename__ = "destruction"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), primary_key=True, index=True)
    typed_name: Mapped[str]
    attested_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    attested_at: Mapped[datetime]
