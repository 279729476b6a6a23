"""Forward flows without a database: periods, prices, terms, and what a delivery lacks."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.kit.errors import Malformed
from market.portfolios.rules import Selection
from market.settlement.calendar import is_business_day
from market.settlement.flows import (
    Cleared,
    Misfit,
    Rhythm,
    buyer_findings,
    count_until,
    hammer_cents,
    misfit_findings,
    periods_of,
    volume_findings,
)
from tests.settlement.flowing import a_flow

DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))


@given(
    first_on=DAYS,
    rhythm=st.sampled_from(Rhythm),
    period_count=st.integers(1, 120),
    delivery_days=st.integers(1, 20),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
)
def test_periods_follow_one_another_without_gap_and_are_due_after_their_last_day(
    first_on, rhythm, period_count, delivery_days, currency
):
    terms = a_flow(first_on, rhythm=rhythm, period_count=period_count, delivery_days=delivery_days, currency=currency)
    spans = periods_of(terms)
    assert [span.number for span in spans] == list(range(1, period_count + 1))
    assert spans[0].first_on == first_on
    for before, after in pairwise(spans):
        assert after.first_on == before.last_on + timedelta(days=1)
    for span in spans:
        assert span.first_on <= span.last_on
        passed = [span.last_on + timedelta(days=n) for n in range(1, 60)]
        business = [day for day in passed if is_business_day(day, currency)]
        due_on = business[delivery_days - 1]
        assert abs((span.due_at.date() - due_on).days - 1) <= 1
        assert span.due_at.date() > span.last_on
    assert count_until(rhythm, first_on, spans[-1].last_on) == period_count
    assert count_until(rhythm, first_on, spans[-1].last_on - timedelta(days=1)) == period_count - 1


def test_a_month_that_lacks_the_day_ends_on_its_last():
    spans = periods_of(a_flow(date(2026, 1, 31), rhythm=Rhythm.MONTHLY, period_count=3))
    assert [(span.first_on, span.last_on) for span in spans] == [
        (date(2026, 1, 31), date(2026, 2, 27)),
        (date(2026, 2, 28), date(2026, 3, 30)),
        (date(2026, 3, 31), date(2026, 4, 29)),
    ]


def test_a_delivery_is_due_at_the_end_of_a_business_day_not_of_a_holiday():
    """The week ends on Sunday, 27 December 2026; two business days on is Tuesday, in New York's time."""
    (span,) = periods_of(a_flow(date(2026, 12, 21), period_count=1, delivery_days=2))
    assert span.due_at.isoformat() == "2026-12-30T05:00:00+00:00"
    # Friday, 1 January, is none: the second one after Sunday, 27 December, plus three is Monday, 4 January.
    (later,) = periods_of(a_flow(date(2026, 12, 21), period_count=1, delivery_days=5))
    assert later.due_at.isoformat() == "2027-01-05T05:00:00+00:00"


@given(face=st.integers(1, 10**12), bps=st.integers(1, 10_000))
def test_a_price_is_the_share_of_face_value_rounded_half_even(face, bps):
    price = hammer_cents(face, bps)
    assert abs(price * 10_000 - face * bps) <= 5_000
    if (face * bps) % 10_000 == 5_000:
        assert price % 2 == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"currency": "XXX"}, "currency"),
        ({"price_bps": 0}, "price_bps"),
        ({"price_bps": 10_001}, "price_bps"),
        ({"min_volume_cents": 0}, "min_volume_cents"),
        ({"max_volume_cents": 1}, "max_volume_cents"),
        ({"period_count": 0}, "period_count"),
        ({"period_count": 121}, "period_count"),
        ({"delivery_days": 0}, "delivery_days"),
        ({"notice_days": 366}, "notice_days"),
        ({"accounts": Selection(states=("ca",))}, "accounts.states"),
        ({"accounts": Selection(debt_types=("",))}, "accounts.debt_types"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(changed, field):
    with pytest.raises(Malformed) as refused:
        a_flow(date(2026, 12, 1), **changed)
    assert refused.value.field == field


def test_what_a_delivery_lacks_is_said_with_its_term_and_its_remedy():
    terms = a_flow(date(2026, 12, 1))
    assert volume_findings(terms, currency="USD", face_value_cents=250_000_00) == []
    for currency, face, field in (
        ("EUR", 250_000_00, "currency"),
        ("USD", 99_999_99, "min_volume_cents"),
        ("USD", 500_000_01, "max_volume_cents"),
    ):
        (found,) = volume_findings(terms, currency=currency, face_value_cents=face)
        assert (found.field, bool(found.remedy)) == (field, True)
    (found,) = misfit_findings([Misfit("max_age_days", 3, (1, 5, 9))])
    assert (found.field, found.account_count, found.row_numbers) == ("accounts.max_age_days", 3, (1, 5, 9))
    may = Cleared(("CA", "NY"), 1_000, "USD")
    deal = {"currency": "USD", "price_cents": 1_000, "states": ("CA",)}
    assert buyer_findings(may, **deal) == []
    assert buyer_findings(Cleared(("*",), 1_000, "USD"), **deal | {"states": ("TX", "WA")}) == []
    codes = [
        [each.code for each in buyer_findings(cleared, **deal | changed)]
        for cleared, changed in (
            (None, {}),
            (may, {"currency": "EUR"}),
            (may, {"states": ("TX",)}),
            (may, {"price_cents": 1_001}),
            (may, {"states": ("TX",), "price_cents": 1_001}),
        )
    ]
    assert codes == [
        ["buyer-not-cleared"], ["buyer-currency"], ["buyer-states"], ["buyer-limit"], ["buyer-states", "buyer-limit"],
    ]  # fmt: skip
