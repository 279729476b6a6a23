"""All SQL of the journal."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.journal import JournalReaderRow, JournalRow
from market.journal.rules import Entry

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


async def lock_reader(tx: AsyncSession, name: str) -> tuple[int, int] | None:
    """How far the reader has come; None while another process holds it. Locks the reader's row."""
    await tx.execute(insert(JournalReaderRow).values(name=name, tx=0, position=0).on_conflict_do_nothing())
    row = await tx.scalar(
        select(JournalReaderRow).where(JournalReaderRow.name == name).with_for_update(skip_locked=True)
    )
    return None if row is None else (row.tx, row.position)


async def move_reader(tx: AsyncSession, name: str, at: tuple[int, int]) -> None:
    await tx.execute(update(JournalReaderRow).where(JournalReaderRow.name == name).values(tx=at[0], position=at[1]))


def _entry(row: JournalRow) -> Entry:
    body: dict[str, Any] = json.loads(row.body)
    return Entry(
        row.stream, row.seq, row.position, row.tx, row.kind, row.at, row.actor_role,
        row.actor_user_id, row.actor_org_id, body, row.body, row.prev_hash, row.hash,
    )  # fmt: skip
