"""Text columns as typed columns, exactly: amounts as whole minor units, dates as days, flags as yes or no."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa

from masking.columns import Bytes, Flags, Whole, all_among, byte_table, flags, one, pc, text_parts, trimmed

EXPONENTS = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"], 0),
    **dict.fromkeys(["XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(
        (
            "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
            "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR "
            "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN "
            "NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP "
            "STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST YER ZAR ZMW ZWG"
        ).split(),
        2,
    ),
}
"""Digits after the point of every currency in use (ISO 4217:2015, list one of 2025)."""

AMOUNT_LIMIT = 10**11  # in whole units: the sum of a million such amounts still fits 64 bits
EXACT_DIGITS = 13  # with its point; 53 bits hold 15 digits, and the limit below has no say on fewer than 12
POINT = ord(".")
AMOUNT_BYTES = byte_table(b"0123456789.-")
SIGNS = re.compile(r"^(?:US\$|[$€£¥₹]|[A-Z]{3}(?=[\s\d(.-]))\s*|\s*(?:[$€£¥₹]|[A-Z]{3})$")
NO = {"", "n", "no", "false", "f", "0", "none", "null", "na", "n/a", "nein", "non", "-"}
EARLIEST, LATEST = date(1850, 1, 1), date(2150, 1, 1)
SLOW_FORMS = ("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%d-%B-%Y")
ORDERS = {
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y"),
    "dmy": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"),
    "ymd": ("%Y/%m/%d",),
}


def exponent_of(currency: str) -> int:
    """Digits after the point; raises ValueError for what is no ISO 4217 code in use."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise ValueError("the currency is not in ISO 4217") from None


def cents(column: pa.Array, *, exponent: int, decimal_mark: str = ".") -> tuple[pa.Array, Flags]:
    """(int64 minor units with nulls for blank or unreadable cells, which cells are unreadable)."""
    if decimal_mark == "." and (plainly := _plain_cents(column, exponent)) is not None:
        return plainly, np.zeros(len(column), np.bool_)
    text = trimmed(column)
    blank = flags(pc.equal(text, ""))
    digits = rf"(\.[0-9]{{1,{exponent}}})?" if exponent else ""
    plain = flags(pc.match_substring_regex(text, rf"^-?[0-9]{{1,11}}{digits}$")) & (decimal_mark == ".")
    numbers = np.zeros(len(text), np.int64)
    fast = text if plain.all() else pc.if_else(pa.array(plain), text, "0")
    numbers[:] = _unscaled(fast.cast(pa.decimal128(20, exponent)))
    bad = np.zeros(len(text), np.bool_)
    slow = np.flatnonzero(~plain & ~blank)
    for i, raw in zip(slow.tolist(), text.take(pa.array(slow)).to_pylist(), strict=True):
        amount = minor_units(raw, exponent=exponent, decimal_mark=decimal_mark)
        bad[i] = amount is None
        numbers[i] = amount or 0
    return pa.array(numbers, mask=blank | bad), bad


def _plain_cents(text: pa.Array, exponent: int) -> pa.Array | None:
    """The minor units of a column in which every cell is plain digits with a point, as in most tapes; else None."""
    starts, lengths, data = text_parts(text)
    if not len(lengths) or lengths.min() == 0 or text.offset or not all_among(data, AMOUNT_BYTES):
        return None
    if (numbers := _pointed_cents(text, exponent, starts + lengths, lengths, data)) is not None:
        return pa.array(numbers)
    with suppress(pa.ArrowInvalid):
        numbers = _unscaled(text.cast(pa.decimal128(20, exponent)))
        if lengths.max() <= 18 and np.abs(numbers).max() < AMOUNT_LIMIT * 10**exponent:
            return pa.array(numbers)
    return None


def _pointed_cents(text: pa.Array, exponent: int, ends: Whole, lengths: Whole, data: Bytes) -> Whole | None:
    """The same if every cell has digits, a point and `exponent` digits: the nearest binary fraction of so few is rounded back exactly."""
    if not exponent or lengths.min() < exponent + 2 or lengths.max() > EXACT_DIGITS:
        return None
    if (data[ends - exponent - 1] != POINT).any() or (data[ends - exponent - 2] < ord("0")).any():
        return None
    with suppress(pa.ArrowInvalid):
        numbers: Whole = np.rint(text.cast(pa.float64()).to_numpy() * 10**exponent).astype(np.int64)
        return numbers
    return None


def _unscaled(amounts: pa.Array) -> Whole:
    """The low 64 bits of 128-bit decimals: the amount in minor units, as at most 18 digits were let in."""
    halves = np.frombuffer(amounts.buffers()[1], np.int64)
    return halves[2 * amounts.offset : 2 * (amounts.offset + len(amounts)) : 2]


