"""Looking for original identifiers in a finished file, in every form in which they may be written."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import one, pc
from masking.fields import FIELDS, FieldClass, Kind
from masking.policy import Mapping
from masking.tokens import normalise, prf
from masking.treatments import restore
from masking.values import column

SHORTEST = 5
"""Shorter identifiers, reduced to letters and digits, occur everywhere by chance."""

LONGEST_PHRASE = 8
HASH_KEY = bytes(32)  # hashes are compared inside one run and never leave it
CANARIES = ("987-65-4329", "Quixotella Featherstonehaugh", "4000-ZZ-77131")

TOKEN = re.compile(r"(?:[A-Z2-7]{16})?")
YES_NO = re.compile(r"yes|no")
FORMS = {
    "age_band": re.compile(r"(?:\d{1,2}-\d{1,2}|90\+)?"),
    "zip3": re.compile(r"'?.{0,3}"),
    Kind.AMOUNT: re.compile(r"(?:-?\d+(?:\.\d+)?)?", re.ASCII),
    Kind.DATE: re.compile(r"(?:\d{4}-\d{2}(?:-\d{2})?)?", re.ASCII),
}
RISKY = re.compile(r"[=+\-@\t\r\x00]")

Hashes = npt.NDArray[np.uint64]


def _hashes(words: Iterable[str] | pa.Array) -> Hashes:
    values = words if isinstance(words, pa.Array) else pa.array(list(words), pa.string())
    return np.ascontiguousarray(prf(HASH_KEY, values)[:, :8]).view(np.uint64).reshape(-1)


def forms_of(cell: str) -> set[str]:
    """Every run of words of a cell, reduced to upper-case letters and digits: the whole, each word, each phrase."""
    words = [word for word in (re.sub(r"[\W_]+", "", part) for part in cell.upper().split()) if word]
    pieces = [word for word in re.split(r"[\W_]+", cell.upper()) if word]
    found = {
        "".join(run[i:j])
        for run in (words, pieces)
        for i in range(len(run))
        for j in range(i + 1, min(len(run), i + LONGEST_PHRASE) + 1)
    }
    return {form for form in found if len(form) >= SHORTEST}


class Identifiers:
    """The hashes of all original identifier values of a tape: 8 bytes each."""

    def __init__(self, mapping: Mapping) -> None:
        self._columns = [
            (header, name in {"debtor_name", "first_name", "last_name", "co_debtor_name", "company_name"})
            for header, name in mapping.items()
            if name and FIELDS[name].cls is FieldClass.IDENTIFIER
        ]
        self._codes: list[Hashes] = [_hashes(normalise(pa.array(CANARIES)))]
        self._names: list[Hashes] = [np.zeros(0, np.uint64)]

    def add(self, chunk: pa.Table) -> None:
        """Remember one chunk of the tape."""
        for header, is_name in self._columns:
            values = normalise(pc.utf8_trim_whitespace(column(chunk, header)))
            values = values.filter(pc.greater_equal(pc.utf8_length(values), SHORTEST))
            (self._names if is_name else self._codes).append(np.unique(_hashes(values)))

    def _known(self, forms: Sequence[str], kept: list[Hashes]) -> npt.NDArray[np.bool_]:
        return np.isin(_hashes(forms), np.concatenate(kept)) if forms else np.zeros(0, np.bool_)

    def in_cell(self, cells: Sequence[str]) -> tuple[set[str], set[str]]:
        """(cells that hold a number, address or other code of a debtor, cells that hold a debtor's name)."""
        pairs = [(cell, form) for cell in cells for form in sorted(forms_of(cell))]
        forms = [form for _, form in pairs]
        codes, names = self._known(forms, self._codes), self._known(forms, self._names)
        return (
            {cell for (cell, _), hit in zip(pairs, codes, strict=True) if hit},
            {cell for (cell, _), hit in zip(pairs, names, strict=True) if hit},
        )

    def leaks(self, headers: Sequence[str], chunks: Iterable[pa.Table], *, k: int) -> dict[str, int]:
        """Column -> number of cells with an original identifier; "header" for headers.

        A name that stands in k or more rows of the file, such as a bank's, points at nobody.
        """
        counts: dict[str, Counter[str]] = {name: Counter() for name in opened_columns(headers)}
        for chunk in chunks:
            for name, counter in counts.items():
                for entry in pc.value_counts(restore(one(chunk.column(name)))).to_pylist():
                    counter[entry["values"]] += entry["counts"]
        result = {}
        for name, counter in counts.items():
            codes, names = self.in_cell(list(counter))
            rare = {cell for cell in names if counter[cell] < k}
            if hits := sum(counter[cell] for cell in codes | rare):
                result[name] = hits
        if any(self.in_cell(headers)):
            result["header"] = 1
        return result


def found_canaries(identifiers: Identifiers) -> int:
    """How many planted leaks are *not* found; anything but 0 means that the gate itself is broken."""
    planted = [
        form for canary in CANARIES for form in (canary, f"see {canary}, pls", re.sub(r"\W", "", canary).lower())
    ]
    codes, _ = identifiers.in_cell(planted)
    return len(set(planted) - codes)


def opened_columns(headers: Sequence[str]) -> list[str]:
    """The columns whose cells may be any text; the form of all others leaves no room for an identifier."""
    return [name for name in headers if _form(name) is None]


def _form(name: str) -> re.Pattern[str] | None:
    """The form that every cell of a masked column has, or None for text."""
    if name in FORMS:
        return FORMS[name]
    if name.startswith("has_") or name.endswith("_flag"):
        return YES_NO
    entry = FIELDS.get(re.sub(r"_\d+$", "", name))
    if entry is None:
        return None
    if entry.cls is FieldClass.IDENTIFIER:
        return TOKEN
    return YES_NO if entry.kind is Kind.FLAG else FORMS.get(entry.kind)


def misformed(headers: Sequence[str], chunks: Iterable[pa.Table]) -> set[str]:
    """Columns with a cell that has not its column's form, or that a spreadsheet would run as a formula."""
    wrong = {name for name in headers if RISKY.match(name)}
    for chunk in chunks:
        for name in headers:
            form = _form(name)
            cells = one(chunk.column(name))
            pattern = f"^(?:{form.pattern})$" if form else "^[^=+@\\t\\r\\x00-]|^$"
            if pc.all(pc.match_substring_regex(cells, pattern)).as_py() is False:
                wrong.add(name)
    return wrong
