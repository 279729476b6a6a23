"""What follows a sale: disputes, recalls, resales, documents behind accounts, destruction by those who did not win; taxes."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller
from market.client.settlement import Settlement


class Dispute(Struct, frozen=True):
    """`outcome` and `decision` are None until two officers have decided."""

    dispute_id: UUID
    settlement_id: UUID
    org_id: UUID
    reason: str
    raised_at: datetime
    outcome: str | None = None
    decision: str | None = None
    decided_at: datetime | None = None


class DisputeList(Struct, frozen=True):
    items: tuple[Dispute, ...]


class Recall(Struct, frozen=True):
    recall_id: UUID
    settlement_id: UUID
    row_number: int
    ground: str
    recalled_at: datetime


class RecallNotice(Struct, frozen=True):
    """Stop all activity on the account, tell those in `forward_to`, and confirm."""

    notice_id: UUID
    recall_id: UUID
    settlement_id: UUID
    ground: str
    forward_to: tuple[str, ...]
    sent_at: datetime
    row_number: int | None = None
    tape_row: int | None = None
    confirmed_at: datetime | None = None


class RecallNoticePage(Struct, frozen=True):
    items: tuple[RecallNotice, ...]
    next_cursor: str | None = None


class Resale(Struct, frozen=True):
    """Rows of the sale file, both included, that were sold outside the market."""

    resale_id: UUID
    settlement_id: UUID
    first_row: int
    last_row: int
    to_name: str
    sold_on: date
    declared_at: datetime


class ResaleList(Struct, frozen=True):
    items: tuple[Resale, ...]


class MediaRequest(Struct, frozen=True):
    """With `file_sha256` it was delivered, with `reason` refused; with neither it waits, until `due_at`."""

    request_id: UUID
    settlement_id: UUID
    row_number: int
    kind: str
    asked_at: datetime
    due_at: datetime
    file_sha256: str | None = None
    reason: str | None = None
    answered_at: datetime | None = None


class MediaRequestPage(Struct, frozen=True):
    items: tuple[MediaRequest, ...]
    next_cursor: str | None = None


class Destruction(Struct, frozen=True):
    """`attested_at` is None while the attestation is owed."""

    pool_id: UUID
    sold_at: datetime
    attested_at: datetime | None = None


class DestructionList(Struct, frozen=True):
    items: tuple[Destruction, ...]


class TaxRule(Struct, frozen=True):
    tax_rule_id: UUID
    country: str
    name: str
    rate_bps: int
    source: str
    valid_from_on: date
    created_at: datetime


class TaxRulePage(Struct, frozen=True):
    items: tuple[TaxRule, ...]
    next_cursor: str | None = None


class KeptCheck(Struct, frozen=True):
    """A daily check of the books; `lines` is its report for people."""

    check_id: UUID
    checked_at: datetime
    holds: bool
    divergence_count: int
    lines: tuple[str, ...]


class KeptCheckPage(Struct, frozen=True):
    items: tuple[KeptCheck, ...]
    next_cursor: str | None = None


class OnwardClient(Caller):
    async def raise_dispute(self, settlement_id: UUID, reason: str) -> Settlement:
        """As a party, before the release: the sale stands still until two officers decide."""
        return await self._call(
            "POST", f"/v1/settlements/{settlement_id}/disputes", Settlement, body={"reason": reason}
        )

    async def disputes(self, settlement_id: UUID) -> DisputeList:
        """Of one sale, oldest first."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/disputes", DisputeList)

    async def recall(self, settlement_id: UUID, row_number: int, *, ground: str, reason: str) -> Recall:
        """As the seller or an officer, after the release: every owner since is told."""
        body = {"row_number": row_number, "ground": ground, "reason": reason}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/recalls", Recall, body=body)

    async def recall_notices(self, *, limit: int = 50, cursor: str | None = None) -> RecallNoticePage:
        """Sent to us, oldest first."""
        return await self._call("GET", "/v1/recall-notices", RecallNoticePage, query={"limit": limit, "cursor": cursor})

    async def confirm_recall(self, notice_id: UUID) -> RecallNotice:
        """All activity on the account has stopped."""
        return await self._call("POST", f"/v1/recall-notices/{notice_id}/confirmation", RecallNotice)

    async def declare_resale(
        self, settlement_id: UUID, first_row: int, last_row: int, *, to_name: str, sold_on: date
    ) -> Resale:
        """As the buyer: these rows were sold outside the market."""
        body = {"first_row": first_row, "last_row": last_row, "to_name": to_name, "sold_on": sold_on}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/resales", Resale, body=body)

    async def resales(self, settlement_id: UUID) -> ResaleList:
        """Declared for one sale."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/resales", ResaleList)

    async def ask_media(self, settlement_id: UUID, row_number: int, kind: str) -> MediaRequest:
        """As the buyer, after the release, ask for a document behind an account."""
        body = {"row_number": row_number, "kind": kind}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/media-requests", MediaRequest, body=body)

    async def media_requests(
        self, settlement_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> MediaRequestPage:
        """Of one sale, oldest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", f"/v1/settlements/{settlement_id}/media-requests", MediaRequestPage, query=query)

    async def deliver_media(self, request_id: UUID, document: bytes) -> MediaRequest:
        """As the seller; at most 10 MB."""
        path = f"/v1/media-requests/{request_id}/delivery"
        return await self._send(path, MediaRequest, content=document, media_type="application/octet-stream")

    async def refuse_media(self, request_id: UUID, reason: str) -> MediaRequest:
        """As the seller, who has no such document."""
        return await self._call(
            "POST", f"/v1/media-requests/{request_id}/refusal", MediaRequest, body={"reason": reason}
        )

    async def media(self, request_id: UUID) -> bytes:
        """A delivered document; each download is recorded."""
        return await self._download(f"/v1/media-requests/{request_id}/document")

    async def destructions(self) -> DestructionList:
        """Pools that others bought and whose masked files we took."""
        return await self._call("GET", "/v1/destructions", DestructionList)

    async def attest_destruction(self, pool_id: UUID, typed_name: str) -> Destruction:
        """Our masked files of the pool are destroyed, says the person who types its name."""
        body = {"typed_name": typed_name}
        return await self._call("POST", f"/v1/pools/{pool_id}/destruction", Destruction, body=body)

    async def state_tax_rule(
        self, *, country: str, name: str, rate_bps: int, source: str, valid_from_on: date
    ) -> TaxRule:
        """As an operator, after a fresh proof: what organisations of a country bear on their part of a commission."""
        body = {
            "country": country, "name": name, "rate_bps": rate_bps, "source": source, "valid_from_on": valid_from_on,
        }  # fmt: skip
        return await self._call("POST", "/v1/tax-rules", TaxRule, body=body)

    async def tax_rules(self, *, limit: int = 50, cursor: str | None = None) -> TaxRulePage:
        """All that were ever stated, newest first."""
        return await self._call("GET", "/v1/tax-rules", TaxRulePage, query={"limit": limit, "cursor": cursor})

    async def ledger_checks(self, *, limit: int = 50, cursor: str | None = None) -> KeptCheckPage:
        """Daily checks of the books, newest first; while the last one found something, nothing is released."""
        return await self._call("GET", "/v1/ledger/checks", KeptCheckPage, query={"limit": limit, "cursor": cursor})
