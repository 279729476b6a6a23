"""The lane: first come, first served, decided under the lock, kept before it is answered."""

import asyncio
from dataclasses import replace

import pytest

import market.bidding.lane
from auctions.auction import Phase
from auctions.engine import replay
from auctions.messages import (
    BuyNow,
    Cancel,
    CancelCeiling,
    Outcome,
    Pause,
    PlaceBid,
    Reason,
    RefuseBid,
    Resume,
    VoidBid,
)
from auctions.proof import line, verify
from auctions.record import decode
from market.bidding.lane import BidOrder, Status
from market.kit.actor import SYSTEM
from tests import factories
from tests.bidding.conftest import bid, ceiling, count_of, events_of, new_cid, say, submit_all


async def test_of_many_equal_bids_at_once_one_is_accepted(hall, lane):
    room = await hall.room()
    orders = [bid(hall.context, party, room.auction_id, 100_000) for party in room.buyers for _ in range(20)]
    answers = await submit_all(lane, orders)
    accepted = [answer for answer in answers if answer.status is Status.ACCEPTED]
    assert len(accepted) == 1
    assert {answer.code for answer in answers if answer not in accepted} == {Reason.BID_TOO_LOW}
    assert await count_of(hall, "bid", room.auction_id) == 1
    assert await count_of(hall, "bid_refusal", room.auction_id) == 59


async def test_a_lower_bid_after_a_higher_one_from_another_node_is_too_low(hall, make_lane):
    room = await hall.room()
    one, other = await make_lane(), await make_lane()
    assert (await other.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))).holds
    assert (await one.submit(bid(hall.context, room.buyers[0], room.auction_id, 500_000))).holds
    answer = await other.submit(bid(hall.context, room.buyers[1], room.auction_id, 400_000))
    assert (answer.code, answer.min_next_cents) == (Reason.BID_TOO_LOW, 510_000)


async def test_two_nodes_on_the_same_auctions_leave_no_gap_and_no_duplicate(hall, make_lane):
    rooms = [await hall.room() for _ in range(5)]
    lanes = [await make_lane(), await make_lane()]
    orders = [
        bid(hall.context, rooms[number % 5].buyers[number % 3], rooms[number % 5].auction_id, 100_000 + number * 10_000)
        for number in range(5_000)
    ]
    answers = []
    for chunk in range(0, len(orders), 500):
        some = enumerate(orders[chunk : chunk + 500])
        answers += await asyncio.gather(*(lanes[place % 2].submit(order) for place, order in some))
    for room in rooms:
        events = await events_of(hall, room.auction_id)
        assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
        kept = [a.seq for a, o in zip(answers, orders, strict=True) if a.holds and o.auction_id == room.auction_id]
        assert sorted(kept) == [row["seq"] for row in events if row["kind"] == "bid_accepted"]
        assert verify([line(row["body"].encode(), row["hash"]) for row in events], bytes(events[-1]["hash"])).holds
    assert await in_order(hall)


async def in_order(hall):
    """What the auditor's query finds wrong must be nothing."""
    connection = await hall.migrator()
    found = await connection.fetchval("SELECT count(*) FROM bid_against_the_rules")
    await connection.close()
    return found == 0


async def test_many_bids_on_many_auctions_need_one_connection_and_never_deadlock(hall, make_lane):
    rooms = [await hall.room(buyer_count=2) for _ in range(12)]
    lanes = [await make_lane(lane_batch_count=7) for _ in range(3)]
    orders = [
        bid(hall.context, room.buyers[number % 2], room.auction_id, 100_000 + number * 10_000)
        for number in range(20)
        for room in (rooms if number % 2 else rooms[::-1])
    ]
    answers = await asyncio.gather(*(lanes[place % 3].submit(order) for place, order in enumerate(orders)))
    assert all(answer.holds or answer.code is Reason.BID_TOO_LOW for answer in answers)


