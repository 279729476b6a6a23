from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bidding.commission import Payer, Schedule
from market.settlement import moves
from market.settlement.calendar import (
    deadline,
    is_business_day,
    next_business_day,
    statement_due_at,
    target_holidays,
    us_holidays,
)
from market.settlement.moves import HeldDeposit, Resolve, Transfer
from market.settlement.rules import (
    CANCELLABLE,
    Party,
    Settlement,
    State,
    Step,
    WrongState,
    advance,
    arrow,
    derived_id,
    find_references,
    forfeit_split,
    reference,
)

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


# Steps.


def test_a_step_is_refused_from_every_state_that_it_does_not_leave():
    for step in Step:
        sources, target = arrow(step)
        for state in State:
            if state in sources:
                assert advance(state, step) is target
            else:
                with pytest.raises(WrongState):
                    advance(state, step)


def test_every_state_is_reached_and_nothing_leaves_the_ends():
    reached = {arrow(step)[1] for step in Step} | {State.AWARDED}
    left = {state for step in Step for state in arrow(step)[0]}
    assert reached == set(State)
    assert set(State) - left == {
        State.CLOSED,
        State.SIGN_DEFAULT,
        State.BUYER_DEFAULT,
        State.SELLER_DEFAULT,
        State.CANCELLED,
    }
    assert State.RELEASED not in CANCELLABLE


def test_the_database_draws_the_same_arrows():
    sql = Path("migrations/versions/2026_11_30_0017-tax_defaults_and_disputes.py").read_text()
    drawn = sql[sql.index("step <> 'signing") : sql.index("a settlement does not go from")]
    pairs = {f"{source} {arrow(step)[1]}" for step in Step for source in arrow(step)[0]}
    quoted = {part for part in drawn.split("'") if " " in part and part.replace(" ", "").replace("_", "").isalpha()}
    assert quoted & {f"{a} {b}" for a in State for b in State} == pairs


# References.


@given(st.sampled_from(["DEP", "PSA", "PAYOUT"]), st.uuids())
def test_a_reference_is_found_in_what_people_write_around_it(kind, of):
    ref = reference(kind, of)
    assert find_references(f"inv 7, {ref.lower()}; thanks") == {ref}
    assert find_references(ref) == {ref}
    assert find_references(f"X{ref}") == find_references(f"{ref}9") == frozenset()


@settings(max_examples=10)
@given(st.uuids())
def test_a_reference_with_one_wrong_character_or_two_neighbours_swapped_is_nobodys(of):
    ref = reference("DEP", of)
    for at in range(4, len(ref)):
        others = {ref[:at] + wrong + ref[at + 1 :] for wrong in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"}
        others.add(ref[:at] + ref[at + 1 : at + 2] + ref[at] + ref[at + 2 :])
        for other in others - {ref}:
            assert find_references(other) == frozenset(), other


def test_the_kind_is_part_of_what_is_checked():
    of = uuid4()
    assert find_references(reference("DEP", of).replace("DEP", "PSA")) == frozenset()


def test_a_derived_id_is_the_same_for_the_same_parts_and_splits_parts():
    assert derived_id("a", "b") == derived_id("a", "b")
    assert len({derived_id("a", "b"), derived_id("ab"), derived_id("a", "b", ""), derived_id("b", "a")}) == 4


# Business days.


def test_the_holidays_of_the_payment_systems():
    assert us_holidays(2026) == {
        date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19),
        date(2026, 7, 4), date(2026, 9, 7), date(2026, 10, 12), date(2026, 11, 11), date(2026, 11, 26), date(2026, 12, 25),
    }  # fmt: skip
    assert date(2027, 7, 5) in us_holidays(2027)
    assert date(2023, 1, 2) in us_holidays(2023)
    assert target_holidays(2026) == {
        date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25), date(2026, 12, 26),
    }  # fmt: skip
    assert {date(2024, 3, 29), date(2024, 4, 1)} < target_holidays(2024)
    assert {date(2038, 4, 23), date(2038, 4, 26)} < target_holidays(2038)


