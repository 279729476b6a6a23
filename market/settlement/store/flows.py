"""All SQL of forward flows."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, exists, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding.commission import Schedule
from market.bidding.sale_terms import SaleTerms
from market.db.tables.flows import (
    ForwardFlowDeliveryRow,
    ForwardFlowPeriodRow,
    ForwardFlowRow,
    ForwardFlowSignatureRow,
)
from market.db.tables.settlement import SettlementRow
from market.kit.pages import PageRequest
from market.portfolios.rules import Selection
from market.settlement.documents.rendering import Document
from market.settlement.flows import (
    RUNNING,
    Cleared,
    Delivery,
    Flow,
    FlowPeriod,
    FlowSignature,
    FlowState,
    FlowTerms,
    Misfit,
    Rhythm,
    Span,
)
from market.settlement.rules import Party

_BATCH = 1000
_TERMS = tuple(name for name in FlowTerms.__slots__ if name not in {"accounts", "commission", "sale_terms", "rhythm"})
_FLOW = tuple(name for name in Flow.__slots__ if name not in {"terms", "state"})
_ASKED = ("states", "debt_types", "debtor_types")
_MISFITS = text("SELECT term, account_count, row_numbers FROM flow_misfits(:flow_id, :pool_id)")
_CLEARANCE = text("SELECT states, max_bid_cents, currency FROM flow_clearance(:flow_id, :party, :at)")


async def add(tx: AsyncSession, flow: Flow, document: Document) -> None:
    asked = asdict(flow.terms.accounts)
    values: dict[str, Any] = {name: getattr(flow, name) for name in _FLOW}
    values |= {name: getattr(flow.terms, name) for name in _TERMS}
    values |= asked | {name: list(asked[name]) for name in _ASKED}
    values |= {"commission": flow.terms.commission.to_json(), "sale_terms": flow.terms.sale_terms.to_json()}
    values |= {"rhythm": flow.terms.rhythm.value, "state": flow.state.value}
    tx.add(ForwardFlowRow(**values, facts=document.facts, pdf=document.pdf))
    await tx.flush()


async def add_signature(tx: AsyncSession, flow_id: UUID, signature: FlowSignature) -> None:
    values = {name: getattr(signature, name) for name in FlowSignature.__slots__}
    tx.add(ForwardFlowSignatureRow(flow_id=flow_id, **values | {"party": signature.party.value}))
    await tx.flush()


async def signatures(tx: AsyncSession, flow_id: UUID) -> list[FlowSignature]:
    """In the order of signing."""
    found = await tx.scalars(
        select(ForwardFlowSignatureRow)
        .where(ForwardFlowSignatureRow.flow_id == flow_id)
        .order_by(ForwardFlowSignatureRow.signed_at)
    )
    return [
        FlowSignature(
            row.org_id, Party(row.party), row.user_id, row.typed_name, row.agreement_sha256, row.signed_at
        )
        for row in found
    ]  # fmt: skip


async def find(tx: AsyncSession, flow_id: UUID) -> Flow | None:
    row = await tx.scalar(select(ForwardFlowRow).where(ForwardFlowRow.flow_id == flow_id))
    return None if row is None else _flow(row)


async def lock(tx: AsyncSession, flow_id: UUID) -> Flow | None:
    """A flow that the actor may see, as of now; locks its row."""
    row = await tx.scalar(
        select(ForwardFlowRow)
        .where(ForwardFlowRow.flow_id == flow_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else _flow(row)


async def document_of(tx: AsyncSession, flow_id: UUID) -> Document | None:
    query = select(ForwardFlowRow.facts, ForwardFlowRow.pdf, ForwardFlowRow.agreement_sha256)
    row = (await tx.execute(query.where(ForwardFlowRow.flow_id == flow_id))).one_or_none()
    return None if row is None else Document(row.facts, row.pdf, row.agreement_sha256)


async def list_all(tx: AsyncSession, request: PageRequest) -> list[Flow]:
    """Those that the actor may see, newest first, and one more than the page holds if there is one."""
    query = select(ForwardFlowRow).order_by(ForwardFlowRow.flow_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(ForwardFlowRow.flow_id < request.after)
    return [_flow(row) for row in await tx.scalars(query)]


async def open_count(tx: AsyncSession, org_id: UUID) -> int:
    """How many of an organisation's proposals wait for an answer."""
    return (
        await tx.scalar(
            select(func.count())
            .select_from(ForwardFlowRow)
            .where(
                ForwardFlowRow.proposed_by_org_id == org_id,
                ForwardFlowRow.state == FlowState.PROPOSED.value,
            )
        )
        or 0
    )


