"""The chain: what a journal entry's hash covers, and how to check a stream offline."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

FIRST_HASH = bytes(32)
"""The hash before the first entry of a stream."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact. `body` is canonical JSON text and never holds personal data: ids, counts, amounts, digests."""

    stream: str
    seq: int
    position: int
    tx: int
    kind: str
    at: datetime
    actor_role: str
    actor_user_id: UUID | None
    actor_org_id: UUID | None
    body: dict[str, Any]
    body_text: str
    prev_hash: bytes
    hash: bytes


def entry_hash(entry: Entry) -> bytes:
    """SHA-256 over the previous hash and every field, as the database function `journal_append` computes it."""
    fields = (
        entry.stream,
        str(entry.seq),
        entry.kind,
        entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        entry.actor_role,
        str(entry.actor_user_id or ""),
        str(entry.actor_org_id or ""),
        entry.body_text,
    )
    return hashlib.sha256(entry.prev_hash + "\x1f".join(fields).encode()).digest()


def first_broken(entries: Iterable[Entry]) -> int | None:
    """The seq at which one stream's chain does not hold (a gap, a change, a reordering), or None if it does.

    `entries` are the whole stream in order of seq, from 1.
    """
    head, expected = FIRST_HASH, 1
    for entry in entries:
        if entry.seq != expected or entry.prev_hash != head or entry_hash(entry) != entry.hash:
            return expected
        head, expected = entry.hash, expected + 1
    return None
