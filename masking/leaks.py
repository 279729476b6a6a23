"""Looking for original identifiers in a finished file, in every form in which they may be written."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.columns import one, pc
from masking.fields import FIELDS, FieldClass, Kind
from masking.forms import stray
from masking.policy import Mapping
from masking.tokens import normalise, prf
from masking.treatments import restore
from masking.values import column

SHORTEST = 5
"""Shorter identifiers, reduced to letters and digits, occur everywhere by chance."""

LONGEST_PHRASE = 8
HASH_KEY = bytes(32)  # hashes are compared inside one run and never leave it
DISTINCT_LIMIT = 100_000
"""A column of text with more different cells is no category, and is not published: it could not be searched in memory."""

NAMES = frozenset({"debtor_name", "first_name", "last_name", "co_debtor_name", "company_name"})
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

FILED_AMOUNT = r"^[0-9]{8,}(?:\.0*)?$"
"""Whole amounts as long as an account number or a number of a person: a column of amounts has room for those."""

EIGHT_DIGITS = 90_000_000
"""How many numbers of eight digits there are."""

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


def identifier_hashes(chunk: pa.Table, mapping: Mapping) -> Iterator[tuple[Hashes, bool]]:
    """For each identifier column of a tape's chunk: the hashes of its distinct values, and whether they are names."""
    for header, name in mapping.items():
        if name and FIELDS[name].cls is FieldClass.IDENTIFIER:
            yield _reduced_hashes(column(chunk, header)), name in NAMES


def _reduced_hashes(values: pa.Array) -> Hashes:
    values = normalise(pc.utf8_trim_whitespace(values.unique()))
    return _hashes(values.filter(pc.greater_equal(pc.utf8_length(values), SHORTEST)))


class Words:
    """The text of a masked file: its headers, and the distinct cells of every column that may hold any text."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.headers = tuple(headers)
        self.cells: dict[str, Counter[str]] = {name: Counter() for name in opened_columns(headers)}
        self.amounts: dict[str, list[Hashes]] = {name: [] for name in headers if _form(name) is FORMS[Kind.AMOUNT]}
        self.unbounded: set[str] = set()

    def add(self, chunk: pa.Table) -> None:
        """Count one chunk; a column with more than DISTINCT_LIMIT texts is named in `unbounded` and not counted on."""
        for name, met in self.amounts.items():
            amounts = one(chunk.column(name))
            suspects = amounts.filter(pc.match_substring_regex(amounts, FILED_AMOUNT))
            if len(suspects):
                met.append(_hashes(pc.replace_substring_regex(suspects, r"\..*", "")))
        for name, counter in self.cells.items():
            if name in self.unbounded:
                continue
            for entry in pc.value_counts(restore(one(chunk.column(name)))).to_pylist():
                counter[entry["values"]] += entry["counts"]
            if len(counter) > DISTINCT_LIMIT:
                self.unbounded.add(name)
                counter.clear()


@dataclass(frozen=True, slots=True)
class _Place:
    """One text of a masked file: its column ("header" for a header), and how often it stands there."""

    column: str
    count: int


class Search:
    """Which texts of a masked file quote an original identifier; memory grows with the file's distinct texts alone."""

    def __init__(self, words: Words, forms: Callable[[str], set[str]] = forms_of) -> None:
        texts = [(_Place("header", 1), header) for header in words.headers]
        texts += [(_Place(name, count), cell) for name, cells in words.cells.items() for cell, count in cells.items()]
        self._places = [place for place, _ in texts]
        self._texts = [text for _, text in texts]
        pairs = [(number, form) for number, (_, text) in enumerate(texts) for form in sorted(forms(text))]
        hashes = _hashes([form for _, form in pairs])
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._owners = np.array([number for number, _ in pairs], np.int64)[order]
        self._codes, self._names = set[int](), set[int]()
        self._unbounded = sorted(words.unbounded)
        self._amounts = {name: np.sort(np.concatenate(met)) for name, met in words.amounts.items() if met}
        self._filed = {name: np.zeros(len(met), np.bool_) for name, met in self._amounts.items()}
        self._originals_count = 0

    def meet(self, originals: Hashes, *, names: bool) -> None:
        """Look for these original values in every text."""
        first = np.searchsorted(self._hashes, originals, side="left")
        past = np.searchsorted(self._hashes, originals, side="right")
        for place in np.flatnonzero(past > first).tolist():
            (self._names if names else self._codes).update(self._owners[first[place] : past[place]].tolist())
        self._originals_count += 0 if names else len(originals)
        for name, amounts in () if names else self._amounts.items():
            self._filed[name] |= np.isin(amounts, originals)

    def leaks(self, *, k: int) -> dict[str, int]:
        """Column -> cells that quote an identifier, or every cell (-1) of a column with too many texts to search.

        So does a text that fewer than k rows share and that has the form of one, although no column of identifiers holds it.

        A name that stands in k or more rows of the file, such as a bank's, points at nobody. Amounts of eight digits or more
        are identifiers if they are so clearly more often than chance lets numbers of eight digits be.
        """
        result = Counter[str]()
        for number, (place, text) in enumerate(zip(self._places, self._texts, strict=True)):
            rare = place.count < k
            if number in self._codes or (
                rare and (number in self._names or (place.column != "header" and stray(text)))
            ):
                result[place.column] += place.count
        density = self._originals_count / EIGHT_DIGITS
        for name, filed in self._filed.items():
            if (hits := int(filed.sum())) > 3 * density * len(filed):
                result[name] += hits
        return {**result, **dict.fromkeys(self._unbounded, -1)}


def missed_canaries(forms: Callable[[str], set[str]] = forms_of) -> int:
    """How many planted leaks the search does *not* find; anything but 0 means that the gate itself is broken."""
    planted = {form for name in CANARIES for form in (name, f"see {name}, pls", re.sub(r"\W", "", name).lower())}
    words = Words(["planted"])
    words.add(pa.table({"planted": sorted(planted)}))
    search = Search(words, forms)
    search.meet(_reduced_hashes(pa.array(CANARIES)), names=False)
    return len(planted) - search.leaks(k=2).get("planted", 0)


def opened_columns(headers: Sequence[str]) -> list[str]:
    """The columns whose cells may be any text; the form of all others leaves no room for an identifier."""
    return [name for name in headers if _form(name) is None]


def token_columns(headers: Sequence[str]) -> list[str]:
    """The columns of a masked file that hold tokens."""
    return [name for name in headers if _form(name) is TOKEN]


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


def misformed(chunk: pa.Table) -> set[str]:
    """Columns with a cell that has not its column's form, or that a spreadsheet would run as a formula."""
    wrong = {name for name in chunk.column_names if RISKY.match(name)}
    for name in chunk.column_names:
        form = _form(name)
        pattern = f"^(?:{form.pattern})$" if form else "^[^=+@\\t\\r\\x00-]|^$"
        if pc.all(pc.match_substring_regex(one(chunk.column(name)), pattern)).as_py() is False:
            wrong.add(name)
    return wrong
