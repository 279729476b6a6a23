"""Pools and packages, live: what may be bid, who wins the board, and when the board is extended."""

from datetime import timedelta
from itertools import combinations

import pytest

from auctions.__main__ import main
from auctions.allocation import PRICING_STEPS
from auctions.engine import Accepted
from auctions.messages import Pause, Reason, Standing, VoidBid
from auctions.moves import PlacePackageBid
from auctions.packages import needed
from auctions.terms import LATEST_RULES, PackageTerms, Packaging, PoolOffer, TermsError
from auctions.views import OBSERVER, PUBLIC, snapshot
from tests.auctions.formats import COMMON
from tests.auctions.samples import CLOSES_AT, LATEST_CLOSE_AT, OPENS_AT, US, Hall, kinds, reason
from tests.auctions.test_proof import log_of

USUAL = COMMON | {
    "closes_at": CLOSES_AT,
    "latest_close_at": LATEST_CLOSE_AT,
    "packaging": Packaging.XOR_PACKAGES,
    "pools": (PoolOffer(pool="p", least_cents=100), PoolOffer(pool="q", least_cents=100)),
    "increment_cents": 10,
}


class Board(Hall):
    def offer(self, bidder, pools, cents, at=None, **more):
        return self.say(
            PlacePackageBid(bidder=bidder, cid=self._cid(), pools=tuple(pools), amount_cents=cents, **more), at
        )

    @property
    def winning(self):
        return self.auction.book.winning


def board(**changes):
    return Board(PackageTerms(**(USUAL | changes)))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("closes_at", {"closes_at": OPENS_AT}),
        ("latest_close_at", {"latest_close_at": CLOSES_AT - US}),
        ("packaging", {"packaging": "xor_packages"}),
        ("pools", {"pools": ()}),
        ("pools", {"pools": USUAL["pools"][:1]}),
        ("pools", {"pools": USUAL["pools"][:1] * 2}),
        ("pools", {"pools": (PoolOffer(pool="", least_cents=1), PoolOffer(pool="q", least_cents=1))}),
        ("pools", {"pools": (PoolOffer(pool="p", least_cents=0), PoolOffer(pool="q", least_cents=1))}),
        ("pools", {"pools": tuple(PoolOffer(pool=f"p{n}", least_cents=1) for n in range(61))}),
        ("increment_cents", {"increment_cents": 0}),
        ("soft_close_window_s", {"soft_close_window_s": -1}),
    ],
)
def test_nonsense_is_refused_and_the_field_named(field, changes):
    with pytest.raises(TermsError) as caught:
        board(**changes)
    assert caught.value.field == field


def test_bids_for_pools_together_beat_a_package_and_each_pays_its_bid():
    hall = board()
    hall.offer("ada", "pq", 300)
    hall.offer("bob", "p", 160)
    assert hall.winning == (3,)
    hall.offer("cy", "q", 150)
    assert hall.winning == (4, 5)
    assert kinds(hall.close()) == ["auction_closed", "pools_awarded"]
    assert [(award.bidder, award.pools, award.hammer_cents) for award in hall.auction.book.awards] == [
        ("bob", ("p",), 160),
        ("cy", ("q",), 150),
    ]
    assert hall.auction.hammer_cents == 310


def test_every_pool_has_its_reserve_and_a_package_the_sum_of_them():
    refused = board().offer("ada", "pq", 199)
    assert (reason(refused), refused.min_next_cents) == (Reason.BID_TOO_LOW, 200)


def test_a_bidder_wins_one_of_its_exclusive_bids():
    hall = board()
    hall.offer("ada", "p", 200)
    hall.offer("ada", "q", 300)
    assert hall.winning == (4,)


def test_pools_only_takes_no_package_and_lets_one_bidder_win_several():
    hall = board(packaging=Packaging.POOLS_ONLY)
    assert reason(hall.offer("ada", "pq", 900)) is Reason.NO_SUCH_BID
    hall.offer("ada", "p", 200)
    hall.offer("ada", "q", 300)
    assert hall.winning == (3, 4)
    refused = hall.offer("bob", "p", 209)
    assert (reason(refused), refused.min_next_cents) == (Reason.BID_TOO_LOW, 210)


def test_entirety_against_pools_takes_one_pool_or_all():
    three = (*USUAL["pools"], PoolOffer(pool="r", least_cents=100))
    hall = board(packaging=Packaging.ENTIRETY_VS_POOLS, pools=three)
    assert reason(hall.offer("ada", "pq", 900)) is Reason.NO_SUCH_BID
    hall.offer("ada", "pqr", 500)
    hall.offer("bob", "p", 400)
    assert hall.winning == (3,)
    hall.offer("cy", "q", 110)
    assert hall.winning == (4, 5)


def test_the_board_shows_what_is_needed_to_win():
    hall = board()
    hall.offer("ada", "pq", 300)
    hall.offer("bob", "p", 160)
    assert needed(hall.auction, "cy", "q") == 141
    hall.offer("cy", "q", 141)
    assert hall.winning == (4, 5)
    assert needed(hall.auction, "ada", "pq") == 310  # its own bid is bettered by the increment, and beats 301 by that
    hall.offer("ada", "pq", 310)
    assert hall.winning == (6,)


