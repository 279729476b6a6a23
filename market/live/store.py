"""All SQL of the live sockets: they only read."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_EVENTS_AT_ONCE = 500

_LINEAGE = text("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
_HEADS = text("SELECT auction_id, seq FROM auction WHERE auction_id = ANY(:auction_ids)")
_EVENTS = text(
    "SELECT body FROM auction_event WHERE auction_id = :auction_id AND seq > :after_seq ORDER BY seq LIMIT :limit"
)
_REGISTERED = text(
    "SELECT r.auction_id, r.org_id FROM unnest(CAST(:auction_ids AS uuid[]), CAST(:org_ids AS uuid[])) AS asked(a, o)"
    " JOIN registration r ON r.auction_id = asked.a AND r.org_id = asked.o"
    " JOIN auction a ON a.auction_id = r.auction_id"
    " WHERE a.phase IN ('closed', 'awarded', 'failed', 'cancelled') OR EXISTS (SELECT FROM clearance c"
    " WHERE c.org_id = r.org_id AND c.capability = 'bid' AND c.valid_from <= :now AND c.valid_until > :now"
    " AND NOT EXISTS (SELECT FROM clearance_end e WHERE e.clearance_id = c.clearance_id))"
)


async def lineage(tx: AsyncSession) -> str:
    """The database's timeline: it changes when a backup is restored or a standby takes over (8 hex digits)."""
    return str(await tx.scalar(_LINEAGE))


async def heads(tx: AsyncSession, auction_ids: Collection[UUID]) -> dict[UUID, int]:
    """The newest seq of each auction that there is."""
    found = await tx.execute(_HEADS, {"auction_ids": list(auction_ids)})
    return {row.auction_id: row.seq for row in found}


async def events_after(tx: AsyncSession, auction_id: UUID, after_seq: int) -> list[str]:
    """The canonical texts of the next events, at most 500; none if there are none."""
    values = {"auction_id": auction_id, "after_seq": after_seq, "limit": _EVENTS_AT_ONCE}
    return list(await tx.scalars(_EVENTS, values))


async def seated(tx: AsyncSession, asked: Collection[tuple[UUID, UUID]], now: datetime) -> set[tuple[UUID, UUID]]:
    """Those of the asked (auction, organisation) that sit there as bidders: registered and, until the end, cleared to bid."""
    auction_ids, org_ids = [pair[0] for pair in asked], [pair[1] for pair in asked]
    found = await tx.execute(_REGISTERED, {"auction_ids": auction_ids, "org_ids": org_ids, "now": now})
    return {(row.auction_id, row.org_id) for row in found}
