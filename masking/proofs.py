"""Sampled rows opened against a commitment: a few rows in clear, with their salts and paths, and nothing about the others.

A proof is JSON: the root, the number of rows, the columns with the header's salt, the root of the rows, and for each opened row
its number in the sale file (the header is row 1), its cells, its salt and the hashes from its leaf to the root of the rows.
Whoever holds the published root checks it with no key. A proof of the first version, over a commitment of the first version, has
no header's salt and no root of the rows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, BinaryIO

import pyarrow as pa

from masking.commitment import (
    BLOCK_LEAVES,
    LEAF_BYTES,
    SALT_BYTES,
    header_leaf,
    header_salt,
    heading,
    proof,
    root,
    row_bytes,
    salts,
    topped,
    verify_row,
)
from masking.limits import MIB

FORMAT, FIRST_FORMAT = "market-mask-proof/2", "market-mask-proof/1"
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
    """Some rows of a committed file of `rows_count` rows, opened; without `header_salt` over one of the first version."""

    root: str
    rows_count: int
    columns: tuple[str, ...]
    rows: tuple[OpenedRow, ...]
    header_salt: str = ""
    rows_root: str = ""

    def as_json(self) -> dict[str, Any]:
        stated = {name: value for name, value in asdict(self).items() if value != ""}
        return {"format": FORMAT if self.header_salt else FIRST_FORMAT, **stated}


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


def prove(
    rows: Iterable[pa.Table], leaves: BinaryIO, *, commit_key: bytes, numbers: Sequence[int], expected_root: str
) -> Proof:
    """Open the rows with these numbers of a sale file against its published leaves and root.

    `rows` are the original columns in chunks, `leaves` a seekable file of all leaves. Raises ProofError if a row is not there,
    or if it or the header is not the one that was committed to; ValueError if the leaves do not lead to the root.
    """
    wanted = sorted(set(numbers))
    if len(wanted) > ROWS_LIMIT or not wanted or wanted[0] < 2:
        raise ProofError(f"open between 1 and {ROWS_LIMIT} rows, counted from 2")
    header = heading(leaves, expected_root=bytes.fromhex(expected_root))
    start = leaves.tell()
    count, blocks = _block_roots(leaves)
    if wanted[-1] > count + 1:
        raise ProofError(f"there is no row {wanted[-1]}: the last is {count + 1}")
    top = root(blocks)
    columns, cells = _cells(rows, wanted)
    salt_of_header = header_salt(commit_key)
    if header is not None and header_leaf(salt_of_header, columns) != header:
        raise ProofError("the header is not the one that was committed to")
    opened = []
    for number in wanted:
        index = number - 2
        salt, path = salts(commit_key, index, 1)[0], _path(leaves, blocks, index, start=start)
        row = row_bytes(cells[number])
        if not verify_row(row, salt=salt, index=index, count=count, path=path, expected_root=top):
            raise ProofError(f"row {number} is not the one that was committed to")
        opened.append(OpenedRow(number, cells[number], salt.hex(), tuple(step.hex() for step in path)))
    made = Proof(expected_root.lower(), count, columns, tuple(opened))
    return made if header is None else replace(made, header_salt=salt_of_header.hex(), rows_root=top.hex())


def check(made: Proof, *, expected_root: str) -> None:
    """Raises ProofError unless header and opened rows stood where the proof says in the file that `expected_root` commits to."""
    try:
        top = _rows_root(made, bytes.fromhex(expected_root))
        wrong = [opened.row for opened in made.rows if not _holds(opened, made, top)]
    except ProofError:
        raise
    except ValueError:
        raise ProofError("the proof holds what is not hexadecimal") from None
    if not made.rows:
        raise ProofError("the proof opens no row")
    if wrong:
        raise ProofError(f"rows that are not as they were committed to: {len(wrong)}; the first: {wrong[0]}")


def read(text: bytes) -> Proof:
    """A proof as it was written; raises ProofError for anything else."""
    try:
        found = json.loads(text)
        rows = [
            OpenedRow(int(row["row"]), tuple(map(str, row["cells"])), str(row["salt"]), tuple(map(str, row["path"])))
            for row in found["rows"]
        ]
        made = Proof(str(found["root"]), int(found["rows_count"]), tuple(map(str, found["columns"])), tuple(rows))
        if found.get("format") == FORMAT:
            made = replace(made, header_salt=str(found["header_salt"]), rows_root=str(found["rows_root"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ProofError("this is not a proof") from None
    if found.get("format") not in {FORMAT, FIRST_FORMAT} or (found["format"] == FORMAT) is not bool(made.header_salt):
        raise ProofError(f"the format of a proof is {FORMAT}")
    return made


def _rows_root(made: Proof, expected_root: bytes) -> bytes:
    """The root that the rows' paths lead to. Raises ProofError unless header and rows are under the expected root."""
    if not made.header_salt:
        return expected_root
    rows_root, salt = bytes.fromhex(made.rows_root), bytes.fromhex(made.header_salt)
    if len(salt) != SALT_BYTES or topped(header_leaf(salt, made.columns), rows_root) != expected_root:
        raise ProofError("the header is not the one that was committed to")
    return rows_root


def _holds(opened: OpenedRow, made: Proof, rows_root: bytes) -> bool:
    """A salt of another length would take bytes of the first cell, so its length counts."""
    path = [bytes.fromhex(step) for step in opened.path]
    row, salt = row_bytes(opened.cells), bytes.fromhex(opened.salt)
    if len(salt) != SALT_BYTES or len(opened.cells) != len(made.columns):
        return False
    index, count = opened.row - 2, made.rows_count
    return verify_row(row, salt=salt, index=index, count=count, path=path, expected_root=rows_root)


def _block_roots(leaves: BinaryIO) -> tuple[int, list[bytes]]:
    """(number of leaves from here on, the roots of their blocks of BLOCK_LEAVES)."""
    count, blocks = 0, []
    while block := _split(leaves.read(BLOCK_LEAVES * LEAF_BYTES)):
        count += len(block)
        blocks.append(root(block))
    return count, blocks


def _path(leaves: BinaryIO, blocks: Sequence[bytes], index: int, *, start: int) -> list[bytes]:
    """From a leaf to the root of its block, and from there to the root of all; the rows' leaves begin at `start`."""
    number, place = divmod(index, BLOCK_LEAVES)
    leaves.seek(start + number * BLOCK_LEAVES * LEAF_BYTES)
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
