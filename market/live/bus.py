"""Hints between nodes by NATS, for those who have one: which auctions have moved, and to which event.

Only as much of the protocol as hints need (https://docs.nats.io/reference/reference-protocols/nats-protocol): one subject,
no acknowledgement. A hint that is lost, doubled or forged does no harm, since the events are read from the database.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit
from uuid import UUID

import msgspec
import structlog

_log = structlog.get_logger()

_PORT = 4222
_CONNECT_S = 5.0
_SILENCE_S = 150.0
"""A server pings every 2 minutes unless told otherwise; one that is silent for longer is gone."""
_MAX_HINT_BYTES = 1_000_000
_MAX_UNSENT_BYTES = 4_000_000

Heads = Mapping[UUID, int]

_decoder: msgspec.json.Decoder[dict[UUID, int]] = msgspec.json.Decoder(dict[UUID, int])


class BusError(Exception):
    """The bus cannot be spoken to. `str` holds no password."""


class Bus:
    """One connection. `run` holds it, and raises when it is lost; `tell` sends on it while there is one."""

    def __init__(self, url: str, *, subject: str, heard: Callable[[Heads], None]) -> None:
        """`url`: nats:// or tls://user:password@host:port, or token@host. `heard` is called with other nodes' hints."""
        self._at = urlsplit(url)
        self._subject = subject
        self._heard = heard
        self._writer: asyncio.StreamWriter | None = None

    @property
    def is_up(self) -> bool:
        """Whether hints reach the bus now."""
        return self._writer is not None

    def tell(self, heads: Heads) -> None:
        """Send a hint to the other nodes, without waiting; dropped if the bus is down or does not take what it is sent."""
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            return
        hint = msgspec.json.encode(heads)
        writer.write(b"PUB %b %d\r\n%b\r\n" % (self._subject.encode(), len(hint), hint))

    async def run(self, *, connected: Callable[[], object]) -> None:
        """Be connected until the connection is lost. Raises `BusError`, `OSError`."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(_CONNECT_S):
                host, port = self._at.hostname or "127.0.0.1", self._at.port or _PORT
                reader, writer = await asyncio.open_connection(host, port, limit=_MAX_HINT_BYTES)
                await self._greet(reader, writer, host)
            self._writer = writer
            connected()
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    await self._take(await reader.readline(), reader, writer)
        except (ValueError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            raise BusError(f"the bus of hints: {type(error).__name__}") from None
        finally:
            self._writer = None
            if writer is not None:
                writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        verb, _, info = (await reader.readline()).partition(b" ")
        if verb != b"INFO":
            raise BusError("the bus of hints is no NATS server")
        if self._at.scheme == "tls" or msgspec.json.decode(info).get("tls_required"):
            await writer.start_tls(ssl.create_default_context(), server_hostname=host)
        writer.write(b"CONNECT %b\r\nSUB %b 1\r\nPING\r\n" % (self._login(), self._subject.encode()))
        while (line := (await reader.readline()).strip()) != b"PONG":
            if not line or line.startswith(b"-ERR"):
                raise BusError(f"the bus of hints refuses us: {line[:100].decode('ascii', 'replace')}")

    def _login(self) -> bytes:
        """Our own hints are not sent back to us."""
        login: dict[str, object] = {"verbose": False, "pedantic": False, "echo": False, "lang": "python"}
        login |= {"version": "1", "protocol": 1, "name": "market"}
        user, password = self._at.username, self._at.password
        if user is not None and password is not None:
            login |= {"user": unquote(user), "pass": unquote(password)}
        elif user is not None:
            login |= {"auth_token": unquote(user)}
        return msgspec.json.encode(login)

    async def _take(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb, _, rest = line.strip().partition(b" ")
        match verb.upper():
            case b"MSG":
                size = int(rest.split()[-1])
                if size > _MAX_HINT_BYTES:
                    raise BusError("the bus of hints sends what is no hint")
                hint = await reader.readexactly(size + 2)
                try:
                    self._heard(_decoder.decode(hint[:-2]))
                except msgspec.DecodeError:
                    _log.warning("what came over the bus of hints is no hint", bytes=size)
            case b"PING":
                writer.write(b"PONG\r\n")
            case b"PONG" | b"+OK" | b"INFO":
                pass
            case b"":
                raise BusError("the bus of hints hung up")
            case _:
                raise BusError(f"the bus of hints says {line[:100].decode('ascii', 'replace')}")
