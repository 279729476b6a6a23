"""The tables of an EU data template as one tape: a row per loan, its counterparties side by side, sums of what secures it and was repaid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from masking import sums
from masking.columns import pc
from masking.limits import ROW, IntakeError
from masking.npl import COUNTERPARTY_KEY, LOAN_KEY, kind_of, names_of

DEBTORS_COUNT = "number_of_counterparties"
MOST_DEBTORS = 12


@dataclass(frozen=True, slots=True)
class Flat:
    """One row per loan in the order of the table of loans; what to tell the seller about rows that are not in it."""

    rows: pa.Table
    told: tuple[str, ...]
    joined_count: int
    """How many of the tables are in it."""


def flat(tables: Iterable[pa.Table]) -> Flat:
    """One row per loan, with its counterparties and sums, from the template's tables in any order; columns have template names.

    Columns of the second counterparty end in `_2`, and so on; with them comes `number_of_counterparties`. Collateral and repayments
    become one sum per loan each. Raises IntakeError("not_a_template") if there are no loans, if a loan's counterparty cannot be found, if two tables hold loans or
    counterparties, if a loan has more counterparties than MOST_DEBTORS, or if a name that this makes is a column already.
    """
    named = [_named(table) for table in tables]
    loans, people = _only(named, "loans"), _only(named, "counterparties")
    if loans is None:
        raise IntakeError("not_a_template", f"There is no table with {LOAN_KEY} and a balance.")
    links, told = _of(named, "relationships"), _left_out(named)
    rows, joined_count = loans, 1
    if people is not None:
        if COUNTERPARTY_KEY not in loans.column_names and not links:
            raise IntakeError("not_a_template", f"No table links {LOAN_KEY} with {COUNTERPARTY_KEY}.")
        owing = _owing(loans, links)
        told += [*_unmatched(people, owing), *_strays(loans, links)]
        rows, joined_count = _side_by_side(loans, people, owing), 2 + len(links)
    elif count := sum(table.num_rows for table in links):
        told.append(f"{count} relationships are not in the tape: there is no table of counterparties.")
    for made, tables_count in _sums(loans, links, named):
        told += made.told
        if made.cells is not None:
            rows, joined_count = _beside(rows, made.column, made.cells), joined_count + tables_count
    return Flat(rows, tuple(told), joined_count)


def _sums(loans: pa.Table, links: list[pa.Table], named: list[pa.Table]) -> Iterator[tuple[sums.Summed, int]]:
    """What collateral and repayments come to per loan, each with the number of its tables."""
    if collateral := _of(named, "collateral"):
        yield sums.of_collateral(loans, links, collateral), len(collateral)
    if repayments := _of(named, "repayments"):
        yield sums.of_repayments(loans, repayments), len(repayments)


def _named(table: pa.Table) -> pa.Table:
    return table.rename_columns(names_of(table.column_names))


def _of(tables: list[pa.Table], kind: str) -> list[pa.Table]:
    return [table for table in tables if kind_of(table.column_names) == kind]


def _only(tables: list[pa.Table], kind: str) -> pa.Table | None:
    found = _of(tables, kind)
    if len(found) > 1:
        raise IntakeError("not_a_template", f"{len(found)} tables hold {kind}: put them into one.")
    return found[0] if found else None


def _left_out(tables: list[pa.Table]) -> list[str]:
    """What is said about other tables, which a row per account cannot hold."""
    others = [table for table in tables if kind_of(table.column_names) is None]
    if not others:
        return []
    counts = " + ".join(str(table.num_rows) for table in others)
    return [f"{len(others)} tables hold nothing that a row per loan can hold; their {counts} rows are not in the tape."]


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
