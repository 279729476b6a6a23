"""Verification cases and clearances, for parties and for officers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller, Upload


class Evidence(Struct, frozen=True):
    evidence_id: UUID
    type: str
    issuer: str
    number: str
    jurisdiction: str
    issued_on: date
    expires_on: date | None = None
    verified_at: datetime | None = None
    source: str | None = None


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


class CaseFile(Struct, frozen=True):
    case: Case
    beneficial_owners: tuple[dict[str, Any], ...] = ()
    evidence: tuple[Evidence, ...] = ()


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
    ) -> CaseFile:
        """Ask to be cleared to `list` or `bid`, for debtor states (`*`: all) and up to an amount.

        Each owner is a mapping of name, country, share_bps and, if known, birth_date (ISO 8601).
        """
        body = {**_asked(capabilities, states, max_bid_cents, currency), "beneficial_owners": list(beneficial_owners)}
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
    ) -> Evidence:
        """Add a paper to a case."""
        fields = {
            "type": type,
            "issuer": issuer,
            "number": number,
            "jurisdiction": jurisdiction,
            "issued_on": issued_on.isoformat(),
            "expires_on": None if expires_on is None else expires_on.isoformat(),
        }
        return await self._upload(f"/v1/cases/{case_id}/evidence", Evidence, file=("file", paper), fields=fields)

    async def submit_case(self, case_id: UUID) -> Case:
        """Hand the case to the officers."""
        return await self._call("POST", f"/v1/cases/{case_id}/submission", Case)

    async def evidence_file(self, case_id: UUID, evidence_id: UUID) -> bytes:
        """As an officer, open a paper; the look is recorded."""
        return await self._download(f"/v1/cases/{case_id}/evidence/{evidence_id}/file")

    async def verify_evidence(self, case_id: UUID, evidence_id: UUID, *, source: str) -> Evidence:
        """As an officer, state against what a paper was checked."""
        path = f"/v1/cases/{case_id}/evidence/{evidence_id}/verification"
        return await self._call("POST", path, Evidence, body={"source": source})

    async def request_information(self, case_id: UUID, *, message: str) -> Case:
        """As an officer, ask the party for more."""
        return await self._call("POST", f"/v1/cases/{case_id}/information-request", Case, body={"message": message})

    async def prepare_case(
        self,
        case_id: UUID,
        *,
        capabilities: Sequence[str],
        states: Sequence[str],
        max_bid_cents: int,
        currency: str,
        valid_until: datetime | None = None,
    ) -> Case:
        """As officer A, prepare what officer B is to approve."""
        body = {**_asked(capabilities, states, max_bid_cents, currency), "valid_until": valid_until}
        return await self._call("POST", f"/v1/cases/{case_id}/preparation", Case, body=body)

    async def approve_case(self, case_id: UUID) -> Approval:
        """As officer B, approve what another officer prepared."""
        return await self._call("POST", f"/v1/cases/{case_id}/approval", Approval)

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
