"""Every command with an `Idempotency-Key` happens once, and is answered each time as the first time."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.db.session import Database, Joined
from market.kit.actor import SYSTEM
from market.kit.errors import NotFound, Transient
from market.parties import service as parties
from market.parties.routes import COOKIE
from market.settlement import jobs, service
from market.settlement.routes import HANDLERS
from market.settlement.service import outcomes
from market.settlement.service.outcomes import AnswerNotKept
from tests import factories
from tests.application import application
from tests.running import free_port
from tests.settlement import flowing
from tests.settlement.test_defaults import awarded
from tests.settlement.test_flow_doors import a_proposal
from tests.settlement.test_guards import paid
from tests.settlement.test_http import Doors, doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_putbacks import EVIDENCE, in_window

NAMES_A_TRANSFER = {"placeDeposit", "withdraw"}
"""Their key is asked for, and names the transfer for ever, whoever of the organisation sends it."""
OF_THE_PROVIDER = {"receiveStripeEvent"}
"""Stripe names its messages itself."""


def fresh() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def dispute(settlement) -> str:
    return f"/v1/settlements/{settlement.settlement_id}/disputes"


async def disputes(context, settlement) -> int:
    async with context.db.begin(SYSTEM) as tx:
        return len(await service.list_disputes(tx, SYSTEM, settlement.settlement_id))


def test_every_command_of_a_sale_takes_a_key(bank):
    document = application(bank.context).openapi_schema.to_schema()
    mutating = {
        handler.operation_id: handler for handler in HANDLERS if handler.http_methods - {"GET", "HEAD", "OPTIONS"}
    }
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert len(mutating) > 40
    without, obliged = set(), set()
    for name in mutating:
        keys = [each for each in operations[name].get("parameters", []) if each["name"] == "Idempotency-Key"]
        if not keys:
            without.add(name)
        elif keys[0]["required"]:
            obliged.add(name)
    assert (without, obliged) == (OF_THE_PROVIDER, NAMES_A_TRANSFER)


async def test_steps_of_a_sale_sent_again_are_answered_as_the_first_time(bank, doors):  # noqa: F811
    settlement, _ = await paid(bank)
    officer, other, operator = [await doors.as_(each) for each in (*bank.officers, bank.operator)]
    door = f"/v1/settlements/{settlement.settlement_id}"

    async def twice(client, address, content=None, status=200):
        key = fresh()
        first = await client.post(address, json=content, headers=key)
        assert first.status_code == status, first.text
        again = await client.post(address, json=content, headers=key)
        assert (again.status_code, again.content, again.headers["content-type"]) == (
            first.status_code,
            first.content,
            first.headers["content-type"],
        )
        return first.json()

    await twice(officer, f"{door}/hold", {"reason": "a second look"})
    await twice(officer, f"{door}/hold/lift-preparation", {"reason": "in order", "outcome": "continue"})
    await twice(other, f"{door}/hold/lift-approval")
    await twice(officer, f"{door}/release-preparation", status=201)
    await factories.screen(bank.context)
    assert (await twice(operator, f"{door}/release-approval", status=201))["state"] == "released"
    orders = (await operator.get("/v1/payouts?state=ordered&limit=200")).json()["items"]
    (order,) = [each for each in orders if each["settlement_id"] == str(settlement.settlement_id)]
    key = fresh()
    sent = [await operator.post(f"/v1/payouts/{order['payout_id']}/dispatch", headers=key) for _ in range(2)]
    assert sent[0].content == sent[1].content
    problem(await operator.post(f"{door}/release-approval", headers=fresh()), 409, "settlement-state")


async def test_put_backs_sent_again_are_claimed_and_answered_once(bank, doors):  # noqa: F811
    settlement, party = await in_window(bank)
    buyer, seller = await doors.as_(party), await doors.as_(bank.seller)
    door, key = f"/v1/settlements/{settlement.settlement_id}/put-backs", fresh()
    claims = {
        "claims": [
            {"row_number": 1, "face_value_cents": 1_000_00, "ground": "deceased", "evidence_sha256": EVIDENCE},
        ]
    }
    first, again = [await buyer.post(door, json=claims, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, again.content)
    assert len((await buyer.get(door)).json()["items"]) == 1
    one = f"/v1/put-backs/{first.json()['items'][0]['put_back_id']}"
    answers = [await seller.post(f"{one}/answer", json={"accept": True}, headers=key) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["state"] == "accepted"
    await jobs.pay_put_backs(bank.context)


async def test_a_key_with_other_content_or_at_another_door_is_refused(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    buyer, key = await doors.as_(party), fresh()
    assert (await buyer.post(dispute(settlement), json={"reason": "why"}, headers=key)).status_code == 201
    said = problem(await buyer.post(dispute(settlement), json={"reason": "because"}, headers=key), 409, "key-reused")
    assert said["field"] == "Idempotency-Key"
    elsewhere = f"/v1/settlements/{settlement.settlement_id}/cancellation"
    problem(await buyer.post(elsewhere, json={"reason": "why"}, headers=key), 409, "key-reused")
    assert await disputes(bank.context, settlement) == 1


async def test_a_key_is_its_persons_alone(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    buyer, seller, key = await doors.as_(party), await doors.as_(bank.seller), fresh()
    door = f"/v1/settlements/{settlement.settlement_id}/cancellation"
    asked = [await each.post(door, json={"reason": "both want it"}, headers=key) for each in (buyer, seller)]
    assert [each.status_code for each in asked] == [200, 200]
    async with bank.context.db.begin(SYSTEM) as tx:
        query = text("SELECT count(*) FROM settlement_cancellation WHERE settlement_id = :sale")
        assert await tx.scalar(query, {"sale": settlement.settlement_id}) == 2
    stranger = await doors.as_(bank.buyers[0])
    problem(await stranger.post(door, json={"reason": "both want it"}, headers=key), 404, "not-found")


async def test_a_flow_proposed_again_is_one_flow(bank, doors):  # noqa: F811
    seller, key = await doors.as_(bank.seller), fresh()
    content = a_proposal(await factories.buyer(bank.context, bank.officers), bank.context.clock.now().date())
    first, again = [await seller.post("/v1/forward-flows", json=content, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (201, again.content)
    async with bank.context.db.begin(SYSTEM) as tx:
        query = text("SELECT count(*) FROM forward_flow WHERE buyer_org_id = :buyer")
        assert await tx.scalar(query, {"buyer": content["other_org_id"]}) == 1


@asynccontextmanager
async def listening(bank):
    """The address of a server on a real port."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(application(bank.context), host="127.0.0.1", port=port, lifespan="off", log_level="error")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


