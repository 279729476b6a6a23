"""Sealing and opening files with authenticated encryption; keys and entropy are arguments.

A sealed file is MAGIC, the length of its header, the header, a 7-byte nonce prefix, then segments of 1 MiB in the
STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance"): nonce = prefix | 32-bit counter | last flag, AES-256-GCM, the header as associated data.
Each file has its own key, HKDF-SHA256 of the data key with the prefix as salt and the header as info.
"""

import io
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from masking.keys import (
    EnvelopeError,
    generate_private_key,
    load_private_key,
    load_public_key,
    private_key_from_seed,
    public_pem,
    receive_key,
    release_key,
    save_private_key,
    unwrap_key,
    wrap_key,
)
from masking.limits import MIB

__all__ = [
    "Digesting",
    "EnvelopeError",
    "Header",
    "SealedInfo",
    "SealedReader",
    "Sealer",
    "generate_private_key",
    "load_private_key",
    "load_public_key",
    "open_for_reading",
    "open_sealed",
    "open_to_path",
    "opened_segments",
    "private_key_from_seed",
    "public_pem",
    "read_header",
    "receive_key",
    "release_key",
    "save_private_key",
    "seal",
    "unwrap_key",
    "wrap_key",
]

MAGIC = b"DMSEAL1\n"
SEGMENT_BYTES = MIB
TAG_BYTES = 16
SEALED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES
PREFIX_BYTES = 7
HEADER_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """What a sealed file says about itself, readable by all and bound to every segment.

    `digest` names the content: "sha256:…" of the original file; "merkle" for a sale file, whose rows the published leaves bind.
    """

    portfolio: str
    seller: str
    digest: str
    format: str = "csv"
    version: int = 1

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class SealedInfo:
    """Sizes of a sealing, and the hash of the plain content; the store or `Digesting` hashes what was sealed."""

    plain_bytes: int
    plain_sha256: str
    sealed_bytes: int


