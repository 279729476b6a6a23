import asyncio
import json
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import given
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Forbidden, Malformed
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.settlement import moves, service
from market.settlement.rules import StatementOutOfOrder, StatementRepeated, reference
from market.settlement.service.matching import expected_of
from market.settlement.statement import digest, read_statements
from tests import factories
from tests.compliance.raw import acting
from tests.settlement.books import balance, books_hold, member
from tests.settlement.test_defaults import awarded
from tests.settlement.test_life import public_key
from tests.settlement.test_rules import sales
from tests.settlement.wires import Wire, statement


async def importing(bank, xml, actor=None):
    context, actor = bank.context, actor or bank.operator.actor
    async with context.db.begin(actor) as tx:
        return await service.import_statements(
            tx, actor, read_statements(xml), digest(xml), now=context.clock.now(), chance=context.chance
        )


async def closing(bank, currency="USD"):
    async with bank.context.db.begin(SYSTEM) as tx:
        page = await service.list_statements(tx, SYSTEM, PageRequest(200))
    return next((kept.closing_cents for kept in page.items if kept.currency == currency), 0)


async def cash(bank, party):
    return (await balance(bank.context, moves.cash(party.org_id)))[0]


async def test_a_statement_cannot_be_applied_twice(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 5)
    xml = statement([Wire(700, reference("DEP", party.org_id))], opening_cents=await closing(bank))
    await importing(bank, xml)
    before = await cash(bank, party)
    with pytest.raises(StatementRepeated):
        await importing(bank, xml)
    assert await cash(bank, party) == before
    assert await books_hold(bank.context)


async def test_an_entry_cannot_come_again_on_another_statement(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 5)
    ref = reference("DEP", party.org_id)
    await importing(bank, statement([Wire(700, ref, ref="ONCE")], opening_cents=await closing(bank)))
    before = await cash(bank, party)
    with pytest.raises(StatementRepeated, match="ONCE"):
        await importing(bank, statement([Wire(700, ref, ref="ONCE")], opening_cents=await closing(bank)))
    assert await cash(bank, party) == before


async def test_statements_out_of_order_are_refused_until_the_missing_one_is_there(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 5)
    start, ref = await closing(bank), reference("DEP", party.org_id)
    first = statement([Wire(100, ref)], opening_cents=start)
    second = statement([Wire(200, ref)], opening_cents=start + 100)
    with pytest.raises(StatementOutOfOrder) as refusal:
        await importing(bank, second)
    assert refusal.value.members["expected_opening_cents"] == start
    before = await cash(bank, party)
    await importing(bank, first)
    await importing(bank, second)
    assert await cash(bank, party) == before + 300


async def test_a_first_statement_starts_at_nothing_and_fixes_the_account(bank):
    with pytest.raises(StatementOutOfOrder):
        await importing(bank, statement([Wire(5)], opening_cents=1, currency="CHF"))
    await importing(bank, statement([Wire(5)], currency="CHF"))
    with pytest.raises(StatementOutOfOrder, match="another bank account"):
        await importing(bank, statement([Wire(5)], opening_cents=5, currency="CHF", iban="GB29NWBK60161331926819"))


async def test_of_a_document_whose_second_statement_is_refused_nothing_is_kept(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 5)
    start, ref = await closing(bank), reference("DEP", party.org_id)
    one, two = (statement([Wire(100, ref)], opening_cents=start) for _ in range(2))
    both = one.replace(b"</Stmt>", b"</Stmt>" + two[two.index(b"<Stmt>") : two.index(b"</Stmt>")] + b"</Stmt>")
    before = await cash(bank, party)
    with pytest.raises(StatementOutOfOrder):
        await importing(bank, both)
    assert await cash(bank, party) == before
    assert await closing(bank) == start


