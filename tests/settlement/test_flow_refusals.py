"""Who may agree and deliver, what is refused with which words, and that the database says so too."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.bidding import service as bidding
from market.compliance import service as compliance
from market.compliance.rules import NotCleared
from market.kit.actor import SYSTEM
from market.kit.errors import NotFound
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolNotThere, PoolState, Selection
from market.portfolios.traits import Traits
from market.settlement import service
from market.settlement.flows import (
    CounterpartyNotCleared,
    DeliveryRefused,
    FlowNotOpen,
    FlowState,
    PeriodDelivered,
)
from market.settlement.rules import OtherAgreement
from market.settlement.rules import Party as Side
from tests import factories
from tests.portfolios import tapes
from tests.settlement import flowing
from tests.settlement.test_guards import forge


async def a_buyer(bank, **grant):
    if not grant:
        return await factories.buyer(bank.context, bank.officers)
    return await factories.cleared_organisation(bank.context, ("bid",), officers=bank.officers, **grant)


async def suspend(bank, party, capability):
    first = bank.officers[0]
    async with bank.context.db.begin_as_officer(first.actor) as tx:
        await compliance.end_clearance(
            tx, first.actor, party.clearances[capability], "a sanctions hit", bank.context.clock.now()
        )


async def pool_state(bank, pool_id):
    async with bank.context.db.begin(SYSTEM) as tx:
        return (await portfolios.find_pool(tx, SYSTEM, pool_id)).state


async def refused(bank, flow, pool_id):
    """What a refused delivery finds, by field; the pool stays ready."""
    with pytest.raises(DeliveryRefused) as said:
        await flowing.deliver(bank.context, bank.seller, flow, pool_id)
    assert await pool_state(bank, pool_id) is PoolState.READY
    async with bank.context.db.begin(bank.seller.actor) as tx:
        beforehand = await service.look_at_pool(
            tx, bank.seller.actor, flow.flow_id, pool_id, now=bank.context.clock.now()
        )
    found = said.value.members["findings"]
    assert [each["detail"] for each in found] == [each.detail for each in beforehand]
    assert all(each["remedy"] for each in found)
    return {each["field"]: each for each in found}


async def test_every_account_that_the_agreement_does_not_ask_for_is_named_with_its_term(bank):
    asked = Selection(
        states=("CA", "NY"), debt_types=("CREDIT CARD",), debtor_types=("PERSON",), min_face_value_cents=300_00,
        max_face_value_cents=60_000_00, min_age_days=180, max_age_days=720,
    )  # fmt: skip
    flow = await flowing.active(bank.context, bank.seller, await a_buyer(bank), accounts=asked)
    odd = Traits(
        ["CA", "TX", "NY", None, "CA", "CA"],
        ["CREDIT CARD", "CREDIT CARD", "AUTO", None, "CREDIT CARD", "CREDIT CARD"],
        ["PERSON", "PERSON", "PERSON", "PERSON", "BUSINESS", None],
        [400, 400, 179, 721, None, 180],
    )
    balances = [50_000_00, 60_000_01, 299_99, 50_000_00, 50_000_00, 300_00]
    pool_id = await factories.keyed_pool(bank.context, bank.seller, balances, traits=odd)
    found = await refused(bank, flow, pool_id)
    rows = {field: (each["account_count"], each["row_numbers"]) for field, each in found.items()}
    assert rows == {
        "accounts.states": (2, [2, 4]),
        "accounts.debt_types": (2, [3, 4]),
        "accounts.debtor_types": (2, [5, 6]),
        "accounts.min_face_value_cents": (1, [3]),
        "accounts.max_face_value_cents": (1, [2]),
        "accounts.min_age_days": (2, [3, 5]),
        "accounts.max_age_days": (2, [4, 5]),
    }
    # The same rule met by all, across the thousand to a row: delivered.
    balances = [300_00] * 1_001
    good = await factories.keyed_pool(bank.context, bank.seller, balances)
    assert (await flowing.deliver(bank.context, bank.seller, flow, good)).account_count == 1_001


async def test_volume_currency_and_the_buyers_clearance_are_looked_at(bank):
    context, narrow = bank.context, await a_buyer(bank, states=("CA",), max_bid_cents=10_000_00)
    flow = await flowing.active(context, bank.seller, narrow)
    pool = await factories.keyed_pool(context, bank.seller)
    found = await refused(bank, flow, pool)
    assert {field: each["code"] for field, each in found.items()} == {
        "accounts.states": "buyer-states", "max_volume_cents": "buyer-limit",
    }  # fmt: skip
    assert "NY" in found["accounts.states"]["detail"]
    small = await factories.keyed_pool(context, bank.seller, [99_999_99], debtor_states=("CA",))
    assert set(await refused(bank, flow, small)) == {"min_volume_cents"}
    euros = await factories.keyed_pool(context, bank.seller, [120_000_00], currency="EUR", debtor_states=("CA",))
    assert set(await refused(bank, flow, euros)) == {"currency"}
    fits = await factories.keyed_pool(context, bank.seller, [120_000_00], debtor_states=("CA",))
    await suspend(bank, narrow, "bid")
    assert {each["code"] for each in (await refused(bank, flow, fits)).values()} == {"buyer-not-cleared"}


async def test_a_seller_delivers_no_account_of_a_debtor_state_that_it_may_not_list(bank):
    context = bank.context
    seller = await factories.cleared_organisation(context, ("list",), ("CA",), officers=bank.officers)
    buyer = await a_buyer(bank)
    flow = await flowing.active(context, seller, buyer)
    pool_id = await factories.keyed_pool(context, seller)
    with pytest.raises(DeliveryRefused) as said:
        await flowing.deliver(context, seller, flow, pool_id)
    (found,) = said.value.members["findings"]
    assert (found["code"], found["field"]) == ("seller-states", "accounts.states")
    assert "in NY" in found["detail"]
    # Nor past all code, whatever the pool's own row says of its debtors.
    async with context.db.begin(seller.actor) as tx:
        offered = "UPDATE pool SET state = 'offered', circle = 'invited', offered_at = now(), flow_id = :flow WHERE pool_id = :pool"
        await tx.execute(text(offered), {"flow": flow.flow_id, "pool": pool_id})
        with pytest.raises(DBAPIError, match="clearance to list in each debtor state"):
            await tx.execute(
                text(
                    "INSERT INTO forward_flow_delivery VALUES (gen_random_uuid(), :flow, 1, :pool, :seller, :buyer, 200, 25000000,"
                    " 2000000, 'USD', :me, now())"
                ),
                {
                    "flow": flow.flow_id, "pool": pool_id, "seller": seller.org_id, "buyer": buyer.org_id,
                    "me": seller.user_id,
                },
            )  # fmt: skip
        await tx.rollback()
    of_ca = await factories.keyed_pool(context, seller, debtor_states=("CA",))
    assert (await flowing.deliver(context, seller, flow, of_ca)).pool_id == of_ca


async def test_a_pool_cut_before_accounts_were_on_record_is_to_be_cut_again(bank):
    flow = await flowing.active(bank.context, bank.seller, await a_buyer(bank))
    pool = await factories.keyed_pool(bank.context, bank.seller, [1_000_00] * 200)
    async with bank.context.db.begin(SYSTEM) as tx:
        bare = await tx.scalar(
            text("""INSERT INTO pool SELECT (jsonb_populate_record(p, jsonb_build_object('pool_id', CAST(:other AS text)))).* FROM pool p
                WHERE pool_id = :pool RETURNING pool_id"""),
            {"pool": pool, "other": str(uuid4())},
        )
        (found,) = await service.look_at_pool(tx, bank.seller.actor, flow.flow_id, bare, now=bank.context.clock.now())
    assert (found.code, found.account_count, found.remedy) == ("unrecorded", 200, "cut it again")


async def test_the_other_side_alone_accepts_what_it_read_while_both_are_cleared(bank):
    context, seller = bank.context, await factories.seller(bank.context, bank.officers)
    buyer = await a_buyer(bank)
    flow = await flowing.proposed(context, buyer, seller, side=Side.BUYER)
    with pytest.raises(OtherAgreement):
        await flowing.accept(context, seller, flow, "0" * 64)
    with pytest.raises(NotFound):
        await flowing.accept(context, bank.buyers[0], flow)
    with pytest.raises(FlowNotOpen):
        await flowing.deliver(context, seller, flow, await factories.keyed_pool(context, seller))
    began = await flowing.accept(context, seller, flow)
    assert began == await flowing.accept(context, seller, flow)
    async with context.db.begin(bank.officers[0].actor) as tx:
        signed = await service.flow_signatures(tx, flow.flow_id)
    assert [(each.party, each.org_id) for each in signed] == [
        (Side.BUYER, buyer.org_id), (Side.SELLER, seller.org_id),
    ]  # fmt: skip

    second = await flowing.proposed(context, buyer, seller, side=Side.BUYER)
    await suspend(bank, buyer, "bid")
    with pytest.raises(CounterpartyNotCleared):
        await flowing.accept(context, seller, second)
    with pytest.raises(NotCleared):
        await flowing.proposed(context, buyer, seller, side=Side.BUYER)
    await suspend(bank, seller, "list")
    with pytest.raises(NotCleared):
        await flowing.deliver(context, seller, began, await factories.keyed_pool(context, seller))


async def test_a_pool_is_on_offer_or_delivered_never_both(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.active(context, bank.seller, buyer)
    offered = await factories.keyed_pool(context, bank.seller)
    await factories.published_auction(context, bank.seller, pool_id=offered)
    with pytest.raises(PoolNotThere):
        await flowing.deliver(context, bank.seller, flow, offered)
    delivered = await factories.keyed_pool(context, bank.seller)
    await flowing.deliver(context, bank.seller, flow, delivered)
    with pytest.raises(PoolNotThere):
        await factories.published_auction(context, bank.seller, pool_id=delivered)
    copy = """INSERT INTO auction SELECT (jsonb_populate_record(a, jsonb_build_object('auction_id', CAST(:id AS text),
        'pool_id', CAST(:pool AS text), 'phase', 'scheduled'))).* FROM auction a WHERE pool_id = :like LIMIT 1"""
    told = await forge(context, bank.seller.actor, copy, id=str(uuid4()), pool=str(delivered), like=offered)
    assert "delivered into a forward flow" in told


async def test_of_two_deliveries_for_a_period_one_counts(bank):
    """Both pass every check side by side; the second finds the first, and its pool stays free."""
    context, buyer = bank.context, await a_buyer(bank)
    for _ in range(3):
        flow = await flowing.active(context, bank.seller, buyer)
        pools = [await factories.keyed_pool(context, bank.seller) for _ in range(2)]
        tasks = [flowing.deliver(context, bank.seller, flow, pool) for pool in pools]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        lost = [each for each in done if isinstance(each, Exception)]
        assert [type(each) for each in lost] == [PeriodDelivered]
        states = sorted([await pool_state(bank, pool) for pool in pools])
        assert states == [PoolState.OFFERED, PoolState.READY]
        assert (await flowing.periods(context, flow))[:2] == ["delivered", "open"]
        # The same pool twice at once is one delivery.
        again = await factories.keyed_pool(context, bank.seller)
        tasks = [flowing.deliver(context, bank.seller, flow, again, 1) for _ in range(2)]
        assert {type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)} == {PeriodDelivered}


async def test_the_same_delivery_twice_at_once_is_one(bank):
    flow = await flowing.active(bank.context, bank.seller, await a_buyer(bank))
    pool = await factories.keyed_pool(bank.context, bank.seller)
    first, second = await asyncio.gather(*(flowing.deliver(bank.context, bank.seller, flow, pool) for _ in range(2)))
    assert first == second


async def test_of_a_delivery_and_a_publication_of_one_pool_one_counts(bank):
    context, flow = bank.context, await flowing.active(bank.context, bank.seller, await a_buyer(bank))
    for number in range(3):
        pool = await factories.keyed_pool(context, bank.seller)
        tasks = [
            flowing.deliver(context, bank.seller, flow, pool),
            factories.published_auction(context, bank.seller, pool_id=pool),
        ]
        done = await asyncio.gather(*(tasks if number % 2 else reversed(tasks)), return_exceptions=True)
        lost = [each for each in done if isinstance(each, Exception)]
        assert [type(each) for each in lost] in ([PoolNotThere], [PeriodDelivered])
        async with context.db.begin(SYSTEM) as tx:
            held = await portfolios.find_pool(tx, SYSTEM, pool)
        assert (held.auction_id is None) != (held.flow_id is None)


async def test_nobody_but_the_two_sides_and_the_platform_sees_a_flow_or_its_pool(bank):
    context, buyer, stranger = bank.context, await a_buyer(bank), bank.buyers[1]
    flow = await flowing.active(context, bank.seller, buyer)
    pool = await factories.keyed_pool(context, bank.seller)
    delivery = await flowing.deliver(context, bank.seller, flow, pool)
    tables = {
        "forward_flow": 1, "forward_flow_signature": 2, "forward_flow_period": 12, "forward_flow_delivery": 1,
    }  # fmt: skip
    for party, sees in ((buyer, True), (bank.seller, True), (bank.officers[0], True), (stranger, False)):
        async with context.db.begin(party.actor) as tx:
            for table, count in tables.items():
                query = text(f"SELECT count(*) FROM {table} WHERE flow_id = :flow")
                assert await tx.scalar(query, {"flow": flow.flow_id}) == (count if sees else 0)
            seen = await tx.scalar(text("SELECT count(*) FROM pool WHERE pool_id = :pool"), {"pool": pool})
            assert seen == int(sees)
            traits = await tx.scalar(text("SELECT count(*) FROM pool_trait WHERE pool_id = :pool"), {"pool": pool})
            assert traits == int(party is bank.officers[0])
    async with context.db.begin(stranger.actor) as tx:
        with pytest.raises(NotFound):
            await service.find_flow(tx, stranger.actor, flow.flow_id)
        with pytest.raises(NotFound):
            await service.flow_document(tx, stranger.actor, flow.flow_id)
    for ask in ("flow_clearance(:flow, 'buyer', now())", "flow_misfits(:flow, :pool)"):
        values = {"flow": flow.flow_id} | ({"pool": pool} if "pool" in ask else {})
        assert "another organisation's" in await forge(context, stranger.actor, f"SELECT * FROM {ask}", **values)
    # The buyer is asked about its pool as any bidder is, and nobody delivers in the seller's place.
    with pytest.raises(NotFound):
        await flowing.deliver(context, buyer, flow, pool, 2)
    assert delivery.buyer_org_id == buyer.org_id


async def test_the_database_lets_no_side_draw_an_arrow_that_is_not_its_own(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.proposed(context, bank.seller, buyer)
    move = "UPDATE forward_flow SET state = :state, accepted_at = :at, ended_at = :end WHERE flow_id = :flow"
    at = context.clock.now()
    for party, state, accepted_at, ended_at in (
        (bank.seller, "active", at, None),
        (buyer, "active", at, None),
        (bank.seller, "declined", None, at),
        (buyer, "withdrawn", None, at),
        (buyer, "lapsed", None, at),
        (bank.officers[0], "ended", at, at),
    ):
        values = {"flow": flow.flow_id, "state": state, "at": accepted_at, "end": ended_at}
        assert "does not go from" in await forge(context, party.actor, move, **values)
    began = await flowing.accept(context, buyer, flow)
    period = "UPDATE forward_flow_period SET {} = now() WHERE flow_id = :flow AND number = 3"
    for column, words in (("missed_at", "time is over"), ("voided_at", "ends before it")):
        told = await forge(context, bank.seller.actor, period.format(column), flow=flow.flow_id)
        assert words in told
    told = await forge(
        context, bank.seller.actor,
        "INSERT INTO forward_flow_period VALUES (:flow, 13, :day, :day, now())",
        flow=flow.flow_id, day=began.terms.first_on,
    )  # fmt: skip
    assert "follow from the forward flow" in told


async def offered_into(bank, flow, pool_id):
    """What the app's role may write by itself: the seller's ready pool is on offer in the flow."""
    offer = text("""UPDATE pool SET state = 'offered', flow_id = :flow, circle = 'invited', offered_at = now()
        WHERE pool_id = :pool""")
    async with bank.context.db.begin(bank.seller.actor) as tx:
        await tx.execute(offer, {"flow": flow.flow_id, "pool": pool_id})


async def test_the_database_refuses_a_delivery_or_sale_that_does_not_follow(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.active(context, bank.seller, buyer, accounts=Selection(states=("CA",)))
    pool = await factories.keyed_pool(context, bank.seller)
    deliver = """INSERT INTO forward_flow_delivery VALUES (gen_random_uuid(), :flow, :number, :pool, :seller, :buyer, 200,
        25000000, :cents, 'USD', :who, now())"""
    said = {
        "flow": flow.flow_id, "pool": pool, "number": 1, "seller": bank.seller.org_id, "buyer": buyer.org_id,
        "cents": 20_000_00, "who": bank.seller.user_id,
    }  # fmt: skip
    # Half of its accounts are of New York, which the flow does not buy.
    await offered_into(bank, flow, pool)
    assert "not what the forward flow asks for" in await forge(context, bank.seller.actor, deliver, **said)
    open_flow = await flowing.active(context, bank.seller, buyer)
    fits = await factories.keyed_pool(context, bank.seller)
    said |= {"flow": open_flow.flow_id, "pool": fits}
    assert "not what the forward flow asks for" in await forge(context, bank.seller.actor, deliver, **said)
    await offered_into(bank, open_flow, fits)
    for changed, words in (
        ({"number": 2}, "awaits no delivery"),
        ({"cents": 20_000_01}, "not what the forward flow asks for"),
        ({"buyer": bank.buyers[0].org_id}, "not what the forward flow asks for"),
        ({"who": buyer.user_id}, "own name"),
    ):
        assert words in await forge(context, bank.seller.actor, deliver, **said | changed)
    assert "another organisation's pool" in await forge(context, buyer.actor, deliver, **said)

    good = await factories.keyed_pool(context, bank.seller)
    delivery = await flowing.deliver(context, bank.seller, open_flow, good)
    sale = await flowing.settlement_in(context, "signing", delivery)
    twin = """INSERT INTO settlement SELECT (jsonb_populate_record(s, jsonb_build_object('settlement_id',
        gen_random_uuid()::text, 'reference', 'PSA-0000000000-00', 'state', 'awarded') || CAST(:other AS jsonb))).*
        FROM settlement s WHERE settlement_id = :sale"""
    for other, words in (
        ("{}", "uq_settlement"),
        ('{"hammer_cents": 1}', "no such award"),
        ('{"delivery_id": null}', "no such award"),
        ('{"deposit_cents": 1}', "ck_settlement_deposit"),
    ):
        assert words in await forge(context, SYSTEM, twin, sale=sale.settlement_id, other=other)


async def test_a_proposal_is_withdrawn_declined_or_lapses(bank):
    context, buyer = bank.context, await a_buyer(bank)
    ends = {}
    for party, state in ((bank.seller, FlowState.WITHDRAWN), (buyer, FlowState.DECLINED)):
        flow = await flowing.proposed(context, bank.seller, buyer)
        async with context.db.begin(party.actor) as tx:
            ended = await service.refuse_flow(tx, party.actor, flow.flow_id, "another price", now=context.clock.now())
        ends[state] = ended.state
        with pytest.raises(FlowNotOpen):
            await flowing.accept(context, buyer, flow)
    assert ends == {state: state for state in ends}
    waiting = await flowing.proposed(context, bank.seller, buyer)
    late = bank.later(days=20)
    assert late.clock.now() - waiting.answer_by_at > timedelta()
    with pytest.raises(FlowNotOpen):
        await flowing.accept(late, buyer, waiting)
    await flowing.pass_flows(late)
    assert await flowing.state(context, waiting) == "lapsed"


async def on_record(bank, pool_id):
    """(balance, state, debt type, debtor type) of every account, in the order of the sale file."""
    query = text("""SELECT account.* FROM pool_trait t JOIN pool_balance b USING (pool_id, first_row),
        LATERAL unnest(b.balances_cents, t.states, t.debt_types, t.debtor_types) AS account
        WHERE t.pool_id = :pool ORDER BY t.first_row""")
    async with bank.context.db.begin(SYSTEM) as tx:
        return [tuple(row) for row in await tx.execute(query, {"pool": pool_id})]


async def test_a_pool_cut_by_the_agreements_rule_fits(bank):
    """From an uploaded tape: the cut puts every account's traits on record, in the order of the sale file."""
    context, buyer = bank.context, await a_buyer(bank)
    asked = Selection(debt_types=("AUTO",), min_age_days=1, max_age_days=4_000, min_face_value_cents=1_000_00)
    flow = await flowing.active(context, bank.seller, buyer, accounts=asked, min_volume_cents=1, max_volume_cents=10**9)
    seed = uuid4().int % 10**4  # longer numbers would look like payment cards
    whole = await factories.ready_pool(context, bank.seller, account_count=120, seed=seed)
    assert whole.state is PoolState.READY, whole.refusal
    found = await refused(bank, flow, whole.pool_id)
    assert "accounts.debt_types" in found
    said = {
        (round(float(row["Curr Bal"]) * 100), row["ST"], row["Debt Type"], row["Debtor Type"])
        for row in tapes.rows(120, seed=seed)
    }
    assert said >= set(await on_record(bank, whole.pool_id))
    cut = await factories.ready_pool(context, bank.seller, account_count=300, seed=seed + 1, selection=asked)
    assert cut.state is PoolState.READY, cut.refusal
    delivery = await flowing.deliver(context, bank.seller, flow, cut.pool_id)
    assert delivery.face_value_cents == cut.face_value_cents
    async with context.db.begin(SYSTEM) as tx:
        types = await tx.scalars(
            text("SELECT DISTINCT unnest(debt_types) FROM pool_trait WHERE pool_id = :pool"), {"pool": cut.pool_id}
        )
        assert types.all() == ["AUTO"]
        assert await bidding.awards_of(tx, uuid4()) == []
