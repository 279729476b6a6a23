"""Whole market days in virtual time. `python -m bench.days` plays as many as one likes."""

from collections import Counter

import pytest

from auctions import views
from market.live import room
from tests.simulation.market_day import Day
from tests.simulation.world import Database, S

TROUBLES = (
    "a node dies between commit and broadcast", "a node dies before its commit", "a socket breaks", "a hint is lost",
    "a command is sent twice", "a command is lost on its way", "an answer is lost",
)  # fmt: skip


def test_market_days_with_everything_that_goes_wrong_lose_nothing_and_show_everybody_the_same():
    happened = Counter()
    for seed in range(8):
        happened += Day(seed).run()
    assert all(happened[trouble] for trouble in TROUBLES), happened
    assert happened["an accepted command is found again"] > 500, happened


def test_a_day_that_goes_wrong_tells_its_seed_and_the_same_seed_gives_the_same_day(monkeypatch):
    monkeypatch.setattr("tests.simulation.market_day.LONGEST", 600 * S)
    days = [Day(3), Day(3)]
    for day in days:
        with pytest.raises(AssertionError, match="a market day went wrong: seed 3: the day does not end"):
            day.run()
    assert days[0].database.texts == days[1].database.texts
    assert days[0].happened == days[1].happened


def lose_a_batch(database, draft, orders):
    if len(database.decided) < 30:
        commit(database, draft, orders)


commit = Database.commit
FAULTS = {
    "it answers what it has not kept": (Database, "commit", lose_a_batch),
    "it forgets what it decided": (Database, "_decide", lambda *_: None),
    "it shows what is hidden": (views, "_visible", lambda facts, audience, *, own: dict(facts)),
    "it tells observers too little": (room.Room, "show_observers", lambda *_: iter(())),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_with_a_fault_is_found_out(monkeypatch, fault):
    monkeypatch.setattr(*FAULTS[fault])
    monkeypatch.setattr("tests.simulation.market_day.LONGEST", 600 * S)
    with pytest.raises(AssertionError, match="a market day went wrong: seed 1"):
        Day(1).run()
