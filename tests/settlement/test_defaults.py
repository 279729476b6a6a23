"""Sales that end otherwise: unsigned, unpaid, cancelled, or with an order that the bank does not answer."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from market.compliance.rules import NotCleared
from market.compliance.screening.rules import ChecksPending
from market.kit.actor import SYSTEM
from market.kit.errors import Malformed, NotFound
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from market.settlement import jobs, moves, service
from market.settlement.rules import AlreadySigned, NoBankAccount, OtherAgreement, PayoutState, State, WrongState
from market.settlement.service import sale
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_life import approve, approve_now, prepare, public_key
from tests.settlement.wires import Wire

HAMMER = 50_000_00
DEPOSIT = 5_000_00


async def awarded(bank, *, buyer=None, seller=None, deposit_cents=DEPOSIT):
    """(auction, settlement to be signed, buyer); the buyer is a new one unless given."""
    buyer = buyer or await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(buyer, deposit_cents + 1)
    auction = await factories.sold_auction(
        bank.context, seller or bank.seller, [buyer], hammer_cents=HAMMER, deposit_cents=deposit_cents, payer="buyer"
    )
    return auction, await factories.settlement_in(bank.context, "signing", auction), buyer


async def cash(bank, party):
    return (await balance(bank.context, moves.cash(party.org_id)))[0]


async def let_others_lapse(bank):
    """Other tests left sales in the shared books whose deadlines pass with this test's own: let them pass before it."""
    while await jobs.pass_deadlines(bank.later(days=15)):
        pass


async def is_free_again(bank, settlement):
    async with bank.context.db.begin(SYSTEM) as tx:
        return (await portfolios.find_pool(tx, SYSTEM, settlement.pool_id)).state is PoolState.READY


async def test_a_buyer_who_does_not_sign_loses_its_deposit(bank):
    await let_others_lapse(bank)
    auction, settlement, _ = await awarded(bank)
    await factories.sign_agreement(bank.context, bank.seller, settlement.settlement_id)
    seller, income = await cash(bank, bank.seller), (await balance(bank.context, moves.DEFAULT_INCOME))[0]
    ended = await factories.settlement_in(bank.later(days=8), "sign_default", auction)
    assert await cash(bank, bank.seller) == seller + 4_000_00
    assert (await balance(bank.context, moves.DEFAULT_INCOME))[0] == income + 1_000_00
    assert await is_free_again(bank, ended)
    assert await books_hold(bank.context)


async def test_a_sale_whose_deadline_cannot_pass_holds_up_no_other(bank, monkeypatch):
    """The first in line fails: it is logged, the second ends, and the first does so once the fault is gone."""
    context = bank.context
    first, second = [(await awarded(bank))[1] for _ in range(2)]
    lapse = sale._lapse_unsigned

    async def faulty(tx, settlement, now):
        ended = await lapse(tx, settlement, now)
        if settlement.settlement_id == first.settlement_id:
            raise AssertionError("a fault")
        return ended

    late = bank.later(days=8)
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(sale, "_lapse_unsigned", faulty)
        assert await jobs.pass_deadlines(late)
    assert [each["subject_id"] for each in logs if each["log_level"] == "error"] == [str(first.settlement_id)]
    assert [await state_of(context, each) for each in (first, second)] == [State.SIGNING, State.SIGN_DEFAULT]
    await jobs.pass_deadlines(late)
    assert await state_of(context, first) is State.SIGN_DEFAULT
    assert await books_hold(context)


async def state_of(context, settlement):
    async with context.db.begin(SYSTEM) as tx:
        return (await service.find_settlement(tx, SYSTEM, settlement.settlement_id)).state


async def test_a_seller_who_does_not_sign_owes_a_penalty_that_is_taken_as_its_cash_comes_in(bank):
    """The buyer who signed gets its deposit back in full, and 5 % of the hammer price as far as the seller has it."""
    seller = await factories.seller(bank.context, bank.officers)
    auction, settlement, buyer = await awarded(bank, seller=seller)
    await bank.pay_in(seller, 900_00)
    await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(3))
    before = await cash(bank, buyer)
    ended = await factories.settlement_in(bank.later(days=8), "seller_default", auction)
    assert (ended.penalty_cents, ended.penalty_paid_cents) == (2_500_00, 900_00)
    assert (await cash(bank, seller), await cash(bank, buyer)) == (0, before + DEPOSIT + 900_00)
    assert await is_free_again(bank, ended)
    for paid, left in ((600_00, 0), (2_000_00, 1_000_00)):
        await bank.pay_in(seller, paid)
        await jobs.pass_deadlines(bank.context)
        assert await cash(bank, seller) == left
    assert await cash(bank, buyer) == before + DEPOSIT + 2_500_00
    assert not await jobs.pass_deadlines(bank.context)
    assert await books_hold(bank.context)


