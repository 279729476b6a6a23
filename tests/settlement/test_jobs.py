"""What the worker does for many, it does for each alone: a row that fails holds up no other, and is done once it can be."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from market.kit.actor import SYSTEM
from market.settlement import jobs, service
from market.settlement.refunds import PutBackState
from market.settlement.rules import PayoutState, State
from market.settlement.service import payouts, putbacks, sale
from market.settlement.store import afterwards
from market.settlement.store import bank as bank_store
from tests import factories
from tests.settlement.books import books_hold
from tests.settlement.test_defaults import awarded, funded, state_of
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.test_putbacks import answer, claim, in_window


@pytest.fixture
def poison(monkeypatch):
    """Make `module.name` fail, after it has acted, whenever `is_poisoned` says so of what it was given."""

    def make(module, name, is_poisoned):
        act = getattr(module, name)

        async def faulty(*args, **more):
            done = await act(*args, **more)
            if any(is_poisoned(each) for each in args):
                raise AssertionError("a fault")
            return done

        monkeypatch.setattr(module, name, faulty)

    yield make
    monkeypatch.undo()


async def faults_of(job, context):
    """Whose faults were logged."""
    with capture_logs() as logs:
        assert await job(context)
    return [each["subject_id"] for each in logs if each["log_level"] == "error"]


async def test_a_put_back_that_cannot_be_paid_holds_up_no_other(bank, poison, monkeypatch):
    context = bank.context
    settlement, buyer = await in_window(bank)
    claims = await claim(context, buyer, settlement, 1, 2)
    for each in claims:
        await answer(context, bank.seller, each, accept=True)
    first = claims[0].put_back_id

    async def states():
        async with context.db.begin(SYSTEM) as tx:
            return [(await afterwards.find_put_back(tx, each.put_back_id)).state for each in claims]

    poison(putbacks, "reassign", lambda given: getattr(given, "put_back_id", None) == first)
    assert await faults_of(jobs.pay_put_backs, context) == [str(first)]
    assert await states() == [PutBackState.ACCEPTED, PutBackState.REFUNDED]
    monkeypatch.undo()
    assert await jobs.pay_put_backs(context)
    assert await states() == [PutBackState.REFUNDED] * 2
    assert not await jobs.pay_put_backs(context)
    assert await books_hold(context)


async def test_a_sale_that_cannot_be_funded_holds_up_no_other(bank, poison, monkeypatch):
    context = bank.context
    sold = [(await awarded(bank))[1:] for _ in range(2)]
    sales = [settlement for settlement, _ in sold]
    for settlement, buyer in sold:
        await bank.pay_in(buyer, settlement.price_cents)
        await factories.sign_agreement(context, bank.seller, settlement.settlement_id)
        await factories.sign_agreement(context, buyer, settlement.settlement_id, public_key(3))
    first = sales[0].settlement_id
    poison(sale, "apply_funds", lambda given: isinstance(given, list) and given[0].settlement_id == first)
    assert await faults_of(jobs.apply_funds, context) == [str(first)]
    assert [await state_of(context, each) for each in sales] == [State.AWAITING_FUNDS, State.FUNDED]
    monkeypatch.undo()
    assert await jobs.apply_funds(context)
    assert await state_of(context, sales[0]) is State.FUNDED
    assert not await jobs.apply_funds(context)
    assert await books_hold(context)


async def test_all_orders_without_an_answer_are_doubted_at_once_however_many_they_are(bank, monkeypatch):
    """Read in pages of 20, so that three are needed; orders sent at the same instant are in none twice and missing in none."""
    context, party = bank.context, await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(party, 100)
    await factories.name_bank_account(context, party)
    now, ids = context.clock.now(), []
    for number in range(51):
        async with context.db.begin(party.actor) as tx:
            ordered = await service.withdraw(tx, party.actor, "USD", 1, f"{number}", now=now)
        async with context.db.begin(bank.cashier.actor) as tx:
            sent_at = now + timedelta(seconds=number // 30)
            await service.send_payout(tx, bank.cashier.actor, ordered.payout_id, now=sent_at)
        ids.append(ordered.payout_id)
    monkeypatch.setattr(bank_store, "_BATCH", 20)
    late = bank.later(days=9)
    async with late.db.begin(SYSTEM) as tx:
        due = await service.unanswered_payouts(tx, now=late.clock.now())
        assert await service.unanswered_payouts(tx, now=now + timedelta(days=2)) == []
    assert sorted(set(due) & set(ids)) == sorted(ids)
    assert len(due) == len(set(due))
    assert await jobs.doubt_payouts(late)
    async with context.db.begin(SYSTEM) as tx:
        assert {(await bank_store.find_payout(tx, each)).state for each in ids} == {PayoutState.UNKNOWN}


async def test_an_order_that_cannot_be_doubted_holds_up_no_other(bank, poison, monkeypatch):
    context, operator = bank.context, bank.operator.actor
    ids = []
    for _ in range(2):
        settlement = await funded(bank)
        await prepare(context, bank.officers[0], settlement.settlement_id)
        await approve(context, bank.officers[1], settlement.settlement_id)
        async with context.db.begin(operator) as tx:
            ordered = await bank_store.payout_of(tx, settlement.settlement_id)
            await service.send_payout(tx, operator, ordered.payout_id, now=context.clock.now())
        ids.append(ordered.payout_id)

    async def states():
        async with context.db.begin(SYSTEM) as tx:
            return [(await bank_store.find_payout(tx, each)).state for each in ids]

    late = bank.later(days=9)
    poison(payouts, "_note", lambda given: getattr(given, "payout_id", None) == ids[0])
    assert await faults_of(jobs.doubt_payouts, late) == [str(ids[0])]
    assert await states() == [PayoutState.SENT, PayoutState.UNKNOWN]
    monkeypatch.undo()
    assert await jobs.doubt_payouts(late)
    assert await states() == [PayoutState.UNKNOWN] * 2
    assert not await jobs.doubt_payouts(late)
