"""What each field becomes at each stage of disclosure, and which column holds which field."""

from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from masking.encodings import ENCODINGS
from masking.fields import CATALOGUE, FACE_FIELDS, FIELDS, Field, FieldClass, Kind


class Stage(IntEnum):
    """How far a party may look: strata only, masked preview, masked after NDA and clearance, unmasked after settlement."""

    TEASER = 0
    PREVIEW = 1
    VETTED = 2
    SALE = 3


class Treatment(Enum):
    """What happens to one column."""

    DROP = "drop"
    TOKEN = "token"  # noqa: S105  # the name of a treatment
    PRESENCE = "presence"
    BAND = "band"
    ZIP_PREFIX = "zip_prefix"
    KEEP = "keep"
    MERGE_RARE = "merge_rare"
    FLAGS_MERGED = "flags_merged"
    FLAGS = "flags"
    MONTH = "month"
    EXACT = "exact"
    ROUND = "round"
    CLEAR = "clear"


class PolicyError(ValueError):
    """A mapping or policy that cannot be applied; the message names columns and fields, never values."""


@dataclass(frozen=True)
class Mapping(MappingABC[str, str | None]):
    """Column header -> canonical field, or None to drop the column; a column that is not named is dropped as well.

    `decimal_mark` is "." or ",", `date_order` mdy, dmy or ymd; `encoding` is that of a delimited file if its seller said it, else
    empty. Raises PolicyError with every fault: unknown fields and encodings, two columns on one field that allows one.
    """

    columns: dict[str, str | None]
    decimal_mark: str = "."
    date_order: str = "mdy"
    encoding: str = ""
    _by_field: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        faults = []
        if self.decimal_mark not in {".", ","} or self.date_order not in {"mdy", "dmy", "ymd"}:
            faults.append("the decimal mark is . or , and the date order mdy, dmy or ymd")
        if self.encoding and self.encoding not in ENCODINGS:
            faults.append(f"no such encoding; those that are read: {', '.join(ENCODINGS)}")
        mapped = [(column, name) for column, name in self.columns.items() if name is not None]
        for column, name in mapped:
            if name in self._by_field and not FIELDS[name].many:
                faults.append(f"two columns are mapped to {name}: {self._by_field[name][0]!r} and {column!r}")
            elif name in FIELDS:
                self._by_field[name] = (*self._by_field.get(name, ()), column)
        if unknown := [f"column {column!r}: {name!r} is not a field" for column, name in mapped if name not in FIELDS]:
            faults.append(f"{'; '.join(unknown)}; the fields are {', '.join(FIELDS)}")
        if faults:
            raise PolicyError("; ".join(faults))

    def __getitem__(self, column: str) -> str | None:
        return self.columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def require_mandatory(self) -> None:
        """Raises PolicyError if account number, every balance or both are missing."""
        faults = []
        if "account_number" not in self._by_field and "invoice_number" not in self._by_field:
            faults.append("no column is mapped to account_number or invoice_number")
        if not self.face_field:
            faults.append(f"no column is mapped to one of {', '.join(FACE_FIELDS)}")
        if faults:
            raise PolicyError("; ".join(faults))

    @property
    def face_field(self) -> str:
        """The field that is the face value; empty if none is mapped."""
        return next((name for name in FACE_FIELDS if name in self._by_field), "")

    @property
    def key_field(self) -> str:
        """The field that tells accounts apart."""
        return "account_number" if "account_number" in self._by_field else "invoice_number"

    def columns_of(self, name: str) -> tuple[str, ...]:
        """The columns that are mapped to a field, in the tape's order."""
        return self._by_field.get(name, ())

    def fields(self) -> list[Field]:
        """The mapped fields in catalogue order."""
        return [entry for entry in CATALOGUE if entry.name in self._by_field]


@dataclass(frozen=True, slots=True)
class Policy:
    """Field -> treatment at the preview and the vetted stage. The teaser shows no rows; the sale stage is clear."""

    preview: dict[str, Treatment]
    vetted: dict[str, Treatment]

    def treatment(self, name: str, stage: Stage) -> Treatment:
        """What happens to a field; a field that the policy does not name is dropped."""
        match stage:
            case Stage.TEASER:
                return Treatment.DROP
            case Stage.PREVIEW:
                return self.preview.get(name, Treatment.DROP)
            case Stage.VETTED:
                return self.vetted.get(name, Treatment.DROP)
            case Stage.SALE:
                return Treatment.CLEAR


_TOKENS = {"account_number", "client_id", "agreement_number", "invoice_number", "national_id"}
_PRESENT = {"phone", "email", "street_address", "employer", "notes"}
_QUASI = {
    "date_of_birth": Treatment.BAND,
    "state": Treatment.KEEP,
    "postal_code": Treatment.ZIP_PREFIX,
    "country": Treatment.KEEP,
}


def default_policy() -> Policy:
    """The table of docs: identifiers never leave, dates and amounts are coarse until the NDA is signed."""
    return Policy(
        preview={entry.name: _default(entry, Stage.PREVIEW) for entry in CATALOGUE},
        vetted={entry.name: _default(entry, Stage.VETTED) for entry in CATALOGUE},
    )


def _default(entry: Field, stage: Stage) -> Treatment:
    preview = stage is Stage.PREVIEW
    if entry.name in _TOKENS:
        return Treatment.TOKEN
    if entry.name in _PRESENT:
        return Treatment.PRESENCE
    match entry.cls, entry.kind:
        case FieldClass.QUASI, _:
            return _QUASI.get(entry.name, Treatment.DROP)
        case FieldClass.SENSITIVE, _:
            return Treatment.FLAGS_MERGED if preview else Treatment.FLAGS
        case FieldClass.ANALYTIC, Kind.AMOUNT:
            return Treatment.ROUND if preview else Treatment.EXACT
        case FieldClass.ANALYTIC, Kind.DATE:
            return Treatment.MONTH if preview else Treatment.EXACT
        case FieldClass.ANALYTIC, _:
            return Treatment.MERGE_RARE if preview else Treatment.KEEP
        case _:
            return Treatment.DROP