async def test_what_nobody_is_found_for_waits_in_suspense(bank):
    mine, yours = bank.buyers[:2]
    for party in (mine, yours):
        await bank.pay_in(party, 5)
    a, b = reference("DEP", mine.org_id), reference("DEP", yours.org_id)
    before, waiting = await balance(bank.context, moves.CLEARING_IN), await cash(bank, mine)
    imported = await factories.import_wires(
        bank.context,
        bank.operator,
        Wire(100, "no reference at all"),
        Wire(200, f"{a} or {b}"),
        Wire(300, a[:-1] + ("0" if a[-1] != "0" else "1")),
        Wire(400, a, reversal=True),
        Wire(500, a),
        Wire(150, f"{a} {b}", credit=False, ref="TAKEN-1"),
    )
    assert [entry.amount_cents for entry in imported.suspense] == [100, 200, 300, 400, 150]
    assert imported.matched_count == 1
    assert await cash(bank, mine) == waiting + 500
    assert (await balance(bank.context, moves.CLEARING_IN))[0] == before[0] + 1000
    async with bank.context.db.begin(bank.operator.actor) as tx:
        listed = await service.list_suspense(tx, bank.operator.actor, PageRequest(200))
        proofs = await service.trial_balance(tx, bank.operator.actor)
    assert {entry.entry_id for entry in imported.suspense} <= {entry.entry_id for entry in listed.items}
    (proof,) = [proof for proof in proofs if proof.books.currency == "USD"]
    assert (proof.unmatched_debits_cents, proof.statement_difference_cents, proof.holds) == (150, 0, False)
    await make_good(bank, 150, "TAKEN-1")


async def make_good(bank, cents, ref):
    """A wire settles what left the bank account; the books hold again, and the ledger has seen neither."""
    waiting = await balance(bank.context, moves.CLEARING_IN)
    imported = await factories.import_wires(bank.context, bank.operator, Wire(cents, f"making good {ref}"))
    assert not imported.suspense
    assert await balance(bank.context, moves.CLEARING_IN) == waiting
    async with bank.context.db.begin(bank.operator.actor) as tx:
        assert all(proof.holds for proof in await service.trial_balance(tx, bank.operator.actor))


async def test_a_returned_wire_takes_free_cash_and_nothing_that_is_spoken_for(bank):
    party = await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(party, 1_000_00)
    ref = reference("DEP", party.org_id)
    back = await factories.import_wires(bank.context, bank.operator, Wire(400_00, ref, credit=False, reversal=True))
    assert back.matched_count == 1
    assert await cash(bank, party) == 600_00
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=500_00)
    await factories.deposit_for(bank.context, party, auction)
    back = await factories.import_wires(
        bank.context,
        bank.operator,
        Wire(50_00, ref),
        Wire(120_00, ref, credit=False),
        Wire(50_00, ref, credit=False, ref="TAKEN-2"),
    )
    assert [entry.entry_ref for entry in back.suspense] == ["TAKEN-2"]
    assert await cash(bank, party) == 530_00
    assert await books_hold(bank.context)
    await make_good(bank, 50_00, "TAKEN-2")


@pytest.mark.parametrize("told", ["1 too few TAKEN-3x", "XTAKEN-3x", "nothing"])
async def test_only_a_wire_that_names_the_debit_exactly_makes_it_good(bank, told):
    ref = f"TAKEN-3x{told[:1]}"
    await factories.import_wires(bank.context, bank.operator, Wire(70, "a fee", credit=False, ref=ref))
    cents = 69 if told.startswith("1") else 70
    imported = await factories.import_wires(
        bank.context, bank.operator, Wire(cents, ref if cents == 69 else f"{told} x{ref}")
    )
    assert len(imported.suspense) == 1
    await make_good(bank, 70, ref)


async def test_an_api_key_imports_nothing_whoever_it_speaks_for(bank):
    scopes = frozenset({"settlements:read", "settlements:write"})
    actor = Actor(
        Role.OPERATOR, bank.operator.user_id, bank.operator.org_id, scopes=scopes, key_id=bank.operator.user_id
    )
    with pytest.raises(Forbidden, match="sign in"):
        await importing(bank, statement([Wire(5)], opening_cents=await closing(bank)), actor)


