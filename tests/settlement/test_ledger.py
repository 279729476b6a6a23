import asyncio
import json
import random
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.kit.errors import Conflict, Transient
from market.kit.money import MAX_CENTS
from market.settlement.moves import CLEARING_IN, CLEARING_OUT, FBO, Outcome, cash, deposits
from market.settlement.rules import InsufficientFunds, TransferConflict
from tests.settlement.books import (
    USD,
    apply,
    as_app,
    balance,
    books_hold,
    member,
    move,
    organisation,
    resolve,
    rich,
)


async def test_a_wire_becomes_an_organisations_cash_and_the_books_balance(unguarded):
    org_id = await rich(unguarded, 100_00)
    assert await balance(unguarded, cash(org_id)) == (100_00, 100_00)
    assert await balance(unguarded, FBO) == (100_00, 100_00)
    assert await balance(unguarded, CLEARING_IN) == (0, 0)
    assert await books_hold(unguarded)


async def test_a_pending_transfer_reserves_and_a_void_frees_it(unguarded):
    org_id, auction_id = await rich(unguarded, 100), uuid4()
    pending = move(cash(org_id), deposits(auction_id), 60, pending=True)
    await apply(unguarded, pending)
    assert await balance(unguarded, cash(org_id)) == (100, 40)
    with pytest.raises(InsufficientFunds):
        await apply(unguarded, move(cash(org_id), deposits(auction_id), 41, pending=True))
    with pytest.raises(InsufficientFunds):
        await apply(unguarded, move(cash(org_id), CLEARING_OUT, 41))
    await apply(unguarded, resolve(pending, Outcome.VOIDED))
    assert await balance(unguarded, cash(org_id)) == (100, 100)
    assert await books_hold(unguarded)


async def test_a_pending_transfer_may_be_posted_in_part_and_the_rest_is_free_again(unguarded):
    org_id, auction_id = await rich(unguarded, 100), uuid4()
    pending = move(cash(org_id), deposits(auction_id), 60, pending=True)
    await apply(unguarded, pending, resolve(pending, Outcome.POSTED, 25))
    assert await balance(unguarded, cash(org_id)) == (75, 75)
    assert await balance(unguarded, deposits(auction_id)) == (25, 25)
    assert await books_hold(unguarded)


async def test_a_batch_applies_whole_or_not_at_all(unguarded):
    org_id = await rich(unguarded, 100)
    with pytest.raises(InsufficientFunds):
        await apply(unguarded, move(cash(org_id), CLEARING_OUT, 60), move(cash(org_id), CLEARING_OUT, 60))
    assert await balance(unguarded, cash(org_id)) == (100, 100)
    assert await balance(unguarded, CLEARING_OUT) == (0, 0)


async def test_the_same_transfer_again_moves_nothing(unguarded):
    org_id = await rich(unguarded, 100)
    once = move(cash(org_id), CLEARING_OUT, 60)
    pending = move(cash(org_id), CLEARING_OUT, 40, pending=True)
    end = resolve(pending, Outcome.POSTED)
    assert await apply(unguarded, once, pending, end) == 3
    assert await apply(unguarded, once, pending, end) == 0
    assert await balance(unguarded, cash(org_id)) == (0, 0)


async def test_a_reservation_expires_only_after_its_time_and_is_not_posted_then(unguarded):
    org_id, auction_id = await rich(unguarded, 100), uuid4()
    ids = [uuid4(), uuid4()]
    for id_, when in zip(ids, ("2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"), strict=True):
        op = {
            "op": "pend", "id": str(id_), "debit": cash(org_id), "credit": deposits(auction_id), "currency": USD,
            "amount_cents": 30, "kind": "test", "subject": "test:1", "expires_at": when,
        }  # fmt: skip
        await as_app(unguarded, f"SELECT ledger_apply('{json.dumps([op])}'::jsonb)")
    past, future = (move(cash(org_id), deposits(auction_id), 30, id_=id_) for id_ in ids)
    for bad in (resolve(past, Outcome.POSTED), resolve(future, Outcome.EXPIRED)):
        with pytest.raises(DBAPIError, match="expires at"):
            await apply(unguarded, bad)
    await apply(unguarded, resolve(past, Outcome.EXPIRED), resolve(future, Outcome.POSTED))
    assert await balance(unguarded, cash(org_id)) == (70, 70)
    assert await books_hold(unguarded)


