"""Licence-aware bidding: who is not licensed is told where, how many accounts and what face value, before any bid."""

import asyncio

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from market.bidding.licences import LEAST_COUNT, Blocking, blocking
from market.bidding.rules import RegistrationRefused
from market.bidding.service import register_bidder
from market.compliance import service as compliance
from market.compliance.qualifications import Qualifications
from market.compliance.requirements import EvidenceType
from market.compliance.rules import UNKNOWN_STATE, NotCleared
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import Malformed
from market.portfolios import service as portfolios
from market.portfolios.nda import NDA_VERSION
from market.portfolios.rules import Pool, PoolOrder, Selection
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.portfolios import tapes

_sums = st.dictionaries(
    st.sampled_from(["CA", "NY", "TX", "GA", "FL"]),
    st.fixed_dictionaries({"account_count": st.integers(1, 40), "face_value_cents": st.integers(1, 10**9)}),
)


@given(st.sets(st.sampled_from(["CA", "NY", "TX", "GA", "FL", "WA"])), st.lists(_sums, min_size=1, max_size=3))
def test_every_uncovered_state_is_named_once_and_no_figure_tells_of_few_accounts(uncovered, sums) -> None:
    found = blocking(uncovered, sums)
    assert sorted(state for one in found for state in one.states) == sorted(uncovered)
    for one in found:
        count = sum(pool[state]["account_count"] for pool in sums for state in one.states if state in pool)
        if count >= LEAST_COUNT:
            face = sum(pool[state]["face_value_cents"] for pool in sums for state in one.states if state in pool)
            assert one == Blocking(one.states, count, face)
        else:
            assert (one.account_count, one.face_value_cents) == (None, None)


async def test_a_refusal_names_the_blocking_states_with_accounts_and_face_value(
    client: httpx.AsyncClient, context: Context
) -> None:
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    pool = await factories.ready_pool(context, seller)
    assert pool.state_sums is not None
    assert sum(one["account_count"] for one in pool.state_sums.values()) == pool.account_count
    assert sum(one["face_value_cents"] for one in pool.state_sums.values()) == pool.face_value_cents
    licensed = sorted(pool.state_sums)[:1]
    auction = await factories.published_auction(context, seller, pool_id=pool.pool_id)
    buyer = await factories.cleared_organisation(context, ("bid",), licensed, officers=officers)

    assert (await client.post("/v1/session", json=buyer.credentials)).status_code == 201
    told = (await client.get(f"/v1/auctions/{auction.auction_id}/admission")).json()
    assert {one["code"] for one in told["missing"]} == {"clearance-states", "nda"}
    blocked = {state for one in told["blocking"] for state in one["states"]}
    assert blocked == set(pool.debtor_states) - set(licensed)
    for one in told["blocking"]:
        if len(one["states"]) == 1 and one["account_count"] is not None:
            assert pool.state_sums[one["states"][0]] == {
                name: one[name] for name in ("account_count", "face_value_cents")
            }
    async with context.db.begin(buyer.actor) as tx:
        await portfolios.accept_nda(tx, buyer.actor, pool.pool_id, NDA_VERSION, now=context.clock.now())
        with pytest.raises(RegistrationRefused) as refusal:
            await register_bidder(tx, buyer.actor, auction.auction_id, None, context.clock.now())
    assert refusal.value.members["blocking"] == told["blocking"]


