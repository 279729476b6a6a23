"""The end of an auction: on time by the database's clock, once, and fair to bids that arrived before it."""

import asyncio
from datetime import timedelta

import pytest

from auctions.auction import Phase
from auctions.messages import Cancel, Close, Open, Pause, Reason, Resume
from market.bidding import jobs
from market.bidding import service as bidding
from market.bidding.closing import Closer
from market.bidding.store import auctions as store
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from tests.bidding.conftest import bid, count_of, events_of, say

MINUTE = timedelta(minutes=1)


async def phase_within(lane, auction_id, *phases, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while (folded := lane.states.peek(auction_id)) is None or folded.auction.phase not in phases:
            await asyncio.sleep(0.005)
    return folded.auction


async def journal_of(hall, auction_id):
    owner = await hall.migrator()
    rows = await owner.fetch("SELECT kind, body FROM journal WHERE stream = $1 ORDER BY seq", f"auction:{auction_id}")
    await owner.close()
    return [row["kind"] for row in rows]


async def test_an_auction_published_later_than_the_lane_started_closes_by_itself_and_is_awarded(hall, make_lane):
    lane = await make_lane(close_drain_ms=50)
    room = await hall.brief_room(0.6)
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    auction = await phase_within(lane, room.auction_id, Phase.AWARDED)
    assert (auction.winner, auction.hammer_cents) == (str(room.buyers[0].org_id), 100_000)
    last = (await events_of(hall, room.auction_id))[-1]
    assert last["kind"] == "awarded"
    assert await journal_of(hall, room.auction_id) == [
        "auction.published",
        *["auction.bidder_registered"] * 3,
        "auction.closed",
        "auction.awarded",
    ]
    async with hall.context.db.begin(hall.seller.actor) as tx:
        (award,) = await bidding.awards_of(tx, room.auction_id)
    assert (award.winner_org_id, award.hammer_cents) == (room.buyers[0].org_id, 100_000)


async def test_an_auction_opens_on_time_although_nobody_bids(hall, make_lane):
    lane = await make_lane()
    room = await hall.later_room(1.0)
    early = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    assert early.code is Reason.NOT_OPEN
    await phase_within(lane, room.auction_id, Phase.OPEN)


async def test_without_bids_or_below_the_reserve_it_fails_and_the_pool_comes_back(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    empty = await hall.brief_room(0.3)
    low = await hall.brief_room(0.6, terms={"reserve_cents": 500_000})
    await lane.submit(bid(hall.context, low.buyers[0], low.auction_id, 100_000))
    for room, reason in ((empty, "NO_BIDS"), (low, "RESERVE_NOT_MET")):
        auction = await phase_within(lane, room.auction_id, Phase.FAILED)
        assert auction.phase_reason == reason
        assert (await journal_of(hall, room.auction_id))[-2:] == ["auction.closed", "auction.failed"]
        assert await count_of(hall, "award", room.auction_id) == 0
        while await jobs.return_unsold_pools(hall.context):
            pass
        async with hall.context.db.begin(hall.seller.actor) as tx:
            assert (await portfolios.find_pool(tx, hall.seller.actor, room.auction.pool_id)).state is PoolState.READY


async def test_what_falls_due_is_looked_up_a_little_before_its_time(hall):
    drain, ahead, before = (timedelta(milliseconds=count) for count in (500, 20, 10))
    room = await hall.brief_room(60)
    due_at = room.auction.closes_at + drain
    found = []
    async with hall.context.db.begin(SYSTEM) as tx:
        for now in (due_at - before, due_at - 3 * before):
            due = await store.due(tx, now, drain=drain, ahead=ahead)
            found.append([left_s for auction_id, left_s in due.to_close if auction_id == room.auction_id])
    assert found == [[0.01], []]
    assert due.next_in_s is not None
    assert due.next_in_s <= 0.01


async def test_what_waits_for_its_drain_keeps_nothing_else_from_opening(hall, monkeypatch):
    """A short list stands for a busy hour, at which more auctions end than one look takes in."""
    drain, ahead = timedelta(milliseconds=500), timedelta(milliseconds=20)
    ends_at = hall.context.clock.now() + 10 * MINUTE
    opens_at = ends_at + drain / 5
    await hall.room(terms={"opens_at": ends_at - 11 * MINUTE, "closes_at": ends_at})
    opening = await hall.room(terms={"opens_at": opens_at, "closes_at": opens_at + MINUTE})
    async with hall.context.db.begin(SYSTEM) as tx:
        everything = await store.due(tx, opens_at, drain=drain, ahead=ahead)
        count = len([*everything.to_open, *everything.to_tick, *everything.to_close])
        monkeypatch.setattr(store, "_DUE_AT_ONCE", count)
        due = await store.due(tx, opens_at, drain=drain, ahead=ahead)
    assert due == everything
    assert (opening.auction_id, 0.0) in due.to_open
    assert due.next_in_s == pytest.approx((ends_at + drain - opens_at - ahead).total_seconds())


async def test_nothing_is_said_before_its_time(hall):
    room = await hall.later_room(0.5)
    said = []

    async def submit(order):
        said.append(order)
        raise Transient

    closer = Closer(hall.context, submit)
    async with asyncio.timeout(20):
        while room.auction_id not in {order.auction_id for order in said}:
            await asyncio.sleep(await closer.close_due() or 0.01)
    first = next(order for order in said if order.auction_id == room.auction_id)
    assert isinstance(first.command, Open)
    assert first.received_at >= room.auction.opens_at


@pytest.mark.parametrize(("offset_ms", "in_time"), [(-30, True), (0, False), (30, False)])
async def test_what_counts_is_when_a_bid_arrived_not_when_it_was_decided(hall, make_lane, offset_ms, in_time):
    """Decided well after the end, while nobody has closed the auction yet."""
    lane = await make_lane(closer=False)
    room = await hall.brief_room(0.4)
    await hall.until(room.auction.closes_at + timedelta(milliseconds=50))
    arrived = room.auction.closes_at + timedelta(milliseconds=offset_ms + (5 if offset_ms == 0 else 0))
    answer = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000, received_at=arrived))
    assert answer.holds is in_time
    assert answer.code is (None if in_time else Reason.TOO_LATE)
    assert answer.decided_at > room.auction.closes_at


