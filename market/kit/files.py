"""Sealed files on disk, named by the SHA-256 of their bytes. What lies here is ciphertext or already public to bidders."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    sha256: str
    size_bytes: int


class FileStore:
    """A content-addressed directory. A file appears whole or not at all, and is never changed once it is there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, sha256: str) -> Path:
        """Where the file lies. Raises `ValueError` for anything but 64 hex digits (no path can be smuggled in)."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self.root / sha256[:2] / sha256

    @contextmanager
    def draft(self) -> Iterator["Draft"]:
        """A file under construction; it is gone on leaving unless `Draft.keep` was called."""
        handle, name = tempfile.mkstemp(dir=self.root, prefix=".draft-")
        path = Path(name)
        try:
            with os.fdopen(handle, "w+b") as sink:
                yield Draft(self, sink, path)
        finally:
            path.unlink(missing_ok=True)

    def adopt(self, path: Path) -> StoredFile:
        """Move a finished file of the same file system into the store."""
        digest, size_bytes = hashlib.sha256(), 0
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
            os.fsync(source.fileno())
        stored = StoredFile(digest.hexdigest(), size_bytes)
        target = self.path(stored.sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.replace(target)
        _sync_folder(target.parent)
        return stored


@dataclass(frozen=True, slots=True)
class Draft:
    store: FileStore
    sink: IO[bytes]
    path: Path

    def keep(self) -> StoredFile:
        """Make the draft durable and give it its name."""
        self.sink.flush()
        return self.store.adopt(self.path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
