"""A mapping is saved once and used again; a file that is none is refused with what to write instead."""

import json
from pathlib import Path

import pytest

from masking import mappingfile
from masking.__main__ import main
from masking.policy import Mapping, PolicyError

TAPE = "Acct No,Owner,Curr Bal\n" + "".join(f"N{i:04},Debtor {i},{i + 1}.00\n" for i in range(40))


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tape.csv").write_text(TAPE)
    (tmp_path / "keys").write_bytes(bytes(range(103)))
    return tmp_path


def applied(mapping: str) -> int:
    return main(["apply", "tape.csv", "pool", "--cut-off", "2025-06-30", "--key-file", "keys", "--mapping", mapping])


def test_what_detect_saves_or_prints_is_a_mapping_to_mask_with(here, capsys):
    assert main(["detect", "tape.csv", "--save", "mapping.json"]) == 0
    (here / "printed.json").write_text(capsys.readouterr().out)
    assert mappingfile.load(here / "mapping.json") == mappingfile.load(here / "printed.json")
    assert applied("mapping.json") == 0
    assert sorted(path.name for path in (here / "pool").iterdir())[0] == "leaves.bin"


def test_the_printed_findings_have_the_documented_form(here, capsys):
    assert main(["detect", "tape.csv"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["format"] == "market-mask-detect/1"
    assert [set(finding) for finding in said["findings"]] == [
        {"column", "field", "class", "confidence", "reasons", "treatment"}
    ] * 3
    first, _, last = said["findings"]
    assert (first["field"], first["class"], first["treatment"]["preview"]) == ("account_number", "I", "token")
    assert last["treatment"] == {"preview": "round", "vetted": "exact", "sale": "clear"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "is not JSON"),
        ('{"Acct No": "account_number"}', "'columns'"),
        ('{"columns": ["Acct No"]}', "'columns'"),
        ('{"columns": {"Acct No": "acount"}}', "columns.Acct No: 'acount' is not a field"),
        ('{"columns": {"Acct No": 7}}', "is not a field"),
        ('{"columns": {"A": "account_number", "B": "account_number"}}', "two columns are mapped to account_number"),
        ('{"columns": {}, "decimal_mark": "x"}', "decimal_mark is one of"),
        ('{"columns": {}, "date_order": ["mdy"]}', "date_order is one of mdy dmy ymd"),
        ('{"columns": {"Acct No": "account_number"}}', "no column is mapped to one of current_balance"),
        ('{"columns": {"Gone": "account_number"}}', "the tape lacks columns of the mapping: 'Gone' (account_number)"),
    ],
)
def test_a_mapping_that_is_none_is_refused_by_key_and_nothing_is_written(here, capsys, text, reason):
    (here / "mapping.json").write_text(text)
    assert applied("mapping.json") == 1
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["keys", "mapping.json", "tape.csv"]