def minor_units(text: str, *, exponent: int, decimal_mark: str = ".") -> int | None:
    """One written amount in minor units, or None: signs of currency, thousands, (1.00) and 1.00- are understood."""
    body = SIGNS.sub("", text.strip()).strip()
    negative = False
    if body.startswith("(") and body.endswith(")"):
        negative, body = True, SIGNS.sub("", body[1:-1].strip())
    elif body.endswith("-"):
        negative, body = True, body[:-1].strip()
    elif body.startswith(("-", "+")):
        negative, body = body[0] == "-", SIGNS.sub("", body[1:].strip())
    thousands = "," if decimal_mark == "." else "."
    group, mark = re.escape(thousands), re.escape(decimal_mark)
    if not re.fullmatch(
        rf"(?:[0-9]+|[0-9]{{1,3}}(?:(?:{group}|[ '\u00a0\u202f])[0-9]{{3}})+)?(?:{mark}[0-9]*)?", body, re.ASCII
    ):
        return None
    digits = re.sub(rf"[{group} '\u00a0\u202f]", "", body).replace(decimal_mark, ".")
    try:
        scaled = Decimal(digits).scaleb(exponent)
    except InvalidOperation:
        return None
    if scaled != scaled.to_integral_value() or scaled >= AMOUNT_LIMIT * 10**exponent:
        return None
    return -int(scaled) if negative else int(scaled)


def decimal_mark_of(cells: Sequence[str], otherwise: str = ".") -> str:
    """The mark with which more of the amounts can be read; `otherwise` where it makes no difference."""
    readable = {
        mark: sum(minor_units(cell, exponent=2, decimal_mark=mark) is not None for cell in cells) for mark in ".,"
    }
    return otherwise if readable[","] == readable["."] else max(readable, key=readable.__getitem__)


def dates(column: pa.Array, *, order: str = "mdy") -> tuple[pa.Array, Flags]:
    """(date32 with nulls for blank or unreadable cells, which cells are unreadable); `order` is mdy, dmy or ymd."""
    with suppress(pa.ArrowInvalid):
        plain = column.cast(pa.date32())
        if not plain.null_count and len(plain) and _all_in_range(plain):
            return plain, np.zeros(len(plain), np.bool_)
    text = trimmed(column)
    blank = pc.equal(text, "")
    with suppress(pa.ArrowInvalid):  # most tapes write all days of a column as year-month-day
        plain = (pc.if_else(blank, None, text) if blank.true_count else text).cast(pa.date32())
        if plain.null_count == len(plain) or _all_in_range(plain):
            return plain, np.zeros(len(plain), np.bool_)
    encoded = text.dictionary_encode()
    words = encoded.dictionary
    parsed = _fast_dates(words, order)
    missing = np.flatnonzero(flags(pc.is_null(parsed)))
    if len(missing):
        days: list[date | None] = parsed.to_pylist()
        for i in missing.tolist():
            days[i] = one_date(words[i].as_py(), order=order)
        parsed = pa.array(days, pa.date32())
    bad_words = pc.and_(pc.is_null(parsed), pc.not_equal(words, ""))
    return parsed.take(encoded.indices), flags(bad_words.take(encoded.indices))


def _fast_dates(words: pa.Array, order: str) -> pa.Array:
    """Dates of the common written forms with two-digit days and months; null for all others."""
    result = pa.nulls(len(words), pa.date32())
    for form, pattern, day_at in (
        ("%Y-%m-%d", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", 8),
        (ORDERS[order][0], r"^[0-9]{2}/[0-9]{2}/[0-9]{4}$", 0 if order == "dmy" else 3),
    ):
        fits = pc.match_substring_regex(words, pattern)
        if not flags(fits).any():
            continue
        stamps = pc.strptime(pc.if_else(fits, words, ""), format=form, unit="s", error_is_null=True)
        written = pc.if_else(fits, pc.utf8_slice_codeunits(words, day_at, day_at + 2), "0").cast(pa.int64())
        real = pc.and_(pc.equal(pc.day(stamps), written), _in_range(stamps))  # the 30th of February does not roll over
        result = pc.coalesce(result, pc.if_else(real, stamps, None).cast(pa.date32()))
    return result


def _all_in_range(days: pa.Array) -> bool:
    ends = pc.min_max(days).as_py()
    return bool(ends["min"] >= EARLIEST and ends["max"] < LATEST)


def _in_range(stamps: pa.Array) -> pa.Array:
    years = pc.year(stamps)
    return pc.and_(pc.greater_equal(years, EARLIEST.year), pc.less(years, LATEST.year))


def one_date(text: str, *, order: str) -> date | None:
    """One written date, or None; a time of day is ignored, two-digit years and day numbers are not guessed."""
    body = re.sub(
        r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*(?:[AP]M)?(?:Z|[+-]\d{2}:?\d{2})?$", "", text.strip(), flags=re.ASCII
    )
    forms = ("%Y-%m-%d", *ORDERS[order], *SLOW_FORMS) if not body.isdigit() else ("%Y%m%d",) if len(body) == 8 else ()
    for form in forms:
        try:
            found = datetime.strptime(body, form).date()  # noqa: DTZ007  # a day has no time zone
        except ValueError:
            continue
        return found if EARLIEST <= found < LATEST and re.search(r"\d{4}", body) else None
    return None


def yes_no(column: pa.Array) -> pa.Array:
    """Boolean: whether a flag is set. What is neither yes nor no, such as a date or a case number, counts as set."""
    encoded = trimmed(column).dictionary_encode()
    set_ = [str(word).casefold() not in NO for word in encoded.dictionary.to_pylist()]
    return pa.array(set_, pa.bool_()).take(encoded.indices)


def column(table: pa.Table, name: str) -> pa.Array:
    """One text column of a chunk, contiguous, without nulls."""
    found = one(table.column(name))
    return pc.fill_null(found, "") if found.null_count else found
