"""The long proof, `make prove`: kill -9 the server and stop PostgreSQL at once, again and again, under bids on real sockets.

`python -m bench.prove [--trials 100]`. Bidders that come back by themselves and send again what was not answered bid all the
while, on auctions that stay open and on short ones that end in between. Afterwards the tables are compared with what the
bidders were told: every acknowledged bid must be stored under the seq it was told, no auction may have two winners, and no
bid may lie at or after the end of its auction. Exit status 1 if any of this does not hold.
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
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import uvloop
from sqlalchemy import text

from bench.place import Place, admit, new_auctions, prepared
from market.client.live import LiveClient
from market.client.messages import LiveClosed, LiveError, OutcomeUnknown
from market.kit.actor import SYSTEM
from tests import factories
from tests.running import free_port

_OPEN_AUCTIONS = 4
_ACKS_A_TRIAL = 40
_SHORT_S = 5.0
_PATIENCE_S = 120.0


@dataclass
class Told:
    """What the bidders were told: (auction, cid) of every acknowledged bid, with its seq."""

    acked: dict[tuple[UUID, str], int] = field(default_factory=dict)
    refused_count: int = 0


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
async def bidding(place: Place, server: Server, auctions: list[UUID], told: Told, seed: int) -> AsyncIterator[None]:
    """Every buyer bids on a random auction, one bid after the other, until the end; cuts are the client's business."""
    rng, numbers, amounts = random.Random(seed), count(1), count(100_000, 1_000)

    async def bid(client: LiveClient) -> None:
        while True:
            auction, cid = rng.choice(auctions), f"p{seed}-{next(numbers)}"
            with suppress(OutcomeUnknown, LiveError):
                ack = await client.bid(auction, next(amounts), confirmed=True, cid=cid, timeout_s=_PATIENCE_S)
                if ack.seq is not None:
                    told.acked[auction, cid] = ack.seq
                else:
                    told.refused_count += 1
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


async def short_auction(place: Place) -> UUID:
    now = place.context.clock.now()
    terms = {
        "opening_cents": 1,
        "increments": [{"from_cents": 0, "increment_cents": 1}],
        "closes_at": now + timedelta(seconds=_SHORT_S),
        "soft_close_window_s": 0,
        "soft_close_extension_s": 0,
    }
    auction = await factories.published_auction(place.context, place.seller, terms=terms)
    await admit(place, [auction.auction_id])
    return auction.auction_id


async def try_often(place: Place, server: Server, auctions: list[UUID], told: Told, *, trials: int, kind: str) -> None:
    for trial in range(trials):
        with suppress(Exception):  # the database may be away: then this trial has no short auction
            async with asyncio.timeout(_SHORT_S):
                auctions[-1] = await short_auction(place)
        target = len(told.acked) + _ACKS_A_TRIAL
        async with asyncio.timeout(_PATIENCE_S):
            while len(told.acked) < target:  # noqa: ASYNC110 - the count is what is waited for
                await asyncio.sleep(0.005)
        if kind == "server":
            await server.kill()
            await server.start()
        else:
            await stop_database(place)
        if trial % 10 == 9:
            print(f"{kind}: {trial + 1} of {trials}, {len(told.acked)} bids acknowledged", file=sys.stderr, flush=True)


_STORED = text("SELECT auction_id, cid, seq FROM bid")
_TWO_WINNERS = text("""SELECT count(*) FROM (SELECT auction_id FROM auction_event
    WHERE kind IN ('awarded', 'pools_awarded') GROUP BY auction_id HAVING count(*) > 1) AS twice""")
_LATE = text("""SELECT count(*) FROM bid b JOIN auction_event e USING (auction_id, seq) JOIN auction a USING (auction_id)
    WHERE e.at >= a.closes_at""")
_UNEVEN = text("""SELECT count(*) FROM auction a JOIN (SELECT auction_id, max(seq) AS last, count(*) FROM auction_event
    GROUP BY auction_id) AS e USING (auction_id) WHERE a.seq <> e.last OR e.last <> e.count""")
_ENDED = text("SELECT count(*) FROM auction WHERE phase = 'awarded'")


async def verdict(place: Place, told: Told) -> dict[str, int]:
    """The figures; all but the first three must be 0."""
    async with place.context.db.begin(SYSTEM) as tx:
        stored = {(row.auction_id, row.cid): row.seq for row in await tx.execute(_STORED)}
        counts = [int(await tx.scalar(question) or 0) for question in (_ENDED, _TWO_WINNERS, _LATE, _UNEVEN)]
    lost = sum(stored.get(key) != seq for key, seq in told.acked.items())
    figures = {"acked": len(told.acked), "stored": len(stored), "auctions awarded": counts[0], "lost": lost}
    return figures | {"double winners": counts[1], "late bids": counts[2], "gaps": counts[3]}


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
            auctions = await new_auctions(place, _OPEN_AUCTIONS)
            auctions.append(auctions[0])
            await server.start()
            async with bidding(place, server, auctions, told, seed):
                for kind, words in (("server", "kill -9 of the server"), ("database", "immediate stop of PostgreSQL")):
                    await try_often(place, server, auctions, told, trials=trials, kind=kind)
                    await settled(place)
                    figures = await verdict(place, told)
                    print(f"{trials} x {words}: " + ", ".join(f"{what} {number}" for what, number in figures.items()))
                    holds &= not any(list(figures.values())[3:])
            await server.kill()
    print("holds" if holds else f"DOES NOT HOLD (seed {seed})")
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.prove", description="Kills and stops under load.")
    parser.add_argument("--trials", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(0 if uvloop.run(prove(options.trials, options.seed)) else 1)


if __name__ == "__main__":
    main()
