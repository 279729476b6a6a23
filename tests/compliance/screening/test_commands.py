"""The two commands on files: every row answered, every mistake named, and no half-written file."""

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from market.cli import cli
from market.compliance.screening import bundled
from market.compliance.screening.commands import screening
from market.kit.errors import Trouble

LISTS = ["--lists", str(bundled.FOLDER)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["screening", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "in.csv", tmp_path / "out.csv"


def test_every_pair_gets_a_score_beside_all_its_columns(files: tuple[Path, Path]) -> None:
    source, target = files
    source.write_text(
        '\ufeffid,Name1,name2,SCHEMA,score\n1,"LAVROV, Sergey",Sergei Lavrov,Person,old\n\n2,,x,,\n,,,,\n',
        encoding="utf-8",
    )
    assert run("score-pairs", source, target).exit_code == 0
    first, second, empty = rows(target)
    assert list(first) == ["id", "Name1", "name2", "SCHEMA", "input_score", "score"]
    assert float(first["score"]) >= 0.95
    assert first["input_score"] == "old"
    assert float(second["score"]) == float(empty["score"]) == 0


def test_search_answers_every_row_with_its_best_entry_and_the_trace(files: tuple[Path, Path]) -> None:
    source, target = files
    source.write_text("id;name;birth_date;country\n1;Wladimir Putin;1952-10-07;Russia\n2;;;\n3;Zyxwv Qwerty;;\n")
    result = run("search", source, target, *LISTS)
    assert result.exit_code == 0, result.output
    found, empty, nobody = rows(target)
    assert (found["alert"], found["list"], found["entry_id"]) == ("yes", "ofac-sdn", "35096")
    assert json.loads(found["trace"])["birth"] == "same"
    assert isinstance(json.loads(found["matches"]), list)
    assert empty["alert"] == nobody["alert"] == "no"
    assert "ofac-sdn" in result.output


def test_search_takes_a_date_of_birth_and_a_country_as_promised_or_none(files: tuple[Path, Path]) -> None:
    source, target = files
    said = {
        **{
            (birth, "RU"): "same" for birth in ("1952", "1952-10", "1952-10-07", "19521007", "7 Oct 1952", "circa 1953")
        },
        ("1952-11", "ru"): "other",
        ("", "RUS"): "unknown",
        ("1952", ""): "same",
        ("1952", "GF"): "same",
    }
    source.write_text("name,birth_date,country\n" + "".join(f"Wladimir Putin,{','.join(asked)}\n" for asked in said))
    assert run("search", source, target, *LISTS).exit_code == 0
    assert {
        (found["birth_date"], found["country"]): json.loads(found["trace"])["birth"] for found in rows(target)
    } == said


def test_search_takes_single_files_as_published_with_and_without_a_header(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    source, target = files
    source.write_text("name\nBorivoje Zlatarovic\n")
    row = '7,"ZLATAROVIC, Borivoje","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 1961."\r\n'
    alias = '7,1,"aka","ZLATAROVICH, Bora",-0- \r\n'
    (tmp_path / "sdn.csv").write_bytes((row + "\x1a").encode())
    (tmp_path / "alt.csv").write_bytes((alias + "\x1a").encode())
    headed = tmp_path / "sdn_headed.csv"
    headed.write_text("ID,Name,Type,Country,Title,F,G,H,I,J,K,Details\n" + row)
    for lists in (["sdn.csv"], ["sdn.csv", "alt.csv"], ["sdn_headed.csv"]):
        options = [part for name in lists for part in ("--list", tmp_path / name)]
        assert run("search", source, target, *options).exit_code == 0
        [found] = rows(target)
        assert (found["alert"], found["entry_id"]) == ("yes", "7")


@pytest.mark.parametrize(
    ("command", "content", "said"),
    [
        ("score-pairs", "name1,nom2\na,b\n", "column name2 is missing"),
        ("score-pairs", "a,b\nc,d\n", "columns name1, name2 are missing (it has: a, b)"),
        ("search", "nom\nx\n", "the first line must name the column name"),
        ("search", "", "column name is missing (it has no header row)"),
        ("score-pairs", "name1,name2\na,b,c,d\n", "line 2: 4 cells, but 2 columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_remedy(
    files: tuple[Path, Path], command: str, content: str, said: str
) -> None:
    source, target = files
    source.write_text(content)
    target.write_text("what was there before")
    result = run(command, source, target)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "entries, as of" not in result.output  # it ends before the lists are read
    assert target.read_text() == "what was there before"
    assert sorted(path.name for path in target.parent.iterdir()) == ["in.csv", "out.csv"]


def test_a_status_that_nobody_can_tell_is_not_the_one_of_what_is_overdue() -> None:
    @asynccontextmanager
    async def taken() -> AsyncIterator[None]:
        raise Trouble("the folder is in use by process 7; stop that process")
        yield

    result = CliRunner().invoke(screening, ["status"], obj=taken)
    assert result.exit_code == 2
    assert "in use by process 7" in result.output


@pytest.mark.parametrize("birth", ["07.10.1952", "10/07/1952", "32.13.1999", "1999-13", "1999-02-30", "a while ago"])
def test_a_date_or_country_that_is_not_understood_counts_as_unknown_and_is_said(
    files: tuple[Path, Path], tmp_path: Path, birth: str
) -> None:
    source, target = files
    (tmp_path / "sdn.csv").write_text(
        '7,"ZLATAROVIC, Borivoje","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 1961."\r\n'
    )
    source.write_text(f"name,birth_date,country\na,,\nBorivoje Zlatarovic,{birth},XX\nb,1952-10,de\nc,{birth},\n")
    result = run("search", source, target, "--list", tmp_path / "sdn.csv")
    said = " ".join(result.output.split())
    assert result.exit_code == 0
    assert "line 3, column birth_date: not understood, so it counts as unknown, here and in 1 more line;" in said
    assert "line 3, column country: not understood, so it counts as unknown;" in said
    assert birth not in said
    assert [row["alert"] for row in rows(target)][1] == "yes"


def test_bytes_that_are_no_utf_8_and_lists_that_are_none_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = files
    source.write_bytes("name1,name2\nMüller,x\n".encode("latin-1"))
    result = run("score-pairs", source, target)
    assert (result.exit_code, "not UTF-8" in result.output) == (2, True)
    source.write_text("name\nx\n")
    wrong = tmp_path / "list.xml"
    for content in (
        "<html></html>",
        "<broken",
        '<!DOCTYPE x [<!ENTITY a "b">]><CONSOLIDATED_LIST>&a;</CONSOLIDATED_LIST>',
        "a,b,c\n1,2,3\n",
    ):
        wrong.write_text(content)
        result = run("search", source, target, "--list", wrong)
        assert result.exit_code == 2, content
        assert "list.xml" in result.output
    assert not target.exists()
