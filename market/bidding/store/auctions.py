"""Auctions, registrations, invitations and awards: all SQL of the feature but the lane's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, exists, func, insert, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auctions.auction import Phase
from market.bidding.lines import EventLine
from market.bidding.orders import PUBLISHED_CHANNEL
from market.bidding.rules import Auction, Award, BadTerms, Registration, RunningBid
from market.db.tables.bidding import (
    AuctionEventRow,
    AuctionPoolRow,
    AuctionRow,
    AwardRow,
    BidRow,
    InvitationRow,
    RegistrationRow,
    SealingKeyRow,
)
from market.kit.pages import PageRequest
from market.portfolios.rules import Circle

_EVENTS_AT_ONCE = 1000
_DUE_AT_ONCE = 200
_MAX_POOLS = 100


_acts_at = case((AuctionRow.phase == "scheduled", AuctionRow.closes_at), else_=AuctionRow.due_at)
"""When the clock has to do with an auction that can no longer be opened, but for the drain."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the clock has to do: auctions, each with the seconds that are left until its time.

    `next_in_s` says when to look again; None if nothing is ahead.
    """

    to_open: Sequence[tuple[UUID, float]]
    to_tick: Sequence[tuple[UUID, float]]
    to_close: Sequence[tuple[UUID, float]]
    next_in_s: float | None


async def read_clock(tx: AsyncSession) -> datetime:
    """The database's time at this moment."""
    now = await tx.scalar(select(func.clock_timestamp()))
    assert isinstance(now, datetime)
    return now


async def due(tx: AsyncSession, now: datetime, *, drain: timedelta, ahead: timedelta) -> Due:
    """What is to open and, `drain` after it falls due, to be carried out or closed, from `now` until `ahead` of it.

    Takes no lock: the lane decides, under the auction's own.
    """
    until, ended_by = now + ahead, now + ahead - drain
    may_open = and_(AuctionRow.phase == "scheduled", AuctionRow.closes_at > now)
    waits = and_(not_(may_open), AuctionRow.closes_at > ended_by, _acts_at > ended_by)  # for its drain, in nobody's way
    rows = await tx.execute(
        select(AuctionRow.auction_id, AuctionRow.phase, AuctionRow.closes_at, AuctionRow.due_at)
        .where(AuctionRow.due_at <= until, not_(waits))
        .order_by(AuctionRow.due_at)
        .limit(_DUE_AT_ONCE)
    )
    to_open, to_tick, to_close = [], [], []
    for auction_id, phase, closes_at, due_at in rows:
        assert due_at is not None
        if closes_at <= ended_by:
            to_close.append((auction_id, (closes_at + drain - now).total_seconds()))
        elif phase == "scheduled":
            to_open.append((auction_id, (due_at - now).total_seconds()))
        else:
            to_tick.append((auction_id, (due_at + drain - now).total_seconds()))
    waiting, beyond = (
        await tx.execute(
            select(
                select(func.min(_acts_at)).where(AuctionRow.due_at <= until, waits).scalar_subquery(),
                select(func.min(AuctionRow.due_at)).where(AuctionRow.due_at > until).scalar_subquery(),
            )
        )
    ).one()
    later = [at for at in (waiting and waiting + drain, beyond) if at is not None]
    next_in_s = max(0.001, (min(later) - until).total_seconds()) if later else None
    return Due(to_open, to_tick, to_close, next_in_s)


async def insert_auction(
    tx: AsyncSession, auction: Auction, head: bytes, *, invited: Sequence[UUID], pool_ids: Sequence[UUID]
) -> None:
    """Keep a new auction of these pools, the first of which is its own. Raises `BadTerms` for a sealing key that served before."""
    try:
        await _insert_row(tx, auction, head)
    except IntegrityError as error:
        key = _spent_key(error)
        if key is None:
            raise
        raise BadTerms("was published before; a key serves one round of one auction", field=f"terms.{key}") from error
    for pool_id in pool_ids if len(pool_ids) > 1 else ():
        values = {"auction_id": auction.auction_id, "pool_id": pool_id, "seller_org_id": auction.seller_org_id}
        await tx.execute(insert(AuctionPoolRow).values(**values))
    for org_id in invited:
        await tx.execute(
            insert(InvitationRow).values(
                auction_id=auction.auction_id, org_id=org_id, seller_org_id=auction.seller_org_id
            )
        )


