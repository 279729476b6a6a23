"""Forward flows over HTTP on the real application, from the proposal to the title."""

import base64
from hashlib import sha256
from uuid import uuid4

from msgspec import convert

from market.client.flows import Flow, FlowDelivery
from market.client.settlement import Settlement
from tests import factories
from tests.settlement import flowing
from tests.settlement.test_http import doors, import_xml, problem  # noqa: F401 - a fixture among them
from tests.settlement.test_life import public_key
from tests.settlement.wires import Wire


def a_proposal(other, begins_on, **changes):
    return {
        "as_party": "seller",
        "other_org_id": str(other.org_id),
        "typed_name": "Sal Seller",
        "currency": "USD",
        "price_bps": 650,
        "accounts": {"states": ["ca", "NY"], "debt_types": ["credit card"], "max_age_days": 1_000},
        "min_volume_cents": 100_000_00,
        "max_volume_cents": 300_000_00,
        "rhythm": "monthly",
        "notice_days": 31,  # no month is longer
        "first_on": begins_on.isoformat(),
        "period_count": 6,
        "sale_terms": {"putback_days": 60},
        "commission": {"tiers": [{"from_cents": 0, "rate_bps": 300}], "payer": "buyer"},
        **changes,
    }


async def test_two_sides_agree_deliver_settle_and_assign_through_the_doors_alone(bank, doors):  # noqa: F811
    context, buyer_party = bank.context, await factories.buyer(bank.context, bank.officers)
    seller, buyer, operator, officer, stranger = [
        await doors.as_(each) for each in (bank.seller, buyer_party, bank.operator, bank.officers[0], bank.buyers[0])
    ]
    today = context.clock.now().date()

    # Agree: what one side proposes, the other reads and accepts.
    made = await seller.post("/v1/forward-flows", json=a_proposal(buyer_party, today))
    assert made.status_code == 201, made.text
    flow = made.json()
    door = f"/v1/forward-flows/{flow['flow_id']}"
    assert (flow["state"], flow["proposed_by"], flow["periods"]) == ("proposed", "seller", [])
    assert flow["accounts"] == {"states": ["CA", "NY"], "debt_types": ["CREDIT CARD"], "max_age_days": 1_000}
    document = await buyer.get(f"{door}/agreement")
    digest = sha256(document.content).hexdigest()
    assert (document.content[:5], digest) == (b"%PDF-", flow["agreement_sha256"])
    said = {"agreement_sha256": digest, "typed_name": "Bea Buyer"}
    problem(await seller.post(f"{door}/acceptance", json=said), 403, "own-proposal")
    problem(await stranger.post(f"{door}/acceptance", json=said), 404, "not-found")
    problem(await buyer.post(f"{door}/acceptance", json=said | {"agreement_sha256": "0" * 64}), 409, "other-agreement")
    accepted = (await buyer.post(f"{door}/acceptance", json=said)).json()
    assert (accepted["state"], len(accepted["periods"])) == ("active", 6)
    assert [each["party"] for each in accepted["signatures"]] == ["seller", "buyer"]
    for client in (seller, buyer, officer, operator):
        assert (await client.get(door)).json()["reference"] == flow["reference"]
        listed = (await client.get("/v1/forward-flows?limit=200")).json()["items"]
        assert flow["flow_id"] in {each["flow_id"] for each in listed}
    assert problem(await stranger.get(door), 404, "not-found") == problem(
        await stranger.get(f"/v1/forward-flows/{uuid4()}"), 404, "not-found"
    )

    # Deliver: what does not fit is refused in words, what fits becomes a sale.
    wrong = await factories.keyed_pool(context, bank.seller, debtor_states=("CA", "TX"))
    found = (await seller.get(f"{door}/findings", params={"pool_id": str(wrong)})).json()["items"]
    assert [(each["field"], each["account_count"]) for each in found] == [("accounts.states", 100)]
    order = {"number": 1, "pool_id": str(wrong)}
    refused = problem(await seller.post(f"{door}/deliveries", json=order), 409, "delivery-refused")
    assert refused["findings"] == found
    assert refused["findings"][0]["row_numbers"] == list(range(2, 42, 2))
    problem(await buyer.post(f"{door}/deliveries", json=order), 404, "not-found")
    pool = await factories.keyed_pool(context, bank.seller)
    order = {"number": 1, "pool_id": str(pool)}
    assert (await seller.get(f"{door}/findings", params={"pool_id": str(pool)})).json()["items"] == []
    problem(await seller.post(f"{door}/deliveries", json=order | {"number": 2}), 409, "period-closed")
    delivered = await seller.post(f"{door}/deliveries", json=order)
    assert delivered.status_code == 201, delivered.text
    assert delivered.json()["state"] == "delivered"
    assert (await seller.post(f"{door}/deliveries", json=order)).json() == delivered.json()
    problem(await seller.post(f"{door}/deliveries", json=order | {"pool_id": str(wrong)}), 409, "period-delivered")
    assert (await buyer.get(f"/v1/pools/{pool}")).status_code == 200
    problem(await stranger.get(f"/v1/pools/{pool}"), 404, "not-found")

    # Settle: the same steps as after an award.
    async def there():
        return (await buyer.get(door)).json()["periods"][0]["delivery"]["settlement_id"] is not None

    await factories.until(context, there)
    sale_door = f"/v1/settlements/{(await buyer.get(door)).json()['periods'][0]['delivery']['settlement_id']}"

    async def at(state):
        async def so():
            return (await buyer.get(sale_door)).json()["state"] == state

        await factories.until(context, so)
        return (await buyer.get(sale_door)).json()

    sale = await at("signing")
    assert (sale["origin"], sale["auction_id"]) == ("forward_flow", None)
    assert sale["delivery_id"] == delivered.json()["delivery"]["delivery_id"]
    assert (sale["hammer_cents"], sale["buyer_fee_cents"], sale["due_cents"]) == (16_250_00, 487_50, 16_737_50)
    psa = sha256((await buyer.get(f"{sale_door}/agreement")).content).hexdigest()
    key = base64.b64encode(public_key(4)).decode()
    said = {"agreement_sha256": psa, "typed_name": "Bea Buyer", "recipient_public_key": key}
    assert (await buyer.post(f"{sale_door}/signature", json=said)).status_code == 201
    said = {"agreement_sha256": psa, "typed_name": "Sal Seller"}
    assert (await seller.post(f"{sale_door}/signature", json=said)).json()["state"] == "awaiting_funds"
    assert (await import_xml(doors, operator, Wire(sale["due_cents"], sale["payment_reference"]))).status_code == 201
    await at("funded")
    assert (await officer.post(f"{sale_door}/release-preparation")).json()["state"] == "release_review"
    await factories.screen(context)
    assert (await operator.post(f"{sale_door}/release-approval")).json()["state"] == "released"
    (link,) = (await buyer.get(f"{sale_door}/title?row=200")).json()["links"]
    assert link["to_org_id"] == str(buyer_party.org_id)
    assert (await buyer.get(f"{sale_door}/sale-key")).status_code == 200
    assert (await operator.get("/v1/ledger/check")).json()["holds"] is True

    # The typed client reads the same.
    known = convert((await buyer.get(door)).json(), Flow)
    assert known.periods is not None
    assert known.periods[0].delivery == convert(delivered.json()["delivery"] | {
        "settlement_id": sale["settlement_id"]}, FlowDelivery)  # fmt: skip
    assert convert((await buyer.get(sale_door)).json(), Settlement).origin == "forward_flow"

    # End: by notice.
    ended = await buyer.post(f"{door}/termination", json={"reason": "a change of plans"})
    assert (ended.status_code, ended.json()["state"]) == (200, "ending")
    assert [each["state"] for each in ended.json()["periods"]][:2] == ["delivered", "open"]
    assert ended.json()["periods"][-1]["state"] == "void"
    problem(await seller.post(f"{door}/termination", json={"reason": "mine too"}), 409, "flow-state")


