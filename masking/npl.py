"""The EU data templates for non-performing loans (Commission Implementing Regulation (EU) 2023/2083): names, codes, joining.

The regulation spreads a portfolio over tables: counterparties (1), relationships (2), loans (3), collateral (4), repayments (5).
A tape has one row per account, so loans are joined with their first counterparty; collateral and repayments stay outside.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pyarrow as pa

from masking.fields import reduce
from masking.limits import IntakeError

REGULATION = "Regulation (EU) 2023/2083"
LOAN_KEY, COUNTERPARTY_KEY = "loan_identifier", "counterparty_identifier"
LOAN_TELLING = frozenset({"principal_balance", "legal_balance", "date_of_default", "asset_class", "total_balance"})
COUNTERPARTY_TELLING = frozenset({"name_of_counterparty", "national_identifier", "legal_type_of_counterparty"})
LEGACY = {"instrument_identifier": LOAN_KEY, "contract_identifier": LOAN_KEY}
CODE = re.compile(r"\s*(\d\.\d\d)(?!\d)[\s.:_-]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TemplateField:
    """One field of the templates: its index, name, whether mandatory, its class letter, and the field of ours or None."""

    index: str
    name: str
    mandatory: bool
    cls: str
    field: str | None


@cache
def dictionary() -> tuple[TemplateField, ...]:
    """Every field in the order of the regulation; some names stand in several tables."""
    with files("masking").joinpath("data/eu_2023_2083.csv").open(encoding="utf-8") as file:
        return tuple(
            TemplateField(
                row["index"], row["name"], row["classification"] == "mandatory", row["class"], row["field"] or None
            )
            for row in csv.DictReader(file)
        )


@cache
def _by_name() -> dict[str, TemplateField]:
    found: dict[str, TemplateField] = {}
    for entry in dictionary():
        found.setdefault(reduce(entry.name), entry)
    return found


@cache
def _by_index() -> dict[str, TemplateField]:
    return {entry.index: entry for entry in dictionary()}


def entry_of(header: str) -> TemplateField | None:
    """The template field that a header names: `name_of_counterparty`, `Name of Counterparty`, `1.03`, `1.03 Name of …`."""
    if match := CODE.fullmatch(header):
        entry = _by_index().get(match[1])
        return entry if entry and (not match[2] or reduce(match[2]).startswith(reduce(entry.name)[:8])) else None
    return _by_name().get(reduce(header))


def canonical(header: str) -> str:
    """The template's name of a header, or the header itself."""
    entry = entry_of(header)
    return entry.name if entry else LEGACY.get(header.strip().lower().replace(" ", "_"), header)


def flat(tables: Iterable[pa.Table]) -> pa.Table:
    """One row per loan, with its first counterparty, from the template's tables in any order; columns have template names.

    Tables that are neither loans, counterparties nor relationships are left out. Raises IntakeError("not_a_template") if there
    are no loans, or if a loan's counterparty cannot be found.
    """
    named = [_named(table) for table in tables]
    loans = _first(named, "loans")
    if loans is None:
        raise IntakeError("not_a_template", f"There is no table with {LOAN_KEY} and a balance.")
    people = _first(named, "counterparties")
    if people is None:
        return loans
    if COUNTERPARTY_KEY not in loans.column_names:
        links = _first(named, "relationships")
        if links is None:
            raise IntakeError("not_a_template", f"No table links {LOAN_KEY} with {COUNTERPARTY_KEY}.")
        loans = _joined(loans, links.select([LOAN_KEY, COUNTERPARTY_KEY]), LOAN_KEY)
    return _joined(loans, people, COUNTERPARTY_KEY)


def kind_of(headers: Sequence[str]) -> str | None:
    """Which table of the templates has these headers: loans, counterparties or relationships; None for any other."""
    names = set(_names(headers))
    if LOAN_KEY in names and names & LOAN_TELLING:
        return "loans"
    if LOAN_KEY in names:
        return "relationships" if COUNTERPARTY_KEY in names else None
    return "counterparties" if COUNTERPARTY_KEY in names and names & COUNTERPARTY_TELLING else None


def _named(table: pa.Table) -> pa.Table:
    return table.rename_columns(_names(table.column_names))


def _names(headers: Sequence[str]) -> list[str]:
    """The template's names, each once: the column that has a name already keeps it."""
    taken = set(headers)
    names = []
    for header in headers:
        name = canonical(header)
        names.append(header if name in taken else name)
        taken.add(name)
    return names


def _first(tables: list[pa.Table], kind: str) -> pa.Table | None:
    return next((table for table in tables if kind_of(table.column_names) == kind), None)


def _joined(rows: pa.Table, more: pa.Table, key: str) -> pa.Table:
    """The rows in their order, with the columns of the first row of `more` that has the same key; empty where none has."""
    place: dict[str, int] = {}
    for number, value in enumerate(more.column(key).to_pylist()):
        place.setdefault(value, number)
    taken = pa.array([place.get(value) for value in rows.column(key).to_pylist()], pa.int64())
    for name in more.column_names:
        if name not in rows.column_names:
            rows = rows.append_column(name, more.column(name).take(taken).combine_chunks().fill_null(""))
    return rows
