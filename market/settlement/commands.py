"""`market ledger …`, `market documents …`: the room from the command line.

What opens the market is handed in as the groups' object.
"""

import asyncio
import hashlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import click

from market.db.context import Context
from market.kit.actor import SYSTEM
from market.settlement import service
from market.settlement.documents.checking import check as check_document

Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Context]]


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command()
@click.pass_obj
def check(opener: Opener) -> None:
    """Recompute every balance from the log, and compare statement, bank account and claims.

    Exit status 0 if the books hold, 1 if anything diverges; every divergence is one line.
    """

    async def work() -> bool:
        async with opener() as context, context.db.begin(SYSTEM) as tx:
            checked = await service.check_ledger(tx, SYSTEM)
        for line in checked.lines():
            click.echo(line)
        return checked.holds

    sys.exit(0 if asyncio.run(work()) else 1)


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


GROUPS = (ledger, documents)
