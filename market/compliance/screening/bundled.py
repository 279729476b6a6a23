"""The lists and the table of common names that come with the package; see docs/screening.md for origin and dates."""

from functools import lru_cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "data"
_COMMON: Final = FOLDER / "common_names.txt"


@lru_cache(maxsize=1)
def common_names() -> dict[str, int]:
    """How many listed people carry a name, for names that five or more carry."""
    lines = _COMMON.read_text(encoding="ascii").splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}
