"""What may not be sold, by which rule: told account by account, carved out, never lost."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from market.portfolios import limitation
from market.portfolios.saleability import RULE_IDS, RULES, judge, rule_of_reason
from market.portfolios.work import Cut
from masking.accounts import Validator
from masking.policy import Mapping
from tests import factories
from tests.portfolios import tapes

TODAY = date(2026, 11, 22)
BASE = {
    "Acct No": "A1", "Orig Creditor": "Meadow Bank", "ST": "TX", "Acct Type": "CREDIT CARD", "DOFD": "2026-01-10",
    "Balance": "100.00", "BK": "N", "Deceased": "", "Disputed": "0", "Suit Filed": "", "SCRA": "", "C&D": "",
    "Attorney": "", "Fraud Flag": "", "Account Status": "OPEN",
}  # fmt: skip
FIELDS = {
    "Acct No": "account_number", "Orig Creditor": "original_creditor", "ST": "state", "Acct Type": "debt_type",
    "DOFD": "delinquent_on", "Balance": "current_balance", "BK": "bankrupt", "Deceased": "deceased",
    "Disputed": "disputed", "Suit Filed": "litigation", "SCRA": "scra", "C&D": "cease_and_desist",
    "Attorney": None, "Fraud Flag": None, "Account Status": None,
}  # fmt: skip


def judged(*changes, as_of=TODAY):
    """The rules that each of these accounts meets."""
    lines = [BASE | {"Acct No": f"A{n}"} | change for n, change in enumerate(changes)]
    rows = pa.table({name: [line[name] for line in lines] for name in BASE})
    mapping = Mapping(FIELDS, date_order="ymd")
    rows, accounts = Validator(mapping, as_of, "USD").accept(rows)
    assert accounts.num_rows == len(lines)
    met = judge(rows, accounts, mapping, as_of=as_of)
    return [{rule for rule, flags in met.items() if flags[place]} for place in range(len(lines))]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"Account Status": "Paid in Full"}, "paid-or-settled"),
        ({"Account Status": "SIF"}, "paid-or-settled"),
        ({"BK": "Ch 7 discharged"}, "bankruptcy-discharged"),
        ({"BK": "Y"}, "bankruptcy"),
        ({"Account Status": "CHAPTER 13"}, "bankruptcy"),
        ({"Deceased": "2025-05-01"}, "deceased"),
        ({"Fraud Flag": "Y"}, "identity-theft"),
        ({"Account Status": "ID THEFT"}, "identity-theft"),
        ({"Disputed": "1"}, "disputed"),
        ({"Attorney": "yes"}, "attorney"),
        ({"Suit Filed": "Y"}, "litigation"),
        ({"SCRA": "Y"}, "scra"),
        ({"C&D": "Y"}, "cease-and-desist"),
        ({"Orig Creditor": " "}, "missing-field"),
        ({"DOFD": ""}, "missing-field"),
        ({"DOFD": "2022-11-22"}, "time-barred"),
        ({"DOFD": "2023-05-01"}, "time-bar-near"),
    ],
)
def test_each_rule_finds_its_account_and_no_other(change, rule):
    assert judged({}, change, {}) == [set(), {rule}, set()]


@pytest.mark.parametrize(
    "status", ["UNPAID", "NOT PAID", "PARTIALLY PAID", "Settlement pending", "", "OPEN", "CHARGED OFF"]
)
def test_a_status_that_only_sounds_like_payment_is_none(status):
    assert judged({"Account Status": status}) == [set()]


def test_every_rule_has_a_citation_and_a_date_and_a_place_of_its_own():
    assert len(set(RULE_IDS)) == len(RULES) == 16
    assert all(rule.citation and rule.title and rule.effective_from <= TODAY for rule in RULES)
    reasons = ("the account number occurs before", "the balance is zero or negative", "the balance is missing")
    assert [rule_of_reason(reason) for reason in reasons] == ["duplicate", "zero-balance", "missing-field"]
    assert rule_of_reason("the date cannot be read") is None


def test_the_pack_covers_all_states_takes_the_shortest_and_says_where_sources_disagree():
    pack = limitation.pack()
    assert len({state for state, _ in pack}) == 51
    assert len({entry.state for entry in pack.values() if entry.conflict and entry.debt_class != "goods"}) == 28
    assert all(entry.why for entry in pack.values() if entry.conflict)
    assert all(entry.reviewed_by is None for entry in pack.values())
    new_york = pack["NY", "open"]
    assert (new_york.years, new_york.conflict) == (3, True)
    assert "B 6" in new_york.why
    assert (pack["TX", "goods"].years, pack["TX", "goods"].citation) == (4, "UCC 2-725(1) as enacted")


@pytest.mark.parametrize(
    ("state", "kind", "start", "barred"),
    [
        ("NY", "CREDIT CARD", "2023-11-22", True),
        ("NY", "CREDIT CARD", "2023-11-23", False),
        ("NY", "TRADE INVOICE", "2022-11-23", False),
        ("NY", "TRADE INVOICE", "2022-11-22", True),
        ("RI", "CREDIT CARD", "2019-01-01", False),
        ("RI", "WHO KNOWS", "2019-01-01", True),
        ("ZZ", "CREDIT CARD", "1999-01-01", False),
    ],
)
def test_a_debt_is_time_barred_by_its_state_and_class_to_the_day(state, kind, start, barred):
    assert ("time-barred" in judged({"ST": state, "Acct Type": kind, "DOFD": start})[0]) is barred


def test_a_leap_day_is_barred_on_the_first_of_march():
    start = pa.table({"state": ["NY"], "debt_type": ["CREDIT CARD"], "due_on": pa.array([date(2020, 2, 29)])})
    assert not limitation.standing(start, as_of=date(2023, 2, 28)).barred[0]
    assert limitation.standing(start, as_of=date(2023, 3, 1)).barred[0]


def test_an_account_that_was_carved_out_is_in_no_cut():
    accounts = pa.table({"\x1frow": pa.array([2, 3, 4]), "face_value_cents": pa.array([1, 2, 3])})
    cut = Cut(carved_rows=np.array([3]), disclosed_rows=np.array([4]))
    assert cut.chosen(accounts, cut_off_on=TODAY).tolist() == [True, False, True]
    assert dict(cut.disclosed) == {"account_count": 1, "face_value_cents": 3}


def a_tape():
    """80 sound accounts, then: two discharged, one deceased and disputed, three old, one without balance, one twice."""
    today = datetime.now(UTC).date()
    rows = tapes.rows(86, seed=5)
    for number, row in enumerate(rows):
        old = 3000 if number >= 83 else 100 + number
        row["Chg Off Dt"] = f"{today - timedelta(days=old):%m/%d/%Y}"
        row["Open Dt"] = f"{today - timedelta(days=old + 900):%m/%d/%Y}"
        row["BK"] = "discharged" if number in {80, 81} else ""
        row["Deceased"], row["Disputed"] = ("Y", "Y") if number == 82 else ("", "")
    rows.append(rows[0] | {"Curr Bal": "5.00"})
    rows.append(rows[0] | {"Acct No": "Z-1", "Curr Bal": "0.00"})
    return rows, tapes.text(rows, headers=(*tapes.HEADERS, "BK", "Deceased", "Disputed")), today.isoformat()


async def test_what_may_not_be_sold_is_carved_out_reported_and_held_and_the_totals_reconcile(context, visit):
    seller = await factories.seller(context)
    rows, tape, today = a_tape()
    portfolio = await factories.ready_portfolio(context, seller, tape, time_barred="carve_out", cut_off_on=today)
    visitor = await visit(seller)
    base = f"/v1/portfolios/{portfolio.portfolio_id}"
    found = (await visitor.get(base)).json()
    told = found["saleability"]
    counts = {rule["rule_id"]: (rule["met_count"], rule["account_count"]) for rule in told["rules"]}
    assert counts == {
        "bankruptcy-discharged": (2, 2), "deceased": (1, 1), "disputed": (1, 0), "time-barred": (3, 3),
    }  # fmt: skip
    assert (told["accepted_count"], told["carved_out_count"], told["saleable_count"]) == (86, 6, 80)
    assert told["saleable_cents"] == tapes.face_value_cents(rows[:80]) == found["strata"]["face_value_cents"]
    assert told["saleable_cents"] + told["carved_out_cents"] == found["totals"]["accepted_cents"]

    report = await visitor.get(f"{base}/carve-out.csv")
    lines = [(int(row["row_number"]), row["rule_id"]) for row in csv.DictReader(io.StringIO(report.text))]
    assert lines == [
        (82, "bankruptcy-discharged"), (83, "bankruptcy-discharged"), (84, "deceased"), (84, "disputed"),
        (85, "time-barred"), (86, "time-barred"), (87, "time-barred"), (88, "duplicate"), (89, "zero-balance"),
    ]  # fmt: skip
    outcomes = Counter(row["outcome"] for row in csv.DictReader(io.StringIO(report.text)))
    assert outcomes == {"carved out": 7, "refused": 2}, "one of the six that are carved out met two rules"
    assert not any(value in report.text for value in tapes.identifiers(rows))
    assert "12 CFR 1006.30(b)(1)(ii)" in report.text

    held = await visitor.post(f"{base}/held-pools", json={"name": "Bankrupt", "rule_ids": ["bankruptcy-discharged"]})
    assert (held.status_code, held.json()["account_count"]) == (201, 2)
    rest = (await visitor.post(f"{base}/held-pools", json={"name": "All"})).json()
    assert (rest["account_count"], rest["face_value_cents"]) == (6, told["carved_out_cents"])
    numbers = await visitor.get(f"{base}/held-pools/{held.json()['held_pool_id']}/rows.csv")
    assert numbers.text == "row_number\r\n82\r\n83\r\n"
    none = await visitor.post(f"{base}/held-pools", json={"name": "None", "rule_ids": ["scra"]})
    assert (none.status_code, none.json()["type"]) == (422, "/problems/nothing-to-hold")
    assert len((await visitor.get(f"{base}/held-pools")).json()["items"]) == 2
    stranger = await visit(await factories.seller(context))
    for path in ("carve-out.csv", "held-pools"):
        assert (await stranger.get(f"{base}/{path}")).status_code == 404


async def test_time_barred_accounts_are_sold_as_such_only_if_the_seller_says_so_and_buyers_see_how_many(context, visit):
    seller = await factories.seller(context)
    _, tape, today = a_tape()
    portfolio = await factories.ready_portfolio(context, seller, tape, cut_off_on=today)
    visitor = await visit(seller)
    base = f"/v1/portfolios/{portfolio.portfolio_id}"
    order = {"pools": [{"name": "All", "selection": {"everything": True}}]}
    await visitor.post(f"{base}/pools", json=order)
    await factories.work_off(context)
    (pool,) = (await visitor.get("/v1/pools", params={"own": True})).json()["items"]
    assert (pool["state"], pool["account_count"], pool["time_barred"]["account_count"]) == ("ready", 83, 3)
    lines = (await visitor.get(f"{base}/carve-out.csv")).text.splitlines()
    assert sum(line.endswith("disclosed") for line in lines) == 3


async def test_a_tape_with_nothing_to_sell_is_refused_and_says_by_which_rules(context, visit):
    seller = await factories.seller(context)
    tape = tapes.text([row | {"Chg Off Dt": "01/15/2012"} for row in tapes.rows(40)])
    portfolio = await factories.ready_portfolio(context, seller, tape, time_barred="carve_out")
    assert (portfolio.state.value, portfolio.refusal.code) == ("refused", "nothing_saleable")
    report = await (await visit(seller)).get(f"/v1/portfolios/{portfolio.portfolio_id}/carve-out.csv")
    assert report.text.count("time-barred") == 40


async def test_everyone_signed_in_reads_the_rules(context, visit):
    answer = (await (await visit(await factories.buyer(context))).get("/v1/saleability-rules")).json()
    assert [rule["rule_id"] for rule in answer["rules"]] == list(RULE_IDS)
    assert len(answer["limitation_pack"]) == 255
