import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from auctions.messages import BuyNow, Cancel
from market.bidding import service as bidding
from market.bidding.lane import BidOrder, Lane
from market.bidding.rules import RegistrationRefused
from market.bidding.store import batch as batch_store
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed
from market.settlement import moves, service
from market.settlement.moves import withdrawal_pending
from market.settlement.rules import DepositHeld, InsufficientFunds, find_references, reference
from market.settlement.store import bank as bank_store
from market.settlement.store import ledger
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.wires import Wire


async def free(bank, party):
    return (await balance(bank.context, moves.cash(party.org_id)))[1]


async def test_a_deposit_reserves_the_bidders_money_and_registers_it(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 500_00)
    before = await free(bank, party)
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=500_00)
    deposit = await factories.deposit_for(bank.context, party, auction)
    assert deposit.amount_cents == 500_00
    assert await free(bank, party) == before - 500_00
    async with bank.context.db.begin(SYSTEM) as tx:
        assert await bidding.has_registered(tx, auction.auction_id, party.org_id)
        (held,) = await ledger.held_deposits(tx, auction.auction_id)
    assert held.transfer_id == deposit.transfer_id
    assert held.org_id == party.org_id


async def test_the_same_key_answers_the_same_and_another_key_is_refused(bank):
    party = bank.buyers[0]
    await bank.pay_in(party, 1_000_00)
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=300_00)
    first = await factories.deposit_for(bank.context, party, auction, key="a")
    left = await free(bank, party)
    assert await factories.deposit_for(bank.context, party, auction, key="a") == first
    with pytest.raises(DepositHeld):
        await factories.deposit_for(bank.context, party, auction, key="b")
    assert await free(bank, party) == left


async def test_of_many_deposits_at_once_one_is_held(bank):
    context, party = bank.context, bank.buyers[0]
    await bank.pay_in(party, 1_000_00)
    auction = await factories.published_auction(context, bank.seller, deposit_cents=100_00)
    await factories.accept_nda(context, party, auction)
    before = await free(bank, party)

    # All are on their way before the first may reserve.
    async with context.db.begin(SYSTEM) as tx:
        await ledger.apply(tx, withdrawal_pending(uuid4(), org_id=party.org_id, currency="USD", amount_cents=1))
        tasks = [asyncio.create_task(place(context, party, auction, key)) for key in ("a", "a", "b", "c", "d")]
        await _until_waiting(context, len(tasks))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert await free(bank, party) == before - 100_00 - 1
    held = {each.transfer_id for each in results if isinstance(each, service.Deposit)}
    assert len(held) == 1
    assert all(isinstance(each, (service.Deposit, DepositHeld)) for each in results), results
    assert await books_hold(context)


async def _until_waiting(context, count):
    async with asyncio.timeout(60):
        while await _waiting_count(context) < count:
            await asyncio.sleep(0.01)


async def _waiting_count(context):
    async with context.db.begin(SYSTEM) as tx:
        return await tx.scalar(
            text("""SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'""")
        )


async def test_too_little_money_says_how_much_is_missing_and_how_to_pay_it(bank):
    party = await factories.buyer(bank.context, bank.officers)
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=700_00)
    with pytest.raises(InsufficientFunds) as refusal:
        await factories.deposit_for(bank.context, party, auction)
    said = refusal.value
    assert said.members["required_cents"] == 700_00
    assert said.members["available_cents"] == 0
    assert "700.00 USD" in said.detail
    assert find_references(said.detail) == {said.members["payment_reference"]}
    # That reference works, although the bidder never asked for it elsewhere.
    await factories.until(bank.context, lambda: _known(bank, party))
    wire = Wire(700_00, said.members["payment_reference"])
    assert not (await factories.import_wires(bank.context, bank.operator, wire)).suspense
    await factories.deposit_for(bank.context, party, auction)


async def _known(bank, party):
    async with bank.context.db.begin(SYSTEM) as tx:
        return bool(await bank_store.orgs_by_reference(tx, [reference("DEP", party.org_id)]))


async def test_a_deposit_that_meets_the_award_is_refused_and_stays_free(bank, monkeypatch):
    context, (winner, late) = bank.context, bank.buyers[:2]
    for party in (winner, late):
        await bank.pay_in(party, 300_00)
    now = context.clock.now()
    pool_id = await factories.keyed_pool(context, bank.seller)
    auction = await factories.published_auction(
        context, bank.seller, pool_id=pool_id, terms={"buy_now_cents": 300_000}, deposit_cents=300_00
    )
    await factories.deposit_for(context, winner, auction)
    await factories.accept_nda(context, late, auction)
    before = await free(bank, late)
    lane = await patient_lane(context, monkeypatch)
    try:
        # The lane is in the middle of the award (its row is locked) when the deposit comes.
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("SELECT auction_hold(:id)"), {"id": auction.auction_id})
            command = BuyNow(bidder=str(winner.org_id), cid="b")
            order = asyncio.create_task(lane.submit(BidOrder(winner.actor, auction.auction_id, command, now)))
            await _until_waiting(context, 1)
            placing = asyncio.create_task(place(context, late, auction, "late"))
            await _until_waiting(context, 2)
        assert (await order).status == "accepted"
        with pytest.raises(RegistrationRefused):
            await placing
    finally:
        await lane.stop()
    assert await free(bank, late) == before


