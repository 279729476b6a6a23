"""What one cleared seller can hold of a server: requests under way, time, room on the disk, open streams."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from market.app import create_app
from market.kit.actor import SYSTEM
from market.parties import service as parties
from market.parties.routes import COOKIE
from market.portfolios import service, upload, upload_routes
from market.portfolios.rules import Circle
from market.portfolios.shreds import Cause
from market.portfolios.store import portfolios as store
from tests import factories
from tests.portfolios import tapes

ORDER = {"name": "Large", "currency": "USD", "cut_off_on": "2026-01-31", "length_bytes": 1000}


def stored(context):
    return {path for path in context.files.root.rglob("*") if path.is_file()}


class Stalled:
    """A body that sends `start`, says that it was read, and waits until it may send `rest`."""

    def __init__(self, start, rest):
        self.start, self.rest = start, rest
        self.read, self.go = asyncio.Event(), asyncio.Event()

    async def __aiter__(self):
        yield self.start
        self.read.set()
        await self.go.wait()
        yield self.rest


def part_request(visitor, upload_id, body):
    return visitor.patch(f"/v1/uploads/{upload_id}", params={"offset_bytes": 0}, content=body)


def tape_request(visitor, _upload_id, body):
    kind = factories.upload_body(b"")[0]
    return visitor.post("/v1/portfolios", content=body, headers={"Content-Type": kind})


def part_body():
    return Stalled(b"a" * 100, b"b" * 100)


def tape_body():
    whole = factories.upload_body(tapes.tape(20))[1]
    return Stalled(whole[:500], whole[500:])


KINDS = [(part_request, part_body), (tape_request, tape_body)]


@pytest.mark.parametrize(("request_of", "body_of"), KINDS)
async def test_two_uploads_of_an_organisation_are_under_way_at_once_and_no_third(context, visit, request_of, body_of):
    seller = await factories.seller(context)
    visitor, other = await visit(seller), await visit(await factories.seller(context))
    begun = [(await each.post("/v1/uploads", json=ORDER)).json()["upload_id"] for each in (visitor, visitor, other)]
    bodies = [body_of() for _ in range(3)]
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        under_way = [
            group.create_task(request_of(who, upload_id, body))
            for who, upload_id, body in zip((visitor, visitor, other), begun, bodies, strict=True)
        ]
        await asyncio.gather(*(body.read.wait() for body in bodies))
        third = body_of()
        answer = await request_of(visitor, begun[0], third)
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
        assert not third.read.is_set()
        for body in bodies:
            body.go.set()
    assert {(await task).status_code for task in under_way} <= {200, 202}


@pytest.mark.parametrize(("request_of", "body_of"), KINDS)
async def test_an_upload_that_stalls_is_given_up_with_its_place_and_leaves_nothing(
    context, visit, monkeypatch, request_of, body_of
):
    visitor = await visit(await factories.seller(context))
    upload_id = (await visitor.post("/v1/uploads", json=ORDER)).json()["upload_id"]
    before = stored(context)
    monkeypatch.setattr(upload_routes, "_PART_S", 0.2)
    monkeypatch.setattr(upload, "_LONGEST_S", 0.2)
    async with asyncio.timeout(60):
        for _ in range(3):
            answer = await request_of(visitor, upload_id, body_of())
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/try-again")
    assert stored(context) == before


async def test_unsold_tapes_have_a_quota_and_a_shredded_one_makes_room(context, visit):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(60))
    async with context.db.begin(SYSTEM) as tx:
        kept_bytes = await store.unsold_bytes(tx, seller.actor.org_id)
    assert kept_bytes > len(tapes.tape(60))
    tight = replace(context, settings=replace(context.settings, tape_quota_bytes=kept_bytes + 500))
    signed_in = await parties.sign_in(
        context, parties.SignIn(seller.email, seller.password, "192.0.2.1"), hasher=factories.CHEAP
    )
    before = stored(context)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(tight)),
        base_url="http://market.test",
        headers={"Origin": "http://market.test"},
        cookies={COOKIE: signed_in.token},
    ) as visitor:
        kind, body = factories.upload_body(tapes.tape(20))

        async def unannounced():
            yield body

        for content in (body, unannounced()):
            answer = await visitor.post("/v1/portfolios", content=content, headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/tape-quota"), answer.text
            assert "shred" in answer.json()["detail"]
        begun = await visitor.post("/v1/uploads", json=ORDER)
        assert (begun.status_code, begun.json()["type"]) == (409, "/problems/tape-quota")
        assert stored(context) == before
        async with context.db.begin(SYSTEM) as tx:
            await service.shred(tx, portfolio.portfolio_id, Cause.RETENTION)
        answer = await visitor.post("/v1/portfolios", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 202


async def test_a_person_follows_up_to_five_streams_at_once(context, server):
    seller, other = await factories.seller(context), await factories.seller(context)
    followed = [
        (who, (await factories.received_portfolio(context, who, tapes.tape(20))).portfolio_id)
        for who in (seller, other)
    ]
    async with AsyncExitStack() as opened, asyncio.timeout(120):
        visitors = []
        for who, portfolio_id in followed:
            visitor = await opened.enter_async_context(
                httpx.AsyncClient(base_url=server.url, headers={"Origin": server.url}, timeout=60)
            )
            await visitor.post("/v1/session", json=who.credentials)
            visitors.append((visitor, f"/v1/portfolios/{portfolio_id}/events"))
        (visitor, url), (stranger, strangers_url) = visitors
        streams = [await opened.enter_async_context(visitor.stream("GET", url)) for _ in range(5)]
        assert {stream.status_code for stream in streams} == {200}
        sixth = await visitor.get(url)
        assert (sixth.status_code, sixth.json()["type"]) == (429, "/problems/rate-limited")
        assert (await opened.enter_async_context(stranger.stream("GET", strangers_url))).status_code == 200
        await streams[0].aclose()
        while (again := await opened.enter_async_context(visitor.stream("GET", url))).status_code == 429:
            await again.aread()
        assert again.status_code == 200


async def test_the_tape_of_a_portfolio_that_sold_a_pool_takes_no_room(context):
    seller = await factories.seller(context)
    pool = await factories.ready_pool(context, seller, account_count=60)
    for made, room_taken in (("offered", True), ("sold", False)):
        async with context.db.begin(SYSTEM) as tx:
            if made == "offered":
                await service.mark_offered(tx, SYSTEM, pool.pool_id, UUID(int=7), Circle.OPEN)
            else:
                await service.mark_sold(tx, SYSTEM, pool.pool_id)
            assert (await store.unsold_bytes(tx, seller.org_id) > 0) is room_taken
