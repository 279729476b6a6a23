"""The server, its worker, its database and its people; and how every other command gets at the market."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from market import process
from market.db.context import Context
from market.db.migrate import migrate as migrate_database
from market.demo import run as demo_run
from market.demo import serving as demo_serving
from market.demo.options import Options, Pace
from market.kit import log
from market.kit.actor import SYSTEM, Role
from market.kit.money import is_currency
from market.parties import service as parties
from market.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


def settings_at_hand() -> Settings:
    """Those of the environment; what is logged from here on is logged as they say."""
    settings = Settings.from_environment()
    log.configure(settings.log_level, as_json=not sys.stderr.isatty())
    return settings


@asynccontextmanager
async def opened() -> AsyncIterator[Context]:
    """The market of the settings at hand."""
    async with process.opened(settings_at_hand()) as (context, _):
        yield context


@click.command()
@click.option("--without-worker", is_flag=True, help="Only HTTP and sockets; run `market worker` elsewhere.")
@click.option("--with-demo", is_flag=True, help="Make the demo's parties and an open auction, and print their logins.")
def serve(*, without_worker: bool, with_demo: bool) -> None:
    """Run the server (and its worker) until Ctrl-C."""
    if with_demo and without_worker:
        raise click.UsageError("--with-demo needs the worker")
    if with_demo:
        sys.exit(asyncio.run(demo_serving.serve(settings_at_hand())))
    asyncio.run(process.serve(settings_at_hand(), with_worker=not without_worker))


@click.command()
@click.option("--tape", type=_FILE, help="Your own tape (CSV or XLSX) instead of the generated one.")
@click.option(
    "--mapping", type=_FILE, help="Corrections of the detected columns, as `market mask detect --save` writes them."
)
@click.option("--currency", default="USD", show_default=True, help="Of your own tape, as an ISO 4217 code.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-out"), show_default=True, help="Results.")
@click.option("--fast/--slow", default=True, help="A short auction, or one that people can follow.  [default: fast]")
def demo(*, tape: Path | None, mapping: Path | None, currency: str, out: Path, fast: bool) -> None:
    """Sell a portfolio through a real server of its own; exit status 0 only if every check held."""
    if not is_currency(currency):
        raise click.BadParameter(f"{currency!r} is not a currency traded here", param_hint="--currency")
    if currency != "USD" and tape is None:
        raise click.UsageError("the demo's own tape is in USD; give yours with --tape")
    pace = Pace.FAST if fast else Pace.SLOW
    options = Options(out=out, tape=tape, mapping=mapping, currency=currency, pace=pace)
    sys.exit(asyncio.run(demo_run.run(settings_at_hand(), options)))


@click.group()
def staff() -> None:
    """The platform's own people: officers and operators."""


@staff.command()
@click.argument("emails", metavar="EMAIL...", nargs=-1, required=True)
@click.option("--role", type=click.Choice([Role.OFFICER.value, Role.OPERATOR.value]), required=True)
def invite(emails: tuple[str, ...], role: str) -> None:
    """Print an invitation for each address; whoever holds it joins with POST /v1/staff within 7 days."""

    async def work() -> None:
        async with process.opened(settings_at_hand()) as (context, _):
            now, chance = context.clock.now(), context.chance
            async with context.db.begin(SYSTEM) as tx:
                invited = [
                    await parties.invite_staff(tx, SYSTEM, email, Role(role), now=now, chance=chance)
                    for email in emails
                ]
        for each in invited:
            click.echo(f"{each.email} {each.token}")

    asyncio.run(work())


@click.command()
@click.option("--parent", type=int, hidden=True, help="Stop when this process is gone.")
def worker(parent: int | None) -> None:
    """Run the worker alone: masking, mail, deadlines."""
    asyncio.run(process.work(settings_at_hand(), parent=parent))


@click.command()
@click.option(
    "--logins-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the app's and officer's logins here."
)
def migrate(logins_file: Path | None) -> None:
    """Bring the database to the newest revision (MARKET_MIGRATOR_DATABASE_URL, or prepare one by itself).

    With --logins-file, a server that reads it (MARKET_LOGINS_FILE) never needs the login that may create roles.
    """
    settings = settings_at_hand()

    async def work() -> None:
        if settings.migrator_database_url:
            before, after = await migrate_database(settings.migrator_database_url)
            click.echo(f"{before or 'empty'} -> {after}")
            return
        async with process.opened(settings) as (_, urls):
            if logins_file is not None:
                logins_file.touch(mode=0o600)
                logins_file.write_text(f"MARKET_DATABASE_URL={urls.app}\nMARKET_OFFICER_DATABASE_URL={urls.officer}\n")
            click.echo("prepared and migrated")

    asyncio.run(work())


@click.command()
def check() -> None:
    """Print every setting in force, secrets masked, and what each means."""
    settings = settings_at_hand()
    for name, value, doc in settings.show():
        click.echo(f"{name}={value}\n    {doc}")
    click.echo(f"keys are wrapped by: {process.key_provider(settings)}")
