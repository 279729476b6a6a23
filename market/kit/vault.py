"""Wrapping of data keys under a key-encryption key. The provider is a seam: a key file here, a transit engine elsewhere.

Every wrap begins with the number of the key version that made it (4 bytes, big-endian), whoever made it: a rotation finds
its work by that number alone.
"""

import os
import struct
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from market.kit.ids import Chance

VERSION_BYTES = 4
_NONCE_BYTES = 12
KEY_BYTES = 32


class WrongKey(Exception):
    """A wrapped key was made under another key, for another context, or was changed."""


class RetiredKey(WrongKey):
    """A wrapped key was made under a version that opens nothing any more."""


class Vault(Protocol):
    """Calls may block on another machine: async code makes them in a thread. All raise `Transient` for passing trouble."""

    def wrap(self, data_key: bytes, context: str) -> bytes:
        """Wrap a data key under the newest version; it opens only with the same `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The data key. Raises `WrongKey`, and `RetiredKey` for a version that was retired."""
        ...

    def version(self) -> int:
        """The newest version, which new wraps are made under."""
        ...

    def rotate(self) -> int:
        """Make a new version and return it; older ones still open."""
        ...

    def retire(self, below: int) -> None:
        """Versions under `below` open nothing from now on."""
        ...

    def describe(self) -> str:
        """Which provider this is and at which version, in words without secrets."""
        ...


def version_of(wrapped: bytes) -> int:
    """The version that a wrap was made under. Raises `WrongKey` for what is no wrap."""
    if len(wrapped) <= VERSION_BYTES:
        raise WrongKey("this is no wrapped key")
    version: int = struct.unpack(">I", wrapped[:VERSION_BYTES])[0]
    return version


def version_bytes(version: int) -> bytes:
    """How a wrap of that version begins."""
    return struct.pack(">I", version)


class KeyFileVault:
    """AES-256-GCM under keys in files that only their owner may read: `kek` is version 1, `kek.2` the next, and so on.

    `kek.least` holds the oldest version that still opens. Several processes share the files: nobody keeps an old idea of them.
    """

    def __init__(self, path: Path, chance: Chance) -> None:
        """Read the key at `path`, or draw it there on first use. Raises `PermissionError` if others may read it."""
        self._path, self._chance = path, chance
        self._keys = {1: AESGCM(_read_or_draw(path, chance))}

    def wrap(self, data_key: bytes, context: str) -> bytes:
        version = self.version()
        nonce, head = self._chance.entropy(_NONCE_BYTES), version_bytes(version)
        return head + nonce + self._key(version).encrypt(nonce, data_key, head + context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, start = version_of(wrapped), VERSION_BYTES + _NONCE_BYTES
        if version < self._least():
            raise RetiredKey(f"version {version} of the key was retired")
        try:
            head = wrapped[:VERSION_BYTES]
            return self._key(version).decrypt(wrapped[VERSION_BYTES:start], wrapped[start:], head + context.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(f"this key does not open {context!r}") from None

    def version(self) -> int:
        found = [path.suffix[1:] for path in self._path.parent.glob(f"{self._path.name}.*")]
        return max([1, *(int(number) for number in found if number.isdigit())])

    def rotate(self) -> int:
        version = self.version() + 1
        _read_or_draw(self._file(version), self._chance)
        return version

    def retire(self, below: int) -> None:
        if not 1 <= below <= self.version():
            raise ValueError(f"there is no version {below}")
        draft = self._path.with_name(f".{self._path.name}.least.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(str(max(below, self._least())))
        draft.replace(self._least_file())

    def describe(self) -> str:
        return f"key file {self._path}, version {self.version()}, opens from version {self._least()} on"

    def _key(self, version: int) -> AESGCM:
        if version not in self._keys:
            path = self._file(version)
            if not path.exists():
                raise WrongKey(f"there is no version {version} of the key")
            self._keys[version] = AESGCM(_read_or_draw(path, self._chance))
        return self._keys[version]

    def _file(self, version: int) -> Path:
        return self._path if version == 1 else self._path.with_name(f"{self._path.name}.{version}")

    def _least_file(self) -> Path:
        return self._path.with_name(f"{self._path.name}.least")

    def _least(self) -> int:
        try:
            return int(self._least_file().read_text())
        except FileNotFoundError:
            return 1


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
