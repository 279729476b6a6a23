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
    while await jobs.follow_journal(bank.context) or await jobs.hold_suspended(bank.context):
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


async def test_what_two_officers_lifted_is_not_held_again_for_the_same_end(bank):
    seller = await factories.seller(bank.context, bank.officers)
    _, settlement, buyer = await awarded(bank, seller=seller)
    await suspend(bank, buyer, "bid")
    await lift(bank, settlement)
    while await jobs.hold_suspended(bank.context):
        pass
    assert (await the_sale(bank, settlement)).held_since_at is None
    await suspend(bank, seller, "list")
    async with bank.context.db.begin(SYSTEM) as tx:
        held_for = text("SELECT clearance_id FROM settlement_hold WHERE settlement_id = :sale AND lifted_at IS NULL")
        assert await tx.scalar(held_for, {"sale": settlement.settlement_id}) == seller.clearances["list"]


async def test_no_dispute_shields_a_sale_from_the_hold(bank):
    """What stood still for another reason is held as soon as that is over."""
    _, settlement, buyer = await awarded(bank)
    async with bank.context.db.begin(buyer.actor) as tx:
        await service.raise_dispute(
            tx,
            buyer.actor,
            settlement.settlement_id,
            "the file differs",
            now=bank.context.clock.now(),
            chance=bank.context.chance,
        )
    await suspend(bank, buyer, "bid")
    assert (await lift(bank, settlement)).held_since_at is None
    assert await jobs.hold_suspended(bank.context)
    assert (await the_sale(bank, settlement)).held_since_at is not None


async def test_a_clearance_that_only_expired_holds_nothing_even_of_who_was_suspended_once(bank):
    _, settlement, buyer = await awarded(bank)
    later = bank.later(days=4000)
    async with later.db.begin(SYSTEM) as tx:
        assert settlement.settlement_id not in {
            sale for sale, _ in await service.suspended_sales(tx, now=later.clock.now())
        }
    await suspend(bank, buyer, "bid")
    asked = factories.a_grant(("bid",))
    case_id = await factories.prepared_case(bank.context, buyer, bank.officers[0], asked)
    renewed = await factories.approve(bank.context, bank.officers[1], case_id)
    for context, ended in ((bank.context, {}), (later, {})):
        async with context.db.begin(SYSTEM) as tx:
            assert await compliance.ended_clearances(tx, {buyer.org_id}, context.clock.now()) == ended
    assert renewed["bid"] != buyer.clearances["bid"]


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
