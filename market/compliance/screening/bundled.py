"""The lists and the table of common names that come with the package; see docs/screening.md for origin and dates."""

from functools import lru_cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "data"
_COMMON: Final = FOLDER / "common_names.txt"
_FREQUENT: Final = FOLDER / "frequent_names.txt"


@lru_cache(maxsize=1)
def common_names() -> dict[str, int]:
    """How many listed people carry a name, for names that five or more carry."""
    lines = _COMMON.read_text(encoding="ascii").splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Names that people carry, in lower-case ASCII: those of some country's lists, and those of five or more listed people."""
    return frozenset(line.split()[0] for line in _lines()) | frozenset(common_names())


@lru_cache(maxsize=1)
def frequent_names() -> frozenset[str]:
    """Of the known names those among the most frequent of a country, or known in four languages."""
    return frozenset(line.split()[0] for line in _lines() if line.endswith("*"))


def _lines() -> list[str]:
    return _FREQUENT.read_text(encoding="ascii").splitlines()
