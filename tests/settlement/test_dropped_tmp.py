import asyncio

import pytest
from sqlalchemy import text

from auctions.messages import BuyNow
from market.bidding.lane import BidOrder, Lane
from market.kit.actor import SYSTEM
from market.settlement import moves, service
from tests import factories
from tests.settlement.books import balance


async def free(bank, party):
    return (await balance(bank.context, moves.cash(party.org_id)))[1]


async def _until_waiting(context, count):
    async with asyncio.timeout(10):
        while await _waiting_count(context) < count:
            await asyncio.sleep(0.01)


async def _waiting_count(context):
    async with context.db.begin(SYSTEM) as tx:
        return await tx.scalar(
            text("""SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'""")
        )


@pytest.mark.parametrize("n", range(20))
async def test_an_award_waits_for_a_deposit_that_was_before_it(bank, n):
    context, (winner, other) = bank.context, bank.buyers[:2]
    for party in (winner, other):
        await bank.pay_in(party, 300_00)
    pool_id = await factories.keyed_pool(context, bank.seller)
    auction = await factories.published_auction(
        context, bank.seller, pool_id=pool_id, terms={"buy_now_cents": 300_000}, deposit_cents=300_00
    )
    await factories.deposit_for(context, winner, auction)
    await factories.accept_nda(context, other, auction)
    before = await free(bank, other)
    lane = Lane(context)
    await lane.start()
    try:
        async with context.db.begin(other.actor) as tx:
            await service.place_deposit(tx, other.actor, auction.auction_id, "k", now=context.clock.now())
            command = BuyNow(bidder=str(winner.org_id), cid="b")
            order = BidOrder(winner.actor, auction.auction_id, command, context.clock.now())
            bought = asyncio.create_task(lane.submit(order))
            await _until_waiting(context, 1)
        assert (await bought).status == "accepted"
    finally:
        await lane.stop()

    async def freed():
        return await free(bank, other) == before

    await factories.until(context, freed)
