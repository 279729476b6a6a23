"""Auctions over HTTP: publishing, looking, registering, bidding, and each no as a problem with its code."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from auctions.messages import Reason
from market.bidding import routes, schemas
from market.bidding import service as bidding
from market.bidding.commission import Payer, Schedule
from market.bidding.rules import PROBLEMS
from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden
from market.parties import service as parties
from market.portfolios import service as portfolios
from market.portfolios.nda import NDA_VERSION
from tests import factories
from tests.application import application
from tests.bidding.conftest import new_cid

_ORIGIN = "http://market.test"


class Web:
    """The application in this process, and a signed-in voice for each party."""

    def __init__(self, hall, client):
        self.hall, self.client, self._cookies = hall, client, {}

    async def __call__(self, party, method, path, **how):
        if party.email not in self._cookies:
            attempt = parties.SignIn(party.email, party.password, "192.0.2.7")
            signed_in = await parties.sign_in(self.hall.context, attempt, hasher=factories.CHEAP)
            self._cookies[party.email] = f"market_session={signed_in.token}"
        headers = {"Cookie": self._cookies[party.email], "Origin": _ORIGIN} | how.pop("headers", {})
        return await self.client.request(method, f"/v1{path}", headers=headers, **how)

    async def bid(self, party, room, body, key=None):
        content = body if isinstance(body, str) else json.dumps(body)
        headers = {"Idempotency-Key": key or new_cid(), "Content-Type": "application/json"}
        return await self(party, "POST", f"/auctions/{room.auction_id}/bids", content=content, headers=headers)


@pytest_asyncio.fixture
async def web(hall):
    context = replace(hall.context, settings=replace(hall.context.settings, close_drain_ms=0))
    app = application(context)
    started, stop = asyncio.Event(), asyncio.Event()

    async def live():
        async with app.lifespan():
            started.set()
            await stop.wait()

    running = asyncio.create_task(live())
    await started.wait()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=_ORIGIN) as client:
        yield Web(hall, client)
    stop.set()
    await running


def publication(hall, pool_id, *, terms=None, **changes):
    given = factories.some_terms(hall.context.clock.now(), **(terms or {}))
    return {"pool_id": str(pool_id), "format": "english", "terms": given, "deposit_cents": 0, **changes}


# Publishing.


async def test_a_seller_publishes_and_everybody_sees_what_is_for_them(hall, web):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    body = publication(hall, pool_id, terms={"reserve_cents": 777_777}, deposit_cents=5_000)
    made = await web(hall.seller, "POST", "/auctions", json=body)
    assert made.status_code == 201
    auction_id = made.json()["auction_id"]
    assert made.json()["terms"]["reserve_cents"] == 777_777
    assert made.json()["commission"]["tiers"][0] == {"from_cents": 0, "rate_bps": 500}
    seen = await web(hall.buyers[0], "GET", f"/auctions/{auction_id}")
    assert "777777" not in seen.text
    assert seen.json()["state"]["min_next_cents"] == 100_000
    assert [each["code"] for each in seen.json()["you"]["missing"]] == ["nda", "deposit"]
    async with hall.context.db.begin(hall.seller.actor) as tx:
        assert str((await portfolios.find_pool(tx, hall.seller.actor, pool_id)).auction_id) == auction_id
    again = await web(hall.seller, "POST", "/auctions", json=body)
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("terms", "changes", "field"),
    [
        ({"opening_cents": 0}, {}, "terms.opening_cents"),
        ({"opening_cents": "100000"}, {}, "terms.opening_cents"),
        ({"opening_cents": 100000.0}, {}, "terms.opening_cents"),
        ({"reserve_cents": 1}, {}, "terms.reserve_cents"),
        ({"buy_now_cents": 5}, {}, "terms.buy_now_cents"),
        ({"increments": [{"from_cents": 5, "increment_cents": 1}]}, {}, "terms.increments"),
        ({"opens_at": "2026-01-01T00:00:00"}, {}, "terms.opens_at"),
        (
            {
                "closes_at": "2020-01-01T00:00:00Z",
                "opens_at": "2019-01-01T00:00:00Z",
                "latest_close_at": "2020-01-01T00:00:00Z",
            },
            {},
            "terms.closes_at",
        ),
        ({"tape_version": "mine"}, {}, "terms.tape_version"),
        ({}, {"deposit_cents": -1}, "deposit_cents"),
        ({}, {"deposit_cents": True}, "deposit_cents"),
        ({}, {"format": "tender"}, "format"),
        ({}, {"circle": "invited"}, "invited"),
        ({}, {"commission": {"tiers": [{"from_cents": 0, "rate_bps": 100}]}}, "commission.tiers"),
        ({}, {"commission": {"payer": "buyer", "minimum_cents": 0}}, "commission.minimum_cents"),
        ({}, {"commission": {"payer": "platform"}}, "commission.payer"),
    ],
)
async def test_terms_that_make_no_sense_are_refused_by_field(hall, web, terms, changes, field):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    refused = await web(hall.seller, "POST", "/auctions", json=publication(hall, pool_id, terms=terms, **changes))
    assert (refused.status_code, refused.json().get("field")) == (422, field)
    async with hall.context.db.begin(hall.seller.actor) as tx:
        assert (await portfolios.find_pool(tx, hall.seller.actor, pool_id)).auction_id is None


async def test_the_operator_sets_the_commission_and_the_seller_says_who_pays(hall, web):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    said = publication(hall, pool_id, commission={"payer": "buyer"})
    made = await web(hall.seller, "POST", "/auctions", json=said)
    assert made.status_code == 201, made.text
    assert made.json()["commission"] == Schedule.default("USD", Payer.BUYER).to_json()


async def test_an_officer_sees_which_bids_of_an_organisation_still_run_and_that_is_recorded(hall, web):
    room, first = await hall.room(), await factories.buyer(hall.context, hall.officers)
    await factories.register_for(hall.context, first, room.auction)
    second, auction_id = hall.buyers[0], str(room.auction_id)
    for party, cents in ((first, 100_000), (second, 200_000)):
        made = await web.bid(party, room, {"kind": "manual", "amount_cents": cents, "confirmed": True})
        assert made.status_code == 201, made.text
    door = f"/organisations/{first.org_id}/running-bids"
    seen = (await web(hall.officers[0], "GET", door)).json()["items"]
    assert [(one["auction_id"], one["kind"]) for one in seen] == [(auction_id, "manual")]
    assert seen[0].keys() == {"auction_id", "seq", "kind", "placed_at"}
    strike = {"seq": seen[0]["seq"], "reason": "a slip"}
    voided = await web(hall.operator, "POST", f"/auctions/{auction_id}/voids", json=strike)
    assert voided.status_code == 201, voided.text
    for party in (hall.operator, first, second, hall.seller):
        assert (await web(party, "GET", door)).status_code == 403
    assert (await web(hall.officers[0], "GET", f"/organisations/{auction_id}/running-bids")).status_code == 404
    async with hall.context.db.begin(SYSTEM) as tx:
        looked = text("SELECT count(*) FROM journal WHERE stream = :stream AND kind = 'bids.looked_at'")
        assert await tx.scalar(looked, {"stream": f"org:{first.org_id}"}) == 1


async def test_only_the_cleared_owner_of_a_pool_publishes_it(hall, web):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    other = await factories.seller(hall.context, hall.officers)
    for party, status in ((other, 404), (hall.buyers[0], 403), (hall.operator, 403)):
        refused = await web(party, "POST", "/auctions", json=publication(hall, pool_id))
        assert refused.status_code == status


async def test_an_invited_circle_is_seen_and_entered_by_the_invited_only(hall, web):
    invited, uninvited = hall.buyers[:2]
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    body = publication(hall, pool_id, circle="invited", invited=[str(invited.org_id)])
    auction_id = (await web(hall.seller, "POST", "/auctions", json=body)).json()["auction_id"]
    assert (await web(invited, "GET", f"/auctions/{auction_id}")).status_code == 200
    assert (await web(uninvited, "GET", f"/auctions/{auction_id}")).status_code == 404
    assert (await web(uninvited, "GET", f"/auctions/{auction_id}/events")).status_code == 404
    ids = [each["auction_id"] for each in (await web(uninvited, "GET", "/auctions?limit=200")).json()["items"]]
    assert auction_id not in ids


# Looking.


async def test_lists_come_in_pages_newest_first(hall, web):
    rooms = [await hall.room(buyer_count=0) for _ in range(3)]
    first = (await web(hall.buyers[0], "GET", "/auctions?limit=2")).json()
    rest = (await web(hall.buyers[0], "GET", f"/auctions?limit=1&cursor={first['next_cursor']}")).json()
    found = [each["auction_id"] for each in first["items"] + rest["items"]]
    assert found == [str(room.auction_id) for room in reversed(rooms)]
    own = (await web(hall.seller, "GET", "/auctions?own=true&limit=200")).json()["items"]
    assert {each["seller_org_id"] for each in own} == {str(hall.seller.org_id)}
    assert (await web(hall.buyers[0], "GET", "/auctions?own=true")).json()["items"] == []
    assert (await web(hall.buyers[0], "GET", "/auctions?limit=0")).json()["field"] == "limit"
    assert (await web(hall.buyers[0], "GET", "/auctions?phase=nonsense")).status_code == 422


async def test_an_etag_saves_what_has_not_changed(hall, web):
    room = await hall.room()
    path = f"/auctions/{room.auction_id}"
    while (first := await web(room.buyers[0], "GET", path)).json()["phase"] != "open":
        await asyncio.sleep(0.02)
    same = await web(room.buyers[0], "GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    await web.bid(room.buyers[1], room, {"kind": "manual", "amount_cents": 100_000})
    after = await web(room.buyers[0], "GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["state"]["price_cents"] == 100_000


async def test_events_show_each_what_it_may_see_and_leave_no_gap(hall, web):
    room = await hall.room()
    one, other = room.buyers[:2]
    await web.bid(one, room, {"kind": "proxy", "amount_cents": 654_321})
    path = f"/auctions/{room.auction_id}/events"
    own, others, office = [(await web(party, "GET", path)).json()["items"] for party in (one, other, hall.officers[0])]
    for seen in (own, others, office):
        assert [frame["seq"] for frame in seen] == list(range(1, len(seen) + 1))
    assert "654321" in json.dumps(own)
    assert "654321" not in json.dumps(others)
    later = (await web(one, "GET", f"{path}?from_seq=2&limit=1")).json()["items"]
    assert [frame["seq"] for frame in later] == [3]
    for outside in (-1, 2**63):
        assert (await web(one, "GET", f"{path}?from_seq={outside}")).json()["field"] == "from_seq"
    assert (await web(one, "GET", f"{path}?from_seq={2**63 - 1}")).json()["items"] == []
    assert (await web(one, "GET", f"/auctions/{hall.context.chance.new_id()}/events")).status_code == 404


async def test_officers_and_operators_see_what_everybody_does_until_the_end(hall, web):
    room = await hall.room(buyer_count=1, terms={"reserve_cents": 777_777, "buy_now_cents": 900_000})
    await web.bid(room.buyers[0], room, {"kind": "proxy", "amount_cents": 654_321})
    paths = [f"/auctions/{room.auction_id}", f"/auctions/{room.auction_id}/events"]
    secrets = ("777777", "654321", str(room.buyers[0].org_id))
    for path in paths:
        for party in (hall.operator, hall.officers[0]):
            seen = (await web(party, "GET", path)).text
            assert [secret for secret in secrets if secret in seen] == []
    await web(room.buyers[0], "POST", f"{paths[0]}/buy-now", headers={"Idempotency-Key": "now"})
    for party in (hall.operator, hall.officers[0]):
        assert "654321" in (await web(party, "GET", paths[1])).text


async def test_a_key_that_may_not_see_auctions_publishes_none(hall):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    writer = replace(hall.seller.actor, scopes=frozenset({"auctions:write"}))
    with pytest.raises(Forbidden):
        await routes.publish.fn(hall.context, writer, None, schemas.PublishBody(**publication(hall, pool_id)))
    async with hall.context.db.begin(hall.seller.actor) as tx:
        assert (await portfolios.find_pool(tx, hall.seller.actor, pool_id)).auction_id is None


async def test_the_log_is_given_out_after_the_end_and_verifies_offline(hall, web, tmp_path):
    room = await hall.room(buyer_count=2, terms={"buy_now_cents": 900_000, "reserve_cents": 300_000})
    winner, loser = room.buyers
    path = f"/auctions/{room.auction_id}/log"
    await web.bid(loser, room, {"kind": "proxy", "amount_cents": 250_000})
    early = await web(loser, "GET", path)
    assert (early.status_code, early.json()["type"]) == (409, "/problems/still-running")
    bought = await web(winner, "POST", f"/auctions/{room.auction_id}/buy-now", headers={"Idempotency-Key": "now"})
    assert bought.status_code == 201
    for party in (hall.seller, winner, loser, hall.operator, hall.officers[0]):
        assert (await web(party, "GET", path)).status_code == 200
    assert (await web(hall.buyers[3], "GET", path)).status_code == 403
    log = tmp_path / "log.jsonl"
    log.write_bytes((await web(loser, "GET", path)).content)
    verdict = subprocess.run([sys.executable, "-m", "auctions", "verify", log], check=True, capture_output=True)
    assert f"awarded to {winner.org_id}".encode() in verdict.stdout
    assert all(party.email not in log.read_text() for party in room.buyers)


# Registering.


async def test_registering_names_everything_that_is_missing(hall):
    room = await hall.room(buyer_count=0, deposit_cents=500)
    narrow = await factories.cleared_organisation(hall.context, ("bid",), states=("CA",), officers=hall.officers)
    stranger = await factories.register_member(hall.context)
    for party, codes in (
        (hall.seller, ["own-pool", "nda"]),
        (stranger, ["clearance", "nda"]),
        (narrow, ["clearance-states", "nda"]),
        (hall.buyers[0], ["nda"]),
    ):
        with pytest.raises(Forbidden) as refused:
            await register(hall, party, room.auction_id, hall.context.chance.new_id())
        assert refused.value.members["requirements"] == codes
    async with hall.context.db.begin(hall.buyers[0].actor) as tx:
        now = hall.context.clock.now()
        await portfolios.accept_nda(tx, hall.buyers[0].actor, room.auction.pool_id, NDA_VERSION, now=now)
    with pytest.raises(Forbidden) as refused:
        await register(hall, hall.buyers[0], room.auction_id, None)
    assert refused.value.members["requirements"] == ["deposit"]
    first = await register(hall, hall.buyers[0], room.auction_id, hall.context.chance.new_id())
    again = await register(hall, hall.buyers[0], room.auction_id, hall.context.chance.new_id())
    assert first == again


async def register(hall, party, auction_id, transfer_id):
    """With a transfer that nobody made, in the system's scope: the database believes no member that there is one."""
    async with hall.context.db.begin(SYSTEM if transfer_id else party.actor) as tx:
        return await bidding.register_bidder(tx, party.actor, auction_id, transfer_id, hall.context.clock.now())


