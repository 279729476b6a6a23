"""When a bid counts, when the close moves, and when the auction ends."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from auctions.auction import Phase
from auctions.engine import decide
from auctions.messages import Cancel, Close, Open, Pause, Reason, Resume
from tests.auctions.samples import CLOSES_AT, LATEST_CLOSE_AT, OPENS_AT, US, Hall, kinds, reason, terms

MINUTE = timedelta(minutes=1)


def test_a_bid_before_the_opening_is_not_open():
    hall = Hall()
    assert reason(hall.bid("ada", 1_000, at=OPENS_AT - US)) is Reason.NOT_OPEN
    assert hall.auction.phase is Phase.SCHEDULED


def test_a_bid_at_the_opening_opens_a_scheduled_auction():
    hall = Hall()
    assert kinds(hall.bid("ada", 1_000, at=OPENS_AT))[0] == "auction_opened"
    assert hall.auction.phase is Phase.OPEN


def test_a_refused_bid_does_not_open_the_auction():
    hall = Hall()
    assert reason(hall.bid("ada", 1, at=OPENS_AT)) is Reason.BID_TOO_LOW
    assert hall.auction.phase is Phase.SCHEDULED


def test_opening_is_due_at_the_opening_and_happens_once():
    hall = Hall()
    assert reason(hall.say(Open(), OPENS_AT - US)) is Reason.NOT_OPEN
    assert kinds(hall.say(Open(), OPENS_AT)) == ["auction_opened"]
    assert kinds(hall.say(Open(), OPENS_AT + US)) == []


def test_a_bid_one_microsecond_before_the_close_counts():
    hall = Hall()
    kinds(hall.bid("ada", 1_000, at=CLOSES_AT - US))


@pytest.mark.parametrize("late", [timedelta(0), US])
def test_a_bid_at_the_close_or_after_it_is_too_late_even_if_nobody_has_closed(late):
    hall = Hall()
    assert reason(hall.bid("ada", 1_000, at=CLOSES_AT + late)) is Reason.TOO_LATE


def test_an_open_auction_takes_no_bid_stamped_before_its_opening():
    hall = Hall()
    hall.say(Open(), OPENS_AT)
    assert reason(hall.bid("ada", 1_000, at=OPENS_AT - US)) is Reason.NOT_OPEN


def test_an_instant_counts_the_same_in_every_zone():
    eastern = ZoneInfo("America/New_York")
    hall = Hall()
    assert reason(hall.bid("ada", 1_000, at=CLOSES_AT.astimezone(eastern))) is Reason.TOO_LATE
    kinds(hall.bid("ada", 1_000, at=(CLOSES_AT - US).astimezone(timezone(timedelta(hours=14)))))
    assert hall.log[-1].at.tzinfo is UTC


def test_an_auction_across_the_switch_to_summer_time_lasts_as_long_as_its_instants_say():
    eastern = ZoneInfo("America/New_York")
    opens_at = datetime(2026, 3, 8, 1, 30, tzinfo=eastern)  # half an hour before the switch
    closes_at = datetime(2026, 3, 8, 3, 30, tzinfo=eastern)  # half an hour after it: one hour in all
    hall = Hall(terms(opens_at=opens_at, closes_at=closes_at, latest_close_at=closes_at))
    assert hall.auction.closes_at - hall.terms.opens_at == timedelta(hours=1)
    kinds(hall.bid("ada", 1_000, at=datetime(2026, 3, 8, 7, 29, 59, tzinfo=UTC)))
    assert reason(hall.bid("bob", 1_100, at=datetime(2026, 3, 8, 7, 30, tzinfo=UTC))) is Reason.TOO_LATE


def test_an_instant_without_a_zone_is_a_fault():
    with pytest.raises(AssertionError):
        Hall().close(at=datetime(2026, 3, 2))


def test_a_bid_inside_the_soft_close_window_moves_the_close():
    hall = Hall()
    at = CLOSES_AT - MINUTE
    assert "close_extended" in kinds(hall.bid("ada", 1_000, at=at))
    assert hall.auction.closes_at == at + timedelta(minutes=3)


def test_a_bid_before_the_window_leaves_the_close_alone():
    hall = Hall(terms(soft_close_extension_s=600))
    hall.bid("ada", 1_000, at=CLOSES_AT - timedelta(minutes=3) - US)
    assert hall.auction.closes_at == CLOSES_AT
    hall.bid("bob", 1_100, at=CLOSES_AT - timedelta(minutes=3))
    assert hall.auction.closes_at == CLOSES_AT + timedelta(minutes=7)


def test_an_extension_shorter_than_what_is_left_moves_nothing():
    hall = Hall(terms(soft_close_extension_s=30))
    assert "close_extended" not in kinds(hall.bid("ada", 1_000, at=CLOSES_AT - MINUTE))
    assert hall.auction.closes_at == CLOSES_AT


@pytest.mark.parametrize("off", [{"soft_close_window_s": 0}, {"soft_close_extension_s": 0}])
def test_a_hard_close_never_moves(off):
    hall = Hall(terms(**off))
    assert "close_extended" not in kinds(hall.bid("ada", 1_000, at=CLOSES_AT - US))


def test_a_refused_bid_does_not_extend():
    hall = Hall()
    hall.bid("ada", 1_000)
    reason(hall.bid("bob", 1_000, at=CLOSES_AT - US))
    assert hall.auction.closes_at == CLOSES_AT


def test_a_leader_raising_its_own_ceiling_does_not_extend():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    kinds(hall.ceiling("ada", 4_000, at=CLOSES_AT - US))
    assert hall.auction.closes_at == CLOSES_AT


def test_a_raise_that_takes_the_price_to_the_reserve_does_extend():
    hall = Hall(terms(reserve_cents=2_500))
    hall.ceiling("ada", 2_000)
    assert kinds(hall.ceiling("ada", 3_000, at=CLOSES_AT - US)) == ["bid_accepted", "reserve_met", "close_extended"]


def test_an_outbid_bid_that_lifts_the_price_extends():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    assert "close_extended" in kinds(hall.bid("bob", 2_000, at=CLOSES_AT - US))


def test_a_storm_of_late_bids_moves_the_close_to_the_cap_and_no_further():
    hall = Hall()
    moved = 0
    for number in range(200):
        at = hall.auction.closes_at - timedelta(seconds=1)
        moved += "close_extended" in kinds(hall.bid(f"bidder-{number % 7}", hall.auction.min_next_cents, at=at))
        assert hall.auction.closes_at <= LATEST_CLOSE_AT
    assert hall.auction.closes_at == LATEST_CLOSE_AT
    assert moved == 11  # ten times 179 s and the rest of the half hour


def test_after_an_extension_the_old_close_no_longer_counts():
    hall = Hall()
    hall.bid("ada", 1_000, at=CLOSES_AT - US)
    assert reason(hall.say(Close(), CLOSES_AT)) is Reason.NOT_DUE
    kinds(hall.bid("bob", 1_100, at=CLOSES_AT + MINUTE))


def test_closing_is_due_at_the_effective_close_and_happens_once():
    hall = Hall()
    hall.bid("ada", 1_000)
    assert reason(hall.say(Close(), CLOSES_AT - US)) is Reason.NOT_DUE
    assert kinds(hall.say(Close(), CLOSES_AT)) == ["auction_closed", "awarded"]
    assert kinds(hall.say(Close(), CLOSES_AT)) == []
    assert kinds(hall.say(Close(), CLOSES_AT - US)) == []


def test_a_closer_that_is_two_minutes_late_takes_no_late_bid():
    hall = Hall()
    hall.bid("ada", 1_000)
    assert reason(hall.bid("bob", 2_000, at=CLOSES_AT + MINUTE)) is Reason.TOO_LATE
    hall.close(at=CLOSES_AT + 2 * MINUTE)
    assert hall.auction.winner == "ada"


def test_a_bid_received_in_time_but_decided_after_the_close_ran_is_too_late():
    hall = Hall()
    hall.close(at=CLOSES_AT)
    assert reason(hall.bid("ada", 1_000, at=CLOSES_AT - US)) is Reason.TOO_LATE


def test_a_pause_stops_the_clock():
    hall = Hall()
    hall.bid("ada", 1_000)
    paused_at = CLOSES_AT - 10 * MINUTE
    assert kinds(hall.say(Pause(reason="tape under question"), paused_at)) == ["auction_paused"]
    assert reason(hall.bid("bob", 1_100, at=paused_at + US)) is Reason.PAUSED
    assert reason(hall.buy("bob", at=paused_at + US)) is Reason.PAUSED
    assert reason(hall.say(Close(), CLOSES_AT + MINUTE)) is Reason.NOT_DUE
    assert kinds(hall.say(Resume(), CLOSES_AT + 20 * MINUTE)) == ["auction_resumed"]
    assert hall.auction.closes_at == CLOSES_AT + 30 * MINUTE
    assert hall.auction.latest_close_at == LATEST_CLOSE_AT + 30 * MINUTE
    kinds(hall.bid("bob", 1_100, at=CLOSES_AT + 21 * MINUTE))


def test_pausing_and_resuming_twice_changes_nothing():
    hall = Hall()
    hall.say(Pause(reason="one"), OPENS_AT)
    assert kinds(hall.say(Pause(reason="two"), OPENS_AT)) == []
    assert hall.auction.phase_reason == "one"
    hall.say(Resume(), OPENS_AT)
    assert kinds(hall.say(Resume(), OPENS_AT)) == []


def test_what_is_not_running_can_be_neither_paused_nor_resumed():
    hall = Hall()
    assert reason(hall.say(Pause(reason="x"), OPENS_AT - US)) is Reason.NOT_OPEN
    assert reason(hall.say(Resume(), OPENS_AT)) is Reason.NOT_OPEN
    hall.close()
    assert reason(hall.say(Pause(reason="x"), OPENS_AT)) is Reason.TOO_LATE
    assert reason(hall.say(Resume(), OPENS_AT)) is Reason.TOO_LATE


@pytest.mark.parametrize("at", [OPENS_AT - MINUTE, OPENS_AT, CLOSES_AT - US])
def test_an_auction_can_be_cancelled_until_its_close(at):
    hall = Hall()
    assert kinds(hall.say(Cancel(reason="sold elsewhere"), at)) == ["auction_cancelled"]
    assert kinds(hall.say(Cancel(reason="again"), at)) == []
    assert kinds(hall.say(Close(), CLOSES_AT)) == []
    assert reason(hall.bid("ada", 1_000)) is Reason.TOO_LATE
    assert hall.auction.phase_reason == "sold elsewhere"


def test_an_auction_cannot_be_cancelled_once_its_result_stands():
    hall = Hall()
    hall.bid("ada", 1_000)
    assert reason(hall.say(Cancel(reason="too cheap"), CLOSES_AT)) is Reason.TOO_LATE
    hall.close()
    assert reason(hall.say(Cancel(reason="too cheap"), CLOSES_AT)) is Reason.TOO_LATE


def test_a_paused_auction_can_be_cancelled_at_any_time():
    hall = Hall()
    hall.say(Pause(reason="x"), OPENS_AT)
    assert kinds(hall.say(Cancel(reason="x"), CLOSES_AT + MINUTE)) == ["auction_cancelled"]


def test_deciding_changes_nothing_by_itself():
    hall = Hall()
    before = hall.auction
    decide(before, Open(), OPENS_AT)
    assert hall.auction is before
    assert before.phase is Phase.SCHEDULED
