"""Cases, evidence and clearances on the wire."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from market.compliance.requirements import Capability, EvidenceType
from market.compliance.rules import Case, CaseState, Clearance, Description, Evidence, Grant, Owner, Plan
from market.compliance.service import CaseFile
from market.kit.errors import Malformed

T = TypeVar("T")
_Text = Annotated[str, Meta(min_length=1, max_length=2000)]
_Capabilities = Annotated[list[Capability], Meta(min_length=1, max_length=2)]
_States = Annotated[list[str], Meta(min_length=1, max_length=60, description='two letters as CA, or "*" alone')]
_Cents = Annotated[int, Meta(ge=0, le=10**15)]
_Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217")]
_Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


class OwnerBody(Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=400)]
    country: _Country
    share_bps: Annotated[int, Meta(ge=0, le=10_000, description="0 for a person in control without a share")]
    birth_date: date | None = None

    @classmethod
    def of(cls, owner: Owner) -> "OwnerBody":
        return cls(owner.name, owner.country, owner.share_bps, owner.birth_date)

    def __repr__(self) -> str:
        return "OwnerBody(…)"


class CaseBody(Struct, forbid_unknown_fields=True, frozen=True):
    capabilities: _Capabilities
    states: _States
    max_bid_cents: _Cents
    currency: _Currency
    beneficial_owners: Annotated[list[OwnerBody], Meta(min_length=1, max_length=50)]

    def asked(self) -> Grant:
        return Grant(frozenset(self.capabilities), tuple(self.states), self.max_bid_cents, self.currency)

    def owners(self) -> list[Owner]:
        return [Owner(o.name, o.birth_date, o.country, o.share_bps) for o in self.beneficial_owners]


class PlanBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`valid_until` may be left out: then the clearance lasts as long as it may."""

    capabilities: _Capabilities
    states: _States
    max_bid_cents: _Cents
    currency: _Currency
    valid_until: Annotated[datetime, Meta(tz=True)] | None = None

    def granted(self) -> Grant:
        return Grant(frozenset(self.capabilities), tuple(self.states), self.max_bid_cents, self.currency)


class SourceBody(Struct, forbid_unknown_fields=True, frozen=True):
    source: Annotated[str, Meta(min_length=1, max_length=500, description="against what the paper was checked")]


class ReasonBody(Struct, forbid_unknown_fields=True, frozen=True):
    reason: _Text


class MessageBody(Struct, forbid_unknown_fields=True, frozen=True):
    message: _Text


def described(fields: dict[str, str]) -> Description:
    """The paper that the form's fields describe. Raises `Malformed` naming the field."""
    return Description(
        type=_parsed(fields, "type", EvidenceType, f"one of: {', '.join(EvidenceType)}"),
        issuer=fields["issuer"],
        number=fields.get("number", "").strip(),
        jurisdiction=fields["jurisdiction"].strip(),
        issued_on=_parsed(fields, "issued_on", date.fromisoformat, "a day as 2026-01-31"),
        expires_on=(
            _parsed(fields, "expires_on", date.fromisoformat, "a day as 2026-01-31")
            if fields.get("expires_on")
            else None
        ),
    )


def _parsed(fields: dict[str, str], name: str, parse: Callable[[str], T], wanted: str) -> T:
    try:
        return parse(fields[name].strip())
    except ValueError:
        raise Malformed(wanted, field=name) from None


class EvidenceView(Struct, frozen=True):
    """`expires_on` is the last day on which the paper counts, after the rules of its type."""

    evidence_id: UUID
    type: EvidenceType
    issuer: str
    number: str
    jurisdiction: str
    issued_on: date
    expires_on: date | None
    file_sha256: str
    size_bytes: int
    uploaded_at: datetime
    verified_at: datetime | None
    verified_by: UUID | None
    source: str | None

    @classmethod
    def of(cls, paper: Evidence) -> "EvidenceView":
        said = paper.described
        return cls(
            paper.evidence_id, said.type, said.issuer, said.number, said.jurisdiction, said.issued_on,
            said.expires_on, paper.file_sha256, paper.size_bytes, paper.uploaded_at, paper.verified_at,
            paper.verified_by, paper.source,
        )  # fmt: skip


class PlanView(Struct, frozen=True):
    capabilities: list[Capability]
    states: list[str]
    max_bid_cents: int
    currency: str
    valid_until: datetime
    evidence_digest: str
    prepared_by: UUID
    prepared_at: datetime

    @classmethod
    def of(cls, plan: Plan) -> "PlanView":
        said = plan.grant
        return cls(
            sorted(said.capabilities), list(said.states), said.max_bid_cents, said.currency, plan.valid_until,
            plan.evidence_digest, plan.prepared_by, plan.prepared_at,
        )  # fmt: skip


class CaseView(Struct, frozen=True):
    """`message` is the officers' last word to the party: what they ask for, or why they declined."""

    case_id: UUID
    org_id: UUID
    state: CaseState
    capabilities: list[Capability]
    states: list[str]
    max_bid_cents: int
    currency: str
    created_at: datetime
    submitted_at: datetime | None
    message: str | None
    prepared: PlanView | None
    approved_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        asked = case.asked
        return cls(
            case.case_id, case.org_id, case.state, sorted(asked.capabilities), list(asked.states),
            asked.max_bid_cents, asked.currency, case.created_at, case.submitted_at, case.message,
            PlanView.of(case.plan) if case.plan else None, case.approved_by, case.decided_at,
        )  # fmt: skip


class CaseFileView(Struct, frozen=True):
    case: CaseView
    beneficial_owners: list[OwnerBody]
    evidence: list[EvidenceView]

    @classmethod
    def of(cls, found: CaseFile) -> "CaseFileView":
        return cls(
            CaseView.of(found.case),
            [OwnerBody.of(owner) for owner in found.owners],
            [EvidenceView.of(paper) for paper in found.evidence],
        )


class CasePage(Struct, frozen=True):
    items: list[CaseView]
    next_cursor: str | None


class ClearanceView(Struct, frozen=True):
    """`end_reason` is for the platform's eyes only."""

    clearance_id: UUID
    org_id: UUID
    capability: Capability
    states: list[str]
    max_bid_cents: int
    currency: str
    valid_from: datetime
    valid_until: datetime
    standing: Literal["valid", "expired", "ended"]
    ended_at: datetime | None
    case_id: UUID
    end_reason: str | None

    @classmethod
    def of(cls, found: Clearance, now: datetime, *, with_reason: bool) -> "ClearanceView":
        return cls(
            found.clearance_id, found.org_id, found.capability, list(found.states), found.max_bid_cents,
            found.currency, found.valid_from, found.valid_until, found.standing(now), found.ended_at, found.case_id,
            found.end_reason if with_reason else None,
        )  # fmt: skip


class ClearancePage(Struct, frozen=True):
    items: list[ClearanceView]
    next_cursor: str | None


class ApprovalView(Struct, frozen=True):
    case: CaseView
    clearances: list[ClearanceView]
