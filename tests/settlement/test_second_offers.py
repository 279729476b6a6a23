"""After a default: the next bidder at its own bid, in time, or the pool is free again."""

import asyncio

import pytest
from sqlalchemy import text

from auctions.messages import CancelCeiling, PlaceBid, RefuseBid, SetCeiling
from market.bidding.lane import BidOrder, Lane
from market.compliance import service as compliance
from market.compliance.rules import NotCleared
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, NotFound
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from market.settlement import jobs, service
from market.settlement.rules import State, WrongState
from market.settlement.service import second_offers
from market.settlement.service.second_offers import NoRunnerUp
from tests import factories
from tests.settlement.test_defaults import awarded
from tests.settlement.test_guards import forge


async def defaulted(bank, *bids):
    """(settlement in sign_default, runner-up): the runner-up bid these amounts before another bought at once.

    A bid may also be a function that makes another command of the bidder's name and the command's, or a pair of somebody
    else and what that one says.
    """
    context = bank.context
    winner, runner_up = [await factories.buyer(context, bank.officers) for _ in range(2)]
    pool_id = await factories.keyed_pool(context, bank.seller)
    terms = {"opening_cents": 10_000_00, "buy_now_cents": 90_000_00}
    auction = await factories.published_auction(context, bank.seller, pool_id=pool_id, terms=terms)
    others = [said[0] for said in bids if isinstance(said, tuple) and said[0] is not bank.seller]
    for party in (winner, runner_up, *others):
        await factories.deposit_for(context, party, auction)
    lane = Lane(context)
    await lane.start()
    try:
        for number, bid in enumerate(bids):
            party, said = bid if isinstance(bid, tuple) else (runner_up, bid)
            names = {"bidder": str(party.org_id), "cid": str(number)}
            command = PlaceBid(**names, amount_cents=said, confirmed=True) if isinstance(said, int) else said
            command = command(**names) if callable(command) else command
            answer = await lane.submit(BidOrder(party.actor, auction.auction_id, command, context.clock.now()))
            assert answer.status == "accepted", answer
    finally:
        await lane.stop()
    await factories.buy_now(context, winner, auction)
    await factories.settlement_in(context, "signing", auction)
    late = bank.later(days=6)
    await jobs.pass_deadlines(late)
    return await factories.settlement_in(context, "sign_default", auction), runner_up


async def offer(context, party, settlement):
    async with context.db.begin(party.actor) as tx:
        return await service.offer_second(
            tx, party.actor, settlement.settlement_id, now=context.clock.now(), chance=context.chance
        )


async def reply(context, party, made, *, accept):
    async with context.db.begin(party.actor) as tx:
        return await service.answer_second(tx, party.actor, made.offer_id, accept=accept, now=context.clock.now())


async def state_of_pool(context, settlement):
    async with context.db.begin(SYSTEM) as tx:
        return (await portfolios.find_pool(tx, SYSTEM, settlement.pool_id)).state


async def test_the_next_bidder_takes_the_pool_at_its_own_bid(bank):
    context = bank.context
    settlement, runner_up = await defaulted(bank, 20_000_00, 30_000_00)
    made = await offer(context, bank.seller, settlement)
    assert await offer(context, bank.seller, settlement) == made
    assert (made.org_id, made.amount_cents) == (runner_up.org_id, 30_000_00)
    assert await state_of_pool(context, settlement) is PoolState.OFFERED
    for stranger in (bank.buyers[0], bank.seller):
        with pytest.raises(NotFound):
            await reply(context, stranger, made, accept=True)
    await reply(context, runner_up, made, accept=True)
    assert (await factories.screenings_ordered(context, runner_up))[-1] == "award"
    with pytest.raises(WrongState):
        await reply(context, runner_up, made, accept=False)

    async def opened():
        async with context.db.begin(runner_up.actor) as tx:
            page = await service.list_settlements(tx, runner_up.actor, factories.PageRequest(10))
        return any(each.state is State.SIGNING and each.hammer_cents == 30_000_00 for each in page.items)

    await factories.until(context, opened)
    signed = None
    async with context.db.begin(runner_up.actor) as tx:
        (signed,) = (await service.list_settlements(tx, runner_up.actor, factories.PageRequest(10))).items
    assert (signed.seller_org_id, signed.pool_id) == (bank.seller.org_id, settlement.pool_id)
    assert signed.buyer_fee_cents + signed.seller_fee_cents == 1_500_00


async def test_a_declined_or_unanswered_offer_frees_the_pool(bank):
    context = bank.context
    for accept in (False, None):
        settlement, runner_up = await defaulted(bank, 20_000_00)
        made = await offer(context, bank.seller, settlement)
        if accept is None:
            late = bank.later(days=5)
            with pytest.raises(WrongState):
                await reply(late, runner_up, made, accept=True)
            await jobs.pass_deadlines(late)
        else:
            await reply(context, runner_up, made, accept=accept)

        async def free(settlement=settlement):
            return await state_of_pool(context, settlement) is PoolState.READY

        await factories.until(context, free)


