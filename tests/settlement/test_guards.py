"""Around the services: what the database refuses the app's role, even in the platform's name."""

from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.compliance import service as compliance
from market.compliance.proposals import Kind
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.settlement import moves, service
from market.settlement.rules import NoBankAccount, PayoutState, State, TwoPeople
from market.settlement.store import call_backs, ledger
from tests import factories
from tests.settlement.test_defaults import DEPOSIT, HAMMER, awarded
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.wires import Wire

MOVE = "UPDATE settlement SET state = :state WHERE settlement_id = :settlement"
PREPARE = "INSERT INTO release_preparation VALUES (:settlement, :who, clock_timestamp())"
APPROVE = "INSERT INTO release_approval VALUES (:settlement, :prepared_by, :who, clock_timestamp())"
GRANT = """INSERT INTO sale_key_grant SELECT settlement_id, :org, coalesce(:file, facts::jsonb #>> '{schedule,sale_file_sha256}'),
    repeat('0', 64), '\\x00', '\\x00', 'info', clock_timestamp() FROM agreement WHERE settlement_id = :settlement"""
PAYOUT = """INSERT INTO payout (payout_id, settlement_id, org_id, bank_account_id, reference, amount_cents, currency, state,
    ordered_at) VALUES (gen_random_uuid(), :settlement, :org, :account, 'PAYOUT-0123456789-01', :cents, 'USD', 'ordered',
    clock_timestamp())"""


async def forge(context, actor, statement, **values):
    """Run a statement as the app's role in an actor's name; what comes back is what the database said to it."""
    with pytest.raises(DBAPIError) as said:
        async with context.db.begin(actor) as tx:
            await tx.execute(text(statement), values)
    return str(said.value.orig)


async def forge_state(context, actor, settlement, state):
    return await forge(context, actor, MOVE, state=state, settlement=settlement.settlement_id)


async def paid(bank):
    """A sale whose price lies in escrow."""
    _, settlement, buyer = await awarded(bank)
    await factories.sign_agreement(bank.context, bank.seller, settlement.settlement_id)
    await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(9))
    wire = Wire(settlement.due_cents, end_to_end=settlement.reference)
    (funded,) = (await factories.import_wires(bank.context, bank.operator, wire)).funded
    assert funded.state is State.FUNDED
    return funded, buyer


async def account_of(context, party):
    async with context.db.begin(party.actor) as tx:
        return await tx.scalar(text("SELECT bank_account_id FROM bank_account ORDER BY created_at DESC LIMIT 1"))


async def test_a_settlement_is_of_an_award_and_begins_with_it(bank):
    _, settlement, _ = await awarded(bank)
    copy = """INSERT INTO settlement (settlement_id, reference, auction_id, pool_id, seller_org_id, buyer_org_id, currency,
        hammer_cents, buyer_fee_cents, seller_fee_cents, commission, deposit_cents, state, awarded_at)
        SELECT gen_random_uuid(), :reference, auction_id, pool_id, seller_org_id, :buyer, currency, :hammer, 0, 0,
        commission, 0, :state, awarded_at FROM settlement WHERE settlement_id = :settlement"""
    values = {
        "reference": "PSA-0123456789-01", "buyer": bank.buyers[0].org_id, "hammer": HAMMER,
        "state": "awarded", "settlement": settlement.settlement_id,
    }  # fmt: skip
    assert "no such award" in await forge(bank.context, SYSTEM, copy, **values)
    values |= {"buyer": settlement.buyer_org_id, "hammer": HAMMER - 1}
    assert "no such award" in await forge(bank.context, SYSTEM, copy, **values)
    values |= {"hammer": HAMMER, "state": "funded"}
    assert "begins with the award" in await forge(bank.context, SYSTEM, copy, **values)


async def test_no_arrow_is_drawn_before_what_it_says_is_so(bank):
    context, first = bank.context, bank.officers[0]
    _, settlement, buyer = await awarded(bank)
    key = {"settlement": settlement.settlement_id}
    assert "is not so" in await forge_state(context, SYSTEM, settlement, "awaiting_funds")
    assert "is not so" in await forge_state(context, SYSTEM, settlement, "sign_default")
    assert "is not so" in await forge_state(context, SYSTEM, settlement, "cancelled")
    await factories.sign_agreement(context, bank.seller, settlement.settlement_id)
    assert "is not so" in await forge_state(context, bank.seller.actor, settlement, "awaiting_funds")
    await factories.sign_agreement(context, buyer, settlement.settlement_id, public_key(9))
    assert "is not so" in await forge_state(context, SYSTEM, settlement, "funded")
    assert "not funded" in await forge(context, first.actor, PREPARE, **key, who=first.user_id)


