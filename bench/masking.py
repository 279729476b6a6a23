"""Masking beside plain parse-and-write of the same file, in one run: `python -m bench.masking [--rows N]`.

The baseline is the fastest way known here to read and write the tape without masking: pyarrow's threaded read_csv and its
write_csv. The measured side masks the preview stage, seals the original and hashes it. The whole preparation of a pool
(two stages, sealed sale file, Merkle commitment over every row) is shown beside it, as it is what a worker does.

`--peak` masks the rows once and nothing else, in a process of its own, and says how much memory that took at its peak: it is for
tapes of which three rounds of everything would take an hour.
"""

import argparse
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cryptography
import numpy as np
import pyarrow as pa
import pyarrow.csv

from masking import detect, envelope, intake, tape, workbook
from masking.policy import Mapping, Stage, default_policy

CUT_OFF_ON = date(2025, 6, 30)
KEYS = tape.PoolKeys(token_key=b"t" * 32, data_key=b"d" * 32, commit_key=b"c" * 32, nonce_prefix=b"prefix7")
STATES = ["CA", "TX", "FL", "NY", "PA", "IL", "OH", "GA", "NC", "MI", "NJ", "VA", "WA", "AZ", "WY"]
PART_ROWS = 1_000_000
CREDITORS = [f"Synthetic Bank {i}" for i in range(40)]


def synthetic(rows: int, seed: int = 7, first: int = 0) -> pa.Table:
    """A tape of 25 columns as a US debt buyer knows it, accounts numbered after `first` others; nothing in it is real."""
    rng = np.random.default_rng(seed)

    def digits(least: int, most: int) -> pa.Array:
        return pa.array(rng.integers(least, most, rows)).cast(pa.string())

    def pick(words: list[str]) -> pa.Array:
        return pa.array(words).take(pa.array(rng.integers(0, len(words), rows)))

    def days(first: str, span: int) -> pa.Array:
        return pa.array(np.datetime64(first) + rng.integers(0, span, rows)).cast(pa.date32()).cast(pa.string())

    def amounts(most: int) -> pa.Array:
        cents = rng.lognormal(np.log(most / 10), 1.0, rows).astype(np.int64) + 100
        return pa.array([f"{value // 100}.{value % 100:02d}" for value in cents.tolist()])

    state = rng.integers(0, len(STATES), rows)
    zips = pa.array(10_000 + state * 2_000 + rng.integers(0, 2_000, rows)).cast(pa.string())
    account = np.arange(first, first + rows) * 7 + 1_000_000_000
    first, last = [f"First{i}" for i in range(900)], [f"Last{i}" for i in range(5_000)]
    return pa.table(
        {
            "Acct No": pa.array(account).cast(pa.string()),
            "Client ID": digits(10**6, 10**7),
            "FName": pick(first),
            "LName": pick(last),
            "SSN": digits(100_000_000, 899_999_999),
            "DOB": days("1940-01-01", 22_000),
            "Home Ph": digits(2_000_000_000, 9_999_999_999),
            "Cell": digits(2_000_000_000, 9_999_999_999),
            "Email": pick([f"debtor{i}@example.org" for i in range(9_000)]),
            "Addr1": pick([f"{i} Sample St" for i in range(9_000)]),
            "City": pick([f"Town {i}" for i in range(500)]),
            "ST": pa.array(STATES).take(pa.array(state)),
            "Zip": zips,
            "POE": pick(["", "Acme Inc", "Example LLC"]),
            "OC": pick(CREDITORS),
            "Prod": pick(["Visa", "MasterCard", "Auto", "Personal"]),
            "Debt Type": pick(["Credit Card", "Auto", "Medical", "Telecom"]),
            "Open Date": days("2010-01-01", 3_000),
            "Chg Off Dt": days("2019-01-01", 2_000),
            "LPD": days("2018-01-01", 2_000),
            "CO Bal": amounts(300_000),
            "Curr Bal": amounts(300_000),
            "Int Bal": amounts(30_000),
            "BK": pick(["N", "N", "N", "N", "N", "N", "N", "N", "N", "Y"]),
            "Notes": pick(["", "", "", "called twice", "left message"]),
        }
    )


def write_tape(path: Path, rows: int) -> None:
    """That many rows, made a million at a time."""
    with path.open("wb") as sink:
        for part, first in enumerate(range(0, rows, PART_ROWS)):
            table = synthetic(min(PART_ROWS, rows - first), seed=7 + part, first=first)
            pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=not first))


def plain(source: Path, out: Path) -> None:
    """Parse and write, nothing else."""
    pa.csv.write_csv(pa.csv.read_csv(source), out)


