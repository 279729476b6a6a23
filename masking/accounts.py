"""From text rows to typed accounts: what is refused and why, and totals that reconcile."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from masking.cards import noted
from masking.columns import Flags, Whole, flags, pc, trimmed, upper, whole
from masking.fields import PAST_FIELDS, Field, FieldClass, Kind
from masking.lanes import in_order
from masking.limits import ROW, IntakeError, Limits, RefusedRow
from masking.policy import Mapping
from masking.tokens import prf
from masking.values import cents, column, dates, exponent_of, yes_no

SEEN_KEY = bytes(32)
"""Account numbers are only compared inside one run, so their hash needs no secret; it never leaves the process."""

SLOT_BITS = 25
SLOT_SHIFT = np.uint64(64 - SLOT_BITS)
RUN_COUNT = 1 << 20
"""Runs longer than this are not merged, which takes room for both once more."""

FACE = "face_value_cents"
PLACES = ("state", "postal_code", "country")


@dataclass(slots=True)
class Totals:
    """Rows and face value (minor units) as read, accepted and refused; a refused balance that is no amount counts as 0."""

    read_count: int = 0
    accepted_count: int = 0
    refused_count: int = 0
    read_cents: int = 0
    accepted_cents: int = 0
    refused_cents: int = 0

    @property
    def reconciles(self) -> bool:
        return (
            self.accepted_count + self.refused_count == self.read_count
            and self.accepted_cents + self.refused_cents == self.read_cents
        )


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome over a whole tape. `accounts` has ROW, the account's text key, FACE and every mapped typed field."""

    accounts: pa.Table
    refused: list[RefusedRow]
    totals: Totals


UNREADABLE_DATE = "the date cannot be read"
Hashes = npt.NDArray[np.uint64]
Problem = tuple[str, str, Flags]
Accepted = tuple[pa.Table, pa.Table]


@dataclass(frozen=True, slots=True)
class Typed:
    """A chunk, its typed accounts, what is wrong with which of its rows, and the hashes of its account numbers."""

    rows: pa.Table
    accounts: pa.Table
    problems: list[Problem]
    hashes: Hashes