async def move(
    tx: AsyncSession, flow_id: UUID, state: FlowState, **columns: datetime | date | UUID | str | None
) -> None:
    """Write a new state with what comes with it. The caller holds the row's lock."""
    await tx.execute(
        update(ForwardFlowRow).where(ForwardFlowRow.flow_id == flow_id).values(state=state.value, **columns)
    )


async def add_periods(tx: AsyncSession, flow_id: UUID, spans: Sequence[Span]) -> None:
    rows = [{"flow_id": flow_id} | {name: getattr(span, name) for name in Span.__slots__} for span in spans]
    await tx.execute(insert(ForwardFlowPeriodRow), rows)


def _periods() -> Select[*tuple[Any, ...]]:
    return (
        select(ForwardFlowPeriodRow, ForwardFlowDeliveryRow, SettlementRow.settlement_id)
        .outerjoin(
            ForwardFlowDeliveryRow,
            (ForwardFlowDeliveryRow.flow_id == ForwardFlowPeriodRow.flow_id)
            & (ForwardFlowDeliveryRow.number == ForwardFlowPeriodRow.number),
        )
        .outerjoin(SettlementRow, SettlementRow.delivery_id == ForwardFlowDeliveryRow.delivery_id)
        .execution_options(populate_existing=True)
    )


async def periods(tx: AsyncSession, flow_id: UUID) -> list[FlowPeriod]:
    """A flow's periods in order, with what became of them; none before it is accepted."""
    query = _periods().where(ForwardFlowPeriodRow.flow_id == flow_id).order_by(ForwardFlowPeriodRow.number)
    return [_period(row) for row in await tx.execute(query)]


async def find_period(tx: AsyncSession, flow_id: UUID, number: int) -> FlowPeriod | None:
    where = (ForwardFlowPeriodRow.flow_id == flow_id, ForwardFlowPeriodRow.number == number)
    row = (await tx.execute(_periods().where(*where))).one_or_none()
    return None if row is None else _period(row)


async def find_delivered(tx: AsyncSession, delivery_id: UUID) -> tuple[Flow, Delivery] | None:
    """A delivery with the flow that it was made under."""
    row = (
        await tx.execute(
            select(ForwardFlowRow, ForwardFlowDeliveryRow)
            .join(ForwardFlowDeliveryRow, ForwardFlowDeliveryRow.flow_id == ForwardFlowRow.flow_id)
            .where(ForwardFlowDeliveryRow.delivery_id == delivery_id)
        )
    ).one_or_none()
    return None if row is None else (_flow(row[0]), _delivery(row[1]))


async def add_delivery(tx: AsyncSession, delivery: Delivery) -> None:
    tx.add(ForwardFlowDeliveryRow(**{name: getattr(delivery, name) for name in Delivery.__slots__}))
    await tx.flush()


async def settlement_of(tx: AsyncSession, delivery_id: UUID) -> UUID | None:
    return await tx.scalar(select(SettlementRow.settlement_id).where(SettlementRow.delivery_id == delivery_id))


async def misfits(tx: AsyncSession, flow_id: UUID, pool_id: UUID) -> list[Misfit]:
    """Accounts of a pool that a flow does not ask for, by term; for the pool's seller and the platform."""
    found = await tx.execute(_MISFITS, {"flow_id": flow_id, "pool_id": pool_id})
    return [Misfit(row.term, row.account_count, tuple(row.row_numbers)) for row in found]


async def clearance_of(tx: AsyncSession, flow_id: UUID, party: Party, at: datetime) -> Cleared | None:
    """What a side of a flow is cleared for at an instant, for both sides; None if it is not."""
    values = {"flow_id": flow_id, "party": party.value, "at": at}
    row = (await tx.execute(_CLEARANCE, values)).one_or_none()
    return None if row is None else Cleared(tuple(row.states), row.max_bid_cents, row.currency)


async def in_default(tx: AsyncSession, flow_id: UUID, org_id: UUID) -> bool:
    """Whether an organisation defaulted in a sale under the flow."""
    lost = or_(
        SettlementRow.state.in_(["sign_default", "buyer_default"]) & (SettlementRow.buyer_org_id == org_id),
        (SettlementRow.state == "seller_default") & (SettlementRow.seller_org_id == org_id),
    )
    query = exists().where(
        SettlementRow.delivery_id == ForwardFlowDeliveryRow.delivery_id, ForwardFlowDeliveryRow.flow_id == flow_id, lost
    )
    return bool(await tx.scalar(select(query)))


