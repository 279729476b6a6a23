"""What a worker's child process computes: a sealed tape goes in; findings, masked files and sealed sale files come out.

Nothing here knows the database. Keys come in as arguments and leave with the process; files land in the store.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from market.compliance.rules import UNKNOWN_STATE
from market.kit.files import FileStore
from market.portfolios.fingerprints import Prints, prints
from market.portfolios.rules import TOO_MUCH_MEMORY, KeptFile, Refusal, Selection, header_digest
from market.portfolios.tapes import SealedTape, is_value, opened, refusal_of
from market.portfolios.traits import Traits
from market.portfolios.turns import Turn
from masking import intake
from masking.accounts import FACE, UNREADABLE_DATE, Validator
from masking.columns import Flags, Whole, whole
from masking.detect import detect, order_of_dates, suggest
from masking.limits import ROW, IntakeError, Limits, RefusedRow
from masking.policy import Mapping, PolicyError
from masking.pools import Selection as Rule
from masking.pools import ages
from masking.preparing import PoolKeys, prepare_pool
from masking.publishing import LeakGateRefused, publish_pool
from masking.report import PoolReport, plain
from masking.risk import RiskRefused


@dataclass(frozen=True, slots=True)
class MaskJob:
    """Mask a whole portfolio, or cut one pool of it."""

    tape: SealedTape
    owner_id: str
    mapping: dict[str, Any]
    currency: str
    cut_off_on: date
    turns: tuple[Turn, ...]
    carved_rows: Whole
    disclosed_rows: Whole
    token_key: bytes = field(repr=False)
    sale_key: bytes = field(repr=False)
    commit_key: bytes = field(repr=False)
    nonce_prefix: bytes = field(repr=False)
    print_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a tape seems to hold; `mapping` proposes, the seller decides."""

    source: dict[str, Any]
    digest: str
    findings: list[dict[str, Any]]
    mapping: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MaskedPortfolio:
    """`refused` are (row number, column, reason) in the tape's order."""

    preview: KeptFile
    vetted: KeptFile
    totals: dict[str, Any]
    strata: dict[str, Any]
    report: dict[str, Any]
    refused: list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class NothingAccepted:
    """Nothing of the tape can be sold: every row was refused, or is carved out."""

    refusal: Refusal
    totals: dict[str, Any]
    refused: list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class CutPool:
    """A pool that passed the leak gate; `disclosed` counts the time-barred accounts in it, `prints` are its fingerprints.

    `balances` and `traits` are those of its accounts, in the order of the sale file.
    """

    preview: KeptFile
    vetted: KeptFile
    sale: KeptFile
    leaves: KeptFile
    account_count: int
    face_value_cents: int
    debtor_states: list[str]
    state_sums: dict[str, dict[str, int]]
    strata: dict[str, Any]
    report: dict[str, Any]
    commitment_root: str
    disclosed: dict[str, int]
    prints: Prints
    balances: Whole
    traits: Traits


@dataclass(frozen=True)
class Cut(Rule):
    """The rule of the last turn: what its selection meets and no earlier turn took, of what may be sold.

    Collects the debtor states that it met, the balances and the traits, and counts the accounts that are sold although they are time-barred.
    """

    turns: tuple[Turn, ...] = ()
    carved_rows: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    disclosed_rows: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    state_sums: dict[str, dict[str, int]] = field(default_factory=dict)
    disclosed: Counter[str] = field(default_factory=Counter)
    balances: list[Whole] = field(default_factory=list)
    traits: Traits = field(default_factory=lambda: Traits([], [], [], []))

    def chosen(self, accounts: pa.Table, *, cut_off_on: date) -> Flags:
        """Which accounts of a typed chunk belong to the last turn; of a cut without turns, all that may be sold."""
        rows = whole(accounts.column(ROW))
        saleable: Flags = ~np.isin(rows, self.carved_rows)
        taken: list[Flags] = []
        for turn in self.turns:
            mine = _rule(turn.selection).chosen(accounts, cut_off_on=cut_off_on) & saleable
            for place in turn.after:
                mine &= ~taken[place]
            taken.append(mine)
        last = taken[-1] if taken else saleable
        chosen = accounts.filter(pa.array(last))
        self._count_states(chosen)
        self._note_traits(chosen, cut_off_on)
        told = last & np.isin(rows, self.disclosed_rows)
        self.disclosed["account_count"] += int(told.sum())
        faces = whole(accounts.column(FACE))
        self.disclosed["face_value_cents"] += int(faces[told].sum())
        self.balances.append(faces[last])
        return last

    def _note_traits(self, chosen: pa.Table, cut_off_on: date) -> None:
        """What a forward flow may ask of these accounts, put on record with the balances."""
        for name, kept in (
            ("state", self.traits.states),
            ("debt_type", self.traits.debt_types),
            ("debtor_type", self.traits.debtor_types),
        ):
            known = name in chosen.column_names
            kept.extend(value or None for value in (chosen.column(name).to_pylist() if known else [None] * len(chosen)))
        days, known_days = ages(chosen, cut_off_on=cut_off_on)
        self.traits.ages_days.extend(int(day) if known else None for day, known in zip(days, known_days, strict=True))

    def _count_states(self, chosen: pa.Table) -> None:
        """Accounts and face value by debtor state: what a buyer without a licence there is told."""
        if "state" not in chosen.column_names:
            chosen = chosen.append_column("state", pa.nulls(len(chosen), pa.string()))
        summed = chosen.select(["state", FACE]).group_by("state").aggregate([(FACE, "sum"), (FACE, "count")])
        for row in summed.to_pylist():
            sums = self.state_sums.setdefault(
                row["state"] or UNKNOWN_STATE, {"account_count": 0, "face_value_cents": 0}
            )
            sums["account_count"] += row[f"{FACE}_count"]
            sums["face_value_cents"] += int(row[f"{FACE}_sum"] or 0)


