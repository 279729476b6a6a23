"""Transactions that cannot be had."""

import pytest

from market.db.session import Database
from market.kit.actor import SYSTEM
from market.kit.errors import Transient


async def test_who_finds_every_connection_taken_is_told_that_it_will_pass(urls):
    db = Database(urls.app, urls.officer, pool_count=1, patience_s=0.01)
    async with db.begin(SYSTEM):
        with pytest.raises(Transient):
            async with db.begin(SYSTEM):
                pass
    async with db.begin(SYSTEM):
        pass
    await db.close()
