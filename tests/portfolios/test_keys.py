"""The vault's key turns without touching a file; a shredded portfolio can never be opened again, and its record stays."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.compliance import service as compliance
from market.db import rewrap
from market.db.base import WRAP
from market.db.schema import Base
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.kit.transit import TransitVault
from market.kit.vault import RetiredKey, version_of
from market.portfolios import jobs, service
from market.portfolios.commands import turn
from market.portfolios.rules import Circle, KeyPurpose, key_context
from market.portfolios.shreds import Cause, NotToBeShredded, Shredded
from market.portfolios.store import portfolios as store
from masking import commitment
from tests import factories
from tests.kit.transit_server import TOKEN, transit_server
from tests.portfolios import tapes


async def all_wraps(context):
    """Every wrap of the database with the table it lies in."""
    found = []
    async with context.db.begin(SYSTEM) as tx:
        for each in rewrap.wraps():
            question = text(f"SELECT {each.column.name} FROM {each.table.name} WHERE {each.column.name} IS NOT NULL")
            found += [(each.table.name, bytes(wrapped)) for wrapped in await tx.scalars(question)]
    return found


async def token_wrap(context, portfolio_id):
    async with context.db.begin(SYSTEM) as tx:
        return await store.portfolio_key(tx, portfolio_id, KeyPurpose.TOKEN)


def test_every_column_that_the_vault_wraps_says_what_it_is_bound_to():
    named = {"wrapped", "wrapped_key", "sealed_number", "sealed_secret"}
    found = {column for table in Base.metadata.sorted_tables for column in table.columns if column.name in named}
    assert found == {column for table in Base.metadata.sorted_tables for column in table.columns if WRAP in column.info}
    assert len(found) >= 7


async def test_a_rotation_wraps_every_key_anew_and_then_refuses_the_old_ones(context):
    seller = await factories.seller(context)
    await factories.name_bank_account(context, seller)
    pool = await factories.ready_pool(context, seller)
    before = await all_wraps(context)
    assert {"portfolio_key", "pool_key", "evidence", "bank_account", "platform_key"} <= {name for name, _ in before}
    files = {path: path.read_bytes() for path in context.files.root.rglob("*") if path.is_file()}
    made = await turn(context)
    after = await all_wraps(context)
    assert (made.version, made.wrap_count, made.resumed) == (2, len(before), False)
    assert {version_of(wrapped) for _, wrapped in after} == {2}
    assert files == {path: path.read_bytes() for path in context.files.root.rglob("*") if path.is_file()}
    bound_to = key_context(KeyPurpose.TOKEN, pool.portfolio_id)
    old = next(wrapped for name, wrapped in before if name == "portfolio_key")
    with pytest.raises(RetiredKey):
        context.vault.unwrap(old, bound_to)
    assert len(context.vault.unwrap(await token_wrap(context, pool.portfolio_id), bound_to)) == 32
    await factories.ready_pool(context, seller, seed=8)
    async with context.db.begin(SYSTEM) as tx:
        assert await journal.verify_stream(tx, "keys:platform") is None


async def test_a_rotation_killed_in_the_middle_leaves_everything_openable_and_the_next_call_finishes_it(context):
    seller = await factories.seller(context)
    pools = [await factories.ready_pool(context, seller, seed=seed) for seed in (1, 2)]
    count = len(await all_wraps(context))

    class Dying:
        """The vault of a process that is killed after its fifth wrap."""

        left = 5

        def __getattr__(self, name):
            return getattr(context.vault, name)

        def wrap(self, data_key, bound_to):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return context.vault.wrap(data_key, bound_to)

    with pytest.raises(KeyboardInterrupt):
        await rewrap.rotate(replace(context, vault=Dying()), batch_count=2)
    versions = [version_of(wrapped) for _, wrapped in await all_wraps(context)]
    assert set(versions) == {1, 2}
    for pool in pools:
        bound_to = key_context(KeyPurpose.TOKEN, pool.portfolio_id)
        assert context.vault.unwrap(await token_wrap(context, pool.portfolio_id), bound_to)
    made = await rewrap.rotate(context, batch_count=2)
    assert (made.version, made.resumed, made.wrap_count) == (2, True, versions.count(1))
    assert [version_of(wrapped) for _, wrapped in await all_wraps(context)] == [2] * count


async def test_nobody_but_the_platform_turns_keys_and_nothing_but_the_wrap_changes(context):
    seller = await factories.seller(context)
    await factories.ready_pool(context, seller)
    forged = text("SELECT rewrap('evidence', 'wrapped_key', ARRAY[wrapped_key], ARRAY[wrapped_key]) FROM evidence")
    with pytest.raises(DBAPIError, match="only the platform"):
        async with context.db.begin(seller.actor) as tx:
            await tx.execute(forged)
    with pytest.raises(DBAPIError, match="only the platform"):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("SELECT rewrap('evidence', 'number', ARRAY[''::bytea], ARRAY[''::bytea])"))
    with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("SELECT set_config('app.rewrapping', 'tape', true)"))
            await tx.execute(text("UPDATE tape SET org_id = org_id"))


async def test_with_a_transit_engine_tapes_come_in_and_a_sealed_one_refuses_the_upload_before_it_begins(context):
    with transit_server() as server:
        remote = replace(context, vault=TransitVault(server.url, TOKEN, timeout_s=2))
        seller = await factories.seller(context)
        pool = await factories.ready_pool(remote, seller)
        assert pool.state.value == "ready"
        files = sorted(context.files.root.rglob("*"))
        server.status = 503
        with pytest.raises(Transient, match="sealed"):
            await factories.received_portfolio(remote, seller, tapes.tape(10))
        assert sorted(context.files.root.rglob("*")) == files
        server.status = 0
        async with context.db.begin(SYSTEM) as tx:
            assert await tx.scalar(text("SELECT count(*) FROM portfolio")) == 1


async def test_two_officers_shred_a_portfolio_and_nothing_of_it_opens_again_but_the_record_verifies(context, visit):
    seller = await factories.seller(context)
    pool = await factories.ready_pool(context, seller)
    first, second = [await visit(await factories.officer(context)) for _ in range(2)]
    asked = await first.post(f"/v1/portfolios/{pool.portfolio_id}/shred-orders", json={"reason": "Seller left."})
    assert asked.status_code == 201, asked.text
    url = f"/v1/shred-orders/{asked.json()['order_id']}/approval"
    assert (await first.post(url)).status_code == 403
    assert (await (await visit(seller)).post(url)).status_code == 403
    done = await second.post(url)
    assert (done.status_code, done.json()["wrap_count"]) == (201, 4)
    again = await second.post(url)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/portfolio-shredded")
    (listed,) = (await first.get("/v1/shred-orders")).json()["items"]
    assert (listed["wrap_count"], listed["reason"]) == (4, "Seller left.")

    assert [name for name, _ in await all_wraps(context) if name in {"portfolio_key", "pool_key"}] == []
    with pytest.raises(Shredded):
        await token_wrap(context, pool.portfolio_id)
    with pytest.raises(Shredded):
        async with context.db.begin(seller.actor) as tx:
            await service.mark_offered(tx, seller.actor, pool.pool_id, context.chance.new_id(), Circle.OPEN)
    async with context.db.begin(SYSTEM) as tx:
        for stream in (f"portfolio:{pool.portfolio_id}", f"pool:{pool.pool_id}"):
            assert await journal.verify_stream(tx, stream) is None
    with context.files.path(pool.leaves.sha256).open("rb") as leaves:
        assert commitment.heading(leaves, expected_root=bytes.fromhex(pool.commitment_root)) is not None


async def test_the_database_itself_wants_two_officers_and_no_pool_on_offer(context):
    seller, (asker, approver) = await factories.seller(context), await factories.two_officers(context)
    pool = await factories.ready_pool(context, seller)
    async with context.db.begin_as_officer(asker.actor) as tx:
        order = await service.ask_shredding(
            tx, asker.actor, pool.portfolio_id, "x", now=context.clock.now(), chance=context.chance
        )
    forged = text(
        "INSERT INTO shredding (portfolio_id, org_id, cause, order_id, approved_by, wrap_count, shredded_at)"
        " VALUES (:portfolio_id, :org_id, 'order', :order_id, :approved_by, 0, now())"
    )
    values = {"portfolio_id": pool.portfolio_id, "org_id": seller.org_id, "order_id": order.order_id}
    for acting, named in ((asker, asker), (asker, approver)):
        with pytest.raises(DBAPIError, match="does not approve"):
            async with context.db.begin_as_officer(acting.actor) as tx:
                await tx.execute(forged, values | {"approved_by": named.user_id})
    async with context.db.begin(seller.actor) as tx:
        await service.mark_offered(tx, seller.actor, pool.pool_id, context.chance.new_id(), Circle.OPEN)
    with pytest.raises(NotToBeShredded):
        async with context.db.begin_as_officer(approver.actor) as tx:
            await service.approve_shredding(tx, approver.actor, order.order_id)
    with pytest.raises(DBAPIError):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("DELETE FROM portfolio_key"))


async def test_a_portfolio_that_sold_nothing_is_shredded_after_its_retention_and_no_other(context):
    seller = await factories.seller(context)
    unsold, on_offer = [await factories.ready_pool(context, seller, seed=seed) for seed in (1, 2)]
    async with context.db.begin(seller.actor) as tx:
        await service.mark_offered(tx, seller.actor, on_offer.pool_id, context.chance.new_id(), Circle.OPEN)
    assert await jobs.shred_unsold(context) is False

    class Later:
        def now(self):
            return context.clock.now() + timedelta(days=31)

    later = replace(context, clock=Later(), settings=replace(context.settings, unsold_retention_days=30))
    assert await jobs.shred_unsold(replace(later, clock=context.clock)) is False
    async with context.db.begin(SYSTEM) as tx:
        found = await service.past_retention(tx, now=later.clock.now(), days=30)
    assert [each.portfolio_id for each in found] == [unsold.portfolio_id]
    assert await jobs.shred_unsold(later) is True
    assert await jobs.shred_unsold(later) is False
    with pytest.raises(Shredded):
        await token_wrap(context, unsold.portfolio_id)
    assert await token_wrap(context, on_offer.portfolio_id)


async def test_a_seller_on_legal_hold_loses_no_key(context):
    seller, officer = await factories.seller(context), await factories.officer(context)
    pool = await factories.ready_pool(context, seller)
    async with context.db.begin_as_officer(officer.actor) as tx:
        await compliance.place_hold(
            tx, officer.actor, seller.org_id, "a court asked", now=context.clock.now(), chance=context.chance
        )
    with pytest.raises(NotToBeShredded):
        async with context.db.begin(SYSTEM) as tx:
            await service.shred(tx, pool.portfolio_id, Cause.COMMAND)
    assert await token_wrap(context, pool.portfolio_id)
