"""Who sees what: every field of every event for every audience, and the alias under which bidders appear."""

import json

import pytest

from auctions.engine import evolve
from auctions.messages import Cancel, Pause, Resume
from auctions.views import (
    OBSERVER,
    OFFICER,
    OTHER_BIDDER,
    PUBLIC,
    SELLER,
    VISIBILITY,
    Audience,
    Role,
    apply,
    concerned,
    project,
    snapshot,
)
from tests.auctions.samples import CLOSES_AT, US, Hall, terms

ADA, BOB = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")
AUDIENCES = [ADA, BOB, OTHER_BIDDER, OBSERVER, SELLER, OFFICER, PUBLIC]
RESERVE, CEILING, OTHER_CEILING = 2_517, 7_771, 6_663  # amounts that occur nowhere by accident


def a_full_auction():
    """Every kind of event but three (bought now, cancelled, failed)."""
    hall = Hall(terms(reserve_cents=RESERVE))
    hall.bid("ada", 1_100)
    hall.bid("bob", 1_300)
    hall.ceiling("bob", OTHER_CEILING)
    hall.ceiling("ada", CEILING)
    hall.lower("ada")
    hall.refuse(next(e.seq for e in hall.log if e.kind == "bid_accepted" and e.bidder == "bob"))
    hall.void(next(e.seq for e in hall.log if e.kind == "bid_accepted" and e.amount_cents == CEILING))
    hall.ceiling("bob", OTHER_CEILING)
    hall.ceiling("bob", OTHER_CEILING + 1)
    hall.say(Pause(reason="a question"))
    hall.say(Resume())
    hall.ceiling("ada", CEILING, at=CLOSES_AT - US)
    hall.close()
    return hall


def other_endings():
    bought = Hall(terms(reserve_cents=RESERVE, buy_now_cents=90_000))
    bought.ceiling("ada", CEILING)
    bought.buy("bob")
    failed = Hall(terms(reserve_cents=RESERVE))
    failed.ceiling("ada", RESERVE - 1)
    failed.close()
    cancelled = Hall()
    cancelled.say(Cancel(reason="sold elsewhere"))
    return [bought, failed, cancelled]


ALL_HALLS = [a_full_auction(), *other_endings()]
ALL_EVENTS = [event for hall in ALL_HALLS for event in hall.log]


def snapshots_along(hall, audience):
    auction = None
    for event in hall.log:
        auction = evolve(auction, event)
        yield event, snapshot(auction, audience)


def test_the_sample_auctions_show_every_kind_of_event():
    assert len({event.kind for event in ALL_EVENTS}) == 15


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_old_snapshot_and_event_make_the_fresh_snapshot(audience):
    for hall in ALL_HALLS:
        shown = None
        for event, fresh in snapshots_along(hall, audience):
            shown = fresh if shown is None else apply(shown, project(event, audience))
            assert shown == fresh


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_every_event_reaches_every_audience_with_its_place_in_the_sequence(audience):
    for hall in ALL_HALLS:
        frames = [project(event, audience) for event in hall.log]
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        assert all(frame["prev"] == frame["seq"] - 1 and frame["auction"] == "auction-1" for frame in frames)
        assert all(frame["at"].endswith("Z") and len(frame["at"]) == 27 for frame in frames)


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_no_field_reaches_an_audience_that_the_table_does_not_name(audience):
    own = {"own"} if audience.bidder else set()
    for hall in ALL_HALLS:
        shown = [project(event, audience) for event in hall.log]
        shown += [state for _, state in snapshots_along(hall, audience)]
        for frame in shown:
            for name in frame:
                assert VISIBILITY[name] & ({audience.role} | own), name


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_every_value_is_of_a_json_type(audience):
    for hall in ALL_HALLS:
        for event, state in snapshots_along(hall, audience):
            assert json.loads(json.dumps(state)) == state
            assert json.loads(json.dumps(project(event, audience))) == project(event, audience)


def everything_shown(hall, audience):
    shown = [project(event, audience) for event in hall.log]
    return json.dumps(shown + [state for _, state in snapshots_along(hall, audience)])


def test_the_reserve_reaches_the_office_only():
    hall = Hall(terms(reserve_cents=RESERVE))
    hall.bid("ada", RESERVE - 1)
    hall.bid("bob", RESERVE + 800)
    for audience in AUDIENCES:
        assert (str(RESERVE) in everything_shown(hall, audience)) == (audience in {SELLER, OFFICER})


