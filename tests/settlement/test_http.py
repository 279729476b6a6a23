"""The doors of settlement, over HTTP on the real application."""

import base64
from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import uuid4

import httpx
import pytest_asyncio

from market.parties import service as parties
from market.parties.routes import COOKIE
from market.settlement.statement import MAX_BYTES
from masking.envelope import private_key_from_seed, receive_key
from tests import factories
from tests.application import application
from tests.settlement.wires import Wire, statement


class Doors:
    """One HTTP client per party, signed in."""

    def __init__(self, bank) -> None:
        self.bank = bank
        self.transport = httpx.ASGITransport(app=application(bank.context))
        self.open: list[httpx.AsyncClient] = []

    async def as_(self, party) -> httpx.AsyncClient:
        attempt = parties.SignIn(party.email, party.password, "192.0.2.1")
        signed_in = await parties.sign_in(self.bank.context, attempt, hasher=factories.CHEAP)
        client = httpx.AsyncClient(
            transport=self.transport,
            base_url="http://market.test",
            headers={"Origin": "http://market.test"},
            cookies={COOKIE: signed_in.token},
        )
        self.open.append(client)
        return client


@pytest_asyncio.fixture
async def doors(bank) -> AsyncIterator[Doors]:
    made = Doors(bank)
    yield made
    for client in made.open:
        await client.aclose()


