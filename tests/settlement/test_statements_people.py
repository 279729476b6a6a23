"""Statements for people agree with the ledger, and an accountant's tool can read the books."""

import csv
import io
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.settlement import moves, reports, service
from market.settlement.documents.rendering import render
from market.settlement.reports import Held, Report, ReportLine, Sum
from market.settlement.rules import Party, State
from market.settlement.store import ledger
from tests import factories
from tests.settlement.books import apply, balance, move, rich
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_life import approve, prepare, public_key

HAMMER = 400_000_00


@pytest.fixture(scope="module")
def sold():
    """One released sale for the tests of this file, made by the first that asks."""
    made = {}

    async def get(bank):
        if not made:
            context = bank.context
            buyer = await factories.buyer(context, bank.officers)
            await bank.pay_in(buyer, 50_000_00)
            auction = await factories.sold_auction(
                context, bank.seller, [buyer], hammer_cents=HAMMER, deposit_cents=50_000_00
            )
            sale = await factories.settlement_in(context, "signing", auction)
            await factories.sign_agreement(context, bank.seller, sale.settlement_id)
            await factories.sign_agreement(context, buyer, sale.settlement_id, public_key(5))
            await bank.pay_in(buyer, sale.due_cents)
            await factories.settlement_in(context, "funded", auction)
            await prepare(context, bank.officers[0], sale.settlement_id)
            made["sale"] = await approve(context, bank.operator, sale.settlement_id)
            made["buyer"] = buyer
        return made["sale"], made["buyer"]

    return get


async def statement(bank, actor, settlement_id, of):
    async with bank.context.db.begin(actor) as tx:
        return await service.party_statement(tx, actor, settlement_id, of, now=bank.context.clock.now())


def sums(report):
    return {each.what: each.amount_cents for each in report.sums}


async def test_the_sellers_statement_adds_up_to_what_the_ledger_credited(bank, sold):
    sale, _ = await sold(bank)
    report = await statement(bank, bank.seller.actor, sale.settlement_id, Party.SELLER)
    found = sums(report)
    assert found["Hammer price"] == HAMMER
    deducted = found["Commission borne by the seller"] + found["Held back for put-backs"]
    assert found["Proceeds"] == HAMMER + deducted == sale.proceeds_cents
    assert [(line.what, line.amount_cents) for line in report.lines] == [
        ("Proceeds credited", sale.proceeds_cents), ("Payout ordered, not paid yet", -sale.proceeds_cents),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.RELEASED, "Payout ordered, not paid yet"),
        (State.PAYOUT_SENT, "Payout sent to the bank, not confirmed yet"),
        (State.PAYOUT_CONFIRMED, "Paid out"),
        (State.PUTBACK_WINDOW, "Paid out"),
        (State.CLOSED, "Paid out"),
    ],
)
async def test_a_payout_is_called_paid_only_once_the_bank_has_confirmed_it(bank, sold, state, words):
    sale, _ = await sold(bank)
    async with bank.context.db.begin(SYSTEM) as tx:
        entries = await ledger.entries_of(tx, f"settlement:{sale.settlement_id}")
    now = bank.context.clock.now()
    report = reports.proceeds(replace(sale, state=state), "pool", moves.cash(sale.seller_org_id), entries, now)
    assert report.lines[-1].what == words


async def test_what_a_put_back_moved_is_said_in_words_of_people(bank, sold):
    sale, _ = await sold(bank)
    now = bank.context.clock.now()
    moved = moves.put_back(sale, uuid4(), moves.Refund(1, 1, 1, 1, 1, 1))
    earned = [reports.Earned(now, each.kind, "x", 1, sale.currency) for each in moved]
    lines = reports.fees(earned, now.date(), now.date(), now).lines
    assert len({line.what for line in lines}) == len(moved) == 6
    assert [line.what for line in lines if "putback" in line.what] == []


