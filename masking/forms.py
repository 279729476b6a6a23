"""What values look like: forms and check digits of identifiers, alone in a cell or inside a text."""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache, partial

from stdnum import iban, luhn

from masking.nationals import is_national_id, national_scheme
from masking.people import FIRM, LENDER, could_be_somebody, is_firm, is_full_name, is_known_name
from masking.scripts import CJK, begins_with_surname
from masking.shares import fits, share
from masking.streets import is_street, look_like_addresses
from masking.values import EXPONENTS, minor_units, one_date

MOST = 0.8
"""A column has a form if this share of its cells has it."""

STRAY_DIGITS = 7
"""A text with this many digits in a run holds a number of somebody or something, not a category."""

KOREAN = re.compile(r"\d{6}-\d{7}")
"""How Korean resident numbers are written; those of some births begin with the first digit of Visa and have as many digits."""

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
# Begins where a word may begin, and nowhere inside one: a long cell without an address is read once.
EMAIL = re.compile(r"(?<![^@\s<>,;])[^@\s<>,;]+@[^@\s<>,;]+\.[^\W\d_]{2,}", re.IGNORECASE)
SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.IGNORECASE)
PHONE = re.compile(
    r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,6})?"
    r"|(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)|\d)[\d ()./-]{5,15}\d"
)
LOCAL_PHONE = re.compile(
    r"0\d(?:[ ./-]?\d{2}){4}|\(?0\d{1,4}\)?[ /-]\d[\d -]{4,10}|0[1-9]\d{8,9}|\(\d{2}\) ?9?\d{4}-\d{4}|[679]\d{2}(?: \d{3}){2}"
    r"|[679]\d{2}(?: \d{2}){3}|\d{3} \d{3} \d{3}|0\d{2}-\d{3,4}-\d{4}|[2-9]\d{3} \d{4}|[6-9]\d{4} ?\d{5}"
)
NANP = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
ANY_PHONE = re.compile(r"(?:\+|\(\+?)?\d[\d ()./-]{5,20}\d(?: ?(?:x|ext\.?|#) ?\d{1,6})?")
WORDS = re.compile(
    r"[(\"«“„]?[^\W\d_]+(?:[ ,.'\u2018\u2019\u05f3\u05f4\"«»“”„()&/\u30fb-]+[^\W\d_]+){0,5}[.)\"»”]{0,2}"
)
NUMBER = re.compile(r"-?\d{1,12}(?:[.,]\d{1,10})? ?%?")
FRACTION = re.compile(r"[+-]?\d{0,12}[.,]\d{1,20}(?:e[+-]?\d{1,3})? ?%?", re.IGNORECASE)
MONTH = re.compile(
    r"(?:19|20)\d\d ?[-/.] ?(?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2]) ?[-/.] ?(?:19|20)\d\d|[^\W\d_]{3,9}\.?[-/ ']{1,2}(?:(?:19|20)?\d\d)"
    r"|(?:Q[1-4]|H[12])[ /-]?(?:19|20)?\d\d|(?:19|20)\d\d[ /-]?(?:Q[1-4]|H[12])",
    re.IGNORECASE,
)
"""A month, a quarter or a half of a year."""

SUM = re.compile(
    r"[-+(]?\d[\d ,.'\u00a0\u202f]*\)? ?(?:kr|zł|kč|ft|lei|ден|руб|р|грн|лв|din|kn|rp|rm|₽|₺|₹|₴|₩|¥|£|€|\$)\.?",  # noqa: RUF001  # roubles and denars
    re.IGNORECASE,
)
UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?|[0-9a-f]{16,64}", re.IGNORECASE)
STARRED_END = re.compile(r"[Xx*•#]{3,}[ -]?(?:[Xx*•#]{2}[ -]?)?\d{4}\b")
HIDDEN_EMAIL = re.compile(r"\w ?[\[(](?:at|@)[\])] ?\w", re.IGNORECASE)
PLACE_ON_EARTH = re.compile(r"-?\d{1,2}\.\d{4,}[,;] ?-?\d{1,3}\.\d{4,}")
ADDRESSED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Mme|Mlle|Herrn?|Frau|Sra?|Sig|Dott|Dr|MR|MRS|MS|MME|HERR|FRAU|DR)\.? [^\W\d_a-z][\w'\u2019-]+"
)
LAST_FIRST = re.compile(r"[^\W\d_][\w'\u2019-]+, [^\W\d_][\w'\u2019-]{2,}(?: [^\W\d_]\.?)?")
PARTS = re.compile(r"[/|;:()\[\]]| [-\u2013] ")
IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}", re.IGNORECASE)
YES_NO = frozenset(
    "y n yes no true false t f 0 1 j ja nein oui non si sí s tak nie x sim nao não v verdadero falso vero - n/a na none null".split()
)
YEARS = re.compile(r"(?:19|20)\d\d ?[-\u2013/] ?(?:19|20)?\d\d(?!\d)")
RUN = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){6,}")
SHORT_DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2})")