async def test_nobody_releases_what_two_people_have_not_released(bank):
    context, (first, second) = bank.context, bank.officers
    settlement, buyer = await paid(bank)
    key = {"settlement": settlement.settlement_id}
    people = {"prepared_by": first.user_id, "who": second.user_id}
    assert "is not so" in await forge_state(context, first.actor, settlement, "release_review")
    await prepare(context, first, settlement.settlement_id)
    assert "is not so" in await forge_state(context, first.actor, settlement, "released")
    assert "screened since" in await forge(context, second.actor, APPROVE, **key, **people)
    await factories.screen(context)
    assert "two_people" in await forge(context, first.actor, APPROVE, **key, **people | {"who": first.user_id})
    for who in (second, bank.seller, buyer):
        assert "own name" in await forge(context, first.actor, APPROVE, **key, **people | {"who": who.user_id})
    async with context.db.begin(second.actor) as tx:
        await tx.execute(text(APPROVE), key | people)
        # Approved, and still neither keys for another nor a payout that is not due.
        account, foreign = await account_of(context, bank.seller), bank.seller.org_id
        for grant in ({"org": foreign, "file": None}, {"org": buyer.org_id, "file": "f" * 64}):
            await refused_inside(tx, "not due", GRANT, key | grant)
        due = {"org": bank.seller.org_id, "account": account, "cents": settlement.proceeds_cents}
        for wrong in ({"cents": settlement.proceeds_cents + 1}, {"org": buyer.org_id}):
            await refused_inside(tx, "not due", PAYOUT, key | due | wrong)
        await refused_inside(tx, "is not so", MOVE, key | {"state": "released"})
        await tx.rollback()


async def refused_inside(tx, words, statement, values):
    with pytest.raises(DBAPIError, match=words):
        async with tx.begin_nested():
            await tx.execute(text(statement), values)


async def test_an_approval_comes_after_the_preparation(bank):
    settlement, _ = await paid(bank)
    first, second = bank.officers
    said = await forge(
        bank.context, second.actor, APPROVE,
        settlement=settlement.settlement_id, prepared_by=first.user_id, who=second.user_id,
    )  # fmt: skip
    assert "not release_review" in said


async def test_who_named_the_sellers_bank_account_does_not_approve_what_is_paid_to_it(bank, cluster):
    settlement, _ = await paid(bank)
    first, second = bank.officers
    await prepare(bank.context, first, settlement.settlement_id)
    admin = await asyncpg.connect(cluster.admin_url, database=bank.urls.app.rsplit("/", 1)[1].split("?")[0])
    name_it = "UPDATE bank_account SET created_by = $1 WHERE org_id = $2"
    await admin.execute("SET session_replication_role = replica")  # no door lets an officer name an account
    await admin.execute(name_it, second.user_id, bank.seller.org_id)
    try:
        with pytest.raises(DBAPIError, match="who changes a bank account does not approve a payout"):
            await approve(bank.context, second, settlement.settlement_id)
    finally:
        await admin.execute(name_it, bank.seller.user_id, bank.seller.org_id)
        await admin.close()


async def test_a_changed_account_is_paid_after_48_hours_and_a_call_back_whoever_writes_it(bank):
    context = bank.context
    party = await factories.buyer(context, bank.officers)
    await factories.name_bank_account(context, party)
    hasty = """INSERT INTO bank_account VALUES (gen_random_uuid(), :org, 'Thief', 'iban', '0000', '\\x00',
        clock_timestamp() + cast(:cools as interval), :who, clock_timestamp() - cast(:ago as interval))"""
    for cools_h, ago_h in ((0, 0), (47, 0), (0, 49)):
        spans = {"cools": timedelta(hours=cools_h), "ago": timedelta(hours=ago_h)}
        values = {"org": party.org_id, "who": party.user_id, **spans}
        assert "48 hours" in await forge(context, party.actor, hasty, **values)

    changed = await factories.name_bank_account(context, party, "DE89370400440532013000")
    call = "INSERT INTO bank_account_call_back VALUES (:account, :org, :who, 'spoke to somebody', clock_timestamp())"
    of_party = {"account": changed, "org": party.org_id, "who": party.user_id}
    assert "own name" in await forge(context, party.actor, call, **of_party)
    assert "own name" in await forge(context, SYSTEM, call, **of_party)
    assert "own name" in await forge(context, bank.operator.actor, call, **of_party)
    of_operator = {**of_party, "who": bank.operator.user_id}
    assert "not in the journal" in await forge(context, bank.operator.actor, call, **of_operator)

    await bank.pay_in(party, 5_000)
    later = bank.later(hours=49)
    order = {"id": later.chance.new_id(), "org": party.org_id, "account": changed, "at": later.clock.now()}
    assert "not due" in await withdraw_past_all_code(context, order)
    with pytest.raises(NoBankAccount, match="calls you back"):
        await withdraw(later, party)
    async with context.db.begin(bank.operator.actor) as tx:
        waiting = await service.list_unconfirmed(tx, bank.operator.actor, PageRequest())
        assert changed in [account.bank_account_id for account in waiting.items]
    await factories.call_back(context, bank.operator, changed)
    await factories.call_back(context, bank.officers[0], changed)
    async with context.db.begin(bank.operator.actor) as tx:
        waiting = await service.list_unconfirmed(tx, bank.operator.actor, PageRequest())
        assert changed not in [account.bank_account_id for account in waiting.items]
        told = [entry.kind for entry in await journal.history(tx, f"org:{party.org_id}")]
    assert told.count("bank_account.confirmed") == 1
    with pytest.raises(NoBankAccount, match="can be used from"):
        await withdraw(context, party)
    assert (await withdraw(later, party)).bank_account_id == changed


