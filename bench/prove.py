"""The long proof, `make prove`: kill -9 the server and stop PostgreSQL at once, again and again, under bids on real sockets.

`python -m bench.prove [--trials 100]`. Bidders that come back by themselves and send again what was not answered bid all the
while, on auctions that stay open and on short ones that are published without pause and end before, during and after the
kills: each kill waits until one is about to end. Afterwards the tables are compared with what the bidders were told: every
acknowledged bid must be stored under the seq it was told, no auction may close twice or have two winners, and no bid may lie at or
after the end of its auction, or have been sent by its bidder after that. Exit status 1 if any of this does not hold, or if too
few auctions ended to tell.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import uvloop
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bench.place import Place, admit, new_auctions, prepared
from market.client.live import LiveClient
from market.client.messages import LiveClosed, LiveError, OutcomeUnknown
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.kit.log import configure
from tests import factories
from tests.running import free_port

_OPEN_AUCTIONS = 4
_ACKS_A_TRIAL = 40
_SHORTEST_S, _LONGEST_S = 2.0, 8.0
_PUBLISH_EVERY_S = 1.0
_ABOUT_TO_END = timedelta(milliseconds=400)
_PATIENCE_S = 120.0


@dataclass
class Told:
    """What the bidders were told: (auction, cid) of every acknowledged bid, with its seq and when it was first sent."""

    acked: dict[tuple[UUID, str], int] = field(default_factory=dict)
    sent_at: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    too_late_count: int = 0


@dataclass
class Board:
    """The auctions that may be bid on: some for good, and the short ones until a moment after their end."""

    lasting: list[UUID]
    short: dict[UUID, datetime] = field(default_factory=dict)

    def choose(self, rng: random.Random) -> UUID:
        return rng.choice([*self.lasting, *list(self.short) * 3])

    def is_about_to_end(self, now: datetime) -> bool:
        return any(now < closes_at < now + _ABOUT_TO_END for closes_at in self.short.values())


class Server:
    """The real server as a child process, always on the same port."""

    def __init__(self, place: Place) -> None:
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}"
        self._environment = {**place.environment, "MARKET_PORT": str(self.port), "MARKET_PUBLIC_URL": url}
        self._run: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._run = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.place", "--serve", "lane", env=self._environment
        )

    async def kill(self) -> None:
        """As if the machine had lost its power: no handler runs."""
        assert self._run is not None
        self._run.kill()
        await self._run.wait()


@asynccontextmanager
async def bidding(place: Place, server: Server, board: Board, told: Told, seed: int) -> AsyncIterator[None]:
    """Every buyer bids on a random auction, one bid after the other, until the end; cuts are the client's business."""
    rng, numbers, amounts = random.Random(seed), count(1), count(100_000, 1_000)

    async def bid(client: LiveClient) -> None:
        while True:
            auction, cid = board.choose(rng), f"p{seed}-{next(numbers)}"
            told.sent_at[auction, cid] = place.context.clock.now()
            with suppress(OutcomeUnknown, LiveError):
                ack = await client.bid(auction, next(amounts), confirmed=True, cid=cid, timeout_s=_PATIENCE_S)
                if ack.seq is not None:
                    told.acked[auction, cid] = ack.seq
                else:
                    told.too_late_count += ack.code == "TOO_LATE"
                    await asyncio.sleep(0.005)

    async with AsyncExitStack() as stack:
        tasks = []
        for key in place.keys:
            client = LiveClient(
                f"ws://127.0.0.1:{server.port}/v1/live",
                clock=place.context.clock,
                jitter=rng.random,
                new_name=lambda: f"n{next(numbers)}",
                api_key=key,
            )
            tasks.append(asyncio.create_task(bid(await stack.enter_async_context(client))))
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, LiveClosed):
                await task


