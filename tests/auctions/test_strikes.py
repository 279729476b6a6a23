"""Bids that the seller refuses or the operator voids: as if they had never been made, but for what they have shown."""

import pytest

from auctions.engine import replay
from auctions.messages import Pause, Reason, Standing
from auctions.terms import LATEST_RULES
from auctions.views import Audience, Role, snapshot
from tests.auctions.samples import CLOSES_AT, US, Hall, kinds, reason, terms


def last_bid(hall):
    return next(event.seq for event in reversed(hall.log) if event.kind == "bid_accepted")


@pytest.mark.parametrize(("strike", "kind"), [("refuse", "bid_refused_by_seller"), ("void", "bid_voided")])
def test_striking_out_the_leaders_bid_gives_the_lead_back(strike, kind):
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.ceiling("bob", 2_000)
    hall.ceiling("cy", 5_000)
    assert hall.stands == ("cy", 3_100, 5_000)
    assert kinds(getattr(hall, strike)(last_bid(hall))) == [kind]
    assert hall.stands == ("ada", 2_100, 2_100)


def test_striking_out_the_second_bid_lowers_the_price_of_the_leader():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.ceiling("bob", 2_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 3_000)


def test_striking_out_the_only_bid_leaves_no_price():
    hall = Hall()
    hall.bid("ada", 3_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == (None, None, None)
    assert hall.auction.min_next_cents == 1_000
    assert not hall.auction.reserve_met


def test_the_reserve_can_be_missed_again_and_met_again():
    hall = Hall(terms(reserve_cents=2_500))
    hall.bid("ada", 1_500)
    hall.bid("bob", 2_600)
    hall.refuse(last_bid(hall))
    assert not hall.auction.reserve_met
    assert "reserve_met" in kinds(hall.bid("cy", 2_500))


def test_an_earlier_bid_of_the_same_bidder_stands_again():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.bid("bob", 1_600)
    hall.bid("ada", 9_000)
    hall.void(last_bid(hall))
    assert hall.stands == ("bob", 1_600, 1_600)
    hall.void(last_bid(hall) - 1)
    assert hall.stands == ("ada", 1_500, 1_500)


def test_a_raised_ceiling_falls_with_the_bid_it_raised():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.ceiling("bob", 2_000)
    bid = last_bid(hall)
    hall.ceiling("bob", 9_000)
    hall.refuse(bid)
    assert hall.stands == ("ada", 1_500, 1_500)
    assert reason(hall.refuse(bid + 1)) is Reason.NO_SUCH_BID


def test_a_raise_can_be_struck_out_alone():
    hall = Hall()
    hall.ceiling("bob", 2_000)
    hall.ceiling("bob", 9_000)
    hall.void(last_bid(hall))
    assert hall.stands == ("bob", 1_000, 2_000)


def test_a_lowered_ceiling_stays_lowered():
    hall = Hall()
    hall.ceiling("ada", 9_000)
    hall.bid("bob", 2_000)
    bid = last_bid(hall)
    hall.lower("ada")
    hall.void(bid)
    assert hall.stands == ("ada", 1_000, 2_100)


def test_a_bid_is_struck_out_once():
    hall = Hall()
    hall.bid("ada", 1_500)
    bid = last_bid(hall)
    hall.refuse(bid)
    assert reason(hall.refuse(bid)) is Reason.NO_SUCH_BID
    assert reason(hall.void(bid)) is Reason.NO_SUCH_BID


@pytest.mark.parametrize("seq", [1, 2, 99])
def test_what_is_no_bid_cannot_be_struck_out(seq):
    hall = Hall()
    hall.bid("ada", 1_500)
    assert reason(hall.refuse(seq)) is Reason.NO_SUCH_BID


def test_bids_are_struck_out_until_the_close_and_not_after():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.bid("bob", 1_600)
    kinds(hall.refuse(last_bid(hall), at=CLOSES_AT - US))
    assert reason(hall.refuse(3, at=CLOSES_AT)) is Reason.TOO_LATE
    assert reason(hall.void(3, at=CLOSES_AT)) is Reason.TOO_LATE
    hall.close()
    assert reason(hall.void(3)) is Reason.TOO_LATE
    assert hall.auction.winner == "ada"


def test_bids_can_be_struck_out_during_a_pause():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.say(Pause(reason="x"))
    kinds(hall.void(last_bid(hall), at=CLOSES_AT + US))


def test_striking_out_does_not_move_the_close():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.void(last_bid(hall), at=CLOSES_AT - US)
    assert hall.auction.closes_at == CLOSES_AT


def test_the_bidder_of_a_voided_bid_may_bid_again_unless_its_standing_says_otherwise():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.void(last_bid(hall))
    hall.bid("ada", 1_500)
    assert hall.stands == ("ada", 1_500, 1_500)
    assert hall.auction.paddles == {"ada": 1}


def test_a_refused_bidder_may_say_nothing_more_in_this_auction():
    hall = Hall(terms(buy_now_cents=50_000))
    hall.ceiling("ada", 3_000)
    hall.refuse(last_bid(hall))
    uncleared = Standing(refusal=Reason.NOT_CLEARED)
    for again in (
        hall.bid("ada", 9_000),
        hall.ceiling("ada", 9_000, standing=uncleared),
        hall.lower("ada"),
        hall.buy("ada"),
    ):
        assert reason(again) is Reason.NOT_ELIGIBLE
    assert replay(hall.log).refused == {"ada"}


def test_all_bids_of_a_refused_bidder_fall():
    hall = Hall()
    hall.bid("eve", 1_500)
    first = last_bid(hall)
    hall.ceiling("ada", 4_000)
    hall.ceiling("eve", 3_000)
    hall.bid("eve", 9_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 1_000)
    assert reason(hall.refuse(first)) is Reason.NO_SUCH_BID
    assert reason(hall.void(first)) is Reason.NO_SUCH_BID


def test_a_ceiling_that_a_struck_bid_has_shown_is_spent():
    """A shill overbids, all see how far ada goes, the seller refuses the shill, and a second one drives ada up to there."""
    hall = Hall()
    hall.ceiling("ada", 9_000)
    hall.ceiling("shill", 50_000)
    assert hall.auction.price_cents == 9_500
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 1_000)
    assert snapshot(hall.auction, Audience(Role.BIDDER, "ada"))["your_ceiling_cents"] == 1_000
    hall.bid("friend", 8_900)
    assert hall.stands == ("friend", 8_900, 8_900)


