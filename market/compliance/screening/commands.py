"""`market screening …`: compare names and search lists on files, without server or database; load lists into the market."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from market.compliance.screening import bundled, countries, jobs, service
from market.compliance.screening.dates import read_span
from market.compliance.screening.index import Index
from market.compliance.screening.lists import ListUnreadable, ListVersion, PackedVersion, list_files, read_lists
from market.compliance.screening.names import Kind, kind_of
from market.compliance.screening.rules import ListState
from market.compliance.screening.score import MATCH, compare_texts
from market.compliance.screening.search import Match, Subject, search
from market.compliance.screening.service import Status
from market.compliance.screening.tables import Table, TableUnreadable, written_whole
from market.db.context import Opened
from market.kit.actor import SYSTEM
from market.kit.errors import Malformed, Trouble
from market.parties.rules import checked_country
from market.settings import Settings

IN = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)
_ADDED: Final = ("score", "alert", "list", "entry_id", "listed_name", "rank", "trace", "matches")


@click.group()
def screening() -> None:
    """Sanctions screening: compare names, search the lists, load new lists. A score of 0.75 or more means: a match."""


@screening.command("score-pairs")
@click.argument("source", metavar="IN.csv", type=IN)
@click.argument("target", metavar="OUT.csv", type=OUT)
def score_pairs(source: Path, target: Path) -> None:
    """Compare two names per row: columns name1, name2 and, if there, schema (Person, Company, Vessel …).

    OUT.csv has all columns of IN.csv and `score` from 0 to 1. From 0.75 on the two count as the same name.
    """
    with _plainly():
        count, matches = _score_pairs(source, target)
    click.echo(f"{count} pairs, {matches} with a score of {MATCH} or more", err=True)


def _score_pairs(source: Path, target: Path) -> tuple[int, int]:
    table = Table(source, ("name1", "name2"))
    count = matches = 0
    with written_whole(target) as out:
        out.writerow([*_kept(table.columns, ("score",)), "score"])
        for row in table.rows():
            kind = kind_of(table.cell(row, "schema"))
            score = round(compare_texts(table.cell(row, "name1"), table.cell(row, "name2"), kind).score, 4)
            out.writerow([*row, f"{score:.4f}"])
            count += 1
            matches += score >= MATCH
    return count, matches


@screening.command("search")
@click.argument("source", metavar="IN.csv", type=IN)
@click.argument("target", metavar="OUT.csv", type=OUT)
@click.option("--list", "files", type=IN, multiple=True, help="A list file as published by OFAC or the UN; repeatable.")
@click.option(
    "--lists",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of such files.  [default: lists in MARKET_DATA_DIR if there, else the lists in the package]",
)
@click.option("--matches", "limit", type=click.IntRange(1, 50), default=5, show_default=True, help="Matches per row.")
def search_lists(source: Path, target: Path, files: tuple[Path, ...], folder: Path | None, limit: int) -> None:
    """Look for the people and organisations of IN.csv on sanctions lists.

    Columns: name; if there, birth_date, country, schema (Person, Company, Vessel …) and id_number (passport, tax or
    registration number). OUT.csv has all columns of IN.csv, and the best match with its score, `alert` yes or no,
    the list's entry and the trace; `matches` holds the next ones as JSON.
    """
    with _plainly():
        table = Table(source, ("name",))
        _say_what_is_not_understood(table)
        versions = _versions(files, folder)
        for version in versions:
            click.echo(f"{version.list_id}: {len(version.entries)} entries, as of {version.published_on}", err=True)
        count, alerts = _search(table, target, Index(versions), limit)
    click.echo(f"{count} searched, {alerts} with an alert", err=True)


def _versions(files: tuple[Path, ...], folder: Path | None) -> list[ListVersion]:
    if files and folder is None:
        return read_lists(files)
    if folder is not None:
        return read_lists([*files, *list_files(folder)])
    own = Settings.from_environment().data_dir / "lists"
    if own.is_dir() and (found := list_files(own)):
        return read_lists(found)
    return read_lists(list_files(bundled.FOLDER))


def _say_what_is_not_understood(table: Table) -> None:
    """Dates of birth and countries that count as unknown, by their number and first line. Raises `TableUnreadable` for a bad table."""
    for column, is_understood, remedy in (
        ("birth_date", _is_date, "write YYYY-MM-DD, YYYY-MM or YYYY"),
        ("country", _is_country, "write two letters of ISO 3166-1, as US or DE"),
    ):
        cells = ((line, table.cell(row, column)) for line, row in table.numbered_rows())
        if lines := [line for line, text in cells if text and not is_understood(text)]:
            where = f"{table.path.name}, line {lines[0]}, column {column}"
            count = len(lines) - 1
            more = f", here and in {count} more {'line' if count == 1 else 'lines'}" if count else ""
            click.echo(f"{where}: not understood, so it counts as unknown{more}; {remedy}", err=True)


def _is_date(text: str) -> bool:
    return read_span(text) is not None


def _is_country(text: str) -> bool:
    """A code of ISO 3166-1, or a name that lists use."""
    if countries.code_of(text) is not None:
        return True
    try:
        checked_country(text.upper())
    except Malformed:
        return False
    return True


def _search(table: Table, target: Path, index: Index, limit: int) -> tuple[int, int]:
    count = alerts = 0
    with written_whole(target) as out:
        out.writerow([*_kept(table.columns, _ADDED), *_ADDED])
        for row in table.rows():
            found = search(index, _subject(table, row), limit=limit)
            out.writerow([*row, *_result(found)])
            count += 1
            alerts += bool(found) and found[0].alert
    return count, alerts


def _subject(table: Table, row: list[str]) -> Subject:
    """With a date of birth it is a person, unless the row says otherwise."""
    birth, number = table.cell(row, "birth_date"), table.cell(row, "id_number")
    asked = Subject(
        table.cell(row, "name"),
        kind_of(table.cell(row, "schema")),
        birth,
        table.cell(row, "country"),
        (number,) if number else (),
    )
    return replace(asked, kind=Kind.PERSON) if asked.kind is Kind.ANY and birth else asked


def _result(found: list[Match]) -> list[str]:
    if not found:
        return ["0.0000", "no", "", "", "", "", "", "[]"]
    best = found[0]
    others = [
        {
            "list": match.entry.list_id,
            "entry_id": match.entry.entry_id,
            "listed_name": match.listed_name,
            "score": round(match.score, 4),
            "rank": match.rank,
            "alert": match.alert,
        }
        for match in found[1:]
    ]
    return [
        f"{best.score:.4f}",
        "yes" if best.alert else "no",
        best.entry.list_id,
        best.entry.entry_id,
        best.listed_name,
        f"{best.rank:.4f}",
        json.dumps(best.trace, ensure_ascii=False),
        json.dumps(others, ensure_ascii=False),
    ]


def _kept(columns: list[str], ours: tuple[str, ...]) -> list[str]:
    """The input's columns; one that is called as ours gets `input_` before its name."""
    return [f"input_{column}" if column.lower() in ours else column for column in columns]


