"""How late auctions close: `python -m bench.closing`.

Many auctions that end one after the other, on one node, with bids coming in on others. A socket of the seller's hears every
event at once; what is late is the arrival of `auction_closed` after the auction's end and the drain (`close_drain_ms`) that
bids received before the end are given. The baseline is what one writes first: a job that looks every second.
"""

import argparse
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import uvloop

from bench.__main__ import idle_share
from bench.place import load, new_auctions, prepared, server, watching
from bench.watchers import percentile

_BUSY_PER_SECOND = 200


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with prepared(folder) as place, server(place) as node:
            print(f"{idle_share(1):.0%} idle before", file=sys.stderr, flush=True)
            first_at = place.context.clock.now() + timedelta(seconds=options.head_start)
            gap = timedelta(milliseconds=options.gap_ms)
            ends = [first_at + number * gap for number in range(options.auctions)]
            made = [
                (await new_auctions(place, 1, closes_at=end, soft_close_window_s=0, soft_close_extension_s=0))[0]
                for end in ends
            ]
            busy = await new_auctions(place, 4)
            if place.context.clock.now() >= first_at - timedelta(seconds=2):
                raise SystemExit("the first auction ends before all are made: give a longer --head-start")
            shape = {"sockets": 1, "keys": [place.keys[0]], "notes_every": 1}
            async with watching(place, [node.port], made, **shape) as watchers:
                left_s = (ends[-1] - place.context.clock.now()).total_seconds() + 2
                await load(place, [node.port], busy, per_second=_BUSY_PER_SECOND, sockets=16, depth=4, seconds=left_s)
            drain_s = place.context.settings.close_drain_ms / 1000
    due = {str(auction): end.timestamp() + drain_s for auction, end in zip(made, ends, strict=True)}
    heard = watchers.result["heard"][0]
    late = [at - due[auction] for auction, _, at, kind in heard if kind == "auction_closed"]
    show(late, options)


def show(late: list[float], options: argparse.Namespace) -> None:
    rng = random.Random(1)
    polled = [rng.random() for _ in range(10_000)]
    print(f"{options.auctions} auctions, one every {options.gap_ms} ms, {_BUSY_PER_SECOND} bids/s on others")
    for words, waits in (
        (f"closer (deadline is a column, {len(late)} heard closed)", late),
        ("a job every second", polled),
    ):
        print(
            f"{words:<56} late by p50 {percentile(waits, 0.5) * 1000:7.1f} ms"
            f"   p99 {percentile(waits, 0.99) * 1000:7.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.closing", description="How late auctions close.")
    parser.add_argument("--auctions", type=int, default=100)
    parser.add_argument("--gap-ms", type=int, default=100)
    parser.add_argument("--head-start", type=float, default=30.0)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
