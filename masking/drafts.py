"""Between reading and masking: rows already without identifiers, and the counts that decide how coarse they become.

A draft is made once while the tape is read; both stages are then made from drafts, so that the tape is read once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from masking import treatments
from masking.accounts import FACE
from masking.columns import coded, flags, one, whole
from masking.fields import Field, FieldClass, Kind
from masking.granularity import ClassCounts
from masking.policy import Mapping, Policy, Stage, Treatment
from masking.tokens import tokenise
from masking.values import column

BASE_AGE_WIDTH = 5
DISTINCT_LIMIT = 100_000


def wanted(mapping: Mapping, policy: Policy) -> list[tuple[Field, set[Treatment]]]:
    """The mapped fields that some stage shows, with their treatments."""
    pairs = [
        (entry, {policy.treatment(entry.name, s) for s in (Stage.PREVIEW, Stage.VETTED)}) for entry in mapping.fields()
    ]
    return [(entry, kinds - {Treatment.DROP}) for entry, kinds in pairs if kinds - {Treatment.DROP}]


def draft(
    rows: pa.Table, accounts: pa.Table, mapping: Mapping, policy: Policy, *, token_key: bytes, cut_off_on: date
) -> pa.Table:
    """Pseudonymised rows in the finest detail that any stage may show; `accounts` are the typed `rows`."""
    arrays: dict[str, pa.Array] = {FACE: one(accounts.column(FACE))}
    for entry, kinds in wanted(mapping, policy):
        headers = mapping.columns_of(entry.name)
        if Treatment.TOKEN in kinds:
            for number, header in enumerate(headers, start=1):
                name = entry.name if number == 1 else f"{entry.name}_{number}"
                arrays[name] = tokenise(column(rows, header), pool_key=token_key, domain=entry.name)
        elif Treatment.PRESENCE in kinds:
            arrays[f"has_{entry.name}"] = treatments.presence([column(rows, header) for header in headers])
        elif Treatment.BAND in kinds:
            born = one(accounts.column(entry.name))
            arrays["age_band"] = treatments.age_band(born, cut_off_on=cut_off_on, width=BASE_AGE_WIDTH)
        elif Treatment.ZIP_PREFIX in kinds:
            arrays["zip3"] = treatments.zip_prefix(accounts.column(entry.name))
        elif entry.kind is Kind.TEXT:
            arrays[entry.name] = coded(accounts.column(entry.name))
        else:
            arrays[entry.name] = one(accounts.column(entry.name))
    return pa.table(arrays)


@dataclass
class Survey:
    """What is counted over all drafts of a pool: quasi-identifier classes, text values, combinations of flags."""

    rows_count: int = 0
    face_cents: int = 0
    quasi: ClassCounts = field(default_factory=ClassCounts)
    texts: dict[str, Counter[str]] = field(default_factory=dict)
    flags: Counter[frozenset[str]] = field(default_factory=Counter)

    def add(self, rows: pa.Table, mapping: Mapping) -> None:
        """Count one draft chunk."""
        self.rows_count += rows.num_rows
        self.face_cents += int(whole(rows.column(FACE)).sum())
        self.quasi.add(rows)
        for entry in mapping.fields():
            if entry.cls is FieldClass.ANALYTIC and entry.kind is Kind.TEXT and entry.name in rows.column_names:
                counter = self.texts.setdefault(entry.name, Counter())
                for value, count in counted(rows.column(entry.name)):
                    if len(counter) < DISTINCT_LIMIT or value in counter:  # past the limit all are rare
                        counter[value] += count
        names = [
            entry.name for entry in mapping.fields() if entry.kind is Kind.FLAG and entry.name in rows.column_names
        ]
        for flagged, count in _combinations(rows, names):
            self.flags[flagged] += count

    def flag_count(self, names: frozenset[str]) -> int:
        """How many rows have at least one of these flags."""
        return sum(count for flagged, count in self.flags.items() if flagged & names)


def counted(values: pa.ChunkedArray) -> Iterator[tuple[str, int]]:
    """The distinct texts of a coded column, each with its count."""
    column = coded(values)
    counts = np.bincount(column.indices.to_numpy(), minlength=len(column.dictionary))
    return zip(column.dictionary.to_pylist(), counts.tolist(), strict=True)


def _combinations(rows: pa.Table, names: Sequence[str]) -> Iterator[tuple[frozenset[str], int]]:
    """Each set of flags that some row has, with the count of rows that have just these."""
    marks = np.zeros(rows.num_rows, np.int64)
    for place, name in enumerate(names):
        marks |= flags(rows.column(name)).astype(np.int64) << place
    for mark, count in enumerate(np.bincount(marks).tolist()):
        if count:
            yield frozenset(name for place, name in enumerate(names) if mark >> place & 1), count
