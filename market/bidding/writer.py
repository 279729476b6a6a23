"""The transaction of one batch: lock, read, decide, write, commit. One connection, one batch at a time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from auctions.messages import (
    AnswerAwaited,
    AuctionCancelled,
    AuctionClosed,
    AuctionFailed,
    AuctionPaused,
    AuctionResumed,
    Awarded,
    BidRefusedBySeller,
    BidVoided,
    Event,
    TakeHighest,
)
from auctions.moves import Countered, PoolsAwarded, Shortlisted, StageBegan
from auctions.terms import PackageTerms, Terms
from market.bidding.batch import Draft, News, Seen, decide_batch
from market.bidding.orders import BidOrder
from market.bidding.rules import LockedAuction, pool_shares
from market.bidding.states import Folded, States, fold
from market.bidding.store import batch as store
from market.bidding.timing import NodeClock
from market.db.context import Context

_log = structlog.get_logger()
_BATCH_LIMIT_S = 20
_CONNECT_LIMIT_S = 10


class Lost(Exception):
    """The connection went away before COMMIT was sent: nothing of the batch was kept."""


class Unknown(Exception):
    """The connection went away during COMMIT: the batch was kept whole or not at all."""

    def __init__(self, draft: Draft) -> None:
        super().__init__("the outcome of a commit is unknown")
        self.draft = draft


class Writer:
    def __init__(
        self, context: Context, states: States, wake: Any, *, hints: Callable[[], bool] = lambda: True
    ) -> None:
        """`wake()` is called when a node publishes an auction, and after each new connection.

        `hints()` says whether the next batch is to hint to other nodes by NOTIFY.
        """
        self._context = context
        self._states = states
        self._wake = wake
        self._hints = hints
        self._clock = NodeClock()
        self._connection: store.Connection = None

    @property
    def clock(self) -> NodeClock:
        return self._clock

    @property
    def server_pid(self) -> int | None:
        """The database's process behind the connection."""
        connection = self._connection
        return None if connection is None else int(connection.get_server_pid())

    async def write(self, orders: Sequence[BidOrder]) -> Draft:
        """Decide the orders and keep what they lead to; returns after the commit.

        Raises `Lost`, `Unknown`, or whatever the database said: then nothing was kept.
        """
        connection = await self._connected()
        draft: Draft | None = None
        try:
            async with asyncio.timeout(_BATCH_LIMIT_S):
                await connection.execute("BEGIN")
                written = await self._decide_and_write(connection, orders)
                draft = written
                tag = await connection.execute("COMMIT")
        except asyncio.CancelledError:
            self._drop()
            raise
        except Exception as error:
            if store.is_lost(connection, error):
                self._drop()
                raise (Lost() if draft is None else Unknown(draft)) from error
            await self._roll_back(connection)
            raise
        if tag != "COMMIT":
            raise AssertionError(f"COMMIT was answered with {tag}")
        for auction_id, folded in written.folded.items():
            self._states.put(auction_id, folded)
        return written

    async def was_kept(self, draft: Draft) -> bool:
        """Whether the batch of an `Unknown` was kept. Waits, by its locks, until its transaction has ended.

        Raises `Lost`, or the database's error if the locks are not to be had now: ask again.
        """
        connection = await self._connected()
        try:
            async with asyncio.timeout(_BATCH_LIMIT_S):
                await connection.execute("BEGIN")
                touched = {line.auction_id for line in draft.events} | {line.auction_id for line in draft.refusals}
                touched |= {line.auction_id for line in draft.strikes}
                await store.lock_auctions(connection, touched)
                kept = await store.was_written(connection, draft)
                await connection.execute("ROLLBACK")
        except Exception as error:
            if store.is_lost(connection, error):
                self._drop()
                raise Lost from error
            await self._roll_back(connection)
            raise
        return kept

    async def free(self, auction_ids: Sequence[UUID]) -> set[UUID]:
        """Those auctions whose rows nobody holds at the moment; none of them if the database cannot be asked."""
        try:
            return await store.free_auctions(await self._connected(), auction_ids)
        except Exception as error:  # noqa: BLE001 - whoever waits for them asks again
            _log.warning("the lane could not ask which auctions are free", error=type(error).__name__)
            self._drop()
            return set()

    async def connect(self) -> None:
        """Be connected, prepared and with the clocks compared; nothing is done if that is so. Raises `Lost`."""
        await self._connected()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await asyncio.wait_for(connection.close(), 2)

    async def _connected(self) -> store.Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        try:
            async with asyncio.timeout(_CONNECT_LIMIT_S):
                connection = await self._context.db.raw_connection()
                await store.prepare(connection)
                await store.on_published(connection, self._wake)
                for _ in range(3):
                    await self._compare_clocks(connection)
        except Exception as error:
            raise Lost from error
        self._connection = connection
        self._wake()
        return connection

    async def _compare_clocks(self, connection: store.Connection) -> None:
        before = self._context.clock.now()
        database = await store.read_clock(connection)
        self._clock.learn(before, database, self._context.clock.now())

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _roll_back(self, connection: store.Connection) -> None:
        try:
            await connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - a connection that cannot even roll back is of no use
            self._drop()

    async def _decide_and_write(self, connection: store.Connection, orders: Sequence[BidOrder]) -> Draft:
        seen = await self._see(connection, orders)
        draft = decide_batch(orders, seen)
        await store.write(connection, draft, hint=self._hints())
        for news in draft.news:
            await _tell(connection, news, draft.folded[news.auction.auction_id].auction.terms)
        return draft

    async def _see(self, connection: store.Connection, orders: Sequence[BidOrder]) -> Seen:
        locked = await store.lock_auctions(connection, {order.auction_id for order in orders})
        folded = {auction_id: await self._fold(connection, auction_id, seq) for auction_id, (_, seq) in locked.items()}
        keys = {
            (o.auction_id, o.actor.org_id, o.cid) for o in orders if o.cid is not None and o.actor.org_id is not None
        }
        decided = await store.decided_before(connection, keys) if keys else {}
        if strikes := {key for order in orders if (key := order.strike_key) is not None}:
            decided |= await store.struck_before(connection, strikes)
        before = self._context.clock.now()
        bidders, decided_at = await store.bidder_facts(
            connection, {(auction_id, org_id) for auction_id, org_id, _ in keys} | _leaders(orders, folded)
        )
        steady = self._clock.learn(before, decided_at, self._context.clock.now())
        if not steady:
            _log.warning("node clock and database clock moved apart; bids count from when they are decided")
        return Seen(
            auctions={auction_id: auction for auction_id, (auction, _) in locked.items()},
            folded=folded,
            bidders=bidders,
            decided=decided,
            decided_at=decided_at,
            received_at=lambda order: self._clock.at_database(order.received_at) if steady else decided_at,
        )

    async def _fold(self, connection: store.Connection, auction_id: UUID, seq: int) -> Folded:
        """The state at the locked row's seq; what other nodes wrote is folded in and kept, and a state ahead of it forgotten."""
        known = self._states.peek(auction_id)
        if known is not None and known.auction.seq > seq:
            self._states.forget(auction_id)
            known = None
        while known is None or known.auction.seq < seq:
            texts = await store.read_events(connection, auction_id, 0 if known is None else known.auction.seq)
            known = fold(known, texts)
            self._states.put(auction_id, known)  # committed, whatever becomes of this batch: not to be read again
        return known