def test_a_deadline_ends_with_the_nth_business_day_where_the_money_lives():
    friday = datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert deadline(friday, 2, "USD") == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert deadline(friday, 2, "EUR") == datetime(2026, 11, 24, 23, tzinfo=UTC)
    assert deadline(friday, 2, "JPY") == datetime(2026, 11, 25, tzinfo=UTC)
    before_thanksgiving = datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert deadline(before_thanksgiving, 3, "USD") == datetime(2026, 12, 1, 5, tzinfo=UTC)
    late_in_new_york = datetime(2026, 11, 21, 2, tzinfo=UTC)  # still Friday there
    assert deadline(late_in_new_york, 1, "USD") == datetime(2026, 11, 24, 5, tzinfo=UTC)
    over_dst = datetime(2026, 10, 30, 12, tzinfo=UTC)
    assert deadline(over_dst, 1, "USD") == datetime(2026, 11, 3, 5, tzinfo=UTC)


def test_the_statement_of_the_last_day_is_waited_for_until_the_next_business_day_is_over():
    """Who had until the end of Thursday is known to have paid or not when Friday is over, and of Friday when Monday is."""
    thursday_ends, friday_ends = datetime(2026, 12, 4, 5, tzinfo=UTC), datetime(2026, 12, 5, 5, tzinfo=UTC)
    assert statement_due_at(thursday_ends, "USD") == friday_ends
    assert statement_due_at(friday_ends, "USD") == datetime(2026, 12, 8, 5, tzinfo=UTC)
    thanksgiving_eve_ends = datetime(2026, 11, 26, 5, tzinfo=UTC)
    assert statement_due_at(thanksgiving_eve_ends, "USD") == datetime(2026, 11, 28, 5, tzinfo=UTC)
    moved_by_a_hold = thursday_ends - timedelta(hours=7)
    assert statement_due_at(moved_by_a_hold, "USD") == friday_ends


@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.sampled_from(["USD", "EUR", "GBP"]))
def test_the_next_business_day_is_the_first_one_and_never_far(day, currency):
    found = next_business_day(day, currency)
    assert is_business_day(found, currency)
    assert day < found <= day + timedelta(days=6)
    between = [day + timedelta(days=n) for n in range(1, (found - day).days)]
    assert not any(is_business_day(each, currency) for each in between)


# Moves.


@st.composite
def sales(draw: st.DrawFn) -> Settlement:
    hammer = draw(st.one_of(st.integers(1, 1000), st.integers(1, 10**12)))
    schedule = Schedule.default("USD", draw(st.sampled_from(Payer)))
    shares = schedule.shares(schedule.fee_cents(hammer))
    ids = [UUID(int=n) for n in range(1, 6)]
    rates = draw(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)))
    buyer_tax, seller_tax = shares.buyer_cents * rates[0] // 10_000, shares.seller_cents * rates[1] // 10_000
    return Settlement(
        settlement_id=ids[0], reference="PSA", auction_id=ids[1], pool_id=ids[2], seller_org_id=ids[3],
        buyer_org_id=ids[4], currency="USD", hammer_cents=hammer, buyer_fee_cents=shares.buyer_cents,
        seller_fee_cents=shares.seller_cents, commission={},
        deposit_cents=draw(st.integers(0, hammer + shares.buyer_cents + buyer_tax)), state=State.AWARDED, awarded_at=NOW,
        sign_by_at=None, pay_by_at=None, putback_until_at=None, ended_at=None,
        holdback_cents=hammer * draw(st.integers(0, 2_000)) // 10_000, forfeit_seller_bps=draw(st.integers(0, 10_000)),
        buyer_tax_cents=buyer_tax, seller_tax_cents=seller_tax,
    )  # fmt: skip


