"""One node, two nodes, and the ways of hinting between them: `python -m bench.nodes [--runs 3] [--race 100000]`.

Bidders and watchers are spread over the nodes. What crosses from node to node is measured by sockets of bidders, who hear
every event at once: from sending the bid to one node until it is heard of on the other. Without a hint a node looks once a
second. A NATS server is started if the machine has one; without one its rows are left out.

At the end a race: at least 100,000 bids through two nodes on the same few auctions, as fast as they are answered. What bidders
were told is compared with the tables: every acknowledged bid must be there under the seq that it was told, no seq may have been
told twice, and no auction may have a gap. Exit status 1 if any of this does not hold.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import uvloop
from sqlalchemy import text

from bench.__main__ import idle_share
from bench.place import Place, load, new_auctions, prepared, servers, watching
from bench.watchers import delays, percentile
from market.kit.actor import SYSTEM
from tests.running import free_port

_HEARING_PER_SECOND = 200
_SCENARIOS = (("1 auction", 1), ("50 auctions", 50))
_RACE_AUCTIONS = 4
_RACE_ROUND_S = 10.0


@asynccontextmanager
async def nats_server() -> AsyncIterator[str | None]:
    """The address of a NATS server of this run; None if the machine has none."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        yield None
        return
    port = free_port()
    run = await asyncio.create_subprocess_exec(
        program,
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        run.terminate()
        await run.wait()


async def measure(place: Place, node_count: int, seconds: float, lane: str, **settings: object) -> dict:
    figures: dict = {}
    async with servers(place, node_count, lane, **settings) as nodes:
        ports = [node.port for node in nodes]
        for title, auction_count in _SCENARIOS:
            auctions = await new_auctions(place, auction_count)
            bids = await load(place, ports, auctions, sockets=128, depth=4, seconds=seconds)
            figures[title] = bids["per_second"]
        auctions = await new_auctions(place, 1)
        async with watching(place, ports[-1:], auctions, sockets=4, keys=place.keys, notes_every=1) as watchers:
            bids = await load(
                place, ports[:1], auctions, sockets=16, per_second=_HEARING_PER_SECOND, seconds=seconds, keep=True
            )
            await asyncio.sleep(1.5)
    waits = [wait for heard in watchers.result["heard"] for wait in delays(bids["told"], heard)]
    return figures | {"p50": percentile(waits, 0.5) * 1000, "p99": percentile(waits, 0.99) * 1000}


@dataclass
class Race:
    """What the bidders of a race were told, and what became of it; the last three must be 0."""

    acked: int
    decided: int
    seconds: float
    lost: int = 0
    double: int = 0
    gaps: int = 0

    def __str__(self) -> str:
        return (
            f"race over two nodes: {self.decided:,} bids decided in {self.seconds:.0f} s, {self.acked:,} of them acknowledged:"
            f" lost {self.lost}, double {self.double}, gaps {self.gaps}"
        )


async def race(place: Place, bid_count: int, **settings: object) -> Race:
    """At least so many bids through two nodes on the same auctions."""
    result, began_s = Race(0, 0, 0.0), time.monotonic()
    async with servers(place, 2, **settings) as nodes:
        while result.decided < bid_count:
            auctions = await new_auctions(place, _RACE_AUCTIONS)
            shape = {"sockets": 128, "depth": 4, "warm_up_s": 0.0, "seconds": _RACE_ROUND_S, "keep": True}
            bids = await load(place, [node.port for node in nodes], auctions, **shape)
            told = [(UUID(auction), seq) for auction, seq, _ in bids["told"]]
            result.acked += len(told)
            result.decided += round(bids["decided"] * _RACE_ROUND_S)
            result.double += len(told) - len(set(told))
            async with place.context.db.begin(SYSTEM) as tx:
                stored = {(row.auction_id, row.seq) for row in await tx.execute(_BIDS, {"auction_ids": auctions})}
                result.gaps += int(await tx.scalar(_GAPS, {"auction_ids": auctions}) or 0)
            result.lost += len(set(told) - stored)
    result.seconds = time.monotonic() - began_s
    return result


_BIDS = text("""SELECT b.auction_id, b.seq FROM bid b JOIN auction_event e USING (auction_id, seq)
    WHERE b.auction_id = ANY (:auction_ids) AND e.kind = 'bid_accepted'""")
_GAPS = text("""SELECT count(*) FROM auction a JOIN (SELECT auction_id, max(seq) AS last, count(*) FROM auction_event
    GROUP BY auction_id) AS e USING (auction_id) WHERE a.auction_id = ANY (:auction_ids)
    AND (a.seq <> e.last OR e.last <> e.count)""")


async def run(options: argparse.Namespace) -> bool:
    found: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with nats_server() as nats, prepared(folder) as place:
            ways = [("one node", 1, "lane", {}), ("two nodes, hints by NOTIFY", 2, "lane", {})]
            if nats is not None:
                ways += [("two nodes, hints by NATS", 2, "lane", {"bus_url": nats})]
            ways += [("two nodes, no hints", 2, "mute", {})]
            for number in range(options.runs):
                for words, node_count, lane, settings in ways:
                    print(f"run {number + 1} of {options.runs}: {words}, {idle_share(1):.0%} idle before",
                          file=sys.stderr, flush=True)  # fmt: skip
                    figures = await measure(place, node_count, options.seconds, lane, **settings)
                    found.setdefault(words, []).append(figures)
            if found:
                show(found, options)
            print(f"the race, {idle_share(1):.0%} idle before", file=sys.stderr, flush=True)
            raced = await race(place, options.race)
            kept, flaw_count = await everything_kept(place)
    print(raced)
    print(kept)
    return not (raced.lost or raced.double or raced.gaps or flaw_count)


_KEPT = text("""SELECT count(*) AS auctions, sum(event_count)::bigint AS events, sum(bid_count)::bigint AS bids,
    count(*) FILTER (WHERE last_seq <> event_count OR head_seq <> last_seq) AS gaps,
    count(*) FILTER (WHERE bid_count <> told_count) AS unlike
FROM (SELECT a.auction_id, a.seq AS head_seq, max(e.seq) AS last_seq, count(*) AS event_count,
        count(*) FILTER (WHERE e.kind = 'bid_accepted') AS told_count,
        (SELECT count(DISTINCT b.seq) FROM bid b WHERE b.auction_id = a.auction_id) AS bid_count
    FROM auction a JOIN auction_event e USING (auction_id) GROUP BY a.auction_id) AS each""")


async def everything_kept(place: Place) -> tuple[str, int]:
    """What all nodes together have written, and in how many auctions not every seq is there once, or an accepted bid lacks its event or its row."""
    async with place.context.db.begin(SYSTEM) as tx:
        found = (await tx.execute(_KEPT)).one()
    words = (
        f"afterwards: {found.bids:,} bids, {found.events:,} events in {found.auctions} auctions;"
        f" auctions with a gap or a repeat {found.gaps}, with a bid without its event or the other way round {found.unlike}"
    )
    return words, found.gaps + found.unlike


def show(found: dict[str, list[dict]], options: argparse.Namespace) -> None:
    print(f"128 bidders spread over the nodes, up to 4 bids under way each, {options.seconds:g} s;"
          f" medians of {options.runs} runs")  # fmt: skip
    print(f"{'':<28} {'1 auction':>11} {'50 auctions':>12} {'heard p50 ms':>13} {'p99 ms':>8}")
    for words, runs in found.items():
        one, many, p50, p99 = (
            statistics.median(run[name] for run in runs) for name in (*dict(_SCENARIOS), "p50", "p99")
        )
        print(f"{words:<28} {one:>11,.0f} {many:>12,.0f} {p50:>13.1f} {p99:>8.1f}")
    print(
        "accepted bids a second; heard: from the bid, sent to one node, to a bidder's socket on the last one",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description="One node and two.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3, help="0: only the race")
    parser.add_argument("--race", type=int, default=100_000, help="so many bids")
    sys.exit(0 if uvloop.run(run(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
