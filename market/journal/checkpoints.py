"""Checkpoints: signed statements of where every stream stood, each naming the one before.

Whoever holds a checkpoint and the public key can prove that the journal was not rewritten before it: the root covers every
stream's head, and a head covers its stream.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from market.db.context import Context

FIRST_HASH = bytes(32)
_KEY_BYTES = 32
_CONTEXT = "checkpoint-key"


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
        return self.public_key == public_key and verify(public_key, self.statement, self.signature)


def verify(public_key: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 signature over the statement is this key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


class Signer:
    """An Ed25519 key that lies in `keys/checkpoint` of the data folder, wrapped by the vault."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    @classmethod
    def of(cls, context: Context) -> "Signer":
        """The platform's signer; the key is drawn on first use. Blocks. Raises `WrongKey` under another vault."""
        path = context.settings.data_dir / "keys" / "checkpoint"
        if not path.exists():
            wrapped = context.vault.wrap(context.chance.entropy(_KEY_BYTES), _CONTEXT)
            _keep(path, wrapped)
        return cls(Ed25519PrivateKey.from_private_bytes(context.vault.unwrap(path.read_bytes(), _CONTEXT)))

    def sign(self, statement: bytes) -> bytes:
        return self._key.sign(statement)


def _keep(path: Path, wrapped: bytes) -> None:
    """The file appears whole; of two processes that draw a key, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(wrapped)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
