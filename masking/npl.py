"""The EU data templates for non-performing loans (Commission Implementing Regulation (EU) 2023/2083): names, codes, joining.

The regulation spreads a portfolio over tables: counterparties (1), relationships (2), loans (3), collateral (4), repayments (5).
A tape has one row per account, so loans are joined with all their counterparties, side by side; collateral and repayments stay
outside, and their rows are counted.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pyarrow as pa

from masking.columns import pc
from masking.fields import reduce
from masking.limits import ROW, IntakeError

REGULATION = "Regulation (EU) 2023/2083"
LOAN_KEY, COUNTERPARTY_KEY = "loan_identifier", "counterparty_identifier"
LOAN_TELLING = frozenset({"principal_balance", "legal_balance", "date_of_default", "asset_class", "total_balance"})
COUNTERPARTY_TELLING = frozenset({"name_of_counterparty", "national_identifier", "legal_type_of_counterparty"})
LEGACY = {"instrument_identifier": LOAN_KEY, "contract_identifier": LOAN_KEY}
DEBTORS_COUNT = "number_of_counterparties"
MOST_DEBTORS = 12
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


@dataclass(frozen=True, slots=True)
class Flat:
    """One row per loan in the order of the table of loans; what to tell the seller about rows that are not in it."""

    rows: pa.Table
    told: tuple[str, ...]
    joined_count: int
    """How many of the tables are in it."""


def flat(tables: Iterable[pa.Table]) -> Flat:
    """One row per loan, with its counterparties, from the template's tables in any order; columns have template names.

    Columns of the second counterparty end in `_2`, and so on; with them comes `number_of_counterparties`. Raises
    IntakeError("not_a_template") if there are no loans, if a loan's counterparty cannot be found, if two tables hold loans or
    counterparties, if a loan has more counterparties than MOST_DEBTORS, or if a name that this makes is a column already.
    """
    named = [_named(table) for table in tables]
    loans, people = _only(named, "loans"), _only(named, "counterparties")
    if loans is None:
        raise IntakeError("not_a_template", f"There is no table with {LOAN_KEY} and a balance.")
    told = _left_out(named)
    links = [table for table in named if kind_of(table.column_names) == "relationships"]
    if people is None:
        if count := sum(table.num_rows for table in links):
            told.append(f"{count} relationships are not in the tape: there is no table of counterparties.")
        return Flat(loans, tuple(told), 1)
    if COUNTERPARTY_KEY not in loans.column_names and not links:
        raise IntakeError("not_a_template", f"No table links {LOAN_KEY} with {COUNTERPARTY_KEY}.")
    owing = _owing(loans, links)
    told += [*_unmatched(people, owing), *_strays(loans, links)]
    return Flat(_side_by_side(loans, people, owing), tuple(told), 2 + len(links))


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


def _only(tables: list[pa.Table], kind: str) -> pa.Table | None:
    found = [table for table in tables if kind_of(table.column_names) == kind]
    if len(found) > 1:
        raise IntakeError("not_a_template", f"{len(found)} tables hold {kind}: put them into one.")
    return found[0] if found else None


def _left_out(tables: list[pa.Table]) -> list[str]:
    """What is said about tables of collateral, repayments and others, which a row per account cannot hold."""
    others = [table for table in tables if kind_of(table.column_names) is None]
    if not others:
        return []
    counts = " + ".join(str(table.num_rows) for table in others)
    return [
        f"{len(others)} tables hold neither loans nor counterparties nor what links them; their {counts} rows are not in the tape."
    ]


def _owing(loans: pa.Table, links: list[pa.Table]) -> list[list[str]]:
    """The counterparties of each row of loans, each once: that of the row itself first, then as the relationships have them."""
    by_loan: dict[str, dict[str, None]] = {}
    for table in links:
        for loan, debtor in zip(
            table.column(LOAN_KEY).to_pylist(), table.column(COUNTERPARTY_KEY).to_pylist(), strict=True
        ):
            by_loan.setdefault(loan, {})[debtor] = None
    keys = loans.column(LOAN_KEY).to_pylist()
    own = loans.column(COUNTERPARTY_KEY).to_pylist() if COUNTERPARTY_KEY in loans.column_names else [""] * len(keys)
    owing = [[who for who in {mine: None} | by_loan.get(key, {}) if who] for key, mine in zip(keys, own, strict=True)]
    if (most := max(map(len, owing), default=0)) > MOST_DEBTORS:
        raise IntakeError("not_a_template", f"A loan has {most} counterparties; {MOST_DEBTORS} are read at most.")
    return owing


def _unmatched(people: pa.Table, owing: list[list[str]]) -> list[str]:
    ids = people.column(COUNTERPARTY_KEY).to_pylist()
    known, linked = {who for who in ids if who}, {who for each in owing for who in each}
    nameless = sum(not who for who in ids)
    told = []
    if unlinked := len(known - linked) + nameless:
        told.append(f"{unlinked} counterparties belong to no loan; they are not in the tape.")
    if repeated := len(ids) - nameless - len(known):
        told.append(
            f"{repeated} rows repeat the {COUNTERPARTY_KEY} of a row above; they are not in the tape: the first counts."
        )
    if strangers := sum(not known.issuperset(each) for each in owing):
        told.append(f"{strangers} loans name a counterparty that the table of counterparties does not hold.")
    return told


def _strays(loans: pa.Table, links: list[pa.Table]) -> list[str]:
    known = set(loans.column(LOAN_KEY).to_pylist())
    strays = sum(loan not in known for table in links for loan in table.column(LOAN_KEY).to_pylist())
    return [f"{strays} relationships name a loan that the table of loans does not hold."] if strays else []


def _side_by_side(loans: pa.Table, people: pa.Table, owing: list[list[str]]) -> pa.Table:
    """The loans, with the columns of each one's counterparties: all of the first, of others those that hold anything."""
    place: dict[str, int] = {}
    for number, who in enumerate(people.column(COUNTERPARTY_KEY).to_pylist()):
        place.setdefault(who, number)
    rows, most = loans, max(map(len, owing), default=0)
    for nth in range(max(most, 1)):
        who = [each[nth] if nth < len(each) else None for each in owing]
        taken = pa.array([place.get(each) for each in who], pa.int64())
        columns = {COUNTERPARTY_KEY: pa.array([each or "" for each in who], pa.string())}
        for name in people.column_names:
            if name not in {COUNTERPARTY_KEY, ROW}:
                columns[name] = people.column(name).take(taken).combine_chunks().fill_null("")
        for name, cells in columns.items():
            if nth and pc.any(pc.not_equal(cells, "")).as_py():
                rows = _beside(rows, f"{name}_{nth + 1}", cells)
            elif not nth and name not in rows.column_names:
                rows = rows.append_column(name, cells)
    if most < 2:
        return rows
    return _beside(rows, DEBTORS_COUNT, pa.array([str(len(each)) for each in owing]))


def _beside(rows: pa.Table, name: str, cells: pa.Array) -> pa.Table:
    """The rows with one more column. Raises IntakeError("not_a_template") if they have it already: one of both would be lost."""
    if name in rows.column_names:
        raise IntakeError("not_a_template", f"The tables have a column {name}, which the joining makes: rename it.")
    return rows.append_column(name, cells)