def inspect_tape(tape: SealedTape) -> Inspected | Refusal:
    """Read a tape's form and columns and propose a mapping; or why the tape is refused."""
    limits = Limits(file_bytes=tape.max_bytes)
    with opened(tape) as source:
        try:
            info = intake.inspect(source, limits=limits)
            if any(map(is_value, info.columns)):
                return Refusal("no_header", "The first row holds values, not headings: add a row with headings.", row=1)
            sample = intake.sample(source, info, limits=limits)
            findings = detect(info.columns, sample)
            mapping = suggest(findings, sample)
        except IntakeError as error:
            return refusal_of(error)
    return Inspected(
        source={
            "format": info.format,
            "encoding": info.encoding,
            "encoding_guessed": info.encoding_guessed,
            "words": list(info.words),
            "delimiter": info.delimiter,
            "sheet": info.sheet,
            "columns": list(info.columns),
            "warnings": list(info.warnings),
        },
        digest=header_digest(info.columns),
        findings=[asdict(finding) for finding in findings],
        mapping={
            "columns": dict(mapping.columns),
            "decimal_mark": mapping.decimal_mark,
            "date_order": mapping.date_order,
        },
    )


def mask_portfolio(job: MaskJob) -> MaskedPortfolio | NothingAccepted | Refusal:
    """Mask all accounts of a tape for its seller's eyes; or why that cannot be done."""
    with opened(job.tape) as source, _folder(job) as folder:
        try:
            made = prepare_pool(*_asked(job, source, _cut_of(job), folder), **_stated(job))
        except IntakeError as error:
            return _nothing_left(job, source) if error.code == "nothing_chosen" else refusal_of(error)
        except RiskRefused as error:
            return Refusal("too_few_accounts", str(error))
        except (PolicyError, MemoryError) as error:
            return _why(error)
        files = FileStore(job.tape.files_root)
        report = made.report
        told = _report(report, []) | {"hint": _hint(job, source, report.totals.read_count, report.refused)}
        return MaskedPortfolio(
            preview=_keep(files, made.files.preview),
            vetted=_keep(files, made.files.vetted),
            totals=asdict(report.totals),
            strata=plain(asdict(report.strata)),
            report=told,
            refused=_listed(report.refused),
        )


def _nothing_left(job: MaskJob, source: BinaryIO) -> NothingAccepted:
    limits = Limits(file_bytes=job.tape.max_bytes)
    validator = Validator(Mapping(**job.mapping), job.cut_off_on, job.currency, limits)
    info = intake.inspect(source, limits=limits, encoding=job.mapping.get("encoding", ""))
    for chunk in intake.read_chunks(source, info, on_ragged=validator.refuse_ragged, limits=limits):
        validator.accept(chunk)
    refusal = (
        Refusal("nothing_saleable", "No accepted account may be sold: see the carve-out report for the rule of each.")
        if validator.totals.accepted_count
        else Refusal("no_account_accepted", "Every row is refused: see the refused accounts and correct the mapping.")
    )
    if hint := _hint(job, source, validator.totals.read_count, validator.refused):
        refusal = Refusal(refusal.code, f"{refusal.message} {hint}")
    return NothingAccepted(refusal, asdict(validator.totals), _listed(sorted(validator.refused)))


def _hint(job: MaskJob, source: BinaryIO, read_count: int, refused: Sequence[RefusedRow]) -> str:
    """What would save most of the refused rows, if one thing would: the other order of day and month."""
    if 2 * sum(row.reason == UNREADABLE_DATE for row in refused) <= read_count:
        return ""
    mapping = Mapping(**job.mapping)
    info = intake.inspect(source, limits=Limits(file_bytes=job.tape.max_bytes), encoding=mapping.encoding)
    order = order_of_dates(mapping, intake.sample(source, info))
    if order == mapping.date_order:
        return ""
    return f"Most rows are refused for their dates: read as {order} instead of {mapping.date_order}, more of them can be read."


def _listed(refused: Iterable[RefusedRow]) -> list[tuple[int, str, str]]:
    return [(row.row, row.column, row.reason) for row in refused]


