"""An insider with the app's role, all settings and raw SQL: no money moves, and no sale begins, but for something that happened."""

import json
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.settlement import moves, service
from market.settlement.rules import State, derived_id
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_defaults import awarded
from tests.settlement.test_guards import forge, paid
from tests.settlement.test_life import approve, prepare
from tests.settlement.test_putbacks import answer, claim, in_window
from tests.settlement.wires import Wire

PENNY = 1


def op(kind, subject, debit, credit, cents=PENNY, **changes):
    return {
        "op": "post", "id": str(uuid4()), "debit": debit, "credit": credit, "currency": "USD", "amount_cents": cents,
        "kind": kind, "subject": subject,
    } | changes  # fmt: skip


async def refused(context, *ops):
    """What the database says to a batch in the platform's own name."""
    with pytest.raises(DBAPIError) as said:
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("SELECT ledger_apply(CAST(:ops AS jsonb))"), {"ops": json.dumps(ops)})
    return str(said.value.orig)


async def all_refused(context, *ops):
    for one in ops:
        assert "nothing happened" in await refused(context, one), one


async def test_no_clients_cash_is_moved_to_another_whatever_the_reason_given(bank):
    context, (thief, victim, _) = bank.context, bank.buyers
    await bank.pay_in(victim, 1_000_00)
    settlement, _ = await paid(bank)
    sale, took, gets = f"settlement:{settlement.settlement_id}", moves.cash(victim.org_id), moves.cash(thief.org_id)
    payout = uuid4()
    await all_refused(
        context,
        *(op(kind, sale, took, gets) for kind in ("penalty", "putback_price_seller", "refund", "proceeds", "gift")),
        op("funding", sale, took, moves.escrow(settlement.settlement_id)),
        op("payout", sale, took, moves.CLEARING_OUT),
        op("deposit", f"auction:{settlement.auction_id}", took, moves.deposits(settlement.auction_id), op="pend"),
        op("withdrawal", f"payout:{payout}", took, moves.CLEARING_OUT),
        op("withdrawal", f"payout:{payout}", took, moves.CLEARING_OUT, op="pend"),
        op("wire_returned", f"bank_entry:{uuid4()}", took, moves.FBO),
        op("charge_borne", f"bank_entry:{uuid4()}", moves.COMMISSION, moves.FBO),
        op("wire_received", f"bank_entry:{uuid4()}", moves.FBO, moves.CLEARING_IN),
        op("wire_received", "bank_entry:none", moves.FBO, moves.CLEARING_IN),
        op("sweep", "platform:1", moves.COMMISSION, gets),
    )
    assert await books_hold(context)


async def test_a_banks_entry_is_booked_as_it_is_to_whom_two_people_said(bank):
    context, (thief, _, _) = bank.context, bank.buyers
    imported = await factories.import_wires(context, bank.operator, Wire(700, "who knows"))
    entry = imported.suspense[0]
    about = f"bank_entry:{entry.entry_id}"
    await all_refused(
        context,
        op("wire_matched", about, moves.CLEARING_IN, moves.cash(thief.org_id), 700),
        op("wire_received", about, moves.FBO, moves.CLEARING_IN, 701),
        op("wire_received", about, moves.FBO, moves.cash(thief.org_id), 700),
        op("wire_returned", about, moves.cash(thief.org_id), moves.FBO, 700),
    )
    # One alone says whose it is: that is not enough.
    async with context.db.begin(bank.operator.actor) as tx:
        await service.propose_match(
            tx, bank.operator.actor, entry.entry_id, org_id=thief.org_id, reason="mine", now=context.clock.now(),
            chance=context.chance,
        )  # fmt: skip
    await all_refused(context, op("wire_matched", about, moves.CLEARING_IN, moves.cash(thief.org_id), 700))