async def test_only_operators_import_and_see_what_the_bank_says(bank):
    xml = statement([Wire(5)], opening_cents=await closing(bank))
    for party in (bank.seller, bank.officers[0]):
        with pytest.raises(Forbidden):
            await importing(bank, xml, party.actor)
    limited = Actor(Role.OPERATOR, bank.operator.user_id, bank.operator.org_id, scopes=frozenset({"settlements:read"}))
    with pytest.raises(Forbidden):
        await importing(bank, xml, limited)
    async with bank.context.db.begin(bank.seller.actor) as tx:
        for look in (service.list_statements, service.list_suspense):
            with pytest.raises(Forbidden):
                await look(tx, bank.seller.actor, PageRequest(10))
        with pytest.raises(Forbidden):
            await service.trial_balance(tx, bank.seller.actor)
        for table in ("bank_statement", "bank_entry"):
            assert await tx.scalar(text(f"SELECT count(*) FROM {table}")) == 0


# Where organisations are paid to.


async def put(context, party, **given):
    async with context.db.begin(party.actor) as tx:
        return await service.put_bank_account(
            tx,
            party.actor,
            service.BankDetails("The Holder", **given),
            now=context.clock.now(),
            chance=context.chance,
            vault=context.vault,
        )


async def test_the_first_account_counts_at_once_and_a_change_after_two_days(bank):
    party = await factories.register_member(bank.context)
    first = await put(bank.context, party, iban="de89 3704 0044 0532 0130 00")
    assert first.usable_from_at == first.created_at
    second = await put(bank.context, party, routing_number="021000021", account_number="123456789")
    assert (second.usable_from_at - second.created_at).total_seconds() == 48 * 3600
    async with bank.context.db.begin(party.actor) as tx:
        pay_with, newest = await service.own_bank(tx, party.actor)
    assert newest == second
    assert pay_with == reference("DEP", party.org_id)
    assert second.last_four == "6789"


async def test_of_two_accounts_named_at_once_only_one_is_the_first(bank):
    party, context = await factories.register_member(bank.context), bank.context
    given = service.BankDetails("The Holder", iban="DE89370400440532013000")
    async with context.db.begin(party.actor) as tx:
        now, chance, vault = context.clock.now(), context.chance, context.vault
        await service.put_bank_account(tx, party.actor, given, now=now, chance=chance, vault=vault)
        second = asyncio.create_task(put(context, party, routing_number="021000021", account_number="123456789"))
        while not await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")):
            assert not second.done()
    made = await second
    assert (made.usable_from_at - made.created_at).total_seconds() == 48 * 3600


async def test_the_database_lets_no_two_accounts_in_as_the_first_whoever_writes_them(bank):
    party = await factories.register_member(bank.context)
    first = (
        "INSERT INTO bank_account VALUES (gen_random_uuid(), $1, 'Holder', 'iban', '0000', '\\x00', clock_timestamp(), $2,"
        " clock_timestamp()) RETURNING bank_account_id"
    )
    line = "SELECT journal_append('org:' || $1, 'bank_account.changed', 'member', $2, $3, $4)"
    async with acting(bank.urls.app, party.actor) as one, acting(bank.urls.app, party.actor) as other:
        account_id = await one.fetchval(first, party.org_id, party.user_id)
        said = json.dumps({"bank_account_id": str(account_id)})
        await one.execute(line, str(party.org_id), party.user_id, party.org_id, said)
        second = asyncio.create_task(other.execute(first, party.org_id, party.user_id))
        while not await one.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"):
            assert not second.done()
        await one.execute("COMMIT")
        with pytest.raises(asyncpg.CheckViolationError, match="cools off"):
            await second


