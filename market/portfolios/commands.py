"""`market keys …`: which keys there are, turning them, destroying them."""

import asyncio
from uuid import UUID

import click

from market.db import rewrap
from market.db.context import Context, Opened
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import service
from market.portfolios.shreds import Cause


@click.group()
def keys() -> None:
    """The key that wraps all data keys; and the data keys of portfolios."""


@keys.command()
@click.pass_obj
def status(opened: Opened) -> None:
    """Say which provider wraps the data keys, and how many wraps wait for a rotation to be finished."""
    asyncio.run(_status(opened))


@keys.command()
@click.pass_obj
def rotate(opened: Opened) -> None:
    """Make a new key version and wrap every data key under it; run it again if it was interrupted."""
    asyncio.run(_rotate(opened))


@keys.command()
@click.argument("portfolio", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def shred(opened: Opened, portfolio: UUID, *, yes: bool) -> None:
    """Destroy every key of a PORTFOLIO: its tape and sale files can never be opened again."""
    yes or click.confirm(f"Destroy the keys of portfolio {portfolio} for ever?", abort=True)
    asyncio.run(_shred(opened, portfolio))


@keys.command()
@click.option("--shred", is_flag=True, help="Do it; without this they are only listed.")
@click.pass_obj
def retention(opened: Opened, *, shred: bool) -> None:
    """List portfolios that sold nothing within MARKET_UNSOLD_RETENTION_DAYS; the worker shreds them by itself."""
    asyncio.run(_retention(opened, really=shred))


async def _status(opened: Opened) -> None:
    async with opened() as context:
        click.echo(await asyncio.to_thread(context.vault.describe))
        version = await asyncio.to_thread(context.vault.version)
        click.echo(f"{await rewrap.count_older(context, version)} wraps are of older versions")


async def _rotate(opened: Opened) -> None:
    async with opened() as context:
        made = await turn(context)
    click.echo(
        f"{'finished' if made.resumed else 'made'} version {made.version}: {made.wrap_count} keys wrapped anew;"
        " older versions open nothing any more"
    )


async def turn(context: Context) -> rewrap.Rotation:
    """Rotate, and write so to the journal."""
    checkpoint = context.settings.data_dir / "keys" / "checkpoint"
    made = await rewrap.rotate(context, files=[(checkpoint, "checkpoint-key")])
    async with context.db.begin(SYSTEM) as tx:
        body = {"version": made.version, "wrap_count": made.wrap_count, "resumed": made.resumed}
        await journal.append(tx, SYSTEM, "keys:platform", "keys.rotated", body)
    return made


async def _shred(opened: Opened, portfolio_id: UUID) -> None:
    async with opened() as context, context.db.begin(SYSTEM) as tx:
        done = await service.shred(tx, portfolio_id, Cause.COMMAND)
    click.echo(f"{done.wrap_count} wrapped keys destroyed")


async def _retention(opened: Opened, *, really: bool) -> None:
    async with opened() as context:
        days = context.settings.unsold_retention_days
        async with context.db.begin(SYSTEM) as tx:
            found = await service.past_retention(tx, now=context.clock.now(), days=days)
        for each in found:
            click.echo(f"{each.portfolio_id} uploaded {each.created_at:%Y-%m-%d}")
            if really:
                async with context.db.begin(SYSTEM) as tx:
                    await service.shred(tx, each.portfolio_id, Cause.RETENTION)
    click.echo(f"{len(found)} portfolios {'shredded' if really else 'would be shredded'} (after {days} days unsold)")
