"""What is refused, for which reason, and in which order."""

from dataclasses import replace

import pytest

from auctions.messages import BuyNow, Cancel, PlaceBid, Reason, RefuseBid, SetCeiling, Standing
from tests.auctions.samples import CLOSES_AT, Hall, kinds, reason, terms

BID = PlaceBid(bidder="ada", cid="c1", amount_cents=1_000)
BARRED = Standing(refusal=Reason.NOT_CLEARED, detail="the clearance ran out")

NO_AMOUNTS = [0, -1, 10**15 + 1, 10**30, 1_000.0, "1000", True, None, [1_000], float("nan")]


@pytest.mark.parametrize("amount", NO_AMOUNTS)
def test_only_whole_positive_amounts_within_bounds_are_amounts(amount):
    for command in (replace(BID, amount_cents=amount), SetCeiling(bidder="ada", cid="c1", ceiling_cents=amount)):
        assert reason(Hall().say(command)) is Reason.MALFORMED


@pytest.mark.parametrize("cid", ["", "x" * 65, 7, None, "a\0b", "a\nb", "\ud800", "é"])
def test_a_cid_is_up_to_64_printable_characters(cid):
    assert reason(Hall().say(replace(BID, cid=cid))) is Reason.MALFORMED
    assert reason(Hall().say(BuyNow(bidder="ada", cid=cid))) is Reason.MALFORMED


@pytest.mark.parametrize("bidder", ["", "x" * 129, 7, None, "\ud800"])
def test_a_bidder_has_a_usable_name(bidder):
    assert reason(Hall().say(replace(BID, bidder=bidder))) is Reason.MALFORMED


@pytest.mark.parametrize("confirmed", [1, "yes", None])
def test_confirmed_is_yes_or_no(confirmed):
    assert reason(Hall().say(replace(BID, confirmed=confirmed))) is Reason.MALFORMED


@pytest.mark.parametrize("text", ["", "  ", "x" * 501, None, 3, "a\0b"])
def test_a_reason_must_be_given(text):
    hall = Hall()
    hall.say(BID)
    assert reason(hall.say(RefuseBid(seq=3, reason=text))) is Reason.MALFORMED
    assert reason(hall.say(Cancel(reason=text))) is Reason.MALFORMED


@pytest.mark.parametrize("seq", [0, -1, True, "3", 3.0])
def test_a_bid_to_strike_out_is_named_by_a_whole_number(seq):
    hall = Hall()
    hall.say(BID)
    assert reason(hall.say(RefuseBid(seq=seq, reason="x"))) is Reason.MALFORMED


@pytest.mark.parametrize("refusal", [Reason.NOT_ELIGIBLE, Reason.NOT_CLEARED, Reason.OWN_POOL, Reason.NO_DEPOSIT])
def test_a_bidder_in_bad_standing_is_refused_for_that_reason(refusal):
    hall = Hall(terms(buy_now_cents=8_000))
    standing = Standing(refusal=refusal, detail="why")
    for answer in (
        hall.bid("ada", 1_000, standing=standing),
        hall.ceiling("ada", 1_000, standing=standing),
        hall.buy("ada", standing=standing),
    ):
        assert (reason(answer), answer.detail) == (refusal, "why")


def test_a_bidder_bids_up_to_its_limit_and_no_further():
    hall = Hall(terms(buy_now_cents=8_000))
    standing = Standing(limit_cents=2_000)
    assert reason(hall.bid("ada", 2_001, standing=standing)) is Reason.LIMIT
    assert reason(hall.ceiling("ada", 2_001, standing=standing)) is Reason.LIMIT
    assert reason(hall.buy("ada", standing=standing)) is Reason.LIMIT
    kinds(hall.bid("ada", 2_000, standing=standing))


def test_ten_times_the_least_bid_must_be_confirmed():
    hall = Hall()
    kinds(hall.bid("ada", 9_999, confirmed=False))
    least = hall.auction.min_next_cents
    decision = hall.ceiling("bob", 10 * least, confirmed=False)
    assert (reason(decision), decision.min_next_cents) == (Reason.CONFIRM_NEEDED, least)
    kinds(hall.ceiling("bob", 10 * least, confirmed=True))


def test_reasons_come_in_the_documented_order():
    order = list(Reason)
    hall = Hall()
    hall.bid("ada", 5_000)
    limited = Standing(limit_cents=6_000)
    worst_first = [
        hall.bid("bob", -1, at=CLOSES_AT, standing=BARRED),
        hall.bid("bob", 1, at=CLOSES_AT, standing=BARRED),
        hall.bid("bob", 1, standing=BARRED),
        hall.bid("bob", 1, standing=Standing(limit_cents=0)),
        hall.bid("bob", 10**9, confirmed=False, standing=limited),
        hall.bid("bob", 10**9, confirmed=False),
    ]
    reasons = [reason(answer) for answer in worst_first]
    assert reasons == [
        Reason.MALFORMED,
        Reason.TOO_LATE,
        Reason.NOT_CLEARED,
        Reason.BID_TOO_LOW,
        Reason.LIMIT,
        Reason.CONFIRM_NEEDED,
    ]
    assert sorted(reasons, key=order.index) == reasons


def test_malformed_says_what_is_wrong_without_repeating_it():
    answer = Hall().say(replace(BID, cid="secret\n"))
    assert "cid" in answer.detail
    assert "secret" not in answer.detail