async def withdraw(context, party):
    async with context.db.begin(party.actor) as tx:
        key = context.chance.token(9)
        return await service.withdraw(tx, party.actor, "USD", 5_000, key, now=context.clock.now())


async def withdraw_past_all_code(context, order):
    """The order of a payout of cash that is set aside, whose time is said to have come."""
    async with context.db.begin(SYSTEM) as tx:
        move = moves.withdrawal_pending(order["id"], org_id=order["org"], currency="USD", amount_cents=5_000)
        await ledger.apply(tx, move)
        with pytest.raises(DBAPIError) as said:
            await tx.execute(
                text(
                    """INSERT INTO payout (payout_id, org_id, bank_account_id, reference, amount_cents, currency, state,
                    ordered_at) VALUES (:id, :org, :account, 'PAYOUT-0123456789-02', 5000, 'USD', 'ordered', :at)"""
                ),
                order,
            )
        await tx.rollback()
    return str(said.value.orig)


async def test_who_calls_back_is_of_the_platform_and_says_whom(bank):
    party = await factories.buyer(bank.context, bank.officers)
    first = await factories.name_bank_account(bank.context, party)
    with pytest.raises(Forbidden):
        await factories.call_back(bank.context, party, first)
    async with bank.context.db.begin(bank.operator.actor) as tx:
        now = bank.context.clock.now()
        with pytest.raises(Malformed, match="whom"):
            await service.confirm_bank_account(tx, bank.operator.actor, first, "  yes  ", now=now)
        with pytest.raises(NotFound):
            await service.confirm_bank_account(tx, bank.operator.actor, party.org_id, "spoke to Sam at 555", now=now)


@pytest.mark.parametrize("holder", ["Somebody Else LLC", "{} Holdings", ""])
async def test_a_first_account_in_another_name_waits_for_a_call_back(bank, holder):
    context, party = bank.context, await factories.buyer(bank.context, bank.officers)
    async with context.db.begin(party.actor) as tx:
        name = (await parties.find_organisation(tx, party.org_id)).name
        given = service.BankDetails(
            holder.format(name) or name.upper().replace(" ", " - "), iban="DE89370400440532013000"
        )
        now, chance, vault = context.clock.now(), context.chance, context.vault
        account = await service.put_bank_account(tx, party.actor, given, now=now, chance=chance, vault=vault)
    await bank.pay_in(party, 5_000)
    if holder:
        order = {
            "id": chance.new_id(),
            "org": party.org_id,
            "account": account.bank_account_id,
            "at": context.clock.now(),
        }
        assert "not due" in await withdraw_past_all_code(context, order)
        with pytest.raises(NoBankAccount, match="in another name"):
            await withdraw(context, party)
        await factories.call_back(context, bank.operator, account.bank_account_id)
    assert (await withdraw(context, party)).bank_account_id == account.bank_account_id


async def test_who_called_back_about_an_account_does_not_send_a_withdrawal_to_it_alone(bank):
    context, party = bank.context, await factories.buyer(bank.context, bank.officers)
    async with context.db.begin(party.actor) as tx:
        now, chance, vault = context.clock.now(), context.chance, context.vault
        given = service.BankDetails("Somebody Else LLC", iban="DE89370400440532013000")
        account = await service.put_bank_account(tx, party.actor, given, now=now, chance=chance, vault=vault)
    await bank.pay_in(party, 5_000)
    caller, other = await factories.operator(context), await factories.operator(context)
    await factories.call_back(context, caller, account.bank_account_id)
    payout = await withdraw(context, party)
    with pytest.raises(TwoPeople, match="called back"):
        async with context.db.begin(caller.actor) as tx:
            await service.send_payout(tx, caller.actor, payout.payout_id, now=context.clock.now())
    sent = "UPDATE payout SET state = 'sent', sent_at = clock_timestamp() WHERE payout_id = :payout"
    assert "called back" in await forge(context, caller.actor, sent, payout=payout.payout_id)
    async with context.db.begin(other.actor) as tx:
        found = await service.send_payout(tx, other.actor, payout.payout_id, now=context.clock.now())
    assert found.state is PayoutState.SENT


