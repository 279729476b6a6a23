"""Apply a policy to a tape, chunk by chunk: mask a table, or prepare a pool for sale in one reading of its file."""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from masking import commitment, intake
from masking.accounts import FACE, Totals, Validation, Validator, validate
from masking.columns import one
from masking.drafts import Survey, draft
from masking.envelope import Header, Sealer
from masking.intake import ROW
from masking.limits import IntakeError, Limits, RefusedRow
from masking.masks import Masker, Plan, plan
from masking.policy import Mapping, Policy, Stage, default_policy
from masking.pools import Selection, Strata, StrataBuilder, strata
from masking.report import MaskReport, PoolReport
from masking.treatments import neutralise, restore

__all__ = [
    "FACE",
    "ROW",
    "Masked",
    "PoolKeys",
    "PreparedPool",
    "RefusedRow",
    "Selection",
    "Strata",
    "Totals",
    "Validation",
    "Validator",
    "mask",
    "original_rows",
    "prepare_pool",
    "strata",
    "validate",
    "write_csv",
]

ALL_ACCOUNTS = Selection()


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked file in memory, what was refused before it, and its report."""

    table: pa.Table
    report: MaskReport
    refused: list[RefusedRow]
    totals: Totals


def mask(
    chunks: pa.Table | Sequence[pa.Table],
    mapping: Mapping,
    policy: Policy,
    *,
    stage: Stage,
    token_key: bytes,
    cut_off_on: date,
    currency: str,
    k: int = 5,
) -> Masked:
    """The masked rows of one stage, every column text, in tape order. `token_key` has 32 random bytes, one per portfolio.

    Raises PolicyError for a mapping without mandatory fields or a stage without rows, RiskRefused if k cannot hold,
    ValueError for an unknown currency.
    """
    validator = Validator(mapping, cut_off_on, currency)
    survey = Survey()
    drafts = []
    for chunk in [chunks] if isinstance(chunks, pa.Table) else chunks:
        rows, accounts = validator.accept(chunk)
        drafts.append(draft(rows, accounts, mapping, policy, token_key=token_key, cut_off_on=cut_off_on))
        survey.add(drafts[-1], mapping)
    masker = Masker(plan(survey, mapping, policy, stage=stage, k=k, exponent=validator.exponent))
    table = pa.concat_tables([masker.mask(rows) for rows in drafts])
    return Masked(table, masker.report(), validator.refused, validator.totals)


def write_csv(tables: pa.Table | Iterable[pa.Table], sink: BinaryIO) -> None:
    """UTF-8 CSV with a header; cells and headers must be neutralised already, as those of `mask` are."""
    writer: pa.csv.CSVWriter | None = None
    for table in [tables] if isinstance(tables, pa.Table) else tables:
        writer = writer or pa.csv.CSVWriter(sink, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _clear_csv(rows: pa.Table, *, header: bool) -> bytes:
    """Original columns as CSV, neutralised; `original_rows` gives back exactly what was committed to."""
    cells = [neutralise(one(column)) for column in rows.columns]
    names = neutralise(pa.array(rows.column_names)).to_pylist()
    out = io.BytesIO()
    pa.csv.write_csv(pa.table(cells, names=names), out, pa.csv.WriteOptions(include_header=header))
    return out.getvalue()


def original_rows(source: BinaryIO | Path) -> Iterator[pa.Table]:
    """The original columns of an opened sale file as text, in chunks, for `commitment.verify_sale_file`."""
    info = intake.inspect(source)
    for chunk in intake.read_chunks(source, info):
        rows = chunk.drop_columns([ROW])
        names = restore(pa.array(rows.column_names)).to_pylist()
        yield pa.table([restore(one(column)) for column in rows.columns], names=names)


@dataclass(frozen=True, slots=True)
class PoolKeys:
    """The secrets of one portfolio, 32 random bytes each, and a fresh 7-byte nonce prefix for the sale file."""

    token_key: bytes
    data_key: bytes
    commit_key: bytes
    nonce_prefix: bytes

    def __repr__(self) -> str:
        return "PoolKeys(…)"


FILE_NAMES = ("preview.csv", "vetted.csv", "sale.csv.sealed", "leaves.bin", "report.json")


@dataclass(frozen=True, slots=True)
class PoolFiles:
    """Where a prepared pool's files are: two masked files, the sealed sale file, 32 bytes per leaf, the report."""

    preview: Path
    vetted: Path
    sale_sealed: Path
    leaves: Path
    report: Path


@dataclass(frozen=True, slots=True)
class PreparedPool:
    """The files of a prepared pool, its report, the header that its sale file opens with, and the commitment's root."""

    files: PoolFiles
    report: PoolReport
    header: Header
    root: bytes


