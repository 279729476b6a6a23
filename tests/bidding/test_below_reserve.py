"""The seller's answer below the reserve, on a real database: kept once, against the deadline, other answers and failures."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from auctions.auction import Phase
from auctions.messages import Close, DeclineHighest, Reason, TakeHighest
from market.bidding import jobs
from market.bidding import service as bidding
from market.bidding.lane import BidOrder
from market.compliance import service as compliance
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from tests import factories
from tests.bidding.conftest import bid, count_of, events_of, say
from tests.bidding.test_closing import journal_of, phase_within
from tests.bidding.test_races import at_once, ended_soundly, lanes  # noqa: F401  # the same two nodes

LONG_S = 24 * 3_600
BELOW = {"reserve_cents": 500_000}


async def asked(hall, lane, *, answer_s=LONG_S, buyer=None):
    """A room whose seller is asked at this moment; its first buyer leads at 100,000 cents. And the seq to have seen."""
    room = await hall.brief_room(0.3, terms=BELOW | {"below_reserve_answer_s": answer_s}, buyer_count=1)
    who = buyer or room.buyers[0]
    if buyer is not None:
        await factories.register_for(hall.context, buyer, room.auction)
    assert (await lane.submit(bid(hall.context, who, room.auction_id, 100_000))).holds
    await hall.until(room.auction.closes_at)
    closed = await say(lane, hall.context, SYSTEM, room.auction_id, Close())
    return room, closed.seq if closed.holds else (await events_of(hall, room.auction_id))[-1]["seq"]


async def test_the_deadline_is_a_column_and_the_auction_fails_at_it_by_itself(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    room, _ = await asked(hall, lane, answer_s=1)
    owner = await hall.migrator()
    row = await owner.fetchrow("SELECT phase, due_at FROM auction WHERE auction_id = $1", room.auction_id)
    await owner.close()
    answer_until = lane.states.peek(room.auction_id).auction.answer_until
    assert row["phase"] == "failed" or (row["phase"], row["due_at"]) == ("awarding", answer_until)
    auction = await phase_within(lane, room.auction_id, Phase.FAILED)
    assert auction.phase_reason == "RESERVE_NOT_MET"
    kinds = await ended_soundly(hall, room.auction_id)
    assert kinds[-3:] == ["auction_closed", "answer_awaited", "auction_failed"]
    assert (await journal_of(hall, room.auction_id))[-3:] == [
        "auction.closed",
        "auction.answer_awaited",
        "auction.failed",
    ]
    while await jobs.return_unsold_pools(hall.context):
        pass
    async with hall.context.db.begin(hall.seller.actor) as tx:
        assert (await portfolios.find_pool(tx, hall.seller.actor, room.auction.pool_id)).state is PoolState.READY


async def test_what_the_seller_takes_is_awarded_like_any_other_sale(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    room, seq = await asked(hall, lane)
    assert await count_of(hall, "award", room.auction_id) == 0
    taken = await say(lane, hall.context, hall.seller.actor, room.auction_id, TakeHighest(seq_seen=seq))
    assert taken.holds
    assert (await ended_soundly(hall, room.auction_id))[-2:] == ["highest_taken", "awarded"]
    async with hall.context.db.begin(hall.seller.actor) as tx:
        (award,) = await bidding.awards_of(tx, room.auction_id)
    assert (award.winner_org_id, award.hammer_cents) == (room.buyers[0].org_id, 100_000)
    assert (await journal_of(hall, room.auction_id))[-1] == "auction.awarded"


async def test_only_the_seller_answers(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    room, seq = await asked(hall, lane)
    for actor in (room.buyers[0].actor, hall.operator.actor, hall.officers[0].actor):
        for command in (TakeHighest(seq_seen=seq), DeclineHighest(seq_seen=seq)):
            assert (await say(lane, hall.context, actor, room.auction_id, command)).code is Reason.NOT_ELIGIBLE


async def test_a_leader_whose_clearance_has_ended_is_not_sold_to(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    party = await factories.buyer(hall.context, hall.officers)
    room, seq = await asked(hall, lane, buyer=party)
    officer = hall.officers[0].actor
    async with hall.context.db.begin_as_officer(officer) as tx:
        now = hall.context.clock.now()
        await compliance.end_clearance(tx, officer, party.clearances["bid"], "a sanctions hit", now)
    refused = await say(lane, hall.context, hall.seller.actor, room.auction_id, TakeHighest(seq_seen=seq))
    assert (refused.code, "clearance" in refused.detail) == (Reason.NOT_ELIGIBLE, False)
    declined = await say(lane, hall.context, hall.seller.actor, room.auction_id, DeclineHighest(seq_seen=seq))
    assert declined.holds
    assert (await ended_soundly(hall, room.auction_id))[-1] == "auction_failed"


@pytest.mark.parametrize("second", [TakeHighest, DeclineHighest])
async def test_of_two_answers_at_once_through_two_nodes_one_counts(hall, lanes, second):  # noqa: F811
    for number in range(4):
        room, seq = await asked(hall, lanes[0])
        said = [(hall.seller.actor, room.auction_id, command(seq_seen=seq)) for command in (TakeHighest, second)]
        answers = await at_once(hall, lanes, *(said if number % 2 else reversed(said)))
        assert sorted(answer.holds for answer in answers) == [False, True]
        assert {answer.code for answer in answers} == {None, Reason.TOO_LATE}
        kinds = await ended_soundly(hall, room.auction_id)
        assert kinds.count("awarded") + kinds.count("auction_failed") == 1
        assert await count_of(hall, "award", room.auction_id) == kinds.count("awarded")


async def test_an_acceptance_meets_the_deadline(hall, make_lane):
    """It arrived a moment before the end, and a closer on another node is there at the same time: one of them holds."""
    nodes = [await make_lane(closer=False), await make_lane(closer=False)]
    for number in range(4):
        room, seq = await asked(hall, nodes[0], answer_s=1)
        answer_until = nodes[0].states.peek(room.auction_id).auction.answer_until
        await hall.until(answer_until)
        orders = [
            BidOrder(
                hall.seller.actor, room.auction_id, TakeHighest(seq_seen=seq), answer_until - timedelta(seconds=0.2)
            ),
            BidOrder(SYSTEM, room.auction_id, Close(), hall.context.clock.now()),
        ]
        first = orders if number % 2 else orders[::-1]
        answers = dict(
            zip(
                (type(order.command) for order in first),
                await asyncio.gather(*(nodes[place].submit(order) for place, order in enumerate(first))),
                strict=True,
            )
        )
        kinds = await ended_soundly(hall, room.auction_id)
        assert answers[TakeHighest].holds == (kinds[-1] == "awarded")
        assert kinds.count("awarded") + kinds.count("auction_failed") == 1


@pytest.mark.parametrize(("offset_ms", "in_time"), [(-30, True), (0, False), (30, False)])
async def test_what_counts_is_when_the_answer_arrived(hall, make_lane, offset_ms, in_time):
    lane = await make_lane(closer=False)
    room, seq = await asked(hall, lane, answer_s=1)
    answer_until = lane.states.peek(room.auction_id).auction.answer_until
    await hall.until(answer_until + timedelta(milliseconds=50))
    arrived = answer_until + timedelta(milliseconds=offset_ms + (5 if offset_ms == 0 else 0))
    order = BidOrder(hall.seller.actor, room.auction_id, TakeHighest(seq_seen=seq), arrived)
    answer = await lane.submit(order)
    assert answer.holds is in_time
    assert answer.code is (None if in_time else Reason.TOO_LATE)


async def test_an_acceptance_whose_connection_is_killed_is_kept_once_or_not_at_all(hall, make_lane):
    lane = await make_lane(close_drain_ms=0)
    admin = await hall.admin()
    for _ in range(3):
        room, seq = await asked(hall, lane)
        killing = asyncio.create_task(admin.fetchval("SELECT pg_terminate_backend($1)", lane._writer.server_pid))
        answer = None
        while answer is None:
            with suppress(Transient):
                answer = await say(lane, hall.context, hall.seller.actor, room.auction_id, TakeHighest(seq_seen=seq))
        assert await killing
        assert answer.holds or answer.code is Reason.TOO_LATE
        assert (await ended_soundly(hall, room.auction_id)).count("awarded") == 1
        assert await count_of(hall, "award", room.auction_id) == 1
    await admin.close()
