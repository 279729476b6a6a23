"""Pools: what they hold, that they are disjoint, what is refused, and that the sale file is what was committed to."""

import io
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from market.kit.actor import SYSTEM
from market.kit.errors import NotFound
from market.portfolios import jobs, service
from market.portfolios.rules import Circle, PoolNotThere, PoolState, Selection, TapeOnOffer
from market.portfolios.store import pools as pool_store
from market.portfolios.tapes import tape_header
from masking import commitment, intake
from masking.envelope import Header, open_sealed
from masking.tape import original_rows
from tests import factories
from tests.portfolios import tapes

AN_AUCTION = UUID(int=77)


async def cut(context, visitor, portfolio, *pools):
    body = {"pools": [{"name": f"Pool {n}", "selection": selection} for n, selection in enumerate(pools)]}
    answer = await visitor.post(f"/v1/portfolios/{portfolio.portfolio_id}/pools", json=body)
    assert answer.status_code == 202, answer.text
    await factories.work_off(context)
    ids = [pool["pool_id"] for pool in answer.json()["items"]]
    return [(await visitor.get(f"/v1/pools/{pool_id}")).json() for pool_id in ids]


async def package(context, pool_id):
    async with context.db.begin(SYSTEM) as tx:
        return await service.sale_package(tx, UUID(str(pool_id)))


async def sold_rows(context, pool_id):
    """The clear rows of a pool's sale file, opened with its own key as a winner would."""
    found = await package(context, pool_id)
    key = context.vault.unwrap(found.wrapped_key, found.key_context)
    clear = io.BytesIO()
    with context.files.path(found.file.sha256).open("rb") as sealed:
        open_sealed(sealed, clear, data_key=key, expected=Header(str(found.pool_id), str(found.org_id), "merkle"))
    clear.seek(0)
    info = intake.inspect(clear)
    return [row for chunk in intake.read_chunks(clear, info) for row in chunk.to_pylist()], clear


async def test_the_first_selection_that_an_account_meets_takes_it(context, visit):
    seller = await factories.seller(context)
    rows = tapes.rows(400)
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows))
    visitor = await visit(seller)
    big = 500_000
    pools = await cut(
        context, visitor, portfolio,
        {"states": ["ca", "TX"]}, {"min_face_value_cents": big}, {"debt_types": ["Auto"]}, {"everything": True},
    )  # fmt: skip
    assert [pool["state"] for pool in pools] == ["ready"] * 4
    expected = [[], [], [], []]
    for row in rows:
        if row["ST"] in {"CA", "TX"}:
            place = 0
        elif round(float(row["Curr Bal"]) * 100) >= big:
            place = 1
        else:
            place = 2 if row["Debt Type"] == "AUTO" else 3
        expected[place].append(row["Acct No"])
    sold = [(await sold_rows(context, pool["pool_id"]))[0] for pool in pools]
    assert [[row["Acct No"] for row in each] for each in sold] == expected
    for pool, each in zip(pools, sold, strict=True):
        async with context.db.begin(SYSTEM) as tx:
            kept = await service.balances(tx, UUID(pool["pool_id"]), range(1, len(each) + 2))
        assert kept == {number: round(float(row["Curr Bal"]) * 100) for number, row in enumerate(each, 1)}
    assert [pool["account_count"] for pool in pools] == [len(numbers) for numbers in expected]
    assert sum(pool["face_value_cents"] for pool in pools) == portfolio.totals["accepted_cents"]
    assert pools[0]["debtor_states"] == ["CA", "TX"]
    assert pools[3]["debtor_states"] == ["FL", "NY"]
    assert pools[3]["selection"] == {"everything": True}


