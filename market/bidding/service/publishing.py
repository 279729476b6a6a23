"""A seller puts a pool up for auction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auctions.allocation import MAX_POOL_COUNT
from auctions.engine import evolve, schedule
from auctions.presets import fill
from auctions.record import encode
from auctions.terms import LATEST_RULES, PackageTerms, SealedTerms, Terms, TermsError, terms_from_json
from market.bidding.commission import Schedule
from market.bidding.envelopes import is_public_key
from market.bidding.lines import EventLine
from market.bidding.rules import PSA_VERSION, Auction, BadTerms
from market.bidding.sale_terms import SaleTerms
from market.bidding.store import auctions as store
from market.compliance import service as compliance
from market.compliance.qualifications import Qualifications
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.money import MAX_CENTS
from market.parties import service as parties
from market.parties.rules import require
from market.portfolios import service as portfolios
from market.portfolios.rules import Circle, Pool

_MAX_INVITED_COUNT = 200
_LONGEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """What the seller fixes. `terms` lack what the pool itself says: currency, face value and version of the tape.

    In an auction of packages `pool_id` is one of the pools that the terms name by their ids.
    """

    pool_id: UUID
    format: str
    terms: Mapping[str, Any]
    preset: str | None = None
    deposit_cents: int
    circle: Circle = Circle.OPEN
    invited: Sequence[UUID] = ()
    commission: Mapping[str, Any] | None = None
    sale_terms: Mapping[str, Any] | None = None
    qualifications: Qualifications | None = None


async def publish(tx: AsyncSession, actor: Actor, order: PublishOrder, *, now: datetime, chance: Chance) -> Auction:
    """Offer an own, ready pool in an auction whose terms never change again.

    Raises `NotCleared` without a clearance to list in its debtor states, `EvidenceShort` naming the papers that its portfolio lacks, `NotFound` or `PoolNotThere` for the pool, `BadTerms` and
    `Malformed` naming the field. Locks the pool.
    """
    require(actor, role=Role.MEMBER, scope="auctions:write")
    if actor.org_id is None or actor.user_id is None:
        raise AssertionError("a member has an organisation")
    await compliance.require_clearance(tx, actor.org_id, "list", now)
    pools = await _pools(tx, actor.org_id, order)
    debtor_states = sorted({state for pool in pools for state in pool.debtor_states or ()})
    await compliance.require_listing(tx, actor.org_id, debtor_states, now)
    await compliance.require_listing_papers(tx, {pool.portfolio_id for pool in pools}, now)
    terms = _terms(order, pools, now)
    await _check_circle(tx, actor.org_id, order)
    auction_id = chance.new_id()
    first = schedule(str(auction_id), terms, now)
    body = encode(first)
    state = evolve(None, first, body)
    auction = Auction(
        auction_id=auction_id,
        pool_id=order.pool_id,
        seller_org_id=actor.org_id,
        format=order.format,
        terms=_published(terms),
        currency=terms.currency,
        debtor_states=tuple(debtor_states),
        deposit_cents=order.deposit_cents,
        commission=_commission(order, terms.currency),
        sale_terms=SaleTerms.from_json(order.sale_terms or {}).to_json(),
        psa_version=PSA_VERSION,
        circle=order.circle,
        opens_at=terms.opens_at,
        closes_at=terms.closes_at,
        published_by=actor.user_id,
        published_at=now,
        phase=state.phase.value,
        seq=state.seq,
    )
    pool_ids = [pool.pool_id for pool in pools]
    await store.insert_auction(tx, auction, state.head, invited=order.invited, pool_ids=pool_ids)
    await store.insert_event(tx, EventLine(auction_id, 1, first.at, first.kind, body.decode("ascii"), state.head))
    if order.qualifications is not None:
        await compliance.ask_of_bidders(tx, actor, auction_id, order.qualifications)
    for pool_id in pool_ids:
        await portfolios.mark_offered(tx, actor, pool_id, auction_id, order.circle)
    await store.tell_closers(tx, auction_id)
    facts = {"pool_id": order.pool_id, "format": order.format, "closes_at": terms.closes_at, "circle": order.circle}
    await journal.append(tx, actor, f"auction:{auction_id}", "auction.published", facts)
    return auction


async def _pools(tx: AsyncSession, seller_org_id: UUID, order: PublishOrder) -> list[Pool]:
    """What is sold, in order of id. Locks the pools. Raises `NotFound` unless all are the seller's and ready."""
    pools = []
    for pool_id in sorted(_named_pools(order)):
        pool = await portfolios.offerable_pool(tx, pool_id)
        if pool.org_id != seller_org_id:
            raise NotFound("there is no such pool")
        pools.append(pool)
    if len({pool.currency for pool in pools}) > 1:
        raise BadTerms("pools must be of one currency", field="terms.pools")
    return pools


