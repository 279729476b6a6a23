"""Whatever happens to sales, in any order, with a process that dies at any commit: money and title stay right."""

import pytest
import pytest_asyncio

from market.db.cluster import drop_database
from tests.settlement import lives, promises
from tests.settlement.banks import opened


@pytest_asyncio.fixture(scope="module")
async def market(cluster, tmp_path_factory):
    """Of its own: what these lives leave behind would be in the way of others."""
    name, urls = await cluster.fresh_database()
    async with opened(urls, tmp_path_factory.mktemp("lives"), buyer_count=0) as bank:
        yield bank
    await drop_database(cluster.admin_url, name)


@pytest.mark.parametrize("seed", promises.PROMISED)
async def test_money_and_title_stay_right_whatever_happens_to_sales(market, seed):
    """Seven rounds: each currency, several sales of the same parties at once, taxes, tiers and payers drawn."""
    ways, promised = promises.PROMISED[seed]
    some = await lives.begin(market, seed, least=len(ways))
    await promises.lead(some, ways)
    await lives.lived(some, steps=16)
    assert some.took["tick"]
    assert some.mortal.deaths
    assert promised - await promises.seen_by(some) == set(), (some.took, some.refused)


def test_all_that_may_happen_is_promised_by_some_seed():
    assert set().union(*(promised for _, promised in promises.PROMISED.values())) == promises.ALL


def test_the_seeds_draw_every_currency():
    assert {lives.random.Random(seed).choice(lives.CURRENCIES) for seed in range(6)} == {*lives.CURRENCIES}
