"""Who may bid and why not, who may rule over an auction, and which problem each reason becomes on HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from auctions.messages import (
    Cancel,
    Close,
    Command,
    DeclineHighest,
    Move,
    Open,
    Pause,
    Reason,
    RefuseBid,
    Resume,
    Standing,
    TakeHighest,
    VoidBid,
)
from auctions.moves import AwardOffer, CounterOffer, OpenBids, PoolAward, ReviseTape, Shortlist, Tick
from auctions.terms import PackageTerms
from market.bidding.content import BidderOrder
from market.compliance.rules import UNKNOWN_STATE
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Forbidden, MarketError
from market.portfolios.rules import Circle

PSA_VERSION = "2026-11"
"""The purchase and sale agreement that auctions published now are held under."""

ENDED = frozenset({"closed", "awarded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class RunningBid:
    """An accepted bid in an auction that has not ended."""

    auction_id: UUID
    seq: int
    kind: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class LockedAuction:
    """What does not change about an auction, read with its row locked."""

    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    currency: str
    deposit_cents: int


@dataclass(frozen=True, slots=True)
class BidderFacts:
    """What the database knows of one organisation in one auction, under locks.

    `clearance_id` is the clearance to bid that suits this auction best; None if none is valid now.
    """

    registered: bool
    deposited: bool
    clearance_id: UUID | None
    max_bid_cents: int | None = None
    right_currency: bool = True
    uncovered_states: tuple[str, ...] = ()


NOBODY = BidderFacts(registered=False, deposited=False, clearance_id=None)


def standing(auction: LockedAuction, org_id: UUID, facts: BidderFacts) -> Standing:
    """Whether an organisation may bid, and up to what; the first reason in the order of `Reason` is given."""
    if facts.clearance_id is None:
        return Standing(Reason.NOT_CLEARED, None, "your organisation has no clearance to bid that is valid now")
    if not facts.right_currency:
        return Standing(Reason.NOT_CLEARED, None, f"your clearance is not for {auction.currency}")
    if facts.uncovered_states:
        return Standing(
            Reason.NOT_CLEARED, None, f"your clearance lacks debtor states: {_said(facts.uncovered_states)}"
        )
    if org_id == auction.seller_org_id:
        return Standing(Reason.OWN_POOL, None, "an organisation does not bid on its own pool")
    if auction.deposit_cents and not (facts.registered and facts.deposited):
        return Standing(Reason.NO_DEPOSIT, None, "place the deposit of this auction first")
    if not facts.registered:
        return Standing(Reason.NOT_ELIGIBLE, None, "register for this auction first")
    return Standing(None, facts.max_bid_cents, "your clearance is limited to this amount")


def may_command(actor: Actor, seller_org_id: UUID, command: Command | Move) -> bool:
    """Whether it is the actor's to give this command at all; whether it holds, the engine decides."""
    is_seller = actor.role is Role.MEMBER and actor.org_id == seller_org_id
    match command:
        case (
            RefuseBid() | AwardOffer() | CounterOffer() | Shortlist() | ReviseTape() | TakeHighest() | DeclineHighest()
        ):
            return is_seller
        case Cancel():
            return is_seller or actor.role is Role.OPERATOR
        case VoidBid() | Pause() | Resume():
            return actor.role is Role.OPERATOR
        case OpenBids():
            return actor.role is Role.OFFICER
        case Open() | Close() | Tick():
            return actor.role is Role.SYSTEM
        case _:
            return speaks_for_itself(actor, command)


def speaks_for_itself(actor: Actor, command: BidderOrder) -> bool:
    """A member bids for its own organisation and for no other."""
    return actor.role is Role.MEMBER and actor.org_id is not None and command.bidder == str(actor.org_id)


