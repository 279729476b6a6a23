"""What values look like: forms and check digits of identifiers, alone in a cell or inside a text."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache, partial
from itertools import pairwise

from stdnum import iban, luhn

from masking.nationals import is_national_id, national_scheme
from masking.people import FIRM, LENDER, is_full_name, is_known_name
from masking.values import minor_units, one_date

MOST = 0.8
"""A column has a form if this share of its cells has it."""

STRAY_DIGITS = 7
"""A text with this many digits in a run holds a number of somebody or something, not a category."""

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
EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^\W\d_]{2,}", re.IGNORECASE)
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
_STREET_EN = (
    r"street|avenue|road|boulevard|lane|drive|court|place|way|terrace|circle|highway|hwy|parkway|pkwy|square|trail|close|crescent|gardens|"
    r"grove|mews|row|walk|alley|loop|plaza|st|ave|av|rd|blvd|ln|dr|ct|pl|ter|terr|cir|sq|trl|apt|apartment|suite|ste|unit|cres|pde|parade"
)
STREET = re.compile(
    rf"(?:no\.? ?|flat |unit |apt\.? )?\d+[a-z]?(?:[-/]\d+\w?)?,? .*\b(?:{_STREET_EN})\b.*"
    r"|\d+[a-z]?,? (?:bis |ter )?(?:rue|avenue|av\.?|boulevard|bd|place|chemin|all[ée]e|impasse|quai|cours|route|square|faubourg)\b.*"
    r"|.*(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|damm|ufer|ring|straat|laan|plein|gracht|kade|dijk|gatan|v[äa]gen|gade|vej|gata|veien|"
    r"katu|tie|utca|[uú]t|t[ée]r) \d+ ?[a-z]?(?:[-/ ].*)?"
    r"|(?:ul\.|al\.|os\.|pl\.|ulica|aleja|calle|c/|avda?\.?|avenida|paseo|plaza|camino|ronda|carrera|via|viale|corso|piazza|vicolo|largo|"
    r"strada|rua|travessa|pra[çc]a|av\.|str\.|strada|bulevardul|bd\.|ulitsa|prospekt|улица|ул\.|пр\.|οδός)\s.*\d+\w?.*"
    r"|.*\b(?:mahallesi|mah\.|sokak|sok\.|cad\.|caddesi|nagar|marg|chowk|bagh)\b.*|.*\d+-\d+-\d+.*(?:ku|shi|cho)\b.*"
    r"|(?:p\.? ?o\.? ?box|postfach|bo[îi]te postale|bp|apartado|skrytka|casella postale|postbus)\s+\d+.*"
    r"|\d{1,5} [A-Za-z][\w' .-]+(?: (?:#|apt|suite|unit|no\.?) ?\w+)",
    re.IGNORECASE,
)
HOUSE_FIRST = re.compile(r"\d{1,5}[a-z]?,? [^\W\d_].{3,40}", re.IGNORECASE)
HOUSE_LAST = re.compile(
    r"[^\W\d_][^\d,;:]{3,40},? (?:nr\.? ?|no\.? ?|n[º°] ?|č\.p\. ?)?\d{1,4} ?[a-z]?(?:[-/]\d+)?", re.IGNORECASE
)
STREET_NAME = re.compile(
    rf"[^\d@]{{2,40}}\b(?:{_STREET_EN}|rue|straße|strasse|straat|gatan|via|calle)\.?", re.IGNORECASE
)
WORDS = re.compile(r"[^\W\d_]+(?:[ ,.'\u2019&-]+[^\W\d_]+){0,5}\.?")
CODE = re.compile(r"[A-Z]{0,5}[ /-]?\d{4,}[A-Z0-9/-]*", re.IGNORECASE)
TOKEN_LIKE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9./_#-]{4,39}", re.IGNORECASE)
NUMBER = re.compile(r"-?\d{1,12}(?:[.,]\d{1,10})? ?%?")
SPACED = re.compile(r"\+?\(?\d[\d ()./-]{5,18}\d")
UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?|[0-9a-f]{16,64}", re.IGNORECASE)
STARRED = re.compile(r"(?:[Xx*•#]{2,}[ -]?)+\d{2,6}")
STARRED_END = re.compile(r"[Xx*•#]{3,}[ -]?(?:[Xx*•#]{2}[ -]?)?\d{4}\b")
HIDDEN_EMAIL = re.compile(r"\w ?[\[(](?:at|@)[\])] ?\w", re.IGNORECASE)
PLACE_ON_EARTH = re.compile(r"-?\d{1,2}\.\d{4,}[,;] ?-?\d{1,3}\.\d{4,}")
ADDRESSED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Mme|Mlle|Herrn?|Frau|Sra?|Sig|Dott|Dr|MR|MRS|MS|MME|HERR|FRAU|DR)\.? [^\W\d_a-z][\w'\u2019-]+"
)
LAST_FIRST = re.compile(r"[^\W\d_][\w'\u2019-]+, [^\W\d_][\w'\u2019-]{2,}(?: [^\W\d_]\.?)?")
PARTS = re.compile(r"[/|;:()\[\]]| [-\u2013] ")
IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}", re.IGNORECASE)
CJK = re.compile(
    r"[\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af]{2,5}(?:[ \u3000][\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af]{1,4})?"
)
YES_NO = frozenset(
    "y n yes no true false t f 0 1 j ja nein oui non si sí s tak nie x sim nao não v verdadero falso vero - n/a na none null".split()
)
YEARS = re.compile(r"(?:19|20)\d\d ?[-\u2013/] ?(?:19|20)?\d\d(?!\d)")
RUN = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){6,}")
SHORT_DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2})")
POSTAL = (
    re.compile(r"\d{5}(-\d{4})?"),
    re.compile(r"\d\d-\d{3}"),
    re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", re.IGNORECASE),
    re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d", re.IGNORECASE),
    re.compile(r"\d{4} ?[A-Z]{2}"),
    re.compile(r"\d{3} \d{2}"),
    re.compile(r"\d{4}-\d{3}"),
    re.compile(r"\d{5}-\d{3}"),
    re.compile(r"\d{3}-\d{4}"),
)


def is_card_number(text: str) -> bool:
    """Whether a text is a payment-card number: an issuer's range, its length, and the Luhn check digit."""
    if not CARD_FORM.fullmatch(text):
        return False
    digits = re.sub(r"[ -]", "", text)
    known = any(len(digits) in lengths and form.match(digits) for form, lengths in CARD_RANGES)
    return known and luhn.is_valid(digits)


