"""What secures a loan of an EU template and what was repaid on it: one exact sum per loan, or none and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from masking.fields import FIELDS, Kind, reduce
from masking.npl import (
    COLLATERAL_CURRENCY,
    LINKED_PROTECTION,
    LOAN_CURRENCY,
    LOAN_KEY,
    PROTECTION_KEY,
    REPAID,
    VALUATION,
    entry_of,
)
from masking.values import AMOUNT_LIMIT, EXPONENTS, decimal_mark_of, minor_units

COLLATERAL_VALUES, REPAYMENTS = "sum_of_collateral_values", "sum_of_repayments"
LOOKED_AT = 1_000
"""So many cells of a column tell its decimal mark."""


class Gap(StrEnum):
    """Why a loan has no sum: where a part is not known, the sum of the others would mislead."""

    CURRENCY = "the loan's currency is none of ISO 4217"
    NAMELESS = "the loan or its collateral has no identifier"
    REPEATED = "several rows have the loan's identifier"
    ABSENT = "collateral is not in its table"
    CONTRADICTED = "rows of one collateral contradict each other"
    SHARED = "collateral secures another loan too"
    FOREIGN = "collateral is in another currency than the loan, or in none that is named"
    UNREADABLE = "an amount is missing or cannot be read"
    SILENT = "no row of repayments"


Parts = Sequence[str] | Gap


@dataclass(frozen=True, slots=True)
class Summed:
    """A column of sums in the order of the loans, written as they write amounts, or None if nothing can be summed; what to tell."""

    column: str
    cells: pa.Array | None
    told: tuple[str, ...]


def of_collateral(loans: pa.Table, links: Sequence[pa.Table], tables: Sequence[pa.Table]) -> Summed:
    """Per loan the latest valuations of what secures it, 0 where nothing does: before any lien that ranks higher."""
    secured = _secured([*links, *tables])
    if not secured:
        return Summed(
            COLLATERAL_VALUES, None, ("No table says which loan a collateral secures; it is not in the tape.",)
        )
    found = _Collateral(secured, _values(tables), Counter(each for mine in secured.values() for each in mine))
    used = {each for loan in set(_texts(loans, LOAN_KEY)) for each in secured.get(loan, ())}
    unused = len(found.values.keys() - used)
    told = [f"{unused} collaterals secure no loan of the tape."] if unused else []
    return _summed(COLLATERAL_VALUES, loans, found.parts, _amounts(tables, VALUATION), told)


@dataclass(frozen=True, slots=True)
class _Collateral:
    """What secures each loan, what each of that is worth (amount and currency, as every row of it says), how many loans it secures."""

    secured: dict[str, dict[str, None]]
    values: dict[str, set[tuple[str, str]]]
    loans_count: Counter[str]

    def parts(self, loan: str, currency: str) -> Parts:
        """The amounts that one loan's sum is made of."""
        mine = self.secured.get(loan, {})
        if "" in mine:
            return Gap.NAMELESS
        if not self.values.keys() >= mine.keys():
            return Gap.ABSENT
        if any(len(self.values[each]) > 1 for each in mine):
            return Gap.CONTRADICTED
        if any(self.loans_count[each] > 1 for each in mine):
            return Gap.SHARED
        values = [value for each in mine for value in self.values[each]]
        return Gap.FOREIGN if any(named != currency for _, named in values) else [amount for amount, _ in values]


def _secured(tables: Sequence[pa.Table]) -> dict[str, dict[str, None]]:
    """What secures each loan, as relationships and tables of collateral say it; blank for a valuation of what has no identifier."""
    secured: dict[str, dict[str, None]] = {}
    for table in tables:
        linked = PROTECTION_KEY if PROTECTION_KEY in table.column_names else LINKED_PROTECTION
        columns = (_texts(table, name) for name in (LOAN_KEY, linked, VALUATION))
        for loan, protection, amount in zip(*columns, strict=True):
            if loan and (protection or amount):
                secured.setdefault(loan, {})[protection] = None
    return secured


def _values(tables: Sequence[pa.Table]) -> dict[str, set[tuple[str, str]]]:
    values: dict[str, set[tuple[str, str]]] = {}
    for table in tables:
        columns = (_texts(table, name) for name in (PROTECTION_KEY, VALUATION, COLLATERAL_CURRENCY))
        for protection, amount, currency in zip(*columns, strict=True):
            values.setdefault(protection, set()).add((amount.strip(), _code(currency)))
    return values


