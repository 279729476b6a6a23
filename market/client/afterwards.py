"""After the award: accounts that go back, the chain of title, second offers, holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller
from market.client.settlement import Settlement


class PutBack(Struct, frozen=True):
    """One row of the sale file on its way back; `refund_cents` is what the buyer got.

    `waits_for` says whose turn it is; at `seller_money` the refund waits until `seller_due_cents` are free on the seller's cash account.
    """

    put_back_id: UUID
    settlement_id: UUID
    row_number: int
    face_value_cents: int
    ground: str
    state: str
    answer_by_at: datetime
    reason: str | None = None
    refund_cents: int = 0
    refunded_at: datetime | None = None
    evidence_handed_in: bool = False
    waits_for: str | None = None
    seller_due_cents: int = 0


class PutBackEvidence(Struct, frozen=True):
    """A document that was handed in, by its SHA-256."""

    file_sha256: str


class PutBackPage(Struct, frozen=True):
    items: tuple[PutBack, ...]
    next_cursor: str | None = None


class TitleLink(Struct, frozen=True):
    """`row_number` is the account's row in the sale file of that sale, None where it cannot be told."""

    settlement_id: UUID
    row_number: int | None
    seq: int
    from_org_id: UUID
    from_name: str
    to_org_id: UUID
    to_name: str
    cause: str
    document_sha256: str
    at: datetime
    put_back_id: UUID | None = None


class TitleChain(Struct, frozen=True):
    """The owners of one account over all its sales on this market, first to last, as far as one may see it."""

    row_number: int
    links: tuple[TitleLink, ...]


class SecondOffer(Struct, frozen=True):
    """A defaulted sale's pool at the next bidder's own bid."""

    offer_id: UUID
    settlement_id: UUID
    auction_id: UUID
    pool_id: UUID
    amount_cents: int
    expires_at: datetime
    state: str


class SecondOfferPage(Struct, frozen=True):
    items: tuple[SecondOffer, ...]
    next_cursor: str | None = None


class AfterwardsClient(Caller):
    async def claim_put_backs(self, settlement_id: UUID, claims: Sequence[dict[str, Any]]) -> PutBackPage:
        """As the buyer, give accounts back: `row_number`, `face_value_cents`, `ground`, `evidence_sha256` each.

        The first account of the sale file is row 1, one less than a spreadsheet shows.
        """
        body = {"claims": list(claims)}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/put-backs", PutBackPage, body=body)

    async def hand_in_evidence(self, settlement_id: UUID, document: bytes) -> PutBackEvidence:
        """As the buyer, the document behind claims that name its SHA-256; at most 10 MB."""
        path = f"/v1/settlements/{settlement_id}/put-back-evidence"
        return await self._send(path, PutBackEvidence, content=document, media_type="application/octet-stream")

    async def evidence_of_put_back(self, put_back_id: UUID) -> bytes:
        """The document behind a claim; each download is recorded."""
        return await self._download(f"/v1/put-backs/{put_back_id}/evidence")

    async def put_backs(self, settlement_id: UUID, *, limit: int = 50, cursor: str | None = None) -> PutBackPage:
        """A sale's claims, oldest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", f"/v1/settlements/{settlement_id}/put-backs", PutBackPage, query=query)

    async def answer_put_back(self, put_back_id: UUID, *, accept: bool, reason: str | None = None) -> PutBack:
        """As the seller, accept a claim, or dispute it with a reason."""
        body = {"accept": accept, "reason": reason}
        return await self._call("POST", f"/v1/put-backs/{put_back_id}/answer", PutBack, body=body)

    async def withdraw_put_back(self, put_back_id: UUID) -> PutBack:
        """As the buyer, keep the account after all."""
        return await self._call("POST", f"/v1/put-backs/{put_back_id}/withdrawal", PutBack)

    async def decide_put_back(self, put_back_id: UUID, *, uphold: bool, reason: str) -> PutBack:
        """As an officer, decide a disputed claim."""
        body = {"uphold": uphold, "reason": reason}
        return await self._call("POST", f"/v1/put-backs/{put_back_id}/decision", PutBack, body=body)

    async def title(self, settlement_id: UUID, row_number: int) -> TitleChain:
        """Who owned the account of one row of the sale file (the first account is row 1), in this sale, those before and since."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/title", TitleChain, query={"row": row_number})

    async def offer_second(self, settlement_id: UUID) -> SecondOffer:
        """As the seller of a defaulted sale, offer the pool to the next bidder."""
        return await self._call("POST", f"/v1/settlements/{settlement_id}/second-offer", SecondOffer)

    async def second_offers(self, *, limit: int = 50, cursor: str | None = None) -> SecondOfferPage:
        """Made by or to us."""
        return await self._call("GET", "/v1/second-offers", SecondOfferPage, query={"limit": limit, "cursor": cursor})

    async def answer_second(self, offer_id: UUID, *, accept: bool) -> SecondOffer:
        """As the next bidder, take the pool at our own bid, or not."""
        return await self._call("POST", f"/v1/second-offers/{offer_id}/answer", SecondOffer, body={"accept": accept})

    async def hold_sale(self, settlement_id: UUID, reason: str) -> Settlement:
        """As an officer, stop a sale before its release."""
        return await self._call("POST", f"/v1/settlements/{settlement_id}/hold", Settlement, body={"reason": reason})

    async def prepare_lift(self, settlement_id: UUID, reason: str) -> Settlement:
        """As the first of two officers."""
        body = {"reason": reason}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/hold/lift-preparation", Settlement, body=body)

    async def approve_lift(self, settlement_id: UUID) -> Settlement:
        """As the second officer."""
        return await self._call("POST", f"/v1/settlements/{settlement_id}/hold/lift-approval", Settlement)
