from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base


class PortfolioRow(Base):
    """`attempt_count` and `claimed_until` are the worker's lease on the step that `state` names."""

    __tablename__ = "portfolio"

    portfolio_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    name: Mapped[str]
    currency: Mapped[str]
    cut_off_on: Mapped[date]
    state: Mapped[str]
    attempt_count: Mapped[int]
    claimed_until: Mapped[datetime | None]
    refusal: Mapped[dict[str, Any] | None]
    source: Mapped[dict[str, Any] | None]
    header_digest: Mapped[str | None]
    findings: Mapped[list[Any] | None]
    mapping: Mapped[dict[str, Any] | None]
    totals: Mapped[dict[str, Any] | None]
    strata: Mapped[dict[str, Any] | None]
    report: Mapped[dict[str, Any] | None]
    time_barred: Mapped[str] = mapped_column(server_default="carve_out")
    saleability: Mapped[dict[str, Any] | None]
    preview_sha256: Mapped[str | None]
    preview_size_bytes: Mapped[int | None]
    vetted_sha256: Mapped[str | None]
    vetted_size_bytes: Mapped[int | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("portfolio_id", "org_id"),
        Index("ix_portfolio_state_claimed_until", "state", "claimed_until"),
    )


class TapeRow(Base):
    """The seller's file as uploaded: its digest and where its sealed form lies. Append-only."""

    __tablename__ = "tape"

    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolio.portfolio_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    original_sha256: Mapped[str]
    original_size_bytes: Mapped[int]
    sealed_sha256: Mapped[str]
    sealed_size_bytes: Mapped[int]
    received_at: Mapped[datetime]


class PortfolioKeyRow(Base):
    """One wrapped key, for one purpose; the keys of a portfolio are drawn and wrapped apart."""

    __tablename__ = "portfolio_key"

    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolio.portfolio_id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    wrapped: Mapped[bytes] = mapped_column(info={WRAP: "{purpose}/{portfolio_id}"})


class RefusedAccountRow(Base):
    """Why one row of a tape is left out; never its values."""

    __tablename__ = "refused_account"

    portfolio_id: Mapped[UUID] = mapped_column(ForeignKey("portfolio.portfolio_id"), primary_key=True)
    refusal_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    row_number: Mapped[int]
    column_name: Mapped[str]
    reason: Mapped[str]


class MappingTemplateRow(Base):
    """A mapping that an organisation saved; `header_digest` finds it again for the same set of headers."""

    __tablename__ = "mapping_template"

    template_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"))
    name: Mapped[str]
    header_digest: Mapped[str]
    columns: Mapped[dict[str, Any]]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("org_id", "name"),
        Index("ix_mapping_template_org_id_header_digest", "org_id", "header_digest"),
    )


class PoolRow(Base):
    """`excluded_pool_ids` are the pools whose accounts were taken before: what a pool holds is fixed when it is asked for.

    On offer or sold, it is so in an auction or, delivered, in a forward flow.
    """

    __tablename__ = "pool"

    pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    portfolio_id: Mapped[UUID]
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    name: Mapped[str]
    selection: Mapped[dict[str, Any]]
    excluded_pool_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    state: Mapped[str]
    attempt_count: Mapped[int]
    claimed_until: Mapped[datetime | None]
    refusal: Mapped[dict[str, Any] | None]
    account_count: Mapped[int | None]
    face_value_cents: Mapped[int | None]
    currency: Mapped[str]
    debtor_states: Mapped[list[str] | None]
    state_sums: Mapped[dict[str, Any] | None]
    strata: Mapped[dict[str, Any] | None]
    report: Mapped[dict[str, Any] | None]
    saleability: Mapped[dict[str, Any] | None]
    tape_version: Mapped[str]
    commitment_root: Mapped[str | None]
    preview_sha256: Mapped[str | None]
    preview_size_bytes: Mapped[int | None]
    vetted_sha256: Mapped[str | None]
    vetted_size_bytes: Mapped[int | None]
    sale_sha256: Mapped[str | None]
    sale_size_bytes: Mapped[int | None]
    leaves_sha256: Mapped[str | None]
    leaves_size_bytes: Mapped[int | None]
    offered_at: Mapped[datetime | None]
    auction_id: Mapped[UUID | None]
    flow_id: Mapped[UUID | None] = mapped_column(ForeignKey("forward_flow.flow_id"), index=True)
    circle: Mapped[str | None]
    sold_at: Mapped[datetime | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["portfolio_id", "org_id"], ["portfolio.portfolio_id", "portfolio.org_id"]),
        Index("ix_pool_portfolio_id_org_id", "portfolio_id", "org_id"),
        Index("ix_pool_state_claimed_until", "state", "claimed_until"),
        Index("ix_pool_offered_at", "offered_at"),
    )


class PoolKeyRow(Base):
    """One wrapped key of a pool's sale file (data key, commitment key); it leaves only through the settlement's release."""

    __tablename__ = "pool_key"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    wrapped: Mapped[bytes] = mapped_column(info={WRAP: "{purpose}/{pool_id}"})


class PoolBalanceRow(Base):
    """Balances of up to a thousand accounts of a pool, from the sale file's row `first_row` on. Append-only."""

    __tablename__ = "pool_balance"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True)
    first_row: Mapped[int] = mapped_column(primary_key=True)
    balances_cents: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class PoolTraitRow(Base):
    """What a forward flow may ask of accounts, in the rows of `PoolBalanceRow`; None where it is not known. Append-only."""

    __tablename__ = "pool_trait"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True)
    first_row: Mapped[int] = mapped_column(primary_key=True)
    states: Mapped[list[str | None]] = mapped_column(ARRAY(Text))
    debt_types: Mapped[list[str | None]] = mapped_column(ARRAY(Text))
    debtor_types: Mapped[list[str | None]] = mapped_column(ARRAY(Text))
    ages_days: Mapped[list[int | None]] = mapped_column(ARRAY(BigInteger))


class NdaAcceptanceRow(Base):
    """One organisation's acceptance of one version of the non-disclosure terms for one pool. Append-only."""

    __tablename__ = "nda_acceptance"

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), primary_key=True, index=True)
    nda_version: Mapped[str] = mapped_column(primary_key=True)
    text_sha256: Mapped[str]
    accepted_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    accepted_at: Mapped[datetime]


class MaskedDownloadRow(Base):
    """Who took which masked file of a pool, and when. Append-only."""

    __tablename__ = "masked_download"

    download_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), index=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    stage: Mapped[str]
    file_sha256: Mapped[str]
    downloaded_at: Mapped[datetime]
