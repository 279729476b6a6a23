"""Tapes that Faker invented, read from their files; how they were made is told in `inventing`."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from bench.detection.tapes import Label, Tape

HERE = Path(__file__).parent / "invented"


def tapes_of(half: str) -> list[Tape]:
    labels = json.loads(gzip.decompress((HERE / half / "labels.json.gz").read_bytes()))
    return [_tape(half, name, label["headed"], label["columns"]) for name, label in labels.items()]


def _tape(half: str, name: str, headed: bool, labels: dict[str, list[str]]) -> Tape:  # noqa: FBT001  # as the file says it
    types = pa.csv.ConvertOptions(column_types=dict.fromkeys(labels, pa.string()), strings_can_be_null=False)
    with gzip.open(HERE / half / f"{name}.csv.gz") as file:
        table = pa.csv.read_csv(file, convert_options=types)
    return Tape(f"{half}-{name}", table, {column: Label(*label) for column, label in labels.items()}, headed)
