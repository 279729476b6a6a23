"""What values look like: forms and check digits of identifiers, alone in a cell or inside a text."""

import re
from collections.abc import Callable, Sequence
from functools import partial

from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.it import codicefiscale
from stdnum.pl import pesel

from masking.values import minor_units, one_date

MOST = 0.8
"""A column has a form if this share of its cells has it."""

STRAY_DIGITS = 7
"""A text with this many digits holds a number of somebody or something, not a category."""

CARD_FORM = re.compile(r"[0-9][0-9 -]{11,22}[0-9]")
# Issuer ranges by first digits and lengths (ISO/IEC 7812-1:2017 and the networks' published ranges).
CARD_RANGES = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"6011|65|64[4-9]"), {16, 19}),
    (re.compile(r"3(?:0[0-5]|[68])"), {14, 16}),
    (re.compile(r"35(?:2[89]|[3-8])"), {16}),
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
PHONE = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|\+\d{1,3}[ .-]?\(?\d[\d ().-]{6,13}\d")
LOCAL_PHONE = re.compile(r"0\d(?:[ ./-]\d{2}){4}|\(?0\d{1,4}\)?[ /-]\d[\d ]{4,9}")
STREET = re.compile(
    r"\d+[a-z]? .*\b(?:st|street|ave|avenue|rd|road|blvd|ln|lane|dr|drive|ct|way|apt)\b.*"
    r"|\d+[a-z]?,? (?:bis |ter )?(?:rue|avenue|boulevard|place|chemin|all[ée]e|impasse|quai|cours)\b.*"
    r"|.*(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|damm|ufer) \d+ ?[a-z]?"
    r"|(?:ul\.|al\.|os\.|pl\.|calle|avenida|paseo|plaza|camino|ronda|via|viale|corso|piazza|vicolo|largo)\s.*\d+\w?",
    re.IGNORECASE,
)
WORDS = re.compile(r"[^\W\d_]+(?:[ ,.'\u2019-]+[^\W\d_]+){0,4}\.?")
CODE = re.compile(r"[A-Z]{0,5}[ /-]?\d{4,}[A-Z0-9/-]*", re.IGNORECASE)

# The form that is looked at first, because check digits cost more.
NATIONAL: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\d{8}[A-Z]", re.IGNORECASE), dni.is_valid),
    (re.compile(r"[XYZ]\d{7}[A-Z]", re.IGNORECASE), nie.is_valid),
    (re.compile(r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", re.IGNORECASE), codicefiscale.is_valid),
    (re.compile(r"[12]\d{12}(?: ?\d\d)"), nir.is_valid),
    (re.compile(r"\d{11}"), lambda cell: pesel.is_valid(cell) or idnr.is_valid(cell)),
    (re.compile(r"\d{3} \d{3} \d{4}"), nhs.is_valid),
)


def is_card_number(text: str) -> bool:
    """Whether a text is a payment-card number: an issuer's range, its length, and the Luhn check digit."""
    if not CARD_FORM.fullmatch(text):
        return False
    digits = re.sub(r"[ -]", "", text)
    known = any(len(digits) in lengths and form.match(digits) for form, lengths in CARD_RANGES)
    return known and luhn.is_valid(digits)


def is_national_id(text: str) -> bool:
    """Whether a text has the form, and where there are any the check digits, of a number that a state gave a person."""
    return _fits(SSN, text) or any(form.fullmatch(text) and valid(text) for form, valid in NATIONAL)


def is_iban(text: str) -> bool:
    return bool(IBAN.fullmatch(text)) and iban.is_valid(text)


def is_phone(text: str) -> bool:
    return _fits(PHONE, text) or _fits(LOCAL_PHONE, text)


def _fits(pattern: re.Pattern[str], cell: str) -> bool:
    return pattern.fullmatch(cell) is not None


STRONG: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("email", partial(_fits, EMAIL)),
    ("bank_account", is_iban),
    ("national_id", is_national_id),
    ("phone", is_phone),
    ("street_address", partial(_fits, STREET)),
)


def share(cells: Sequence[str], holds: Callable[[str], bool]) -> float:
    """The share of cells for which something holds."""
    return sum(map(holds, cells)) / len(cells)


def strong_form(cells: Sequence[str]) -> str | None:
    """The identifier that most cells are, by form and check digits."""
    return next((name for name, holds in STRONG if share(cells, holds) >= MOST), None)


def is_amount(cell: str) -> bool:
    return any(minor_units(cell, exponent=3, decimal_mark=mark) is not None for mark in ".,")


def has_decimals(cell: str) -> bool:
    return bool(re.search(r"\d[.,]\d{1,2}\)?-?$", cell)) and is_amount(cell)


def is_date(cell: str) -> bool:
    return any(one_date(cell, order=order) is not None for order in ("mdy", "dmy", "ymd"))


def holds_identifier(cell: str) -> bool:
    """Whether a text quotes an identifier: an address of mail, an IBAN, a number of a person, a run of many digits."""
    if sum(char.isdigit() for char in cell) >= STRAY_DIGITS and not is_date(cell):
        return True
    return bool(EMAIL.search(cell)) or any(is_iban(word) or is_national_id(word) for word in cell.split())


def looks_like_names(cells: Sequence[str]) -> bool:
    """Words with capitals and hardly two cells alike: names of people, firms or places, not of categories."""
    distinct = len(set(cells))
    if distinct < 12 or distinct / len(cells) < 0.15:
        return False
    return share(cells, lambda cell: _fits(WORDS, cell) and (cell.istitle() or cell[:1].isupper())) >= 0.9


def looks_like_codes(cells: Sequence[str]) -> bool:
    """Numbers or letters with numbers, all different and of one length or two: what somebody is filed under."""
    if len(set(cells)) < 0.95 * len(cells) or len(cells) < 5:
        return False
    sizes = {len(cell) for cell in cells}
    return len(sizes) <= 2 and min(sizes) >= 6 and share(cells, partial(_fits, CODE)) >= 0.9


def looks_like_postal_codes(cells: Sequence[str]) -> bool:
    """Five digits, or the Polish two and three."""
    return (
        len(set(cells)) > 20
        and share(cells, lambda cell: bool(re.fullmatch(r"\d{5}(-\d{4})?|\d\d-\d{3}", cell))) >= 0.9
    )


def looks_like_sentences(cells: Sequence[str]) -> bool:
    """Three words or more in every second cell."""
    return share(cells, lambda cell: len(cell.split()) > 2) >= 0.5


def years_of(cells: Sequence[str]) -> list[int]:
    """The years of the cells that are dates, sorted."""
    found = (next((d for o in ("mdy", "dmy", "ymd") if (d := one_date(cell, order=o))), None) for cell in cells[:200])
    return sorted(day.year for day in found if day)
