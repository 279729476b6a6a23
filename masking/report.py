"""What may be said about a masking: counts, levels and names of fields, never a value of a row."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from masking.accounts import Totals
from masking.granularity import Distribution, Granularity
from masking.limits import RefusedRow
from masking.pools import Strata


@dataclass(frozen=True, slots=True)
class MaskReport:
    """One masked file: rows and face value in and out (minor units), what was coarsened, merged, dropped, left out.

    `rounding_bound_cents` is the most by which rounding alone can move the total of the written rows.
    """

    stage: str
    k: int
    rows_in_count: int
    rows_out_count: int
    suppressed_count: int
    face_in_cents: int
    face_out_cents: int
    suppressed_face_cents: int
    rounding_bound_cents: int
    granularity: Granularity
    distribution: Distribution
    merged_values_counts: dict[str, int] = field(default_factory=dict)
    dropped_columns: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    emptied_columns: tuple[str, ...] = ()
    """Columns of the file that are empty on every row, because k holds at no finer level of detail."""

    @property
    def reconciles(self) -> bool:
        """Rows add up, and the face value does within the stated rounding."""
        moved = self.face_in_cents - self.suppressed_face_cents - self.face_out_cents
        return (
            self.rows_out_count + self.suppressed_count == self.rows_in_count
            and abs(moved) <= self.rounding_bound_cents
        )


_WHOLE = tuple(entry.name for entry in fields(MaskReport) if entry.type == "int" or entry.type is int)


def mask_report(said: object) -> MaskReport:
    """What `as_json` wrote of one masked file, read again; raises ValueError if it is none of it."""
    if not isinstance(said, dict) or not all(isinstance(said.get(name), int) for name in _WHOLE):
        raise ValueError("the report does not say what was masked")
    try:
        level, spread = dict(said["granularity"]), dict(said["distribution"])
        level["merged_states"] = frozenset(level.get("merged_states", ()))
        made = {"granularity": Granularity(**level), "distribution": Distribution(**spread)}
        tuples = {name: tuple(said[name]) for name in ("dropped_columns", "columns", "emptied_columns")}
        return MaskReport(**{**said, **made, **tuples})
    except (KeyError, TypeError, ValueError):
        raise ValueError("the report does not say what was masked") from None


@dataclass(frozen=True, slots=True)
class PoolReport:
    """Everything about a prepared pool: totals, refused rows, strata, both masked files, commitment and sealed file.

    `encoding` is the one that the tape was read in; `face_column` is the column whose amounts are the face value, as `face_field`.
    """

    totals: Totals
    refused: tuple[RefusedRow, ...]
    selected_count: int
    selected_face_cents: int
    strata: Strata
    masks: dict[str, MaskReport]
    commitment_root: str
    sale_sha256: str
    sale_bytes: int
    encoding: str = ""
    face_field: str = ""
    face_column: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and text."""
        return {name: plain(value) for name, value in asdict(self).items()}


def plain(value: Any) -> Any:
    """Sets and tuples as lists, for json.dumps."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(entry) for entry in value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
