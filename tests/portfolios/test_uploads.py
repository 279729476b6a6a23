"""A large tape comes in parts: over broken lines, through restarts, sealed at every moment, within a quota."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from market.client.market import MarketClient
from market.kit.actor import SYSTEM
from market.portfolios import jobs
from market.portfolios.claims import TAPE_READERS
from tests import factories
from tests.portfolios import tapes


def order(tape, **changes):
    return {"name": "Large", "currency": "USD", "cut_off_on": "2026-01-31", "length_bytes": len(tape)} | changes


async def begin(visitor, tape, **changes):
    answer = await visitor.post("/v1/uploads", json=order(tape, **changes))
    assert answer.status_code == 201, answer.text
    return f"/v1/uploads/{answer.json()['upload_id']}"


async def send(visitor, url, tape, start, end, **more):
    return await visitor.patch(url, params={"offset_bytes": start, **more}, content=tape[start:end])


def digest(tape):
    return hashlib.sha256(tape).hexdigest()


def stored(context):
    return {path for path in context.files.root.rglob("*") if path.is_file()}


def clear_bytes_on_disk(context, values):
    return [
        path.name
        for path in context.files.root.rglob("*")
        if path.is_file() and any(value in path.read_bytes() for value in values)
    ]


async def test_a_tape_in_parts_becomes_the_same_portfolio_as_one_sent_whole(context, visit):
    seller = await factories.seller(context)
    visitor = await visit(seller)
    tape, before = tapes.tape(300), stored(context)
    url, third = await begin(visitor, tape), len(tape) // 3
    for start in (0, third, 2 * third):
        end = len(tape) if start == 2 * third else start + third
        answer = await send(visitor, url, tape, start, end, sha256=digest(tape[start:end]))
        assert (answer.status_code, answer.json()["offset_bytes"]) == (200, end), answer.text
    assert clear_bytes_on_disk(context, [tape[5000:5040]]) == []
    done = await visitor.post(f"{url}/completion", json={"sha256": digest(tape)})
    assert done.status_code == 202, done.text
    assert (await visitor.post(f"{url}/completion", json={"sha256": digest(tape)})).json() == done.json()
    async with context.db.begin(SYSTEM) as tx:
        found = (await tx.execute(text("SELECT original_sha256, original_size_bytes FROM tape"))).one()
        left = await tx.scalar(text("SELECT count(*) FROM upload_part"))
    assert (tuple(found), left) == ((digest(tape), len(tape)), 0)
    assert len(stored(context) - before) == 1
    await factories.work_off(context)
    found = (await visitor.get(f"/v1/portfolios/{done.json()['portfolio_id']}")).json()
    assert found["state"] == "mapping_needed"


async def test_bytes_for_another_place_or_with_another_digest_are_refused_and_nothing_is_kept(context, visit):
    visitor, tape = await visit(await factories.seller(context)), tapes.tape(50)
    url = await begin(visitor, tape)
    await send(visitor, url, tape, 0, 1000)
    files = sorted(context.files.root.rglob("*"))
    for start in (0, 2000):
        answer = await send(visitor, url, tape, start, start + 100)
        assert (answer.status_code, answer.json()["type"], answer.json()["offset_bytes"]) == (
            409, "/problems/upload-offset", 1000,
        )  # fmt: skip
    wrong = await send(visitor, url, tape, 1000, 1100, sha256="0" * 64)
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/upload-digest")
    assert (await visitor.patch(url, params={"offset_bytes": 1000}, content=b"x" * len(tape))).status_code == 422
    early = await visitor.post(f"{url}/completion", json={"sha256": digest(tape)})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/upload-offset")
    assert sorted(context.files.root.rglob("*")) == files
    await send(visitor, url, tape, 1000, len(tape))
    files = sorted(context.files.root.rglob("*"))
    other = await visitor.post(f"{url}/completion", json={"sha256": digest(b"another")})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/upload-digest")
    assert sorted(context.files.root.rglob("*")) == files
    assert (await visitor.get("/v1/portfolios")).json()["items"] == []


async def test_of_two_that_send_the_same_place_at_once_one_is_kept(context, visit):
    visitor, tape = await visit(await factories.seller(context)), tapes.tape(50)
    url, before = await begin(visitor, tape), stored(context)
    answers = await asyncio.gather(*(send(visitor, url, tape, 0, 500) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(stored(context) - before) == 1


async def test_unfinished_uploads_have_places_a_quota_and_an_end(context, visit):
    seller = await factories.seller(context)
    visitor, stranger = await visit(seller), await visit(await factories.seller(context))
    tape, before = tapes.tape(20), stored(context)
    big = order(tape, length_bytes=context.settings.upload_max_bytes + 1)
    assert (await visitor.post("/v1/uploads", json=big)).json()["type"] == "/problems/tape-too-large"
    urls = [await begin(visitor, tape) for _ in range(context.settings.upload_places_count)]
    full = await visitor.post("/v1/uploads", json=order(tape))
    assert (full.status_code, full.json()["type"]) == (409, "/problems/upload-quota")
    await send(visitor, urls[0], tape, 0, 100)
    for method in (stranger.get(urls[0]), stranger.delete(urls[0]), send(stranger, urls[0], tape, 100, 200)):
        assert (await method).status_code == 404
    assert (await visitor.delete(urls[1])).status_code == 204
    assert len((await visitor.get("/v1/uploads")).json()["items"]) == len(urls) - 1

    class Later:
        def now(self):
            return context.clock.now() + timedelta(hours=context.settings.upload_hours, seconds=1)

    later = replace(context, clock=Later())
    while await jobs.expire_upload(later):
        pass
    assert (await visitor.get("/v1/uploads")).json()["items"] == []
    assert stored(context) == before
    assert (await visitor.post("/v1/uploads", json=order(tape))).status_code == 201


async def test_the_client_goes_on_after_the_server_was_restarted_and_follows_the_progress(context, server):
    seller = await factories.seller(context)
    tape = tapes.tape(400)
    async with MarketClient(server.url) as client:
        await client.sign_in(email=seller.email, password=seller.password)
        begun = await client.begin_upload(
            name="Large", currency="USD", cut_off_on=date(2026, 1, 31), length_bytes=len(tape)
        )
        await client._patch(
            f"/v1/uploads/{begun.upload_id}", type(begun), content=tape[:4000], query={"offset_bytes": "0"}
        )
        await server.stop()
        await server.start()
    async with MarketClient(server.url) as client:
        await client.sign_in(email=seller.email, password=seller.password)
        assert (await client.partial_upload(begun.upload_id)).offset_bytes == 4000
        made = await client.send_rest(begun.upload_id, tape, part_bytes=10_000)
        kinds, last = [], 0
        async for event in client.portfolio_events(made.portfolio_id):
            kinds.append(event.kind)
            last = event.seq
            if event.kind == "portfolio.inspected":
                break
        assert kinds == ["portfolio.received", "portfolio.inspected"]
        await client.put_mapping(made.portfolio_id, {}, time_barred="disclose")
        async for event in client.portfolio_events(made.portfolio_id, after_seq=last):
            kinds.append(event.kind)
            if event.kind == "portfolio.masked":
                break
        assert kinds[2:] == ["portfolio.mapped", "portfolio.scrubbed", "portfolio.masked"]


async def test_a_template_is_deleted_by_its_own_organisation_alone(context, visit):
    visitor, stranger = await visit(await factories.seller(context)), await visit(await factories.seller(context))
    body = {"name": "Monthly", "columns": {"Acct": "account_number", "Bal": "current_balance"}}
    made = (await visitor.post("/v1/mapping-templates", json=body)).json()
    url = f"/v1/mapping-templates/{made['template_id']}"
    assert (await stranger.delete(url)).status_code == 404
    assert (await visitor.delete(url)).status_code == 204
    assert (await visitor.get("/v1/mapping-templates")).json()["items"] == []


async def test_a_child_process_has_its_bound_of_memory_and_the_next_job_is_done(context):
    tight = replace(context.settings, mask_memory_mib=1024)
    with pytest.raises(MemoryError):
        await TAPE_READERS.submit(tight.mask_memory_mib, bytearray, 2 << 30)
    assert await TAPE_READERS.submit(tight.mask_memory_mib, bytearray, 1 << 20) == bytearray(1 << 20)
    seller = await factories.seller(context)
    portfolio = await factories.ready_portfolio(replace(context, settings=tight), seller, tapes.tape(60))
    assert portfolio.state.value == "ready"