async def test_an_ended_registration_takes_no_bids_until_it_is_renewed(hall, web):
    room = await hall.room()
    party = room.buyers[0]
    async with hall.context.db.begin(party.actor) as tx:
        await bidding.end_registration(tx, party.actor, room.auction_id, party.org_id, hall.context.clock.now())
    refused = await web.bid(party, room, {"kind": "manual", "amount_cents": 100_000})
    assert refused.json()["code"] == Reason.NOT_ELIGIBLE
    await register(hall, party, room.auction_id, None)
    assert (await web.bid(party, room, {"kind": "manual", "amount_cents": 100_000})).status_code == 201


# Bidding.


@pytest.mark.parametrize(
    "amount", ['"100000"', "100000.0", "1e5", "100000.5", "-1", "0", "1" + "0" * 30, "true", "null", "[1]", "NaN"]
)
async def test_an_amount_that_is_no_whole_number_of_cents_is_refused_by_field(hall, web, amount):
    room = await hall.room(buyer_count=1)
    refused = await web.bid(room.buyers[0], room, f'{{"kind":"manual","amount_cents":{amount}}}')
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    if amount != "NaN":
        assert refused.json()["field"] == "amount_cents"
    frames = (await web(room.buyers[0], "GET", f"/auctions/{room.auction_id}/events")).json()["items"]
    assert "bid_accepted" not in {frame["kind"] for frame in frames}


