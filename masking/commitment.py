"""A Merkle tree over the original rows, under their header: what was masked is what is delivered, row by row.

Hashing as in RFC 6962 § 2.1 (June 2013): leaves and nodes are told apart by a first byte. A leaf is
SHA-256(0x00 | salt | row); the row's cells are joined by the unit separator, which intake refuses inside cells.
The salt of row i is AES-256-CMAC(commit key, i): without the key a leaf reveals nothing about its row.

The header is a leaf of its own kind, SHA-256(0x02 | salt | header) with the salt AES-256-CMAC(commit key, "header"), and the root
is SHA-256(0x03 | header's leaf | root of the rows); a file of leaves begins with the header's. In the first version of the
commitment the root was that of the rows, and nothing bound the header: no root of one version is one of the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from masking.columns import one, pc, text_parts
from masking.tokens import prf

LEAF, NODE, HEADER, TOP = b"\x00", b"\x01", b"\x02", b"\x03"
SEPARATOR = "\x1f"
EMPTY_ROOT = sha256(b"").digest()
LEAF_BYTES = 32
SALT_BYTES = 16
UNHEADED = "the commitment is of the first version: it holds the rows, and does not say which column is which"
BLOCK_LEAVES = 1 << 14


def row_bytes(cells: Sequence[str]) -> bytes:
    """The canonical bytes of one original row; raises ValueError if a cell holds the separator."""
    if any(SEPARATOR in cell for cell in cells):
        raise ValueError("a cell holds the unit separator")
    return SEPARATOR.join(cells).encode()


def salts(commit_key: bytes, first: int, count: int) -> list[bytes]:
    """The salts of rows `first` to `first + count - 1`, 16 bytes each."""
    numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
    return [row.tobytes() for row in prf(commit_key, numbers)]


def header_salt(commit_key: bytes) -> bytes:
    salt: bytes = prf(commit_key, pa.array(["header"]))[0].tobytes()
    return salt


def header_leaf(salt: bytes, columns: Sequence[str]) -> bytes:
    """Raises ValueError if a header holds the separator."""
    return sha256(HEADER + salt + row_bytes(columns)).digest()


def topped(header: bytes, rows_root: bytes) -> bytes:
    """The root that is published: over the header's leaf and the root of the rows."""
    return sha256(TOP + header + rows_root).digest()


def leaf(salt: bytes, row: bytes) -> bytes:
    return sha256(LEAF + salt + row).digest()


def leaves(rows: pa.Table, *, commit_key: bytes, first: int) -> list[bytes]:
    """The leaves of a chunk of original rows (text columns, tape order); `first` is the chunk's first row index from 0."""
    joined = pc.binary_join_element_wise(*(one(column) for column in rows.columns), SEPARATOR)
    starts, lengths, data = text_parts(joined)
    raw = data.tobytes()
    spans = zip(starts.tolist(), lengths.tolist(), salts(commit_key, first, rows.num_rows), strict=True)
    return [sha256(LEAF + salt + raw[start : start + length]).digest() for start, length, salt in spans]


def root(tree: Sequence[bytes]) -> bytes:
    """The 32-byte root over leaves; of no leaves, the hash of nothing."""
    level = list(tree)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _parents(level)
    return level[0]


class Growing:
    """The same root, from leaves that come in chunks: only the roots of complete subtrees are kept."""

    def __init__(self, *, block_leaves: int = BLOCK_LEAVES) -> None:
        """`block_leaves` is a power of two: how many leaves are folded at once."""
        self.count = 0
        self._block = block_leaves
        self._pending: list[bytes] = []
        self._peaks: list[tuple[int, bytes]] = []  # (height above a block, root), highest first

    def add(self, chunk: Sequence[bytes]) -> None:
        """Take the next leaves."""
        self.count += len(chunk)
        self._pending += chunk
        while len(self._pending) >= self._block:
            height, digest = 0, root(self._pending[: self._block])
            del self._pending[: self._block]
            while self._peaks and self._peaks[-1][0] == height:
                digest = sha256(NODE + self._peaks.pop()[1] + digest).digest()
                height += 1
            self._peaks.append((height, digest))

    def root(self) -> bytes:
        """The root over all leaves so far."""
        digest = root(self._pending) if self._pending or not self._peaks else None
        for _, peak in reversed(self._peaks):
            digest = peak if digest is None else sha256(NODE + peak + digest).digest()
        assert digest is not None
        return digest