def cut_pool(job: MaskJob) -> CutPool | Refusal:
    """Cut one pool, and let it pass the leak gate as the last step; or why it is refused."""
    cut = _cut_of(job)
    with opened(job.tape) as source, _folder(job) as folder:
        try:
            made = publish_pool(*_asked(job, source, cut, folder), **_stated(job))
            prints = _prints(job, source)
        except (IntakeError, RiskRefused, PolicyError, LeakGateRefused, MemoryError) as error:
            return _why(error)
        files = FileStore(job.tape.files_root)
        report = made.pool.report
        return CutPool(
            preview=_keep(files, made.pool.files.preview),
            vetted=_keep(files, made.pool.files.vetted),
            sale=_keep(files, made.pool.files.sale_sealed),
            leaves=_keep(files, made.pool.files.leaves),
            account_count=report.selected_count,
            face_value_cents=report.selected_face_cents,
            debtor_states=sorted(cut.state_sums),
            state_sums=cut.state_sums,
            strata=plain(asdict(report.strata)),
            report=_report(report, [{"stage": s, **asdict(c)} for s, found in made.checks.items() for c in found]),
            commitment_root=report.commitment_root,
            disclosed=dict(cut.disclosed),
            prints=prints,
            balances=np.concatenate(cut.balances),
            traits=cut.traits,
        )


def _why(error: Exception) -> Refusal:
    """What a seller can do about a pool that cannot be cut."""
    match error:
        case RiskRefused():
            return Refusal("pool_too_small", str(error))
        case IntakeError(code="nothing_chosen"):
            return Refusal("pool_empty", "No saleable account meets the selection that no pool before took: widen it.")
        case IntakeError():
            return refusal_of(error)
        case LeakGateRefused():
            return Refusal("leak_gate", f"The masked file did not pass: {error}. Correct the mapping of those columns.")
        case MemoryError():
            return TOO_MUCH_MEMORY
        case _:
            return Refusal("bad_mapping", str(error))


def _cut_of(job: MaskJob) -> Cut:
    return Cut(turns=job.turns, carved_rows=job.carved_rows, disclosed_rows=job.disclosed_rows)


def _asked(job: MaskJob, source: BinaryIO, cut: Cut, folder: Path) -> tuple[BinaryIO, Mapping, Cut, PoolKeys, Path]:
    keys = PoolKeys(job.token_key, job.sale_key, job.commit_key, job.nonce_prefix)
    return source, Mapping(**job.mapping), cut, keys, folder


def _stated(job: MaskJob) -> dict[str, Any]:
    return {
        "portfolio": job.owner_id,
        "seller": job.tape.org_id,
        "cut_off_on": job.cut_off_on,
        "currency": job.currency,
        "limits": Limits(file_bytes=job.tape.max_bytes),
    }


def _prints(job: MaskJob, source: BinaryIO) -> Prints:
    """The fingerprints of the accounts that the pool holds: one more reading, as they need what is never typed."""
    cut, mapping, limits = _cut_of(job), Mapping(**job.mapping), Limits(file_bytes=job.tape.max_bytes)
    validator = Validator(mapping, job.cut_off_on, job.currency, limits)
    info = intake.inspect(source, limits=limits, encoding=mapping.encoding)
    chunks = intake.read_chunks(source, info, on_ragged=validator.refuse_ragged, limits=limits)
    found = []
    for rows, accounts in validator.accept_all(chunks):
        mine = pa.array(cut.chosen(accounts, cut_off_on=job.cut_off_on))
        own = accounts.filter(mine).combine_chunks()
        if own.num_rows:
            numbers = whole(own.column(ROW))
            found.append(prints(rows.filter(mine).combine_chunks(), own, numbers, mapping, key=job.print_key))
    return Prints.together(found)


def _report(report: PoolReport, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts only; refused rows have their own table."""
    return {
        "masks": plain({stage: asdict(mask) for stage, mask in report.masks.items()}),
        "checks": checks,
        "encoding": report.encoding,
        "face_field": report.face_field,
        "face_column": report.face_column,
    }


def _rule(selection: Selection) -> Rule:
    return Rule(
        states=frozenset(selection.states) or None,
        debt_types=frozenset(selection.debt_types) or None,
        debtor_types=frozenset(selection.debtor_types) or None,
        min_face_cents=selection.min_face_value_cents,
        max_face_cents=selection.max_face_value_cents,
        min_age_days=selection.min_age_days,
        max_age_days=selection.max_age_days,
    )


@contextmanager
def _folder(job: MaskJob) -> Iterator[Path]:
    """A folder of mode 0700 beside the store's files; what is not kept from it is gone on leaving."""
    folder = Path(tempfile.mkdtemp(dir=job.tape.files_root, prefix=".draft-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _keep(files: FileStore, path: Path) -> KeptFile:
    stored = files.adopt(path)
    return KeptFile(stored.sha256, stored.size_bytes)
