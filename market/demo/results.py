"""What the demo leaves behind: files that can be checked without the server."""

import asyncio
import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from market.client.settlement import LedgerTransfer

LEDGER_COLUMNS = ("transfer_id", "at", "kind", "account", "currency", "debit_cents", "credit_cents")


def ledger_lines(transfers: Sequence[LedgerTransfer]) -> list[dict[str, Any]]:
    """Two lines for every amount that moved: the account that was debited, and the one that was credited."""
    lines = []
    for each in transfers:
        common = {
            "transfer_id": each.transfer_id,
            "at": each.at.isoformat(),
            "kind": each.kind,
            "currency": each.currency,
        }
        if each.posted_cents:
            lines.append({**common, "account": each.debit, "debit_cents": each.posted_cents, "credit_cents": 0})
            lines.append({**common, "account": each.credit, "debit_cents": 0, "credit_cents": each.posted_cents})
    return lines


def balances(lines: Sequence[dict[str, Any]]) -> Counter[str]:
    """Debits minus credits of every account, as the lines say; accounts that came to nothing are left out."""
    found: Counter[str] = Counter()
    for line in lines:
        found[line["account"]] += int(line["debit_cents"]) - int(line["credit_cents"])
    return Counter({account: cents for account, cents in found.items() if cents})


def as_csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> bytes:
    """UTF-8 with a header."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def count_rows(content: bytes) -> int:
    """Rows of a CSV file below its header."""
    return sum(1 for _ in csv.reader(io.StringIO(content.decode("utf-8-sig")))) - 1


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Put the files into the folder (created if missing), each readable by its owner only: the sale file is clear."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        partial = folder / f".{name}.partial"
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            sink.write(content)
        partial.replace(folder / name)


def report(facts: dict[str, Any]) -> bytes:
    """Facts as JSON for people."""
    return (json.dumps(facts, indent=2, default=str) + "\n").encode()


async def run_market(*arguments: str) -> tuple[int, str]:
    """What `market …` says when a user verifies a file: exit status and words. It asks neither server nor database."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()