def effect(*batches) -> dict[str, int]:
    """What each account gains; every transfer moves something and no account is both sides."""
    gained: dict[str, int] = {}
    for move in (move for batch in batches for move in batch):
        if isinstance(move, Transfer):
            assert move.amount_cents > 0
            gained[move.debit] = gained.get(move.debit, 0) - move.amount_cents
            gained[move.credit] = gained.get(move.credit, 0) + move.amount_cents
    return {name: cents for name, cents in gained.items() if cents}


@settings(max_examples=200)
@given(sales())
def test_escrow_is_filled_with_the_price_and_emptied_to_nothing(sale):
    escrow, buyer = moves.escrow(sale.settlement_id), moves.cash(sale.buyer_org_id)
    held = HeldDeposit(uuid4(), sale.buyer_org_id, sale.deposit_cents)
    filled = [*(moves.deposit_applied(sale, held) if sale.deposit_cents else []), *moves.funded(sale)]
    assert effect(filled).get(escrow) == sale.price_cents
    released = effect(filled, moves.released(sale))
    assert escrow not in released
    assert moves.cash(sale.seller_org_id) not in released
    deducted = sale.seller_fee_cents + sale.seller_tax_cents + sale.holdback_cents
    assert released[moves.CLEARING_OUT] == sale.hammer_cents - deducted
    assert released.get(moves.TAX, 0) == sale.buyer_tax_cents + sale.seller_tax_cents
    assert released.get(moves.holdback(sale.settlement_id), 0) == sale.holdback_cents
    assert released.get(moves.COMMISSION, 0) == sale.buyer_fee_cents + sale.seller_fee_cents
    assert released.get(buyer, 0) == sale.deposit_cents - sale.price_cents
    paid = effect(filled, moves.released(sale), moves.payout_confirmed(sale))
    assert moves.CLEARING_OUT not in paid


@given(sales())
def test_a_forfeited_or_refunded_deposit_leaves_nothing_in_escrow(sale):
    applied = {moves.escrow(sale.settlement_id): sale.deposit_cents} if sale.deposit_cents else {}
    for undo in (moves.forfeited(sale), moves.refunded(sale, sale.deposit_cents)):
        gained = effect(undo)
        assert -gained.pop(moves.escrow(sale.settlement_id), 0) == applied.get(moves.escrow(sale.settlement_id), 0)
        assert sum(gained.values()) == sale.deposit_cents
    assert sum(forfeit_split(sale.deposit_cents, 8_000)) == sale.deposit_cents
    assert forfeit_split(10_000, 8_000) == (8_000, 2_000)


def test_the_same_step_twice_has_the_same_ids_and_different_steps_have_different_ones():
    held = HeldDeposit(uuid4(), uuid4(), 5)
    entry = uuid4()
    assert moves.deposits_freed([held]) == moves.deposits_freed([held])
    wire = moves.wire_received(entry, currency="USD", amount_cents=5, org_id=held.org_id)
    assert wire == moves.wire_received(entry, currency="USD", amount_cents=5, org_id=held.org_id)
    assert len({move.transfer_id for move in wire if isinstance(move, Transfer)}) == 2
    assert all(isinstance(move, Resolve) for move in moves.deposits_freed([held]))


def test_a_party_is_seller_or_buyer_and_nobody_else_is_either():
    ids = [uuid4() for _ in range(3)]
    sale = Settlement(
        settlement_id=ids[0], reference="PSA", auction_id=ids[0], pool_id=ids[0], seller_org_id=ids[1],
        buyer_org_id=ids[2], currency="USD", hammer_cents=1, buyer_fee_cents=0, seller_fee_cents=0, commission={},
        deposit_cents=0, state=State.AWARDED, awarded_at=NOW, sign_by_at=None, pay_by_at=None,
        putback_until_at=None, ended_at=None,
    )  # fmt: skip
    assert [sale.party(each) for each in (*ids, None)] == [None, Party.SELLER, Party.BUYER, None]
