from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base


class JournalRow(Base):
    """Written only by the database function `journal_append`; nobody may change or delete a row."""

    __tablename__ = "journal"

    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]
    tx: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]
    actor_role: Mapped[str]
    actor_user_id: Mapped[UUID | None]
    actor_org_id: Mapped[UUID | None]
    body: Mapped[str]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]

    __table_args__ = (Index("ix_journal_tx_position", "tx", "position"),)


class JournalHeadRow(Base):
    """The last seq, hash and filed transaction of each stream: the row that appends to one stream queue at."""

    __tablename__ = "journal_head"

    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[bytes]
    tx: Mapped[int]


class JournalReaderRow(Base):
    """How far each reader of the journal has come: everything up to (tx, position) is done."""

    __tablename__ = "journal_reader"

    name: Mapped[str] = mapped_column(primary_key=True)
    tx: Mapped[int]
    position: Mapped[int]


class DutyRow(Base):
    """When a recurring piece of the worker's work is due again; its row is locked by who does it."""

    __tablename__ = "duty"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]


class JournalCheckpointRow(Base):
    """A signed statement of where every stream stood. Append-only."""

    __tablename__ = "journal_checkpoint"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    stream_count: Mapped[int]
    root: Mapped[bytes]
    prev_hash: Mapped[bytes]
    public_key: Mapped[bytes]
    signature: Mapped[bytes]


class CheckpointHeadRow(Base):
    """A stream's head that moved since the checkpoint before. Append-only."""

    __tablename__ = "checkpoint_head"

    number: Mapped[int] = mapped_column(ForeignKey("journal_checkpoint.number"), primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[bytes]

    __table_args__ = (Index("ix_checkpoint_head_stream_number", "stream", "number"),)