def is_card_number(text: str) -> bool:
    """Whether a text is a payment-card number: an issuer's range, its length, and the Luhn check digit."""
    if not CARD_FORM.fullmatch(text) or KOREAN.fullmatch(text):
        return False
    digits = re.sub(r"[ -]", "", text)
    known = any(len(digits) in lengths and form.match(digits) for form, lengths in CARD_RANGES)
    return known and luhn.is_valid(digits)


def is_iban(text: str) -> bool:
    return bool(IBAN.fullmatch(text)) and iban.is_valid(text)


def is_phone(text: str) -> bool:
    return fits(PHONE, text) or fits(LOCAL_PHONE, text)


def strong_form(cells: Sequence[str]) -> str | None:
    """The identifier that most cells are, by form and check digits."""
    for name, holds in (("email", partial(fits, EMAIL)), ("bank_account", is_iban)):
        if share(cells, holds) >= MOST:
            return name
    if share(cells, partial(fits, PLACE_ON_EARTH)) >= MOST:
        return "street_address"
    if share(cells, partial(fits, UUID)) >= MOST or share(cells, partial(fits, IP)) >= MOST:
        return "identity_document"
    if share(cells, is_date) >= MOST or share(cells, is_fraction) >= MOST or are_months(cells):
        return None
    if share(cells, partial(fits, PHONE)) >= MOST:
        return "phone"
    if national_scheme(cells):
        return "national_id"
    if share(cells, is_phone) >= MOST or (
        share(cells, partial(fits, NANP)) >= 0.97 and len(set(cells)) > len(cells) / 2
    ):
        return "phone"
    if _are_spaced_phones(cells):
        return "phone"
    return "street_address" if look_like_addresses(cells) and share(cells, is_phone) <= 0.1 else None


def _are_spaced_phones(cells: Sequence[str]) -> bool:
    """Seven to fifteen digits with blanks and signs between, some of which begin as only telephones do."""
    if share(cells, _could_be_phone) < 0.9 or len(set(cells)) < 0.5 * len(cells):
        return False
    dialled = share(cells, lambda cell: cell[0] in "+(0")
    apart = share(cells, lambda cell: not cell.isdigit())
    return dialled >= 0.2 and apart >= 0.2


def _could_be_phone(cell: str) -> bool:
    return fits(ANY_PHONE, cell) and 7 <= sum(map(str.isdigit, cell)) <= 20 and not is_date(cell)


_CURRENCY = re.compile(r"([A-Z]{3})[ (-]?\d.*|.*\d ?([A-Z]{3})")


@lru_cache(maxsize=1 << 16)
def is_amount(cell: str) -> bool:
    """Whether a cell is an amount; three letters beside it must be those of a currency, or it is the plate of a car."""
    if (beside := _CURRENCY.fullmatch(cell)) and (beside[1] or beside[2]) not in EXPONENTS:
        return False
    return any(minor_units(cell, exponent=3, decimal_mark=mark) is not None for mark in ".,")


def is_number(cell: str) -> bool:
    return is_amount(cell) or fits(NUMBER, cell)


def has_decimals(cell: str) -> bool:
    return bool(re.search(r"\d[.,]\d{1,2}\)?-?(?: ?[^\W\d_]{1,3}| ?[€$£])?$", cell)) and is_amount(cell)


def is_fraction(cell: str) -> bool:
    """Whether a cell is a sum, a share or a rate, and no whole number."""
    return fits(FRACTION, cell) or has_decimals(cell) or fits(SUM, cell)


def are_months(cells: Sequence[str]) -> bool:
    """Months, quarters or halves of a year, of few enough years to recur."""
    return share(cells, partial(fits, MONTH)) >= 0.9 and len({re.sub(r"\D", "", cell)[-4:] for cell in cells}) <= 600


_MAYBE_DATE = re.compile(r"\d{8}|.*\d[./ ,-]+\w{1,9}[./ ,-]+\d{2}.*|\D{3,9} \d{1,2},? \d{4}.*")


@lru_cache(maxsize=1 << 16)
def is_date(cell: str) -> bool:
    if len(cell) > 40 or not _MAYBE_DATE.fullmatch(cell):
        return False
    return any(one_date(cell, order=order) is not None for order in ("mdy", "dmy", "ymd"))


def is_short_date(cell: str) -> bool:
    """A day whose year has two digits; intake does not guess its century, detection need not."""
    found = SHORT_DAY.fullmatch(cell)
    if found is None:
        return False
    first, second = int(found[1]), int(found[2])
    return 1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12


def stray(cell: str) -> bool:
    """Whether a text quotes an identifier: mail, IBAN, a number of a person, a full name, a long run of digits."""
    if EMAIL.search(cell) or HIDDEN_EMAIL.search(cell) or STARRED_END.search(cell) or PLACE_ON_EARTH.search(cell):
        return True
    if ADDRESSED.search(cell) or any(_names_somebody(part) for part in {cell, *PARTS.split(cell)}):
        return True
    if sum(char.isdigit() for char in cell) < 6:
        return is_street(cell) and bool(re.search(r"\d", cell)) and len(cell.split()) > 2
    if is_date(cell) or is_short_date(cell):
        return False
    if RUN.search(YEARS.sub(" ", cell)):
        return True
    return any(is_iban(word) or is_national_id(word) for word in cell.split()) or is_street(cell)