async def test_an_award_waits_for_a_deposit_that_was_before_it(bank, monkeypatch):
    context, (winner, other) = bank.context, bank.buyers[:2]
    for party in (winner, other):
        await bank.pay_in(party, 300_00)
    pool_id = await factories.keyed_pool(context, bank.seller)
    auction = await factories.published_auction(
        context, bank.seller, pool_id=pool_id, terms={"buy_now_cents": 300_000}, deposit_cents=300_00
    )
    await factories.deposit_for(context, winner, auction)
    await factories.accept_nda(context, other, auction)
    before = await free(bank, other)
    lane = await patient_lane(context, monkeypatch)
    try:
        # The deposit of another is half done when somebody buys.
        async with context.db.begin(other.actor) as tx:
            await service.place_deposit(tx, other.actor, auction.auction_id, "k", now=context.clock.now())
            # It may not be half done for long: neither behind a lock nor because its node has frozen.
            assert await tx.scalar(text("SHOW lock_timeout")) == "1s"
            assert await tx.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5s"
            command = BuyNow(bidder=str(winner.org_id), cid="b")
            order = BidOrder(winner.actor, auction.auction_id, command, context.clock.now())
            bought = asyncio.create_task(lane.submit(order))
            await _until_waiting(context, 1)
        assert (await bought).status == "accepted"
    finally:
        await lane.stop()

    async def freed():
        return await free(bank, other) == before

    await factories.until(context, freed)


async def patient_lane(context, monkeypatch):
    """A lane that stays in the line for a row, so that one can see it wait there."""
    monkeypatch.setattr(batch_store, "_LOCK_WAIT_MS", 20_000)
    lane = Lane(context)
    await lane.start()
    return lane


async def test_who_is_refused_a_deposit_holds_up_no_bid(bank):
    context, party = bank.context, await factories.buyer(bank.context, bank.officers)
    auction = await factories.published_auction(context, bank.seller, deposit_cents=700_00)
    await factories.accept_nda(context, party, auction)
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(InsufficientFunds):
            await service.place_deposit(tx, party.actor, auction.auction_id, "k", now=context.clock.now())
        async with context.db.begin(SYSTEM) as other:
            free_now = "SELECT auction_id FROM auction WHERE auction_id = :id FOR NO KEY UPDATE NOWAIT"
            assert await other.scalar(text(free_now), {"id": auction.auction_id}) == auction.auction_id


async def place(context, party, auction, key):
    async with context.db.begin(party.actor) as tx:
        return await service.place_deposit(tx, party.actor, auction.auction_id, key, now=context.clock.now())


async def test_who_may_not_register_keeps_its_money_free(bank):
    party = await factories.register_member(bank.context)
    await bank.pay_in(party, 900_00)
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=700_00)
    with pytest.raises(Forbidden):
        await factories.deposit_for(bank.context, party, auction)
    assert await free(bank, party) == 900_00
    async with bank.context.db.begin(SYSTEM) as tx:
        assert await ledger.held_deposits(tx, auction.auction_id) == []


async def test_an_auction_without_a_deposit_only_registers(bank):
    party = bank.buyers[1]
    before = await free(bank, party)
    auction = await factories.published_auction(bank.context, bank.seller)
    assert (await factories.deposit_for(bank.context, party, auction)).transfer_id is None
    assert await free(bank, party) == before


@pytest.mark.parametrize("key", ["", "x" * 65, "ü", "a\nb"])
async def test_a_key_that_is_none_is_refused(bank, key):
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=700_00)
    with pytest.raises(Malformed):
        await factories.deposit_for(bank.context, bank.buyers[0], auction, key=key)


async def test_only_a_member_places_a_deposit(bank):
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=700_00)
    actor = bank.operator.actor
    with pytest.raises(Forbidden):
        async with bank.context.db.begin(actor) as tx:
            await service.place_deposit(tx, actor, auction.auction_id, "k", now=bank.context.clock.now())


async def test_a_cancelled_auction_frees_every_deposit(bank):
    parties = bank.buyers[:2]
    for party in parties:
        await bank.pay_in(party, 200_00)
    before = [await free(bank, party) for party in parties]
    auction = await factories.published_auction(bank.context, bank.seller, deposit_cents=200_00)
    for party in parties:
        await factories.deposit_for(bank.context, party, auction)
    lane = Lane(bank.context)
    await lane.start()
    try:
        command = Cancel(reason="withdrawn")
        order = BidOrder(bank.seller.actor, auction.auction_id, command, bank.context.clock.now())
        assert (await lane.submit(order)).status == "accepted"
    finally:
        await lane.stop()

    async def freed():
        return [await free(bank, party) for party in parties] == before

    await factories.until(bank.context, freed)
    assert await books_hold(bank.context)
