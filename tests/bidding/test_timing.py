"""Clocks: a node's may be wrong, the database's decides, and microseconds at the end count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from auctions.engine import evolve, schedule
from auctions.messages import PlaceBid, Reason
from market.bidding.batch import Seen, decide_batch
from market.bidding.lane import BidOrder
from market.bidding.rules import BidderFacts, LockedAuction
from market.bidding.states import Folded
from market.bidding.timing import NodeClock, instant_of
from market.kit.actor import Actor, Role
from tests.auctions.samples import CLOSES_AT, OPENS_AT, US, terms
from tests.bidding.conftest import bid

MS = timedelta(milliseconds=1)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AUCTION, BUYER, SELLER = UUID(int=1), UUID(int=2), UUID(int=3)
ACTOR = Actor(Role.MEMBER, UUID(int=4), BUYER)


def test_a_node_clock_that_is_hours_off_is_corrected():
    clock = NodeClock()
    for hour in (0, 1):
        node = NOON + timedelta(hours=7 + hour)
        assert clock.learn(node, NOON + timedelta(hours=hour) + MS, node + 2 * MS)
    assert clock.at_database(NOON + timedelta(hours=9)) == NOON + timedelta(hours=2)


def test_a_clock_that_jumps_is_not_believed_until_it_was_measured_again():
    clock = NodeClock()
    assert clock.learn(NOON, NOON + MS, NOON + 2 * MS)
    jumped = NOON + timedelta(seconds=10)
    assert not clock.learn(jumped, NOON + 5 * MS, jumped + 2 * MS)
    assert clock.learn(jumped + 10 * MS, NOON + 15 * MS, jumped + 12 * MS)
    assert abs(clock.at_database(jumped) - NOON) < 10 * MS


def test_a_slow_answer_widens_no_good_measurement():
    clock = NodeClock()
    assert clock.learn(NOON, NOON + MS, NOON + 2 * MS)
    assert clock.learn(NOON, NOON + timedelta(seconds=2), NOON + timedelta(seconds=3))
    assert clock.at_database(NOON) == NOON


def test_a_clock_that_runs_backwards_within_a_measurement_tells_nothing():
    assert not NodeClock().learn(NOON, NOON, NOON - MS)


def test_the_instant_is_the_arrival_but_never_later_than_now_nor_before_the_last_event():
    assert instant_of(NOON, NOON + MS, NOON - MS) == NOON
    assert instant_of(NOON + 2 * MS, NOON + MS, NOON - MS) == NOON + MS
    assert instant_of(NOON - 2 * MS, NOON + MS, NOON - MS) == NOON - MS


@pytest.mark.parametrize(
    ("arrived_at", "code"),
    [
        (OPENS_AT - US, Reason.NOT_OPEN),
        (OPENS_AT, None),
        (CLOSES_AT - 1000 * US, None),
        (CLOSES_AT - US, None),
        (CLOSES_AT, Reason.TOO_LATE),
        (CLOSES_AT + US, Reason.TOO_LATE),
    ],
)
def test_the_interval_is_half_open_to_the_microsecond(arrived_at, code):
    first = schedule(str(AUCTION), terms(), OPENS_AT - timedelta(days=1))
    order = BidOrder(ACTOR, AUCTION, PlaceBid(bidder=str(BUYER), cid="c", amount_cents=1_000), arrived_at)
    seen = Seen(
        auctions={AUCTION: LockedAuction(AUCTION, UUID(int=9), SELLER, "USD", 0)},
        folded={AUCTION: Folded(evolve(None, first), first.at)},
        bidders={(AUCTION, BUYER): BidderFacts(True, True, UUID(int=5), 10**9)},
        decided={},
        decided_at=CLOSES_AT + timedelta(seconds=1),
        received_at=lambda one: one.received_at,
    )
    (answer,) = decide_batch([order], seen).answers
    assert answer.code is code
    late = decide_batch([order], replace(seen, received_at=lambda _: seen.decided_at)).answers[0]
    assert late.code is Reason.TOO_LATE


class OffClock:
    """The real clock, some time off; `jump` moves it."""

    def __init__(self, clock, off):
        self._clock, self.off = clock, off

    def now(self):
        return self._clock.now() + self.off

    def monotonic_s(self):
        return self._clock.monotonic_s()


async def test_a_node_ten_seconds_off_takes_bids_at_the_databases_time(hall, make_lane):
    room = await hall.room()
    clock = OffClock(hall.context.clock, timedelta(seconds=10))
    lane = await make_lane(clock=clock)
    sent_at = hall.context.clock.now()
    answer = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000, received_at=clock.now()))
    assert abs(answer.received_at - sent_at) < timedelta(milliseconds=500)
    assert answer.received_at <= answer.decided_at


async def test_when_the_nodes_clock_jumps_bids_count_from_when_they_are_decided(hall, make_lane):
    room = await hall.room()
    clock = OffClock(hall.context.clock, timedelta(0))
    lane = await make_lane(clock=clock)
    clock.off = timedelta(seconds=-10)
    answer = await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000, received_at=clock.now()))
    assert answer.received_at == answer.decided_at
