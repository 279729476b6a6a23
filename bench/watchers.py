"""What it takes to be watched, and by how many one node can be: `python -m bench.watchers`.

Three measurements of the whole server, with the watchers and the bidders in processes of their own on the same cores:

* an auction with 1,000 observers while 1,000 bids a second come in: how long a bid waits for its answer, and how long
  until an observer hears of it (observers see an auction at most ten times a second);
* an auction that 1,000 bidders' sockets watch, who hear every event, while 200 bids a second come in, or as many as are answered: how
  many events a second are delivered, beside the same sockets served by the framework's own send, in alternated runs;
* 5,000 idle observers: what each costs in memory, and that all of them hear of the next bid.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from pathlib import Path

import uvloop

from bench.__main__ import idle_share
from bench.place import Node, Place, api_key, load, new_auctions, prepared, server, watching
from tests import factories

_WATCHER_COUNT = 1_000
_NOTING_EVERY = 20
_IDLE_COUNT = 5_000
_PACED_PER_SECOND = 1_000


def percentile(values: list[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")


async def observed(place: Place, node: Node, key: str, seconds: float) -> dict:
    """1,000 observers of one auction under 1,000 bids a second."""
    auctions = await new_auctions(place, 1)
    shape = {"sockets": _WATCHER_COUNT, "keys": [key], "notes_every": _NOTING_EVERY}
    async with watching(place, [node.port], auctions, **shape) as watchers:
        bids = await load(
            place, [node.port], auctions, sockets=128, depth=4, per_second=_PACED_PER_SECOND, seconds=seconds, keep=True
        )
        await asyncio.sleep(0.5)
    waits = [wait for heard in watchers.result["heard"] for wait in delays(bids["told"], heard)]
    return {
        "decided": bids["decided"],
        "p50_ms": bids["p50_ms"],
        "p99_ms": bids["p99_ms"],
        "heard_p50_ms": percentile(waits, 0.5) * 1000,
        "heard_p99_ms": percentile(waits, 0.99) * 1000,
        "updates": rate(watchers.result["marks"], seconds),
    }


def delays(told: list, heard: list) -> list[float]:
    """How long after each bid was sent one watcher first heard of its event, or of a later one."""
    seqs = [seq for _, seq, _, _ in heard]
    places = [(sent_s, bisect_left(seqs, seq)) for _, seq, sent_s in told]
    return [heard[place][2] - sent_s for sent_s, place in places if place < len(heard)]


def rate(marks: list, seconds: float) -> float:
    """The most events a second that were delivered over nearly `seconds`; marks are set every quarter of a second, or late."""
    best, span_s = 0.0, max(0.25, seconds - 0.5)
    for number, (began_s, before) in enumerate(marks):
        if later := next((mark for mark in marks[number + 1 :] if mark[0] - began_s >= span_s), None):
            best = max(best, (later[1] - before) / (later[0] - began_s))
    return best


_SHOWN_PER_SECOND = 200
"""Events a second, each for every socket. What keeps up with it is told by it: the figure is then a pace, not a limit."""


async def delivered(place: Place, node: Node, seconds: float) -> dict:
    """1,000 sockets that hear every event of one auction."""
    auctions = await new_auctions(place, 1)
    async with watching(place, [node.port], auctions, sockets=_WATCHER_COUNT, keys=place.keys) as watchers:
        bids = await load(
            place, [node.port], auctions, sockets=16, depth=8, per_second=_SHOWN_PER_SECOND, seconds=seconds
        )
    return {"deliveries": rate(watchers.result["marks"], seconds), "lost": watchers.result["lost"], **bids}


async def held(place: Place, node: Node, key: str) -> dict:
    """5,000 idle observers."""
    auctions = await new_auctions(place, 1)
    async with watching(place, [node.port], auctions, sockets=10, keys=[key]):
        before_kib = node.resident_kib()  # what the first ones bring with them is no watcher's own
        shape = {"sockets": _IDLE_COUNT, "keys": [key], "notes_every": 1}
        async with watching(place, [node.port], auctions, **shape) as watchers:
            kib = (node.resident_kib() - before_kib) / _IDLE_COUNT
            cpu_s, began_s = node.cpu_s(), time.monotonic()
            await asyncio.sleep(6)  # a heartbeat is among them
            cores = (node.cpu_s() - cpu_s) / (time.monotonic() - began_s)
            await load(place, [node.port], auctions, sockets=1, per_second=1, warm_up_s=0.0, seconds=2.0)
            await asyncio.sleep(2)
    reached = sum(len(heard) > 1 for heard in watchers.result["heard"])
    return {"kib": kib, "cores": cores, "reached": reached, "lost": watchers.result["lost"]}


async def run(options: argparse.Namespace) -> None:
    found: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with prepared(folder) as place:
            key = await api_key(place.context, await factories.register_member(place.context))
            for number in range(options.runs):
                print(
                    f"run {number + 1} of {options.runs}, {idle_share(1):.0%} idle before", file=sys.stderr, flush=True
                )
                for way in ("wire", "send_text"):
                    async with server(place, "lane" if way == "wire" else "plain") as node:
                        if way == "wire":
                            found.setdefault("observed", []).append(await observed(place, node, key, options.seconds))
                        found.setdefault(way, []).append(await delivered(place, node, options.seconds))
            async with server(place) as node:
                found["held"] = [await held(place, node, key)]
    show(found, options)


def show(found: dict[str, list[dict]], options: argparse.Namespace) -> None:
    def median(what: str, figure: str) -> float:
        return statistics.median(one[figure] for one in found[what])

    print(f"{options.seconds:g} s after 1 s of warm-up, medians of {options.runs} runs")
    print(
        f"{_WATCHER_COUNT:,} observers, {median('observed', 'decided'):,.0f} bids/s on their auction:"
        f"  ack p50 {median('observed', 'p50_ms'):.1f} ms, p99 {median('observed', 'p99_ms'):.1f} ms;"
        f"  heard p50 {median('observed', 'heard_p50_ms'):.1f} ms, p99 {median('observed', 'heard_p99_ms'):.1f} ms;"
        f"  {median('observed', 'updates'):,.0f} updates/s"
    )
    for way, words in (("wire", "finished frames to the transport"), ("send_text", "the framework's send_text")):
        print(
            f"{_WATCHER_COUNT:,} sockets that hear every event, {words + ':':<34}"
            f" {median(way, 'deliveries'):>9,.0f} deliveries/s"
            f"   {median(way, 'per_second'):,.0f} bids/s   {median(way, 'lost'):.0f} cut off"
        )
    idle = found["held"][0]
    print(
        f"{_IDLE_COUNT:,} idle observers on one node: {idle['kib']:.1f} KiB each, {idle['cores']:.2f} cores in all,"
        f" {idle['lost']} lost, {idle['reached']:,} heard of the next bid"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.watchers", description="Being watched.")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=3)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
