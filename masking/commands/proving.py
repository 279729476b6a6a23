"""What was sold is what was masked: open, prove, verify."""

import argparse
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from masking import commitment, envelope, intake, proofs, tape
from masking.commands.arguments import (
    ROOT,
    SALE_KEY_HELP,
    Verbs,
    add_keys,
    add_verb,
    hex_root,
    load_sale_keys,
    say,
    whole_count,
)
from masking.commands.risks import is_masked
from masking.intake import Source
from masking.outputs import written
from masking.progress import require_file, watched

SHOWN_ROWS = 20
SAMPLE = 20
ROOT_HELP = "the root that was published before the sale, hexadecimal; that of report.json if not given"
OPEN = """Open a sealed sale file, and check it against its commitment if --leaves and --root are given.

Nothing is left if a byte was altered or a row is not the one that was committed to."""
PROVE = """Open chosen rows against the commitment: those rows in clear, with their salts and paths, and no other.

Choose rows with --rows, or let the buyer's --seed draw --sample of them, so that the seller cannot choose."""
VERIFY = """Find every row that is not the one that was masked: swapped, changed, dropped or added; the header is row 1.

FILE is a sale file, sealed or opened (give --key-file), or a proof that `prove` wrote (no key is needed)."""


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, open_, OPEN)
    verb.add_argument("sealed", type=Path, help="the sealed sale file")
    verb.add_argument("out", type=Path, help="the clear file; there must be no such file yet")
    add_keys(verb, SALE_KEY_HELP)
    verb.add_argument("--leaves", type=Path, metavar="FILE", help="leaves.bin as published")
    verb.add_argument("--root", type=hex_root, help="the root that was published before the sale, hexadecimal")
    verb = add_verb(verbs, prove, PROVE)
    verb.add_argument("sale", type=Path, help="the sale file, sealed or opened")
    verb.add_argument("pool", type=Path, help="the folder with leaves.bin and report.json")
    add_keys(verb, SALE_KEY_HELP)
    verb.add_argument(
        "--rows", type=_numbers, metavar="N,N", help="row numbers as a spreadsheet counts: the header is 1"
    )
    verb.add_argument("--sample", type=whole_count, default=SAMPLE, help=f"how many rows the seed draws [{SAMPLE}]")
    verb.add_argument("--seed", help="any text of the buyer's choice")
    verb.add_argument("--out", type=Path, metavar="FILE", help="write the proof there instead of stdout")
    verb = add_verb(verbs, verify, VERIFY)
    verb.add_argument("file", type=Path, help="the sale file or the proof")
    verb.add_argument("masked", type=Path, help="the folder of the masked files, or one of them")
    verb.add_argument("--key-file", type=Path, metavar="FILE", help=SALE_KEY_HELP)
    verb.add_argument("--root", type=hex_root, help=ROOT_HELP)
    verb.add_argument("--seed", help="for a proof: the rows must be those that this seed draws")
    verb.add_argument("--sample", type=whole_count, default=SAMPLE, help=f"how many rows the seed draws [{SAMPLE}]")


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("rows are numbers with commas between: 2,17,400") from None


def open_(chosen: argparse.Namespace) -> None:
    if bool(chosen.leaves) != bool(chosen.root):
        raise ValueError("--leaves and --root go together")
    data_key, commit_key = load_sale_keys(chosen.key_file)
    with watched(chosen.sealed, readings=1) as source, _readable(source) as sealed, written(chosen.out) as sink:
        header = envelope.read_header(sealed)
        sealed.seek(0)
        envelope.open_sealed(sealed, sink, data_key=data_key, expected=header)
        sink.flush()
        clear = Path(sink.name)
        result: dict[str, object] = {"header": asdict(header), "sha256": _digest(clear)}
        if chosen.leaves:
            with chosen.leaves.open("rb") as leaves:
                found = _require_rows(clear, leaves, root=chosen.root, commit_key=commit_key)
            result["commitment"] = {"ok": True, **found}
    say(result)


def prove(chosen: argparse.Namespace) -> None:
    data_key, commit_key = load_sale_keys(chosen.key_file)
    if (chosen.rows is None) == (chosen.seed is None):
        raise ValueError("choose rows with --rows, or draw them with --seed")
    root = _published_root(chosen.pool)
    with (chosen.pool / "leaves.bin").open("rb") as leaves, _clear(chosen.sale, data_key) as clear:
        _, count = _counted(leaves, root)
        numbers = chosen.rows or proofs.challenged(root, chosen.seed, rows_count=count, count=chosen.sample)
        made = proofs.prove(
            tape.original_rows(clear), leaves, commit_key=commit_key, numbers=numbers, expected_root=root
        )
    if chosen.out:
        with written(chosen.out) as sink:
            sink.write(json.dumps(made.as_json(), ensure_ascii=False).encode())
    else:
        say(made.as_json())


