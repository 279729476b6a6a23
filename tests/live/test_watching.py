"""Watching and bidding over real sockets, with the real lane and the real database."""

import asyncio
import json
from contextlib import AsyncExitStack

import asyncpg

from auctions.views import apply
from market.compliance import service as compliance
from market.live.outlet import MAX_WAITING_BYTES
from tests import factories
from tests.live.conftest import key_of, register, session_of

ALL = ("auctions:read", "auctions:write", "bids:read", "bids:write")


class Folder:
    """Folds what a socket hears of one auction, and refuses gaps and repeats."""

    def __init__(self):
        self.state, self.epoch, self.seqs, self.raw = None, None, [], []

    def take(self, frame):
        self.raw.append(json.dumps(frame))
        if frame["t"] == "snapshot":
            self.state = {name: value for name, value in frame.items() if name not in {"t", "epoch"}}
            self.epoch, self.first = frame["epoch"], frame["seq"]
        elif frame["t"] == "event":
            self.seqs.append(frame["seq"])
            self.state = apply(self.state, frame)

    async def follow(self, socket, until_seq, timeout_s=5):
        async with asyncio.timeout(timeout_s):
            while self.state is None or self.state["seq"] < until_seq:
                self.take(await socket.hear(timeout_s))
        return self


async def subscribe(socket, floor, **known):
    await socket.say(op="sub", id="s", auction=str(floor.auction_id), **known)


async def bid(socket, floor, cents, cid, **more):
    await socket.say(
        op="bid", id=cid, auction=str(floor.auction_id), cid=cid, amount_cents=cents, confirmed=True, **more
    )


async def ack(socket, cid):
    return await socket.hear_until(lambda frame: frame["t"] in {"ack", "error"} and frame.get("id") == cid)


async def test_every_audience_folds_what_it_hears_into_the_fresh_snapshot_and_sees_only_what_is_its_own(node, hold):
    context, floor = node.context, await hold()
    officer, observer = await factories.officer(context), await factories.register_member(context)
    watchers = (floor.ada, floor.bob, floor.seller, officer, observer)
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        commanding = [
            await stack.enter_async_context(node.socket(cookie=await session_of(context, party)))
            for party in (floor.ada, floor.bob)
        ]
        watching = [
            await stack.enter_async_context(node.socket(cookie=await session_of(context, party))) for party in watchers
        ]
        folders = [Folder() for _ in watchers]
        for socket, folder in zip(watching, folders, strict=True):
            await subscribe(socket, floor)
            folder.take(await socket.hear_type("snapshot"))
        seq = await a_few_bids(*commanding, floor)
        for socket, folder, party in zip(watching, folders, watchers, strict=True):
            await folder.follow(socket, seq)
            await subscribe(socket, floor)
            fresh = await socket.hear_type("snapshot")
            assert folder.state == {name: value for name, value in fresh.items() if name not in {"t", "epoch"}}
            if party is not observer:
                assert folder.seqs == list(range(folder.first + 1, seq + 1))
    for folder, party in zip(folders, watchers, strict=True):
        text = "".join(folder.raw)
        assert ("777100" in text) is (party is floor.bob)
        assert (str(floor.ada.org_id) in text) is (party is floor.seller)
        assert ("reserve_cents" in text) is (party is floor.seller)


async def a_few_bids(ada, bob, floor):
    """A manual bid, a ceiling above the reserve, another bid below it, the ceiling lowered; the last seq."""
    await bid(ada, floor, 110_000, "a-1")
    assert (await ack(ada, "a-1"))["status"] == "accepted"
    await bob.say(op="proxy", id="b-1", auction=str(floor.auction_id), cid="b-1", ceiling_cents=777_100, confirmed=True)
    assert (await ack(bob, "b-1"))["status"] == "accepted"
    await bid(ada, floor, 300_000, "a-2")
    assert (await ack(ada, "a-2"))["status"] == "accepted"
    await bob.say(op="proxy_cancel", id="b-2", auction=str(floor.auction_id), cid="b-2")
    return (await ack(bob, "b-2"))["seq"]


async def test_a_bidder_hears_its_ack_and_its_own_event(node, hold):
    floor = await hold()
    async with node.socket(key=await key_of(node.context, floor.ada, *ALL)) as ada:
        await subscribe(ada, floor)
        await ada.hear_type("snapshot")
        await bid(ada, floor, 110_000, "a-1")
        frames = []
        while {"ack", "event"} - {f["t"] for f in frames} or frames[-1].get("kind") != "bid_accepted":
            frames.append(await ada.hear())
            if any(f.get("kind") == "bid_accepted" for f in frames) and any(f["t"] == "ack" for f in frames):
                break
        answer = next(f for f in frames if f["t"] == "ack")
        event = next(f for f in frames if f.get("kind") == "bid_accepted")
    assert answer["seq"] == event["seq"]
    assert answer["outcome"] == event["outcome"] == "leading"
    assert event["bidder"]["you"] is True
    assert event["cid"] == "a-1"


