"""A payment that came short: two people agree that the platform bears it, out of what it has earned and never of clients' money."""

import json

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.db.cluster import drop_database
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed
from market.kit.pages import PageRequest
from market.settlement import jobs, moves, service
from market.settlement.rules import InsufficientFunds, Party, State, TwoPeople, WrongState
from market.settlement.service import writeoffs
from market.settlement.service.suspense import ProposalDecided
from market.settlement.service.writeoffs import NotShort
from market.settlement.sweeps import Source
from tests import factories
from tests.settlement.banks import opened
from tests.settlement.books import as_app, balance, books_hold
from tests.settlement.test_forgeries import all_refused, op
from tests.settlement.test_guards import awarded
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_life import public_key
from tests.settlement.test_putbacks import in_window
from tests.settlement.test_withdrawals import withdraw
from tests.settlement.wires import Wire

KEPT = 25_00


@pytest_asyncio.fixture(scope="module")
async def bank(cluster, tmp_path_factory):
    """Where one sale is over, so that its commission is earned for good."""
    name, urls = await cluster.fresh_database()
    async with opened(urls, tmp_path_factory.mktemp("shorts"), buyer_count=3) as market:
        await in_window(market)
        await jobs.pass_deadlines(market.later(days=31))
        yield market
    await drop_database(cluster.admin_url, name)


async def short_of(bank, cents):
    """(sale, buyer) of a sale for which so much less arrived than is due."""
    _, settlement, buyer = await awarded(bank)
    await factories.sign_agreement(bank.context, bank.seller, settlement.settlement_id)
    await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(9))
    free = (await balance(bank.context, moves.cash(buyer.org_id)))[1]
    wire = Wire(settlement.due_cents - free - cents, end_to_end=settlement.reference)
    assert not (await factories.import_wires(bank.context, bank.operator, wire)).funded
    return settlement, buyer


async def propose(bank, settlement, cents=KEPT, *, by=None, reason="banks on the way kept it"):
    party, now = by or bank.operator, bank.context.clock.now()
    async with bank.context.db.begin(party.actor) as tx:
        return await service.propose_write_off(
            tx, party.actor, settlement.settlement_id, cents, reason=reason, now=now, chance=bank.context.chance
        )


async def decide(bank, asked, by, what=service.confirm_write_off):
    async with bank.context.db.begin(by.actor) as tx:
        return await what(tx, by.actor, asked.write_off_id, now=bank.context.clock.now())


async def state_of(bank, settlement):
    async with bank.context.db.begin(SYSTEM) as tx:
        return (await service.find_settlement(tx, SYSTEM, settlement.settlement_id)).state


async def test_what_is_missing_comes_out_of_commission_and_the_sale_is_funded_at_once(bank):
    context = bank.context
    settlement, buyer = await short_of(bank, KEPT)
    earned = (await balance(context, moves.COMMISSION))[0]
    bank_cents = (await balance(context, moves.FBO))[0]
    asked = await propose(bank, settlement)
    assert await state_of(bank, settlement) is State.AWAITING_FUNDS
    assert (await decide(bank, asked, bank.officers[0])).outcome == "confirmed"
    assert await state_of(bank, settlement) is State.FUNDED
    assert (await balance(context, moves.escrow(settlement.settlement_id)))[0] == settlement.price_cents
    assert (await balance(context, moves.COMMISSION))[0] == earned - KEPT
    assert await balance(context, moves.LOSS) == (0, 0)
    assert (await balance(context, moves.cash(buyer.org_id)))[0] == 0
    assert (await balance(context, moves.FBO))[0] == bank_cents
    assert await books_hold(context)
    async with context.db.begin(SYSTEM) as tx:
        assert (await service.check_ledger(tx, SYSTEM)).holds
        today = context.clock.now().date()
        told = await service.fee_report(tx, SYSTEM, today, today, now=context.clock.now())
    assert [line.amount_cents for line in told.lines if "Missing" in line.what] == [-KEPT]
    async with context.db.begin(buyer.actor) as tx:
        mine = await service.party_statement(
            tx, buyer.actor, settlement.settlement_id, Party.BUYER, now=context.clock.now()
        )
    assert [line.amount_cents for line in mine.lines if "Missing" in line.what] == [KEPT]
    assert sum(line.amount_cents for line in mine.lines) == -settlement.due_cents + KEPT