async def test_pools_asked_for_later_get_what_is_left(context, visit):
    seller = await factories.seller(context)
    portfolio = await factories.ready_portfolio(context, seller, tapes.tape(200))
    visitor = await visit(seller)
    (first,) = await cut(context, visitor, portfolio, {"states": ["CA"]})
    (rest,) = await cut(context, visitor, portfolio, {"everything": True})
    assert first["account_count"] + rest["account_count"] == 200
    (nothing,) = await cut(context, visitor, portfolio, {"states": ["CA", "NY"]})
    assert (nothing["state"], nothing["refusal"]["code"]) == ("refused", "pool_empty")


async def test_a_pool_too_small_to_hide_anybody_is_refused_and_its_accounts_are_free_again(context, visit):
    seller = await factories.seller(context)
    rows = tapes.rows(60)
    for row in rows[:3]:
        row["ST"] = "AK"
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows))
    visitor = await visit(seller)
    (small,) = await cut(context, visitor, portfolio, {"states": ["AK"]})
    assert (small["state"], small["refusal"]["code"]) == ("refused", "pool_too_small")
    assert "widen the rule" in small["refusal"]["message"]
    (whole,) = await cut(context, visitor, portfolio, {"everything": True})
    assert whole["account_count"] == 60


async def test_ages_count_from_charge_off_to_the_cut_off_date(context, visit):
    seller = await factories.seller(context)
    rows = tapes.rows(80)
    for place, row in enumerate(rows):
        row["Chg Off Dt"] = "01/01/2026" if place < 30 else "01/31/2020"
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows), cut_off_on="2026-01-31")
    (young, old) = await cut(context, await visit(seller), portfolio, {"max_age_days": 30}, {"min_age_days": 31})
    assert (young["account_count"], old["account_count"]) == (30, 50)


NONSENSE = [
    {},
    {"everything": True, "states": ["CA"]},
    {"min_age_days": 9, "max_age_days": 3},
    {"min_face_value_cents": 100, "max_face_value_cents": 1},
    {"min_face_value_cents": "1"},
    {"min_face_value_cents": 1.5},
    {"min_face_value_cents": -1},
    {"min_face_value_cents": 10**30},
    {"states": "CA"},
    {"states": ["California"]},
    {"shape": "round"},
]


async def test_a_selection_that_says_nothing_or_nonsense_is_refused(context, visit):
    seller = await factories.seller(context)
    portfolio = await factories.ready_portfolio(context, seller, tapes.tape(20))
    visitor = await visit(seller)
    for selection in NONSENSE:
        body = {"pools": [{"name": "P", "selection": selection}]}
        answer = await visitor.post(f"/v1/portfolios/{portfolio.portfolio_id}/pools", json=body)
        assert answer.status_code == 422, (selection, answer.text)
    assert (await visitor.get("/v1/pools", params={"own": "true"})).json()["items"] == []


