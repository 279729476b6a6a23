"""Two whole demos, side by side, each a process with its own folder; `make demo` itself sells the generated tape."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).resolve().parents[2]
PUBLIC_TAPE = ROOT / "tests" / "data" / "sba_chargeoffs_ca.csv"
_TIMEOUT_S = 900
_WORKBOOK_ROWS = 260


@dataclass
class DemoRun:
    """`market demo …` under way."""

    process: subprocess.Popen[str]
    out: Path
    said: str = ""

    def finished(self) -> "DemoRun":
        """The same once it has ended; its words are in `said`."""
        if self.process.returncode is None:
            self.said, _ = self.process.communicate(timeout=_TIMEOUT_S)
        return self


def environment(data_dir: Path) -> dict[str, str]:
    """As a user's shell has it, with a folder of its own and no other settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MARKET_")}
    return {**own, "MARKET_DATA_DIR": str(data_dir)}


@pytest.fixture(scope="session")
def demos() -> Iterator[dict[str, DemoRun]]:
    """By the tape they sell: `csv` (public loans), `xlsx` (a workbook with a mapping file)."""
    with tempfile.TemporaryDirectory(prefix="market-demos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        workbook, mapping = _workbook(folder)
        runs = {
            "csv": _start(folder / "csv", "--tape", str(PUBLIC_TAPE)),
            "xlsx": _start(folder / "xlsx", "--tape", str(workbook), "--mapping", str(mapping)),
        }
        yield runs
        for run in runs.values():
            if run.process.poll() is None:
                run.process.terminate()
                run.process.communicate(timeout=60)


def _start(home: Path, *options: str) -> DemoRun:
    out = home / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "market", "demo", "--out", str(out), *options],
        env=environment(home / "data"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return DemoRun(process, out)


def _workbook(folder: Path) -> tuple[Path, Path]:
    """A user's workbook with headers of its own, and the mapping file that explains two of them."""
    rows = _rows()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Contract", "Owner", "ST", "What is owed", "Default Date", "Kind"])
    for row in rows:
        sheet.append(row)
    path, mapping = folder / "ledger.xlsx", folder / "mapping.json"
    book.save(path)
    mapping.write_text(
        '{"columns": {"Contract": "account_number", "Owner": "debtor_name", "What is owed": "current_balance", '
        '"Kind": "debt_type"}}'
    )
    return path, mapping


def _rows() -> list[list[object]]:
    states = ("CA", "TX", "NY")
    return [
        [f"K-{n:07d}", f"Placeholder {n} LLC", states[n % 3], 900 + 13 * n, date(2025, 1 + n % 12, 15), "INVOICE"]
        for n in range(_WORKBOOK_ROWS)
    ]
