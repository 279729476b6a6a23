"""Ed25519 signatures (RFC 8032), and signing keys that lie in the data folder, wrapped by the vault, one for all nodes."""

import os
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from market.kit.ids import Chance
from market.kit.vault import Vault

_KEY_BYTES = 32


def is_signed_by(public_key: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether the signature over the statement is the key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


class Signer:
    """`public_key` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self.public_key = self._key.public_key().public_bytes_raw()

    @classmethod
    def kept(cls, name: str, folder: Path, vault: Vault, chance: Chance) -> Self:
        """The signer of this name; its key is drawn on first use. Blocks. Raises `WrongKey` under another vault."""
        path, purpose = folder / "keys" / name, f"{name}-key"
        if not path.exists():
            _keep(path, vault.wrap(chance.entropy(_KEY_BYTES), purpose))
        return cls(vault.unwrap(path.read_bytes(), purpose))

    def sign(self, statement: bytes) -> bytes:
        """64 bytes, always the same for the same statement."""
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
