"""The binding part of an auction in two stages: outbidding each other in the open, or bettering sealed bids once."""

from datetime import timedelta

import pytest

from auctions.engine import due_at
from auctions.messages import Outcome, Reason, Standing
from auctions.moves import Stage, Withdraw
from auctions.proof import verify
from auctions.terms import Binding, IncrementStep, TermsError, TwoStageTerms, terms_from_json
from auctions.views import OBSERVER, OFFICER, PUBLIC, SELLER, Audience, Role, project, snapshot
from tests.auctions.samples import US, kinds, outcome, reason
from tests.auctions.test_below_reserve import log_of
from tests.auctions.test_two_stage import USUAL, binding, sale

LADDER = (IncrementStep(0, 100), IncrementStep(5_000, 500))
ENGLISH = {"binding": Binding.ENGLISH, "increments": LADDER, "binding_extends_s": 600}
FINAL = {"final_s": 1_800, "final_top": 2}
ADA, BOB = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")


def ascending(**changes):
    """ada indicated 4,000 and bob 5,000; both are on the shortlist, and the price is at 1,000 or more."""
    return binding(**(ENGLISH | changes))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("increments", {"binding": Binding.ENGLISH}),
        ("increments", ENGLISH | {"increments": (IncrementStep(0, 0),)}),
        ("increments", {"increments": LADDER}),
        ("binding_extends_s", {"binding_extends_s": 60}),
        ("binding_extends_s", ENGLISH | {"binding_extends_s": -1}),
        ("soft_close_window_s", ENGLISH | {"soft_close_window_s": -1}),
        ("soft_close_extension_s", ENGLISH | {"soft_close_extension_s": 86_401}),
        ("binding", {"binding": "english"}),
        ("final_s", ENGLISH | FINAL),
        ("final_s", {"final_top": 2}),
        ("final_top", {"final_s": 60}),
        ("final_within_bps", {"final_s": 60, "final_within_bps": 10_001}),
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        sale(**changes)
    assert caught.value.field == field


def test_terms_are_read_back_and_those_of_before_are_written_as_ever():
    for changes in (ENGLISH, FINAL, {"final_s": 60, "final_within_bps": 0}):
        terms = TwoStageTerms(**(USUAL | changes))
        assert terms_from_json(terms.to_json()) == terms
    plain = TwoStageTerms(**USUAL).to_json()
    assert not plain.keys() & {"binding", "increments", "soft_close_window_s", "binding_extends_s", "final_s"}


