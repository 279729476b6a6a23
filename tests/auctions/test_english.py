"""The English format: every row of its table, and the amounts at its edges."""

import pytest

from auctions.messages import Outcome, Reason
from auctions.terms import MAX_CENTS, IncrementStep
from tests.auctions.samples import Hall, kinds, outcome, reason, terms


def test_the_first_ceiling_leads_at_the_opening_bid():
    hall = Hall()
    assert kinds(hall.ceiling("ada", 3_000)) == ["auction_opened", "bid_accepted", "reserve_met"]
    assert hall.stands == ("ada", 1_000, 3_000)


def test_the_first_exact_bid_leads_at_its_amount():
    hall = Hall()
    hall.bid("ada", 3_000)
    assert hall.stands == ("ada", 3_000, 3_000)


def test_a_first_ceiling_that_reaches_the_reserve_leads_at_the_reserve():
    hall = Hall(terms(reserve_cents=2_500))
    assert "reserve_met" in kinds(hall.ceiling("ada", 3_000))
    assert hall.stands == ("ada", 2_500, 3_000)


def test_a_first_ceiling_below_the_reserve_leads_at_the_opening_bid():
    hall = Hall(terms(reserve_cents=2_500))
    assert kinds(hall.ceiling("ada", 2_499)) == ["auction_opened", "bid_accepted"]
    assert hall.stands == ("ada", 1_000, 2_499)
    assert not hall.auction.reserve_met


def test_a_ceiling_equal_to_the_reserve_meets_it():
    hall = Hall(terms(reserve_cents=2_500))
    hall.ceiling("ada", 2_500)
    assert hall.stands == ("ada", 2_500, 2_500)
    assert hall.auction.reserve_met


def test_a_higher_ceiling_leads_one_step_above_the_old_one():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    assert outcome(hall.ceiling("bob", 4_000)) is Outcome.LEADING
    assert hall.stands == ("bob", 3_100, 4_000)


def test_a_higher_ceiling_less_than_a_step_above_the_old_one_leads_at_itself():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.ceiling("bob", 3_001)
    assert hall.stands == ("bob", 3_001, 3_001)


def test_a_higher_exact_bid_leads_at_its_amount():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    assert outcome(hall.bid("bob", 4_200)) is Outcome.LEADING
    assert hall.stands == ("bob", 4_200, 4_200)


@pytest.mark.parametrize("kind", ["bid", "ceiling"])
def test_of_two_equal_offers_the_earlier_leads_at_that_amount_and_the_later_is_told(kind):
    hall = Hall()
    hall.ceiling("ada", 3_000)
    decision = getattr(hall, kind)("bob", 3_000)
    assert outcome(decision) is Outcome.OUTBID_TIE
    assert decision.notice is Reason.OUTBID_TIE
    assert hall.stands == ("ada", 3_000, 3_000)


def test_a_lower_offer_lifts_the_price_one_step_above_itself():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    decision = hall.ceiling("bob", 2_000)
    assert outcome(decision) is Outcome.OUTBID
    assert decision.notice is None
    assert hall.stands == ("ada", 2_100, 3_000)


def test_a_lower_offer_lifts_the_price_no_further_than_the_leaders_ceiling():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.bid("bob", 2_950)
    assert hall.stands == ("ada", 3_000, 3_000)


def test_a_lower_offer_takes_the_price_to_the_reserve_when_the_leaders_ceiling_reaches_it():
    hall = Hall(terms(reserve_cents=2_500))
    hall.ceiling("ada", 2_499)
    hall.ceiling("ada", 2_600)
    assert hall.stands == ("ada", 2_500, 2_600)
    hall.ceiling("bob", 2_600)
    assert hall.stands == ("ada", 2_600, 2_600)


def test_a_raised_ceiling_that_reaches_the_reserve_moves_the_price_and_says_so():
    hall = Hall(terms(reserve_cents=2_500))
    hall.bid("ada", 1_500)
    decision = hall.ceiling("ada", 2_700)
    assert kinds(decision) == ["bid_accepted", "reserve_met"]
    assert outcome(decision) is Outcome.LEADING
    assert hall.stands == ("ada", 2_500, 2_700)


def test_a_leader_raises_its_ceiling_by_the_increment_and_nothing_else_changes():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    decision = hall.ceiling("ada", 3_100)
    assert kinds(decision) == ["bid_accepted"]
    assert outcome(decision) is Outcome.RAISED
    assert hall.stands == ("ada", 1_000, 3_100)
    assert hall.auction.bid_count == 1


def test_under_the_first_rules_a_leader_raised_its_ceiling_by_a_cent():
    hall = Hall(terms(rules=1))
    hall.ceiling("ada", 3_000)
    assert outcome(hall.ceiling("ada", 3_001)) is Outcome.RAISED


@pytest.mark.parametrize("cents", [2_999, 3_000, 3_001, 3_099])
def test_a_leader_does_not_lower_its_ceiling_by_bidding(cents):
    hall = Hall()
    hall.ceiling("ada", 3_000)
    decision = hall.ceiling("ada", cents)
    assert reason(decision) is Reason.BID_TOO_LOW
    assert decision.min_next_cents == 3_100


def test_a_leader_who_bids_an_exact_amount_jumps_over_its_own_ceiling_by_the_ladder():
    hall = Hall()
    hall.bid("ada", 3_000)
    assert reason(hall.bid("ada", 3_099)) is Reason.BID_TOO_LOW
    hall.bid("ada", 3_100)
    assert hall.stands == ("ada", 3_100, 3_100)


