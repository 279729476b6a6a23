"""The formats other than the ascending one over HTTP, the list of formats, and the calendar."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.auctions import Answer, AuctionSummary
from market.client.http import Caller


class Preset(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    terms: dict[str, Any]
    closes_after_s: int | None = None
    extends_s: int | None = None


class Format(Struct, frozen=True, kw_only=True):
    """`terms_schema` is the JSON Schema of the terms that a seller gives."""

    name: str
    title: str
    summary: str
    presets: tuple[Preset, ...]
    terms_schema: dict[str, Any]


class FormatList(Struct, frozen=True):
    items: tuple[Format, ...]


class SealedBid(Struct, frozen=True, kw_only=True):
    bid_seq: int
    bidder: str
    sealed: str
    commitment: str


class SealedBids(Struct, frozen=True, kw_only=True):
    """What officers open; see docs/formats.md."""

    auction_id: str
    sealing_key: str
    opening_cents: int
    most_cents: int
    seq: int
    head: str
    bids: tuple[SealedBid, ...]


class Calendar(Struct, frozen=True):
    items: tuple[AuctionSummary, ...]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A signed statement of the first `size` events; hashes, key and signature are hexadecimal."""

    auction_id: str
    size: int
    root: str
    at: str
    public_key: str
    signature: str


class CheckpointList(Struct, frozen=True):
    items: tuple[Checkpoint, ...]


class Receipt(Struct, frozen=True, kw_only=True):
    """Write it to a file as JSON for `market auction verify`."""

    auction_id: UUID
    seq: int
    blind: str
    path: tuple[str, ...]
    checkpoint: Checkpoint


class Need(Struct, frozen=True):
    """As of event `seq`, the least amount that wins the pools; None if that cannot be proven in reasonable time."""

    seq: int
    need_cents: int | None