def test_a_mapping_file_is_told_all_its_faults_at_once(tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text(
        '{"columns": {"A": "acount", "B": 7, "C": "account_number", "D": "account_number"}, "date_order": "dym", "encoding": "x"}'
    )
    with pytest.raises(PolicyError) as refused:
        mappingfile.load(path)
    told = str(refused.value)
    for fault in (
        "columns.A: 'acount'",
        "columns.B: 7",
        "date_order is",
        "encoding is",
        "to account_number: 'C' and 'D'",
    ):
        assert fault in told
    with pytest.raises(PolicyError, match=r"account_number or invoice_number; no column is mapped to one of"):
        Mapping({"A": None}).require_mandatory()


def test_marks_that_the_file_leaves_out_are_read_off_the_tape(tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text('{"columns": {"A": "account_number", "B": "current_balance", "C": null}}')
    made = mappingfile.load(path).on(("A", "B", "New"), Mapping({}, decimal_mark=",", date_order="dmy"))
    assert made == Mapping({"A": "account_number", "B": "current_balance", "New": None}, ",", "dmy")


def test_a_saved_mapping_comes_back_as_it_was(tmp_path):
    mapping = Mapping({"Ä": "account_number", "B": None}, ",", "ymd")
    mappingfile.save(tmp_path / "m.json", mapping)
    assert mappingfile.load(tmp_path / "m.json").on(("Ä", "B"), Mapping({})) == mapping
    with pytest.raises(PolicyError):
        mappingfile.load(tmp_path / "m.json").on(("B",), Mapping({}))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["detect", "gone.csv"], "gone.csv: No such file"),
        (["detect", "keys"], "control_character"),
        (["verify", "tape.csv", "."], "report.json"),
        (["verify", "tape.csv", ".", "--root", "00" * 32], "give --key-file"),
        (["open", "tape.csv", "out.csv", "--key-file", "keys"], "not a sealed file"),
        (["open", "tape.csv", "out.csv", "--key-file", "tape.csv"], "bytes"),
        (["risk", "tape.csv"], "--cut-off"),
        (["risk", "tape.csv", "--cut-off", "2025-06-30", "--out", "x.pdf"], ".html or .json"),
        (["prove", "tape.csv", ".", "--key-file", "keys"], "choose rows with --rows"),
        (["rekey", "tape.csv", "tape.csv", "--buyer", "A", "--key-file", "keys"], "such a file already"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line_and_leaves_nothing(here, capsys, arguments, reason):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert "Traceback" not in said
    assert "/dev/urandom >" not in said, "no remedy writes over a file that is there"
    assert sorted(path.name for path in here.iterdir()) == ["keys", "tape.csv"]


@pytest.mark.parametrize("verb", "detect fields preview apply risk verify open prove rekey trace".split())
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: market mask {verb}")
    assert "python -m" not in shown


def test_a_pool_is_not_written_over_files_that_are_there(here, capsys):
    (here / "pool").mkdir()
    (here / "pool" / "mine").touch()
    main(["detect", "tape.csv", "--save", "mapping.json"])
    assert applied("mapping.json") == 1
    assert "must be new or empty" in capsys.readouterr().err
    assert [path.name for path in (here / "pool").iterdir()] == ["mine"]


def test_the_words_of_a_guessed_encoding_are_shown_and_it_can_be_said(here, capsys):
    (here / "alt.csv").write_bytes("Konto;Name;offener Betrag\n1;Kovačić;1,00\n2;Žagar;2,00\n".encode("cp1250"))
    assert main(["detect", "alt.csv", "--encoding", "windows-1250", "--save", "m.json"]) == 0
    assert "Kova" not in capsys.readouterr().err
    assert mappingfile.load(here / "m.json").encoding == "cp1250"
    assert main(["detect", "alt.csv"]) == 0
    printed = capsys.readouterr()
    assert "words of the tape as they were read: " in printed.err
    assert json.loads(printed.out)["encoding"] == json.loads(printed.out)["tape"]["encoding"] == "cp1252"
    with pytest.raises(SystemExit):
        main(["detect", "alt.csv", "--encoding", "klingon"])
    assert "no such encoding; those that are read: utf-8," in capsys.readouterr().err


def test_a_field_that_there_is_none_of_is_told_with_its_column_and_those_that_there_are():
    with pytest.raises(
        PolicyError, match=r"column 'Mahnst\.': 'dunning' is not a field; the fields are account_number, "
    ):
        Mapping({"Mahnst.": "dunning"})


def test_an_order_of_dates_that_reads_fewer_of_them_is_told(here, capsys):
    rows = "".join(f"{number};{number + 1},00;{13 + number}.03.2024\n" for number in range(12))
    (here / "alt.csv").write_text("Konto-Nr;Offener Betrag;Rechnungsdatum\n" + rows)
    (here / "m.json").write_text(
        '{"columns": {"Konto-Nr": "account_number", "Offener Betrag": "current_balance", "Rechnungsdatum": "invoice_on"},'
        ' "date_order": "mdy"}'
    )
    main(["preview", "alt.csv", "--cut-off", "2025-01-01", "--key-file", "keys", "--mapping", "m.json"])
    said = capsys.readouterr().err
    assert "the mapping says mdy, and more of the dates can be read as dmy" in said
    assert "the face value of each account is its current_balance, from column 'Offener Betrag'" in said


@pytest.mark.parametrize("verb", ["preview", "apply"])
def test_refused_rows_are_told_by_reason_with_their_numbers_and_never_a_value(here, capsys, verb):
    rows = [f"{number},TX,10.00" for number in range(1000, 1030)]
    rows[3:10] = [f"{number},TX,ten-ish" for number in range(2000, 2007)]
    rows[20], rows[25] = "1000,TX,10.00", "1025,TX,10.00,surplus"
    (here / "bad.csv").write_text("Acct No,State,Curr Bal\n" + "\n".join(rows) + "\n")
    (here / "m.json").write_text(
        '{"columns": {"Acct No": "account_number", "State": "state", "Curr Bal": "current_balance"}}'
    )
    where = [str(here / "out")] if verb == "apply" else []
    options = ["--cut-off", "2025-06-30", "--key-file", "keys", "--mapping", "m.json"]
    assert main([verb, "bad.csv", *where, *options]) == 0
    said = capsys.readouterr().err
    assert "9 of 30 rows are refused" in said
    assert "7 rows: column 'Curr Bal': the amount cannot be read (rows 5, 6, 7, 8, 9, …; the header is row 1)" in said
    assert "column 'Acct No': the account number occurs before (row 22;" in said
    assert "4 cells, the header has 3 (row 27;" in said
    assert "ten-ish" not in said
