"""Free cash goes back to its owner, and what a bank sends back is its owner's again."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.settlement import moves, service
from market.settlement.rails.providers import Format
from market.settlement.rules import (
    InsufficientFunds,
    NoBankAccount,
    PayoutState,
    State,
    TransferConflict,
    TwoPeople,
    WrongState,
    reference,
)
from market.settlement.service.bankfiles import NothingToPay
from market.settlement.store import bank as bank_store
from market.settlement.store import ledger
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_guards import forge, paid
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_life import approve, prepare
from tests.settlement.test_rails_out import make, to_us_account, withdrawal
from tests.settlement.wires import Wire


async def withdraw(context, party, cents, key="1", currency="USD"):
    async with context.db.begin(party.actor) as tx:
        return await service.withdraw(tx, party.actor, currency, cents, key, now=context.clock.now())


async def rich_party(bank, cents):
    party = await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(party, cents)
    await factories.name_bank_account(bank.context, party)
    return party


async def send(bank, who, payout):
    async with bank.context.db.begin(who.actor) as tx:
        return await service.send_payout(tx, who.actor, payout.payout_id, now=bank.context.clock.now())


async def approve_withdrawal(bank, who, payout):
    async with bank.context.db.begin(who.actor) as tx:
        return await service.approve_withdrawal(tx, who.actor, payout.payout_id, now=bank.context.clock.now())


async def state_of(context, party, payout):
    async with context.db.begin(party.actor) as tx:
        page = await service.list_withdrawals(tx, party.actor, factories.PageRequest(200))
    return {each.payout_id: each.state for each in page.items}[payout.payout_id]


async def test_a_withdrawal_is_reserved_at_once_and_leaves_with_the_banks_statement(bank):
    context, party = bank.context, await rich_party(bank, 1_000_00)
    payout = await withdraw(context, party, 400_00)
    assert await withdraw(context, party, 400_00) == payout
    assert await balance(context, moves.cash(party.org_id)) == (1_000_00, 600_00)
    sent = await send(bank, bank.cashier, payout)
    assert sent.state is PayoutState.SENT
    wrong = await factories.import_wires(
        context, bank.operator, Wire(1, payout.reference, credit=False, ref="WD-WRONG")
    )
    assert len(wrong.suspense) == 1
    await factories.import_wires(context, bank.operator, Wire(1, "given back: WD-WRONG"))
    assert await state_of(context, party, payout) is PayoutState.SENT
    await factories.import_wires(context, bank.operator, Wire(400_00, payout.reference, credit=False))
    assert await state_of(context, party, payout) is PayoutState.CONFIRMED
    assert await balance(context, moves.cash(party.org_id)) == (600_00, 600_00)
    assert await books_hold(context)


async def test_nobody_withdraws_more_than_is_free_also_not_twice_at_once(bank):
    context, party = bank.context, await rich_party(bank, 100_00)
    answers = await asyncio.gather(
        *(withdraw(context, party, 60_00, key) for key in ("a", "b")), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in answers) in (
        ["InsufficientFunds", "Payout"],
        ["Payout", "InsufficientFunds"],
    )
    with pytest.raises(InsufficientFunds) as refused:
        await withdraw(context, party, 40_01, "c")
    assert refused.value.members["available_cents"] == 40_00
    assert await balance(context, moves.cash(party.org_id)) == (100_00, 40_00)


async def test_bad_orders_are_refused_and_reserve_nothing(bank):
    context, party = bank.context, await rich_party(bank, 100_00)
    await withdraw(context, party, 1, "used")
    for cents, key, currency, error in (
        (2, "used", "USD", TransferConflict),
        (0, "x", "USD", Malformed),
        (-5, "x", "USD", Malformed),
        (10**30, "x", "USD", Malformed),
        (5, "x", "XXX", Malformed),
        (5, "", "USD", Malformed),
        (5, "x", "EUR", InsufficientFunds),
    ):
        with pytest.raises(error):
            await withdraw(context, party, cents, key, currency)
    for nobody in (bank.operator, bank.officers[0]):
        with pytest.raises(Forbidden):
            await withdraw(context, nobody, 5, "x")
    stranger = await factories.buyer(context, bank.officers)
    await bank.pay_in(stranger, 5)
    with pytest.raises(NoBankAccount):
        await withdraw(context, stranger, 5)
    assert await balance(context, moves.cash(party.org_id)) == (100_00, 100_00 - 1)


async def test_a_payout_row_without_reserved_cash_or_to_another_account_cannot_be_written(bank):
    context, party = bank.context, await rich_party(bank, 100_00)
    order = """INSERT INTO payout (payout_id, org_id, bank_account_id, reference, amount_cents, currency, state, ordered_at)
        SELECT gen_random_uuid(), :org, bank_account_id, 'PAYOUT-0123456789-02', 5, 'USD', 'ordered', clock_timestamp()
        FROM bank_account ORDER BY created_at DESC LIMIT 1"""
    assert "not due" in await forge(context, party.actor, order, org=party.org_id)
    assert "not due" in await forge(context, party.actor, order, org=bank.seller.org_id)
    with pytest.raises(DBAPIError, match="organisation's to move"):
        async with context.db.begin(party.actor) as tx:
            await tx.execute(
                text("SELECT ledger_apply(jsonb_build_array(jsonb_build_object('op', 'post', 'id', gen_random_uuid(), "
                     "'debit', CAST(:cash AS text), 'credit', 'clearing:out', 'currency', 'USD', 'amount_cents', 5, "
                     "'kind', 'x', 'subject', 'x:1')))"),
                {"cash": moves.cash(party.org_id)},
            )  # fmt: skip


async def test_a_payout_that_comes_back_is_the_sellers_cash_again_and_can_be_withdrawn(bank):
    context = bank.context
    settlement, _ = await paid(bank)
    await prepare(context, bank.officers[0], settlement.settlement_id)
    await approve(context, bank.officers[1], settlement.settlement_id)
    async with context.db.begin(bank.operator.actor) as tx:
        page, _ = await service.list_payouts(tx, bank.operator.actor, factories.PageRequest(200), PayoutState.ORDERED)
    (payout,) = [each for each in page.items if each.settlement_id == settlement.settlement_id]
    before = await balance(context, moves.cash(bank.seller.org_id))
    await factories.import_wires(context, bank.operator, Wire(payout.amount_cents, payout.reference, credit=False))
    other_sum = await factories.import_wires(context, bank.operator, Wire(1, payout.reference, ref="RET-0"))
    assert len(other_sum.suspense) == 1
    back = Wire(payout.amount_cents, payout.reference, reversal=True)
    await factories.import_wires(context, bank.operator, back)
    assert await state_of(context, bank.seller, payout) is PayoutState.RETURNED
    after = await balance(context, moves.cash(bank.seller.org_id))
    assert after[1] - before[1] == payout.amount_cents
    async with context.db.begin(bank.seller.actor) as tx:
        found = await service.find_settlement(tx, bank.seller.actor, settlement.settlement_id)
    assert found.state is State.PUTBACK_WINDOW
    again = await withdraw(context, bank.seller, payout.amount_cents, "again")
    await factories.import_wires(context, bank.operator, Wire(again.amount_cents, again.reference, credit=False))
    assert await state_of(context, bank.seller, again) is PayoutState.CONFIRMED
    assert await books_hold(context)


# Four eyes: who brought the money in does not let it out alone.

_SENT = "UPDATE payout SET state = 'sent', sent_at = clock_timestamp() WHERE payout_id = :id"
_APPROVED = "INSERT INTO withdrawal_approval VALUES (:id, :by, clock_timestamp())"


async def test_who_imported_an_organisations_money_does_not_send_its_withdrawal_alone(bank):
    context, party = bank.context, await rich_party(bank, 100_00)
    payout = await withdraw(context, party, 40_00)
    with pytest.raises(TwoPeople, match="another person"):
        await send(bank, bank.operator, payout)
    assert "another person" in await forge(context, bank.operator.actor, _SENT, id=payout.payout_id)
    assert "sent by somebody" in await forge(context, SYSTEM, _SENT, id=payout.payout_id)
    with pytest.raises(TwoPeople):
        await approve_withdrawal(bank, bank.operator, payout)
    by = {"id": payout.payout_id, "by": bank.operator.actor.user_id}
    assert "who imported" in await forge(context, bank.operator.actor, _APPROVED, **by)
    assert "own name" in await forge(context, bank.operator.actor, _APPROVED, **by | {"by": bank.cashier.actor.user_id})
    await approve_withdrawal(bank, bank.officers[0], payout)
    assert (await send(bank, bank.operator, payout)).state is PayoutState.SENT
    await approve_withdrawal(bank, bank.officers[1], payout)
    late = await withdraw(context, party, 1_00, "late")
    await send(bank, bank.cashier, late)
    with pytest.raises(WrongState):
        await approve_withdrawal(bank, bank.officers[0], late)
    await factories.import_wires(
        context, bank.operator, *(Wire(each.amount_cents, each.reference, credit=False) for each in (payout, late))
    )
    assert await books_hold(context)


async def order_by_hand(context, party, cents):
    """What `withdraw` writes, without its questions."""
    payout_id, now = context.chance.new_id(), context.clock.now()
    async with context.db.begin(party.actor) as tx:
        account = await bank_store.newest_bank_account(tx, party.org_id)
        payout = bank_store.Payout(
            payout_id=payout_id, settlement_id=None, org_id=party.org_id, bank_account_id=account.bank_account_id,
            reference=reference("PAYOUT", payout_id), amount_cents=cents, currency="USD", state=PayoutState.ORDERED,
            ordered_at=now, sent_at=None, confirmed_at=None, confirmed_entry_id=None,
        )  # fmt: skip
        pending = moves.withdrawal_pending(payout_id, org_id=party.org_id, currency="USD", amount_cents=cents)
        await ledger.apply(tx, pending)
        await bank_store.add_payout(tx, payout)
    return payout


async def test_an_organisation_that_was_never_cleared_orders_no_withdrawal_and_is_told_why(bank, doors):  # noqa: F811
    context, stranger = bank.context, await factories.register_member(bank.context)
    await bank.pay_in(stranger, 9_00)
    await factories.name_bank_account(context, stranger)
    door, body = await doors.as_(stranger), {"currency": "USD", "amount_cents": 9_00}
    answer = await door.post("/v1/withdrawals", json=body, headers={"Idempotency-Key": "1"})
    told = problem(answer, 403, "not-cleared")
    assert "never cleared it for anything; open a case at POST /v1/cases" in told["detail"]
    with pytest.raises(DBAPIError, match="never cleared orders no withdrawal"):
        await order_by_hand(context, stranger, 9_00)
    assert await balance(context, moves.cash(stranger.org_id)) == (9_00, 9_00)


async def test_what_such_an_organisation_ordered_before_needs_another_person_whoever_sends_it(bank):
    context, stranger = bank.context, await factories.register_member(bank.context)
    await bank.pay_in(stranger, 9_00)
    await factories.name_bank_account(context, stranger)
    owner = await asyncpg.connect(bank.urls.migrator)
    await owner.execute("ALTER TABLE payout DISABLE TRIGGER withdrawal_of_cleared")
    payout = await order_by_hand(context, stranger, 9_00)
    await owner.execute("ALTER TABLE payout ENABLE TRIGGER withdrawal_of_cleared")
    await owner.close()
    for who in (bank.operator, bank.cashier):
        with pytest.raises(TwoPeople, match="never cleared"):
            await send(bank, who, payout)
        assert "never cleared" in await forge(context, who.actor, _SENT, id=payout.payout_id)
    await approve_withdrawal(bank, bank.cashier, payout)
    with pytest.raises(TwoPeople, match="never cleared"):
        await send(bank, bank.cashier, payout)
    assert (await send(bank, bank.operator, payout)).state is PayoutState.SENT


async def test_what_is_no_withdrawal_is_not_approved_as_one_and_members_approve_nothing(bank):
    context, party = bank.context, await rich_party(bank, 5_00)
    payout = await withdraw(context, party, 1_00)
    with pytest.raises(Forbidden):
        await approve_withdrawal(bank, party, payout)
    settlement, _ = await paid(bank)
    await prepare(context, bank.officers[0], settlement.settlement_id)
    await approve(context, bank.officers[1], settlement.settlement_id)
    async with context.db.begin(SYSTEM) as tx:
        proceeds = await bank_store.payout_of(tx, settlement.settlement_id)
        page = await service.list_unapproved(tx, SYSTEM, factories.PageRequest(200))
    listed = {each.payout_id for each in page.items}
    assert payout.payout_id in listed
    assert proceeds.payout_id not in listed
    with pytest.raises(NotFound):
        await approve_withdrawal(bank, bank.officers[0], proceeds)
    assert (await send(bank, bank.operator, proceeds)).state is PayoutState.SENT, "two people released it"


async def test_a_file_holds_a_withdrawal_once_an_officer_approved_it_through_the_doors(bank, doors):  # noqa: F811
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 6_54)
    with pytest.raises(NothingToPay, match="sent by you"):
        await make(bank, Format.NACHA, by=bank.operator)
    with pytest.raises(TwoPeople):
        await make(bank, Format.NACHA, (payout.payout_id,), by=bank.operator)
    operator, officer = await doors.as_(bank.operator), await doors.as_(bank.officers[0])
    listed = (await officer.get("/v1/withdrawals/unapproved?limit=200")).json()["items"]
    assert f"{payout.payout_id}" in {each["payout_id"] for each in listed}
    door = f"/v1/payouts/{payout.payout_id}/approval"
    problem(await operator.post(door), 403, "two-people")
    answer = await officer.post(door)
    assert (answer.status_code, answer.json()["amount_cents"]) == (200, 6_54)
    file, _ = await make(bank, Format.NACHA, (payout.payout_id,), by=bank.operator)
    assert file.total_cents == 6_54
