"""How a verification case moves, and what a clearance is."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never
from uuid import UUID

from market.compliance.requirements import OWNER_SHARE_BPS, Capability
from market.kit.errors import Conflict, Malformed, MarketError
from market.kit.money import MAX_CENTS, is_currency
from market.parties.rules import checked_country, checked_name

COOL_OFF = timedelta(days=90)
"""A declined party opens no new case, and may appeal, for this long."""
NEUTRAL = "Your case is under review. We will write to you when there is news."
"""What a blocked party reads: the same as everybody whose case takes long."""
NOTICE_DAYS = (60, 30, 7)
EVERY_STATE = "*"
UNKNOWN_STATE = "ZZ"
"""Stands for the debtor state of accounts whose tape names none: nobody is licensed there but who is cleared for all."""
OWNER_COUNT = 50
EVIDENCE_COUNT = 100
LISTING_PAPER_COUNT = 20
STATE_COUNT = 60
_STATE = re.compile(r"[A-Z]{2}")
_LINES = str.maketrans("\n\r\t", "   ")


class NotCleared(MarketError):
    slug, title, status = "not-cleared", "Compliance has not cleared this organisation for it", 403


class EvidenceShort(MarketError):
    slug, title, status = "evidence-short", "Required evidence is missing, unverified or expired", 409


class WrongCaseState(Conflict):
    slug, title = "wrong-case-state", "The case does not allow this now"


class FourEyes(MarketError):
    slug, title, status = "four-eyes", "Somebody else has to do this", 403


class EvidenceTooLarge(MarketError):
    slug, title, status = "evidence-too-large", "The file is too large", 413


class CoolingOff(MarketError):
    slug, title, status = "cooling-off", "A case was declined not long ago", 409


class PaperUnopened(Conflict):
    slug, title = "paper-unopened", "You have not opened this paper"


class NoPaper(MarketError):
    slug, title, status = "no-paper", "The file is of none of the types that papers come in", 415


class SealedAgain(MarketError):
    slug, title, status = "sealed-again", "The case is decided, so its papers are sealed", 403


class Erased(MarketError):
    slug, title, status = "erased", "Its time was over: the file cannot be opened any more", 410


class CaseState(StrEnum):
    """Where a case stands. `expired` and `suspended` are of the clearances that it carried: see `Clearance.standing`."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    SCREENING = "screening"
    IN_REVIEW = "in_review"
    INFO_REQUESTED = "info_requested"
    PREPARED = "prepared"
    CLEARED = "cleared"
    DECLINED = "declined"
    BLOCKED = "blocked"


WAITING = (CaseState.SUBMITTED, CaseState.SCREENING, CaseState.IN_REVIEW, CaseState.PREPARED)
"""The states in which officers are due."""
OPEN_TO_OFFICERS = frozenset((*WAITING, CaseState.INFO_REQUESTED))
"""The states in which officers open papers; before it is the party's draft, afterwards they are sealed again."""


class CaseAct(StrEnum):
    """What somebody does with a case: the party the first two, officers (some of it the system) the rest."""

    ADD_EVIDENCE = "add evidence"
    SUBMIT = "submit"
    SCREEN = "screen"
    TAKE_UP = "take up"
    VERIFY_EVIDENCE = "verify evidence"
    REQUEST_INFORMATION = "request information"
    PREPARE = "prepare"
    SEND_BACK = "send back"
    APPROVE = "approve"
    DECLINE = "decline"
    UPHOLD_APPEAL = "uphold an appeal"
    REVIEW_AGAIN = "review again"
    BLOCK = "block"
    UNBLOCK = "unblock"


def next_state(state: CaseState, act: CaseAct) -> CaseState:
    """Where the act leads from here. Raises `WrongCaseState`."""
    found = _next(state, act)
    if found is None:
        raise WrongCaseState(f"the case is {shown_state(state)}: one cannot {act} now")
    return found


