"""All SQL of what comes after the release or stops it: put-backs, title, holds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.afterwards import PutBackEvidenceRow, PutBackRow, SettlementHoldRow, TitleLinkRow
from market.db.tables.settlement import SettlementRow
from market.kit.pages import PageRequest
from market.kit.sealed import Sealed
from market.settlement.refunds import OPEN, Ground, PutBack, PutBackState
from market.settlement.rules import Outcome

_BATCH = 100
_TITLE = text("""SELECT settlement_id, row_number, seq, from_org_id, from_name, to_org_id, to_name, cause, put_back_id,
    document_sha256, at FROM title_of_account(:settlement_id, :row)""")


@dataclass(frozen=True, slots=True)
class TitleLink:
    """Rows `first_row` to `last_row` of the sale file were assigned, by the agreement with that digest."""

    settlement_id: UUID
    seq: int
    first_row: int
    last_row: int
    from_org_id: UUID
    to_org_id: UUID
    cause: str
    put_back_id: UUID | None
    document_sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """One account went from one owner to the next in that sale, where it is `row_number` of the sale file (None: unknown)."""

    settlement_id: UUID
    row_number: int | None
    seq: int
    from_org_id: UUID
    from_name: str
    to_org_id: UUID
    to_name: str
    cause: str
    put_back_id: UUID | None
    document_sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    hold_id: UUID
    settlement_id: UUID
    placed_by: UUID | None
    """None for one that follows from the end of the clearance `clearance_id`."""
    reason: str
    placed_at: datetime
    lift_prepared_by: UUID | None = None
    lift_reason: str | None = None
    lifted_by: UUID | None = None
    lifted_at: datetime | None = None
    org_id: UUID | None = None
    """The party that disputes the sale; None for a hold by compliance."""
    outcome: Outcome = Outcome.CONTINUE
    clearance_id: UUID | None = None


async def add_put_backs(tx: AsyncSession, put_backs: Sequence[PutBack]) -> None:
    for each in put_backs:
        values = {name: getattr(each, name) for name in PutBack.__slots__}
        tx.add(PutBackRow(**values | {"state": each.state.value, "ground": each.ground.value}))
    await tx.flush()


async def claimed_rows(tx: AsyncSession, settlement_id: UUID) -> set[int]:
    """The rows that are given back or wanted back; at most as many as the sale has."""
    found = await tx.scalars(
        select(PutBackRow.row_number).where(
            PutBackRow.settlement_id == settlement_id,
            PutBackRow.state.in_([*(state.value for state in OPEN), PutBackState.REFUNDED.value]),
        )
    )
    return set(found)


async def find_put_back(tx: AsyncSession, put_back_id: UUID) -> PutBack | None:
    row = await tx.scalar(
        select(PutBackRow).where(PutBackRow.put_back_id == put_back_id).execution_options(populate_existing=True)
    )
    return None if row is None else _put_back(row)


async def list_put_backs(tx: AsyncSession, settlement_id: UUID, request: PageRequest) -> list[PutBack]:
    """Oldest first."""
    query = (
        select(PutBackRow)
        .where(PutBackRow.settlement_id == settlement_id)
        .order_by(PutBackRow.put_back_id)
        .limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(PutBackRow.put_back_id > request.after)
    return [_put_back(row) for row in await tx.scalars(query)]


async def payable(tx: AsyncSession, now: datetime) -> list[PutBack]:
    """What is accepted, or was not answered in time: first what was never tried, then what waits longest for its money."""
    found = await tx.scalars(
        select(PutBackRow)
        .where(
            or_(
                PutBackRow.state == PutBackState.ACCEPTED.value,
                (PutBackRow.state == PutBackState.CLAIMED.value) & (PutBackRow.answer_by_at <= now),
            )
        )
        .order_by(PutBackRow.tried_at.nulls_first(), PutBackRow.answer_by_at, PutBackRow.put_back_id)
        .limit(_BATCH)
    )
    return [_put_back(row) for row in found]


async def awaits_evidence(tx: AsyncSession, settlement_id: UUID, file_sha256: str) -> bool:
    """Whether a claim of the sale that nobody has accepted or decided yet names this document."""
    undecided = (PutBackState.CLAIMED.value, PutBackState.DISPUTED.value)
    query = select(PutBackRow.put_back_id).where(
        PutBackRow.settlement_id == settlement_id,
        PutBackRow.evidence_sha256 == file_sha256,
        PutBackRow.state.in_(undecided),
    )
    return await tx.scalar(query.limit(1)) is not None


async def evidence_bytes(tx: AsyncSession, settlement_id: UUID) -> int:
    """How much all documents of a sale take, sealed."""
    size = func.coalesce(func.sum(func.octet_length(PutBackEvidenceRow.sealed)), 0)
    return int(await tx.scalar(select(size).where(PutBackEvidenceRow.settlement_id == settlement_id)) or 0)


async def add_evidence(
    tx: AsyncSession, settlement_id: UUID, file_sha256: str, sealed: Sealed, *, handed_in_by: UUID, now: datetime
) -> None:
    """A document that is not there yet. The caller holds the settlement's lock."""
    await tx.execute(
        insert(PutBackEvidenceRow).values(
            settlement_id=settlement_id,
            file_sha256=file_sha256,
            sealed=sealed.content,
            wrapped_key=sealed.wrapped_key,
            handed_in_by=handed_in_by,
            handed_in_at=now,
        )
    )


async def evidence_handed_in(tx: AsyncSession, settlement_id: UUID) -> frozenset[str]:
    """The SHA-256 of each document that was handed in for claims of a sale."""
    query = select(PutBackEvidenceRow.file_sha256).where(PutBackEvidenceRow.settlement_id == settlement_id)
    return frozenset(await tx.scalars(query))


