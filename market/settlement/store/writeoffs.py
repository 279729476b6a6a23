"""All SQL of write-offs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import WriteOffDecisionRow, WriteOffRow
from market.kit.pages import PageRequest
from market.settlement.writeoffs import WriteOff

_DECISION = ("outcome", "decided_by", "decided_at")
_ASKED = [name for name in WriteOff.__slots__ if name not in _DECISION]


async def add(tx: AsyncSession, asked: WriteOff) -> None:
    tx.add(WriteOffRow(**{name: getattr(asked, name) for name in _ASKED}))
    await tx.flush()


async def find(tx: AsyncSession, write_off_id: UUID) -> WriteOff | None:
    found = (await tx.execute(_all().where(WriteOffRow.write_off_id == write_off_id))).one_or_none()
    return None if found is None else _write_off(*found)


async def list_all(tx: AsyncSession, request: PageRequest) -> list[WriteOff]:
    """Newest first, and one more than the page holds if there is one."""
    query = _all().order_by(WriteOffRow.write_off_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(WriteOffRow.write_off_id < request.after)
    return [_write_off(*row) for row in await tx.execute(query)]


async def decide(tx: AsyncSession, write_off_id: UUID, outcome: str, *, by: UUID, now: datetime) -> None:
    tx.add(WriteOffDecisionRow(write_off_id=write_off_id, outcome=outcome, decided_by=by, decided_at=now))
    await tx.flush()


def _all() -> Any:
    decision = (WriteOffDecisionRow.outcome, WriteOffDecisionRow.decided_by, WriteOffDecisionRow.decided_at)
    return select(WriteOffRow, *decision).outerjoin(
        WriteOffDecisionRow, WriteOffDecisionRow.write_off_id == WriteOffRow.write_off_id
    )


def _write_off(row: WriteOffRow, *decision: Any) -> WriteOff:
    return WriteOff(*(getattr(row, name) for name in _ASKED), *decision)