class _plainly:  # noqa: N801 - reads as what it does
    """Trouble with a file is one line and exit status 2."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, trouble: BaseException | None, _trace: object) -> None:
        if isinstance(trouble, (TableUnreadable, ListUnreadable)):
            raise click.UsageError(str(trouble)) from None


@screening.command("load")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=IN)
@click.option("--published", type=click.DateTime(["%Y-%m-%d"]), help="The publisher's date, if the files do not tell.")
@click.option("--checked-at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="UTC; when the source had these files.")
@click.pass_obj
def load_lists(
    opened: Opened, files: tuple[Path, ...], published: datetime | None, checked_at: datetime | None
) -> None:
    """Load OFAC's and the UN's files into the market as what they publish now.

    Give all files of a list together (sdn.csv, alt.csv, add.csv). Content that is known is kept once; the check counts.
    Whoever is cleared is then screened against what changed.
    """
    with _plainly():
        read = read_lists(files, published_on=published.date() if published else None)
    versions = [PackedVersion.of(version) for version in read]

    async def work() -> None:
        async with opened() as context:
            now = context.clock.now()
            checked = checked_at.replace(tzinfo=UTC) if checked_at else now
            _print_lists(await jobs.load(context, versions, checked_at=checked), now)

    asyncio.run(work())


@screening.command("status")
@click.pass_obj
def show_status(opened: Opened) -> None:
    """Print the lists in force, until when they count, what waits, and who is overdue; exit status 1 if anything is, 2 if nobody can tell."""

    async def work() -> Status:
        async with opened() as context:
            now = context.clock.now()
            async with context.db.begin(SYSTEM) as tx:
                status = await service.read_status(tx, SYSTEM, now)
            _print_lists(status.lists, now)
            return status

    try:
        status = asyncio.run(work())
    except Trouble as trouble:
        raise click.UsageError(str(trouble)) from None
    click.echo(f"waiting to be screened  {status.waiting_count}")
    click.echo(f"alerts without a word   {status.open_alert_count}")
    click.echo(f"not screened for 26 h   {len(status.overdue)}")
    if not status.are_fresh or status.overdue:
        sys.exit(1)


def _print_lists(states: Sequence[ListState], now: datetime) -> None:
    for state in states:
        age = (now - state.checked_at).total_seconds() / 3600
        said = "in force" if state.good_until > now else "PAST ITS AGE"
        click.echo(
            f"{state.list_id:<12} {state.entry_count:>7} entries, published {state.published_on}, "
            f"checked {age:.1f} h ago, {said}, {state.content_hash[:12]}"
        )
    if not states:
        click.echo("no list is loaded: nobody can be cleared and no bid is taken")
