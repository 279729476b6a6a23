"""All sockets of one node: signing in, subscribing, commanding, heartbeats, and saying good-bye."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from msgspec import UNSET, UnsetType

from auctions.messages import Reason
from auctions.views import OBSERVER, Audience
from auctions.views import Role as Seat
from market.bidding import service as bidding
from market.bidding.lane import Lane
from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import MarketError, Transient, Unauthenticated
from market.kit.rates import Rates
from market.live import store
from market.live.connection import Connection, problem_code, undecided
from market.live.desk import Desk
from market.live.feed import Feed
from market.live.protocol import (
    SELLER_COMMANDS,
    VERSION,
    Auth,
    CloseCode,
    Command,
    ErrorCode,
    Heartbeat,
    Ok,
    Ping,
    Pong,
    Request,
    Resync,
    Shutdown,
    Sub,
    micros,
)
from market.live.reading import BadFrame, read
from market.parties import service as parties
from market.parties.rules import require

_log = structlog.get_logger()

_CHECKED_AT_ONCE = 200
_BEATS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user and one socket may take up on a node."""

    sockets_per_user: int = 20
    """One more replaces the oldest (4409)."""
    subscriptions_per_socket: int = 500
    deciding_per_socket: int = 256
    """Commands of one socket that wait for their answer at once."""
    control_frames_per_second: int = 50
    control_frames_burst: int = 1_000
    auth_s: float = 10.0
    """A socket that has not signed in by then is closed (4401)."""