async def test_what_another_session_locks_is_decided_on_what_it_left_behind(hall, make_lane):
    """Validation happens inside the lock: the other node's bid is seen, although it was committed while this one waited."""
    room = await hall.room()
    one, other = await make_lane(), await make_lane()
    holder = await hall.migrator()
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM auction WHERE auction_id = $1 FOR UPDATE", room.auction_id)
        first = asyncio.create_task(one.submit(bid(hall.context, room.buyers[0], room.auction_id, 300_000)))
        second = asyncio.create_task(other.submit(bid(hall.context, room.buyers[1], room.auction_id, 300_000)))
        await waiting_for_locks(hall, 2)
    answers = [await first, await second]
    await holder.close()
    assert sorted(answer.status for answer in answers) == [Status.ACCEPTED, Status.REJECTED]


async def waiting_for_locks(hall, wanted):
    """Until so many backends of this database wait for a lock."""
    connection = await hall.migrator()
    for _ in range(200):
        waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database OR l.database IS NULL"
        if await connection.fetchval(f"{waiting} WHERE NOT granted AND d.datname = current_database()") >= wanted:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("nobody waits")
    await connection.close()


# Keys.


async def test_a_repeated_bid_gets_the_stored_decision(hall, make_lane):
    room = await hall.room()
    one, other = await make_lane(), await make_lane()
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000, cid="mine")
    first = await one.submit(order)
    await one.submit(bid(hall.context, room.buyers[1], room.auction_id, 300_000))
    again = await other.submit(order)
    assert again == replace(first, status=Status.DUPLICATE)
    assert await count_of(hall, "bid", room.auction_id) == 2


async def test_a_repeated_refusal_gets_the_stored_decision(hall, lane):
    room = await hall.room()
    await lane.submit(bid(hall.context, room.buyers[1], room.auction_id, 300_000))
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000, cid="low")
    first, again = await lane.submit(order), await lane.submit(order)
    assert first.code is Reason.BID_TOO_LOW
    assert again == replace(first, status=Status.DUPLICATE)
    assert not again.holds


async def test_a_repeat_in_the_same_batch_gets_the_same_decision(hall, lane):
    room = await hall.room()
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
    answers = await submit_all(lane, [order] * 5)
    assert [answer.status for answer in answers] == [Status.ACCEPTED, *[Status.DUPLICATE] * 4]
    assert len({answer.seq for answer in answers}) == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_the_same_key_with_other_content_is_refused(hall, lane, apart):
    room = await hall.room()
    orders = [bid(hall.context, room.buyers[0], room.auction_id, cents, cid="k") for cents in (100_000, 200_000)]
    answers = [await lane.submit(order) for order in orders] if apart else await submit_all(lane, orders)
    assert answers[0].holds
    assert answers[1].code is Reason.DUPLICATE_CID
    assert await count_of(hall, "bid", room.auction_id) == 1


async def test_two_bidders_may_use_the_same_key(hall, lane):
    room = await hall.room()
    assert (await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000, cid="1"))).holds
    assert (
        await lane.submit(bid(hall.context, room.buyers[1], room.auction_id, 200_000, cid="1"))
    ).status == "accepted"


# Who may.


async def test_a_bid_in_anothers_name_is_refused_and_leaves_no_trace(hall, lane):
    room = await hall.room()
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
    answer = await lane.submit(replace(order, actor=room.buyers[1].actor))
    assert answer.code is Reason.NOT_ELIGIBLE
    assert await count_of(hall, "bid_refusal", room.auction_id) == 0


@pytest.mark.parametrize("who", ["officer", "operator", "system"])
async def test_the_platforms_people_do_not_bid(hall, lane, who):
    room = await hall.room()
    actor = {"officer": hall.officers[0].actor, "operator": hall.operator.actor, "system": SYSTEM}[who]
    command = PlaceBid(bidder=str(actor.org_id), cid=new_cid(), amount_cents=100_000)
    assert (await say(lane, hall.context, actor, room.auction_id, command)).code is Reason.NOT_ELIGIBLE


async def test_a_seller_does_not_bid_on_its_own_pool(hall, lane):
    room = await hall.room()
    answer = await lane.submit(bid(hall.context, hall.seller, room.auction_id, 100_000))
    assert answer.code is Reason.OWN_POOL


