"""The live client over connections that break: nothing missed, nothing twice, no bid lost or doubled."""

import asyncio
from itertools import pairwise

import pytest

from market.client.messages import Event, LiveClosed, LiveError, OutcomeUnknown, Snapshot
from market.kit.actor import SYSTEM
from market.parties import service as parties
from tests.client.conftest import live_client
from tests.live.conftest import key_of, session_of

ALL = ("auctions:read", "auctions:write", "bids:read", "bids:write")


async def until(holds, timeout_s=8):
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.02)


async def fresh_state(node, key, auction_id):
    async with live_client(node.url, api_key=key) as live:
        return await live.watch(auction_id)


async def test_cut_connections_leave_no_gap_and_no_repeat_and_the_servers_own_state(node, proxy, hold):
    floor = await hold()
    auction_id = floor.auction_id
    ada_key = await key_of(node.context, floor.ada, *ALL)
    updates = []
    async with (
        live_client(proxy.url, api_key=ada_key) as ada,
        live_client(node.url, api_key=await key_of(node.context, floor.bob, *ALL)) as bob,
    ):
        await ada.watch(auction_id)

        async def collect():
            async for update in ada.events(auction_id):
                updates.append(update)

        collecting = asyncio.create_task(collect())
        for number in range(12):
            if number % 4 == 1:
                proxy.cut()
            answer = await bob.bid(auction_id, 110_000 + 10_000 * number, confirmed=True)
            assert answer.status == "accepted"
        await until(lambda: ada.state(auction_id)["seq"] == answer.seq)
        assert ada.connected_count >= 2
        assert ada.state(auction_id) == await fresh_state(node, ada_key, auction_id)
    await asyncio.wait_for(collecting, 2)
    assert isinstance(updates[0], Snapshot)
    for before, update in pairwise(
        updates
    ):  # a server that has no events at hand says where it stands, and goes on from there
        assert update.seq == before.seq + 1 if isinstance(update, Event) else update.seq >= before.seq
    assert updates[-1].seq == answer.seq
    assert sum(isinstance(update, Event) for update in updates) > len(updates) / 2


async def test_a_bid_whose_answer_was_lost_gets_the_stored_decision_and_counts_once(node, proxy, hold):
    floor = await hold()
    key = await key_of(node.context, floor.ada, *ALL)
    async with live_client(proxy.url, api_key=key) as ada:
        await ada.watch(floor.auction_id)
        proxy.mute = True
        bidding = asyncio.create_task(ada.bid(floor.auction_id, 110_000, cid="once"))
        await until(lambda: (known := node.lane.states.peek(floor.auction_id)) and known.auction.bid_count == 1)
        proxy.cut()
        proxy.mute = False
        answer = await asyncio.wait_for(bidding, 8)
    assert (answer.status, answer.cid) == ("duplicate", "once")
    assert (await fresh_state(node, key, floor.auction_id))["bid_count"] == 1


async def test_without_an_answer_the_outcome_is_unknown_and_may_be_asked_for_by_the_same_cid(node, proxy, hold):
    floor = await hold()
    async with live_client(proxy.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada:
        proxy.mute = True
        with pytest.raises(OutcomeUnknown):
            await ada.bid(floor.auction_id, 110_000, cid="once", timeout_s=0.5)
        proxy.cut()
        proxy.mute = False
        answer = await ada.bid(floor.auction_id, 110_000, cid="once")
    assert answer.status == "duplicate"


async def test_data_that_stopped_while_heartbeats_go_on_is_noticed_by_the_heads(node, hold):
    floor = await hold()
    async with (
        live_client(node.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada,
        live_client(node.url, api_key=await key_of(node.context, floor.bob, *ALL)) as bob,
    ):
        await ada.watch(floor.auction_id)
        await bob.watch(floor.auction_id)
        for connection in node.live._connections:
            if connection.actor.org_id == floor.ada.org_id:
                node.live.feed.leave(floor.auction_id, connection.outlet)
        answer = await bob.bid(floor.auction_id, 110_000)
        await until(lambda: ada.state(floor.auction_id)["seq"] == answer.seq)
        assert ada.connected_count == 1


async def test_a_silent_connection_is_given_up_after_three_heartbeats(node, proxy, hold):
    floor = await hold()
    async with live_client(proxy.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada:
        await ada.watch(floor.auction_id)
        proxy.mute = True
        await until(lambda: proxy.connection_count >= 2, timeout_s=60)
        proxy.cut()
        proxy.mute = False
        await until(lambda: ada.connected_count >= 2)


async def test_a_server_that_starts_again_is_found_again(start_node, hold):
    node = await start_node(heartbeat_s=1)
    floor = await hold()
    async with live_client(node.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada:
        await ada.watch(floor.auction_id)
        first = await ada.bid(floor.auction_id, 110_000)
        await node.stop()
        bidding = asyncio.create_task(ada.bid(floor.auction_id, 120_000))
        await node.start()
        second = await asyncio.wait_for(bidding, 10)
        assert second.seq > first.seq
        await until(lambda: ada.state(floor.auction_id)["seq"] >= second.seq)


async def test_signing_out_ends_the_client_for_good(node, hold):
    floor = await hold()
    token = await session_of(node.context, floor.ada)
    async with live_client(node.url, headers={"Cookie": f"market_session={token}"}) as ada:
        await ada.watch(floor.auction_id)

        async def listen():
            async for _ in ada.events(floor.auction_id):
                pass

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        async with node.context.db.begin(SYSTEM) as tx:
            await parties.sign_out(tx, token, node.context.clock.now())
        with pytest.raises(LiveClosed) as closed:
            await asyncio.wait_for(listening, 5)
        assert closed.value.code == 4401
        with pytest.raises(LiveClosed):
            await ada.bid(floor.auction_id, 110_000)


async def test_a_wrong_key_is_turned_away_at_once(node):
    with pytest.raises(LiveClosed) as closed:
        async with live_client(node.url, api_key="mk_wrong"):
            pass
    assert closed.value.code == 4401


async def test_what_cannot_be_sent_or_seen_raises_with_the_field(node, hold):
    floor = await hold()
    async with live_client(node.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada:
        with pytest.raises(LiveError) as error:
            await ada.bid(floor.auction_id, 0)
        assert (error.value.code, error.value.field) == ("MALFORMED", "amount_cents")
        with pytest.raises(LiveError) as error:
            await ada.watch(floor.seller.org_id)
        assert error.value.code == "NO_SUCH_AUCTION"


async def test_clocks_are_compared(node, hold):
    floor = await hold()
    async with live_client(node.url, api_key=await key_of(node.context, floor.ada, *ALL)) as ada:
        sync = await ada.ping()
    assert abs(sync.offset_s) < 1
    assert 0 <= sync.round_trip_s < 5
