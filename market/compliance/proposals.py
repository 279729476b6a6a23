"""What one officer proposes and another decides, and what stands once it is carried."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from market.kit.errors import Malformed

GLASS_LIFE = timedelta(hours=24)
"""Break-glass ends by itself after this long."""


class Kind(StrEnum):
    """`block` and `unblock` an organisation; `break_glass` opens its sealed papers to officers for 24 h; `adopt_rules`
    puts a rule pack in force; `release_hold` ends a legal hold.
    """

    BLOCK = "block"
    UNBLOCK = "unblock"
    BREAK_GLASS = "break_glass"
    ADOPT_RULES = "adopt_rules"
    RELEASE_HOLD = "release_hold"

    @property
    def needs_org(self) -> bool:
        return self is not Kind.ADOPT_RULES

    @property
    def needs_subject(self) -> bool:
        return self in {Kind.ADOPT_RULES, Kind.RELEASE_HOLD}


@dataclass(frozen=True, slots=True)
class Proposal:
    """`subject_id` is the rule pack or the hold, or the alert of a block that began with one.

    `carried` is None until another officer has decided.
    """

    proposal_id: UUID
    kind: Kind
    org_id: UUID | None
    subject_id: UUID | None
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    carried: bool | None = None
    decided_by: UUID | None = None
    decision_reason: str | None = None
    decided_at: datetime | None = None

    def opens_glass(self, now: datetime) -> bool:
        """Whether this is a break-glass that has not run out."""
        return (
            self.kind is Kind.BREAK_GLASS
            and self.carried is True
            and self.decided_at is not None
            and now < self.decided_at + GLASS_LIFE
        )


def is_blocked_by(last: Proposal | None) -> bool:
    """Whether an organisation is blocked whose last carried proposal to block or unblock is this one."""
    return last is not None and last.kind is Kind.BLOCK


def refuse_incomplete(kind: Kind, org_id: UUID | None, subject_id: UUID | None) -> None:
    """Raises `Malformed` naming the field that this kind needs or does not have."""
    for field, given, needed in (("org_id", org_id, kind.needs_org), ("subject_id", subject_id, kind.needs_subject)):
        if needed and given is None:
            raise Malformed(f"a proposal to {kind} names it", field=field)
        if given is not None and not needed:
            raise Malformed(f"a proposal to {kind} has none", field=field)


@dataclass(frozen=True, slots=True)
class Hold:
    """While it stands, nothing of the organisation is erased."""

    hold_id: UUID
    org_id: UUID
    reason: str
    placed_by: UUID
    placed_at: datetime
    is_released: bool = False
