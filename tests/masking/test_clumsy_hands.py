"""What a clumsy or hostile hand gives to the commands is answered in a line that says what to do."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from masking import intake
from masking.__main__ import main

ROWS = [f"A{n:04},{100 + n}.50,02/0{n % 9 + 1}/2015,Card" for n in range(60)]
TAPE = "\n".join(["Acct No,Curr Bal,Chg Off Dt,Product", *ROWS]) + "\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "keys").write_bytes(bytes(range(103)))
    (tmp_path / "tape.csv").write_text(TAPE)
    return tmp_path


def masked(folder, *more: str, name: str = "tape.csv") -> int:
    keys = ["--key-file", str(folder / "keys"), "--cut-off", "2020-01-01"]
    return main(["apply", str(folder / name), str(folder / "pool"), *keys, *more])


@pytest.mark.parametrize("verb", ["detect", "apply", "open", "verify", "trace", "risk"])
def test_a_pipe_is_refused_and_not_waited_for(folder, verb, capsys):
    os.mkfifo(folder / "pipe")
    if verb in {"verify", "trace"}:
        assert masked(folder) == 0
    key = ["--key-file", str(folder / "keys")]
    more = {
        "detect": [],
        "apply": [str(folder / "out"), *key, "--cut-off", "2020-01-01"],
        "open": [str(folder / "out"), *key],
        "verify": [str(folder / "pool"), *key],
        "trace": [str(folder / "pool" / "vetted.csv"), "--buyer", "Alpha", *key],
        "risk": [],
    }
    assert main([verb, str(folder / "pipe"), *more[verb]]) == 1
    assert capsys.readouterr().err.endswith("pipe: this is a pipe or a device: give a file\n")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_the_command_finds_nothing_half_done(folder, end):
    os.mkfifo(folder / "mapping")  # the command waits for its other end when the folder that it works in is there
    before = sorted(folder.iterdir())
    command = ["apply", str(folder / "tape.csv"), str(folder / "pool"), "--cut-off", "2020-01-01"]
    command += ["--key-file", str(folder / "keys"), "--mapping", str(folder / "mapping")]
    with subprocess.Popen([sys.executable, "-m", "masking", *command], stderr=subprocess.PIPE) as process:
        with (folder / "mapping").open("wb"):
            assert len(list(folder.iterdir())) == len(before) + 1
            process.send_signal(end)
        # Closed by now: a signal that came just before the command began to read is seen when it has read.
        assert process.communicate(timeout=60)[1] == b"stopped; nothing was written\n"
    assert process.returncode == 130
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_quote_that_is_never_closed_swallows_no_rows(folder, encoding, end):
    rows = [
        *TAPE.splitlines(),
        'A9001,5.00,02/01/2015,"Card ü"',
        'A9002,5.00,02/01/2015,"Card',
        "A9003,5.00,02/01/2015,Card",
    ]
    path = folder / "tape.csv"
    path.write_bytes(((end or "\n").join(rows) + end).encode(encoding))
    with pytest.raises(intake.IntakeError, match="A quotation mark is never closed") as refused:
        intake.inspect(path)
    assert (refused.value.code, refused.value.row) == ("malformed", 63)
    for closed in (rows[:-2], [*rows[:-2], 'A9002,5.00,02/01/2015,24" screen', rows[-1]]):
        path.write_bytes(((end or "\n").join(closed) + end).encode(encoding))
        read = intake.read_chunks(path, intake.inspect(path))
        assert sum(chunk.num_rows for chunk in read) == len(closed) - 1


def test_a_title_above_the_headers_is_thought_of(folder):
    (folder / "tape.csv").write_text("Our portfolio\n" + TAPE)
    with pytest.raises(intake.IntakeError, match="if a title or other rows stand above it, delete them"):
        intake.inspect(folder / "tape.csv")


@pytest.mark.parametrize("sign", ["\0", "\x1f"])
def test_a_sign_that_parts_cells_is_named_by_its_row(folder, sign):
    (folder / "tape.csv").write_text(TAPE.replace("A0007", f"A00{sign}07"))
    with pytest.raises(intake.IntakeError) as refused:
        intake.inspect(folder / "tape.csv")
    assert (refused.value.code, refused.value.row) == ("control_character", 9)


def test_merged_cells_are_told_of(folder):
    book = openpyxl.Workbook()
    for line in TAPE.splitlines():
        book.active.append(line.split(","))
    book.save(folder / "plain.xlsx")
    book.active.merge_cells("D3:D9")
    book.save(folder / "merged.xlsx")
    assert intake.inspect(folder / "plain.xlsx").warnings == ()
    (told,) = intake.inspect(folder / "merged.xlsx").warnings
    assert told.startswith("The workbook has merged cells")


def test_a_full_disk_is_called_one():
    with Path("/dev/full").open("wb") as full:
        made = subprocess.run(
            [sys.executable, "-m", "masking", "fields"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert made.returncode == 1
    assert made.stderr == b"refused: no room is left on the disk: make some, or name another place\n"


def test_a_folder_is_no_tape(folder, capsys):
    assert main(["detect", str(folder)]) == 1
    assert capsys.readouterr().err.endswith(": this is a folder: give a file\n")


@pytest.mark.parametrize(
    "text",
    ["<html><table><tr><td>1</td></tr></table></html>", "<?xml version='1.0'?><a/>", '[{"Acct No": 1}]', '{"a": 1}'],
)
def test_a_page_or_json_under_the_name_of_a_tape_is_called_so(folder, text, capsys):
    (folder / "tape.csv").write_text(text)
    assert main(["detect", str(folder / "tape.csv")]) == 1
    assert capsys.readouterr().err.startswith("unsupported_format: This is a web page, XML or JSON")


@pytest.mark.parametrize("cells", [pa.array([[1]] * 60), pa.array([b"\xff\xfe"] * 60)])
def test_a_parquet_column_that_is_no_text_is_named(folder, cells):
    columns = {"Acct No": [str(n) for n in range(60)], "odd": cells}
    pyarrow.parquet.write_table(pa.table(columns), folder / "tape.parquet")
    with pytest.raises(intake.IntakeError) as refused:
        list(intake.read_chunks(folder / "tape.parquet", intake.inspect(folder / "tape.parquet")))
    assert (refused.value.code, refused.value.column) == ("malformed", "odd")


def test_a_tape_whose_rows_are_all_refused_says_why(folder, capsys):
    (folder / "tape.csv").write_text(TAPE.replace("/2015", "/2031"))
    assert masked(folder) == 1
    assert "60 rows are refused because the date lies after the cut-off date." in capsys.readouterr().err
    assert not (folder / "pool").exists()


def test_a_tape_without_a_balance_is_told_how_one_is_named(folder, capsys):
    (folder / "tape.csv").write_text("\n".join(["Acct No,Curr Bal", *(f"A{n:04},x{n}" for n in range(60))]))
    assert masked(folder) == 1
    assert "say it with --mapping FILE" in capsys.readouterr().err


def test_a_header_cannot_command_the_terminal(folder, capsys):
    (folder / "tape.csv").write_text(TAPE.replace("Product", "\x1b]0;title\x07Product").replace("Card", "\x1b[31mCard"))
    assert main(["detect", str(folder / "tape.csv"), "--table"]) == 0
    (folder / "map.json").write_text(
        json.dumps(
            {
                "columns": {
                    "Acct No": "account_number",
                    "Curr Bal": "current_balance",
                    "\x1b]0;title\x07Product": "product",
                }
            }
        )
    )
    keys = ["--key-file", str(folder / "keys"), "--cut-off", "2020-01-01", "--mapping", str(folder / "map.json")]
    assert main(["preview", str(folder / "tape.csv"), *keys, "--stage", "vetted"]) == 0
    shown = capsys.readouterr()
    assert "\\x1b]0;title\\x07Product" in shown.out
    assert "\\x1b[31MCARD" in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_a_sale_file_under_another_pools_key_is_not_blamed_row_by_row(folder, capsys):
    assert masked(folder) == 0
    sealed = str(folder / "pool" / "sale.csv.sealed")
    assert main(["open", sealed, str(folder / "sale.csv"), "--key-file", str(folder / "keys")]) == 0
    (folder / "others").write_bytes(bytes(range(1, 104)))
    command = ["verify", str(folder / "sale.csv"), str(folder / "pool"), "--key-file"]
    assert main([*command, str(folder / "others")]) == 1
    assert "is it another pool's file or key?" in capsys.readouterr().err
