"""All SQL of what follows a sale."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from market.db.tables.onward import (
    DestructionRow,
    MediaAnswerRow,
    MediaRequestRow,
    RecallNoticeRow,
    RecallRow,
    ResaleRow,
)
from market.kit.pages import PageRequest
from market.kit.sealed import Sealed
from market.settlement.onward import MediaKind, MediaRequest, Notice, Owed, Recall, Resale
from market.settlement.refunds import Ground

_LATER = text("SELECT settlement_id, buyer_org_id, tape_row FROM later_sales(:settlement_id, :row_number)")
_OWED = text("SELECT pool_id, sold_at, attested_at FROM destructions_owed(:org_id)")


async def add_recall(tx: AsyncSession, recall: Recall) -> None:
    tx.add(RecallRow(**_values(recall) | {"ground": recall.ground.value}))
    await tx.flush()


async def find_recall(tx: AsyncSession, recall_id: UUID) -> Recall | None:
    row = await tx.scalar(select(RecallRow).where(RecallRow.recall_id == recall_id))
    return None if row is None else Recall(**_read(row, Recall) | {"ground": Ground(row.ground)})


async def later_sales(tx: AsyncSession, recall: Recall) -> list[tuple[UUID, UUID, int]]:
    """(settlement, buyer, row of its tape) of every released sale of the same account after the recalled one."""
    values = {"settlement_id": recall.settlement_id, "row_number": recall.row_number}
    return [(row.settlement_id, row.buyer_org_id, row.tape_row) for row in await tx.execute(_LATER, values)]


async def add_notices(tx: AsyncSession, notices: Sequence[Notice]) -> None:
    """Each is sent once."""
    for each in notices:
        values = _values(each) | {"ground": each.ground.value, "forward_to": list(each.forward_to)}
        await tx.execute(
            insert(RecallNoticeRow)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["recall_id", "settlement_id"])
        )


async def list_notices(tx: AsyncSession, request: PageRequest) -> list[Notice]:
    """Those that the actor may see, oldest first."""
    query = select(RecallNoticeRow).order_by(RecallNoticeRow.notice_id).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(RecallNoticeRow.notice_id > request.after)
    return [_notice(row) for row in await tx.scalars(query)]


async def lock_notice(tx: AsyncSession, notice_id: UUID) -> Notice | None:
    row = await tx.scalar(
        select(RecallNoticeRow)
        .where(RecallNoticeRow.notice_id == notice_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else _notice(row)


async def confirm_notice(tx: AsyncSession, notice_id: UUID, *, by: UUID, now: datetime) -> None:
    await tx.execute(
        update(RecallNoticeRow).where(RecallNoticeRow.notice_id == notice_id).values(confirmed_by=by, confirmed_at=now)
    )


async def add_resale(tx: AsyncSession, resale: Resale) -> None:
    tx.add(ResaleRow(**_values(resale)))
    await tx.flush()


async def resales_of(tx: AsyncSession, settlement_id: UUID) -> list[Resale]:
    """In the order in which they were declared, 100 at most."""
    found = await tx.scalars(
        select(ResaleRow).where(ResaleRow.settlement_id == settlement_id).order_by(ResaleRow.resale_id).limit(100)
    )
    return [Resale(**_read(row, Resale)) for row in found]


async def add_request(tx: AsyncSession, request: MediaRequest) -> None:
    asked = {name: value for name, value in _values(request).items() if name not in _ANSWER}
    tx.add(MediaRequestRow(**asked | {"kind": request.kind.value}))
    await tx.flush()


async def list_requests(tx: AsyncSession, settlement_id: UUID, page: PageRequest) -> list[MediaRequest]:
    """Oldest first, with their answers."""
    query = _requests().where(MediaRequestRow.settlement_id == settlement_id).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(MediaRequestRow.request_id > page.after)
    return [_request(*row) for row in await tx.execute(query)]


async def find_request(tx: AsyncSession, request_id: UUID) -> MediaRequest | None:
    row = (await tx.execute(_requests().where(MediaRequestRow.request_id == request_id))).one_or_none()
    return None if row is None else _request(*row)


async def add_answer(tx: AsyncSession, request_id: UUID, **answer: Any) -> bool:
    """False if it was answered before."""
    added = await tx.execute(
        insert(MediaAnswerRow)
        .values(request_id=request_id, **answer)
        .on_conflict_do_nothing(index_elements=["request_id"])
        .returning(MediaAnswerRow.request_id)
    )
    return added.one_or_none() is not None


async def sealed_media(tx: AsyncSession, request_id: UUID) -> Sealed | None:
    """The document of a delivery."""
    row = await tx.scalar(
        select(MediaAnswerRow).where(MediaAnswerRow.request_id == request_id).options(undefer(MediaAnswerRow.sealed))
    )
    return Sealed(row.sealed, row.wrapped_key) if row is not None and row.sealed and row.wrapped_key else None


async def open_request_count(tx: AsyncSession, settlement_id: UUID) -> int:
    query = (
        select(func.count())
        .select_from(MediaRequestRow)
        .outerjoin(MediaAnswerRow, MediaAnswerRow.request_id == MediaRequestRow.request_id)
        .where(MediaRequestRow.settlement_id == settlement_id, MediaAnswerRow.request_id.is_(None))
    )
    return int(await tx.scalar(query) or 0)


async def destructions_owed(tx: AsyncSession, org_id: UUID) -> list[Owed]:
    """In the order in which the pools were sold, 500 at most."""
    return [Owed(*row) for row in await tx.execute(_OWED, {"org_id": org_id})]


async def add_destruction(
    tx: AsyncSession, pool_id: UUID, org_id: UUID, *, typed_name: str, attested_by: UUID, now: datetime
) -> None:
    await tx.execute(
        insert(DestructionRow)
        .values(pool_id=pool_id, org_id=org_id, typed_name=typed_name, attested_by=attested_by, attested_at=now)
        .on_conflict_do_nothing(index_elements=["pool_id", "org_id"])
    )


_ANSWER = ("file_sha256", "reason", "answered_at")


def _requests() -> Any:
    answer = (MediaAnswerRow.file_sha256, MediaAnswerRow.reason, MediaAnswerRow.answered_at)
    return (
        select(MediaRequestRow, *answer)
        .outerjoin(MediaAnswerRow, MediaAnswerRow.request_id == MediaRequestRow.request_id)
        .order_by(MediaRequestRow.request_id)
    )


def _request(row: MediaRequestRow, *answer: Any) -> MediaRequest:
    asked = {name: getattr(row, name) for name in MediaRequest.__slots__ if name not in _ANSWER}
    return MediaRequest(**asked | {"kind": MediaKind(row.kind)} | dict(zip(_ANSWER, answer, strict=True)))


def _notice(row: RecallNoticeRow) -> Notice:
    return Notice(**_read(row, Notice) | {"ground": Ground(row.ground), "forward_to": tuple(row.forward_to)})


def _values(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in type(found).__slots__}


def _read(row: Any, of: type[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in of.__slots__}
