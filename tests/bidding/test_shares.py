"""A secret in shares: the field's arithmetic by known answers, and what too few shares say: nothing."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bidding.shares import join, split, times


@pytest.mark.parametrize(("one", "other", "product"), [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x02, 0x80, 0x1B)])
def test_products_are_those_of_fips_197(one, other, product):
    assert times(one, other) == times(other, one) == product


def test_a_secret_shared_by_hand_gives_these_shares():
    """s(x) = 0x57 + 0x83 x, worked out at 1, 2 and 3 with the products of FIPS 197, section 4.2."""
    assert split(b"\x57", b"\x83", needed=2, count=3) == {1: b"\xd4", 2: b"\x4a", 3: b"\xc9"}


@given(st.binary(min_size=1, max_size=40), st.integers(2, 4), st.integers(0, 3), st.data())
def test_any_shares_that_are_enough_give_the_secret_back(secret, needed, more, data):
    size = len(secret) * (needed - 1)
    entropy = data.draw(st.binary(min_size=size, max_size=size))
    parts = split(secret, entropy, needed=needed, count=needed + more)
    for chosen in combinations(parts, needed):
        assert join({number: parts[number] for number in chosen}) == secret


def test_one_share_of_two_fits_every_secret_equally():
    share = split(b"\x57", b"\x83", needed=2, count=3)[1]
    fitting = {join({1: share, 2: bytes([other])}) for other in range(256)}
    assert len(fitting) == 256


@pytest.mark.parametrize(("needed", "count", "size"), [(1, 3, 0), (3, 2, 2), (2, 256, 1), (2, 3, 2)])
def test_impossible_splits_are_refused(needed, count, size):
    with pytest.raises(ValueError, match="needed"):
        split(b"x", bytes(size), needed=needed, count=count)


@pytest.mark.parametrize("parts", [{}, {1: b"ab", 2: b"a"}, {0: b"a", 1: b"a"}])
def test_what_are_no_shares_of_one_secret_is_refused(parts):
    with pytest.raises(ValueError, match="length"):
        join(parts)
