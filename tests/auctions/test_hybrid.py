"""Dutch, sealed, best bid: each part, its turn, and who stays ahead in a tie."""

from datetime import timedelta

import pytest

from auctions.messages import Pause, Reason, Resume, Standing
from auctions.moves import AcceptStep, ArmStep
from auctions.terms import HybridTerms, TermsError, terms_from_json
from auctions.views import OBSERVER, Audience, Role, project, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import OPENS_AT, US, Hall, kinds, reason

S = timedelta(seconds=1)
NUMBERS = {
    "step_bps": 1_000,
    "last_step": 3,
    "interval_s": 60,
    "lead_s": 30,
    "pause_s": 20,
    "sealed_s": 600,
    "best_s": 300,
}
TERMS = HybridTerms(**COMMON, start_cents=10_000, **NUMBERS)
BEGAN = OPENS_AT + 30 * S
ACCEPTED = BEGAN + 60 * S
SEALED_FROM = ACCEPTED + 20 * S
SEALED_TO = SEALED_FROM + 600 * S
BEST_FROM = SEALED_TO + 20 * S
BEST_TO = BEST_FROM + 300 * S


class Parts(Hall):
    def accept(self, bidder, step=1, price=9_000, at=ACCEPTED, **more):
        return self.say(AcceptStep(bidder=bidder, cid=self._cid(), step=step, price_cents=price, **more), at)

    @property
    def sale(self):
        return self.auction.winner, self.auction.hammer_cents


def accepted():
    hall = Parts(TERMS)
    hall.accept("ada")
    return hall


def challenged():
    hall = accepted()
    hall.bid("bob", 9_500, at=SEALED_FROM)
    hall.bid("cy", 9_300, at=SEALED_FROM)
    hall.close(SEALED_TO)
    return hall


def preset(name, **changes):
    data = TERMS.to_json()
    for number in NUMBERS:
        del data[number]
    return terms_from_json(data | {"preset": name} | changes)


def test_the_preset_of_2018_has_81_prices_from_all_to_a_fifth_in_405_minutes():
    terms = preset("dgf-2018")
    assert (terms.price_at(0), terms.price_at(1), terms.price_at(80), terms.last_step) == (10_000, 9_900, 2_000, 80)
    assert terms.closes_at == OPENS_AT + timedelta(minutes=405, seconds=30)
    assert (terms.pause_s, terms.sealed_s, terms.best_s) == (20, 600, 300)
    assert terms_from_json(terms.to_json()) == terms


def test_the_preset_of_privatisation_has_up_to_99_steps():
    assert preset("privatization").least_cents == 100
    assert preset("privatization", last_step=50).least_cents == 5_000
    with pytest.raises(TermsError) as caught:
        preset("dgf-1999")
    assert caught.value.field == "preset"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("start_cents", {"start_cents": 0}),
        ("step_bps", {"step_bps": 0}),
        ("last_step", {"last_step": 10}),
        ("last_step", {"last_step": True}),
        ("interval_s", {"interval_s": 0}),
        ("lead_s", {"lead_s": -1}),
        ("sealed_s", {"sealed_s": 0}),
        ("best_s", {"best_s": 1.5}),
        ("strict", {"strict": None}),
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        HybridTerms(**(COMMON | NUMBERS | {"start_cents": 10_000} | changes))
    assert caught.value.field == field


def test_the_price_waits_before_it_begins_to_fall():
    hall = Parts(TERMS)
    assert reason(hall.accept("ada", 0, 10_000, at=BEGAN - US)) is Reason.NOT_OPEN
    assert "step_accepted" in kinds(hall.accept("ada", 0, 10_000, at=BEGAN))


def test_nobody_accepts_and_the_auction_fails():
    hall = Parts(TERMS)
    assert kinds(hall.close()) == ["auction_closed", "auction_failed"]
    assert hall.auction.phase_reason == "NO_BIDS"


def test_an_accept_begins_the_sealed_part_after_a_pause():
    hall = Parts(TERMS)
    assert kinds(hall.accept("ada")) == ["auction_opened", "step_accepted", "stage_began"]
    assert hall.auction.closes_at == SEALED_TO
    assert reason(hall.bid("bob", 9_500, at=SEALED_FROM - US)) is Reason.NOT_OPEN
    assert kinds(hall.bid("bob", 9_500, at=SEALED_FROM)) == ["bid_sealed"]
    assert reason(hall.bid("bob", 9_500, at=SEALED_TO)) is Reason.TOO_LATE


def test_of_two_accepts_in_one_step_the_first_stops_the_price():
    assert reason(accepted().accept("bob")) is Reason.STEP_MOVED