async def test_pools_are_cut_only_from_a_ready_portfolio(context, visit):
    seller = await factories.seller(context)
    portfolio = await factories.received_portfolio(context, seller, tapes.tape(20))
    body = {"pools": [{"name": "P", "selection": {"everything": True}}]}
    answer = await (await visit(seller)).post(f"/v1/portfolios/{portfolio.portfolio_id}/pools", json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/portfolio-state")


async def test_the_mapping_is_fixed_once_a_pool_is_cut(context, visit):
    seller = await factories.seller(context)
    pool = await factories.ready_pool(context, seller)
    answer = await (await visit(seller)).put(f"/v1/portfolios/{pool.portfolio_id}/mapping", json={"columns": {}})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/portfolio-state")


async def test_the_winner_can_prove_that_every_row_is_the_one_that_was_committed_to(context):
    pool = await factories.ready_pool(context, await factories.seller(context))
    found = await package(context, pool.pool_id)
    rows, clear = await sold_rows(context, pool.pool_id)
    commit_key = context.vault.unwrap(found.wrapped_commit_key, found.commit_key_context)
    leaves = context.files.path(found.leaves.sha256).read_bytes()
    published = [leaves[first : first + 32] for first in range(0, len(leaves), 32)]
    check = commitment.verify_sale_file(
        original_rows(clear),
        commit_key=commit_key,
        expected_root=bytes.fromhex(pool.commitment_root),
        published=published,
    )
    assert (check.ok, check.rows_count) == (True, len(rows)) == (True, pool.account_count)


async def test_the_keys_of_a_pool_open_nothing_else(context):
    seller = await factories.seller(context)
    pool = await factories.ready_pool(context, seller)
    found = await package(context, pool.pool_id)
    key = context.vault.unwrap(found.wrapped_key, found.key_context)
    with pytest.raises(Exception, match="does not open"):
        context.vault.unwrap(found.wrapped_key, found.commit_key_context)
    async with context.db.begin(SYSTEM) as tx:
        tape = await tx.scalar(text("SELECT sealed_sha256 FROM tape"))
    with context.files.path(tape).open("rb") as sealed, pytest.raises(Exception, match="altered or cut, or the key"):
        header = tape_header(str(pool.portfolio_id), str(seller.org_id))
        open_sealed(sealed, io.BytesIO(), data_key=key, expected=header)


async def test_a_pool_goes_on_offer_comes_back_and_is_sold_once(context):
    seller = await factories.seller(context)
    pool = await factories.ready_pool(context, seller)
    async with context.db.begin(seller.actor) as tx:
        assert (await service.offerable_pool(tx, pool.pool_id)).pool_id == pool.pool_id
        offered = await service.mark_offered(tx, seller.actor, pool.pool_id, AN_AUCTION, Circle.OPEN)
    assert (offered.state, offered.auction_id) == (PoolState.OFFERED, AN_AUCTION)
    assert offered.offered_at is not None
    async with context.db.begin(seller.actor) as tx:
        with pytest.raises(PoolNotThere):
            await service.offerable_pool(tx, pool.pool_id)
    async with context.db.begin(SYSTEM) as tx:
        back = await service.mark_unsold(tx, SYSTEM, pool.pool_id)
        assert (back.state, back.auction_id) == (PoolState.READY, None)
        with pytest.raises(PoolNotThere):
            await service.mark_sold(tx, SYSTEM, pool.pool_id)
        await service.mark_offered(tx, SYSTEM, pool.pool_id, AN_AUCTION, Circle.OPEN)
        sold = await service.mark_sold(tx, SYSTEM, pool.pool_id)
        assert (sold.state, sold.sold_at is not None) == (PoolState.SOLD, True)
        with pytest.raises(PoolNotThere):
            await service.offerable_pool(tx, pool.pool_id)


async def test_the_same_tape_is_not_offered_from_two_portfolios(context):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    first = await factories.ready_pool(context, first_seller)
    second = await factories.ready_pool(context, second_seller)
    other = await factories.ready_pool(context, second_seller, seed=9)
    async with context.db.begin(first_seller.actor) as tx:
        await service.mark_offered(tx, first_seller.actor, first.pool_id, AN_AUCTION, Circle.OPEN)
    async with context.db.begin(second_seller.actor) as tx:
        with pytest.raises(TapeOnOffer):
            await service.offerable_pool(tx, second.pool_id)
        await service.mark_offered(tx, second_seller.actor, other.pool_id, AN_AUCTION, Circle.OPEN)


async def test_a_tape_offered_to_a_circle_is_not_offered_elsewhere_either(context):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    first = await factories.ready_pool(context, first_seller)
    second = await factories.ready_pool(context, second_seller)
    async with context.db.begin(first_seller.actor) as tx:
        await service.mark_offered(tx, first_seller.actor, first.pool_id, AN_AUCTION, Circle.INVITED)
    async with context.db.begin(second_seller.actor) as tx:
        with pytest.raises(TapeOnOffer):
            await service.offerable_pool(tx, second.pool_id)


async def test_only_the_seller_and_the_platform_lay_hands_on_a_pool(context):
    seller, stranger = await factories.seller(context), await factories.seller(context)
    pool = await factories.ready_pool(context, seller)
    async with context.db.begin(stranger.actor) as tx:
        with pytest.raises(NotFound):
            await service.offerable_pool(tx, pool.pool_id)
    async with context.db.begin(seller.actor) as tx:
        await service.mark_offered(tx, seller.actor, pool.pool_id, AN_AUCTION, Circle.OPEN)
    async with context.db.begin(stranger.actor) as tx:
        assert (await service.find_pool(tx, stranger.actor, pool.pool_id)).state is PoolState.OFFERED
        for refused in (
            service.offerable_pool(tx, pool.pool_id),
            service.mark_sold(tx, stranger.actor, pool.pool_id),
            service.mark_unsold(tx, stranger.actor, pool.pool_id),
            service.sale_package(tx, pool.pool_id),
        ):
            with pytest.raises(NotFound):
                await refused


async def test_a_pool_that_cannot_be_cut_in_three_attempts_is_refused(context, visit):
    seller = await factories.seller(context)
    portfolio = await factories.ready_portfolio(context, seller, tapes.tape(30))
    visitor = await visit(seller)
    body = {"pools": [{"name": "P", "selection": {"everything": True}}]}
    pool_id = (await visitor.post(f"/v1/portfolios/{portfolio.portfolio_id}/pools", json=body)).json()["items"][0][
        "pool_id"
    ]
    for _ in range(3):
        now = context.clock.now()
        async with context.db.begin(SYSTEM) as tx:
            assert await pool_store.claim_pool(tx, now=now, until=now - timedelta(hours=1))
    assert await jobs.cut_pool(context) is False
    found = (await visitor.get(f"/v1/pools/{pool_id}")).json()
    assert (found["state"], found["refusal"]["code"]) == ("refused", "processing_failed")


async def test_a_masked_file_that_would_leak_is_refused_by_the_gate(context, visit):
    """In every second row an address stands, by mistake, where the creditor should: too few for the column to be known."""
    seller = await factories.seller(context)
    rows = tapes.rows(60)
    for place, row in enumerate(rows[::2]):
        row["Orig Creditor"] = rows[place // 6]["Addr1"]
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows))
    (pool,) = await cut(context, await visit(seller), portfolio, {"everything": True})
    assert (pool["state"], pool["refusal"]["code"]) == ("refused", "leak_gate")
    assert "identifiers" in pool["refusal"]["message"]
    assert pool["preview_sha256"] is None
    assert not any(row["Addr1"] in pool["refusal"]["message"] for row in rows)


