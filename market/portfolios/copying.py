"""What a child process computes about buyers' copies: a file re-keyed for one of them, and a leaked file traced."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from market.kit.files import FileStore
from market.portfolios.rules import KeptFile
from masking import buyers
from masking.limits import IntakeError


@dataclass(frozen=True, slots=True)
class CopyJob:
    files_root: Path
    vetted_sha256: str
    token_key: bytes = field(repr=False)
    buyer: str


@dataclass(frozen=True, slots=True)
class TraceJob:
    files_root: Path
    vetted_sha256: str
    token_key: bytes = field(repr=False)
    candidates: tuple[str, ...]
    leak: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Traced:
    """Of `count` tokens in a leaked file, those that are this buyer's."""

    buyer: str
    matched_count: int
    count: int


def make_copy(job: CopyJob) -> KeptFile:
    """The masked file under one buyer's own tokens, in the store."""
    files = FileStore(job.files_root)
    with files.draft() as draft:
        sink = cast("BinaryIO", draft.sink)
        buyers.rekey(files.path(job.vetted_sha256), sink, token_key=job.token_key, buyer=job.buyer)
        stored = draft.keep()
    return KeptFile(stored.sha256, stored.size_bytes)


def trace_leak(job: TraceJob) -> list[Traced] | None:
    """Every candidate with the tokens that are theirs, the likeliest first; None for a file that cannot be read as a table."""
    masked = FileStore(job.files_root).path(job.vetted_sha256)
    try:
        found = buyers.trace(io.BytesIO(job.leak), masked, token_key=job.token_key, candidates=job.candidates)
    except IntakeError:
        return None
    return [Traced(each.buyer, each.matched_count, each.count) for each in found]
