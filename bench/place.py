"""Where the benchmarks of bids and watchers take place: a prepared database, servers on it, and the other side's processes."""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import uvloop
from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy import text

from market import app, process
from market.bidding.lane import BidOrder, Lane
from market.bidding.orders import Told
from market.bidding.writer import Writer
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.kit.log import configure
from market.live.hub import Limits, Live
from market.parties import service as parties
from market.parties.rules import KeyOrder
from market.process import opened
from market.settings import Settings
from tests import factories
from tests.running import free_port

BUYER_COUNT = 8
_CONNECTION_COUNT = 16


class OneByOne(Lane):
    """The baseline: no queue and no batches, every order is a transaction of its own on a pooled connection."""

    async def start(self) -> None:
        self._writers: asyncio.Queue[Writer] = asyncio.Queue()
        self._under_way: set[asyncio.Task[None]] = set()
        for _ in range(_CONNECTION_COUNT):
            writer = Writer(self._context, self.states, self._closer.wake)
            await writer.connect()
            self._writers.put_nowait(writer)
        await super().start()

    def offer(self, order: BidOrder, told: Told) -> None:
        if refused := self._refuse_at_once(order):
            told(refused)
            return
        task = asyncio.create_task(self._decide(order, told))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _decide(self, order: BidOrder, told: Told) -> None:
        writer = await self._writers.get()
        try:
            draft = await writer.write([order])
        except LockNotAvailableError:
            told(Transient("waited too long for the row"))
            return
        finally:
            self._writers.put_nowait(writer)
        if draft.committed and self.on_commit is not None:
            self.on_commit(draft.committed)
        told(draft.answers[0])


class Mute(Lane):
    """Hints at nothing, so that other nodes have to look by themselves."""

    hints_by_database = property(lambda _: False, lambda _, __: None)  # type: ignore[assignment]


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
        "connection_count": 20_000,
        "screening_lists": "specimen",
    }
    settings = replace(Settings.from_environment({}), data_dir=folder / "data", **generous)
    async with opened(settings) as (context, urls):
        officers = await factories.two_officers(context)
        seller = await factories.seller(context, officers)
        buyers = [await factories.buyer(context, officers) for _ in range(BUYER_COUNT)]
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


async def new_auctions(place: Place, auction_count: int, **terms: object) -> list[UUID]:
    """Open auctions in which every buyer may bid, from one cent up in steps of a cent."""
    usual = {
        "opening_cents": 1,
        "increments": [{"from_cents": 0, "increment_cents": 1}],
        "closes_at": place.context.clock.now() + timedelta(hours=2),
    }
    made = [
        (await factories.published_auction(place.context, place.seller, terms=usual | terms)).auction_id
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


@dataclass(frozen=True)
class Node:
    """A running server."""

    port: int
    pid: int

    def resident_kib(self) -> int:
        """What the process holds of the machine's memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

    def cpu_s(self) -> float:
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100


@asynccontextmanager
async def server(place: Place, writer: str = "lane", **settings: object) -> AsyncIterator[Node]:
    """The whole server, as `market serve --without-worker` starts it, with the given writer."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {f"MARKET_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {**place.environment, "MARKET_PORT": str(port), "MARKET_PUBLIC_URL": url, **own}
    run = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.place", "--serve", writer, env=environment)
    try:
        for _ in range(1_200):
            if run.returncode is not None:
                raise SystemExit(f"the server ended with {run.returncode}")
            try:
                _, probe = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                probe.close()
                break
        else:
            raise SystemExit("the server did not start")
        yield Node(port, run.pid)
    finally:
        with suppress(ProcessLookupError):
            run.terminate()
        await run.wait()


@asynccontextmanager
async def servers(place: Place, count: int, writer: str = "lane", **settings: object) -> AsyncIterator[list[Node]]:
    """So many servers on one database, started side by side."""
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(server(place, writer, **settings)) for _ in range(count))
        yield await asyncio.gather(*starting)


async def load(place: Place, ports: list[int], auctions: list[UUID], **plan: object) -> dict:
    """What bidders in a process of their own measured."""
    usual = {"sockets": 128, "depth": 1, "per_second": 0, "warm_up_s": 1.0, "seconds": 3.0}
    whole = usual | plan | _shared(place, ports, auctions) | {"cid": place.context.chance.digits(6) + "-"}
    run = await _started("bid", whole)
    out, _ = await run.communicate()
    if run.returncode != 0:
        raise SystemExit("the load process failed")
    return json.loads(out)


def _shared(place: Place, ports: list[int], auctions: list[UUID]) -> dict:
    return {"ports": ports, "keys": place.keys, "auctions": [str(auction_id) for auction_id in auctions]}


class Watching:
    """Watchers in a process of their own; `result` after `watching` ended."""

    result: dict

    def __init__(self, run: asyncio.subprocess.Process) -> None:
        self._run = run

    async def end(self) -> None:
        out, _ = await self._run.communicate(b"\n")
        self.result = json.loads(out)


@asynccontextmanager
async def watching(place: Place, ports: list[int], auctions: list[UUID], **plan: object) -> AsyncIterator[Watching]:
    """Watchers that have heard everything so far."""
    run = await _started("watch", _shared(place, ports, auctions) | plan)
    assert run.stdout is not None
    if await run.stdout.readline() != b"ready\n":
        raise SystemExit("the watchers failed")
    watchers = Watching(run)
    yield watchers
    await watchers.end()


async def _started(what: str, plan: dict) -> asyncio.subprocess.Process:
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sockets", what, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 26
    )
    assert run.stdin is not None
    # By the pipe, for the plan holds keys and every user of a machine sees the words of a command.
    run.stdin.write(json.dumps(plan).encode() + b"\n")
    await run.stdin.drain()
    return run


def main() -> None:
    """A server of the benchmarks. One user may hold any number of its sockets, so that a few keys make thousands of watchers."""
    parser = argparse.ArgumentParser(prog="python -m bench.place")
    parser.add_argument("--serve", choices=("lane", "single", "mute", "plain"), required=True)
    how = parser.parse_args().serve
    if how == "single":
        app.Lane = OneByOne
    elif how == "mute":
        app.Lane = Mute
    elif how == "plain":  # frames go by the framework's own send
        process.Wire = "websockets-sansio"
    app.Live = partial(Live, limits=Limits(sockets_per_user=10**6))
    configure("error", as_json=False)
    uvloop.run(process.serve(Settings.from_environment(), with_worker=False))


if __name__ == "__main__":
    main()
