"""The Dutch format: its clock, its acceptances and its armed steps, at their edges."""

from datetime import timedelta

import pytest

from auctions.engine import due_at
from auctions.messages import Cancel, Close, Pause, PlaceBid, Reason, Resume, Standing, VoidBid
from auctions.moves import AcceptStep, ArmStep, Tick, Withdraw
from auctions.terms import DutchTerms, TermsError
from auctions.views import OBSERVER, OFFICER, SELLER, Audience, Role, project, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import OPENS_AT, US, Hall, kinds, reason

MINUTE = timedelta(minutes=1)


def dutch(**changes):
    usual = {"start_cents": 10_000, "floor_cents": 7_000, "step_bps": 1_000, "interval_s": 60}
    return DutchTerms(**COMMON, **(usual | changes))


class Clock(Hall):
    """A Dutch auction of four steps, a minute each: 10,000, 9,000, 8,000, 7,000."""

    def accept(self, bidder, step, price, at, **more):
        return self.say(AcceptStep(bidder=bidder, cid=self._cid(), step=step, price_cents=price, **more), at)

    def arm(self, bidder, step, at=OPENS_AT, **more):
        return self.say(ArmStep(bidder=bidder, cid=self._cid(), step=step, **more), at)

    def disarm(self, bidder, at):
        return self.say(Withdraw(bidder=bidder, cid=self._cid()), at)

    @property
    def sale(self):
        return self.auction.winner, self.auction.hammer_cents


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("start_cents", {"start_cents": 0}),
        ("floor_cents", {"floor_cents": 10_000}),
        ("floor_cents", {"floor_cents": 1.5}),
        ("step_cents", {"step_cents": 5}),
        ("step_cents", {"step_bps": None}),
        ("step_cents", {"step_bps": None, "step_cents": 0}),
        ("step_bps", {"step_bps": 10_001}),
        ("step_cents", {"step_bps": None, "step_cents": 1, "start_cents": 900_000}),
        ("interval_s", {"interval_s": 0}),
        ("strict", {"strict": 1}),
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        dutch(**changes)
    assert caught.value.field == field


def test_the_price_falls_by_a_share_of_the_start_down_to_the_floor():
    terms = dutch()
    assert [terms.price_at(step) for step in range(5)] == [10_000, 9_000, 8_000, 7_000, 7_000]
    assert terms.last_step == 3
    assert terms.closes_at == OPENS_AT + 4 * MINUTE


def test_the_price_falls_by_an_amount_and_the_last_step_is_shorter():
    terms = dutch(step_bps=None, step_cents=1_300)
    assert [terms.price_at(step) for step in range(4)] == [10_000, 8_700, 7_400, 7_000]


def test_a_share_that_is_no_whole_amount_is_rounded_in_the_sellers_favour_at_each_step_anew():
    terms = dutch(start_cents=999, floor_cents=1, step_bps=333)
    assert [terms.price_at(step) for step in range(4)] == [999, 966, 933, 900]
    assert terms.price_at(terms.last_step) == 1 < terms.price_at(terms.last_step - 1)


@pytest.mark.parametrize(
    ("at", "step", "price"),
    [(0 * US, 0, 10_000), (MINUTE - US, 0, 10_000), (MINUTE, 1, 9_000), (4 * MINUTE - US, 3, 7_000)],
)
def test_a_step_is_current_from_its_tick_until_just_before_the_next(at, step, price):
    hall = Clock(dutch(strict=True))
    assert kinds(hall.accept("ada", step, price, OPENS_AT + at))[1:] == ["step_accepted", "auction_closed", "awarded"]
    assert hall.sale == ("ada", price)


def test_of_two_accepts_in_one_step_the_first_buys():
    hall = Clock(dutch())
    hall.accept("ada", 1, 9_000, OPENS_AT + MINUTE)
    assert reason(hall.accept("bob", 1, 9_000, OPENS_AT + MINUTE)) is Reason.TOO_LATE
    assert hall.sale == ("ada", 9_000)


def test_an_accept_for_an_old_step_buys_at_the_lower_price_of_now():
    hall = Clock(dutch())
    hall.accept("ada", 0, 10_000, OPENS_AT + 2 * MINUTE)
    assert hall.sale == ("ada", 8_000)
    assert hall.log[2].step == 2


