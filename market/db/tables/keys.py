"""Copies, fingerprints and flags, carve-outs, shreddings and uploads: all that revision 0011 brought."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base

_ORG, _PERSON, _PORTFOLIO, _POOL = "organisation.org_id", "person.user_id", "portfolio.portfolio_id", "pool.pool_id"


class BuyerCopyRow(Base):
    """A pool's vetted masked file under one buyer's own tokens. Append-only."""

    __tablename__ = "buyer_copy"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey(_POOL), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), primary_key=True, index=True)
    file_sha256: Mapped[str] = mapped_column(index=True)
    file_size_bytes: Mapped[int]
    made_at: Mapped[datetime]


class PlatformKeyRow(Base):
    """A key of the platform itself, wrapped; no organisation's transaction sees it."""

    __tablename__ = "platform_key"

    name: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(info={WRAP: "platform/{name}"})
    made_at: Mapped[datetime]


class AccountFingerprintRow(Base):
    """One keyed fingerprint of one account of a pool; an account has up to three."""

    __tablename__ = "account_fingerprint"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey(_POOL), primary_key=True)
    fingerprint: Mapped[int] = mapped_column(primary_key=True, index=True)
    row_number: Mapped[int]


class DoubleSaleFlagRow(Base):
    """Accounts of a portfolio (of one of its pools) were on offer or sold in `other_pool_id`. Append-only."""

    __tablename__ = "double_sale_flag"

    flag_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey(_PORTFOLIO), index=True)
    pool_id: Mapped[UUID | None] = mapped_column(ForeignKey(_POOL), index=True)
    other_pool_id: Mapped[UUID] = mapped_column(ForeignKey(_POOL), index=True)
    account_count: Mapped[int]
    raised_at: Mapped[datetime]


class DoubleSaleResolutionRow(Base):
    """What an officer decided about a flag, and why. Append-only."""

    __tablename__ = "double_sale_resolution"

    flag_id: Mapped[UUID] = mapped_column(ForeignKey("double_sale_flag.flag_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    outcome: Mapped[str]
    reason: Mapped[str]
    resolved_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    resolved_at: Mapped[datetime]


class CarveOutRow(Base):
    """What one saleability rule found in a tape; `account_count` and `face_value_cents` count what it met first."""

    __tablename__ = "carve_out"

    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey(_PORTFOLIO), primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    carved: Mapped[bool]
    met_count: Mapped[int]
    account_count: Mapped[int]
    face_value_cents: Mapped[int]
    row_numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class HeldPoolRow(Base):
    """Accounts that are not sold, kept together under a name. Append-only."""

    __tablename__ = "held_pool"

    held_pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey(_PORTFOLIO), index=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    name: Mapped[str]
    rule_ids: Mapped[list[str]]
    account_count: Mapped[int]
    face_value_cents: Mapped[int]
    row_numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    created_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    created_at: Mapped[datetime]


class ShredOrderRow(Base):
    """An officer asks that a portfolio's keys be destroyed. Append-only."""

    __tablename__ = "shred_order"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey(_PORTFOLIO), index=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    reason: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    asked_at: Mapped[datetime]


class ShreddingRow(Base):
    """A portfolio's keys were destroyed. Append-only."""

    __tablename__ = "shredding"

    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey(_PORTFOLIO), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    cause: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shred_order.order_id"), index=True)
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey(_PERSON), index=True)
    wrap_count: Mapped[int]
    shredded_at: Mapped[datetime]


class UploadRow(Base):
    """A tape that comes in parts; it becomes the portfolio of the same id when the last byte is there."""

    __tablename__ = "upload"

    upload_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey(_PERSON), index=True)
    name: Mapped[str]
    currency: Mapped[str]
    cut_off_on: Mapped[date]
    length_bytes: Mapped[int]
    wrapped: Mapped[bytes] = mapped_column(info={WRAP: "upload/{upload_id}"})
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UploadPartRow(Base):
    """Some bytes of an upload, sealed under its key."""

    __tablename__ = "upload_part"

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("upload.upload_id", ondelete="CASCADE"), primary_key=True)
    start_bytes: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(_ORG), index=True)
    size_bytes: Mapped[int]
    sealed_sha256: Mapped[str]
