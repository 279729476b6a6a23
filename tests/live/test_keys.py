"""What limits an API key over HTTP limits it on the socket; and sockets follow the session, not its token."""

from websockets.asyncio.client import connect

from market.kit.actor import SYSTEM
from market.parties import service as parties
from market.parties.factors import ProofKind
from market.parties.rules import KeyOrder
from tests import factories
from tests.live.conftest import Socket, session_of


async def limited_key(context, party, **limits):
    async with context.db.begin(party.actor) as tx:
        asked = KeyOrder("tests", ("bids:write", "auctions:read"), 1, **limits)
        _, token = await parties.create_key(tx, party.actor, asked, now=context.clock.now(), chance=context.chance)
    return token


async def test_a_key_opens_a_socket_from_its_networks_only(node):
    ada = await factories.register_member(node.context)
    here = await limited_key(node.context, ada, networks=("127.0.0.0/8",))
    elsewhere = await limited_key(node.context, ada, networks=("192.0.2.0/24",))
    async with node.socket(key=here):
        pass
    async with node.socket() as socket:
        await socket.say(op="auth", id="a", token=elsewhere)
        assert await socket.closed_with() == 4401


async def test_a_key_bids_on_the_socket_within_its_limits(node):
    room = await factories.open_auction(node.context, buyer_count=1)
    key = await limited_key(node.context, room.buyers[0], max_bid_cents=500_000, day_bid_cents=700_000)
    auction = str(room.auction_id)
    async with node.socket(key=key) as socket:
        await socket.say(op="bid", id="1", auction=auction, cid="c1", amount_cents=500_001)
        assert (await socket.hear_type("error"))["code"] == "KEY_LIMIT"
        await socket.say(op="buy_now", id="2", auction=auction, cid="c2")
        assert (await socket.hear_type("error"))["code"] == "KEY_LIMIT"
        await socket.say(op="proxy", id="3", auction=auction, cid="c3", ceiling_cents=500_000)
        assert (await socket.hear_type("ack"))["id"] == "3"
        await socket.say(op="bid", id="4", auction=auction, cid="c4", amount_cents=200_001)
        assert (await socket.hear_type("error"))["code"] == "KEY_LIMIT"


async def test_half_a_sign_in_opens_no_socket(start_node):
    node = await start_node(second_factor="everybody")
    ada = await factories.register_member(node.context)
    cookie = f"market_session={await session_of(node.context, ada)}"
    async with connect(node.url, additional_headers={"Cookie": cookie}, proxy=None) as raw:
        assert await Socket(raw).closed_with() == 4401


async def test_a_socket_goes_on_when_its_sessions_token_changes_and_ends_with_the_session(start_node):
    node = await start_node(heartbeat_s=1)
    context, boss = node.context, await factories.operator(node.context)
    ada = await factories.operator(context)
    token = await session_of(context, ada)
    async with context.db.begin(SYSTEM) as tx:
        actor = await parties.authenticate(tx, token, context.clock.now())
    async with node.socket(cookie=token) as socket:
        proof = parties.Proof(ProofKind.PASSWORD, factories.PASSWORD)
        renewed = await parties.prove(context, actor, proof, hasher=factories.CHEAP)
        assert renewed.token != token
        await socket.hear_type("hb")
        await socket.hear_type("hb")
        async with context.db.begin(boss.actor) as tx:
            await parties.disable_staff(tx, boss.actor, ada.user_id, "left", context.clock.now())
        assert await socket.closed_with() == 4401
