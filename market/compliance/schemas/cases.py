"""Cases, evidence and clearances on the wire."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from market.compliance.papers import Description, Evidence, Shortfall
from market.compliance.requirements import Capability, EvidenceType, Method
from market.compliance.rules import Appeal, Case, CaseState, Clearance, Grant, Message, Owner, Plan, Risk
from market.compliance.service import CaseFile
from market.kit.errors import Malformed
from market.parties.schemas import PartyView

Names = Mapping[UUID, str]
"""Of organisations, by id; whom they are not told to gets `NOBODY`."""
NOBODY: Names = MappingProxyType({})

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
    controls: Annotated[bool, Meta(description="whether this person controls the organisation; one at least does")] = (
        False
    )
    signs: Annotated[bool, Meta(description="whether this person signs for the organisation")] = False
    directs: Annotated[bool, Meta(description="whether this person is one of its directors")] = False

    def __repr__(self) -> str:
        return "OwnerBody(…)"


class OwnerView(Struct, frozen=True):
    """`must_be_identified`: a government ID that names this `owner_id` is asked for."""

    owner_id: UUID | None
    name: str
    country: str
    share_bps: int
    birth_date: date | None
    controls: bool
    signs: bool
    directs: bool
    must_be_identified: bool

    @classmethod
    def of(cls, owner: Owner) -> "OwnerView":
        return cls(
            owner.owner_id, owner.name, owner.country, owner.share_bps, owner.birth_date, owner.controls,
            owner.signs, owner.directs, owner.must_be_identified,
        )  # fmt: skip

    def __repr__(self) -> str:
        return "OwnerView(…)"


class CaseBody(Struct, forbid_unknown_fields=True, frozen=True):
    capabilities: _Capabilities
    states: _States
    max_bid_cents: _Cents
    currency: _Currency
    beneficial_owners: Annotated[list[OwnerBody], Meta(min_length=1, max_length=50)]
    resells: Annotated[bool, Meta(description="whether the organisation sells debts that others originated")] = False

    def asked(self) -> Grant:
        return Grant(frozenset(self.capabilities), tuple(self.states), self.max_bid_cents, self.currency)

    def owners(self) -> list[Owner]:
        return [
            Owner(o.name, o.birth_date, o.country, o.share_bps, o.controls, signs=o.signs, directs=o.directs)
            for o in self.beneficial_owners
        ]


class PlanBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`valid_until` may be left out: then the clearance lasts as long as it may."""

    capabilities: _Capabilities
    states: _States
    max_bid_cents: _Cents
    currency: _Currency
    valid_until: Annotated[datetime, Meta(tz=True)] | None = None
    risk: Risk = Risk.STANDARD

    def granted(self) -> Grant:
        return Grant(frozenset(self.capabilities), tuple(self.states), self.max_bid_cents, self.currency)


_Fields = Annotated[
    dict[Annotated[str, Meta(pattern="^[a-z_]{1,40}$")], Annotated[str, Meta(max_length=500)]], Meta(max_length=30)
]


class SourceBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`extracted`: what the officer read off the paper, by name; it is kept sealed like the paper itself."""

    source: Annotated[str, Meta(min_length=1, max_length=500, description="against what the paper was checked")]
    method: Method = Method.INSPECTION
    extracted: _Fields | None = None


class ReasonBody(Struct, forbid_unknown_fields=True, frozen=True):
    reason: _Text


class AnswerBody(Struct, forbid_unknown_fields=True, frozen=True):
    text: _Text


class GroundsBody(Struct, forbid_unknown_fields=True, frozen=True):
    grounds: _Text


class MessageBody(Struct, forbid_unknown_fields=True, frozen=True):
    message: _Text
    resells: Annotated[
        bool,
        Meta(
            description="whether you found that it sells debts that others originated, so that it brings a reseller's papers"
        ),
    ] = False


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
        owner_id=_parsed(fields, "owner_id", UUID, "the id of an owner of the case")
        if fields.get("owner_id")
        else None,
        covered_states=tuple(found.strip() for found in fields.get("covered_states", "").split(",") if found.strip()),
        held_by=fields.get("held_by", "").strip() or None,
        amount_cents=_parsed(fields, "amount_cents", _cents, "whole cents") if fields.get("amount_cents") else None,
        portfolio_id=_parsed(fields, "portfolio_id", UUID, "the id of a portfolio of yours")
        if fields.get("portfolio_id")
        else None,
    )


def _cents(text: str) -> int:
    """Plain digits alone: `int` also takes 1_0, and digits of other scripts."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def _parsed(fields: dict[str, str], name: str, parse: Callable[[str], T], wanted: str) -> T:
    try:
        return parse(fields[name].strip())
    except ValueError:
        raise Malformed(wanted, field=name) from None


