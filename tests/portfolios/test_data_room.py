"""Who may look how far, and the record of who looked."""

import hashlib
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import service
from market.portfolios.nda import NDA_SHA256, NDA_TEXT, NDA_VERSION
from market.portfolios.rules import Circle
from tests import factories

AN_AUCTION = UUID(int=77)


async def offered_pool(context, seller):
    pool = await factories.ready_pool(context, seller)
    async with context.db.begin(seller.actor) as tx:
        return await service.mark_offered(tx, seller.actor, pool.pool_id, AN_AUCTION, Circle.OPEN)


async def take(visitor, pool, stage):
    return await visitor.get(f"/v1/pools/{pool.pool_id}/masked-file", params={"stage": stage})


async def accept(visitor, pool, version=NDA_VERSION):
    return await visitor.post(f"/v1/pools/{pool.pool_id}/nda", json={"nda_version": version})


async def test_who_is_cleared_to_bid_may_take_the_preview_of_a_pool_on_offer(context, visit):
    pool = await offered_pool(context, await factories.seller(context))
    visitor = await visit(await factories.buyer(context))
    answer = await take(visitor, pool, "preview")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="pool-{pool.pool_id}-preview.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"' == f'"{pool.preview.sha256}"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert len(answer.text.splitlines()) == pool.account_count + 1


async def test_rows_of_debtors_are_not_for_anybody_with_a_mailbox(context, visit):
    pool = await offered_pool(context, await factories.seller(context))
    seller = await factories.seller(context)
    for party in (await factories.register_member(context), seller):
        visitor = await visit(party)
        seen = (await visitor.get(f"/v1/pools/{pool.pool_id}")).json()
        assert seen["account_count"] == pool.account_count
        answer = await take(visitor, pool, "preview")
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-cleared")
        assert "POST /v1/cases" in answer.json()["detail"]
    async with context.db.begin(SYSTEM) as tx:
        assert await tx.scalar(text("SELECT count(*) FROM masked_download")) == 0


async def test_nobody_takes_a_file_without_signing_in(context, client):
    pool = await offered_pool(context, await factories.seller(context))
    assert (await take(client, pool, "preview")).status_code == 401
    assert (await client.get(f"/v1/pools/{pool.pool_id}")).status_code == 401


async def test_a_pool_that_is_not_on_offer_does_not_exist_for_others(context, visit):
    pool = await factories.ready_pool(context, await factories.seller(context))
    visitor = await visit(await factories.buyer(context))
    for answer in (await take(visitor, pool, "preview"), await accept(visitor, pool)):
        assert answer.status_code == 404


async def test_a_pool_offered_to_a_circle_is_not_there_for_the_uninvited(context, visit):
    seller, invited, uninvited = [
        await make(context) for make in (factories.seller, factories.buyer, factories.buyer)
    ]  # fmt: skip
    pool = await factories.ready_pool(context, seller)
    await factories.published_auction(context, seller, pool_id=pool.pool_id, invited=[invited])
    for party in (uninvited, await factories.register_member(context)):
        visitor = await visit(party)
        for answer in (
            await visitor.get(f"/v1/pools/{pool.pool_id}"),
            await visitor.get(f"/v1/pools/{pool.pool_id}/nda"),
            await accept(visitor, pool),
            await take(visitor, pool, "preview"),
            await take(visitor, pool, "vetted"),
        ):
            assert answer.status_code == 404, answer.text
        assert (await visitor.get("/v1/pools")).json()["items"] == []
        with pytest.raises(DBAPIError, match="row-level security"):
            await accept_past_all_code(context, party, pool)
    guest = await visit(invited)
    assert (await accept(guest, pool)).status_code == 201
    for visitor in (guest, await visit(seller)):
        assert (await visitor.get(f"/v1/pools/{pool.pool_id}")).status_code == 200
        assert (await take(visitor, pool, "vetted")).status_code == 200