def masked(source: Path, out: Path, mapping: Mapping) -> None:
    """Preview file, sealed original, hash of the original; the original is sealed in a thread beside the masking."""

    def sealed() -> envelope.SealedInfo:
        with source.open("rb") as file, out.with_suffix(".sealed").open("wb") as sink:
            header = envelope.Header("bench", "bench", "upload")
            return envelope.seal(file, sink, data_key=KEYS.data_key, nonce_prefix=KEYS.nonce_prefix, aad=header)

    with ThreadPoolExecutor(1) as beside:
        sealing = beside.submit(sealed)
        info = intake.inspect(source)
        drafting = tape.Drafting(
            mapping,
            default_policy(),
            token_key=KEYS.token_key,
            cut_off_on=CUT_OFF_ON,
            currency="USD",
            folder=out.parent,
        )
        with closing(drafting), out.open("wb") as sink:
            drafting.read_tape(source, info)
            drafting.write(sink, stage=Stage.PREVIEW, k=5)
        sealing.result()


def prepared(source: Path, out: Path, mapping: Mapping) -> None:
    """Everything that a pool needs."""
    _pool(tape.prepare_pool, source, out, mapping)


def published(source: Path, out: Path, mapping: Mapping) -> None:
    """The same, and every check of the leak gate over both masked files."""
    _pool(tape.publish_pool, source, out, mapping)


def _pool(make: Callable[..., object], source: Path, out: Path, mapping: Mapping) -> None:
    folder = out.with_suffix(".pool")
    folder.mkdir(exist_ok=True)
    make(
        source,
        mapping,
        tape.ALL_ACCOUNTS,
        KEYS,
        folder,
        portfolio="bench",
        seller="bench",
        cut_off_on=CUT_OFF_ON,
        currency="USD",
    )


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def alone(source: Path, what: str) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, peak resident bytes) of one side alone, once, in a process of its own."""
    command = [sys.executable, "-m", "bench.masking", "--only", what, "--file", str(source)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3_600).stdout
    wall, cpu, peak = map(float, said.split())
    return wall, cpu, peak


def run_alone(what: str, source: Path) -> None:
    """One side once; prints what `alone` reads."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        taken = seconds(_side(what, source, Path(folder) / f"{what}.csv"))
    status = Path("/proc/self/status").read_text()
    print(*taken, int(status.split("VmHWM:")[1].split()[0]) * 1024)


