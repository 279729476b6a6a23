"""Forward flows: agreed once, delivered period by period, each delivery a sale of its own."""

import json

import pytest

from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from market.portfolios import service as portfolios
from market.portfolios.rules import PoolState
from market.settlement import jobs, service
from market.settlement.flows import OwnProposal
from market.settlement.rules import Origin
from market.settlement.service.documents import DocumentKind
from tests import factories
from tests.settlement import flowing
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.wires import Wire


async def a_buyer(bank):
    return await factories.buyer(bank.context, bank.officers)


async def test_a_delivery_is_signed_paid_released_and_assigned_like_any_sale(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.proposed(context, bank.seller, buyer)
    with pytest.raises(OwnProposal):
        await flowing.accept(context, bank.seller, flow)
    flow = await flowing.accept(context, buyer, flow)
    assert await flowing.periods(context, flow) == ["open"] * 12
    pool_id = await factories.keyed_pool(context, bank.seller)
    delivery = await flowing.deliver(context, bank.seller, flow, pool_id)
    assert delivery == await flowing.deliver(context, bank.seller, flow, pool_id)
    assert (delivery.face_value_cents, delivery.hammer_cents) == (250_000_00, 20_000_00)

    signing = await flowing.settlement_in(context, "signing", delivery)
    assert (signing.origin, signing.auction_id, signing.deposit_cents) == (Origin.FORWARD_FLOW, None, 0)
    assert (signing.holdback_cents, signing.fee_cents) == (1_000_00, 1_000_00)
    async with context.db.begin(buyer.actor) as tx:
        agreement = await service.find_agreement(tx, buyer.actor, signing.settlement_id)
    facts = json.loads(agreement.facts)
    assert facts["template"] == "psa_flow_v1"
    assert facts["flow"]["reference"] == flow.reference
    assert facts["flow"]["sha256"] == flow.agreement_sha256
    await factories.sign_agreement(context, bank.seller, signing.settlement_id)
    await factories.sign_agreement(context, buyer, signing.settlement_id, public_key(9))
    await factories.import_wires(context, bank.operator, Wire(signing.due_cents, signing.reference))
    await prepare(context, bank.officers[0], signing.settlement_id)
    released = await approve(context, bank.officers[1], signing.settlement_id)
    assert released.state == "released"

    async with context.db.begin(buyer.actor) as tx:
        (link,) = await service.chain_of_title(tx, buyer.actor, signing.settlement_id, 1)
        assert (link.from_org_id, link.to_org_id) == (bank.seller.org_id, buyer.org_id)
        assert (await service.sale_key(tx, buyer.actor, signing.settlement_id)).released_key
        assert (await portfolios.find_pool(tx, buyer.actor, pool_id)).state is PoolState.SOLD
    while await jobs.seal_documents(context):
        pass
    async with context.db.begin(bank.seller.actor) as tx:
        deed, pdf = await service.find_document(tx, bank.seller.actor, signing.settlement_id, DocumentKind.BILL_OF_SALE)
    assert json.loads(deed.facts)["flow"]["reference"] == flow.reference
    assert pdf.startswith(b"%PDF-")
    assert await flowing.periods(context, flow) == ["delivered"] + ["open"] * 11
    async with context.db.begin(SYSTEM) as tx:
        (newest, *_) = (await service.list_flows(tx, SYSTEM, PageRequest(1))).items
        checked = await service.check_ledger(tx, SYSTEM)
    assert newest.flow_id == flow.flow_id
    assert not checked.divergences, checked


async def test_both_sides_are_screened_when_a_flow_is_accepted_and_when_it_is_delivered_into(bank):
    context, seller, buyer = bank.context, await factories.seller(bank.context, bank.officers), await a_buyer(bank)
    flow = await flowing.active(context, seller, buyer)
    assert await factories.screenings_ordered(context, seller) == ["submission", "registration"]
    assert await factories.screenings_ordered(context, buyer) == ["submission", "registration"]
    await factories.screen(context)
    await flowing.deliver(context, seller, flow, await factories.keyed_pool(context, seller))
    assert (await factories.screenings_ordered(context, seller))[2:] == ["listing"]
    assert (await factories.screenings_ordered(context, buyer))[2:] == ["listing"]
