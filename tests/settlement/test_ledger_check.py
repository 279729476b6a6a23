"""The check of the ledger finds what is wrong, names it, and finds nothing else."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden
from market.kit.pages import PageRequest
from market.settlement import jobs, service
from market.settlement.proof import Kind
from market.settlement.service.books import BooksDiverge, require_books_hold
from tests import factories
from tests.settlement.banks import MovedClock
from tests.settlement.books import member, organisation
from tests.settlement.wires import Wire


@pytest_asyncio.fixture
async def books(context):
    """A market with money in it: a matched wire, one in suspense, a reserved deposit's worth of nothing else."""
    buyer_id, operator = await organisation(context), await factories.operator(context)
    async with context.db.begin(SYSTEM) as tx:
        pay_with = await service.keep_reference(tx, buyer_id)
    await factories.import_wires(context, operator, Wire(70_000, pay_with))
    await factories.import_wires(context, operator, Wire(5_000, "no reference"), Wire(300, "", ref="E-300"))
    return context


async def checked(context):
    async with context.db.begin(SYSTEM) as tx:
        return await service.check_ledger(tx, SYSTEM)


async def tamper(cluster, urls, *statements: str) -> None:
    """What only the machine's administrator can do: write past all triggers."""
    url = make_url(cluster.admin_url).set(database=make_url(urls.app).database, drivername="postgresql")
    admin = await asyncpg.connect(url.render_as_string(hide_password=False))
    await admin.execute("SET session_replication_role = replica")
    for statement in statements:
        await admin.execute(statement)
    await admin.close()


async def test_sound_books_hold_and_their_totals_agree(books):
    found = await checked(books)
    (usd,) = found.totals
    assert found.holds
    assert (usd.statement_cents, usd.bank_cents, usd.claims_cents + usd.income_cents) == (75_300,) * 3
    assert (usd.statement_count, usd.transfer_count) == (2, 4)
    assert found.lines()[-1] == "the books hold"


async def test_an_empty_ledger_holds(context):
    found = await checked(context)
    assert found.holds
    assert found.lines() == ["the ledger is empty", "the books hold"]


_TAMPERINGS = {
    "a counter": (
        "UPDATE ledger_account SET credits_posted_cents = credits_posted_cents + 7 WHERE name LIKE 'org:%'",
        {Kind.COUNTER_DRIFTED},
        "says 700.07 USD, its transfers make 700.00 USD",
    ),
    "a transfer": (
        "UPDATE ledger_transfer SET amount_cents = 4999 WHERE kind = 'wire_received' AND amount_cents = 5000",
        {Kind.TRANSFER_CHANGED, Kind.COUNTER_DRIFTED, Kind.ENTRY_NOT_BOOKED, Kind.STATEMENT_IS_NOT_BANK},
        "is booked with 49.99 USD",
    ),
    "a transfer that is gone": (
        "DELETE FROM ledger_transfer WHERE kind = 'wire_received' AND amount_cents = 70000",
        {Kind.COUNTER_DRIFTED, Kind.OVERDRAWN, Kind.ENTRY_NOT_BOOKED, Kind.STATEMENT_IS_NOT_BANK},
        "leave it below zero",
    ),
    "a bank entry": (
        "UPDATE bank_entry SET amount_cents = 301 WHERE entry_ref = 'E-300'",
        {Kind.STATEMENT_OPEN, Kind.ENTRY_NOT_BOOKED},
        "but opening and entries make",
    ),
    "a bank entry that is gone": (
        "DELETE FROM bank_entry WHERE entry_ref = 'E-300'",
        {Kind.STATEMENT_OPEN, Kind.BOOKED_WITHOUT_ENTRY},
        "whose statements show 0.00 USD",
    ),
    "a statement": (
        "UPDATE bank_statement SET opening_cents = 1, closing_cents = closing_cents - 69999 WHERE chain = 2",
        {Kind.CHAIN_BROKEN, Kind.STATEMENT_IS_NOT_BANK},
        "the one before it closed with 700.00 USD",
    ),
    "a statement that is gone": (
        "DELETE FROM bank_entry WHERE statement_id = (SELECT statement_id FROM bank_statement WHERE chain = 1);"
        "DELETE FROM bank_statement WHERE chain = 1",
        {Kind.CHAIN_BROKEN, Kind.BOOKED_WITHOUT_ENTRY},
        "opens with 700.00 USD, the one before it closed with 0.00 USD",
    ),
}


