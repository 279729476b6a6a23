"""Fixed price and best offer: the first buyer, and the seller who picks with open eyes."""

import json
from datetime import datetime, timedelta

import pytest

from auctions.messages import BuyNow, Pause, Reason, Resume, Standing
from auctions.moves import AcceptCounter, AwardOffer, CounterOffer, Withdraw
from auctions.terms import BestOfferTerms, FixedPriceTerms, TermsError
from auctions.views import OBSERVER, OFFICER, PUBLIC, SELLER, Audience, Role, project, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import CLOSES_AT, OPENS_AT, US, Hall, kinds, reason

FIXED = FixedPriceTerms(**COMMON, closes_at=CLOSES_AT, price_cents=5_000)
OFFERS = BestOfferTerms(**COMMON, closes_at=CLOSES_AT, opening_cents=1_000)
ADA, BOB = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")
SECRET = 7_771


class Table(Hall):
    def withdraw(self, bidder, at=None):
        return self.say(Withdraw(bidder=bidder, cid=self._cid()), at)

    def award(self, bid_seq, seq_seen=None, at=None):
        return self.say(AwardOffer(bid_seq=bid_seq, seq_seen=seq_seen or self.auction.seq), at)

    def counter(self, bid_seq, cents, expires_at=CLOSES_AT, at=None):
        return self.say(CounterOffer(bid_seq=bid_seq, price_cents=cents, expires_at=expires_at), at)

    def accept(self, bidder, counter_seq, at=None, **more):
        return self.say(AcceptCounter(bidder=bidder, cid=self._cid(), counter_seq=counter_seq, **more), at)

    @property
    def sale(self):
        return self.auction.winner, self.auction.hammer_cents


@pytest.mark.parametrize("make", [FixedPriceTerms, BestOfferTerms])
def test_nonsense_is_refused_and_the_field_named(make):
    amount = "price_cents" if make is FixedPriceTerms else "opening_cents"
    for field, changes in ((amount, {amount: 0}), ("closes_at", {"closes_at": OPENS_AT})):
        with pytest.raises(TermsError) as caught:
            make(**(COMMON | {"closes_at": CLOSES_AT, amount: 1_000} | changes))
        assert caught.value.field == field


def test_the_first_to_buy_at_the_fixed_price_gets_it_and_the_second_is_too_late():
    hall = Table(FIXED)
    assert kinds(hall.buy("ada")) == ["auction_opened", "bought_now", "auction_closed", "awarded"]
    assert reason(hall.buy("bob")) is Reason.TOO_LATE
    assert hall.sale == ("ada", 5_000)


def test_a_fixed_price_above_the_buyers_limit_is_refused():
    hall = Table(FIXED)
    assert reason(hall.buy("ada", standing=Standing(limit_cents=4_999))) is Reason.LIMIT
    assert reason(hall.bid("ada", 5_000)) is Reason.MALFORMED


def test_a_fixed_price_that_nobody_pays_fails():
    hall = Table(FIXED)
    assert kinds(hall.close()) == ["auction_closed", "auction_failed"]
    assert hall.auction.phase_reason == "NO_BIDS"


def test_the_seller_awards_a_standing_offer_on_the_spot_even_a_lower_one():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.bid("bob", 3_000)
    assert kinds(hall.award(3)) == ["offer_taken", "auction_closed", "awarded"]
    assert hall.sale == ("ada", 2_000)


def test_an_award_that_has_not_seen_a_better_offer_is_stale():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.bid("bob", 3_000)
    assert reason(hall.award(3, seq_seen=3)) is Reason.STALE
    assert kinds(hall.award(3, seq_seen=4))[-1] == "awarded"


def test_an_unseen_offer_that_is_no_better_does_not_matter():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.bid("bob", 2_000)
    assert kinds(hall.award(3, seq_seen=3))[-1] == "awarded"


def test_award_against_withdraw_the_first_of_the_two_holds():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.withdraw("ada")
    assert reason(hall.award(3)) is Reason.NO_SUCH_BID
    hall.bid("ada", 2_000)
    hall.award(5)
    assert reason(hall.withdraw("ada")) is Reason.TOO_LATE
    assert hall.sale == ("ada", 2_000)


def test_a_replaced_offer_cannot_be_awarded():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.bid("ada", 1_500)
    assert reason(hall.award(3)) is Reason.NO_SUCH_BID
    hall.award(4)
    assert hall.sale == ("ada", 1_500)


def test_a_refused_offer_is_gone_and_the_bidder_may_offer_again():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500)
    assert kinds(hall.refuse(3)) == ["bid_refused_by_seller"]
    assert reason(hall.accept("ada", 4)) is Reason.NO_SUCH_BID
    assert kinds(hall.bid("ada", 2_100)) == ["offer_placed"]


