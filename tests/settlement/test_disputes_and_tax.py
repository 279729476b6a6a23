"""Sales that a party disputes, and the tax on the commission."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.settlement import moves, service
from market.settlement.rules import OnHold, Outcome, Party, State, TwoPeople, WrongState
from market.settlement.tax import TaxRule, taxed
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_defaults import cash, is_free_again
from tests.settlement.test_guards import forge, paid
from tests.settlement.test_http import doors  # noqa: F401 - a fixture
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.test_putbacks import answer, claim, lift, pay, seen
from tests.settlement.test_rules import NOW
from tests.settlement.wires import Wire

# Disputes.


async def dispute(context, party, settlement, reason="the file is not what was listed"):
    async with context.db.begin(party.actor) as tx:
        return await service.raise_dispute(
            tx, party.actor, settlement.settlement_id, reason, now=context.clock.now(), chance=context.chance
        )


async def propose_end(context, officer, settlement, outcome):
    async with context.db.begin(officer.actor) as tx:
        return await service.prepare_lift(tx, officer.actor, settlement.settlement_id, "we looked", outcome)


async def decided(bank, settlement, outcome):
    first, second = bank.officers
    await propose_end(bank.context, first, settlement, outcome)
    with pytest.raises(TwoPeople):
        await lift(bank.context, first, settlement)
    return await lift(bank.context, second, settlement)


async def test_a_disputed_sale_stands_still_and_two_officers_let_it_go_on(bank):
    settlement, buyer = await paid(bank)
    disputed = await dispute(bank.context, buyer, settlement)
    assert disputed.held_since_at is not None
    with pytest.raises(OnHold):
        await prepare(bank.context, bank.officers[0], settlement.settlement_id)
    with pytest.raises(WrongState):
        await dispute(bank.context, bank.seller, settlement)
    freed = await decided(bank, settlement, Outcome.CONTINUE)
    assert (freed.state, freed.held_since_at) == (State.FUNDED, None)
    async with bank.context.db.begin(bank.seller.actor) as tx:
        (told,) = await service.list_disputes(tx, bank.seller.actor, settlement.settlement_id)
    assert (told.org_id, told.outcome, told.lift_reason) == (buyer.org_id, Outcome.CONTINUE, "we looked")
    assert (await prepare(bank.context, bank.officers[0], settlement.settlement_id)).state is State.RELEASE_REVIEW


@pytest.mark.parametrize("outcome", [Outcome.UNDO, Outcome.SELLER_DEFAULT])
async def test_a_dispute_undoes_the_sale_with_a_refund_in_full_and_a_penalty_if_it_is_the_sellers_fault(bank, outcome):
    settlement, buyer = await paid(bank)
    await bank.pay_in(bank.seller, 10_000_00)
    owed = settlement.hammer_cents * 500 // 10_000 if outcome is Outcome.SELLER_DEFAULT else 0
    before, sellers = await cash(bank, buyer), await cash(bank, bank.seller)
    await dispute(bank.context, buyer, settlement)
    ended = await decided(bank, settlement, outcome)
    assert ended.state is (State.SELLER_DEFAULT if owed else State.CANCELLED)
    assert await cash(bank, buyer) == before + settlement.price_cents + owed
    assert await cash(bank, bank.seller) == sellers - owed
    assert await balance(bank.context, moves.escrow(settlement.settlement_id)) == (0, 0)
    assert await is_free_again(bank, ended)
    assert await books_hold(bank.context)


async def test_only_a_party_disputes_and_only_a_dispute_undoes(bank):
    settlement, buyer = await paid(bank)
    stranger = await factories.buyer(bank.context, bank.officers)
    with pytest.raises(NotFound):
        await dispute(bank.context, stranger, settlement)
    with pytest.raises(Forbidden):
        await dispute(bank.context, bank.officers[0], settlement)
    with pytest.raises(Malformed):
        await dispute(bank.context, buyer, settlement, reason=" ")
    first = bank.officers[0]
    async with bank.context.db.begin(first.actor) as tx:
        await service.place_hold(
            tx,
            first.actor,
            settlement.settlement_id,
            "a match",
            now=bank.context.clock.now(),
            chance=bank.context.chance,
        )
    with pytest.raises(Malformed, match="only a dispute"):
        await propose_end(bank.context, first, settlement, Outcome.UNDO)


async def test_the_database_lets_nobody_dispute_decide_or_undo_in_anothers_name(bank):
    context = bank.context
    settlement, buyer = await paid(bank)
    known = {"id": settlement.settlement_id, "new": context.chance.new_id(), "org": buyer.org_id}
    raise_one = """INSERT INTO settlement_hold (hold_id, settlement_id, placed_by, reason, placed_at, org_id)
        VALUES (:new, :id, :by, 'r', now(), :org)"""
    assert "own name" in await forge(context, bank.seller.actor, raise_one, **known, by=bank.seller.user_id)
    assert "own name" in await forge(context, SYSTEM, raise_one, **known, by=buyer.user_id)
    for state in ("cancelled", "seller_default"):
        undo = "UPDATE settlement SET state = :state, ended_at = now(), penalty_cents = :fine WHERE settlement_id = :id"
        fine = settlement.hammer_cents // 20 if state == "seller_default" else 0
        assert "is not so" in await forge(context, SYSTEM, undo, id=settlement.settlement_id, state=state, fine=fine)
    await dispute(context, buyer, settlement)
    decide = """UPDATE settlement_hold SET lift_prepared_by = :a, lift_reason = 'r', outcome = 'undo', lifted_by = :b,
        lifted_at = now() WHERE settlement_id = :id AND lifted_at IS NULL"""
    first, second = bank.officers
    for actor in (SYSTEM, second.actor):
        said = await forge(context, actor, decide, id=settlement.settlement_id, a=first.user_id, b=second.user_id)
        assert "prepared it" in said
    async with context.db.begin(SYSTEM) as tx:
        (still,) = await service.list_disputes(tx, SYSTEM, settlement.settlement_id)
    assert still.lifted_at is None


# Tax.


def rule(rate_bps, **changes):
    given = {
        "tax_rule_id": UUID(int=1), "country": "AT", "name": "VAT", "rate_bps": rate_bps, "source": "a law",
        "valid_from_on": date(2026, 1, 1), "created_by": UUID(int=2), "created_at": NOW,
    }  # fmt: skip
    return TaxRule(**given | changes)


@given(st.integers(0, 10**13), st.integers(0, 3_000))
def test_tax_is_within_half_a_minor_unit_of_the_exact_one_and_never_more_than_the_fee(fee, rate_bps):
    found = taxed(Party.BUYER, rule(rate_bps), fee)
    assert abs(found.tax_cents * 10_000 - fee * rate_bps) <= 5_000
    assert 0 <= found.tax_cents <= fee


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"country": "at"}, "country"),
        ({"rate_bps": 3_001}, "rate_bps"),
        ({"name": " "}, "name"),
        ({"source": ""}, "source"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(changes, field):
    with pytest.raises(Malformed) as told:
        rule(**{"rate_bps": 2_000} | changes).checked()
    assert told.value.field == field


async def state_rule(bank, rate_bps, country="AT", valid_from=timedelta()):
    context, actor = bank.context, bank.operator.actor
    async with context.db.begin(actor) as tx:
        return await service.state_tax_rule(
            tx, actor, country=country, name="VAT", rate_bps=rate_bps, source="a law",
            valid_from_on=(context.clock.now() + valid_from).date(), now=context.clock.now(), chance=context.chance,
        )  # fmt: skip


async def buyer_in(bank, country):
    party = await factories.register_member(bank.context, country=country)
    asked = factories.a_grant(("bid",))
    case_id = await factories.prepared_case(bank.context, party, bank.officers[0], asked)
    return replace(party, clearances=await factories.approve(bank.context, bank.officers[1], case_id))


async def test_the_buyers_tax_is_paid_with_the_price_owed_by_the_platform_and_refunded_with_its_fee(bank):
    """At the rate in force at the award: a later rule changes nothing. All accounts back: all tax back."""
    context, hammer = bank.context, 50_000_00
    await state_rule(bank, 1_000, valid_from=timedelta(days=-400))
    await state_rule(bank, 2_000, valid_from=timedelta(days=-30))
    await state_rule(bank, 2_500, valid_from=timedelta(days=30))
    buyer = await buyer_in(bank, "AT")
    auction = await factories.sold_auction(
        context,
        bank.seller,
        [buyer],
        hammer_cents=hammer,
        sale_terms={"holdback_bps": 2_000, "putback_days": 30},
        pool_id=await factories.keyed_pool(context, bank.seller, [25_000_000]),
    )
    signing = await factories.settlement_in(context, "signing", auction)
    await state_rule(bank, 3_000, valid_from=timedelta(days=-1))
    fee = signing.buyer_fee_cents
    assert (signing.buyer_tax_cents, signing.seller_tax_cents) == (fee // 5, 0)
    assert [(each["party"], each["rate_bps"], each["tax_cents"]) for each in signing.tax] == [
        ("buyer", 2_000, fee // 5)
    ]
    assert signing.due_cents == hammer + fee + fee // 5
    owed = (await balance(context, moves.TAX))[0]
    await factories.sign_agreement(context, bank.seller, signing.settlement_id)
    await factories.sign_agreement(context, buyer, signing.settlement_id, public_key(9))
    await factories.import_wires(context, bank.operator, Wire(signing.due_cents, signing.reference))
    await prepare(context, bank.officers[0], signing.settlement_id)
    await approve(context, bank.officers[1], signing.settlement_id)
    assert (await balance(context, moves.TAX))[0] == owed + fee // 5
    async with context.db.begin(buyer.actor) as tx:
        report = await service.party_statement(
            tx, buyer.actor, signing.settlement_id, Party.BUYER, now=context.clock.now()
        )
    assert ("VAT 20.00 % on the commission", fee // 5) in [(each.what, each.amount_cents) for each in report.sums]
    assert await books_hold(context)
    reference = await payout_reference(bank, signing)
    await factories.import_wires(context, bank.operator, Wire(signing.proceeds_cents, reference, credit=False))
    await bank.pay_in(bank.seller, hammer)
    settlement = await seen(context, buyer, signing.settlement_id)
    (back,) = await claim(context, buyer, settlement, 1, face=settlement.face_value_cents)
    await answer(context, bank.seller, back, accept=True)
    (refunded,) = await pay(context)
    assert refunded.refund_cents == signing.price_cents
    assert (await balance(context, moves.TAX))[0] == owed
    assert await books_hold(context)


async def payout_reference(bank, settlement):
    async with bank.context.db.begin(bank.operator.actor) as tx:
        page, _ = await service.list_payouts(tx, bank.operator.actor, factories.PageRequest(200), None)
    return next(each.reference for each in page.items if each.settlement_id == settlement.settlement_id)


async def test_operators_state_taxes_and_everybody_reads_them(bank, doors):  # noqa: F811
    operator, buyer = await doors.as_(bank.operator), await doors.as_(bank.buyers[0])
    given = {"country": "CH", "name": "MWST", "rate_bps": 810, "source": "MWSTG Art. 25", "valid_from_on": "2024-01-01"}
    assert (await buyer.post("/v1/tax-rules", json=given)).status_code == 403
    made = await operator.post("/v1/tax-rules", json=given)
    assert made.status_code == 201, made.text
    assert (await operator.post("/v1/tax-rules", json=given | {"rate_bps": 3001})).status_code == 422
    listed = (await buyer.get("/v1/tax-rules")).json()["items"]
    assert made.json() in listed
