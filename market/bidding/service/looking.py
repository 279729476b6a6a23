"""Auctions as each may see them: `auctions.views` is the only door, and who asks decides how far it opens."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auctions.auction import Auction as Folding
from auctions.proof import line
from auctions.record import decode
from auctions.views import OBSERVER, OFFICER, SELLER, Audience, project
from auctions.views import Role as Seat
from auctions.views import snapshot as show
from market.bidding.rules import Auction, Award, NoSuchAuction, Requirement, RunningBid, StillRunning
from market.bidding.service.registering import has_registered, missing_for
from market.bidding.states import States
from market.bidding.store import auctions as store
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Forbidden, NotFound
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require
from market.portfolios import service as portfolios
from market.portfolios.rules import Pool

_READ = "auctions:read"
_CALENDAR_COUNT = 500
_RUNNING_COUNT = 500


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """How an organisation stands to an auction: whether it may bid, and what is missing if not."""

    is_seller: bool
    is_registered: bool
    missing: list[Requirement]


async def find_auction(tx: AsyncSession, auction_id: UUID) -> Auction:
    """An auction that the transaction's actor may see. Raises `NoSuchAuction`."""
    auction = await store.find_auction(tx, auction_id)
    if auction is None:
        raise NoSuchAuction("there is no such auction, or it is held in a circle that you are not invited to")
    return auction


async def list_auctions(
    tx: AsyncSession, actor: Actor, request: PageRequest, *, phase: str | None = None, own: bool = False
) -> Page[Auction]:
    """Newest first: all auctions that the actor may see, or those of its own pools."""
    require(actor, scope=_READ)
    seller_org_id = actor.org_id if own else None
    found = await store.list_auctions(tx, request, phase=phase, seller_org_id=seller_org_id)
    return Page.cut(found, request, lambda auction: auction.auction_id)


async def calendar(tx: AsyncSession, actor: Actor) -> list[Auction]:
    """The auctions ahead and under way that the actor may see, by opening, 500 at most."""
    require(actor, scope=_READ)
    return await store.upcoming(tx, _CALENDAR_COUNT)


async def pools_shown(tx: AsyncSession, found: Sequence[Auction]) -> dict[UUID, Pool]:
    """By id, the pools that these auctions sell, as far as the transaction's actor may see them."""
    return await portfolios.find_pools(tx, {auction.pool_id for auction in found})


async def awards_of(tx: AsyncSession, auction_id: UUID) -> list[Award]:
    """Who won which pool, for the two parties and the platform; empty if nobody did (yet)."""
    return await store.find_awards(tx, auction_id)


async def pools_of(tx: AsyncSession, auction_id: UUID) -> list[UUID]:
    """The pools that an auction sells; more than one in an auction of packages."""
    return await store.pools_of(tx, auction_id)


async def running_bids(context: Context, actor: Actor, org_id: UUID) -> list[RunningBid]:
    """What an organisation has bid in auctions that have not ended, for officers, newest first; the look is recorded."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin(SYSTEM) as tx:  # nobody else reads others' bids
        if not await parties.display_names(tx, [org_id]):
            raise NotFound("there is no such organisation")
        found = await store.running_bids(tx, org_id, _RUNNING_COUNT)
        await journal.append(tx, actor, f"org:{org_id}", "bids.looked_at", {"bid_count": len(found)})
    return found


async def own_standing(tx: AsyncSession, actor: Actor, auction: Auction, now: datetime) -> OwnStanding | None:
    """How the actor's organisation stands; None for the platform's people."""
    if actor.role is not Role.MEMBER or actor.org_id is None:
        return None
    registered = await has_registered(tx, auction.auction_id, actor.org_id)
    missing = [] if registered else await missing_for(tx, actor.org_id, auction, now)
    if not registered and auction.deposit_cents:
        missing.append(Requirement("deposit", "Place the deposit of this auction."))
    return OwnStanding(actor.org_id == auction.seller_org_id, registered, missing)


async def seat_of(tx: AsyncSession, actor: Actor, auction: Auction) -> Audience:
    """As whom the actor sees the auction; the platform's people see what everybody does until it has ended."""
    require(actor, scope=_READ)
    if actor.role is not Role.MEMBER or actor.org_id is None:
        return OFFICER if auction.has_ended else OBSERVER
    if actor.org_id == auction.seller_org_id:
        return SELLER
    if await store.find_registration(tx, auction.auction_id, actor.org_id) is not None:
        return Audience(Seat.BIDDER, str(actor.org_id))
    return OBSERVER


async def snapshot(context: Context, states: States, auction_id: UUID, audience: Audience) -> dict[str, Any]:
    """The present state as `audience` may see it. Raises `NoSuchAuction`."""
    return show(await folded_now(context, states, auction_id), audience)


async def folded_now(context: Context, states: States, auction_id: UUID) -> Folding:
    """The present state with all its secrets, for those who show it. Raises `NoSuchAuction`."""

    async def read(auction_id: UUID, after_seq: int) -> list[str]:
        async with context.db.begin(SYSTEM) as tx:
            return await store.read_events(tx, auction_id, after_seq)

    folded = await states.upto_date(auction_id, read)
    if folded is None:
        raise NoSuchAuction("there is no such auction")
    return folded.auction


async def frames_after(
    context: Context, auction_id: UUID, audience: Audience, *, from_seq: int, limit: int
) -> list[dict[str, Any]]:
    """The next events after `from_seq` as `audience` may see them; redacted ones included, so that gaps show."""
    async with context.db.begin(SYSTEM) as tx:
        texts = await store.read_events(tx, auction_id, from_seq, limit)
    return [project(decode(text), audience) for text in texts]


async def log_lines(context: Context, actor: Actor, auction: Auction) -> AsyncIterator[bytes]:
    """The whole log, to be checked with `market auction verify`; parties are ids. One line per event.

    Raises `StillRunning` before the end, and `Forbidden` for organisations that took no part.
    """
    if not auction.has_ended:
        raise StillRunning("the log holds every ceiling and the reserve, so it is given out after the end")
    async with context.db.begin(actor) as tx:
        if await seat_of(tx, actor, auction) == OBSERVER:
            raise Forbidden("the log is for the seller, the bidders and the platform")
    return _log_lines(context, auction.auction_id)


async def _log_lines(context: Context, auction_id: UUID) -> AsyncIterator[bytes]:
    seq = 0
    while True:
        async with context.db.begin(SYSTEM) as tx:
            found = await store.read_log(tx, auction_id, seq)
        for body, head in found:
            yield line(body.encode("ascii"), head) + b"\n"
        if not found:
            return
        seq += len(found)
