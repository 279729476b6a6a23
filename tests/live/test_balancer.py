"""Two nodes behind the very nginx of compose.yaml: HTTP and sockets, whose address counts, and a node that dies."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from market.client.messages import Event
from tests import factories
from tests.live.conftest import Socket
from tests.live.test_keys import limited_key
from tests.live.test_two_nodes import client_of
from tests.running import RunningServer, free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
COMPOSE = Path(__file__).parents[2] / "compose.yaml"
BIDS_EACH = 60

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")


def site(port, nodes):
    """The configuration of the profile, with this machine's ports."""
    content = COMPOSE.read_text().split("  nginx:\n    content: |\n", 1)[1].split("\nvolumes:", 1)[0]
    content = dedent(content).replace("$$", "$")
    places = {"listen 8080": f"listen 127.0.0.1:{port}"}
    places |= {
        f"server {name}:8000": f"server 127.0.0.1:{node.port}"
        for name, node in zip(("app", "app2"), nodes, strict=True)
    }
    for there, here in places.items():
        assert content.count(there) == 1
        content = content.replace(there, here)
    return content


def whole(folder, content):
    """What the image has around it: one process, everything in its folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return (
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f" http {{ access_log off; {temporary} {content} }}"
    )


class Balanced:
    """Two nodes and the balancer; `url` and `live_url` are the balancer's."""

    def __init__(self, nodes, port):
        self.nodes, self.url, self.live_url = nodes, f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/v1/live"


@pytest_asyncio.fixture
async def balanced(context, urls, tmp_path):
    port = free_port()
    limits = {"commands_per_second": 100_000, "commands_burst": 100_000, "heartbeat_s": 1}
    limits |= {"trusted_proxies": "127.0.0.1", "public_url": f"http://127.0.0.1:{port}"}
    nodes = [RunningServer(context.settings, urls, worker=False, **limits) for _ in "ab"]
    (tmp_path / "nginx.conf").write_text(whole(tmp_path, site(port, nodes)))
    running = None
    try:
        for node in nodes:
            await node.start()
        running = await asyncio.create_subprocess_exec(NGINX, "-p", tmp_path, "-c", tmp_path / "nginx.conf")
        async with asyncio.timeout(20), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while not await answers(client):
                await asyncio.sleep(0.05)
        yield Balanced(nodes, port)
    finally:
        if running is not None:
            running.terminate()
            await running.wait()
        for node in nodes:
            if node.process is not None and node.process.returncode is None:
                await node.kill()


async def answers(client):
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def test_behind_the_balancer_a_node_that_dies_costs_nobody_a_bid_or_an_event(context, balanced, hold):
    floor = await hold()
    async with AsyncExitStack() as stack:
        parties = (floor.ada, floor.bob, floor.seller)
        ada, bob, seller = [await client_of(stack, context, balanced, party) for party in parties]
        heard, state = {client: [] for client in (ada, bob, seller)}, None
        for client in heard:
            state = await client.watch(floor.auction_id)

        async def listen(client):
            async for update in client.events(floor.auction_id):
                if isinstance(update, Event):
                    heard[client].append(update.seq)

        listening = [asyncio.create_task(listen(client)) for client in heard]
        amounts = iter(range(110_000, 900_000_000, 10_000))

        async def bid(client, cid):
            return await client.bid(floor.auction_id, next(amounts), confirmed=True, cid=cid, timeout_s=60)

        async def bid_often(client):
            return [await bid(client, f"{number}") for number in range(BIDS_EACH)]

        bidding = [asyncio.create_task(bid_often(client)) for client in (ada, bob)]
        while len(heard[seller]) < BIDS_EACH / 2:
            await asyncio.sleep(0.005)
        await balanced.nodes[0].kill()
        acks = [ack for acks in await asyncio.gather(*bidding) for ack in acks]
        last = await bid(bob, "last")
        async with asyncio.timeout(60):
            while any(not seqs or seqs[-1] < last.seq for seqs in heard.values()):
                await asyncio.sleep(0.02)
        for task in listening:
            task.cancel()
        for seqs in heard.values():
            assert seqs == list(range(state["seq"] + 1, seqs[-1] + 1))
        assert {ack.code for ack in acks} <= {None, "BID_TOO_LOW"}
        told = [ack.seq for ack in acks if ack.seq is not None]
        assert len(set(told)) == len(told)
        assert set(told) <= set(heard[seller])
        async with httpx.AsyncClient(base_url=balanced.url) as client:
            assert await answers(client)


async def test_behind_the_balancer_the_clients_own_address_counts_whatever_it_says(context, balanced):
    ada = await factories.register_member(context)
    key = await limited_key(context, ada, networks=("127.0.0.2/32",))
    lie = {"X-Forwarded-For": "127.0.0.2", "Authorization": f"Bearer {key}"}
    for address, is_let_in in (("127.0.0.2", True), ("127.0.0.1", False)):
        transport = httpx.AsyncHTTPTransport(local_address=address)
        async with httpx.AsyncClient(base_url=balanced.url, transport=transport, headers=lie) as client:
            assert (await client.get("/v1/auctions")).status_code == (200 if is_let_in else 403)
        async with connect(
            balanced.live_url, additional_headers=lie, local_addr=(address, 0), compression=None, proxy=None
        ) as raw:
            socket = Socket(raw)
            if is_let_in:
                assert (await socket.hear())["t"] == "ok"
            else:
                assert await socket.closed_with() == 4401