async def test_an_operator_asks_and_another_person_decides_once(bank):
    settlement, buyer = await short_of(bank, KEPT)
    for stranger in (buyer, bank.seller, bank.officers[0]):
        with pytest.raises(Forbidden):
            await propose(bank, settlement, by=stranger)
    asked = await propose(bank, settlement)
    with pytest.raises(TwoPeople):
        await decide(bank, asked, bank.operator)
    with pytest.raises(Forbidden):
        await decide(bank, asked, buyer)
    assert (await decide(bank, asked, bank.cashier, service.reject_write_off)).outcome == "rejected"
    with pytest.raises(ProposalDecided):
        await decide(bank, asked, bank.officers[0])
    assert await state_of(bank, settlement) is State.AWAITING_FUNDS
    async with bank.context.db.begin(bank.officers[0].actor) as tx:
        page = await service.list_write_offs(tx, bank.officers[0].actor, PageRequest(1))
    assert [each.outcome for each in page.items] == ["rejected"]


async def test_only_just_what_is_missing_and_no_more_than_the_sale_earns_is_borne(bank):
    settlement, _ = await short_of(bank, KEPT)
    for cents in (0, settlement.fee_cents + 1):
        with pytest.raises(Malformed, match="commission"):
            await propose(bank, settlement, cents)
    with pytest.raises(Malformed, match="reason"):
        await propose(bank, settlement, reason=" ")
    for cents in (KEPT - 1, KEPT + 1):
        with pytest.raises(NotShort) as told:
            await decide(bank, await propose(bank, settlement, cents), bank.officers[0])
        assert told.value.members["missing_cents"] == KEPT
    await decide(bank, await propose(bank, settlement), bank.officers[0])
    with pytest.raises(WrongState):
        await propose(bank, settlement)


async def test_nothing_is_borne_for_a_buyer_whose_money_leaves_at_that_moment(bank, monkeypatch):
    settlement, buyer = await short_of(bank, KEPT)
    await factories.name_bank_account(bank.context, buyer)
    asked = await propose(bank, settlement)
    looked = writeoffs.require_free_income

    async def while_money_leaves(*args):
        await withdraw(bank.context, buyer, 1_00)
        await looked(*args)

    monkeypatch.setattr(writeoffs, "require_free_income", while_money_leaves)
    with pytest.raises(NotShort):
        await decide(bank, asked, bank.officers[0])
    assert await state_of(bank, settlement) is State.AWAITING_FUNDS
    assert await balance(bank.context, moves.LOSS) == (0, 0)
    assert await books_hold(bank.context)


async def test_what_put_backs_may_ask_back_bears_nothing(bank):
    """All free commission is swept; what is left belongs to a window that is open."""
    context = bank.context
    await factories.name_bank_account(context, bank.buyers[0])
    settlement, _ = await short_of(bank, KEPT)
    asked = await propose(bank, settlement)
    await in_window(bank)
    now, more = context.clock.now(), {"org_id": bank.buyers[0].org_id, "reason": "due", "chance": context.chance}
    with pytest.raises(InsufficientFunds) as told:
        async with context.db.begin(bank.operator.actor) as tx:
            await service.propose_sweep(tx, bank.operator.actor, Source.COMMISSION, "USD", 10**12, now=now, **more)
    free = told.value.members["available_cents"]
    async with context.db.begin(bank.operator.actor) as tx:
        sweep = await service.propose_sweep(tx, bank.operator.actor, Source.COMMISSION, "USD", free, now=now, **more)
    async with context.db.begin(bank.officers[0].actor) as tx:
        await service.confirm_sweep(tx, bank.officers[0].actor, sweep.sweep_id, now=now)
    with pytest.raises(InsufficientFunds):
        await decide(bank, asked, bank.officers[1])
    assert await state_of(bank, settlement) is State.AWAITING_FUNDS


