"""Evidence on disk: sealed like tapes, each file under a key of its own, the clear bytes only in memory."""

import hashlib
import io
from dataclasses import dataclass
from uuid import UUID

from market.compliance.rules import Evidence
from market.db.context import Context
from masking.envelope import PREFIX_BYTES, Header, opened_segments, seal

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SealedFile:
    file_sha256: str
    size_bytes: int
    sealed_sha256: str
    wrapped_key: bytes


def seal_file(context: Context, evidence_id: UUID, case_id: UUID, org_id: UUID, clear: bytes) -> SealedFile:
    """Seal and store the file, its data key wrapped for this piece of evidence alone. Blocks: run it in a thread."""
    digest = hashlib.sha256(clear).hexdigest()
    data_key = context.chance.entropy(_KEY_BYTES)
    with context.files.draft() as draft:
        seal(
            io.BytesIO(clear),
            draft.sink,  # type: ignore[arg-type]  # an IO[bytes] that writes is all that is asked for
            data_key=data_key,
            nonce_prefix=context.chance.entropy(PREFIX_BYTES),
            aad=_header(case_id, org_id, digest),
        )
        stored = draft.keep()
    return SealedFile(digest, len(clear), stored.sha256, context.vault.wrap(data_key, _wrap_context(evidence_id)))


def open_file(context: Context, paper: Evidence) -> bytes:
    """The clear file, whole and authentic. Blocks: run it in a thread. Raises `EnvelopeError`, `WrongKey`."""
    data_key = context.vault.unwrap(paper.wrapped_key, _wrap_context(paper.evidence_id))
    header = _header(paper.case_id, paper.org_id, paper.file_sha256)
    with context.files.path(paper.sealed_sha256).open("rb") as source:
        return b"".join(opened_segments(source, data_key=data_key, expected=header))


def _header(case_id: UUID, org_id: UUID, digest: str) -> Header:
    return Header(portfolio=f"case:{case_id}", seller=str(org_id), digest=f"sha256:{digest}", format="evidence")


def _wrap_context(evidence_id: UUID) -> str:
    return f"evidence:{evidence_id}"