def _parents(level: Sequence[bytes]) -> list[bytes]:
    pairs = [sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]


def proof(tree: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from leaf `index` up to the root; raises IndexError for a row that does not exist."""
    if not 0 <= index < len(tree):
        raise IndexError(index)
    path = []
    level = list(tree)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index //= 2
    return path


def verify_row(row: bytes, *, salt: bytes, index: int, count: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether this row stood at `index` of the `count` rows that `expected_root` commits to."""
    if not 0 <= index < count:
        return False
    digest = leaf(salt, row)
    siblings = iter(path)
    while count > 1:
        if index ^ 1 < count:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            digest = sha256(NODE + (sibling + digest if index % 2 else digest + sibling)).digest()
        index //= 2
        count = -(-count // 2)
    return next(siblings, None) is None and digest == expected_root


@dataclass(frozen=True, slots=True)
class SaleFileCheck:
    """The verdict over a sale file: `first_wrong` is the index from 0 of the first row that was swapped, lost or added.

    It is None when all is well, when the header is another, and when the published leaves themselves do not lead to the root.
    `warning` says what a commitment of the first version does not hold.
    """

    ok: bool
    rows_count: int
    first_wrong: int | None
    reason: str = ""
    warning: str = ""


def differing_rows(
    rows: Iterable[pa.Table], *, commit_key: bytes, header: bytes | None, published: BinaryIO
) -> Iterator[int]:
    """The index, from 0, of every row that is not the one committed to, was added or is missing; -1 for the header.

    `header` and the position of `published` are as `heading` left them; leaves are read as needed.
    """
    count = 0
    for chunk in rows:
        if header is not None and header_leaf(header_salt(commit_key), chunk.column_names) != header:
            yield -1
        header = None
        for made in leaves(chunk, commit_key=commit_key, first=count):
            if published.read(LEAF_BYTES) != made:
                yield count
            count += 1
    while published.read(LEAF_BYTES):
        yield count
        count += 1


def heading(published: BinaryIO, *, expected_root: bytes) -> bytes | None:
    """The header's leaf of a seekable file of leaves, or None for a commitment of the first version; the rows' leaves come next.

    Raises ValueError if the leaves do not lead to the root.
    """
    published.seek(0)
    header = published.read(LEAF_BYTES)
    if topped(header, root_of(published)) == expected_root:
        published.seek(LEAF_BYTES)
        return header
    published.seek(0)
    if root_of(published) != expected_root:
        raise ValueError("the leaves do not lead to the root")
    published.seek(0)
    return None


def root_of(published: BinaryIO) -> bytes:
    """The root over the rest of a file of leaves, in bounded memory."""
    tree = Growing()
    while block := published.read(BLOCK_LEAVES * LEAF_BYTES):
        tree.add([block[i : i + LEAF_BYTES] for i in range(0, len(block), LEAF_BYTES)])
    return tree.root() if tree.count else EMPTY_ROOT


def verify_sale_file(
    rows: Iterable[pa.Table], *, commit_key: bytes, expected_root: bytes, published: Sequence[bytes]
) -> SaleFileCheck:
    """Check header and rows of a sale file (original columns as text, in chunks) against leaves and root published before."""
    header = None
    if published and topped(published[0], root(published[1:])) == expected_root:
        header, published = published[0], published[1:]
    elif root(published) != expected_root:
        return SaleFileCheck(ok=False, rows_count=0, first_wrong=None, reason="the leaves do not lead to the root")
    count = 0
    for chunk in rows:
        if header is not None and header_leaf(header_salt(commit_key), chunk.column_names) != header:
            return SaleFileCheck(ok=False, rows_count=count, first_wrong=None, reason="the header differs")
        for made in leaves(chunk, commit_key=commit_key, first=count):
            if count >= len(published) or made != published[count]:
                return SaleFileCheck(ok=False, rows_count=count, first_wrong=count, reason="a row differs")
            count += 1
    if count < len(published):
        return SaleFileCheck(ok=False, rows_count=count, first_wrong=count, reason="rows are missing")
    return SaleFileCheck(ok=True, rows_count=count, first_wrong=None, warning=UNHEADED if header is None else "")
