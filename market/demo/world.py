"""What the steps share: who is there, where the server is, and what is known of the sale so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from market.demo.bank import Bank
from market.demo.cast import Character
from market.demo.checks import Checks
from market.demo.options import Options
from market.demo.party import Party
from market.demo.teller import Teller
from market.kit.clock import Clock
from market.kit.ids import Chance
from market.settings import Settings


@dataclass
class Sale:
    """Ids and documents of the sale, as the server named them."""

    portfolio_id: str = ""
    pool_id: str = ""
    auction_id: str = ""
    settlement_id: str = ""
    known: dict[str, Any] = field(default_factory=dict)


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
    parties: dict[Character, Party] = field(default_factory=dict)
    sale: Sale = field(default_factory=Sale)

    def __getitem__(self, who: Character) -> Party:
        return self.parties[who]

    @property
    def mail(self) -> Path:
        return self.settings.data_dir / "mail"

    async def close(self) -> None:
        for party in self.parties.values():
            await party.close()
