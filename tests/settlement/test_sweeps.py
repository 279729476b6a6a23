"""Commission and tax leave by the rails: two people, never what put-backs may still ask, confirmed by the statement alone."""

from dataclasses import astuple

import pytest
import pytest_asyncio

from market.db.cluster import drop_database
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.kit.pages import PageRequest
from market.settlement import jobs, moves, service
from market.settlement.rules import InsufficientFunds, NoBankAccount, PayoutState, TwoPeople
from market.settlement.service.suspense import ProposalDecided
from market.settlement.store import bank as bank_store
from market.settlement.sweeps import Source
from tests import factories
from tests.settlement.banks import opened
from tests.settlement.books import balance, books_hold
from tests.settlement.test_disputes_and_tax import state_rule
from tests.settlement.test_guards import forge
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_putbacks import answer, claim, in_window
from tests.settlement.wires import Wire

FEE, TAX = 3_000_00, 300_00


@pytest_asyncio.fixture(scope="module")
async def bank(cluster, tmp_path_factory):
    """Where nobody else earns anything. The first buyer stands for the platform's own company, which has a bank account."""
    name, urls = await cluster.fresh_database()
    async with opened(urls, tmp_path_factory.mktemp("sweeps"), buyer_count=2) as market:
        await state_rule(market, 1_000, country="US")
        await factories.name_bank_account(market.context, market.buyers[0])
        yield market
    await drop_database(cluster.admin_url, name)


async def propose(bank, cents, *, source=Source.COMMISSION, actor=None, to=None, currency="USD"):
    actor, now = actor or bank.operator.actor, bank.context.clock.now()
    async with bank.context.db.begin(actor) as tx:
        return await service.propose_sweep(
            tx, actor, source, currency, cents, org_id=(to or bank.buyers[0]).org_id, reason="the month's",
            now=now, chance=bank.context.chance,
        )  # fmt: skip


async def confirm(bank, sweep, party):
    async with bank.context.db.begin(party.actor) as tx:
        return await service.confirm_sweep(tx, party.actor, sweep.sweep_id, now=bank.context.clock.now())


async def closed_sale(bank):
    """A sale that earned `FEE` and owes `TAX`, its window over; (commission, tax) that may leave by then."""
    settlement, _ = await in_window(bank)
    assert (settlement.fee_cents, settlement.tax_cents) == (FEE, TAX)
    late = bank.later(days=31)
    await jobs.pass_deadlines(late)
    return [(await balance(bank.context, each.account))[1] for each in Source]


async def payout_of(bank, sweep):
    async with bank.context.db.begin(SYSTEM) as tx:
        return await bank_store.find_payout(tx, sweep.sweep_id)


async def test_commission_and_tax_leave_once_two_people_agree_and_the_statement_shows_it(bank):
    context, second = bank.context, bank.officers[0]
    commission, tax = await closed_sale(bank)
    for source, cents in ((Source.COMMISSION, commission), (Source.TAX, tax)):
        sweep = await propose(bank, cents, source=source)
        assert await balance(context, source.account) == (cents, cents)
        assert (await confirm(bank, sweep, second)).outcome == "confirmed"
        assert await balance(context, source.account) == (cents, 0)
        payout = await payout_of(bank, sweep)
        assert (payout.state, payout.amount_cents, payout.org_id) == (
            PayoutState.ORDERED, cents, bank.buyers[0].org_id,
        )  # fmt: skip
        async with context.db.begin(bank.operator.actor) as tx:
            await service.send_payout(tx, bank.operator.actor, payout.payout_id, now=context.clock.now())
        debit = Wire(cents, payout.reference, credit=False)
        assert not (await factories.import_wires(context, bank.operator, debit)).suspense
        assert (await payout_of(bank, sweep)).state is PayoutState.CONFIRMED
        assert await balance(context, source.account) == (0, 0)
    assert await balance(context, moves.CLEARING_OUT) == (0, 0)
    async with context.db.begin(SYSTEM) as tx:
        assert (await service.check_ledger(tx, SYSTEM)).holds
        today = context.clock.now().date()
        report = await service.fee_report(tx, SYSTEM, today, today, now=context.clock.now())
    told = [astuple(line)[1:2] + astuple(line)[3:] for line in report.lines if line.amount_cents < 0]
    assert told == [("Commission paid out to the platform", -commission, "USD"), ("Tax remitted", -tax, "USD")]
    assert await books_hold(context)


