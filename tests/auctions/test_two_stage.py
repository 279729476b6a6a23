"""Indicative, then binding: who goes on, what a changed tape undoes, and when a lower bid needs a reason."""

import json
from datetime import timedelta

import pytest

from auctions.messages import Reason, Standing
from auctions.moves import Indicate, PlaceBinding, ReviseTape, Shortlist, Stage, Withdraw
from auctions.terms import TermsError, TwoStageTerms
from auctions.views import OBSERVER, OFFICER, PUBLIC, SELLER, Audience, Role, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import OPENS_AT, US, Hall, kinds, reason
from tests.auctions.test_sealed import shown_before_the_opening

SPANS = {"indicative_s": 3_600, "shortlist_s": 7_200, "due_diligence_s": 86_400, "binding_s": 3_600}
USUAL = COMMON | SPANS | {"opening_cents": 1_000, "shortlist_most": 2}
SECRET = 7_771


class Sale(Hall):
    def indicate(self, bidder, low, high=None, at=None, **more):
        command = Indicate(bidder=bidder, cid=self._cid(), low_cents=low, high_cents=high or low, **more)
        return self.say(command, at or self.clock)

    def choose(self, *chosen, **declined):
        return self.say(Shortlist(chosen=chosen, declined=tuple(declined.items())), self.clock)

    def bind(self, bidder, cents, why="", **more):
        command = PlaceBinding(bidder=bidder, cid=self._cid(), amount_cents=cents, reason=why, **more)
        return self.say(command, self.clock)

    def revise(self):
        return self.say(ReviseTape(tape_version="tape-2"), self.clock)

    @property
    def clock(self):
        """Just before the present part ends."""
        return self.auction.closes_at - US


def sale(**changes):
    return Sale(TwoStageTerms(**(USUAL | changes)))


def indicated(**changes):
    hall = sale(**changes)
    for bidder, low in (("ada", 4_000), ("bob", 5_000), ("cy", 2_000)):
        hall.indicate(bidder, low, low + 500)
    hall.close()
    return hall


def binding(**changes):
    hall = indicated(**changes)
    hall.choose("ada", "bob", cy="too low")
    hall.close()
    return hall


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("opening_cents", {"opening_cents": 0}),
        ("reserve_cents", {"reserve_cents": 999}),
        ("shortlist_most", {"shortlist_most": 0}),
        ("deviation_bps", {"deviation_bps": 10_001}),
        *[(name, {name: 0}) for name in SPANS],
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        sale(**changes)
    assert caught.value.field == field


def test_the_parts_follow_each_other_to_an_award():
    hall = sale()
    hall.indicate("ada", 4_000)
    assert kinds(hall.close()) == ["stage_began"]
    assert kinds(hall.choose("ada")) == ["shortlisted", "stage_began"]
    assert kinds(hall.close()) == ["stage_began"]
    assert hall.auction.closes_at == hall.auction.latest_close_at
    hall.bind("ada", 4_500)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 4_500)


def test_indications_are_replaced_and_withdrawn_until_their_part_ends():
    hall = sale()
    hall.indicate("ada", 4_000)
    assert kinds(hall.indicate("ada", 3_000)) == ["indication_placed"]
    assert kinds(hall.say(Withdraw(bidder="ada", cid="c"), hall.clock)) == ["offer_withdrawn"]
    hall.close()
    assert hall.auction.phase_reason == "NO_BIDS"


def test_after_the_indicative_part_nobody_new_indicates():
    assert reason(indicated().indicate("dee", 9_000)) is Reason.TOO_LATE


def test_the_seller_chooses_at_most_so_many_and_gives_every_other_one_a_reason():
    hall = indicated()
    assert reason(hall.choose("ada", "bob", "cy")) is Reason.LIMIT
    assert reason(hall.choose("ada", "bob")) is Reason.STALE
    assert reason(hall.choose("ada", "eve", bob="x", cy="x")) is Reason.NO_SUCH_BID
    assert reason(hall.choose("ada", "bob", cy=" ")) is Reason.MALFORMED
    assert kinds(hall.choose("ada", "bob", cy="too low")) == ["shortlisted", "stage_began"]
    assert reason(hall.choose("ada", "bob", cy="too low")) is Reason.STALE


@pytest.mark.parametrize("chosen", [(), ["ada"], ("ada", "ada"), (1,), None])
def test_a_shortlist_names_bidders_once(chosen):
    assert reason(indicated().say(Shortlist(chosen=chosen, declined=()), OPENS_AT)) is Reason.MALFORMED
    twice = Shortlist(chosen=("ada",), declined=(("ada", "x"),))
    assert reason(indicated().say(twice, OPENS_AT)) is Reason.MALFORMED


