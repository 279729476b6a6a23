"""Trouble: what was acknowledged is stored, what failed is not, and one bad order harms no other."""

import asyncio
from contextlib import suppress

import pytest

from auctions.messages import BuyNow, Reason
from market.bidding.lane import Status
from market.kit.errors import Transient
from tests.bidding.conftest import bid, count_of, events_of, new_cid, say


async def sabotage(hall, *statements):
    owner = await hall.migrator()
    for statement in statements:
        await owner.execute(statement)
    await owner.close()


def bids_in(batches):
    return [
        event.cid
        for batch in batches
        for committed in batch.values()
        for event, _ in committed.events
        if event.kind == "bid_accepted"
    ]


_FAILING_COMMIT = (
    "CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RAISE EXCEPTION ''no commit today''; END'",
    "CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON bid DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION fail_at_commit()",
)
_REPAIRED = ("DROP TRIGGER fail_at_commit ON bid", "DROP FUNCTION fail_at_commit()")


async def test_when_the_commit_fails_nobody_is_told_and_nothing_is_stored(hall, make_lane):
    room, told = await hall.room(), []
    lane = await make_lane(on_commit=told.append)
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
    await sabotage(hall, *_FAILING_COMMIT)
    try:
        with pytest.raises(Transient):
            await lane.submit(order)
    finally:
        await sabotage(hall, *_REPAIRED)
    assert bids_in(told) == []
    assert "bid_accepted" not in {row["kind"] for row in await events_of(hall, room.auction_id)}
    answer = await lane.submit(order)
    assert answer.status is Status.ACCEPTED
    assert bids_in(told) == [order.cid]


async def test_one_poisonous_bid_in_a_batch_harms_none_of_its_neighbours(hall, make_lane):
    rooms = [await hall.room() for _ in range(4)]
    lane = await make_lane(lane_batch_count=256)
    await sabotage(
        hall,
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.cid LIKE ''poison%'' THEN RAISE EXCEPTION ''poisoned''; END IF; RETURN NEW; END'",
        "CREATE TRIGGER poison BEFORE INSERT ON bid FOR EACH ROW EXECUTE FUNCTION poison()",
    )
    orders = [
        bid(hall.context, rooms[number % 4].buyers[number % 3], rooms[number % 4].auction_id, 100_000 + number * 10_000)
        for number in range(200)
    ]
    spoilt = bid(hall.context, rooms[1].buyers[0], rooms[1].auction_id, 100_000 + 100 * 10_000, cid="poison")
    orders[100] = spoilt
    try:
        answers = await asyncio.gather(*(lane.submit(order) for order in orders), return_exceptions=True)
    finally:
        await sabotage(hall, "DROP TRIGGER poison ON bid", "DROP FUNCTION poison()")
    assert isinstance(answers.pop(100), Transient)
    assert all(answer.status is Status.ACCEPTED for answer in answers)
    assert sum([await count_of(hall, "bid", room.auction_id) for room in rooms]) == 199


async def test_a_connection_killed_again_and_again_loses_no_acknowledged_bid(hall, make_lane):
    room = await hall.room()
    lane = await make_lane()
    answers, stop = {}, asyncio.Event()

    async def kill():
        """Each time some more bids were answered: a loaded machine gets as far as an idle one."""
        admin, killed, seen = await hall.admin(), 0, 0
        while not stop.is_set():
            connection = lane._writer._connection
            if len(answers) >= seen + 8 and connection is not None and not connection.is_closed():
                killed += await admin.fetchval("SELECT pg_terminate_backend($1)", connection.get_server_pid())
                seen = len(answers)
            await asyncio.sleep(0.002)
        await admin.close()
        return killed

    async def bidder(party, first):
        for number in range(40):
            order = bid(hall.context, party, room.auction_id, 100_000 + (first + number * 3) * 10_000)
            while (party.org_id, order.cid) not in answers:
                with suppress(Transient):
                    answers[party.org_id, order.cid] = await lane.submit(order)

    killer = asyncio.create_task(kill())
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(*(bidder(party, place) for place, party in enumerate(room.buyers)))
    finally:
        stop.set()
        killed = await killer
    assert killed > 3
    owner = await hall.migrator()
    stored = {
        (row["org_id"], row["cid"]): row["seq"]
        for row in await owner.fetch("SELECT org_id, cid, seq FROM bid WHERE auction_id = $1", room.auction_id)
    }
    await owner.close()
    assert {key: answer.seq for key, answer in answers.items() if answer.holds} == stored
    assert {answer.status for answer in answers.values()} <= {Status.ACCEPTED, Status.REJECTED}


