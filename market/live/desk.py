"""Where commands from sockets are taken: what can be checked at the door, then the lane decides and its answer is told."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from auctions.messages import Reason
from market.bidding import service as bidding
from market.bidding.allowance import has_limits, refuse_beyond_key
from market.bidding.lane import Answer, BidOrder, Lane
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.errors import MarketError, Transient
from market.live.commands import engine_command
from market.live.connection import Connection, ack, problem_code, undecided
from market.live.protocol import SELLER_COMMANDS, Command, ErrorCode
from market.parties.rules import require
from market.portfolios.rules import Circle

_log = structlog.get_logger()

_BUSY_RETRY_S = 0.25
_OPEN_KEPT = 100_000
"""How many auctions of an open circle a node remembers as such."""
_LET_IN_KEPT = 500
"""How many auctions a socket is remembered to have been invited to."""
_LAST_DECISIONS_S = 5.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command under way; called with its answer. Outlives its socket: what was taken is decided all the same."""

    desk: "Desk"
    connection: Connection
    actor: Actor
    command: Command
    received_at: datetime

    def __call__(self, answer: Answer | Transient) -> None:
        try:
            if isinstance(answer, Transient):
                self.connection.say(undecided(self.command, Reason.BUSY, self.received_at, _BUSY_RETRY_S))
            else:
                self.connection.say(ack(self.command, answer))
                if answer.code is Reason.RATE_LIMITED:
                    self.desk.lose_patience(self.connection)
        finally:
            self.desk.close(self.connection)

    def fail(self, error: Exception) -> None:
        if isinstance(error, Transient):
            self(error)
            return
        name = self.command.id
        if isinstance(error, MarketError):
            self.connection.error(name, problem_code(error), error.detail, error.field)
        else:  # a fault is ours: the client may ask again by its cid
            _log.error("fault in command", exc_info=error)
            self.connection.error(name, ErrorCode.FAULT, "something broke on our side; ask again with the same cid")
        self.desk.close(self.connection)


class Desk:
    """The node's one. `lose_patience` is called with who keeps sending more than is taken."""

    def __init__(
        self, context: Context, lane: Lane, *, deciding_per_socket: int, lose_patience: Callable[[Connection], None]
    ) -> None:
        self._context = context
        self._lane = lane
        self._deciding_per_socket = deciding_per_socket
        self.lose_patience = lose_patience
        self._open_to_all: set[UUID] = set()
        self._looking: dict[tuple[UUID, Role, UUID | None], asyncio.Task[Circle]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._deciding_count = 0
        self._all_decided = asyncio.Event()
        self._all_decided.set()

    async def stop(self) -> None:
        """Returns when the commands under way are decided, after 5 s at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_DECISIONS_S):
                await self._all_decided.wait()

    def take(self, connection: Connection, actor: Actor, command: Command, received_at: datetime) -> None:
        """See that the command is decided; the answer goes to the connection, from here or later."""
        if connection.deciding_count >= self._deciding_per_socket:
            connection.say(undecided(command, Reason.BUSY, received_at, _BUSY_RETRY_S))
            return
        self._open(connection)
        asked = _Asked(self, connection, actor, command, received_at)
        if self._is_let_in(connection, command.auction) and not has_limits(actor):
            self._offer(asked)
        else:
            task = asyncio.create_task(self._look_and_offer(asked))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def _open(self, connection: Connection) -> None:
        connection.deciding_count += 1
        self._deciding_count += 1
        self._all_decided.clear()

    def close(self, connection: Connection) -> None:
        """A command of the connection was answered."""
        connection.deciding_count -= 1
        self._deciding_count -= 1
        if not self._deciding_count:
            self._all_decided.set()

    def _offer(self, asked: _Asked) -> None:
        command, actor = asked.command, asked.actor
        try:
            _require(actor, command)
            order = BidOrder(
                actor, command.auction, engine_command(command, str(actor.org_id)), asked.received_at, command.cid
            )
            self._lane.offer(order, asked)
        except Exception as error:  # noqa: BLE001 - told to whom it concerns; the socket goes on
            asked.fail(error)

    async def _look_and_offer(self, asked: _Asked) -> None:
        """What has to ask the database before the lane may be asked."""
        command, actor = asked.command, asked.actor
        try:
            _require(actor, command)
            await self._let_in(asked.connection, actor, command.auction)
            await refuse_beyond_key(self._context, actor, engine_command(command, str(actor.org_id)))
        except Exception as error:  # noqa: BLE001 - told to whom it concerns; the socket goes on
            asked.fail(error)
        else:
            self._offer(asked)

    def _is_let_in(self, connection: Connection, auction_id: UUID) -> bool:
        return auction_id in self._open_to_all or auction_id in connection.seats or auction_id in connection.let_in

    async def _let_in(self, connection: Connection, actor: Actor, auction_id: UUID) -> None:
        """Raises `NoSuchAuction` for one that the actor may not see. The circle is fixed once an auction is published."""
        if self._is_let_in(connection, auction_id):
            return
        key = (auction_id, actor.role, actor.org_id)
        looking = self._looking.get(key)
        if looking is None:  # all who ask at once are answered by one look
            looking = self._looking[key] = asyncio.create_task(self._circle(actor, auction_id))
            looking.add_done_callback(lambda _: self._looking.pop(key))
        circle = await looking
        kept, most = (self._open_to_all, _OPEN_KEPT) if circle is Circle.OPEN else (connection.let_in, _LET_IN_KEPT)
        if len(kept) < most:
            kept.add(auction_id)

    async def _circle(self, actor: Actor, auction_id: UUID) -> Circle:
        async with self._context.db.begin(actor) as tx:
            return (await bidding.find_auction(tx, auction_id)).circle


def _require(actor: Actor, command: Command) -> None:
    """Raises `Forbidden` for who may not send such commands at all."""
    scope = "auctions:write" if isinstance(command, SELLER_COMMANDS) else "bids:write"
    require(actor, role=Role.MEMBER, scope=scope)