def _spent_key(error: IntegrityError) -> str | None:
    """The term whose key the database refuses; None if something else is at fault."""
    cause: Any = getattr(error.orig, "__cause__", None)
    return cause.column_name if getattr(cause, "table_name", None) == SealingKeyRow.__tablename__ else None


async def _insert_row(tx: AsyncSession, auction: Auction, head: bytes) -> None:
    await tx.execute(
        insert(AuctionRow).values(
            auction_id=auction.auction_id,
            pool_id=auction.pool_id,
            org_id=auction.seller_org_id,
            format=auction.format,
            terms=auction.terms,
            currency=auction.currency,
            debtor_states=list(auction.debtor_states),
            deposit_cents=auction.deposit_cents,
            commission=auction.commission,
            sale_terms=auction.sale_terms,
            psa_version=auction.psa_version,
            circle=auction.circle.value,
            opens_at=auction.opens_at,
            published_by=auction.published_by,
            published_at=auction.published_at,
            phase=auction.phase,
            seq=auction.seq,
            head=head,
            price_cents=None,
            leader_org_id=None,
            bid_count=0,
            closes_at=auction.closes_at,
            due_at=auction.opens_at,
        )
    )


async def insert_event(tx: AsyncSession, line: EventLine) -> None:
    await tx.execute(insert(AuctionEventRow).values(**line._asdict()))


async def tell_closers(tx: AsyncSession, auction_id: UUID) -> None:
    """After the commit, all nodes' closers hear that something may be due sooner."""
    await tx.execute(select(func.pg_notify(PUBLISHED_CHANNEL, str(auction_id))))


_COLUMNS = (
    AuctionRow.auction_id,
    AuctionRow.pool_id,
    AuctionRow.org_id,
    AuctionRow.format,
    AuctionRow.terms,
    AuctionRow.currency,
    AuctionRow.debtor_states,
    AuctionRow.deposit_cents,
    AuctionRow.commission,
    AuctionRow.sale_terms,
    AuctionRow.psa_version,
    AuctionRow.circle,
    AuctionRow.opens_at,
    AuctionRow.published_by,
    AuctionRow.published_at,
    AuctionRow.phase,
    AuctionRow.seq,
    AuctionRow.closes_at,
)
_Row = tuple[Any, ...]


async def find_auction(tx: AsyncSession, auction_id: UUID) -> Auction | None:
    """An auction that the transaction's actor may see."""
    row = (await tx.execute(select(*_COLUMNS).where(AuctionRow.auction_id == auction_id))).one_or_none()
    return None if row is None else _auction(tuple(row))


async def running_bids(tx: AsyncSession, org_id: UUID, most: int) -> list[RunningBid]:
    """An organisation's bids that put something at stake, in auctions that have not ended, newest first."""
    query = (
        select(BidRow.auction_id, BidRow.seq, BidRow.kind, BidRow.placed_at)
        .join(AuctionRow, AuctionRow.auction_id == BidRow.auction_id)
        .where(BidRow.org_id == org_id, BidRow.kind.not_in(("withdraw", "proxy_cancel")))
        .where(AuctionRow.phase.in_([Phase.OPEN.value, Phase.PAUSED.value, Phase.AWARDING.value]))
        .order_by(BidRow.placed_at.desc(), BidRow.seq.desc())
    )
    return [RunningBid(*row) for row in await tx.execute(query.limit(most))]


