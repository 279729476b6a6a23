"""What holds in every format that keeps a book, for all terms and all commands."""

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auctions.auction import Phase
from auctions.engine import Accepted, Refused, decide, due_at, evolve, replay
from auctions.messages import Close
from auctions.moves import Tick
from auctions.proof import GENESIS, chain, decode, encode, line, verify
from auctions.terms import PackageTerms, TwoStageTerms, terms_from_json
from auctions.views import OTHER_BIDDER, VISIBILITY, Audience, Role, apply, concerned, project, snapshot
from tests.auctions.formats import AUDIENCES, BIDDERS, FORMATS, drawn_hall
from tests.auctions.samples import Hall
from tests.auctions.test_properties import _tamper

randoms = st.randoms(use_true_random=False)
modestly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
in_every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@in_every_format
def test_the_engine_agrees_with_the_naive_rules(form):
    counts = Counter()
    for seed in range(form.runs):
        rng = random.Random(seed)
        hall = Hall(form.terms(rng))
        reference = form.reference(hall.terms)

        def compare(before, command, at, answer, *, hall=hall, reference=reference, seed=seed):
            said = "ok" if isinstance(answer, Accepted) else answer.reason.value
            own = [
                e.seq for e in getattr(answer, "events", ()) if e.kind not in {"auction_opened", "binding_explained"}
            ]
            told = reference.say(command, at, own[0] if own else None)
            assert told == said, (seed, command, at, answer)
            assert state_of(hall.auction) == reference.state(), (seed, command, at)
            counts[type(command).__name__, said] += 1

        form.play(rng, hall, form.count, compare)
        counts[hall.auction.phase] += 1
    assert counts[Phase.AWARDED] > form.runs // 20, counts
    assert counts[Phase.FAILED] > form.runs // 50, counts
    for name in form.must_hold:
        assert counts[name, "ok"] > 5, (name, counts)


def state_of(auction):
    state = {
        "phase": auction.phase.value,
        "closes_at": auction.closes_at,
        "end": (auction.winner, auction.hammer_cents, auction.phase_reason),
    }
    if isinstance(auction.terms, TwoStageTerms):
        return state | {"standing": (auction.leader, auction.price_cents, auction.leader_ceiling_cents)}
    if isinstance(auction.terms, PackageTerms):
        sold = [(award.bidder, set(award.pools), award.hammer_cents) for award in auction.book.awards]
        return state | {"winning": auction.book.winning, "sold": sold}
    return state


@in_every_format
@given(randoms)
@modestly
def test_a_refused_command_changes_nothing_and_deciding_is_pure(form, rng):
    def watch(before, command, at, answer):
        assert decide(before, command, at) == answer
        if isinstance(answer, Refused):
            assert hall_of[0].auction is before

    hall_of = []
    rng2 = random.Random(rng.random())
    hall_of.append(Hall(form.terms(rng2)))
    form.play(rng2, hall_of[0], 30, watch)


@in_every_format
@given(randoms)
@modestly
def test_the_sequence_has_no_gap_and_what_is_written_down_is_the_same_again(form, rng):
    hall = drawn_hall(rng, form)
    assert [event.seq for event in hall.log] == list(range(1, hall.auction.seq + 1))
    assert replay(hall.log) == hall.auction
    assert terms_from_json(json.loads(json.dumps(hall.terms.to_json()))) == hall.terms
    for event in hall.log:
        assert decode(encode(event)) == event
        assert encode(decode(encode(event))) == encode(event)


@in_every_format
@given(randoms)
@settings(modestly, max_examples=60)
def test_old_snapshot_and_events_make_the_fresh_snapshot_for_everybody(form, rng):
    hall = drawn_hall(rng, form)
    for audience in AUDIENCES:
        auction, shown = None, None
        for event in hall.log:
            auction = evolve(auction, event)
            fresh = snapshot(auction, audience)
            shown = fresh if shown is None else apply(shown, project(event, audience))
            assert shown == fresh, event
            assert json.loads(json.dumps(fresh)) == fresh


@in_every_format
@given(randoms)
@modestly
def test_every_field_reaches_only_whom_the_table_names(form, rng):
    hall = drawn_hall(rng, form)
    for audience in AUDIENCES:
        seats = {audience.role} | ({"own"} if audience.bidder else set())
        shown = [project(event, audience) for event in hall.log] + [snapshot(hall.auction, audience)]
        for frame in shown:
            assert all(VISIBILITY[name] & seats for name in frame), frame
        assert [frame["prev"] for frame in shown[:-1]] == [frame["seq"] - 1 for frame in shown[:-1]]
        names = json.dumps(shown)
        knows = audience.role in {Role.SELLER, Role.OFFICER}
        assert knows or not any(f'"{name}"' in names for name in BIDDERS)


@in_every_format
@given(randoms)
@modestly
def test_bidders_who_are_not_concerned_get_the_frame_of_the_others(form, rng):
    hall = drawn_hall(rng, form)
    for event in hall.log:
        for name in set(BIDDERS) - concerned(event):
            assert project(event, Audience(Role.BIDDER, name)) == project(event, OTHER_BIDDER)


@in_every_format
@given(randoms)
@modestly
def test_every_drawn_log_verifies_and_every_tampering_is_found(form, rng):
    hall = drawn_hall(rng, form)
    head, lines = GENESIS, []
    for event in hall.log:
        head = chain(head, encode(event))
        lines.append(line(encode(event), head))
    verdict = verify(lines, head)
    assert verdict.holds, verdict.problem
    assert verdict.auction == hall.auction
    _tamper(rng, lines)
    assert not verify(lines, head).holds


@in_every_format
@given(randoms)
@modestly
def test_the_clock_alone_brings_every_running_auction_to_its_end(form, rng):
    hall = drawn_hall(rng, form, 12)
    for _ in range(12):
        at = due_at(hall.auction)
        if at is None:
            break
        hall.now = max(hall.now, at)
        for command in (Tick(), Close()):
            hall.say(command)
        assert hall.auction.phase is not Phase.SCHEDULED or hall.now < hall.auction.closes_at
        if hall.auction.phase is Phase.SCHEDULED:
            hall.now = hall.auction.closes_at
            hall.say(Close())
    assert hall.auction.phase.has_ended or hall.auction.phase is Phase.PAUSED