async def test_lists_show_ones_own_pools_and_what_is_on_offer(context, visit):
    seller, stranger = await factories.seller(context), await factories.buyer(context)
    portfolio = await factories.ready_portfolio(context, seller, tapes.tape(120))
    visitor, other = await visit(seller), await visit(stranger)
    first, second = await cut(context, visitor, portfolio, {"states": ["CA"]}, {"everything": True})
    async with context.db.begin(seller.actor) as tx:
        await service.mark_offered(tx, seller.actor, UUID(second["pool_id"]), AN_AUCTION, Circle.OPEN)
    own = (await visitor.get("/v1/pools", params={"own": "true"})).json()["items"]
    assert [pool["pool_id"] for pool in own] == [second["pool_id"], first["pool_id"]]
    page = (await visitor.get("/v1/pools", params={"portfolio_id": str(portfolio.portfolio_id), "limit": 1})).json()
    assert len(page["items"]) == 1
    assert page["next_cursor"]
    offered = (await other.get("/v1/pools")).json()["items"]
    assert [pool["pool_id"] for pool in offered] == [second["pool_id"]]
    assert [offered[0][name] for name in ("selection", "report", "refusal")] == [None, None, None]
    assert offered[0]["strata"]["count"] == second["account_count"]
    assert (await other.get(f"/v1/pools/{first['pool_id']}")).status_code == 404
    assert (await other.get(f"/v1/portfolios/{portfolio.portfolio_id}")).status_code == 404


def test_an_empty_selection_is_everything():
    assert Selection() == Selection(states=())