def is_iban(text: str) -> bool:
    return bool(IBAN.fullmatch(text)) and iban.is_valid(text)


def is_phone(text: str) -> bool:
    return _fits(PHONE, text) or _fits(LOCAL_PHONE, text)


def _fits(pattern: re.Pattern[str], cell: str) -> bool:
    return pattern.fullmatch(cell) is not None


def is_street(cell: str) -> bool:
    return len(cell) <= 120 and _fits(STREET, cell)


def share(cells: Sequence[str], holds: Callable[[str], bool]) -> float:
    """The share of cells for which something holds."""
    return sum(map(holds, cells)) / len(cells) if cells else 0.0


def strong_form(cells: Sequence[str]) -> str | None:
    """The identifier that most cells are, by form and check digits."""
    for name, holds in (("email", partial(_fits, EMAIL)), ("bank_account", is_iban)):
        if share(cells, holds) >= MOST:
            return name
    if share(cells, partial(_fits, PLACE_ON_EARTH)) >= MOST:
        return "street_address"
    if share(cells, partial(_fits, UUID)) >= MOST or share(cells, partial(_fits, IP)) >= MOST:
        return "identity_document"
    if share(cells, is_date) >= MOST or share(cells, has_decimals) >= MOST:
        return None
    if share(cells, partial(_fits, PHONE)) >= MOST:
        return "phone"
    if national_scheme(cells):
        return "national_id"
    if share(cells, is_phone) >= MOST or (
        share(cells, partial(_fits, NANP)) >= 0.97 and len(set(cells)) > len(cells) / 2
    ):
        return "phone"
    if share(cells, lambda cell: is_street(cell) or _fits(STREET_NAME, cell)) >= MOST or _looks_like_addresses(cells):
        return "street_address"
    return None


def _looks_like_addresses(cells: Sequence[str]) -> bool:
    """A few words and a house number, nearly all different, of which some name a street."""
    if len(set(cells)) < 0.5 * len(cells) or share(cells, is_phone) > 0.1:
        return False
    housed = share(cells, lambda cell: _fits(HOUSE_FIRST, cell) or _fits(HOUSE_LAST, cell) or is_street(cell))
    numbers = {re.sub(r"\D", "", cell)[:5] for cell in cells}
    prefixes = {re.sub(r"[\d\W]+", " ", cell).strip().casefold() for cell in cells}
    return housed >= MOST and len(numbers) > 5 and len(prefixes) > 0.15 * len(cells) and len(prefixes) > 4


@lru_cache(maxsize=1 << 16)
def is_amount(cell: str) -> bool:
    return any(minor_units(cell, exponent=3, decimal_mark=mark) is not None for mark in ".,")


def is_number(cell: str) -> bool:
    return is_amount(cell) or _fits(NUMBER, cell)


def has_decimals(cell: str) -> bool:
    return bool(re.search(r"\d[.,]\d{1,2}\)?-?(?: ?[^\W\d_]{1,3}| ?[€$£])?$", cell)) and is_amount(cell)


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


def looks_like_yes_no(cells: Sequence[str]) -> bool:
    return len(cells) >= 5 and len(set(cells)) <= 4 and share(cells, lambda cell: cell.casefold() in YES_NO) >= 0.98


