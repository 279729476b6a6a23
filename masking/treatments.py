"""One small pure function per treatment: a typed column in, a text column out. Nothing here looks at a key or a file."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from masking.columns import Whole, pc, whole

OTHER = "OTHER"
OLDEST_AGE = 90  # HIPAA, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are pooled
POWERS = 10 ** np.arange(19, dtype=np.int64)
FORMULA = "^'*[=+@\\t\\r\\x00-]"  # CWE-1236; leading quotes belong to it, so that `restore` is exact


def presence(columns: Sequence[pa.Array]) -> pa.Array:
    """`yes` where any of the columns holds something, else `no`."""
    found = pc.not_equal(pc.utf8_trim_whitespace(columns[0]), "")
    for column in columns[1:]:
        found = pc.or_(found, pc.not_equal(pc.utf8_trim_whitespace(column), ""))
    return yes_no_text(found)


def yes_no_text(flag: pa.Array) -> pa.Array:
    return pc.if_else(flag, "yes", "no")


def month(days: pa.Array) -> pa.Array:
    """A date as `2011-01`; empty where there is none."""
    numbers = pc.add(pc.multiply(pc.year(days), 12), pc.subtract(pc.month(days), 1))
    return _per_value(numbers, lambda number: f"{number // 12:04}-{number % 12 + 1:02}")


def exact_date(days: pa.Array) -> pa.Array:
    """A date as `2011-01-14`; empty where there is none."""
    return pc.fill_null(days.cast(pa.string()), "")


def two_figures(cents: pa.Array) -> pa.Array:
    """An amount in minor units rounded half up to two significant figures, sign kept; null stays null."""
    numbers = whole(cents)
    size = np.abs(numbers)
    step = rounding_step(numbers)
    rounded = (size + step // 2) // step * step * np.sign(numbers)
    return pa.array(rounded, mask=pc.is_null(cents).to_numpy(zero_copy_only=False))


def rounding_step(numbers: Whole) -> Whole:
    """The step that `two_figures` rounds to, per amount; the error is at most half of it."""
    digits = np.searchsorted(POWERS, np.abs(numbers), side="right")
    return POWERS[np.maximum(digits - 2, 0)]


def amount_text(cents: pa.Array, *, exponent: int) -> pa.Array:
    """Minor units as decimal text with `exponent` digits after the point; empty where there is none."""
    numbers = whole(cents)
    halves = np.empty((len(numbers), 2), np.int64)
    halves[:, 0] = numbers
    halves[:, 1] = numbers >> 63
    amounts = pa.Decimal128Array.from_buffers(pa.decimal128(20, exponent), len(numbers), [None, pa.py_buffer(halves)])
    return pc.if_else(pc.is_valid(cents), amounts.cast(pa.string()), "")


def age_band(born: pa.Array, *, cut_off_on: date, width: int) -> pa.Array:
    """The age at the cut-off date as `35-39`, `90+` above 89; empty where there is no date. `width` is in years."""
    not_yet = pc.greater(
        pc.add(pc.multiply(pc.month(born), 100), pc.day(born)), cut_off_on.month * 100 + cut_off_on.day
    )
    ages = pc.subtract(pc.subtract(cut_off_on.year, pc.year(born)), pc.cast(not_yet, pa.int64()))
    return _per_value(ages, lambda age: age_band_of(age, width))


def age_band_of(age: int, width: int) -> str:
    """The band of `width` years that holds an age."""
    if age >= OLDEST_AGE:
        return f"{OLDEST_AGE}+"
    first = age // width * width
    return f"{first}-{min(first + width, OLDEST_AGE) - 1}"


def zip_prefix(codes: pa.Array) -> pa.Array:
    """The first three characters of a postal code; a US code that lost its leading zero gets it back first."""
    text = pc.utf8_upper(pc.utf8_trim_whitespace(codes))
    padded = pc.if_else(pc.match_substring_regex(text, "^[0-9]{3,4}$"), pc.utf8_lpad(text, 5, "0"), text)
    return pc.utf8_slice_codeunits(padded, 0, 3)


def merge_rare(values: pa.Array, *, common: Sequence[str]) -> pa.Array:
    """Values that are not `common` become OTHER; empty stays empty."""
    kept = pc.or_(pc.is_in(values, value_set=pa.array(common, pa.string())), pc.equal(values, ""))
    return pc.if_else(kept, values, OTHER)


def neutralise(values: pa.Array) -> pa.Array:
    """Cells that a spreadsheet would run get a leading quote (CWE-1236); `restore` takes exactly those away again."""
    risky = pc.match_substring_regex(values, FORMULA)
    if not pc.any(risky).as_py():
        return values
    return pc.if_else(risky, pc.binary_join_element_wise("'", values, ""), values)


def restore(values: pa.Array) -> pa.Array:
    """The cells as they were before `neutralise`."""
    quoted = pc.match_substring_regex(values, "^'+[=+@\\t\\r\\x00-]")
    return pc.if_else(quoted, pc.utf8_slice_codeunits(values, 1), values)


def _per_value(numbers: pa.Array, form: Callable[[int], str]) -> pa.Array:
    """Format each distinct number once; empty where there is none."""
    encoded = numbers.dictionary_encode()
    words = pa.array([form(number) for number in encoded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(words.take(encoded.indices), "")
