"""Accepted bids a second through real websockets, beside one transaction per bid, in one run: `python -m bench.bids`.

Both sides are the whole server (uvicorn as `market serve` starts it, sign-in by API key, live protocol, rules, clearance
gate, fsync on) on the same embedded PostgreSQL; an answer counts only as it arrives on the bidder's socket, after COMMIT.
They differ in the writer alone. The baseline is what one writes first: each bid takes one of 16 connections, locks the
auction's row, decides, writes and commits by itself, with the same statements and the same checks.

The bidders run in a process of their own and share the machine's cores with the server. Each has one bid under way at a time
and watches no auction, so that what is measured is taking bids, not telling watchers.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import uvloop
from sqlalchemy import text

from bench.__main__ import idle_share
from market import app, process
from market.bidding.lane import Answer, BidOrder, Lane
from market.bidding.writer import Writer
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.parties import service as parties
from market.parties.rules import KeyOrder
from market.process import opened
from market.settings import Settings
from tests import factories
from tests.running import free_port

_BUYER_COUNT = 8
_CONNECTION_COUNT = 16
_PACED_PER_SECOND = 1_000
_WARM_UP_S = 1.0


class OneByOne(Lane):
    """The baseline: no queue and no batches, every order is a transaction of its own on a pooled connection."""

    async def start(self) -> None:
        self._writers: asyncio.Queue[Writer] = asyncio.Queue()
        for _ in range(_CONNECTION_COUNT):
            writer = Writer(self._context, self.states, self._closer.wake)
            await writer.connect()
            self._writers.put_nowait(writer)
        await super().start()

    async def submit(self, order: BidOrder) -> Answer:
        if refused := self._refuse_at_once(order):
            return refused
        writer = await self._writers.get()
        try:
            draft = await writer.write([order])
        finally:
            self._writers.put_nowait(writer)
        if draft.committed and self.on_commit is not None:
            self.on_commit(draft.committed)
        return draft.answers[0]


# The bidders: a process of its own.


class Bidder(asyncio.Protocol):
    """One websocket (RFC 6455), as little of it as it takes to bid: text frames under 64 KiB, masked with zeros."""

    def __init__(self, load: "Load", port: int, key: str) -> None:
        self._load, self._port, self._key = load, port, key
        self._buffer = b""
        self._is_open = False
        self.sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(
            f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self._key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, head
            self._is_open, self._buffer = True, rest
        while (frame := self._next_frame()) is not None:
            self._load.heard(self, frame)

    def _next_frame(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        size, first = buffer[1], 2
        if size == 126:
            size, first = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < first + size:
            return None
        self._buffer = buffer[first + size :]
        return buffer[first : first + size]

    def say(self, text: bytes) -> None:
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._transport.write(b"\x81" + size + b"\0\0\0\0" + text)


class Load:
    """All bidders of one measurement. Amounts rise by one cent from bid to bid, so that nearly all could be accepted."""

    def __init__(self, plan: dict) -> None:
        self._auctions = plan["auctions"]
        self._amounts = dict.fromkeys(self._auctions, 0)
        self._numbers = count(1)
        self._cid = plan["cid"]
        self._signed_in = asyncio.Semaphore(0)
        self._measuring = self._running = False
        self._paced = plan["paced"]
        self._idle: list[Bidder] = []
        self.waits_s: list[float] = []
        self.accepted_count = self.refused_count = self.behind_count = 0

    def heard(self, bidder: Bidder, frame: bytes) -> None:
        if frame.startswith(b'{"t":"ok"'):
            self._signed_in.release()
            return
        if not frame.startswith(b'{"t":"ack"'):
            return
        if self._measuring:
            self.waits_s.append(time.perf_counter() - bidder.sent_s)
            accepted = b'"status":"accepted"' in frame
            self.accepted_count += accepted
            self.refused_count += not accepted
        if self._paced:
            self._idle.append(bidder)
        elif self._running:
            self.bid(bidder, time.perf_counter())

    def bid(self, bidder: Bidder, due_s: float) -> None:
        number = next(self._numbers)
        auction = self._auctions[number % len(self._auctions)]
        self._amounts[auction] += 1
        bidder.sent_s = due_s
        bidder.say(
            b'{"op":"bid","id":"%d","auction":"%b","cid":"%b%d","amount_cents":%d,"confirmed":true}'
            % (number, auction.encode(), self._cid.encode(), number, self._amounts[auction])
        )

    async def run(self, bidders: list[Bidder], seconds: float) -> None:
        for _ in bidders:
            await asyncio.wait_for(self._signed_in.acquire(), 30)
        self._running, self._idle = True, list(bidders)
        if not self._paced:
            for bidder in bidders:
                self.bid(bidder, time.perf_counter())
            await asyncio.sleep(_WARM_UP_S)
            self._measuring = True
            await asyncio.sleep(seconds)
        else:
            await self._pace(seconds)
        self._measuring = self._running = False

    async def _pace(self, seconds: float) -> None:
        """A bid each millisecond, whatever became of those before; late ones count from when they were due."""
        began_s = time.perf_counter()
        for number in range(int((seconds + _WARM_UP_S) * _PACED_PER_SECOND)):
            due_s = began_s + number / _PACED_PER_SECOND
            if (ahead_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(ahead_s)
            self._measuring = self._measuring or due_s > began_s + _WARM_UP_S
            while not self._idle:
                self.behind_count += 1
                await asyncio.sleep(0.001)
            self.bid(self._idle.pop(), due_s)


async def load(plan: dict) -> dict:
    """Run one measurement and tell its figures."""
    measured = Load(plan)
    loop = asyncio.get_running_loop()
    bidders = []
    for number in range(plan["sockets"]):
        key = plan["keys"][number % len(plan["keys"])]
        made = lambda key=key: Bidder(measured, plan["port"], key)  # noqa: E731
        bidders.append((await loop.create_connection(made, "127.0.0.1", plan["port"]))[1])
    started_s = time.process_time()
    await measured.run(bidders, plan["seconds"])
    waits = sorted(measured.waits_s)
    return {
        "per_second": measured.accepted_count / plan["seconds"],
        "decided": (measured.accepted_count + measured.refused_count) / plan["seconds"],
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
        "load_cores": (time.process_time() - started_s) / (plan["seconds"] + _WARM_UP_S),
    }


# The run.


@dataclass(frozen=True)
class Place:
    """A prepared database with cleared parties, and how to start servers on it."""

    context: Context
    environment: dict[str, str]
    seller: factories.Party
    buyers: list[factories.Party]
    keys: list[str]


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[Place]:
    generous = {
        "commands_per_second": 10**6,
        "commands_burst": 10**6,
        "requests_per_minute": 10**6,
        "screening_lists": "specimen",
    }
    settings = replace(Settings.from_environment({}), data_dir=folder / "data", **generous)
    async with opened(settings) as (context, urls):
        officers = await factories.two_officers(context)
        seller = await factories.seller(context, officers)
        buyers = [await factories.buyer(context, officers) for _ in range(_BUYER_COUNT)]
        keys = [await api_key(context, buyer) for buyer in buyers]
        environment = {
            **settings.environment(),
            "MARKET_DATABASE_URL": urls.app,
            "MARKET_OFFICER_DATABASE_URL": urls.officer,
            "MARKET_LOG_LEVEL": "error",
        }
        yield Place(context, environment, seller, buyers, keys)


async def api_key(context: Context, party: factories.Party) -> str:
    async with context.db.begin(party.actor) as tx:
        asked = KeyOrder("bench", ("bids:write", "auctions:read"), 1)
        _, secret = await parties.create_key(tx, party.actor, asked, now=context.clock.now(), chance=context.chance)
    return secret


async def new_auctions(place: Place, auction_count: int) -> list[UUID]:
    """Open auctions in which every buyer may bid, from one cent up in steps of a cent."""
    terms = {
        "opening_cents": 1,
        "increments": [{"from_cents": 0, "increment_cents": 1}],
        "closes_at": place.context.clock.now() + timedelta(hours=2),
    }
    made = [
        (await factories.published_auction(place.context, place.seller, terms=terms)).auction_id
        for _ in range(auction_count)
    ]
    await admit(place, made)
    return made


async def admit(place: Place, auction_ids: list[UUID]) -> None:
    """Every buyer may bid in these auctions."""
    async with place.context.db.begin(SYSTEM) as tx:
        for buyer in place.buyers:
            facts = {"org_id": buyer.org_id, "user_id": buyer.user_id, "clearance_id": buyer.clearances["bid"]}
            await tx.execute(_REGISTER, {**facts, "seller_org_id": place.seller.org_id, "auction_ids": auction_ids})


_REGISTER = text("""INSERT INTO registration
    (auction_id, org_id, seller_org_id, clearance_id, registered_by, at)
    SELECT id, :org_id, :seller_org_id, :clearance_id, :user_id, now() FROM unnest(CAST(:auction_ids AS uuid[])) AS id""")


@asynccontextmanager
async def server(place: Place, writer: str) -> AsyncIterator[int]:
    port = free_port()
    environment = {**place.environment, "MARKET_PORT": str(port), "MARKET_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    run = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bids", "--serve", writer, env=environment)
    try:
        for _ in range(300):
            try:
                _, probe = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                probe.close()
                break
        yield port
    finally:
        run.terminate()
        await run.wait()


async def measure(place: Place, port: int, options: argparse.Namespace, auction_count: int, *, paced: bool) -> dict:
    auctions = await new_auctions(place, auction_count)
    plan = {
        "port": port,
        "keys": place.keys,
        "auctions": [str(auction_id) for auction_id in auctions],
        "sockets": options.sockets,
        "seconds": options.seconds,
        "paced": paced,
        "cid": place.context.chance.digits(6) + "-",
    }
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bids", "--load", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    # By the pipe, for the plan holds keys and every user of a machine sees the words of a command.
    out, _ = await run.communicate(json.dumps(plan).encode())
    if run.returncode != 0:
        raise SystemExit("the load process failed")
    return json.loads(out)


_SCENARIOS = (
    ("1 auction", 1, False),
    ("50 auctions", 50, False),
    (f"50 auctions, {_PACED_PER_SECOND}/s", 50, True),
)
_WRITERS = ("lane", "single")
_SAY = {"lane": "batches, one lane", "single": "one transaction per bid"}


async def compare(options: argparse.Namespace) -> None:
    found: dict[tuple[str, str], list[dict]] = {}
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with prepared(folder) as place:
            for number in range(options.runs):
                for writer in _WRITERS if number % 2 == 0 else reversed(_WRITERS):
                    print(f"run {number + 1} of {options.runs}: {_SAY[writer]}, {idle_share(1):.0%} idle before",
                          file=sys.stderr, flush=True)  # fmt: skip
                    async with server(place, writer) as port:
                        for title, auction_count, paced in _SCENARIOS:
                            figures = await measure(place, port, options, auction_count, paced=paced)
                            found.setdefault((title, writer), []).append(figures)
    show(found, options)


def show(found: dict[tuple[str, str], list[dict]], options: argparse.Namespace) -> None:
    def median(title: str, writer: str, figure: str) -> float:
        return statistics.median(run[figure] for run in found[title, writer])

    print(f"{options.sockets} bidders, one bid under way each, {options.seconds:g} s after {_WARM_UP_S:g} s of warm-up;"
          f" medians of {options.runs} alternated runs")  # fmt: skip
    print(f"{'':<22} {'writer':<24} {'accepted/s':>10} {'decided/s':>10} {'ack p50 ms':>10} {'p99 ms':>8} {'ratio':>6}")
    for title, _, paced in _SCENARIOS:
        baseline = median(title, "single", "decided")
        for writer in _WRITERS:
            decided = median(title, writer, "decided")
            ratio = "" if paced else f"{decided / baseline:.1f}x"
            print(
                f"{title:<22} {_SAY[writer]:<24} {median(title, writer, 'per_second'):>10,.0f} {decided:>10,.0f}"
                f" {median(title, writer, 'p50_ms'):>10.1f} {median(title, writer, 'p99_ms'):>8.1f} {ratio:>6}"
            )
    print("ratio: of bids decided; transactions that run side by side overtake each other, and then bid too low")
    shares = [run["load_cores"] for runs in found.values() for run in runs]
    print(f"the bidders' own process took {statistics.median(shares):.2f} cores (median)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bids", description="Accepted bids a second.")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sockets", type=int, default=128)
    parser.add_argument("--serve", choices=_WRITERS, help=argparse.SUPPRESS)
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        if options.serve == "single":
            app.Lane = OneByOne
        uvloop.run(process.serve(Settings.from_environment(), with_worker=False))
    elif options.load:
        print(json.dumps(uvloop.run(load(json.load(sys.stdin)))))
    else:
        uvloop.run(compare(options))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    main()
