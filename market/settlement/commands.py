"""`market ledger …`: the books from the command line. What opens the market is handed in as the group's object."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import click

from market.db.context import Context
from market.kit.actor import SYSTEM
from market.settlement import service

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


GROUPS = (ledger,)
