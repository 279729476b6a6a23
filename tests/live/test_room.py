"""The room of one auction: who is told what and when, without a socket or a database."""

import json

import pytest

from auctions.engine import OutOfSequenceError, replay
from auctions.views import OBSERVER, OFFICER, SELLER, Audience, Role, apply, snapshot
from market.live.outlet import Outlet, texts_of
from market.live.protocol import write_snapshot
from market.live.room import TAIL_COUNT, TURN_COUNT, Room
from tests.auctions.samples import Hall, terms

ADA, BOB = Audience(Role.BIDDER, "ada"), Audience(Role.BIDDER, "bob")
AUDIENCES = [ADA, BOB, Audience(Role.BIDDER, "cyd"), OBSERVER, SELLER, OFFICER]
RESERVE, CEILING = 2_517, 7_771


class Watcher:
    """A socket that keeps what it was sent, and folds it."""

    def __init__(self, room, audience, **known):
        self.outlet, self.audience = Outlet(), audience
        self.join(room, **known)

    def join(self, room, from_seq=None, epoch=None):
        room.join(self.outlet, self.audience, from_seq=from_seq, epoch=epoch)

    @property
    def raw(self):
        """What was pushed: frames, or several of them as one."""
        return list(self.outlet._queue.frames)

    @property
    def frames(self):
        return [json.loads(text) for text in texts_of(b"".join(self.raw))]

    def state(self, before=None):
        state = before
        for frame in self.frames:
            if frame["t"] == "snapshot":
                state = {name: value for name, value in frame.items() if name not in {"t", "epoch"}}
            else:
                state = apply(state, frame)
        return state


def opened(count=1):
    """A hall of which the room knows the first `count` events; the rest is told by `tell`."""
    hall = Hall(terms(reserve_cents=RESERVE))
    return hall, Room(replay(hall.log[:count]), "0001")


def tell(room, hall, until=None):
    events = [event for event in hall.log[:until] if event.seq > room.auction.seq]
    for event in events:
        push(room.advance(replay(hall.log[: event.seq]), [event]))


def push(frames):
    for outlet, frame in frames:
        outlet.push(frame)


def tick(room):
    for turn in range(TURN_COUNT):
        push(room.show_observers(turn))


def a_busy_auction():
    hall, room = opened()
    hall.bid("ada", 1_100)
    hall.ceiling("bob", CEILING)
    hall.bid("ada", 3_000)
    hall.ceiling("bob", CEILING + 10)
    hall.lower("bob")
    hall.refuse(next(e.seq for e in hall.log if e.kind == "bid_accepted"))
    hall.close()
    return hall, room


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_old_snapshot_and_events_make_the_fresh_snapshot(audience):
    hall, room = a_busy_auction()
    watcher = Watcher(room, audience)
    tell(room, hall)
    tick(room)
    assert watcher.state() == snapshot(room.auction, audience)
    assert watcher.state() == Watcher(room, audience).state()


@pytest.mark.parametrize("audience", [ADA, BOB, SELLER, OFFICER], ids=str)
def test_bidders_and_office_are_told_every_event_at_once(audience):
    hall, room = a_busy_auction()
    watcher = Watcher(room, audience)
    tell(room, hall)
    assert [frame["seq"] for frame in watcher.frames] == [1, *range(2, len(hall.log) + 1)]
    assert all(frame["prev"] == frame["seq"] - 1 for frame in watcher.frames[1:])


def test_an_observer_is_told_at_the_tick_one_event_as_it_is_and_several_as_a_snapshot():
    hall, room = opened()
    watcher = Watcher(room, OBSERVER)
    hall.bid("ada", 1_100)
    tell(room, hall, 2)
    assert len(watcher.frames) == 1
    tick(room)
    assert [frame["t"] for frame in watcher.frames] == ["snapshot", "event"]
    hall.bid("bob", 1_300)
    hall.bid("ada", 1_500)
    tell(room, hall)
    tick(room)
    tick(room)
    assert [frame["t"] for frame in watcher.frames] == ["snapshot", "event", "snapshot"]
    assert watcher.frames[-1]["seq"] == len(hall.log)