class EvidenceView(Struct, frozen=True):
    """`expires_on` is the last day on which the paper counts, after the rules of its type.

    `portfolio_id`: the portfolio that a paper of a listing is about.
    """

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
    method: Method | None
    owner_id: UUID | None
    covered_states: list[str]
    held_by: str | None
    amount_cents: int | None
    is_erased: bool
    portfolio_id: UUID | None

    @classmethod
    def of(cls, paper: Evidence) -> "EvidenceView":
        said = paper.described
        return cls(
            paper.evidence_id, said.type, said.issuer, said.number, said.jurisdiction, said.issued_on,
            said.expires_on, paper.file_sha256, paper.size_bytes, paper.uploaded_at, paper.verified_at,
            paper.verified_by, paper.source, paper.method, said.owner_id, list(said.covered_states), said.held_by,
            said.amount_cents, paper.wrapped_key is None, said.portfolio_id,
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
    risk: Risk

    @classmethod
    def of(cls, plan: Plan) -> "PlanView":
        said = plan.grant
        return cls(
            sorted(said.capabilities), list(said.states), said.max_bid_cents, said.currency, plan.valid_until,
            plan.evidence_digest, plan.prepared_by, plan.prepared_at, plan.risk,
        )  # fmt: skip


class CaseView(Struct, frozen=True):
    """`message` is the officers' last word to the party: what they ask for, or why they declined.

    `org_name` is told to officers, in lists and in the queue. `due_at` (when the officers promise to act), `assigned_to` and `decision_reason` are shown to officers.
    """

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
    due_at: datetime | None
    assigned_to: UUID | None
    decision_reason: str | None
    resells: bool
    org_name: str | None = None

    @classmethod
    def of(cls, case: Case, names: Names = NOBODY) -> "CaseView":
        asked = case.asked
        return cls(
            case.case_id, case.org_id, case.state, sorted(asked.capabilities), list(asked.states),
            asked.max_bid_cents, asked.currency, case.created_at, case.submitted_at, case.message,
            PlanView.of(case.plan) if case.plan else None, case.approved_by, case.decided_at, case.due_at,
            case.assigned_to, case.decision_reason, case.resells, names.get(case.org_id),
        )  # fmt: skip


class MessageView(Struct, frozen=True):
    message_id: UUID
    side: Literal["officer", "party"]
    text: str
    at: datetime

    @classmethod
    def of(cls, found: Message) -> "MessageView":
        return cls(found.message_id, found.side, found.text, found.at)


class ShortfallView(Struct, frozen=True):
    """One thing that the case still lacks; for an owner or a debtor state if one is named."""

    type: EvidenceType
    why: str
    owner_id: UUID | None
    state: str | None

    @classmethod
    def of(cls, found: Shortfall) -> "ShortfallView":
        return cls(found.type, found.why, found.owner_id, found.state)


class AppealView(Struct, frozen=True):
    """`upheld` is null until another officer has decided; `reason` is that officer's. `org_name`: in the queue."""

    appeal_id: UUID
    case_id: UUID
    grounds: str
    appealed_at: datetime
    due_at: datetime
    upheld: bool | None
    reason: str | None
    org_name: str | None = None

    @classmethod
    def of(cls, found: Appeal, names: Names = NOBODY) -> "AppealView":
        return cls(
            found.appeal_id, found.case_id, found.grounds, found.appealed_at, found.due_at, found.upheld, found.reason,
            names.get(found.org_id),
        )  # fmt: skip


class CaseFileView(Struct, frozen=True):
    """`lacking` is what stands between the case and a clearance as asked for; `organisation` is told to officers."""

    case: CaseView
    beneficial_owners: list[OwnerView]
    evidence: list[EvidenceView]
    messages: list[MessageView]
    lacking: list[ShortfallView]
    appeal: AppealView | None
    organisation: PartyView | None

    @classmethod
    def of(cls, found: CaseFile) -> "CaseFileView":
        return cls(
            CaseView.of(found.case),
            [OwnerView.of(owner) for owner in found.owners],
            [EvidenceView.of(paper) for paper in found.evidence],
            [MessageView.of(message) for message in found.messages],
            [ShortfallView.of(shortfall) for shortfall in found.lacking],
            AppealView.of(found.appeal) if found.appeal else None,
            PartyView.of(found.party) if found.party else None,
        )


class MessageList(Struct, frozen=True):
    items: list[MessageView]


class CasePage(Struct, frozen=True):
    items: list[CaseView]
    next_cursor: str | None


class ClearanceView(Struct, frozen=True):
    """`end_reason` and, in lists, `org_name` are for the platform's eyes only."""

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
    expires_soon: bool
    org_name: str | None = None

    @classmethod
    def of(cls, found: Clearance, now: datetime, *, with_reason: bool, names: Names = NOBODY) -> "ClearanceView":
        return cls(
            found.clearance_id, found.org_id, found.capability, list(found.states), found.max_bid_cents,
            found.currency, found.valid_from, found.valid_until, found.standing(now), found.ended_at, found.case_id,
            found.end_reason if with_reason else None, found.expires_soon(now), names.get(found.org_id),
        )  # fmt: skip


class ClearancePage(Struct, frozen=True):
    items: list[ClearanceView]
    next_cursor: str | None


class ApprovalView(Struct, frozen=True):
    case: CaseView
    clearances: list[ClearanceView]
