"""The commands that need no server: what they print, and what they refuse."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from masking import envelope, progress
from masking.__main__ import load_keys, main

TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    (folder / "keys").write_bytes(bytes(range(103)))
    (folder / "out").mkdir()
    keys = ["--key-file", str(folder / "keys")]
    assert main(["apply", str(TAPE), str(folder / "out"), "--cut-off", "2015-01-01", *keys]) == 0
    return folder


def keys(pool: Path) -> list[str]:
    return ["--key-file", str(pool / "keys")]


def opened(pool: Path) -> list[str]:
    out = io.BytesIO()
    with (pool / "out" / "sale.csv.sealed").open("rb") as sealed:
        header = envelope.read_header(sealed)
        sealed.seek(0)
        envelope.open_sealed(sealed, out, data_key=load_keys(pool / "keys").data_key, expected=header)
    return out.getvalue().decode().splitlines(keepends=True)


def test_a_preview_shows_masked_rows_and_writes_nothing(pool, capsys):
    assert main(["preview", str(TAPE), "--cut-off", "2015-01-01", "--rows", "3", *keys(pool)]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 4
    assert "SUPERIOR BROKERS" not in shown


def test_what_was_applied_passed_the_gate(pool):
    checks = json.loads((pool / "out" / "report.json").read_text())["checks"]
    assert {check["passed"] for stage in checks.values() for check in stage} == {True}


def test_the_gate_passes_what_was_applied_and_finds_what_was_altered_since(pool, tmp_path, capsys):
    assert main(["gate", str(TAPE), str(pool / "out"), *keys(pool)]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert {stage: {check["passed"] for check in found} for stage, found in checks.items()} == {
        "preview": {True},
        "vetted": {True},
    }
    shutil.copytree(pool / "out", tmp_path / "out")
    lines = (tmp_path / "out" / "vetted.csv").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "vetted.csv").write_text("".join(lines[:-1]))
    assert main(["gate", str(TAPE), str(tmp_path / "out"), *keys(pool)]) == 1
    said = capsys.readouterr()
    assert "refused: vetted" in said.err
    assert [check["name"] for check in json.loads(said.out)["vetted"] if not check["passed"]][-1] == "totals"


@pytest.mark.parametrize("text", ["", "[]", '{"masks": {}}', '{"masks": {"preview": {"k": "5"}}}'])
def test_a_report_that_apply_did_not_write_gates_nothing(pool, tmp_path, capsys, text):
    shutil.copytree(pool / "out", tmp_path / "out")
    (tmp_path / "out" / "report.json").write_text(text)
    assert main(["gate", str(TAPE), str(tmp_path / "out"), *keys(pool)]) == 1
    assert "refused: " in capsys.readouterr().err


def test_the_risk_report_says_how_unique_rows_are_and_which_column_costs_most(pool, capsys):
    assert main(["risk", str(pool / "out" / "preview.csv")]) == 0
    person = json.loads(capsys.readouterr().out)["views"][0]["attacks"]["person"]
    assert person["smallest_count"] >= 5
    assert person["linkage_share"] <= 0.05
    assert person["simulated_share"] <= 0.05
    assert all(share <= person["linkage_share"] for share in person["share_without"].values())


def test_the_sealed_and_the_opened_sale_file_verify(pool, tmp_path):
    (tmp_path / "sale.csv").write_text("".join(opened(pool)))
    for sale in (pool / "out" / "sale.csv.sealed", tmp_path / "sale.csv"):
        assert main(["verify", str(sale), str(pool / "out" / "preview.csv"), *keys(pool)]) == 0


def test_a_masked_file_is_called_one_instead_of_naming_its_rows(pool, capsys):
    masked = str(pool / "out" / "preview.csv")
    assert main(["verify", masked, str(pool / "out"), *keys(pool)]) == 1
    said = capsys.readouterr().err
    assert "preview.csv is a masked file: give the sale file" in said
    assert "rows that are not" not in said


@pytest.mark.parametrize("change", ["swap", "lose", "add", "alter"])
def test_every_changed_row_of_a_sale_file_is_found(pool, tmp_path, capsys, change):
    lines = opened(pool)
    match change:
        case "swap":
            lines[5], lines[9] = lines[9], lines[5]
        case "lose":
            del lines[-1]
        case "add":
            lines.append(lines[-1])
        case "alter":
            lines[5] = lines[5].replace("CA", "NV")
    expected = {"swap": "6, 10", "lose": "687", "add": "688", "alter": "6"}[change]
    (tmp_path / "sale.csv").write_text("".join(lines))
    assert main(["verify", str(tmp_path / "sale.csv"), str(pool / "out"), *keys(pool)]) == 1
    assert capsys.readouterr().err.strip().endswith(f"the first: {expected}")


def test_leaves_that_do_not_lead_to_the_root_are_refused(pool, capsys):
    sale = str(pool / "out" / "sale.csv.sealed")
    assert main(["verify", sale, str(pool / "out"), "--root", "00" * 32, *keys(pool)]) == 1
    assert "root" in capsys.readouterr().err


def test_a_rekeyed_copy_is_traced_to_its_buyer(pool, tmp_path, capsys):
    vetted, copy = str(pool / "out" / "vetted.csv"), str(tmp_path / "copy.csv")
    assert main(["rekey", vetted, copy, "--buyer", "Alpha", *keys(pool)]) == 0
    assert main(["trace", copy, vetted, "--buyer", "Beta", "--buyer", "Alpha", *keys(pool)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["buyer"] == "Alpha"
    assert main(["trace", copy, vetted, "--buyer", "Beta", *keys(pool)]) == 1


def test_a_tape_is_never_copied_as_if_it_were_a_masked_file(pool, tmp_path, capsys):
    copy = tmp_path / "copy.csv"
    assert main(["rekey", str(TAPE), str(copy), "--buyer", "Alpha", *keys(pool)]) == 1
    assert "not a masked file" in capsys.readouterr().err
    assert not copy.exists()


def test_no_tape_and_no_pool_is_overwritten_by_what_is_saved_beside_it(pool, tmp_path, capsys):
    tape, report = tmp_path / "tape.csv", tmp_path / "report.json"
    shutil.copy(TAPE, tape)
    shutil.copy(pool / "out" / "report.json", report)
    for arguments in (
        ["detect", str(tape), "--save", str(tape)],
        ["risk", str(pool / "out"), "--out", str(report)],
    ):
        assert main(arguments) == 1
        assert "there is such a file already" in capsys.readouterr().err
    assert tape.read_bytes() == TAPE.read_bytes()
    assert report.read_bytes() == (pool / "out" / "report.json").read_bytes()


@pytest.mark.parametrize("suffix", [".html", ".json"])
def test_an_older_mapping_and_an_older_risk_report_are_replaced(pool, tmp_path, suffix):
    saved = ["detect", str(TAPE), "--save", str(tmp_path / "mapping.json")]
    drawn = ["risk", str(pool / "out"), "--out", str(tmp_path / f"risk{suffix}")]
    assert [main(arguments) for arguments in (saved, saved, drawn, drawn)] == [0] * 4


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("--root", "", "64 hexadecimal digits"),
        ("--root", "zz", "64 hexadecimal digits"),
        ("--sample", "0", "whole number from 1"),
    ],
)
def test_what_verify_cannot_use_is_refused_by_name_and_not_replaced(pool, capsys, option, value, remedy):
    sale = str(pool / "out" / "sale.csv.sealed")
    with pytest.raises(SystemExit):
        main(["verify", sale, str(pool / "out"), option, value, *keys(pool)])
    said = capsys.readouterr().err
    assert f"argument {option}: " in said
    assert remedy in said


def test_a_folder_that_is_not_there_is_named_and_no_other_is_looked_in(pool, tmp_path, capsys):
    shutil.copytree(pool / "out", tmp_path / "out")
    sale = str(tmp_path / "out" / "sale.csv.sealed")
    assert main(["verify", sale, str(tmp_path / "out" / "elsewhere"), *keys(pool)]) == 1
    assert "elsewhere: No such file" in capsys.readouterr().err
    assert main(["detect", str(TAPE), "--save", str(tmp_path / "no" / "mapping.json")]) == 1
    assert f"{tmp_path / 'no'}: there is no such folder" in capsys.readouterr().err


def test_a_currency_is_understood_in_small_letters_and_refused_with_what_it_should_be(pool, capsys):
    arguments = ["preview", str(TAPE), "--cut-off", "2015-01-01", "--rows", "1", *keys(pool)]
    assert main([*arguments, "--currency", "usd"]) == 0
    with pytest.raises(SystemExit):
        main([*arguments, "--currency", "dollars"])
    assert "argument --currency: a currency is a code of ISO 4217" in capsys.readouterr().err


def test_the_list_of_verbs_gives_each_one_sentence(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert ". " not in capsys.readouterr().out.partition("positional arguments:")[2]


def test_the_bar_grows_to_the_end(capsys):
    bar = progress.Watched(io.BytesIO(bytes(5_000)), readings=1)
    while bar.read(100):
        pass
    bar.finish()
    drawn = capsys.readouterr().err
    assert drawn.count("\r") == 51
    assert drawn.endswith("100 %\n")


def test_the_process_ends_without_teardown_and_loses_nothing_it_printed():
    script = (
        "import atexit, sys; from masking.__main__ import leave;"
        "atexit.register(print, 'torn down'); print('x' * 200_000); leave(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "x" * 200_000 + "\n")