async def test_a_proposal_that_makes_no_sense_names_its_field(bank, doors):  # noqa: F811
    buyer_party = await factories.buyer(bank.context, bank.officers)
    seller, stranger = await doors.as_(bank.seller), await doors.as_(await factories.register_member(bank.context))
    today = bank.context.clock.now().date()
    for changed, field in (
        ({"period_count": None}, "period_count"),
        ({"last_on": (today + flowing.DAY).isoformat()}, "period_count"),
        ({"period_count": None, "last_on": (today + flowing.DAY).isoformat()}, "last_on"),
        ({"first_on": (today - flowing.DAY).isoformat()}, "first_on"),
        ({"other_org_id": str(bank.seller.org_id)}, "other_org_id"),
        ({"other_org_id": str(uuid4())}, "other_org_id"),
        ({"max_volume_cents": 1}, "max_volume_cents"),
        ({"accounts": {"min_age_days": 9, "max_age_days": 8}}, "accounts.min_age_days"),
        ({"commission": {"tiers": []}}, "commission.tiers"),
        ({"sale_terms": {"holdback_bps": 9_999}}, "sale_terms.holdback_bps"),
    ):
        body = {name: value for name, value in a_proposal(buyer_party, today, **changed).items() if value is not None}
        told = problem(await seller.post("/v1/forward-flows", json=body), 422, "malformed")
        assert told["field"] == field, told
    problem(await stranger.post("/v1/forward-flows", json=a_proposal(buyer_party, today)), 403, "not-cleared")
