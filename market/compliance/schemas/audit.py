"""Checkpoints and retention on the wire."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from market.compliance.requirements import EvidenceType
from market.compliance.retention import Kept, PartyKept
from market.journal.checkpoints import Checkpoint


class CheckpointView(Struct, frozen=True):
    """Digests, key (Ed25519) and signature in hex. `root` is over the heads of `stream_count` streams."""

    number: int
    at: datetime
    stream_count: int
    root: str
    prev_hash: str
    public_key: str
    signature: str

    @classmethod
    def of(cls, found: Checkpoint) -> "CheckpointView":
        return cls(
            found.number, found.at, found.stream_count, found.root.hex(), found.prev_hash.hex(),
            found.public_key.hex(), found.signature.hex(),
        )  # fmt: skip


class CheckpointPage(Struct, frozen=True):
    items: list[CheckpointView]


class KeptView(Struct, frozen=True):
    """`is_due`: its time is over and no hold keeps it, so the next run erases it."""

    evidence_id: UUID
    case_id: UUID
    org_id: UUID
    type: EvidenceType
    rule: str
    due_at: datetime | None
    is_held: bool
    is_due: bool

    @classmethod
    def of(cls, kept: Kept, now: datetime) -> "KeptView":
        return cls(
            kept.evidence_id, kept.case_id, kept.org_id, kept.type, kept.rule, kept.due_at, kept.is_held,
            kept.is_due(now),
        )  # fmt: skip


class PartyKeptView(Struct, frozen=True):
    """A party that left. `is_due`: its time is over and no hold keeps it, so the next run forgets it."""

    org_id: UUID
    due_at: datetime
    is_held: bool
    is_due: bool

    @classmethod
    def of(cls, kept: PartyKept, now: datetime) -> "PartyKeptView":
        return cls(kept.org_id, kept.due_at, kept.is_held, kept.is_due(now))


class RetentionReport(Struct, frozen=True):
    items: list[KeptView]
    parties: list[PartyKeptView]
