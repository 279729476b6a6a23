"""Headers that lie: what the values say if they are not what a header promises."""

from collections.abc import Sequence

from masking import codes, forms
from masking.fields import FIELDS, Field, FieldClass, Kind
from masking.guessing import CODES, DOUBT, GUESS, LIKELY, Guess, births, by_values, is_day
from masking.people import FIRM, LENDER, is_full_name, is_known_name
from masking.shares import share

FEW = 5
"""Fewer cells than this contradict no header."""

CROWD = 30
"""In so many cells a category shows by values that rows share."""

PLACES = frozenset({"state", "country"})
VERIFIABLE = frozenset({"email", "bank_account", "phone", "national_id", "street_address"})


def contradicted(entry: Field, cells: Sequence[str]) -> Guess | None:
    """What the values say if they are not what the header promises; None if they may well be."""
    if entry.cls is FieldClass.IDENTIFIER:
        return _no_identifier(entry, cells)
    if entry.name in PLACES:
        return _no_place(cells)
    if entry.cls is FieldClass.FREE_TEXT or (entry.cls is FieldClass.QUASI and entry.kind is Kind.TEXT):
        return None
    if held := forms.strong_form(cells):
        if entry.kind is Kind.AMOUNT and held != "email" and not _filed_under(cells):
            return None  # round amounts may look like numbers of all kinds
        return held, LIKELY, f"the form of the values says {held}", FIELDS[held].cls.value
    match entry.kind:
        case Kind.AMOUNT:
            return _no_amount(cells)
        case Kind.DATE if entry.cls is FieldClass.ANALYTIC:
            return _no_analytic_day(cells)
        case Kind.DATE if share(cells, is_day) < 0.5:
            return _other_kind(cells)
        case Kind.TEXT if len(set(cells)) > 12 and not _category_header_holds(entry, cells):
            return _other_kind(cells)
        case _:
            return None


def _no_place(cells: Sequence[str]) -> Guess | None:
    """Numbers, people or nearly as many values as rows under the header of a state or a country."""
    if len(cells) < FEW:
        return None
    if held := forms.strong_form(cells):
        return held, LIKELY, f"the form of the values says {held}", FIELDS[held].cls.value
    numbered = share(cells, lambda cell: any(map(str.isdigit, cell))) >= 0.5
    crowded = len(cells) >= CROWD and len(set(cells)) >= 0.5 * len(cells)
    return _other_kind(cells) if numbered or crowded or share(cells, is_full_name) >= 0.3 else None


def _no_amount(cells: Sequence[str]) -> Guess | None:
    if share(cells, forms.is_amount) < 0.5:
        return _other_kind(cells)
    if len(cells) >= FEW and share(cells, lambda cell: len(cell) == 8 and forms.is_date(cell)) >= 0.95:
        return _other_kind(cells)
    if _filed_under(cells) or codes.led_by_zeros(cells) or _evenly_spread(cells):
        return CODES, GUESS, "the values are numbers that something is filed under", "I"
    return None


def _no_analytic_day(cells: Sequence[str]) -> Guess | None:
    """Births under the header of a day in the life of a debt: no debt that is for sale is so old, but for a few loans."""
    if share(cells, is_day) < 0.5:
        return _other_kind(cells)
    if _filed_under(cells):
        return CODES, GUESS, "the values are numbers that something is filed under", "I"
    if len(cells) >= FEW and births(forms.years_of(cells)):
        return "date_of_birth", GUESS, "days as those of births", "Q"
    return None


def _other_kind(cells: Sequence[str]) -> Guess:
    found, _, why, cls = by_values(cells)
    return (found, GUESS, why, cls) if cls == "I" else (None, DOUBT, "its values are of another kind", cls)


def _category_header_holds(entry: Field, cells: Sequence[str]) -> bool:
    """Whether values may be those of a category: shared by many, or no names, codes, sentences, days or amounts."""
    if forms.looks_like_category(cells):
        return not (share(cells, is_full_name) >= 0.5 or _names_alone(cells))
    if len(cells) >= CROWD and len(set(cells)) >= 0.5 * len(cells) and not _listed(entry, cells):
        return False
    if share(cells, forms.has_decimals) >= LIKELY or share(cells, forms.is_date) >= LIKELY:
        return False
    if share(cells, is_known_name) >= 0.6 or share(cells, is_full_name) >= 0.3:
        return False
    return len(set(cells)) < 0.95 * len(cells) or not (codes.looks_like_codes(cells) or share(cells, _is_long) >= 0.5)


def _names_alone(cells: Sequence[str]) -> bool:
    """Single words of which most are names of people."""
    distinct = set(cells)
    alone = share(cells, lambda cell: " " not in cell) >= LIKELY
    return alone and len(distinct) >= 12 and sum(map(is_known_name, distinct)) >= 0.5 * len(distinct)


def _is_worded(cell: str) -> bool:
    return " " in cell and not any(map(str.isdigit, cell))


def _listed(entry: Field, cells: Sequence[str]) -> bool:
    """Codes of a published list, of which a tape may show many; firms, which may be as many as there are lenders."""
    if entry.name == "industry_code":
        return share(cells, lambda cell: cell.isdigit() and len(cell) <= 6 and not cell.startswith("0")) >= 0.95
    if entry.name == "currency":
        return share(cells, is_known_name) < 0.3 and share(cells, str.isalpha) + share(cells, _is_worded) >= LIKELY
    lenders = share(cells, lambda cell: bool(LENDER.search(cell) or FIRM.search(cell)))
    return entry.name == "original_creditor" and lenders >= 0.5


def _is_long(cell: str) -> bool:
    return len(cell.split()) > 5


def _filed_under(cells: Sequence[str]) -> bool:
    """Whole numbers of one length, eight digits or more, nearly all different and hardly any of them round."""
    if share(cells, lambda cell: cell.isdigit() and len(cell) >= 8 and not forms.is_date(cell)) < 0.95:
        return False
    round_share = share(cells, lambda cell: cell.endswith("0"))
    return len({len(cell) for cell in cells}) <= 2 and len(set(cells)) >= 0.9 * len(cells) and round_share < 0.3


def _evenly_spread(cells: Sequence[str]) -> bool:
    """Whole numbers of one length, five digits or more, whose first digits are as frequent as each other: no amounts are."""
    if len(cells) < CROWD or len({len(cell) for cell in cells}) > 1 or len(cells[0]) < 5:
        return False
    if not all(map(str.isdigit, cells)) or len(set(cells)) < 0.9 * len(cells):
        return False
    return share(cells, lambda cell: cell[0] in "12") < 0.35 and share(cells, lambda cell: cell.endswith("0")) < 0.2


def _no_identifier(entry: Field, cells: Sequence[str]) -> Guess | None:
    """Days, amounts or answers under the header of an identifier: somebody mixed up the columns, or it is a flag."""
    if len(cells) < FEW:
        return None
    if forms.looks_like_yes_no(cells):
        return None, DOUBT, "its values are yes or no", "A"
    if entry.name in VERIFIABLE and (held := forms.strong_form(cells)) and held != entry.name:
        return held, LIKELY, f"the form of the values says {held}", FIELDS[held].cls.value
    written = share(cells, lambda cell: not cell.isdigit() and (forms.is_date(cell) or forms.is_short_date(cell)))
    if written >= 0.9 or share(cells, forms.has_decimals) >= 0.9:
        return _other_kind(cells)
    return None
