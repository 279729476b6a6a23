"""Rows become typed accounts, exactly, or are refused with a reason; nothing is lost between the two."""

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import tape, values
from masking.accounts import _Seen
from masking.columns import trimmed
from masking.policy import Mapping, PolicyError

CUT_OFF_ON = date(2025, 6, 30)
MAPPING = Mapping(
    {"No": "account_number", "Bal": "current_balance", "CO": "charged_off_on", "Cur": "currency", "ST": "state"}
)


def checked(*rows: tuple[str, str, str, str, str], currency: str = "USD") -> tape.Validation:
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(MAPPING)})
    return tape.validate([table.slice(0, 2), table.slice(2)], MAPPING, cut_off_on=CUT_OFF_ON, currency=currency)


GOOD = ("1", "10.00", "2024-01-31", "USD", "CA")


def noted(*notes: str | None, number: str = "9") -> tape.Validation:
    count = len(notes)
    columns = {"No": [number, *(f"A{n}" for n in range(1, count))], "Bal": ["5"] * count, "Memo": notes}
    mapping = Mapping({"No": "account_number", "Bal": "current_balance", "Memo": "notes"})
    return tape.validate([pa.table(columns)], mapping, cut_off_on=CUT_OFF_ON, currency="USD")


@pytest.mark.parametrize(
    "note",
    [
        "paid w/ 4111 1111 1111 1111 on 3/4",  # the networks' published test numbers
        "card 4111111111111111.",
        "cc:5555-5555-5555-4444, exp 01/27",
        "(378282246310005)",
        "amex 3782 822463 10005",
        "4111111111111111 12/27",
        "4111111111111111 1/2027 123",
        "4111111111111111 123 12/27, called",
        "4111 1111 1111 1111 12/27",
        "4111 1111 1111 1111 123",
        "4111 1111 1111 1111 1227 123",
        "4111-1111-1111-1111-123 12/27",
        "3782 822463 10005 1234",
        "4111111111111111/12/27",
        "4111111111111111  1227",
        "4111111111111111,12/27",
        "paid 12/27/2024 4111111111111111 12/28/2024",
        "4111111111111111/",
        "4111.1111.1111.1111",
        "#4111111111111111",
        "cc4111111111111111",
        "CC#4111111111111111",
        "card no.4111111111111111",
    ],
)
def test_a_row_whose_note_quotes_a_card_number_is_refused_without_showing_it(note):
    made = noted(note, "called twice", None)
    assert [(refused.row, refused.column) for refused in made.refused] == [(2, "Memo")]
    assert made.refused[0].reason == "the text holds a payment-card number"
    assert made.accounts.num_rows == 2
    assert made.totals.reconciles


@pytest.mark.parametrize(
    "note",
    [
        "acct 4111111111111112",
        "IBAN FR76 4111 1111 1111 1111 039",
        "DE89 4111 1111 1111 1111 22",
        "ES91 2100 4111 1111 1111 1111",
        "ref/4111111111111111/9",
        "tel +4111111111111111",
        "batch 41111111111111110",
        "4111 1111 1111 1111 0000",
        "1.4111111111111111",
        "4111111111111111/9",
        "4111111111111111 12",
        "4111111111111111 12345",
        "4111111111111111 0000 0000",
        "4111 1111 1111 1111 1227 1111 1111",
        "FR76.4111.1111.1111.1111.039",
        "4111111111111112 12/27",
        "4111 1111 1111 1112 123",
        "acc4111111111111111",
        "4222222222222",
    ],
)
def test_other_long_numbers_in_notes_are_no_cards(note):
    assert noted(note).refused == []


def test_a_note_that_quotes_the_account_number_of_its_row_quotes_no_card():
    note = "was 4111111111111111"
    assert noted(note, number="4111-1111 11111111").refused == []
    assert [refused.row for refused in noted("x", note, number="4111111111111111").refused] == [3]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (("", "1", "", "", ""), "No", "missing"),
        (("2", "", "", "", ""), "Bal", "missing"),
        (("2", "0", "", "", ""), "Bal", "zero or negative"),
        (("2", "-5", "", "", ""), "Bal", "zero or negative"),
        (("2", "(5.00)", "", "", ""), "Bal", "zero or negative"),
        (("2", "ten", "", "", ""), "Bal", "cannot be read"),
        (("2", "1e9", "", "", ""), "Bal", "cannot be read"),
        (("2", "1.005", "", "", ""), "Bal", "cannot be read"),
        (("2", "1" + "0" * 30, "", "", ""), "Bal", "cannot be read"),
        (("2", "1", "31/12/2024", "", ""), "CO", "cannot be read"),
        (("2", "1", "02/30/2024", "", ""), "CO", "cannot be read"),
        (("2", "1", "45292", "", ""), "CO", "cannot be read"),
        (("2", "1", "01/02/24", "", ""), "CO", "cannot be read"),
        (("2", "1", "2025-07-01", "", ""), "CO", "after the cut-off"),
        (("2", "1", "", "EUR", ""), "Cur", "not USD"),
        (("1", "1", "", "", ""), "No", "before"),
        (("1 ", "1", "", "", ""), "No", "before"),
    ],
)
def test_each_bad_row_is_refused_by_number_column_and_reason_and_the_good_ones_stay(row, column, reason):
    made = checked(GOOD, ("x", "3", "", "usd", ""), row)
    assert [(refused.row, refused.column) for refused in made.refused] == [(4, column)]
    assert reason in made.refused[0].reason
    assert made.totals.accepted_cents == 13_00
    assert made.totals.reconciles
    assert made.accounts.column("face_value_cents").to_pylist() == [1000, 300]