def _leaders(orders: Sequence[BidOrder], folded: Mapping[UUID, Folded]) -> set[tuple[UUID, UUID]]:
    """The bidders to whom sellers would sell now: (auction, organisation)."""
    taken = {order.auction_id for order in orders if isinstance(order.command, TakeHighest)} & folded.keys()
    leaders = ((auction_id, folded[auction_id].auction.leader) for auction_id in taken)
    return {(auction_id, UUID(leader)) for auction_id, leader in leaders if leader is not None}


async def _tell(connection: store.Connection, news: News, terms: Terms) -> None:
    """What the market must hear of goes to the journal, and awards are stated."""
    auction, event = news.auction, news.event
    for award in _awards(auction, event, terms):
        await store.keep_award(connection, award)
    for kind, body in _entries(auction, event, terms):
        shared = {
            "auction_id": auction.auction_id,
            "pool_id": auction.pool_id,
            "seller_org_id": auction.seller_org_id,
            "seq": event.seq,
        }
        await store.report(connection, news.actor, f"auction:{auction.auction_id}", kind, shared | body)


def _awards(auction: LockedAuction, event: Event, terms: Terms) -> list[tuple[Any, ...]]:
    """(auction, pool, winner, seller, hammer in cents, currency, seq, at) of every pool that the event sells."""
    sold: list[tuple[UUID, str, int]] = []
    if isinstance(event, Awarded):
        sold = [(auction.pool_id, event.winner, event.hammer_cents)]
    elif isinstance(event, PoolsAwarded):
        assert isinstance(terms, PackageTerms)
        sold = [(pool, one.bidder, cents) for one in event.awards for pool, cents in pool_shares(terms, one).items()]
    return [
        (auction.auction_id, pool_id, UUID(winner), auction.seller_org_id, cents, auction.currency, event.seq, event.at)
        for pool_id, winner, cents in sold
    ]


