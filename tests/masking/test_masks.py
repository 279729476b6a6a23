"""What bidders see: the table of treatments, k on every row, no identifier, no formula, totals that reconcile."""

import io
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import intake, tape, treatments
from masking.columns import flags
from masking.fields import CATALOGUE, FIELDS, FieldClass
from masking.granularity import Granularity
from masking.policy import Mapping, PolicyError, Stage, Treatment, default_policy
from masking.risk import RiskRefused, leak_gate

CUT_OFF_ON = date(2025, 6, 30)
COLUMNS = {
    "Acct No": "account_number",
    "SSN": "national_id",
    "Name": "debtor_name",
    "Home Ph": "phone",
    "Cell": "phone",
    "DOB": "date_of_birth",
    "City": "city",
    "ST": "state",
    "Zip": "postal_code",
    "BK": "bankrupt",
    "Dec": "deceased",
    "Memo": "notes",
    "OC": "original_creditor",
    "Chg Off Dt": "charged_off_on",
    "Curr Bal": "current_balance",
    "Shoe Size": None,
}
MAPPING = Mapping(COLUMNS)


def people(count: int, seed: int = 3, states: tuple[str, ...] = ("CA", "TX")) -> pa.Table:
    rng = np.random.default_rng(seed)
    numbers = range(count)
    return pa.table(
        {
            "Acct No": [f"ACC-{100_000 + i}" for i in numbers],
            "SSN": [f"{123 + i % 500}-{10 + i % 80}-{1000 + i}" for i in numbers],
            "Name": [f"Debtorius Person{i}" for i in numbers],
            "Home Ph": [f"(555) 010-{i:04}" if i % 3 else "" for i in numbers],
            "Cell": ["" for _ in numbers],
            "DOB": [f"{rng.integers(1925, 2004)}-{rng.integers(1, 13):02}-11" for _ in numbers],
            "City": [f"Village{i}" for i in numbers],
            "ST": [states[int(rng.integers(0, len(states)))] for _ in numbers],
            "Zip": [f"{rng.integers(10_000, 12_000)}" for _ in numbers],
            "BK": ["Chapter 7" if i % 10 == 0 else "N" for i in numbers],
            "Dec": ["Y" if i == 3 else "" for i in numbers],
            "Memo": [f"Person{i} is ill" for i in numbers],
            "OC": ["=cmd()|evil" if i % 2 else ("Rare Bank" if i == 4 else "Big Bank") for i in numbers],
            "Chg Off Dt": ["2023-05-17" for _ in numbers],
            "Curr Bal": [f"{rng.integers(100, 10**6) / 100:.2f}" for _ in numbers],
            "Shoe Size": ["42" for _ in numbers],
        }
    )


def masked(table: pa.Table, stage: Stage = Stage.PREVIEW, key: bytes = b"t" * 32, k: int = 5) -> tape.Masked:
    return tape.mask(
        table, MAPPING, default_policy(), stage=stage, token_key=key, cut_off_on=CUT_OFF_ON, currency="USD", k=k
    )


PREVIEW, VETTED = masked(people(400)), masked(people(400), Stage.VETTED)


def test_names_cities_and_unmapped_columns_are_dropped():
    for made in (PREVIEW, VETTED):
        assert {"Name", "City", "Shoe Size"} <= set(made.report.dropped_columns)
        assert not {"debtor_name", "city", "Shoe Size", "notes"} & set(made.table.column_names)


def test_identifiers_become_tokens_and_contacts_become_presence():
    row = PREVIEW.table.slice(1, 1).to_pylist()[0]
    assert len(row["account_number"]) == len(row["national_id"]) == 16
    assert row["account_number"] != row["national_id"]
    assert row["has_phone"] == "yes"
    assert PREVIEW.table.column("has_phone").to_pylist()[0] == "no"
    assert row["has_notes"] == "yes"


def test_the_preview_is_coarse_and_the_vetted_stage_exact_in_dates_and_amounts():
    assert set(PREVIEW.table.column("charged_off_on").to_pylist()) == {"2023-05"}
    assert set(VETTED.table.column("charged_off_on").to_pylist()) == {"2023-05-17"}
    exact = people(400).column("Curr Bal").to_pylist()
    assert VETTED.table.column("current_balance").to_pylist() == exact
    coarse = PREVIEW.table.column("current_balance").to_pylist()
    assert all(len(amount.replace(".", "").strip("0")) <= 2 for amount in coarse)
    assert all(abs(float(a) - float(b)) <= 0.05 * float(b) + 0.01 for a, b in zip(coarse, exact, strict=True))


