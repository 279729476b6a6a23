"""The gate that every masked file passes before it is published: one reading of the file, one of the tape, in chunks.

It trusts nothing that was said while masking: it reads the finished file again, as a stranger would.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from masking import intake
from masking.columns import one, pc, whole
from masking.fields import FIELDS, FieldClass
from masking.granularity import LINKAGE_LIMIT, QUASI_COLUMNS, ClassCounts
from masking.leaks import Search, Words, identifier_hashes, misformed, missed_canaries
from masking.limits import ROW, IntakeError
from masking.policy import Mapping
from masking.report import MaskReport
from masking.tokens import subkey, tokenise
from masking.values import cents, column, exponent_of

TOKENS_SAMPLE_COUNT = 500


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate: its name, whether it passed, and counts or names of columns; never a value."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished masked file that wants to be published, and what was reported while it was made."""

    source: intake.Source
    report: MaskReport


def leak_gate(
    originals: Iterable[pa.Table],
    masked: intake.Source,
    mapping: Mapping,
    report: MaskReport,
    *,
    currency: str,
    token_key: bytes | None = None,
) -> list[Check]:
    """Every check over a finished masked file; publish only if all passed.

    `originals` are the tape's text chunks, `masked` the CSV as written. Checks: readable, identifiers (no original
    identifier in any written form in cells or headers), canaries (planted leaks are found), tokens (only with
    `token_key`: the file's tokens are made again from the originals, and another key changes every one), k, linkage
    (see `Distribution`; at most 5 % at the preview stage), form (every cell has its column's form and none starts a
    formula), totals (rows and face value within the stated rounding).
    """
    made = gate_all(originals, [Candidate(masked, report)], mapping, currency=currency, token_key=token_key)
    return made[0]


def gate_all(
    originals: Iterable[pa.Table],
    candidates: Iterable[Candidate],
    mapping: Mapping,
    *,
    currency: str,
    token_key: bytes | None = None,
) -> list[list[Check]]:
    """`leak_gate` for several masked files of one tape, which is read once for all of them."""
    readings = [_Reading(candidate, mapping, currency, token_key) for candidate in candidates]
    open_readings = [reading for reading in readings if not reading.unreadable]
    for chunk in originals if open_readings else ():
        for hashes, names in identifier_hashes(chunk, mapping):
            for reading in open_readings:
                reading.search.meet(hashes, names=names)
        for reading in open_readings:
            if reading.tokens:
                reading.tokens.meet(chunk)
    return [reading.checks() for reading in readings]


class _Reading:
    """What one masked file says, read chunk by chunk when built; originals are then met by `search` and `tokens`."""

    def __init__(self, candidate: Candidate, mapping: Mapping, currency: str, token_key: bytes | None) -> None:
        self._report, self._mapping, self._exponent = candidate.report, mapping, exponent_of(currency)
        self._rows = self._face = self._unread = 0
        self._misformed: set[str] = set()
        self._classes = ClassCounts(QUASI_COLUMNS)
        self.tokens = _Tokens(token_key, mapping) if token_key else None
        self.unreadable = ""
        try:
            info = intake.inspect(candidate.source)
            words = Words(info.columns)
            for chunk in _texts(candidate.source, info):
                words.add(chunk)
                self._add(chunk)
        except IntakeError as error:
            self.unreadable = error.code
        else:
            self.search = Search(words)

    def _add(self, chunk: pa.Table) -> None:
        self._misformed |= misformed(chunk)
        self._classes.add(chunk)
        self._rows += chunk.num_rows
        if self._mapping.face_field in chunk.column_names:
            numbers, bad = cents(column(chunk, self._mapping.face_field), exponent=self._exponent)
            self._face += int(whole(numbers).sum())
            self._unread += int(bad.sum())
        else:
            self._unread += chunk.num_rows
        if self.tokens:
            self.tokens.sample(chunk)

    def checks(self) -> list[Check]:
        """The verdicts, once every original was met."""
        if self.unreadable:
            return [Check("readable", passed=False, detail=self.unreadable)]
        k = self._report.k
        leaks = self.search.leaks(k=k)
        spread = self._classes.distribution(k=k)
        missed = missed_canaries()
        within = self._report.stage != "preview" or spread.classes_count <= max(1, spread.rows_count * LINKAGE_LIMIT)
        return [
            Check("readable", passed=True, detail=f"{self._rows} rows"),
            Check("identifiers", not leaks, ", ".join(f"{name}: {count}" for name, count in sorted(leaks.items()))),
            Check("canaries", missed == 0, f"{missed} planted leaks were not found"),
            *([self.tokens.check()] if self.tokens else []),
            Check("k", spread.below_k_count == 0, f"{spread.below_k_count} rows below k={k}"),
            Check("linkage", within, f"{spread.linkage_share:.2%} of rows would be linked rightly"),
            Check("form", not self._misformed, ", ".join(sorted(self._misformed))),
            self._totals(),
        ]

    def _totals(self) -> Check:
        """Rows and face value of the file itself against what went in, what was left out and the stated rounding."""
        report = self._report
        if self._unread:
            return Check("totals", passed=False, detail="the face value cannot be read")
        moved = abs(report.face_in_cents - report.suppressed_face_cents - self._face)
        fine = self._rows + report.suppressed_count == report.rows_in_count and moved <= report.rounding_bound_cents
        return Check("totals", fine, f"moved by {moved} minor units, at most {report.rounding_bound_cents}")


class _Tokens:
    """A sample of a file's tokens, made again from the originals under the pool's key and under another one."""

    def __init__(self, token_key: bytes, mapping: Mapping) -> None:
        self._key, self._other = token_key, subkey(token_key, "another portfolio")
        names = [name for name in {name for name in mapping.values() if name} if _tokenised(name)]
        self._columns = {
            name if number == 1 else f"{name}_{number}": (name, header)
            for name in sorted(names)
            for number, header in enumerate(mapping.columns_of(name), start=1)
        }
        self._wanted: dict[str, pa.Array] = {}
        self._unchanged = 0

    def sample(self, chunk: pa.Table) -> None:
        """Take the first tokens of each column."""
        for name in self._columns:
            if name in chunk.column_names and name not in self._wanted:
                tokens = one(chunk.column(name)).unique()
                self._wanted[name] = tokens.filter(pc.not_equal(tokens, "")).slice(0, TOKENS_SAMPLE_COUNT)

    def meet(self, chunk: pa.Table) -> None:
        """Cross off the tokens that these originals give."""
        for name, wanted in self._wanted.items():
            if not len(wanted):
                continue
            domain, header = self._columns[name]
            values = column(chunk, header).unique()
            made = tokenise(values, pool_key=self._key, domain=domain)
            other = tokenise(values, pool_key=self._other, domain=domain)
            same = pc.and_(pc.equal(made, other), pc.not_equal(made, ""))
            self._unchanged += int(pc.sum(same).as_py() or 0)
            self._wanted[name] = wanted.filter(pc.invert(pc.is_in(wanted, value_set=made)))

    def check(self) -> Check:
        """Passed if every sampled token was made again and another key changed all of them."""
        strange = sum(map(len, self._wanted.values()))
        detail = f"{strange} sampled tokens are not this pool's, {self._unchanged} stay under another key"
        return Check("tokens", not strange and not self._unchanged, detail)


def _tokenised(name: str) -> bool:
    return FIELDS[name].cls is FieldClass.IDENTIFIER


def _texts(masked: intake.Source, info: intake.TapeInfo) -> Iterator[pa.Table]:
    for chunk in intake.read_chunks(masked, info):
        yield chunk.drop_columns([ROW])
