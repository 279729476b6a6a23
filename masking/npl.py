"""The EU data templates for non-performing loans (Commission Implementing Regulation (EU) 2023/2083): names, codes, kinds of tables.

The regulation spreads a portfolio over tables: counterparties (1), relationships (2), loans (3), collateral (4), repayments (5).
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from masking.fields import reduce

REGULATION = "Regulation (EU) 2023/2083"
LOAN_KEY, COUNTERPARTY_KEY, PROTECTION_KEY = "loan_identifier", "counterparty_identifier", "protection_identifier"
LINKED_PROTECTION = "property_collateral_identifier"
LOAN_CURRENCY, COLLATERAL_CURRENCY = "loan_currency", "currency_of_collateral"
VALUATION, REPAID = "latest_valuation_amount", "history_of_total_repayments"
LOAN_TELLING = frozenset({"principal_balance", "legal_balance", "date_of_default", "asset_class", "total_balance"})
COUNTERPARTY_TELLING = frozenset({"name_of_counterparty", "national_identifier", "legal_type_of_counterparty"})
LEGACY = {
    "instrument_identifier": LOAN_KEY,
    "contract_identifier": LOAN_KEY,
    "currency_of_property": COLLATERAL_CURRENCY,
}
FURTHER = re.compile(r"([a-z][a-z0-9_]*)_([2-9]|1[0-2])")
"""The column of a loan's second to last counterparty: the template's name and the counterparty's place."""
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
    """The template field that a header names: `name_of_counterparty`, `Name of Counterparty`, `1.03`, `1.03 Name of …`, and
    `name_of_counterparty_2` of a loan's second counterparty.
    """
    further = FURTHER.fullmatch(header)
    return _entry(header) or (_entry(further[1]) if further else None)


def _entry(header: str) -> TemplateField | None:
    if match := CODE.fullmatch(header):
        entry = _by_index().get(match[1])
        return entry if entry and (not match[2] or reduce(match[2]).startswith(reduce(entry.name)[:8])) else None
    return _by_name().get(reduce(header))


def canonical(header: str) -> str:
    """The template's name of a header, or the header itself."""
    entry = _entry(header)
    return entry.name if entry else LEGACY.get(header.strip().lower().replace(" ", "_"), header)


def kind_of(headers: Sequence[str]) -> str | None:
    """Which table of the templates has these headers: loans, counterparties, relationships, collateral or repayments; None for any other."""
    names = set(names_of(headers))
    if LOAN_KEY in names and names & LOAN_TELLING:
        return "loans"
    if {PROTECTION_KEY, VALUATION} <= names:
        return "collateral"
    if {LOAN_KEY, REPAID} <= names:
        return "repayments"
    if LOAN_KEY in names:
        return "relationships" if COUNTERPARTY_KEY in names else None
    return "counterparties" if COUNTERPARTY_KEY in names and names & COUNTERPARTY_TELLING else None


def names_of(headers: Sequence[str]) -> list[str]:
    """The template's names, each once: the column that has a name already keeps it."""
    taken = set(headers)
    names = []
    for header in headers:
        name = canonical(header)
        names.append(header if name in taken else name)
        taken.add(name)
    return names