def test_observers_take_turns_and_each_turn_is_shown_the_newest_once():
    hall, room = opened()
    watchers = [Watcher(room, OBSERVER) for _ in range(2 * TURN_COUNT)]
    for turn in range(TURN_COUNT):
        hall.bid("ada" if turn % 2 else "bob", 1_000 + 500 * turn)
        tell(room, hall)
        before = [len(watcher.raw) for watcher in watchers]
        push(room.show_observers(turn))
        told = [watcher for watcher, count in zip(watchers, before, strict=True) if len(watcher.raw) == count + 1]
        assert len(told) == 2
        assert all(watcher.state() == snapshot(room.auction, OBSERVER) for watcher in told)
    assert all(len(watcher.raw) == 2 for watcher in watchers)
    tick(room)
    assert all(watcher.state() == snapshot(room.auction, OBSERVER) for watcher in watchers)


@pytest.mark.parametrize("turn", range(TURN_COUNT))
def test_an_observer_who_comes_back_between_turns_is_not_taken_back(turn):
    hall, room = opened()
    hall.bid("ada", 1_100)
    tell(room, hall)
    push(room.show_observers(turn))
    for _ in range(TURN_COUNT):
        back = Watcher(room, OBSERVER, from_seq=room.auction.seq, epoch=room.epoch(OBSERVER))
        tick(room)
        assert back.frames == []


def test_an_observer_who_joins_between_ticks_is_told_nothing_twice():
    hall, room = opened()
    hall.bid("ada", 1_100)
    tell(room, hall, 2)
    watcher = Watcher(room, OBSERVER)
    tick(room)
    assert [frame["seq"] for frame in watcher.frames] == [1, 2]
    assert watcher.state() == snapshot(room.auction, OBSERVER)


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_who_comes_back_gets_exactly_what_it_missed(audience):
    hall, room = a_busy_auction()
    tell(room, hall, 4)
    tick(room)
    before = Watcher(room, audience).state()
    tell(room, hall)
    tick(room)
    back = Watcher(room, audience, from_seq=4, epoch=room.epoch(audience))
    assert [frame["seq"] for frame in back.frames] == list(range(5, len(hall.log) + 1))
    assert back.state(before) == snapshot(room.auction, audience)


def test_who_missed_nothing_is_sent_nothing():
    hall, room = a_busy_auction()
    tell(room, hall)
    assert Watcher(room, ADA, from_seq=len(hall.log), epoch=room.epoch(ADA)).frames == []


@pytest.mark.parametrize(
    ("from_seq", "epoch"),
    [(4, None), (4, "1-0002-bidder"), (4, "1-0001-observer"), (99, "1-0001-bidder"), (None, None)],
)
def test_who_cannot_go_on_gets_a_snapshot(from_seq, epoch):
    hall, room = a_busy_auction()
    tell(room, hall)
    assert [frame["t"] for frame in Watcher(room, ADA, from_seq=from_seq, epoch=epoch).frames] == ["snapshot"]


def test_who_was_away_for_longer_than_the_tail_gets_a_snapshot():
    hall, room = opened()
    for number in range(TAIL_COUNT + 2):
        hall.bid("ada" if number % 2 else "bob", 1_500 + 500 * number)
    tell(room, hall)
    head = len(hall.log)
    assert len(Watcher(room, ADA, from_seq=head - TAIL_COUNT, epoch=room.epoch(ADA)).frames) == TAIL_COUNT
    assert len(Watcher(room, ADA, from_seq=head - TAIL_COUNT - 1, epoch=room.epoch(ADA)).frames) == 1


def test_a_frame_is_encoded_once_for_an_audience_and_shared():
    hall, room = opened()
    watchers = [Watcher(room, audience) for audience in (OBSERVER, OBSERVER, Audience(Role.BIDDER, "cyd"), BOB)]
    hall.bid("ada", 1_100)
    tell(room, hall, 2)
    tick(room)
    tell(room, hall)
    observers, bidders = watchers[:2], watchers[2:]
    for pair in (observers, bidders):
        assert pair[0].raw[-1] is pair[1].raw[-1]
    assert observers[0].raw[0] is observers[1].raw[0]