class Live:
    """The node's live sockets. One per process, started and stopped with the application."""

    def __init__(self, context: Context, lane: Lane, *, limits: Limits | None = None) -> None:
        settings, self.limits = context.settings, limits or Limits()
        self.context = context
        self.feed = Feed(context, lane)
        self._connections: dict[Connection, None] = {}
        self._of_user: dict[UUID | None, list[Connection]] = {}
        self._loops: list[asyncio.Task[None]] = []
        # Thousands come back at once after a restart: they leave half of the connections to HTTP and to the closer.
        self._looking = asyncio.Semaphore(max(1, settings.database_pool_count // 2))
        self._desk = Desk(
            context,
            lane,
            deciding_per_socket=self.limits.deciding_per_socket,
            lose_patience=self._lose_patience,
        )
        per_second, burst = settings.commands_per_second, settings.commands_burst
        self._patience = Rates(context.clock, per_second=per_second, burst=burst * 10)
        self._control = Rates(
            context.clock,
            per_second=self.limits.control_frames_per_second,
            burst=self.limits.control_frames_burst,
        )

    async def start(self) -> None:
        await self.feed.start()
        self._loops += [asyncio.create_task(self._beat()), asyncio.create_task(self._recheck())]

    async def stop(self) -> None:
        """Hang up everywhere, after the commands under way are decided or 5 s have passed."""
        await self._desk.stop()
        for connection in tuple(self._connections):
            connection.outlet.finish(CloseCode.RESTART)
        for task in self._loops:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._loops.clear()
        await self.feed.stop()

    async def announce_shutdown(self, *, in_s: float = 0.5, retry_after_s: float = 1.0) -> None:
        """Tell every socket that the server goes down, and give them `in_s` to hear it."""
        message = Shutdown(in_ms=round(in_s * 1000), retry_after_ms=round(retry_after_s * 1000))
        for connection in tuple(self._connections):
            connection.say(message)
        if self._connections:
            await asyncio.sleep(in_s)

    # Coming and going

    def arrive(self, connection: Connection) -> None:
        self._connections[connection] = None

    def depart(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        if connection.actor is not None:
            self._discount(connection, connection.actor.user_id)
        for auction_id in connection.seats:
            self.feed.leave(auction_id, connection.outlet)
        connection.seats.clear()

    async def sign_in(self, connection: Connection, token: str, name: str | UnsetType = UNSET) -> None:
        """Make the token's bearer the socket's user; an unknown token closes it (4401)."""
        try:
            async with self._looking, self.context.db.begin(SYSTEM) as tx:
                now = self.context.clock.now()
                actor = await parties.authenticate(tx, token, now, address=connection.address)
        except Unauthenticated:
            connection.outlet.finish(CloseCode.AUTH)
            return
        except Transient:
            connection.outlet.finish(CloseCode.RESTART)
            return
        connection.actor = actor
        self._say_ok(connection, name)
        self._count_to_user(connection, actor)

    def _say_ok(self, connection: Connection, name: str | UnsetType) -> None:
        heartbeat_s, at = self.context.settings.heartbeat_s, self.context.clock.now()
        connection.say(Ok(id=name, conn=connection.name, server_time=at, version=VERSION, heartbeat_s=heartbeat_s))

    def _count_to_user(self, connection: Connection, actor: Actor) -> None:
        """Count the socket to its user; one too many takes the place of the oldest (4409)."""
        own = self._of_user.setdefault(actor.user_id, [])
        own.append(connection)
        if len(own) > self.limits.sockets_per_user:
            own.pop(0).outlet.finish(CloseCode.REPLACED)

    def _discount(self, connection: Connection, user_id: UUID | None) -> None:
        own = self._of_user.get(user_id, [])
        if connection in own:
            own.remove(connection)
        if not own:
            self._of_user.pop(user_id, None)

    # What is said

    async def hear(self, connection: Connection, frame: str | bytes) -> None:
        """Take one frame; whatever it holds, the answer goes to the connection's outlet."""
        received_at = self.context.clock.now()
        request = self._read(connection, frame)
        if not isinstance(request, Auth | Sub):
            self._take(connection, request, received_at)
        elif self._may_go_on(connection, request):
            connection.is_admitting = True  # what comes meanwhile waits its turn
            try:
                await self._admit(connection, request)
            finally:
                connection.is_admitting = False

    def hear_at_once(self, connection: Connection, frame: str) -> bool:
        """`hear`, for what needs no waiting; False if the frame, or the one before it, does: then nothing was done."""
        if connection.actor is None or connection.is_admitting:
            return False
        received_at = self.context.clock.now()
        request = self._read(connection, frame)
        if isinstance(request, Auth | Sub):
            return False
        self._take(connection, request, received_at)
        return True

    def _read(self, connection: Connection, frame: str | bytes) -> Request | None:
        if connection.outlet.is_over:
            return None
        try:
            return read(frame)
        except BadFrame as bad:
            connection.refuse(bad.error)
            return None

    def _take(self, connection: Connection, request: Ping | Command | None, received_at: datetime) -> None:
        actor = connection.actor
        if isinstance(request, Ping) and not self._may_go_on(connection, request):
            return
        match request:
            case None:
                pass
            case _ if actor is None:
                self._refuse_stranger(connection, request.id)
            case Ping():
                now = micros(self.context.clock.now())
                connection.say(Pong(id=request.id, t0=request.t0, t1=micros(received_at), t2=now))
            case _ if isinstance(request, SELLER_COMMANDS) and not self._has_patience(connection):
                connection.say(undecided(request, Reason.RATE_LIMITED, received_at, 1.0))
            case _:
                self._desk.take(connection, actor, request, received_at)

    async def _admit(self, connection: Connection, request: Auth | Sub) -> None:
        actor = connection.actor
        if isinstance(request, Auth):
            await self._authenticate(connection, request)
        elif actor is None:
            self._refuse_stranger(connection, request.id)
        else:
            await self._subscribe(connection, actor, request)

    def _refuse_stranger(self, connection: Connection, name: str) -> None:
        connection.error(name, ErrorCode.UNAUTHENTICATED, "send auth first")
        connection.outlet.finish(CloseCode.AUTH)

    def _may_go_on(self, connection: Connection, request: Auth | Sub | Ping) -> bool:
        if self._has_patience(connection):
            return True
        connection.error(request.id, ErrorCode.RATE_LIMITED, "too many frames; slow down")
        return False

    def _has_patience(self, connection: Connection) -> bool:
        if self._control.take(connection.name) == 0:
            return True
        self._lose_patience(connection)
        return False

    def _lose_patience(self, connection: Connection) -> None:
        """Hang up (4429) on who keeps sending more than is taken."""
        if self._patience.take(connection.name) > 0:
            connection.outlet.finish(CloseCode.RATE)

    async def _authenticate(self, connection: Connection, request: Auth) -> None:
        if connection.actor is not None:
            connection.error(request.id, ErrorCode.MALFORMED, "this socket is signed in already", "op")
            return
        if not request.token.startswith("mk_"):  # a session stays in its cookie
            connection.outlet.finish(CloseCode.AUTH)
            return
        await self.sign_in(connection, request.token, request.id)

    async def _subscribe(self, connection: Connection, actor: Actor, request: Sub) -> None:
        seats, outlet, auction_id = connection.seats, connection.outlet, request.auction
        if auction_id not in seats and len(seats) >= self.limits.subscriptions_per_socket:
            connection.error(request.id, ErrorCode.LIMIT, "this socket watches as many auctions as it may", "auction")
            return
        try:
            seat = await self._seat(actor, auction_id)
            await self.feed.join(auction_id, outlet, seat, from_seq=request.from_seq, epoch=request.epoch)
            seats[auction_id] = seat
            self._say_ok(connection, request.id)
        except MarketError as refusal:
            connection.error(request.id, problem_code(refusal), refusal.detail, "auction")

    async def _seat(self, actor: Actor, auction_id: UUID) -> Audience:
        """As whom the actor watches; a bidder that is suspended sees what everybody does.

        Raises `NoSuchAuction` if there is none, or none that the actor may see.
        """
        require(actor, scope="auctions:read")
        async with self._looking, self.context.db.begin(actor) as tx:
            auction = await bidding.find_auction(tx, auction_id)
            seat = await bidding.seat_of(tx, actor, auction)
            if seat.role is Seat.BIDDER and actor.org_id is not None:
                held = await store.seated(tx, {(auction_id, actor.org_id)}, self.context.clock.now())
                return seat if held else OBSERVER
            return seat

    # Time

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.context.settings.heartbeat_s)
            at = self.context.clock.now()
            for number, connection in enumerate(tuple(self._connections)):
                if number % _BEATS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # bids are answered in between
                if connection.actor is not None:
                    heads = {str(auction_id): self.feed.head(auction_id) for auction_id in connection.seats}
                    connection.beat(Heartbeat(at=at, heads=heads))

    async def _recheck(self) -> None:
        """Once per heartbeat: close the sockets of ended sessions and keys, and seat anew who became, or no longer is, a bidder."""
        while True:
            await asyncio.sleep(self.context.settings.heartbeat_s)
            try:
                await self._check_tokens()
                await self._check_seats()
            except Transient:
                _log.warning("live sockets wait for the database")
            except Exception as error:  # noqa: BLE001 - the check must go on for all the others
                _log.error("fault in recheck", exc_info=error)

    async def _check_tokens(self) -> None:
        """By session or key, not by token: a session goes on under another token when its person proves it anew."""
        by_way: dict[UUID | None, list[Connection]] = {}
        for connection in self._connections:
            if connection.actor is not None:
                by_way.setdefault(connection.actor.key_id or connection.actor.session_id, []).append(connection)
        ways = list(by_way.values())
        for start in range(0, len(ways), _CHECKED_AT_ONCE):
            async with self.context.db.begin(SYSTEM) as tx:
                for connections in ways[start : start + _CHECKED_AT_ONCE]:
                    actor = connections[0].actor
                    if actor is not None and not await parties.still_holds(tx, actor, self.context.clock.now()):
                        for connection in connections:
                            connection.outlet.finish(CloseCode.AUTH)

    async def _check_seats(self) -> None:
        held = [
            (connection, auction_id, org_id, seat)
            for connection in self._connections
            for auction_id, seat in connection.seats.items()
            if seat.role in {Seat.OBSERVER, Seat.BIDDER} and (org_id := connection.actor and connection.actor.org_id)
        ]
        if not held:
            return
        async with self.context.db.begin(SYSTEM) as tx:
            bidders = await store.seated(
                tx, {(auction_id, org_id) for _, auction_id, org_id, _ in held}, self.context.clock.now()
            )
        for connection, auction_id, org_id, seat in held:
            if ((auction_id, org_id) in bidders) is not (seat.role is Seat.BIDDER):
                self.feed.leave(auction_id, connection.outlet)
                connection.say(Resync(auction=auction_id, reason="your seat in this auction changed"))