async def test_refusals_carry_codes(node, hold):
    floor = await hold()
    context = node.context
    stranger = await factories.register_member(context)
    async with (
        node.socket(key=await key_of(context, floor.ada, *ALL)) as ada,
        node.socket(key=await key_of(context, floor.seller, *ALL)) as seller,
        node.socket(key=await key_of(context, stranger, *ALL)) as nobody,
    ):
        await bid(ada, floor, 90_000, "low")
        low = await ack(ada, "low")
        assert (low["status"], low["code"], low["min_next_cents"]) == ("rejected", "BID_TOO_LOW", 100_000)
        await bid(seller, floor, 200_000, "own")
        assert (await ack(seller, "own"))["status"] == "rejected"
        await bid(nobody, floor, 200_000, "x")
        assert (await ack(nobody, "x"))["code"] == "NOT_CLEARED"
        await bid(ada, floor, 110_000, "ok")
        accepted = await ack(ada, "ok")
        await bid(ada, floor, 110_000, "ok")
        repeated = await ack(ada, "ok")
        assert (repeated["status"], repeated["seq"]) == ("duplicate", accepted["seq"])
        await bid(ada, floor, 120_000, "ok")
        assert (await ack(ada, "ok"))["code"] == "DUPLICATE_CID"
        await nobody.say(op="refuse", id="r", auction=str(floor.auction_id), cid="r", seq=accepted["seq"], reason="no")
        assert (await ack(nobody, "r")).get("status") != "accepted"
        await seller.say(
            op="refuse", id="r", auction=str(floor.auction_id), cid="r", seq=accepted["seq"], reason="a doubt"
        )
        assert (await ack(seller, "r"))["status"] == "accepted"


async def test_an_invited_circle_is_seen_by_the_invited_and_the_seller_only(node, hold):
    context = node.context
    guest, stranger = await factories.register_member(context), await factories.register_member(context)
    floor = await hold(invited=[guest])
    for party, kind in ((guest, "snapshot"), (floor.seller, "snapshot"), (stranger, "error")):
        async with node.socket(cookie=await session_of(context, party)) as socket:
            await subscribe(socket, floor)
            found = await socket.hear_type(kind)
            if kind == "error":
                assert found["code"] == "NO_SUCH_AUCTION"
                await socket.say(
                    op="bid", id="b", auction=str(floor.auction_id), cid="b", amount_cents=100_000, confirmed=True
                )
                assert (await socket.hear_type("error"))["code"] == "NO_SUCH_AUCTION"


async def test_coming_back_with_from_seq_brings_exactly_what_was_missed(node, hold):
    floor = await hold()
    key = await key_of(node.context, floor.ada, *ALL)
    folder = Folder()
    async with node.socket(key=key) as ada:
        await subscribe(ada, floor)
        await folder.follow(ada, 1)
    async with node.socket(key=await key_of(node.context, floor.bob, *ALL)) as bob:
        for number in range(5):
            await bid(bob, floor, 110_000 + 10_000 * number, f"b-{number}")
            last = await ack(bob, f"b-{number}")
    async with node.socket(key=key) as ada:
        await subscribe(ada, floor, from_seq=folder.state["seq"], epoch=folder.epoch)
        since = folder.state["seq"]
        folder.seqs.clear()
        await folder.follow(ada, last["seq"])
    assert folder.seqs == list(range(since + 1, last["seq"] + 1))


async def test_heartbeats_tell_the_heads_that_the_database_has(node, hold):
    floor = await hold()
    async with node.socket(key=await key_of(node.context, floor.ada, *ALL)) as ada:
        await subscribe(ada, floor)
        await bid(ada, floor, 110_000, "a-1")
        seq = (await ack(ada, "a-1"))["seq"]
        beat = await ada.hear_until(
            lambda frame: frame["t"] == "hb" and frame["heads"].get(str(floor.auction_id)) == seq
        )
    assert set(beat) == {"t", "at", "heads"}


async def test_another_nodes_bids_are_heard_and_so_are_those_after_the_listening_connection_died(
    start_node, hold, cluster
):
    here, there = await start_node(), await start_node()
    floor = await hold()
    async with (
        here.socket(key=await key_of(here.context, floor.ada, *ALL)) as ada,
        there.socket(key=await key_of(there.context, floor.bob, *ALL)) as bob,
    ):
        folder = Folder()
        await subscribe(ada, floor)
        await bid(bob, floor, 110_000, "b-1")
        await folder.follow(ada, (await ack(bob, "b-1"))["seq"])
        assert await kill_listeners(cluster) >= 2
        await bid(bob, floor, 120_000, "b-2")
        await folder.follow(ada, (await ack(bob, "b-2"))["seq"])
        await bid(bob, floor, 140_000, "b-3")
        last = (await ack(bob, "b-3"))["seq"]
        await folder.follow(ada, last)
    assert folder.seqs == sorted(set(folder.seqs))
    assert folder.seqs[-1] == last


async def kill_listeners(cluster):
    admin = await asyncpg.connect(cluster.admin_url)
    try:
        return len(
            await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'")
        )
    finally:
        await admin.close()


