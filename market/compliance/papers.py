"""Papers: what they say of themselves, how long they count, and what a clearance still lacks."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from market.compliance.packs import Pack
from market.compliance.requirements import (
    LISTING_TYPES,
    REQUIREMENTS,
    Capability,
    EvidenceType,
    Method,
    Requirement,
    needed_types,
)
from market.compliance.rules import EVERY_STATE, Grant, Owner, Risk
from market.kit.errors import Malformed
from market.kit.money import MAX_CENTS
from market.parties.rules import checked_name

LONGEST = {Risk.STANDARD: timedelta(days=365), Risk.HIGH: timedelta(days=183)}
"""Twelve months, six at high risk; the database refuses more."""
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_STATES = re.compile(r"[A-Z]{2}(,[A-Z]{2}){0,59}")


@dataclass(frozen=True, slots=True, repr=False)
class Description:
    """What a paper says about itself. `expires_on` is the last day on which it counts, None for ever.

    `owner_id`: whose identity it proves. `covered_states`: what a licence is for, if for more than its jurisdiction.
    `held_by`: the servicer who holds it, None for the organisation itself. `amount_cents`: the net worth it states.
    `portfolio_id`: the portfolio that a paper of a listing is about.
    """

    type: EvidenceType
    issuer: str
    number: str
    jurisdiction: str
    issued_on: date
    expires_on: date | None
    owner_id: UUID | None = None
    covered_states: tuple[str, ...] = ()
    held_by: str | None = None
    amount_cents: int | None = None
    portfolio_id: UUID | None = None

    @property
    def states(self) -> frozenset[str]:
        """The states that a licence is for: those it lists, or that of its jurisdiction. Another country's subdivisions are none."""
        country, _, state = self.jurisdiction.partition("-")
        return frozenset(self.covered_states) or frozenset({state} if country == "US" and state else ())

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
        self._refuse_facts(need)
        ends = [self.expires_on] if self.expires_on else []
        if need.life_days is not None:
            ends.append(self.issued_on + timedelta(days=need.life_days))
        expires_on = min(ends, default=None)
        if expires_on is not None and expires_on < today:
            raise Malformed("this paper does not count any more; bring a newer one", field="expires_on")
        return replace(
            self,
            issuer=checked_name(self.issuer, field="issuer"),
            held_by=None if self.held_by is None else checked_name(self.held_by, field="held_by"),
            expires_on=expires_on,
        )

    def _refuse_facts(self, need: Requirement) -> None:
        if need.has_amount and self.amount_cents is None:
            raise Malformed("state the amount that this paper is about, in cents", field="amount_cents")
        if self.amount_cents is not None and not 0 <= self.amount_cents <= MAX_CENTS:
            raise Malformed(f"must be from 0 to {MAX_CENTS}", field="amount_cents")
        if self.portfolio_id is not None and not need.per_listing:
            raise Malformed(f"only {' and '.join(LISTING_TYPES)} are of a portfolio", field="portfolio_id")
        if self.portfolio_id is not None and self.expires_on is not None:
            raise Malformed("papers of a portfolio do not expire", field="expires_on")
        if self.portfolio_id is None and self.type is EvidenceType.SAMPLE_MEDIA:
            raise Malformed("name the portfolio whose accounts it shows", field="portfolio_id")
        if self.covered_states and not _STATES.fullmatch(",".join(self.covered_states)):
            raise Malformed("up to 60 states by two letters, as CA,NY", field="covered_states")


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """A paper of a case; `file_sha256` is of the clear file, `sealed_sha256` names the sealed one.

    `wrapped_key` is None once the paper was erased. `extracted` is sealed: what an officer read off it.
    """

    evidence_id: UUID
    case_id: UUID
    org_id: UUID
    described: Description
    file_sha256: str
    size_bytes: int
    sealed_sha256: str
    wrapped_key: bytes | None
    uploaded_by: UUID
    uploaded_at: datetime
    verified_by: UUID | None = None
    verified_at: datetime | None = None
    source: str | None = None
    method: Method | None = None
    extracted: bytes | None = None

    def counts_on(self, day: date) -> bool:
        return self.described.expires_on is None or self.described.expires_on >= day

    def carries_on(self, day: date) -> bool:
        """Whether it was verified and counts on that day."""
        return self.verified_by is not None and self.counts_on(day)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing that a clearance lacks: a paper of this type, for this owner or this state if one is named."""

    type: EvidenceType
    why: str
    owner_id: UUID | None = None
    state: str | None = None

    @property
    def said(self) -> str:
        about = f" for {self.state}" if self.state else " of an owner" if self.owner_id else ""
        return f"{self.type.value}{about} ({self.why})"


def shortfalls(
    grant: Grant,
    owners: Sequence[Owner],
    papers: Sequence[Evidence],
    *,
    pack: Pack,
    today: date,
    of_reseller: bool = False,
) -> list[Shortfall]:
    """Everything that this grant needs and that the papers do not carry yet: by type, by owner, by debtor state.

    `of_reseller`: the party sells what others originated.
    """
    found = []
    to_license = _states_to_license(grant, pack, today, of_reseller=of_reseller)
    licensed = licensed_states(papers, today)
    for needed in needed_types(grant.capabilities, of_reseller=of_reseller):
        if needed is EvidenceType.DEBT_LICENCE and not to_license:
            continue
        of_type = [paper for paper in papers if paper.described.type is needed]
        why = _flaw(of_type, today)
        if needed is EvidenceType.GOVERNMENT_ID and (unidentified := _unidentified(owners, of_type, today)):
            found += unidentified
        elif why is not None:
            found.append(Shortfall(needed, why))
        elif needed is EvidenceType.DEBT_LICENCE:
            found += [Shortfall(needed, "missing", state=state) for state in to_license if state not in licensed]
    return found


def listing_shortfalls(brought: Sequence[Evidence], today: date) -> list[Shortfall]:
    """What of a portfolio an officer must still verify before a pool of it is sold; `brought` are its papers."""
    of_type = {needed: [paper for paper in brought if paper.described.type is needed] for needed in LISTING_TYPES}
    return [Shortfall(needed, why) for needed in LISTING_TYPES if (why := _flaw(of_type[needed], today)) is not None]


def _unidentified(owners: Sequence[Owner], ids: Sequence[Evidence], today: date) -> list[Shortfall]:
    found = []
    for owner in owners:
        own = [paper for paper in ids if paper.described.owner_id == owner.owner_id]
        if owner.must_be_identified and (why := _flaw(own, today)) is not None:
            found.append(Shortfall(EvidenceType.GOVERNMENT_ID, why, owner_id=owner.owner_id))
    return found


def _flaw(brought: Sequence[Evidence], today: date) -> str | None:
    counting = [paper for paper in brought if paper.counts_on(today)]
    if not brought:
        return "missing"
    if not counting:
        return "expired"
    return None if any(paper.verified_by for paper in counting) else "unverified"


def _states_to_license(grant: Grant, pack: Pack, today: date, *, of_reseller: bool) -> list[str]:
    if Capability.BID not in grant.capabilities and not of_reseller:
        return []
    if EVERY_STATE in grant.states:
        return pack.licensed_states(today)
    return [state for state in grant.states if pack.needs_licence(state, today)]


def licensed_states(papers: Sequence[Evidence], today: date) -> set[str]:
    """The states for which the organisation or its named servicer has shown a licence.

    A servicer's licence counts with a verified agreement that names the same servicer.
    """
    carrying = [paper for paper in papers if paper.carries_on(today)]
    servicers = {p.described.held_by for p in carrying if p.described.type is EvidenceType.SERVICING_AGREEMENT}
    return {
        state
        for paper in carrying
        if paper.described.type is EvidenceType.DEBT_LICENCE
        and (paper.described.held_by is None or paper.described.held_by in servicers)
        for state in paper.described.states
    }


def latest_end(papers: Sequence[Evidence], now: datetime, risk: Risk = Risk.STANDARD) -> datetime:
    """The latest instant until which verified papers carry a clearance from now: the first to expire, or `LONGEST`."""
    today = now.astimezone(UTC).date()
    days = [paper.described.expires_on for paper in papers if paper.carries_on(today) and paper.described.expires_on]
    latest = now.astimezone(UTC) + LONGEST[risk]
    # A later day does not bind, and the last one of the calendar, which some papers state, has no day after it.
    ends = [datetime.combine(day + timedelta(days=1), time.min, UTC) for day in days if day < latest.date()]
    return min([*ends, latest])


def evidence_digest(papers: Sequence[Evidence]) -> str:
    """SHA-256 in hex over the verified papers: which, what file, until when, checked by whom and against what."""
    lines = sorted(
        f"{p.evidence_id}|{p.described.type}|{p.file_sha256}|{p.described.expires_on}|{p.verified_by}|{p.source}"
        for p in papers
        if p.verified_by
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
