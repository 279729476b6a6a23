"""The bid lane of one node: everything that changes an auction queues here, is decided in batches, is answered after COMMIT.

What arrives while one batch is being committed makes up the next: no timer, so that a lonely bid pays nothing.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from auctions.messages import Reason, RefuseBid, VoidBid
from auctions.moves import PlacePackageBid
from auctions.shape import flaw_in
from auctions.terms import PackageTerms
from market.bidding.batch import Draft
from market.bidding.closing import Closer
from market.bidding.content import BIDDER_ORDERS
from market.bidding.held import Held, Ticket
from market.bidding.orders import CHANNEL, Answer, BidOrder, Committed, OnCommit, Status, Told
from market.bidding.rules import speaks_for_itself
from market.bidding.states import States
from market.bidding.store.batch import is_weather
from market.bidding.writer import Lost, Unknown, Writer
from market.db.context import Context
from market.kit.actor import Role
from market.kit.errors import Transient
from market.kit.rates import Rates

__all__ = ["CHANNEL", "Answer", "BidOrder", "Committed", "Lane", "OnCommit", "Status"]

_log = structlog.get_logger()
_ATTEMPT_COUNT = 3
"""How often a batch is tried over lost connections before it is halved, or its only order sent back."""
_RETRY_S = 0.05
_LONGEST_RETRY_S = 1.0
_LONGEST_WAIT_S = 30.0
_BUSY_RETRY_S = 0.25
_PACKAGE_WEIGHT = 4
"""A bid for several pools counts as so many commands: to find out what wins can take the lane a quarter of a second."""


_STRIKE_WEIGHT = 2
_PACKAGE_STRIKE_WEIGHT = 16
"""What a strike may take besides: all that stands is decided anew, and nobody needs many of them in a second."""
_MEETING_COUNT = 2_500
"""So many bids meet again in the time of a command or two: each as many make a strike one command heavier."""


class Lane:
    """One per app process, between `start` and `stop`. `states` holds folded auctions for readers.

    `on_commit` is called after each commit with what it added, before anybody is answered.
    """

    def __init__(self, context: Context, *, on_commit: OnCommit | None = None) -> None:
        self._context = context
        self.on_commit = on_commit
        self.states = States()
        self.hints_by_database = True
        """Whether each batch hints to other nodes by NOTIFY; whoever turns it off does so himself, in `on_commit`."""
        self.taken_count = 0
        """Orders that were not refused at once, since the start."""
        self._queue: deque[Ticket] = deque()
        self._held = Held()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._closer = Closer(context, self.submit)
        self._writer = Writer(context, self.states, self._closer.wake, hints=lambda: self.hints_by_database)
        settings = context.settings
        self._rates = Rates(context.clock, per_second=settings.commands_per_second, burst=settings.commands_burst)

    async def start(self) -> None:
        """Connect, take orders, and close auctions when they are due."""
        await self._writer.connect()
        self._task = asyncio.create_task(self._run(), name="bid lane")
        self._closer.start()

    async def stop(self) -> None:
        """Take no more, decide what waits, and let go of the connection. What cannot be decided raises `Transient`."""
        await self._closer.stop()
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=5)
            if not done:
                self._task.cancel()
                await asyncio.wait({self._task})
        waiting = [*self._held.all(), *self._queue]
        self._send_back(waiting, Transient("the node is stopping; send the same key again"))
        self._queue.clear()
        await self._writer.close()

    async def submit(self, order: BidOrder) -> Answer:
        """The decision on an order, given after the commit that keeps it.

        A caller that goes away does not take back its order. Raises `Transient` if the order could not be decided:
        nothing was kept then, or nobody can tell yet; the same cid may be sent again and gets the truth.
        """
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.offer(order, lambda answer: _tell_waiter(waiting, answer))
        return await waiting

    def offer(self, order: BidOrder, told: Told) -> None:
        """`submit` for those who do not wait: `told` is called once, here already if the refusal needs no database."""
        ticket = Ticket(order, told)
        if refused := self._refuse_at_once(order):
            ticket.tell(refused)
            return
        self.taken_count += 1
        self._queue.append(ticket)
        self._arrived.set()

    def is_own(self, server_pid: int) -> bool:
        """Whether the lane writes through this process of the database."""
        return self._writer.server_pid == server_pid

    async def close_due(self) -> float | None:
        """Open and close what is due now; returns the seconds until something is due next, None if nothing is."""
        return await self._closer.close_due()

    def wake_closer(self) -> None:
        """An auction was published, so something may be due earlier than was known."""
        self._closer.wake()

    def _refuse_at_once(self, order: BidOrder) -> Answer | None:
        """What needs no database: shape, whose bid it is, how many commands a second, room in the queue."""
        command, actor = order.command, order.actor
        if flaw := flaw_in(command):
            return self._no(order, Reason.MALFORMED, flaw)
        if isinstance(command, BIDDER_ORDERS):
            if not speaks_for_itself(actor, command):
                return self._no(order, Reason.NOT_ELIGIBLE, "a member bids for its own organisation")
            weight = _PACKAGE_WEIGHT if isinstance(command, PlacePackageBid) else 1
            if wait_s := self._rates.take((order.auction_id, actor.org_id), weight):
                return self._no(order, Reason.RATE_LIMITED, "too many commands", retry_after_s=wait_s)
        elif actor.role is not Role.SYSTEM and (wait_s := self._wait_of_office(order)):
            return self._no(order, Reason.RATE_LIMITED, "too many commands", retry_after_s=wait_s)
        is_full = self._held.is_full(order.auction_id) or len(self._queue) >= self._context.settings.lane_queue_count
        if (is_full and actor.role is not Role.SYSTEM) or self._stopping:
            return self._no(order, Reason.BUSY, "the queue is full; try again", retry_after_s=_BUSY_RETRY_S)
        return None

    def _wait_of_office(self, order: BidOrder) -> float:
        """Sellers and the platform's people have a rate of their own each, in every auction."""
        weight = 1
        if isinstance(order.command, RefuseBid | VoidBid):
            folded = self.states.peek(order.auction_id)
            is_board = folded is None or isinstance(folded.auction.terms, PackageTerms)
            meeting = 0 if folded is None else len(folded.auction.bids) // _MEETING_COUNT
            most = (_PACKAGE_STRIKE_WEIGHT if is_board else _STRIKE_WEIGHT) + meeting
            weight = min(most, self._context.settings.commands_burst)
        return self._rates.take((order.auction_id, order.actor.org_id or order.actor.user_id, "office"), weight)

    def _no(self, order: BidOrder, code: Reason, detail: str, retry_after_s: float | None = None) -> Answer:
        at = self._writer.clock.at_database(order.received_at)
        return Answer(
            status=Status.REJECTED,
            received_at=at,
            decided_at=at,
            code=code,
            detail=detail,
            retry_after_s=retry_after_s,
        )

    async def _run(self) -> None:
        while not (self._stopping and not self._queue and not self._held):
            await self._arrivals()
            tickets = self._next_batch()
            try:
                if tickets:
                    await self._settle(tickets)
                await self._let_go()
            except asyncio.CancelledError:
                self._send_back(tickets, Transient("the node is stopping; send the same key again"))
                raise
            except Exception as error:  # noqa: BLE001 - the lane must outlive whatever goes wrong in it
                _log.error("fault in the lane", exc_info=error)
                self._send_back(tickets, Transient("the outcome is not known; send the same key again"))

    async def _arrivals(self) -> None:
        """Until there is something to decide, or to look whether it may be decided by now."""
        if self._queue:
            return
        self._arrived.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._held.next_look_in()):
                await self._arrived.wait()

    def _next_batch(self) -> list[Ticket]:
        most = self._context.settings.lane_batch_count
        return [self._queue.popleft() for _ in range(min(most, len(self._queue)))]

    def _not_held(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """What is for an auction that is held waits behind what waits there already; the rest is returned."""
        if not self._held:
            return list(tickets)
        self._hold([ticket for ticket in tickets if ticket.order.auction_id in self._held])
        return [ticket for ticket in tickets if ticket.order.auction_id not in self._held]

    def _hold(self, tickets: Sequence[Ticket]) -> None:
        """Put aside what is for auctions whose rows somebody holds. The clock is sent back: it comes again by itself."""
        self._send_back(self._held.put(tickets), Transient("the auction is held up; nothing was kept, send it again"))

    async def _let_go(self) -> None:
        """Put what waited for a row that is free by now at the head of the queue, and send back what waited too long."""
        if not self._held or self._held.next_look_in():
            return
        free = await self._writer.free(self._held.auction_ids())
        freed, late = self._held.look(free)
        self._queue.extendleft(reversed(freed))
        self._send_back(late, Transient("the auction is held up; nothing was kept, send it again"))

    async def _settle(self, tickets: Sequence[Ticket]) -> None:
        """Decide the tickets, whatever happens; one that spoils the others' transaction is found by halving."""
        tickets = self._not_held(tickets)
        orders = [ticket.order for ticket in tickets]
        for attempt in range(_ATTEMPT_COUNT):
            if not tickets or not await self._have_database(tickets):
                return
            try:
                draft = await self._write(orders)
            except Lost:
                _log.warning("the lane lost the database in a batch", orders=len(orders))
            except Exception as error:  # noqa: BLE001 - whatever an order provokes must not reach its neighbours
                if not is_weather(error):
                    await self._part(tickets, error)
                    return
                _log.warning("the lane waits for a lock", orders=len(orders))
                if _is_many(orders):
                    await self._one_by_one(tickets)
                else:
                    self._hold(tickets)
                return
            else:
                self._give(tickets, draft)
                return
            await asyncio.sleep(_RETRY_S * 2**attempt)
        await self._part(tickets, None)

    async def _have_database(self, tickets: Sequence[Ticket]) -> bool:
        """Wait for the database to come back; after 30 s the tickets are sent back and the answer is False."""
        pause_s, waited_s = _RETRY_S, 0.0
        while True:
            try:
                await self._writer.connect()
            except Lost:
                if waited_s >= _LONGEST_WAIT_S or self._stopping:
                    self._send_back(tickets, Transient("the database cannot be reached; nothing was kept"))
                    return False
                await asyncio.sleep(pause_s)
                waited_s += pause_s
                pause_s = min(_LONGEST_RETRY_S, pause_s * 2)
            else:
                return True

    async def _one_by_one(self, tickets: Sequence[Ticket]) -> None:
        """Auction by auction, so that a row which somebody holds keeps back its own auction only."""
        apart: dict[UUID, list[Ticket]] = {}
        for ticket in tickets:
            apart.setdefault(ticket.order.auction_id, []).append(ticket)
        for together in apart.values():
            await self._settle(together)

    async def _part(self, tickets: Sequence[Ticket], error: Exception | None) -> None:
        """Halve a batch that cannot be kept, down to the order at fault, which is sent back alone."""
        if len(tickets) == 1:
            if error is not None:
                _log.error("an order could not be decided", exc_info=error)
            self._send_back(tickets, Transient("the command could not be decided and nothing was kept; send it again"))
            return
        middle = len(tickets) // 2
        await self._settle(tickets[:middle])
        await self._settle(tickets[middle:])

    async def _write(self, orders: Sequence[BidOrder]) -> Draft:
        """One transaction. If the connection was lost during COMMIT, the truth is read before anybody is told."""
        try:
            return await self._writer.write(orders)
        except Unknown as unknown:
            if await self._was_kept(unknown.draft):
                return unknown.draft
            raise Lost from unknown

    async def _was_kept(self, draft: Draft) -> bool:
        pause_s = _RETRY_S
        while True:
            try:
                return await self._writer.was_kept(draft)
            except Exception as error:
                if self._stopping:
                    raise
                _log.warning("the outcome of a commit is unknown; asking again", error=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_RETRY_S, pause_s * 2)

    def _give(self, tickets: Sequence[Ticket], draft: Draft) -> None:
        if draft.committed and self.on_commit is not None:
            try:
                self.on_commit(draft.committed)
            except Exception as error:  # noqa: BLE001 - the batch is committed; the feed finds it in the table
                _log.error("the feed failed on a batch", exc_info=error)
        if draft.sooner:
            self._closer.wake()
        for ticket, answer in zip(tickets, draft.answers, strict=True):
            ticket.tell(answer)

    def _send_back(self, tickets: Sequence[Ticket], error: Transient) -> None:
        for ticket in tickets:
            ticket.tell(error)


def _tell_waiter(waiting: asyncio.Future[Answer], answer: Answer | Transient) -> None:
    """Hand the answer to whoever waits for it, unless he has gone."""
    if waiting.done():
        return
    if isinstance(answer, Transient):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)


def _is_many(orders: Sequence[BidOrder]) -> bool:
    return any(order.auction_id != orders[0].auction_id for order in orders)
