"""`market …`: the server, its database, its people, and the two cores as commands."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from auctions.__main__ import main as auctions_main
from market import process
from market.bidding.ceremony import ceremony
from market.bidding.envelopes import open_all
from market.bidding.signatures import is_signed_by
from market.client.commands import sale
from market.client.flow_commands import flow
from market.compliance.commands import audit_group, rules
from market.compliance.screening.commands import screening
from market.db.cluster import ClusterError
from market.db.context import Context
from market.db.embedded_host import EmbeddedError
from market.db.migrate import migrate as migrate_database
from market.demo import run as demo_run
from market.demo import serving as demo_serving
from market.demo.options import Options, Pace
from market.kit import log
from market.kit.actor import SYSTEM, Role
from market.kit.errors import MarketError
from market.kit.money import is_currency, show
from market.parties import commands as parties_commands
from market.parties import service as parties
from market.portfolios.commands import keys_group
from market.settings import Settings, SettingsError
from market.settlement import commands as settlement
from masking.__main__ import leave as masking_leave
from masking.__main__ import main as masking_main

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command line; expected trouble is one clear line and exit status 1."""
    try:
        cli.main(prog_name="market", standalone_mode=True)
    except (SettingsError, ClusterError, EmbeddedError, MarketError) as trouble:
        click.echo(f"market: {trouble}", err=True)
        sys.exit(1)


def _settings() -> Settings:
    settings = Settings.from_environment()
    log.configure(settings.log_level, as_json=not sys.stderr.isatty())
    return settings


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="debtmarket")
@click.pass_context
def cli(context: click.Context) -> None:
    """A marketplace for delinquent receivables. `market COMMAND --help` tells about each command."""
    context.obj = _opened


@asynccontextmanager
async def _opened() -> AsyncIterator[Context]:
    """The market, for the commands that the rooms bring."""
    async with process.opened(_settings()) as (context, _):
        yield context


for _group in (*parties_commands.GROUPS, *settlement.GROUPS):
    cli.add_command(_group)


@cli.command()
@click.option("--without-worker", is_flag=True, help="Only HTTP and sockets; run `market worker` elsewhere.")
@click.option("--with-demo", is_flag=True, help="Make the demo's parties and an open auction, and print their logins.")
def serve(*, without_worker: bool, with_demo: bool) -> None:
    """Run the server (and its worker) until Ctrl-C."""
    if with_demo and without_worker:
        raise click.UsageError("--with-demo needs the worker")
    if with_demo:
        sys.exit(_run(demo_serving.serve(_settings())))
    _run(process.serve(_settings(), with_worker=not without_worker))


@cli.command()
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
    sys.exit(_run(demo_run.run(_settings(), options)))


@cli.group()
def staff() -> None:
    """The platform's own people: officers and operators."""


@staff.command()
@click.argument("emails", metavar="EMAIL...", nargs=-1, required=True)
@click.option("--role", type=click.Choice([Role.OFFICER.value, Role.OPERATOR.value]), required=True)
def invite(emails: tuple[str, ...], role: str) -> None:
    """Print an invitation for each address; whoever holds it joins with POST /v1/staff within 7 days."""

    async def work() -> None:
        async with process.opened(_settings()) as (context, _):
            now, chance = context.clock.now(), context.chance
            async with context.db.begin(SYSTEM) as tx:
                invited = [
                    await parties.invite_staff(tx, SYSTEM, email, Role(role), now=now, chance=chance)
                    for email in emails
                ]
        for each in invited:
            click.echo(f"{each.email} {each.token}")

    _run(work())


@cli.command()
@click.option("--parent", type=int, hidden=True, help="Stop when this process is gone.")
def worker(parent: int | None) -> None:
    """Run the worker alone: masking, mail, deadlines."""
    _run(process.work(_settings(), parent=parent))


@cli.command()
@click.option(
    "--logins-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the app's and officer's logins here."
)
def migrate(logins_file: Path | None) -> None:
    """Bring the database to the newest revision (MARKET_MIGRATOR_DATABASE_URL, or prepare one by itself).

    With --logins-file, a server that reads it (MARKET_LOGINS_FILE) never needs the login that may create roles.
    """
    settings = _settings()

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

    _run(work())


@cli.command()
def check() -> None:
    """Print every setting in force, secrets masked, and what each means."""
    settings = _settings()
    for name, value, doc in settings.show():
        click.echo(f"{name}={value}\n    {doc}")
    click.echo(f"keys are wrapped by: {process.key_provider(settings)}")


@cli.command(context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mask(arguments: tuple[str, ...]) -> None:
    """Detect, mask, measure, prove and verify files, without server or database: `market mask -h`."""
    masking_leave(masking_main(list(arguments)))


@cli.command(context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def auction(arguments: tuple[str, ...]) -> None:
    """Replay or verify a log, simulate terms, hold the key ceremony of sealed bids, without server or database."""
    if arguments[:1] == ("ceremony",):
        ceremony.main(list(arguments[1:]), prog_name="market auction ceremony")
    sys.exit(auctions_main(list(arguments), check_signature=is_signed_by, open_all=open_all, show=show))


cli.add_command(screening)
cli.add_command(sale)
cli.add_command(flow)


cli.add_command(keys_group(lambda: process.opened(_settings())))


cli.add_command(audit_group(lambda: process.opened(_settings())))
cli.add_command(rules)
