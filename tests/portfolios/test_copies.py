"""Every buyer's vetted file has tokens of its own: files cannot be joined, and a leak names whose it was."""

import csv
import io

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.portfolios import service
from market.portfolios.rules import Circle
from masking import commitment
from masking.envelope import Header, open_for_reading
from masking.tape import original_rows
from tests import factories


async def offered(context, seller, **more):
    pool = await factories.ready_pool(context, seller, **more)
    async with context.db.begin(seller.actor) as tx:
        return await service.mark_offered(tx, seller.actor, pool.pool_id, context.chance.new_id(), Circle.OPEN)


async def vetted(context, visit, pool, buyer):
    visitor = await visit(buyer)
    terms = (await visitor.get(f"/v1/pools/{pool.pool_id}/nda")).json()
    await visitor.post(f"/v1/pools/{pool.pool_id}/nda", json={"nda_version": terms["nda_version"]})
    answer = await visitor.get(f"/v1/pools/{pool.pool_id}/masked-file", params={"stage": "vetted"})
    assert answer.status_code == 200, answer.text
    return answer.content


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def tokens(content):
    return {row["account_number"] for row in rows(content)}


async def test_two_buyers_cannot_join_their_files_and_everything_but_the_tokens_is_the_same(context, visit):
    seller, ada, bob = [await make(context) for make in (factories.seller, factories.buyer, factories.buyer)]
    pool = await offered(context, seller)
    first, second = await vetted(context, visit, pool, ada), await vetted(context, visit, pool, bob)
    assert len(tokens(first)) == len(rows(first)) > 100
    assert tokens(first) & tokens(second) == set()
    assert context.files.path(pool.vetted.sha256).read_bytes() not in (first, second)
    hidden = {"account_number", "national_id"}
    bare = [[{k: v for k, v in row.items() if k not in hidden} for row in rows(file)] for file in (first, second)]
    assert bare[0] == bare[1]
    assert await vetted(context, visit, pool, ada) == first


async def test_a_leaked_file_names_its_buyer_though_columns_were_renamed_and_rows_lost(context, visit):
    seller, ada, bob = [await make(context) for make in (factories.seller, factories.buyer, factories.buyer)]
    pool = await offered(context, seller)
    await vetted(context, visit, pool, ada)
    mine = rows(await vetted(context, visit, pool, bob))[20:60]
    leak = "ref;how much\n" + "".join(f"{row['account_number']};{row['current_balance']}\n" for row in mine)
    officer = await visit(await factories.officer(context))
    url = f"/v1/pools/{pool.pool_id}/leak-traces"
    answer = await officer.post(url, content=leak, headers={"content-type": "text/csv"})
    assert answer.status_code == 201, answer.text
    found = answer.json()["suspicions"]
    assert [(each["org_id"], each["matched_count"]) for each in found] == [(str(bob.org_id), 40), (str(ada.org_id), 0)]
    assert (await officer.post(url, content=b"\x00")).status_code == 422
    assert (await (await visit(seller)).post(url, content=leak)).status_code == 403
    async with context.db.begin(SYSTEM) as tx:
        body = await tx.scalar(text("SELECT body FROM journal WHERE kind = 'pool.leak_traced'"))
    assert body == '{"candidate_count":2,"suspect_count":1}'


async def test_the_commitment_and_the_sale_file_hold_for_who_has_a_copy(context, visit):
    seller, buyer = await factories.seller(context), await factories.buyer(context)
    pool = await offered(context, seller)
    await vetted(context, visit, pool, buyer)
    async with context.db.begin(SYSTEM) as tx:
        package = await service.sale_package(tx, pool.pool_id)
    data_key = context.vault.unwrap(package.wrapped_key, package.key_context)
    commit_key = context.vault.unwrap(package.wrapped_commit_key, package.commit_key_context)
    header = Header(portfolio=str(pool.pool_id), seller=str(seller.org_id), digest="merkle")
    leaves = context.files.path(pool.leaves.sha256).read_bytes()
    published = [leaves[i : i + 32] for i in range(0, len(leaves), 32)]
    path = context.files.path(package.file.sha256)
    with path.open("rb") as sealed, open_for_reading(sealed, data_key=data_key, expected=header) as clear:
        check = commitment.verify_sale_file(
            original_rows(clear), commit_key=commit_key, expected_root=bytes.fromhex(pool.commitment_root),
            published=published,
        )  # fmt: skip
    assert (check.ok, check.rows_count) == (True, pool.account_count)


async def test_nobody_but_the_platform_says_whose_copy_a_file_is(context, visit):
    seller, buyer = await factories.seller(context), await factories.buyer(context)
    pool = await offered(context, seller)
    await vetted(context, visit, pool, buyer)
    forged = text("INSERT INTO buyer_copy SELECT pool_id, :org_id, file_sha256, 1, now() FROM buyer_copy")
    for party in (buyer, seller):
        with pytest.raises(DBAPIError):
            async with context.db.begin(party.actor) as tx:
                await tx.execute(forged, {"org_id": seller.org_id})
    stranger = await factories.buyer(context)
    for party, seen in ((buyer, 1), (seller, 1), (stranger, 0)):
        async with context.db.begin(party.actor) as tx:
            assert await tx.scalar(text("SELECT count(*) FROM buyer_copy")) == seen
