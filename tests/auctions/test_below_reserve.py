"""Below the reserve: the seller may take the highest bid all the same, for as long as the terms say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from auctions.auction import Phase
from auctions.engine import decide, due_at
from auctions.messages import (
    Cancel,
    Close,
    DeclineHighest,
    Pause,
    Reason,
    RefuseBid,
    Resume,
    Standing,
    TakeHighest,
)
from auctions.proof import GENESIS, chain, encode, line, verify
from auctions.terms import SealedTerms, TermsError, terms_from_json
from auctions.views import OBSERVER, OFFICER, PUBLIC, SELLER, Audience, Role, project, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import CLOSES_AT, US, Hall, kinds, reason, terms

HOURS = timedelta(hours=48)


def asked(**changes):
    """A hall whose reserve was not met: ada leads at 2 000, and the seller has two days."""
    hall = Hall(terms(reserve_cents=5_000, below_reserve_answer_s=48 * 3_600, **changes))
    hall.bid("bob", 1_500)
    hall.bid("ada", 2_000)
    hall.close()
    hall.now = CLOSES_AT
    return hall


def take(hall, at=None, *, seq_seen=None, standing=None):
    return hall.say(TakeHighest(seq_seen=seq_seen or hall.auction.seq, standing=standing or Standing()), at)


def decline(hall, at=None, *, seq_seen=None):
    return hall.say(DeclineHighest(seq_seen=seq_seen or hall.auction.seq), at)


def end(hall):
    return hall.auction.phase, hall.auction.winner, hall.auction.hammer_cents, hall.auction.phase_reason


def log_of(hall):
    head, lines = GENESIS, []
    for event in hall.log:
        head = chain(head, encode(event))
        lines.append(line(encode(event), head))
    return lines


def test_the_seller_is_asked_when_the_reserve_was_not_met():
    hall = asked()
    assert [event.kind for event in hall.log[-2:]] == ["auction_closed", "answer_awaited"]
    assert hall.auction.phase is Phase.AWARDING
    assert hall.auction.answer_until == due_at(hall.auction) == CLOSES_AT + HOURS


def test_the_time_to_answer_begins_when_a_late_close_is_carried_out():
    hall = Hall(terms(reserve_cents=5_000, below_reserve_answer_s=60))
    hall.bid("ada", 2_000)
    hall.close(CLOSES_AT + HOURS)
    assert hall.auction.answer_until == CLOSES_AT + HOURS + timedelta(seconds=60)


def test_the_highest_bid_is_taken_at_its_price():
    hall = asked()
    assert kinds(take(hall)) == ["highest_taken", "awarded"]
    assert end(hall) == (Phase.AWARDED, "ada", 2_000, None)


def test_the_price_is_the_auctions_and_not_the_leaders_ceiling():
    hall = Hall(terms(reserve_cents=5_000, below_reserve_answer_s=60))
    hall.ceiling("ada", 4_000)
    hall.bid("bob", 1_500)
    hall.close()
    take(hall, CLOSES_AT)
    assert end(hall)[:3] == (Phase.AWARDED, "ada", 1_600)


def test_a_seller_who_declines_ends_the_auction():
    hall = asked()
    assert kinds(decline(hall)) == ["highest_declined", "auction_failed"]
    assert end(hall) == (Phase.FAILED, None, None, "RESERVE_NOT_MET")


def test_without_an_answer_the_auction_fails_by_itself_at_the_end_of_the_time():
    hall = asked()
    assert reason(hall.say(Close(), CLOSES_AT + HOURS - US)) is Reason.NOT_DUE
    assert kinds(hall.say(Close(), CLOSES_AT + HOURS)) == ["auction_failed"]
    assert end(hall) == (Phase.FAILED, None, None, "RESERVE_NOT_MET")
    assert kinds(hall.say(Close(), CLOSES_AT + HOURS)) == []


@pytest.mark.parametrize("answer", [take, decline])
def test_an_answer_counts_until_the_last_moment_and_not_at_the_end(answer):
    assert kinds(answer(asked(), CLOSES_AT + HOURS - US))
    assert reason(answer(asked(), CLOSES_AT + HOURS)) is Reason.TOO_LATE


@pytest.mark.parametrize("answer", [take, decline])
def test_only_one_answer_counts(answer):
    for first in (take, decline):
        hall = asked()
        first(hall)
        assert reason(answer(hall)) is Reason.TOO_LATE


@pytest.mark.parametrize("answer", [take, decline])
def test_an_answer_to_what_was_seen_before_the_close_is_stale(answer):
    hall = asked()
    assert reason(answer(hall, seq_seen=hall.auction.seq - 1)) is Reason.STALE
    assert reason(answer(hall, seq_seen=hall.auction.seq + 1)) is Reason.STALE


def test_a_bidder_who_may_no_longer_buy_is_not_sold_to():
    hall = asked()
    barred = Standing(refusal=Reason.NOT_CLEARED, detail="no clearance")
    assert reason(take(hall, standing=barred)) is Reason.NOT_ELIGIBLE
    assert reason(take(hall, standing=Standing(limit_cents=1_999))) is Reason.LIMIT
    assert kinds(take(hall, standing=Standing(limit_cents=2_000)))


@pytest.mark.parametrize("answer", [take, decline])
def test_nobody_is_asked_before_the_close_or_where_it_is_not_due(answer):
    assert reason(answer(Hall(terms(reserve_cents=5_000, below_reserve_answer_s=60)))) is Reason.NOT_DUE
    ended = Hall(terms(reserve_cents=5_000))
    ended.bid("ada", 2_000)
    ended.close()
    assert end(ended)[0] is Phase.FAILED
    assert reason(answer(ended)) is Reason.TOO_LATE
    sealed = Hall(SealedTerms(**COMMON, closes_at=CLOSES_AT, opening_cents=1_000))
    assert reason(answer(sealed)) is Reason.MALFORMED


def test_without_a_bid_or_with_the_reserve_met_nobody_is_asked():
    hall = Hall(terms(reserve_cents=5_000, below_reserve_answer_s=60))
    hall.close()
    assert end(hall)[3] == "NO_BIDS"
    hall = Hall(terms(reserve_cents=5_000, below_reserve_answer_s=60))
    hall.bid("ada", 5_000)
    hall.close()
    assert end(hall)[0] is Phase.AWARDED


def test_nothing_else_can_be_done_while_the_seller_is_asked():
    hall = asked()
    assert reason(hall.bid("cy", 9_000)) is Reason.TOO_LATE
    for command in (Pause(reason="x"), Resume(), Cancel(reason="x"), RefuseBid(seq=3, reason="x")):
        assert reason(decide_on(hall, command)) is Reason.TOO_LATE


def decide_on(hall, command):
    return decide(hall.auction, command, hall.now)


@pytest.mark.parametrize("seq_seen", [0, -1, True, "6", None])
@pytest.mark.parametrize("command", [TakeHighest, DeclineHighest])
def test_an_answer_without_a_sound_seq_is_malformed(command, seq_seen):
    assert reason(asked().say(command(seq_seen=seq_seen))) is Reason.MALFORMED


@pytest.mark.parametrize("answer_s", [0, -1, 30 * 86_400 + 1, "60", 1.5, True])
def test_a_time_to_answer_that_is_none_is_refused(answer_s):
    with pytest.raises(TermsError, match="below_reserve_answer_s"):
        terms(below_reserve_answer_s=answer_s)


def test_terms_without_a_time_to_answer_are_written_as_ever():
    assert "below_reserve_answer_s" not in terms().to_json()
    longer = terms(below_reserve_answer_s=60)
    assert longer.to_json()["below_reserve_answer_s"] == 60
    assert terms_from_json(longer.to_json()) == longer


def test_all_see_the_term_before_they_bid_whether_or_not_there_is_a_reserve():
    for reserve_cents in (None, 5_000):
        hall = Hall(terms(reserve_cents=reserve_cents, below_reserve_answer_s=60))
        for audience in (PUBLIC, OBSERVER, Audience(Role.BIDDER, "ada")):
            shown = snapshot(hall.auction, audience)["terms"]
            assert shown["below_reserve_answer_s"] == 60
            assert "reserve_cents" not in shown


def test_all_see_until_when_the_seller_may_answer_but_only_the_office_that_it_declined():
    hall = asked()
    for audience in (PUBLIC, OBSERVER, SELLER, Audience(Role.BIDDER, "ada")):
        frame = project(hall.log[-1], audience)
        assert (frame["phase"], frame["answer_until"]) == ("awarding", "2026-03-04T16:00:00.000000Z")
        assert snapshot(hall.auction, audience)["phase"] == "awarding"
    decline(hall)
    assert [project(hall.log[-2], seat)["kind"] for seat in (SELLER, OFFICER)] == ["highest_declined"] * 2
    assert project(hall.log[-2], OBSERVER)["kind"] == "redacted"
    assert project(hall.log[-1], PUBLIC)["phase_reason"] == "RESERVE_NOT_MET"


@pytest.mark.parametrize("answer", [take, decline, lambda hall: hall.say(Close(), CLOSES_AT + HOURS)])
def test_the_proof_comes_to_the_same_end(answer):
    hall = asked()
    answer(hall)
    verdict = verify(log_of(hall))
    assert verdict.holds, (verdict.wrong_seq, verdict.problem)
    assert verdict.auction == hall.auction


def test_a_log_that_gives_up_too_soon_or_takes_too_late_is_found_out():
    early, late = asked(), asked()
    decline(early)
    early.log[-2:] = [replace(early.log[-1], seq=early.log[-2].seq)]
    assert verify(log_of(early)).wrong_seq == early.log[-1].seq
    take(late)
    late.log[-2:] = [replace(event, at=CLOSES_AT + HOURS) for event in late.log[-2:]]
    assert verify(log_of(late)).wrong_seq == late.log[-2].seq
