"""All SQL of notices of batch bookings, and of the second person's word on them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import BankNoticeDecisionRow, BankNoticeRow
from market.settlement.rails.lines import Line, Notice

MOST = 200
"""So many notices that await a second person are shown at once."""


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice as it was imported; `outcome` is what another person said of its file, None before."""

    notice: Notice
    file_sha256: str
    imported_by: UUID
    imported_at: datetime
    outcome: str | None


async def add_notices(
    tx: AsyncSession, notices: Sequence[Notice], file_sha256: str, *, imported_by: UUID, now: datetime
) -> int:
    """Keep what is new; returns how many. Of one booking the first notice counts."""
    rows = [
        {
            "bank_account": each.bank_account,
            "entry_ref": each.entry_ref,
            "notice_ref": each.notice_ref,
            "currency": each.currency,
            "direction": "credit" if each.credit else "debit",
            "amount_cents": each.amount_cents,
            "parts": [_to_json(part) for part in each.parts],
            "file_sha256": file_sha256,
            "imported_by": imported_by,
            "imported_at": now,
        }
        for each in notices
    ]
    added = 0
    for start in range(0, len(rows), 1000):
        done = await tx.execute(
            insert(BankNoticeRow)
            .values(rows[start : start + 1000])
            .on_conflict_do_nothing(index_elements=["bank_account", "entry_ref"])
            .returning(BankNoticeRow.entry_ref)
        )
        added += len(done.all())
    return added


async def notices_of(tx: AsyncSession, bank_account: str, refs: Collection[str]) -> dict[str, KeptNotice]:
    """What was told about these bookings."""
    query = _kept().where(BankNoticeRow.bank_account == bank_account, BankNoticeRow.entry_ref == func.any(list(refs)))
    return {row.entry_ref: _notice(row, outcome) for row, outcome in await tx.execute(query)}


async def undecided(tx: AsyncSession) -> list[KeptNotice]:
    """Notices that await a second person, the first imported first, `MOST` at most and no file in part."""
    query = _kept().where(BankNoticeDecisionRow.outcome.is_(None))
    order = (BankNoticeRow.imported_at, BankNoticeRow.file_sha256, BankNoticeRow.bank_account, BankNoticeRow.entry_ref)
    found = [_notice(row, outcome) for row, outcome in await tx.execute(query.order_by(*order).limit(MOST + 1))]
    return [each for each in found if len(found) <= MOST or each.file_sha256 != found[MOST].file_sha256]


async def of_file(tx: AsyncSession, file_sha256: str) -> KeptNotice | None:
    """One of the notices that came with a file; None if none did."""
    found = (await tx.execute(_kept().where(BankNoticeRow.file_sha256 == file_sha256).limit(1))).one_or_none()
    return None if found is None else _notice(*found)


async def was_imported_by(tx: AsyncSession, file_sha256: str, user_id: UUID) -> bool:
    query = select(func.count()).where(
        BankNoticeRow.file_sha256 == file_sha256, BankNoticeRow.imported_by == user_id
    )  # fmt: skip
    return bool(await tx.scalar(query))


async def add_decision(tx: AsyncSession, file_sha256: str, *, outcome: str, decided_by: UUID, now: datetime) -> None:
    tx.add(BankNoticeDecisionRow(file_sha256=file_sha256, outcome=outcome, decided_by=decided_by, at=now))
    await tx.flush()


def _kept() -> Select[*tuple[Any, ...]]:
    return select(BankNoticeRow, BankNoticeDecisionRow.outcome).outerjoin(
        BankNoticeDecisionRow, BankNoticeDecisionRow.file_sha256 == BankNoticeRow.file_sha256
    )


def _to_json(part: Line) -> dict[str, Any]:
    return {
        "entry_ref": part.entry_ref,
        "credit": part.credit,
        "amount_cents": part.amount_cents,
        "booked_on": part.booked_on.isoformat() if part.booked_on else None,
        "texts": part.texts,
        "reversal": part.reversal,
        "name": part.name,
    }


def _notice(row: BankNoticeRow, outcome: str | None) -> KeptNotice:
    parts = tuple(
        Line(**{**each, "booked_on": date.fromisoformat(each["booked_on"]) if each["booked_on"] else None})
        for each in row.parts
    )
    told = Notice(
        row.bank_account,
        row.notice_ref,
        row.entry_ref,
        row.currency,
        row.direction == "credit",
        row.amount_cents,
        parts,
    )
    return KeptNotice(told, row.file_sha256, row.imported_by, row.imported_at, outcome)
