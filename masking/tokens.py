"""Keyed tokens: the same value has the same token inside one pool and field, and another in every other pool.

token = base32(first 80 bits of PRF(HKDF(pool key, "mask/v1|" + domain), normalised value)).
The PRF is AES-256-CMAC (NIST SP 800-38B, 2005), computed for a whole column at once: a column of short values is
one call of AES in ECB mode over numpy's memory. An unkeyed hash would be reversed by trying all values.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from masking.columns import Bytes, Whole, all_among, byte_table, is_ascii, pc, text_parts, upper

BLOCK = 16
TOKEN_CHARS = 16
ALNUM = byte_table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", np.uint8)
PAIRS = np.stack([np.repeat(ALPHABET, 32), np.tile(ALPHABET, 32)], axis=1).copy().view(np.uint16).reshape(-1)
"""The two characters of every ten bits."""

TEN_BITS = 1023
SHORT = np.tril(np.full((BLOCK + 1, BLOCK), 0xFF, np.uint8), -1)
"""By length: which bytes of a block a value fills; `ENDS` has the 0x80 that follows it."""
ENDS = np.eye(BLOCK + 1, BLOCK, dtype=np.uint8) * 0x80


def subkey(pool_key: bytes, domain: str) -> bytes:
    """The 32-byte key of one domain of one pool. `pool_key` has 32 random bytes; raises ValueError if it has not."""
    if len(pool_key) != 32:
        raise ValueError("a pool key has 32 bytes")
    return HKDF(SHA256(), 32, salt=None, info=b"mask/v1|" + domain.encode()).derive(pool_key)


def tokenise(values: pa.Array, *, pool_key: bytes, domain: str) -> pa.Array:
    """One token of 16 base32 characters per value; an empty value stays empty."""
    normal = normalise(values)
    tokens = _as_text(base32(prf(subkey(pool_key, domain), normal)[:, :10]))
    if text_parts(normal)[1].all():
        return tokens
    blank = pc.equal(normal, "")
    return pc.if_else(blank, "", tokens) if blank.true_count else tokens


def normalise(values: pa.Array) -> pa.Array:
    """Upper case, letters and digits only, so that 123-45-6789 and 123456789 are one value."""
    if not values.nbytes or (not values.null_count and all_among(text_parts(values)[2], ALNUM)):
        return values
    capital = upper(values)
    if is_ascii(capital) and all_among(text_parts(capital)[2], ALNUM):
        return capital
    return pc.replace_substring_regex(capital, r"[^\pL\pN]+", "")


def prf(key: bytes, values: pa.Array) -> Bytes:
    """AES-256-CMAC of every value: an (n, 16) array of bytes; known answers are in tests/masking/test_tokens.py."""
    starts, lengths, data = text_parts(values)
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update_into  # noqa: S305  # CMAC is built on the raw block
    if not len(lengths) or lengths.max() <= BLOCK:
        return _cmac(encrypt, _first_blocks(starts, lengths, data), lengths)
    result = np.empty((len(lengths), BLOCK), np.uint8)
    blocks = np.maximum(-(-lengths // BLOCK), 1)
    for count in np.unique(blocks):
        rows = np.flatnonzero(blocks == count)
        result[rows] = _cmac(encrypt, _gather(starts[rows], lengths[rows], data, int(count)), lengths[rows])
    return result


def _gather(starts: Whole, lengths: Whole, data: Bytes, blocks: int) -> Bytes:
    """The values as rows of equal width, each with CMAC's padding: one 0x80, then zeros, if its last block is short."""
    width = blocks * BLOCK
    padded = np.zeros((len(lengths), width), np.uint8)
    before = np.cumsum(lengths) - lengths
    steps = np.arange(int(lengths.sum()))
    rows = np.arange(len(lengths)) * width
    padded.reshape(-1)[steps + np.repeat(rows - before, lengths)] = data[steps + np.repeat(starts - before, lengths)]
    short = np.flatnonzero(lengths < width)
    padded[short, lengths[short]] = 0x80
    return padded


def _first_blocks(starts: Whole, lengths: Whole, data: Bytes) -> Bytes:
    """The same for values of one block each: 16 bytes from every start on, of which those past the end are blotted out."""
    data = np.concatenate([data, np.zeros(BLOCK, np.uint8)])
    windows = np.lib.stride_tricks.as_strided(data.view("V1"), (len(data) - BLOCK + 1, BLOCK), (1, 1), writeable=False)
    taken = windows.view(f"V{BLOCK}").reshape(-1)[starts].view(np.uint64)
    return (taken & _rows(SHORT, lengths) | _rows(ENDS, lengths)).view(np.uint8).reshape(-1, BLOCK)


def _rows(table: Bytes, numbers: Whole) -> npt.NDArray[np.uint64]:
    """Rows of 16 bytes picked by number, end to end in words of eight."""
    return table.view(f"V{BLOCK}").reshape(-1)[numbers].view(np.uint64)


def _cmac(encrypt: Callable[[memoryview, memoryview], int], padded: Bytes, lengths: Whole) -> Bytes:
    """The chained block cipher over rows that all have the same number of blocks."""

    def cipher(block: Bytes) -> Bytes:
        found = np.empty(block.size + BLOCK, np.uint8)
        encrypt(np.ascontiguousarray(block).reshape(-1).data, found.data)
        return found[: block.size].reshape(-1, BLOCK)

    blocks = padded.shape[1] // BLOCK
    keys = np.stack(_last_block_keys(bytes(cipher(np.zeros((1, BLOCK), np.uint8))[0])))
    last = _rows(keys, (lengths < padded.shape[1]).astype(np.int64)).view(np.uint8).reshape(-1, BLOCK)
    state: Bytes | None = None
    for i in range(blocks):
        block = padded[:, i * BLOCK : (i + 1) * BLOCK]
        if i == blocks - 1:
            block = block ^ last
        state = cipher(block if state is None else state ^ block)
    return np.empty((0, BLOCK), np.uint8) if state is None else state


def _last_block_keys(zero: bytes) -> tuple[Bytes, Bytes]:
    """K1 and K2 of SP 800-38B § 6.1: the encrypted zero block, doubled once and twice in GF(2^128)."""
    keys = []
    value = int.from_bytes(zero)
    for _ in range(2):
        value = (value << 1) ^ (0x87 if value >> 127 else 0)
        value &= (1 << 128) - 1
        keys.append(np.frombuffer(value.to_bytes(BLOCK), np.uint8))
    return keys[0], keys[1]


def base32(digests: Bytes) -> Bytes:
    """Rows of 10 bytes as rows of 16 base32 characters (RFC 4648, no padding)."""
    padded = np.zeros((len(digests), BLOCK), np.uint8)
    padded[:, :10] = digests
    words = padded.view(">i8").astype(np.int64)
    first, last = words[:, 0], words[:, 1] >> 48
    result = np.empty((len(digests), TOKEN_CHARS // 2), np.uint16)
    for pair in range(6):
        result[:, pair] = PAIRS.take(first >> (54 - 10 * pair) & TEN_BITS)
    result[:, 6] = PAIRS.take((first << 6 | last >> 10 & 63) & TEN_BITS)
    result[:, 7] = PAIRS.take(last & TEN_BITS)
    return result.view(np.uint8)


def _as_text(characters: Bytes) -> pa.Array:
    count = len(characters)
    offsets = np.arange(0, (count + 1) * TOKEN_CHARS, TOKEN_CHARS, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(characters)))