async def test_without_a_clearance_there_is_no_bid(hall, lane):
    room = await hall.room()
    stranger = await factories.register_member(hall.context)
    answer = await lane.submit(bid(hall.context, stranger, room.auction_id, 100_000))
    assert answer.code is Reason.NOT_CLEARED
    assert await count_of(hall, "bid", room.auction_id) == 0


async def test_without_registration_or_deposit_there_is_no_bid(hall, lane):
    free, dear = await hall.room(buyer_count=0), await hall.room(buyer_count=0, deposit_cents=5_000)
    buyer = hall.buyers[0]
    assert (await lane.submit(bid(hall.context, buyer, free.auction_id, 100_000))).code is Reason.NOT_ELIGIBLE
    assert (await lane.submit(bid(hall.context, buyer, dear.auction_id, 100_000))).code is Reason.NO_DEPOSIT


async def test_a_clearance_limits_the_amount_and_the_states(hall, lane):
    room = await hall.room()
    over = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 10_000_000_01))
    assert over.code is Reason.LIMIT
    narrow = await factories.cleared_organisation(hall.context, ("bid",), states=("CA", "TX"), officers=hall.officers)
    refused = await lane.submit(bid(hall.context, narrow, room.auction_id, 100_000))
    assert (refused.code, "NY" in refused.detail) == (Reason.NOT_CLEARED, True)


async def test_a_malformed_amount_is_refused_before_anything_is_asked(hall, lane):
    room = await hall.room()
    for amount in (0, -1, 10**30, 1.5, "100000", True):
        answer = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, amount))
        assert answer.code is Reason.MALFORMED
    assert await count_of(hall, "bid_refusal", room.auction_id) == 0


async def test_an_unknown_auction_takes_no_bid(hall, lane):
    answer = await lane.submit(bid(hall.context, hall.buyers[0], hall.context.chance.new_id(), 100_000))
    assert answer.code is Reason.NOT_ELIGIBLE


async def test_strikes_of_a_seller_are_limited_and_one_that_is_no_bid_costs_as_much(hall, make_lane):
    room = await hall.room()
    lane = await make_lane(commands_per_second=1, commands_burst=4)
    orders = [BidOrder(hall.seller.actor, room.auction_id, RefuseBid(seq=99, reason="x"), hall.context.clock.now())] * 3
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))  # now the lane knows the format
    codes = [answer.code for answer in await submit_all(lane, orders)]
    assert codes == [Reason.NO_SUCH_BID] * 2 + [Reason.RATE_LIMITED]


async def test_a_strike_costs_the_more_the_more_bids_have_to_meet_again(hall, make_lane, monkeypatch):
    monkeypatch.setattr(market.bidding.lane, "_MEETING_COUNT", 4, raising=False)
    room = await hall.room()
    lane = await make_lane(commands_per_second=1, commands_burst=20)
    for number in range(12):
        buyer = room.buyers[number % 3]
        assert (await lane.submit(bid(hall.context, buyer, room.auction_id, 100_000 + number * 10_000))).holds
    order = BidOrder(hall.seller.actor, room.auction_id, RefuseBid(seq=99, reason="x"), hall.context.clock.now())
    codes = [answer.code for answer in await submit_all(lane, [order] * 5)]
    assert codes == [Reason.NO_SUCH_BID] * 4 + [Reason.RATE_LIMITED]


async def test_a_refused_command_is_not_paid_for_with_all_events_of_the_auction_again(hall, make_lane):
    room = await hall.room()
    one, other = await make_lane(), await make_lane()
    assert (await one.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))).holds
    refused = await other.submit(bid(hall.context, room.buyers[1], room.auction_id, 1_000))
    assert refused.code is Reason.BID_TOO_LOW
    assert other.states.peek(room.auction_id) == one.states.peek(room.auction_id)


