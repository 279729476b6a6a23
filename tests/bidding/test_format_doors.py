"""The doors of the other formats over HTTP: choosing one by preset, its commands and refusals, and the calendar."""

import re
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from auctions.presets import FORMATS
from market.bidding.calendar import _fold, feed
from tests import factories
from tests.bidding.conftest import new_cid
from tests.bidding.test_http import web  # noqa: F401  # the same application

AMOUNTS = {
    "english": {"opening_cents": 100_000},
    "sealed": {"opening_cents": 100_000},
    "dutch": {"start_cents": 500_000, "floor_cents": 100_000},
    "hybrid": {"start_cents": 500_000},
    "best_offer": {"opening_cents": 100_000},
    "two_stage": {"opening_cents": 100_000},
    "fixed_price": {"price_cents": 100_000},
    "packages": {},
}
CHOICES = [(known.name, preset.name) for known in FORMATS for preset in known.presets]


async def published(hall, web, name, preset, *, opens_in=timedelta(seconds=-1), **more):  # noqa: F811
    pool_ids = [await factories.bare_pool(hall.context, hall.seller) for _ in range(2 if name == "packages" else 1)]
    terms = {"opens_at": (hall.context.clock.now() + opens_in).isoformat(), **AMOUNTS[name], **more}
    if name == "packages":
        terms["pools"] = [{"pool": str(pool_id), "least_cents": 1_000} for pool_id in pool_ids]
    if preset == "ceremony":
        key = X25519PrivateKey.from_private_bytes(hall.context.chance.entropy(32)).public_key().public_bytes_raw()
        terms |= {"sealing_key": key.hex(), "most_cents": 9_000_000}
    body = {"pool_id": str(pool_ids[0]), "format": name, "preset": preset, "terms": terms}
    made = await web(hall.seller, "POST", "/auctions", json=body)
    assert made.status_code == 201, made.text
    return made.json()


@pytest.mark.parametrize(("name", "preset"), CHOICES)
async def test_every_preset_needs_little_more_than_an_amount_and_an_opening(hall, web, name, preset):  # noqa: F811
    made = await published(hall, web, name, preset)
    assert (made["format"], made["terms"]["format"]) == (name, name)
    opens_at, closes_at = (datetime.fromisoformat(made[field]) for field in ("opens_at", "closes_at"))
    assert timedelta(minutes=30) < closes_at - opens_at < timedelta(days=60)


