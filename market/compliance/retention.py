"""How long papers are kept, and what is left of one when its time is over.

OFAC's records: 10 years (31 CFR 501.601, since 2025-03-12). Records of debt collection: 3 years (12 CFR 1006.100,
2021-11-30). The clock begins when the last thing that the organisation was cleared for is over. The database counts by the
same rules, and refuses an erasure that comes too early or under a legal hold.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from market.compliance.requirements import EvidenceType

REG_F = "12 CFR 1006.100 (3 years)"
OFAC = "31 CFR 501.601 (10 years)"


@dataclass(frozen=True, slots=True)
class Kept:
    """One paper that is still there: by which rule, until when (None: its case is not over), and whether a hold stops it."""

    evidence_id: UUID
    case_id: UUID
    org_id: UUID
    type: EvidenceType
    rule: str
    due_at: datetime | None
    is_held: bool

    def is_due(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at <= now and not self.is_held


@dataclass(frozen=True, slots=True)
class PartyKept:
    """A party that left: when what is kept of it goes, and whether a hold stops it."""

    org_id: UUID
    due_at: datetime
    is_held: bool

    def is_due(self, now: datetime) -> bool:
        return self.due_at <= now and not self.is_held
