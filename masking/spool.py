"""Drafts kept until the whole tape was read: in memory while they are few, then encrypted on disk."""

import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from masking.limits import MIB

MEMORY_BYTES = 32 * MIB


class Spool:
    """Tables in, the same tables out, in order. Past `memory_bytes` they go to an unnamed file, encrypted, in `folder`.

    Without a folder the file is where the system keeps temporary files. The key is the library's draw, not an argument:
    it lives as long as the spool and nothing that leaves depends on it, while a pool's own key would seal the drafts of
    two runs under the same nonces.
    """

    def __init__(self, *, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._aead = AESGCM(AESGCM.generate_key(256))
        self._room = memory_bytes
        self._kept: list[pa.Table] = []
        self._spilled: list[int] = []
        self._folder = folder
        self._file: IO[bytes] | None = None

    def add(self, table: pa.Table) -> None:
        """Keep one chunk."""
        if table.nbytes <= self._room and not self._spilled:
            self._room -= table.nbytes
            self._kept.append(table)
            return
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        self._file = self._file or TemporaryFile(dir=self._folder)  # noqa: SIM115  # closed by `close`
        # Not compressed: half of it is tokens, which no compression makes smaller, and compressing cost more than the writing.
        sealed = self._aead.encrypt(self._nonce(len(self._spilled)), memoryview(sink.getvalue()).cast("B"), None)
        self._file.seek(0, 2)
        self._file.write(sealed)
        self._spilled.append(len(sealed))

    def close(self) -> None:
        """Forget everything; the file is gone."""
        self._kept.clear()
        if self._file:
            self._file.close()

    @staticmethod
    def _nonce(number: int) -> bytes:
        return struct.pack(">IQ", 0, number)

    def __iter__(self) -> Iterator[pa.Table]:
        yield from self._kept
        place = 0
        for number, size in enumerate(self._spilled):
            assert self._file is not None
            self._file.seek(place)
            place += size
            yield _table(pa.py_buffer(self._aead.decrypt(self._nonce(number), self._file.read(size), None)))


def _table(buffer: pa.Buffer) -> pa.Table:
    with pa.ipc.open_stream(buffer) as reader:
        return reader.read_all()