async def test_only_the_seller_of_a_defaulted_sale_with_another_bidder_offers_it_on(bank):
    context = bank.context
    alone, runner_up = await defaulted(bank)
    with pytest.raises(NoRunnerUp):
        await offer(context, bank.seller, alone)
    settlement, runner_up = await defaulted(bank, 20_000_00)
    with pytest.raises((NotFound, Forbidden)):
        await offer(context, runner_up, settlement)
    with pytest.raises(Forbidden):
        await offer(context, bank.officers[0], settlement)
    _, running, _ = await awarded(bank)
    with pytest.raises(WrongState):
        await offer(context, bank.seller, running)
    row = """INSERT INTO second_offer SELECT gen_random_uuid(), settlement_id, auction_id, pool_id, seller_org_id, :org,
        :cents, now(), now() + interval '1 day', 'open', NULL FROM settlement WHERE settlement_id = :id"""
    values = {"org": runner_up.org_id, "cents": 20_000_00, "id": settlement.settlement_id}
    for wrong in ({"cents": 19_999_99}, {"org": bank.buyers[0].org_id}, {"org": settlement.buyer_org_id}):
        assert "own bid" in await forge(context, bank.seller.actor, row, **values | wrong)


def ceiling(cents):
    return lambda **names: SetCeiling(**names, ceiling_cents=cents, confirmed=True)


async def test_whom_the_seller_refused_is_offered_nothing(bank):
    refusal = (bank.seller, RefuseBid(seq=5, reason="not a buyer I sell to"))
    settlement, _ = await defaulted(bank, 20_000_00, 30_000_00, refusal)
    with pytest.raises(NoRunnerUp):
        await offer(bank.context, bank.seller, settlement)


async def test_a_ceiling_that_a_refused_bid_has_spent_is_not_offered_again(bank):
    shill, refusal = bank.buyers[0], (bank.seller, RefuseBid(seq=5, reason="not a buyer I sell to"))
    settlement, runner_up = await defaulted(bank, ceiling(50_000_00), (shill, ceiling(60_000_00)), refusal)
    made = await offer(bank.context, bank.seller, settlement)
    assert (made.org_id, made.amount_cents) == (runner_up.org_id, 10_000_00)


async def test_no_ceiling_that_a_purchase_at_once_did_not_beat_is_offered(bank):
    lowered, runner_up = await defaulted(bank, ceiling(50_000_00), CancelCeiling)
    made = await offer(bank.context, bank.seller, lowered)
    assert (made.org_id, made.amount_cents) == (runner_up.org_id, 10_000_00)
    raised, runner_up = await defaulted(bank, ceiling(50_000_00), CancelCeiling, ceiling(40_000_00))
    made = await offer(bank.context, bank.seller, raised)
    assert (made.org_id, made.amount_cents) == (runner_up.org_id, 10_000_00)


async def test_an_end_of_the_clearance_waits_for_the_offer_that_is_taken_under_it(bank, monkeypatch):
    context = bank.context
    settlement, runner_up = await defaulted(bank, 20_000_00)
    made = await offer(context, bank.seller, settlement)
    officer = bank.officers[0].actor

    async def end():
        async with context.db.begin_as_officer(officer) as tx:
            await compliance.end_clearance(tx, officer, runner_up.clearances["bid"], "x", context.clock.now())

    endings = []
    move = second_offers.store.move

    async def while_the_clearance_ends(tx, *args):
        endings.append(asyncio.create_task(end()))
        while not await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'relation'")):
            assert not endings[0].done()
        await move(tx, *args)

    monkeypatch.setattr(second_offers.store, "move", while_the_clearance_ends)
    assert (await reply(context, runner_up, made, accept=True)).state == "accepted"
    await endings[0]


@pytest.mark.parametrize(("states", "most_cents"), [(("CA",), 10_000_000_00), (("*",), 19_999_99)])
async def test_a_next_bidder_whose_new_clearance_does_not_cover_the_pool_cannot_accept(bank, states, most_cents):
    context = bank.context
    settlement, runner_up = await defaulted(bank, 20_000_00)
    made = await offer(context, bank.seller, settlement)
    first, second = bank.officers
    async with context.db.begin_as_officer(first.actor) as tx:
        await compliance.end_clearance(tx, first.actor, runner_up.clearances["bid"], "a review", context.clock.now())
    with pytest.raises(NotCleared):
        await reply(context, runner_up, made, accept=True)
    case_id = await factories.prepared_case(context, runner_up, first, factories.a_grant(("bid",), states, most_cents))
    await factories.approve(context, second, case_id)
    with pytest.raises(NotCleared, match="no longer covers"):
        await reply(context, runner_up, made, accept=True)
    assert (await reply(context, runner_up, made, accept=False)).state == "declined"