async def accept_past_all_code(context, party, pool):
    async with context.db.begin(party.actor) as tx:
        await tx.execute(
            text("INSERT INTO nda_acceptance VALUES (:pool, :org, 'x', :digest, :user, now())"),
            {"pool": pool.pool_id, "org": party.org_id, "digest": "0" * 64, "user": party.user_id},
        )


async def test_a_circle_of_one_auction_does_not_see_the_pool_in_the_next(context, visit):
    seller, first, second = [await make(context) for make in (factories.seller, factories.buyer, factories.buyer)]
    pool_id = await factories.bare_pool(context, seller)
    await factories.published_auction(context, seller, pool_id=pool_id, invited=[first])
    async with context.db.begin(SYSTEM) as tx:
        await service.mark_unsold(tx, SYSTEM, pool_id)
    await factories.published_auction(context, seller, pool_id=pool_id, invited=[second])
    for party, status in ((first, 404), (second, 200)):
        assert (await (await visit(party)).get(f"/v1/pools/{pool_id}")).status_code == status


async def test_the_vetted_file_needs_a_clearance_to_bid_and_the_accepted_terms(context, visit):
    pool = await offered_pool(context, await factories.seller(context))
    uncleared = await visit(await factories.register_member(context))
    await accept(uncleared, pool)
    answer = await take(uncleared, pool, "vetted")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-cleared")

    buyer = await factories.buyer(context)
    visitor = await visit(buyer)
    answer = await take(visitor, pool, "vetted")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/nda-required")
    terms = (await visitor.get(f"/v1/pools/{pool.pool_id}/nda")).json()
    assert (terms["text"], terms["accepted_at"]) == (NDA_TEXT, None)
    accepted = await accept(visitor, pool)
    assert accepted.status_code == 201
    answer = await take(visitor, pool, "vetted")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == answer.headers["etag"].strip('"') != pool.vetted.sha256
    async with context.db.begin(buyer.actor) as tx:
        assert await service.has_accepted_nda(tx, pool.pool_id, buyer.org_id)


async def test_an_acceptance_is_for_one_version_one_pool_and_kept_as_it_was(context, visit):
    seller = await factories.seller(context)
    first, second = await offered_pool(context, seller), None
    buyer = await factories.buyer(context)
    visitor = await visit(buyer)
    answer = await accept(visitor, first, "2019-01")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nda-version")
    at = (await accept(visitor, first)).json()["accepted_at"]
    assert (await accept(visitor, first)).json()["accepted_at"] == at
    second = await factories.ready_pool(context, seller, seed=4)
    async with context.db.begin(seller.actor) as tx:
        await service.mark_offered(tx, seller.actor, second.pool_id, AN_AUCTION, Circle.OPEN)
        assert await service.has_accepted_nda(tx, first.pool_id, buyer.org_id)
        assert not await service.has_accepted_nda(tx, second.pool_id, buyer.org_id)
        row = (await tx.execute(text("SELECT * FROM nda_acceptance"))).mappings().one()
    assert (row["accepted_by"], row["nda_version"], row["text_sha256"]) == (buyer.user_id, NDA_VERSION, NDA_SHA256)
    async with context.db.begin(SYSTEM) as tx:
        entries = await journal.history(tx, f"pool:{first.pool_id}")
    assert [entry.kind for entry in entries].count("pool.nda_accepted") == 1


async def test_the_seller_does_not_accept_its_own_terms(context, visit):
    seller = await factories.seller(context)
    pool = await offered_pool(context, seller)
    assert (await accept(await visit(seller), pool)).status_code == 403


