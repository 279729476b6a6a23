"""`make bench`: run every benchmark, print it, and keep what was printed beside the machine it ran on.

`python -m bench [NAME …]` runs only those. A figure is a ratio of two things measured in the same run, because shared
machines drift; the absolute numbers beside it say how fast this machine was that day.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = {
    "screening": ["-m", "bench.screening"],
    "masking": ["-m", "bench.masking", "--rows", "1000000"],
    "detection": ["-m", "bench.detection", "--half", "sealed"],
    "bids": ["-m", "bench.bids", "--seconds", "3"],
    "watchers": ["-m", "bench.watchers", "--seconds", "3"],
    "closing": ["-m", "bench.closing"],
    "nodes": ["-m", "bench.nodes", "--seconds", "2", "--runs", "3"],
    "bus": ["-m", "bench.bus"],
    "gate": ["-m", "bench.gate"],
    "settlement": ["-m", "bench.settlement", "--seconds", "3"],
}
_PACKAGES = (
    "litestar",
    "uvicorn",
    "websockets",
    "asyncpg",
    "sqlalchemy",
    "msgspec",
    "pyarrow",
    "pandas",
    "cryptography",
)


def idle_share(seconds: float = 2.0) -> float:
    """Share of all cores that was idle over the last `seconds`, 0 to 1, from /proc/stat."""

    def read() -> tuple[int, int]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return ticks[3] + ticks[4], sum(ticks)

    idle_before, all_before = read()
    time.sleep(seconds)
    idle_after, all_after = read()
    return (idle_after - idle_before) / max(1, all_after - all_before)


def pace(seconds: float = 6.0) -> str:
    """How evenly one core computes while nothing else runs: a virtual machine may be slowed by its host, and sees no sign of it.

    What takes a server's answer from its median to its 99th percentile may be this alone.
    """
    took_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while (begun_s := time.perf_counter()) < end_s:
        sum(number * number for number in range(10_000))
        took_ms.append((time.perf_counter() - begun_s) * 1e3)
    usual_ms = statistics.median(took_ms)
    slow_ms = [each for each in took_ms if each > 3 * usual_ms]
    return (
        f"{usual_ms:.1f} ms of arithmetic, alone: three times as long or longer in {sum(slow_ms) / sum(took_ms):.0%} of the time,"
        f" {max(took_ms):.0f} ms at the longest"
    )


def machine() -> str:
    """What ran the benchmark, without naming the machine."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return "\n".join(
        (
            f"date      {time.strftime('%Y-%m-%d', time.gmtime())}",
            f"machine   {os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}",
            f"idle      {idle_share():.0%} of all cores before the run",
            f"pace      {pace()}",
            f"versions  Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        )
    )


def main() -> None:
    """Run them one after the other; exit status 1 if one of them failed."""
    chosen = sys.argv[1:] or list(BENCHMARKS)
    failed = False
    for name in chosen:
        head = f"{name}: python {' '.join(BENCHMARKS[name])}\n{machine()}\n"
        print(head, flush=True)
        run = subprocess.run([sys.executable, *BENCHMARKS[name]], stdout=subprocess.PIPE, text=True, check=False)
        print(run.stdout, flush=True)
        failed |= run.returncode != 0
        if run.returncode == 0:
            (HERE / "results" / f"{name}.txt").write_text(f"{head}\n{run.stdout}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
