"""What several verbs share: how they are declared, and how keys, mappings and answers pass the command line."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from masking import detect, encodings, forms, intake, mappingfile
from masking.accounts import Totals
from masking.limits import RefusedRow
from masking.policy import Mapping, PolicyError
from masking.report import plain
from masking.tape import PoolKeys
from masking.values import exponent_of

KEY_HELP = "103 random bytes (token, data and commitment key, nonce prefix): head -c 103 /dev/urandom > pool.keys"
SALE_KEY_HELP = "the pool's 103 bytes, or the 64 that a winner was released: data key, commitment key"

BY_HAND = "say it with --mapping FILE, as `detect --save FILE` writes it to be corrected"

FIRST_ROWS = 5
"""So many refused rows are named for each reason."""

ROOT = re.compile("[0-9a-fA-F]{64}")

Verbs = Any  # argparse keeps the type of its subparsers to itself
Run = Callable[[argparse.Namespace], None]


def add_verb(verbs: Verbs, run: Run, text: str, *aliases: str) -> argparse.ArgumentParser:
    """A verb named like its function, with `text` as its help: the first sentence in the list of verbs."""
    name = run.__name__.rstrip("_")
    verb: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=re.split(r"\.(?:\s|$)", text, maxsplit=1)[0],
        description=text,
        aliases=list(aliases),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.set_defaults(run=run)
    return verb


def add_keys(verb: argparse.ArgumentParser, text: str = KEY_HELP) -> None:
    verb.add_argument("--key-file", type=Path, required=True, metavar="FILE", help=text)


def add_tape(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("tape", type=Path, help="the tape: CSV, XLSX or Parquet")
    add_encoding(verb)


def add_encoding(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--encoding",
        type=encoding,
        metavar="NAME",
        help="of a CSV that is not UTF-8, such as cp1252; guessed if not given",
    )


def encoding(text: str) -> str:
    found = encodings.known(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"no such encoding; those that are read: {', '.join(encodings.ENCODINGS)}")
    return found


def add_masking(verb: argparse.ArgumentParser) -> None:
    """The tape and what is needed to type and mask it."""
    add_tape(verb)
    verb.add_argument("--cut-off", type=day, required=True, metavar="DAY", help="the cut-off date, YYYY-MM-DD")
    add_currency(verb, "ISO 4217 code of every amount [USD]")
    verb.add_argument("--mapping", type=Path, metavar="FILE", help="as `detect --save` wrote it, corrected")
    verb.add_argument("--k", type=whole_k, default=5, help="no row stands among fewer than k like it [5]")


def add_currency(verb: argparse.ArgumentParser, text: str) -> None:
    verb.add_argument("--currency", type=currency, default="USD", metavar="CODE", help=text)


def currency(text: str) -> str:
    try:
        exponent_of(text.upper())
    except ValueError:
        raise argparse.ArgumentTypeError("a currency is a code of ISO 4217 in use, such as USD or EUR") from None
    return text.upper()


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written YYYY-MM-DD") from None


def whole_k(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("k is a whole number from 2")
    return int(text)


def whole_count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def hex_root(text: str) -> str:
    if not ROOT.fullmatch(text):
        raise argparse.ArgumentTypeError("a root has 64 hexadecimal digits: `commitment_root` of a pool's report")
    return text.lower()


def say(value: object) -> None:
    """Print an answer as JSON on stdout."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def printable(text: str) -> str:
    """The text without signs that a terminal would obey, such as those that change its title: they are spelt out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def note(text: str) -> None:
    """Tell something beside the answer, on stderr."""
    sys.stderr.write(f"note: {text}\n")


def note_refused(refused: Iterable[RefusedRow], totals: Totals) -> None:
    """Tell how many rows are left out, by column and reason, with the numbers of the first few; never a value."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row in sorted(refused):
        rows.setdefault((row.column, row.reason), []).append(row.row)
    if rows:
        note(
            f"{totals.refused_count:,} of {totals.read_count:,} rows are refused; a row counts under its first reason:"
        )
    for (column, reason), numbers in sorted(rows.items(), key=lambda found: -len(found[1])):
        first = ", ".join(map(str, numbers[:FIRST_ROWS])) + (", …" if len(numbers) > FIRST_ROWS else "")
        place = f"column {column!r}: {reason}" if column else reason
        note(f"  {len(numbers):,} rows: {place} (row{'s' if len(numbers) > 1 else ''} {first}; the header is row 1)")


def load_keys(path: Path) -> PoolKeys:
    """The keys in a file of exactly 103 random bytes; raises ValueError for another size."""
    raw = _raw(path)
    if len(raw) != 103:
        raise ValueError(
            f"{path} has {len(raw)} bytes; a key file has 103: is it another file? `--help` says how one is made"
        )
    return PoolKeys(token_key=raw[:32], data_key=raw[32:64], commit_key=raw[64:96], nonce_prefix=raw[96:])


def load_sale_keys(path: Path) -> tuple[bytes, bytes]:
    """(data key, commitment key) of a pool's key file or of the 64 bytes that its winner was released."""
    raw = _raw(path)
    if len(raw) not in {64, 103}:
        raise ValueError(f"{path} has {len(raw)} bytes; give the pool's 103, or the 64 of data and commitment key")
    return (raw[:32], raw[32:]) if len(raw) == 64 else (raw[32:64], raw[64:96])


def _raw(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(104)


def suggested(
    source: intake.Source, stated: str | None = None
) -> tuple[list[detect.Finding], Mapping, intake.TapeInfo]:
    """What a tape's columns hold, the mapping that follows, and what the file is; raises IntakeError for card numbers.

    `stated` is the encoding that somebody says it has.
    """
    info = intake.inspect(source, headless=forms.is_row_of_values, encoding=stated or "")
    sample = intake.sample(source, info)
    if not info.headed:
        note("the first row holds values, not headers: the columns are called Column 1, Column 2 and so on")
    _ask_about_words(info)
    findings = detect.detect(info.columns, sample)
    mapping = detect.suggest(findings, sample)
    return findings, replace(mapping, encoding=info.encoding if encodings.is_guessed(info.encoding) else ""), info


def _ask_about_words(info: intake.TapeInfo) -> None:
    for warning in info.warnings:
        note(warning)
    if info.encoding_guessed:
        note(f"words of the tape as they were read: {', '.join(info.words)}")
        note("if they are spelt wrong, say what the file is in: --encoding NAME, or `encoding` in the mapping file")


def mapping_of(chosen: argparse.Namespace, source: intake.Source) -> tuple[Mapping, intake.TapeInfo]:
    """(the saved mapping on this tape, or the detected one; what the file is); card numbers are refused whatever the mapping says."""
    saved = mappingfile.load(chosen.mapping) if chosen.mapping else None
    findings, proposed, info = suggested(source, chosen.encoding or (saved.encoding if saved else None))
    mapping = saved.on(info.columns, proposed) if saved else proposed
    if dropped := [repr(column) for column, name in mapping.items() if name is None]:
        note(f"columns that are dropped until they are mapped: {', '.join(dropped)}")
    try:
        mapping.require_mandatory()
    except PolicyError as error:
        raise PolicyError(f"{error}; {BY_HAND}") from None
    if saved is None and (asked := detect.question(findings)):
        raise PolicyError(f"{asked}; {BY_HAND}")
    if mapping.date_order != (order := detect.order_of_dates(mapping, intake.sample(source, info))):
        note(f"the mapping says {mapping.date_order}, and more of the dates can be read as {order}: see date_order")
    face = mapping.face_field
    note(f"the face value of each account is its {face}, from column {mapping.columns_of(face)[0]!r}")
    return mapping, info