def show_peak(rows: int, what: str) -> None:
    """One side over that many rows once, and the memory it took."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "tape.csv"
        write_tape(source, rows)
        wall, cpu, peak = alone(source, what)
        print(
            f"{what}: {rows:,} rows x 25 columns, {source.stat().st_size / 1e6:,.0f} MB, once: {wall:.1f} s, "
            f"cpu {cpu:.1f} s, {rows / wall:,.0f} rows/s, peak {peak / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}"
        )


def _side(what: str, source: Path, out: Path) -> Callable[[], None]:
    if what == "plain":
        return lambda: plain(source, out)
    info = intake.inspect(source)
    sample = intake.sample(source, info)
    mapping = detect.suggest(detect.detect(info.columns, sample), sample)
    work = {"masked": masked, "prepared": prepared, "published": published}[what]
    return lambda: work(source, out, mapping)


def workbook_intake(rows: int = 10_000, rounds: int = 7) -> str:
    """XLSX intake, with every check of the archive, beside openpyxl's read-only mode: the least CPU of alternated rounds.

    Both give the same cells, as text in the columns of a table. Least, not median: what else runs here only ever adds to a time.
    """
    if find_spec("openpyxl") is None:
        return "openpyxl is not installed: pip install --group bench"
    with tempfile.TemporaryDirectory() as folder:
        told = [
            _workbook_intake(Path(folder) / "tape.xlsx", rows, rounds, is_typed=is_typed) for is_typed in (False, True)
        ]
    return "\n".join(told)


def _workbook_intake(path: Path, rows: int, rounds: int, *, is_typed: bool) -> str:
    openpyxl = import_module("openpyxl")
    book = openpyxl.Workbook(write_only=True)
    sheet, table = book.create_sheet(), synthetic(rows)
    sheet.append(table.column_names)
    columns = [
        [_typed(name, cell) for cell in cells.to_pylist()] if is_typed else cells.to_pylist()
        for name, cells in zip(table.column_names, table.columns, strict=True)
    ]
    for row in zip(*columns, strict=True):
        sheet.append(row)
    book.save(path)
    read: dict[str, pa.Table] = {}

    def theirs() -> None:
        opened = openpyxl.load_workbook(path, read_only=True)
        header, *cells = opened.active.iter_rows(values_only=True)
        texts = [pa.array(workbook.as_texts(column), pa.string()) for column in zip(*cells, strict=True)]
        read["theirs"] = pa.table(texts, names=header)
        opened.close()

    def ours() -> None:
        read["ours"] = pa.concat_tables(intake.read_chunks(path, intake.inspect(path)))

    times = [(seconds(theirs)[1], seconds(ours)[1]) for _ in range(rounds)]
    assert read["ours"].drop_columns([intake.ROW]).to_pydict() == read["theirs"].to_pydict()
    slow, fast = map(min, zip(*times, strict=True))
    kind = "text and typed" if is_typed else "text"
    return (
        f"XLSX intake of {rows:,} rows x 25, {kind} cells, least of {rounds} rounds: {rows / fast:,.0f} rows per CPU-second, "
        f"openpyxl {rows / slow:,.0f} (ratio {slow / fast:.1f})"
    )


def _typed(name: str, cell: str) -> object:
    """Amounts and days as the numbers and dates that a spreadsheet program keeps."""
    if name.endswith(" Bal"):
        return float(cell)
    return date.fromisoformat(cell) if name in {"DOB", "Open Date", "Chg Off Dt", "LPD"} else cell


def presidio(ours: float, rows: int = 5_000, looked_at: int = 100) -> str:
    """presidio-structured over the same columns, by CPU, if it is installed; `ours` is our rows per CPU-second.

    Its analysis looks at `looked_at` rows only, which flatters it, and is told apart from its masking. Without a language model
    it is given an empty one: then it looks for patterns alone, finds no names and takes less time, which flatters it too.
    """
    if find_spec("presidio_structured") is None:
        return "presidio-structured is not installed: pip install --group bench"
    logging.getLogger("tldextract").setLevel(
        logging.CRITICAL
    )  # it would fetch a list of domains, and does with its own
    spacy = import_module("spacy")
    with tempfile.TemporaryDirectory() as folder:
        if models := spacy.util.get_installed_models():
            return _presidio(models[0], models[0], ours, rows, looked_at)
        empty = Path(folder) / "empty"
        spacy.blank("en").to_disk(empty)
        return _presidio(str(empty), "no language model (patterns alone, no names found)", ours, rows, looked_at)


def _presidio(model: str, called: str, ours: float, rows: int, looked_at: int) -> str:
    structured, analyzer = import_module("presidio_structured"), import_module("presidio_analyzer")
    provider = import_module("presidio_analyzer.nlp_engine").NlpEngineProvider
    settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
    engine = analyzer.AnalyzerEngine(
        nlp_engine=provider(nlp_configuration=settings).create_engine(), supported_languages=["en"]
    )
    frame = synthetic(rows).to_pandas().astype(str)
    made: list[Any] = []
    looking = seconds(
        lambda: made.append(structured.PandasAnalysisBuilder(engine).generate_analysis(frame, n=looked_at))
    )[1]
    processor = structured.PandasDataProcessor()
    masking = seconds(lambda: structured.StructuredEngine(data_processor=processor).anonymize(frame, made[0]))[1]
    return (
        f"presidio-structured with {called}, {len(made[0].entity_mapping)} of {frame.shape[1]} columns found: "
        f"{rows / masking:,.0f} rows per CPU-second masking (ours {ours * masking / rows:,.0f}x), "
        f"{rows / (looking + masking):,.0f} with its analysis of {looked_at} rows (ours {ours * (looking + masking) / rows:,.0f}x)"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["plain", "masked", "prepared", "published"])
    parser.add_argument("--file", type=Path)
    parser.add_argument("--peak", action="store_true", help="mask --rows once, and print time and peak memory")
    chosen = parser.parse_args(arguments)
    if chosen.peak:
        show_peak(chosen.rows, chosen.only or "masked")
        return
    if chosen.only:
        run_alone(chosen.only, chosen.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "tape.csv"
        write_tape(source, chosen.rows)
        sides = {
            what: _side(what, source, Path(folder) / f"{what}.csv")
            for what in ("plain", "masked", "prepared", "published")
        }
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in sides}
        for _ in range(max(chosen.rounds, 3)):
            for what, work in sides.items():  # side by side, so that noise falls on all
                times[what].append(seconds(work))
        size = source.stat().st_size
        print(
            f"masking: {chosen.rows:,} rows x 25 columns, {size / 1e6:.0f} MB, medians of {max(chosen.rounds, 3)} rounds"
        )
        print(f"python {platform.python_version()}, pyarrow {pa.__version__}, cryptography {cryptography.__version__}")
        print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        base = statistics.median(wall for wall, _ in times["plain"])
        cpu_base = statistics.median(used for _, used in times["plain"])
        for what, label in (
            ("plain", "parse and write (pyarrow read_csv, write_csv)"),
            ("masked", "mask preview + seal + hash the original"),
            ("prepared", "whole pool: 2 stages, sealed sale file, Merkle root"),
            ("published", "whole pool, and the leak gate over both stages"),
        ):
            wall = statistics.median(taken for taken, _ in times[what])
            cpu = statistics.median(used for _, used in times[what])
            peak = alone(source, what)[2] / 1e6
            print(
                f"{label:<52} {chosen.rows / wall:>11,.0f} rows/s  ratio {base / wall:4.2f}"
                f"  cpu {cpu:5.2f} s (ratio {cpu_base / cpu:4.2f})  peak {peak:5.0f} MB"
            )
    print(workbook_intake())
    print(presidio(chosen.rows / statistics.median(used for _, used in times["masked"])))
    print("PostgreSQL Anonymizer: not measured; neither its source nor a package of it could be had here")


if __name__ == "__main__":
    main()
