"""How unique a masked row is, and the gate that every masked file passes before it is published.

The gate trusts nothing that was said while masking: it reads the finished file again, as a stranger would.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from masking import intake
from masking.columns import whole
from masking.granularity import (
    QUASI_COLUMNS,
    Choice,
    Distribution,
    Granularity,
    RiskRefused,
    choose,
)
from masking.leaks import Identifiers, found_canaries, misformed
from masking.limits import ROW, IntakeError
from masking.policy import Mapping
from masking.report import MaskReport
from masking.values import cents, column, exponent_of

__all__ = [
    "QUASI_COLUMNS",
    "Check",
    "Choice",
    "Distribution",
    "Granularity",
    "RiskRefused",
    "choose",
    "distribution",
    "leak_gate",
]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate: its name, whether it passed, and counts or names of columns; never a value."""

    name: str
    passed: bool
    detail: str


def leak_gate(
    originals: Iterable[pa.Table], masked: intake.Source, mapping: Mapping, report: MaskReport, *, currency: str
) -> list[Check]:
    """Every check over a finished masked file; publish only if all passed.

    `originals` are the tape's text chunks, `masked` the CSV as written. Checks: readable, identifiers (no original
    identifier in any written form in cells or headers), canaries (planted leaks are found), k, form (every cell has
    its column's form and none starts a formula), totals (rows and face value within the stated rounding).
    """
    identifiers = Identifiers(mapping)
    for chunk in originals:
        identifiers.add(chunk)
    try:
        info = intake.inspect(masked)
        chunks = list(_texts(masked, info))
    except IntakeError as error:
        return [Check("readable", passed=False, detail=error.code)]
    leaks = identifiers.leaks(info.columns, chunks, k=report.k)
    spread = distribution(chunks, k=report.k)
    forms = sorted(misformed(info.columns, chunks))
    missed = found_canaries(identifiers)
    return [
        Check("readable", passed=True, detail=f"{spread.rows_count} rows"),
        Check(
            "identifiers",
            passed=not leaks,
            detail=", ".join(f"{name}: {count}" for name, count in sorted(leaks.items())),
        ),
        Check("canaries", passed=missed == 0, detail=f"{missed} planted leaks were not found"),
        Check("k", passed=spread.below_k_count == 0, detail=f"{spread.below_k_count} rows below k={report.k}"),
        Check("form", passed=not forms, detail=", ".join(forms)),
        _totals(chunks, mapping, report, currency),
    ]


def _texts(masked: intake.Source, info: intake.TapeInfo) -> Iterable[pa.Table]:
    for chunk in intake.read_chunks(masked, info):
        yield chunk.drop_columns([ROW])


def _totals(chunks: Sequence[pa.Table], mapping: Mapping, report: MaskReport, currency: str) -> Check:
    """Rows and face value of the file itself against what went in, what was left out and the stated rounding."""
    rows = sum(chunk.num_rows for chunk in chunks)
    expected = report.face_in_cents - report.suppressed_face_cents
    face = 0
    for chunk in chunks:
        numbers, bad = cents(column(chunk, mapping.face_field), exponent=exponent_of(currency))
        face += int(whole(numbers).sum())
        if bad.any():
            return Check("totals", passed=False, detail="the face value cannot be read")
    moved = abs(expected - face)
    fine = rows + report.suppressed_count == report.rows_in_count and moved <= report.rounding_bound_cents
    return Check("totals", passed=fine, detail=f"moved by {moved} minor units, at most {report.rounding_bound_cents}")


def distribution(
    masked: pa.Table | Iterable[pa.Table], *, k: int, columns: Sequence[str] = QUASI_COLUMNS
) -> Distribution:
    """The k distribution over some columns of a masked file; columns that it lacks are ignored."""
    classes = Counter[tuple[str, ...]]()
    for chunk in [masked] if isinstance(masked, pa.Table) else masked:
        names = [name for name in columns if name in chunk.column_names]
        if not names:
            classes[()] += chunk.num_rows
            continue
        groups = chunk.select(names).group_by(names).aggregate([([], "count_all")])
        for row in groups.to_pylist():
            classes[tuple(str(row[name]) for name in names)] += row["count_all"]
    return Distribution.of(list(classes.values()), k=k)