def test_strict_an_accept_for_an_old_step_is_told_that_the_step_moved():
    hall = Clock(dutch(strict=True))
    refused = hall.accept("ada", 0, 10_000, OPENS_AT + MINUTE)
    assert (reason(refused), refused.min_next_cents) == (Reason.STEP_MOVED, 9_000)


@pytest.mark.parametrize("strict", [True, False])
def test_nobody_pays_more_than_was_clicked(strict):
    hall = Clock(dutch(strict=strict))
    assert reason(hall.accept("ada", 1, 9_000, OPENS_AT)) is Reason.STEP_MOVED
    assert reason(hall.accept("ada", 0, 9_999, OPENS_AT)) is Reason.STEP_MOVED
    assert hall.sale == (None, None)


def test_an_accept_above_the_bidders_limit_is_refused():
    hall = Clock(dutch())
    standing = Standing(limit_cents=8_999, detail="your limit")
    assert reason(hall.accept("ada", 1, 9_000, OPENS_AT + MINUTE, standing=standing)) is Reason.LIMIT
    assert kinds(hall.accept("ada", 1, 9_000, OPENS_AT + 2 * MINUTE, standing=standing))[-1] == "awarded"


@pytest.mark.parametrize(("at", "why"), [(OPENS_AT - US, Reason.NOT_OPEN), (OPENS_AT + 4 * MINUTE, Reason.TOO_LATE)])
def test_nothing_is_accepted_outside_the_steps(at, why):
    assert reason(Clock(dutch()).accept("ada", 0, 10_000, at)) is why


def test_the_floors_step_ends_without_an_accept_and_the_auction_fails():
    hall = Clock(dutch())
    assert reason(hall.say(Close(), OPENS_AT + 4 * MINUTE - US)) is Reason.NOT_DUE
    assert kinds(hall.say(Close(), OPENS_AT + 4 * MINUTE)) == ["auction_closed", "auction_failed"]
    assert hall.auction.phase_reason == "NO_BIDS"


def test_during_a_pause_nothing_is_accepted_and_afterwards_the_step_goes_on_where_it_stood():
    hall = Clock(dutch(strict=True))
    hall.say(Pause(reason="x"), OPENS_AT + MINUTE + MINUTE / 2)
    assert reason(hall.accept("ada", 1, 9_000, OPENS_AT + 10 * MINUTE)) is Reason.PAUSED
    hall.say(Resume(), OPENS_AT + 11 * MINUTE)
    assert hall.auction.closes_at == OPENS_AT + 13 * MINUTE + MINUTE / 2
    just_before_the_tick = OPENS_AT + 11 * MINUTE + MINUTE / 2 - US
    assert reason(hall.accept("ada", 2, 8_000, just_before_the_tick)) is Reason.STEP_MOVED
    assert kinds(hall.accept("ada", 1, 9_000, just_before_the_tick))[-1] == "awarded"


def test_an_armed_step_buys_at_its_tick():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    assert due_at(hall.auction) == OPENS_AT + 2 * MINUTE
    assert kinds(hall.say(Tick(), OPENS_AT + 2 * MINUTE - US)) == []
    assert kinds(hall.say(Tick(), OPENS_AT + 2 * MINUTE)) == ["step_accepted", "auction_closed", "awarded"]
    assert hall.sale == ("ada", 8_000)
    assert kinds(hall.say(Tick(), OPENS_AT + 2 * MINUTE)) == []


def test_of_two_who_armed_the_same_step_the_earlier_buys_even_if_it_armed_in_the_same_instant():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    hall.arm("bob", 2)
    hall.say(Tick(), OPENS_AT + 2 * MINUTE)
    assert hall.sale == ("ada", 8_000)


def test_who_arms_anew_stands_behind_those_who_armed_before():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    hall.arm("bob", 2)
    hall.arm("ada", 2)
    hall.say(Tick(), OPENS_AT + 2 * MINUTE)
    assert hall.sale == ("bob", 8_000)


def test_a_late_tick_sells_at_the_step_that_was_armed_to_the_highest_of_them():
    hall = Clock(dutch())
    hall.arm("ada", 3)
    hall.arm("bob", 2)
    hall.say(Tick(), OPENS_AT + 3 * MINUTE + MINUTE / 2)
    assert hall.sale == ("bob", 8_000)