def test_rare_values_are_merged_and_formulas_neutralised():
    assert set(PREVIEW.table.column("original_creditor").to_pylist()) == {"BIG BANK", "'=CMD()|EVIL", "OTHER"}


def test_a_flag_that_few_rows_carry_has_no_column_of_its_own():
    assert PREVIEW.table.column("any_flag").to_pylist().count("yes") == 41
    assert VETTED.table.column("bankrupt").to_pylist().count("yes") == 40
    assert not {"deceased", "other_flag"} & set(VETTED.table.column_names)


@pytest.mark.parametrize("made", [PREVIEW, VETTED])
def test_every_row_stands_among_k_and_the_report_reconciles(made):
    assert made.report.distribution.smallest_count >= 5
    assert made.report.reconciles
    assert made.report.suppressed_count <= 4


def test_a_new_key_changes_every_token():
    other = masked(people(400), key=b"u" * 32)
    for name in ("account_number", "national_id"):
        assert not set(PREVIEW.table.column(name).to_pylist()) & set(other.table.column(name).to_pylist())


def test_large_pools_show_more_than_small_ones():
    small, large = masked(people(60)).report.granularity, masked(people(20_000)).report.granularity
    assert (large.age_width or 99) < (small.age_width or 99)
    assert large.zip3
    assert not small.zip3


def test_states_that_few_debtors_live_in_are_merged():
    table = people(200, states=("CA",) * 30 + ("WY", "VT", "ND"))
    states = masked(table).table.column("state").to_pylist()
    assert all(states.count(state) >= 5 for state in set(states))


def test_fewer_rows_than_k_are_refused_with_what_would_help():
    with pytest.raises(RiskRefused, match="4 accounts and k is 5: widen the rule"):
        masked(people(4))


@pytest.mark.parametrize("stage", [Stage.TEASER, Stage.SALE])
def test_only_the_preview_and_the_vetted_stage_have_masked_rows(stage):
    with pytest.raises(PolicyError):
        masked(people(20), stage)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 120), st.integers(0, 10**6), st.sampled_from([Stage.PREVIEW, Stage.VETTED]), st.integers(2, 11))
def test_any_pool_that_is_masked_passes_the_gate(count, seed, stage, k):
    table = people(count, seed, ("CA", "TX", "NY", "WY"))
    try:
        made = masked(table, stage, k=k)
    except RiskRefused:
        assert count < 2 * k
        return
    assert made.report.suppressed_count <= count * 0.01
    out = io.BytesIO()
    tape.write_csv(made.table, out)
    checks = leak_gate([table], out, MAPPING, made.report, currency="USD")
    assert [check for check in checks if not check.passed] == []


def test_every_identifier_and_free_text_is_hidden_at_both_stages():
    policy, hidden = default_policy(), {Treatment.DROP, Treatment.TOKEN, Treatment.PRESENCE}
    for field in CATALOGUE:
        if field.cls in {FieldClass.IDENTIFIER, FieldClass.FREE_TEXT}:
            assert {policy.treatment(field.name, Stage.PREVIEW), policy.treatment(field.name, Stage.VETTED)} <= hidden
        assert policy.treatment(field.name, Stage.TEASER) is Treatment.DROP
        assert policy.treatment(field.name, Stage.SALE) is Treatment.CLEAR


def test_a_field_that_the_policy_does_not_name_is_dropped():
    for stage in (Stage.PREVIEW, Stage.VETTED):
        assert default_policy().treatment("no such field", stage) is Treatment.DROP


def test_two_significant_figures_keep_sign_and_zero():
    numbers = np.array([0, 1, 99, 105, 995, 1_049, 1_050, 123_456, -1_250])
    rounded, step = treatments.two_figures(numbers)
    assert rounded.tolist() == [0, 1, 99, 110, 1_000, 1_000, 1_100, 120_000, -1_300]
    assert step.tolist() == [1, 1, 1, 10, 10, 100, 100, 10_000, 100]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**13), 10**13) | st.none(), max_size=8), st.sampled_from([0, 2, 3]))
