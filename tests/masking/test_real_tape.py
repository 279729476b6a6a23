"""A real tape of charged-off small-business loans goes all the way."""

import io
from datetime import date
from pathlib import Path

import pytest

from masking import commitment, detect, envelope, intake, tape
from masking.policy import Mapping, Stage, default_policy

TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"
CUT_OFF_ON = date(2015, 1, 1)
KEYS = tape.PoolKeys(token_key=b"t" * 32, data_key=b"d" * 32, commit_key=b"c" * 32, nonce_prefix=b"prefix7")


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    info = intake.inspect(TAPE)
    sample = intake.sample(TAPE, info)
    return detect.suggest(detect.detect(info.columns, sample), sample)


def test_its_columns_are_recognised(mapping):
    named = {column: name for column, name in mapping.items() if name}
    assert named == {
        "LoanNr_ChkDgt": "account_number",
        "Name": "debtor_name",
        "City": "city",
        "State": "state",
        "Zip": "postal_code",
        "Bank": "original_creditor",
        "NAICS": "industry_code",
        "DisbursementDate": "opened_on",
        "DisbursementGross": "original_amount",
        "ChgOffDate": "charged_off_on",
        "ChgOffPrinGr": "charge_off_balance",
    }


def test_all_of_its_accounts_are_accepted_and_the_totals_reconcile(mapping):
    info = intake.inspect(TAPE)
    made = tape.validate(intake.read_chunks(TAPE, info), mapping, cut_off_on=CUT_OFF_ON, currency="USD")
    assert (made.totals.accepted_count, made.totals.refused_count) == (686, 0)
    assert made.totals.reconciles
    assert made.totals.accepted_cents == 41_997_882_00


@pytest.mark.parametrize("stage", [Stage.PREVIEW, Stage.VETTED])
def test_no_name_city_zip_or_loan_number_is_in_its_masked_file(mapping, stage):
    chunks = list(intake.read_chunks(TAPE, intake.inspect(TAPE)))
    masked = tape.mask(
        chunks, mapping, default_policy(), stage=stage, token_key=b"t" * 32, cut_off_on=CUT_OFF_ON, currency="USD"
    )
    out = io.BytesIO()
    tape.write_csv(masked.table, out)
    text = out.getvalue().decode()
    for column in ("LoanNr_ChkDgt", "Name", "City"):
        assert not [cell for cell in chunks[0].column(column).to_pylist() if len(cell) > 4 and f'"{cell}"' in text]
    assert masked.report.reconciles
    assert masked.report.distribution.below_k_count == 0


def test_a_pool_cut_from_it_is_prepared_sealed_and_verified(mapping, tmp_path):
    selection = tape.Selection(min_face_cents=500_000, states=frozenset({"CA"}))
    pool = tape.prepare_pool(
        TAPE, mapping, selection, KEYS, tmp_path, portfolio="p-1", seller="s-1", cut_off_on=CUT_OFF_ON, currency="USD"
    )
    assert pool.report.selected_count == 651
    opened = io.BytesIO()
    with pool.files.sale_sealed.open("rb") as sealed:
        envelope.open_sealed(sealed, opened, data_key=KEYS.data_key, expected=pool.header)
    raw = pool.files.leaves.read_bytes()
    published = [raw[i : i + 32] for i in range(0, len(raw), 32)]
    rows = tape.original_rows(opened)
    check = commitment.verify_sale_file(rows, commit_key=KEYS.commit_key, expected_root=pool.root, published=published)
    assert (check.ok, check.rows_count) == (True, 651)