async def test_the_list_of_formats_says_what_each_takes(hall, web):  # noqa: F811
    listed = (await web(hall.seller, "GET", "/formats")).json()["items"]
    assert [one["name"] for one in listed] == [known.name for known in FORMATS]
    for one in listed:
        schema = one["terms_schema"]
        assert "currency" not in schema["properties"]
        assert set(AMOUNTS[one["name"]]) <= set(schema["properties"])
        assert one["presets"]
        assert one["summary"].endswith(".")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"preset": "nonsense"}, "preset"),
        ({"format": "dutch", "preset": "quick"}, "preset"),
        ({"terms": {"opens_at": "yesterday"}}, "terms.opens_at"),
        ({"terms": {"opens_at": "2026-11-22T10:00:00"}}, "terms.opens_at"),
        ({"terms": {"opens_at": "9999-12-31T23:59:59Z"}}, "terms.opens_at"),
        ({"format": "packages", "terms": {"pools": "all"}}, "terms.pools"),
        ({"format": "packages", "terms": {"pools": [{"pool": 5, "least_cents": 1}]}}, "terms.pools"),
    ],
)
async def test_what_cannot_be_auctioned_under_is_named(hall, web, changes, field):  # noqa: F811
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    body = {"pool_id": str(pool_id), "format": "english", "preset": "standard", "terms": {"opening_cents": 5}} | changes
    refused = await web(hall.seller, "POST", "/auctions", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


async def say(web, party, auction, method, path, body=None):  # noqa: F811
    headers = {"Idempotency-Key": new_cid()}
    address = f"/auctions/{auction['auction_id']}/{path}"
    return await web(party, method, address, json=body, headers=headers)


async def registered(hall, auction_id, party):
    async with hall.context.db.begin(party.actor) as tx:
        found = await factories.bidding.find_auction(tx, auction_id)
    await factories.register_for(hall.context, party, found)


async def test_a_falling_price_is_armed_disarmed_and_taken(hall, web):  # noqa: F811
    auction = await published(hall, web, "dutch", "standard")
    buyer = hall.buyers[0]
    await registered(hall, auction["auction_id"], buyer)
    armed = await say(web, buyer, auction, "POST", "armed-step", {"step": 40})
    assert armed.status_code == 201
    assert (await say(web, buyer, auction, "DELETE", "offer")).status_code == 200
    missed = await say(web, buyer, auction, "POST", "acceptances", {"step": 5, "price_cents": 475_000})
    assert (missed.status_code, missed.json()["code"]) == (409, "STEP_MOVED")
    taken = await say(web, buyer, auction, "POST", "acceptances", {"step": 0, "price_cents": 500_000})
    assert taken.status_code == 201
    shown = (await web(hall.seller, "GET", f"/auctions/{auction['auction_id']}")).json()
    assert (shown["phase"], shown["awards"][0]["hammer_cents"]) == ("awarded", 500_000)
    assert shown["award"] == shown["awards"][0]


async def test_a_seller_counters_and_takes_an_offer(hall, web):  # noqa: F811
    auction = await published(hall, web, "best_offer", "standard")
    buyer = hall.buyers[0]
    await registered(hall, auction["auction_id"], buyer)
    body = {"kind": "manual", "amount_cents": 200_000}
    offered = (await say(web, buyer, auction, "POST", "bids", body)).json()["seq"]
    until = (hall.context.clock.now() + timedelta(hours=1)).isoformat()
    counter = {"bid_seq": offered, "price_cents": 300_000, "valid_until": until}
    assert (await say(web, buyer, auction, "POST", "counter-offers", counter)).status_code == 403
    countered = await say(web, hall.seller, auction, "POST", "counter-offers", counter)
    accept = {"counter_seq": countered.json()["seq"]}
    assert (await say(web, buyer, auction, "POST", "counter-acceptances", accept)).status_code == 201
    late = await say(web, hall.seller, auction, "POST", "award", {"bid_seq": offered, "seq_seen": offered})
    assert (late.status_code, late.json()["code"]) == (409, "TOO_LATE")


async def test_a_seller_answers_below_the_reserve(hall, web):  # noqa: F811
    path = "highest-bid/award"
    for answer, phase in (("award", "awarded"), ("refusal", "failed")):
        closes_at = (hall.context.clock.now() + timedelta(seconds=3)).isoformat()
        more = {
            "closes_at": closes_at,
            "latest_close_at": closes_at,
            "soft_close_window_s": 0,
            "reserve_cents": 900_000,
        }
        auction = await published(hall, web, "english", "accept-below-reserve", **more)
        assert auction["terms"]["below_reserve_answer_s"] == 48 * 3_600
        buyer = hall.buyers[0]
        await registered(hall, auction["auction_id"], buyer)
        await say(web, buyer, auction, "POST", "bids", {"kind": "manual", "amount_cents": 200_000})
        early = await say(web, hall.seller, auction, "POST", path, {"seq_seen": 3})
        assert (early.status_code, early.json()["code"]) == (409, "NOT_DUE")
        await hall.until(datetime.fromisoformat(auction["closes_at"]))
        address = f"/auctions/{auction['auction_id']}"
        while (shown := (await web(hall.seller, "GET", address)).json())["phase"] != "awarding":
            await hall.until(hall.context.clock.now() + timedelta(milliseconds=20))
        assert shown["state"]["answer_until"] > auction["closes_at"]
        seen = {"seq_seen": shown["state"]["seq"]}
        assert (await say(web, buyer, auction, "POST", path, seen)).status_code == 403
        assert (await say(web, hall.seller, auction, "POST", f"highest-bid/{answer}", seen)).status_code == 201
        assert (await web(hall.seller, "GET", address)).json()["phase"] == phase


async def test_indications_a_changed_tape_and_a_shortlist_that_comes_too_early(hall, web):  # noqa: F811
    auction = await published(hall, web, "two_stage", "standard")
    buyer = hall.buyers[0]
    await registered(hall, auction["auction_id"], buyer)
    said = await say(web, buyer, auction, "POST", "indications", {"low_cents": 100_000, "high_cents": 300_000})
    assert said.status_code == 201
    assert (await say(web, hall.seller, auction, "POST", "tape-revisions", {"tape_version": "v2"})).status_code == 201
    chosen = {"chosen": [str(buyer.org_id)]}
    early = await say(web, hall.seller, auction, "POST", "shortlist", chosen)
    assert (early.status_code, early.json()["code"]) == (409, "STALE")
    early = await say(web, buyer, auction, "POST", "binding-bids", {"amount_cents": 300_000})
    assert (early.status_code, early.json()["code"]) == (409, "NOT_OPEN")


async def test_pools_are_bid_for_together_or_alone(hall, web):  # noqa: F811
    auction = await published(hall, web, "packages", "any-sets")
    buyer = hall.buyers[0]
    pools = [one["pool"] for one in auction["terms"]["pools"]]
    for pool_id in pools:
        await accepted(hall, buyer, pool_id)
    await registered(hall, auction["auction_id"], buyer)
    bid = await say(web, buyer, auction, "POST", "package-bids", {"pools": pools, "amount_cents": 5_000})
    assert bid.status_code == 201
    asked = "&".join(f"pools={pool_id}" for pool_id in pools)
    told = await web(hall.buyers[1], "GET", f"/auctions/{auction['auction_id']}/needed?{asked}")
    assert told.json() == {"seq": bid.json()["seq"], "need_cents": 5_001}
    alone = await web(buyer, "GET", f"/auctions/{auction['auction_id']}/needed?pools={auction['auction_id']}")
    assert (alone.status_code, alone.json()["field"]) == (404, "pools")
    unknown = {"pools": [auction["auction_id"]], "amount_cents": 5_000}
    assert (await say(web, buyer, auction, "POST", "package-bids", unknown)).status_code == 404


async def accepted(hall, party, pool_id):
    async with hall.context.db.begin(party.actor) as tx:
        now = hall.context.clock.now()
        await factories.portfolios.accept_nda(tx, party.actor, pool_id, factories.NDA_VERSION, now=now)


async def test_sealed_bytes_are_taken_and_officers_alone_ask_for_them(hall, web):  # noqa: F811
    auction = await published(hall, web, "sealed", "ceremony")
    buyer = hall.buyers[0]
    await registered(hall, auction["auction_id"], buyer)
    body = {"sealed": "b3BhcXVl", "commitment": "0" * 64}
    assert (await say(web, buyer, auction, "POST", "sealed-bids", body)).status_code == 201
    plain = await say(web, buyer, auction, "POST", "bids", {"kind": "manual", "amount_cents": 200_000})
    assert (plain.status_code, plain.json()["code"]) == (422, "MALFORMED")
    path = f"/auctions/{auction['auction_id']}/sealed-bids"
    assert (await web(hall.seller, "GET", path)).status_code == 403


async def test_the_calendar_lists_what_is_ahead_by_opening_and_hides_closed_circles(hall, web):  # noqa: F811
    later = await published(hall, web, "fixed_price", "standard", opens_in=timedelta(days=3))
    sooner = await published(hall, web, "dutch", "standard", opens_in=timedelta(days=2))
    hidden = await factories.published_auction(hall.context, hall.seller, invited=[hall.buyers[1]])
    items = (await web(hall.buyers[0], "GET", "/calendar")).json()["items"]
    seen = [one["auction_id"] for one in items]
    pool = (await web(hall.buyers[0], "GET", f"/pools/{sooner['pool_id']}")).json()
    at = seen.index(sooner["auction_id"])
    listed = (await web(hall.buyers[0], "GET", "/auctions?limit=200")).json()["items"]
    for one in (items[at], sooner, next(each for each in listed if each["auction_id"] == sooner["auction_id"])):
        told = (one["pool_name"], one["account_count"], one["face_value_cents"])
        assert told == (pool["name"], pool["account_count"], pool["face_value_cents"])
    assert seen.index(sooner["auction_id"]) < seen.index(later["auction_id"])
    assert str(hidden.auction_id) not in seen
    text = await web(hall.buyers[0], "GET", "/calendar.ics")
    assert text.headers["content-type"].startswith("text/calendar")
    unfolded = text.text.replace("\r\n ", "")
    assert f"UID:{sooner['auction_id']}@debtmarket\r\n" in unfolded
    assert f"SUMMARY:Auction: {pool['name']}\\, " in unfolded
    address = re.findall(r"\r\nURL:https?://[^/]+/v1(\S+)", unfolded)[at]
    assert (await web(hall.buyers[0], "GET", address)).json()["auction_id"] == sooner["auction_id"]
    assert str(hidden.auction_id) not in text.text
    assert str(hidden.auction_id) in (await web(hall.buyers[1], "GET", "/calendar.ics")).text


async def test_a_feed_is_what_calendar_programs_read(hall):
    auction = await factories.published_auction(hall.context, hall.seller)
    text = feed([auction], {}, public_url="https://market.example", now=hall.context.clock.now())
    lines = text.split(b"\r\n")
    assert (lines[0], lines[-2], lines[-1]) == (b"BEGIN:VCALENDAR", b"END:VCALENDAR", b"")
    assert all(len(line) <= 75 for line in lines)
    assert re.search(rb"\r\nDTSTART:\d{8}T\d{6}Z\r\nDTEND:\d{8}T\d{6}Z\r\n", text)
    unfolded = text.replace(b"\r\n ", b"").decode()
    assert "DESCRIPTION:english auction\\, scheduled\\; debtor states: CA\\, NY\r\n" in unfolded


def test_folding_cuts_no_character_apart():
    text = "ü" * 200
    assert "".join(line.removeprefix(" ") for line in _fold(text)) == text
    assert all(len(line.encode()) <= 75 for line in _fold(text))
