"""How unique a masked row is: what is chosen, counted and checked about it, under one name."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from masking.gate import Candidate, Check, gate_all, leak_gate
from masking.granularity import (
    LINKAGE_LIMIT,
    QUASI_COLUMNS,
    Choice,
    ClassCounts,
    Distribution,
    Granularity,
    RiskRefused,
    choose,
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
]


def distribution(
    masked: pa.Table | Iterable[pa.Table], *, k: int, columns: Sequence[str] = QUASI_COLUMNS
) -> Distribution:
    """The k distribution over some columns of a masked file; columns that it lacks are ignored."""
    classes = ClassCounts(columns)
    for chunk in [masked] if isinstance(masked, pa.Table) else masked:
        classes.add(chunk)
    return classes.distribution(k=k)