def test_a_ceiling_that_a_struck_bid_beat_from_above_is_spent_too():
    hall = Hall()
    hall.ceiling("shill", 50_000)
    hall.ceiling("ada", 9_000)
    assert hall.auction.price_cents == 9_500
    hall.refuse(3)
    assert hall.stands == ("ada", 1_000, 1_000)


def test_a_spent_ceiling_stays_spent_whatever_is_struck_out_later():
    hall = Hall()
    hall.ceiling("ada", 9_000)
    for shill in ("s1", "s2", "s3"):
        hall.ceiling(shill, 50_000)
        hall.refuse(last_bid(hall))
        assert hall.stands == ("ada", 1_000, 1_000)
    hall.bid("bob", 1_100)
    hall.void(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 1_000)
    assert replay(hall.log) == hall.auction


def test_who_leads_again_may_set_a_new_ceiling_and_keeps_it():
    hall = Hall()
    hall.ceiling("ada", 9_000)
    hall.ceiling("shill", 50_000)
    hall.refuse(last_bid(hall))
    hall.ceiling("ada", 4_000)
    hall.bid("bob", 2_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 4_000)


def test_refusing_a_losing_bid_leaves_the_leader_its_ceiling():
    """The seller learns no more of it than by letting the bid stand, and gets less."""
    hall = Hall()
    hall.ceiling("ada", 9_000)
    hall.bid("shill", 5_000)
    assert hall.stands == ("ada", 5_500, 9_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 9_000)


def test_what_honest_rivals_bid_holds_when_a_bid_between_them_is_struck_out():
    hall = Hall()
    hall.ceiling("ada", 4_000)
    hall.ceiling("bob", 3_000)
    hall.ceiling("shill", 50_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 3_100, 3_100)
    hall.ceiling("bob", 3_500)
    assert hall.stands == ("bob", 3_200, 3_500)


def a_raise_that_had_only_fended_off(rules):
    """bob raises a ceiling that had been met, in silence; without the bid it was raised from the raise comes as an overbid."""
    hall = Hall(terms(rules=rules))
    hall.bid("bob", 1_000)
    hall.ceiling("bob", 3_000)
    middle = last_bid(hall)
    hall.ceiling("ada", 3_000)
    hall.ceiling("bob", 3_500)
    assert hall.stands == ("bob", 3_000, 3_500)
    hall.void(middle)
    return hall


def test_a_strike_raises_no_price_although_a_raise_in_silence_meets_what_it_had_not_met():
    assert a_raise_that_had_only_fended_off(LATEST_RULES).stands == ("bob", 3_000, 3_500)


def test_under_the_second_rules_a_strike_could_raise_the_price():
    assert a_raise_that_had_only_fended_off(2).stands == ("bob", 3_100, 3_500)


def test_under_the_second_rules_a_strike_was_forgotten():
    hall = Hall(terms(rules=2))
    hall.ceiling("ada", 9_000)
    hall.ceiling("shill", 50_000)
    hall.refuse(last_bid(hall))
    assert hall.stands == ("ada", 1_000, 9_000)
    kinds(hall.bid("shill", 8_900))
    assert hall.stands == ("ada", 9_000, 9_000)