async def list_auctions(
    tx: AsyncSession, request: PageRequest, *, phase: str | None, seller_org_id: UUID | None
) -> list[Auction]:
    """Newest first, one more than asked for if there is more."""
    query: Select[_Row] = select(*_COLUMNS).order_by(AuctionRow.auction_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(AuctionRow.auction_id < request.after)
    if phase is not None:
        query = query.where(AuctionRow.phase == phase)
    if seller_org_id is not None:
        query = query.where(AuctionRow.org_id == seller_org_id)
    return [_auction(tuple(row)) for row in await tx.execute(query)]


async def upcoming(tx: AsyncSession, limit: int) -> list[Auction]:
    """What has not ended and the transaction's actor may see, by opening."""
    live = AuctionRow.phase.in_(("scheduled", "open", "paused", "awarding"))
    query = select(*_COLUMNS).where(live).order_by(AuctionRow.opens_at, AuctionRow.auction_id).limit(limit)
    return [_auction(tuple(row)) for row in await tx.execute(query)]


async def read_events(tx: AsyncSession, auction_id: UUID, after_seq: int, limit: int = _EVENTS_AT_ONCE) -> list[str]:
    """The canonical texts of the next events."""
    found = await tx.scalars(
        select(AuctionEventRow.body)
        .where(AuctionEventRow.auction_id == auction_id, AuctionEventRow.seq > after_seq)
        .order_by(AuctionEventRow.seq)
        .limit(limit)
    )
    return list(found)


async def read_log(tx: AsyncSession, auction_id: UUID, after_seq: int) -> list[tuple[str, bytes]]:
    """(canonical text, head after it) of the next events, 1000 at most."""
    found = await tx.execute(
        select(AuctionEventRow.body, AuctionEventRow.hash)
        .where(AuctionEventRow.auction_id == auction_id, AuctionEventRow.seq > after_seq)
        .order_by(AuctionEventRow.seq)
        .limit(_EVENTS_AT_ONCE)
    )
    return [(body, head) for body, head in found]


async def is_invited(tx: AsyncSession, auction_id: UUID, org_id: UUID) -> bool:
    found = exists().where(InvitationRow.auction_id == auction_id, InvitationRow.org_id == org_id)
    return bool(await tx.scalar(select(found)))


async def find_registration(tx: AsyncSession, auction_id: UUID, org_id: UUID) -> Registration | None:
    row = (
        await tx.execute(
            select(
                RegistrationRow.clearance_id,
                RegistrationRow.deposit_transfer_id,
                RegistrationRow.at,
                RegistrationRow.ended_at,
            ).where(RegistrationRow.auction_id == auction_id, RegistrationRow.org_id == org_id)
        )
    ).one_or_none()
    return None if row is None else Registration(auction_id, org_id, row[0], row[1], row[2], row[3])


async def keep_registration(
    tx: AsyncSession, registration: Registration, *, seller_org_id: UUID, registered_by: UUID
) -> None:
    """Register an organisation, or again after its registration was ended."""
    renewed = {
        "clearance_id": registration.clearance_id,
        "deposit_transfer_id": registration.deposit_transfer_id,
        "registered_by": registered_by,
        "at": registration.at,
        "ended_at": None,
    }
    changed = await tx.execute(
        update(RegistrationRow)
        .where(RegistrationRow.auction_id == registration.auction_id, RegistrationRow.org_id == registration.org_id)
        .values(**renewed)
        .returning(RegistrationRow.org_id)
    )
    if changed.one_or_none() is None:
        del renewed["ended_at"]
        await tx.execute(
            insert(RegistrationRow).values(
                auction_id=registration.auction_id, org_id=registration.org_id, seller_org_id=seller_org_id, **renewed
            )
        )


async def end_registration(tx: AsyncSession, auction_id: UUID, org_id: UUID, now: datetime) -> None:
    await tx.execute(
        update(RegistrationRow)
        .where(
            RegistrationRow.auction_id == auction_id,
            RegistrationRow.org_id == org_id,
            RegistrationRow.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


async def find_awards(tx: AsyncSession, auction_id: UUID) -> list[Award]:
    """The awards of an auction, one for each pool that it sold."""
    rows = await tx.execute(
        select(
            AwardRow.pool_id,
            AwardRow.winner_org_id,
            AwardRow.seller_org_id,
            AwardRow.hammer_cents,
            AwardRow.currency,
            AwardRow.seq,
            AwardRow.at,
        )
        .where(AwardRow.auction_id == auction_id)
        .order_by(AwardRow.pool_id)
        .limit(_MAX_POOLS)
    )
    return [Award(auction_id, *row) for row in rows]


async def pools_of(tx: AsyncSession, auction_id: UUID) -> list[UUID]:
    """The pools that an auction sells: its own, or those of its packages."""
    several = await tx.scalars(
        select(AuctionPoolRow.pool_id)
        .where(AuctionPoolRow.auction_id == auction_id)
        .order_by(AuctionPoolRow.pool_id)
        .limit(_MAX_POOLS)
    )
    if found := list(several):
        return found
    return list(await tx.scalars(select(AuctionRow.pool_id).where(AuctionRow.auction_id == auction_id)))


def _auction(row: _Row) -> Auction:
    values: dict[str, Any] = dict(zip((column.key for column in _COLUMNS), row, strict=True))
    values["seller_org_id"] = values.pop("org_id")
    values["circle"] = Circle(values["circle"])
    values["debtor_states"] = tuple(values["debtor_states"])
    return Auction(**values)
