"""Which column holds what: headers first, then the values' form and check digits; and what may not be uploaded at all."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from masking import codes, forms, npl
from masking.columns import one
from masking.contradicting import FEW, contradicted
from masking.fields import FACE_FIELDS, FIELDS, FORBIDDEN_HEADERS, Kind, reduce
from masking.forms import is_card_number
from masking.guessing import CODES, DOUBT, GUESS, LIKELY, SURE, UNKNOWN, Guess, by_values
from masking.headers import by_header
from masking.limits import IntakeError, TapeInfo
from masking.nationals import national_scheme
from masking.people import is_full_name
from masking.policy import Mapping, Stage, default_policy
from masking.shares import share
from masking.values import decimal_mark_of, one_date

CARD_SHARE = 0.05
"""A column of which this share are card numbers refuses the upload."""

FORMAT = "market-mask-detect/1"
LOOKED_AT = 400
"""Cells of a column whose forms are looked at, evenly drawn from the sample; strays are looked for in all of them."""

SHARED_BY = 5
"""A text that so many cells of a sample share points at a category, not at somebody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one column seems to hold: a canonical field or None, how sure (0 to 1), and why, without any value.

    `cls` is the class letter: that of the field, or what the values look like where no field could be named; "?" if unknown.
    """

    column: str
    field: str | None
    confidence: float
    why: str
    cls: str = UNKNOWN
    rivals: tuple[str, ...] = ()
    """Of a column that was taken for the balance: others that hold amounts, of which nothing says what they are."""


def detect(columns: Sequence[str], sample: pa.Table) -> list[Finding]:
    """One finding per column, in order. Raises IntakeError("forbidden_column") for card numbers, card codes, passwords."""
    cells = {column: _filled(sample, column) for column in columns}
    refuse_forbidden(columns, cells)
    findings = [_find(column, cells[column]) for column in columns]
    return _doubt_the_balance(_one_column_per_field(_name_the_key(findings, cells)), cells)


_NO_MONEY = re.compile(r"rate|zins|quote|taux|tasa|tasso|stopa|percent|prozent|pct|%|score|ratio", re.IGNORECASE)


def _doubt_the_balance(findings: list[Finding], cells: dict[str, list[str]]) -> list[Finding]:
    """The column that would be the face value is a guess while other columns hold amounts that nothing explains.

    A header that is known as that of the current balance is none.
    """
    by_field = {finding.field: finding for finding in findings if finding.field}
    face = next((by_field[name] for name in FACE_FIELDS if name in by_field), None)
    if face is None or (face.field == FACE_FIELDS[0] and face.confidence >= SURE):
        return findings
    rivals = tuple(
        finding.column
        for finding in findings
        if finding.field is None
        and not _NO_MONEY.search(finding.column)
        and share(_drawn(cells[finding.column]), forms.has_decimals) >= 0.5
    )
    if not rivals:
        return findings
    shown = ", ".join(map(repr, rivals))
    why = f"{face.why}; amounts stand in {shown} too: say which is the balance"
    doubted = replace(face, confidence=min(face.confidence, GUESS), why=why, rivals=rivals)
    return [doubted if finding is face else finding for finding in findings]


def question(findings: Sequence[Finding]) -> str:
    """What must be asked about the balance before anything is sold by these findings; empty if nothing must."""
    doubted = next((finding for finding in findings if finding.rivals), None)
    if doubted is None:
        return ""
    return (
        f"which column is the balance? {doubted.column!r} was taken for {doubted.field}, "
        f"and amounts stand in {', '.join(map(repr, doubted.rivals))} too"
    )


def as_json(findings: Sequence[Finding], mapping: Mapping, info: TapeInfo) -> dict[str, Any]:
    """What `market mask detect` prints; the form is described in docs/masking.md and stays as it is."""
    return {
        "format": FORMAT,
        "tape": asdict(info),
        "findings": [
            {
                "column": finding.column,
                "field": mapping.columns[finding.column],
                "class": finding.cls,
                "confidence": finding.confidence,
                "reasons": finding.why.split("; "),
                "treatment": treatment_of(mapping.columns[finding.column]),
            }
            for finding in findings
        ],
        "columns": dict(mapping.columns),
        "decimal_mark": mapping.decimal_mark,
        "date_order": mapping.date_order,
        "encoding": mapping.encoding or None,
    }


def treatment_of(name: str | None) -> dict[str, str]:
    """What becomes of a field at each stage that shows rows; what has no field is dropped until it is mapped."""
    policy = default_policy()
    stages = (Stage.PREVIEW, Stage.VETTED, Stage.SALE)
    return {
        stage.name.lower(): policy.treatment(name or "", stage).value if name or stage is Stage.SALE else "drop"
        for stage in stages
    }


def _name_the_key(findings: list[Finding], cells: dict[str, list[str]]) -> list[Finding]:
    """Where no header tells the account number, the first column of codes that are all different is taken for it."""
    if any(finding.field in {"account_number", "invoice_number"} for finding in findings):
        return findings
    result = list(findings)
    for place, finding in enumerate(findings):
        values = cells[finding.column]
        if finding.field == CODES and finding.confidence == GUESS and len(set(values)) == len(values):
            result[place] = replace(finding, field="account_number")
            break
    return result


_LIKE_DAY = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{2,4}")
_LIKE_AMOUNT = re.compile(r"[-(]?[0-9][0-9.,' ]*[.,][0-9]{2}\)?")


def refuse_forbidden(columns: Sequence[str], cells: dict[str, list[str]]) -> None:
    """Raises IntakeError for the first column whose header or whose values may not be uploaded."""
    for column in columns:
        if reduce(column) in FORBIDDEN_HEADERS:
            raise IntakeError("forbidden_column", "By its header.", column=column)
        values = cells[column]
        cards_count = sum(map(is_card_number, values))
        # South African identity numbers have 13 digits, a Luhn digit, and of those born in the forties the first digit of Visa.
        if values and cards_count >= max(CARD_SHARE * len(values), 1) and national_scheme(_drawn(values)) != "za.idnr":
            raise IntakeError("forbidden_column", "Its values are payment-card numbers.", column=column)


def suggest(findings: Sequence[Finding], sample: pa.Table, *, least: float = 0.5) -> Mapping:
    """A mapping of the findings that are sure enough; all other columns are dropped. The seller corrects it.

    The decimal mark and the order of dates are read off every column that is mapped to such a field, or looks like one:
    a column that the seller names only later was written by the same hand.
    """
    columns = {finding.column: finding.field if finding.confidence >= least else None for finding in findings}
    amounts = _cells_of(columns, sample, Kind.AMOUNT, _LIKE_AMOUNT)
    days = _cells_of(columns, sample, Kind.DATE, _LIKE_DAY)
    return Mapping(columns, decimal_mark=decimal_mark_of(amounts), date_order=_date_order(days))


def order_of_dates(mapping: Mapping, sample: pa.Table) -> str:
    """The order in which most dates of the mapped columns can be read."""
    days = [
        cell
        for column, name in mapping.items()
        if name and FIELDS[name].kind is Kind.DATE and column in sample.column_names
        for cell in _drawn(_filled(sample, column))
    ]
    return _date_order(days) if days else mapping.date_order


def _cells_of(columns: dict[str, str | None], sample: pa.Table, kind: Kind, like: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for column, name in columns.items():
        cells = _drawn(_filled(sample, column))
        if name and FIELDS[name].kind is kind:
            found += cells
        elif name is None:
            alike = [cell for cell in cells if like.fullmatch(cell)]
            found += alike if len(alike) * 2 > len(cells) else []
    return found


def _date_order(cells: list[str]) -> str:
    """The order that reads most cells; where several do, days come first if the dates are written with dots."""
    orders = ("dmy", "mdy", "ymd") if any("." in cell for cell in cells) else ("mdy", "dmy", "ymd")
    return max(orders, key=lambda order: sum(one_date(cell, order=order) is not None for cell in cells))


def _filled(sample: pa.Table, column: str) -> list[str]:
    """The cells that are not empty."""
    return [cell.strip() for cell in one(sample.column(column)).to_pylist() if cell and cell.strip()]


def _drawn(cells: list[str]) -> list[str]:
    """Up to LOOKED_AT of the cells, evenly drawn."""
    return [cells[i] for i in np.linspace(0, len(cells) - 1, min(len(cells), LOOKED_AT)).astype(int)]


def _find(column: str, cells: list[str]) -> Finding:
    looked_at = _drawn(cells)
    name, confidence, why = by_header(column)
    if (entry_of_template := npl.entry_of(column)) and (name is None or confidence < SURE):
        name, confidence = entry_of_template.field, SURE
        why = f"field {entry_of_template.index} of {npl.REGULATION}"
        if name is None:
            return _clean(Finding(column, None, LIKELY, f"{why}; dropped until mapped", entry_of_template.cls), cells)
    if name is None:
        return _clean(_finding(column, _by_hint(column, looked_at) or by_values(looked_at)), cells)
    entry = FIELDS[name]
    if not cells:
        return Finding(column, name, confidence, why, entry.cls.value)
    if against := contradicted(entry, looked_at):
        found, sure, said, cls = against
        return _clean(Finding(column, found, sure, f"the header says {name}; {said}", cls), cells)
    return _clean(Finding(column, name, confidence, why, entry.cls.value), cells)


_ID_WORD = re.compile(
    r"(?:^|[^a-z])(?:ids?|identifier|num(?!_?of)|number(?!_?of)|no(?!_of)|nr|nbr|key|ref|reference|uuid|guid|kennung|identifiant|numero)(?:[^a-z]|$)"
)
_PARTNER = re.compile(
    r"provider|insurer|servicer|agency|agent\b|valuer|appraiser|law_?firm|legal_firm|auctioneer|broker|manufacturer"
)


def _is_word(cell: str) -> bool:
    return len(cell) <= 40 and " " not in cell


def _is_code(cell: str) -> bool:
    return any(map(str.isdigit, cell)) or not (cell.istitle() or cell.islower() or cell.isupper())


def _by_hint(column: str, cells: list[str]) -> Guess | None:
    """What an unknown header hints at, if the values bear it out: a number that rows are filed by, or a business partner."""
    words = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)).lower()
    filed = len(cells) >= FEW and bool(_ID_WORD.search(words)) and len(set(cells)) >= 0.9 * len(cells)
    measured = share(cells, forms.has_decimals) >= 0.5 or share(cells, forms.is_date) >= 0.5
    if filed and not measured and share(cells, _is_word) >= SURE and share(cells, _is_code) >= GUESS:
        return CODES, GUESS, "a header of numbers, and values that are nearly all different", "I"
    if _PARTNER.search(words) and share(cells, is_full_name) < 0.3 and not forms.strong_form(cells):
        return None, 0.0, "a header of business partners: dropped until mapped", "A"
    return None


def _finding(column: str, guess: Guess) -> Finding:
    return Finding(column, guess[0], guess[1], guess[2], guess[3])


def _clean(finding: Finding, cells: list[str]) -> Finding:
    """The finding, unless a column that would be kept holds identifiers of somebody here and there."""
    if finding.cls != "A" or not cells or codes.look_like_histories(cells):
        return finding
    entry = FIELDS[finding.field] if finding.field else None
    if (entry and entry.kind is Kind.AMOUNT) or (not entry and share(_drawn(cells), _is_sum) >= LIKELY):
        strays = _strays_among_amounts(cells)
    elif (entry and entry.kind is Kind.DATE) or (not entry and share(_drawn(cells), forms.is_date) >= LIKELY):
        strays = sum(forms.stray(cell) for cell in set(cells) if not _LIKE_DAY.match(cell))
    else:
        strays = _strays_among_words(finding, Counter(cells))
    if not strays:
        return finding
    why = f"{finding.why}; {strays} of {len(cells)} cells looked at hold a number, name or address of somebody: clean the column"
    return Finding(finding.column, None, DOUBT, why, "I")


def _is_sum(cell: str) -> bool:
    return forms.is_amount(cell) or forms.is_fraction(cell)


def _strays_among_words(finding: Finding, cells: Counter[str]) -> int:
    """Cells that few share and that quote an identifier; in a category, those too that look like a name and share no word with it."""
    rare = [cell for cell, count in cells.items() if count < SHARED_BY]
    common = [cell for cell, count in cells.items() if count >= SHARED_BY]
    told = {word for cell in common for word in re.findall(r"[^\W\d_]+", cell.casefold())}
    crowded = finding.field != "original_creditor" and sum(cells[cell] for cell in common) >= 0.9 * cells.total()
    return sum(
        cells[cell]
        for cell in rare
        if forms.stray(cell)
        or (crowded and forms.could_be_name(cell) and told.isdisjoint(re.findall(r"[^\W\d_]+", cell.casefold())))
    )


def _strays_among_amounts(cells: list[str]) -> int:
    """Cells that are no amount but quote an identifier, and long bare numbers where amounts are short or have a point."""
    usual = float(np.median([len(cell.split(".")[0].split(",")[0]) for cell in cells[:LOOKED_AT]]))
    pointed = share(cells[:LOOKED_AT], forms.has_decimals) >= LIKELY
    found = 0
    for cell in set(cells):
        if forms.is_amount(cell):
            found += cell.isdigit() and len(cell) >= 9 and (pointed or len(cell) >= usual + 3)
        elif not forms.is_fraction(cell):
            found += forms.stray(cell)
    return found


def _one_column_per_field(findings: list[Finding]) -> list[Finding]:
    """Where a field takes one column, the surest keeps it and the others are dropped until mapped."""
    best: dict[str, Finding] = {}
    for finding in findings:
        if finding.field and not FIELDS[finding.field].many:
            held = best.get(finding.field)
            if held is None or finding.confidence > held.confidence:
                best[finding.field] = finding
    return [
        finding
        if not finding.field or FIELDS[finding.field].many or best[finding.field] is finding
        else replace(finding, field=None, confidence=DOUBT, why=f"another column is {finding.field}")
        for finding in findings
    ]