async def test_nobody_signs_after_the_deadline(bank):
    _, settlement, _ = await awarded(bank)
    with pytest.raises(WrongState, match="time to sign is over"):
        await factories.sign_agreement(bank.later(days=8), bank.seller, settlement.settlement_id)


async def test_a_buyer_who_does_not_pay_is_in_default_only_when_the_last_days_statement_is_due(bank):
    await let_others_lapse(bank)
    auction, settlement, buyer = await awarded(bank)
    await factories.sign_agreement(bank.context, bank.seller, settlement.settlement_id)
    await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(3))
    waiting = await factories.settlement_in(bank.context, "awaiting_funds", auction)
    just_late = (waiting.pay_by_at - bank.context.clock.now()).total_seconds() + 60
    await jobs.pass_deadlines(bank.later(seconds=int(just_late)))
    assert (await factories.settlement_in(bank.context, "awaiting_funds", auction)) == waiting
    seller = await cash(bank, bank.seller)
    ended = await factories.settlement_in(bank.later(days=14), "buyer_default", auction)
    assert await cash(bank, bank.seller) == seller + 4_000_00
    assert await is_free_again(bank, ended)
    # A late wire is the buyer's own, and revives nothing.
    before = await cash(bank, buyer)
    late = await factories.import_wires(bank.context, bank.operator, Wire(ended.due_cents, ended.reference))
    assert late.funded == []
    assert await cash(bank, buyer) == before + ended.due_cents
    async with bank.context.db.begin(SYSTEM) as tx:
        assert (await service.find_settlement(tx, SYSTEM, ended.settlement_id)).state is State.BUYER_DEFAULT
    assert await books_hold(bank.context)


async def ask(bank, party, settlement):
    async with bank.context.db.begin(party.actor) as tx:
        return await service.ask_cancellation(
            tx, party.actor, settlement.settlement_id, "we agreed", now=bank.context.clock.now()
        )


async def test_a_sale_is_cancelled_when_both_parties_want_it_and_the_buyer_is_refunded(bank):
    auction, settlement, buyer = await awarded(bank)
    before = await cash(bank, buyer)
    await ask(bank, buyer, settlement)
    await ask(bank, buyer, settlement)
    await jobs.pass_deadlines(bank.context)
    async with bank.context.db.begin(SYSTEM) as tx:
        assert (await service.find_settlement(tx, SYSTEM, settlement.settlement_id)).state is State.SIGNING
    with pytest.raises(NotFound):
        await ask(bank, bank.buyers[0], settlement)
    await ask(bank, bank.seller, settlement)
    ended = await factories.settlement_in(bank.context, "cancelled", auction)
    assert await cash(bank, buyer) == before + DEPOSIT
    assert await is_free_again(bank, ended)
    assert await balance(bank.context, moves.escrow(ended.settlement_id)) == (0, 0)


# Signing.


async def test_only_the_issued_agreement_is_signed_once_by_its_parties(bank):
    _, settlement, buyer = await awarded(bank)
    context, now, id_ = bank.context, bank.context.clock.now(), settlement.settlement_id

    async def sign(party, sha256, name="Sam Signatory", key=None):
        async with context.db.begin(party.actor) as tx:
            return await service.sign(tx, party.actor, id_, service.Signing(sha256, name, key), now=now)

    async with context.db.begin(SYSTEM) as tx:
        sha256 = (await service.find_agreement(tx, SYSTEM, id_)).sha256
    with pytest.raises(OtherAgreement):
        await sign(bank.seller, "0" * 64)
    with pytest.raises(NotFound):
        await sign(bank.buyers[0], sha256, key=public_key(1))
    with pytest.raises(Malformed, match="only the buyer"):
        await sign(bank.seller, sha256, key=public_key(1))
    for weak in (None, b"", bytes(31), bytes(32), b"\x01" + bytes(31), bytes(33)):
        with pytest.raises(Malformed, match="X25519"):
            await sign(buyer, sha256, key=weak)
    await sign(bank.seller, sha256)
    await sign(bank.seller, sha256)
    with pytest.raises(AlreadySigned):
        await sign(bank.seller, sha256, name="Somebody Else")
    await sign(buyer, sha256, key=public_key(1))
    with pytest.raises(AlreadySigned):
        await sign(buyer, sha256, key=public_key(2))
    async with context.db.begin(bank.seller.actor) as tx:
        assert len(await service.signatures(tx, id_)) == 2


