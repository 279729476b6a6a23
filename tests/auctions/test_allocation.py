"""Winner determination agrees with trying everything, also in its ties."""

import random
from contextlib import suppress
from itertools import combinations

import pytest

from auctions.allocation import MAX_STEP_COUNT, NOTHING, PRICING_STEPS, Package, TooHardError, allocate, needed_cents


def everything(bids, *, exclusive):
    """All sets of bids that could win together, tried one by one."""
    best = (0, 0, 0, 0, ())
    for count in range(1, len(bids) + 1):
        for chosen in combinations(bids, count):
            pools = [pool for bid in chosen for pool in bid.pools]
            names = [bid.bidder for bid in chosen]
            if len(set(pools)) < len(pools) or (exclusive and len(set(names)) < len(names)):
                continue
            latest_first = tuple(sorted((bid.seq for bid in chosen), reverse=True))
            rank = (sum(bid.amount_cents for bid in chosen), len(pools), count)
            if rank > best[:3] or (rank == best[:3] and latest_first < best[4]):
                best = (*rank, 0, latest_first)
    return tuple(sorted(best[4])), best[0]


def drawn(rng, pool_count, bid_count):
    bids = []
    for seq in range(2, 2 + bid_count):
        pools = frozenset(rng.sample(range(pool_count), rng.randint(1, pool_count)))
        bids.append(Package(seq, rng.choice("abcd"), pools, len(pools) * rng.choice((10, 10, 11, 12))))
    return bids


def apart(rng, block_count):
    """A board of blocks of five pools whose bids and bidders have nothing to do with each other: each tried by itself."""
    whole, winning, revenue_cents = [], [], 0
    for block in range(block_count):
        bids = [
            Package(
                bid.seq * block_count + block,
                bid.bidder + str(block),
                frozenset(5 * block + pool for pool in bid.pools),
                bid.amount_cents,
            )
            for bid in drawn(rng, 5, 7)
        ]
        best, cents = everything(bids, exclusive=True)
        whole, winning, revenue_cents = whole + bids, [*winning, *best], revenue_cents + cents
    rng.shuffle(whole)
    return whole, (tuple(sorted(winning)), revenue_cents)


@pytest.mark.parametrize("block_count", [5, 8, 12])
def test_on_boards_of_up_to_sixty_pools_it_is_the_one_that_trying_everything_in_each_part_finds(block_count):
    for seed in range(40):
        bids, best = apart(random.Random(seed), block_count)
        found = allocate(bids, exclusive=True)
        assert (found.winning, found.worth.revenue_cents) == best, seed


def test_amounts_of_ten_trillion_are_told_apart_by_a_cent():
    pools = [frozenset({2 * n, 2 * n + 1}) for n in range(30)]
    bids = [Package(n + 2, f"b{n}", pair, 10**15 - n) for n, pair in enumerate(pools)]
    all_at_once = Package(99, "zoe", frozenset(range(60)), sum(bid.amount_cents for bid in bids))
    assert 99 not in allocate([*bids, all_at_once], exclusive=True).winning
    dearer = all_at_once._replace(amount_cents=all_at_once.amount_cents + 1)
    assert allocate([*bids, dearer], exclusive=True).winning == (99,)


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_allocation_is_the_one_that_trying_everything_finds(exclusive):
    for seed in range(1_500):
        rng = random.Random(seed)
        bids = drawn(rng, rng.randint(1, 5), rng.randint(0, 9))
        found = allocate(bids, exclusive=exclusive)
        assert (found.winning, found.worth.revenue_cents) == everything(bids, exclusive=exclusive), seed


def test_no_bids_sell_nothing():
    assert allocate([], exclusive=True) == ((), NOTHING)


A, B, AB = frozenset({0}), frozenset({1}), frozenset({0, 1})


def test_two_small_bids_beat_a_package_only_if_they_bring_more():
    bids = [Package(3, "ada", AB, 100), Package(4, "bob", A, 60), Package(5, "cy", B, 39)]
    assert allocate(bids, exclusive=True).winning == (3,)
    assert allocate([*bids, Package(6, "cy", B, 41)], exclusive=True).winning == (4, 6)


def test_of_equal_revenue_fewer_pools_stay_unsold():
    assert allocate([Package(3, "ada", A, 100), Package(4, "bob", AB, 100)], exclusive=True).winning == (4,)


def test_of_equal_revenue_and_pools_more_bidders_win():
    bids = [Package(3, "ada", AB, 100), Package(4, "bob", A, 60), Package(5, "cy", B, 40)]
    assert allocate(bids, exclusive=True).winning == (4, 5)


def test_of_equals_in_all_that_the_earlier_wins():
    assert allocate([Package(4, "bob", A, 60), Package(3, "ada", A, 60)], exclusive=True).winning == (3,)


def test_a_bidder_wins_one_of_its_exclusive_bids_and_all_of_its_others():
    bids = [Package(3, "ada", A, 60), Package(4, "ada", B, 50)]
    assert allocate(bids, exclusive=True).winning == (3,)
    assert allocate(bids, exclusive=False).winning == (3, 4)


