"""The platform's own key for fingerprints: drawn once, wrapped by the vault, seen by no organisation."""

import asyncio

from market.db.context import Context
from market.kit.actor import SYSTEM
from market.portfolios.store import keys as store

_KEY_BYTES = 32
_FINGERPRINTS = "fingerprints"


async def print_key(context: Context) -> bytes:
    """The key of account fingerprints; the first to ask draws it."""
    bound_to = f"platform/{_FINGERPRINTS}"
    async with context.db.begin(SYSTEM) as tx:
        wrapped = await store.platform_key(tx, _FINGERPRINTS)
    if wrapped is None:
        drawn = await asyncio.to_thread(context.vault.wrap, context.chance.entropy(_KEY_BYTES), bound_to)
        async with context.db.begin(SYSTEM) as tx:
            await store.add_platform_key(tx, _FINGERPRINTS, drawn, context.clock.now())
        async with context.db.begin(SYSTEM) as tx:
            wrapped = await store.platform_key(tx, _FINGERPRINTS)
    if wrapped is None:
        raise AssertionError("the platform's key was just kept")
    return await asyncio.to_thread(context.vault.unwrap, wrapped, bound_to)
