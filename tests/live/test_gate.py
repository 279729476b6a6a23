"""Sockets of people who have not said who they are have limits too."""

from contextlib import AsyncExitStack

from websockets.asyncio.client import connect

from market.live import gate as gates
from market.live.connection import Connection
from market.live.gate import Gate
from tests import factories
from tests.live.conftest import Socket, key_of, session_of, with_settings


async def test_an_address_has_twenty_sockets_that_are_not_signed_in(context, start_node):
    party = await factories.register_member(context)
    key, cookie = await key_of(context, party, "auctions:read"), await session_of(context, party)
    node = await start_node(signins_per_minute=1, requests_per_minute=10)
    async with AsyncExitStack() as held:
        strangers = [await held.enter_async_context(node.socket()) for _ in range(20)]
        async with node.socket() as one_too_many:
            assert await one_too_many.closed_with() == 4429
        async with node.socket(cookie=cookie):
            pass  # who comes with a session is heard all the same
        await strangers[0].say(op="auth", id="auth", token=key)
        assert (await strangers[0].hear())["t"] == "ok"
        async with node.socket() as in_the_place_of_one_who_signed_in:
            await in_the_place_of_one_who_signed_in.say(op="auth", id="auth", token=key)
            assert (await in_the_place_of_one_who_signed_in.hear())["t"] == "ok"


async def test_a_key_tried_in_vain_counts_as_an_attempt_to_sign_in(context, start_node):
    node = await start_node(signins_per_minute=3)
    async with node.socket() as socket:
        await socket.say(op="auth", id="auth", token="mk_wrong")
        assert await socket.closed_with() == 4401
    async with connect(node.url, additional_headers={"Authorization": "Bearer mk_wrong"}, proxy=None) as raw:
        assert await Socket(raw).closed_with() == 4401
    rates = node._server.config.app.state["parties_rates"]
    assert rates.take("127.0.0.1") == 0
    assert rates.take("127.0.0.1") > 0


def entered(gate, address, *, has_token=False):
    connection = Connection(address)
    return connection if gate.enter(connection, address, has_token=has_token) else None


def test_an_address_has_so_many_handshakes_a_minute(context):
    gate = Gate(with_settings(context, signins_per_minute=1, requests_per_minute=10))
    for _ in range(gates._HANDSHAKES_PER_MINUTE):
        gate.leave(entered(gate, "192.0.2.1"))
    assert entered(gate, "192.0.2.1") is None
    assert entered(gate, "192.0.2.2") is not None


def test_a_node_has_so_many_strangers_and_so_many_sockets(context, monkeypatch):
    monkeypatch.setattr(gates, "_STRANGERS_PER_NODE", 5)
    gate = Gate(with_settings(context, connection_count=64))
    strangers = [entered(gate, f"192.0.2.{number}") for number in range(5)]
    assert entered(gate, "192.0.2.9") is None
    gate.recognise(strangers[0])
    gate.recognise(strangers[0])
    assert entered(gate, "192.0.2.9") is not None
    assert entered(gate, "192.0.2.9") is None
    for _ in range(32 - 6):
        assert entered(gate, "192.0.2.10", has_token=True) is not None
    assert entered(gate, "192.0.2.10", has_token=True) is None
    gate.leave(strangers[0])
    assert entered(gate, "192.0.2.10", has_token=True) is not None