async def test_a_number_is_sealed_at_rest_and_opens_for_its_own_account_only(bank):
    party = await factories.register_member(bank.context)
    account = await put(bank.context, party, iban="DE89370400440532013000")
    assert b"DE89" not in account.sealed_number
    assert service.open_number(account, bank.context.vault) == "DE89370400440532013000"
    async with bank.context.db.begin(member(bank.seller.org_id)) as tx:
        seen = await tx.scalar(text("SELECT count(*) FROM bank_account WHERE org_id = :id"), {"id": party.org_id})
    assert seen == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"iban": "DE89370400440532013001"}, "iban"),
        ({"iban": "XX"}, "iban"),
        ({}, "iban"),
        ({"iban": "DE89370400440532013000", "account_number": "1234"}, "iban"),
        ({"routing_number": "021000021"}, "iban"),
        ({"routing_number": "021000022", "account_number": "1234"}, "routing_number"),
        ({"routing_number": "021000021", "account_number": "12a4"}, "account_number"),
        ({"routing_number": "021000021", "account_number": "٣٤٥٦"}, "account_number"),
    ],
)
async def test_an_account_that_cannot_be_paid_to_is_refused(bank, given, field):
    with pytest.raises(Malformed) as refusal:
        await put(bank.context, bank.buyers[0], **given)
    assert refusal.value.field == field


async def test_an_api_key_cannot_change_where_the_money_goes(bank):
    actor = Actor(Role.MEMBER, bank.seller.user_id, bank.seller.org_id, key_id=bank.seller.user_id)
    with pytest.raises(Forbidden, match="sign in"):
        async with bank.context.db.begin(actor) as tx:
            await service.put_bank_account(
                tx,
                actor,
                service.BankDetails("X", iban="DE89370400440532013000"),
                now=bank.context.clock.now(),
                chance=bank.context.chance,
                vault=bank.context.vault,
            )


async def test_nobody_names_an_account_in_anothers_name(bank):
    with pytest.raises(DBAPIError, match="own name|row-level security"):
        async with bank.context.db.begin(bank.buyers[0].actor) as tx:
            await tx.execute(
                text("""INSERT INTO bank_account VALUES (gen_random_uuid(), :org, 'Thief', 'iban', '0000', '\\x00', now(),
                    :who, now())"""),
                {"org": bank.seller.org_id, "who": bank.seller.user_id},
            )


async def test_without_a_reference_the_exact_amount_and_the_payers_name_pay_the_sale(bank):
    """One cent off, another's name, or two sales that it fits: then two people say whose it is."""
    _, signing, buyer = await awarded(bank)
    await factories.sign_agreement(bank.context, bank.seller, signing.settlement_id)
    await factories.sign_agreement(bank.context, buyer, signing.settlement_id, public_key(3))
    async with bank.context.db.begin(SYSTEM) as tx:
        name = (await parties.find_organisation(tx, buyer.org_id)).name
    due = signing.due_cents
    near = [Wire(due - 1, name=name), Wire(due, name="Somebody Else LLC"), Wire(due), Wire(due, "INVOICE 7", name="")]
    imported = await factories.import_wires(bank.context, bank.operator, *near)
    assert (len(imported.suspense), imported.funded) == (4, [])
    paid = await factories.import_wires(bank.context, bank.operator, Wire(due, "INVOICE 7", name=name.upper() + "."))
    assert (paid.suspense, [each.settlement_id for each in paid.funded]) == ([], [signing.settlement_id])
    again = await factories.import_wires(bank.context, bank.operator, Wire(due, name=name))
    assert len(again.suspense) == 1
    assert await books_hold(bank.context)


@given(sales())
def test_what_fits_two_sales_fits_none(sale):
    one, two = (replace(sale, reference=f"PSA-{n}") for n in (1, 2))
    assert expected_of([(one, "A. Buyer, LLC"), (two, "a buyer llc")]) == {}
    assert expected_of([(one, "A. Buyer, LLC")]) == {(sale.due_cents, "abuyerllc"): ("PSA-1", sale.buyer_org_id)}