def test_a_lowered_ceiling_is_the_price_and_the_bid_stands():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.bid("bob", 2_000)
    assert kinds(hall.lower("ada")) == ["ceiling_lowered"]
    assert hall.stands == ("ada", 2_100, 2_100)


def test_only_a_leader_with_a_ceiling_above_the_price_can_lower_it():
    hall = Hall()
    assert reason(hall.lower("ada")) is Reason.NO_CEILING
    hall.ceiling("ada", 3_000)
    assert reason(hall.lower("bob")) is Reason.NO_CEILING
    hall.lower("ada")
    assert reason(hall.lower("ada")) is Reason.NO_CEILING


@pytest.mark.parametrize("kind", ["bid", "ceiling"])
def test_an_offer_below_the_opening_bid_is_too_low(kind):
    hall = Hall()
    decision = getattr(hall, kind)("ada", 999)
    assert reason(decision) is Reason.BID_TOO_LOW
    assert decision.min_next_cents == 1_000
    assert hall.auction.leader is None


@pytest.mark.parametrize("kind", ["bid", "ceiling"])
def test_an_offer_less_than_a_step_above_the_price_is_too_low(kind):
    hall = Hall()
    hall.bid("ada", 1_000)
    decision = getattr(hall, kind)("bob", 1_099)
    assert reason(decision) is Reason.BID_TOO_LOW
    assert decision.min_next_cents == 1_100
    assert hall.stands == ("ada", 1_000, 1_000)


def test_n_equal_exact_bids_give_one_accepted_bid():
    hall = Hall()
    answers = [hall.bid(f"bidder-{number}", 1_000) for number in range(20)]
    assert [type(answer).__name__ for answer in answers] == ["Accepted"] + ["Refused"] * 19


def test_a_lower_bid_after_a_higher_one_is_too_low():
    hall = Hall()
    hall.bid("ada", 2_000)
    assert reason(hall.bid("bob", 1_500)) is Reason.BID_TOO_LOW


def test_the_step_follows_the_ladder_at_its_edges():
    hall = Hall(terms(increments=(IncrementStep(0, 7), IncrementStep(2_000, 300), IncrementStep(9_000, 301))))
    for price, least in [(1_999, 2_006), (2_006, 2_306), (8_999, 9_299), (9_299, 9_600)]:
        hall.bid(f"bidder-{price}", price)
        assert hall.auction.min_next_cents == least


def test_a_step_that_jumps_over_whole_rungs_counts_from_where_the_price_stands():
    hall = Hall(terms(increments=(IncrementStep(0, 600), IncrementStep(1_500, 700), IncrementStep(1_550, 800))))
    hall.ceiling("ada", 1_499)
    hall.ceiling("bob", 6_500)
    assert hall.stands == ("bob", 2_099, 6_500)
    assert hall.auction.min_next_cents == 2_899


def test_an_offer_between_two_amounts_of_the_ladder_is_as_good_as_any():
    hall = Hall()
    hall.bid("ada", 1_033)
    hall.ceiling("bob", 1_777)
    assert hall.stands == ("bob", 1_133, 1_777)


def test_the_price_stops_at_the_greatest_amount_there_is():
    hall = Hall()
    hall.ceiling("ada", MAX_CENTS)
    hall.ceiling("bob", MAX_CENTS)
    assert hall.stands == ("ada", MAX_CENTS, MAX_CENTS)
    assert reason(hall.bid("cy", MAX_CENTS)) is Reason.BID_TOO_LOW


def test_the_winner_pays_the_price_not_the_ceiling():
    hall = Hall()
    hall.ceiling("ada", 9_000)
    hall.ceiling("bob", 2_000)
    assert kinds(hall.close()) == ["auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 2_100)


def test_an_auction_without_bids_fails():
    hall = Hall()
    assert kinds(hall.close()) == ["auction_closed", "auction_failed"]
    assert hall.auction.phase_reason == "NO_BIDS"


def test_an_auction_whose_reserve_is_not_met_fails():
    hall = Hall(terms(reserve_cents=2_500))
    hall.bid("ada", 2_499)
    hall.close()
    assert (hall.auction.phase_reason, hall.auction.winner) == ("RESERVE_NOT_MET", None)


def test_buying_now_ends_the_auction_at_that_amount():
    hall = Hall(terms(buy_now_cents=8_000))
    hall.ceiling("ada", 9_500)
    assert kinds(hall.buy("bob")) == ["bought_now", "auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("bob", 8_000)


def test_of_two_who_buy_now_the_first_gets_it():
    hall = Hall(terms(buy_now_cents=8_000))
    hall.buy("ada")
    assert reason(hall.buy("bob")) is Reason.TOO_LATE
    assert reason(hall.bid("bob", 9_000)) is Reason.TOO_LATE
    assert kinds(hall.close()) == []
    assert hall.auction.winner == "ada"


def test_a_bid_before_buying_now_keeps_it_open_until_the_price_reaches_it():
    hall = Hall(terms(buy_now_cents=8_000))
    hall.bid("ada", 7_999)
    assert reason(Hall().buy("bob")) is Reason.NO_BUY_NOW
    hall.bid("bob", 8_499)
    assert reason(hall.buy("cy")) is Reason.NO_BUY_NOW
    assert hall.auction.leader == "bob"
