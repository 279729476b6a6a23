"""A Merkle tree over the original rows: what was masked is what is delivered, row by row.

Hashing as in RFC 6962 § 2.1 (June 2013): leaves and nodes are told apart by a first byte. A leaf is
SHA-256(0x00 | salt | row); the row's cells are joined by the unit separator, which intake refuses inside cells.
The salt of row i is AES-256-CMAC(commit key, i): without the key a leaf reveals nothing about its row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from masking.columns import one, pc, text_parts
from masking.tokens import prf

LEAF, NODE = b"\x00", b"\x01"
SEPARATOR = "\x1f"
EMPTY_ROOT = sha256(b"").digest()
LEAF_BYTES = 32
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

    It is None when all is well, and when the published leaves themselves do not lead to the root.
    """

    ok: bool
    rows_count: int
    first_wrong: int | None
    reason: str = ""


def differing_rows(rows: Iterable[pa.Table], *, commit_key: bytes, published: BinaryIO) -> Iterator[int]:
    """The index, from 0, of every row that is not the one committed to, was added or is missing; leaves are read as needed.

    That the leaves lead to the root is for the caller to check: `root_of`.
    """
    count = 0
    for chunk in rows:
        for made in leaves(chunk, commit_key=commit_key, first=count):
            if published.read(LEAF_BYTES) != made:
                yield count
            count += 1
    while published.read(LEAF_BYTES):
        yield count
        count += 1


def root_of(published: BinaryIO) -> bytes:
    """The root over a file of leaves, in bounded memory."""
    tree = Growing()
    while block := published.read(BLOCK_LEAVES * LEAF_BYTES):
        tree.add([block[i : i + LEAF_BYTES] for i in range(0, len(block), LEAF_BYTES)])
    return tree.root() if tree.count else EMPTY_ROOT


def verify_sale_file(
    rows: Iterable[pa.Table], *, commit_key: bytes, expected_root: bytes, published: Sequence[bytes]
) -> SaleFileCheck:
    """Check every row of a sale file (original columns as text, in chunks) against the leaves and root published before."""
    if root(published) != expected_root:
        return SaleFileCheck(ok=False, rows_count=0, first_wrong=None, reason="the leaves do not lead to the root")
    count = 0
    for chunk in rows:
        for made in leaves(chunk, commit_key=commit_key, first=count):
            if count >= len(published) or made != published[count]:
                return SaleFileCheck(ok=False, rows_count=count, first_wrong=count, reason="a row differs")
            count += 1
    if count < len(published):
        return SaleFileCheck(ok=False, rows_count=count, first_wrong=count, reason="rows are missing")
    return SaleFileCheck(ok=True, rows_count=count, first_wrong=None)
