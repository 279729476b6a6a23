"""Verification cases and clearances, for parties and for officers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller, Upload


class Organisation(Struct, frozen=True):
    """Who stands behind an `org_id`, for the platform's people."""

    org_id: UUID
    name: str
    country: str
    registration_number: str
    contact_emails: tuple[str, ...]

    def __repr__(self) -> str:
        return "Organisation(…)"


class Evidence(Struct, frozen=True):
    evidence_id: UUID
    type: str
    issuer: str
    number: str
    jurisdiction: str
    issued_on: date
    expires_on: date | None = None
    owner_id: UUID | None = None
    is_erased: bool = False
    verified_at: datetime | None = None
    source: str | None = None
    portfolio_id: UUID | None = None


class Plan(Struct, frozen=True):
    """What officer A prepared for officer B to approve."""

    capabilities: tuple[str, ...]
    states: tuple[str, ...]
    max_bid_cents: int
    currency: str
    valid_until: datetime
    evidence_digest: str
    prepared_by: UUID
    prepared_at: datetime


class Case(Struct, frozen=True):
    case_id: UUID
    org_id: UUID
    state: str
    capabilities: tuple[str, ...]
    states: tuple[str, ...]
    max_bid_cents: int
    currency: str
    message: str | None = None
    prepared: Plan | None = None
    approved_by: UUID | None = None
    decided_at: datetime | None = None
    due_at: datetime | None = None
    assigned_to: UUID | None = None
    decision_reason: str | None = None
    resells: bool = False
    org_name: str | None = None


class BeneficialOwner(Struct, frozen=True):
    owner_id: UUID
    name: str
    country: str
    share_bps: int
    must_be_identified: bool = False
    controls: bool = False
    signs: bool = False
    directs: bool = False
    birth_date: date | None = None

    def __repr__(self) -> str:
        return "BeneficialOwner(…)"


class Message(Struct, frozen=True):
    message_id: UUID
    side: str
    text: str
    at: datetime


class Shortfall(Struct, frozen=True):
    """What a case still lacks; for an owner or a debtor state if one is named."""

    type: str
    why: str
    owner_id: UUID | None = None
    state: str | None = None


class Appeal(Struct, frozen=True):
    appeal_id: UUID
    case_id: UUID
    grounds: str
    appealed_at: datetime
    due_at: datetime
    upheld: bool | None = None
    reason: str | None = None
    org_name: str | None = None


