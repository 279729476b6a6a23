"""Accepted bids a second through real websockets, beside one transaction per bid, in one run: `python -m bench.bids`.

Both sides are the whole server (uvicorn as `market serve` starts it, sign-in by API key, live protocol, rules, clearance
gate, fsync on) on the same embedded PostgreSQL; an answer counts only as it arrives on the bidder's socket, after COMMIT.
They differ in the writer alone. The baseline is what one writes first: each bid takes one of 16 connections, locks the
auction's row, decides, writes and commits by itself, with the same statements and the same checks.

The bidders run in a process of their own and share the machine's cores with the server. They watch no auction, so that what
is measured is taking bids, not telling watchers; that is `python -m bench.watchers`.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.__main__ import idle_share
from bench.place import Place, load, new_auctions, prepared, server

_PACED_PER_SECOND = 1_000
_SCENARIOS = (
    # title, auctions, sockets, bids under way on each, bids a second (0: as many as are answered)
    ("1 auction", 1, 128, 4, 0),
    ("50 auctions", 50, 128, 4, 0),
    (f"100 auctions, {_PACED_PER_SECOND}/s", 100, 128, 4, _PACED_PER_SECOND),
)
_WRITERS = ("lane", "single")
_SAY = {"lane": "batches, one lane", "single": "one transaction per bid"}


async def measure(place: Place, port: int, scenario: tuple, seconds: float, server_cpu_s: object) -> dict:
    _, auction_count, sockets, depth, per_second = scenario
    auctions = await new_auctions(place, auction_count)
    before_s = server_cpu_s()
    shape = {"sockets": sockets, "depth": depth, "per_second": per_second}
    figures = await load(place, [port], auctions, seconds=seconds, **shape)
    figures["server_us"] = (server_cpu_s() - before_s) * 1e6 / max(1.0, figures["decided"] * (seconds + 1))
    return figures


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
                    async with server(place, writer) as node:
                        for scenario in _SCENARIOS:
                            figures = await measure(place, node.port, scenario, options.seconds, node.cpu_s)
                            found.setdefault((scenario[0], writer), []).append(figures)
    show(found, options)


def show(found: dict[tuple[str, str], list[dict]], options: argparse.Namespace) -> None:
    def median(title: str, writer: str, figure: str) -> float:
        return statistics.median(run[figure] for run in found[title, writer])

    print(f"128 bidders, up to 4 bids under way each, {options.seconds:g} s after 1 s of warm-up;"
          f" medians of {options.runs} alternated runs")  # fmt: skip
    print(
        f"{'':<22} {'writer':<24} {'accepted/s':>10} {'decided/s':>10} {'ack p50 ms':>10} {'p99 ms':>8} {'ratio':>6}"
        f" {'server µs/bid':>14}"
    )
    for title, _, _, _, per_second in _SCENARIOS:
        baseline = median(title, "single", "decided")
        for writer in _WRITERS:
            decided = median(title, writer, "decided")
            ratio = "" if per_second else f"{decided / max(1.0, baseline):.1f}x"
            print(
                f"{title:<22} {_SAY[writer]:<24} {median(title, writer, 'per_second'):>10,.0f} {decided:>10,.0f}"
                f" {median(title, writer, 'p50_ms'):>10.1f} {median(title, writer, 'p99_ms'):>8.1f} {ratio:>6}"
                f" {median(title, writer, 'server_us'):>14.0f}"
            )
    print("ratio: of bids decided; transactions that run side by side overtake each other, and then bid too low")
    shares = [run["load_cores"] for (_, writer), runs in found.items() for run in runs if writer == "lane"]
    print(f"the bidders' own process took {statistics.median(shares):.2f} cores beside the lane (median)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bids", description="Accepted bids a second.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    uvloop.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
