"""Two servers, two processes, one PostgreSQL: every bid counts once, every watcher hears every event, either may die."""

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest_asyncio

from market.client.live import LiveClient
from market.client.messages import Event
from tests.live.conftest import key_of
from tests.live.test_watching import ALL
from tests.running import RunningServer

BIDS_EACH = 150


@pytest_asyncio.fixture
async def nodes(context, urls):
    limits = {"commands_per_second": 100_000, "commands_burst": 100_000, "heartbeat_s": 1}
    both = [RunningServer(context.settings, urls, worker=False, **limits) for _ in "ab"]
    try:
        for node in both:
            await node.start()
        yield both
    finally:
        for node in both:
            if node.process is not None and node.process.returncode is None:
                await node.kill()


async def client_of(stack, context, node, party):
    client = LiveClient(
        node.live_url,
        clock=context.clock,
        jitter=random.Random(1).random,
        new_name=lambda: context.chance.token(9),
        api_key=await key_of(context, party, *ALL),
    )
    return await stack.enter_async_context(client)


async def test_bids_through_both_nodes_count_once_and_no_watcher_misses_one_when_a_node_dies(context, nodes, hold):
    one, other = nodes
    floor = await hold(closes_in=timedelta(hours=1))
    async with AsyncExitStack() as stack:
        ada = await client_of(stack, context, one, floor.ada)
        bob = await client_of(stack, context, other, floor.bob)
        seller = await client_of(stack, context, other, floor.seller)
        heard, state = [], await seller.watch(floor.auction_id)

        async def listen():
            async for update in seller.events(floor.auction_id):
                if isinstance(update, Event):
                    heard.append(update.seq)

        listening = asyncio.create_task(listen())
        amounts = iter(range(110_000, 900_000_000, 10_000))

        async def bid(client, number):
            return await client.bid(floor.auction_id, next(amounts), confirmed=True, cid=f"{number}")

        acks = []
        for start in range(0, BIDS_EACH, 10):
            numbers = range(start, start + 10)
            acks += await asyncio.gather(*(bid(client, number) for number in numbers for client in (ada, bob)))
        assert sum(ack.status == "accepted" for ack in acks) > BIDS_EACH / 2
        assert {ack.code for ack in acks} <= {None, "BID_TOO_LOW"}
        await one.kill()
        last = await bid(bob, "after")
        assert last.status == "accepted"
        async with asyncio.timeout(60):
            while not heard or heard[-1] < last.seq:
                await asyncio.sleep(0.02)
        listening.cancel()
        assert heard == list(range(state["seq"] + 1, heard[-1] + 1))
        accepted = [ack.seq for ack in acks if ack.status == "accepted"]
        assert len(set(accepted)) == len(accepted)
        assert set(accepted) <= set(heard)


async def test_both_nodes_close_an_auction_and_it_is_closed_once(context, nodes, hold):
    floor = await hold(closes_in=timedelta(seconds=4))
    async with AsyncExitStack() as stack:
        ada = await client_of(stack, context, nodes[0], floor.ada)
        bob = await client_of(stack, context, nodes[1], floor.bob)
        for client in (ada, bob):
            await client.watch(floor.auction_id)
        await ada.bid(floor.auction_id, 300_000, confirmed=True)
        async with asyncio.timeout(20):
            while {client.state(floor.auction_id)["phase"] for client in (ada, bob)} != {"awarded"}:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)  # time enough for the slower of the two to close it again
        assert ada.state(floor.auction_id)["seq"] == bob.state(floor.auction_id)["seq"]
        assert ada.state(floor.auction_id)["winner"] == {"paddle": "B1", "you": True}
