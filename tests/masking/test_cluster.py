"""A cluster masks the same bytes as one machine, and is optional."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from masking.__main__ import main

TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> str:
    """A Dask scheduler with two workers, each a process of its own, on this machine."""
    here = tmp_path_factory.mktemp("cluster")
    found, code = here / "scheduler.json", "from distributed.cli.{0} import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__DAEMON": "True"}

    def started(what: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code.format(what), *options]
        return subprocess.Popen(command, env=environment, cwd=here, stderr=subprocess.DEVNULL)

    running = [
        started(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)
        )
    ]
    worker = ["--scheduler-file", str(found), "--no-dashboard", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1"]
    running += [started("dask_worker", *worker) for _ in range(2)]
    wait = "from distributed import Client; c = Client(scheduler_file='{}', timeout=60); c.wait_for_workers(2, timeout=60); print(c.scheduler.address)"
    try:
        said = subprocess.run(
            [sys.executable, "-c", wait.format(found)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        yield said.stdout.strip()
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait(20)


def masked(folder: Path, *more: str) -> int:
    (folder / "keys").write_bytes(bytes(range(103)))
    command = ["apply", str(TAPE), str(folder / "pool"), "--cut-off", "2015-01-01", "--key-file", str(folder / "keys")]
    return main([*command, *more])


def test_two_workers_mask_the_same_bytes_as_one_machine(scheduler, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert masked(tmp_path / "a") == 0
    assert masked(tmp_path / "b", "--cluster", scheduler) == 0
    names = sorted(path.name for path in (tmp_path / "a" / "pool").iterdir())
    assert names == ["leaves.bin", "preview.csv", "report.json", "sale.csv.sealed", "vetted.csv"]
    for name in names:
        assert (tmp_path / "a" / "pool" / name).read_bytes() == (tmp_path / "b" / "pool" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("scheduler", "reason"), [("nonsense", "host:port"), ("127.0.0.1:1", "no scheduler answers at 127.0.0.1:1")]
)
def test_a_cluster_that_is_not_there_is_said_and_nothing_is_written(tmp_path, capsys, monkeypatch, scheduler, reason):
    monkeypatch.setattr("masking.cluster.CONNECT_S", 1)
    assert masked(tmp_path, "--cluster", scheduler) == 1
    assert reason in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_without_dask_the_command_says_what_to_install(tmp_path, capsys, monkeypatch):
    seen = importlib.util.find_spec
    monkeypatch.setattr("masking.cluster.find_spec", lambda name: None if name == "distributed" else seen(name))
    assert masked(tmp_path, "--cluster", "127.0.0.1:8786") == 1
    assert "pip install" in capsys.readouterr().err
