"""Wrapping of data keys under a key-encryption key. The provider is a seam: a key file here, a KMS elsewhere."""

import os
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from market.kit.ids import Chance

_NONCE_BYTES = 12
KEY_BYTES = 32


class WrongKey(Exception):
    """A wrapped key was made under another key, for another context, or was changed."""


class Vault(Protocol):
    def wrap(self, data_key: bytes, context: str) -> bytes:
        """Wrap a data key; it opens only with the same `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The data key. Raises `WrongKey`."""
        ...


class KeyFileVault:
    """AES-256-GCM under one key in a file that only its owner may read."""

    def __init__(self, path: Path, chance: Chance) -> None:
        """Read the key at `path`, or draw it there on first use. Raises `PermissionError` if others may read it."""
        self._chance = chance
        self._kek = AESGCM(_read_or_draw(path, chance))

    def wrap(self, data_key: bytes, context: str) -> bytes:
        nonce = self._chance.entropy(_NONCE_BYTES)
        return nonce + self._kek.encrypt(nonce, data_key, context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        try:
            return self._kek.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(f"this key does not open {context!r}") from None


def _read_or_draw(path: Path, chance: Chance) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(chance.entropy(KEY_BYTES))
    try:
        os.link(draft, path)  # atomic, and loses to whoever came first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path.name} can be read by others; run: chmod 600 on it")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path.name} must hold exactly {KEY_BYTES} bytes")
    return key
