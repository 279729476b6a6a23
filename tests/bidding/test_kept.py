"""What is kept of refused commands: of registered bidders so many, of strangers nothing; and what a batch waits for."""

import asyncio

from auctions.messages import Reason
from market.bidding import service as bidding
from market.bidding.store import batch as batch_store
from market.bidding.store.holds import hold_auction
from market.compliance import service as compliance
from market.kit.actor import SYSTEM
from tests import factories
from tests.bidding.conftest import bid, count_of, submit_all


async def test_nothing_is_stored_of_a_stranger_and_its_repeat_is_decided_anew(hall, lane):
    room = await hall.room(buyer_count=1)
    stranger = hall.buyers[2]
    orders = [bid(hall.context, stranger, room.auction_id, 200_000, cid="same") for _ in range(20)]
    answers = await submit_all(lane, orders)
    assert {(one.status, one.code) for one in answers} == {("rejected", Reason.NOT_ELIGIBLE)}
    assert await count_of(hall, "bid_refusal", room.auction_id) == 0
    await factories.register_for(hall.context, stranger, room.auction)
    assert (await lane.submit(orders[0])).status == "accepted"


async def test_of_a_registered_bidder_so_many_refusals_are_kept_and_no_more(hall, lane, monkeypatch):
    monkeypatch.setattr(batch_store, "_REFUSALS_KEPT", 5)
    room = await hall.room(buyer_count=2)
    one, other = room.buyers
    for party in (one, one, one, one, one, one, one, one, other):
        assert (await lane.submit(bid(hall.context, party, room.auction_id, 1))).code is Reason.BID_TOO_LOW
    owner = await hall.migrator()
    kept = await owner.fetch(
        "SELECT org_id, count(*) FROM bid_refusal WHERE auction_id = $1 GROUP BY org_id", room.auction_id
    )
    await owner.close()
    assert dict(kept) == {one.org_id: 5, other.org_id: 1}


async def test_a_batch_decides_after_who_holds_the_auction(hall, make_lane, monkeypatch):
    """A registration that ends under the auction's lock ends before every bid that is decided later."""
    monkeypatch.setattr(batch_store, "_LOCK_WAIT_MS", 20_000)  # so that one can see it wait
    lane = await make_lane()
    room = await hall.room(buyer_count=1)
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    async with hall.context.db.begin(SYSTEM) as tx:
        await hold_auction(tx, room.auction_id)
        now = hall.context.clock.now()
        await bidding.end_registration(tx, SYSTEM, room.auction_id, room.buyers[0].org_id, now)
        late = asyncio.create_task(lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 300_000)))
        await waiting(hall)
        assert not late.done()
    assert (await late).code is Reason.NOT_ELIGIBLE
    assert await count_of(hall, "bid", room.auction_id) == 1


async def test_a_bid_that_meets_the_end_of_its_clearance_is_told_so_and_not_to_try_again(hall, lane):
    room = await hall.room(buyer_count=0)
    party = await factories.buyer(hall.context, hall.officers)
    await factories.register_for(hall.context, party, room.auction)
    officer = hall.officers[0].actor
    async with hall.context.db.begin_as_officer(officer) as tx:
        now = hall.context.clock.now()
        await compliance.end_clearance(tx, officer, party.clearances["bid"], "a sanctions hit", now)
        late = asyncio.create_task(lane.submit(bid(hall.context, party, room.auction_id, 100_000)))
        await waiting(hall)
    answer = await late
    assert (answer.status, answer.code) == ("rejected", Reason.NOT_CLEARED)


async def waiting(hall):
    """Until the lane waits for a lock."""
    owner = await hall.admin()
    try:
        async with asyncio.timeout(60):
            while not await owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.01)
    finally:
        await owner.close()