def of_repayments(loans: pa.Table, tables: Sequence[pa.Table]) -> Summed:
    """Per loan what its rows of repayments add up to; the template names no currency for them, so that it is the loan's."""
    if most := max(len(_columns_like(table, "5.03", REPAID)) for table in tables) - 1:
        said = f"{REPAID} stands in {most + 1} columns: give one, with a row for each month. Repayments are not in the tape."
        return Summed(REPAYMENTS, None, (said,))
    paid: dict[str, list[str]] = {}
    for table in tables:
        for loan, amount in zip(_texts(table, LOAN_KEY), _texts(table, REPAID), strict=True):
            paid.setdefault(loan, []).append(amount.strip())
    strays = sum(len(paid[loan]) for loan in paid.keys() - set(_texts(loans, LOAN_KEY)))
    told = [f"{strays} rows of repayments name a loan that the table of loans does not hold."] if strays else []
    return _summed(REPAYMENTS, loans, lambda loan, _: paid.get(loan, Gap.SILENT), _amounts(tables, REPAID), told)


def _summed(
    column: str, loans: pa.Table, parts: Callable[[str, str], Parts], amounts: Sequence[str], told: Sequence[str]
) -> Summed:
    """The sum of each loan's parts; loans without one are counted by the reason.

    `amounts` tell the decimal mark of the parts; where they do not, as `250.000`, it is that of the loans.
    """
    written = decimal_mark_of(
        [cell for name in loans.column_names if _is_amount(name) for cell in _amounts([loans], name)]
    )
    mark = decimal_mark_of(amounts, written)
    currencies = list(map(_code, _texts(loans, LOAN_CURRENCY)))
    keys = _texts(loans, LOAN_KEY)
    rows_count = Counter(keys)

    def sum_of(loan: str, currency: str) -> int | Gap:
        if currency not in EXPONENTS:
            return Gap.CURRENCY
        if not loan:
            return Gap.NAMELESS
        if rows_count[loan] > 1:  # each would hold all of it
            return Gap.REPEATED
        return _sum(parts(loan, currency), EXPONENTS[currency], mark)

    found = [sum_of(loan, currency) for loan, currency in zip(keys, currencies, strict=True)]
    cells = [
        "" if isinstance(each, Gap) else _text(each, EXPONENTS[currency], written)
        for each, currency in zip(found, currencies, strict=True)
    ]
    gaps = Counter(each for each in found if isinstance(each, Gap))
    reasons = "; ".join(f"{gap} ({count})" for gap, count in sorted(gaps.items()))
    said = [f"{column} is empty for {gaps.total()} loans: {reasons}."] if gaps else []
    return Summed(column, pa.array(cells, pa.string()), (*told, *said))


def _sum(parts: Parts, exponent: int, mark: str) -> int | Gap:
    """The exact sum in minor units."""
    if isinstance(parts, Gap):
        return parts
    amounts = [minor_units(part, exponent=exponent, decimal_mark=mark) if part else None for part in parts]
    total = sum(amount for amount in amounts if amount is not None)
    return Gap.UNREADABLE if None in amounts or abs(total) >= AMOUNT_LIMIT * 10**exponent else total


def _text(amount: int, exponent: int, mark: str) -> str:
    units, rest = divmod(abs(amount), 10**exponent)
    return f"{'-' if amount < 0 else ''}{units}{f'{mark}{rest:0{exponent}}' if rest else ''}"


def _texts(table: pa.Table, name: str) -> list[str]:
    """A column's texts; blank ones where the table has no such column."""
    return table.column(name).to_pylist() if name in table.column_names else [""] * table.num_rows


def _code(currency: str) -> str:
    return currency.strip().upper()


def _amounts(tables: Sequence[pa.Table], name: str) -> list[str]:
    """The first amounts of a column, from which its decimal mark is told."""
    return [cell.strip() for table in tables for cell in _texts(table, name)[:LOOKED_AT] if cell.strip()]


def _is_amount(header: str) -> bool:
    entry = entry_of(header)
    return entry is not None and entry.field is not None and FIELDS[entry.field].kind is Kind.AMOUNT


def _columns_like(table: pa.Table, index: str, name: str) -> list[str]:
    """The columns that bear a field's code or begin with its name."""
    return [each for each in table.column_names if each.startswith(index) or reduce(each).startswith(reduce(name))]
