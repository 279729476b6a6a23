"""The sale, told in six chapters."""

from market.demo.chapters import arrival, tape
from market.demo.world import World


async def tell(world: World) -> None:
    """Sell a portfolio from the first registration to the last cent."""
    await arrival.tell(world)
    await tape.tell(world)