class Digesting:
    """A writable end that hashes what it passes on."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self._digest = sink, sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._sink.write(data)

    def hexdigest(self) -> str:
        """SHA-256 so far."""
        return self._digest.hexdigest()


def _cipher(data_key: bytes, prefix: bytes, header: bytes) -> AESGCM:
    if len(data_key) != 32 or len(prefix) != PREFIX_BYTES:
        raise ValueError("a data key has 32 bytes and a nonce prefix 7")
    return AESGCM(HKDF(SHA256(), 32, salt=prefix, info=b"seal/v1|" + header).derive(data_key))


def _nonce(prefix: bytes, counter: int, *, last: bool) -> bytes:
    if counter >= 1 << 32:
        raise ValueError("a sealed file has at most 2^32 segments")
    return prefix + struct.pack(">IB", counter, last)


class Sealer:
    """A writable end: bytes go in, a sealed file comes out. Call `finish` once, or the file will not open."""

    def __init__(self, sink: BinaryIO | Digesting, *, data_key: bytes, nonce_prefix: bytes, aad: Header) -> None:
        self._header = aad.to_bytes()
        if len(self._header) > HEADER_LIMIT_BYTES:
            raise ValueError("the header is too long")
        self._aead = _cipher(data_key, nonce_prefix, self._header)
        self._prefix = nonce_prefix
        self._sink = sink
        self._pending = bytearray()
        self._counter = 0
        self._plain = sha256()
        self._plain_bytes = self._sealed_bytes = 0
        self._put(MAGIC + struct.pack(">I", len(self._header)) + self._header + nonce_prefix)

    def write(self, data: bytes) -> int:
        """Take plain bytes; whole segments are sealed and written at once."""
        self._plain.update(data)
        self._plain_bytes += len(data)
        rest = memoryview(data)
        while len(self._pending) + len(rest) > SEGMENT_BYTES:
            fits = SEGMENT_BYTES - len(self._pending)
            if self._pending:
                self._pending += rest[:fits]
                self._segment(self._pending, last=False)
                self._pending.clear()
            else:
                self._segment(rest[:fits], last=False)
            rest = rest[fits:]
        self._pending += rest
        return len(data)

    def finish(self) -> SealedInfo:
        """Seal what is left as the last segment."""
        self._segment(self._pending, last=True)
        self._pending.clear()
        return SealedInfo(self._plain_bytes, self._plain.hexdigest(), self._sealed_bytes)

    def _segment(self, data: bytearray | memoryview, *, last: bool) -> None:
        self._put(self._aead.encrypt(_nonce(self._prefix, self._counter, last=last), data, self._header))
        self._counter += 1

    def _put(self, data: bytes) -> None:
        self._sealed_bytes += len(data)
        self._sink.write(data)


def seal(source: BinaryIO, sink: BinaryIO, *, data_key: bytes, nonce_prefix: bytes, aad: Header) -> SealedInfo:
    """Seal all of `source` into `sink`. `data_key` has 32 bytes, `nonce_prefix` 7, never used twice with one key."""
    sealer = Sealer(sink, data_key=data_key, nonce_prefix=nonce_prefix, aad=aad)
    while piece := source.read(SEGMENT_BYTES):
        sealer.write(piece)
    return sealer.finish()


def read_header(source: BinaryIO) -> Header:
    """What a sealed file says about itself, not yet verified; raises EnvelopeError if it is no sealed file."""
    try:
        return Header(**json.loads(_read_header(source)))
    except (ValueError, TypeError):
        raise EnvelopeError("the header cannot be read") from None


def _read_header(source: BinaryIO) -> bytes:
    start = source.read(len(MAGIC) + 4)
    if len(start) != len(MAGIC) + 4 or not start.startswith(MAGIC):
        raise EnvelopeError("this is not a sealed file")
    (length,) = struct.unpack(">I", start[len(MAGIC) :])
    header = source.read(length) if length <= HEADER_LIMIT_BYTES else b""
    if len(header) != length or not header:
        raise EnvelopeError("the header is cut short")
    return header


def opened_segments(source: BinaryIO, *, data_key: bytes, expected: Header) -> Iterator[bytes]:
    """The plain segments, each authenticated before it is given; a cut or altered file raises EnvelopeError on the way.

    Nothing may be kept until the iterator has ended without an error.
    """
    header = _read_header(source)
    prefix = source.read(PREFIX_BYTES)
    if header != expected.to_bytes() or len(prefix) != PREFIX_BYTES:
        raise EnvelopeError("the file is not the one that was expected")
    aead = _cipher(data_key, prefix, header)
    counter = 0
    segment = source.read(SEALED_SEGMENT_BYTES)
    while True:
        after = source.read(SEALED_SEGMENT_BYTES)
        try:
            yield aead.decrypt(_nonce(prefix, counter, last=not after), segment, header)
        except InvalidTag:
            raise EnvelopeError("the file was altered or cut, or the key is another's") from None
        if not after:
            return
        segment = after
        counter += 1


class SealedReader(io.RawIOBase):
    """A sealed file as a seekable plain stream, so that a tape is read without ever being clear on a disk.

    The last segment is checked at once, so that a cut file is refused before its first byte is given; every segment is
    authenticated before it is given. Raises EnvelopeError. `source` must be seekable.
    """

    def __init__(self, source: BinaryIO, *, data_key: bytes, expected: Header) -> None:
        source.seek(0)
        self._header = _read_header(source)
        self._prefix = source.read(PREFIX_BYTES)
        if self._header != expected.to_bytes() or len(self._prefix) != PREFIX_BYTES:
            raise EnvelopeError("the file is not the one that was expected")
        self._source = source
        self._aead = _cipher(data_key, self._prefix, self._header)
        self._start = source.tell()
        sealed_bytes = source.seek(0, io.SEEK_END) - self._start
        self._count = -(-sealed_bytes // SEALED_SEGMENT_BYTES)
        self._size = sealed_bytes - self._count * TAG_BYTES
        self._place = 0
        self._held: tuple[int, bytes] = (-1, b"")
        if sealed_bytes < TAG_BYTES:
            raise EnvelopeError("the file is cut short")
        self._segment(self._count - 1)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the protocol's buffer is a memoryview
        if self._place >= self._size:
            return 0
        number, offset = divmod(self._place, SEGMENT_BYTES)
        taken = self._segment(number)[offset : offset + len(buffer)]
        buffer[: len(taken)] = taken
        self._place += len(taken)
        return len(taken)

    def _segment(self, number: int) -> bytes:
        if self._held[0] != number:
            self._source.seek(self._start + number * SEALED_SEGMENT_BYTES)
            sealed = self._source.read(SEALED_SEGMENT_BYTES)
            nonce = _nonce(self._prefix, number, last=number == self._count - 1)
            try:
                self._held = (number, self._aead.decrypt(nonce, sealed, self._header))
            except InvalidTag:
                raise EnvelopeError("the file was altered or cut, or the key is another's") from None
        return self._held[1]


def open_for_reading(source: BinaryIO, *, data_key: bytes, expected: Header) -> io.BufferedReader:
    """`SealedReader` with a buffer: what `intake.inspect` and `tape.prepare_pool` take as a source."""
    return io.BufferedReader(SealedReader(source, data_key=data_key, expected=expected), SEGMENT_BYTES)


def open_sealed(source: BinaryIO, sink: BinaryIO, *, data_key: bytes, expected: Header) -> int:
    """Open all of `source` into `sink`; returns plain bytes written. On EnvelopeError discard what `sink` holds."""
    return sum(sink.write(piece) for piece in opened_segments(source, data_key=data_key, expected=expected))


def open_to_path(source: BinaryIO, path: Path, *, data_key: bytes, expected: Header) -> int:
    """Open `source` into a file that exists only if every byte was authentic; returns its size in bytes."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:  # noqa: PTH123  # mode 600
            size = open_sealed(source, sink, data_key=data_key, expected=expected)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return size