def _next(state: CaseState, act: CaseAct) -> CaseState | None:  # noqa: C901  # one flat match
    if act is CaseAct.BLOCK:
        return None if state is CaseState.BLOCKED else CaseState.BLOCKED
    match state:
        case CaseState.DRAFT:
            moves = {CaseAct.ADD_EVIDENCE: CaseState.DRAFT, CaseAct.SUBMIT: CaseState.SUBMITTED}
        case CaseState.SUBMITTED:
            moves = {CaseAct.SCREEN: CaseState.SCREENING}
        case CaseState.SCREENING:
            moves = {CaseAct.TAKE_UP: CaseState.IN_REVIEW}
        case CaseState.IN_REVIEW:
            moves = {
                CaseAct.TAKE_UP: CaseState.IN_REVIEW,
                CaseAct.VERIFY_EVIDENCE: CaseState.IN_REVIEW,
                CaseAct.REQUEST_INFORMATION: CaseState.INFO_REQUESTED,
                CaseAct.PREPARE: CaseState.PREPARED,
                CaseAct.DECLINE: CaseState.DECLINED,
            }
        case CaseState.INFO_REQUESTED:
            moves = {CaseAct.ADD_EVIDENCE: CaseState.INFO_REQUESTED, CaseAct.SUBMIT: CaseState.IN_REVIEW}
        case CaseState.PREPARED:
            moves = {
                CaseAct.REQUEST_INFORMATION: CaseState.INFO_REQUESTED,
                CaseAct.SEND_BACK: CaseState.IN_REVIEW,
                CaseAct.APPROVE: CaseState.CLEARED,
                CaseAct.DECLINE: CaseState.DECLINED,
            }
        case CaseState.CLEARED:
            moves = {CaseAct.REVIEW_AGAIN: CaseState.IN_REVIEW}
        case CaseState.DECLINED:
            moves = {CaseAct.UPHOLD_APPEAL: CaseState.IN_REVIEW}
        case CaseState.BLOCKED:
            moves = {CaseAct.UNBLOCK: CaseState.IN_REVIEW}
        case _:
            assert_never(state)
    return moves.get(act)


def shown_state(state: CaseState) -> CaseState:
    """The state as a party reads it: a block looks like a review."""
    return CaseState.IN_REVIEW if state is CaseState.BLOCKED else state


class Risk(StrEnum):
    STANDARD = "standard"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Grant:
    """What is asked for, or granted. `states` are two-letter codes, or `*` alone for all of them."""

    capabilities: frozenset[Capability]
    states: tuple[str, ...]
    max_bid_cents: int
    currency: str

    def checked(self) -> "Grant":
        """The same with states sorted, each once. Raises `Malformed` naming the field."""
        states = tuple(sorted(set(self.states)))
        if not self.capabilities:
            raise Malformed("name at least one of: list, bid", field="capabilities")
        if not 1 <= len(states) <= STATE_COUNT or (states != (EVERY_STATE,) and not all(map(_STATE.fullmatch, states))):
            raise Malformed('name states by two letters as CA, or "*" alone for all', field="states")
        if UNKNOWN_STATE in states:
            raise Malformed(
                f'{UNKNOWN_STATE} is no state: accounts without one need a clearance for "*"', field="states"
            )
        if not is_currency(self.currency):
            raise Malformed("not a currency traded here, as USD", field="currency")
        if not 0 <= self.max_bid_cents <= MAX_CENTS or (
            Capability.BID in self.capabilities and self.max_bid_cents == 0
        ):
            raise Malformed(f"must be from 1 to {MAX_CENTS} for bidders", field="max_bid_cents")
        return replace(self, states=states)

    def refuse_beyond(self, asked: "Grant") -> None:
        """Raises `Malformed` if this grants more than was asked for."""
        if not self.capabilities <= asked.capabilities:
            raise Malformed("the case does not ask for all of these", field="capabilities")
        if asked.states != (EVERY_STATE,) and not set(self.states) <= set(asked.states):
            raise Malformed("the case does not ask for all of these states", field="states")
        if self.currency != asked.currency:
            raise Malformed(f"the case asks for a limit in {asked.currency}", field="currency")
        if self.max_bid_cents > asked.max_bid_cents:
            raise Malformed("the case asks for a lower limit", field="max_bid_cents")


@dataclass(frozen=True, slots=True, repr=False)
class Owner:
    """A person whom a case names: a beneficial owner, who controls, signs for or directs the organisation.

    Without a share `share_bps` is 0 basis points.
    """

    name: str
    birth_date: date | None
    country: str
    share_bps: int
    controls: bool = False
    owner_id: UUID | None = None
    signs: bool = False
    directs: bool = False

    @property
    def must_be_identified(self) -> bool:
        return self.controls or self.signs or self.share_bps >= OWNER_SHARE_BPS