def test_a_ceiling_reaches_its_bidder_and_the_officer_only():
    hall = Hall()
    hall.ceiling("ada", CEILING)
    hall.bid("bob", 2_000)
    hall.ceiling("ada", CEILING + 1)
    hall.lower("ada")
    for audience in AUDIENCES:
        assert (str(CEILING) in everything_shown(hall, audience)) == (audience in {ADA, OFFICER})


def test_names_reach_the_office_only_and_everybody_else_sees_paddles():
    hall = a_full_auction()
    for audience in AUDIENCES:
        shown = everything_shown(hall, audience)
        assert ('"ada"' in shown) == (audience in {SELLER, OFFICER})
        assert '"B1"' in shown


def test_paddles_are_numbered_by_the_first_accepted_bid():
    hall = Hall()
    hall.bid("zoe", 1)
    hall.bid("ada", 1_000)
    hall.bid("zoe", 1_100)
    hall.bid("ada", 1_200)
    assert hall.auction.paddles == {"ada": 1, "zoe": 2}
    assert snapshot(hall.auction, OBSERVER)["leader"] == {"paddle": "B1"}
    assert snapshot(hall.auction, SELLER)["leader"] == {"paddle": "B1", "bidder": "ada"}
    assert snapshot(hall.auction, ADA)["leader"] == {"paddle": "B1", "you": True}


def test_a_leader_moving_its_own_ceiling_is_a_blank_to_others():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    hall.ceiling("ada", 4_000)
    hall.lower("ada")
    for event in hall.log[-2:]:
        for audience in (BOB, OTHER_BIDDER, OBSERVER, SELLER, PUBLIC):
            assert project(event, audience).keys() == {"auction", "seq", "prev", "at", "kind"}
            assert project(event, audience)["kind"] == "redacted"
        assert project(event, ADA)["your_ceiling_cents"] == event.leader_ceiling_cents
        assert project(event, OFFICER)["leader_ceiling_cents"] == event.leader_ceiling_cents


def test_an_exact_amount_is_public_in_the_room_and_a_ceiling_is_not():
    hall = Hall()
    hall.bid("ada", 1_100)
    assert project(hall.log[2], OBSERVER)["bid_cents"] == 1_100
    hall.ceiling("bob", 5_000)
    assert "bid_cents" not in project(hall.log[-1], OBSERVER)
    assert "ceiling_cents" not in project(hall.log[-1], SELLER)
    assert project(hall.log[-1], BOB)["ceiling_cents"] == 5_000


def test_a_bidder_sees_its_ceiling_only_while_it_leads():
    hall = Hall()
    hall.ceiling("ada", 3_000)
    assert snapshot(hall.auction, ADA)["your_ceiling_cents"] == 3_000
    hall.bid("bob", 4_000)
    assert snapshot(hall.auction, ADA)["your_ceiling_cents"] is None
    assert "your_ceiling_cents" not in snapshot(hall.auction, OBSERVER)


def test_the_public_learns_the_result_at_the_end_and_no_bid_before():
    hall = a_full_auction()
    for event in hall.log:
        if event.kind in {"bid_accepted", "reserve_met", "bid_voided", "bid_refused_by_seller", "ceiling_lowered"}:
            assert project(event, PUBLIC)["kind"] == "redacted"
    assert snapshot(hall.auction, PUBLIC)["hammer_cents"] == hall.auction.hammer_cents
    assert "price_cents" not in snapshot(hall.auction, PUBLIC)


def test_bidders_who_are_not_concerned_all_get_the_same_frame():
    names = {"ada", "bob", "cy"}
    for event in ALL_EVENTS:
        for name in names - concerned(event):
            assert project(event, Audience(Role.BIDDER, name)) == project(event, OTHER_BIDDER)
        for name in concerned(event):
            assert project(event, Audience(Role.BIDDER, name)) != project(event, OTHER_BIDDER)


def test_an_event_is_applied_only_to_the_snapshot_before_it():
    hall = a_full_auction()
    with pytest.raises(ValueError, match="was due"):
        apply(snapshot(hall.auction, OBSERVER), project(hall.log[4], OBSERVER))


def test_a_frame_carries_the_names_of_the_protocol():
    hall = Hall()
    hall.bid("ada", 1_100)
    assert project(hall.log[2], OBSERVER) == {
        "auction": "auction-1",
        "seq": 3,
        "prev": 2,
        "at": "2026-03-02T15:00:00.000000Z",
        "kind": "bid_accepted",
        "bidder": {"paddle": "B1"},
        "bid_kind": "manual",
        "bid_cents": 1_100,
        "price_cents": 1_100,
        "min_next_cents": 1_200,
        "leader": {"paddle": "B1"},
    }