async def test_a_bid_that_waited_for_a_lock_across_the_end_is_in_time(hall, make_lane):
    lane = await make_lane(close_drain_ms=5_000)
    room = await hall.brief_room(0.5)
    holder = await hall.migrator()
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM auction WHERE auction_id = $1 FOR UPDATE", room.auction_id)
        waiting = asyncio.create_task(lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000)))
        await hall.until(room.auction.closes_at + timedelta(milliseconds=100))
    await holder.close()
    answer = await waiting
    assert answer.holds
    assert answer.received_at < room.auction.closes_at < answer.decided_at


async def test_closers_that_were_down_close_once_and_let_no_late_bid_in(hall, make_lane):
    down = [await make_lane(closer=False), await make_lane(closer=False)]
    room = await hall.brief_room(0.3)
    await down[0].submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    await hall.until(room.auction.closes_at + timedelta(milliseconds=600))
    answers = await asyncio.gather(
        down[0].submit(bid(hall.context, room.buyers[1], room.auction_id, 900_000)),
        down[0].close_due(),
        down[1].close_due(),
        down[1].submit(bid(hall.context, room.buyers[2], room.auction_id, 910_000)),
    )
    assert {answers[0].code, answers[3].code} == {Reason.TOO_LATE}
    kinds = [row["kind"] for row in await events_of(hall, room.auction_id)]
    assert kinds.count("auction_closed") == kinds.count("awarded") == 1
    assert (await journal_of(hall, room.auction_id)).count("auction.awarded") == 1


async def test_nobody_closes_early_and_only_the_clock_closes(hall, lane):
    room = await hall.room()
    early = await say(lane, hall.context, SYSTEM, room.auction_id, Close())
    assert early.code is Reason.NOT_DUE
    for party in (hall.seller, hall.operator, room.buyers[0]):
        answer = await say(lane, hall.context, party.actor, room.auction_id, Close())
        assert answer.code is Reason.NOT_ELIGIBLE


async def test_a_late_bid_moves_the_close_and_a_refused_one_does_not(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    room = await hall.brief_room(0.6, terms={"soft_close_window_s": 60, "soft_close_extension_s": 60})
    refused = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 1))
    assert refused.code is Reason.BID_TOO_LOW
    assert lane.states.peek(room.auction_id).auction.closes_at == room.auction.closes_at
    placed = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    assert lane.states.peek(room.auction_id).auction.closes_at == placed.received_at + timedelta(seconds=60)
    await hall.until(room.auction.closes_at + timedelta(milliseconds=100))
    assert (await lane.submit(bid(hall.context, room.buyers[1], room.auction_id, 200_000))).holds


async def test_a_bid_and_a_close_in_one_batch_come_in_order(hall, make_lane):
    lane = await make_lane(closer=False, close_drain_ms=0)
    room = await hall.brief_room(0.3)
    await hall.until(room.auction.closes_at + timedelta(milliseconds=50))
    early = room.auction.closes_at - timedelta(milliseconds=50)
    orders = [bid(hall.context, party, room.auction_id, 100_000 + n * 10_000, received_at=early)
              for n, party in enumerate(room.buyers)]  # fmt: skip
    first, _, late = await asyncio.gather(lane.submit(orders[0]), lane.close_due(), lane.submit(orders[1]))
    assert first.holds
    closing = await say(lane, hall.context, SYSTEM, room.auction_id, Close())
    too_late = await lane.submit(orders[2])
    assert closing.holds
    assert too_late.code is Reason.TOO_LATE
    assert late.holds or late.code is Reason.TOO_LATE


async def test_a_pause_stops_the_clock_and_a_resumed_auction_closes_later(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    room = await hall.brief_room(0.5)
    operator = hall.operator.actor
    await say(lane, hall.context, operator, room.auction_id, Pause(reason="a fire drill"))
    await hall.until(room.auction.closes_at + timedelta(milliseconds=100))
    assert lane.states.peek(room.auction_id).auction.phase is Phase.PAUSED
    await say(lane, hall.context, operator, room.auction_id, Resume())
    resumed = lane.states.peek(room.auction_id).auction
    assert resumed.phase is Phase.OPEN
    assert resumed.closes_at > room.auction.closes_at
    await phase_within(lane, room.auction_id, Phase.FAILED)


async def test_a_cancellation_after_the_end_comes_too_late(hall, make_lane):
    lane = await make_lane(closer=False)
    room = await hall.brief_room(0.3)
    await hall.until(room.auction.closes_at + timedelta(milliseconds=50))
    answer = await say(lane, hall.context, hall.seller.actor, room.auction_id, Cancel(reason="changed my mind"))
    assert answer.code is Reason.TOO_LATE


async def test_a_closer_that_is_woken_in_the_moment_it_is_stopped_stops(hall):
    async def undecided(order):
        raise AssertionError(f"nothing is due: {order}")

    for _ in range(20):
        closer = Closer(hall.context, undecided)
        closer.close_due = lambda: asyncio.sleep(0)
        closer.start()
        await asyncio.sleep(0.002)  # it sleeps until something is due
        closer.wake()
        await asyncio.sleep(0)  # the news has woken the waiting, not yet the one who waits
        async with asyncio.timeout(2):
            await closer.stop()
