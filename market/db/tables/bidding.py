from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base


class AuctionRow(Base):
    """One auction: what was published (never changed), and where it stands (moved by the lane under the row's lock).

    `terms` are the published ones, without the secret reserve, which stands in the first event only. `due_at` is when
    the clock next has something to do: open, carry out an armed step, end a part, close; None while it stands still.
    """

    __tablename__ = "auction"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), index=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    format: Mapped[str]
    terms: Mapped[dict[str, Any]]
    currency: Mapped[str]
    debtor_states: Mapped[list[str]]
    deposit_cents: Mapped[int]
    commission: Mapped[dict[str, Any]]
    sale_terms: Mapped[dict[str, Any]]
    psa_version: Mapped[str]
    circle: Mapped[str]
    opens_at: Mapped[datetime]
    published_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    published_at: Mapped[datetime]
    phase: Mapped[str]
    seq: Mapped[int]
    head: Mapped[bytes]
    price_cents: Mapped[int | None]
    leader_org_id: Mapped[UUID | None]
    bid_count: Mapped[int]
    closes_at: Mapped[datetime]
    due_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("auction_id", "org_id"),
        Index("ix_auction_phase_auction_id", "phase", "auction_id"),
        Index("ix_auction_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_auction_opens_at_auction_id", "opens_at", "auction_id"),
    )


class SealingKeyRow(Base):
    """A key to which the bids of one round of one auction are sealed; the database keeps it when the auction is published."""

    __tablename__ = "sealing_key"

    sealing_key: Mapped[str] = mapped_column(primary_key=True)
    auction_id: Mapped[UUID] = mapped_column(ForeignKey("auction.auction_id"), index=True)


class AuctionPoolRow(Base):
    """One of the pools of an auction of packages; an auction of one pool has no such rows."""

    __tablename__ = "auction_pool"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True, index=True)
    seller_org_id: Mapped[UUID]

    __table_args__ = (
        ForeignKeyConstraint(["auction_id", "seller_org_id"], ["auction.auction_id", "auction.org_id"]),
        Index("ix_auction_pool_auction_id_seller_org_id", "auction_id", "seller_org_id"),
    )


class AuctionEventRow(Base):
    """The truth about an auction: `body` is the canonical text of one event, `hash` the chain's head after it."""

    __tablename__ = "auction_event"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str]
    body: Mapped[str]
    hash: Mapped[bytes]


class AuctionCheckpointRow(Base):
    """A signed statement of an auction's first `size` events. Append-only."""

    __tablename__ = "auction_checkpoint"

    auction_id: Mapped[UUID] = mapped_column(ForeignKey("auction.auction_id"), primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    at: Mapped[datetime]
    public_key: Mapped[bytes]
    signature: Mapped[bytes]


class BidRow(Base):
    """A bidder's accepted command. `placed_at` is stamped by the database.

    `amount_cents` is the most that it puts at stake, None for a withdrawal or an indication, and secret in some formats;
    `asked` is what else was asked for, or its SHA-256.
    """

    __tablename__ = "bid"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    cid: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    kind: Mapped[str]
    amount_cents: Mapped[int | None]
    confirmed: Mapped[bool]
    asked: Mapped[str] = mapped_column(server_default=text("''"))
    capability: Mapped[str] = mapped_column(server_default=text("'bid'"))
    clearance_id: Mapped[UUID]
    placed_by: Mapped[UUID]
    notice: Mapped[str | None]
    min_next_cents: Mapped[int]
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime]
    placed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        UniqueConstraint("seq", "auction_id"),  # not the other way round: a key would be looked up by it
        ForeignKeyConstraint(
            ["org_id", "capability", "clearance_id"],
            ["clearance.org_id", "clearance.capability", "clearance.clearance_id"],
        ),
        Index("ix_bid_capability_clearance_id_org_id", "capability", "clearance_id", "org_id"),
    )


class BidRefusalRow(Base):
    """A registered bidder's refused command, kept so that its repeat gets the same answer."""

    __tablename__ = "bid_refusal"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    cid: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    amount_cents: Mapped[int | None]
    confirmed: Mapped[bool]
    asked: Mapped[str] = mapped_column(server_default=text("''"))
    placed_by: Mapped[UUID]
    code: Mapped[str]
    detail: Mapped[str]
    min_next_cents: Mapped[int | None]
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime]


class StrikeRow(Base):
    """What was decided on a strike of the seller or the operator, kept so that its repeat gets the same answer.

    `by_id` is the organisation that sells, or the person of the platform. `seq` is the event, `code` the refusal.
    """

    __tablename__ = "strike"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    by_id: Mapped[UUID] = mapped_column(primary_key=True)
    cid: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    asked: Mapped[str]
    placed_by: Mapped[UUID]
    seq: Mapped[int | None]
    code: Mapped[str | None]
    detail: Mapped[str]
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime]


class RegistrationRow(Base):
    """An organisation that may bid in an auction, under the clearance that it showed when it registered.

    `refusal_count` is how many of its refused commands are kept.
    """

    __tablename__ = "registration"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    seller_org_id: Mapped[UUID]
    capability: Mapped[str] = mapped_column(server_default=text("'bid'"))
    clearance_id: Mapped[UUID]
    deposit_transfer_id: Mapped[UUID | None]
    registered_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    refusal_count: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__ = (
        ForeignKeyConstraint(["auction_id", "seller_org_id"], ["auction.auction_id", "auction.org_id"]),
        ForeignKeyConstraint(
            ["org_id", "capability", "clearance_id"],
            ["clearance.org_id", "clearance.capability", "clearance.clearance_id"],
        ),
        Index("ix_registration_auction_id_seller_org_id", "auction_id", "seller_org_id"),
        Index("ix_registration_clearance_id_org_id_capability", "clearance_id", "org_id", "capability"),
    )


class InvitationRow(Base):
    """An organisation that the seller invited into a closed circle."""

    __tablename__ = "invitation"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), primary_key=True, index=True)
    seller_org_id: Mapped[UUID]

    __table_args__ = (
        ForeignKeyConstraint(["auction_id", "seller_org_id"], ["auction.auction_id", "auction.org_id"]),
        Index("ix_invitation_auction_id_seller_org_id", "auction_id", "seller_org_id"),
    )


class AwardRow(Base):
    """The platform's statement of who won a pool and at what amount; written with the event that says so."""

    __tablename__ = "award"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("pool.pool_id"), primary_key=True, index=True)
    winner_org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    seller_org_id: Mapped[UUID]
    hammer_cents: Mapped[int]
    currency: Mapped[str]
    seq: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["auction_id", "seller_org_id"], ["auction.auction_id", "auction.org_id"]),
        Index("ix_award_auction_id_seller_org_id", "auction_id", "seller_org_id"),
    )
