"""Of a column's cells, how many are such."""

import re
from collections.abc import Callable, Sequence


def share(cells: Sequence[str], holds: Callable[[str], bool]) -> float:
    """The share of cells for which something holds."""
    return sum(map(holds, cells)) / len(cells) if cells else 0.0


def fits(pattern: re.Pattern[str], cell: str) -> bool:
    """Whether the whole cell has a form."""
    return pattern.fullmatch(cell) is not None