@pytest.mark.parametrize("exclusive", [True, False])
def test_who_bids_what_is_needed_wins_and_who_bids_less_than_that_by_two_does_not(exclusive):
    for seed in range(400):
        rng = random.Random(seed)
        bids = drawn(rng, 4, rng.randint(1, 7))
        pools = frozenset(rng.sample(range(4), rng.randint(1, 4)))
        cents = needed_cents(bids, "zoe", pools, exclusive=exclusive)
        assert 99 in allocate([*bids, Package(99, "zoe", pools, cents)], exclusive=exclusive).winning
        if cents > 2:
            assert 99 not in allocate([*bids, Package(99, "zoe", pools, cents - 2)], exclusive=exclusive).winning


def board_of_twenty(seed):
    rng = random.Random(seed)
    for seq in range(2, 62):
        pools = frozenset(rng.sample(range(20), rng.randint(1, 6)))
        yield Package(seq, f"bidder-{seq % 12}", pools, len(pools) * rng.randint(900, 1_100))


@pytest.mark.parametrize(
    ("bids", "exclusive"),
    [
        (tuple(board_of_twenty(8)), True),
        (tuple(board_of_twenty(7)), False),
        (tuple(Package(n + 2, f"b{n}", frozenset({n % 20, n * 7 % 19}), 1_000 + n % 4) for n in range(60)), True),
        (tuple(Package(n + 2, f"b{n}", frozenset({n % 20, (n + 1 + n // 20) % 20}), 1_000) for n in range(60)), True),
    ],
    ids=["twelve bidders", "bids apart", "sixty bidders", "sixty equals"],
)
def test_twenty_pools_and_sixty_bids_are_allocated_with_the_work_that_is_allowed(bids, exclusive):
    found = allocate(bids, exclusive=exclusive)
    chosen = [bid for bid in bids if bid.seq in found.winning]
    assert sum(bid.amount_cents for bid in chosen) == found.worth.revenue_cents
    assert sum(len(bid.pools) for bid in chosen) == len(frozenset().union(*(bid.pools for bid in chosen)))
    assert not exclusive or len({bid.bidder for bid in chosen}) == len(chosen)


@pytest.mark.parametrize("pool_count", [30, 45, 60])
def test_on_a_full_board_of_neighbouring_pools_it_brings_what_going_along_the_row_brings(pool_count):
    """Two hundred bids, each for itself, on pools in a row: the best up to a pool follows from the best before it."""
    for seed in range(3):
        rng = random.Random(seed)
        bids, row_cents = [], [0] * (pool_count + 1)
        for seq in range(2, 202):
            count = rng.choice((1, 1, 1, 2, 3, 4, 6))
            first = rng.randrange(pool_count - count + 1)
            pools = frozenset(range(first, first + count))
            bids.append(
                Package(seq, f"b{seq % 25}", pools, count * rng.randint(70_000, 115_000) + count * count * 2_000)
            )
        for upto in range(1, pool_count + 1):
            ending = [bid for bid in bids if max(bid.pools) == upto - 1]
            offers = [row_cents[upto - len(bid.pools)] + bid.amount_cents for bid in ending]
            row_cents[upto] = max(row_cents[upto - 1], *offers) if offers else row_cents[upto - 1]
        assert allocate(bids, exclusive=False).worth.revenue_cents == row_cents[-1], seed


def test_a_board_that_is_too_hard_is_given_up_after_so_much_work_and_never_guessed():
    rng = random.Random(1)
    bids = [
        Package(n + 2, f"b{n % 12}", frozenset(rng.sample(range(20), 3)), 1_500 + rng.randint(0, 300))
        for n in range(120)
    ]
    with pytest.raises(TooHardError):
        allocate(bids, exclusive=True)


def test_the_work_that_an_allocation_takes_does_not_change_what_it_finds():
    for seed in range(60):
        rng = random.Random(seed)
        bids = drawn(rng, 6, 14)
        whole = allocate(bids, exclusive=True, most_steps=10**9)
        for most_steps in (50, 200, 1_000):
            with suppress(TooHardError):
                assert allocate(bids, exclusive=True, most_steps=most_steps) == whole


def test_more_pools_than_can_be_allocated_exactly_are_refused():
    with pytest.raises(ValueError, match="60 pools"):
        allocate([Package(3, "ada", frozenset(range(61)), 1)], exclusive=True)


def test_the_work_of_finding_prices_counts_before_it_is_done(monkeypatch):
    """A thousand bids for most of sixty pools: the prices alone would hold up the lane, whatever the search does then."""
    rng = random.Random(3)
    pools = [frozenset(rng.sample(range(60), 58)) for _ in range(1_000)]
    bids = [Package(seq, f"b{seq // 4}", taken, 1_000 + seq) for seq, taken in enumerate(pools)]
    assert PRICING_STEPS * 1_000 * 59 > MAX_STEP_COUNT
    monkeypatch.setattr("auctions.allocation._Search", None)
    with pytest.raises(TooHardError):
        allocate(bids, exclusive=True)


def test_prices_and_search_have_one_bound_together():
    bids = [Package(1, "ada", frozenset({1, 2}), 300), Package(2, "bob", frozenset({2, 3}), 200)]
    searched = next(most for most in range(100) if _is_proven(bids, most, pricing_steps=0))
    together = next(most for most in range(100) if _is_proven(bids, most, pricing_steps=PRICING_STEPS))
    assert together == searched + 4 * PRICING_STEPS > searched


def _is_proven(bids, most_steps, pricing_steps):
    try:
        allocate(bids, exclusive=True, most_steps=most_steps, pricing_steps=pricing_steps)
    except TooHardError:
        return False
    return True