async def test_bids_are_idempotent_by_their_key(hall, web):
    room = await hall.room()
    body = {"kind": "manual", "amount_cents": 100_000}
    first = await web.bid(room.buyers[0], room, body, key="k1")
    again = await web.bid(room.buyers[0], room, body, key="k1")
    other = await web.bid(room.buyers[0], room, {**body, "amount_cents": 200_000}, key="k1")
    assert (first.status_code, first.json()["status"]) == (201, "accepted")
    assert again.json() == first.json() | {"status": "duplicate"}
    assert (other.status_code, other.json()["code"]) == (409, "DUPLICATE_CID")


async def test_an_accepted_bid_says_whether_it_leads(hall, web):
    room = await hall.room()
    ada, bob = room.buyers[:2]
    said = [
        (await web.bid(party, room, {"kind": kind, "amount_cents": cents}, key=key)).json()["outcome"]
        for party, kind, cents, key in (
            (ada, "proxy", 500_000, "a-1"),
            (bob, "manual", 300_000, "b-1"),
            (ada, "proxy", 600_000, "a-2"),
            (bob, "manual", 300_000, "b-1"),
        )
    ]
    assert said == ["leading", "outbid", "raised", "outbid"]


async def test_strikes_are_idempotent_by_their_key_if_they_have_one(hall, web):
    room = await hall.room(buyer_count=1)
    seq = (await web.bid(room.buyers[0], room, {"kind": "manual", "amount_cents": 100_000})).json()["seq"]
    body, key = {"seq": seq, "reason": "we do not sell to resellers"}, {"Idempotency-Key": "k1"}
    for party, door, status in ((hall.operator, "voids", 201), (hall.seller, "refusals", 404)):
        at = f"/auctions/{room.auction_id}/{door}"
        first, again = [await web(party, "POST", at, json=body, headers=key) for _ in range(2)]
        assert first.status_code == again.status_code == status
        assert first.json()["decided_at"] == again.json()["decided_at"]
        other = await web(party, "POST", at, json=body | {"seq": seq + 1}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "DUPLICATE_CID")
        assert (await web(party, "POST", at, json=body, headers={"Idempotency-Key": "x" * 65})).status_code == 422