def _named_pools(order: PublishOrder) -> set[UUID]:
    if order.format != PackageTerms.format:
        return {order.pool_id}
    try:
        named = {UUID(one["pool"]) for one in order.terms["pools"]}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadTerms("pools must be a list of {pool, least_cents}, pool being an id", field="terms.pools") from None
    if order.pool_id not in named or len(named) > MAX_POOL_COUNT:
        raise BadTerms(f"pools must be up to {MAX_POOL_COUNT}, pool_id among them", field="terms.pools")
    return named


def _version_of(pools: Sequence[Pool]) -> str:
    """The version of the tape; of several tapes, a digest of all."""
    versions = [pool.tape_version or "" for pool in pools]
    return versions[0] if len(versions) == 1 else sha256("\n".join(versions).encode()).hexdigest()


def _terms(order: PublishOrder, pools: Sequence[Pool], now: datetime) -> Terms:
    of_pool = {
        "format": order.format,
        "currency": pools[0].currency,
        "tape_version": _version_of(pools),
        "face_value_cents": sum(pool.face_value_cents or 0 for pool in pools),
        "rules": LATEST_RULES,
    }
    if named := of_pool.keys() & order.terms.keys():
        raise BadTerms("is not for the seller to say", field=f"terms.{min(named)}")
    try:
        given = order.terms if order.preset is None else fill(order.format, order.preset, order.terms)
        terms = terms_from_json({**given, **of_pool})
    except TermsError as error:
        field = error.field if error.field in {"format", "preset"} else f"terms.{error.field}"
        raise BadTerms(f"{error.field} {error.message}", field=field) from None
    if terms.closes_at <= now and "closes_at" not in order.terms:
        raise BadTerms(
            f"opens_at is so early that the auction would be over: it would close at {terms.closes_at:%Y-%m-%dT%H:%M:%SZ}",
            field="terms.opens_at",
        )
    if terms.closes_at <= now:
        raise BadTerms("closes_at must lie ahead", field="terms.closes_at")
    if terms.latest_close_at > now + _LONGEST_AHEAD:
        raise BadTerms("latest_close_at must be within a year", field="terms.latest_close_at")
    if not 0 <= order.deposit_cents <= MAX_CENTS:
        raise BadTerms(f"deposit_cents must be 0 to {MAX_CENTS}", field="deposit_cents")
    if isinstance(terms, SealedTerms):
        _check_keys(terms)
    return terms


def _check_keys(terms: SealedTerms) -> None:
    keys = {"sealing_key": terms.sealing_key, "final_sealing_key": terms.final_sealing_key}
    for name, key in keys.items():
        if key is not None and not is_public_key(key):
            raise BadTerms(f"{name} must be a public key as `ceremony make-key` writes it", field=f"terms.{name}")


def _published(terms: Terms) -> dict[str, Any]:
    return {name: value for name, value in terms.to_json().items() if name != "reserve_cents"}


def _commission(order: PublishOrder, currency: str) -> dict[str, Any]:
    return Schedule.stated(order.commission, currency).to_json()


async def _check_circle(tx: AsyncSession, seller_org_id: UUID, order: PublishOrder) -> None:
    invited = set(order.invited)
    if order.circle is Circle.OPEN and invited:
        raise Malformed("an open circle has no invitations", field="invited")
    if order.circle is Circle.INVITED and not 1 <= len(invited) <= _MAX_INVITED_COUNT:
        raise Malformed(f"name 1 to {_MAX_INVITED_COUNT} organisations", field="invited")
    if len(invited) != len(order.invited):
        raise Malformed("an organisation is named twice", field="invited")
    if seller_org_id in invited:
        raise Malformed("a seller does not invite itself", field="invited")
    if invited and len(await parties.display_names(tx, list(invited))) != len(invited):
        raise Malformed("one of the organisations does not exist", field="invited")
