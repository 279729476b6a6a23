"""The awards of simulated market days are settled on the real database. `python -m bench.days` settles as many as one likes."""

from dataclasses import replace

import pytest
import pytest_asyncio

from market.db.cluster import drop_database
from market.settlement import moves
from tests.settlement.banks import opened
from tests.simulation.market_day import Day
from tests.simulation.settling import awards_of, settle

_SALES = 5
"""Of one day, so that it takes seconds."""


@pytest_asyncio.fixture
async def market(cluster, tmp_path):
    name, urls = await cluster.fresh_database()
    async with opened(urls, tmp_path, buyer_count=0) as bank:
        yield bank
    await drop_database(cluster.admin_url, name)


def played(seed):
    day = Day(seed)
    day.run()
    return day


async def test_what_a_market_day_sold_is_settled_to_the_last_cent_whatever_goes_wrong(market):
    day = played(1)
    assert len(awards_of(day)) > _SALES
    happened = await settle(market, day, most_sales=_SALES)
    assert sum(count for what, count in happened.items() if what.startswith("a sale ends as")) >= _SALES
    assert happened["a sale is released"], happened
    assert happened["a process dies at a commit"], happened
    assert happened["a sale ends as buyer_default"], happened
    assert happened["somebody does second_taken"], happened


async def test_a_ledger_with_a_fault_is_found_out_with_the_days_seed(market, monkeypatch):
    """The fee of every sale goes to the seller."""
    faultless = moves.released

    def faulty(settlement):
        return [
            move if move.kind != "commission" else replace(move, credit=moves.cash(settlement.seller_org_id))
            for move in faultless(settlement)
        ]

    monkeypatch.setattr(moves, "released", faulty)
    with pytest.raises(AssertionError, match="a market day was not settled well: seed 1"):
        await settle(market, played(1), most_sales=_SALES)