async def test_a_slow_reader_is_cut_and_the_others_hear_on(node, hold):
    floor = await hold()
    context = node.context
    async with (
        node.socket(key=await key_of(context, floor.ada, *ALL), max_queue=1) as slow,
        node.socket(key=await key_of(context, floor.bob, *ALL)) as bob,
    ):
        await subscribe(slow, floor)
        await subscribe(bob, floor)
        await bob.hear_type("snapshot")
        victim = next(c for c in node.live._connections if c.actor.org_id == floor.ada.org_id)
        slow.raw.transport.pause_reading()
        async with asyncio.timeout(20):
            while victim.outlet.code is None:  # larger than the kernel's buffers, and never read
                victim.outlet.push(b"x" * (MAX_WAITING_BYTES // 4))
                await asyncio.sleep(0)
        assert victim.outlet.code == 4413
        await bid(bob, floor, 110_000, "b-1")
        assert (await ack(bob, "b-1"))["status"] == "accepted"
        async with asyncio.timeout(60):
            while victim in node.live._connections:
                await asyncio.sleep(0.05)
        slow.raw.transport.abort()


async def test_who_becomes_a_bidder_is_told_to_subscribe_anew(node, hold, cluster, urls):
    floor = await hold()
    context = node.context
    newcomer = await factories.buyer(context)
    async with node.socket(cookie=await session_of(context, newcomer)) as socket:
        await subscribe(socket, floor)
        assert "your_ceiling_cents" not in await socket.hear_type("snapshot")
        admin = await asyncpg.connect(cluster.admin_url, database=urls.app.rsplit("/", 1)[1].split("?")[0])
        await register(admin, context, floor.auction_id, floor.seller, newcomer)
        await admin.close()
        assert (await socket.hear_type("resync"))["auction"] == str(floor.auction_id)
        await subscribe(socket, floor)
        assert "your_ceiling_cents" in await socket.hear_type("snapshot")


async def test_a_bidders_socket_falls_silent_when_its_clearance_is_ended(node, hold):
    floor = await hold()
    context = node.context
    officer = (await factories.officer(context)).actor
    async with node.socket(cookie=await session_of(context, floor.ada)) as socket:
        await subscribe(socket, floor)
        assert "your_ceiling_cents" in await socket.hear_type("snapshot")
        async with context.db.begin_as_officer(officer) as tx:
            now = context.clock.now()
            await compliance.end_clearance(tx, officer, floor.ada.clearances["bid"], "a hit", now)
        assert (await socket.hear_type("resync"))["auction"] == str(floor.auction_id)
        await subscribe(socket, floor)
        assert "your_ceiling_cents" not in await socket.hear_type("snapshot")


async def test_an_observer_gets_at_most_ten_updates_a_second_and_ends_up_to_date(node, hold):
    floor = await hold()
    context = node.context
    observer = await factories.register_member(context)
    node.lane._rates._burst = node.lane._rates._per_second = 1_000.0
    async with (
        node.socket(cookie=await session_of(context, observer)) as watching,
        node.socket(key=await key_of(context, floor.ada, *ALL)) as ada,
    ):
        await subscribe(watching, floor)
        await watching.hear_type("snapshot")
        began_s = context.clock.monotonic_s()
        for number in range(60):
            await bid(ada, floor, 110_000 + 10_000 * number, f"a-{number}")
        last = await ack(ada, "a-59")
        folder, count = Folder(), 0
        async with asyncio.timeout(60):
            while folder.state is None or folder.state["seq"] < last["seq"]:
                frame = await watching.hear()
                if frame["t"] in {"snapshot", "event"}:
                    count += 1
                    folder.take(frame) if frame["t"] == "snapshot" or folder.state else None
        took_s = context.clock.monotonic_s() - began_s
    assert count <= 10 * took_s + 5
    assert count < 60


async def test_a_bidder_beyond_the_rate_gets_rate_limited_and_in_the_end_is_cut(start_node, hold):
    node = await start_node(commands_per_second=1, commands_burst=2)
    floor = await hold()
    async with node.socket(key=await key_of(node.context, floor.ada, *ALL)) as ada:
        for number in range(40):
            await bid(ada, floor, 110_000 + 10_000 * number, f"a-{number}")
        limited = await ada.hear_until(lambda frame: frame.get("code") == "RATE_LIMITED")
        assert limited["status"] == "rejected"
        assert limited["retry_after_ms"] > 0
        assert await ada.closed_with() == 4429


async def test_a_disconnect_does_not_take_back_a_bid(node, hold):
    floor = await hold()
    key = await key_of(node.context, floor.ada, *ALL)
    async with node.socket(key=key) as ada:
        await bid(ada, floor, 110_000, "a-1")
        ada.raw.transport.abort()
    async with node.socket(key=key) as ada:
        await bid(ada, floor, 110_000, "a-1")
        assert (await ack(ada, "a-1"))["status"] in {"duplicate", "accepted"}
        await bid(ada, floor, 110_000, "a-1")
        assert (await ack(ada, "a-1"))["status"] == "duplicate"