def verify(chosen: argparse.Namespace) -> None:
    chosen.masked.stat()  # a name that nothing has would else be looked for beside it
    folder = chosen.masked if chosen.masked.is_dir() else chosen.masked.parent
    root = chosen.root or _published_root(folder)
    require_file(chosen.file)
    with chosen.file.open("rb") as file:
        start = file.read(512).lstrip()
    if start.startswith(b"{") and any(each.encode() in start for each in (proofs.FORMAT, proofs.FIRST_FORMAT)):
        say(_verify_proof(chosen, folder, root))
        return
    if not chosen.key_file:
        raise ValueError("give --key-file: a sale file is checked with its data key and commitment key")
    data_key, commit_key = load_sale_keys(chosen.key_file)
    with (folder / "leaves.bin").open("rb") as leaves, _clear(chosen.file, data_key) as clear:
        try:
            found = _require_rows(clear, leaves, root=root, commit_key=commit_key)
        except ValueError:
            _blame_a_masked_file(chosen.file, data_key)
            raise
    say({"root": root, "verified": True, **found})


def _blame_a_masked_file(path: Path, data_key: bytes) -> None:
    """Raises ValueError if the file that did not verify is a masked file: to name its rows would say nothing."""
    with _clear(path, data_key) as clear:
        if is_masked(intake.inspect(clear).columns):
            raise ValueError(f"{path} is a masked file: give the sale file, sealed or opened, or a proof")


def _verify_proof(chosen: argparse.Namespace, folder: Path, root: str) -> dict[str, object]:
    with chosen.file.open("rb") as file:
        made = proofs.read(file.read(proofs.PROOF_BYTES))
    proofs.check(made, expected_root=root)
    with (folder / "leaves.bin").open("rb") as leaves:
        header, count = _counted(leaves, root)
    if made.rows_count != count:  # it decides which rows a seed draws, and no path proves it
        raise ValueError(f"the proof says {made.rows_count} rows, the leaves say otherwise")
    numbers = [opened.row for opened in made.rows]
    if chosen.seed is not None:
        drawn = proofs.challenged(root, chosen.seed, rows_count=count, count=chosen.sample)
        if len(drawn) != len(numbers):
            raise ValueError(f"the seed draws {len(drawn)} rows (--sample), the proof opens {len(numbers)}")
        if drawn != numbers:
            raise ValueError("the opened rows are not those that the seed draws")
    return {"root": root, "verified": True, "rows": numbers, "rows_count": count, **_warned(header)}


def _counted(leaves: BinaryIO, root: str) -> tuple[bytes | None, int]:
    """(the header's leaf, how many rows there are); raises ValueError if the leaves do not lead to the root."""
    header = commitment.heading(leaves, expected_root=bytes.fromhex(root))
    start = leaves.tell()
    count = (leaves.seek(0, 2) - start) // commitment.LEAF_BYTES
    leaves.seek(start)
    return header, count


def _warned(header: bytes | None) -> dict[str, str]:
    return {"warning": commitment.UNHEADED} if header is None else {}


def _require_rows(clear: Source, leaves: BinaryIO, *, root: str, commit_key: bytes) -> dict[str, object]:
    """How many rows there are, and a warning if nothing binds the header; raises ValueError naming what is not what was masked."""
    header, rows_count = _counted(leaves, root)
    rows = tape.original_rows(clear)
    wrong = commitment.differing_rows(rows, commit_key=commit_key, header=header, published=leaves)
    first = [row + 2 for row in islice(wrong, SHOWN_ROWS)]  # as a spreadsheet counts: the header is row 1
    count = len(first) + sum(1 for _ in wrong)
    if count > rows_count:
        raise ValueError("no row is as it was masked, nor the header: is it another pool's file or key?")
    if count:
        raise ValueError(f"rows that are not as they were masked: {count}; the first: {', '.join(map(str, first))}")
    return {"rows_count": rows_count, **_warned(header)}


def _published_root(folder: Path) -> str:
    try:
        found = str(json.loads((folder / "report.json").read_bytes())["commitment_root"])
    except (ValueError, KeyError, TypeError):
        found = ""
    if not ROOT.fullmatch(found):
        raise ValueError(f"{folder / 'report.json'} names no commitment_root: give --root")
    return found.lower()


@contextmanager
def _readable(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield source


@contextmanager
def _clear(path: Path, data_key: bytes) -> Iterator[BinaryIO]:
    """The clear rows of a sale file, sealed or opened; a sealed one is never clear on the disk."""
    with watched(path, readings=2) as source, _readable(source) as file:
        start = file.read(len(envelope.MAGIC))
        file.seek(0)
        if start != envelope.MAGIC:
            yield file
            return
        header = envelope.read_header(file)
        with envelope.open_for_reading(file, data_key=data_key, expected=header) as clear:
            yield clear


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
