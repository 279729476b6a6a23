"""Evidence on disk: sealed like tapes, each file under a key of its own, the clear bytes only in memory."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from market.compliance.papers import Evidence
from market.db.context import Context
from masking.envelope import PREFIX_BYTES, Header, opened_segments, seal

_KEY_BYTES = 32
_NONCE_BYTES = 12


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
    data_key = _data_key(context, paper)
    header = _header(paper.case_id, paper.org_id, paper.file_sha256)
    with context.files.path(paper.sealed_sha256).open("rb") as source:
        return b"".join(opened_segments(source, data_key=data_key, expected=header))


def sealing(context: Context, fields: Mapping[str, str]) -> Callable[[Evidence], bytes]:
    """How to seal what an officer read off a paper: under the paper's own key, so that both are erased together."""
    clear = json.dumps(dict(fields), sort_keys=True, ensure_ascii=False).encode()

    def seal_for(paper: Evidence) -> bytes:
        nonce = context.chance.entropy(_NONCE_BYTES)
        sealed = AESGCM(_data_key(context, paper)).encrypt(nonce, clear, _extracted_context(paper))
        return nonce + sealed

    return seal_for


def extracted(context: Context, paper: Evidence) -> dict[str, str]:
    """What an officer read off a paper; nothing if nothing was kept, or the paper was erased. Raises `WrongKey`."""
    if paper.extracted is None or paper.wrapped_key is None:
        return {}
    key, sealed = AESGCM(_data_key(context, paper)), paper.extracted
    found: dict[str, str] = json.loads(
        key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _extracted_context(paper))
    )
    return found


def _data_key(context: Context, paper: Evidence) -> bytes:
    if paper.wrapped_key is None:
        raise AssertionError("the caller has looked whether the paper was erased")
    return context.vault.unwrap(paper.wrapped_key, _wrap_context(paper.evidence_id))


def _extracted_context(paper: Evidence) -> bytes:
    return f"extracted:{paper.evidence_id}".encode()


def _header(case_id: UUID, org_id: UUID, digest: str) -> Header:
    return Header(portfolio=f"case:{case_id}", seller=str(org_id), digest=f"sha256:{digest}", format="evidence")


def _wrap_context(evidence_id: UUID) -> str:
    return f"evidence:{evidence_id}"