def test_rounded_amounts_are_written_as_their_two_figures_say(amounts, exponent):
    written = treatments.rounded_text(pa.array(amounts, pa.int64()), exponent=exponent).to_pylist()
    for amount, text in zip(amounts, written, strict=True):
        if amount is None:
            assert text == ""
        else:
            (rounded,), _ = treatments.two_figures(np.array([amount]))
            assert Decimal(text).scaleb(exponent) == int(rounded)
            assert len(text.partition(".")[2]) == exponent


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=6) | st.sampled_from(["'=1", "''+x", "-5", "\t", "@a", "'"]), max_size=10))
def test_neutralised_cells_start_no_formula_and_are_restored_exactly(cells):
    safe = treatments.neutralise(pa.array(cells, pa.string()))
    assert not [cell for cell in safe.to_pylist() if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\0"} and cell]
    assert treatments.restore(safe).to_pylist() == cells


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1900, 1, 1), CUT_OFF_ON), st.sampled_from([5, 10, 20]))
def test_an_age_lies_in_its_band_and_ninety_is_pooled(born, width):
    age = CUT_OFF_ON.year - born.year - ((CUT_OFF_ON.month, CUT_OFF_ON.day) < (born.month, born.day))
    band = treatments.age_band(pa.array([born]), cut_off_on=CUT_OFF_ON, width=width)[0].as_py()
    if age >= 90:
        assert band == "90+"
    else:
        first, last = map(int, band.split("-"))
        assert first <= age <= last < 90


def test_a_zip_code_that_lost_its_leading_zero_gets_it_back():
    assert treatments.zip_prefix(pa.array(["2139", "02139", "90210-1234", "SW1A 1AA", ""])).to_pylist() == [
        "021",
        "021",
        "902",
        "SW1",
        "",
    ]


def test_the_catalogue_names_each_field_once_with_a_source():
    assert len(FIELDS) == len(CATALOGUE)
    assert all(field.source and field.aliases for field in CATALOGUE)


def test_the_report_names_the_columns_that_k_leaves_empty():
    coarse = Granularity(0, zip3=False)
    assert coarse.emptied == ("age_band", "zip3")
    for rows in (people(60), people(20_000)):
        made = masked(rows)
        empty = {name for name in made.report.columns if set(made.table.column(name).to_pylist()) == {""}}
        assert set(made.report.emptied_columns) == empty & {"age_band", "zip3", "state", "country"}


def test_a_tape_of_which_only_what_is_looked_at_was_read_is_masked_alike(tmp_path):
    rows = [f"A{i},{i % 9}00-00-000{i % 7},Name {i},Town,{i + 1}.00,{'TX' if i % 2 else 'CA'}" for i in range(60)]
    rows[9] = rows[9].replace("10.00", "ten")
    path = tmp_path / "tape.csv"
    path.write_text("Acct No,SSN,Name,City,Curr Bal,ST\n" + "\n".join([*rows, "one cell"]) + "\n")
    mapping = Mapping({name: COLUMNS[name] for name in ("Acct No", "SSN", "Name", "City", "Curr Bal", "ST")})
    info = intake.inspect(path)
    said = {"token_key": b"k" * 32, "cut_off_on": CUT_OFF_ON, "currency": "USD"}
    drafting, whole = (tape.Drafting(mapping, default_policy(), **said) for _ in range(2))
    drafting.read_tape(path, info)
    whole.read(intake.read_chunks(path, info, on_ragged=whole.validator.refuse_ragged))
    for stage in (Stage.PREVIEW, Stage.VETTED):
        part, full = io.BytesIO(), io.BytesIO()
        assert drafting.write(part, stage=stage, k=5) == whole.write(full, stage=stage, k=5)
        assert part.getvalue() == full.getvalue()
    assert drafting.validator.refused == whole.validator.refused
    assert drafting.validator.totals.refused_count == 2


@given(st.lists(st.sampled_from([True, False, None])), st.integers(0, 9), st.integers(0, 9))
def test_flags_are_those_of_the_column_wherever_it_is_cut(values, first, count):
    cut = pa.array(values, pa.bool_()).slice(min(first, len(values)), count)
    assert flags(cut).tolist() == [value is True for value in cut.to_pylist()]