# Releasing.


async def funded(bank, **awarded_to):
    auction, settlement, buyer = await awarded(bank, **awarded_to)
    seller = awarded_to.get("seller") or bank.seller
    await factories.sign_agreement(bank.context, seller, settlement.settlement_id)
    await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(3))
    await bank.pay_in(buyer, settlement.due_cents)
    return await factories.settlement_in(bank.context, "funded", auction)


async def test_no_release_without_a_bank_account_that_has_cooled_off_and_was_called_back_about(bank):
    seller = await factories.seller(bank.context, bank.officers)
    settlement = await funded(bank, seller=seller)
    with pytest.raises(NoBankAccount, match="has not said"):
        await prepare(bank.context, bank.operator, settlement.settlement_id)
    await factories.name_bank_account(bank.context, seller)
    await prepare(bank.context, bank.operator, settlement.settlement_id)
    changed = await factories.name_bank_account(bank.context, seller, "DE89370400440532013000")
    with pytest.raises(NoBankAccount, match="can be used from"):
        await approve(bank.context, bank.officers[0], settlement.settlement_id)
    with pytest.raises(NoBankAccount, match="call back"):
        await approve(bank.later(hours=49), bank.officers[0], settlement.settlement_id)
    await factories.call_back(bank.context, bank.operator, changed)
    with pytest.raises(NoBankAccount, match="can be used from"):
        await approve(bank.context, bank.officers[0], settlement.settlement_id)
    cooled, officer = bank.later(hours=49), bank.officers[0]
    await factories.screen_again(cooled, officer, settlement.seller_org_id, settlement.buyer_org_id)
    assert (await approve_now(cooled, officer, settlement.settlement_id)).state is State.RELEASED


async def test_what_both_parties_want_undone_is_not_released_before_the_worker_undoes_it(bank):
    buyer = await factories.buyer(bank.context, bank.officers)
    settlement = await funded(bank, buyer=buyer)
    before = await cash(bank, buyer)
    await ask(bank, buyer, settlement)
    await prepare(bank.context, bank.officers[0], settlement.settlement_id)
    await factories.screen(bank.context)
    await ask(bank, bank.seller, settlement)
    with pytest.raises(WrongState, match="want the sale undone"):
        await approve_now(bank.context, bank.operator, settlement.settlement_id)
    await jobs.pass_deadlines(bank.context)
    assert await state_of(bank.context, settlement) is State.CANCELLED
    assert await cash(bank, buyer) == before + settlement.due_cents + settlement.deposit_cents


async def test_every_step_of_a_sale_has_those_screened_whom_it_is_about(bank):
    seller = await factories.seller(bank.context, bank.officers)
    buyer = await factories.buyer(bank.context, bank.officers)
    settlement = await funded(bank, seller=seller, buyer=buyer)

    assert await factories.screenings_ordered(bank.context, seller) == ["submission", "listing"]
    assert await factories.screenings_ordered(bank.context, buyer) == ["submission", "registration", "award"]
    await factories.name_bank_account(bank.context, seller)
    await prepare(bank.context, bank.operator, settlement.settlement_id)
    assert (await factories.screenings_ordered(bank.context, seller))[2:] == ["change", "release"]
    assert (await factories.screenings_ordered(bank.context, buyer))[3:] == ["release"]


async def test_a_release_waits_until_both_sides_were_screened_for_it(bank):
    settlement = await funded(bank)
    await prepare(bank.context, bank.operator, settlement.settlement_id)
    officer = bank.officers[0]
    with pytest.raises(ChecksPending):
        await approve_now(bank.context, officer, settlement.settlement_id)
    assert (await approve(bank.context, officer, settlement.settlement_id)).state is State.RELEASED


async def test_what_a_screening_found_releases_for_a_day(bank):
    seller, buyer = (
        await factories.seller(bank.context, bank.officers),
        await factories.buyer(bank.context, bank.officers),
    )
    await factories.name_bank_account(bank.context, seller)
    settlement, officer = await funded(bank, seller=seller, buyer=buyer), bank.officers[0]
    await prepare(bank.context, bank.operator, settlement.settlement_id)
    await factories.screen(bank.context)
    next_day = bank.later(hours=25)
    with pytest.raises(ChecksPending, match="waits to be screened"):
        await approve_now(next_day, officer, settlement.settlement_id)
    await factories.screen_again(next_day, officer, seller.org_id, buyer.org_id)
    assert (await approve_now(next_day, officer, settlement.settlement_id)).state is State.RELEASED


