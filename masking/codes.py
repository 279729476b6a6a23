"""What rows are filed under: numbers of accounts, of persons, of cars, and postal codes."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from masking.forms import MOST, has_decimals, is_amount, is_date, is_fraction
from masking.shares import fits, share

CODE = re.compile(r"[A-Z]{0,5}[ /-]?\d{4,}[A-Z0-9/-]*", re.IGNORECASE)
TOKEN_LIKE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9./_#-]{4,39}", re.IGNORECASE)
SPACED = re.compile(r"\+?\(?\d[\d ()./-]{5,18}\d")
STARRED = re.compile(r"(?:[Xx*•#]{2,}[ -]?)+\d{2,6}")
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


def looks_like_codes(cells: Sequence[str]) -> bool:
    """What somebody is filed under: numbers or letters with numbers, nearly all different."""
    if len(cells) < 5:
        return False
    return share(cells, partial(fits, STARRED)) >= MOST or _are_filed_under(cells)


def _are_filed_under(cells: Sequence[str]) -> bool:
    distinct = len(set(cells))
    if share(cells, is_fraction) >= 0.5:
        return False
    if distinct >= 0.5 * len(cells) and share(cells, _is_spaced) >= 0.9:
        return True
    if led_by_zeros(cells) or (distinct >= 0.95 * len(cells) and _are_plates(cells)):
        return True
    sizes = {len(cell) for cell in cells}
    digits = share(cells, str.isdigit) >= 0.9
    if digits and share(cells, lambda cell: cell.endswith("00")) >= 0.5:
        return False  # round sums
    fixed = len(sizes) <= 2
    if distinct >= 0.95 * len(cells):
        if fixed and min(sizes) >= 6 and share(cells, partial(fits, CODE)) >= 0.9:
            return True
        if digits:
            return _counts_up(cells) or (min(sizes) >= 8 and len(sizes) <= 5 and not _are_sums(cells))
        return (
            share(cells, partial(fits, TOKEN_LIKE)) >= 0.9
            and share(cells, is_amount) < 0.5
            and share(cells, is_date) < 0.5
        )
    if distinct >= 0.5 * len(cells) and fixed and min(sizes) >= 7:
        return digits or (share(cells, partial(fits, CODE)) >= 0.9 and share(cells, has_decimals) < 0.5)
    return False


def look_like_histories(cells: Sequence[str]) -> bool:
    """A letter or digit for every month, as `CCC123CC`: few different letters, whose places differ from cell to cell."""
    lengths, letters = {len(cell) for cell in cells}, {char for cell in cells for char in cell if char.isalpha()}
    if (
        len(lengths) > 1
        or max(lengths, default=0) < 6
        or not 1 <= len(letters) <= 6
        or not all(map(str.isalnum, cells))
    ):
        return False
    return (
        len({re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", cell)) for cell in cells}) > 0.2 * len(cells)
        and len(cells) >= 5
    )


def _are_sums(cells: Sequence[str]) -> bool:
    """Whole sums of money: of several sizes, and twice as often begun by 1 or 2 as numbers drawn by lot (Benford's law)."""
    return len({len(cell) for cell in cells}) > 1 and share(cells, lambda cell: cell[0] in "12") >= 0.4


def _are_plates(cells: Sequence[str]) -> bool:
    """A few capital letters and digits in few groups, as plates, permits and numbers of persons have; some may be digits alone."""
    some = [cell for cell in cells if len(cell) <= 16 and len(cell.split()) <= 5 and _has_no_lower_case(cell)]
    mixed = [cell for cell in some if any(map(str.isalpha, cell)) and sum(map(str.isalpha, cell)) <= 8]
    return (
        len(some) >= 0.95 * len(cells)
        and len(mixed) >= 0.6 * len(cells)
        and share(cells, lambda cell: any(map(str.isdigit, cell))) >= 0.85
        and share(mixed, is_amount) < 0.2
        and share(mixed, is_date) < 0.2
    )


def _has_no_lower_case(cell: str) -> bool:
    return cell == cell.upper()


def _is_spaced(cell: str) -> bool:
    """Seven digits or more with blanks or signs between, and neither an amount nor a day."""
    return (
        fits(SPACED, cell)
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
    if distinct <= 12 or (all(len(cell) == 7 and cell[-5:-3].isdigit() for cell in cells) and " " not in cells[0]):
        return False  # the plates of Slovakia look like British codes of one length
    return any(share(cells, partial(fits, form)) >= 0.9 for form in POSTAL)
