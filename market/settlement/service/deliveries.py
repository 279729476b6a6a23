"""A pool is delivered for a period of a forward flow, looked at against the agreement, and becomes a settlement."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import NotFound
from market.kit.ids import Chance
from market.parties.rules import require
from market.portfolios import service as portfolios
from market.portfolios.rules import Pool, PoolNotThere
from market.settlement.flows import (
    RUNNING,
    Delivery,
    DeliveryRefused,
    Finding,
    Flow,
    FlowNotOpen,
    FlowPeriod,
    PeriodClosed,
    PeriodDelivered,
    PeriodState,
    buyer_findings,
    hammer_cents,
    misfit_findings,
    paper_findings,
    seller_findings,
    volume_findings,
)
from market.settlement.rules import Party, Settlement
from market.settlement.service.books import READ
from market.settlement.service.listings import of_delivery
from market.settlement.service.sale import WRITE, begin
from market.settlement.service.steps import note
from market.settlement.store import flows as store
from market.settlement.store import settlements


async def look_at_pool(tx: AsyncSession, actor: Actor, flow_id: UUID, pool_id: UUID, *, now: datetime) -> list[Finding]:
    """What keeps a pool from being delivered, for its seller to mend beforehand; nothing is delivered. Raises `NotFound`."""
    require(actor, role=Role.MEMBER, scope=READ)
    flow = await _sellers_flow(tx, actor, flow_id)
    return await _findings(tx, flow, await _own_pool(tx, actor, pool_id), now)


async def deliver(
    tx: AsyncSession, actor: Actor, flow_id: UUID, number: int, pool_id: UUID, *, now: datetime, chance: Chance
) -> Delivery:
    """The seller delivers a pool for a period; the worker then opens its settlement. The same delivery again changes nothing.

    Locks pool, other offers, flow and period. Raises `NotCleared`, `PeriodDelivered`, `PeriodClosed`, `FlowNotOpen`,
    `PoolNotThere`, `TapeOnOffer`, `AccountsOnOffer`, and `DeliveryRefused` with everything that is amiss in `findings`.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    flow = await _sellers_flow(tx, actor, flow_id)
    if before := await _before(tx, flow, number, pool_id):
        return before
    await _own_pool(tx, actor, pool_id)
    await compliance.require_clearance(tx, flow.seller_org_id, "list", now)
    try:
        pool = await portfolios.offerable_pool(tx, pool_id)
    except PoolNotThere:
        # Whoever held the pool's row may have made this very delivery.
        if before := await _before(tx, flow, number, pool_id):
            return before
        raise
    _require_awaited(flow, await _period(tx, flow, number), now)
    if found := await _findings(tx, flow, pool, now):
        raise DeliveryRefused(
            " ".join(f"{each.detail}; {each.remedy}." for each in found), findings=[_told(each) for each in found]
        )
    await portfolios.mark_delivered(tx, actor, pool_id, flow_id)
    locked = await store.lock(tx, flow_id) or flow
    _require_awaited(locked, await _period(tx, locked, number), now)
    delivery = _delivery(locked, number, pool, actor, chance.new_id(), now)
    await store.add_delivery(tx, delivery)
    body = {
        "delivery_id": delivery.delivery_id,
        "number": number,
        "pool_id": pool_id,
        "hammer_cents": delivery.hammer_cents,
    }
    await journal.append(tx, actor, f"flow:{flow_id}", "flow.delivered", body)
    return delivery


async def open_delivered(tx: AsyncSession, delivery_id: UUID, *, chance: Chance) -> Settlement | None:
    """A delivery becomes a settlement at the agreed price, on the agreement's terms; None if it has one."""
    found = await store.find_delivered(tx, delivery_id)
    if found is None:
        raise AssertionError("what is opened was delivered")
    flow, delivery = found
    if await store.settlement_of(tx, delivery_id) is not None:
        return None
    sold = (delivery.pool_id, delivery.buyer_org_id, delivery.hammer_cents, delivery.delivered_at)
    settlement = await begin(tx, of_delivery(flow, delivery), sold, chance.new_id())
    await settlements.add(tx, settlement)
    body = {"flow_id": flow.flow_id, "delivery_id": delivery_id, "hammer_cents": delivery.hammer_cents}
    await note(tx, SYSTEM, settlement, "opened", body)
    return settlement


async def period_of(tx: AsyncSession, delivery: Delivery) -> FlowPeriod:
    """The period that a delivery was made for, with its settlement once there is one."""
    found = await store.find_period(tx, delivery.flow_id, delivery.number)
    if found is None:
        raise AssertionError("a delivery is for a period")
    return found