def _names_somebody(part: str) -> bool:
    if LENDER.search(part) or FIRM.search(part):
        return False
    return is_full_name(part) or (bool(LAST_FIRST.fullmatch(part.strip())) and is_known_name(part))


def could_be_name(cell: str) -> bool:
    """Two or three words with capitals, of which one is a common name, and that are not those of a firm or a lender."""
    words = re.findall(r"[^\W\d_]+", cell)
    if not 2 <= len(words) <= 3 or any(word[0].islower() for word in words) or not fits(WORDS, cell):
        return False
    return is_known_name(cell) and not is_firm(cell) and not LENDER.search(cell)


def looks_like_yes_no(cells: Sequence[str]) -> bool:
    return len(cells) >= 5 and len(set(cells)) <= 4 and share(cells, lambda cell: cell.casefold() in YES_NO) >= 0.98


def looks_like_names(cells: Sequence[str]) -> bool:
    """Names of people, firms or places: common names, or words with capitals and hardly two cells alike."""
    distinct = set(cells)
    if share(cells, lambda cell: bool(ADDRESSED.match(cell))) >= MOST:
        return True
    if share(cells, begins_with_surname) >= 0.5 and share(cells, partial(fits, CJK)) >= MOST and len(distinct) >= 8:
        return True
    worded = [cell for cell in cells if fits(WORDS, cell) or is_firm(cell)]
    if len(worded) < MOST * len(cells):
        return False
    lenders = share(worded, lambda cell: bool(LENDER.search(cell)))
    known = sum(map(could_be_somebody, distinct)) / len(distinct)
    if known >= 0.5 and lenders < 0.3 and len(distinct) >= 5 and not _shared_by_many(cells, distinct, known):
        return True
    ratio = len(distinct) / len(cells)
    if len(distinct) >= 10 and known >= 0.12 and lenders < 0.1:
        return True
    if len(distinct) < 12 or ratio < 0.15:
        return False
    if ratio >= 0.5 and lenders < 0.3 and share(worded, lambda cell: len(cell.split()) <= 4) >= MOST:
        return True
    if lenders >= 0.3:
        return ratio >= 0.9 and known >= 0.2
    if ratio < 0.5 and (share(worded, is_firm) >= 0.4 or (not known and all(map(str.isascii, distinct)))):
        return False
    return share(worded, lambda cell: not cell[:1].islower()) >= 0.9 or known >= 0.2


def _shared_by_many(cells: Sequence[str], distinct: set[str], known: float) -> bool:
    """A handful of words in a long column is a category, unless nearly all of them are names."""
    return len(distinct) <= 6 and len(cells) >= 10 * len(distinct) and known < 0.95


def looks_like_sentences(cells: Sequence[str]) -> bool:
    """Three words or more in every second cell, more than a handful of different ones, and no lenders."""
    if share(cells, lambda cell: bool(LENDER.search(cell))) >= 0.5 and share(cells, _is_title) >= 0.5:
        return False
    return share(cells, lambda cell: len(cell.split()) > 2) >= 0.5 and len(set(cells)) > 4


def _is_title(cell: str) -> bool:
    """Whether most words of a cell begin with a capital, as those of a firm's name do."""
    words = re.findall(r"[^\W\d_]+", cell)
    return sum(not word[0].islower() for word in words) * 3 >= len(words) * 2


def looks_like_category(cells: Sequence[str]) -> bool:
    """A few values that many rows share."""
    distinct = len(set(cells))
    return distinct <= 3 or distinct <= max(6, 0.15 * len(cells)) or (distinct <= 60 and distinct <= 0.35 * len(cells))


def years_of(cells: Sequence[str]) -> list[int]:
    """The years of the cells that are dates, sorted; a year of two digits lies between 1931 and 2030."""
    found: list[date | None] = []
    short: list[int] = []
    for cell in cells[:200]:
        if match := SHORT_DAY.fullmatch(cell):
            short.append(int(match[3]) + (1900 if int(match[3]) > 30 else 2000))
        else:
            found.append(next((d for o in ("mdy", "dmy", "ymd") if (d := one_date(cell, order=o))), None))
    return sorted([day.year for day in found if day] + short)


def is_row_of_values(row: Sequence[str]) -> bool:
    """Whether a first row cannot be headers: two cells or more, and one in five, are mail, days, amounts, numbers or streets."""
    filled = [cell.strip() for cell in row if cell.strip()]
    values = [cell for cell in filled if _is_value(cell)]
    return len(values) >= 2 and len(values) * 5 >= len(filled)


def _is_value(cell: str) -> bool:
    if (
        EMAIL.fullmatch(cell)
        or has_decimals(cell)
        or is_date(cell)
        or is_short_date(cell)
        or is_iban(cell)
        or is_phone(cell)
    ):
        return True
    digits = sum(map(str.isdigit, cell))
    return (
        digits >= 6
        or (cell.isdigit() and not re.fullmatch(r"(?:19|20)\d\d|\d{1,2}", cell))
        or (digits >= 1 and is_street(cell))
    )