# Thirteen attacks and a few more, with raw SQL as the role that the server runs as.


def _op(**changes):
    op = {
        "op": "post", "id": str(uuid4()), "debit": "bank:fbo", "credit": "clearing:in", "currency": "USD",
        "amount_cents": 5, "kind": "test", "subject": "test:1",
    }  # fmt: skip
    return f"SELECT ledger_apply('{json.dumps([op | changes])}'::jsonb)"


ATTACKS = {
    "update a transfer": "UPDATE ledger_transfer SET amount_cents = 1",
    "delete a transfer": "DELETE FROM ledger_transfer",
    "truncate the ledger": "TRUNCATE ledger_transfer, ledger_resolution, ledger_account",
    "insert a transfer": "INSERT INTO ledger_transfer SELECT * FROM ledger_transfer",
    "insert one side only": _op(credit=None),
    "insert a resolution": "INSERT INTO ledger_resolution SELECT transfer_id, transfer_id, 'voided', 0, now() FROM ledger_transfer",
    "raise a counter": "UPDATE ledger_account SET credits_posted_cents = 1000000",
    "insert an account": "INSERT INTO ledger_account (account_id) VALUES (gen_random_uuid())",
    "overdraw a client": _op(debit="ORG", credit="clearing:out", amount_cents=101),
    "overdraw the bank": _op(debit="ORG", credit="bank:fbo", amount_cents=100)
    + "; "
    + _op(debit="bank:op", credit="bank:fbo", amount_cents=1),
    "pay in another currency": _op(debit="ORG", credit="clearing:out", currency="EUR"),
    "move a negative amount": _op(amount_cents=-5),
    "move nothing": _op(amount_cents=0),
    "move half a cent": _op(amount_cents=0.5),
    "move more than the limit": _op(amount_cents=MAX_CENTS + 1),
    "move an amount beyond all bounds": _op(amount_cents=10**30),
    "move in a circle": _op(credit="bank:fbo"),
    "move without an id": _op(id=None),
    "open an unknown account": _op(credit="bank:mine"),
    "open an account of nobody": _op(credit=f"org:{uuid4()}:cash"),
    "call an inner function": "SELECT ledger_transfer_make('{}'::jsonb, 'posted')",
    "lock an account directly": "SELECT ledger_lock_account('bank:fbo', 'USD')",
    "replace the function": "CREATE OR REPLACE FUNCTION ledger_apply(a_ops jsonb) RETURNS integer LANGUAGE sql RETURN 1",
    "shadow a table": "CREATE TEMP TABLE ledger_account (account_id uuid)",
    "switch the trigger off": "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
    "become the owner": "SET ROLE market_migrator",
    "an unknown operation": _op(op="print"),
    "an empty batch": "SELECT ledger_apply('[]'::jsonb)",
    "no batch": "SELECT ledger_apply(NULL)",
}


async def test_the_ledger_withstands_every_attack_with_raw_sql(unguarded):
    org_id = await rich(unguarded, 100)
    passed = []
    for name, attack in ATTACKS.items():
        try:
            await as_app(unguarded, attack.replace("ORG", cash(org_id)))
            passed.append(name)
        except asyncpg.PostgresError:
            assert await balance(unguarded, cash(org_id)) == (100, 100), name
    assert passed == []
    assert await balance(unguarded, FBO) == (100, 100)
    assert await books_hold(unguarded)


