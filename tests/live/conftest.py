"""Real sockets against the live rooms of this process: the real lane, the real feed, the real database."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio
import uvicorn
from jsonschema import Draft202012Validator
from litestar import Litestar
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from auctions.engine import schedule
from auctions.record import GENESIS, chain, encode
from auctions.terms import EnglishTerms, IncrementStep
from market.bidding.lane import Lane
from market.live.asyncapi import document
from market.live.hub import Limits, Live
from market.live.routes import HANDLERS
from market.live.wire import Wire
from market.parties import service as parties
from market.parties.rules import KeyOrder
from tests import factories
from tests.running import free_port

_SCHEMAS = json.loads(msgspec.json.encode(document()))
_HEARD = {
    schema["properties"]["t"].get("const") or schema["properties"]["t"]["enum"][0]: Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": _SCHEMAS["components"]}
    )
    for name, schema in _SCHEMAS["components"]["schemas"].items()
    if "t" in schema.get("properties", {})
}


def checked(frame):
    """The frame as a dict, after it was compared with the published schema of its kind."""
    told = json.loads(frame) if isinstance(frame, str | bytes) else frame
    flaws = [error.message for error in _HEARD[told["t"]].iter_errors(told)]
    assert flaws == [], (told, flaws)
    return told


class Socket:
    """One raw socket: sends and receives frames as dicts."""

    def __init__(self, raw):
        self.raw = raw

    async def say(self, **frame):
        await self.raw.send(json.dumps(frame))

    async def hear(self, timeout_s=3.0):
        async with asyncio.timeout(timeout_s):
            return checked(await self.raw.recv())

    async def hear_until(self, accept, timeout_s=5.0):
        """The first frame that `accept`s."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = checked(await self.raw.recv())
                if accept(frame):
                    return frame

    async def hear_type(self, kind, timeout_s=5.0):
        return await self.hear_until(lambda frame: frame["t"] == kind, timeout_s)

    async def closed_with(self, timeout_s=5.0):
        """The close code, whatever still comes before it."""
        async with asyncio.timeout(timeout_s):
            with suppress(ConnectionClosed):
                while True:
                    await self.raw.recv()
        return self.raw.close_code


class Node:
    """One server of the live sockets, in this process and on this loop."""

    def __init__(self, context, limits=None, protocol=Wire):
        self.context, self.limits, self.protocol = context, limits, protocol
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/v1/live"
        self.running = False

    async def start(self):
        self.lane = Lane(self.context)
        self.live = Live(self.context, self.lane, limits=self.limits)
        app = Litestar(HANDLERS, openapi_config=None, logging_config=None)
        app.state.live = self.live
        config = uvicorn.Config(app, port=self.port, ws=self.protocol, lifespan="off", log_config=None)
        config.ws_per_message_deflate, config.timeout_graceful_shutdown, config.ws_max_size = False, 1, 65_536
        self._server = uvicorn.Server(config)
        await self.lane.start()
        await self.live.start()
        self._task = asyncio.create_task(self._server._serve())
        async with asyncio.timeout(60):
            while not self._server.started:
                await asyncio.sleep(0.01)
        self.running = True

    async def stop(self):
        if self.running:
            self.running = False
            await self.live.stop()
            self._server.should_exit = True
            await asyncio.wait_for(self._task, 10)
            await self.lane.stop()

    @asynccontextmanager
    async def socket(self, *, cookie=None, key=None, origin=None, **options):
        """A raw socket, signed in if a cookie or a key is given."""
        headers = {"Cookie": f"market_session={cookie}"} if cookie else {}
        async with connect(
            self.url,
            additional_headers=headers,
            origin=origin,
            compression=None,
            proxy=None,
            close_timeout=1,
            **options,
        ) as raw:
            socket = Socket(raw)
            if key is not None:
                await socket.say(op="auth", id="auth", token=key)
            if cookie is not None or key is not None:
                assert (await socket.hear())["t"] == "ok"
            yield socket


@pytest.fixture
def origin(inhabited):
    """People live in the databases of this room's tests."""
    return inhabited


