"""`market auction …`: the auction core's own command line, and the key ceremony of sealed bids."""

import sys

import click

from auctions.__main__ import main as auctions_main
from market.bidding.ceremony import ceremony
from market.bidding.envelopes import open_all
from market.kit.money import show
from market.kit.signing import is_signed_by

_BESIDE = "`market auction ceremony --help` shows the key ceremony of sealed bids."


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def auction(arguments: tuple[str, ...]) -> None:
    """Replay or verify a log, simulate terms, hold the key ceremony of sealed bids, without server or database."""
    if arguments[:1] == ("ceremony",):
        ceremony.main(list(arguments[1:]), prog_name="market auction ceremony")
    sys.exit(auctions_main(list(arguments), check_signature=is_signed_by, open_all=open_all, show=show, beside=_BESIDE))