async def test_what_put_backs_may_still_ask_back_stays(bank):
    """All accounts of an open sale go back after a sweep of all that could leave: fee and tax are there to be refunded."""
    context = bank.context
    commission, tax = await closed_sale(bank)
    pool_id = await factories.keyed_pool(context, bank.seller, [1_000_00] * 20)
    settlement, buyer = await in_window(bank, pool_id=pool_id)
    assert await balance(context, moves.COMMISSION) == (commission + FEE, commission + FEE)
    for source, free in ((Source.COMMISSION, commission), (Source.TAX, tax)):
        with pytest.raises(InsufficientFunds) as told:
            await propose(bank, free + 1, source=source)
        assert told.value.members["available_cents"] == free
        await confirm(bank, await propose(bank, free, source=source), bank.officers[0])
        with pytest.raises(InsufficientFunds):
            await propose(bank, 1, source=source)
    await bank.pay_in(bank.seller, settlement.hammer_cents)
    for each in await claim(context, buyer, settlement, *range(1, settlement.account_count + 1)):
        await answer(context, bank.seller, each, accept=True)
    while await jobs.pay_put_backs(context):
        pass
    assert (await balance(context, moves.COMMISSION))[1] == (await balance(context, moves.TAX))[1] == 0
    assert await books_hold(context)


async def test_an_operator_asks_and_another_person_decides_once(bank):
    await closed_sale(bank)
    for nobody in (bank.seller, bank.officers[0]):
        with pytest.raises(Forbidden):
            await propose(bank, 1, actor=nobody.actor)
    with pytest.raises(NoBankAccount):
        await propose(bank, 1, to=bank.buyers[1])
    with pytest.raises(Malformed):
        await propose(bank, 1, currency="XXX")
    sweep = await propose(bank, 1)
    with pytest.raises(TwoPeople):
        await confirm(bank, sweep, bank.operator)
    with pytest.raises(Forbidden):
        await confirm(bank, sweep, bank.seller)
    async with bank.context.db.begin(bank.operator.actor) as tx:
        rejected = await service.reject_sweep(tx, bank.operator.actor, sweep.sweep_id, now=bank.context.clock.now())
        assert (rejected.outcome, rejected.decided_by) == ("rejected", bank.operator.user_id)
        assert (await service.list_sweeps(tx, bank.operator.actor, PageRequest(1))).items == [rejected]
    with pytest.raises(ProposalDecided):
        await confirm(bank, sweep, bank.officers[0])
    assert await payout_of(bank, sweep) is None
    with pytest.raises(NotFound):
        async with bank.context.db.begin(bank.operator.actor) as tx:
            await service.reject_sweep(
                tx, bank.operator.actor, bank.context.chance.new_id(), now=bank.context.clock.now()
            )


async def test_a_sweep_that_the_receiving_bank_returns_is_the_organisations_cash(bank):
    context, owner = bank.context, bank.buyers[0]
    await closed_sale(bank)
    before = (await balance(context, moves.cash(owner.org_id)))[0]
    sweep = await propose(bank, 7_00)
    await confirm(bank, sweep, bank.officers[0])
    payout = await payout_of(bank, sweep)
    await factories.import_wires(context, bank.operator, Wire(7_00, payout.reference, credit=False))
    await factories.import_wires(context, bank.operator, Wire(7_00, payout.reference))
    assert (await payout_of(bank, sweep)).state is PayoutState.RETURNED
    assert (await balance(context, moves.cash(owner.org_id)))[0] == before + 7_00
    assert await books_hold(context)


