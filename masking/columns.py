"""Arrow columns as numpy sees them: one place that knows offsets and buffers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are made at run time, so no type checker can know them

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


def one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column of a chunk as one contiguous array."""
    if isinstance(column, pa.ChunkedArray):
        return (
            column.chunk(0)
            if column.num_chunks == 1
            else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
        )
    return column


def text_parts(values: pa.Array) -> tuple[Whole, Whole, Bytes]:
    """(starts, lengths, data): where each value's UTF-8 bytes lie; a null has length 0."""
    values = values.fill_null("") if values.null_count else values
    _, offsets_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, len(values) + 1, values.offset * 4).astype(np.int64)
    data = (
        np.frombuffer(data_buffer, np.uint8) if data_buffer is not None and data_buffer.size else np.zeros(1, np.uint8)
    )
    return offsets[:-1], np.diff(offsets), data


def is_ascii(values: pa.Array) -> bool:
    """Whether a text column holds ASCII alone; a slice of a larger buffer may be said to hold more than it does."""
    data = values.buffers()[2]
    return data is None or not data.size or int(np.frombuffer(data, np.uint8).max()) < 128


def trimmed(values: pa.Array) -> pa.Array:
    """Without blanks at both ends, as `str.strip` would leave it; the same column if no value may have any."""
    starts, lengths, data = text_parts(values)
    if not values.null_count and all_among(data, INK):
        return values
    ends = data[np.maximum(starts + lengths - 1, 0)]
    if (
        not values.null_count
        and not ((BLANKS[ends] | BLANKS[data[np.minimum(starts, len(data) - 1)]]) & (lengths > 0)).any()
    ):
        return values
    return pc.ascii_trim_whitespace(values) if is_ascii(values) else pc.utf8_trim_whitespace(values)


def upper(values: pa.Array) -> pa.Array:
    """In upper case."""
    return pc.ascii_upper(values) if is_ascii(values) else pc.utf8_upper(values)


def starts_with_one_of(values: pa.Array, table: Flags) -> Flags:
    """Which values start with a byte that `table`, 256 flags, marks; an empty value does not."""
    starts, lengths, data = text_parts(values)
    return table[data[np.minimum(starts, len(data) - 1)]] & (lengths > 0)


def byte_table(marked: bytes) -> Flags:
    """256 flags, true for the bytes given."""
    table = np.zeros(256, np.bool_)
    table[list(marked)] = True
    return table


def all_among(data: Bytes, table: Flags) -> bool:
    """Whether every byte is one that the table marks. The least and the greatest tell it if at most two between are unmarked."""
    least, most = int(data.min()), int(data.max())
    if not (table[least] and table[most]):
        return False
    unmarked = np.flatnonzero(~table[least:most])
    if len(unmarked) > 2:
        return bool(table[data].all())
    return not any((data == least + gap).any() for gap in unmarked)


BLANKS = byte_table(bytes(range(33)) + bytes(range(127, 256)))
"""What may begin or end a blank, in any script."""
INK = ~BLANKS


_NONE = np.zeros(0, np.uint8)


def flags(mask: pa.Array | Flags) -> Flags:
    """A boolean column as numpy; null counts as false."""
    if isinstance(mask, np.ndarray):
        return mask
    column = one(mask)
    column = column.fill_null(False) if column.null_count else column
    bits = np.unpackbits(np.frombuffer(column.buffers()[1], np.uint8), bitorder="little") if len(column) else _NONE
    return bits[column.offset : column.offset + len(column)].view(np.bool_)


def whole(column: pa.Array) -> Whole:
    """A whole-number column as numpy; null counts as 0."""
    numbers = one(column)
    result: Whole = (numbers.fill_null(0) if numbers.null_count else numbers).to_numpy(zero_copy_only=False)
    return result


def coded(values: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """A text column as places in its distinct words; one that is so already stays as it is."""
    column = one(values)
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def spelt(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A text column as texts, whether it was `coded` or not."""
    column = one(values)
    return column.dictionary.take(column.indices) if pa.types.is_dictionary(column.type) else column


def by_word(values: pa.Array, form: Callable[[str], str]) -> pa.Array:
    """`form` of every text, called once for each distinct one."""
    encoded = coded(values)
    return pa.array([form(word) for word in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def recoded(values: pa.DictionaryArray, words: pa.Array) -> pa.DictionaryArray:
    """A coded column whose distinct words become these, one for each; words that are now equal become one."""
    merged = words.dictionary_encode()
    return pa.DictionaryArray.from_arrays(merged.indices.take(values.indices), merged.dictionary)


def nothing(count: int) -> pa.DictionaryArray:
    """That many empty texts, coded."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([""]))


def blank(count: int) -> pa.Array:
    """That many empty texts."""
    return pa.array(np.full(count, ""), pa.string())