def test_the_shortlisted_outbid_each_other_in_the_open():
    hall = ascending()
    assert kinds(hall.bid("bob", 4_500)) == ["bid_accepted", "reserve_met"]
    assert reason(hall.bid("cy", 9_000)) is Reason.NOT_ELIGIBLE
    assert reason(hall.bid("ada", 4_599)) is Reason.BID_TOO_LOW
    assert outcome(hall.ceiling("ada", 6_000)) is Outcome.LEADING
    assert hall.stands == ("ada", 4_600, 6_000)
    assert outcome(hall.ceiling("bob", 6_000)) is Outcome.OUTBID_TIE
    assert kinds(hall.close()) == ["auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 6_000)


def test_a_late_bid_extends_the_binding_part_up_to_its_cap():
    hall = ascending()
    began = hall.auction.closes_at
    assert hall.auction.latest_close_at == began + timedelta(seconds=600)
    for step in range(1, 6):
        late = hall.bid("bob" if step % 2 else "ada", 4_500 + 600 * step, hall.clock)
        assert ("close_extended" in kinds(late)) == (step < 5)
    assert hall.auction.closes_at == began + timedelta(seconds=600) == due_at(hall.auction)
    hall.close()
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("bob", 7_500)


def test_a_ceiling_is_lowered_and_nothing_is_withdrawn():
    hall = ascending()
    hall.ceiling("bob", 6_000)
    assert kinds(hall.lower("bob")) == ["ceiling_lowered"]
    assert hall.stands == ("bob", 1_000, 1_000)
    assert reason(hall.say(Withdraw(bidder="bob", cid="w"), hall.clock)) is Reason.NOT_OPEN


def test_a_struck_bid_lets_the_others_meet_again():
    hall = ascending()
    hall.bid("ada", 4_000)
    hall.bid("bob", 5_000)
    struck = hall.void(hall.auction.leader_bid_seq)
    assert kinds(struck) == ["bid_voided"]
    assert hall.stands == ("ada", 4_000, 4_000)


def test_whom_the_seller_refused_in_the_open_may_not_bid_there_again():
    hall = ascending()
    hall.ceiling("ada", 8_000)
    hall.bind("bob", 9_000)
    kinds(hall.refuse(hall.auction.leader_bid_seq, hall.clock))
    assert hall.stands == ("ada", 1_000, 1_000)
    for again in (hall.bid("bob", 5_000), hall.bind("bob", 5_000), hall.ceiling("bob", 5_000)):
        assert reason(again) is Reason.NOT_ELIGIBLE
    assert verify(log_of(hall), hall.auction.head).holds


def test_a_refused_indication_keeps_nobody_from_the_binding_part():
    hall = sale(**ENGLISH)
    hall.indicate("ada", 4_000)
    kinds(hall.refuse(hall.auction.seq, hall.clock))
    hall.indicate("ada", 4_000)
    hall.close()
    kinds(hall.choose("ada"))
    hall.close()
    assert hall.auction.refused == frozenset()
    assert kinds(hall.bid("ada", 4_500))[-2:] == ["bid_accepted", "reserve_met"]


def test_an_open_bid_far_below_the_own_indication_needs_a_reason_once():
    hall = ascending()
    for low in (hall.bid("ada", 3_599), hall.ceiling("ada", 3_599), hall.bind("ada", 3_599, "  ")):
        assert reason(low) is Reason.CONFIRM_NEEDED
    assert kinds(hall.bid("bob", 4_500)) == ["bid_accepted", "reserve_met"]
    lower = ascending()
    assert kinds(lower.bind("ada", 1_000, "half of it is time-barred"))[:2] == ["binding_explained", "bid_accepted"]
    assert kinds(lower.ceiling("bob", 4_600)) == ["bid_accepted"]
    assert kinds(lower.bid("ada", 3_000)) == ["bid_accepted"]
    assert lower.stands == ("bob", 3_100, 4_600)


def test_at_the_very_edge_of_the_deviation_no_reason_is_asked_for():
    hall = ascending()
    assert kinds(hall.bid("ada", 3_600))[0] == "bid_accepted"


def test_after_a_changed_tape_a_low_open_bid_needs_no_reason():
    hall = ascending()
    hall.revise()
    assert kinds(hall.bid("ada", 1_000))[-2:] == ["bid_accepted", "reserve_met"]


def test_a_bid_that_is_refused_leaves_its_reason_unsaid():
    hall = ascending()
    hall.bid("bob", 4_500)
    assert reason(hall.bind("ada", 4_000, "worse than it looked")) is Reason.BID_TOO_LOW
    assert hall.auction.the_book.explained == {}
    assert reason(hall.bind("ada", 4_600, standing=Standing(limit_cents=4_599))) is Reason.LIMIT


def test_the_reserve_of_an_open_part_is_hidden_until_it_is_met():
    hall = ascending(reserve_cents=6_000)
    hall.bid("bob", 4_500)
    assert not snapshot(hall.auction, OBSERVER)["reserve_met"]
    hall.close()
    assert hall.auction.phase_reason == "RESERVE_NOT_MET"
    empty = ascending()
    empty.close()
    assert empty.auction.phase_reason == "NO_BIDS"


def test_open_bids_are_for_the_binding_part_alone():
    hall = sale(**ENGLISH)
    assert reason(hall.bid("ada", 4_000)) is Reason.NOT_OPEN
    assert reason(binding().bid("ada", 4_000)) is Reason.MALFORMED


def test_a_reason_is_for_the_office_and_its_bidder_and_a_ceiling_for_fewer_still():
    hall = ascending()
    hall.bind("ada", 1_200, "half of it is time-barred")
    explained = next(event for event in hall.log if event.kind == "binding_explained")
    for audience in (SELLER, OFFICER, ADA):
        assert project(explained, audience)["reason"] == "half of it is time-barred"
    for audience in (BOB, OBSERVER, PUBLIC):
        assert project(explained, audience)["kind"] == "redacted"
    hall.ceiling("bob", 4_600)
    assert snapshot(hall.auction, BOB)["your_ceiling_cents"] == 4_600
    assert [snapshot(hall.auction, who)["price_cents"] for who in (ADA, OBSERVER, SELLER)] == [1_300] * 3
    assert "4600" not in str([snapshot(hall.auction, who) for who in (ADA, OBSERVER, SELLER, PUBLIC)])


@pytest.mark.parametrize("changes", [ENGLISH, FINAL])
def test_the_proof_comes_to_the_same_end(changes):
    hall = binding(**changes)
    hall.bind("ada", 1_200, "half of it is time-barred")
    hall.bind("bob", 4_800)
    while not hall.auction.phase.has_ended:
        hall.close()
    verdict = verify(log_of(hall))
    assert verdict.holds, (verdict.wrong_seq, verdict.problem)
    assert verdict.auction == hall.auction


# Best and final.


def test_the_best_sealed_binding_bidders_better_their_bids_once():
    hall = binding(**FINAL)
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_700)
    assert hall.auction.latest_close_at == hall.auction.closes_at + timedelta(seconds=1_800)
    assert kinds(hall.close()) == ["bids_opened", "stage_began"]
    assert hall.auction.the_book.stage is Stage.FINAL
    assert reason(hall.bind("cy", 9_000)) is Reason.NOT_ELIGIBLE
    low = hall.bind("bob", 4_700)
    assert (reason(low), low.min_next_cents) == (Reason.BID_TOO_LOW, 4_701)
    hall.bind("bob", 4_900)
    assert kinds(hall.close()) == ["bids_opened", "auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("bob", 4_900)


def test_who_does_not_better_its_bid_keeps_it():
    hall = binding(**FINAL)
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_700)
    hall.close()
    assert kinds(hall.close()) == ["auction_closed", "awarded"]
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 4_800)


