"""Which column holds what: headers first, then the values' form and check digits; and what may not be uploaded at all."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from stdnum import iban, luhn

from masking.columns import one
from masking.fields import ALIASES, FIELDS, FORBIDDEN_HEADERS, Kind, reduce
from masking.limits import IntakeError
from masking.policy import Mapping
from masking.values import minor_units, one_date

CARD_SHARE = 0.05
"""A column of which this share are card numbers refuses the upload."""

SURE, LIKELY, GUESS = 0.95, 0.8, 0.6
STATES = frozenset(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC "
    "SD TN TX UT VT VA WA WV WI WY PR GU VI AS MP".split()
)
PREFIXES = {
    "debtor",
    "primary",
    "customer",
    "cust",
    "borrower",
    "consumer",
    "account",
    "acct",
    "client",
    "current",
    "curr",
    "the",
}
PREFIXES |= {
    "res",
    "home",
    "mailing",
    "billing",
    "1",
    "2",
    "3",
    "01",
    "02",
    "field",
    "col",
    "buyer",
    "loan",
    "orig",
    "original",
}
PATTERNS = (
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)),
    ("national_id", re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")),
    ("phone", re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")),
    (
        "street_address",
        re.compile(
            r"\d+[a-z]? .*\b(?:st|street|ave|avenue|rd|road|blvd|ln|lane|dr|drive|ct|way|apt)\b.*", re.IGNORECASE
        ),
    ),
)
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What one column seems to hold: a canonical field or None, how sure (0 to 1), and why, without any value."""

    column: str
    field: str | None
    confidence: float
    why: str


def detect(columns: Sequence[str], sample: pa.Table) -> list[Finding]:
    """One finding per column, in order. Raises IntakeError("forbidden_column") for card numbers, card codes, passwords."""
    cells = {column: _filled(sample, column) for column in columns}
    refuse_forbidden(columns, cells)
    findings = [_find(column, cells[column]) for column in columns]
    return _one_column_per_field(findings)


def refuse_forbidden(columns: Sequence[str], cells: dict[str, list[str]]) -> None:
    """Raises IntakeError for the first column whose header or whose values may not be uploaded."""
    for column in columns:
        if reduce(column) in FORBIDDEN_HEADERS:
            raise IntakeError("forbidden_column", "By its header.", column=column)
        values = cells[column]
        if values and sum(map(is_card_number, values)) >= max(CARD_SHARE * len(values), 1):
            raise IntakeError("forbidden_column", "Its values are payment-card numbers.", column=column)


def is_card_number(text: str) -> bool:
    """Whether a text is a payment-card number: an issuer's range, its length, and the Luhn check digit."""
    if not CARD_FORM.fullmatch(text):
        return False
    digits = re.sub(r"[ -]", "", text)
    known = any(len(digits) in lengths and form.match(digits) for form, lengths in CARD_RANGES)
    return known and luhn.is_valid(digits)


def suggest(findings: Sequence[Finding], sample: pa.Table, *, least: float = 0.5) -> Mapping:
    """A mapping of the findings that are sure enough; all other columns are dropped. The seller corrects it."""
    columns = {finding.column: finding.field if finding.confidence >= least else None for finding in findings}
    by_kind = {kind: [c for c, name in columns.items() if name and FIELDS[name].kind is kind] for kind in Kind}
    return Mapping(
        columns,
        decimal_mark=_decimal_mark([cell for column in by_kind[Kind.AMOUNT] for cell in _filled(sample, column)]),
        date_order=_date_order([cell for column in by_kind[Kind.DATE] for cell in _filled(sample, column)]),
    )


def _decimal_mark(cells: list[str]) -> str:
    readable = {
        mark: sum(minor_units(cell, exponent=2, decimal_mark=mark) is not None for cell in cells) for mark in ".,"
    }
    return "," if readable[","] > readable["."] else "."


def _date_order(cells: list[str]) -> str:
    readable = {
        order: sum(one_date(cell, order=order) is not None for cell in cells) for order in ("mdy", "dmy", "ymd")
    }
    return max(readable, key=lambda order: readable[order])


def _filled(sample: pa.Table, column: str) -> list[str]:
    """Up to 1,000 non-empty cells, evenly drawn."""
    cells = [cell.strip() for cell in one(sample.column(column)).to_pylist() if cell and cell.strip()]
    return [cells[i] for i in np.linspace(0, len(cells) - 1, min(len(cells), 1_000)).astype(int)]


def _find(column: str, cells: list[str]) -> Finding:
    name, confidence, why = _by_header(column)
    if name is None:
        name, confidence, why = _by_values(cells)
    elif cells and not _agrees(FIELDS[name].kind, cells):
        return Finding(column, None, 0.3, f"the header says {name}, its values are of another kind")
    return Finding(column, name, confidence, why)


def _by_header(column: str) -> tuple[str | None, float, str]:
    if name := ALIASES.get(reduce(column)):
        return name, SURE, "known header"
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", column)
    while words and words[0].casefold() in PREFIXES:
        words = words[1:]
        if name := ALIASES.get(reduce("".join(words))):
            return name, LIKELY, "known header after a common first word"
    while len(words) > 1 and (words[-1].isdigit() or words[-1].casefold() in {"usd", "code", "text", "value", "field"}):
        words = words[:-1]
        if name := ALIASES.get(reduce("".join(words))):
            return name, LIKELY, "known header before a common last word"
    return None, 0.0, ""


def _by_values(cells: list[str]) -> tuple[str | None, float, str]:
    if not cells:
        return None, 0.0, "unknown header and no values: dropped until mapped"
    for name, pattern in PATTERNS:
        if _share(cells, partial(_fits, pattern)) >= LIKELY:
            return name, LIKELY, "form of the values"
    if _share(cells, iban.is_valid) >= LIKELY:
        return "bank_account", SURE, "IBAN check digits"
    if len(set(cells)) > 1 and _share(cells, STATES.__contains__) >= SURE:
        return "state", GUESS, "codes of US states"
    return None, 0.0, "unknown: dropped until mapped"


def _fits(pattern: re.Pattern[str], cell: str) -> bool:
    return pattern.fullmatch(cell) is not None


def _share(cells: list[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, cells)) / len(cells)


def _agrees(kind: Kind, cells: list[str]) -> bool:
    """Whether most values can be read as the kind that the header promises."""
    match kind:
        case Kind.AMOUNT:
            return (
                _share(cells, lambda c: any(minor_units(c, exponent=3, decimal_mark=m) is not None for m in ".,"))
                >= 0.5
            )
        case Kind.DATE:
            return _share(cells, lambda c: any(one_date(c, order=o) is not None for o in ("mdy", "dmy", "ymd"))) >= 0.5
        case _:
            return True


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
        else Finding(finding.column, None, 0.3, f"another column is {finding.field}")
        for finding in findings
    ]
