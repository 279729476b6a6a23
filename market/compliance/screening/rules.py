"""What a screening covers, what its outcome means, and when a list is too old. Pure."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from market.compliance.screening.names import Kind
from market.compliance.screening.search import Subject
from market.kit.errors import Conflict, Malformed, MarketError

SCREENED_EVERY = timedelta(hours=26)
"""A cleared party that was not screened for this long is overdue: a day, and two hours for the nightly run."""
FULL_EVERY = timedelta(hours=20)
"""The nightly run starts for a party when its last full one is this old."""
CHECK_EVERY = timedelta(minutes=10)
# 31 CFR 510.411 and OFAC's guidance of 2014-08-13: owned in the aggregate, directly or indirectly, 50 percent or more.
BLOCKING_SHARE_BPS = 5_000
REASON_CHARACTERS = (10, 2000)


class ChecksPending(MarketError):
    """The same words whatever lies behind it: old lists, a screening that is due, or an alert. They tip nobody off."""

    slug, title, status = "checks-pending", "Routine checks are not complete", 409


class WrongAlertState(Conflict):
    slug, title = "wrong-alert-state", "The alert does not allow this now"


class SubjectRole(StrEnum):
    ENTITY = "entity"
    TRADE_NAME = "trade_name"
    OWNER = "owner"
    DIRECTOR = "director"
    SIGNATORY = "signatory"
    USER = "user"
    BANK = "bank"

    @classmethod
    def of(cls, *, owns: bool, signs: bool, directs: bool) -> "SubjectRole":
        """As what a person is screened whom a case names: who owns or controls is an owner, whatever else."""
        if owns or not (signs or directs):
            return cls.OWNER
        return cls.SIGNATORY if signs else cls.DIRECTOR


class Occasion(StrEnum):
    SUBMISSION = "submission"
    LISTING = "listing"
    REGISTRATION = "registration"
    AWARD = "award"
    RELEASE = "release"
    CHANGE = "change"
    DELTA = "delta"
    FULL = "full"
    ASKED = "asked"


class Verdict(StrEnum):
    FALSE_POSITIVE = "false_positive"
    TRUE_POSITIVE = "true_positive"


class AlertState(StrEnum):
    OPEN = "open"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, repr=False)
class Disclosed:
    """A name that an organisation disclosed. `share_bps` of what `holds_in` names, or of the organisation itself."""

    role: SubjectRole
    name: str
    is_person: bool
    birth_date: date | None = None
    country: str | None = None
    id_number: str | None = None
    share_bps: int | None = None
    holds_in: str | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex over everything that a screening looks at."""
        born = None if self.birth_date is None else self.birth_date.isoformat()
        told = [self.role.value, self.name, self.is_person, born, self.country, self.id_number]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()

    @property
    def subject(self) -> Subject:
        return Subject(
            self.name,
            Kind.PERSON if self.is_person else Kind.ORGANISATION,
            "" if self.birth_date is None else self.birth_date.isoformat(),
            self.country or "",
            (self.id_number,) if self.id_number else (),
        )


def party_hash(disclosed: Sequence[Disclosed]) -> str:
    """SHA-256 in hex over all disclosed names; it changes when any of them does."""
    return hashlib.sha256("\n".join(sorted(each.content_hash for each in disclosed)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Stake:
    """`owner` holds `share_bps` of `owned`."""

    owner: str
    owned: str
    share_bps: int


def blocked_share_bps(of: str, stakes: Sequence[Stake], blocked: Collection[str]) -> int:
    """The sum of the shares of `of` that blocked owners hold, directly or through what they own by half or more.

    OFAC adds up the shares of all blocked owners; what is itself blocked by the rule counts with the whole of its own
    shares. Circles of ownership end where they began. In basis points.
    """
    tainted = set(blocked)
    while True:
        held: dict[str, int] = {}
        for stake in stakes:
            if stake.owner in tainted:
                held[stake.owned] = held.get(stake.owned, 0) + stake.share_bps
        found = {owned for owned, share in held.items() if share >= BLOCKING_SHARE_BPS} - tainted
        if not found:
            return held.get(of, 0)
        tainted |= found


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str
    decided_by: UUID
    decided_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Alert:
    """A disclosed name that may be a listed one; scores in basis points of 1."""

    alert_id: UUID
    org_id: UUID
    role: SubjectRole
    name: str
    subject_hash: str
    list_id: str
    entry_id: str
    entry_hash: str
    listed_name: str
    score_bps: int
    rank_bps: int
    trace: Mapping[str, object]
    raised_at: datetime
    decisions: Sequence[Decision] = ()

    @property
    def state(self) -> AlertState:
        """Folded from the decisions: one officer dismisses, two confirm."""
        verdicts = [each.verdict for each in self.decisions]
        if Verdict.FALSE_POSITIVE in verdicts:
            return AlertState.DISMISSED
        return (AlertState.OPEN, AlertState.PROPOSED, AlertState.CONFIRMED)[min(2, len(verdicts))]

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """What the memory of a decision is bound to: both contents."""
        return (self.subject_hash, self.list_id, self.entry_id, self.entry_hash)


def check_decision(alert: Alert, decided_by: UUID, reason: str) -> str:
    """The reason, tidied, if this officer may decide this alert now. Raises `WrongAlertState`, `Malformed`."""
    if alert.state in (AlertState.DISMISSED, AlertState.CONFIRMED):
        raise WrongAlertState(f"this alert is {alert.state}")
    if any(each.decided_by == decided_by for each in alert.decisions):
        raise WrongAlertState("you have decided; a match is confirmed, or dismissed after all, by another officer")
    found = " ".join(reason.split())
    low, high = REASON_CHARACTERS
    if not low <= len(found) <= high or not found.isprintable():
        raise Malformed(f"say why, in {low} to {high} characters", field="reason")
    return found


@dataclass(frozen=True, slots=True)
class ListState:
    """A list as it stands in the database."""

    list_id: str
    version_id: UUID
    content_hash: str
    published_on: date | None
    entry_count: int
    checked_at: datetime
    good_until: datetime