def test_who_withdraws_in_the_final_round_is_back_at_its_first_bid():
    hall = binding(**FINAL)
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_700)
    hall.close()
    hall.bind("bob", 5_000)
    assert kinds(hall.say(Withdraw(bidder="bob", cid="w"), hall.clock)) == ["offer_withdrawn"]
    hall.close()
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("ada", 4_800)


@pytest.mark.parametrize(("within_bps", "goes_on"), [(208, False), (209, True)])
def test_a_final_round_among_those_close_to_the_best_needs_two_of_them(within_bps, goes_on):
    hall = binding(final_s=60, final_within_bps=within_bps)
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_700)
    assert (kinds(hall.close())[-1] == "stage_began") is goes_on


def test_the_reserve_holds_after_the_final_round_and_the_first_amounts_stay_with_the_office():
    hall = binding(**FINAL, reserve_cents=6_000)
    hall.bind("ada", 4_801)
    hall.bind("bob", 4_701)
    hall.close()
    for audience in (ADA, BOB, OBSERVER, PUBLIC):
        assert "4801" not in str(snapshot(hall.auction, audience).get("opened_first"))
    assert "4801" in str(snapshot(hall.auction, SELLER)["opened_first"])
    hall.bind("bob", 5_999)
    hall.close()
    assert hall.auction.phase_reason == "RESERVE_NOT_MET"


def test_a_late_end_shortens_no_final_round():
    hall = binding(**FINAL)
    hall.bind("ada", 4_800)
    hall.bind("bob", 4_700)
    late = hall.auction.closes_at + timedelta(hours=5)
    hall.close(late)
    assert hall.auction.closes_at == late + timedelta(seconds=1_800)
    hall.bind("bob", 4_900)
    assert hall.clock == hall.auction.closes_at - US
