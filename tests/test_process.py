"""`market serve` where it cannot listen: one line, and nothing is begun."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.conftest import environment


@pytest.mark.parametrize("options", [[], ["--with-demo"]])
def test_a_taken_port_is_one_line_that_names_the_setting(tmp_path: Path, options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = _serve(tmp_path, *options, MARKET_PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr == f"market: port {port} on 127.0.0.1 is taken: set MARKET_PORT to another\n"
    assert not (tmp_path / "data").exists()


def test_an_address_of_somebody_else_is_one_line_too(tmp_path: Path) -> None:
    ended = _serve(tmp_path, MARKET_HOST="192.0.2.1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("market: port 8000 on 192.0.2.1 cannot be used (")
    assert ended.stderr.count("\n") == 1


def _serve(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "market", "serve", *options],
        env=environment(folder / "data") | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