def test_what_is_known_is_not_told_again_and_a_gap_is_refused():
    hall, room = a_busy_auction()
    watcher = Watcher(room, ADA)
    tell(room, hall, 3)
    push(room.advance(replay(hall.log[:3]), hall.log[1:3]))
    push(room.advance(replay(hall.log[:4]), hall.log[1:4]))
    assert [frame["seq"] for frame in watcher.frames] == [1, 2, 3, 4]
    with pytest.raises(OutOfSequenceError):
        room.advance(replay(hall.log[:6]), hall.log[5:6])
    assert room.auction.seq == 4


def test_a_slow_watcher_is_cut_and_the_others_hear_on():
    hall, room = opened()
    slow, quick = Watcher(room, ADA), Watcher(room, BOB)
    slow.outlet.push(b"x" * 999_000)
    for number in range(4):
        hall.bid("ada" if number % 2 else "bob", 1_100 + 100 * number)
    tell(room, hall)
    assert slow.outlet.code is not None
    assert quick.frames[-1]["seq"] == len(hall.log)


def test_who_leaves_or_joins_anew_while_the_others_are_told_gets_nothing_twice():
    hall, room = opened()
    gone, anew, stayed = Watcher(room, ADA), Watcher(room, BOB), Watcher(room, SELLER)
    hall.bid("ada", 1_100)
    frames = room.advance(replay(hall.log), hall.log[1:])
    room.leave(gone.outlet)
    anew.join(room)
    push(frames)
    assert [frame["t"] for frame in gone.frames] == ["snapshot"]
    assert [(frame["t"], frame["seq"]) for frame in anew.frames] == [("snapshot", 1), ("snapshot", len(hall.log))]
    assert [frame["seq"] for frame in stayed.frames] == list(range(1, len(hall.log) + 1))


def test_who_left_is_told_nothing_more_and_may_join_again():
    hall, room = opened()
    watcher = Watcher(room, ADA)
    room.leave(watcher.outlet)
    room.leave(watcher.outlet)
    assert room.is_empty
    hall.bid("ada", 1_100)
    tell(room, hall)
    assert len(watcher.frames) == 1
    watcher.join(room)
    watcher.join(room)
    hall.bid("bob", 1_300)
    tell(room, hall)
    assert [frame["seq"] for frame in watcher.frames] == [1, len(hall.log) - 1, len(hall.log) - 1, len(hall.log)]


def test_observers_and_other_bidders_see_no_reserve_no_ceiling_and_no_name():
    hall, room = a_busy_auction()
    watchers = [Watcher(room, audience) for audience in (OBSERVER, Audience(Role.BIDDER, "cyd"))]
    for seq in range(2, len(hall.log) + 1):
        tell(room, hall, seq)
        tick(room)
    for watcher in watchers:
        text = b"".join(watcher.raw).decode(errors="replace")
        for secret in ("ada", "bob", str(CEILING), str(CEILING + 10), "leader_ceiling_cents"):
            assert secret not in text
    assert write_snapshot(snapshot(replay(hall.log[:1]), SELLER), "e").count(b"%d" % RESERVE) == 1
    assert b"%d" % RESERVE not in write_snapshot(snapshot(replay(hall.log[:1]), OBSERVER), "e")


def test_a_thousand_watchers_of_twenty_bids_a_second_all_end_up_to_date_and_each_frame_is_made_once():
    """A second of it: ten ticks of two bids each, for 995 observers, two bidders and the office."""
    hall, room = opened()
    watchers = [Watcher(room, audience) for audience in (ADA, BOB, SELLER, OFFICER, SELLER)]
    watchers += [Watcher(room, OBSERVER) for _ in range(995)]
    for number in range(20):
        hall.bid("ada" if number % 2 else "bob", hall.auction.min_next_cents)
        tell(room, hall)
        if number % 2:
            tick(room)
    state = {audience: json.loads(json.dumps(snapshot(hall.auction, audience))) for audience in AUDIENCES}
    assert all(watcher.state() == state[watcher.audience] for watcher in watchers[:30])
    observers = [watcher.raw for watcher in watchers if watcher.audience is OBSERVER]
    assert all(len(frames) <= 11 for frames in observers)
    assert all(one is other for frames in observers for one, other in zip(frames, observers[0], strict=True))
