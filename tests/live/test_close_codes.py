"""Every close code of the protocol, brought about on a real socket and read from the wire by the client."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from market.live.connection import MAX_BAD_FRAMES
from market.live.hub import Limits
from market.live.outlet import MAX_WAITING_BYTES
from market.live.protocol import CloseCode, write_event
from tests import factories
from tests.live.conftest import session_of

QUARTER = write_event({"padding": "x" * (MAX_WAITING_BYTES // 4)})
"""A sound frame, four of which are more than a socket may leave unread."""


async def bad_frames(start_node):
    node = await start_node()
    async with node.socket() as socket:
        for _ in range(MAX_BAD_FRAMES + 1):
            await socket.raw.send("nonsense")
        return await socket.closed_with()


async def wrong_key(start_node):
    node = await start_node()
    async with node.socket() as socket:
        await socket.say(op="auth", id="a", token="nonsense")
        return await socket.closed_with()


async def anothers_page(start_node):
    """The one that comes before the socket: as status 403 of the handshake."""
    node = await start_node()
    cookie = await session_of(node.context, await factories.register_member(node.context))
    with pytest.raises(InvalidStatus) as caught:
        async with node.socket(cookie=cookie, origin="https://evil.example"):
            pass
    return caught.value.response.status_code + 4_000


async def stalled_reader(start_node):
    return await stops_reading(await start_node(heartbeat_s=1), is_enough=lambda outlet: outlet.waiting_bytes > 0)


async def slow_reader(start_node):
    return await stops_reading(await start_node(), is_enough=lambda outlet: outlet.code is not None)


async def stops_reading(node, *, is_enough):
    """A client that takes nothing from its socket while it is sent enough, and reads on once it is to be hung up on."""
    ada = await factories.register_member(node.context)
    async with node.socket(cookie=await session_of(node.context, ada), max_queue=1) as socket:
        (victim,) = node.live._connections
        socket.raw.transport.pause_reading()
        async with asyncio.timeout(30):
            while not is_enough(victim.outlet):
                victim.outlet.push(QUARTER)
                await asyncio.sleep(0)
            while not victim.outlet.is_over:
                await asyncio.sleep(0.01)
        socket.raw.transport.resume_reading()
        return await socket.closed_with(timeout_s=10)


async def replaced(start_node):
    node = await start_node(Limits(sockets_per_user=1))
    cookie = await session_of(node.context, await factories.register_member(node.context))
    async with node.socket(cookie=cookie) as oldest, node.socket(cookie=cookie):
        return await oldest.closed_with()


async def flood(start_node):
    node = await start_node(Limits(control_frames_per_second=1, control_frames_burst=5), commands_burst=1)
    cookie = await session_of(node.context, await factories.register_member(node.context))
    async with node.socket(cookie=cookie) as socket:
        for number in range(60):
            await socket.say(op="ping", id=str(number), t0=1)
        return await socket.closed_with()


async def restart(start_node):
    node = await start_node()
    cookie = await session_of(node.context, await factories.register_member(node.context))
    async with node.socket(cookie=cookie) as socket:
        await node.live.stop()
        return await socket.closed_with()


HOW = {
    CloseCode.BAD: bad_frames,
    CloseCode.AUTH: wrong_key,
    CloseCode.FORBIDDEN: anothers_page,
    CloseCode.HEARTBEAT: stalled_reader,
    CloseCode.REPLACED: replaced,
    CloseCode.SLOW: slow_reader,
    CloseCode.RATE: flood,
    CloseCode.RESTART: restart,
}


@pytest.mark.parametrize("code", CloseCode, ids=lambda code: code.name.lower())
async def test_the_client_is_told_why_it_is_hung_up_on(start_node, code):
    assert await HOW[code](start_node) == code
