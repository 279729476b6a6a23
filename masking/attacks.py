"""Simulated linkage: somebody who knows some columns of a debtor looks for the row, and how often is that right?

Rows are compared by a 64-bit sum of keyed hashes of their cells, so that memory is 8 bytes a row and column known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import one
from masking.tokens import prf

ROWS_LIMIT = 2_000_000
"""At most this many rows, the first of the file, take part in an attack."""

KEY = bytes(32)  # hashes are compared inside one run and never leave it
SIZES = ((1, "1"), (4, "2-4"), (10, "5-10"), (20, "11-20"), (50, "21-50"), (200, "51-200"), (1000, "201-1,000"))
LARGEST = "over 1,000"

Sums = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Attack:
    """The outcome for one kind of knowledge; shares are of the rows that took part.

    `linkage_share` is what somebody can expect who knows that the debtor is in the file and draws one row of the right class;
    `simulated_share` is what one draw for every row gave. `share_without` is the linkage if a column were not known, and
    `rows_by_class_size` says how many rows stand in classes of which size.
    """

    knows: tuple[str, ...]
    rows_count: int
    classes_count: int
    unique_count: int
    smallest_count: int
    linkage_share: float
    simulated_share: float
    share_without: dict[str, float]
    rows_by_class_size: dict[str, int]


@dataclass
class Attacker:
    """Somebody who knows these columns of everybody; fed chunk by chunk."""

    knows: tuple[str, ...]
    _sums: dict[str, list[Sums]] = field(default_factory=dict)
    _count: int = 0

    def add(self, rows: pa.Table) -> None:
        """Look at one chunk; all columns known must be in it."""
        rows = rows.slice(0, max(ROWS_LIMIT - self._count, 0))
        self._count += rows.num_rows
        parts = {name: _hashes(one(rows.column(name)), number) for number, name in enumerate(self.knows)}
        total = sum(parts.values(), np.zeros(rows.num_rows, np.uint64))
        self._sums.setdefault("", []).append(total)
        for name, part in parts.items():
            self._sums.setdefault(name, []).append(total - part)

    def result(self, *, seed: int = 1) -> Attack:
        """The outcome; `seed` draws the simulated attack."""
        sums = _joined(self._sums.get("", []))
        _, places, sizes = np.unique(sums, return_inverse=True, return_counts=True)
        rows_count = len(sums)
        right = np.random.default_rng(seed).random(rows_count) * sizes[places] < 1
        without = {
            name: len(np.unique(_joined(self._sums[name]))) / max(rows_count, 1) for name in self.knows if rows_count
        }
        return Attack(
            knows=self.knows,
            rows_count=rows_count,
            classes_count=len(sizes),
            unique_count=int((sizes == 1).sum()),
            smallest_count=int(sizes.min()) if rows_count else 0,
            linkage_share=len(sizes) / max(rows_count, 1),
            simulated_share=float(right.mean()) if rows_count else 0.0,
            share_without=without,
            rows_by_class_size=_by_size(sizes),
        )


def attacked(chunks: Iterable[pa.Table], knowledge: Sequence[tuple[str, ...]]) -> list[Attack]:
    """One attack for each set of columns known, over one reading of the rows."""
    attackers = [Attacker(knows) for knows in knowledge]
    for chunk in chunks:
        for attacker in attackers:
            attacker.add(chunk)
    return [attacker.result() for attacker in attackers]


def _hashes(values: pa.Array, number: int) -> Sums:
    """64 bits of each text; the column's number sets equal texts of two columns apart."""
    encoded = values.fill_null("").dictionary_encode()
    words = pa.array([f"{number}\x1f{word}" for word in encoded.dictionary.to_pylist()], pa.string())
    hashes: Sums = np.ascontiguousarray(prf(KEY, words)[:, :8]).view(np.uint64).reshape(-1)
    result: Sums = hashes[encoded.indices.to_numpy()]
    return result


def _joined(parts: list[Sums]) -> Sums:
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _by_size(sizes: npt.NDArray[np.int64]) -> dict[str, int]:
    places = np.searchsorted([most for most, _ in SIZES], sizes, side="left")
    rows = np.bincount(places, weights=sizes, minlength=len(SIZES) + 1)
    return {label: int(count) for label, count in zip([*(name for _, name in SIZES), LARGEST], rows, strict=True)}
