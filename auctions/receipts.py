"""Receipts: that an event was in the log when a checkpoint was signed, without showing anything of the others.

The tree is that of RFC 6962, section 2.1 (June 2013), over one leaf per event: SHA-256(0x00 ‖ blind ‖ head after the
event). Heads commit to secrets that are easily guessed, so every leaf has its own unpredictable blind of 32 bytes, and a
receipt shows the blind of its own leaf alone. A head covers all events before it: so does a receipt.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_LEAF, _NODE = b"\x00", b"\x01"

CheckSignature = Callable[[bytes, bytes, bytes], bool]
"""(public key, statement, signature): whether the Ed25519 signature is the key's. Handed in: it takes a library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of the first `size` events of an auction. `at` is ISO 8601; the bytes are 32, 32 and 64."""

    auction_id: str
    size: int
    root: bytes
    at: str
    public_key: bytes
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What is signed."""
        said = (
            "auction-checkpoint/1",
            self.auction_id,
            str(self.size),
            self.root.hex(),
            self.at,
            self.public_key.hex(),
        )
        return "\n".join(said).encode()


def leaf(blind: bytes, head: bytes) -> bytes:
    """The leaf of the event after which the log's head is `head`."""
    return sha256(_LEAF + blind + head).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over one leaf or more."""
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from leaf `index` (from 0) up to the root."""
    found, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        level, index = _parents(level), index // 2
    return found


def root_from(digest: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to; None if it does not fit a tree of this size."""
    rest = list(siblings)
    if not 0 <= index < size:
        return None
    while size > 1:
        if index ^ 1 < size:
            if not rest:
                return None
            sibling = rest.pop(0)
            digest = sha256(_NODE + (sibling + digest if index % 2 else digest + sibling)).digest()
        index, size = index // 2, -(-size // 2)
    return None if rest else digest


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """A node without a sibling goes up as it is."""
    pairs = [sha256(_NODE + one + other).digest() for one, other in zip(level[::2], level[1::2], strict=False)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]


def flaw_in(
    text: str | bytes, heads: Sequence[bytes], *, public_key: bytes, check_signature: CheckSignature
) -> str | None:
    """What is wrong with a receipt (JSON) for a log whose heads after events 1, 2 … are these; None if it holds."""
    try:
        receipt: Mapping[str, Any] = json.loads(text)
        seq, blind = receipt["seq"], bytes.fromhex(receipt["blind"])
        siblings = [bytes.fromhex(sibling) for sibling in receipt["path"]]
        said = receipt["checkpoint"]
        signed = {name: bytes.fromhex(said[name]) for name in ("root", "public_key", "signature")}
        checkpoint = Checkpoint(auction_id=said["auction_id"], size=said["size"], at=said["at"], **signed)
    except (ValueError, TypeError, KeyError, AttributeError):
        return "this is no receipt"
    texts = isinstance(checkpoint.at, str) and isinstance(checkpoint.auction_id, str)
    if not (texts and type(seq) is int and type(checkpoint.size) is int and 1 <= seq <= checkpoint.size):
        return "this is no receipt"
    if checkpoint.public_key != public_key:
        return "the checkpoint was signed by another key"
    if not check_signature(public_key, checkpoint.statement, checkpoint.signature):
        return "the checkpoint's signature does not hold"
    if seq > len(heads) or checkpoint.size > len(heads):
        return "the log is shorter than the checkpoint"
    if root_from(leaf(blind, heads[seq - 1]), seq - 1, checkpoint.size, siblings) != checkpoint.root:
        return f"event {seq} of this log is not the one that the receipt was given for"
    return None
