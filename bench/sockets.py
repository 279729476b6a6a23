"""The other side of the benchmarks' sockets, in processes of their own: `python -m bench.sockets bid|watch < plan.json`.

As little of RFC 6455 as it takes, so that the clients leave the machine's cores to the server; but what they say is the true
protocol, signed in by API key, and an answer counts only as it arrives here.
"""

import asyncio
import json
import sys
import time
from itertools import count

import uvloop

_HELLO = (
    "GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {key}\r\n\r\n"
)
_PING = b"\x89\x04"
_AT_ONCE = 100
"""So many sockets open at the same time."""


class Socket(asyncio.Protocol):
    """One websocket: text frames out, masked with zeros; what comes in is left to `heard`."""

    def __init__(self, port: int, key: str) -> None:
        self._hello = _HELLO.format(port=port, key=key).encode()
        self._is_open = False
        self.buffer = b""
        self.signed_in = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._hello)

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        if not self.signed_in.done():
            self.signed_in.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            if (ping := data.find(_PING)) >= 0:  # in nothing else that the server sends
                self.transport.write(b"\x8a\x84\0\0\0\0" + data[ping + 2 : ping + 6])
            self.heard(data)
            return
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if b'{"t":"ok"' in rest:
            assert b" 101 " in head, head
            self._is_open, self.buffer = True, b""
            self.signed_in.set_result(None)
        elif found and b" 101 " not in head:
            self.transport.abort()

    def heard(self, data: bytes) -> None:
        """Data of whole or broken frames."""

    def say(self, text: bytes) -> None:
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self.transport.write(b"\x81" + size + b"\0\0\0\0" + text)


async def connected(made: list) -> list:
    """The sockets that `made` makes, all signed in."""
    loop, sockets = asyncio.get_running_loop(), []
    for first in range(0, len(made), _AT_ONCE):
        some = [one() for one in made[first : first + _AT_ONCE]]
        await asyncio.gather(*(loop.create_connection(lambda s=s: s, "127.0.0.1", s.port) for s in some))
        await asyncio.wait_for(asyncio.gather(*(s.signed_in for s in some)), 60)
        sockets += some
    return sockets


