"""The English format: every row of its table, and the edges of its rules."""

from auctions.messages import Outcome
from tests.auctions.samples import Hall, kinds, outcome


def test_the_first_ceiling_leads_at_the_opening_bid():
    hall = Hall()
    assert kinds(hall.ceiling("ada", 3_000)) == ["auction_opened", "bid_accepted", "reserve_met"]
    assert hall.stands == ("ada", 1_000, 3_000)


def test_a_higher_ceiling_leads_one_step_above_the_old_one():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    assert outcome(hall.ceiling("bob", 4_000)) is Outcome.LEADING
    assert hall.stands == ("bob", 3_100, 4_000)