def test_nothing_comes_between_an_armed_steps_tick_and_the_sale():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    at = OPENS_AT + 2 * MINUTE
    for answer in (
        hall.accept("bob", 2, 8_000, at),
        hall.arm("bob", 3, at),
        hall.disarm("ada", at),
        hall.say(Pause(reason="x"), at),
        hall.say(Cancel(reason="x"), at),
        hall.say(VoidBid(seq=3, reason="x"), at),
    ):
        assert reason(answer) is Reason.POOL_SOLD
    hall.say(Tick(), at)
    assert hall.sale == ("ada", 8_000)


def test_an_accept_just_before_the_tick_comes_before_the_armed_step():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    hall.accept("bob", 1, 9_000, OPENS_AT + 2 * MINUTE - US)
    assert hall.sale == ("bob", 9_000)
    assert kinds(hall.say(Tick(), OPENS_AT + 2 * MINUTE)) == []


def test_a_tick_that_never_came_is_made_up_for_at_the_close():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    hall.say(Close(), OPENS_AT + 9 * MINUTE)
    assert hall.sale == ("ada", 8_000)


def test_a_step_that_has_begun_or_does_not_exist_cannot_be_armed():
    hall = Clock(dutch())
    for step in (0, 1, 4):
        assert reason(hall.arm("ada", step, OPENS_AT + MINUTE)) is Reason.STEP_MOVED
    assert reason(hall.arm("ada", 2, OPENS_AT + MINUTE, standing=Standing(limit_cents=7_999))) is Reason.LIMIT


def test_a_withdrawn_or_struck_arming_buys_nothing():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    assert kinds(hall.disarm("ada", OPENS_AT)) == ["step_disarmed"]
    assert reason(hall.disarm("ada", OPENS_AT)) is Reason.NO_SUCH_BID
    hall.arm("bob", 2)
    assert kinds(hall.void(hall.auction.seq)) == ["bid_voided"]
    assert kinds(hall.say(Tick(), OPENS_AT + 3 * MINUTE)) == []


def test_a_pause_moves_the_tick_of_an_armed_step():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    hall.say(Pause(reason="x"), OPENS_AT + MINUTE)
    assert due_at(hall.auction) is None
    assert kinds(hall.say(Tick(), OPENS_AT + 5 * MINUTE)) == []
    hall.say(Resume(), OPENS_AT + 5 * MINUTE)
    assert due_at(hall.auction) == OPENS_AT + 6 * MINUTE
    hall.say(Tick(), OPENS_AT + 6 * MINUTE)
    assert hall.sale == ("ada", 8_000)


def test_what_belongs_to_another_format_is_malformed():
    assert reason(Clock(dutch()).bid("ada", 10_000)) is Reason.MALFORMED
    assert reason(Hall().say(AcceptStep(bidder="ada", cid="c", step=0, price_cents=1))) is Reason.MALFORMED
    assert kinds(Hall().say(Tick())) == []


@pytest.mark.parametrize("step", [-1, True, 1.0, "1", None, 10_001])
def test_a_step_is_a_whole_number(step):
    assert reason(Clock(dutch()).arm("ada", step)) is Reason.MALFORMED
    assert reason(Clock(dutch()).accept("ada", step, 9_000, OPENS_AT)) is Reason.MALFORMED
    assert reason(Clock(dutch()).accept("ada", 0, step and 0.5, OPENS_AT)) is Reason.MALFORMED


def test_an_armed_step_is_known_to_its_bidder_and_the_officer_only():
    hall = Clock(dutch())
    hall.arm("ada", 2)
    ada, bob = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")
    for audience in (bob, OBSERVER, SELLER):
        assert project(hall.log[2], audience)["kind"] == "redacted"
        assert "step" not in str({**snapshot(hall.auction, audience), "terms": None})
    assert snapshot(hall.auction, ada)["your_offer"] == {"bid_seq": 3, "step": 2, "price_cents": 8_000}
    assert snapshot(hall.auction, OFFICER)["armed"]["3"]["bidder"] == {"paddle": "B1", "bidder": "ada"}


def test_a_bid_is_no_command_of_a_falling_price():
    refused = Clock(dutch()).say(PlaceBid(bidder="ada", cid="c", amount_cents=10_000), OPENS_AT - US)
    assert (reason(refused), refused.detail) == (Reason.MALFORMED, "not a command of the format dutch")
