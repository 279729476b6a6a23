"""The one call that publishes: a pool is prepared, and its masked files pass the gate, or nothing is left of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from masking import intake
from masking.gate import Candidate, Check, gate_all
from masking.limits import Limits
from masking.policy import Mapping, Policy
from masking.pools import Selection
from masking.preparing import FILE_NAMES, PoolKeys, PreparedPool, prepare_pool


@dataclass(frozen=True, slots=True)
class PublishedPool:
    """A prepared pool whose masked files passed, and every check of each of them, by stage."""

    pool: PreparedPool
    checks: dict[str, tuple[Check, ...]]


class LeakGateRefused(Exception):
    """A masked file did not pass. The message and `failed` (stage, check) hold counts and names of columns only."""

    def __init__(self, failed: list[tuple[str, Check]]) -> None:
        self.failed = failed
        super().__init__(", ".join(f"{stage} {check.name} ({check.detail})" for stage, check in failed))


def publish_pool(
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
    limits: Limits = Limits(),  # noqa: B008  # frozen, so shared safely
    info: intake.TapeInfo | None = None,
) -> PublishedPool:
    """`prepare_pool`, then the leak gate over both masked files as the last step; report.json gets the checks.

    Memory does not grow with the number of rows. If anything fails nothing is left in `out_dir`. Raises LeakGateRefused,
    and what `prepare_pool` raises.
    """
    pool = prepare_pool(
        path,
        mapping,
        selection,
        keys,
        out_dir,
        portfolio=portfolio,
        seller=seller,
        cut_off_on=cut_off_on,
        currency=currency,
        policy=policy,
        k=k,
        limits=limits,
        info=info,
    )
    try:
        info = info or intake.inspect(path, limits=limits, encoding=mapping.encoding)
        originals = intake.read_chunks(path, info, on_ragged=lambda _: None, limits=limits)
        checks = _gated(originals, pool, mapping, keys, currency=currency)
        text = json.dumps(
            pool.report.as_json() | {"checks": {s: [asdict(c) for c in all_] for s, all_ in checks.items()}}
        )
        pool.files.report.write_text(text)
    except BaseException:
        for name in FILE_NAMES:
            (out_dir / name).unlink(missing_ok=True)
        raise
    return PublishedPool(pool, checks)


def _gated(
    originals: Iterable[pa.Table], pool: PreparedPool, mapping: Mapping, keys: PoolKeys, *, currency: str
) -> dict[str, tuple[Check, ...]]:
    """Every check of both masked files; raises LeakGateRefused if one failed."""
    masked = {"preview": pool.files.preview, "vetted": pool.files.vetted}
    candidates = [Candidate(masked[stage], pool.report.masks[stage]) for stage in masked]
    made = gate_all(originals, candidates, mapping, currency=currency, token_key=keys.token_key)
    checks = {stage: tuple(found) for stage, found in zip(masked, made, strict=True)}
    failed = [(stage, check) for stage, found in checks.items() for check in found if not check.passed]
    if failed:
        raise LeakGateRefused(failed)
    return checks
