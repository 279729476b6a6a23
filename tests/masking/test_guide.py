"""Every command of the guide runs, in its order."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "masking.md").read_text(), re.DOTALL)
    script = "\n".join(blocks).replace("market mask", f"'{sys.executable}' -m masking")
    script = script.replace("tests/data", str(ROOT / "tests" / "data"))
    done = subprocess.run(
        ["sh", "-e"],
        input=script,
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "pool").iterdir()} == {
        "preview.csv",
        "vetted.csv",
        "sale.csv.sealed",
        "leaves.bin",
        "report.json",
    }
