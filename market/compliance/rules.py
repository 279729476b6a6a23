"""How a verification case moves, which evidence carries a clearance, and for how long."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, assert_never
from uuid import UUID

from market.compliance.requirements import REQUIREMENTS, Capability, EvidenceType, needed_types
from market.kit.errors import Conflict, Malformed, MarketError
from market.kit.money import MAX_CENTS, is_currency
from market.parties.rules import checked_country, checked_name

LONGEST_CLEARANCE = timedelta(days=365)
"""Twelve months; the database refuses anything past 400 days."""
EVERY_STATE = "*"
OWNER_COUNT = 50
EVIDENCE_COUNT = 100
STATE_COUNT = 60
_STATE = re.compile(r"[A-Z]{2}")
_LINES = str.maketrans("\n\r\t", "   ")
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


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


class CaseState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    INFO_REQUESTED = "info_requested"
    PREPARED = "prepared"
    CLEARED = "cleared"
    DECLINED = "declined"


class CaseAct(StrEnum):
    """What somebody does with a case: the party the first two, officers the rest."""

    ADD_EVIDENCE = "add evidence"
    SUBMIT = "submit"
    TAKE_UP = "take up"
    VERIFY_EVIDENCE = "verify evidence"
    REQUEST_INFORMATION = "request information"
    PREPARE = "prepare"
    APPROVE = "approve"
    DECLINE = "decline"


def next_state(state: CaseState, act: CaseAct) -> CaseState:
    """Where the act leads from here. Raises `WrongCaseState`."""
    found = _next(state, act)
    if found is None:
        raise WrongCaseState(f"the case is {state}: one cannot {act} now")
    return found


def _next(state: CaseState, act: CaseAct) -> CaseState | None:
    match state:
        case CaseState.DRAFT:
            moves = {CaseAct.ADD_EVIDENCE: CaseState.DRAFT, CaseAct.SUBMIT: CaseState.SUBMITTED}
        case CaseState.SUBMITTED:
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
                CaseAct.APPROVE: CaseState.CLEARED,
                CaseAct.DECLINE: CaseState.DECLINED,
            }
        case CaseState.CLEARED | CaseState.DECLINED:
            moves = {}
        case _:
            assert_never(state)
    return moves.get(act)


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
    """A beneficial owner or the person in control (whose share may be 0 basis points)."""

    name: str
    birth_date: date | None
    country: str
    share_bps: int


def checked_owners(owners: Sequence[Owner], today: date) -> list[Owner]:
    """The owners, tidied. Raises `Malformed`: 1 to 50 of them, with at most 10,000 basis points together."""
    if not 1 <= len(owners) <= OWNER_COUNT:
        raise Malformed(
            f"name 1 to {OWNER_COUNT} owners of 25 % or more, or the person in control", field="beneficial_owners"
        )
    if any(not 0 <= owner.share_bps <= 10_000 for owner in owners) or sum(o.share_bps for o in owners) > 10_000:
        raise Malformed("shares are 0 to 10000 basis points, together at most 10000", field="beneficial_owners")
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


@dataclass(frozen=True, slots=True, repr=False)
class Description:
    """What a paper says about itself. `expires_on` is the last day on which it counts, None for ever."""

    type: EvidenceType
    issuer: str
    number: str
    jurisdiction: str
    issued_on: date
    expires_on: date | None

    def checked(self, today: date) -> "Description":
        """The same with the day on which it stops to count. Raises `Malformed` naming the field."""
        need = REQUIREMENTS[self.type]
        if self.issued_on > today:
            raise Malformed("lies in the future", field="issued_on")
        if need.fresh_days is not None and (today - self.issued_on).days > need.fresh_days:
            raise Malformed(f"must not be older than {need.fresh_days} days", field="issued_on")
        if need.has_term and self.expires_on is None:
            raise Malformed("state until when this paper holds", field="expires_on")
        if self.expires_on is not None and self.expires_on <= self.issued_on:
            raise Malformed("must lie after issued_on", field="expires_on")
        if not _JURISDICTION.fullmatch(self.jurisdiction):
            raise Malformed("a country as US, or a state as US-CA (ISO 3166)", field="jurisdiction")
        if len(self.number) > 100 or not self.number.isprintable():
            raise Malformed("at most 100 printable characters", field="number")
        ends = [self.expires_on] if self.expires_on else []
        if need.life_days is not None:
            ends.append(self.issued_on + timedelta(days=need.life_days))
        expires_on = min(ends, default=None)
        if expires_on is not None and expires_on < today:
            raise Malformed("this paper does not count any more; bring a newer one", field="expires_on")
        return replace(self, issuer=checked_name(self.issuer, field="issuer"), expires_on=expires_on)


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """A paper of a case; `file_sha256` is of the clear file, `sealed_sha256` names the sealed one."""

    evidence_id: UUID
    case_id: UUID
    org_id: UUID
    described: Description
    file_sha256: str
    size_bytes: int
    sealed_sha256: str
    wrapped_key: bytes
    uploaded_by: UUID
    uploaded_at: datetime
    verified_by: UUID | None = None
    verified_at: datetime | None = None
    source: str | None = None

    def counts_on(self, day: date) -> bool:
        return self.described.expires_on is None or self.described.expires_on >= day


@dataclass(frozen=True, slots=True)
class Plan:
    """What officer A prepared for officer B."""

    grant: Grant
    valid_until: datetime
    evidence_digest: str
    prepared_by: UUID
    prepared_at: datetime


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

    def covers(self, states: Iterable[str]) -> bool:
        """Whether every one of these debtor states is within the grant."""
        return EVERY_STATE in self.states or set(states) <= set(self.states)

    def standing(self, now: datetime) -> Literal["valid", "expired", "ended"]:
        """`valid`, `expired` or `ended`."""
        if self.ended_at is not None:
            return "ended"
        return "valid" if now < self.valid_until else "expired"


def shortfalls(capabilities: frozenset[Capability], papers: Sequence[Evidence], today: date) -> list[tuple[str, str]]:
    """(type, what is wrong) for every paper that these capabilities need and that does not carry them yet."""
    found = []
    for needed in needed_types(capabilities):
        brought = [paper for paper in papers if paper.described.type is needed]
        counting = [paper for paper in brought if paper.counts_on(today)]
        if not brought:
            found.append((needed.value, "missing"))
        elif not counting:
            found.append((needed.value, "expired"))
        elif not any(paper.verified_by for paper in counting):
            found.append((needed.value, "unverified"))
    return found


def latest_end(papers: Sequence[Evidence], now: datetime) -> datetime:
    """The latest instant until which verified papers carry a clearance from now: the first to expire, or 12 months."""
    days = [paper.described.expires_on for paper in papers if paper.verified_by and paper.described.expires_on]
    ends = [datetime.combine(day + timedelta(days=1), time.min, UTC) for day in days]
    return min([*ends, now + LONGEST_CLEARANCE])


def evidence_digest(papers: Sequence[Evidence]) -> str:
    """SHA-256 in hex over the verified papers: which, what file, until when, checked by whom and against what."""
    lines = sorted(
        f"{p.evidence_id}|{p.described.type}|{p.file_sha256}|{p.described.expires_on}|{p.verified_by}|{p.source}"
        for p in papers
        if p.verified_by
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def checked_text(text: str, *, field: str, longest: int) -> str:
    """Free text without blanks around it; lines and tabs, but no other control characters. Raises `Malformed`."""
    found = text.strip()
    if not 1 <= len(found) <= longest or not found.translate(_LINES).isprintable():
        raise Malformed(f"must have 1 to {longest} printable characters", field=field)
    return found