async def sealed_evidence(tx: AsyncSession, settlement_id: UUID, file_sha256: str) -> Sealed | None:
    row = await tx.get(PutBackEvidenceRow, (settlement_id, file_sha256))
    return None if row is None else Sealed(row.sealed, row.wrapped_key)


async def note_attempt(tx: AsyncSession, put_back_id: UUID, now: datetime) -> None:
    """The money for this refund is not there yet: others have their turn before it is looked at again."""
    await tx.execute(update(PutBackRow).where(PutBackRow.put_back_id == put_back_id).values(tried_at=now))


async def move_put_back(
    tx: AsyncSession, put_back_id: UUID, state: PutBackState, **columns: datetime | UUID | str | int | None
) -> None:
    await tx.execute(
        update(PutBackRow).where(PutBackRow.put_back_id == put_back_id).values(state=state.value, **columns)
    )


async def add_refund(tx: AsyncSession, settlement_id: UUID, **cents: int) -> None:
    """Count what was given back. The caller holds the settlement's lock."""
    sums = {name: getattr(SettlementRow, name) + amount for name, amount in cents.items()}
    await tx.execute(update(SettlementRow).where(SettlementRow.settlement_id == settlement_id).values(**sums))


async def open_put_back_count(tx: AsyncSession, settlement_id: UUID) -> int:
    query = (
        select(func.count())
        .select_from(PutBackRow)
        .where(PutBackRow.settlement_id == settlement_id, PutBackRow.state.in_([state.value for state in OPEN]))
    )
    return int(await tx.scalar(query) or 0)


async def add_link(tx: AsyncSession, link: TitleLink) -> None:
    tx.add(TitleLinkRow(**{name: getattr(link, name) for name in TitleLink.__slots__}))
    await tx.flush()


async def link_count(tx: AsyncSession, settlement_id: UUID) -> int:
    query = select(func.count()).select_from(TitleLinkRow).where(TitleLinkRow.settlement_id == settlement_id)
    return int(await tx.scalar(query) or 0)


async def assignments_of_account(tx: AsyncSession, settlement_id: UUID, row_number: int) -> list[Assignment]:
    """The chain of one account over all its sales, in order, as far as the actor may see it; 200 at most."""
    found = await tx.execute(_TITLE, {"settlement_id": settlement_id, "row": row_number})
    return [Assignment(*row) for row in found]


async def add_hold(tx: AsyncSession, hold: Hold) -> None:
    values = {name: getattr(hold, name) for name in Hold.__slots__}
    tx.add(SettlementHoldRow(**values | {"outcome": hold.outcome.value}))
    await tx.flush()
    await _mark_held(tx, hold.settlement_id, hold.placed_at)


async def open_hold(tx: AsyncSession, settlement_id: UUID) -> Hold | None:
    row = await tx.scalar(
        select(SettlementHoldRow)
        .where(SettlementHoldRow.settlement_id == settlement_id, SettlementHoldRow.lifted_at.is_(None))
        .execution_options(populate_existing=True)
    )
    return None if row is None else _hold(row)


async def held_for(tx: AsyncSession, settlement_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """(settlement, clearance) of all holds that ever followed from a clearance's end, lifted ones too."""
    query = select(SettlementHoldRow.settlement_id, SettlementHoldRow.clearance_id).where(
        SettlementHoldRow.settlement_id.in_(settlement_ids)
    )
    return {(sale, clearance) for sale, clearance in await tx.execute(query) if clearance is not None}


async def list_disputes(tx: AsyncSession, settlement_id: UUID) -> list[Hold]:
    """A sale's disputes, oldest first, 100 at most."""
    found = await tx.scalars(
        select(SettlementHoldRow)
        .where(SettlementHoldRow.settlement_id == settlement_id, SettlementHoldRow.org_id.is_not(None))
        .order_by(SettlementHoldRow.hold_id)
        .limit(_BATCH)
    )
    return [_hold(row) for row in found]


def _hold(row: SettlementHoldRow) -> Hold:
    values = {name: getattr(row, name) for name in Hold.__slots__}
    return Hold(**values | {"outcome": Outcome(row.outcome)})


async def prepare_lift(tx: AsyncSession, hold_id: UUID, *, by: UUID, reason: str, outcome: Outcome) -> None:
    await tx.execute(
        update(SettlementHoldRow)
        .where(SettlementHoldRow.hold_id == hold_id)
        .values(lift_prepared_by=by, lift_reason=reason, outcome=outcome.value)
    )


async def lift(tx: AsyncSession, hold: Hold, *, by: UUID, now: datetime) -> None:
    """End the hold, and move the deadlines that did not run meanwhile."""
    await tx.execute(
        update(SettlementHoldRow).where(SettlementHoldRow.hold_id == hold.hold_id).values(lifted_by=by, lifted_at=now)
    )
    held_for = now - hold.placed_at
    await tx.execute(
        update(SettlementRow)
        .where(SettlementRow.settlement_id == hold.settlement_id)
        .values(
            held_since_at=None,
            sign_by_at=SettlementRow.sign_by_at + held_for,
            pay_by_at=SettlementRow.pay_by_at + held_for,
        )
    )


async def _mark_held(tx: AsyncSession, settlement_id: UUID, since_at: datetime) -> None:
    await tx.execute(
        update(SettlementRow).where(SettlementRow.settlement_id == settlement_id).values(held_since_at=since_at)
    )


def _put_back(row: PutBackRow) -> PutBack:
    values = {name: getattr(row, name) for name in PutBack.__slots__}
    return PutBack(**values | {"state": PutBackState(row.state), "ground": Ground(row.ground)})