@pytest_asyncio.fixture
async def start_node(context):
    """Starts nodes on this test's database; all are stopped at the end."""
    nodes = []

    async def start(limits=None, *, protocol=Wire, **settings):
        node = Node(with_settings(context, **settings), limits, protocol)
        nodes.append(node)
        await node.start()
        return node

    yield start
    for node in nodes:
        await node.stop()


@pytest_asyncio.fixture
async def node(start_node):
    return await start_node(heartbeat_s=1)


def with_settings(context, **changes):
    return replace(context, settings=replace(context.settings, **changes))


async def session_of(context, party):
    """A session token of the party's own."""
    attempt = parties.SignIn(party.email, party.password, "192.0.2.7")
    return (await parties.sign_in(context, attempt, hasher=factories.CHEAP)).token


async def key_of(context, party, *scopes):
    """An API key of the party's with these scopes."""
    async with context.db.begin(party.actor) as tx:
        asked = KeyOrder("tests", scopes, 1)
        _, token = await parties.create_key(tx, party.actor, asked, now=context.clock.now(), chance=context.chance)
    return token


def few_sockets(count):
    return Limits(sockets_per_user=count)


@dataclass(frozen=True)
class Floor:
    """An auction, its seller, and two organisations that registered for it."""

    auction_id: UUID
    seller: factories.Party
    ada: factories.Party
    bob: factories.Party


RESERVE_CENTS = 251_700


@pytest_asyncio.fixture
async def hold(context, cluster, urls):
    """Puts an open auction straight into the tables, so that no tape has to be masked for it."""
    officers = await factories.two_officers(context)

    async def hold_auction(*, invited=None, closes_in=timedelta(hours=1), parties=None):
        found = parties or [
            await factories.seller(context, officers),
            *[await factories.buyer(context, officers) for _ in "ab"],
        ]
        seller, ada, bob = found
        pool_id = await factories.bare_pool(context, seller)
        now = context.clock.now()
        auction_id = context.chance.new_id()
        terms = EnglishTerms(
            currency="USD", opening_cents=100_000, reserve_cents=RESERVE_CENTS, increments=(IncrementStep(0, 10_000),),
            opens_at=now - timedelta(minutes=1), closes_at=now + closes_in, latest_close_at=now + closes_in * 2,
            buy_now_cents=9_000_000, soft_close_window_s=0, soft_close_extension_s=0,
            tape_version="0" * 64, face_value_cents=100_000_000,
        )  # fmt: skip
        first = schedule(str(auction_id), terms, now - timedelta(minutes=2))
        body = encode(first)
        head = chain(GENESIS, body)
        published = terms.to_json()
        del published["reserve_cents"]
        admin = await asyncpg.connect(cluster.admin_url, database=urls.app.rsplit("/", 1)[1].split("?")[0])
        try:
            await admin.execute("SET session_replication_role = replica")
            await admin.execute(
                "INSERT INTO auction VALUES ($1, $2, $3, 'english', $4, 'USD', '{CA}', 0, '{}', '2026-11', $5, $6, $7, $8,"
                " 'scheduled', 1, $9, NULL, NULL, 0, $10, $6)",
                auction_id, pool_id, seller.org_id, json.dumps(published),
                "open" if invited is None else "invited", terms.opens_at, seller.user_id, now, head, terms.closes_at,
            )  # fmt: skip
            await admin.execute(
                "INSERT INTO auction_event VALUES ($1, 1, $2, 'auction_scheduled', $3, $4)",
                auction_id, first.at, body.decode(), head,
            )  # fmt: skip
            for org in (ada, bob):
                await register(admin, context, auction_id, seller, org)
            for org in invited or ():
                await admin.execute("INSERT INTO invitation VALUES ($1, $2, $3)", auction_id, org.org_id, seller.org_id)
        finally:
            await admin.close()
        return Floor(auction_id, seller, ada, bob)

    return hold_auction


async def register(admin, context, auction_id, seller, party):
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "INSERT INTO registration (auction_id, org_id, seller_org_id, clearance_id, registered_by, at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        auction_id, party.org_id, seller.org_id, party.clearances["bid"], party.user_id, context.clock.now(),
    )  # fmt: skip