class Bidder(Socket):
    """Has a number of bids under way; tells the load of every answer."""

    def __init__(self, load: "Load", port: int, key: str) -> None:
        super().__init__(port, key)
        self.port, self._load = port, load
        self.sent_s: dict[bytes, float] = {}

    def heard(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        first = 0
        while len(buffer) - first >= 4:
            size, start = buffer[first + 1], first + 2
            if size == 126:
                size, start = int.from_bytes(buffer[first + 2 : first + 4], "big"), first + 4
            if len(buffer) < start + size:
                break
            if buffer.startswith(b'{"t":"ack"', start):
                self._load.answered(self, buffer[start : start + size])
            first = start + size
        self.buffer = buffer[first:]


class Load:
    """All bidders of one measurement. Amounts rise by one cent from bid to bid, so that nearly all could be accepted."""

    def __init__(self, plan: dict) -> None:
        self._auctions, self._cid = plan["auctions"], plan["cid"]
        self._amounts = dict.fromkeys(self._auctions, 0)
        self._numbers = count(1)
        self._rate, self._depth = plan["per_second"], plan["depth"]
        self._measuring = self._running = False
        self._idle: list[Bidder] = []
        self.waits_s: list[float] = []
        self.told: list[tuple[str, int, float]] = []
        """(auction, seq, wall time when it was sent) of every accepted bid, if asked for."""
        self._keep = plan.get("keep", False)
        self.accepted_count = self.refused_count = 0

    def answered(self, bidder: Bidder, frame: bytes) -> None:
        # {"t":"ack","id":"<auction's place>.<number>",…
        name = frame[17 : frame.index(b'"', 17)]
        sent_s = bidder.sent_s.pop(name)
        if self._measuring:
            self.waits_s.append(time.time() - sent_s)
            accepted = b'"status":"accepted"' in frame
            self.accepted_count += accepted
            self.refused_count += not accepted
            if self._keep and accepted:
                self.told.append((self._auctions[int(name.partition(b".")[0])], seq_in(frame), sent_s))
        if self._rate:
            self._idle.append(bidder)
        elif self._running:
            self.bid(bidder, time.time())

    def bid(self, bidder: Bidder, due_s: float) -> None:
        number = next(self._numbers)
        place = number % len(self._auctions)
        auction = self._auctions[place]
        self._amounts[auction] += 1
        name = b"%d.%d" % (place, number)
        bidder.sent_s[name] = due_s
        bidder.say(
            b'{"op":"bid","id":"%b","auction":"%b","cid":"%b%d","amount_cents":%d,"confirmed":true}'
            % (name, auction.encode(), self._cid.encode(), number, self._amounts[auction])
        )

    async def run(self, bidders: list[Bidder], warm_up_s: float, seconds: float) -> float:
        """Returns the seconds of CPU that it took while measuring."""
        self._running = True
        places = [bidder for bidder in bidders for _ in range(self._depth)]
        if self._rate:
            self._idle = places
            pacing = asyncio.create_task(self._pace(warm_up_s + seconds))
        else:
            for bidder in places:
                self.bid(bidder, time.time())
        await asyncio.sleep(warm_up_s)
        self._measuring, cpu_s = True, time.process_time()
        await asyncio.sleep(seconds)
        self._measuring = self._running = False
        if self._rate:
            await pacing
        return time.process_time() - cpu_s

    async def _pace(self, seconds: float) -> None:
        """So many a second, whatever became of those before; late ones count from when they were due."""
        began_s = time.time()
        for number in range(int(seconds * self._rate)):
            due_s = began_s + number / self._rate
            if (ahead_s := due_s - time.time()) > 0:
                await asyncio.sleep(ahead_s)
            while not self._idle:
                await asyncio.sleep(0.001)
                if not self._running:
                    return
            self.bid(self._idle.pop(), due_s)


def seq_in(frame: bytes) -> int:
    """The first `seq` that a frame tells of."""
    start = frame.index(b'"seq":') + 6
    end = start
    while frame[end : end + 1].isdigit():
        end += 1
    return int(frame[start:end])


async def bid(plan: dict) -> dict:
    load = Load(plan)
    keys, ports = plan["keys"], plan["ports"]
    made = [
        lambda n=n: Bidder(load, ports[n % len(ports)], keys[n // len(ports) % len(keys)])
        for n in range(plan["sockets"])
    ]
    cpu_s = await load.run(await connected(made), plan["warm_up_s"], plan["seconds"])
    waits = sorted(load.waits_s) or [0.0]
    return {
        "per_second": load.accepted_count / plan["seconds"],
        "decided": (load.accepted_count + load.refused_count) / plan["seconds"],
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
        "load_cores": cpu_s / plan["seconds"],
        "told": load.told,
    }


class Watcher(Socket):
    """Counts what it hears; some note when they first heard of each seq."""

    count = 0

    def __init__(self, port: int, key: str, *, notes: bool) -> None:
        super().__init__(port, key)
        self.port = port
        self._kinds = (b'{"t":"event"', b'{"t":"snapshot"')
        self.heard_at: list[tuple[str, int, float, bytes]] | None = [] if notes else None

    def heard(self, data: bytes) -> None:
        Watcher.count += sum(data.count(kind) for kind in self._kinds)
        if self.heard_at is None:
            return
        now_s, buffer = time.time(), self.buffer + data
        first = 0
        while len(buffer) - first >= 4:
            size, start = buffer[first + 1], first + 2
            if size == 126:
                size, start = int.from_bytes(buffer[first + 2 : first + 4], "big"), first + 4
            if len(buffer) < start + size:
                break
            frame = buffer[start : start + size]
            if frame.startswith(self._kinds):
                auction = frame[frame.index(b'"auction":"') + 11 :][:36].decode()
                self.heard_at.append((auction, seq_in(frame), now_s, kind_in(frame)))
            first = start + size
        self.buffer = buffer[first:]


def kind_in(frame: bytes) -> bytes:
    start = frame.find(b'"kind":"')
    return b"" if start < 0 else frame[start + 8 : frame.index(b'"', start + 8)]


async def watch(plan: dict) -> dict:
    """Watch until a line comes on standard input. Says `ready` when all have their snapshots."""
    keys, ports = plan["keys"], plan["ports"]
    notes_every = plan.get("notes_every", 0)
    made = [
        lambda n=n: Watcher(
            ports[n % len(ports)], keys[n // len(ports) % len(keys)], notes=bool(notes_every) and n % notes_every == 0
        )
        for n in range(plan["sockets"])
    ]
    sockets = await connected(made)
    for socket in sockets:
        for auction in plan["auctions"]:
            socket.say(b'{"op":"sub","id":"s","auction":"%b"}' % auction.encode())
        await asyncio.sleep(0.001)
    while Watcher.count < len(sockets) * len(plan["auctions"]):  # noqa: ASYNC110 - the count is what is waited for
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    marks: list[tuple[float, int]] = []

    async def mark() -> None:
        while True:
            marks.append((time.time(), Watcher.count))
            await asyncio.sleep(0.25)

    marking = asyncio.create_task(mark())
    await reader.readline()
    marking.cancel()
    return {
        "marks": marks,
        "lost": sum(socket.lost for socket in sockets),
        "heard": [
            [(auction, seq, at, kind.decode()) for auction, seq, at, kind in socket.heard_at]
            for socket in sockets
            if socket.heard_at is not None
        ],
    }


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    found = json.dumps(uvloop.run({"bid": bid, "watch": watch}[sys.argv[1]](plan)))
    # Megabytes: where PYTHONUNBUFFERED is set, `print` would drop what the pipe does not take at once.
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(found.encode() + b"\n")


if __name__ == "__main__":
    main()
