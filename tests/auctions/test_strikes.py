"""Bids that the seller refuses or the operator voids: as if they had never been made."""

import pytest

from auctions.messages import Pause, Reason
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
    assert hall.stands == ("ada", 2_100, 3_000)


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


def test_a_refused_bidder_may_bid_again_unless_its_standing_says_otherwise():
    hall = Hall()
    hall.bid("ada", 1_500)
    hall.refuse(last_bid(hall))
    hall.bid("ada", 1_500)
    assert hall.stands == ("ada", 1_500, 1_500)
    assert hall.auction.paddles == {"ada": 1}
