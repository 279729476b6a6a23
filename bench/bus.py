"""What carries a hint between two nodes how fast, and what becomes of it over a restart: `python -m bench.bus`.

PostgreSQL's NOTIFY, NATS and Redis, each on this machine, one sender and one listener, hints as the lane sends them. NATS and
Redis are started if the machine has them; nothing of the market runs, so that only the ways are compared.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import uvloop

from market.live.bus import Bus
from market.process import opened
from market.settings import Settings
from tests.running import free_port

_AUCTION = UUID(int=7)
_PATHS = "/usr/sbin:/usr/local/bin:/usr/bin"

Send = Callable[[int], Awaitable[object]]
Heard = Callable[[int], None]


@asynccontextmanager
async def by_notify(folder: Path, heard: Heard) -> AsyncIterator[Send]:
    """Each hint is a transaction of its own, as each batch's is."""
    async with opened(Settings.from_environment({"MARKET_DATA_DIR": str(folder / "data")})) as (_, urls):
        sender, listener = await asyncpg.connect(urls.app), await asyncpg.connect(urls.app)
        await listener.add_listener("bench", lambda *said: heard(int(said[-1])))
        yield lambda number: sender.execute("SELECT pg_notify('bench', $1)", str(number))
        await listener.close()
        await sender.close()


@asynccontextmanager
async def by_nats(program: str, heard: Heard) -> AsyncIterator[Send]:
    port = free_port()
    async with running(program, "-a", "127.0.0.1", "-p", str(port), port=port):
        ups = [asyncio.Event(), asyncio.Event()]
        url = f"nats://127.0.0.1:{port}"
        ends = [Bus(url, subject="bench", heard=lambda heads: heard(heads[_AUCTION])) for _ in ups]
        tasks = [asyncio.create_task(end.run(connected=up.set)) for end, up in zip(ends, ups, strict=True)]
        await asyncio.gather(*(up.wait() for up in ups))

        async def send(number: int) -> None:
            ends[0].tell({_AUCTION: number})

        yield send
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def by_redis(program: str, heard: Heard) -> AsyncIterator[Send]:
    """As much of Redis' protocol as it takes: PUBLISH, SUBSCRIBE."""
    port = free_port()
    async with running(program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", port=port):
        reader, listener = await asyncio.open_connection("127.0.0.1", port)
        listener.write(b"SUBSCRIBE bench\r\n")
        _, sender = await asyncio.open_connection("127.0.0.1", port)

        async def listen() -> None:
            while line := await reader.readline():
                if line == b"$7\r\n" and await reader.readline() == b"message\r\n":
                    lines = [await reader.readline() for _ in range(4)]
                    heard(int(lines[3]))

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0.2)

        async def send(number: int) -> None:
            sender.write(b"PUBLISH bench %d\r\n" % number)

        yield send
        listening.cancel()
        listener.close()
        sender.close()


@asynccontextmanager
async def running(*words: str, port: int) -> AsyncIterator[None]:
    nowhere = asyncio.subprocess.DEVNULL
    run = await asyncio.create_subprocess_exec(*words, stdout=nowhere, stderr=nowhere)
    try:
        for _ in range(600):
            with suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0.05)
        yield
    finally:
        run.terminate()
        await run.wait()


async def measure(way: Callable[[Heard], object], options: argparse.Namespace) -> tuple[float, float, int]:
    """(median ms, 99th percentile ms, hints not heard) of one run at a steady rate."""
    sent_s: dict[int, float] = {}
    waits_s: list[float] = []
    async with way(lambda number: waits_s.append(time.perf_counter() - sent_s[number])) as send:  # type: ignore[attr-defined]
        began_s = time.perf_counter()
        for number in range(options.hints):
            if (ahead_s := began_s + number / options.per_second - time.perf_counter()) > 0:
                await asyncio.sleep(ahead_s)
            sent_s[number] = time.perf_counter()
            await send(number)
        await asyncio.sleep(1)
    ranked = sorted(waits_s)
    return ranked[len(ranked) // 2] * 1000, ranked[len(ranked) * 99 // 100] * 1000, options.hints - len(ranked)


async def run(options: argparse.Namespace) -> None:
    found: dict[str, list[tuple[float, float, int]]] = {}
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        ways: dict[str, Callable] = {"NOTIFY": lambda heard: by_notify(folder, heard)}
        for words, program, way in (("NATS", "nats-server", by_nats), ("Redis", "redis-server", by_redis)):
            if path := shutil.which(program) or shutil.which(program, path=_PATHS):
                ways[words] = lambda heard, way=way, path=path: way(path, heard)
        for _ in range(options.runs):
            for words, way in ways.items():
                found.setdefault(words, []).append(await measure(way, options))
    print(f"{options.hints:,} hints at {options.per_second}/s, medians of {options.runs} alternated runs")
    for words, runs in found.items():
        p50, p99, lost = (statistics.median(one[place] for one in runs) for place in range(3))
        print(f"{words:<8} heard after p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   not heard {lost:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bus", description="Ways of hinting between nodes.")
    parser.add_argument("--hints", type=int, default=1_000)
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
