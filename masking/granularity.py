"""How coarse a pool's quasi-identifiers must become until no row stands for fewer than k accounts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from masking.treatments import OTHER

QUASI_COLUMNS = ("age_band", "state", "zip3", "country")
"""The masked columns that an outsider may know about a debtor."""

SUPPRESSED_SHARE_LIMIT = 0.01
"""At most this share of a pool's rows is left out before the next coarser level is taken."""

Quasi = tuple[str, str, str, str]
"""Values of QUASI_COLUMNS as in a draft: the age band five years wide."""


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

    def coarsen(self, quasi: Quasi) -> Quasi:
        """A draft's quasi-identifiers at this level."""
        age, state, zip3, country = quasi
        return (
            self.age(age),
            self.state_label(state) if self.state else "",
            zip3 if self.zip3 else "",
            country if self.country else "",
        )

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


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen level, the classes that are still below k and are left out, and how many rows those are."""

    granularity: Granularity
    suppressed: frozenset[Quasi]
    suppressed_count: int


def choose(counts: Counter[Quasi], *, k: int) -> Choice:
    """The finest level at which every class has k rows, but for at most 1 % of the rows, which are left out.

    Raises RiskRefused if there is no such level: the pool has fewer than k rows.
    """
    total = counts.total()
    if total < k:
        raise RiskRefused(
            f"The pool has {total} accounts and k is {k}: widen the rule that cuts it, or merge it with another."
        )
    states = Counter[str]()
    for (_, state, _, _), count in counts.items():
        states[state] += count
    rare = frozenset(state for state, count in states.items() if state and count < k)
    for level in _levels(rare):
        classes = Counter[Quasi]()
        for quasi, count in counts.items():
            classes[level.coarsen(quasi)] += count
        small = {quasi: count for quasi, count in classes.items() if count < k}
        if sum(small.values()) <= total * SUPPRESSED_SHARE_LIMIT:
            return Choice(level, frozenset(small), sum(small.values()))
    raise RiskRefused(f"No level of detail gives every row {k} like it: widen the rule that cuts the pool.")


def _levels(rare: frozenset[str]) -> Iterable[Granularity]:
    """From fine to coarse: age and place first, states last, as price and law depend on the state."""
    for merged in dict.fromkeys((frozenset[str](), rare)):
        for width, zip3 in ((5, True), (10, True), (10, False), (20, False), (0, False)):
            yield Granularity(width, zip3, merged_states=merged)
    yield Granularity(0, zip3=False, country=False, merged_states=rare)
    yield Granularity(0, zip3=False, state=False)
    yield Granularity(0, zip3=False, state=False, country=False)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many rows stand in classes of which size: smallest class, rows below k, share of rows that are unique."""

    rows_count: int
    classes_count: int
    smallest_count: int
    below_k_count: int
    uniques_share: float

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
        )