def pool_shares(terms: PackageTerms, award: PoolAward) -> dict[UUID, int]:
    """What each pool of a package is sold for, in minor units: in proportion to the pools' least amounts.

    Rounded down at each running sum, so that the shares add up to the hammer price. The database checks the same.
    """
    least = {one.pool: one.least_cents for one in terms.pools}
    whole_cents, shares, upto_cents = sum(least[pool] for pool in award.pools), {}, 0
    for pool in award.pools:
        before_cents = award.hammer_cents * upto_cents // whole_cents
        upto_cents += least[pool]
        shares[UUID(pool)] = award.hammer_cents * upto_cents // whole_cents - before_cents
    return shares


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that stands between an organisation and its first bid, in plain words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What registering asks about: the auction's side and the organisation's side."""

    phase: str
    closes_at: datetime
    circle: Circle
    is_seller: bool
    is_invited: bool
    has_accepted_nda: bool
    is_cleared: bool
    right_currency: bool = True
    uncovered_states: tuple[str, ...] = field(default=())


def _said(states: Sequence[str]) -> str:
    hint = f" ({UNKNOWN_STATE}: accounts whose tape names no state; be cleared for all states)"
    return ", ".join(states) + (hint if UNKNOWN_STATE in states else "")


def unmet(admission: Admission, now: datetime) -> list[Requirement]:
    """What is still missing before an organisation may register, most basic first; empty if nothing is."""
    missing = [
        (admission.is_seller, "own-pool", "An organisation does not bid on its own pool."),
        (admission.phase in ENDED or now >= admission.closes_at, "over", "The auction is over."),
        (
            admission.circle is Circle.INVITED and not admission.is_invited,
            "not-invited",
            "The seller sells this pool to invited organisations only.",
        ),
        (not admission.is_cleared, "clearance", "Your organisation needs a valid clearance to bid."),
        (not admission.right_currency, "clearance", "Your clearance to bid is for another currency."),
        (
            bool(admission.uncovered_states),
            "clearance-states",
            f"Your clearance lacks debtor states of this pool: {_said(admission.uncovered_states)}.",
        ),
        (not admission.has_accepted_nda, "nda", "Accept the pool's non-disclosure agreement."),
    ]
    return [Requirement(code, detail) for is_missing, code, detail in missing if is_missing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """What was published, and where it stands. `terms` are the published ones: the reserve is not among them."""

    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    format: str
    terms: dict[str, Any]
    currency: str
    debtor_states: tuple[str, ...]
    deposit_cents: int
    commission: dict[str, Any]
    sale_terms: dict[str, Any]
    psa_version: str
    circle: Circle
    opens_at: datetime
    closes_at: datetime
    published_by: UUID
    published_at: datetime
    phase: str
    seq: int

    @property
    def has_ended(self) -> bool:
        return self.phase in ENDED


@dataclass(frozen=True, slots=True)
class Registration:
    auction_id: UUID
    org_id: UUID
    clearance_id: UUID
    deposit_transfer_id: UUID | None
    at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """Who won a pool, and at what amount; `seq` is the event that says so."""

    auction_id: UUID
    pool_id: UUID
    winner_org_id: UUID
    seller_org_id: UUID
    hammer_cents: int
    currency: str
    seq: int
    at: datetime


# Problems.


class NoSuchAuction(MarketError):
    slug, title, status = "no-such-auction", "There is no such auction, or it is not yours to see", 404


class BadTerms(MarketError):
    slug, title, status = "bad-terms", "The auction cannot be held on these terms", 422


class RegistrationRefused(Forbidden):
    """`requirements` lists everything that is missing, as codes."""

    slug, title, status = "registration-refused", "Your organisation cannot register for this auction yet", 403


class StillRunning(Conflict):
    slug, title, status = "still-running", "The log is given out after the end", 409


class NoSuchReceipt(MarketError):
    slug, title, status = "no-such-receipt", "There is no such bid of yours", 404


class NotCheckpointed(Conflict):
    slug, title, status = "not-checkpointed", "The receipt comes with the next checkpoint", 409


class NotSealed(Conflict):
    slug, title, status = "not-sealed", "No sealed bids wait to be opened", 409


class BidRefused(MarketError):
    """The root of the problems below: one per `Reason`, which is the member `code`."""

    slug, title, status = "bid-refused", "The command was refused", 409
    reason: ClassVar[Reason]


_REFUSALS: Mapping[Reason, tuple[int, str]] = {
    Reason.MALFORMED: (422, "The request is not well formed"),
    Reason.BUSY: (503, "Too busy; try again"),
    Reason.RATE_LIMITED: (429, "Too many requests"),
    Reason.DUPLICATE_CID: (409, "The key was used for another command"),
    Reason.NOT_OPEN: (409, "The auction has not opened"),
    Reason.PAUSED: (409, "The auction is paused"),
    Reason.TOO_LATE: (409, "The auction is over"),
    Reason.NOT_DUE: (409, "The auction does not close yet"),
    Reason.NOT_ELIGIBLE: (403, "Not yours to do in this auction"),
    Reason.NOT_CLEARED: (403, "Not cleared to bid here"),
    Reason.OWN_POOL: (403, "Your own pool"),
    Reason.NO_DEPOSIT: (403, "The deposit is missing"),
    Reason.NO_SUCH_BID: (404, "There is no such bid"),
    Reason.NO_CEILING: (409, "There is no ceiling to lower"),
    Reason.NO_BUY_NOW: (409, "It cannot be bought now"),
    Reason.STALE: (409, "The state has moved on"),
    Reason.STEP_MOVED: (409, "The price step has moved on"),
    Reason.POOL_SOLD: (409, "The pool is sold"),
    Reason.BID_TOO_LOW: (409, "The bid is too low"),
    Reason.LIMIT: (403, "Above your limit"),
    Reason.CONFIRM_NEEDED: (409, "So high that it must be confirmed"),
    Reason.OUTBID_TIE: (409, "An equal bid was earlier"),
}


def _problem(reason: Reason, status: int, title: str) -> type[BidRefused]:
    name = reason.value.title().replace("_", "")
    members: dict[str, Any] = {"slug": reason.value.lower().replace("_", "-"), "title": title, "status": status}
    return type(name, (BidRefused,), {**members, "reason": reason, "__doc__": f"{title}.", "__module__": __name__})


PROBLEMS: Mapping[Reason, type[BidRefused]] = {
    reason: _problem(reason, status, title) for reason, (status, title) in _REFUSALS.items()
}
"""The problem that a refused command becomes on HTTP: slug, title and status of each reason."""