async def test_all_terms_that_are_missing_are_named_at_once(hall, web):
    pool = await factories.ready_pool(hall.context, hall.seller)
    body = {"pool_id": str(pool.pool_id), "terms": {"opening_cents": 1_000_00}}
    refused = (await web(hall.seller, "POST", "/auctions", json=body)).json()
    assert (refused["field"], refused["detail"]) == (
        "terms.closes_at", "closes_at is missing, and so are increments, latest_close_at, opens_at"
    )  # fmt: skip
    early = {"opening_cents": 1_000_00, "opens_at": "2025-01-12T15:00:00Z"}
    refused = (await web(hall.seller, "POST", "/auctions", json=body | {"preset": "standard", "terms": early})).json()
    assert refused["field"] == "terms.opens_at"
    assert "it would close at 2025-01-13T15:00:00Z" in refused["detail"]


async def test_a_bid_needs_a_key(hall, web):
    room = await hall.room(buyer_count=1)
    body = {"kind": "manual", "amount_cents": 100_000}
    missing = await web(room.buyers[0], "POST", f"/auctions/{room.auction_id}/bids", json=body)
    assert missing.status_code == 422
    assert (await web.bid(room.buyers[0], room, body, key="x" * 65)).status_code == 422


async def test_refusals_are_problems_with_the_code_of_the_live_socket(hall, web):
    room = await hall.room(buyer_count=2)
    low = await web.bid(room.buyers[0], room, {"kind": "manual", "amount_cents": 99_999})
    assert low.status_code == 409
    assert low.json() | {"decided_at": ""} == {
        "type": "/problems/bid-too-low",
        "title": "The bid is too low",
        "status": 409,
        "detail": "bid at least min_next_cents",
        "code": "BID_TOO_LOW",
        "min_next_cents": 100_000,
        "decided_at": "",
    }
    huge = await web.bid(room.buyers[0], room, {"kind": "manual", "amount_cents": 1_000_000})
    assert (huge.status_code, huge.json()["code"]) == (409, "CONFIRM_NEEDED")
    confirmed = {"kind": "manual", "amount_cents": 1_000_000, "confirmed": True}
    assert (await web.bid(room.buyers[0], room, confirmed)).status_code == 201
    for party, code in ((hall.seller, "OWN_POOL"), (hall.buyers[3], "NOT_ELIGIBLE")):
        refused = await web.bid(party, room, confirmed)
        assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert (await web.bid(hall.operator, room, confirmed)).status_code == 403
    path, key = f"/v1/auctions/{room.auction_id}/bids", {"Idempotency-Key": "k"}
    anonymous = await web.client.post(path, json=confirmed, headers=key)
    assert anonymous.status_code == 401


