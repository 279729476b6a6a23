"""A sale from the award to the closed put-back window, on the real database."""

import asyncio
import csv
import io
from dataclasses import replace

import pytest
from sqlalchemy import text

from market.compliance import service as compliance
from market.compliance.rules import NotCleared
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, NotFound
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from market.settlement import moves, service
from market.settlement.rules import (
    NoBankAccount,
    NotReleased,
    PayoutState,
    State,
    TwoPeople,
    UnmatchedDebit,
    WrongState,
)
from masking.envelope import EnvelopeError, open_sealed, private_key_from_seed, read_header, receive_key
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.wires import Wire

HAMMER = 200_000_00
FEE = 5_000_00 + 4_000_00


def public_key(seed: int) -> bytes:
    return private_key_from_seed(bytes([seed]) * 32).public_key().public_bytes_raw()


async def prepare(context, party, settlement_id):
    async with context.db.begin(party.actor) as tx:
        return await service.prepare_release(tx, party.actor, settlement_id, now=context.clock.now())


async def approve(context, party, settlement_id):
    """The approval, once the worker has screened both sides for it."""
    await factories.screen(context)
    return await approve_now(context, party, settlement_id)


async def approve_now(context, party, settlement_id):
    async with context.db.begin(party.actor) as tx:
        return await service.approve_release(
            tx, party.actor, settlement_id, now=context.clock.now(), chance=context.chance, vault=context.vault
        )


async def key_of(context, party, settlement_id):
    async with context.db.begin(party.actor) as tx:
        return await service.sale_key(tx, party.actor, settlement_id)