def test_a_refusal_never_tells_the_value():
    made = checked(GOOD, ("secret-number", "secret-amount", "secret-date", "", ""))
    assert not [row for row in made.refused if "secret" in f"{row.column}{row.reason}"]


def test_the_corrected_repetition_of_a_refused_row_is_accepted():
    made = checked(("7", "oops", "", "", ""), ("7", "5", "", "", ""))
    assert made.totals.accepted_count == 1


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("1,234.56", "USD", 123456),
        ("$1,234.5", "USD", 123450),
        ("1234", "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("€5", "EUR", 500),
    ],
)
def test_amounts_are_whole_minor_units_of_their_currency(written, currency, minor):
    made = checked(("1", written, "", "", ""), currency=currency)
    assert made.accounts.column("face_value_cents").to_pylist() == [minor]


def test_half_a_yen_is_refused():
    assert len(checked(("1", "1.5", "", "", ""), currency="JPY").refused) == 1


def test_an_unknown_currency_is_refused():
    with pytest.raises(ValueError, match="ISO 4217"):
        checked(GOOD, currency="XXQ")


@settings(max_examples=200, deadline=None)
@given(
    st.integers(-(10**13) + 1, 10**13 - 1),
    st.sampled_from(["plain", "thousands", "dollar", "brackets", "trailing"]),
    st.sampled_from([".", ","]),
)
def test_every_written_form_of_an_amount_is_read_exactly(cents, form, mark):
    size = Decimal(abs(cents)).scaleb(-2)
    text = f"{size:,.2f}" if form == "thousands" else f"{size:.2f}"
    if mark == ",":
        text = text.translate(str.maketrans(".,", ",."))
    sign = "-" if cents < 0 else ""
    text = {
        "dollar": f"{sign}${text}",
        "brackets": f"({text})" if cents < 0 else text,
        "trailing": f"{text}-" if cents < 0 else text,
    }.get(form, sign + text)
    numbers, bad = values.cents(pa.array([text]), exponent=2, decimal_mark=mark)
    assert numbers.to_pylist() == [cents]
    assert not bad.any()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=10))