async def test_the_database_lets_nobody_sweep_alone_or_another_sum(bank):
    context = bank.context
    await closed_sale(bank)
    sweep = await propose(bank, 5_00)
    move = """SELECT ledger_apply(jsonb_build_array(jsonb_build_object('op', 'pend', 'id', CAST(:id AS text), 'debit',
        CAST(:debit AS text), 'credit', 'clearing:out', 'currency', 'USD', 'amount_cents', CAST(:cents AS bigint), 'kind',
        CAST(:kind AS text), 'subject', 'payout:' || CAST(:id AS text))))"""
    decide = "INSERT INTO sweep_decision VALUES (:id, 'confirmed', :by, now())"
    operator, officer = bank.operator, bank.officers[0]
    money = {"id": str(sweep.sweep_id), "debit": moves.COMMISSION, "cents": 5_00, "kind": "sweep"}
    assert "would move this money" in await forge(context, operator.actor, move, **money)
    alone = {"id": sweep.sweep_id, "by": operator.user_id}
    assert "does not confirm it" in await forge(context, operator.actor, decide, **alone)
    assert await forge(context, operator.actor, decide, id=sweep.sweep_id, by=officer.user_id)
    async with context.db.begin(officer.actor) as tx:
        await tx.execute(factories.text(decide), {"id": sweep.sweep_id, "by": officer.user_id})
    for wrong in (
        {"cents": 4_00},
        {"debit": moves.TAX},
        {"kind": "remittance", "debit": moves.TAX},
        {"kind": "withdrawal"},
    ):
        assert "would move this money" in await forge(context, officer.actor, move, **money | wrong), wrong
    for change in ("UPDATE sweep SET amount_cents = 1", "DELETE FROM sweep_decision"):
        assert await forge(context, officer.actor, change)
    pay = """INSERT INTO payout (payout_id, settlement_id, org_id, bank_account_id, reference, amount_cents, currency, state,
        ordered_at) SELECT :id, NULL, org_id, bank_account_id, 'PAYOUT-0000000000-00', 500, 'USD', 'ordered', now()
        FROM bank_account WHERE org_id = :org"""
    async with context.db.begin(officer.actor) as tx:
        await tx.execute(factories.text(move), money)
    thief = {"id": sweep.sweep_id, "org": bank.seller.org_id}
    assert "not due" in await forge(context, officer.actor, pay, **thief)


async def test_sweeps_over_http(bank, doors):  # noqa: F811
    await closed_sale(bank)
    operator, officer, buyer = [await doors.as_(each) for each in (bank.operator, bank.officers[0], bank.buyers[0])]
    asked = {
        "source": "commission", "currency": "USD", "amount_cents": 1_00, "org_id": str(bank.buyers[0].org_id),
        "reason": "the month's",
    }  # fmt: skip
    problem(await buyer.post("/v1/sweeps", json=asked), 403, "forbidden")
    problem(await buyer.get("/v1/sweeps"), 403, "forbidden")
    problem(await operator.post("/v1/sweeps", json=asked | {"amount_cents": 10**12}), 409, "insufficient-funds")
    assert (await operator.post("/v1/sweeps", json=asked | {"source": "escrow"})).status_code == 422
    made = await operator.post("/v1/sweeps", json=asked)
    assert made.status_code == 201, made.text
    door = f"/v1/sweeps/{made.json()['sweep_id']}"
    problem(await operator.post(f"{door}/confirmation"), 403, "two-people")
    done = await officer.post(f"{door}/confirmation")
    assert (done.status_code, done.json()["outcome"]) == (200, "confirmed"), done.text
    problem(await officer.post(f"{door}/rejection"), 409, "proposal-decided")
    assert (await operator.get("/v1/sweeps?limit=1")).json()["items"] == [done.json()]
    listed = (await operator.get("/v1/payouts?limit=200")).json()["items"]
    assert made.json()["sweep_id"] in {each["payout_id"] for each in listed}