def problem(response: httpx.Response, status: int, slug: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    body = response.json()
    assert body["type"] == f"/problems/{slug}"
    return body


async def import_xml(doors, operator, *wires) -> httpx.Response:
    kept = (await operator.get("/v1/bank-statements")).json()["items"]
    opening = next((each["closing_cents"] for each in kept if each["currency"] == "USD"), 0)
    headers = {"Content-Type": "application/xml"}
    return await operator.post("/v1/bank-statements", content=statement(wires, opening_cents=opening), headers=headers)


async def test_a_sale_is_settled_through_the_doors_alone(bank, doors):
    buyer_party = await factories.buyer(bank.context, bank.officers)
    seller, buyer, operator = [await doors.as_(each) for each in (bank.seller, buyer_party, bank.operator)]
    officer = await doors.as_(bank.officers[0])

    # The buyer pays in and places its deposit.
    auction = await factories.published_auction(
        bank.context, bank.seller, pool_id=await factories.keyed_pool(bank.context, bank.seller),
        terms={"buy_now_cents": 300_000}, deposit_cents=50_000,
    )  # fmt: skip
    await factories.accept_nda(bank.context, buyer_party, auction)
    door, headers = f"/v1/auctions/{auction.auction_id}", {"Idempotency-Key": "d-1"}
    poor = problem(await buyer.post(f"{door}/deposit", headers=headers), 409, "insufficient-funds")
    assert (poor["required_cents"], poor["available_cents"]) == (50_000, 0)
    assert (await buyer.get("/v1/bank-account")).json()["payment_reference"] == poor["payment_reference"]
    assert (await import_xml(doors, operator, Wire(400_000, poor["payment_reference"]))).status_code == 201
    assert (await buyer.post(f"{door}/deposit")).status_code == 422
    placed = await buyer.post(f"{door}/deposit", headers=headers)
    assert placed.status_code == 201
    assert (await buyer.post(f"{door}/deposit", headers=headers)).json() == placed.json()
    (account,) = (await buyer.get("/v1/ledger/accounts")).json()["items"]
    assert (account["balance_cents"], account["available_cents"]) == (400_000, 350_000)
    specimen = await buyer.get(f"{door}/agreement")
    assert specimen.content.startswith(b"%PDF-")

    await factories.buy_now(bank.context, buyer_party, auction)
    sale = await factories.settlement_in(bank.context, "signing", auction)
    door = f"/v1/settlements/{sale.settlement_id}"
    agreement = await buyer.get(f"{door}/agreement")
    digest = sha256(agreement.content).hexdigest()
    assert agreement.headers["etag"] == f'"{digest}"'
    key = private_key_from_seed(bytes(range(32)))
    said = {"agreement_sha256": digest, "typed_name": "Bea Buyer"}
    problem(await buyer.post(f"{door}/signature", json=said), 422, "malformed")
    problem(await buyer.post(f"{door}/signature", json=said | {"recipient_public_key": "!!"}), 422, "malformed")
    said["recipient_public_key"] = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    assert (await buyer.post(f"{door}/signature", json=said)).status_code == 201
    signed = await seller.post(f"{door}/signature", json={"agreement_sha256": digest, "typed_name": "Sal Seller"})
    assert signed.json()["state"] == "awaiting_funds"
    assert [each["party"] for each in signed.json()["signatures"]] == ["buyer", "seller"]
    await factories.settlement_in(bank.context, "funded", auction)

    # The platform's people read who the parties are; a party reads of the other what the papers say.
    names = [await factories.name_of(bank.context, party) for party in (bank.seller, buyer_party)]
    for someone, told in ((officer, names), (buyer, [None, None]), (seller, [None, None])):
        found = (await someone.get(door)).json()
        assert [found["seller_name"], found["buyer_name"]] == told
        [found] = [one for one in (await someone.get("/v1/settlements?limit=200")).json()["items"]
                   if one["settlement_id"] == str(sale.settlement_id)]  # fmt: skip
        assert [found["seller_name"], found["buyer_name"]] == told
    other = await factories.buyer(bank.context, bank.officers)
    await factories.name_bank_account(bank.context, other)
    changed = str(await factories.name_bank_account(bank.context, other, "DE89370400440532013000"))
    waiting = (await officer.get("/v1/bank-accounts/unconfirmed?limit=200")).json()["items"]
    [whose] = [one["organisation"] for one in waiting if one["bank_account_id"] == changed]
    assert (whose["name"], whose["contact_emails"]) == (await factories.name_of(bank.context, other), [other.email])
    problem(await buyer.get("/v1/bank-accounts/unconfirmed"), 403, "forbidden")

    # Two people release; nobody else sees the file.
    problem(await buyer.get(f"{door}/sale-key"), 403, "not-released")
    problem(await buyer.post(f"{door}/release-preparation"), 403, "forbidden")
    problem(await officer.post(f"{door}/release-approval"), 409, "settlement-state")
    assert (await officer.post(f"{door}/release-preparation")).json()["state"] == "release_review"
    problem(await officer.post(f"{door}/release-approval"), 403, "two-people")
    problem(await operator.post(f"{door}/release-approval"), 409, "checks-pending")
    await factories.screen(bank.context)
    assert (await operator.post(f"{door}/release-approval")).json()["state"] == "released"
    problem(await operator.post(f"{door}/release-approval"), 409, "settlement-state")
    for other in (seller, await doors.as_(bank.buyers[0])):
        problem(await other.get(f"{door}/sale-key"), 404, "not-found")
        problem(await other.get(f"{door}/sale-file"), 404, "not-found")
    keys = (await buyer.get(f"{door}/sale-key")).json()
    for part in ("sale", "commitment"):
        assert len(receive_key(base64.b64decode(keys[part]["sealed_key"]), key, keys[part]["info"].encode())) == 32

    # The operator pays the seller; the bank's statement confirms it.
    orders = (await operator.get("/v1/payouts?state=ordered&limit=200")).json()["items"]
    (order,) = [each for each in orders if each["settlement_id"] == str(sale.settlement_id)]
    assert order["account_number"] == "GB29NWBK60161331926819"
    problem(await seller.get("/v1/payouts"), 403, "forbidden")
    assert (await operator.post(f"/v1/payouts/{order['payout_id']}/dispatch")).json()["state"] == "sent"
    imported = await import_xml(doors, operator, Wire(order["amount_cents"], order["reference"], credit=False))
    assert imported.json()["statements"][0]["paid_out_settlement_ids"] == [str(sale.settlement_id)]
    assert (await seller.get(door)).json()["state"] == "putback_window"
    books = (await operator.get("/v1/ledger/trial-balance")).json()
    assert books["holds"] is True
    problem(await seller.get("/v1/ledger/trial-balance"), 403, "forbidden")
    kinds = [each["kind"] for each in (await buyer.get("/v1/ledger/transfers")).json()["items"]]
    assert kinds == ["wire_matched", "deposit", "funding"]


async def test_bad_statements_are_refused_by_name_and_nothing_is_kept(bank, doors):
    operator, seller = await doors.as_(bank.operator), await doors.as_(bank.seller)
    headers = {"Content-Type": "application/xml"}
    door = "/v1/bank-statements"
    before = (await operator.get(door)).json()
    problem(await seller.post(door, content=statement([Wire(5)]), headers=headers), 403, "forbidden")
    problem(await operator.post(door, content=b"<a/>", headers=headers), 422, "statement-unreadable")
    entity = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    problem(
        await operator.post(door, content=statement([], prologue=entity), headers=headers), 422, "statement-unreadable"
    )
    problem(
        await operator.post(door, content=statement([], opening_cents=10**14), headers=headers),
        409,
        "statement-out-of-order",
    )
    huge = await operator.post(door, content=b"x", headers=headers | {"Content-Length": str(MAX_BYTES + 1)})
    assert huge.status_code == 413
    assert (await operator.get(door)).json() == before


async def test_what_is_not_there_or_not_yours_looks_the_same(bank, doors):
    auction = await factories.sold_auction(
        bank.context, bank.seller, [await factories.buyer(bank.context, bank.officers)], hammer_cents=300_000
    )
    sale = await factories.settlement_in(bank.context, "signing", auction)
    stranger = await doors.as_(bank.buyers[2])
    for door in ("", "/agreement", "/sale-key", "/sale-file", "/leaves-file"):
        ours = await stranger.get(f"/v1/settlements/{sale.settlement_id}{door}")
        none = await stranger.get(f"/v1/settlements/{uuid4()}{door}")
        assert problem(ours, 404, "not-found") == problem(none, 404, "not-found")
    listed = (await stranger.get("/v1/settlements?limit=200")).json()["items"]
    assert str(sale.settlement_id) not in {each["settlement_id"] for each in listed}


async def test_a_bank_account_is_named_and_shown_by_its_last_four(bank, doors):
    buyer = await doors.as_(await factories.buyer(bank.context, bank.officers))
    assert (await buyer.get("/v1/bank-account")).json()["last_four"] is None
    wrong = {"holder_name": "X", "iban": "DE00"}
    assert problem(await buyer.put("/v1/bank-account", json=wrong), 422, "malformed")["field"] == "iban"
    put = await buyer.put("/v1/bank-account", json={"holder_name": "The Buyer", "iban": "DE89370400440532013000"})
    assert put.status_code == 200
    assert put.json() == (await buyer.get("/v1/bank-account")).json()
    assert put.json()["last_four"] == "3000"
    assert "DE89370400440532013000" not in put.text
    # It is in another name than the buyer's, so it is not usable yet, and the answer does not say that it were.
    assert (put.json()["awaits_call_back"], put.json()["usable_from_at"]) == (True, None)


async def test_pages_of_the_ledger_follow_one_another_without_gap_or_repetition(bank, doors):
    operator = await doors.as_(bank.operator)
    whole = (await operator.get("/v1/ledger/transfers?limit=200")).json()["items"][:25]
    paged, cursor = [], ""
    while len(paged) < len(whole):
        page = (await operator.get(f"/v1/ledger/transfers?limit=4{cursor}")).json()
        paged += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert paged[: len(whole)] == whole
