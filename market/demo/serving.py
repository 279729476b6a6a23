"""`market serve --with-demo`: the server of this installation, with parties and an open auction in it."""

from market import process
from market.settings import Settings


async def serve(settings: Settings) -> int:
    """Run the server until Ctrl-C."""
    await process.serve(settings)
    return 0
