"""`market statement`: what the escrow bank would say, to try by hand what happens when money comes in."""

from datetime import datetime
from pathlib import Path

import click

from market.demo.bank import Bank, Wire
from market.kit.clock import SystemClock
from market.kit.money import MAX_CENTS

_CENTS = click.IntRange(-MAX_CENTS, MAX_CENTS)


@click.command()
@click.option(
    "--number", type=click.IntRange(1, 99_999), default=1, show_default=True, help="Of the statement; they follow."
)
@click.option("--opening-cents", type=_CENTS, default=0, show_default=True, help="What the one before closed with.")
@click.option(
    "--wire", "wires", type=(str, _CENTS, str), multiple=True, required=True, metavar="REFERENCE CENTS PARTY",
    help="Money of a party that came in under a reference, or went out if less than 0. Any number of times.",
)  # fmt: skip
@click.option("--currency", default="USD", show_default=True)
@click.option("--account", default="000123456789", show_default=True, help="Number of the escrow account.")
@click.option("--on", "booked_on", type=click.DateTime(["%Y-%m-%d"]), help="Day of booking.  [default: today, UTC]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def statement(
    *,
    number: int,
    opening_cents: int,
    wires: tuple[tuple[str, int, str], ...],
    currency: str,
    account: str,
    booked_on: datetime | None,
    out: Path,
) -> None:
    """Write a statement of the escrow account as a bank would (camt.053), for POST /v1/bank-statements: to try things out.

    It moves no money. For a reference see GET /v1/bank-account, or `payment_reference` of a sale.
    """
    bank = Bank(account, currency, opening_cents, number - 1)
    for reference, cents, party in wires:
        bank.book(Wire(cents, reference, party))
    out.write_bytes(bank.statement((booked_on or SystemClock().now()).date()))
    click.echo(f"{out}: statement {number} closes with {bank.balance_cents} cents")
