"""What a worker's child process computes: a sealed tape goes in; findings, masked files and sealed sale files come out.

Nothing here knows the database. Keys come in as arguments and leave with the process; files land in the store.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from market.kit.files import FileStore
from market.portfolios.rules import KeptFile, Refusal, Selection, header_digest
from market.portfolios.turns import Turn
from masking import intake
from masking.columns import Flags
from masking.detect import detect, suggest
from masking.envelope import Header, open_for_reading
from masking.limits import IntakeError, Limits, RefusedRow
from masking.policy import Mapping, PolicyError
from masking.pools import Selection as Rule
from masking.report import PoolReport, plain
from masking.risk import Check, RiskRefused, leak_gate
from masking.tape import PoolKeys, PreparedPool, Validator, prepare_pool


@dataclass(frozen=True, slots=True)
class SealedTape:
    """Where a sealed tape lies, and what opens it."""

    files_root: Path
    portfolio_id: str
    org_id: str
    sealed_sha256: str
    data_key: bytes = field(repr=False)
    max_bytes: int


@dataclass(frozen=True, slots=True)
class MaskJob:
    """Mask a whole portfolio, or cut one pool of it."""

    tape: SealedTape
    owner_id: str
    mapping: dict[str, Any]
    currency: str
    cut_off_on: date
    turns: tuple[Turn, ...]
    token_key: bytes = field(repr=False)
    sale_key: bytes = field(repr=False)
    commit_key: bytes = field(repr=False)
    nonce_prefix: bytes = field(repr=False)


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
    """Every row of the tape was refused: why each was tells what to correct."""

    refusal: Refusal
    totals: dict[str, Any]
    refused: list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class CutPool:
    preview: KeptFile
    vetted: KeptFile
    sale: KeptFile
    leaves: KeptFile
    account_count: int
    face_value_cents: int
    debtor_states: list[str]
    strata: dict[str, Any]
    report: dict[str, Any]
    commitment_root: str


@dataclass(frozen=True)
class Cut(Rule):
    """The rule of the last turn: what its selection meets and no earlier turn took. Collects the states that it met."""

    turns: tuple[Turn, ...] = ()
    states_met: set[str] = field(default_factory=set)

    def chosen(self, accounts: pa.Table, *, cut_off_on: date) -> Flags:
        """Which accounts of a typed chunk belong to the last turn."""
        taken: list[Flags] = []
        for turn in self.turns:
            mine = _rule(turn.selection).chosen(accounts, cut_off_on=cut_off_on)
            for place in turn.after:
                mine &= ~taken[place]
            taken.append(mine)
        if "state" in accounts.column_names:
            self.states_met.update(accounts.column("state").filter(pa.array(taken[-1])).unique().to_pylist())
        return taken[-1]


def tape_header(portfolio_id: str, org_id: str) -> Header:
    """What a sealed tape says about itself. Its digest is not known while it streams in; the database keeps it."""
    return Header(portfolio=portfolio_id, seller=org_id, digest="upload", format="tape")


def inspect_tape(tape: SealedTape) -> Inspected | Refusal:
    """Read a tape's form and columns and propose a mapping; or why the tape is refused."""
    limits = Limits(file_bytes=tape.max_bytes)
    with _opened(tape) as source:
        try:
            info = intake.inspect(source, limits=limits)
            if any(map(_is_value, info.columns)):
                return Refusal("no_header", "The first row holds values, not headings: add a row with headings.", row=1)
            sample = intake.sample(source, info, limits=limits)
            findings = detect(info.columns, sample)
            mapping = suggest(findings, sample)
        except IntakeError as error:
            return _refusal(error)
    return Inspected(
        source={
            "format": info.format,
            "encoding": info.encoding,
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
    with _opened(job.tape) as source, _folder(job) as folder:
        try:
            made = _prepare(job, source, folder)
        except IntakeError as error:
            return _nothing_accepted(job, source) if error.code == "nothing_chosen" else _refusal(error)
        except RiskRefused as error:
            return Refusal("too_few_accounts", str(error))
        except PolicyError as error:
            return Refusal("bad_mapping", str(error))
        files = FileStore(job.tape.files_root)
        report = made.report
        return MaskedPortfolio(
            preview=_keep(files, made.files.preview),
            vetted=_keep(files, made.files.vetted),
            totals=asdict(report.totals),
            strata=plain(asdict(report.strata)),
            report=_report(report, []),
            refused=_listed(report.refused),
        )


def _nothing_accepted(job: MaskJob, source: BinaryIO) -> NothingAccepted:
    limits = Limits(file_bytes=job.tape.max_bytes)
    validator = Validator(Mapping(**job.mapping), job.cut_off_on, job.currency, limits)
    info = intake.inspect(source, limits=limits)
    for chunk in intake.read_chunks(source, info, on_ragged=validator.refuse_ragged, limits=limits):
        validator.accept(chunk)
    refusal = Refusal("no_account_accepted", "Every row is refused: see the refused accounts and correct the mapping.")
    return NothingAccepted(refusal, asdict(validator.totals), _listed(sorted(validator.refused)))


def _listed(refused: Iterable[RefusedRow]) -> list[tuple[int, str, str]]:
    return [(row.row, row.column, row.reason) for row in refused]


def cut_pool(job: MaskJob) -> CutPool | Refusal:
    """Cut one pool, and let it pass the leak gate as the last step; or why it is refused."""
    cut = Cut(turns=job.turns)
    with _opened(job.tape) as source, _folder(job) as folder:
        try:
            made = _prepare(job, source, folder, cut)
        except RiskRefused as error:
            return Refusal("pool_too_small", str(error))
        except IntakeError as error:
            if error.code == "nothing_chosen":
                return Refusal("pool_empty", "No account meets the selection that no pool before took: widen it.")
            return _refusal(error)
        except PolicyError as error:
            return Refusal("bad_mapping", str(error))
        checks = _gate(job, source, made)
        failed = [check for check in checks if not check["passed"]]
        if failed:
            names = ", ".join(f"{check['stage']} {check['name']} ({check['detail']})" for check in failed)
            return Refusal("leak_gate", f"The masked file did not pass: {names}. Correct the mapping of those columns.")
        files = FileStore(job.tape.files_root)
        report = made.report
        return CutPool(
            preview=_keep(files, made.files.preview),
            vetted=_keep(files, made.files.vetted),
            sale=_keep(files, made.files.sale_sealed),
            leaves=_keep(files, made.files.leaves),
            account_count=report.selected_count,
            face_value_cents=report.selected_face_cents,
            debtor_states=sorted(cut.states_met - {"", None}),
            strata=plain(asdict(report.strata)),
            report=_report(report, checks),
            commitment_root=report.commitment_root,
        )


def _prepare(job: MaskJob, source: BinaryIO, folder: Path, rule: Rule | None = None) -> PreparedPool:
    return prepare_pool(
        source,
        Mapping(**job.mapping),
        rule or Rule(),
        PoolKeys(job.token_key, job.sale_key, job.commit_key, job.nonce_prefix),
        folder,
        portfolio=job.owner_id,
        seller=job.tape.org_id,
        cut_off_on=job.cut_off_on,
        currency=job.currency,
        limits=Limits(file_bytes=job.tape.max_bytes),
    )


def _gate(job: MaskJob, source: BinaryIO, made: PreparedPool) -> list[dict[str, Any]]:
    """Every check of both masked files."""
    info = intake.inspect(source)
    results: list[dict[str, Any]] = []
    for stage, path in (("preview", made.files.preview), ("vetted", made.files.vetted)):
        originals = intake.read_chunks(source, info, on_ragged=lambda _: None)
        checks: list[Check] = leak_gate(
            originals, path, Mapping(**job.mapping), made.report.masks[stage], currency=job.currency
        )
        results += [{"stage": stage, **asdict(check)} for check in checks]
    return results


def _report(report: PoolReport, checks: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts only; refused rows have their own table."""
    return {"masks": plain({stage: asdict(mask) for stage, mask in report.masks.items()}), "checks": checks}


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
def _opened(tape: SealedTape) -> Iterator[BinaryIO]:
    """The clear tape, opened in place: a piece of it is in memory while that piece is read, and none is ever on a disk."""
    path = FileStore(tape.files_root).path(tape.sealed_sha256)
    header = tape_header(tape.portfolio_id, tape.org_id)
    with path.open("rb") as sealed, open_for_reading(sealed, data_key=tape.data_key, expected=header) as clear:
        yield clear


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


_VALUE = re.compile(
    r"[^@\s]+@[^@\s]+\.\w+|\d{3}-\d{2}-\d{4}|\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|.*\d{5}.*|-?[$€£]?[\d,]{3,}[.]\d{2}"
)


def _is_value(header: str) -> bool:
    """Whether a heading looks like somebody's data: an address, a number of five digits or more, a date, an amount."""
    return _VALUE.fullmatch(header) is not None


def _refusal(error: IntakeError) -> Refusal:
    shown = error.column if error.column and not _is_value(error.column) else None
    return Refusal(error.code, str(error), error.row, shown)