class FormatsClient(Caller):
    async def formats(self) -> FormatList:
        """The formats that a seller chooses from, with presets."""
        return await self._call("GET", "/v1/formats", FormatList)

    async def calendar(self) -> Calendar:
        """The auctions ahead and under way, by opening."""
        return await self._call("GET", "/v1/calendar", Calendar)

    async def calendar_feed(self) -> bytes:
        """The same as iCalendar text."""
        return await self._download("/v1/calendar.ics")

    async def auction_checkpoints(self, auction_id: UUID) -> CheckpointList:
        """Signed checkpoints of the log, newest first."""
        return await self._call("GET", f"/v1/auctions/{auction_id}/checkpoints", CheckpointList)

    async def receipt(self, auction_id: UUID, *, seq: int) -> Receipt:
        """The receipt for the own bid that was accepted as event `seq`."""
        return await self._call("GET", f"/v1/auctions/{auction_id}/receipt", Receipt, query={"seq": seq})

    async def needed(self, auction_id: UUID, *, pools: Sequence[UUID]) -> Need:
        """The least amount that would win all these pools now."""
        query = {"pools": [str(pool) for pool in pools]}
        return await self._call("GET", f"/v1/auctions/{auction_id}/needed", Need, query=query)

    async def accept_step(self, auction_id: UUID, *, step: int, price_cents: int, key: str) -> Answer:
        """Buy at the falling price."""
        body = {"step": step, "price_cents": price_cents}
        return await self._say(f"/v1/auctions/{auction_id}/acceptances", body, key)

    async def arm_step(self, auction_id: UUID, *, step: int, key: str) -> Answer:
        """Buy as soon as the step begins."""
        return await self._say(f"/v1/auctions/{auction_id}/armed-step", {"step": step}, key)

    async def withdraw_offer(self, auction_id: UUID, *, key: str) -> Answer:
        """Take back the own standing offer, sealed bid, indication or armed step."""
        return await self._call("DELETE", f"/v1/auctions/{auction_id}/offer", Answer, headers=_keyed(key))

    async def seal_bid(self, auction_id: UUID, *, sealed: str, commitment: str, key: str) -> Answer:
        """Hand in a bid that the market cannot read."""
        body = {"sealed": sealed, "commitment": commitment}
        return await self._say(f"/v1/auctions/{auction_id}/sealed-bids", body, key)

    async def indicate(
        self, auction_id: UUID, *, low_cents: int, high_cents: int, conditions: str = "", key: str
    ) -> Answer:
        """Say roughly what one would pay."""
        body = {"low_cents": low_cents, "high_cents": high_cents, "conditions": conditions}
        return await self._say(f"/v1/auctions/{auction_id}/indications", body, key)

    async def place_binding_bid(self, auction_id: UUID, *, amount_cents: int, reason: str = "", key: str) -> Answer:
        """Bid after due diligence."""
        body = {"amount_cents": amount_cents, "reason": reason}
        return await self._say(f"/v1/auctions/{auction_id}/binding-bids", body, key)

    async def place_package_bid(
        self, auction_id: UUID, *, pools: Sequence[UUID], amount_cents: int, key: str
    ) -> Answer:
        """Bid for all the pools or none."""
        body = {"pools": [str(pool) for pool in pools], "amount_cents": amount_cents}
        return await self._say(f"/v1/auctions/{auction_id}/package-bids", body, key)

    async def accept_counter(self, auction_id: UUID, *, counter_seq: int, key: str) -> Answer:
        """Buy at the seller's counter-offer."""
        return await self._say(f"/v1/auctions/{auction_id}/counter-acceptances", {"counter_seq": counter_seq}, key)

    async def award_offer(self, auction_id: UUID, *, bid_seq: int, seq_seen: int) -> Answer:
        """As the seller, take an offer."""
        body = {"bid_seq": bid_seq, "seq_seen": seq_seen}
        return await self._say(f"/v1/auctions/{auction_id}/award", body)

    async def take_highest_bid(self, auction_id: UUID, *, seq_seen: int) -> Answer:
        """As the seller, take the highest bid although it is below the reserve."""
        return await self._say(f"/v1/auctions/{auction_id}/highest-bid/award", {"seq_seen": seq_seen})

    async def decline_highest_bid(self, auction_id: UUID, *, seq_seen: int) -> Answer:
        """As the seller, do not sell below the reserve."""
        return await self._say(f"/v1/auctions/{auction_id}/highest-bid/refusal", {"seq_seen": seq_seen})

    async def counter_offer(self, auction_id: UUID, *, bid_seq: int, price_cents: int, valid_until: datetime) -> Answer:
        """As the seller, make one bidder a price."""
        body = {"bid_seq": bid_seq, "price_cents": price_cents, "valid_until": valid_until.isoformat()}
        return await self._say(f"/v1/auctions/{auction_id}/counter-offers", body)

    async def shortlist(self, auction_id: UUID, *, chosen: Sequence[UUID], declined: Mapping[UUID, str]) -> Answer:
        """As the seller, choose who goes on, and give all others a reason."""
        reasons = [{"bidder": str(bidder), "reason": reason} for bidder, reason in declined.items()]
        body = {"chosen": [str(bidder) for bidder in chosen], "declined": reasons}
        return await self._say(f"/v1/auctions/{auction_id}/shortlist", body)

    async def revise_tape(self, auction_id: UUID, *, tape_version: str) -> Answer:
        """As the seller, say that the tape has changed."""
        return await self._say(f"/v1/auctions/{auction_id}/tape-revisions", {"tape_version": tape_version})

    async def sealed_bids(self, auction_id: UUID) -> SealedBids:
        """As an officer, what waits to be opened."""
        return await self._call("GET", f"/v1/auctions/{auction_id}/sealed-bids", SealedBids)

    async def open_bids(
        self, auction_id: UUID, *, key: str | None = None, opened: Sequence[Mapping[str, Any]] = ()
    ) -> Answer:
        """As an officer with a fresh proof, bring the joined key (under the first rules, the contents of all bids)."""
        body = {"key": key, "opened": [dict(one) for one in opened]}
        return await self._say(f"/v1/auctions/{auction_id}/opening", body)

    async def _say(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Answer:
        return await self._call("POST", path, Answer, body=body, headers=None if key is None else _keyed(key))


def _keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}