async def test_a_sale_goes_from_award_to_closed_and_every_cent_is_where_it_belongs(bank):
    context, operator = bank.context, bank.operator
    winner, loser, _ = bank.buyers
    pool = await factories.ready_pool(context, bank.seller, account_count=60, seed=42)
    seller_before = await balance(context, moves.cash(bank.seller.org_id))
    revenue_before = (await balance(context, moves.COMMISSION))[0]
    loser_before = await balance(context, moves.cash(loser.org_id))
    await bank.pay_in(winner, 10_000_00)
    await bank.pay_in(loser, 10_000_00)

    auction = await factories.sold_auction(
        context, bank.seller, [winner, loser], hammer_cents=HAMMER, deposit_cents=10_000_00, pool_id=pool.pool_id
    )
    signing = await factories.settlement_in(context, "signing", auction)
    settlement_id = signing.settlement_id
    assert (signing.buyer_fee_cents, signing.seller_fee_cents) == (FEE // 2, FEE // 2)
    assert signing.deposit_cents == 10_000_00
    assert await balance(context, moves.escrow(settlement_id)) == (10_000_00, 10_000_00)
    assert await balance(context, moves.cash(loser.org_id)) == (
        loser_before[0] + 10_000_00,
        loser_before[1] + 10_000_00,
    )

    # Both sign; the buyer pays in two wires, of which the first alone changes nothing.
    await factories.sign_agreement(context, bank.seller, settlement_id)
    awaiting = await factories.sign_agreement(context, winner, settlement_id, public_key(7))
    assert awaiting.state is State.AWAITING_FUNDS
    partial = await factories.import_wires(context, operator, Wire(100_000_00, end_to_end=signing.reference))
    assert partial.funded == []
    rest_cents = signing.due_cents - 100_000_00
    whole = await factories.import_wires(
        context, operator, Wire(rest_cents + 77, f"Rest, {signing.reference.lower()}!")
    )
    assert [each.settlement_id for each in whole.funded] == [settlement_id]
    assert await balance(context, moves.escrow(settlement_id)) == (HAMMER + FEE // 2, HAMMER + FEE // 2)

    # Two people release.
    first, second = bank.officers
    with pytest.raises(NotReleased):
        await key_of(context, winner, settlement_id)
    with pytest.raises(WrongState):
        await approve(context, second, settlement_id)
    await prepare(context, first, settlement_id)
    with pytest.raises(TwoPeople):
        await approve(context, first, settlement_id)
    released = await approve(context, second, settlement_id)
    assert released.state is State.RELEASED
    assert await balance(context, moves.escrow(settlement_id)) == (0, 0)
    assert (await balance(context, moves.COMMISSION))[0] - revenue_before == FEE
    assert await balance(context, moves.cash(bank.seller.org_id)) == seller_before
    async with context.db.begin(SYSTEM) as tx:
        assert (await portfolios.find_pool(tx, SYSTEM, pool.pool_id)).state is PoolState.SOLD

    # The winner alone opens the sale file, with its own key and for this deal only.
    grant = await key_of(context, winner, settlement_id)
    for other in (loser, bank.seller, operator, first):
        with pytest.raises((NotFound, Forbidden)):
            await key_of(context, other, settlement_id)
    private = private_key_from_seed(bytes([7]) * 32)
    data_key = receive_key(grant.released_key, private, f"{grant.info}|sale".encode())
    with context.files.path(grant.file_sha256).open("rb") as sealed:
        clear, header = io.BytesIO(), read_header(sealed)
        sealed.seek(0)
        open_sealed(sealed, clear, data_key=data_key, expected=header)
    assert header.seller == str(bank.seller.org_id)
    rows = list(csv.DictReader(io.StringIO(clear.getvalue().decode())))
    assert len(rows) == pool.account_count
    for wrong in (
        (private_key_from_seed(bytes([8]) * 32), f"{grant.info}|sale"),
        (private, f"{grant.info}|commit"),
        (private, grant.info.replace(str(settlement_id), str(auction.auction_id)) + "|sale"),
    ):
        with pytest.raises(EnvelopeError):
            receive_key(grant.released_key, wrong[0], wrong[1].encode())

    # The bank pays the seller; only its statement says so.
    async with context.db.begin(operator.actor) as tx:
        page, accounts = await service.list_payouts(tx, operator.actor, factories.PageRequest(200), PayoutState.ORDERED)
    (payout,) = [each for each in page.items if each.settlement_id == settlement_id]
    assert payout.amount_cents == HAMMER - FEE // 2
    assert service.open_number(accounts[payout.bank_account_id], context.vault) == "GB29NWBK60161331926819"
    async with context.db.begin(operator.actor) as tx:
        assert (
            await service.send_payout(tx, operator.actor, payout.payout_id, now=context.clock.now())
        ).state == "sent"
        assert (
            await service.send_payout(tx, operator.actor, payout.payout_id, now=context.clock.now())
        ).state == "sent"
    wrong_amount = await factories.import_wires(
        context, operator, Wire(1, payout.reference, credit=False, ref="WRONG-1")
    )
    assert len(wrong_amount.suspense) == 1
    await factories.import_wires(context, operator, Wire(1, "given back: WRONG-1"))
    paid = await factories.import_wires(
        context, operator, Wire(payout.amount_cents, end_to_end=payout.reference, credit=False)
    )
    assert [each.settlement_id for each in paid.confirmed] == [settlement_id]
    twice = Wire(payout.amount_cents, payout.reference, credit=False, ref="TWICE-1")
    again = await factories.import_wires(context, operator, twice)
    assert again.confirmed == []
    await factories.import_wires(context, operator, Wire(payout.amount_cents, "given back TWICE-1"))

    later = bank.later(days=121)
    closed = await factories.settlement_in(later, "closed", auction)
    assert closed.ended_at is not None
    assert await books_hold(context)
    async with context.db.begin(SYSTEM) as tx:
        kinds = [entry.kind for entry in await journal.history(tx, f"settlement:{settlement_id}")]
        assert await journal.verify_stream(tx, f"settlement:{settlement_id}") is None
    # Papers are sealed by a tick of their own, whenever they are due.
    sealed = [kind for kind in kinds if kind == "settlement.document_sealed"]
    assert sealed
    assert [kind for kind in kinds if kind != "settlement.document_sealed"] == [
        "settlement.opened", "settlement.agreement_issued", "settlement.signature_given",
        "settlement.signature_given", "settlement.signed", "settlement.funded", "settlement.release_prepared",
        "settlement.released", "settlement.payout_sent", "settlement.payout_confirmed",
        "settlement.putback_opened", "settlement.closed",
    ]  # fmt: skip


async def test_two_people_release_at_once_and_it_happens_once(bank):
    context = bank.context
    settlement = await _funded(bank)
    await prepare(context, bank.operator, settlement.settlement_id)
    revenue = (await balance(context, moves.COMMISSION))[0]
    await factories.screen(context)
    results = await asyncio.gather(
        *(approve_now(context, officer, settlement.settlement_id) for officer in (*bank.officers, *bank.officers)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["Settlement", "WrongState", "WrongState", "WrongState"]
    assert (await balance(context, moves.COMMISSION))[0] - revenue == settlement.fee_cents
    async with context.db.begin(SYSTEM) as tx:
        counts = [
            await tx.scalar(
                text(f"SELECT count(*) FROM {table} WHERE settlement_id = :id"), {"id": settlement.settlement_id}
            )
            for table in ("payout", "sale_key_grant", "release_approval")
        ]
    assert counts == [1, 1, 1]
    assert await books_hold(context)


async def test_a_wire_that_the_bank_took_back_stops_the_sale_until_it_is_made_good(bank):
    context, operator = bank.context, bank.operator
    settlement = await _funded(bank)
    taken = Wire(settlement.price_cents, settlement.reference, credit=False, reversal=True, ref="RETURN-1")
    assert len((await factories.import_wires(context, operator, taken)).suspense) == 1
    with pytest.raises(UnmatchedDebit, match="RETURN-1"):
        await prepare(context, operator, settlement.settlement_id)
    await factories.import_wires(context, operator, Wire(settlement.price_cents, "for RETURN-1"))
    await prepare(context, operator, settlement.settlement_id)
    taken = replace(taken, ref="RETURN-2")
    await factories.import_wires(context, operator, taken)
    with pytest.raises(UnmatchedDebit, match="RETURN-2"):
        await approve(context, bank.officers[0], settlement.settlement_id)
    async with context.db.begin(operator.actor) as tx:
        assert not all(proof.holds for proof in await service.trial_balance(tx, operator.actor))
    await factories.import_wires(context, operator, Wire(settlement.price_cents, "RETURN-2"))
    assert (await approve(context, bank.officers[0], settlement.settlement_id)).state is State.RELEASED
    assert await books_hold(context)


async def test_who_prepares_a_release_is_told_which_side_lacks_what_and_what_staff_can_do(bank):
    context, officer = bank.context, bank.officers[0]
    seller = await factories.seller(context, bank.officers)
    settlement = await _funded(bank, seller=seller)
    with pytest.raises(NoBankAccount, match="^the seller has not said where to pay to: PUT /v1/bank-account$"):
        await prepare(context, officer, settlement.settlement_id)
    async with context.db.begin(seller.actor) as tx:
        account = await service.put_bank_account(
            tx,
            seller.actor,
            service.BankDetails("Somebody else", iban="GB29NWBK60161331926819"),
            now=context.clock.now(),
            chance=context.chance,
            vault=context.vault,
        )
    remedy = f"call back, and say so: POST /v1/bank-accounts/{account.bank_account_id}/call-back"
    with pytest.raises(NoBankAccount, match=f"^the bank account of the seller .* {remedy}$"):
        await prepare(context, officer, settlement.settlement_id)
    async with context.db.begin_as_officer(officer.actor) as tx:
        await compliance.end_clearance(tx, officer.actor, seller.clearances["list"], "a review", context.clock.now())
    with pytest.raises(NotCleared, match="^the seller may not list now: .*GET /v1/queue") as refusal:
        await prepare(context, officer, settlement.settlement_id)
    assert refusal.value.members["org_id"] == str(seller.org_id)


async def _funded(bank, *, hammer_cents=1_000_00, seller=None):
    """A sale whose price lies in escrow."""
    context, buyer, seller = bank.context, bank.buyers[2], seller or bank.seller
    auction = await factories.sold_auction(context, seller, [buyer], hammer_cents=hammer_cents)
    settlement = await factories.settlement_in(context, "signing", auction)
    await factories.sign_agreement(context, seller, settlement.settlement_id)
    await factories.sign_agreement(context, buyer, settlement.settlement_id, public_key(9))
    await bank.pay_in(buyer, settlement.due_cents)
    return await factories.settlement_in(context, "funded", auction)