def test_any_text_as_amount_date_or_flag_is_read_or_marked_unreadable(texts):
    column = pa.array(texts, pa.string())
    for exponent in (0, 2, 3):
        numbers, bad = values.cents(column, exponent=exponent)
        assert len(numbers) == len(bad) == len(texts)
    for order in ("mdy", "dmy", "ymd"):
        days, bad = values.dates(column, order=order)
        assert [day is None for day in days.to_pylist()] == [
            flag or not text.strip() for flag, text in zip(bad, texts, strict=True)
        ]
    assert len(values.yes_no(column)) == len(texts)


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1850, 1, 1), date(2149, 12, 31)), st.sampled_from(["mdy", "dmy", "ymd"]))
def test_every_written_form_of_a_day_is_read_as_that_day(day, order):
    local = {
        "mdy": f"{day:%m/%d/}{day.year:04}",
        "dmy": f"{day:%d/%m/}{day.year:04}",
        "ymd": f"{day.year:04}/{day:%m/%d}",
    }[order]
    forms = [
        day.isoformat(),
        local,
        f"{day.isoformat()} 10:30:00",
        f"{day.day} {day:%b} {day.year:04}",
        day.isoformat().replace("-", ""),
    ]
    days, bad = values.dates(pa.array(forms), order=order)
    assert days.to_pylist() == [day] * len(forms)
    assert not bad.any()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "1", "2", "3", "4", "5"]),
            st.sampled_from(["", "1.00", "-3", "0", "x", "2,500.75"]),
            st.sampled_from(["", "2024-01-31", "2030-01-01", "?"]),
            st.sampled_from(["", "USD", "EUR"]),
            st.sampled_from(["CA", ""]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_rows_and_face_value_reconcile_and_every_refused_row_is_named_once(rows):
    made = checked(*rows)
    assert made.totals.reconciles
    assert made.totals.read_count == len(rows)
    assert made.totals.refused_count == len(made.refused) == len({row.row for row in made.refused})
    assert made.totals.accepted_count == made.accounts.num_rows


@pytest.mark.parametrize(
    "columns",
    [
        {"a": "account_number"},
        {"a": "current_balance"},
        {"a": "account_number", "b": "current_balance", "c": "current_balance"},
        {"a": "account_number", "b": "current_balance", "c": "no such field"},
    ],
)
def test_a_mapping_without_mandatory_fields_or_with_two_columns_on_one_field_is_refused(columns):
    with pytest.raises(PolicyError):
        Mapping(columns).require_mandatory()


def test_strata_merge_small_groups_and_add_up():
    states = ["CA"] * 7 + ["TX"] * 6 + ["WY"] * 2 + ["NV"]
    rows = [(str(i), f"{100 + i}.00", f"{2025 - i % 3}-01-31", "", state) for i, state in enumerate(states)]
    made = tape.strata(checked(*rows).accounts, cut_off_on=CUT_OFF_ON)
    assert {group.label: group.count for group in made.by["state"]} == {"CA": 7, "OTHER": 9}
    for groups in made.by.values():
        assert sum(group.count for group in groups) == made.count == 16
        assert sum(group.face_value_cents for group in groups) == made.face_value_cents
        assert all(group.count >= 5 for group in groups)


def test_disjoint_selections_cut_a_portfolio_without_loss():
    rows = [(str(i), f"{i}.00", f"20{10 + i % 15}-01-31", "", ["CA", "TX", ""][i % 3]) for i in range(1, 60)]
    accounts = checked(*rows).accounts
    small, large = tape.Selection(max_face_cents=30_00), tape.Selection(min_face_cents=30_01)
    assert (small.chosen(accounts, cut_off_on=CUT_OFF_ON) ^ large.chosen(accounts, cut_off_on=CUT_OFF_ON)).all()
    ca = tape.Selection(states=frozenset({"ca"})).chosen(accounts, cut_off_on=CUT_OFF_ON)
    assert ca.sum() == 19
    young = tape.Selection(max_age_days=1_000).chosen(accounts, cut_off_on=CUT_OFF_ON)
    old = tape.Selection(min_age_days=1_001).chosen(accounts, cut_off_on=CUT_OFF_ON)
    assert (young ^ old).all()
    assert not tape.Selection(debt_types=frozenset({"Auto"})).chosen(accounts, cut_off_on=CUT_OFF_ON).any()


@given(
    st.lists(st.integers(-(10**10) + 1, 10**10 - 1), min_size=1, max_size=20),
    st.lists(st.sampled_from(["1.-5", "-.50", "1-2.00", "1..50", "--1.00", "1.2.30", "00012.34", "1.234"]), max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_a_column_of_pointed_amounts_is_read_exactly_and_what_only_looks_like_one_as_it_is_read_alone(whole, others):
    texts = [f"{'-' * (number < 0)}{abs(number) // 100}.{abs(number) % 100:02}" for number in whole] + others
    numbers, bad = values.cents(pa.array(texts), exponent=2)
    assert [None if wrong else number for number, wrong in zip(numbers.to_pylist(), bad, strict=True)] == [
        values.minor_units(text, exponent=2) for text in texts
    ]


@given(st.lists(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=30), max_size=8))
@settings(max_examples=200, deadline=None)
def test_of_accounts_with_one_number_the_first_accepted_is_the_only_one(chunks):
    seen, met = _Seen(), set()
    for chunk in chunks:
        hashes = np.array([number for number, _ in chunk], np.uint64)
        among = np.array([fine for _, fine in chunk], np.bool_)
        expected = []
        for number, fine in chunk:
            expected.append(fine and number in met)
            met |= {number} if fine else set()
        assert seen.repeated(hashes, among).tolist() == expected


@given(st.lists(st.text(" \t\n\x1c\u00a0\u3000aé0", max_size=5), min_size=1))
@settings(max_examples=300, deadline=None)
def test_a_trimmed_column_has_every_text_without_blanks_at_its_ends(texts):
    assert trimmed(pa.array(texts)).to_pylist() == [
        text.strip() if not text.isascii() or not "".join(texts).isascii() else text.strip(" \t\n\v\f\r")
        for text in texts
    ]
