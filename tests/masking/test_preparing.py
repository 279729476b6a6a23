"""A pool is prepared in one reading: files that agree with each other, or nothing at all."""

import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv
import pytest

from masking import commitment, envelope, intake, tape
from masking.__main__ import main
from masking.limits import IntakeError
from masking.policy import Mapping
from masking.risk import RiskRefused
from masking.spool import Spool

CUT_OFF_ON = date(2025, 6, 30)
KEYS = tape.PoolKeys(token_key=b"t" * 32, data_key=b"d" * 32, commit_key=b"c" * 32, nonce_prefix=b"prefix7")
MAPPING = Mapping({"Acct No": "account_number", "Name": "debtor_name", "ST": "state", "Curr Bal": "current_balance"})
HEADER = ["Acct No", "Name", "ST", "Curr Bal", "=Odd Header"]


def lines(count: int = 60) -> list[list[str]]:
    return [[f"N{i:05}", f"=Debtor {i}", ["CA", "TX"][i % 2], f"{i + 1}.00", "'+x"] for i in range(count)]


def csv_file(folder: Path, rows: list[list[str]]) -> Path:
    path = folder / "tape.csv"
    path.write_text("\n".join(",".join(row) for row in [HEADER, *rows]))
    return path


def prepared(
    path: intake.Source, out: Path, selection: tape.Selection = tape.ALL_ACCOUNTS, **changes
) -> tape.PreparedPool:
    out.mkdir(exist_ok=True)
    return tape.prepare_pool(
        path, MAPPING, selection, KEYS, out, portfolio="p", seller="s", cut_off_on=CUT_OFF_ON, currency="USD", **changes
    )


def sale_rows(pool: tape.PreparedPool) -> tuple[pa.Table, bytes]:
    opened = io.BytesIO()
    with pool.files.sale_sealed.open("rb") as sealed:
        envelope.open_sealed(sealed, opened, data_key=KEYS.data_key, expected=pool.header)
    return pa.concat_tables(tape.original_rows(opened)), opened.getvalue()


def test_the_sale_file_holds_exactly_the_pools_original_rows_with_formulas_neutralised(tmp_path):
    source = csv_file(tmp_path, [*lines(), ["N00001", "again", "CA", "5", ""], ["ragged"]])
    pool = prepared(source, tmp_path / "out", tape.Selection(states=frozenset({"CA"})))
    rows, raw = sale_rows(pool)
    assert [list(row.values()) for row in rows.to_pylist()] == [row for row in lines() if row[2] == "CA"]
    assert rows.column_names == HEADER
    assert not [cell for line in raw.decode().splitlines() for cell in line.split(",") if cell.startswith('"=')]
    assert [row.row for row in pool.report.refused] == [62, 63]
    assert pool.report.totals.reconciles


