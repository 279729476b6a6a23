"""What the steps share: who is there, where the server is, and what is known of the sale so far."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from pathlib import Path
from uuid import UUID

from market.client.http import ProblemError
from market.client.market import MarketClient
from market.demo.bank import Bank
from market.demo.cast import Character
from market.demo.checks import Checks
from market.demo.options import Options
from market.demo.teller import Teller
from market.kit.clock import Clock
from market.kit.ids import Chance
from market.settings import Settings

_NOBODY = UUID(int=0)
_USUAL_S = 30
"""How long the story takes up to the auction on two cores that have nothing else to do."""
_MOST_TIMES = 8


def stretched(seconds: float, *, since: datetime, now: datetime) -> int:
    """A span of the auction in seconds, longer on a machine that took longer than usual to come so far."""
    times = (now - since).total_seconds() / _USUAL_S
    return ceil(seconds * min(_MOST_TIMES, max(1.0, times)))


@dataclass
class Sale:
    """Ids of the sale, as the server named them."""

    portfolio_id: UUID = _NOBODY
    pool_id: UUID = _NOBODY
    auction_id: UUID = _NOBODY
    settlement_id: UUID = _NOBODY
    waiting_case_id: UUID = _NOBODY
    """The case that is approved only while the auction runs."""
    window_s: int = 0
    """The auction's soft-close window."""


@dataclass
class World:
    """Everything a step may use. `settings` are the server's; a step reads only its address and its mail folder."""

    settings: Settings
    options: Options
    clock: Clock
    chance: Chance
    teller: Teller
    checks: Checks
    bank: Bank
    begun_at: datetime
    clients: dict[Character, MarketClient] = field(default_factory=dict)
    passwords: dict[Character, str] = field(default_factory=dict, repr=False)
    apps: dict[Character, str] = field(default_factory=dict, repr=False)
    """The secrets of the authenticator apps of those who enrolled one, base32."""
    keep_apps: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called when `apps` has a new one."""
    sale: Sale = field(default_factory=Sale)
    private_key: bytes = field(default=b"", repr=False)
    """Of the winner; made when it signs."""
    agreement: bytes = field(default=b"", repr=False)
    """The PDF that both signed, not sealed yet."""
    masked: dict[Character, bytes] = field(default_factory=dict, repr=False)
    """The vetted masked file of the pool, as each buyer took it, under tokens of its own."""

    def __getitem__(self, who: Character) -> MarketClient:
        """The client with this person's own session."""
        return self.clients[who]

    @property
    def mail(self) -> Path:
        return self.settings.data_dir / "mail"

    def seat(self, *people: Character) -> None:
        """Give each a client of its own, and a random password unless it has one."""
        for who in people:
            self.passwords.setdefault(who, self.chance.token(15))
            self.clients.setdefault(who, MarketClient(self.settings.public_url, clock=self.clock, chance=self.chance))

    async def close(self) -> None:
        """Hang up."""
        for client in self.clients.values():
            await client.__aexit__(None, None, None)


async def refusal(asked: Awaitable[object]) -> ProblemError | None:
    """Await what ought to be refused: the problem, or None if it was allowed."""
    try:
        await asked
    except ProblemError as problem:
        return problem
    return None


def slug_of(problem: ProblemError | None) -> str | None:
    """Which problem it was."""
    return problem.slug if problem else None


def code_of(problem: ProblemError | None) -> str | None:
    """The code of a refused bid."""
    return problem.code if problem else None