_OPEN = """INSERT INTO ledger_account (account_id, name, currency, side, org_id, opened_at)
    VALUES (gen_random_uuid(), '{}', 'EUR', '{}', {}, now())"""


async def test_even_the_owner_cannot_rewrite_the_books(unguarded, urls):
    org_id = await rich(unguarded, 100)
    owner = await asyncpg.connect(urls.migrator)
    try:
        for attack in (
            "UPDATE ledger_transfer SET amount_cents = 1",
            "DELETE FROM ledger_transfer",
            "TRUNCATE ledger_transfer CASCADE",
            "DELETE FROM ledger_account",
            "UPDATE ledger_account SET name = 'bank:op' WHERE name = 'bank:fbo'",
            "UPDATE ledger_account SET debits_posted_cents = credits_posted_cents + 1",
            _OPEN.format("escrow:mine", "credit", "NULL"),
            _OPEN.format("bank:op", "credit", "NULL"),
            _OPEN.format("bank:op", "debit", "(SELECT org_id FROM organisation LIMIT 1)"),
            _OPEN.format(
                "org:00000000-0000-0000-0000-000000000001:cash", "credit", "(SELECT org_id FROM organisation LIMIT 1)"
            ),
        ):
            with pytest.raises(asyncpg.PostgresError):
                await owner.execute(attack)
    finally:
        await owner.close()
    assert await balance(unguarded, cash(org_id)) == (100, 100)


async def test_an_id_used_for_something_else_is_a_conflict(unguarded):
    org_id = await rich(unguarded, 100)
    first = move(cash(org_id), CLEARING_OUT, 5)
    await apply(unguarded, first)
    for other in (
        move(cash(org_id), CLEARING_OUT, 6, id_=first.transfer_id),
        move(cash(org_id), deposits(uuid4()), 5, id_=first.transfer_id),
        move(cash(org_id), CLEARING_OUT, 5, id_=first.transfer_id, pending=True),
    ):
        with pytest.raises(TransferConflict):
            await apply(unguarded, other)
    assert TransferConflict.status == Conflict.status == 409
    assert await balance(unguarded, cash(org_id)) == (95, 95)


@pytest.mark.parametrize("first", list(Outcome)[:2])
async def test_a_reservation_ends_once(unguarded, first):
    org_id = await rich(unguarded, 100)
    pending = move(cash(org_id), CLEARING_OUT, 50, pending=True)
    other = move(cash(org_id), CLEARING_OUT, 50, pending=True)
    await apply(unguarded, pending, other, resolve(pending, first, id_=uuid4()))
    before = await balance(unguarded, cash(org_id))
    shared = uuid4()
    await apply(unguarded, resolve(other, Outcome.VOIDED, id_=shared))
    for again in (
        resolve(pending, Outcome.POSTED),
        resolve(pending, Outcome.VOIDED),
        resolve(other, Outcome.POSTED, id_=shared),
    ):
        with pytest.raises(TransferConflict):
            await apply(unguarded, again)
    assert (await balance(unguarded, cash(org_id)))[0] == before[0]
    assert await books_hold(unguarded)


@pytest.mark.parametrize("cents", [51, 0, -1])
async def test_no_more_than_was_reserved_and_no_less_than_something_is_posted(unguarded, cents):
    org_id = await rich(unguarded, 100)
    pending = move(cash(org_id), CLEARING_OUT, 50, pending=True)
    await apply(unguarded, pending)
    with pytest.raises(DBAPIError):
        await apply(unguarded, resolve(pending, Outcome.POSTED, cents))
    with pytest.raises(DBAPIError):
        await apply(unguarded, resolve(move(cash(org_id), CLEARING_OUT, 5), Outcome.POSTED))
    assert await balance(unguarded, cash(org_id)) == (100, 50)


