"""One small pure function per treatment: a typed column in, a text column out. Nothing here looks at a key or a file."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import (
    BLANKS,
    INK,
    Flags,
    Whole,
    all_among,
    byte_table,
    coded,
    flags,
    one,
    pc,
    recoded,
    starts_with_one_of,
    text_parts,
    trimmed,
    whole,
)
from masking.values import EARLIEST, LATEST

OTHER = "OTHER"
OLDEST_AGE = 90  # HIPAA, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are pooled
POWERS = 10 ** np.arange(19, dtype=np.int64)
HUNDRED = 101  # two figures are rounded up to 100 at most
CALENDAR = np.arange(np.datetime64(EARLIEST), np.datetime64(LATEST))
FIRST_DAY = int(CALENDAR[0].astype(np.int64))
DIGITS = byte_table(b"0123456789")
PREFIXES = pa.array([f"{number:03}" for number in range(1000)])
Places = npt.NDArray[np.int16]
FORMULA = "^'*[=+@\\t\\r\\x00-]"  # CWE-1236; leading quotes belong to it, so that `restore` is exact


RISKY_STARTS = byte_table(b"=+@\t\r\0-'")


def presence(columns: Sequence[pa.Array]) -> pa.Array:
    """Boolean: where any of the columns holds something."""
    found = _filled(columns[0])
    for column in columns[1:]:
        found = found | _filled(column)
    return pa.array(found)


def _filled(column: pa.Array) -> Flags:
    """Which cells hold more than blanks."""
    _, lengths, data = text_parts(column)
    if not all_among(data, INK) and starts_with_one_of(column, BLANKS).any():
        lengths = text_parts(trimmed(column))[1]
    return lengths > 0


def yes_no_text(flag: pa.Array | Flags) -> pa.Array:
    return pc.if_else(pa.array(flag) if isinstance(flag, np.ndarray) else flag, "yes", "no")


def month(days: pa.Array) -> pa.Array:
    """A date as `2011-01`; empty where there is none. Raises ValueError for a day that no tape may hold."""
    return _per_day(days, *_months())


@lru_cache
def _months() -> tuple[Places, pa.Array]:
    months = CALENDAR.astype("datetime64[M]")
    return (months - months[0]).astype(np.int16), pa.array([*np.unique(months).astype(str).tolist(), ""])


def _per_day(days: pa.Array, places: Places, words: pa.Array) -> pa.Array:
    """One of the words for each day, by its place in the calendar; the last word, which is empty, where there is none."""
    numbers = days.cast(pa.int32())
    since = (numbers.fill_null(FIRST_DAY) if numbers.null_count else numbers).to_numpy() - FIRST_DAY
    if len(since) and (since.min() < 0 or since.max() >= len(places)):
        raise ValueError("a day lies outside the calendar")
    chosen = places[since]
    if days.null_count:
        chosen[flags(pc.is_null(days))] = len(words) - 1
    return pa.DictionaryArray.from_arrays(pa.array(chosen), words)


def exact_date(days: pa.Array) -> pa.Array:
    """A date as `2011-01-14`; empty where there is none."""
    return pc.fill_null(days.cast(pa.string()), "")


def two_figures(numbers: Whole) -> tuple[Whole, Whole]:
    """(minor units rounded half up to two significant figures, the step of each, by half of which it moves at most)."""
    figures, place = _figures(numbers)
    step = POWERS[place]
    return figures * step * np.sign(numbers), step


def _figures(numbers: Whole) -> tuple[Whole, Whole]:
    """(two figures of each size, 100 where they are rounded up to it; the power of ten that they count)."""
    size = np.abs(numbers)
    place = np.zeros(len(numbers), np.int64)
    for power in POWERS[2:]:
        larger = size >= power
        if not larger.any():
            break
        place += larger
    step = POWERS[place]
    return (size + step // 2) // step, place


def rounded_text(cents: pa.Array, *, exponent: int) -> pa.Array:
    """Minor units rounded to two significant figures, as decimal text; empty where there is none."""
    numbers = whole(cents)
    if len(numbers) and numbers.min() < 0:
        rounded, _ = two_figures(numbers)
        return amount_text(pa.array(rounded, mask=flags(pc.is_null(cents))), exponent=exponent)
    figures, place = _figures(numbers)
    words = place * HUNDRED + figures
    if cents.null_count:
        words[flags(pc.is_null(cents))] = HUNDRED * len(POWERS)
    return _round_words(exponent).take(pa.array(words))


@lru_cache
def _round_words(exponent: int) -> pa.Array:
    """Every amount of two figures as text, by power of ten and figures, and an empty one at the end."""
    amounts = np.arange(HUNDRED) * POWERS[:-2, None]
    texts = amount_text(pa.array(amounts.reshape(-1)), exponent=exponent).to_pylist()
    return pa.array([*texts, *[""] * (HUNDRED * len(POWERS) + 1 - len(texts))])


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
    return _per_day(born, *_ages(cut_off_on, width))


@lru_cache
def _ages(cut_off_on: date, width: int) -> tuple[Places, pa.Array]:
    months, years = CALENDAR.astype("datetime64[M]"), CALENDAR.astype("datetime64[Y]")
    day_of_year = (months - years).astype(np.int64) * 100 + (CALENDAR - months).astype(np.int64)
    today = (cut_off_on.month - 1) * 100 + cut_off_on.day - 1
    ages = cut_off_on.year - 1970 - years.astype(np.int64) - (day_of_year > today)
    met, places = np.unique(np.clip(ages, 0, OLDEST_AGE), return_inverse=True)
    words = pa.array([*(age_band_of(age, width) for age in met.tolist()), ""]).dictionary_encode()
    return words.indices.to_numpy()[places].astype(np.int16), words.dictionary


def age_band_of(age: int, width: int) -> str:
    """The band of `width` years that holds an age."""
    if age >= OLDEST_AGE:
        return f"{OLDEST_AGE}+"
    first = age // width * width
    return f"{first}-{min(first + width, OLDEST_AGE) - 1}"


def zip_prefix(codes: pa.Array) -> pa.Array:
    """The first three characters of a postal code; a US code that lost its leading zero gets it back first."""
    code = one(codes)
    starts, lengths, data = text_parts(code)
    if len(lengths) and (lengths == 5).all() and all_among(data, DIGITS):
        first, second, third = (data[starts + place].astype(np.int16) - ord("0") for place in range(3))
        return pa.DictionaryArray.from_arrays(pa.array(first * 100 + second * 10 + third), PREFIXES)
    written = coded(code)
    text = pc.utf8_upper(pc.utf8_trim_whitespace(written.dictionary))
    padded = pc.if_else(pc.match_substring_regex(text, "^[0-9]{3,4}$"), pc.utf8_lpad(text, 5, "0"), text)
    return recoded(written, pc.utf8_slice_codeunits(padded, 0, 3))


def merge_rare(words: pa.Array, *, common: Sequence[str]) -> pa.Array:
    """Words that are not `common` become OTHER; the empty one stays empty."""
    kept = pc.or_(pc.is_in(words, value_set=pa.array(common, pa.string())), pc.equal(words, ""))
    return pc.if_else(kept, words, OTHER)


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
