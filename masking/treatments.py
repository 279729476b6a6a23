"""One small pure function per treatment: a typed column in, a text column out. Nothing here looks at a key or a file."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import Flags, Whole, byte_table, pc, starts_with_one_of, text_parts, trimmed, whole

OTHER = "OTHER"
OLDEST_AGE = 90  # HIPAA, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are pooled
POWERS = 10 ** np.arange(19, dtype=np.int64)
FORMULA = "^'*[=+@\\t\\r\\x00-]"  # CWE-1236; leading quotes belong to it, so that `restore` is exact


RISKY_STARTS = byte_table(b"=+@\t\r\0-'")
BLANKS = byte_table(bytes(range(33)) + bytes(range(127, 256)))


def presence(columns: Sequence[pa.Array]) -> pa.Array:
    """`yes` where any of the columns holds something, else `no`."""
    found = _filled(columns[0])
    for column in columns[1:]:
        found = found | _filled(column)
    return yes_no_text(found)


def _filled(column: pa.Array) -> Flags:
    """Which cells hold more than blanks."""
    if starts_with_one_of(column, BLANKS).any():
        column = trimmed(column)
    return text_parts(column)[1] > 0


def yes_no_text(flag: pa.Array | Flags) -> pa.Array:
    return pc.if_else(pa.array(flag) if isinstance(flag, np.ndarray) else flag, "yes", "no")


def month(days: pa.Array) -> pa.Array:
    """A date as `2011-01`; empty where there is none."""
    months = _days(days).astype("datetime64[M]").astype(np.int64)
    return _per_number(months, pc.is_valid(days), lambda number: str(np.datetime64(number, "M")))


def _days(days: pa.Array) -> npt.NDArray[np.datetime64]:
    """A date column as numpy days; null becomes the first day of 1970."""
    result: npt.NDArray[np.datetime64] = days.cast(pa.int32()).fill_null(0).to_numpy().astype("datetime64[D]")
    return result


def exact_date(days: pa.Array) -> pa.Array:
    """A date as `2011-01-14`; empty where there is none."""
    return pc.fill_null(days.cast(pa.string()), "")


def two_figures(cents: pa.Array) -> pa.Array:
    """An amount in minor units rounded half up to two significant figures, sign kept; null stays null."""
    numbers = whole(cents)
    step = rounding_step(numbers)
    size = np.abs(numbers) + step // 2
    rounded = (size - size % step) * np.sign(numbers)
    return pa.array(rounded, mask=pc.is_null(cents).to_numpy(zero_copy_only=False) if cents.null_count else None)


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
    text = amounts.cast(pa.string())
    return pc.if_else(pc.is_valid(cents), text, "") if cents.null_count else text


def age_band(born: pa.Array, *, cut_off_on: date, width: int) -> pa.Array:
    """The age at the cut-off date as `35-39`, `90+` above 89; empty where there is no date. `width` is in years."""
    days = _days(born)
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    day_of_year = (months - years).astype(np.int64) * 100 + (days - months).astype(np.int64)
    today = (cut_off_on.month - 1) * 100 + cut_off_on.day - 1
    ages = cut_off_on.year - 1970 - years.astype(np.int64) - (day_of_year > today)
    return _per_number(ages, pc.is_valid(born), lambda age: age_band_of(age, width))


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
    return values if pc.all(kept).as_py() is not False else pc.if_else(kept, values, OTHER)


def neutralise(values: pa.Array) -> pa.Array:
    """Cells that a spreadsheet would run get a leading quote (CWE-1236); `restore` takes exactly those away again."""
    if not starts_with_one_of(values, RISKY_STARTS).any():
        return values
    risky = pc.match_substring_regex(values, FORMULA)
    if not pc.any(risky).as_py():
        return values
    return pc.if_else(risky, pc.binary_join_element_wise("'", values, ""), values)


def restore(values: pa.Array) -> pa.Array:
    """The cells as they were before `neutralise`."""
    quoted = pc.match_substring_regex(values, "^'+[=+@\\t\\r\\x00-]")
    return pc.if_else(quoted, pc.utf8_slice_codeunits(values, 1), values)


def _per_number(numbers: Whole, known: pa.Array, form: Callable[[int], str]) -> pa.Array:
    """Format each distinct number once; empty where it is not `known`. The numbers lie close together."""
    if not len(numbers):
        return pa.array([], pa.string())
    first = int(numbers.min())
    places = numbers - first
    met = np.bincount(places) > 0
    words = pa.array([form(first + place) if there else "" for place, there in enumerate(met.tolist())], pa.string())
    made = words.take(pa.array(places))
    return made if known.true_count == len(known) else pc.if_else(known, made, "")