async def test_a_connection_lost_in_the_commit_is_answered_with_the_truth(hall, make_lane):
    """The commit waits for a lock (in a deferred trigger) when its connection is cut: nobody can know by then."""
    room = await hall.room()
    lane = await make_lane()
    await sabotage(
        hall,
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON bid DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION linger()",
    )
    order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
    try:
        submitted = asyncio.create_task(lane.submit(order))
        await asyncio.sleep(0.2)
        lane._writer._connection._transport.abort()  # the server goes on: the client's end alone is cut
        answer = await submitted
    finally:
        await sabotage(hall, "DROP TRIGGER linger ON bid", "DROP FUNCTION linger()")
    assert answer.status is Status.ACCEPTED
    assert await count_of(hall, "bid", room.auction_id) == 1
    assert (await lane.submit(order)).status is Status.DUPLICATE


async def test_a_row_that_somebody_holds_keeps_back_its_own_auction_only(hall, make_lane, monkeypatch):
    """While it is held, another auction runs from its first bid to its award; then what waited is decided in its order."""
    monkeypatch.setattr("market.bidding.held._LONGEST_S", 300.0)  # however long a busy machine takes over the other one
    held, brief = await hall.room(), await hall.room(terms={"buy_now_cents": 900_000})
    lane = await make_lane()
    orders = [bid(hall.context, held.buyers[n % 3], held.auction_id, 100_000 + n * 10_000) for n in range(6)]
    holder = await hall.migrator()
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM auction WHERE auction_id = $1 FOR UPDATE", held.auction_id)
        stuck = [asyncio.create_task(lane.submit(order)) for order in orders[:3]]
        first = await lane.submit(bid(hall.context, brief.buyers[0], brief.auction_id, 100_000))
        stuck += [asyncio.create_task(lane.submit(order)) for order in orders[3:]]
        bought = await say(
            lane, hall.context, brief.buyers[1].actor, brief.auction_id,
            BuyNow(bidder=str(brief.buyers[1].org_id), cid=new_cid()),
        )  # fmt: skip
        assert first.holds
        assert bought.holds
        assert not any(task.done() for task in stuck)
    await holder.close()
    answers = await asyncio.gather(*stuck)
    assert [answer.status for answer in answers] == [Status.ACCEPTED] * 6
    assert [answer.seq for answer in answers] == sorted(answer.seq for answer in answers)


async def test_what_waits_for_a_held_row_is_bounded_and_sent_back_in_the_end(hall, make_lane, monkeypatch):
    monkeypatch.setattr("market.bidding.held._LONGEST_S", 300.0)
    monkeypatch.setattr("market.bidding.held._MOST_PER_AUCTION", 3)
    room, lane = await hall.room(), await make_lane()
    orders = [bid(hall.context, room.buyers[n % 3], room.auction_id, 100_000 + n * 10_000) for n in range(4)]
    holder = await hall.migrator()
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM auction WHERE auction_id = $1 FOR UPDATE", room.auction_id)
        stuck = [asyncio.create_task(lane.submit(order)) for order in orders[:3]]
        while not lane._held.is_full(room.auction_id):
            await asyncio.sleep(0.01)
        assert (await lane.submit(orders[3])).code is Reason.BUSY
        for ticket in lane._held._of[room.auction_id]:
            ticket.until_s = 0.0  # the longest wait is over
        assert [type(error) for error in await asyncio.gather(*stuck, return_exceptions=True)] == [Transient] * 3
    await holder.close()
    assert await count_of(hall, "bid", room.auction_id) == 0
    assert all([(await lane.submit(order)).holds for order in orders])


async def test_a_registration_in_progress_holds_up_no_bid(hall, lane):
    room = await hall.room()
    holder = await hall.migrator()
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM auction WHERE auction_id = $1 FOR KEY SHARE", room.auction_id)
        assert (await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))).holds
    await holder.close()


async def test_a_feed_that_fails_does_not_unsay_what_was_committed(hall, make_lane):
    room = await hall.room()

    def broken(_batch):
        raise RuntimeError("the feed is broken")

    lane = await make_lane(on_commit=broken)
    answer = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    assert answer.status is Status.ACCEPTED


async def test_stopping_decides_what_waits_and_takes_no_more(hall, make_lane):
    room = await hall.room()
    lane = await make_lane(lane_batch_count=3)
    orders = [bid(hall.context, room.buyers[0], room.auction_id, 100_000 + n * 10_000) for n in range(20)]
    waiting = [asyncio.create_task(lane.submit(order)) for order in orders]
    await asyncio.sleep(0)
    await lane.stop()
    assert all(answer.holds for answer in await asyncio.gather(*waiting))
    late = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 900_000))
    assert late.code is Reason.BUSY
