"""An account is on offer once: across sellers, files, spellings and moments."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.portfolios import service
from market.portfolios.doubles import AccountsOnOffer
from market.portfolios.rules import Circle, PoolOrder, PoolState, Selection
from tests import factories
from tests.portfolios import tapes


async def pool_of(context, seller, rows):
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows))
    assert portfolio.state.value == "ready", portfolio.refusal
    async with context.db.begin(seller.actor) as tx:
        (pool,) = await service.cut_pools(
            tx, seller.actor, portfolio.portfolio_id, [PoolOrder("All", Selection())],
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    await factories.work_off(context)
    async with context.db.begin(seller.actor) as tx:
        return await service.find_pool(tx, seller.actor, pool.pool_id)


async def offer(context, seller, pool):
    async with context.db.begin(seller.actor) as tx:
        return await service.mark_offered(tx, seller.actor, pool.pool_id, context.chance.new_id(), Circle.OPEN)


def disguised(rows, *, of, seed=9):
    """The first `of` accounts as another seller would export them; what remains are other accounts."""
    mine = [
        row
        | {"Acct No": row["Acct No"].replace("-", " ").lstrip("0"), "Orig Creditor": f"{row['Orig Creditor']}, N.A."}
        for row in rows[:of]
    ]
    return mine + tapes.rows(80, seed=seed)


async def publish(visitor, context, pool):
    body = {
        "pool_id": str(pool.pool_id), "format": "english", "deposit_cents": 0,
        "terms": factories.some_terms(context.clock.now()),
    }  # fmt: skip
    return await visitor.post("/v1/auctions", json=body)


async def test_publishing_accounts_that_are_on_offer_elsewhere_is_refused_and_compliance_is_told(context, visit):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    rows = tapes.rows(80)
    first = await pool_of(context, first_seller, rows)
    second = await pool_of(context, second_seller, disguised(rows, of=7))
    await offer(context, first_seller, first)

    answer = await publish(await visit(second_seller), context, second)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/accounts-on-offer")
    assert answer.json()["account_count"] == 7
    assert str(first.pool_id) not in answer.text

    officer = await visit(await factories.officer(context))
    (flag,) = (await officer.get("/v1/double-sales", params={"only_open": True})).json()["items"]
    assert (flag["pool_id"], flag["other_pool_id"], flag["account_count"]) == (
        str(second.pool_id), str(first.pool_id), 7,
    )  # fmt: skip
    assert (await publish(await visit(second_seller), context, second)).status_code == 409
    assert len((await officer.get("/v1/double-sales")).json()["items"]) == 1
    async with context.db.begin(SYSTEM) as tx:
        bodies = (await tx.scalars(text("SELECT body FROM journal WHERE kind = 'pool.double_sale_flagged'"))).all()
    assert bodies == ['{"account_count":7,"other_pool_count":1}']
    assert (await (await visit(second_seller)).get("/v1/double-sales")).status_code == 403


async def test_an_officer_allows_it_with_a_reason_and_then_it_is_published(context, visit):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    rows = tapes.rows(80)
    first = await pool_of(context, first_seller, rows)
    second = await pool_of(context, second_seller, disguised(rows, of=7))
    await offer(context, first_seller, first)
    await publish(await visit(second_seller), context, second)
    officer = await visit(await factories.officer(context))
    (flag,) = (await officer.get("/v1/double-sales")).json()["items"]
    url = f"/v1/double-sales/{flag['flag_id']}/resolution"
    assert (await officer.post(url, json={"outcome": "allowed", "reason": "  "})).status_code == 422
    made = await officer.post(url, json={"outcome": "allowed", "reason": "Bought here in May; title shown."})
    assert (made.status_code, made.json()["resolution"]["outcome"]) == (201, "allowed")
    again = await officer.post(url, json={"outcome": "upheld", "reason": "No."})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/flag-resolved")
    assert (await officer.get("/v1/double-sales", params={"only_open": True})).json()["items"] == []
    assert (await offer(context, second_seller, second)).state is PoolState.OFFERED


async def test_when_two_sellers_publish_at_once_exactly_one_wins(context):
    sellers = [await factories.seller(context) for _ in range(3)]
    rows = tapes.rows(60)
    pools = [
        await pool_of(context, seller, disguised(rows, of=5, seed=seed)) for seed, seller in enumerate(sellers, 20)
    ]
    answers = await asyncio.gather(
        *(offer(context, seller, pool) for seller, pool in zip(sellers, pools, strict=True)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["AccountsOnOffer", "AccountsOnOffer", "Pool"]


async def test_accounts_are_free_again_when_an_auction_ends_without_a_sale_and_never_after_one(context):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    rows = tapes.rows(60)
    first = await pool_of(context, first_seller, rows)
    second = await pool_of(context, second_seller, disguised(rows, of=5))
    await offer(context, first_seller, first)
    with pytest.raises(AccountsOnOffer):
        await offer(context, second_seller, second)
    async with context.db.begin(SYSTEM) as tx:
        await service.mark_unsold(tx, SYSTEM, first.pool_id)
    await offer(context, second_seller, second)
    async with context.db.begin(SYSTEM) as tx:
        await service.mark_sold(tx, SYSTEM, second.pool_id)
    with pytest.raises(AccountsOnOffer):
        await offer(context, first_seller, first)


async def test_accounts_on_offer_when_a_tape_comes_in_are_carved_out_and_flagged(context, visit):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    rows = tapes.rows(80)
    await offer(context, first_seller, await pool_of(context, first_seller, rows))
    second = await pool_of(context, second_seller, disguised(rows, of=7))
    assert second.account_count == 80
    visitor = await visit(second_seller)
    found = (await visitor.get(f"/v1/portfolios/{second.portfolio_id}")).json()["saleability"]
    (rule,) = [each for each in found["rules"] if each["rule_id"] == "on-offer-elsewhere"]
    assert (rule["account_count"], rule["carved"]) == (7, True)
    await offer(context, second_seller, second)
    officer = await visit(await factories.officer(context))
    (flag,) = (await officer.get("/v1/double-sales")).json()["items"]
    assert (flag["portfolio_id"], flag["pool_id"], flag["account_count"]) == (str(second.portfolio_id), None, 7)


async def test_the_same_debtor_balance_and_date_is_the_same_account_whatever_its_number(context):
    first_seller, second_seller = await factories.seller(context), await factories.seller(context)
    rows = tapes.rows(60)
    renumbered = [row | {"Acct No": f"X{n}", "Orig Creditor": "Another Name"} for n, row in enumerate(rows)]
    first = await pool_of(context, first_seller, rows)
    second = await pool_of(context, second_seller, renumbered)
    await offer(context, first_seller, first)
    with pytest.raises(AccountsOnOffer, match="60 accounts"):
        await offer(context, second_seller, second)


async def test_no_organisation_sees_a_fingerprint_or_its_key(context):
    seller = await factories.seller(context)
    await pool_of(context, seller, tapes.rows(60))
    async with context.db.begin(SYSTEM) as tx:
        assert await tx.scalar(text("SELECT count(*) FROM account_fingerprint")) == 3 * 60
        assert await tx.scalar(text("SELECT count(*) FROM platform_key")) == 1
    async with context.db.begin(seller.actor) as tx:
        for table in ("account_fingerprint", "platform_key"):
            assert await tx.scalar(text(f"SELECT count(*) FROM {table}")) == 0
    for forged in (
        "INSERT INTO double_sale_resolution SELECT flag_id, org_id, 'allowed', 'x', :id, now() FROM double_sale_flag",
        "INSERT INTO account_fingerprint SELECT pool_id, 1, 1 FROM pool",
    ):
        with pytest.raises(DBAPIError):
            async with context.db.begin(seller.actor) as tx:
                await tx.execute(text(forged), {"id": seller.user_id} if ":id" in forged else {})
