"""What a column's values say where no header tells."""

from collections.abc import Sequence

from masking import codes, forms
from masking.fields import FIELDS
from masking.people import is_known_name
from masking.scripts import lettered
from masking.shares import share

CODES = "identity_document"
"""What a column of codes is called until the seller says whose they are: it is dropped at every stage."""

SURE, LIKELY, GUESS, DOUBT = 0.95, 0.8, 0.6, 0.3
STATES = frozenset(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC "
    "SD TN TX UT VT VA WA WV WI WY PR GU VI AS MP".split()
)
UNKNOWN = "?"
Guess = tuple[str | None, float, str, str]
"""(field or None, confidence, why, class)."""


def is_day(cell: str) -> bool:
    return forms.is_date(cell) or forms.is_short_date(cell)


def by_values(cells: Sequence[str]) -> Guess:
    cells = [seen for cell in cells if (seen := lettered(cell))]  # some cells hold signs that show nothing
    if not cells:
        return None, 0.0, "unknown header and no values: dropped until mapped", UNKNOWN
    if codes.look_like_histories(cells):
        return None, 0.0, "a sign for every month, but of what: dropped until mapped", "A"
    if name := forms.strong_form(cells):
        return name, LIKELY, "form and check digits of the values", FIELDS[name].cls.value
    if len(set(cells)) > 1 and share(cells, STATES.__contains__) >= SURE:
        return "state", GUESS, "codes of US states", "Q"
    return _by_figures(cells) or _by_words(cells)


def _by_figures(cells: Sequence[str]) -> Guess | None:
    """Answers, days and amounts."""
    if forms.looks_like_yes_no(cells):
        return None, 0.0, "yes or no, but to what: dropped until mapped", "A"
    if share(cells, is_day) >= LIKELY:
        if births(forms.years_of(cells)):
            return "date_of_birth", GUESS, "days as those of births", "Q"
        return None, 0.0, "days, but of what: dropped until mapped", "A"
    if forms.are_months(cells):
        return None, 0.0, "months, but of what: dropped until mapped", "A"
    if share(cells, forms.is_fraction) >= LIKELY:
        return None, 0.0, "amounts, but of what: dropped until mapped", "A"
    return None


def _by_words(cells: Sequence[str]) -> Guess:
    """Codes and names, and what is neither."""
    if codes.looks_like_running_numbers(cells):
        return CODES, GUESS, "running numbers", "I"
    if codes.looks_like_postal_codes(cells):
        return "postal_code", GUESS, "form of postal codes", "Q"
    if codes.looks_like_codes(cells):
        return CODES, GUESS, "codes that are nearly all different", "I"
    if forms.looks_like_names(cells):
        return "debtor_name", GUESS, "words as names have", "I"
    return _leftover(cells)


def births(years: list[int]) -> bool:
    """Whether days spread as births do: over decades, and mostly long ago."""
    if not years:
        return False
    spread, middle = years[-1] - years[0], years[len(years) // 2]
    return (spread > 30 and middle < 1995) or (spread > 15 and middle < 1988)


def _leftover(cells: Sequence[str]) -> Guess:
    """What no field could be named for."""
    if share(cells, forms.is_number) >= LIKELY:
        return None, 0.0, "numbers, but of what: dropped until mapped", "A"
    if forms.looks_like_category(cells):
        return None, 0.0, "few values that many rows share, but of what: dropped until mapped", "A"
    if forms.looks_like_sentences(cells):
        return "notes", GUESS, "sentences", "F"
    mostly_names = share(cells, is_known_name) >= 0.5
    return (
        ("debtor_name", GUESS, "words of which most are names", "I")
        if mostly_names
        else (None, 0.0, "unknown: dropped until mapped", UNKNOWN)
    )
