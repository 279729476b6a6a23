"""Everything that one pool needs, in one reading of its tape: masked files, sealed sale file, commitment, report."""

import json
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from masking import commitment, intake
from masking.accounts import Validator
from masking.csvout import clear_csv
from masking.drafting import Drafting
from masking.envelope import Digesting, Header, Sealer
from masking.limits import ROW, IntakeError, Limits
from masking.policy import Mapping, Policy, Stage, default_policy
from masking.pools import Selection, StrataBuilder
from masking.report import MaskReport, PoolReport

ALL_ACCOUNTS = Selection()


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
    info: intake.TapeInfo | None = None,
) -> PreparedPool:
    """Read a tape once and write into `out_dir`: preview.csv, vetted.csv, sale.csv.sealed, leaves.bin, report.json.

    The masked files have not passed the leak gate: `publish_pool` does both, and nothing else is for publication.
    The sale file's clear bytes pass from memory through the sealer; they never touch the disk. If anything fails nothing
    is left in `out_dir`. `info` is what `intake.inspect` said, if it was asked before. Raises IntakeError, PolicyError, RiskRefused, ValueError (unknown currency).
    """
    policy = policy or default_policy()
    files = PoolFiles(*(out_dir / name for name in FILE_NAMES))
    header = Header(portfolio=portfolio, seller=seller, digest="merkle")
    drafting = Drafting(
        mapping,
        policy,
        token_key=keys.token_key,
        cut_off_on=cut_off_on,
        currency=currency,
        limits=limits,
        folder=out_dir,
    )
    with closing(drafting), ExitStack() as undo:
        for name in FILE_NAMES:
            undo.callback((out_dir / name).unlink, missing_ok=True)
        with files.sale_sealed.open("wb") as sink, files.leaves.open("wb") as leaves:
            sale = Digesting(sink)
            sealer = Sealer(sale, data_key=keys.data_key, nonce_prefix=keys.nonce_prefix, aad=header)
            cut = _Cut(selection, drafting, keys.commit_key, sealer, leaves, k)
            cut.read(path, limits, info)
            sealed = sealer.finish()
        masks = {
            "preview": _write_masked(drafting, Stage.PREVIEW, files.preview, k),
            "vetted": _write_masked(drafting, Stage.VETTED, files.vetted, k),
        }
        root = commitment.topped(cut.header, cut.tree.root())
        report = PoolReport(
            totals=drafting.validator.totals,
            refused=tuple(sorted(drafting.validator.refused)),
            selected_count=drafting.survey.rows_count,
            selected_face_cents=drafting.survey.face_cents,
            strata=cut.strata.result(),
            masks=masks,
            commitment_root=root.hex(),
            sale_sha256=sale.hexdigest(),
            sale_bytes=sealed.sealed_bytes,
            encoding=cut.encoding,
            face_field=mapping.face_field,
            face_column=mapping.columns_of(mapping.face_field)[0],
        )
        files.report.write_text(json.dumps(report.as_json(), indent=2))
        undo.pop_all()
    return PreparedPool(files, report, header, root)


def _write_masked(drafting: Drafting, stage: Stage, path: Path, k: int) -> MaskReport:
    with path.open("wb") as sink:
        return drafting.write(sink, stage=stage, k=k)


class _Cut:
    """One pool cut out of a tape while it is read: strata, leaves and sealed clear rows of what the selection chooses."""

    def __init__(
        self,
        selection: Selection,
        drafting: Drafting,
        commit_key: bytes,
        sealer: Sealer,
        leaves: BinaryIO,
        k: int,
    ) -> None:
        self.tree = commitment.Growing()
        self.strata = StrataBuilder(drafting.validator.cut_off_on, drafting.validator.exponent, k)
        self._selection, self._drafting, self._commit_key = selection, drafting, commit_key
        self._sealer, self._leaves = sealer, leaves
        self.encoding = ""
        self.header = b""

    def read(self, path: intake.Source, limits: Limits, info: intake.TapeInfo | None) -> None:
        """Read the tape once; raises IntakeError("nothing_chosen") if no account is accepted and chosen."""
        validator = self._drafting.validator
        info = info or intake.inspect(path, limits=limits, encoding=validator.mapping.encoding)
        self.encoding = info.encoding
        chunks = intake.read_chunks(path, info, on_ragged=validator.refuse_ragged, limits=limits)
        self._drafting.keep(map(self._take, validator.accept_all(chunks)))
        if not self._drafting.survey.rows_count:
            raise _nothing_chosen(validator)

    def _take(self, accepted: tuple[pa.Table, pa.Table]) -> tuple[pa.Table, pa.Table]:
        """Commit to, seal and count the chosen rows of one chunk, and hand them on."""
        rows, accounts = accepted
        chosen = self._selection.chosen(accounts, cut_off_on=self._drafting.validator.cut_off_on)
        if not chosen.all():
            rows, accounts = rows.filter(pa.array(chosen)), accounts.filter(pa.array(chosen))
        original = rows.drop_columns([ROW])
        first = not self.header
        if first:
            salt = commitment.header_salt(self._commit_key)
            self.header = commitment.header_leaf(salt, original.column_names)
            self._leaves.write(self.header)
        made = commitment.leaves(original, commit_key=self._commit_key, first=self.tree.count)
        self.tree.add(made)
        self._leaves.write(b"".join(made))
        self._sealer.write(clear_csv(original, header=first))
        self.strata.add(accounts)
        return rows, accounts


def _nothing_chosen(validator: Validator) -> IntakeError:
    """The refusal of a tape without an account to sell, and why most of its rows are refused."""
    reasons = Counter((row.column, row.reason) for row in validator.refused)
    if not reasons:
        return IntakeError("nothing_chosen")
    ((column, reason), count), *_ = reasons.most_common(1)
    return IntakeError("nothing_chosen", f"{count:,} rows are refused because {reason}.", column=column or None)