def test_a_bid_whose_consequences_cannot_be_proven_is_refused_and_so_is_such_a_strike(monkeypatch):
    hall = board()
    hall.offer("ada", "pq", 300)
    before = hall.auction
    monkeypatch.setattr("auctions.packages.MOST_STEPS", 2)
    assert reason(hall.offer("bob", "p", 160)) is Reason.LIMIT
    monkeypatch.setattr(
        "auctions.packages.MOST_STEPS", 3 * PRICING_STEPS
    )  # enough for the prices, not for the search too
    assert reason(hall.offer("bob", "p", 160)) is Reason.LIMIT
    monkeypatch.undo()
    hall.offer("bob", "p", 160)
    monkeypatch.setattr("auctions.packages.MOST_STEPS", 0)
    assert reason(hall.say(VoidBid(seq=3, reason="x"))) is Reason.LIMIT
    assert (before.seq, hall.auction.seq, hall.winning) == (3, 4, (3,))
    assert kinds(hall.say(VoidBid(seq=4, reason="x"))) == ["bid_voided", "board_changed"]  # it wins nothing: no work
    assert hall.winning == (3,)


@pytest.mark.parametrize(("rules", "holds"), [(2, True), (LATEST_RULES, False)])
def test_finding_prices_counts_as_work_since_the_third_rules(monkeypatch, rules, holds):
    hall = board(rules=rules)
    hall.offer("ada", "pq", 300)
    monkeypatch.setattr("auctions.packages.MOST_STEPS", 3 * PRICING_STEPS)
    assert isinstance(hall.offer("bob", "p", 160), Accepted) == holds


def test_a_bid_that_changes_the_allocation_extends_the_whole_board_and_another_does_not():
    hall = board()
    late = CLOSES_AT - timedelta(seconds=1)
    assert kinds(hall.offer("ada", "pq", 300, at=late)) == ["auction_opened", "package_bid", "close_extended"]
    closes_at = hall.auction.closes_at
    assert kinds(hall.offer("bob", "p", 160, at=closes_at - US)) == ["package_bid"]
    assert hall.auction.closes_at == closes_at


def test_a_struck_bid_leaves_the_board_to_the_others_and_extends_nothing():
    hall = board()
    hall.offer("ada", "pq", 300)
    hall.offer("bob", "p", 160)
    hall.say(Pause(reason="x"))
    assert kinds(hall.say(VoidBid(seq=3, reason="x"))) == ["bid_voided", "board_changed"]
    assert hall.winning == (4,)


def test_pools_that_the_board_does_not_know_and_limits():
    hall = board()
    assert reason(hall.offer("ada", ("x",), 900)) is Reason.NO_SUCH_BID
    assert reason(hall.offer("ada", "p", 200, standing=Standing(limit_cents=199))) is Reason.LIMIT
    for pools in ((), ("p", "p"), ("",)):
        assert reason(hall.offer("ada", pools, 200)) is Reason.MALFORMED
    hall.close()
    assert hall.auction.phase_reason == "NO_BIDS"


def test_the_room_sees_every_bid_and_the_public_only_the_awards():
    hall = board()
    hall.offer("ada", "p", 160)
    assert snapshot(hall.auction, OBSERVER)["board"]["3"]["amount_cents"] == 160
    assert "board" not in snapshot(hall.auction, PUBLIC)
    hall.close()
    assert snapshot(hall.auction, PUBLIC)["awards"][0]["hammer_cents"] == 160


def test_a_war_over_one_pool_leaves_one_bid_of_each_and_the_board_open_to_others():
    hall = board(packaging=Packaging.POOLS_ONLY)
    for number in range(250):
        kinds(hall.offer(("ada", "bob")[number % 2], "p", 100 + 10 * number))
    assert [offer.bidder for offer in hall.auction.book.offers.values()] == ["ada", "bob"]
    kinds(hall.offer("cy", "q", 100))


def test_one_bidder_has_twenty_exclusive_bids_and_may_better_each_of_them():
    pools = tuple(PoolOffer(pool=name, least_cents=100) for name in "pqrst")
    hall = board(pools=pools)
    sets = [names for count in (1, 2, 3) for names in combinations("pqrst", count)]
    for names in sets[:20]:
        kinds(hall.offer("mallory", names, 100 * len(names)))
    assert reason(hall.offer("mallory", sets[20], 300)) is Reason.LIMIT
    kinds(hall.offer("mallory", "p", 110))
    kinds(hall.offer("ada", "pqrst", 5_000))
    assert len(hall.auction.book.offers) == 21


def test_on_a_full_board_everybody_still_has_four_bids(monkeypatch):
    monkeypatch.setattr("auctions.packages.MAX_STANDING_COUNT", 7)
    hall = board(pools=tuple(PoolOffer(pool=name, least_cents=100) for name in "pqr"))
    sets = [names for count in (1, 2, 3) for names in combinations("pqr", count)]
    for names in sets:
        kinds(hall.offer("mallory", names, 100 * len(names)))
    for names in sets[:4]:
        kinds(hall.offer("ada", names, 100 * len(names)))
    assert reason(hall.offer("ada", sets[4], 900)) is Reason.LIMIT
    kinds(hall.offer("ada", sets[3], 900))


def test_under_the_first_rules_an_outbid_bid_stays_and_a_full_board_is_shut(monkeypatch):
    monkeypatch.setattr("auctions.packages.MAX_STANDING_COUNT", 3)
    hall = board(packaging=Packaging.POOLS_ONLY, rules=1)
    for number in range(3):
        kinds(hall.offer(("ada", "bob")[number % 2], "p", 100 + 10 * number))
    assert len(hall.auction.book.offers) == 3
    assert reason(hall.offer("cy", "q", 900)) is Reason.LIMIT


def test_a_verified_log_says_who_takes_which_pools_at_which_amount(tmp_path, capsys):
    hall = board()
    hall.offer("ada", "p", 250)
    hall.offer("bob", "q", 310)
    hall.close(LATEST_CLOSE_AT)
    (tmp_path / "log").write_bytes(b"".join(log_of(hall.log)))
    assert main(["verify", str(tmp_path / "log")]) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    assert said == ["awarded", "p to ada (B1) at 250 minor units of USD", "q to bob (B2) at 310 minor units of USD"]
