"""Sampled rows opened against a commitment: a few rows in clear, with their salts and paths, and nothing about the others.

A proof is JSON: the root, the number of rows, the columns, and for each opened row its number in the sale file (the header is
row 1), its cells, its salt and the hashes from its leaf to the root. Whoever holds the published root checks it with no key.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, BinaryIO

import pyarrow as pa

from masking.commitment import BLOCK_LEAVES, LEAF_BYTES, proof, root, row_bytes, salts, verify_row
from masking.limits import MIB

FORMAT = "market-mask-proof/1"
ROWS_LIMIT = 10_000
PROOF_BYTES = 64 * MIB


class ProofError(ValueError):
    """A proof that cannot be made or does not hold; the message names rows, never values."""


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """One row in clear: its number in the sale file, its cells, its salt and path as hexadecimal."""

    row: int
    cells: tuple[str, ...]
    salt: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Some rows of a committed file of `rows_count` rows, opened."""

    root: str
    rows_count: int
    columns: tuple[str, ...]
    rows: tuple[OpenedRow, ...]

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def challenged(root_hex: str, seed: str, *, rows_count: int, count: int) -> list[int]:
    """Row numbers (the header is row 1) that a seed of the buyer's choice draws, so that the seller cannot choose them.

    Draw i is SHA-256 of "root|seed|i" modulo the rows; repeats are drawn again. Anybody with root and seed draws the same.
    """
    wanted = min(count, rows_count, ROWS_LIMIT)
    drawn: dict[int, None] = {}
    number = 0
    while len(drawn) < wanted:
        digest = sha256(f"{root_hex}|{seed}|{number}".encode()).digest()
        drawn[int.from_bytes(digest[:16]) % rows_count + 2] = None
        number += 1
    return sorted(drawn)


def prove(rows: Iterable[pa.Table], leaves: BinaryIO, *, commit_key: bytes, numbers: Sequence[int]) -> Proof:
    """Open the rows with these numbers of a sale file against its published leaves.

    `rows` are the original columns in chunks, `leaves` a seekable file of all leaves. Raises ProofError if a row is not there,
    or is not the one that was committed to.
    """
    wanted = sorted(set(numbers))
    if len(wanted) > ROWS_LIMIT or not wanted or wanted[0] < 2:
        raise ProofError(f"open between 1 and {ROWS_LIMIT} rows, counted from 2")
    count, blocks = _block_roots(leaves)
    if wanted[-1] > count + 1:
        raise ProofError(f"there is no row {wanted[-1]}: the last is {count + 1}")
    top = root(blocks)
    columns, cells = _cells(rows, wanted)
    opened = []
    for number in wanted:
        index = number - 2
        salt, path = salts(commit_key, index, 1)[0], _path(leaves, blocks, index)
        row = row_bytes(cells[number])
        if not verify_row(row, salt=salt, index=index, count=count, path=path, expected_root=top):
            raise ProofError(f"row {number} is not the one that was committed to")
        opened.append(OpenedRow(number, cells[number], salt.hex(), tuple(step.hex() for step in path)))
    return Proof(top.hex(), count, columns, tuple(opened))


def check(made: Proof, *, expected_root: str) -> None:
    """Raises ProofError unless every opened row stood where the proof says in the file that `expected_root` commits to."""
    try:
        top = bytes.fromhex(expected_root)
        wrong = [opened.row for opened in made.rows if not _holds(opened, made.rows_count, top)]
    except ValueError:
        raise ProofError("the proof holds what is not hexadecimal") from None
    if not made.rows:
        raise ProofError("the proof opens no row")
    if wrong:
        raise ProofError(f"{len(wrong)} rows are not those that were committed to; the first: {wrong[0]}")


def read(text: bytes) -> Proof:
    """A proof as it was written; raises ProofError for anything else."""
    try:
        found = json.loads(text)
        rows = [
            OpenedRow(int(row["row"]), tuple(map(str, row["cells"])), str(row["salt"]), tuple(map(str, row["path"])))
            for row in found["rows"]
        ]
        made = Proof(str(found["root"]), int(found["rows_count"]), tuple(map(str, found["columns"])), tuple(rows))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ProofError("this is not a proof") from None
    if found.get("format") != FORMAT:
        raise ProofError(f"the format of a proof is {FORMAT}")
    return made


def _holds(opened: OpenedRow, rows_count: int, top: bytes) -> bool:
    path = [bytes.fromhex(step) for step in opened.path]
    row, salt = row_bytes(opened.cells), bytes.fromhex(opened.salt)
    return verify_row(row, salt=salt, index=opened.row - 2, count=rows_count, path=path, expected_root=top)


def _block_roots(leaves: BinaryIO) -> tuple[int, list[bytes]]:
    """(number of leaves, the roots of their blocks of BLOCK_LEAVES)."""
    leaves.seek(0)
    count, blocks = 0, []
    while block := _split(leaves.read(BLOCK_LEAVES * LEAF_BYTES)):
        count += len(block)
        blocks.append(root(block))
    return count, blocks


def _path(leaves: BinaryIO, blocks: Sequence[bytes], index: int) -> list[bytes]:
    """From a leaf to the root of its block, and from there to the root of all."""
    number, place = divmod(index, BLOCK_LEAVES)
    leaves.seek(number * BLOCK_LEAVES * LEAF_BYTES)
    return proof(_split(leaves.read(BLOCK_LEAVES * LEAF_BYTES)), place) + proof(blocks, number)


def _split(raw: bytes) -> list[bytes]:
    return [raw[at : at + LEAF_BYTES] for at in range(0, len(raw), LEAF_BYTES)]


def _at(chunk: pa.Table, places: Sequence[int]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = chunk.take(pa.array(places, pa.int64())).to_pylist()
    return found


def _cells(rows: Iterable[pa.Table], wanted: Sequence[int]) -> tuple[tuple[str, ...], dict[int, tuple[str, ...]]]:
    """(the columns, row number -> its cells); raises ProofError if the file ends before a wanted row."""
    columns: tuple[str, ...] = ()
    found: dict[int, tuple[str, ...]] = {}
    first = 2
    for chunk in rows:
        columns = tuple(chunk.column_names)
        mine = [number for number in wanted if first <= number < first + chunk.num_rows]
        for number, row in zip(mine, _at(chunk, [number - first for number in mine]), strict=True):
            found[number] = tuple(row[name] for name in columns)
        first += chunk.num_rows
    if len(found) < len(wanted):
        raise ProofError(f"the sale file ends at row {first - 1}")
    return columns, found
