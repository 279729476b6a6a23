"""Dates of birth as lists state them: a day, a month, a year, about a year, or a span of years. Pure."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

_MONTHS: Final = {
    name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}
_DAY = re.compile(r"^(\d{1,2}) ([a-z]{3})[a-z]* (\d{4})$")
_MONTH = re.compile(r"^([a-z]{3})[a-z]* (\d{4})$")
_ISO_MONTH = re.compile(r"^(\d{4})-(\d{2})$")
_YEAR = re.compile(r"^(\d{4})$")
_ISO = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})(?:$|t)")
_ABOUT_YEARS = 2


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From the first to the last day that is meant, both included."""

    first: date
    last: date

    def meets(self, other: "Span") -> bool:
        return self.first <= other.last and other.first <= self.last


def read_span(text: str) -> Span | None:
    """The days meant by `1965-07-12`, `19650712`, `1965-07`, `12 Jul 1965`, `Jul 1965`, `1965`, `circa 1965`, `1960 to 1965`.

    None if it is none of these or no day that there is.
    """
    found = " ".join(text.strip().lower().split())
    if " to " in found:
        first, last = (read_span(part) for part in found.split(" to ", 1))
        return Span(first.first, last.last) if first and last and first.first <= last.last else None
    for about in ("circa ", "approximately ", "approx. ", "about ", "c. "):
        if found.startswith(about):
            exact = read_span(found.removeprefix(about))
            return None if exact is None else _around(exact)
    try:
        return _exact(found)
    except ValueError:
        return None


def _exact(found: str) -> Span | None:
    if match := _ISO.match(found):
        day = date(int(match[1]), int(match[2]), int(match[3]))
        return Span(day, day)
    if match := _DAY.match(found):
        day = date(int(match[3]), _MONTHS.get(match[2], 0), int(match[1]))
        return Span(day, day)
    if match := _MONTH.match(found):
        return _month(int(match[2]), _MONTHS.get(match[1], 0))
    if match := _ISO_MONTH.match(found):
        return _month(int(match[1]), int(match[2]))
    if match := _YEAR.match(found):
        return Span(date(int(match[1]), 1, 1), date(int(match[1]), 12, 31))
    return None


def _month(year: int, month: int) -> Span:
    return Span(date(year, month, 1), date(year, month, monthrange(year, month)[1]))


def _around(exact: Span) -> Span:
    first = date(max(1, exact.first.year - _ABOUT_YEARS), 1, 1)
    return Span(first, date(min(9999, exact.last.year + _ABOUT_YEARS), 12, 31))


def agreement(asked: str, listed: tuple[str, ...]) -> str:
    """`same` if a listed date meets the one asked for, `other` if none does, `unknown` if one side says nothing."""
    mine = read_span(asked) if asked else None
    theirs = [span for span in map(read_span, listed) if span is not None]
    if mine is None or not theirs:
        return "unknown"
    return "same" if any(mine.meets(span) for span in theirs) else "other"
