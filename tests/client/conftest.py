"""The live rooms of tests/live, and a proxy that breaks connections in every way a network does."""

import asyncio
from contextlib import suppress

import pytest
import pytest_asyncio

from market.client.live import LiveClient
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance
from tests.live.conftest import hold, node, start_node
from tests.running import free_port

__all__ = ["hold", "node", "start_node"]


class Proxy:
    """Passes bytes to a port of 127.0.0.1; `mute` swallows what the server says, `cut` ends all connections."""

    def __init__(self, target_port):
        self._target_port = target_port
        self.port = free_port()
        self.mute = False
        self.connection_count = 0
        self._writers = set()
        self._tasks = set()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/v1/live"

    async def start(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self):
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self):
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _accept(self, reader, writer):
        self.connection_count += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink, mutable in ((reader, far_writer, False), (far_reader, writer, True)):
            task = asyncio.create_task(self._pass(source, sink, mutable))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source, sink, mutable):
        with suppress(OSError):
            while data := await source.read(65_536):
                if not (mutable and self.mute):
                    sink.write(data)
                    await sink.drain()
        self._writers.discard(sink)
        sink.transport.abort()


@pytest.fixture
def origin(inhabited):
    """People live in the databases of this room's tests."""
    return inhabited


@pytest_asyncio.fixture
async def proxy(node):
    proxy = Proxy(node.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


def live_client(url, **who):
    chance = SystemChance(SystemClock())
    return LiveClient(url, clock=SystemClock(), jitter=lambda: 0.0, new_name=lambda: chance.token(12), **who)
