"""Coverage-guided fuzzing of the intake: `python -m bench.fuzz_intake --minutes N`.

Mutated CSV, XLSX and Parquet files are inspected, sampled, detected and read in chunks. Allowed are rows or an IntakeError;
every other error, a reading of more than a few seconds or past the memory limit ends the run with the input kept where
temporary files are. Atheris (`pip install --group fuzz`) guides by coverage; the same check over hypothesis's mutations is in
tests/masking/test_fuzz.py.
"""

import argparse
import importlib
import importlib.util
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet

from masking import detect, intake
from masking.limits import IntakeError, Limits

LIMITS = Limits(file_bytes=1 << 20, rows_count=50_000, workbook_bytes=1 << 20, unpacked_bytes=8 << 20)
SECONDS = 10
MEMORY_BYTES = 3 << 30


def seeds() -> list[bytes]:
    """Small good files of every kind."""
    rows = [["Acct No", "Name", "DOB", "Curr Bal"]] + [
        [f"N{i}", f"Ann {i}", f"01/02/19{i:02}", f"{i}.50"] for i in range(20)
    ]
    text = "\n".join(",".join(row) for row in rows)
    book, out, table = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    pa.parquet.write_table(pa.table(dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))), table)
    return [text.encode(), text.replace(",", ";").encode("utf-16"), text.encode("cp1252"), f'"{text}"'.encode(), out.getvalue(), table.getvalue()]  # fmt: skip


def read(data: bytes) -> str:
    """`read`, or the code of the refusal; any other error passes through."""
    try:
        info = intake.inspect(io.BytesIO(data), limits=LIMITS)
        sample = intake.sample(io.BytesIO(data), info, limits=LIMITS)
        detect.suggest(detect.detect(info.columns, sample), sample)
        for chunk in intake.read_chunks(io.BytesIO(data), info, on_ragged=lambda _: None, limits=LIMITS):
            assert chunk.num_columns == len(info.columns) + 1
    except IntakeError as error:
        return error.code
    return "read"


def one_input(data: bytes) -> None:
    """What the fuzzer calls."""
    started = time.monotonic()
    read(data)
    assert time.monotonic() - started < SECONDS, "too slow"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: pip install --group fuzz")
    if not chosen.child:
        command = [sys.executable, "-m", "bench.fuzz_intake", "--child", "--minutes", str(chosen.minutes)]
        sys.exit(subprocess.run(command, check=False, timeout=chosen.minutes * 60 + 120).returncode)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris = importlib.import_module("atheris")
    for name in (
        "masking.delimited",
        "masking.workbook",
        "masking.extent",
        "masking.intake",
        "masking.limits",
        "masking.forms",
    ):
        for function in vars(importlib.import_module(name)).values():
            if callable(function) and getattr(function, "__module__", "") == name and hasattr(function, "__code__"):
                atheris.instrument_func(function)
    options = [
        f"-max_total_time={int(chosen.minutes * 60)}",
        "-max_len=65536",
        "-rss_limit_mb=2560",
        f"-timeout={SECONDS}",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus.parent}/fuzz-", str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
