"""Time in forward flows: periods that are missed, notices, defaults, and flows that run out."""

import pytest

from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from market.settlement import service
from market.settlement.flows import FlowNotOpen, PeriodClosed, periods_of
from market.settlement.service.second_offers import NoRunnerUp
from tests import factories
from tests.settlement import flowing


async def a_buyer(bank):
    return await factories.buyer(bank.context, bank.officers)


async def told(context, stream):
    async with context.db.begin(SYSTEM) as tx:
        return [entry.kind for entry in await journal.history(tx, stream)]


async def terminate(context, party, flow):
    async with context.db.begin(party.actor) as tx:
        return await service.terminate_flow(tx, party.actor, flow.flow_id, "no more of these", now=context.clock.now())


async def test_a_period_that_nobody_delivers_for_is_missed_and_holds_up_no_other(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.active(context, bank.seller, buyer, period_count=2)
    first, second = periods_of(flow.terms)
    with pytest.raises(PeriodClosed):
        await flowing.deliver(context, bank.seller, flow, await factories.keyed_pool(context, bank.seller), 2)
    due = flowing.at(context, first.due_at)
    await flowing.pass_flows(flowing.at(context, first.due_at - flowing.MOMENT))
    assert await flowing.periods(context, flow) == ["open", "open"]
    pool = await factories.keyed_pool(context, bank.seller)
    with pytest.raises(PeriodClosed):
        await flowing.deliver(due, bank.seller, flow, pool, 1)
    await flowing.pass_flows(due)
    assert await flowing.periods(context, flow) == ["missed", "open"]
    assert await flowing.state(context, flow) == "active"
    for stream in (f"flow:{flow.flow_id}", f"org:{bank.seller.org_id}", f"org:{buyer.org_id}"):
        assert "flow.period_missed" in await told(context, stream)
    await flowing.pass_flows(due)
    assert (await told(context, f"flow:{flow.flow_id}")).count("flow.period_missed") == 1
    with pytest.raises(PeriodClosed):
        await flowing.deliver(due, bank.seller, flow, pool, 1)
    await flowing.deliver(due, bank.seller, flow, pool, 2)
    await flowing.pass_flows(flowing.at(context, second.due_at))
    assert await flowing.periods(context, flow) == ["missed", "delivered"]
    assert await flowing.state(context, flow) == "ended"


async def test_a_notice_leaves_the_periods_that_have_begun_by_its_time(bank):
    """Fourteen days of notice, weeks from today on: the third week begins on the last day, the fourth is void."""
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.active(context, bank.seller, buyer, period_count=5)
    ending = await terminate(context, buyer, flow)
    assert (ending.ends_on - ending.noticed_at.date()).days == 14
    assert await flowing.periods(context, flow) == ["open", "open", "open", "void", "void"]
    with pytest.raises(FlowNotOpen):
        await terminate(context, bank.seller, flow)
    await flowing.deliver(context, bank.seller, flow, await factories.keyed_pool(context, bank.seller))
    last = periods_of(flow.terms)[2]
    later = flowing.at(context, last.due_at)
    await flowing.pass_flows(later)
    assert await flowing.periods(context, flow) == ["delivered", "missed", "missed", "void", "void"]
    assert await flowing.state(context, flow) == "ended"
    assert "flow.notice_given" in await told(context, f"org:{bank.seller.org_id}")


async def test_after_a_default_the_pool_is_free_and_the_other_side_ends_the_flow_at_once(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.active(context, bank.seller, buyer, period_count=3)
    pool = await factories.keyed_pool(context, bank.seller)
    delivery = await flowing.deliver(context, bank.seller, flow, pool)
    signing = await flowing.settlement_in(context, "signing", delivery)
    await factories.sign_agreement(context, bank.seller, signing.settlement_id)
    late = bank.later(days=8)
    await flowing.settlement_in(late, "sign_default", delivery)
    async with context.db.begin(SYSTEM) as tx:
        freed = await portfolios.find_pool(tx, SYSTEM, pool)
    assert (freed.state, freed.flow_id) == (PoolState.READY, None)
    async with context.db.begin(bank.seller.actor) as tx:
        with pytest.raises(NoRunnerUp):
            await service.offer_second(
                tx, bank.seller.actor, signing.settlement_id, now=late.clock.now(), chance=context.chance
            )
    # The one who defaulted gives the agreed notice; the other need not wait, nor take what is open.
    ended = await terminate(late, bank.seller, flow)
    assert ended.ends_on == late.clock.now().date()
    assert (await flowing.periods(context, flow))[1:] == ["void", "void"]
    await flowing.pass_flows(late)
    assert await flowing.state(context, flow) == "ended"
    # Free again, the pool may be sold elsewhere.
    await factories.published_auction(context, bank.seller, pool_id=pool)


async def test_a_delivery_is_opened_once_however_often_the_worker_tries(bank):
    context = bank.context
    flow = await flowing.active(context, bank.seller, await a_buyer(bank))
    delivery = await flowing.deliver(context, bank.seller, flow, await factories.keyed_pool(context, bank.seller))
    sale = await flowing.settlement_in(context, "signing", delivery)
    async with context.db.begin(SYSTEM) as tx:
        assert await service.open_delivered(tx, delivery.delivery_id, chance=context.chance) is None
        period = await service.period_of(tx, delivery)
    assert period.settlement_id == sale.settlement_id
