"""Whatever happens to a sale, in any order, with a process that dies at any commit: money and title stay right."""

import pytest

from tests import factories
from tests.settlement import lives


@pytest.mark.parametrize("seed", range(4))
async def test_money_and_title_stay_right_whatever_happens_to_a_sale(bank, seed):
    buyer = await factories.buyer(bank.context, bank.officers)
    life = await lives.begin(bank, seed, buyer, bank.buyers[0])
    await lives.lived(life, steps=45)
    assert life.took.get("tick")
    assert life.mortal.deaths
