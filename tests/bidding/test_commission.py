from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bidding.commission import Payer, Schedule, Tier, refund_cents
from market.kit.errors import Malformed
from market.kit.money import MAX_CENTS

amounts = st.one_of(st.integers(0, 10_000), st.integers(0, 2_000_000_000), st.integers(0, MAX_CENTS))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    starts = [0, *sorted(draw(st.sets(st.integers(1, 10**12), max_size=6)))]
    return Schedule(
        tuple(Tier(start, draw(st.integers(100, 500))) for start in starts),
        draw(st.one_of(st.just(0), st.integers(0, 10**7))),
        draw(st.sampled_from(Payer)),
    )


def exact(schedule: Schedule, hammer: int) -> Fraction:
    """The same rule once more, tier by tier in fractions."""
    marginal, rest = Fraction(0), hammer
    for tier in reversed(schedule.tiers):
        part = max(0, rest - tier.from_cents)
        marginal += Fraction(part * tier.rate_bps, 10_000)
        rest -= part
    return max(marginal, min(Fraction(schedule.minimum_cents), Fraction(hammer, 20)))


@settings(max_examples=300)
@given(schedules(), amounts)
def test_a_fee_is_the_exact_fee_rounded_once_half_even_and_lies_between_one_and_five_percent(schedule, hammer):
    want = exact(schedule, hammer)
    assert Fraction(hammer, 100) <= want <= Fraction(hammer, 20)
    assert schedule.fee_cents(hammer) == round(want)


@settings(max_examples=200)
@given(schedules(), amounts, st.integers(0, 1000))
def test_a_higher_price_never_costs_less_and_never_more_than_the_difference(schedule, hammer, more):
    hammer = min(hammer, MAX_CENTS - more)
    assert 0 <= schedule.fee_cents(hammer + more) - schedule.fee_cents(hammer) <= more


@pytest.mark.parametrize(
    ("currency", "hammer", "fee"),
    [
        ("USD", 100_000_00, 5_000_00),
        ("USD", 100_000_01, 5_000_00),
        ("USD", 500_000_00, 5_000_00 + 16_000_00),
        ("USD", 2_000_000_00, 21_000_00 + 45_000_00),
        ("USD", 10_000_000_00, 66_000_00 + 160_000_00),
        ("USD", 20_000_000_00, 226_000_00 + 100_000_00),
        ("USD", 10, 0),
        ("USD", 30, 2),
        ("USD", 50, 2),
        ("JPY", 100_000, 5_000),
        ("JPY", 500_000, 21_000),
        ("KWD", 500_000_000, 21_000_000),
        ("EUR", 0, 0),
    ],
)
def test_the_default_tiers_in_the_minor_units_of_the_currency(currency, hammer, fee):
    assert Schedule.default(currency).fee_cents(hammer) == fee


def test_a_minimum_lifts_a_small_fee_but_never_above_five_percent():
    schedule = Schedule((Tier(0, 100),), minimum_cents=250_00)
    assert schedule.fee_cents(100_000_00) == 1_000_00
    assert schedule.fee_cents(10_000_00) == 250_00
    assert schedule.fee_cents(1_000_00) == 50_00


@given(schedules(), amounts)
def test_the_shares_sum_to_the_fee_and_fall_on_the_named_payer(schedule, hammer):
    fee = schedule.fee_cents(hammer)
    shares = schedule.shares(fee)
    assert shares.buyer_cents + shares.seller_cents == fee
    assert min(shares.buyer_cents, shares.seller_cents) >= 0
    if schedule.payer is Payer.BUYER:
        assert shares.seller_cents == 0
    if schedule.payer is Payer.SELLER:
        assert shares.buyer_cents == 0
    if schedule.payer is Payer.SPLIT:
        assert 0 <= shares.seller_cents - shares.buyer_cents <= 1


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**7), min_size=1, max_size=40))
def test_refunds_telescope_to_the_whole_fee_and_each_is_near_its_share(fee, parts):
    total, returned, refunded = sum(parts), 0, 0
    for part in parts:
        returned += part
        refund = refund_cents(fee, returned_cents=returned, total_cents=total, already_refunded_cents=refunded)
        assert refund >= 0
        assert abs(Fraction(refund) - Fraction(fee * part, total)) <= 1
        refunded += refund
        exactly = Decimal(fee) * returned / total
        assert refunded == int(exactly.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert refunded == fee


@pytest.mark.parametrize(
    ("returned", "total", "already"), [(-1, 10, 0), (11, 10, 0), (0, 0, 0), (5, 10, 51), (5, 10, -1)]
)
def test_a_refund_that_cannot_be_is_a_fault(returned, total, already):
    with pytest.raises(ValueError, match=r"return|refunded"):
        refund_cents(100, returned_cents=returned, total_cents=total, already_refunded_cents=already)


@given(schedules())
def test_a_schedule_reads_back_equal_from_its_json(schedule):
    assert Schedule.from_json(schedule.to_json()) == schedule


TIER = {"from_cents": 0, "rate_bps": 500}


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ([], "commission"),
        ({}, "commission.tiers"),
        ({"tiers": []}, "commission.tiers"),
        ({"tiers": [TIER] * 11}, "commission.tiers"),
        ({"tiers": [5]}, "commission.tiers[0]"),
        ({"tiers": [{"from_cents": 1, "rate_bps": 500}]}, "commission.tiers[0].from_cents"),
        ({"tiers": [{"from_cents": 0, "rate_bps": 501}]}, "commission.tiers[0].rate_bps"),
        ({"tiers": [{"from_cents": 0, "rate_bps": 99}]}, "commission.tiers[0].rate_bps"),
        ({"tiers": [{"from_cents": 0, "rate_bps": 1.5}]}, "commission.tiers[0].rate_bps"),
        ({"tiers": [{"from_cents": False, "rate_bps": 500}]}, "commission.tiers[0].from_cents"),
        ({"tiers": [TIER, TIER]}, "commission.tiers[1].from_cents"),
        ({"tiers": [TIER, {"from_cents": 10**16, "rate_bps": 100}]}, "commission.tiers[1].from_cents"),
        ({"tiers": [TIER], "minimum_cents": -1}, "commission.minimum_cents"),
        ({"tiers": [TIER], "minimum_cents": "5"}, "commission.minimum_cents"),
        ({"tiers": [TIER], "payer": "platform"}, "commission.payer"),
        ({"tiers": [TIER], "payer": []}, "commission.payer"),
        ({"tiers": [TIER], "rebate": 1}, "commission.rebate"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_by_field(given_, field):
    with pytest.raises(Malformed) as refusal:
        Schedule.from_json(given_)
    assert refusal.value.field == field


def test_a_listing_that_says_who_pays_has_the_houses_tiers_of_its_currency():
    assert Schedule.stated({"payer": "split"}, "KWD") == Schedule.default("KWD", Payer.SPLIT)
    assert Schedule.stated(None, "JPY") == Schedule.default("JPY")
    assert Schedule.stated({"tiers": [TIER]}, "USD").tiers[0].rate_bps == TIER["rate_bps"]


def test_the_fee_has_no_jump_at_any_default_breakpoint():
    schedule = Schedule.default("USD")
    for lower, upper in pairwise(tier.from_cents for tier in schedule.tiers):
        assert lower < upper
        assert 0 <= schedule.fee_cents(upper + 1) - schedule.fee_cents(upper) <= 1


@pytest.mark.parametrize("hammer", [-1, MAX_CENTS + 1])
def test_a_price_out_of_bounds_is_a_fault(hammer):
    with pytest.raises(ValueError, match="hammer"):
        Schedule.default("USD").fee_cents(hammer)
