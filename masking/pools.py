"""Cutting pools out of a portfolio by rule, and their strata."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from masking.accounts import FACE
from masking.columns import Flags, flags, pc, whole
from masking.fields import AGE_FIELDS
from masking.treatments import OTHER

AGE_BANDS = (
    (0, "not due"), (30, "1-30 days"), (60, "31-60 days"), (90, "61-90 days"), (180, "91-180 days"), (365, "181-365 days"),
    (730, "1-2 years"), (1095, "2-3 years"), (1460, "3-4 years"), (1825, "4-5 years"), (10**6, "over 5 years"),
)  # fmt: skip
BALANCE_BANDS = (
    (250, "under 250"), (500, "250-500"), (1_000, "500-1,000"), (2_500, "1,000-2,500"), (5_000, "2,500-5,000"),
    (10_000, "5,000-10,000"), (25_000, "10,000-25,000"), (100_000, "25,000-100,000"), (10**12, "over 100,000"),
)  # fmt: skip
UNKNOWN = "unknown"
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Selection:
    """A rule that cuts a pool: an account belongs to it if every given condition holds; balances in minor units, inclusive."""

    states: frozenset[str] | None = None
    debt_types: frozenset[str] | None = None
    debtor_types: frozenset[str] | None = None
    min_face_cents: int | None = None
    max_face_cents: int | None = None
    min_age_days: int | None = None
    max_age_days: int | None = None

    def chosen(self, accounts: pa.Table, *, cut_off_on: date) -> Flags:
        """Which accounts of a typed chunk belong; a value that is unknown meets no condition on it."""
        result = np.ones(accounts.num_rows, np.bool_)
        wanted = (("state", self.states), ("debt_type", self.debt_types), ("debtor_type", self.debtor_types))
        for name, values in wanted:
            if values is not None:
                allowed = pa.array(sorted(value.upper() for value in values), pa.string())
                known = name in accounts.column_names
                result &= flags(pc.is_in(accounts.column(name), value_set=allowed)) if known else np.False_
        face = whole(accounts.column(FACE))
        result &= _between(face, self.min_face_cents, self.max_face_cents)
        if self.min_age_days is not None or self.max_age_days is not None:
            days, known_days = ages(accounts, cut_off_on=cut_off_on)
            result &= known_days & _between(days, self.min_age_days, self.max_age_days)
        return result


def _between(numbers: npt.NDArray[np.int64], least: int | None, most: int | None) -> Flags:
    above = numbers >= least if least is not None else np.ones(len(numbers), np.bool_)
    return above & (numbers <= most) if most is not None else above


def ages(accounts: pa.Table, *, cut_off_on: date) -> tuple[npt.NDArray[np.int64], Flags]:
    """(days from each account's age date to the cut-off date, which are known)."""
    names = [name for name in AGE_FIELDS if name in accounts.column_names]
    if not names or not accounts.num_rows:
        return np.zeros(accounts.num_rows, np.int64), np.zeros(accounts.num_rows, np.bool_)
    start = pc.coalesce(*(accounts.column(name) for name in names))
    days = (cut_off_on - date(1970, 1, 1)).days - whole(start.cast(pa.int32())).astype(np.int64)
    return days, flags(pc.is_valid(start))


@dataclass(frozen=True, slots=True)
class Stratum:
    """One group of a stratification: how many accounts and their face value in minor units."""

    label: str
    count: int
    face_value_cents: int


@dataclass(frozen=True, slots=True)
class Strata:
    """Counts and face value in total and by age, state, debtor type, debt type and balance; no group is smaller than k."""

    count: int
    face_value_cents: int
    by: dict[str, tuple[Stratum, ...]]


@dataclass
class StrataBuilder:
    """Adds up strata chunk by chunk."""

    cut_off_on: date
    exponent: int
    k: int = 5
    _count: int = 0
    _face: int = 0
    _counts: dict[str, Counter[str]] = field(default_factory=dict)
    _faces: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, accounts: pa.Table) -> None:
        """Count one typed chunk."""
        days, known = ages(accounts, cut_off_on=self.cut_off_on)
        face = whole(accounts.column(FACE))
        frame = pd.DataFrame(
            {
                "face": face,
                "age": pd.Series(_band(days, AGE_BANDS, 1)).where(known),
                "balance": _band(face, BALANCE_BANDS, 10**self.exponent, right=False),
                **{
                    name: accounts.column(name).to_pandas(types_mapper=pd.ArrowDtype).replace("", None)
                    for name in ("state", "debtor_type", "debt_type")
                    if name in accounts.column_names
                },
            }
        )
        self._count += len(frame)
        self._face += int(frame["face"].sum())
        for name in frame.columns.drop("face"):
            self._tally(name, frame)

    def _tally(self, name: str, frame: pd.DataFrame) -> None:
        counts, faces = self._counts.setdefault(name, Counter()), self._faces.setdefault(name, Counter())
        groups = frame.groupby(name, observed=True, dropna=False)["face"].agg(["size", "sum"])
        for label, count, total in groups.itertuples():
            text = UNKNOWN if pd.isna(label) else str(label)
            counts[text] += int(count)
            faces[text] += int(total)

    def result(self) -> Strata:
        """The strata so far, small groups merged."""
        return Strata(self._count, self._face, {name: self._merged(name) for name in self._counts})

    def _merged(self, name: str) -> tuple[Stratum, ...]:
        """Groups of fewer than k, and then the smallest others until there are k, become one group OTHER."""
        counts, faces = self._counts[name], self._faces[name]
        rising = sorted(counts, key=lambda label: (counts[label], label))
        merged: list[str] = []
        while rising and (counts[rising[0]] < self.k or 0 < sum(counts[label] for label in merged) < self.k):
            merged.append(rising.pop(0))
        order = {label: place for place, (_, label) in enumerate((*AGE_BANDS, *BALANCE_BANDS))}
        kept = [
            Stratum(label, counts[label], faces[label]) for label in sorted(rising, key=lambda x: (order.get(x, 99), x))
        ]
        if merged:
            kept.append(Stratum(OTHER, sum(counts[x] for x in merged), sum(faces[x] for x in merged)))
        return tuple(kept)


def _band(
    numbers: npt.NDArray[np.int64], bands: tuple[tuple[int, str], ...], unit: int, *, right: bool = True
) -> pd.Categorical:
    """The label of each number: the first band whose upper bound it does not pass (or, not `right`, stays below)."""
    bounds = [-np.inf, *(bound * unit for bound, _ in bands[:-1]), np.inf]
    return pd.cut(numbers, bounds, labels=[label for _, label in bands], right=right)


def strata(accounts: pa.Table | Iterable[pa.Table], *, cut_off_on: date, exponent: int = 2, k: int = 5) -> Strata:
    """Strata of typed accounts, in one table or in chunks."""
    builder = StrataBuilder(cut_off_on, exponent, k)
    for chunk in [accounts] if isinstance(accounts, pa.Table) else accounts:
        builder.add(chunk)
    return builder.result()