def test_a_seller_who_makes_no_shortlist_in_time_sells_nothing():
    hall = indicated()
    hall.close()
    assert hall.auction.phase_reason == "NOT_AWARDED"


def test_who_is_declined_learns_why_and_nobody_else_but_the_office():
    hall = indicated()
    hall.choose("ada", "bob", cy="far too low")
    cy = snapshot(hall.auction, Audience(Role.BIDDER, "cy"))
    assert (cy["your_refusal"], cy["admitted"]) == ("far too low", False)
    assert snapshot(hall.auction, SELLER)["declined"][0]["reason"] == "far too low"
    for audience in (Audience(Role.BIDDER, "ada"), OBSERVER, PUBLIC):
        assert "far too low" not in shown_before_the_opening(hall, audience)


def test_during_due_diligence_nobody_bids_or_withdraws():
    hall = indicated()
    hall.choose("ada", "bob", cy="too low")
    assert hall.auction.book.stage is Stage.DUE_DILIGENCE
    assert reason(hall.bind("ada", 4_000)) is Reason.NOT_OPEN
    assert reason(hall.say(Withdraw(bidder="ada", cid="c"), hall.clock)) is Reason.NOT_OPEN


def test_only_the_shortlisted_bid_and_the_best_of_them_wins():
    hall = binding()
    assert reason(hall.bind("cy", 9_000)) is Reason.NOT_ELIGIBLE
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_800)
    hall.close()
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 4_800)


def test_a_binding_bid_far_below_the_own_indication_needs_a_reason():
    hall = binding()
    assert kinds(hall.bind("ada", 3_600)) == ["binding_sealed"]
    assert reason(hall.bind("ada", 3_599)) is Reason.CONFIRM_NEEDED
    assert kinds(hall.bind("ada", 3_599, "half of it is time-barred")) == ["binding_sealed"]


def test_a_changed_tape_makes_indications_stale_until_they_are_renewed():
    hall = indicated()
    hall.revise()
    assert reason(hall.choose("ada", "bob", cy="too low")) is Reason.STALE
    assert kinds(hall.indicate("ada", 3_000)) == ["indication_placed"]
    assert reason(hall.indicate("ada", 3_000)) is Reason.TOO_LATE
    assert kinds(hall.choose("ada", bob="stale", cy="stale")) == ["shortlisted", "stage_began"]


def test_after_a_changed_tape_a_lower_binding_bid_needs_no_reason():
    hall = binding()
    hall.revise()
    assert kinds(hall.bind("ada", 1_000)) == ["binding_sealed"]


def test_the_reserve_and_the_limits_hold():
    hall = binding(reserve_cents=6_000)
    assert reason(hall.bind("ada", 999)) is Reason.BID_TOO_LOW
    assert reason(hall.bind("ada", 5_000, standing=Standing(limit_cents=4_999))) is Reason.LIMIT
    hall.bind("ada", 5_999)
    hall.close()
    assert hall.auction.phase_reason == "RESERVE_NOT_MET"
    empty = binding()
    empty.close()
    assert empty.auction.phase_reason == "NO_BIDS"


def test_a_late_seller_shortens_no_due_diligence():
    hall = indicated()
    at = hall.clock
    hall.choose("ada", "bob", cy="too low")
    assert hall.auction.closes_at == at + timedelta(days=1)


def test_indications_are_for_the_office_and_binding_amounts_for_nobody_before_the_opening():
    hall = indicated()
    for audience in (SELLER, OFFICER):
        assert snapshot(hall.auction, audience)["offers"]["3"]["low_cents"] == 4_000
    assert "low_cents" not in shown_before_the_opening(hall, Audience(Role.BIDDER, "dee"))
    hall.choose("ada", "bob", cy="too low")
    hall.close()
    hall.bind("ada", SECRET)
    for audience in (SELLER, OFFICER, OBSERVER, Audience(Role.BIDDER, "bob")):
        assert str(SECRET) not in shown_before_the_opening(hall, audience)
    hall.close()
    assert str(SECRET) in json.dumps(snapshot(hall.auction, OBSERVER))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2_000, 1_999), ("1", 2), (1_000, None)])
def test_a_range_is_two_amounts_in_order(low, high):
    command = Indicate(bidder="ada", cid="c", low_cents=low, high_cents=high)
    assert reason(sale().say(command)) is Reason.MALFORMED
    assert (
        reason(sale().say(Indicate(bidder="ada", cid="c", low_cents=1, high_cents=1, conditions=None)))
        is Reason.MALFORMED
    )
    assert reason(sale().say(ReviseTape(tape_version=""))) is Reason.MALFORMED
    assert reason(sale().bind("ada", low if high == 1 else "x")) is Reason.MALFORMED
