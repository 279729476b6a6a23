"""Forward flows: one agreement, and a sale for every period that is delivered into it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class FlowSignature(Struct, frozen=True):
    party: str
    typed_name: str
    agreement_sha256: str
    signed_at: datetime


class FlowDelivery(Struct, frozen=True):
    """`settlement_id` is None until the sale is opened, moments after the delivery."""

    delivery_id: UUID
    pool_id: UUID
    account_count: int
    face_value_cents: int
    hammer_cents: int
    currency: str
    delivered_at: datetime
    settlement_id: UUID | None = None


class FlowPeriod(Struct, frozen=True):
    """`state` is open, delivered, missed or void; a delivery is on time before `due_at`."""

    number: int
    state: str
    first_on: date
    last_on: date
    due_at: datetime
    missed_at: datetime | None = None
    voided_at: datetime | None = None
    delivery: FlowDelivery | None = None


class FlowSeal(Struct, frozen=True):
    """`sha256` is of the sealed document; `level` B-B, or B-T with times of an authority."""

    sha256: str
    level: str
    sealed_at: datetime


class Flow(Struct, frozen=True, kw_only=True):
    """`accounts` can be sent as a pool's selection; `signatures`, `periods` and `seal` are None in lists.

    `seal` is None until the agreement is sealed for both sides, moments after the acceptance.
    """

    flow_id: UUID
    reference: str
    state: str
    seller_org_id: UUID
    buyer_org_id: UUID
    proposed_by: str
    currency: str
    price_bps: int
    accounts: dict[str, Any]
    min_volume_cents: int
    max_volume_cents: int
    rhythm: str
    first_on: date
    period_count: int
    delivery_days: int
    notice_days: int
    commission: dict[str, Any]
    sale_terms: dict[str, int]
    agreement_sha256: str
    proposed_at: datetime
    answer_by_at: datetime
    accepted_at: datetime | None = None
    noticed_at: datetime | None = None
    ends_on: date | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    signatures: tuple[FlowSignature, ...] | None = None
    periods: tuple[FlowPeriod, ...] | None = None
    seal: FlowSeal | None = None


class FlowPage(Struct, frozen=True):
    items: tuple[Flow, ...]
    next_cursor: str | None = None


class FlowFinding(Struct, frozen=True):
    """One reason why a pool cannot be delivered: the term, the first accounts that miss it, and what to do."""

    code: str
    field: str
    detail: str
    remedy: str
    account_count: int | None = None
    row_numbers: tuple[int, ...] = ()


class FlowFindingList(Struct, frozen=True):
    items: tuple[FlowFinding, ...]


class FlowsClient(Caller):
    async def propose_flow(self, other_org_id: UUID, *, as_party: str, typed_name: str, terms: dict[str, Any]) -> Flow:
        """To the other side, as `seller` or `buyer`, after a fresh proof; `terms` as in the contract's `FlowIn`."""
        body = terms | {"other_org_id": other_org_id, "as_party": as_party, "typed_name": typed_name}
        return await self._call("POST", "/v1/forward-flows", Flow, body=body)

    async def flows(self, *, limit: int = 50, cursor: str | None = None) -> FlowPage:
        """Ours, newest first."""
        return await self._call("GET", "/v1/forward-flows", FlowPage, query={"limit": limit, "cursor": cursor})

    async def flow(self, flow_id: UUID) -> Flow:
        """With its signatures, and every period with what was delivered."""
        return await self._call("GET", f"/v1/forward-flows/{flow_id}", Flow)

    async def flow_agreement(self, flow_id: UUID) -> bytes:
        """The document to accept (PDF); its SHA-256 is what an acceptance names."""
        return await self._download(f"/v1/forward-flows/{flow_id}/agreement")

    async def sealed_flow_agreement(self, flow_id: UUID) -> bytes:
        """With the seals of both sides (PDF, PAdES); there is none before `seal` says so."""
        return await self._download(f"/v1/forward-flows/{flow_id}/sealed-agreement")

    async def accept_flow(self, flow_id: UUID, *, agreement_sha256: str, typed_name: str) -> Flow:
        """As the side that did not propose it, after a fresh proof."""
        body = {"agreement_sha256": agreement_sha256, "typed_name": typed_name}
        return await self._call("POST", f"/v1/forward-flows/{flow_id}/acceptance", Flow, body=body)

    async def refuse_flow(self, flow_id: UUID, reason: str) -> Flow:
        """Decline a proposal, or take one's own back."""
        return await self._call("POST", f"/v1/forward-flows/{flow_id}/refusal", Flow, body={"reason": reason})

    async def terminate_flow(self, flow_id: UUID, reason: str) -> Flow:
        """Give notice, after a fresh proof; at once after a default of the other side."""
        return await self._call("POST", f"/v1/forward-flows/{flow_id}/termination", Flow, body={"reason": reason})

    async def flow_findings(self, flow_id: UUID, pool_id: UUID) -> FlowFindingList:
        """As the seller: what keeps a pool from being delivered; nothing is delivered."""
        query = {"pool_id": str(pool_id)}
        return await self._call("GET", f"/v1/forward-flows/{flow_id}/findings", FlowFindingList, query=query)

    async def deliver_pool(self, flow_id: UUID, number: int, pool_id: UUID) -> FlowPeriod:
        """As the seller, for a period; the same delivery again changes nothing."""
        body = {"number": number, "pool_id": pool_id}
        return await self._call("POST", f"/v1/forward-flows/{flow_id}/deliveries", FlowPeriod, body=body)
