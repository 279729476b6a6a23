"""`market mask …`: the masking core's own command line."""

import click

from masking.__main__ import run


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mask(arguments: tuple[str, ...]) -> None:
    """Detect, mask, measure, prove and verify files, without server or database: `market mask -h`."""
    run(list(arguments))
