"""A party whose clearance an officer ends: its sales stand still by themselves, before the award and after it."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.compliance import service as compliance
from market.kit.actor import SYSTEM
from market.settlement import jobs, service
from market.settlement.rules import OnHold, State
from tests import factories
from tests.settlement.test_defaults import DEPOSIT, awarded
from tests.settlement.test_life import public_key


async def suspend(bank, party, capability):
    officer = bank.officers[0]
    async with bank.context.db.begin_as_officer(officer.actor) as tx:
        await compliance.end_clearance(
            tx, officer.actor, party.clearances[capability], "a hit", bank.context.clock.now()
        )
    await factories.journal_readable(bank.context)
    while await jobs.follow_journal(bank.context):
        pass


async def the_sale(bank, settlement):
    async with bank.context.db.begin(SYSTEM) as tx:
        return await service.find_settlement(tx, SYSTEM, settlement.settlement_id)


async def lift(bank, settlement):
    first, second = bank.officers
    async with bank.context.db.begin(first.actor) as tx:
        await service.prepare_lift(tx, first.actor, settlement.settlement_id, "looked at")
    async with bank.context.db.begin(second.actor) as tx:
        return await service.approve_lift(tx, second.actor, settlement.settlement_id, now=bank.context.clock.now())


async def test_a_winner_suspended_before_its_sale_opens_neither_signs_nor_forfeits(bank):
    buyer = await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(buyer, DEPOSIT + 1)
    auction = await factories.sold_auction(
        bank.context, bank.seller, [buyer], hammer_cents=50_000_00, deposit_cents=DEPOSIT, payer="buyer"
    )
    await suspend(bank, buyer, "bid")
    held = await factories.settlement_in(bank.context, "awarded", auction)
    assert held.held_since_at is not None
    while await jobs.pass_deadlines(bank.later(days=15)):
        pass
    assert (await the_sale(bank, held)).state is State.AWARDED
    await lift(bank, held)
    assert (await factories.settlement_in(bank.context, "signing", auction)).held_since_at is None


async def test_a_running_sale_of_a_suspended_buyer_stands_still_until_two_officers_lift_it(bank):
    _, settlement, buyer = await awarded(bank)
    await suspend(bank, buyer, "bid")
    held = await the_sale(bank, settlement)
    assert (held.state, held.held_since_at is not None) == (State.SIGNING, True)
    with pytest.raises(OnHold):
        await factories.sign_agreement(bank.context, buyer, settlement.settlement_id, public_key(3))
    while await jobs.pass_deadlines(bank.later(days=15)):
        pass
    assert (await the_sale(bank, settlement)).state is State.SIGNING
    freed = await lift(bank, settlement)
    assert freed.held_since_at is None
    assert freed.sign_by_at > held.sign_by_at


async def test_a_running_sale_of_a_suspended_seller_stands_still_too(bank):
    seller = await factories.seller(bank.context, bank.officers)
    _, settlement, _ = await awarded(bank, seller=seller)
    await suspend(bank, seller, "list")
    assert (await the_sale(bank, settlement)).held_since_at is not None


async def test_who_has_another_clearance_trades_on_and_one_that_only_expired_holds_nothing(bank):
    _, settlement, buyer = await awarded(bank)
    await suspend(bank, buyer, "bid")
    await lift(bank, settlement)
    async with bank.context.db.begin(SYSTEM) as tx:
        again = await service.hold_suspended(
            tx, [settlement.settlement_id], now=bank.context.clock.now(), chance=bank.context.chance
        )
        assert again == 1  # still suspended: what is opened anew is held anew
    _, other, _ = await awarded(bank)
    later = bank.later(days=4000)
    async with later.db.begin(SYSTEM) as tx:
        assert await service.hold_suspended(tx, [other.settlement_id], now=later.clock.now(), chance=later.chance) == 0


async def test_the_application_cannot_hold_a_sale_for_a_clearance_of_somebody_else(bank):
    _, _, buyer = await awarded(bank)
    await suspend(bank, buyer, "bid")
    _, other, _ = await awarded(bank)
    for made_up in (buyer.clearances["bid"], bank.seller.clearances["list"]):
        with pytest.raises(DBAPIError):
            async with bank.context.db.begin(SYSTEM) as tx:
                await tx.execute(
                    text(
                        "INSERT INTO settlement_hold (hold_id, settlement_id, reason, placed_at, clearance_id, outcome)"
                        " VALUES (:hold, :sale, 'x', now(), :clearance, 'continue')"
                    ),
                    {"hold": bank.context.chance.new_id(), "sale": other.settlement_id, "clearance": made_up},
                )