def looks_like_names(cells: Sequence[str]) -> bool:
    """Names of people, firms or places: common names, or words with capitals and hardly two cells alike."""
    distinct = set(cells)
    if share(cells, lambda cell: bool(ADDRESSED.match(cell))) >= MOST:
        return True
    if share(cells, partial(_fits, CJK)) >= MOST and len(distinct) >= 8:
        return True
    worded = [cell for cell in cells if _fits(WORDS, cell) or FIRM.search(cell)]
    if len(worded) < MOST * len(cells):
        return False
    lenders = share(worded, lambda cell: bool(LENDER.search(cell)))
    known = sum(map(is_known_name, distinct)) / len(distinct)
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
    if ratio < 0.5 and share(worded, lambda cell: bool(FIRM.search(cell))) >= 0.4:
        return False
    return share(worded, lambda cell: cell[:1].isupper() or cell[:1] in "'\u2019") >= 0.9 or known >= 0.2


def _shared_by_many(cells: Sequence[str], distinct: set[str], known: float) -> bool:
    """A handful of words in a long column is a category, unless nearly all of them are names."""
    return len(distinct) <= 6 and len(cells) >= 10 * len(distinct) and known < 0.95


def looks_like_codes(cells: Sequence[str]) -> bool:
    """What somebody is filed under: numbers or letters with numbers, nearly all different."""
    distinct = len(set(cells))
    if len(cells) < 5:
        return False
    if share(cells, partial(_fits, STARRED)) >= MOST:
        return True
    if share(cells, _is_fraction) >= 0.5:
        return False
    if distinct >= 0.5 * len(cells) and share(cells, _is_spaced) >= 0.9:
        return True
    if led_by_zeros(cells):
        return True
    sizes = {len(cell) for cell in cells}
    digits = share(cells, str.isdigit) >= 0.9
    fixed = len(sizes) <= 2
    if distinct >= 0.95 * len(cells):
        if fixed and min(sizes) >= 6 and share(cells, partial(_fits, CODE)) >= 0.9:
            return True
        if digits:
            return _counts_up(cells) or (min(sizes) >= 8 and len(sizes) <= 5)
        return (
            share(cells, partial(_fits, TOKEN_LIKE)) >= 0.9
            and share(cells, is_amount) < 0.5
            and share(cells, is_date) < 0.5
        )
    if distinct >= 0.5 * len(cells) and fixed and min(sizes) >= 7:
        return digits or (share(cells, partial(_fits, CODE)) >= 0.9 and share(cells, has_decimals) < 0.5)
    return False


def _is_fraction(cell: str) -> bool:
    return _fits(NUMBER, cell) and not cell.isdigit()


def _is_spaced(cell: str) -> bool:
    """Seven digits or more with blanks or signs between, and neither an amount nor a day."""
    return (
        _fits(SPACED, cell)
        and sum(map(str.isdigit, cell)) >= 7
        and not cell.isdigit()
        and not is_amount(cell)
        and not is_date(cell)
    )


def _rises(cells: Sequence[str]) -> bool:
    """Whole numbers that hardly ever fall from row to row: what rows are sorted and filed by."""
    if (
        len(cells) < 20
        or len(set(cells)) < 0.5 * len(cells)
        or not all(cell.isdecimal() and len(cell) < 18 for cell in cells)
    ):
        return False
    return sum(int(one) <= int(after) for one, after in pairwise(cells)) >= 0.97 * (len(cells) - 1)


def looks_like_running_numbers(cells: Sequence[str]) -> bool:
    """Whole numbers that rise from row to row, or are all different and lie close together."""
    if share(cells, str.isdecimal) < 0.99:
        return False
    return _rises(cells) or (len(set(cells)) == len(cells) and _counts_up(cells))


def led_by_zeros(cells: Sequence[str]) -> bool:
    """Whole numbers of one length that now and then begin with a zero, as no count and no amount does."""
    if len(cells) < 20 or len({len(cell) for cell in cells}) > 1 or len(cells[0]) < 3:
        return False
    led = share(cells, lambda cell: cell.startswith("0"))
    return all(map(str.isdecimal, cells)) and led >= 0.02 and len(set(cells)) >= 0.3 * len(cells)


def _counts_up(cells: Sequence[str]) -> bool:
    """Whole numbers that all lie close together and are all different: a running number."""
    numbers = sorted({int(cell) for cell in cells if cell.isdecimal() and len(cell) < 18})
    steps = [after - before for before, after in pairwise(numbers)]
    return len(numbers) >= 8 and len(set(steps)) <= max(3, len(steps) // 20) and max(steps) <= 50


def looks_like_postal_codes(cells: Sequence[str]) -> bool:
    """One country's postal codes, of one length unless they have letters; bare digits must be five."""
    distinct = len(set(cells))
    return distinct > 12 and any(share(cells, partial(_fits, form)) >= 0.9 for form in POSTAL)


def looks_like_sentences(cells: Sequence[str]) -> bool:
    """Three words or more in every second cell, and more than a handful of different ones."""
    return share(cells, lambda cell: len(cell.split()) > 2) >= 0.5 and len(set(cells)) > 4


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