def _entries(auction: LockedAuction, event: Event, terms: Terms) -> list[tuple[str, dict[str, Any]]]:
    """What the journal is told: kind and body. Several pools make several entries."""
    sold = [
        ("auction.awarded", {"pool_id": row[1], "winner_org_id": row[2], "hammer_cents": row[4], "currency": row[5]})
        for row in _awards(auction, event, terms)
    ]
    if isinstance(event, PoolsAwarded):
        assert isinstance(terms, PackageTerms)
        taken = {body["pool_id"] for _, body in sold}
        left = [pool_id for one in terms.pools if (pool_id := UUID(one.pool)) not in taken]
        return sold + [("auction.pool_unsold", {"pool_id": pool_id}) for pool_id in left]
    return sold or [_entry(event)]


def _entry(event: Event) -> tuple[str, dict[str, Any]]:  # noqa: C901  # one flat match
    match event:
        case AuctionFailed(reason=reason):
            return "auction.failed", {"reason": reason.value}
        case AuctionCancelled():
            return "auction.cancelled", {}
        case AuctionClosed():
            return "auction.closed", {}
        case AnswerAwaited():
            return "auction.answer_awaited", {"answer_until": event.answer_until.isoformat()}
        case AuctionPaused():
            return "auction.paused", {}
        case AuctionResumed():
            return "auction.resumed", {}
        case BidRefusedBySeller(bid_seq=bid_seq):
            return "auction.bid_refused", {"bid_seq": bid_seq}
        case BidVoided(bid_seq=bid_seq):
            return "auction.bid_voided", {"bid_seq": bid_seq}
        case StageBegan():
            admitted = None if event.admitted is None else list(event.admitted)
            times = {"begins_at": event.begins_at.isoformat(), "closes_at": event.closes_at.isoformat()}
            return "auction.stage_began", {"stage": event.stage.value, "admitted_org_ids": admitted, **times}
        case Shortlisted():
            declined = [one.bidder for one in event.declined]
            return "auction.shortlisted", {"chosen_org_ids": list(event.chosen), "declined_org_ids": declined}
        case Countered():
            return "auction.countered", {"bidder_org_id": event.bidder, "expires_at": event.expires_at.isoformat()}
        case other:
            raise AssertionError(f"{other.kind} is not news")