async def void_periods(tx: AsyncSession, flow_id: UUID, *, after_on: date | None, now: datetime) -> int:
    """Open periods that begin after a day, or all open ones, await nothing any more. Returns how many. Locks their rows."""
    where = [] if after_on is None else [ForwardFlowPeriodRow.first_on > after_on]
    voided = await tx.scalars(
        update(ForwardFlowPeriodRow)
        .where(ForwardFlowPeriodRow.flow_id == flow_id, _is_open(), *where)
        .values(voided_at=now)
        .returning(ForwardFlowPeriodRow.number)
    )
    return len(voided.all())


async def overdue_periods(tx: AsyncSession, now: datetime) -> list[tuple[UUID, int]]:
    """(flow, number) of open periods whose time is over; nothing is locked."""
    found = await tx.execute(
        select(ForwardFlowPeriodRow.flow_id, ForwardFlowPeriodRow.number)
        .where(ForwardFlowPeriodRow.due_at <= now, _is_open())
        .order_by(ForwardFlowPeriodRow.due_at)
        .limit(_BATCH)
    )
    return [(row.flow_id, row.number) for row in found]


async def miss_period(tx: AsyncSession, flow_id: UUID, number: int, now: datetime) -> FlowPeriod | None:
    """An open period whose time is over is missed; None if it is not, or somebody has it in hand. Locks its row."""
    key = tuple_(ForwardFlowPeriodRow.flow_id, ForwardFlowPeriodRow.number)
    held = await tx.scalar(
        select(ForwardFlowPeriodRow.number)
        .where(key == (flow_id, number), ForwardFlowPeriodRow.due_at <= now, _is_open())
        .with_for_update(skip_locked=True)
    )
    # Whoever held the row may have delivered: after the lock it is looked at once more.
    found = None if held is None else await find_period(tx, flow_id, number)
    if found is None or found.delivery is not None:
        return None
    await tx.execute(update(ForwardFlowPeriodRow).where(key == (flow_id, number)).values(missed_at=now))
    return await find_period(tx, flow_id, number)


async def unanswered(tx: AsyncSession, now: datetime) -> list[UUID]:
    """Proposals whose time to be accepted is over."""
    found = await tx.scalars(
        select(ForwardFlowRow.flow_id)
        .where(ForwardFlowRow.state == FlowState.PROPOSED.value, ForwardFlowRow.answer_by_at <= now)
        .order_by(ForwardFlowRow.flow_id)
        .limit(_BATCH)
    )
    return list(found)


async def run_out(tx: AsyncSession) -> list[UUID]:
    """Running flows of which no period is open any more."""
    waiting = exists().where(ForwardFlowPeriodRow.flow_id == ForwardFlowRow.flow_id, _is_open())
    found = await tx.scalars(
        select(ForwardFlowRow.flow_id)
        .where(ForwardFlowRow.state.in_([state.value for state in RUNNING]), ~waiting)
        .order_by(ForwardFlowRow.flow_id)
        .limit(_BATCH)
    )
    return list(found)


def _is_open() -> ColumnElement[bool]:
    delivered = exists().where(
        ForwardFlowDeliveryRow.flow_id == ForwardFlowPeriodRow.flow_id,
        ForwardFlowDeliveryRow.number == ForwardFlowPeriodRow.number,
    )
    return ForwardFlowPeriodRow.missed_at.is_(None) & ForwardFlowPeriodRow.voided_at.is_(None) & ~delivered


def _flow(row: ForwardFlowRow) -> Flow:
    asked = {name: getattr(row, name) for name in Selection.__slots__}
    terms = FlowTerms(
        **{name: getattr(row, name) for name in _TERMS},
        rhythm=Rhythm(row.rhythm),
        accounts=Selection(**asked | {name: tuple(asked[name]) for name in _ASKED}),
        commission=Schedule.from_json(row.commission),
        sale_terms=SaleTerms.from_json(row.sale_terms),
    )
    return Flow(**{name: getattr(row, name) for name in _FLOW}, terms=terms, state=FlowState(row.state))


def _delivery(row: ForwardFlowDeliveryRow) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__slots__})


def _period(row: Row[*tuple[Any, ...]]) -> FlowPeriod:
    period, delivery, settlement_id = row
    span = Span(period.number, period.first_on, period.last_on, period.due_at)
    made = None if delivery is None else _delivery(delivery)
    return FlowPeriod(period.flow_id, span, period.missed_at, period.voided_at, made, settlement_id)
