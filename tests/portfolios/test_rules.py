import itertools
import string
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.kit.actor import Actor, Role
from market.kit.errors import Forbidden
from market.kit.money import exponent, is_currency
from market.portfolios import service
from market.portfolios.rules import (
    BadSelection,
    KeyPurpose,
    Pool,
    PoolState,
    Portfolio,
    PortfolioNotThere,
    PortfolioState,
    Selection,
    header_digest,
    key_context,
    require_cuttable,
    require_mappable,
    require_sound,
    while_claimed,
)
from market.portfolios.turns import Turn, turns_of
from masking.values import EXPONENTS

NOW = datetime(2026, 5, 1, tzinfo=UTC)
A_PORTFOLIO = Portfolio(
    UUID(int=1), UUID(int=2), "P", "USD", date(2026, 4, 1), PortfolioState.READY, UUID(int=3), NOW, findings=[]
)


def a_pool(number: int, *excluded: int) -> Pool:
    return Pool(
        UUID(int=number), UUID(int=1), UUID(int=2), f"Pool {number}", Selection(min_age_days=number),
        tuple(UUID(int=other) for other in excluded), PoolState.CUTTING, "USD", "0" * 64, UUID(int=3), NOW,
    )  # fmt: skip


def test_only_three_states_give_the_worker_something_to_do():
    claimed = {state: while_claimed(state) for state in PortfolioState}
    assert {state for state, then in claimed.items() if then} == {
        PortfolioState.RECEIVED,
        PortfolioState.INSPECTING,
        PortfolioState.MASKING,
    }
    assert claimed[PortfolioState.RECEIVED] is PortfolioState.INSPECTING


@pytest.mark.parametrize("state", [PortfolioState.RECEIVED, PortfolioState.INSPECTING, PortfolioState.MASKING])
def test_no_mapping_is_taken_while_the_worker_has_the_tape(state):
    with pytest.raises(PortfolioNotThere):
        require_mappable(replace(A_PORTFOLIO, state=state), pool_count=0)


def test_a_mapping_can_be_corrected_until_the_first_pool_is_cut():
    require_mappable(A_PORTFOLIO, pool_count=0)
    with pytest.raises(PortfolioNotThere):
        require_mappable(A_PORTFOLIO, pool_count=1)


def test_a_refused_tape_can_be_mapped_again_only_if_its_columns_were_read():
    refused = replace(A_PORTFOLIO, state=PortfolioState.REFUSED)
    require_mappable(refused, pool_count=0)
    with pytest.raises(PortfolioNotThere):
        require_mappable(replace(refused, findings=None), pool_count=0)


def test_pools_are_cut_from_a_ready_portfolio_and_not_without_end():
    require_cuttable(A_PORTFOLIO, pool_count=199, ordered_count=1)
    with pytest.raises(BadSelection):
        require_cuttable(A_PORTFOLIO, pool_count=199, ordered_count=2)
    with pytest.raises(PortfolioNotThere):
        require_cuttable(replace(A_PORTFOLIO, state=PortfolioState.MASKING), pool_count=0, ordered_count=1)


def test_bounds_that_no_account_can_meet_are_refused():
    require_sound(Selection(min_age_days=5, max_age_days=5))
    with pytest.raises(BadSelection):
        require_sound(Selection(min_face_value_cents=2, max_face_value_cents=1))
    with pytest.raises(BadSelection):
        require_sound(Selection(min_age_days=2, max_age_days=1))


def test_the_same_set_of_headers_has_one_digest_in_any_order_and_case():
    assert header_digest(["Acct", "Bal"]) == header_digest(["BAL", "acct"]) != header_digest(["AcctBal"])


def test_a_key_context_names_purpose_and_owner():
    contexts = {key_context(purpose, UUID(int=n)) for purpose in KeyPurpose for n in (1, 2)}
    assert len(contexts) == 2 * len(KeyPurpose)


def test_turns_leave_out_pools_that_took_nothing():
    """Pool 2 was refused before pool 3 was asked for, so pool 3 may have its accounts."""
    pools = {pool.pool_id: pool for pool in (a_pool(1), a_pool(2, 1), a_pool(3, 1))}
    assert turns_of(pools[UUID(int=3)], pools) == (
        Turn(Selection(min_age_days=1)),
        Turn(Selection(min_age_days=3), (0,)),
    )


def test_every_currency_that_is_traded_can_be_read_from_a_tape_with_the_same_digits():
    for code in EXPONENTS:
        if is_currency(code):
            assert exponent(code) == EXPONENTS[code]
    assert all(code in EXPONENTS for code in ("USD", "EUR", "JPY", "KWD"))
    traded = {a + b + c for a, b, c in itertools.product(string.ascii_uppercase, repeat=3) if is_currency(a + b + c)}
    assert traded <= set(EXPONENTS)


async def test_an_api_key_without_the_scope_neither_uploads_nor_looks():
    reader = Actor(Role.MEMBER, UUID(int=1), UUID(int=2), UUID(int=3), frozenset({"portfolios:read"}))
    with pytest.raises(Forbidden):
        await service.require_may_list(None, reader, NOW)
    with pytest.raises(Forbidden):
        await service.find_portfolio(None, replace(reader, scopes=frozenset()), UUID(int=1))
    with pytest.raises(Forbidden):
        await service.require_may_list(None, Actor(Role.OPERATOR, UUID(int=1)), NOW)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_excluded_turns_keep_the_order_of_the_pools_and_end_with_ones_own(data):
    count = data.draw(st.integers(1, 8))
    pools = {}
    for number in range(1, count + 1):
        excluded = data.draw(st.sets(st.integers(1, number - 1))) if number > 1 else set()
        pool = a_pool(number, *sorted(excluded))
        pools[pool.pool_id] = pool
    turns = turns_of(pools[UUID(int=count)], pools)
    assert turns[-1].selection == pools[UUID(int=count)].selection
    assert all(other < place for place, turn in enumerate(turns) for other in turn.after)
    assert len(turns[-1].after) == len(pools[UUID(int=count)].excluded_pool_ids)