def test_the_clear_rows_are_in_no_file_that_is_written(tmp_path):
    pool = prepared(csv_file(tmp_path, lines()), tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        raw = path.read_bytes()
        assert b"Debtor 7" not in raw
        assert b"N00007" not in raw
    assert sale_rows(pool)[0].num_rows == 60


def test_the_buyer_verifies_the_sale_file_against_the_published_leaves_and_root(tmp_path):
    pool = prepared(csv_file(tmp_path, lines()), tmp_path / "out")
    raw = pool.files.leaves.read_bytes()
    published = [raw[i : i + 32] for i in range(0, len(raw), 32)]
    rows, _ = sale_rows(pool)
    check = {"commit_key": KEYS.commit_key, "expected_root": pool.root, "published": published}
    assert commitment.verify_sale_file([rows], **check).ok
    swapped = pa.concat_tables([rows.slice(0, 9), rows.slice(10)])
    assert commitment.verify_sale_file([swapped], **check).first_wrong == 9


def test_disjoint_rules_cut_a_portfolio_into_pools_that_add_up(tmp_path):
    source = csv_file(tmp_path, lines())
    pools = [
        prepared(source, tmp_path / state, tape.Selection(states=frozenset({state}))).report for state in ("CA", "TX")
    ]
    assert sum(pool.selected_count for pool in pools) == 60
    assert sum(pool.selected_face_cents for pool in pools) == pools[0].totals.accepted_cents


@pytest.mark.parametrize(
    ("selection", "error"),
    [(tape.Selection(states=frozenset({"WY"})), IntakeError), (tape.Selection(max_face_cents=200), RiskRefused)],
)
def test_a_refused_pool_leaves_no_file_behind(tmp_path, selection, error):
    with pytest.raises(error):
        prepared(csv_file(tmp_path, lines()), tmp_path / "out", selection)
    assert list((tmp_path / "out").iterdir()) == []


def test_workbooks_and_csv_give_the_same_masked_files(tmp_path):
    book = openpyxl.Workbook()
    for row in [HEADER, *lines()]:
        book.active.append([cell.replace("=", "~") for cell in row])
    book.save(tmp_path / "tape.xlsx")
    rows = [[cell.replace("=", "~") for cell in row] for row in lines()]
    (tmp_path / "tape.csv").write_text("\n".join(",".join(row).replace("=", "~") for row in [HEADER, *rows]))
    first, second = prepared(tmp_path / "tape.xlsx", tmp_path / "a"), prepared(tmp_path / "tape.csv", tmp_path / "b")
    assert first.files.preview.read_bytes() == second.files.preview.read_bytes()
    assert first.root == second.root


def test_the_same_keys_give_the_same_bytes_and_a_stream_the_same_as_a_path(tmp_path):
    source = csv_file(tmp_path, lines())
    first = prepared(source, tmp_path / "a")
    second = prepared(io.BytesIO(source.read_bytes()), tmp_path / "b")
    for one, other in ((first.files.sale_sealed, second.files.sale_sealed), (first.files.vetted, second.files.vetted)):
        assert one.read_bytes() == other.read_bytes()


def test_a_pool_is_cut_from_the_sealed_original_without_a_clear_file(tmp_path):
    plain = csv_file(tmp_path, lines())
    header = envelope.Header("p", "s", "sha256:00")
    sealed = io.BytesIO()
    envelope.seal(io.BytesIO(plain.read_bytes()), sealed, data_key=b"o" * 32, nonce_prefix=b"orig-01", aad=header)
    with envelope.open_for_reading(sealed, data_key=b"o" * 32, expected=header) as source:
        pool = prepared(source, tmp_path / "a")
    assert pool.files.vetted.read_bytes() == prepared(plain, tmp_path / "b").files.vetted.read_bytes()


def test_the_report_is_json_and_has_no_value_of_a_row(tmp_path):
    pool = prepared(csv_file(tmp_path, [*lines(), ["N9", "Secret Name", "CA", "secret", ""]]), tmp_path / "out")
    text = pool.files.report.read_text()
    assert json.loads(text)["commitment_root"] == pool.root.hex()
    assert not [word for word in ("Debtor", "Secret", "secret", "N0000") if word in text]


def test_keys_are_not_shown_in_a_repr():
    assert "tttt" not in repr(KEYS)


def test_a_spool_that_outgrows_memory_is_kept_encrypted_on_disk_and_comes_back_in_order(tmp_path):
    spool = Spool(folder=tmp_path, memory_bytes=2_000)
    tables = [pa.table({"token": [f"PLAINTEXT{i}{j}" for j in range(50)]}) for i in range(20)]
    for table in tables:
        spool.add(table)
    assert list(spool) == tables
    assert list(spool) == tables
    assert spool._file is not None
    spool._file.seek(0)
    assert b"PLAINTEXT" not in spool._file.read()
    spool.close()


def test_the_command_line_masks_opens_and_verifies_with_no_server(tmp_path, capsys):
    source = csv_file(tmp_path, lines())
    keys, out = tmp_path / "keys", tmp_path / "out"
    keys.write_bytes(bytes(range(103)))
    out.mkdir()
    assert main(["detect", str(source)]) == 0
    (tmp_path / "mapping.json").write_text(capsys.readouterr().out)
    common = ["--key-file", str(keys)]
    mapping = ["--mapping", str(tmp_path / "mapping.json"), "--cut-off", "2025-06-30"]
    assert main(["mask", str(source), str(out), *common, *mapping]) == 0
    root = json.loads(capsys.readouterr().out)["commitment_root"]
    check = ["--leaves", str(out / "leaves.bin"), "--root", root]
    assert main(["open", str(out / "sale.csv.sealed"), str(tmp_path / "sale.csv"), *common, *check]) == 0
    keys.write_bytes(bytes(103))
    assert main(["open", str(out / "sale.csv.sealed"), str(tmp_path / "no.csv"), *common]) == 1
    assert not (tmp_path / "no.csv").exists()
    assert "refused" in capsys.readouterr().err


def test_the_command_line_says_why_a_file_is_refused(tmp_path):
    (tmp_path / "empty.csv").touch()
    command = [sys.executable, "-m", "masking", "detect", str(tmp_path / "empty.csv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("empty_file: ")
