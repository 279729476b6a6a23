"""What happens later: awards become settlements, agreements are written, money is applied, deadlines pass."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.journal.rules import Entry
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.kit.pages import PageRequest
from market.settlement import service
from market.settlement.agreement import render

_log = structlog.get_logger()
_CHECK_EVERY, _CHECK_AGAIN = timedelta(hours=24), timedelta(minutes=10)
_FORGET_EVERY = timedelta(hours=1)


async def follow_journal(context: Context) -> bool:
    """An award or a delivery opens a settlement, an end without a sale frees the deposits, a newcomer gets its payment reference."""

    async def act(tx: AsyncSession, entry: Entry) -> None:
        now, chance = context.clock.now(), context.chance
        match entry.kind:
            case "auction.awarded":
                await service.open_settlements(tx, UUID(entry.body["auction_id"]), chance=chance)
            case "auction.failed" | "auction.cancelled":
                await service.free_deposits(tx, UUID(entry.body["auction_id"]))
            case "settlement.recalled":
                await service.send_notices(tx, UUID(entry.body["recall_id"]), now=now, chance=chance)
            case "second_offer.accepted":
                await service.open_accepted(tx, UUID(entry.body["offer_id"]), chance=chance)
            case "flow.delivered":
                await service.open_delivered(tx, UUID(entry.body["delivery_id"]), chance=chance)
            case "second_offer.declined":
                await service.free_pool(tx, UUID(entry.body["offer_id"]))
            case "organisation.registered":
                await service.keep_reference(tx, UUID(entry.body["org_id"]))
            case _:
                pass

    return await journal.follow(context, "settlement", act) > 0


async def hold_suspended(context: Context) -> bool:
    """Sales of parties whose clearance an officer ended stand still, before the award or after it: each alone."""

    async def hold(tx: AsyncSession, sale: tuple[UUID, UUID], *, now: datetime) -> bool:
        return await service.hold_suspended(tx, *sale, now=now, chance=context.chance)

    return await _each(context, service.suspended_sales, hold)


async def issue_agreements(context: Context) -> bool:
    """Write one agreement that is awaited; the document is made in a thread, between two transactions."""
    async with context.db.begin(SYSTEM) as tx:
        claimed = await service.claim_unissued(tx, context.clock.now())
    if claimed is None:
        return False
    settlement, facts = claimed
    document = await asyncio.to_thread(render, facts)
    async with context.db.begin(SYSTEM) as tx:
        await service.issue(tx, settlement.settlement_id, document, context.clock.now())
    return True


async def seal_documents(context: Context) -> bool:
    """Seal one document that is due: the agreement once both signed it, the deeds once the sale is released."""
    async with context.db.begin(SYSTEM) as tx:
        unsealed = await service.next_unsealed(tx)
    if unsealed is None:
        return False
    now, settings = context.clock.now(), context.settings
    by = await asyncio.to_thread(service.authority, settings, now)
    document, pdf = await asyncio.to_thread(service.make_sealed, unsealed, by, tsa_url=settings.tsa_url, now=now)
    async with context.db.begin(SYSTEM) as tx:
        return await service.keep_sealed(tx, document, pdf)


async def seal_flows(context: Context) -> bool:
    """Seal one forward flow agreement that both sides have signed."""
    async with context.db.begin(SYSTEM) as tx:
        unsealed = await service.next_unsealed_flow(tx)
    if unsealed is None:
        return False
    now, settings = context.clock.now(), context.settings
    by = await asyncio.to_thread(service.authority, settings, now)
    sealed, pdf = await asyncio.to_thread(service.seal_flow, unsealed, by, tsa_url=settings.tsa_url, now=now)
    async with context.db.begin(SYSTEM) as tx:
        return await service.keep_sealed_flow(tx, sealed, pdf)


async def apply_funds(context: Context) -> bool:
    """Pay every sale whose buyer has the money by now: each in a transaction of its own, as all that follows here."""
    return await _each(context, service.payable_sales, service.pay_sale)


async def pass_deadlines(context: Context) -> bool:
    """Defaults, agreed cancellations, windows that are over, penalties, offers: each in a transaction of its own."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        sales, offers = await service.due_sales(tx, now=now), await service.due_offers(tx, now=now)
    done = [await _alone(context, service.pass_sale, each, now) for each in sales]
    done += [await _alone(context, service.pass_offer, each, now) for each in offers]
    return any(done)


async def pass_flows(context: Context) -> bool:
    """Periods of forward flows that nobody delivered for are missed; proposals lapse, and what has run out is over."""
    missed = await _each(context, service.due_periods, service.pass_period)
    return await _each(context, service.due_flows, service.pass_flow) or missed


async def _each(
    context: Context,
    find: Callable[..., Awaitable[Sequence[UUID | tuple[UUID, int] | tuple[UUID, UUID]]]],
    act: Callable[..., Awaitable[bool]],
) -> bool:
    """What is found is acted on, one after the other, each alone; whether anything was done."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        found = await find(tx, now=now)
    return any([await _alone(context, act, each, now) for each in found])


async def _alone(context: Context, act: Callable[..., Awaitable[bool]], subject: object, now: datetime) -> bool:
    """A fault is logged and holds up nobody else; trouble of the database itself is the worker's to wait out."""
    try:
        async with context.db.begin(SYSTEM) as tx:
            return await act(tx, subject, now=now)
    except Transient:
        raise
    except Exception as error:  # noqa: BLE001 - one sale's fault must not hold up the others
        _log.error("fault in what was due", act=act.__name__, subject_id=str(subject), exc_info=error)
        return False


async def pay_put_backs(context: Context) -> bool:
    """Refund accounts that go back to the seller."""
    return await _each(context, service.payable_put_backs, service.pay_put_back)


async def doubt_payouts(context: Context) -> bool:
    """Orders that the bank has not answered are unknown, until a statement decides."""
    return await _each(context, service.unanswered_payouts, service.doubt_payout)


async def check_books(context: Context) -> bool:
    """The daily three-way check; every ten minutes while it finds something."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "settlement.check", now, _CHECK_AGAIN):
            return False
        newest = (await service.list_checks(tx, SYSTEM, PageRequest(1))).items
        if newest and not newest[0].divergence_count and now < newest[0].checked_at + _CHECK_EVERY:
            return False
        await service.keep_check(tx, SYSTEM, now=now, chance=context.chance)
    return True


async def erase_notes(context: Context) -> bool:
    """Each day the notes of call backs whose time is over."""
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "settlement.erasure", context.clock.now(), _CHECK_EVERY):
            return False
    while True:
        async with context.db.begin(SYSTEM) as tx:
            if not await service.erase_notes(tx):
                return False


async def forget_outcomes(context: Context) -> bool:
    """Each hour the answers of commands whose keys need not be known any longer."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "settlement.outcomes", now, _FORGET_EVERY):
            return False
    while True:
        async with context.db.begin(SYSTEM) as tx:
            if not await service.forget_outcomes(tx, now=now):
                return False


TICKS = (
    check_books,
    forget_outcomes,
    erase_notes,
    follow_journal,
    hold_suspended,
    issue_agreements,
    seal_documents,
    seal_flows,
    apply_funds,
    pay_put_backs,
    pass_deadlines,
    pass_flows,
    doubt_payouts,
)
