"""Signing in and talking on a live socket, over real sockets."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from market.live.connection import MAX_BAD_FRAMES
from market.live.hub import Limits
from market.live.protocol import MAX_FRAME_BYTES, Pong, write
from market.parties import service as parties
from tests import factories
from tests.live.conftest import Socket, key_of, session_of

NOBODYS = "01920000-0000-7000-8000-000000000001"


BAD_FRAMES = [
    ("nonsense", "BAD_FRAME", None),
    (b"\x00\x01", "BAD_FRAME", None),
    ("[]", "MALFORMED", None),
    ("{}", "MALFORMED", "op"),
    (json.dumps({"op": "tender", "id": "1"}), "UNKNOWN_OP", "op"),
    (json.dumps({"op": "sub", "id": "1", "auction": "x"}), "MALFORMED", "auction"),
    (json.dumps({"op": "sub", "id": "1", "auction": NOBODYS, "from_seq": -1}), "MALFORMED", "from_seq"),
    (json.dumps({"op": "sub", "id": "1", "auction": NOBODYS}), "NO_SUCH_AUCTION", "auction"),
    ("x" * (MAX_FRAME_BYTES + 1), "TOO_LARGE", None),
    *(
        (
            json.dumps({"op": "bid", "id": "1", "auction": NOBODYS, "cid": "c", "amount_cents": amount}),
            "MALFORMED",
            "amount_cents",
        )
        for amount in ("5", 5.0, -5, 0, True, None, 10**30)
    ),
]


async def test_a_session_cookie_signs_in_with_the_handshake(node):
    ada = await factories.register_member(node.context)
    async with node.socket(cookie=await session_of(node.context, ada), origin="http://market.test") as socket:
        await socket.say(op="ping", id="p", t0=5)
        pong = await socket.hear_type("pong")
    assert (pong["id"], pong["t0"]) == ("p", 5)
    assert pong["t1"] <= pong["t2"]


async def test_an_api_key_signs_in_by_auth_and_is_told_version_clock_and_heartbeat(node):
    ada = await factories.register_member(node.context)
    key = await key_of(node.context, ada, "auctions:read")
    async with node.socket() as socket:
        await socket.say(op="auth", id="a", token=key)
        ok = await socket.hear()
        assert ok["t"] == "ok"
        assert (ok["id"], ok["version"], ok["heartbeat_s"]) == ("a", 1, 1)
        await socket.say(op="auth", id="b", token=key)
        assert (await socket.hear_type("error"))["id"] == "b"


async def test_a_handshake_from_another_sites_page_is_refused(node):
    ada = await factories.register_member(node.context)
    token = await session_of(node.context, ada)
    for origin in ("https://evil.example", "http://market.test.evil.example", "https://market.test", "null"):
        with pytest.raises(InvalidStatus) as caught:
            async with node.socket(cookie=token, origin=origin):
                pass
        assert caught.value.response.status_code == 403


async def test_a_wrong_key_closes_the_socket_as_unauthenticated(node):
    for token in ("mk_nonsense", "nonsense", "mk_" + "0" * 32 + "_x"):
        async with node.socket() as socket:
            await socket.say(op="auth", id="a", token=token)
            assert await socket.closed_with() == 4401


async def test_a_session_token_is_no_api_key(node):
    ada = await factories.register_member(node.context)
    async with node.socket() as socket:
        await socket.say(op="auth", id="a", token=await session_of(node.context, ada))
        assert await socket.closed_with() == 4401


async def test_a_wrong_cookie_closes_the_socket_as_unauthenticated(node):
    async with connect(node.url, additional_headers={"Cookie": "market_session=wrong"}, proxy=None) as raw:
        assert await Socket(raw).closed_with() == 4401


async def test_a_stranger_is_told_to_sign_in_and_hung_up_on(node):
    async with node.socket() as socket:
        await socket.say(op="ping", id="p", t0=1)
        assert (await socket.hear())["code"] == "UNAUTHENTICATED"
        assert await socket.closed_with() == 4401


async def test_who_does_not_sign_in_in_time_is_hung_up_on(start_node):
    node = await start_node(Limits(auth_s=0.2))
    async with node.socket() as socket:
        assert await socket.closed_with() == 4401


async def test_a_bad_frame_gets_a_clear_error_and_the_socket_lives_on(node):
    ada = await factories.register_member(node.context)
    key = await key_of(node.context, ada, "auctions:read", "bids:write")
    for some in (BAD_FRAMES[:12], BAD_FRAMES[12:]):
        async with node.socket(key=key) as socket:
            for frame, code, field in some:
                await socket.raw.send(frame)
                error = await socket.hear_type("error")
                assert (frame, error["code"], error.get("field")) == (frame, code, field)
            await socket.say(op="ping", id="p", t0=1)
            await socket.hear_type("pong")


async def test_too_many_bad_frames_close_the_socket(node):
    async with node.socket() as socket:
        for _ in range(MAX_BAD_FRAMES + 1):
            await socket.raw.send("nonsense")
        assert await socket.closed_with() == 4400


async def test_a_frame_beyond_all_bounds_closes_the_socket(node):
    async with node.socket() as socket:
        await socket.raw.send("x" * 100_000)
        assert await socket.closed_with() == 1009


async def test_an_api_key_does_only_what_its_scopes_say(node):
    ada = await factories.register_member(node.context)
    async with node.socket(key=await key_of(node.context, ada, "portfolios:read")) as socket:
        await socket.say(op="sub", id="s", auction=NOBODYS)
        assert (await socket.hear_type("error"))["code"] == "FORBIDDEN"
        await socket.say(op="bid", id="b", auction=NOBODYS, cid="c", amount_cents=5)
        assert (await socket.hear_type("error"))["code"] == "FORBIDDEN"


async def test_signing_out_closes_the_socket_within_a_heartbeat_or_two(node):
    ada = await factories.register_member(node.context)
    token = await session_of(node.context, ada)
    async with node.socket(cookie=token) as socket:
        await socket.hear_type("hb")
        async with node.context.db.begin(SYSTEM) as tx:
            await parties.sign_out(tx, token, node.context.clock.now())
        assert await socket.closed_with(3) == 4401


async def test_a_revoked_key_closes_its_sockets(node):
    ada = await factories.register_member(node.context)
    async with node.socket(key=await key_of(node.context, ada, "auctions:read")) as socket:
        async with node.context.db.begin(ada.actor) as tx:
            keys = (await parties.list_keys(tx, ada.actor, PageRequest())).items
            await parties.revoke_key(tx, ada.actor, keys[0].key_id, node.context.clock.now())
        assert await socket.closed_with(3) == 4401


async def test_one_socket_too_many_replaces_the_oldest_of_this_user_only(start_node):
    node = await start_node(Limits(sockets_per_user=2))
    ada, bob = await factories.register_member(node.context), await factories.register_member(node.context)
    token = await session_of(node.context, ada)
    async with (
        node.socket(cookie=await session_of(node.context, bob)) as other,
        node.socket(cookie=token) as oldest,
        node.socket(cookie=token) as newer,
        node.socket(cookie=token) as newest,
    ):
        assert await oldest.closed_with() == 4409
        for socket in (other, newer, newest):
            await socket.say(op="ping", id="p", t0=1)
            await socket.hear_type("pong")


async def test_a_flood_of_pings_is_refused_and_then_cut(start_node):
    node = await start_node(Limits(control_frames_per_second=1, control_frames_burst=5), commands_burst=1)
    ada = await factories.register_member(node.context)
    async with node.socket(cookie=await session_of(node.context, ada)) as socket:
        for number in range(60):
            await socket.say(op="ping", id=str(number), t0=1)
        assert (await socket.hear_type("error"))["code"] == "RATE_LIMITED"
        assert await socket.closed_with() == 4429


async def test_behind_a_server_without_a_wire_frames_that_come_as_one_are_sent_one_by_one(start_node):
    node = await start_node(protocol="websockets-sansio")
    ada = await factories.register_member(node.context)
    async with node.socket(cookie=await session_of(node.context, ada)) as socket:
        (connection,) = node.live._connections
        connection.outlet.push(b"".join(write(Pong(id=str(n), t0=n, t1=n, t2=n)) for n in range(3)))
        assert [(await socket.hear())["id"] for _ in range(3)] == ["0", "1", "2"]
        await socket.say(op="ping", id="still here", t0=1)
        assert (await socket.hear_type("pong"))["id"] == "still here"


async def test_behind_a_server_without_a_wire_a_good_bye_comes_after_what_was_said(start_node):
    node = await start_node(protocol="websockets-sansio")
    async with node.socket() as socket:
        await socket.say(op="ping", id="p", t0=1)
        assert (await socket.hear())["code"] == "UNAUTHENTICATED"
        assert await socket.closed_with() == 4401


async def test_a_stopping_server_announces_it_and_closes_with_1012(start_node):
    node = await start_node()
    ada = await factories.register_member(node.context)
    async with node.socket(cookie=await session_of(node.context, ada)) as socket:
        leaving = asyncio.create_task(node.live.announce_shutdown(in_s=0.1, retry_after_s=2))
        assert await socket.hear_type("shutdown") == {"t": "shutdown", "in_ms": 100, "retry_after_ms": 2000}
        await leaving
        await node.live.stop()
        assert await socket.closed_with() == 1012