class CaseFile(Struct, frozen=True):
    case: Case
    beneficial_owners: tuple[BeneficialOwner, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    messages: tuple[Message, ...] = ()
    lacking: tuple[Shortfall, ...] = ()
    appeal: Appeal | None = None
    organisation: Organisation | None = None


class MessageList(Struct, frozen=True):
    items: tuple[Message, ...]


class CasePage(Struct, frozen=True):
    items: tuple[Case, ...]
    next_cursor: str | None = None


class Clearance(Struct, frozen=True):
    """A dated grant; `standing` is valid, expired or ended."""

    clearance_id: UUID
    org_id: UUID
    capability: str
    states: tuple[str, ...]
    max_bid_cents: int
    currency: str
    valid_from: datetime
    valid_until: datetime
    standing: str = ""
    ended_at: datetime | None = None
    case_id: UUID | None = None
    end_reason: str | None = None
    org_name: str | None = None


class ClearancePage(Struct, frozen=True):
    items: tuple[Clearance, ...]
    next_cursor: str | None = None


class Approval(Struct, frozen=True):
    case: Case
    clearances: tuple[Clearance, ...]


class ComplianceClient(Caller):
    async def open_case(
        self,
        *,
        capabilities: Sequence[str],
        states: Sequence[str],
        max_bid_cents: int,
        currency: str,
        beneficial_owners: Sequence[Mapping[str, Any]],
        resells: bool = False,
    ) -> CaseFile:
        """Ask to be cleared to `list` or `bid`, for debtor states (`*`: all) and up to an amount.

        Each owner is a mapping of name, country, share_bps, controls (true for the person in control), signs, directs and, if
        known, birth_date (ISO 8601). `resells`: the organisation sells debts that others originated.
        """
        asked = _asked(capabilities, states, max_bid_cents, currency)
        body = {**asked, "beneficial_owners": list(beneficial_owners), "resells": resells}
        return await self._call("POST", "/v1/cases", CaseFile, body=body)

    async def cases(self, *, state: str | None = None, limit: int = 50, cursor: str | None = None) -> CasePage:
        """The own cases; for officers, everybody's."""
        query = {"state": state, "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/cases", CasePage, query=query)

    async def case(self, case_id: UUID) -> CaseFile:
        """One case with its papers."""
        return await self._call("GET", f"/v1/cases/{case_id}", CaseFile)

    async def add_evidence(
        self,
        case_id: UUID,
        paper: Upload,
        *,
        type: str,  # noqa: A002 - the field's name on the wire
        issuer: str,
        number: str,
        jurisdiction: str,
        issued_on: date,
        expires_on: date | None = None,
        owner_id: UUID | None = None,
        covered_states: Sequence[str] = (),
        held_by: str | None = None,
        amount_cents: int | None = None,
        portfolio_id: UUID | None = None,
    ) -> Evidence:
        """Add a paper to a case.

        `owner_id`: whose identity it proves; `covered_states`, `held_by`: of a licence; `amount_cents`: a net worth;
        `portfolio_id`: whose chain of title or sample media it is, for the case that cleared you.
        """
        fields = {
            "type": type,
            "issuer": issuer,
            "number": number,
            "jurisdiction": jurisdiction,
            "issued_on": issued_on.isoformat(),
            "expires_on": None if expires_on is None else expires_on.isoformat(),
            "owner_id": None if owner_id is None else str(owner_id),
            "covered_states": ",".join(covered_states) or None,
            "held_by": held_by,
            "amount_cents": None if amount_cents is None else str(amount_cents),
            "portfolio_id": None if portfolio_id is None else str(portfolio_id),
        }
        return await self._upload(f"/v1/cases/{case_id}/evidence", Evidence, file=("file", paper), fields=fields)

    async def submit_case(self, case_id: UUID) -> Case:
        """Hand the case to the officers."""
        return await self._call("POST", f"/v1/cases/{case_id}/submission", Case)

    async def evidence_file(self, case_id: UUID, evidence_id: UUID) -> bytes:
        """As an officer, open a paper; the look is recorded."""
        return await self._download(f"/v1/cases/{case_id}/evidence/{evidence_id}/file")

    async def evidence_fields(self, case_id: UUID, evidence_id: UUID) -> dict[str, str]:
        """As an officer, what was read off a paper when it was verified; the look is recorded."""
        return await self._call("GET", f"/v1/cases/{case_id}/evidence/{evidence_id}/fields", dict[str, str])

    async def verify_evidence(
        self,
        case_id: UUID,
        evidence_id: UUID,
        *,
        source: str,
        method: str = "inspection",
        extracted: Mapping[str, str] | None = None,
    ) -> Evidence:
        """As an officer, state against what and how a paper was checked, and what you read off it."""
        path = f"/v1/cases/{case_id}/evidence/{evidence_id}/verification"
        body = {"source": source, "method": method, "extracted": None if extracted is None else dict(extracted)}
        return await self._call("POST", path, Evidence, body=body)

    async def request_information(self, case_id: UUID, *, message: str, resells: bool = False) -> Case:
        """As an officer, ask the party for more. `resells`: you found that it sells debts that others originated."""
        body = {"message": message, "resells": resells}
        return await self._call("POST", f"/v1/cases/{case_id}/information-request", Case, body=body)

    async def prepare_case(
        self,
        case_id: UUID,
        *,
        capabilities: Sequence[str],
        states: Sequence[str],
        max_bid_cents: int,
        currency: str,
        valid_until: datetime | None = None,
        risk: str = "standard",
    ) -> Case:
        """As officer A, prepare what officer B is to approve; `risk` is standard or high."""
        asked = _asked(capabilities, states, max_bid_cents, currency)
        body = {**asked, "valid_until": valid_until, "risk": risk}
        return await self._call("POST", f"/v1/cases/{case_id}/preparation", Case, body=body)

    async def approve_case(self, case_id: UUID, *, reason: str) -> Approval:
        """As officer B, approve what another officer prepared."""
        return await self._call("POST", f"/v1/cases/{case_id}/approval", Approval, body={"reason": reason})

    async def return_case(self, case_id: UUID, *, reason: str) -> Case:
        """As officer B, send back what was prepared."""
        return await self._call("POST", f"/v1/cases/{case_id}/return", Case, body={"reason": reason})

    async def review_again(self, case_id: UUID, *, reason: str) -> Case:
        """As an officer, take up a cleared case whose clearance was suspended or has expired."""
        return await self._call("POST", f"/v1/cases/{case_id}/review", Case, body={"reason": reason})

    async def answer_officers(self, case_id: UUID, *, text: str) -> MessageList:
        """Write to the officers about the own open case."""
        return await self._call("POST", f"/v1/cases/{case_id}/messages", MessageList, body={"text": text})

    async def appeal(self, case_id: UUID, *, grounds: str) -> Appeal:
        """Appeal against a no, once."""
        return await self._call("POST", f"/v1/cases/{case_id}/appeal", Appeal, body={"grounds": grounds})

    async def decide_appeal(self, case_id: UUID, *, upheld: bool, reason: str) -> Case:
        """As another officer than the one who declined, decide the appeal."""
        body = {"upheld": upheld, "reason": reason}
        return await self._call("POST", f"/v1/cases/{case_id}/appeal-decision", Case, body=body)

    async def decline_case(self, case_id: UUID, *, reason: str) -> Case:
        """As an officer, say no with a reason."""
        return await self._call("POST", f"/v1/cases/{case_id}/decline", Case, body={"reason": reason})

    async def clearances(self, *, limit: int = 50, cursor: str | None = None) -> ClearancePage:
        """The own clearances; for officers, everybody's."""
        return await self._call("GET", "/v1/clearances", ClearancePage, query={"limit": limit, "cursor": cursor})

    async def end_clearance(self, clearance_id: UUID, *, reason: str) -> Clearance:
        """As an officer, end a clearance at once."""
        return await self._call("POST", f"/v1/clearances/{clearance_id}/end", Clearance, body={"reason": reason})


def _asked(capabilities: Sequence[str], states: Sequence[str], max_bid_cents: int, currency: str) -> dict[str, Any]:
    return {
        "capabilities": list(capabilities),
        "states": list(states),
        "max_bid_cents": max_bid_cents,
        "currency": currency,
    }