async def test_no_release_to_a_buyer_whose_clearance_ended(bank):
    buyer = await factories.buyer(bank.context, bank.officers)
    settlement = await funded(bank, buyer=buyer)
    await prepare(bank.context, bank.operator, settlement.settlement_id)
    officer = bank.officers[0]
    async with bank.context.db.begin_as_officer(officer.actor) as tx:
        await factories.compliance.end_clearance(
            tx, officer.actor, buyer.clearances["bid"], "a hit", now=bank.context.clock.now()
        )
    with pytest.raises(NotCleared):
        await approve(bank.context, officer, settlement.settlement_id)
    assert (await balance(bank.context, moves.escrow(settlement.settlement_id)))[0] == settlement.price_cents


async def test_the_database_lets_nobody_release_alone_or_in_anothers_name(bank):
    settlement = await funded(bank)
    first, second = bank.officers
    await prepare(bank.context, first, settlement.settlement_id)
    approve_as = "INSERT INTO release_approval VALUES (:id, :a, :b, now())"
    tries = [
        (first, approve_as, {"a": first.user_id, "b": first.user_id}),
        (first, approve_as, {"a": first.user_id, "b": second.user_id}),
        (second, approve_as, {"a": second.user_id, "b": second.user_id}),
        (bank.seller, approve_as, {"a": first.user_id, "b": bank.seller.user_id}),
        (second, "UPDATE settlement SET state = 'closed' WHERE settlement_id = :id", {}),
        (second, "UPDATE settlement SET hammer_cents = 1 WHERE settlement_id = :id", {}),
        (second, "UPDATE settlement SET buyer_org_id = seller_org_id WHERE settlement_id = :id", {}),
        (second, "DELETE FROM settlement WHERE settlement_id = :id", {}),
        (second, "UPDATE release_preparation SET prepared_by = :b WHERE settlement_id = :id", {"b": second.user_id}),
        (second, "DELETE FROM release_preparation WHERE settlement_id = :id", {}),
        (second, "UPDATE agreement SET facts = '{}' WHERE settlement_id = :id", {}),
        (second, "UPDATE settlement_signature SET typed_name = 'X' WHERE settlement_id = :id", {}),
        (
            second,
            """INSERT INTO sale_key_grant SELECT settlement_id, seller_org_id, '', '', '\\x00', '\\x00', '', now()
                FROM settlement WHERE settlement_id = :id""",
            {},
        ),
        (bank.seller, "UPDATE settlement SET deposit_cents = 0 WHERE settlement_id = :id", {}),
        (bank.seller, "UPDATE settlement SET state = 'released' WHERE settlement_id = :id", {}),
    ]
    passed = []
    for number, (party, statement, values) in enumerate(tries):
        try:
            async with bank.context.db.begin(party.actor) as tx:
                await tx.execute(text(statement), {"id": settlement.settlement_id} | values)
            passed.append(number)
        except DBAPIError:
            continue
    assert passed == []
    await approve(bank.context, second, settlement.settlement_id)


async def test_an_order_without_an_answer_is_unknown_until_a_statement_decides(bank):
    settlement = await funded(bank)
    await prepare(bank.context, bank.officers[0], settlement.settlement_id)
    await approve(bank.context, bank.operator, settlement.settlement_id)

    async def payout():
        async with bank.context.db.begin(bank.operator.actor) as tx:
            page, _ = await service.list_payouts(tx, bank.operator.actor, factories.PageRequest(200), None)
        return next(each for each in page.items if each.settlement_id == settlement.settlement_id)

    ordered = await payout()
    async with bank.context.db.begin(bank.operator.actor) as tx:
        await service.send_payout(tx, bank.operator.actor, ordered.payout_id, now=bank.context.clock.now())
    assert not await jobs.doubt_payouts(bank.later(hours=12))
    assert await jobs.doubt_payouts(bank.later(days=9))
    assert (await payout()).state is PayoutState.UNKNOWN
    debit = Wire(ordered.amount_cents, ordered.reference, credit=False)
    imported = await factories.import_wires(bank.context, bank.operator, debit, replace(debit, ref="AGAIN-1"))
    assert len(imported.confirmed) == len(imported.suspense) == 1
    confirmed = await payout()
    assert confirmed.state is PayoutState.CONFIRMED
    assert confirmed.sent_at is not None
    await factories.import_wires(bank.context, bank.operator, Wire(ordered.amount_cents, "given back AGAIN-1"))
    assert await books_hold(bank.context)