@pytest.mark.parametrize(
    ("name", "holder"),
    [("\u2014 \u2014", "\u2013"), ("***", "---"), ("\u00c9cole", "\u00e9cole"), ("\u00c9cole", "\u00c8cole")],
)
async def test_whose_name_an_account_is_in_does_not_depend_on_what_a_server_takes_for_a_letter(bank, name, holder):
    context, party = bank.context, await factories.register_member(bank.context)
    owner = await asyncpg.connect(bank.urls.migrator)
    await owner.execute("ALTER TABLE organisation DISABLE TRIGGER USER")
    await owner.execute("UPDATE organisation SET name = $1 WHERE org_id = $2", name, party.org_id)
    await owner.execute("ALTER TABLE organisation ENABLE TRIGGER USER")
    await owner.close()
    async with context.db.begin(party.actor) as tx:
        now, chance, vault = context.clock.now(), context.chance, context.vault
        given = service.BankDetails(holder, iban="DE89370400440532013000")
        account = await service.put_bank_account(tx, party.actor, given, now=now, chance=chance, vault=vault)
        assert not await call_backs.is_confirmed(tx, account.bank_account_id)


async def test_the_note_of_a_call_back_goes_after_ten_years_unless_a_hold_keeps_it(bank):
    context, party = bank.context, await factories.register_member(bank.context)
    account = await factories.name_bank_account(context, party)
    await factories.call_back(context, bank.operator, account)
    account = await factories.name_bank_account(context, party, "DE89370400440532013000")
    await factories.call_back(context, bank.operator, account)
    erase = "UPDATE bank_account_call_back SET note = 'erased by rule' WHERE bank_account_id = :account"
    assert "until its time is over" in await forge(context, SYSTEM, erase, account=account)

    async def erased() -> bool:
        async with context.db.begin(SYSTEM) as tx:
            await service.erase_notes(tx)
        async with context.db.begin(bank.operator.actor) as tx:
            read = text("SELECT note = 'erased by rule' FROM bank_account_call_back WHERE bank_account_id = :account")
            return await tx.scalar(read, {"account": account})

    assert not await erased()
    owner = await asyncpg.connect(bank.urls.migrator)
    await owner.execute("ALTER TABLE bank_account_call_back DISABLE TRIGGER USER")
    await owner.execute(
        "UPDATE bank_account_call_back SET at = at - interval '10 years 1 day' WHERE org_id = $1", party.org_id
    )
    await owner.execute("ALTER TABLE bank_account_call_back ENABLE TRIGGER USER")
    await owner.close()
    other = erase.replace("'erased by rule'", "'another note'")
    assert "until its time is over" in await forge(context, SYSTEM, other, account=account)
    async with context.db.begin_as_officer(bank.officers[0].actor) as tx:
        hold = await compliance.place_hold(
            tx, bank.officers[0].actor, party.org_id, "a subpoena", now=context.clock.now(), chance=context.chance
        )
    assert not await erased()
    await factories.agreed(context, bank.officers, Kind.RELEASE_HOLD, org_id=party.org_id, subject_id=hold.hold_id)
    assert await erased()
    async with context.db.begin(SYSTEM) as tx:
        assert "bank_account.note_erased" in [entry.kind for entry in await journal.history(tx, f"org:{party.org_id}")]


async def test_only_the_banks_entry_confirms_a_payout(bank):
    context, (first, second) = bank.context, bank.officers
    settlement, _ = await paid(bank)
    await prepare(context, first, settlement.settlement_id)
    await approve(context, second, settlement.settlement_id)
    assert "is not so" in await forge_state(context, SYSTEM, settlement, "payout_sent")
    async with context.db.begin(bank.operator.actor) as tx:
        page, _ = await service.list_payouts(tx, bank.operator.actor, factories.PageRequest(200), PayoutState.ORDERED)
    (payout,) = [each for each in page.items if each.settlement_id == settlement.settlement_id]
    confirm = """UPDATE payout SET state = 'confirmed', confirmed_at = clock_timestamp(), sent_at = clock_timestamp(),
        confirmed_entry_id = (SELECT entry_id FROM bank_entry WHERE direction = 'credit' AND amount_cents = :cents
        LIMIT 1) WHERE payout_id = :payout"""
    assert "no such entry" in await forge(context, SYSTEM, confirm, payout=payout.payout_id, cents=DEPOSIT + 1)
    sent = await forge(context, SYSTEM, "UPDATE payout SET state = 'unknown', sent_at = clock_timestamp() "
        "WHERE payout_id = :payout", payout=payout.payout_id)  # fmt: skip
    assert "does not go from ordered to unknown" in sent
