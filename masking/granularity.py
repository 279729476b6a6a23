"""How coarse a pool's quasi-identifiers must become until no row stands for fewer than k accounts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import pyarrow as pa

from masking.columns import Flags, Whole, blank, coded, nothing, pc, recoded, spelt
from masking.treatments import OTHER

QUASI_COLUMNS = ("age_band", "state", "zip3", "country")
"""The masked columns that an outsider may know about a debtor."""

SUPPRESSED_SHARE_LIMIT = 0.01
"""At most this share of a pool's rows is left out before the next coarser level is taken."""

LINKAGE_LIMIT = 0.05
"""At most this share of a preview's rows may be linked rightly to a debtor by what outsiders know."""

COUNT = "count"
_ZERO = np.zeros(1, np.int64)
PARTS_LIMIT = 32
Quasi = tuple[str, str, str, str]
"""Values of QUASI_COLUMNS."""


class RiskRefused(Exception):
    """No masked file is published: no level of detail protects every row. The message says what would help."""


@dataclass(frozen=True, slots=True)
class Granularity:
    """How much of the quasi-identifiers a pool's masked file shows. `age_width` in years, 0 for no age."""

    age_width: int = 5
    zip3: bool = True
    state: bool = True
    country: bool = True
    merged_states: frozenset[str] = frozenset()

    def coarsen(self, name: str, values: pa.Array) -> pa.DictionaryArray:
        """A draft's column of quasi-identifiers at this level; any other text as it is."""
        fine = coded(values)
        words = fine.dictionary
        match name:
            case "age_band":
                return recoded(fine, pa.array([self.age(band) for band in words.to_pylist()], pa.string()))
            case "state" if self.state:
                return recoded(fine, pa.array([self.state_label(state) for state in words.to_pylist()], pa.string()))
            case "zip3" if self.zip3:
                return fine
            case "country" if self.country:
                return fine
            case "state" | "zip3" | "country":
                return nothing(len(values))
            case _:
                return fine

    @property
    def emptied(self) -> tuple[str, ...]:
        """The quasi-identifiers of which this level shows nothing."""
        shown = (bool(self.age_width), self.state, self.zip3, self.country)
        return tuple(name for name, is_shown in zip(QUASI_COLUMNS, shown, strict=True) if not is_shown)

    def age(self, band: str) -> str:
        """A five-year band at this level's width."""
        if not band or not self.age_width:
            return ""
        if band.endswith("+"):
            return band
        first = int(band.split("-", maxsplit=1)[0]) // self.age_width * self.age_width
        return f"{first}-{min(first + self.age_width, 90) - 1}"

    def state_label(self, state: str) -> str:
        return OTHER if state in self.merged_states else state


TABLED = 1 << 20
"""So many classes at most are looked up in a table of them all; more are searched for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen level, the classes that are still below k and are left out, how many rows those are, and what is left."""

    granularity: Granularity
    suppressed: frozenset[Quasi]
    suppressed_count: int
    distribution: "Distribution"

    def leaves_out(self, coarse: Sequence[pa.DictionaryArray]) -> Flags:
        """Which rows stand in a class that is left out; `coarse` are their QUASI_COLUMNS at this level."""
        rows, left_out = _ZERO, _ZERO
        for column, quasi in zip(coarse, zip(*self.suppressed, strict=True), strict=True):
            words = pa.array(sorted(set(quasi)), pa.string())
            known = pc.fill_null(pc.index_in(column.dictionary, words), len(words)).to_numpy()
            rows = rows * (len(words) + 1) + known[column.indices.to_numpy()]
            left_out = left_out * (len(words) + 1) + pc.index_in(pa.array(quasi, pa.string()), words).to_numpy()
        if (space := prod(len(set(quasi)) + 1 for quasi in zip(*self.suppressed, strict=True))) <= TABLED:
            table = np.zeros(space, np.bool_)
            table[left_out] = True
            return table[rows]
        left_out = np.sort(left_out)
        met: Flags = left_out[np.minimum(np.searchsorted(left_out, rows), len(left_out) - 1)] == rows
        return met


def choose(counts: pa.Table, *, k: int, linkage_limit: float = 1.0) -> Choice:
    """The finest level at which every class has k rows, but for at most 1 % of the rows, which are left out.

    At that level there are also at most `linkage_limit` classes per row, or one class: see `Distribution`.

    `counts` has QUASI_COLUMNS and COUNT. Raises RiskRefused if there is no such level: the pool has fewer than k rows.
    """
    total = _sum(counts)
    if total < k:
        raise RiskRefused(
            f"The pool has {total} accounts and k is {k}: widen the rule that cuts it, or merge it with another."
        )
    states = regroup(counts.select(["state", COUNT]), ["state"])
    rare = frozenset(states.filter(pc.less(states.column(COUNT), k)).column("state").to_pylist()) - {""}
    scarce = frozenset(states.filter(pc.less(states.column(COUNT), k / linkage_limit)).column("state").to_pylist()) - {
        ""
    }
    for level in _levels(rare, scarce):
        coarse = pa.table({name: spelt(level.coarsen(name, counts.column(name))) for name in QUASI_COLUMNS})
        classes = regroup(coarse.append_column(COUNT, counts.column(COUNT)), QUASI_COLUMNS)
        small = classes.filter(pc.less(classes.column(COUNT), k))
        shown_count, left = classes.num_rows - small.num_rows, total - _sum(small)
        if _sum(small) <= total * SUPPRESSED_SHARE_LIMIT and shown_count <= max(1, left * linkage_limit):
            rows = small.select(QUASI_COLUMNS).to_pylist()
            suppressed = frozenset((row["age_band"], row["state"], row["zip3"], row["country"]) for row in rows)
            shown = classes.filter(pc.greater_equal(classes.column(COUNT), k)).column(COUNT).to_pylist()
            return Choice(level, suppressed, _sum(small), Distribution.of(shown, k=k))
    raise RiskRefused(f"No level of detail gives every row {k} like it: widen the rule that cuts the pool.")


