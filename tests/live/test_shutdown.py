"""A server that goes down says so first, so that clients come back without guessing."""

import asyncio
import json
from contextlib import suppress

import websockets

from market.db.context import Context
from tests.running import RunningServer


async def test_every_socket_hears_the_shutdown_before_it_is_closed(context: Context, server: RunningServer) -> None:
    del context
    async with websockets.connect(server.live_url) as socket:
        assert server.process is not None
        server.process.terminate()
        heard = []
        with suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(60):
                async for frame in socket:
                    heard.append(json.loads(frame)["t"])
        assert "shutdown" in heard
        assert socket.close_code == 1012
        await asyncio.wait_for(server.process.wait(), 15)
    assert server.process.returncode == 0
