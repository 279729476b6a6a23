"""The sale, told in six chapters."""

from market.demo.chapters import arrival, bidding, listing, settling, summary, tape
from market.demo.world import World


async def tell(world: World) -> None:
    """Sell a portfolio from the first registration to the last cent."""
    await arrival.tell(world)
    await tape.tell(world)
    pool, figures = await listing.tell(world)
    await bidding.tell(world, figures)
    winner, received = await settling.tell(world, pool)
    await summary.tell(world, pool, winner, received)
