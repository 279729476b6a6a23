"""Who may open a socket: how often from one network address, and how many that have not said who they are."""

from collections import Counter

from market.db.context import Context
from market.kit.rates import Rates
from market.live.connection import Connection

_STRANGERS_PER_NODE = 1_000
_STRANGERS_PER_ADDRESS = 20
_HANDSHAKES_PER_MINUTE = 300


class Gate:
    """The node's count of its sockets. Half of the node's connections at most are sockets, so HTTP keeps the others.

    Clients behind one address reconnect together after a restart, so an address has as many handshakes a minute as
    requests, or ten for every sign-in, and never less than 300.
    """

    def __init__(self, context: Context) -> None:
        settings = context.settings
        per_minute = max(_HANDSHAKES_PER_MINUTE, settings.requests_per_minute, settings.signins_per_minute * 10)
        self._handshakes = Rates(context.clock, per_second=per_minute / 60, burst=per_minute)
        self._most_sockets = settings.connection_count // 2
        self._most_strangers = max(_STRANGERS_PER_ADDRESS, settings.signins_per_minute)
        self._inside: set[Connection] = set()
        self._strangers: dict[Connection, str] = {}
        self._strangers_of: Counter[str] = Counter()

    def enter(self, connection: Connection, address: str, *, has_token: bool) -> bool:
        """False if the socket is one too many. One whose handshake carries a token is known, or closed, in a moment."""
        if self._handshakes.take(address) or len(self._inside) >= self._most_sockets:
            return False
        if not has_token:
            if len(self._strangers) >= _STRANGERS_PER_NODE or self._strangers_of[address] >= self._most_strangers:
                return False
            self._strangers[connection] = address
            self._strangers_of[address] += 1
        self._inside.add(connection)
        return True

    def recognise(self, connection: Connection) -> None:
        """The socket is signed in, or gone: no stranger any more."""
        address = self._strangers.pop(connection, None)
        if address is not None:
            self._strangers_of[address] -= 1
            if not self._strangers_of[address]:
                del self._strangers_of[address]

    def leave(self, connection: Connection) -> None:
        self._inside.discard(connection)
        self.recognise(connection)
