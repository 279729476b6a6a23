"""All SQL of the journal."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import cast, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.journal import (
    CheckpointHeadRow,
    DutyRow,
    JournalCheckpointRow,
    JournalReaderRow,
    JournalRow,
)
from market.journal.checkpoints import Checkpoint, Head
from market.journal.rules import Entry

_SNAPSHOT = text("SELECT pg_current_snapshot()::text")
_APPEND = text("SELECT journal_append(:stream, :kind, :role, :user_id, :org_id, :body)")


async def append(
    tx: AsyncSession, stream: str, kind: str, role: str, user_id: UUID | None, org_id: UUID | None, body: str
) -> int:
    """The new entry's seq. Locks the stream's head row until the transaction ends (see docs/locking.md)."""
    result = await tx.execute(
        _APPEND,
        {"stream": stream, "kind": kind, "role": role, "user_id": user_id, "org_id": org_id, "body": body},
    )
    return int(result.scalar_one())


async def read_stream(tx: AsyncSession, stream: str, *, after_seq: int, limit: int) -> list[Entry]:
    """Entries of one stream in order of seq."""
    found = await tx.scalars(
        select(JournalRow)
        .where(JournalRow.stream == stream, JournalRow.seq > after_seq)
        .order_by(JournalRow.seq)
        .limit(limit)
    )
    return [_entry(row) for row in found]


async def has_entry(tx: AsyncSession, stream: str, kind: str, user_id: UUID | None, body: str) -> bool:
    """Whether the user wrote such an entry with these members (JSON) in its body."""
    mine = (JournalRow.stream == stream, JournalRow.kind == kind, JournalRow.actor_user_id == user_id)
    says = cast(JournalRow.body, JSONB).op("@>")(cast(literal(body), JSONB))
    return bool(await tx.scalar(select(exists().where(*mine, says))))


async def read_settled(tx: AsyncSession, *, after: tuple[int, int], limit: int) -> list[Entry]:
    """Entries of all streams after (tx, position), leaving out transactions that may still be running.

    In order of (tx, position), no entry can appear behind one that was returned, and the entries of a stream come in order.
    """
    found = await tx.scalars(
        select(JournalRow)
        .where(
            tuple_(JournalRow.tx, JournalRow.position) > tuple_(literal(after[0]), literal(after[1])),
            JournalRow.tx < text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
        )
        .order_by(JournalRow.tx, JournalRow.position)
        .limit(limit)
    )
    return [_entry(row) for row in found]


async def writing_mark(tx: AsyncSession) -> str:
    """What changes when a transaction begins to write or ends, in whatever database of the server."""
    return str(await tx.scalar(_SNAPSHOT))


async def reader_at(tx: AsyncSession, name: str) -> tuple[int, int] | None:
    """How far the reader has come, as last committed; None if it never read."""
    row = (
        await tx.execute(select(JournalReaderRow.tx, JournalReaderRow.position).where(JournalReaderRow.name == name))
    ).one_or_none()
    return None if row is None else (row.tx, row.position)


async def lock_reader(tx: AsyncSession, name: str) -> tuple[int, int] | None:
    """How far the reader has come; None while another process holds it. Locks the reader's row."""
    await tx.execute(insert(JournalReaderRow).values(name=name, tx=0, position=0).on_conflict_do_nothing())
    row = await tx.scalar(
        select(JournalReaderRow).where(JournalReaderRow.name == name).with_for_update(skip_locked=True)
    )
    return None if row is None else (row.tx, row.position)


async def move_reader(tx: AsyncSession, name: str, at: tuple[int, int]) -> None:
    await tx.execute(update(JournalReaderRow).where(JournalReaderRow.name == name).values(tx=at[0], position=at[1]))


async def take_duty(tx: AsyncSession, name: str, now: datetime, next_at: datetime) -> bool:
    """Whether a recurring duty is due and nobody else does it; then it is due again at `next_at`. Locks its row."""
    await tx.execute(insert(DutyRow).values(name=name, due_at=now).on_conflict_do_nothing())
    query = select(DutyRow).where(DutyRow.name == name, DutyRow.due_at <= now)
    row = await tx.scalar(query.with_for_update(skip_locked=True))
    if row is None:
        return False
    await tx.execute(update(DutyRow).where(DutyRow.name == name).values(due_at=next_at))
    return True


async def lock_checkpoints(tx: AsyncSession) -> None:
    """Checkpoints are taken one after the other. Locks by advisory lock until the transaction ends."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("journal_checkpoint", 0))))


async def heads(tx: AsyncSession) -> list[Head]:
    """Where every stream stands, in the order of their names' code points. The system alone."""
    found = await tx.execute(text("SELECT stream, seq, hash FROM journal_heads()"))
    return [Head(*row) for row in found]


async def heads_at(tx: AsyncSession, number: int) -> list[Head]:
    """Where every stream stood at a checkpoint, in the same order."""
    found = await tx.execute(
        text(
            'SELECT DISTINCT ON (stream COLLATE "C") stream, seq, hash FROM checkpoint_head WHERE number <= :number'
            ' ORDER BY stream COLLATE "C", number DESC'
        ),
        {"number": number},
    )
    return [Head(*row) for row in found]


async def last_checkpoint(tx: AsyncSession) -> Checkpoint | None:
    row = await tx.scalar(select(JournalCheckpointRow).order_by(JournalCheckpointRow.number.desc()).limit(1))
    return None if row is None else _checkpoint(row)


async def list_checkpoints(tx: AsyncSession, *, after: int, limit: int) -> list[Checkpoint]:
    """Checkpoints by number, from the one after `after`."""
    query = select(JournalCheckpointRow).where(JournalCheckpointRow.number > after)
    return [_checkpoint(row) for row in await tx.scalars(query.order_by(JournalCheckpointRow.number).limit(limit))]


async def add_checkpoint(tx: AsyncSession, checkpoint: Checkpoint, moved: Sequence[Head]) -> None:
    await tx.execute(
        insert(JournalCheckpointRow).values(
            number=checkpoint.number,
            at=checkpoint.at,
            stream_count=checkpoint.stream_count,
            root=checkpoint.root,
            prev_hash=checkpoint.prev_hash,
            public_key=checkpoint.public_key,
            signature=checkpoint.signature,
        )
    )
    rows = [{"number": checkpoint.number, "stream": head.stream, "seq": head.seq, "hash": head.hash} for head in moved]
    if rows:
        await tx.execute(insert(CheckpointHeadRow), rows)


async def breaches(tx: AsyncSession) -> list[tuple[str, int]]:
    """The auditor's questions about the gate, each with its count; every count is to be 0."""
    found = await tx.execute(text("SELECT what, breach_count FROM gate_breaches() ORDER BY what"))
    return [(str(what), int(count)) for what, count in found]


def _checkpoint(row: JournalCheckpointRow) -> Checkpoint:
    return Checkpoint(row.number, row.at, row.stream_count, row.root, row.prev_hash, row.public_key, row.signature)


def _entry(row: JournalRow) -> Entry:
    body: dict[str, Any] = json.loads(row.body)
    return Entry(
        row.stream, row.seq, row.position, row.tx, row.kind, row.at, row.actor_role,
        row.actor_user_id, row.actor_org_id, body, row.body, row.prev_hash, row.hash,
    )  # fmt: skip