async def test_commands_a_second_are_limited_per_bidder_and_auction(hall, make_lane):
    room, elsewhere = await hall.room(), await hall.room()
    lane = await make_lane(commands_per_second=1, commands_burst=2)
    buyer = room.buyers[0]
    answers = await submit_all(lane, [bid(hall.context, buyer, room.auction_id, 100_000) for _ in range(4)])
    assert [answer.code for answer in answers][2:] == [Reason.RATE_LIMITED] * 2
    assert answers[3].retry_after_s > 0
    assert (await lane.submit(bid(hall.context, buyer, elsewhere.auction_id, 100_000))).holds


async def test_a_full_queue_is_busy_and_says_when_to_come_back(hall, make_lane):
    room = await hall.room()
    lane = await make_lane(lane_queue_count=16, lane_batch_count=4)
    amounts = range(100_000, 100_000 + 40 * 10_000, 10_000)
    answers = await submit_all(lane, [bid(hall.context, room.buyers[0], room.auction_id, cents) for cents in amounts])
    busy = [answer for answer in answers if answer.code is Reason.BUSY]
    assert len(busy) == 40 - 16
    assert all(answer.retry_after_s for answer in busy)
    assert await count_of(hall, "bid", room.auction_id) == 16


async def test_a_client_that_goes_away_does_not_take_back_its_bid(hall, lane):
    room = await hall.room()
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
    gone = asyncio.create_task(lane.submit(order))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await lane.submit(order)).status is Status.DUPLICATE
    assert await count_of(hall, "bid", room.auction_id) == 1


# Other commands.


async def test_ceilings_meet_and_the_lower_one_loses(hall, lane):
    room = await hall.room()
    await lane.submit(ceiling(hall.context, room.buyers[0], room.auction_id, 500_000))
    tie = await lane.submit(ceiling(hall.context, room.buyers[1], room.auction_id, 500_000))
    assert (tie.holds, tie.code, tie.min_next_cents) == (True, Reason.OUTBID_TIE, 510_000)
    assert tie.outcome is Outcome.OUTBID_TIE
    again = await lane.submit(
        BidOrder(room.buyers[1].actor, room.auction_id, last_command(tie, lane, room), tie.received_at)
    )
    assert (again.code, again.outcome) == (Reason.OUTBID_TIE, Outcome.OUTBID_TIE)


def last_command(answer, lane, room):
    """The ceiling again, under the key it had."""
    bids = list(lane.states.peek(room.auction_id).auction.bids)
    found = next(one for one in bids if one.seq == answer.seq)
    from auctions.messages import SetCeiling

    return SetCeiling(bidder=found.bidder, cid=found.cid, ceiling_cents=found.amount_cents, confirmed=True)


async def test_a_ceiling_is_lowered_to_the_price_once(hall, lane):
    room = await hall.room()
    buyer = room.buyers[0]
    await lane.submit(ceiling(hall.context, buyer, room.auction_id, 500_000))
    command = CancelCeiling(bidder=str(buyer.org_id), cid="down")
    first = await say(lane, hall.context, buyer.actor, room.auction_id, command)
    again = await say(lane, hall.context, buyer.actor, room.auction_id, command)
    other = await say(lane, hall.context, buyer.actor, room.auction_id, replace(command, cid="down2"))
    assert first.holds
    assert again.status is Status.DUPLICATE
    assert other.code is Reason.NO_CEILING


async def test_buying_now_ends_the_auction_and_awards_it(hall, lane):
    room = await hall.room(terms={"buy_now_cents": 900_000})
    buyer = room.buyers[0]
    order = bid(hall.context, room.buyers[1], room.auction_id, 200_000)
    bought, late = await asyncio.gather(
        say(lane, hall.context, buyer.actor, room.auction_id, BuyNow(bidder=str(buyer.org_id), cid="now")),
        lane.submit(order),
    )
    assert bought.holds
    assert late.code is Reason.TOO_LATE
    assert lane.states.peek(room.auction_id).auction.phase is Phase.AWARDED
    connection = await hall.migrator()
    award = await connection.fetchrow("SELECT * FROM award WHERE auction_id = $1", room.auction_id)
    kinds = await connection.fetch(
        "SELECT kind FROM journal WHERE stream = $1 ORDER BY seq", f"auction:{room.auction_id}"
    )
    await connection.close()
    assert (award["winner_org_id"], award["hammer_cents"]) == (buyer.org_id, 900_000)
    assert [row["kind"] for row in kinds][-2:] == ["auction.closed", "auction.awarded"]