def test_every_reason_has_one_problem_with_a_slug_of_its_own():
    assert set(PROBLEMS) == set(Reason)
    assert len({problem.slug for problem in PROBLEMS.values()}) == len(Reason)


async def test_an_auction_that_is_not_there_takes_no_bid(hall, web):
    room = await hall.room(buyer_count=1)
    nowhere = replace(room, auction=replace(room.auction, auction_id=hall.context.chance.new_id()))
    missing = await web.bid(room.buyers[0], nowhere, {"kind": "manual", "amount_cents": 100_000})
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/no-such-auction")


async def test_ceilings_strikes_pauses_and_cancellations_have_doors(hall, web):
    room = await hall.room(buyer_count=2)
    one, other = room.buyers
    at = f"/auctions/{room.auction_id}"
    await web.bid(one, room, {"kind": "proxy", "amount_cents": 400_000})
    lowered = await web(one, "DELETE", f"{at}/ceiling", headers={"Idempotency-Key": "down"})
    assert lowered.status_code == 200
    top = (await web.bid(other, room, {"kind": "manual", "amount_cents": 300_000})).json()["seq"]
    strike = {"seq": top, "reason": "we do not sell to resellers"}
    assert (await web(one, "POST", f"{at}/refusals", json=strike)).status_code == 403
    assert (await web(hall.seller, "POST", f"{at}/refusals", json=strike)).status_code == 201
    assert (await web(hall.seller, "POST", f"{at}/refusals", json=strike)).status_code == 404
    assert (await web(hall.seller, "POST", f"{at}/voids", json={"seq": 3, "reason": "a slip"})).status_code == 403
    assert (await web(hall.operator, "POST", f"{at}/pause", json={"reason": "a fire drill"})).status_code == 201
    assert (await web.bid(other, room, {"kind": "manual", "amount_cents": 300_000})).json()["code"] == "PAUSED"
    assert (await web(hall.operator, "POST", f"{at}/resumption")).status_code == 201
    assert (await web(hall.operator, "POST", f"{at}/voids", json={"seq": 3, "reason": "a slip"})).status_code == 201
    assert (await web(hall.seller, "POST", f"{at}/cancellation", json={"reason": "  "})).status_code == 422
    assert (await web(hall.seller, "POST", f"{at}/cancellation", json={"reason": "sold"})).status_code == 201
    assert (await web(one, "GET", at)).json()["phase"] == "cancelled"