def test_a_bidder_accepts_a_counter_offer_and_pays_its_price():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500)
    assert kinds(hall.accept("ada", 4)) == ["counter_accepted", "auction_closed", "awarded"]
    assert hall.sale == ("ada", 2_500)


def test_a_counter_offer_is_for_its_bidder_alone():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.bid("bob", 2_100)
    hall.counter(3, 2_500)
    assert reason(hall.accept("bob", 5)) is Reason.NO_SUCH_BID


def test_a_counter_offer_runs_out_at_its_instant():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    until = OPENS_AT + timedelta(minutes=5)
    hall.counter(3, 2_500, until)
    assert reason(hall.accept("ada", 4, at=until)) is Reason.STALE
    assert kinds(hall.accept("ada", 4, at=until - US))[-1] == "awarded"


def test_a_counter_offer_outlives_neither_the_close_nor_a_new_one():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500, CLOSES_AT + timedelta(days=1))
    assert hall.auction.book.counters[3].expires_at == CLOSES_AT
    hall.counter(3, 2_400)
    assert reason(hall.accept("ada", 4)) is Reason.NO_SUCH_BID
    hall.accept("ada", 5)
    assert hall.sale == ("ada", 2_400)


def test_a_new_offer_answers_the_counter_offer():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500)
    hall.bid("ada", 2_200)
    assert reason(hall.accept("ada", 4)) is Reason.NO_SUCH_BID


def test_a_counter_offer_asks_for_more_than_was_offered_and_lies_ahead():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    refused = hall.counter(3, 2_000)
    assert (reason(refused), refused.min_next_cents) == (Reason.BID_TOO_LOW, 2_001)
    assert reason(hall.counter(3, 2_500, OPENS_AT)) is Reason.STALE
    assert reason(hall.counter(9, 2_500)) is Reason.NO_SUCH_BID
    assert reason(hall.counter(3, 2_500, OPENS_AT.replace(tzinfo=None))) is Reason.MALFORMED
    for text in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"):  # no day of the calendar in UTC
        assert reason(hall.counter(3, 2_500, datetime.fromisoformat(text))) is Reason.MALFORMED


def test_limits_hold_for_offers_and_counter_offers():
    hall = Table(OFFERS)
    limited = Standing(limit_cents=2_400)
    assert reason(hall.bid("ada", 2_401, standing=limited)) is Reason.LIMIT
    assert reason(hall.bid("ada", 999)) is Reason.BID_TOO_LOW
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500)
    assert reason(hall.accept("ada", 4, standing=limited)) is Reason.LIMIT


def test_offers_that_the_seller_leaves_lying_come_to_nothing():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.close()
    assert hall.auction.phase_reason == "NOT_AWARDED"
    empty = Table(OFFERS)
    empty.close()
    assert empty.auction.phase_reason == "NO_BIDS"


def test_during_a_pause_nobody_awards_or_accepts():
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    hall.counter(3, 2_500)
    hall.say(Pause(reason="x"), OPENS_AT)
    assert reason(hall.award(3)) is Reason.PAUSED
    assert reason(hall.accept("ada", 4)) is Reason.PAUSED
    hall.say(Resume(), OPENS_AT)
    assert kinds(hall.award(3))[-1] == "awarded"


def test_offers_and_counter_offers_are_between_the_bidder_and_the_office():
    hall = Table(OFFERS)
    hall.bid("ada", SECRET)
    hall.counter(3, SECRET + 1)
    for audience in (BOB, OBSERVER, PUBLIC):
        shown = [project(event, audience) for event in hall.log] + [snapshot(hall.auction, audience)]
        assert str(SECRET) not in json.dumps(shown)
        assert shown[2]["kind"] == shown[3]["kind"] == "redacted"
    for audience in (SELLER, OFFICER):
        assert snapshot(hall.auction, audience)["offers"]["3"]["amount_cents"] == SECRET
        assert snapshot(hall.auction, audience)["counters"]["3"]["price_cents"] == SECRET + 1
    assert snapshot(hall.auction, ADA)["your_offer"] == {"bid_seq": 3, "amount_cents": SECRET}
    assert snapshot(hall.auction, ADA)["your_counter"]["counter_seq"] == 4


@pytest.mark.parametrize("seq", [0, True, "3", None])
def test_offers_are_named_by_whole_numbers(seq):
    hall = Table(OFFERS)
    hall.bid("ada", 2_000)
    assert reason(hall.say(AwardOffer(bid_seq=seq, seq_seen=3))) is Reason.MALFORMED
    assert reason(hall.say(AwardOffer(bid_seq=3, seq_seen=seq))) is Reason.MALFORMED
    assert reason(hall.accept("ada", seq)) is Reason.MALFORMED
    assert reason(hall.counter(3, seq)) is Reason.MALFORMED
    assert reason(Hall().say(BuyNow(bidder="ada", cid=""))) is Reason.MALFORMED
