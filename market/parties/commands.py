"""`market people …`: what only whoever runs the machine does for people.

What opens the market is handed in as the group's object.
"""

import asyncio

import click

from market.db.context import Opened
from market.kit.actor import SYSTEM
from market.parties import service


@click.group()
def people() -> None:
    """Lost second factors, and staff who leave."""


@people.command("forget-factors")
@click.argument("email")
@click.pass_obj
def forget_factors(opened: Opened, email: str) -> None:
    """Remove all second factors of EMAIL, who lost them: make sure first who asks. All its sign-ins end."""

    async def work() -> int:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            return await service.forget_factors(tx, SYSTEM, email, context.clock.now())

    click.echo(f"{asyncio.run(work())} factors removed")


@people.command("disable")
@click.argument("email")
@click.option("--reason", required=True, help="Kept with the act, at most 500 characters.")
@click.pass_obj
def disable(opened: Opened, email: str, reason: str) -> None:
    """End the access of the staff member EMAIL for good: sessions and keys at once, live sockets within a heartbeat."""

    async def work() -> None:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            await service.disable_staff_by_email(tx, SYSTEM, email, reason, context.clock.now())

    asyncio.run(work())
    click.echo("disabled")