async def test_write_offs_over_http(bank, doors):  # noqa: F811
    await in_window(bank)
    await jobs.pass_deadlines(bank.later(days=31))
    settlement, _ = await short_of(bank, KEPT)
    operator, officer, buyer = [await doors.as_(each) for each in (bank.operator, bank.officers[0], bank.buyers[0])]
    door, asked = (
        f"/v1/settlements/{settlement.settlement_id}/write-offs",
        {"amount_cents": KEPT, "reason": "kept on the way"},
    )
    problem(await buyer.post(door, json=asked), 403, "forbidden")
    problem(await officer.post(door, json=asked), 403, "forbidden")
    more = await operator.post(door, json=asked | {"amount_cents": KEPT + 1})
    problem(await officer.post(f"/v1/write-offs/{more.json()['write_off_id']}/confirmation"), 409, "not-short")
    made = await operator.post(door, json=asked)
    assert made.status_code == 201, made.text
    door = f"/v1/write-offs/{made.json()['write_off_id']}"
    problem(await operator.post(f"{door}/confirmation"), 403, "two-people")
    done = await officer.post(f"{door}/confirmation")
    assert (done.status_code, done.json()["outcome"]) == (200, "confirmed"), done.text
    problem(await officer.post(f"{door}/rejection"), 409, "proposal-decided")
    assert (await operator.get("/v1/write-offs?limit=1")).json()["items"] == [done.json()]
    problem(await buyer.get("/v1/write-offs"), 403, "forbidden")


async def test_the_database_lets_no_loss_be_booked_that_two_people_did_not_agree_on(bank):
    context = bank.context
    settlement, buyer = await short_of(bank, KEPT)
    sale, gets = f"settlement:{settlement.settlement_id}", moves.cash(buyer.org_id)
    loss = op("write_off", sale, moves.LOSS, gets, KEPT)
    await all_refused(context, loss)
    asked = await propose(bank, settlement)
    await all_refused(
        context, loss, op("write_off", sale, moves.LOSS, gets, KEPT + 1), op("gift", sale, moves.LOSS, gets, KEPT)
    )
    for forged in (
        f"INSERT INTO write_off_decision VALUES ('{asked.write_off_id}', 'confirmed', '{asked.proposed_by}', now())",
        f"UPDATE write_off SET amount_cents = 1 WHERE write_off_id = '{asked.write_off_id}'",
    ):
        with pytest.raises(Exception, match="does not confirm it|own name|permission|append"):
            await as_app(context, forged)
    assert await books_hold(context)


async def test_the_database_caps_all_write_offs_of_a_sale_together(bank):
    context, officer = bank.context, bank.officers[0]
    settlement, buyer = await short_of(bank, KEPT)
    one, whole = await propose(bank, settlement), await propose(bank, settlement, settlement.fee_cents)
    confirm = text("INSERT INTO write_off_decision VALUES (:id, 'confirmed', :by, now())")
    said = {"by": officer.actor.user_id}
    sale, gets = f"settlement:{settlement.settlement_id}", moves.cash(buyer.org_id)

    def booked():
        return json.dumps(
            [
                op("write_off", sale, moves.LOSS, gets, KEPT),
                op("write_off_covered", sale, moves.COMMISSION, moves.LOSS, KEPT),
            ]
        )

    with pytest.raises(DBAPIError, match="nothing happened"):
        async with context.db.begin(officer.actor) as tx:
            await tx.execute(confirm, said | {"id": one.write_off_id})
            await tx.execute(text("SELECT ledger_apply(CAST(:ops AS jsonb))"), {"ops": booked()})
            await tx.execute(text("SELECT ledger_apply(CAST(:ops AS jsonb))"), {"ops": booked()})
    with pytest.raises(DBAPIError, match="no more than its commission"):
        async with context.db.begin(officer.actor) as tx:
            await tx.execute(confirm, said | {"id": one.write_off_id})
            await tx.execute(confirm, said | {"id": whole.write_off_id})
    await decide(bank, one, officer)
    assert await books_hold(context)


async def test_no_reservation_of_the_marketplace_expires_by_itself(bank):
    """A deposit that runs out while the sale is being paid would leave the seller without it."""
    context, party = bank.context, bank.buyers[1]
    auction, _, _ = await awarded(bank)
    cents = auction.deposit_cents or 1
    await bank.pay_in(party, cents)
    fleeting = op(
        "deposit", f"auction:{auction.auction_id}", moves.cash(party.org_id), moves.deposits(auction.auction_id), cents
    )
    fleeting |= {"op": "pend", "expires_at": "2999-01-01T00:00:00Z"}
    with pytest.raises(DBAPIError, match="nothing happened"):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("SELECT ledger_apply(CAST(:ops AS jsonb))"), {"ops": json.dumps([fleeting])})
    del fleeting["expires_at"]
    async with context.db.begin(SYSTEM) as tx:
        await tx.execute(text("SELECT ledger_apply(CAST(:ops AS jsonb))"), {"ops": json.dumps([fleeting])})