async def pool_without_states(context: Context, seller: factories.Party) -> Pool:
    """Of a tape that does not say where its debtors live."""
    headers = tuple(name for name in tapes.HEADERS if name not in {"ST", "City", "Zip"})
    rows = [{name: row[name] for name in headers} for row in tapes.rows(200)]
    portfolio = await factories.ready_portfolio(context, seller, tapes.text(rows, headers=headers))
    async with context.db.begin(seller.actor) as tx:
        (pool,) = await portfolios.cut_pools(
            tx, seller.actor, portfolio.portfolio_id, [PoolOrder("All", Selection())],
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    await factories.work_off(context)
    async with context.db.begin(seller.actor) as tx:
        return await portfolios.find_pool(tx, seller.actor, pool.pool_id)


async def test_accounts_without_a_state_are_bid_on_only_by_who_is_cleared_for_all(context: Context) -> None:
    """A tape that leaves its debtors' states out does not switch the licences off."""
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    pool = await pool_without_states(context, seller)
    assert pool.debtor_states == (UNKNOWN_STATE,)
    assert pool.state_sums == {
        UNKNOWN_STATE: {"account_count": pool.account_count, "face_value_cents": pool.face_value_cents}
    }
    auction = await factories.published_auction(context, seller, pool_id=pool.pool_id)
    local = await factories.cleared_organisation(context, ("bid",), ["CA"], officers=officers)
    with pytest.raises(RegistrationRefused, match="accounts whose tape names no state") as refusal:
        await factories.register_for(context, local, auction)
    assert refusal.value.members["blocking"] == [{"states": [UNKNOWN_STATE], **pool.state_sums[UNKNOWN_STATE]}]
    await factories.register_for(context, await factories.buyer(context, officers), auction)
    with pytest.raises(Malformed, match="is no state"):
        factories.a_grant(("bid",), (UNKNOWN_STATE,)).checked()


async def test_a_seller_lists_accounts_only_of_states_that_it_is_cleared_for(context: Context) -> None:
    officers = await factories.two_officers(context)
    local = await factories.cleared_organisation(context, ("list",), ("CA", "NY"), officers=officers)
    assert await factories.published_auction(context, local, debtor_states=("CA",))
    with pytest.raises(NotCleared, match="in TX, ZZ") as refusal:
        await factories.published_auction(context, local, debtor_states=("CA", "TX", UNKNOWN_STATE))
    assert refusal.value.members["states"] == ["TX", UNKNOWN_STATE]
    anywhere = await factories.cleared_organisation(context, ("list",), officers=officers)
    assert await factories.published_auction(context, anywhere, debtor_states=("CA", "TX", UNKNOWN_STATE))


_COPIED = (
    "INSERT INTO auction SELECT (jsonb_populate_record(a, jsonb_build_object('auction_id', gen_random_uuid(), 'org_id', $2::uuid,"
    " 'pool_id', $3::uuid, 'published_by', $4::uuid, 'debtor_states', $5::text[]))).* FROM auction a WHERE auction_id = $1"
)


async def test_no_auction_enters_without_a_clearance_to_list_whoever_writes_it(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    seller = await factories.cleared_organisation(context, ("list",), ("CA",), officers=officers)
    suspended = await factories.cleared_organisation(context, ("list",), officers=officers)
    stranger, buyer = await factories.register_member(context), await factories.buyer(context, officers)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        now = context.clock.now()
        await compliance.end_clearance(tx, officers[0].actor, suspended.clearances["list"], "a lapse", now)
    model = await factories.published_auction(context, seller, debtor_states=("CA",))
    for party, states, is_let_in in (
        (seller, ["CA"], True), (seller, ["CA", "NY"], False), (suspended, ["CA"], False), (stranger, ["CA"], False),
        (buyer, ["CA"], False),
    ):  # fmt: skip
        pool_id = await factories.bare_pool(context, party, debtor_states=states)
        for actor in (party.actor, SYSTEM):
            async with acting(urls.app, actor) as connection:
                values = (_COPIED, model.auction_id, party.org_id, pool_id, party.user_id, states)
                if is_let_in:
                    assert await connection.execute(*values) == "INSERT 0 1"
                else:
                    # A stranger has no case to bring papers to, which is looked at first.
                    why = "chain of title" if party is stranger else "clearance to list"
                    with pytest.raises(asyncpg.CheckViolationError, match=why):
                        await connection.execute(*values)


async def test_no_auction_names_fewer_states_than_its_accounts_have_whoever_writes_it(
    context: Context, urls: RoleUrls
) -> None:
    """Not of its own pool, not of the second one of a package, not of a pool whose cut lied, and not of somebody else's."""
    officers = await factories.two_officers(context)
    seller, other = [await factories.cleared_organisation(context, ("list",), ("CA",), officers=officers) for _ in "ab"]
    model = await factories.published_auction(context, seller, debtor_states=("CA",))
    lying = factories.some_traits(200, ("CA", "NY"))
    both = await factories.bare_pool(context, seller, debtor_states=("CA", "NY"))
    lied = await factories.bare_pool(context, seller, debtor_states=("CA",), traits=lying)
    unknown = await factories.bare_pool(
        context, seller, debtor_states=("CA",), traits=factories.some_traits(200, (None,))
    )
    short = await factories.bare_pool(
        context, seller, debtor_states=("CA",), traits=factories.some_traits(199, ("CA",))
    )
    foreign = await factories.bare_pool(context, other, debtor_states=("CA",))
    for pool_id in (both, lied, unknown, short, foreign):
        async with acting(urls.app, SYSTEM) as connection:
            with pytest.raises(asyncpg.CheckViolationError, match="debtor states of all accounts|its own pool"):
                await connection.execute(_COPIED, model.auction_id, seller.org_id, pool_id, seller.user_id, ["CA"])
        async with acting(urls.app, SYSTEM) as connection:
            with pytest.raises(asyncpg.CheckViolationError, match="debtor states of all accounts|its own pool"):
                await connection.execute(
                    "INSERT INTO auction_pool VALUES ($1, $2, $3)", model.auction_id, pool_id, seller.org_id
                )
    with pytest.raises(DBAPIError, match="debtor states of all accounts"):
        await factories.published_auction(context, seller, pool_id=lied)


async def test_a_listing_that_waited_for_an_end_of_its_clearance_is_refused(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    now, officer = context.clock.now(), officers[0].actor
    async with context.db.begin_as_officer(officer) as tx:
        await compliance.end_clearance(tx, officer, seller.clearances["list"], "a lapse", now)
        listing = asyncio.create_task(factories.published_auction(context, seller))
        async with acting(urls.app) as watching:
            while not await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not listing.done()
    with pytest.raises(NotCleared, match="at this moment"):
        await listing


async def test_a_clearance_in_a_second_currency_closes_no_door_in_the_first(context: Context) -> None:
    officers = await factories.two_officers(context)
    seller, party = await factories.seller(context, officers), await factories.buyer(context, officers)
    asked = factories.a_grant(("bid",), currency="EUR")
    await factories.approve(context, officers[1], await factories.prepared_case(context, party, officers[0], asked))
    auction = await factories.published_auction(context, seller)
    await factories.register_for(context, party, auction)
    only_euro = await factories.cleared_organisation(context, ("bid",), currency="EUR", officers=officers)
    with pytest.raises(NotCleared, match="cleared for EUR, and this is in USD"):
        async with context.db.begin(only_euro.actor) as tx:
            await compliance.require_clearance(
                tx, only_euro.org_id, "bid", context.clock.now(), currency=auction.currency
            )


async def test_a_seller_asks_for_rmai_and_net_worth_and_the_database_holds_it(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    seller = await factories.seller(context, officers)
    auction = await factories.published_auction(
        context, seller, qualifications=Qualifications(needs_rmai=True, min_net_worth_cents=50_000_000)
    )
    poor, rich = await factories.buyer(context, officers), await factories.register_member(context)
    asked = factories.a_grant(("bid",))
    case_id = await factories.draft_case(context, rich, asked)
    shown = [EvidenceType.RMAI_CERTIFICATE, EvidenceType.FINANCIAL_STATEMENT]
    await factories.bring_papers(context, rich, case_id, [*factories.needed_types(asked.capabilities), *shown])
    async with context.db.begin(rich.actor) as tx:
        await compliance.submit(tx, rich.actor, case_id, context.clock.now())
    rich = await factories.clear_submitted(context, rich, case_id, officers, asked)
    for party in (poor, rich):
        async with context.db.begin(party.actor) as tx:
            await portfolios.accept_nda(tx, party.actor, auction.pool_id, NDA_VERSION, now=context.clock.now())
    async with context.db.begin(poor.actor) as tx:
        with pytest.raises(RegistrationRefused) as refusal:
            await register_bidder(tx, poor.actor, auction.auction_id, None, context.clock.now())
    assert refusal.value.members["requirements"] == ["qualification-rmai", "qualification-net-worth"]
    async with acting(urls.app, poor.actor) as connection:
        with pytest.raises(REFUSED, match="more than this bidder has shown"):
            await connection.execute(
                "INSERT INTO registration (auction_id, org_id, seller_org_id, clearance_id, registered_by, at)"
                " VALUES ($1, $2, $3, $4, $5, now())",
                auction.auction_id, poor.org_id, seller.org_id, poor.clearances["bid"], poor.user_id,
            )  # fmt: skip
    async with context.db.begin(rich.actor) as tx:
        assert await register_bidder(tx, rich.actor, auction.auction_id, None, context.clock.now())
    async with acting(urls.app, seller.actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute("UPDATE sale_qualification SET needs_rmai = false")