class _Seen:
    """Which 64-bit account hashes came before: 8 bytes an account in sorted runs, and a table that most new ones are told by."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []
        self._met = np.zeros(1 << SLOT_BITS, np.bool_)

    def repeated(self, hashes: Hashes, among: Flags) -> Flags:
        """Which of the rows in `among` repeat an earlier one; the others are remembered."""
        rows = np.flatnonzero(among)
        fresh = np.sort(hashes[rows])
        known = self._known(fresh)
        result = np.zeros(len(among), np.bool_)
        if known.any() or (fresh[1:] == fresh[:-1]).any():
            fresh, first = np.unique(hashes[rows], return_index=True)
            known = self._known(fresh)
            result[rows] = True
            result[rows[first[~known]]] = False
            fresh = fresh[~known]
        self._remember(fresh)
        return result

    def _known(self, fresh: Hashes) -> Flags:
        """Which of the sorted hashes came before. Few others share a slot of the table with one that did, and are looked for."""
        known: Flags = self._met[fresh >> SLOT_SHIFT]
        suspects = np.flatnonzero(known)
        found = np.zeros(len(suspects), np.bool_)
        for run in self._runs if len(suspects) else ():
            sought = fresh[suspects]
            found |= run[np.minimum(np.searchsorted(run, sought), len(run) - 1)] == sought
        known[suspects] = found
        return known

    def _remember(self, run: Hashes) -> None:
        if not len(run):
            return
        self._met[run >> SLOT_SHIFT] = True
        while self._runs and len(self._runs[-1]) <= min(2 * len(run), RUN_COUNT):
            # Two sorted runs are merged in one pass.
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def is_typed(entry: Field) -> bool:
    """Whether accounts have this field; other texts are looked at only to be masked."""
    return entry.kind is not Kind.TEXT or entry.cls is FieldClass.ANALYTIC or entry.name in PLACES


@dataclass(frozen=True, slots=True)
class Typist:
    """Types chunks by one mapping, and says what is wrong with their rows; pure, so that any thread or machine may do it."""

    mapping: Mapping
    cut_off_on: date
    currency: str
    exponent: int

    def __call__(self, chunk: pa.Table) -> Typed:
        """Every mapped field typed, and the problems in order of precedence."""
        chunk = chunk.combine_chunks()
        accounts, problems = self._type(chunk)
        digests = prf(SEEN_KEY, accounts.column("key").chunk(0))
        return Typed(chunk, accounts, problems, np.ascontiguousarray(digests[:, :8]).view(np.uint64).reshape(-1))

    def _type(self, chunk: pa.Table) -> tuple[pa.Table, list[Problem]]:
        key_column = self.mapping.columns_of(self.mapping.key_field)[0]
        key = trimmed(column(chunk, key_column))
        arrays: dict[str, pa.Array] = {"key": key}
        problems = [(key_column, "the account number is missing", flags(pc.equal(key, "")))]
        for entry in self.mapping.fields():
            headers = self.mapping.columns_of(entry.name)
            match entry.kind:
                case Kind.AMOUNT:
                    arrays[entry.name], found = self._amount(chunk, headers[0], entry.name)
                    problems += found
                case Kind.DATE:
                    arrays[entry.name], found = self._date(chunk, headers[0], entry.name)
                    problems += found
                case Kind.FLAG:
                    arrays[entry.name] = _any_set(chunk, headers)
                case Kind.TEXT:
                    if is_typed(entry):
                        arrays[entry.name] = upper(trimmed(column(chunk, headers[0])))
        if headers := self.mapping.columns_of("currency"):
            written = upper(trimmed(column(chunk, headers[0])))
            wrong = flags(pc.and_(pc.not_equal(written, self.currency), pc.not_equal(written, "")))
            problems.append((headers[0], f"the currency is not {self.currency}", wrong))
        arrays[FACE] = arrays[self.mapping.face_field]
        return pa.table(arrays), problems + noted(chunk, self.mapping)

    def _amount(self, chunk: pa.Table, header: str, name: str) -> tuple[pa.Array, list[Problem]]:
        numbers, bad = cents(column(chunk, header), exponent=self.exponent, decimal_mark=self.mapping.decimal_mark)
        problems = [(header, "the amount cannot be read", bad)]
        if name == self.mapping.face_field:
            problems.append((header, "the balance is missing", flags(pc.is_null(numbers)) & ~bad))
            problems.append((header, "the balance is zero or negative", flags(pc.less_equal(numbers, 0))))
        return numbers, problems

    def _date(self, chunk: pa.Table, header: str, name: str) -> tuple[pa.Array, list[Problem]]:
        days, bad = dates(column(chunk, header), order=self.mapping.date_order)
        problems = [(header, UNREADABLE_DATE, bad)]
        if name in PAST_FIELDS:
            late = flags(pc.greater(days, pa.scalar(self.cut_off_on)))
            problems.append((header, "the date lies after the cut-off date", late))
        return days, problems


@dataclass
class Validator:
    """Types and checks a tape chunk by chunk. Raises PolicyError or ValueError when built on a bad mapping or currency."""

    mapping: Mapping
    cut_off_on: date
    currency: str
    limits: Limits = field(default_factory=Limits)
    refused: list[RefusedRow] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    _seen: _Seen = field(default_factory=_Seen)

    def __post_init__(self) -> None:
        self.mapping.require_mandatory()
        self.exponent = exponent_of(self.currency)
        self.typed = Typist(self.mapping, self.cut_off_on, self.currency, self.exponent)

    def refuse_ragged(self, row: RefusedRow) -> None:
        """The `on_ragged` of `intake.read_chunks`: the row counts as read and refused."""
        self.totals.read_count += 1
        self.totals.refused_count += 1
        self._list([row])

    def accept(self, chunk: pa.Table) -> Accepted:
        """One chunk typed and admitted."""
        return self.admit(self.typed(chunk))

    def accept_all(self, chunks: Iterable[pa.Table]) -> Iterator[Accepted]:
        """Every chunk, typed in a few threads and admitted in order."""
        return map(self.admit, in_order(self.typed, chunks))

    def admit(self, made: Typed) -> Accepted:
        """(the accepted rows as they were, the same rows as typed accounts); refused rows are added to `refused`."""
        numbers = self._numbers(made.rows)
        chunk = made.rows if ROW in made.rows.column_names else made.rows.append_column(ROW, pa.array(numbers))
        fine = np.ones(chunk.num_rows, np.bool_)
        for header, reason, bad in made.problems:
            self._refuse(numbers, header, reason, bad & fine)
            fine &= ~bad
        key = self.mapping.columns_of(self.mapping.key_field)[0]
        repeated = self._seen.repeated(made.hashes, fine)
        self._refuse(numbers, key, "the account number occurs before", repeated)
        fine &= ~repeated
        accounts = made.accounts.add_column(0, ROW, pa.array(numbers))
        self._count(accounts, fine)
        if fine.all():
            return chunk, accounts
        keep = pa.array(fine)
        return chunk.filter(keep), accounts.filter(keep)

    def _numbers(self, rows: pa.Table) -> Whole:
        if ROW in rows.column_names:
            return whole(rows.column(ROW))
        first = self.totals.read_count + 2
        return np.arange(first, first + rows.num_rows)

    def _refuse(self, numbers: Whole, header: str, reason: str, bad: Flags) -> None:
        if bad.any():
            self._list([RefusedRow(row, header, reason) for row in numbers[bad].tolist()])

    def _list(self, rows: list[RefusedRow]) -> None:
        self.refused += rows
        if len(self.refused) > self.limits.refused_count:
            raise IntakeError("too_many_refused", f"More than {self.limits.refused_count} rows.")

    def _count(self, typed: pa.Table, fine: Flags) -> None:
        face = whole(typed.column(FACE).chunk(0))
        self.totals.read_count += len(fine)
        self.totals.accepted_count += int(fine.sum())
        self.totals.refused_count += int((~fine).sum())
        self.totals.read_cents += int(face.sum())
        self.totals.accepted_cents += int(face[fine].sum())
        self.totals.refused_cents += int(face[~fine].sum())


def validate(
    chunks: Iterable[pa.Table], mapping: Mapping, *, cut_off_on: date, currency: str, ragged: Iterable[RefusedRow] = ()
) -> Validation:
    """All accepted accounts of a tape, typed; the refused rows, by row number; the totals.

    `ragged` are rows that intake left out, read after the chunks. Raises PolicyError for a mapping without mandatory
    fields, ValueError for an unknown currency, IntakeError when more rows are refused than can be listed.
    """
    validator = Validator(mapping, cut_off_on, currency)
    accounts = [accepted for _, accepted in validator.accept_all(chunks)]
    for row in ragged:
        validator.refuse_ragged(row)
    table = pa.concat_tables(accounts) if accounts else pa.table({ROW: pa.array([], pa.int64())})
    return Validation(table, sorted(validator.refused), validator.totals)


def _any_set(chunk: pa.Table, headers: tuple[str, ...]) -> pa.Array:
    result = yes_no(column(chunk, headers[0]))
    for header in headers[1:]:
        result = pc.or_(result, yes_no(column(chunk, header)))
    return result