async def _sellers_flow(tx: AsyncSession, actor: Actor, flow_id: UUID) -> Flow:
    flow = await store.find(tx, flow_id)
    if flow is None or flow.party(actor.org_id) is not Party.SELLER:
        raise NotFound("there is no such forward flow, or you are not its seller")
    return flow


async def _own_pool(tx: AsyncSession, actor: Actor, pool_id: UUID) -> Pool:
    pool = await portfolios.find_pool(tx, SYSTEM, pool_id)
    if pool.org_id != actor.org_id:
        raise NotFound("there is no such pool")
    if pool.account_count is None:
        raise PoolNotThere(f"the pool is {pool.state.value}; it is delivered once it is cut")
    return pool


async def _before(tx: AsyncSession, flow: Flow, number: int, pool_id: UUID) -> Delivery | None:
    """The delivery that was made for the period, if it was of this pool. Raises `PeriodDelivered` if it was of another."""
    made = (await _period(tx, flow, number)).delivery
    if made is not None and made.pool_id != pool_id:
        raise _delivered(made)
    return made


def _delivered(made: Delivery) -> PeriodDelivered:
    return PeriodDelivered(f"another pool was delivered for period {made.number}", delivery_id=str(made.delivery_id))


async def _period(tx: AsyncSession, flow: Flow, number: int) -> FlowPeriod:
    found = await store.find_period(tx, flow.flow_id, number)
    if found is None and flow.state in RUNNING:
        raise NotFound(f"the forward flow has no period {number}")
    if found is None:
        raise FlowNotOpen(f"the forward flow is {flow.state}; it awaits no delivery", state=flow.state.value)
    return found


def _require_awaited(flow: Flow, period: FlowPeriod, now: datetime) -> None:
    """Raises `FlowNotOpen`, `PeriodDelivered` or `PeriodClosed`, saying which period to deliver for instead."""
    if flow.state not in RUNNING:
        raise FlowNotOpen(f"the forward flow is {flow.state}; it awaits no delivery", state=flow.state.value)
    if period.delivery is not None:
        raise _delivered(period.delivery)
    span = period.span
    if period.state is not PeriodState.OPEN or now >= span.due_at:
        what = "void" if period.state is PeriodState.VOID else "over"
        raise PeriodClosed(f"period {span.number} is {what}; deliver for the next one", due_at=span.due_at.isoformat())
    if now.astimezone(UTC).date() < span.first_on:
        raise PeriodClosed(f"period {span.number} begins on {span.first_on}; deliver from that day on")


async def _findings(tx: AsyncSession, flow: Flow, pool: Pool, now: datetime) -> list[Finding]:
    face = pool.face_value_cents or 0
    price = hammer_cents(face, flow.terms.price_bps)
    buyer = await store.clearance_of(tx, flow.flow_id, Party.BUYER, now)
    states = sorted(pool.debtor_states or ())
    seller = await compliance.current_clearance(tx, flow.seller_org_id, "list", now, states=states)
    lacking = [state for state in states if seller is None or not seller.covers([state])]
    return [
        *paper_findings(await compliance.listing_lacks(tx, pool.portfolio_id, now)),
        *seller_findings(lacking),
        *volume_findings(flow.terms, currency=pool.currency, face_value_cents=face),
        *misfit_findings(await store.misfits(tx, flow.flow_id, pool.pool_id)),
        *buyer_findings(
            buyer, currency=flow.terms.currency, price_cents=price, states=states
        ),
    ]  # fmt: skip


def _told(found: Finding) -> dict[str, object]:
    return {
        "code": found.code,
        "field": found.field,
        "detail": found.detail,
        "remedy": found.remedy,
        "account_count": found.account_count,
        "row_numbers": list(found.row_numbers),
    }


def _delivery(flow: Flow, number: int, pool: Pool, actor: Actor, delivery_id: UUID, now: datetime) -> Delivery:
    if actor.user_id is None:
        raise AssertionError("a member is a person, or a key of one")
    face = pool.face_value_cents or 0
    return Delivery(
        delivery_id=delivery_id,
        flow_id=flow.flow_id,
        number=number,
        pool_id=pool.pool_id,
        seller_org_id=flow.seller_org_id,
        buyer_org_id=flow.buyer_org_id,
        account_count=pool.account_count or 0,
        face_value_cents=face,
        hammer_cents=hammer_cents(face, flow.terms.price_bps),
        currency=flow.terms.currency,
        delivered_by=actor.user_id,
        delivered_at=now,
    )