async def postmaster(place: Place) -> int:
    """The process id of the database server: the parent of any of its sessions."""
    async with place.context.db.begin(SYSTEM) as tx:
        session = await tx.scalar(text("SELECT pg_backend_pid()"))
    stat = Path(f"/proc/{session}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


async def stop_database(place: Place) -> None:
    """Immediate shutdown: no checkpoint, sessions thrown out; whoever keeps it starts it again, and it recovers."""
    os.kill(await postmaster(place), signal.SIGQUIT)


@asynccontextmanager
async def publishing(place: Place, board: Board, seed: int) -> AsyncIterator[None]:
    """Short auctions, one a second, for as long as the database takes them."""
    rng = random.Random(seed)

    async def publish() -> None:
        while True:
            with suppress(Transient, SQLAlchemyError):
                await short_auction(place, board, rng)
            await asyncio.sleep(_PUBLISH_EVERY_S)
            over = place.context.clock.now() - timedelta(seconds=1)
            board.short = {auction: closes_at for auction, closes_at in board.short.items() if closes_at > over}

    task = asyncio.create_task(publish())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def short_auction(place: Place, board: Board, rng: random.Random) -> None:
    now = place.context.clock.now()
    terms = {
        "opening_cents": 1,
        "increments": [{"from_cents": 0, "increment_cents": 1}],
        "closes_at": now + timedelta(seconds=rng.uniform(_SHORTEST_S, _LONGEST_S)),
        "soft_close_window_s": 0,
        "soft_close_extension_s": 0,
        "confirm_multiple": 1_000_000,
    }
    auction = await factories.published_auction(place.context, place.seller, terms=terms)
    await admit(place, [auction.auction_id])
    board.short[auction.auction_id] = terms["closes_at"]


async def try_often(place: Place, server: Server, board: Board, told: Told, *, trials: int, kind: str) -> None:
    for trial in range(trials):
        target = len(told.acked) + _ACKS_A_TRIAL
        async with asyncio.timeout(_PATIENCE_S):
            while len(told.acked) < target or not board.is_about_to_end(place.context.clock.now()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        if kind == "server":
            await server.kill()
            await server.start()
        else:
            await stop_database(place)
        if trial % 10 == 9:
            print(f"{kind}: {trial + 1} of {trials}, {len(told.acked)} bids acknowledged", file=sys.stderr, flush=True)


_STORED = text("SELECT auction_id, cid, seq FROM bid")
_ENDED_TWICE = text("""SELECT count(*) FROM (SELECT auction_id FROM auction_event
    WHERE kind IN ('auction_closed', 'awarded', 'auction_failed') GROUP BY auction_id, kind HAVING count(*) > 1) AS twice""")
_LATE = text("""SELECT count(*) FROM bid b JOIN auction_event e USING (auction_id, seq) JOIN auction a USING (auction_id)
    WHERE e.at >= a.closes_at""")
_UNEVEN = text("""SELECT count(*) FROM auction a JOIN (SELECT auction_id, max(seq) AS last, count(*) FROM auction_event
    GROUP BY auction_id) AS e USING (auction_id) WHERE a.seq <> e.last OR e.last <> e.count""")
_AWARDED = text("SELECT count(*) FROM auction WHERE phase = 'awarded'")
_CLOSES = text("SELECT auction_id, closes_at FROM auction")


async def verdict(place: Place, told: Told) -> dict[str, int]:
    """The figures; all but the first four must be 0. Bids go on meanwhile: what is told from now on is not counted."""
    acked = dict(told.acked)
    async with place.context.db.begin(SYSTEM) as tx:
        stored = {(row.auction_id, row.cid): row.seq for row in await tx.execute(_STORED)}
        closes_at = {row.auction_id: row.closes_at for row in await tx.execute(_CLOSES)}
        awarded = int(await tx.scalar(_AWARDED) or 0)
        twice, late, gaps = [int(await tx.scalar(question) or 0) for question in (_ENDED_TWICE, _LATE, _UNEVEN)]
    lost = sum(stored.get(key) != seq for key, seq in acked.items())
    late += sum(told.sent_at[key] >= closes_at[key[0]] for key in acked)
    figures = {"acked": len(acked), "stored": len(stored), "auctions awarded": awarded}
    figures |= {"refused as too late": told.too_late_count}
    return figures | {"lost": lost, "double winners": twice, "late bids": late, "gaps": gaps}


async def settled(place: Place) -> None:
    """Until the database answers and every short auction is closed."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            with suppress(Exception):
                async with place.context.db.begin(SYSTEM) as tx:
                    due = "SELECT count(*) FROM auction WHERE due_at < clock_timestamp() - interval '1 s'"
                    if not await tx.scalar(text(due)):
                        return
            await asyncio.sleep(0.2)


async def prove(trials: int, seed: int) -> bool:
    holds = True
    with tempfile.TemporaryDirectory(prefix="market-prove-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with prepared(folder) as place:
            told, server = Told(), Server(place)
            board = Board(await new_auctions(place, _OPEN_AUCTIONS))
            await server.start()
            async with publishing(place, board, seed), bidding(place, server, board, told, seed):
                for kind, words in (("server", "kill -9 of the server"), ("database", "immediate stop of PostgreSQL")):
                    await try_often(place, server, board, told, trials=trials, kind=kind)
                    await settled(place)
                    figures = await verdict(place, told)
                    print(f"{trials} x {words}: " + ", ".join(f"{what} {number}" for what, number in figures.items()))
                    holds &= not any(list(figures.values())[4:]) and figures["auctions awarded"] >= trials
            await server.kill()
    print("holds" if holds else f"DOES NOT HOLD (seed {seed})")
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.prove", description="Kills and stops under load.")
    parser.add_argument("--trials", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure("critical", as_json=False)
    sys.exit(0 if uvloop.run(prove(options.trials, options.seed)) else 1)


if __name__ == "__main__":
    main()
