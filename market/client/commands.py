"""`market sale …`: what a buyer does on its own machine, without server or database."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

import click
from msgspec import DecodeError
from msgspec.json import decode

from market.client import opening
from market.client.opening import OpenedKeys
from market.client.settlement import SaleKey
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance
from masking.envelope import EnvelopeError

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)


@click.group()
def sale() -> None:
    """The buyer's own key, and the sale file that it opens; offline."""


@sale.command()
@click.option("--out", type=_NEW, required=True, help="File to write the private key to; never overwritten.")
def make_key(out: Path) -> None:
    """Make an X25519 key and print its public half: 32 raw bytes in base64, the `recipient_public_key` of the signature.

    The file (mode 0600) holds the private half, base64 too. Who loses it cannot open the sale file.
    """
    private = SystemChance(SystemClock()).entropy(opening.KEY_BYTES)
    with _created(out) as sink:
        sink.write(opening.key_text(private).encode() + b"\n")
    click.echo(opening.key_text(opening.public_key(private)))


@sale.command("open")
@click.option("--key", "key_file", type=_FILE, required=True, help="As `market sale make-key` wrote it.")
@click.option("--sale-key", type=_FILE, required=True, help="The saved answer of GET …/sale-key (JSON).")
@click.option("--sealed", type=_FILE, required=True, help="The saved answer of GET …/sale-file.")
@click.option("--leaves", type=_FILE, help="The saved answer of GET …/leaves-file, to check every row.")
@click.option("--commitment-root", help="Of the pool, as it was published: 64 hex digits.")
@click.option("--out", type=_NEW, required=True, help="CSV to write (mode 0600); never overwritten.")
def open_(
    *, key_file: Path, sale_key: Path, sealed: Path, leaves: Path | None, commitment_root: str | None, out: Path
) -> None:
    """Open the sale file with your private key; with --leaves and --commitment-root, check every row of it too.

    Exit status 0 if the file was opened and every row that was to be checked holds.
    """
    if (leaves is None) != (commitment_root is None):
        raise click.UsageError("--leaves and --commitment-root go together")
    try:
        if commitment_root is not None:
            bytes.fromhex(commitment_root)
        keys = decode(sale_key.read_bytes(), type=SaleKey)
        opened = opening.open_keys(keys, opening.read_key(key_file))
        _write_opened(keys, opened, sealed, out)
    except DecodeError:
        raise click.ClickException(f"{sale_key} is not the answer of GET …/sale-key") from None
    except (EnvelopeError, ValueError) as no:
        raise click.ClickException(f"the sale file was not opened: {no}") from None
    click.echo(f"opened: {out} ({out.stat().st_size} bytes)")
    if leaves is not None and commitment_root is not None:
        _check_rows(out, opened, leaves, commitment_root)


def _check_rows(out: Path, opened: OpenedKeys, leaves: Path, commitment_root: str) -> None:
    with out.open("rb") as clear:
        found = opening.check_rows(clear, opened, leaves.read_bytes(), commitment_root)
    if not found.ok:
        place = "" if found.first_wrong is None else f" (row {found.first_wrong + 1}; the first account is row 1)"
        click.echo(f"WRONG: {found.reason}{place}", err=True)
        sys.exit(1)
    click.echo(f"every row is the row that was committed to: {found.rows_count} rows")


def _write_opened(keys: SaleKey, opened: OpenedKeys, sealed: Path, out: Path) -> None:
    """Nothing is left where not every byte was authentic."""
    with sealed.open("rb") as source, _created(out) as sink:
        try:
            opening.open_sale_file(keys, opened, source, sink)
        except BaseException:
            out.unlink()
            raise


def _created(path: Path) -> BinaryIO:
    """A new file for its owner alone, never in the place of another."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise click.ClickException(f"{path} exists, and is never overwritten") from None
    except OSError as no:
        raise click.ClickException(f"{path}: {no.strerror}") from None