async def test_an_auction_over_http_runs_from_publication_to_award(hall, web):
    pool = await factories.ready_pool(hall.context, hall.seller)
    soon = hall.context.clock.now() + timedelta(seconds=8)
    terms = {"closes_at": soon, "soft_close_window_s": 0, "soft_close_extension_s": 0}
    made = await web(hall.seller, "POST", "/auctions", json=publication(hall, pool.pool_id, terms=terms))
    async with hall.context.db.begin(hall.seller.actor) as tx:
        auction = await bidding.find_auction(tx, made.json()["auction_id"])
    for party in hall.buyers[:2]:
        await factories.register_for(hall.context, party, auction)
    room = factories.Room(auction, hall.seller, hall.buyers[:2], hall.officers)
    for party, cents in ((hall.buyers[0], 100_000), (hall.buyers[1], 250_000)):
        assert (await web.bid(party, room, {"kind": "manual", "amount_cents": cents})).status_code == 201
    async with asyncio.timeout(25):
        while (seen := (await web(hall.seller, "GET", f"/auctions/{room.auction_id}")).json())["phase"] != "awarded":
            await asyncio.sleep(0.05)
    assert seen["award"]["winner_org_id"] == str(hall.buyers[1].org_id)
    assert seen["award"]["hammer_cents"] == 250_000
    loser = (await web(hall.buyers[0], "GET", f"/auctions/{room.auction_id}")).json()
    assert loser["award"] is None
    assert loser["state"]["hammer_cents"] == 250_000
