"""Which column holds what: headers first, then the values' form and check digits; and what may not be uploaded at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from masking import forms
from masking.columns import one
from masking.fields import ALIASES, FIELDS, FORBIDDEN_HEADERS, FieldClass, Kind, reduce
from masking.forms import is_card_number, share
from masking.limits import IntakeError
from masking.policy import Mapping
from masking.values import minor_units, one_date
from masking.vocabulary import STEMS, table

CARD_SHARE = 0.05
"""A column of which this share are card numbers refuses the upload."""

CODES = "identity_document"
"""What a column of codes is called until the seller says whose they are: it is dropped at every stage."""

UNKNOWN: tuple[str | None, float, str] = (None, 0.0, "unknown: dropped until mapped")
GUESSES = (
    ("postal_code", "form of postal codes", forms.looks_like_postal_codes),
    (CODES, "codes that are all different", forms.looks_like_codes),
    ("debtor_name", "words as names have", forms.looks_like_names),
    ("notes", "sentences", forms.looks_like_sentences),
)
STEM_TABLE = table(STEMS)
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
    return _one_column_per_field(_name_the_key(findings, cells))


def _name_the_key(findings: list[Finding], cells: dict[str, list[str]]) -> list[Finding]:
    """Where no header tells the account number, the first column of codes that are all different is taken for it."""
    if any(finding.field in {"account_number", "invoice_number"} for finding in findings):
        return findings
    result = list(findings)
    for place, finding in enumerate(findings):
        values = cells[finding.column]
        if finding.field == CODES and finding.confidence == GUESS and len(set(values)) == len(values):
            result[place] = Finding(finding.column, "account_number", GUESS, finding.why)
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
        if values and sum(map(is_card_number, values)) >= max(CARD_SHARE * len(values), 1):
            raise IntakeError("forbidden_column", "Its values are payment-card numbers.", column=column)


def suggest(findings: Sequence[Finding], sample: pa.Table, *, least: float = 0.5) -> Mapping:
    """A mapping of the findings that are sure enough; all other columns are dropped. The seller corrects it.

    The decimal mark and the order of dates are read off every column that is mapped to such a field, or looks like one:
    a column that the seller names only later was written by the same hand.
    """
    columns = {finding.column: finding.field if finding.confidence >= least else None for finding in findings}
    amounts = _cells_of(columns, sample, Kind.AMOUNT, _LIKE_AMOUNT)
    days = _cells_of(columns, sample, Kind.DATE, _LIKE_DAY)
    return Mapping(columns, decimal_mark=_decimal_mark(amounts), date_order=_date_order(days))


def _cells_of(columns: dict[str, str | None], sample: pa.Table, kind: Kind, like: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for column, name in columns.items():
        cells = _filled(sample, column)
        if name and FIELDS[name].kind is kind:
            found += cells
        elif name is None:
            alike = [cell for cell in cells if like.fullmatch(cell)]
            found += alike if len(alike) * 2 > len(cells) else []
    return found


def _decimal_mark(cells: list[str]) -> str:
    readable = {
        mark: sum(minor_units(cell, exponent=2, decimal_mark=mark) is not None for cell in cells) for mark in ".,"
    }
    return "," if readable[","] > readable["."] else "."


def _date_order(cells: list[str]) -> str:
    """The order that reads most cells; where several do, days come first if the dates are written with dots."""
    orders = ("dmy", "mdy", "ymd") if any("." in cell for cell in cells) else ("mdy", "dmy", "ymd")
    return max(orders, key=lambda order: sum(one_date(cell, order=order) is not None for cell in cells))


def _filled(sample: pa.Table, column: str) -> list[str]:
    """Up to 1,000 non-empty cells, evenly drawn."""
    cells = [cell.strip() for cell in one(sample.column(column)).to_pylist() if cell and cell.strip()]
    return [cells[i] for i in np.linspace(0, len(cells) - 1, min(len(cells), 1_000)).astype(int)]


def _find(column: str, cells: list[str]) -> Finding:
    name, confidence, why = _by_header(column)
    if name is None:
        return Finding(column, *_by_values(cells))
    entry = FIELDS[name]
    if not cells or (entry.cls is FieldClass.QUASI and entry.kind is Kind.TEXT):
        return Finding(column, name, confidence, why)
    if entry.cls in {FieldClass.ANALYTIC, FieldClass.QUASI, FieldClass.SENSITIVE} and (
        held := forms.strong_form(cells)
    ):
        return Finding(column, held, LIKELY, f"the header says {name}, the form of the values says {held}")
    if not _agrees(entry.kind, cells):
        return Finding(column, None, 0.3, f"the header says {name}, its values are of another kind")
    if (
        entry.cls is FieldClass.ANALYTIC
        and entry.kind is Kind.TEXT
        and (hidden := sum(map(forms.holds_identifier, cells)))
    ):
        return Finding(
            column, None, 0.3, f"the header says {name}, but {hidden} of {len(cells)} cells hold a number or address"
        )
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
    return _by_stem(column)


def _by_stem(column: str) -> tuple[str | None, float, str]:
    """Personal columns by the beginning of a word; what is analytic must be known as a whole."""
    words = [reduce(word) for word in re.split(r"[\W_\d]+|(?<=[a-z])(?=[A-Z])", column)]
    for name, stems in STEM_TABLE.items():
        if any(word.startswith(stems) for word in words if word):
            return name, LIKELY, "a word of the header"
    return None, 0.0, ""


def _by_values(cells: list[str]) -> tuple[str | None, float, str]:
    if not cells:
        return None, 0.0, "unknown header and no values: dropped until mapped"
    if name := forms.strong_form(cells):
        return name, LIKELY, "form and check digits of the values"
    if len(set(cells)) > 1 and share(cells, STATES.__contains__) >= SURE:
        return "state", GUESS, "codes of US states"
    if share(cells, forms.is_date) >= LIKELY:
        years = forms.years_of(cells)
        if years[-1] - years[0] > 30 and years[len(years) // 2] < 1995:
            return "date_of_birth", GUESS, "days over more than thirty years"
        return None, 0.0, "days, but of what: dropped until mapped"
    if share(cells, forms.has_decimals) >= LIKELY:
        return None, 0.0, "amounts, but of what: dropped until mapped"
    return next(((name, GUESS, why) for name, why, holds in GUESSES if holds(cells)), UNKNOWN)


def _agrees(kind: Kind, cells: list[str]) -> bool:
    """Whether most values can be read as the kind that the header promises."""
    match kind:
        case Kind.AMOUNT:
            return share(cells, forms.is_amount) >= 0.5
        case Kind.DATE:
            return share(cells, forms.is_date) >= 0.5
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
