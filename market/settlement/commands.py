"""`market ledger …`, `market documents …`: the room from the command line.

What opens the market is handed in as the groups' object.
"""

import asyncio
import hashlib
import logging
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from market.db.context import Opened
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.money import show
from market.settlement import service
from market.settlement.documents.checking import check as check_document
from market.settlement.rails.providers import Format


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command()
@click.pass_obj
def check(opened: Opened) -> None:
    """Recompute every balance from the log, and compare statement, bank account and claims.

    Exit status 0 if the books hold, 1 if anything diverges; every divergence is one line.
    """

    async def work() -> bool:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            checked = await service.check_ledger(tx, SYSTEM)
        for line in checked.lines():
            click.echo(line)
        return checked.holds

    sys.exit(0 if asyncio.run(work()) else 1)


@ledger.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.pass_obj
def export(opened: Opened, out: Path) -> None:
    """Write the books as a plain-text accounting journal (hledger), for an accountant's tool."""

    async def work() -> None:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            with out.open("w", encoding="utf-8") as target:
                async for text in service.accounting_journal(tx, SYSTEM):
                    target.write(text)

    asyncio.run(work())


@click.group()
def payouts() -> None:
    """Orders to the bank."""


@payouts.command()
@click.option("--format", "format_", type=click.Choice([each.value for each in Format]), required=True)
@click.option("--currency", required=True, help="ISO 4217 code.")
@click.option("--execute-on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Day on which the bank is to pay.")
@click.option("--operator", "operator_id", type=click.UUID, required=True, help="User id of the operator who does it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.pass_obj
def send(opened: Opened, format_: str, currency: str, execute_on: datetime, operator_id: UUID, out: Path) -> None:
    """Write all ordered payouts that the format can pay into a file for the bank, and mark them as sent."""

    async def work() -> None:
        async with opened() as context:
            asked = service.FileOrder(Format(format_), currency, execute_on.date())
            originator = service.originator_of(context.settings, asked.format)
            actor = Actor(Role.OPERATOR, user_id=operator_id)
            async with context.db.begin(actor) as tx:
                file, made = await service.make_bank_file(
                    tx, actor, asked, originator, now=context.clock.now(), chance=context.chance, vault=context.vault
                )
                # Written before the commit: what is not on the disk is not marked as sent.
                _write_private(out, made.content)
        click.echo(
            f"{file.bank_file_id}  {file.payout_count} payouts  {show(file.total_cents, currency)}  {file.sha256}"
        )

    asyncio.run(work())


@payouts.command()
@click.argument("bank_file_id", type=click.UUID)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.pass_obj
def again(opened: Opened, bank_file_id: UUID, out: Path) -> None:
    """Write a file that was made before once more, byte for byte."""

    async def work() -> None:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            _, made = await service.remake_bank_file(tx, SYSTEM, bank_file_id, vault=context.vault)
            _write_private(out, made.content)
        click.echo(made.sha256)

    asyncio.run(work())


def _write_private(path: Path, content: bytes) -> None:
    """It holds account numbers: readable by its owner alone, and never in the place of another file."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)


_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group()
def documents() -> None:
    """Agreements, bills of sale, affidavits."""


@documents.command()
@click.argument("file", type=_FILE)
@click.option(
    "--authority", "authorities", type=_FILE, multiple=True, help="Certificate (PEM) to trust; may be repeated."
)
@click.option(
    "--sale-file", type=_FILE, help="The sealed sale file as delivered, to compare with the account schedule."
)
def verify(file: Path, authorities: tuple[Path, ...], sale_file: Path | None) -> None:
    """Check a delivered document offline, without server or database.

    Its facts make it byte for byte; every seal is there, matches, is of a trusted issuer, names the document's digest and covers
    all of it; the sale file is the one in the account schedule. Exit status 0 if everything holds.
    """
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)  # what they find is said below, in a line
    found = check_document(
        file.read_bytes(),
        authorities=[path.read_bytes() for path in authorities],
        sale_file_sha256=_sha256(sale_file) if sale_file else None,
    )
    for each in found:
        click.echo(f"{'ok      ' if each.holds else 'WRONG   '}  {each.words}")
    sys.exit(0 if all(each.holds for each in found) else 1)


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