def prepare_pool(
    path: intake.Source,
    mapping: Mapping,
    selection: Selection,
    keys: PoolKeys,
    out_dir: Path,
    *,
    portfolio: str,
    seller: str,
    cut_off_on: date,
    currency: str,
    policy: Policy | None = None,
    k: int = 5,
    limits: Limits = Limits(),  # noqa: B008
) -> PreparedPool:
    """Read a tape once and write into `out_dir`: preview.csv, vetted.csv, sale.csv.sealed, leaves.bin, report.json.

    The sale file's clear bytes pass from memory through the sealer; they never touch the disk. If anything fails nothing
    is left in `out_dir`. Raises IntakeError, PolicyError, RiskRefused, ValueError (unknown currency).
    """
    policy = policy or default_policy()
    files = PoolFiles(*(out_dir / name for name in FILE_NAMES))
    header = Header(portfolio=portfolio, seller=seller, digest="merkle")
    reading = _Reading(mapping, selection, keys, policy, cut_off_on, currency, k, limits)
    with ExitStack() as undo:
        for name in FILE_NAMES:
            undo.callback((out_dir / name).unlink, missing_ok=True)
        with files.sale_sealed.open("wb") as sink:
            sealer = Sealer(sink, data_key=keys.data_key, nonce_prefix=keys.nonce_prefix, aad=header)
            reading.read(path, sealer.write)
            sealed = sealer.finish()
        files.leaves.write_bytes(b"".join(reading.leaves))
        masks = {
            "preview": _write_masked(reading, Stage.PREVIEW, files.preview),
            "vetted": _write_masked(reading, Stage.VETTED, files.vetted),
        }
        root = commitment.root(reading.leaves)
        report = reading.report(masks, root, sealed.sealed_sha256, sealed.sealed_bytes)
        files.report.write_text(json.dumps(report.as_json(), indent=2))
        undo.pop_all()
    return PreparedPool(files, report, header, root)


def _write_masked(reading: "_Reading", stage: Stage, path: Path) -> MaskReport:
    masker = Masker(reading.plan(stage))
    with path.open("wb") as sink:
        write_csv(map(masker.mask, reading.drafts()), sink)
    return masker.report()


class _Reading:
    """One pass over a tape: validates, selects, drafts, commits and hands on the clear rows of one pool."""

    def __init__(
        self,
        mapping: Mapping,
        selection: Selection,
        keys: PoolKeys,
        policy: Policy,
        cut_off_on: date,
        currency: str,
        k: int,
        limits: Limits,
    ) -> None:
        self.validator = Validator(mapping, cut_off_on, currency, limits)
        self.survey = Survey()
        self.leaves: list[bytes] = []
        self.strata = StrataBuilder(cut_off_on, self.validator.exponent, k)
        self._selection, self._keys, self._policy, self._limits = selection, keys, policy, limits
        self._k = k
        self._spool: list[pa.Buffer] = []

    def read(self, path: intake.Source, clear: Callable[[bytes], int]) -> None:
        """Read all chunks; the pool's original rows go to `clear` as CSV."""
        info = intake.inspect(path, limits=self._limits)
        chunks = intake.read_chunks(path, info, on_ragged=self.validator.refuse_ragged, limits=self._limits)
        header = True
        for chunk in chunks:
            rows, accounts = self.validator.accept(chunk)
            chosen = pa.array(self._selection.chosen(accounts, cut_off_on=self.validator.cut_off_on))
            self._take(rows.filter(chosen), accounts.filter(chosen), clear, header=header)
            header = False
        if not self.survey.rows_count:
            raise IntakeError("header_only", "No account of the tape was accepted and chosen.")

    def _take(self, rows: pa.Table, accounts: pa.Table, clear: Callable[[bytes], int], *, header: bool) -> None:
        mapping = self.validator.mapping
        original = rows.drop_columns([ROW])
        self.leaves += commitment.leaves(original, commit_key=self._keys.commit_key, first=len(self.leaves))
        clear(_clear_csv(original, header=header))
        self.strata.add(accounts)
        made = draft(
            rows,
            accounts,
            mapping,
            self._policy,
            token_key=self._keys.token_key,
            cut_off_on=self.validator.cut_off_on,
        )
        self.survey.add(made, mapping)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(made)
        self._spool.append(sink.getvalue())

    def drafts(self) -> Iterator[pa.Table]:
        """The drafts of the pool again, in order."""
        for buffer in self._spool:
            with pa.ipc.open_stream(buffer) as reader:
                yield reader.read_all()

    def plan(self, stage: Stage) -> Plan:
        """How one stage of the pool is masked; raises RiskRefused."""
        made = self.validator
        return plan(self.survey, made.mapping, self._policy, stage=stage, k=self._k, exponent=made.exponent)

    def report(self, masks: dict[str, MaskReport], root: bytes, sale_sha256: str, sale_bytes: int) -> PoolReport:
        return PoolReport(
            totals=self.validator.totals,
            refused=tuple(sorted(self.validator.refused)),
            selected_count=self.survey.rows_count,
            selected_face_cents=self.survey.face_cents,
            strata=self.strata.result(),
            masks=masks,
            commitment_root=root.hex(),
            sale_sha256=sale_sha256,
            sale_bytes=sale_bytes,
        )