async def test_every_download_is_recorded_and_the_seller_sees_them(context, visit):
    seller, buyer = await factories.seller(context), await factories.buyer(context)
    pool = await offered_pool(context, seller)
    visitor, owner = await visit(buyer), await visit(seller)
    await accept(visitor, pool)
    for stage in ("preview", "vetted", "preview"):
        assert (await take(visitor, pool, stage)).status_code == 200
    page = (await owner.get(f"/v1/pools/{pool.pool_id}/downloads", params={"limit": 2})).json()
    assert [item["stage"] for item in page["items"]] == ["preview", "vetted"]
    assert page["next_cursor"]
    async with context.db.begin(SYSTEM) as tx:
        name = await tx.scalar(text("SELECT name FROM organisation WHERE org_id = :id"), {"id": buyer.org_id})
        rows = (await tx.execute(text("SELECT user_id, stage, file_sha256 FROM masked_download"))).all()
        entries = await journal.history(tx, f"pool:{pool.pool_id}")
        copy = await service.vetted_sha256(tx, pool.pool_id, buyer.org_id)
    assert {item["organisation"] for item in page["items"]} == {name}
    assert {row.user_id for row in rows} == {buyer.user_id}
    assert {row.file_sha256 for row in rows} == {pool.preview.sha256, copy}
    taken = [entry for entry in entries if entry.kind == "pool.masked_file_taken"]
    assert [entry.actor_user_id for entry in taken] == [buyer.user_id] * 3
    assert (await visitor.get(f"/v1/pools/{pool.pool_id}/downloads")).status_code == 403


async def test_nobody_rewrites_the_record(context, visit):
    seller, buyer = await factories.seller(context), await factories.buyer(context)
    pool = await offered_pool(context, seller)
    visitor = await visit(buyer)
    await accept(visitor, pool)
    await take(visitor, pool, "preview")
    for table in ("masked_download", "nda_acceptance", "tape"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET org_id = org_id"):
            with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
                async with context.db.begin(SYSTEM) as tx:
                    await tx.execute(text(statement))


async def test_the_files_close_when_the_pool_is_sold_but_stay_open_for_its_seller(context, visit):
    seller, buyer = await factories.seller(context), await factories.buyer(context)
    pool = await offered_pool(context, seller)
    async with context.db.begin(SYSTEM) as tx:
        await service.mark_sold(tx, SYSTEM, pool.pool_id)
    visitor = await visit(buyer)
    assert (await visitor.get(f"/v1/pools/{pool.pool_id}")).json()["state"] == "sold"
    answer = await take(visitor, pool, "preview")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/pool-state")
    assert (await take(await visit(seller), pool, "vetted")).status_code == 200


async def test_there_is_no_other_stage(context, visit):
    pool = await offered_pool(context, await factories.seller(context))
    visitor = await visit(await factories.buyer(context))
    for stage in ("sale", "teaser", "../vetted"):
        assert (await take(visitor, pool, stage)).status_code == 422


async def test_an_organisation_sees_nothing_of_anothers_portfolios(context, visit):
    seller, stranger = await factories.seller(context), await factories.seller(context)
    pool = await offered_pool(context, seller)
    visitor = await visit(stranger)
    path = f"/v1/portfolios/{pool.portfolio_id}"
    assert (await visitor.get("/v1/portfolios")).json()["items"] == []
    for answer in (
        await visitor.get(path),
        await visitor.get(f"{path}/refused-accounts"),
        await visitor.get(f"{path}/refused-accounts.csv"),
        await visitor.get(f"{path}/masked-file", params={"stage": "preview"}),
        await visitor.put(f"{path}/mapping", json={"columns": {}}),
        await visitor.post(f"{path}/pools", json={"pools": [{"name": "P", "selection": {"everything": True}}]}),
    ):
        assert answer.status_code == 404, answer.text


async def test_the_database_itself_hides_other_organisations_rows(context, visit):
    seller, buyer, stranger = [await make(context) for make in (factories.seller, factories.buyer, factories.buyer)]
    pool = await offered_pool(context, seller)
    await accept(await visit(buyer), pool)
    hidden = (
        "portfolio", "tape", "portfolio_key", "refused_account", "mapping_template", "pool_key", "nda_acceptance",
        "masked_download",
    )  # fmt: skip
    async with context.db.begin(stranger.actor) as tx:
        counts = {table: await tx.scalar(text(f"SELECT count(*) FROM {table}")) for table in (*hidden, "pool")}
    assert counts == dict.fromkeys(hidden, 0) | {"pool": 1}