def test_no_sealed_bid_and_the_dutch_winner_buys_at_the_dutch_price():
    hall = accepted()
    assert kinds(hall.close()) == ["auction_closed", "awarded"]
    assert hall.sale == ("ada", 9_000)


def test_a_sealed_bid_must_exceed_the_dutch_price():
    refused = accepted().bid("bob", 9_000, at=SEALED_FROM)
    assert (reason(refused), refused.min_next_cents) == (Reason.BID_TOO_LOW, 9_001)
    assert kinds(accepted().bid("bob", 9_001, at=SEALED_FROM)) == ["bid_sealed"]


def test_the_dutch_winner_does_not_bid_in_the_sealed_part():
    assert reason(accepted().bid("ada", 9_500, at=SEALED_FROM)) is Reason.NOT_ELIGIBLE


def test_a_sealed_bid_is_replaced_and_only_the_last_counts():
    hall = accepted()
    hall.bid("bob", 9_900, at=SEALED_FROM)
    hall.bid("bob", 9_100, at=SEALED_FROM)
    hall.close()
    assert hall.auction.price_cents == 9_100


def test_the_best_sealed_bid_stands_and_only_the_dutch_winner_may_exceed_it():
    hall = challenged()
    assert (hall.auction.leader, hall.auction.price_cents, hall.auction.closes_at) == ("bob", 9_500, BEST_TO)
    assert reason(hall.bid("cy", 9_999, at=BEST_FROM)) is Reason.NOT_ELIGIBLE
    assert reason(hall.bid("bob", 9_999, at=BEST_FROM)) is Reason.NOT_ELIGIBLE
    assert reason(hall.bid("ada", 9_999, at=BEST_FROM - US)) is Reason.NOT_OPEN
    hall.bid("ada", 9_501, at=BEST_FROM)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]
    assert hall.sale == ("ada", 9_501)


def test_an_equal_best_bid_is_too_low_the_sealed_bidder_stays_ahead():
    hall = challenged()
    refused = hall.bid("ada", 9_500, at=BEST_FROM)
    assert (reason(refused), refused.min_next_cents) == (Reason.BID_TOO_LOW, 9_501)
    hall.close()
    assert hall.sale == ("bob", 9_500)


def test_of_equal_sealed_bids_the_earlier_is_the_best():
    hall = accepted()
    hall.bid("bob", 9_500, at=SEALED_FROM)
    hall.bid("cy", 9_500, at=SEALED_FROM)
    hall.close()
    hall.close()
    assert hall.sale == ("bob", 9_500)


def test_without_a_best_bid_the_best_sealed_bid_wins():
    hall = challenged()
    assert kinds(hall.close()) == ["auction_closed", "awarded"]
    assert hall.sale == ("bob", 9_500)


def test_a_struck_sealed_bid_challenges_nobody():
    hall = accepted()
    hall.bid("bob", 9_500, at=SEALED_FROM)
    hall.void(hall.auction.seq, at=SEALED_FROM)
    hall.close()
    assert hall.sale == ("ada", 9_000)


def test_a_pause_between_the_parts_moves_the_beginning_too():
    hall = accepted()
    hall.say(Pause(reason="x"), ACCEPTED + 10 * S)
    hall.say(Resume(), ACCEPTED + 110 * S)
    assert reason(hall.bid("bob", 9_500, at=SEALED_FROM + 100 * S - US)) is Reason.NOT_OPEN
    assert kinds(hall.bid("bob", 9_500, at=SEALED_FROM + 100 * S)) == ["bid_sealed"]


def test_limits_hold_in_every_part_and_no_step_is_armed():
    limited = Standing(limit_cents=8_999)
    assert reason(Parts(TERMS).accept("ada", standing=limited)) is Reason.LIMIT
    assert reason(accepted().bid("bob", 9_500, at=SEALED_FROM, standing=limited)) is Reason.LIMIT
    assert reason(Parts(TERMS).bid("bob", 9_500, at=BEGAN)) is Reason.NOT_OPEN
    assert reason(Parts(TERMS).say(ArmStep(bidder="ada", cid="c", step=2), BEGAN)) is Reason.MALFORMED


def test_a_sealed_amount_is_seen_by_its_bidder_only_until_the_part_ends():
    hall = accepted()
    hall.bid("bob", 9_777, at=SEALED_FROM)
    assert project(hall.log[-1], OBSERVER)["kind"] == "redacted"
    assert snapshot(hall.auction, Audience(Role.BIDDER, "bob"))["your_offer"]["amount_cents"] == 9_777
    assert snapshot(hall.auction, Audience(Role.BIDDER, "ada"))["your_offer"] is None
    hall.close()
    assert snapshot(hall.auction, OBSERVER)["opened"][0]["amount_cents"] == 9_777
    assert snapshot(hall.auction, OBSERVER)["min_next_cents"] == 9_778