@pytest.mark.parametrize("what", _TAMPERINGS)
async def test_what_was_changed_behind_the_guards_is_found_and_named(books, cluster, urls, what):
    statement, kinds, words = _TAMPERINGS[what]
    await tamper(cluster, urls, statement)
    found = await checked(books)
    assert not found.holds
    assert {each.kind for each in found.divergences} == kinds
    assert any(words in line for line in found.lines())


async def test_money_that_left_without_an_order_is_a_divergence_until_it_is_made_good(books, context):
    operator = await factories.operator(context)
    await factories.import_wires(context, operator, Wire(1_000, "fee", credit=False, ref="TAKEN"))
    found = await checked(context)
    assert {each.kind for each in found.divergences} == {Kind.DEBIT_UNMATCHED, Kind.STATEMENT_IS_NOT_BANK}
    assert "10.00 USD left the bank without an order (bank's reference TAKEN)" in found.lines()[1]
    await factories.import_wires(context, operator, Wire(1_000, "sorry TAKEN"))
    assert (await checked(context)).holds


async def test_the_command_line_says_so_by_its_exit_status(books, cluster, urls, tmp_path):
    def run() -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "MARKET_DATABASE_URL": urls.app,
            "MARKET_OFFICER_DATABASE_URL": urls.officer,
            "MARKET_DATA_DIR": str(tmp_path / "data"),
        }
        command = [sys.executable, "-m", "market", "ledger", "check"]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith(
        "USD: statement 753.00 USD | bank:fbo 753.00 USD | claims 753.00 USD + income 0.00 USD"
    )
    await tamper(cluster, urls, _TAMPERINGS["a counter"][0])
    bad = run()
    assert bad.returncode == 1
    assert bad.stdout.splitlines()[-1] == "1 divergence"


async def test_it_is_for_the_platforms_people(books):
    stranger = member(books.chance.new_id())
    async with books.db.begin(stranger) as tx:
        with pytest.raises(Forbidden):
            await service.check_ledger(tx, stranger)


async def kept(context):
    async with context.db.begin(SYSTEM) as tx:
        return (await service.list_checks(tx, SYSTEM, PageRequest(10))).items


async def test_the_worker_checks_once_a_day_and_every_ten_minutes_while_it_finds_something(books, cluster, urls):
    """What it finds is kept, and stops releases until a check holds again."""

    def later(**ahead):
        return replace(books, clock=MovedClock(timedelta(**ahead)))

    assert await jobs.check_books(books)
    for soon in (later(minutes=1), later(hours=20)):
        assert not await jobs.check_books(soon)
    (first,) = await kept(books)
    assert (first.divergence_count, first.lines[-1]) == (0, "the books hold")
    async with books.db.begin(SYSTEM) as tx:
        await require_books_hold(tx)
    await tamper(cluster, urls, "UPDATE ledger_account SET credits_posted_cents = 1 + credits_posted_cents")
    assert await jobs.check_books(later(hours=25))
    assert (await kept(books))[0].divergence_count > 0
    async with books.db.begin(SYSTEM) as tx:
        with pytest.raises(BooksDiverge):
            await require_books_hold(tx)
    await tamper(cluster, urls, "UPDATE ledger_account SET credits_posted_cents = credits_posted_cents - 1")
    assert await jobs.check_books(later(hours=25, minutes=11))
    async with books.db.begin(SYSTEM) as tx:
        await require_books_hold(tx)