def checked_owners(owners: Sequence[Owner], today: date) -> list[Owner]:
    """The owners, tidied. Raises `Malformed`: 1 to 50, one in control, at most 10,000 basis points together."""
    if not 1 <= len(owners) <= OWNER_COUNT:
        raise Malformed(
            f"name 1 to {OWNER_COUNT} owners of 25 % or more, or the person in control", field="beneficial_owners"
        )
    if any(not 0 <= owner.share_bps <= 10_000 for owner in owners) or sum(o.share_bps for o in owners) > 10_000:
        raise Malformed("shares are 0 to 10000 basis points, together at most 10000", field="beneficial_owners")
    if not any(owner.controls for owner in owners):
        raise Malformed("name one person who controls the organisation: controls = true", field="beneficial_owners")
    if any(owner.birth_date is not None and owner.birth_date >= today for owner in owners):
        raise Malformed("a birth date lies in the past", field="beneficial_owners")
    return [
        replace(
            owner,
            name=checked_name(owner.name, field="beneficial_owners.name"),
            country=checked_country(owner.country, field="beneficial_owners.country"),
        )
        for owner in owners
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """What officer A prepared for officer B."""

    grant: Grant
    valid_until: datetime
    evidence_digest: str
    prepared_by: UUID
    prepared_at: datetime
    risk: Risk = Risk.STANDARD


@dataclass(frozen=True, slots=True)
class Case:
    case_id: UUID
    org_id: UUID
    opened_by: UUID
    state: CaseState
    asked: Grant
    created_at: datetime
    submitted_at: datetime | None
    message: str | None
    plan: Plan | None
    approved_by: UUID | None
    declined_by: UUID | None
    decided_at: datetime | None
    due_at: datetime | None = None
    assigned_to: UUID | None = None
    decision_reason: str | None = None
    resells: bool = False

    @property
    def may_open_again_at(self) -> datetime | None:
        """Until when the party of a declined case cools off."""
        if self.state is not CaseState.DECLINED or self.decided_at is None:
            return None
        return self.decided_at + COOL_OFF


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the talk between officers and the party of a case."""

    message_id: UUID
    case_id: UUID
    side: Literal["officer", "party"]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Appeal:
    """A party's word against a no; `upheld` is None until another officer has decided."""

    appeal_id: UUID
    case_id: UUID
    org_id: UUID
    declined_by: UUID
    grounds: str
    appealed_at: datetime
    due_at: datetime
    upheld: bool | None = None
    reason: str | None = None
    decided_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Clearance:
    """A dated grant of one capability. It holds from `valid_from` until before `valid_until`, unless ended."""

    clearance_id: UUID
    org_id: UUID
    capability: Capability
    states: tuple[str, ...]
    max_bid_cents: int
    currency: str
    valid_from: datetime
    valid_until: datetime
    case_id: UUID
    prepared_by: UUID
    approved_by: UUID
    ended_at: datetime | None = None
    end_reason: str | None = None

    def expires_soon(self, now: datetime) -> bool:
        """Valid, and in its last 60 days."""
        return self.standing(now) == "valid" and self.valid_until - now <= timedelta(days=max(NOTICE_DAYS))

    def covers(self, states: Iterable[str]) -> bool:
        """Whether every one of these debtor states is within the grant."""
        return EVERY_STATE in self.states or set(states) <= set(self.states)

    def standing(self, now: datetime) -> Literal["valid", "expired", "ended"]:
        """`valid`, `expired` or `ended`."""
        if self.ended_at is not None:
            return "ended"
        return "valid" if now < self.valid_until else "expired"


def for_party(case: Case) -> Case:
    """The case as its party reads it: who looks after it is not said, and a block looks like any review."""
    shown = replace(case, due_at=None, assigned_to=None, decision_reason=None, declined_by=None)
    if shown_state(case.state) in {*WAITING, CaseState.BLOCKED}:
        shown = replace(shown, state=shown_state(case.state), message=NEUTRAL)
    if case.state is CaseState.BLOCKED:
        shown = replace(
            shown, plan=None, approved_by=None, decided_at=None, submitted_at=case.submitted_at or case.created_at
        )
    return shown


def text_digest(text: str) -> str:
    """SHA-256 in hex of a reason: the journal names it, and holds no free text."""
    return hashlib.sha256(text.encode()).hexdigest()


def checked_text(text: str, *, field: str, longest: int) -> str:
    """Free text without blanks around it; lines and tabs, but no other control characters. Raises `Malformed`."""
    found = text.strip()
    if not 1 <= len(found) <= longest or not found.translate(_LINES).isprintable():
        raise Malformed(f"must have 1 to {longest} printable characters", field=field)
    return found
