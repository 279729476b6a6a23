"""The client's fold: what it keeps, what it drops, and when it asks again."""

import json
from uuid import UUID

import pytest

from auctions.engine import evolve
from auctions.views import OBSERVER, Audience, Role, project, snapshot
from market.client.follower import Follower, Nothing
from market.client.messages import Event, Snapshot
from tests.auctions.samples import Hall

AUCTION = UUID("01920000-0000-7000-8000-000000000001")
ADA = Audience(Role.BIDDER, "ada")


def plain(value):
    return json.loads(json.dumps(value))


def a_story(audience):
    """(frames of all events, the snapshot after each) as the audience hears them."""
    hall = Hall()
    hall.bid("ada", 1_100)
    hall.ceiling("bob", 5_000)
    hall.bid("ada", 3_000)
    hall.lower("bob")
    hall.close()
    states, auction = [], None
    for event in hall.log:
        auction = evolve(auction, event)
        states.append(plain(snapshot(auction, audience)))
    return [{"t": "event", **plain(project(event, audience))} for event in hall.log], states


def frame_of(state, epoch="e1"):
    return {"t": "snapshot", "epoch": epoch, **state}


@pytest.mark.parametrize("audience", [OBSERVER, ADA], ids=str)
def test_the_folded_state_is_the_servers_snapshot_after_every_event(audience):
    events, states = a_story(audience)
    follower = Follower(AUCTION)
    follower.take_snapshot(frame_of(states[0]))
    for event, state in zip(events[1:], states[1:], strict=True):
        assert isinstance(follower.take_event(event), Event)
        assert follower.state == state


def test_a_repeated_event_is_dropped_and_a_gap_is_noticed():
    events, states = a_story(OBSERVER)
    follower = Follower(AUCTION)
    follower.take_snapshot(frame_of(states[1]))
    assert follower.take_event(events[0]) is Nothing.SEEN
    assert follower.take_event(events[1]) is Nothing.SEEN
    assert follower.take_event(events[3]) is Nothing.GAP
    assert follower.state == states[1]
    assert isinstance(follower.take_event(events[2]), Event)


def test_events_before_the_first_snapshot_are_dropped():
    events, _ = a_story(OBSERVER)
    assert Follower(AUCTION).take_event(events[0]) is Nothing.SEEN


def test_it_continues_where_it_is_and_starts_anew_once_it_forgot():
    _, states = a_story(OBSERVER)
    follower = Follower(AUCTION)
    assert follower.subscription() == {"auction": str(AUCTION)}
    follower.take_snapshot(frame_of(states[2]))
    assert follower.subscription() == {"auction": str(AUCTION), "from_seq": 3, "epoch": "e1"}
    follower.forget()
    assert follower.subscription() == {"auction": str(AUCTION)}


def test_a_snapshot_of_a_node_that_lags_behind_is_dropped_but_not_one_of_another_epoch():
    _, states = a_story(OBSERVER)
    follower = Follower(AUCTION)
    follower.take_snapshot(frame_of(states[2]))
    assert follower.take_snapshot(frame_of(states[1])) is Nothing.SEEN
    assert follower.state == states[2]
    assert isinstance(follower.take_snapshot(frame_of(states[1], "e2")), Snapshot)
    assert follower.state == states[1]


def test_two_heartbeats_ahead_of_it_without_an_event_make_it_ask_again():
    events, states = a_story(OBSERVER)
    follower = Follower(AUCTION)
    follower.take_snapshot(frame_of(states[0]))
    assert not follower.hear_head(1)
    assert not follower.hear_head(3)
    assert follower.hear_head(3)
    follower.take_event(events[1])
    assert not follower.hear_head(3)
    assert not follower.hear_head(2)
    assert not follower.hear_head(3)


def test_a_server_that_does_not_know_the_subscription_is_asked_again():
    assert Follower(AUCTION).hear_head(None)
