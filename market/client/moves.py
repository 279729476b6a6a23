"""What the live client says in the formats other than the ascending one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from market.client.messages import Ack


class _Commander(Protocol):
    async def _command(
        self, op: str, auction: UUID, cid: str | None, timeout_s: float, fields: Mapping[str, Any]
    ) -> Ack: ...


class LiveMoves:
    """Every method waits for the stored answer as `LiveClient.bid` does, and raises what that raises."""

    async def accept(
        self: _Commander, auction: UUID, *, step: int, price_cents: int, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """Buy at the falling price, seen as `price_cents` in `step`."""
        return await self._command("accept", auction, cid, timeout_s, {"step": step, "price_cents": price_cents})

    async def arm(self: _Commander, auction: UUID, step: int, *, cid: str | None = None, timeout_s: float = 30) -> Ack:
        """Buy as soon as `step` begins, if nobody was first."""
        return await self._command("arm", auction, cid, timeout_s, {"step": step})

    async def withdraw(self: _Commander, auction: UUID, *, cid: str | None = None, timeout_s: float = 30) -> Ack:
        """Take back the own standing offer, sealed bid, indication or armed step."""
        return await self._command("withdraw", auction, cid, timeout_s, {})

    async def seal(
        self: _Commander, auction: UUID, *, sealed: str, commitment: str, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """Hand in a bid that `market.client.sealing.seal` made."""
        return await self._command("seal", auction, cid, timeout_s, {"sealed": sealed, "commitment": commitment})

    async def accept_counter(
        self: _Commander, auction: UUID, counter_seq: int, *, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """Buy at the seller's counter-offer."""
        return await self._command("accept_counter", auction, cid, timeout_s, {"counter_seq": counter_seq})

    async def indicate(
        self: _Commander,
        auction: UUID,
        *,
        low_cents: int,
        high_cents: int,
        conditions: str = "",
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """Say roughly what one would pay."""
        fields = {"low_cents": low_cents, "high_cents": high_cents, "conditions": conditions}
        return await self._command("indicate", auction, cid, timeout_s, fields)

    async def binding(
        self: _Commander,
        auction: UUID,
        amount_cents: int,
        *,
        reason: str = "",
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """Bid after due diligence."""
        fields = {"amount_cents": amount_cents, "reason": reason}
        return await self._command("binding", auction, cid, timeout_s, fields)

    async def package(
        self: _Commander,
        auction: UUID,
        pools: Sequence[UUID],
        amount_cents: int,
        *,
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """Bid for all the pools or none."""
        fields = {"pools": [str(pool) for pool in pools], "amount_cents": amount_cents}
        return await self._command("package", auction, cid, timeout_s, fields)

    async def award(
        self: _Commander, auction: UUID, *, bid_seq: int, seq_seen: int, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """As the seller, take an offer."""
        return await self._command("award", auction, cid, timeout_s, {"bid_seq": bid_seq, "seq_seen": seq_seen})

    async def take_highest(
        self: _Commander, auction: UUID, *, seq_seen: int, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """As the seller, take the highest bid although it is below the reserve."""
        return await self._command("take_highest", auction, cid, timeout_s, {"seq_seen": seq_seen})

    async def decline_highest(
        self: _Commander, auction: UUID, *, seq_seen: int, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """As the seller, do not sell below the reserve."""
        return await self._command("decline_highest", auction, cid, timeout_s, {"seq_seen": seq_seen})

    async def counter(
        self: _Commander,
        auction: UUID,
        *,
        bid_seq: int,
        price_cents: int,
        valid_until: datetime,
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """As the seller, make one bidder a price."""
        fields = {"bid_seq": bid_seq, "price_cents": price_cents, "valid_until": valid_until.isoformat()}
        return await self._command("counter", auction, cid, timeout_s, fields)

    async def shortlist(
        self: _Commander,
        auction: UUID,
        chosen: Sequence[UUID],
        declined: Mapping[UUID, str],
        *,
        cid: str | None = None,
        timeout_s: float = 30,
    ) -> Ack:
        """As the seller, choose who goes on, and give all others a reason."""
        reasons = [{"bidder": str(bidder), "reason": reason} for bidder, reason in declined.items()]
        fields = {"chosen": [str(bidder) for bidder in chosen], "declined": reasons}
        return await self._command("shortlist", auction, cid, timeout_s, fields)

    async def revise_tape(
        self: _Commander, auction: UUID, tape_version: str, *, cid: str | None = None, timeout_s: float = 30
    ) -> Ack:
        """As the seller, say that the tape has changed."""
        return await self._command("revise_tape", auction, cid, timeout_s, {"tape_version": tape_version})
