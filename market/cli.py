"""`market …`: every command by its name. Each is imported when it is called, so that a file is verified without a server's code."""

import sys
from importlib import import_module
from typing import Any

import click

from market.kit.errors import MarketError, Trouble

_SERVING = "market.commands.serving"
_PLACES = {
    "auction": "market.commands.auction",
    "audit": "market.compliance.commands",
    "check": _SERVING,
    "demo": _SERVING,
    "documents": "market.settlement.commands",
    "flow": "market.client.flow_commands",
    "keys": "market.portfolios.commands",
    "ledger": "market.settlement.commands",
    "mask": "market.commands.mask",
    "migrate": _SERVING,
    "payouts": "market.settlement.commands",
    "people": "market.parties.commands",
    "rules": "market.compliance.commands",
    "sale": "market.client.commands",
    "screening": "market.compliance.screening.commands",
    "serve": _SERVING,
    "staff": _SERVING,
    "statement": "market.demo.commands",
    "worker": _SERVING,
}
"""Where each command stands, under its own name."""


class _Places(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        found: click.Command = getattr(import_module(place), cmd_name)
        return found


def main() -> None:
    """Run the command line; expected trouble is one clear line and exit status 1."""
    try:
        cli.main(prog_name="market", standalone_mode=True)
    except (Trouble, MarketError) as trouble:
        click.echo(f"market: {trouble}", err=True)
        sys.exit(1)


@click.group(cls=_Places, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="debtmarket")
@click.pass_context
def cli(context: click.Context) -> None:
    """A marketplace for delinquent receivables. `market COMMAND --help` tells about each command."""
    context.obj = _opened


def _opened() -> Any:
    """The market of the settings, for every command that needs its database."""
    return import_module(_SERVING).opened()
