"""`market …`: the server, its database, its people, and the two cores as commands."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from auctions.__main__ import main as auctions_main
from market import process
from market.db.cluster import ClusterError
from market.db.embedded_host import EmbeddedError
from market.db.migrate import migrate as migrate_database
from market.kit import log
from market.settings import Settings, SettingsError

_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def main() -> None:
    """Run the command line; expected trouble is one clear line and exit status 1."""
    try:
        cli.main(prog_name="market", standalone_mode=True)
    except (SettingsError, ClusterError, EmbeddedError) as trouble:
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
def cli() -> None:
    """A marketplace for delinquent receivables. `market COMMAND --help` tells about each command."""


@cli.command()
@click.option("--without-worker", is_flag=True, help="Only HTTP and sockets; run `market worker` elsewhere.")
def serve(*, without_worker: bool) -> None:
    """Run the server (and its worker) until Ctrl-C."""
    _run(process.serve(_settings(), with_worker=not without_worker))


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
    for name, value, doc in _settings().show():
        click.echo(f"{name}={value}\n    {doc}")


@cli.command(context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def auction(arguments: tuple[str, ...]) -> None:
    """Replay or verify an auction's log, without server or database."""
    sys.exit(auctions_main(list(arguments)))