def _sum(counts: pa.Table) -> int:
    return int(pc.sum(counts.column(COUNT)).as_py() or 0)


def regroup(counts: pa.Table, names: Sequence[str]) -> pa.Table:
    """Counts of equal rows added up."""
    return counts.group_by(list(names)).aggregate([(COUNT, "sum")]).rename_columns([*names, COUNT])


class ClassCounts:
    """How many rows stand in which class of some columns, collected chunk by chunk."""

    def __init__(self, columns: Sequence[str] = QUASI_COLUMNS) -> None:
        self._columns = tuple(columns)
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Count one chunk; a column that it lacks counts as empty."""
        self.merge(self.count(rows))

    def count(self, rows: pa.Table) -> pa.Table:
        """The counts of one chunk, which `merge` takes; changes nothing here."""
        columns = [
            coded(rows.column(name)) if name in rows.column_names else nothing(rows.num_rows) for name in self._columns
        ]
        sizes = [max(len(column.dictionary), 1) for column in columns]
        if prod(sizes) >= 1 << 62:  # places would not fit
            texts = [*map(spelt, columns), pa.array(np.ones(rows.num_rows, np.int64))]
            return regroup(pa.table(texts, names=[*self._columns, COUNT]), self._columns)
        places = _ZERO
        for column, size in zip(columns, sizes, strict=True):
            places = places * size + column.indices.to_numpy()
        met, counts = _tallied(places, prod(sizes))
        words = []
        for column, size in zip(reversed(columns), reversed(sizes), strict=True):
            words.append(column.dictionary.take(pa.array(met % size)))
            met //= size
        return pa.table([*reversed(words), pa.array(counts)], names=[*self._columns, COUNT])

    def merge(self, counts: pa.Table) -> None:
        """Add the counts of one chunk."""
        self._parts.append(counts)
        if len(self._parts) == PARTS_LIMIT:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """The columns and COUNT, one row per class."""
        if not self._parts:
            return pa.table({**dict.fromkeys(self._columns, blank(0)), COUNT: pa.array([], pa.int64())})
        return regroup(pa.concat_tables(self._parts), self._columns)

    def distribution(self, *, k: int) -> "Distribution":
        """The sizes so far."""
        return Distribution.of(self.table().column(COUNT).to_pylist(), k=k)


def _tallied(places: Whole, space: int) -> tuple[Whole, Whole]:
    """(which numbers below `space` occur, in order; how often each)."""
    if space > min(8 * len(places), TABLED):
        return np.unique(places, return_counts=True)
    counts = np.bincount(places)
    met = np.flatnonzero(counts)
    return met, counts[met]


def _levels(rare: frozenset[str], scarce: frozenset[str]) -> Iterable[Granularity]:
    """From fine to coarse: age and place first, states last, as price and law depend on the state."""
    for merged in dict.fromkeys((frozenset[str](), rare, scarce)):
        for width, zip3 in ((5, True), (10, True), (10, False), (20, False), (0, False)):
            yield Granularity(width, zip3, merged_states=merged)
    yield Granularity(0, zip3=False, country=False, merged_states=scarce)
    yield Granularity(0, zip3=False, state=False)
    yield Granularity(0, zip3=False, state=False, country=False)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many rows stand in classes of which size: smallest class, rows below k, share of rows that are unique.

    `linkage_share` is the outcome of an attack by somebody who knows the age band, state, ZIP prefix and country of
    every debtor and knows that they are in the file: who draws one row of the right class is right once per class, so
    the expected share of right links is the number of classes per row (the prosecutor model).
    """

    rows_count: int
    classes_count: int
    smallest_count: int
    below_k_count: int
    uniques_share: float
    linkage_share: float = 0.0

    @classmethod
    def of(cls, sizes: Iterable[int], *, k: int) -> "Distribution":
        """From the sizes of all classes."""
        full = [size for size in sizes if size]
        total = sum(full)
        return cls(
            rows_count=total,
            classes_count=len(full),
            smallest_count=min(full, default=0),
            below_k_count=sum(size for size in full if size < k),
            uniques_share=full.count(1) / total if total else 0.0,
            linkage_share=len(full) / total if total else 0.0,
        )
