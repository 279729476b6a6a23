"""A buyer is admitted to bid in one auction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding.licences import Blocking, blocking
from market.bidding.rules import (
    Admission,
    Auction,
    NoSuchAuction,
    Registration,
    RegistrationRefused,
    Requirement,
    unmet,
)
from market.bidding.store import auctions as store
from market.bidding.store.holds import hold_auction
from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.parties.rules import require
from market.portfolios import service as portfolios


async def registration_requirements(tx: AsyncSession, auction_id: UUID) -> Auction:
    """The auction with what a registration needs of it: deposit, currency, seller, phase. Raises `NoSuchAuction`.

    Locks the auction, before the phase is read and before the caller takes a lock of the ledger: a deposit precedes the
    award, which then applies or frees it, or it is refused as too late. So the transaction must be short; bids wait.
    """
    await hold_auction(tx, auction_id)
    auction = await store.find_auction(tx, auction_id)
    if auction is None:
        raise NoSuchAuction("there is no such auction")
    return auction


async def register_bidder(
    tx: AsyncSession, actor: Actor, auction_id: UUID, deposit_transfer_id: UUID | None, now: datetime
) -> Registration:
    """The actor's organisation may bid from now on; a second registration changes nothing.

    Raises `NoSuchAuction`, and `RegistrationRefused` with everything that is missing. The transfer that reserves the
    deposit is checked by the caller; an auction with a deposit needs one.
    """
    require(actor, role=Role.MEMBER, scope="bids:write")
    if actor.org_id is None or actor.user_id is None:
        raise AssertionError("a member has an organisation")
    auction = await registration_requirements(tx, auction_id)
    before = await store.find_registration(tx, auction_id, actor.org_id)
    if before is not None and before.ended_at is None:
        return before
    if auction.deposit_cents and deposit_transfer_id is None:
        raise RegistrationRefused("place the deposit first", requirements=["deposit"])
    await require_registrable(tx, actor.org_id, auction, now)
    clearance = await compliance.require_clearance(tx, actor.org_id, "bid", now, **_sold(auction))
    registration = Registration(auction_id, actor.org_id, clearance.clearance_id, deposit_transfer_id, now)
    await store.keep_registration(tx, registration, seller_org_id=auction.seller_org_id, registered_by=actor.user_id)
    body = {"clearance_id": clearance.clearance_id, "deposit_transfer_id": deposit_transfer_id}
    await journal.append(tx, actor, f"auction:{auction_id}", "auction.bidder_registered", body)
    return registration


async def end_registration(tx: AsyncSession, actor: Actor, auction_id: UUID, org_id: UUID, now: datetime) -> None:
    """The organisation may not bid any more; nothing happens if it could not before."""
    await store.end_registration(tx, auction_id, org_id, now)
    await journal.append(tx, actor, f"auction:{auction_id}", "auction.registration_ended", {"org_id": org_id})


async def has_registered(tx: AsyncSession, auction_id: UUID, org_id: UUID) -> bool:
    """Whether the organisation may bid in the auction now, as far as registration goes."""
    registration = await store.find_registration(tx, auction_id, org_id)
    return registration is not None and registration.ended_at is None


async def require_registrable(tx: AsyncSession, org_id: UUID, auction: Auction, now: datetime) -> None:
    """Raises `RegistrationRefused` with everything that an organisation still needs, apart from the deposit.

    Where licences are missing, its member `blocking` lists the debtor states with their accounts and face value.
    """
    if missing := await missing_for(tx, org_id, auction, now):
        blocked = await blocking_states(tx, org_id, auction, now)
        told: dict[str, Any] = {"blocking": [found.to_json() for found in blocked]} if blocked else {}
        raise RegistrationRefused(
            " ".join(requirement.detail for requirement in missing),
            requirements=[requirement.code for requirement in missing],
            **told,
        )


async def blocking_states(tx: AsyncSession, org_id: UUID, auction: Auction, now: datetime) -> list[Blocking]:
    """The debtor states in which the organisation is not cleared, with accounts and face value; all of them without one."""
    clearance = await compliance.current_clearance(tx, org_id, "bid", now, **_sold(auction))
    uncovered = [state for state in auction.debtor_states if clearance is None or not clearance.covers([state])]
    if not uncovered:
        return []
    pool_ids = await store.pools_of(tx, auction.auction_id)
    return blocking(uncovered, [await portfolios.state_sums(tx, pool_id) for pool_id in pool_ids])


async def missing_for(tx: AsyncSession, org_id: UUID, auction: Auction, now: datetime) -> list[Requirement]:
    """What an organisation still needs before it may register, apart from the deposit."""
    clearance = await compliance.current_clearance(tx, org_id, "bid", now, **_sold(auction))
    pool_ids = await store.pools_of(tx, auction.auction_id)
    admission = Admission(
        phase=auction.phase,
        closes_at=auction.closes_at,
        circle=auction.circle,
        is_seller=org_id == auction.seller_org_id,
        is_invited=await store.is_invited(tx, auction.auction_id, org_id),
        has_accepted_nda=all([await portfolios.has_accepted_nda(tx, pool_id, org_id) for pool_id in pool_ids]),
        is_cleared=clearance is not None,
        right_currency=clearance is None or clearance.currency == auction.currency,
        uncovered_states=()
        if clearance is None
        else tuple(state for state in auction.debtor_states if not clearance.covers([state])),
    )
    asked = await compliance.lacks_qualification(tx, org_id, auction.auction_id)
    return [*unmet(admission, now), *(Requirement(f"qualification-{code}", detail) for code, detail in asked)]


def _sold(auction: Auction) -> dict[str, Any]:
    """What a clearance has to cover."""
    return {"currency": auction.currency, "states": auction.debtor_states}