async def test_escrow_is_emptied_by_a_release_of_two_people_a_refund_or_a_forfeit_and_to_the_cent(bank):
    context = bank.context
    settlement, buyer = await paid(bank)
    sale, escrow = f"settlement:{settlement.settlement_id}", moves.escrow(settlement.settlement_id)
    seller, hold = moves.cash(settlement.seller_org_id), moves.holdback(settlement.settlement_id)
    ways = (
        op("proceeds", sale, escrow, seller, settlement.proceeds_cents),
        op("commission", sale, escrow, moves.COMMISSION, settlement.fee_cents),
        op("refund", sale, escrow, moves.cash(buyer.org_id), settlement.price_cents),
        op("holdback", sale, escrow, hold),
        op("tax", sale, escrow, moves.TAX),
        op("forfeit_to_seller", sale, escrow, seller, settlement.deposit_cents),
    )
    await all_refused(context, *ways)
    await prepare(context, bank.officers[0], settlement.settlement_id)
    await all_refused(context, *ways)
    await approve(context, bank.officers[1], settlement.settlement_id)
    again = op("payout", sale, seller, moves.CLEARING_OUT, settlement.proceeds_cents)
    confirmed = op("payout_confirmed", sale, moves.CLEARING_OUT, moves.FBO, settlement.proceeds_cents)
    await bank.pay_in(bank.seller, settlement.proceeds_cents)
    await all_refused(context, again, confirmed)
    assert await books_hold(context)


async def test_a_put_back_gives_back_no_more_than_the_sale_had_and_only_what_was_accepted(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    sale, gets = f"settlement:{settlement.settlement_id}", moves.cash(buyer.org_id)
    hold = moves.holdback(settlement.settlement_id)
    kept = (await balance(context, hold))[0]
    price = op("putback_price", sale, hold, gets, kept)
    await all_refused(context, price, op("putback_buyer_fee", sale, moves.COMMISSION, gets))
    (back,) = await claim(context, buyer, settlement, 1)
    await all_refused(context, price, op("holdback_freed", sale, hold, moves.cash(bank.seller.org_id), kept))
    await answer(context, bank.seller, back, accept=True)
    fee = settlement.buyer_fee_cents + 1
    await all_refused(context, op("putback_buyer_fee", sale, moves.COMMISSION, gets, fee))


async def test_a_reservation_ends_for_its_own_reason_only(bank):
    context, party = bank.context, await factories.buyer(bank.context, bank.officers)
    await bank.pay_in(party, 200_00)
    auction = await factories.published_auction(context, bank.seller, deposit_cents=100_00)
    deposit = await factories.deposit_for(context, party, auction)
    await factories.name_bank_account(context, party)
    async with context.db.begin(party.actor) as tx:
        payout = await service.withdraw(tx, party.actor, "USD", 5, f"{uuid4()}", now=context.clock.now())
    for pending_id, cents in ((deposit.transfer_id, 100_00), (payout.payout_id, 5)):
        for outcome in ("posted", "voided"):
            end = {"op": "resolve", "id": str(uuid4()), "pending_id": str(pending_id), "outcome": outcome}
            assert "nothing happened" in await refused(context, end | {"amount_cents": cents}), outcome


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seller_fee_cents": "seller_fee_cents - 1"}, "commission"),
        ({"commission": "commission || '{\"minimum_cents\": 1}'"}, "commission"),
        ({"holdback_cents": "1"}, "terms"),
        ({"putback_days": "1"}, "terms"),
        ({"penalty_bps": "0"}, "terms"),
        ({"face_value_cents": "face_value_cents + 1"}, "terms"),
        ({"buyer_tax_cents": "1"}, "tax"),
    ],
)
async def test_a_settlements_sums_follow_from_its_listing(bank, changes, words):
    """A copy of a sale that ended, with one sum changed; the same copy unchanged would be let in."""
    auction, settlement, buyer = await awarded(bank)
    for party in (buyer, bank.seller):
        async with bank.context.db.begin(party.actor) as tx:
            await service.ask_cancellation(
                tx, party.actor, settlement.settlement_id, "we agreed", now=bank.context.clock.now()
            )
    assert (await factories.settlement_in(bank.context, "cancelled", auction)).state is State.CANCELLED
    columns = (
        "auction_id, pool_id, seller_org_id, buyer_org_id, currency, awarded_at, account_count, forfeit_seller_bps, "
        "hammer_cents, buyer_fee_cents, seller_fee_cents, commission, holdback_cents, putback_days, penalty_bps, "
        "face_value_cents, buyer_tax_cents, seller_tax_cents, tax"
    )
    values = ", ".join(changes.get(name.strip(), name.strip()) for name in columns.split(","))
    copy = f"""INSERT INTO settlement (settlement_id, reference, deposit_cents, state, {columns})
        SELECT :new, 'PSA-0123456789-77', 0, 'awarded', {values} FROM settlement WHERE settlement_id = :id"""
    ids = {"new": derived_id(settlement.settlement_id, words), "id": settlement.settlement_id}
    assert f"the {words}" in await forge(bank.context, SYSTEM, copy, **ids)
