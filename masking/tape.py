"""Apply a policy to a tape: check it, mask it in memory, prepare a pool of it for sale. `Drafting` masks it as a stream."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from masking.accounts import FACE, Totals, Validation, Validator, validate
from masking.csvout import original_rows, write_csv
from masking.drafting import Drafting
from masking.limits import ROW, RefusedRow
from masking.policy import Mapping, Policy, Stage
from masking.pools import Selection, Strata, strata
from masking.preparing import ALL_ACCOUNTS, PoolFiles, PoolKeys, PreparedPool, prepare_pool
from masking.publishing import LeakGateRefused, PublishedPool, publish_pool
from masking.report import MaskReport

__all__ = [
    "ALL_ACCOUNTS",
    "FACE",
    "ROW",
    "Drafting",
    "LeakGateRefused",
    "Masked",
    "PoolFiles",
    "PoolKeys",
    "PreparedPool",
    "PublishedPool",
    "RefusedRow",
    "Selection",
    "Strata",
    "Totals",
    "Validation",
    "Validator",
    "mask",
    "original_rows",
    "prepare_pool",
    "publish_pool",
    "strata",
    "validate",
    "write_csv",
]


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
    drafting = Drafting(mapping, policy, token_key=token_key, cut_off_on=cut_off_on, currency=currency)
    with closing(drafting):
        drafting.read([chunks] if isinstance(chunks, pa.Table) else chunks)
        masker = drafting.masker(stage=stage, k=k)
        table = pa.concat_tables(list(masker.mask_all(drafting.spool)))
    return Masked(table, masker.report(), sorted(drafting.validator.refused), drafting.validator.totals)
