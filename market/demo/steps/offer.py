"""The pool goes up for auction, and buyers look at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from market.client.portfolios import Pool
from market.demo.cast import SELLER, Character
from market.demo.world import World


@dataclass(frozen=True, slots=True)
class Figures:
    """Amounts of the auction in minor units, made from the pool's face value."""

    opening_cents: int
    increment_cents: int
    reserve_cents: int
    deposit_cents: int

    @classmethod
    def of(cls, face_value_cents: int) -> "Figures":
        """Opening at about 4 cents on the dollar, the reserve eight increments above it, a fifth of the opening down."""
        opening, increment = rounded(face_value_cents * 4 // 100), rounded(face_value_cents // 400)
        return cls(opening, increment, opening + 8 * increment, rounded(opening // 5))

    def step(self, count: int) -> int:
        """The opening and so many increments."""
        return self.opening_cents + count * self.increment_cents


def rounded(cents: int) -> int:
    """Down to two significant digits, at least 1: an amount that people would name."""
    unit: int = 10 ** max(0, len(str(cents)) - 2)
    return max(1, cents // unit * unit)


async def publish(
    world: World, pool: Pool, figures: Figures, *, opens_at: datetime, open_for: timedelta, window_s: int
) -> None:
    """An English auction with reserve, increment and soft close; the close may move by as long again.

    A pool that is on offer already keeps its auction.
    """
    seller = world[SELLER]
    if pool.state == "offered" and pool.auction_id is not None:
        world.sale.auction_id = pool.auction_id
        return
    closes_at = opens_at + open_for
    published = await seller.publish_auction(
        pool_id=pool.pool_id,
        terms={
            "opening_cents": figures.opening_cents,
            "reserve_cents": figures.reserve_cents,
            "increments": [{"from_cents": 0, "increment_cents": figures.increment_cents}],
            "opens_at": opens_at,
            "closes_at": closes_at,
            "latest_close_at": closes_at + open_for,
            "soft_close_window_s": window_s,
            "soft_close_extension_s": window_s,
        },
        deposit_cents=figures.deposit_cents,
    )
    world.sale.auction_id = published.auction_id


async def accept_nda(world: World, who: Character) -> None:
    """A buyer reads the terms and accepts them."""
    terms = await world[who].nda(world.sale.pool_id)
    await world[who].accept_nda(world.sale.pool_id, terms.nda_version)


async def take_files(world: World, who: Character) -> dict[str, bytes]:
    """The masked file at both stages."""
    return {
        stage: await world[who].download_masked_file(world.sale.pool_id, stage=stage) for stage in ("preview", "vetted")
    }


async def place_deposit(world: World, who: Character) -> None:
    """Reserve the deposit out of the buyer's cash; the same key again changes nothing."""
    await world[who].place_deposit(world.sale.auction_id, key=f"deposit of {who.label}")
