"""Hints by NATS: heard by the others, not by oneself; and when there is no bus, everybody hears all the same."""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from market.live.bus import Bus, BusError
from market.settings import Settings, SettingsError
from tests.live.conftest import key_of
from tests.live.test_watching import ALL, ack, bid, subscribe
from tests.running import free_port

AUCTION = UUID("01920000-0000-7000-8000-000000000001")
REAL = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/bin")


class Broker:
    """As much of a NATS server as hints need, and one that can be told to misbehave."""

    def __init__(self, *, password=None):
        self.port, self.password = free_port(), password
        self.clients = {}
        self.hints = []

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self):
        self._server.close()
        for writer in tuple(self.clients):
            writer.close()

    async def _serve(self, reader, writer):
        writer.write(b'INFO {"server_id":"T","max_payload":1048576}\r\n')
        with suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                verb, *words = line.split(maxsplit=1)
                if verb == b"CONNECT":
                    self.login = json.loads(words[0])
                    if self.password not in {None, self.login.get("pass")}:
                        writer.write(b"-ERR 'Authorization Violation'\r\n")
                        break
                    assert self.login["echo"] is False
                elif verb == b"SUB":
                    self.clients[writer] = words[0].split()[0]
                elif verb == b"PING":
                    writer.write(b"PONG\r\n")
                elif verb == b"PUB":
                    subject, size = words[0].split()
                    hint = await reader.readexactly(int(size) + 2)
                    self.hints.append(hint[:-2])
                    self.send(subject, hint[:-2], but=writer)
        self.clients.pop(writer, None)
        writer.close()

    def send(self, subject, hint, but=None):
        for client, wanted in self.clients.items():
            if client is not but and wanted == subject:
                client.write(b"MSG %b 1 %d\r\n%b\r\n" % (subject, len(hint), hint))


@asynccontextmanager
async def broker(**options):
    one = Broker(**options)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


@asynccontextmanager
async def nats_server():
    port = free_port()
    run = await asyncio.create_subprocess_exec(
        REAL, "-a", "127.0.0.1", "-p", str(port), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError):
                    _, probe = await asyncio.open_connection("127.0.0.1", port)
                    probe.close()
                    break
                await asyncio.sleep(0.05)
        yield port
    finally:
        run.kill()
        await run.wait()


@asynccontextmanager
async def joined(url, heard):
    bus, up = Bus(url, subject="market.test.heads", heard=heard), asyncio.Event()
    running = asyncio.create_task(bus.run(connected=up.set))
    try:
        async with asyncio.timeout(20):
            await up.wait()
        yield bus, running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, BusError, OSError):
            await running


async def exchange(port):
    mine, theirs = asyncio.Queue(), asyncio.Queue()
    url = f"nats://127.0.0.1:{port}"
    async with (
        joined(url, mine.put_nowait) as (one, _),
        joined(url, theirs.put_nowait) as (other, _),
        asyncio.timeout(20),
    ):
        one.tell({AUCTION: 7})
        assert await theirs.get() == {AUCTION: 7}
        other.tell({AUCTION: 8})
        assert await mine.get() == {AUCTION: 8}
        assert theirs.empty()


async def test_a_hint_reaches_the_other_nodes_and_not_its_sender():
    async with broker() as hub:
        await exchange(hub.port)


@pytest.mark.skipif(REAL is None, reason="there is no nats-server on this machine")
async def test_a_real_nats_server_is_understood():
    async with nats_server() as port:
        await exchange(port)


async def test_what_is_no_hint_is_passed_over():
    heard = asyncio.Queue()
    async with broker() as hub, joined(f"nats://127.0.0.1:{hub.port}", heard.put_nowait), asyncio.timeout(20):
        for hint in (b"", b"\xff", b"[1]", b'{"x":1}', b'{"%b":"1"}' % str(AUCTION).encode()):
            hub.send(b"market.test.heads", hint)
        hub.send(b"market.test.heads", b'{"%b":3}' % str(AUCTION).encode())
        assert await heard.get() == {AUCTION: 3}


async def test_a_bus_that_is_gone_ends_the_run_and_takes_no_more_hints():
    async with broker() as hub, joined(f"nats://127.0.0.1:{hub.port}", print) as (bus, running):
        assert bus.is_up
        await hub.stop()
        async with asyncio.timeout(20):
            with pytest.raises((BusError, OSError)):
                await running
        assert not bus.is_up
        bus.tell({AUCTION: 1})


async def test_user_and_password_of_the_address_sign_in_and_are_not_told_in_the_error():
    async with broker(password="s3cret/") as hub:
        async with joined(f"nats://me:s3cret%2F@127.0.0.1:{hub.port}", print):
            assert hub.login["user"] == "me"
        with pytest.raises(BusError) as refused:
            await Bus(f"nats://me:wr0ng@127.0.0.1:{hub.port}", subject="s", heard=print).run(connected=print)
        assert "Authorization Violation" in str(refused.value)
        assert "wr0ng" not in str(refused.value)


def test_an_address_that_is_no_bus_is_refused_by_name():
    with pytest.raises(SettingsError, match="MARKET_BUS_URL"):
        Settings.from_environment({"MARKET_BUS_URL": "redis://127.0.0.1"})


async def test_nodes_hint_by_the_bus_while_there_is_one_and_by_the_database_when_it_is_gone(start_node, hold):
    async with broker() as hub:
        nodes = [await start_node(bus_url=f"nats://127.0.0.1:{hub.port}") for _ in range(2)]
        async with asyncio.timeout(20):
            while any(node.lane.hints_by_database for node in nodes):
                await asyncio.sleep(0.01)
        floor = await hold()
        one, other = nodes
        async with (
            one.socket(key=await key_of(one.context, floor.ada, *ALL)) as ada,
            other.socket(key=await key_of(other.context, floor.bob, *ALL)) as bob,
        ):
            await subscribe(bob, floor)
            await bob.hear_type("snapshot")
            await bid(ada, floor, 110_000, "a-1")
            first = await ack(ada, "a-1")
            await bob.hear_until(lambda frame: frame.get("seq") == first["seq"] and frame["t"] == "event", 20)
            assert json.loads(hub.hints[-1]) == {str(floor.auction_id): first["seq"]}
            await hub.stop()
            async with asyncio.timeout(20):
                while not one.lane.hints_by_database:
                    await asyncio.sleep(0.01)
            await bid(ada, floor, 120_000, "a-2")
            second = await ack(ada, "a-2")
            await bob.hear_until(lambda frame: frame.get("seq") == second["seq"] and frame["t"] == "event", 20)
