"""Checkpoints: signed statements of where every stream stood, each naming the one before.

Whoever holds a checkpoint and the public key can prove that the journal was not rewritten before it: the root covers every
stream's head, and a head covers its stream.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from market.db.context import Context
from market.kit import signing

FIRST_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one stream: its last seq and that entry's hash."""

    stream: str
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    number: int
    at: datetime
    stream_count: int
    root: bytes
    prev_hash: bytes
    public_key: bytes
    signature: bytes

    @property
    def statement(self) -> bytes:
        """What is signed."""
        at = self.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said = (
            "checkpoint/1", str(self.number), at, str(self.stream_count), self.root.hex(), self.prev_hash.hex(),
            self.public_key.hex(),
        )  # fmt: skip
        return "\n".join(said).encode()

    @property
    def hash(self) -> bytes:
        """What the next checkpoint names: over statement and signature."""
        return sha256(self.statement + self.signature).digest()

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether this is the key's own statement."""
        return self.public_key == public_key and signing.is_signed_by(public_key, self.statement, self.signature)


class Signer(signing.Signer):
    """The platform's key for its journal."""

    @classmethod
    def of(cls, context: Context) -> "Signer":
        """The platform's signer; the key is drawn on first use. Blocks. Raises `WrongKey` under another vault."""
        return cls.kept("checkpoint", context.settings.data_dir, context.vault, context.chance)
