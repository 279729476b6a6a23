"""Auctions and bids over HTTP; the live client does the same quicker, and tells what others do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class RunningBid(Struct, frozen=True):
    """An accepted bid by its `seq` in the log of its auction."""

    auction_id: UUID
    seq: int
    kind: str
    placed_at: datetime


class RunningBids(Struct, frozen=True):
    items: list[RunningBid]


class AuctionSummary(Struct, frozen=True, kw_only=True):
    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    format: str
    phase: str
    currency: str
    deposit_cents: int
    circle: str
    opens_at: datetime
    closes_at: datetime
    pool_name: str | None = None
    account_count: int | None = None
    face_value_cents: int | None = None
    published_at: datetime | None = None
    debtor_states: tuple[str, ...] = ()


class AuctionPage(Struct, frozen=True):
    items: tuple[AuctionSummary, ...]
    next_cursor: str | None = None


class Requirement(Struct, frozen=True):
    code: str
    detail: str


class OwnStanding(Struct, frozen=True):
    """How we stand to an auction, and what is missing before we may bid."""

    is_seller: bool
    is_registered: bool
    missing: tuple[Requirement, ...] = ()


class Award(Struct, frozen=True, kw_only=True):
    """Who bought a pool, and at what amount."""

    pool_id: UUID
    winner_org_id: UUID
    hammer_cents: int
    currency: str
    at: datetime


class Auction(AuctionSummary, frozen=True, kw_only=True):
    """`state` has the fields of the live snapshot; `awards`, one for each pool that was sold, are for the parties and the platform."""

    terms: dict[str, Any]
    state: dict[str, Any]
    commission: dict[str, Any] = {}
    sale_terms: dict[str, int] = {}
    psa_version: str = ""
    you: OwnStanding | None = None
    award: Award | None = None
    awards: tuple[Award, ...] = ()


class EventPage(Struct, frozen=True):
    items: tuple[dict[str, Any], ...]


class Answer(Struct, frozen=True, kw_only=True):
    """A command that holds. `status` is duplicate if the same key was accepted before.

    `outcome` is what a bid for a rising price did when it was decided: leading, raised, outbid or outbid_tie.
    """

    status: str
    seq: int
    received_at: datetime
    decided_at: datetime
    code: str | None = None
    outcome: str | None = None
    min_next_cents: int | None = None


class Blocking(Struct, frozen=True):
    states: tuple[str, ...]
    account_count: int | None = None
    face_value_cents: int | None = None


class Admission(Struct, frozen=True):
    """What stands between the own organisation and its first bid."""

    is_registered: bool
    missing: tuple[Requirement, ...]
    blocking: tuple[Blocking, ...]
    qualifications: dict[str, Any]


class AuctionsClient(Caller):
    async def publish_auction(
        self,
        *,
        pool_id: UUID,
        terms: Mapping[str, Any],
        format: str = "english",  # noqa: A002 - the field's name on the wire
        preset: str | None = None,
        deposit_cents: int = 0,
        circle: str = "open",
        invited: Sequence[UUID] = (),
        commission: Mapping[str, Any] | None = None,
        sale_terms: Mapping[str, int] | None = None,
        qualifications: Mapping[str, Any] | None = None,
    ) -> Auction:
        """Put an own, ready pool up for auction; a preset of the format fills in what the terms leave open.

        `qualifications`: needs_rmai, min_net_worth_cents, which bidders must have shown to officers.
        """
        body = {
            "pool_id": pool_id,
            "format": format,
            "terms": dict(terms),
            "preset": preset,
            "deposit_cents": deposit_cents,
            "circle": circle,
            "invited": list(invited),
            "commission": commission,
            "sale_terms": sale_terms,
            "qualifications": qualifications,
        }
        return await self._call("POST", "/v1/auctions", Auction, body=body)

    async def admission(self, auction_id: UUID) -> Admission:
        """What blocks the own organisation in an auction."""
        return await self._call("GET", f"/v1/auctions/{auction_id}/admission", Admission)

    async def auctions(
        self, *, phase: str | None = None, own: bool = False, limit: int = 50, cursor: str | None = None
    ) -> AuctionPage:
        """Auctions that we may see, newest first."""
        query = {"phase": phase, "own": str(own).lower(), "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/auctions", AuctionPage, query=query)

    async def auction(self, auction_id: UUID) -> Auction:
        """One auction with its present state."""
        return await self._call("GET", f"/v1/auctions/{auction_id}", Auction)

    async def auction_events(self, auction_id: UUID, *, from_seq: int = 0, limit: int = 50) -> EventPage:
        """The events after `from_seq`, as we may see them."""
        path = f"/v1/auctions/{auction_id}/events"
        return await self._call("GET", path, EventPage, query={"from_seq": from_seq, "limit": limit})

    async def auction_log(self, auction_id: UUID) -> bytes:
        """The whole log of an ended auction, one JSON line per event, for offline verification."""
        return await self._download(f"/v1/auctions/{auction_id}/log")

    async def place_bid(
        self, auction_id: UUID, amount_cents: int, *, key: str, kind: str = "manual", confirmed: bool = False
    ) -> Answer:
        """Bid exactly the amount (`manual`) or up to it (`proxy`). The same `key` never bids twice."""
        body = {"kind": kind, "amount_cents": amount_cents, "confirmed": confirmed}
        return await self._call("POST", f"/v1/auctions/{auction_id}/bids", Answer, body=body, headers=_keyed(key))

    async def buy_now(self, auction_id: UUID, *, key: str) -> Answer:
        """Buy at the buy-now amount and end the auction."""
        return await self._call("POST", f"/v1/auctions/{auction_id}/buy-now", Answer, headers=_keyed(key))

    async def cancel_ceiling(self, auction_id: UUID, *, key: str) -> Answer:
        """Lower the own ceiling to the present price."""
        return await self._call("DELETE", f"/v1/auctions/{auction_id}/ceiling", Answer, headers=_keyed(key))

    async def refuse_bid(self, auction_id: UUID, *, seq: int, reason: str, key: str | None = None) -> Answer:
        """As the seller, strike out the bid accepted as event `seq`. Under one `key` it is decided once."""
        body, headers = {"seq": seq, "reason": reason}, {} if key is None else _keyed(key)
        return await self._call("POST", f"/v1/auctions/{auction_id}/refusals", Answer, body=body, headers=headers)

    async def void_bid(self, auction_id: UUID, *, seq: int, reason: str, key: str | None = None) -> Answer:
        """As the operator, strike out the bid accepted as event `seq`. Under one `key` it is decided once."""
        body, headers = {"seq": seq, "reason": reason}, {} if key is None else _keyed(key)
        return await self._call("POST", f"/v1/auctions/{auction_id}/voids", Answer, body=body, headers=headers)

    async def running_bids(self, org_id: UUID) -> RunningBids:
        """As an officer, what an organisation has bid in auctions that have not ended, newest first, 500 at most."""
        return await self._call("GET", f"/v1/organisations/{org_id}/running-bids", RunningBids)

    async def cancel_auction(self, auction_id: UUID, *, reason: str) -> Answer:
        """End the auction without a winner."""
        return await self._call("POST", f"/v1/auctions/{auction_id}/cancellation", Answer, body={"reason": reason})

    async def pause_auction(self, auction_id: UUID, *, reason: str) -> Answer:
        """As the operator, stop the clock."""
        return await self._call("POST", f"/v1/auctions/{auction_id}/pause", Answer, body={"reason": reason})

    async def resume_auction(self, auction_id: UUID) -> Answer:
        """As the operator, let the clock run again."""
        return await self._call("POST", f"/v1/auctions/{auction_id}/resumption", Answer)


def _keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}