async def test_a_member_can_only_reserve_its_own_money_as_a_deposit(unguarded):
    mine, yours, auction_id = await rich(unguarded, 100), await rich(unguarded, 100), uuid4()
    for theft in (
        move(cash(yours), cash(mine), 5),
        move(cash(yours), deposits(auction_id), 5, pending=True),
        move(cash(mine), cash(yours), 5, pending=True),
        move(cash(mine), deposits(auction_id), 5),
        move(FBO, CLEARING_IN, 5),
    ):
        with pytest.raises(DBAPIError, match="organisation's to move"):
            await apply(unguarded, theft, actor=member(mine))
    with pytest.raises(DBAPIError, match="no auction asks for this deposit"):
        await apply(unguarded, move(cash(mine), deposits(auction_id), 5, pending=True), actor=member(mine))
    assert await balance(unguarded, cash(mine)) == (100, 100)


async def test_a_member_sees_its_own_account_and_transfers_only(unguarded):
    mine, yours = await rich(unguarded, 100), await rich(unguarded, 100)
    async with unguarded.db.begin(member(mine)) as tx:
        names = list(await tx.scalars(text("SELECT name FROM ledger_account")))
        seen = await tx.scalar(text("SELECT count(*) FROM ledger_transfer"))
    assert names == [cash(mine)]
    assert seen == 1
    async with unguarded.db.begin(SYSTEM) as tx:
        assert cash(yours) in set(await tx.scalars(text("SELECT name FROM ledger_account")))


async def test_under_a_seeded_storm_nobody_goes_below_zero_and_the_books_balance(unguarded):
    chance = random.Random(20261122)
    orgs = [await rich(unguarded, 1_000) for _ in range(4)]
    auction_id = uuid4()
    accounts = [*(cash(org_id) for org_id in orgs), deposits(auction_id), CLEARING_OUT]
    pendings, refused, done = [], 0, 0
    scripts = []
    for _ in range(240):
        debit, credit = chance.sample(accounts, 2)
        made = move(debit, credit, chance.randint(1, 900), pending=chance.random() < 0.5)
        if made.pending:
            pendings.append(made)
        scripts.append([made])
        if pendings and chance.random() < 0.5:
            target = chance.choice(pendings)
            outcome = chance.choice([Outcome.POSTED, Outcome.VOIDED])
            cents = chance.randint(1, target.amount_cents) if outcome is Outcome.POSTED else None
            scripts.append([resolve(target, outcome, cents)])
        if chance.random() < 0.2:
            scripts.append(chance.choice(scripts))

    async def worker(mine):
        nonlocal refused, done
        for script in mine:
            try:
                await apply(unguarded, *script)
                done += 1
            except (InsufficientFunds, TransferConflict, Transient):
                refused += 1
            except DBAPIError as error:  # a resolution may come before its reservation, or after that was refused
                if "no such pending" not in str(error):
                    raise
                refused += 1

    await asyncio.gather(*(worker(scripts[start::4]) for start in range(4)))
    assert done > 50
    assert refused > 20
    assert await books_hold(unguarded)
    total = [await balance(unguarded, name) for name in accounts]
    assert all(each >= free >= 0 for each, free in total)
    assert sum(each for each, _ in total) == 4_000 == (await balance(unguarded, FBO))[0]


async def test_two_organisations_may_open_the_same_account_at_once(unguarded):
    orgs = [await rich(unguarded, 100) for _ in range(4)]
    auction_id = uuid4()
    await asyncio.gather(
        *(apply(unguarded, move(cash(org_id), deposits(auction_id), 10, pending=True)) for org_id in orgs)
    )
    assert await books_hold(unguarded)


async def test_an_account_of_a_currency_is_not_the_account_of_another(unguarded):
    org_id = await organisation(unguarded)
    await apply(
        unguarded, move(FBO, CLEARING_IN, 7, currency="JPY"), move(CLEARING_IN, cash(org_id), 7, currency="JPY")
    )
    assert await balance(unguarded, cash(org_id), "JPY") == (7, 7)
    assert await balance(unguarded, cash(org_id), "USD") == (0, 0)
