"""`market audit …`: the public key to pin, the archive of a case and its verification, the auditor's question.

`market rules …`: the rule packs as files. `verify` and `rules check` need no server, database or settings.
"""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

import click

from market.compliance import packs
from market.compliance.service.exporting import export_case
from market.db.context import Opened
from market.journal import archive
from market.journal import service as journal
from market.journal.checkpoints import Signer
from market.kit.actor import SYSTEM
from market.kit.errors import MarketError

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_HEX_DIGITS = 64


@click.group()
def audit() -> None:
    """Prove what was decided: archives, checkpoints, the gate."""


@audit.command()
@click.pass_obj
def key(opened: Opened) -> None:
    """Print the public key of checkpoints and archives: pin it where the platform cannot change it."""

    async def work() -> None:
        async with opened() as context:
            click.echo(Signer.of(context).public_key.hex())

    asyncio.run(work())


@audit.command()
@click.argument("case_id", type=click.UUID)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write it.")
@click.pass_obj
def export(opened: Opened, case_id: UUID, out: Path) -> None:
    """Write the examiner's archive of a case; the export is in the case's journal."""

    async def work() -> None:
        async with opened() as context:
            out.write_bytes(await export_case(context, SYSTEM, case_id))
            click.echo(f"{out}: verify with --key {Signer.of(context).public_key.hex()}")

    asyncio.run(work())


@audit.command()
@click.pass_obj
def gate(opened: Opened) -> None:
    """Count what must not exist, as bids without a valid clearance; exit status 1 unless every count is 0."""

    async def work() -> bool:
        async with opened() as context, context.db.begin(SYSTEM) as tx:
            found = await journal.breaches(tx)
        for what, count in found:
            click.echo(f"{count:>8}  {what}")
        return any(count for _, count in found)

    sys.exit(asyncio.run(work()))


@audit.command()
@click.argument("file", metavar="ARCHIVE", type=_FILE)
@click.option("--key", required=True, help="The pinned public key: 64 hex digits.")
def verify(file: Path, key: str) -> None:
    """Check an archive offline; exit status 1 if a byte was changed, or anything dropped or moved."""
    try:
        public_key = bytes.fromhex(key) if len(key) == _HEX_DIGITS else b""
    except ValueError:
        public_key = b""
    if not public_key:
        raise click.BadParameter("64 hex digits, as `market audit key` prints them", param_hint="--key")
    try:
        found = archive.check(file.read_bytes(), public_key)
    except archive.Tampered as tampered:
        click.echo(f"TAMPERED: {tampered}", err=True)
        sys.exit(1)
    rows = ", ".join(f"{count} {what}" for what, count in sorted(found.row_counts.items()))
    click.echo(f"case {found.case_id}, archive made at {found.made_at}")
    click.echo(f"{rows}; {found.entry_count} entries of {found.stream_count} streams")
    click.echo(f"holds: seal, chains, Merkle proofs, {found.checkpoint_count} signed checkpoints, rows against journal")


@click.group()
def rules() -> None:
    """Rule packs as files: print the shipped ones, check one before an officer loads it."""


@rules.command()
@click.argument("name", type=click.Choice(sorted(packs.NAMES)))
def shipped(name: str) -> None:
    """Print the shipped pack, which is UNREVIEWED, as the CSV that POST /v1/rule-packs takes."""
    click.echo(packs.write_rules(packs.shipped(name).rules), nl=False)
    click.echo("UNREVIEWED: nobody has checked this pack against the statutes", err=True)


@rules.command()
@click.argument("name", type=click.Choice(sorted(packs.NAMES)))
@click.argument("file", type=_FILE)
def check(name: str, file: Path) -> None:
    """Read a pack and say what it holds, and how it differs from the shipped one."""
    try:
        pack = packs.read_pack(name, "check", file.read_text(encoding="utf-8"), source="a file")
    except MarketError as flaw:
        click.echo(f"{file}: {flaw}", err=True)
        sys.exit(1)
    before = set(packs.shipped(name).rules)
    click.echo(f"{len(pack.rules)} rules, {sum(rule.conflict for rule in pack.rules)} with sources that disagree")
    for rule in sorted(set(pack.rules) - before, key=lambda rule: (rule.state, rule.effective_from)):
        click.echo(f"  {rule.state} {rule.rule_class} {rule.value} from {rule.effective_from}: {rule.citation}")
