"""What a bidder must offer for several pools at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from auctions.allocation import TooHardError
from auctions.packages import flaw_in_pools, needed
from auctions.terms import PackageTerms
from market.bidding.service.looking import find_auction, folded_now, seat_of
from market.bidding.states import States
from market.db.context import Context
from market.kit.actor import Actor
from market.kit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Need:
    """As of event `seq`: the least amount that would win, None if that cannot be proven in reasonable time."""

    seq: int
    need_cents: int | None


async def need(context: Context, states: States, actor: Actor, auction_id: UUID, pools: Sequence[UUID]) -> Need:
    """The least amount with which the actor's organisation would win these pools now.

    Raises `NoSuchAuction`, and `NotFound` where these pools cannot be bid for.
    """
    async with context.db.begin(actor) as tx:
        await seat_of(tx, actor, await find_auction(tx, auction_id))
    auction, names = await folded_now(context, states, auction_id), list(map(str, pools))
    if not isinstance(auction.terms, PackageTerms):
        raise NotFound("this auction sells one pool; its least next bid is in its state")
    if flaw := flaw_in_pools(auction.terms, names):
        raise NotFound(flaw, field="pools")
    try:
        cents = await asyncio.to_thread(needed, auction, str(actor.org_id), names)
    except TooHardError:
        return Need(auction.seq, None)
    return Need(auction.seq, cents)
