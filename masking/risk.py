"""How unique a masked row is: what is chosen, counted and checked about it, under one name."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from masking.gate import Candidate, Check, gate_all, leak_gate
from masking.granularity import (
    COUNT,
    LINKAGE_LIMIT,
    QUASI_COLUMNS,
    Choice,
    ClassCounts,
    Distribution,
    Granularity,
    RiskRefused,
    choose,
    regroup,
)

__all__ = [
    "LINKAGE_LIMIT",
    "QUASI_COLUMNS",
    "Candidate",
    "Check",
    "Choice",
    "Distribution",
    "Granularity",
    "RiskRefused",
    "choose",
    "distribution",
    "gate_all",
    "leak_gate",
    "linkage_without",
]


def distribution(
    masked: pa.Table | Iterable[pa.Table], *, k: int, columns: Sequence[str] = QUASI_COLUMNS
) -> Distribution:
    """The k distribution over some columns of a masked file; columns that it lacks are ignored."""
    classes = ClassCounts(columns)
    for chunk in [masked] if isinstance(masked, pa.Table) else masked:
        classes.add(chunk)
    return classes.distribution(k=k)


def linkage_without(masked: Iterable[pa.Table]) -> dict[str, float]:
    """Share of rows that would be linked rightly with everything shown (""), and if one column were left out."""
    counts = ClassCounts()
    for chunk in masked:
        counts.add(chunk)
    table = counts.table()
    shown = {"": QUASI_COLUMNS, **{name: tuple(n for n in QUASI_COLUMNS if n != name) for name in QUASI_COLUMNS}}
    sizes = {
        name: regroup(table.select([*kept, COUNT]), kept).column(COUNT).to_pylist() for name, kept in shown.items()
    }
    return {name: Distribution.of(size, k=1).linkage_share for name, size in sizes.items()}
