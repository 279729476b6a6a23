"""A Merkle tree over the heads of all streams, and the path that proves one head without the others.

Hashing as in RFC 6962 § 2.1 (June 2013): leaves and nodes are told apart by a first byte; a node without a sibling goes up
as it is.
"""

from collections.abc import Sequence
from hashlib import sha256

_LEAF, _NODE = b"\x00", b"\x01"
EMPTY_ROOT = sha256(b"").digest()


def leaf(stream: str, seq: int, digest: bytes) -> bytes:
    """The leaf of one stream's head: 32 bytes over its name, its last seq and its hash."""
    return sha256(_LEAF + f"{stream}\x1f{seq}\x1f{digest.hex()}".encode()).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The 32-byte root over leaves in their order; of none, the hash of nothing."""
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY_ROOT


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from leaf `index` up to the root."""
    found, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        level = _parents(level)
        index //= 2
    return found


def root_from(leaf_: bytes, index: int, count: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root that this path leads to from a leaf at `index` of `count`; None if the path does not fit."""
    if not 0 <= index < count:
        return None
    digest, left = leaf_, list(siblings)
    while count > 1:
        if index ^ 1 < count:
            if not left:
                return None
            sibling = left.pop(0)
            digest = sha256(_NODE + (sibling + digest if index % 2 else digest + sibling)).digest()
        index //= 2
        count = -(-count // 2)
    return None if left else digest


def _parents(level: Sequence[bytes]) -> list[bytes]:
    pairs = [sha256(_NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]