async def test_the_seller_strikes_out_a_bid_and_the_next_one_leads(hall, lane):
    room = await hall.room()
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    top = await lane.submit(bid(hall.context, room.buyers[1], room.auction_id, 200_000))
    command = RefuseBid(seq=top.seq, reason="we do not sell to resellers")
    refused = await say(lane, hall.context, room.buyers[0].actor, room.auction_id, command)
    assert refused.code is Reason.NOT_ELIGIBLE
    assert (await say(lane, hall.context, hall.seller.actor, room.auction_id, command)).holds
    state = lane.states.peek(room.auction_id).auction
    assert (state.leader, state.price_cents) == (str(room.buyers[0].org_id), 100_000)


async def test_only_the_operator_voids_pauses_and_resumes(hall, lane):
    room = await hall.room()
    placed = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    commands = [VoidBid(seq=placed.seq, reason="a slip"), Pause(reason="a fire drill"), Resume()]
    for command in commands:
        for party in (hall.seller, room.buyers[0], hall.officers[0]):
            answer = await say(lane, hall.context, party.actor, room.auction_id, command)
            assert answer.code is Reason.NOT_ELIGIBLE
    for command in commands[:2]:
        assert (await say(lane, hall.context, hall.operator.actor, room.auction_id, command)).holds
    paused = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    assert paused.code is Reason.PAUSED
    assert (await say(lane, hall.context, hall.operator.actor, room.auction_id, Resume())).holds
    assert (await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))).holds


async def test_a_cancelled_auction_takes_no_more_bids(hall, lane):
    room = await hall.room()
    command = Cancel(reason="sold elsewhere")
    results = await asyncio.gather(
        lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000)),
        say(lane, hall.context, hall.seller.actor, room.auction_id, command),
        lane.submit(bid(hall.context, room.buyers[1], room.auction_id, 200_000)),
        say(lane, hall.context, hall.seller.actor, room.auction_id, command),
    )
    assert [answer.holds for answer in results] == [True, True, False, True]
    assert results[2].code is Reason.TOO_LATE


async def test_the_folded_state_is_what_the_stored_events_add_up_to(hall, lane):
    room = await hall.room()
    for number in range(30):
        await lane.submit(ceiling(hall.context, room.buyers[number % 3], room.auction_id, 100_000 + number * 7_777))
    events = await events_of(hall, room.auction_id)
    assert replay(decode(row["body"]) for row in events) == lane.states.peek(room.auction_id).auction


async def test_the_plans_of_a_batch_are_made_once_and_find_a_key_by_its_own_index(hall, make_lane):
    room = await hall.room()
    lane = await make_lane(closer=False)  # it would use the connection in between
    for number in range(8):  # PostgreSQL plans five times anew before it thinks of keeping a plan
        assert (
            await lane.submit(bid(hall.context, room.buyers[number % 2], room.auction_id, 100_000 + number * 10_000))
        ).holds
    connection = lane._writer._connection
    anew = await connection.fetchval("SELECT sum(custom_plans) FROM pg_prepared_statements WHERE NOT from_sql")
    assert anew == 0
    await connection.execute("BEGIN")
    try:  # planned once more, and not as for tables so small that reading them whole is quicker
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("DISCARD PLANS")
        names = await connection.fetch(
            "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%FROM wanted%' AND statement NOT LIKE '%prepared%'"
        )
        plan = await connection.fetch(f"EXPLAIN EXECUTE {names[0]['name']} ('{{}}', '{{}}', '{{}}')")
    finally:
        await connection.execute("ROLLBACK")
    lines = [row[0] for row in plan]
    assert {name for line in lines for name in ("pk_bid ", "pk_bid_refusal ") if name in line} == {
        "pk_bid ",
        "pk_bid_refusal ",
    }
    conditions = [line for line in lines if "Index Cond" in line and "= w" in line]
    assert len(conditions) == 2
    assert all("cid = w" in line for line in conditions)