async def test_the_same_command_sent_at_once_over_sockets_happens_once(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    signed_in, key, content = await doors.as_(party), fresh(), {"reason": "twice at once"}

    async def until_answered(client):
        while (said := await client.post(dispute(settlement), json=content, headers=key)).status_code == 409:
            problem(said, 409, "command-under-way")
        return said

    async with listening(bank) as url, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=signed_in.headers, cookies={COOKIE: signed_in.cookies[COOKIE]})
            )
            for _ in range(6)
        ]
        answers = await asyncio.gather(*map(until_answered, clients))
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert await disputes(bank.context, settlement) == 1


class _Deaf(httpx.ASGITransport):
    """The answer is lost on the way: the server has committed, nobody hears of it."""

    async def handle_async_request(self, request):
        await super().handle_async_request(request)
        raise httpx.ReadError("the line is dead", request=request)


async def test_an_answer_lost_on_the_way_is_heard_by_asking_again(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    heard, key = await doors.as_(party), fresh()
    async with httpx.AsyncClient(
        transport=_Deaf(app=application(bank.context)),
        base_url="http://market.test",
        headers=heard.headers,
        cookies=heard.cookies,
    ) as deaf:
        with pytest.raises(httpx.ReadError):
            await deaf.post(dispute(settlement), json={"reason": "heard?"}, headers=key)
    again = await heard.post(dispute(settlement), json={"reason": "heard?"}, headers=key)
    assert again.status_code == 201
    assert await disputes(bank.context, settlement) == 1
    problem(await heard.post(dispute(settlement), json={"reason": "heard?"}), 409, "settlement-state")


class _NoVault:
    """A vault that is out of reach when the answer is to be sealed: the last moment before the commit."""

    def __init__(self, vault):
        self._vault = vault

    def __getattr__(self, name):
        return getattr(self._vault, name)

    def wrap(self, data_key, context):
        raise Transient("the vault cannot be reached")


async def test_what_cannot_be_kept_is_not_done(bank):
    _, settlement, party = await awarded(bank)
    key, content = fresh(), {"reason": "not yet"}
    broken = Doors(replace(bank, context=replace(bank.context, vault=_NoVault(bank.context.vault))))
    buyer = await broken.as_(party)
    problem(await buyer.post(dispute(settlement), json=content, headers=key), 503, "try-again")
    assert await disputes(bank.context, settlement) == 0
    application(bank.context)
    assert (await buyer.post(dispute(settlement), json=content, headers=key)).status_code == 201
    await buyer.aclose()


@asynccontextmanager
async def narrow(bank):
    """Doors to the same market with a pool of five connections."""
    db = Database(bank.urls.app, bank.urls.officer, pool_count=5)
    there = Doors(replace(bank, context=replace(bank.context, db=db)))
    yield there
    for client in there.open:
        await client.aclose()
    application(bank.context)
    await db.close()


async def flows_with(context, buyer) -> int:
    async with context.db.begin(SYSTEM) as tx:
        query = text("SELECT count(*) FROM forward_flow WHERE buyer_org_id = :buyer")
        return await tx.scalar(query, {"buyer": buyer.org_id})


async def with_an_account_in_common(context, seller):
    pools = [await factories.keyed_pool(context, seller) for _ in range(2)]
    add = text("INSERT INTO account_fingerprint (pool_id, fingerprint, row_number) VALUES (:pool_id, :account, 1)")
    async with context.db.begin(SYSTEM) as tx:
        account = context.chance.new_id().int % 2**62
        await tx.execute(add, [{"pool_id": pool_id, "account": account} for pool_id in pools])
    return pools


@pytest.mark.parametrize("same_key", [False, True])
async def test_many_commands_at_once_starve_nobody_of_connections(bank, same_key):
    """Each needs something in the platform's name as well; a second connection for that stopped all who held one."""
    buyer, of_all = await factories.buyer(bank.context, bank.officers), fresh()
    content = a_proposal(buyer, bank.context.clock.now().date())
    async with narrow(bank) as there:
        seller, stranger = await there.as_(bank.seller), await there.as_(bank.buyers[0])

        async def propose():
            headers = of_all if same_key else fresh()
            return (await seller.post("/v1/forward-flows", json=content, headers=headers)).status_code

        proposed = [asyncio.create_task(propose()) for _ in range(14)]
        looks = await asyncio.gather(*(stranger.get("/v1/settlements") for _ in range(4)))
        answers = await asyncio.gather(*proposed)
        assert [each.status_code for each in looks] == [200] * 4
        assert set(answers) <= ({201, 409} if same_key else {201})
        assert (await propose()) == 201
    assert await flows_with(bank.context, buyer) == (1 if same_key else 15)


async def test_who_sends_a_command_that_is_under_way_is_told_at_once_and_holds_nothing(bank):
    _, settlement, party = await awarded(bank)
    key, content = fresh(), {"reason": "sent again and again"}
    asked = service.Command(party.actor, key["Idempotency-Key"], "of the first")
    async with narrow(bank) as there:
        buyer = await there.as_(party)
        async with bank.context.db.begin(party.actor) as tx:
            assert await service.find_outcome(tx, asked, now=bank.context.clock.now(), vault=bank.context.vault) is None
            answers = await asyncio.gather(
                *(buyer.post(dispute(settlement), json=content, headers=key) for _ in range(14))
            )
        for each in answers:
            assert problem(each, 409, "command-under-way")["retry_after_s"] == 1
            assert each.headers["Retry-After"] == "1"
        assert (await buyer.post(dispute(settlement), json=content, headers=key)).status_code == 201


async def test_another_actor_in_a_transaction_sees_what_it_may_and_leaves_the_first_as_it_was(bank):
    """One connection for both, and rows that the platform loaded are not handed to the member."""
    party, other = bank.buyers[:2]
    mine = text("SELECT org_id FROM bank_account WHERE org_id = :seller")
    asked, acting = {"seller": bank.seller.org_id}, text("SELECT current_setting('app.role'), pg_backend_pid()")
    async with bank.context.db.begin(party.actor) as tx:
        joined = Joined(bank.context.db, party.actor, tx)
        as_first = (await tx.execute(acting)).one()
        assert await tx.scalar(mine, asked) is None
        async with joined.begin(SYSTEM) as inner:
            assert (await inner.execute(acting)).one() == ("system", as_first[1])
            assert await inner.scalar(mine, asked) == bank.seller.org_id
            assert await parties.find_organisation(inner, other.org_id) is not None
        assert (await tx.execute(acting)).one() == as_first
        assert await tx.scalar(mine, asked) is None
        with pytest.raises(NotFound, match="undone"):
            async with joined.begin(SYSTEM) as inner:
                raise NotFound("undone")
        assert (await tx.execute(acting)).one() == as_first
        assert inner.identity_map is not tx.identity_map
        with pytest.raises(AssertionError, match="officer"):
            joined.begin_as_officer(bank.officers[0].actor)


async def test_a_delivery_refused_for_a_double_sale_is_told_to_compliance_all_the_same(bank, doors):  # noqa: F811
    context, buyer = bank.context, await factories.buyer(bank.context, bank.officers)
    flow = await flowing.active(context, bank.seller, buyer)
    pools = await with_an_account_in_common(context, bank.seller)
    await factories.published_auction(context, bank.seller, pool_id=pools[0])
    seller, officer = await doors.as_(bank.seller), await doors.as_(bank.officers[0])
    order = {"number": 1, "pool_id": str(pools[1])}
    for headers in (fresh(), {}):
        said = await seller.post(f"/v1/forward-flows/{flow.flow_id}/deliveries", json=order, headers=headers)
        assert problem(said, 409, "accounts-on-offer")["account_count"] == 1
    flags = (await officer.get("/v1/double-sales", params={"limit": 200})).json()["items"]
    assert [flag["other_pool_id"] for flag in flags if flag["pool_id"] == str(pools[1])] == [str(pools[0])]


async def test_a_refusal_leaves_the_key_free(bank, doors):  # noqa: F811
    settlement, _ = await paid(bank)
    officer, key = await doors.as_(bank.officers[0]), fresh()
    door = f"/v1/settlements/{settlement.settlement_id}"
    problem(await officer.post(f"{door}/release-approval", headers=key), 409, "settlement-state")
    assert (await officer.post(f"{door}/release-preparation", headers=key)).status_code == 201


async def test_a_key_is_forgotten_after_thirty_days(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    key, content = fresh(), {"reason": "long ago"}
    buyer = await doors.as_(party)
    assert (await buyer.post(dispute(settlement), json=content, headers=key)).status_code == 201
    name = service.Command(party.actor, key["Idempotency-Key"], "").name

    async def kept():
        async with bank.context.db.begin(SYSTEM) as tx:
            query = text("SELECT count(*) FROM command_outcome WHERE name = :name")
            return await tx.scalar(query, {"name": name})

    async def forget(days):
        async with bank.context.db.begin(SYSTEM) as tx:
            while await service.forget_outcomes(tx, now=bank.later(days=days).clock.now()):
                pass

    await forget(29)
    assert await kept() == 1
    asked = service.Command(party.actor, key["Idempotency-Key"], "another digest")
    async with bank.context.db.begin(party.actor) as tx:
        found = outcomes.find_outcome(tx, asked, now=bank.later(days=31).clock.now(), vault=bank.context.vault)
        assert await found is None
        await tx.rollback()
    assert await kept() == 1
    await forget(31)
    assert await kept() == 0
    problem(await buyer.post(dispute(settlement), json=content, headers=key), 409, "settlement-state")


async def test_what_was_answered_is_kept_sealed_and_seen_by_its_person_alone(bank, doors):  # noqa: F811
    _, settlement, party = await awarded(bank)
    buyer, key = await doors.as_(party), fresh()
    said = await buyer.post(dispute(settlement), json={"reason": "a reason of one's own"}, headers=key)
    assert said.status_code == 201
    question = text("SELECT name, sealed FROM command_outcome WHERE user_id = :user_id")
    asked = {"user_id": party.actor.user_id}
    async with bank.context.db.begin(party.actor) as tx:
        ((name, sealed),) = (await tx.execute(question, asked)).all()
    assert key["Idempotency-Key"] not in name
    assert b"settlement_id" not in sealed
    for stranger in (bank.seller, bank.buyers[0], bank.operator, bank.officers[0]):
        async with bank.context.db.begin(stranger.actor) as tx:
            assert (await tx.execute(question, asked)).all() == []
    change = text("UPDATE command_outcome SET made_at = now() WHERE user_id = :user_id")
    with pytest.raises(DBAPIError):
        async with bank.context.db.begin(party.actor) as tx:
            await tx.execute(change, asked)
    forged = text(
        "INSERT INTO command_outcome SELECT :other, user_id, sealed, wrapped_key, made_at FROM command_outcome"
    )
    with pytest.raises(DBAPIError):
        async with bank.context.db.begin(SYSTEM) as tx:
            await tx.execute(forged, {"other": "ab" * 32})


async def test_of_a_very_long_answer_only_the_fact_is_kept(bank):
    party, now = bank.buyers[0], bank.context.clock.now()
    asked = service.Command(party.actor, str(uuid4()), "00" * 32)
    tools = {"now": now, "vault": bank.context.vault}
    long = service.Outcome(201, bytes(outcomes.MAX_ANSWER_BYTES + 1))
    async with bank.context.db.begin(party.actor) as tx:
        await service.keep_outcome(tx, asked, long, chance=bank.context.chance, **tools)
    with pytest.raises(AnswerNotKept):
        async with bank.context.db.begin(party.actor) as tx:
            await service.find_outcome(tx, asked, **tools)


@pytest.mark.parametrize("key", ["", "x" * 65, "two words", "schlüssel".encode()])
async def test_a_key_is_of_1_to_64_printable_characters(bank, doors, key):  # noqa: F811
    officer = await doors.as_(bank.officers[0])
    door = f"/v1/settlements/{uuid4()}/hold"
    said = problem(await officer.post(door, json={"reason": "x"}, headers={"Idempotency-Key": key}), 422, "malformed")
    assert said["field"] == "Idempotency-Key"
