"""How long a debt can be sued for: a rule pack as data, and whether it is past, near or far, a column at a time.

The pack is *unreviewed*: public tables disagree about more than half of the states. The shortest of what they say is taken,
and every entry that they disagree about says so and why.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import Flags, by_word, flags, one, pc, upper, whole

NEAR_DAYS = 180
"""An account whose period ends within this many days is near it: a buyer could not board it and sue in time."""
OTHER = "any"
"""The class of a debt that says nothing of itself: the shortest period of its state counts."""
_PACK = Path(__file__).with_name("packs") / "limitation_us.csv"
_START_FIELDS = ("delinquent_on", "due_on", "charged_off_on", "invoice_on", "last_payment_on")
"""What the period runs from: the default, or the first date after it that the tape knows. A payment revives nothing here:
some states say so (New York CPLR 214-i, Minn. Stat. 541.053), and the shorter reading is the safe one."""
_CLASS_WORDS = (
    (
        "goods",
        ("INVOICE", "TRADE", "GOODS", "WHOLESALE", "SUPPL", "AUTO", "VEHICLE", "INSTALLMENT SALE", "RETAIL SALE"),
    ),
    ("open", ("CARD", "REVOLV", "OPEN", "LINE OF CREDIT", "HELOC", "OVERDRAFT", "DDA", "STORE")),
    ("promissory", ("NOTE", "STUDENT", "MORTGAGE", "SBA", "PAYDAY")),
    ("written", ("LOAN", "LEASE", "INSTALLMENT", "PERSONAL", "CONTRACT", "RENT", "TELECOM", "UTILIT", "GYM")),
)
"""The first class one of whose words stands in the debt's type, else in its product. Invoices for goods: UCC 2-725."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One period in years, of one class of debt in one state, with where it is written and whether its sources agree."""

    state: str
    debt_class: str
    years: int
    citation: str
    effective_from: date
    source: str
    reviewed_by: str | None
    conflict: bool
    why: str


@cache
def pack() -> Mapping[tuple[str, str], Entry]:
    """The shipped pack by (state, class)."""
    with _PACK.open(encoding="utf-8", newline="") as lines:
        entries = [_entry(row) for row in csv.DictReader(lines)]
    return {(entry.state, entry.debt_class): entry for entry in entries}


def period(state: str, debt_class: str) -> int | None:
    """Years, or None for a state that the pack does not know."""
    found = pack().get((state, debt_class))
    if found is not None:
        return found.years
    return min((entry.years for (of, _), entry in pack().items() if of == state), default=None)


def class_of(words: str) -> str:
    """The class of debt that a type or product names; `any` if it names none."""
    return next((name for name, marks in _CLASS_WORDS if any(mark in words for mark in marks)), OTHER)


@dataclass(frozen=True, slots=True)
class Standing:
    """Flags over accounts; `judged` are those whose state and start are known, and the state is in the pack."""

    barred: Flags
    near: Flags
    judged: Flags


def standing(accounts: pa.Table, *, as_of: date) -> Standing:
    """Which accounts of a typed chunk are past their period on `as_of`, or within `NEAR_DAYS` of its end.

    A seller's own out-of-statute date counts too, where it is earlier.
    """
    count = accounts.num_rows
    years = _years(accounts)
    start, dated = _starts(accounts)
    judged = (years > 0) & dated
    end = np.full(count, np.datetime64("9999-12-31"), "datetime64[D]")
    end[judged] = _after(start[judged], years[judged])
    if "out_of_statute_on" in accounts.column_names:
        said = one(accounts.column("out_of_statute_on"))
        known = ~flags(pc.is_null(said))
        judged |= known
        end[known] = np.minimum(end[known], _days(said)[known])
    today = np.datetime64(as_of, "D")
    barred = end <= today
    return Standing(barred, ~barred & (end <= today + NEAR_DAYS), judged)


def _years(accounts: pa.Table) -> npt.NDArray[np.int64]:
    """0 where the state is unknown or not in the pack."""
    count = accounts.num_rows
    if "state" not in accounts.column_names:
        return np.zeros(count, np.int64)
    state = one(accounts.column("state"))
    if "country" in accounts.column_names:
        country = upper(one(accounts.column("country")))
        home = pc.is_in(country, value_set=pa.array(["", "US", "USA", "UNITED STATES"]))
        state = pc.if_else(home, state, "")
    keys = pc.binary_join_element_wise(state, _classes(accounts), "|", null_handling="replace", null_replacement="")
    found = by_word(keys, lambda key: str(period(*key.split("|", 1)) or 0))
    return whole(found.cast(pa.int64()))


def _classes(accounts: pa.Table) -> pa.Array:
    texts = [one(accounts.column(name)) for name in ("debt_type", "product") if name in accounts.column_names]
    if not texts:
        default = "goods" if "invoice_on" in accounts.column_names else OTHER
        return pa.array([default] * accounts.num_rows, pa.string())
    classes = [by_word(pc.fill_null(text, ""), class_of) for text in texts]
    if len(classes) == 1:
        return classes[0]
    return pc.if_else(pc.equal(classes[0], OTHER), classes[1], classes[0])


def _starts(accounts: pa.Table) -> tuple[npt.NDArray[np.datetime64], Flags]:
    dates = [one(accounts.column(name)) for name in _START_FIELDS if name in accounts.column_names]
    if not dates:
        return np.zeros(accounts.num_rows, "datetime64[D]"), np.zeros(accounts.num_rows, np.bool_)
    found = pc.coalesce(*dates)
    return _days(found), ~flags(pc.is_null(found))


def _days(dates: pa.Array) -> npt.NDArray[np.datetime64]:
    return whole(one(dates).cast(pa.int32()).cast(pa.int64())).astype("datetime64[D]")


def _after(start: npt.NDArray[np.datetime64], years: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    """The same day that many years later; 29 February becomes 1 March."""
    months = start.astype("datetime64[M]")
    later: npt.NDArray[np.datetime64] = (months + 12 * years).astype("datetime64[D]") + (start - months)
    return later


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        state=row["state"],
        debt_class=row["class"],
        years=int(row["value"]),
        citation=row["citation"],
        effective_from=date.fromisoformat(row["effective_from"]),
        source=row["source"],
        reviewed_by=row["reviewed_by"] or None,
        conflict=row["conflict"] == "true",
        why=row["why"],
    )