async def test_the_buyers_statement_adds_up_to_what_it_paid(bank, sold):
    sale, buyer = await sold(bank)
    report = await statement(bank, buyer.actor, sale.settlement_id, Party.BUYER)
    found = sums(report)
    assert found["Total price"] == HAMMER + sale.buyer_fee_cents == sale.price_cents
    assert found["Due at closing"] == found["Total price"] + found["Deposit counted towards it"]
    assert [(line.what, line.amount_cents) for line in report.lines] == [
        ("Paid out of cash into escrow", -sale.due_cents)
    ]


async def test_a_statement_is_its_partys_alone(bank, sold):
    sale, buyer = await sold(bank)
    for actor, of in (
        (buyer.actor, Party.SELLER), (bank.seller.actor, Party.BUYER), (bank.buyers[0].actor, Party.BUYER),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await statement(bank, actor, sale.settlement_id, of)
    for of in Party:
        assert (await statement(bank, bank.operator.actor, sale.settlement_id, of)).lines


async def test_the_fee_report_is_what_the_income_accounts_gained(bank, sold):
    sale, _ = await sold(bank)
    today = bank.context.clock.now().date()
    async with bank.context.db.begin(bank.operator.actor) as tx:
        report = await service.fee_report(tx, bank.operator.actor, today, today, now=bank.context.clock.now())
        before = await service.fee_report(
            tx, bank.operator.actor, today - timedelta(days=9), today - timedelta(days=1), now=bank.context.clock.now()
        )
    income = [(await balance(bank.context, name))[0] for name in (moves.COMMISSION, moves.DEFAULT_INCOME)]
    assert sums(report)["Total"] == sum(income)
    assert (sale.reference, sale.fee_cents) in [(line.of, line.amount_cents) for line in report.lines]
    assert before.lines == ()
    with pytest.raises(Malformed):
        async with bank.context.db.begin(SYSTEM) as tx:
            await service.fee_report(tx, SYSTEM, today, today - timedelta(days=1), now=bank.context.clock.now())
    with pytest.raises(Forbidden):
        async with bank.context.db.begin(bank.seller.actor) as tx:
            await service.fee_report(tx, bank.seller.actor, today, today, now=bank.context.clock.now())


async def test_the_ageing_shows_every_cent_that_is_held(unguarded):
    org_id = await rich(unguarded, 10_000)
    escrow, hold = moves.escrow(uuid4()), f"holdback:{uuid4()}"
    await apply(unguarded, move(moves.cash(org_id), escrow, 3_000), move(moves.cash(org_id), hold, 500))
    async with unguarded.db.begin(SYSTEM) as tx:
        now = await service.escrow_ageing(tx, SYSTEM, now=unguarded.clock.now())
        later = await service.escrow_ageing(tx, SYSTEM, now=unguarded.clock.now() + timedelta(days=20))
    assert sorted((line.of, line.amount_cents) for line in now.lines) == sorted([(escrow, 3_000), (hold, 500)])
    assert sums(now)["Total"] == 3_500
    assert {line.what for line in later.lines} == {"8-30 days"}


def test_money_ages_by_whole_days_into_its_class():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    ages = {
        0: "0-3 days",
        3: "0-3 days",
        4: "4-7 days",
        8: "8-30 days",
        31: "31-90 days",
        90: "31-90 days",
        91: "over 90 days",
    }
    for days, words in ages.items():
        report = reports.ageing([Held("escrow:x", "USD", 1, now - timedelta(days=days))], now)
        assert report.lines[0].what == words


def test_csv_has_plain_amounts_of_the_currency_and_calculates_nothing():
    lines = (ReportLine(date(2026, 1, 2), "=1+1", "@x", -1_234, "KWD"), ReportLine(None, "fee", "", 5, "JPY"))
    rows = list(csv.reader(io.StringIO(Report("t", (), lines, (Sum("Total", 7, "USD"),), datetime.now(UTC)).csv())))
    assert rows[1] == ["2026-01-02", "'=1+1", "'@x", "-1.234", "KWD"]
    assert rows[2] == ["", "fee", "", "5", "JPY"]
    assert rows[3] == ["", "sum: Total", "", "0.07", "USD"]


def test_a_statement_as_pdf_is_the_same_every_time_and_takes_any_text():
    lines = tuple(ReportLine(date(2026, 1, 2), f"#panic({n})", "[*]", n, "USD") for n in range(120))
    report = Report(
        "Fee report", (("Pool", "$x$ #let"),), lines, (Sum("Total", 7, "USD"),), datetime(2026, 1, 3, tzinfo=UTC)
    )
    once = render(report.facts())
    render.cache_clear()
    assert render(report.facts()).pdf == once.pdf


# A small reader of the journal's syntax, written without a look at the writer.

_HEAD = re.compile(r"(\d{4}-\d{2}-\d{2}) \* (.+?)\s+; (.*)")
_POSTING = re.compile(r" {4}(\S+)  (-?\d+(?:\.\d+)?) ([A-Z]{3})")


def parse(journal: str) -> list[list[tuple[str, Decimal, str]]]:
    transactions = []
    for line in journal.splitlines():
        if not line or line.startswith(";"):
            continue
        if _HEAD.fullmatch(line):
            transactions.append([])
        else:
            found = _POSTING.fullmatch(line)
            assert found, line
            transactions[-1].append((found[1], Decimal(found[2]), found[3]))
    return transactions


async def test_an_accountants_tool_reads_the_books_and_every_transaction_balances(bank, sold):
    sale, _ = await sold(bank)
    async with bank.context.db.begin(SYSTEM) as tx:
        text = "".join([part async for part in service.accounting_journal(tx, SYSTEM)])
        checked = await service.check_ledger(tx, SYSTEM)
    transactions = parse(text)
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for postings in transactions:
        assert len(postings) == 2
        assert sum(amount for _, amount, _ in postings) == 0
        for account, amount, money in postings:
            balances[account, money] += amount
    assert sum(balances.values()) == 0
    for each in checked.totals:
        digits = {"JPY": 0, "KWD": 3}.get(each.currency, 2)
        assert balances["assets:bank:fbo", each.currency] == Decimal(each.bank_cents).scaleb(-digits)
    assert balances[f"liabilities:escrow:{sale.settlement_id}", "USD"] == 0
    roots = {account.split(":")[0] for account, _ in balances}
    assert roots <= {"assets", "liabilities", "income", "expenses", "equity"}


async def test_people_take_their_statements_through_the_doors(bank, doors, sold):  # noqa: F811
    sale, buyer_party = await sold(bank)
    seller, buyer, operator = [await doors.as_(each) for each in (bank.seller, buyer_party, bank.operator)]
    door = f"/v1/settlements/{sale.settlement_id}/statements"
    told = (await seller.get(f"{door}/seller")).json()
    assert told["title"] == "Statement of proceeds"
    assert {"what": "Proceeds", "amount_cents": sale.proceeds_cents, "currency": "USD"} in told["sums"]
    problem(await seller.get(f"{door}/buyer"), 404, "not-found")
    as_csv = await buyer.get(f"{door}/buyer?form=csv")
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert as_csv.text.startswith("on,what,of,amount,currency\r\n")
    as_pdf = await buyer.get(f"{door}/buyer?form=pdf")
    assert as_pdf.content.startswith(b"%PDF-")
    today = bank.context.clock.now().date()
    period = f"first_on={today}&last_on={today}"
    assert (await operator.get(f"/v1/reports/fees?{period}")).json()["title"] == "Fee report"
    assert (await operator.get("/v1/reports/escrow-ageing?form=pdf")).content.startswith(b"%PDF-")
    journal = await operator.get("/v1/ledger/journal")
    assert len(parse(journal.text)) > 5
    for address in (f"/v1/reports/fees?{period}", "/v1/reports/escrow-ageing", "/v1/ledger/journal"):
        problem(await seller.get(address), 403, "forbidden")
