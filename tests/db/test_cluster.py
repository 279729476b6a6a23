"""Against the embedded server and, where Debian's PostgreSQL is installed too, against that one."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from market.db import cluster
from market.db.cluster import ClusterError, RolePasswords, can_prepare, drop_database, keep_passwords, prepare
from market.db.embedded import EmbeddedPostgres
from market.db.embedded_host import account_for, become

PASSWORDS = RolePasswords(migrator="m'1%", app="a\\2/@", officer='o"3 %I', auditor="plain")
ROLES = ("migrator", "app", "officer", "auditor")
OTHERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    with EmbeddedPostgres(folder / "home", superuser_password="root") as server:
        yield server.admin_url


@contextmanager
def installed(folder: Path, programs: Path) -> Iterator[str]:
    """A throw-away server from the system's own programs."""
    account = account_for(folder / "data")
    data = folder / "data"
    data.mkdir(0o700)
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
    password = folder / "password"
    password.write_text("root\n")
    password.chmod(0o644)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "timeout": 60}
    init = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--locale=C"]
    subprocess.run([programs / "initdb", f"--pgdata={data}", *init], check=True, **quiet, **become(account))
    options = f"-F -c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories="
    control = [programs / "pg_ctl", "-w", "-D", data]
    subprocess.run([*control, "-o", options, "start"], check=True, **quiet, **become(account))
    try:
        yield f"postgresql://postgres:root@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet, **become(account))


@pytest.fixture(scope="module", params=["embedded", *(str(path.parent) for path in OTHERS)])
def admin_url(request) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="market-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with embedded(folder) if request.param == "embedded" else installed(folder, Path(request.param)) as url:
            yield url
    finally:
        shutil.rmtree(folder)


async def ask(url: str, sql: str, *values):
    conn = await asyncpg.connect(url, timeout=5)
    try:
        return await conn.fetchval(sql, *values)
    finally:
        await conn.close()


async def test_preparing_twice_gives_four_working_logins_and_changes_nothing(admin_url):
    first = await prepare(admin_url, database="market 'one\"", passwords=PASSWORDS)
    before = await ask(admin_url, "SELECT array_agg(rolname::text || rolpassword ORDER BY 1) FROM pg_authid")
    assert await prepare(admin_url, database="market 'one\"", passwords=PASSWORDS) == first
    assert await ask(admin_url, "SELECT array_agg(rolname::text || rolpassword ORDER BY 1) FROM pg_authid") == before
    for role in ROLES:
        url = getattr(first, role)
        assert await ask(url, "SELECT current_user || '@' || current_database()") == f"market_{role}@market 'one\""
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(url.replace("@127", "x@127"), "SELECT 1")
    await drop_database(admin_url, "market 'one\"")
    await drop_database(admin_url, "market 'one\"")


async def test_six_at_once_on_two_databases_all_succeed(admin_url):
    names = ["both_a", "both_b"] * 3
    urls = await asyncio.gather(*(prepare(admin_url, database=name, passwords=PASSWORDS) for name in names))
    assert {await ask(url.app, "SELECT current_database()") for url in urls} == {"both_a", "both_b"}
    await drop_database(admin_url, "both_a")
    await drop_database(admin_url, "both_b")


async def test_the_roles_have_exactly_the_rights_and_limits_they_should(admin_url):
    urls = await prepare(admin_url, database="rights", passwords=PASSWORDS)
    for role in ROLES:
        url = getattr(urls, role)
        for forbidden in (
            "CREATE DATABASE x",
            "CREATE ROLE x",
            "CREATE TABLE pg_catalog.x ()",
            "CREATE TEMP TABLE x ()",
        ):
            if role == "migrator" and "TEMP" in forbidden:
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ask(url, forbidden)
        assert await ask(url, "SELECT NOT rolbypassrls AND NOT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert await ask(url, "SHOW lock_timeout") == "5s"
        assert await ask(url, "SHOW idle_in_transaction_session_timeout") == "1min"
        assert await ask(url, "SHOW statement_timeout") == ("1min" if role in {"app", "officer"} else "0")
    await ask(urls.migrator, "CREATE TABLE owned (n int)")
    for role in ("app", "officer", "auditor"):
        for forbidden in ("CREATE TABLE x ()", "CREATE SCHEMA x", "SELECT n FROM owned", "SET ROLE market_migrator"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ask(getattr(urls, role), forbidden)
    await ask(urls.migrator, "GRANT SELECT ON owned TO market_app")
    assert await ask(urls.app, "SELECT count(*) FROM owned") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(urls.officer, "SELECT count(*) FROM owned")
    await drop_database(admin_url, "rights")


async def test_a_login_that_is_none_of_the_four_cannot_connect(admin_url):
    urls = await prepare(admin_url, database="closed", passwords=PASSWORDS)
    await ask(admin_url, "CREATE ROLE stranger LOGIN PASSWORD 'x'")
    stranger = urls.app.replace(urlsplit(urls.app).netloc.rpartition("@")[0], "stranger:x")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await ask(stranger, "SELECT 1")
    assert not await can_prepare(stranger.replace("/closed", "/postgres"))
    with pytest.raises(ClusterError, match="give it CREATEROLE and CREATEDB"):
        await prepare(stranger.replace("/closed", "/postgres"), database="closed", passwords=PASSWORDS)
    await drop_database(admin_url, "closed")
    await ask(admin_url, "DROP ROLE stranger")


async def test_an_admin_who_is_no_superuser_can_prepare_again_and_drop(admin_url):
    for role in ROLES:
        await ask(admin_url, f"DROP ROLE IF EXISTS market_{role}")
    await ask(admin_url, "CREATE ROLE keeper LOGIN CREATEDB CREATEROLE PASSWORD 'k'")
    keeper = admin_url.replace("postgres:root", "keeper:k")
    assert await can_prepare(keeper)
    for _ in range(2):
        urls = await prepare(keeper, database="kept", passwords=PASSWORDS)
    await ask(urls.migrator, "CREATE TABLE owned (n int)")
    assert await ask(urls.auditor, "SELECT has_schema_privilege('public', 'USAGE')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(urls.app, "CREATE TABLE x ()")
    await drop_database(keeper, "kept")
    for role in ROLES:
        await ask(admin_url, f"DROP ROLE market_{role}")
    await ask(admin_url, "DROP ROLE keeper")


async def test_new_passwords_replace_the_old_ones(admin_url):
    old = await prepare(admin_url, database="turned", passwords=PASSWORDS)
    new = await prepare(admin_url, database="turned", passwords=replace(PASSWORDS, app="fresh"))
    assert await ask(new.app, "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(old.app, "SELECT 1")
    await drop_database(admin_url, "turned")


async def test_what_others_made_is_refused_and_left_alone(admin_url):
    await ask(admin_url, "CREATE DATABASE foreign_one")
    with pytest.raises(ClusterError, match="foreign_one belongs to postgres"):
        await prepare(admin_url, database="foreign_one", passwords=PASSWORDS)
    await drop_database(admin_url, "foreign_one")
    await ask(admin_url, "ALTER ROLE market_app BYPASSRLS")
    with pytest.raises(ClusterError, match="market_app may do more than it should"):
        await prepare(admin_url, database="one", passwords=PASSWORDS)
    await ask(admin_url, "ALTER ROLE market_app NOBYPASSRLS")


async def test_a_database_in_use_can_be_dropped(admin_url):
    urls = await prepare(admin_url, database="busy", passwords=PASSWORDS)
    conn = await asyncpg.connect(urls.app)
    await drop_database(admin_url, "busy")
    assert await ask(admin_url, "SELECT count(*) FROM pg_database WHERE datname = 'busy'") == 0
    conn.terminate()


async def test_names_and_passwords_that_would_be_cut_or_misread_are_refused(admin_url):
    for name in ("", "x" * 64, "a\nb"):
        with pytest.raises(ClusterError, match="name"):
            await prepare(admin_url, database=name, passwords=PASSWORDS)
    for word in ("", "ö", "a\nb"):
        with pytest.raises(ClusterError, match="password of market_app must be printable ASCII"):
            await prepare(admin_url, database="one", passwords=replace(PASSWORDS, app=word))


async def test_a_server_that_is_too_old_is_refused_by_its_number(admin_url, monkeypatch):
    monkeypatch.setattr(cluster, "OLDEST_MAJOR", 99)
    with pytest.raises(ClusterError, match=r"this is PostgreSQL \d+; the market needs 99 or newer"):
        await prepare(admin_url, database="one", passwords=PASSWORDS)


@dataclass
class Counter:
    count: int = 0

    def __call__(self) -> str:
        self.count += 1
        return f"word-{self.count}"


def test_passwords_are_drawn_once_and_kept_for_the_owner_only(tmp_path):
    path, draw = tmp_path / "new" / "passwords.json", Counter()
    first = RolePasswords.load_or_create(path, draw)
    assert first == RolePasswords("word-1", "word-2", "word-3", "word-4")
    assert RolePasswords.load_or_create(path, draw) == first
    assert draw.count == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["passwords.json"]
    assert "word-" not in repr(first)


def test_of_two_creators_the_first_wins_for_both(tmp_path):
    path = tmp_path / "one.json"

    def draw_late() -> str:
        keep_passwords(path, ["postgres"], lambda: "first")
        return "second"

    assert keep_passwords(path, ["postgres"], draw_late) == {"postgres": "first"}


def test_a_password_file_that_others_may_read_or_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "passwords.json"
    keep_passwords(path, ["postgres"], Counter())
    with pytest.raises(ClusterError, match="exactly migrator, app, officer, auditor"):
        RolePasswords.load_or_create(path, Counter())
    path.chmod(0o640)
    with pytest.raises(ClusterError, match="chmod 600"):
        keep_passwords(path, ["postgres"], Counter())
    path.chmod(0o600)
    path.write_text('{"postgres": ')
    with pytest.raises(ClusterError, match="is not JSON"):
        keep_passwords(path, ["postgres"], Counter())


async def test_addresses_keep_host_port_and_options_and_never_show_a_password(admin_url):
    urls = await prepare(admin_url + "?sslmode=prefer&user=postgres", database="a b/c", passwords=PASSWORDS)
    host = urlsplit(admin_url).netloc.rpartition("@")[2]
    assert urls.app == f"postgresql://market_app:a%5C2%2F%40@{host}/a%20b%2Fc?sslmode=prefer"
    assert await ask(urls.app, "SELECT current_database()") == "a b/c"
    assert "@" not in repr(urls)
    await drop_database(admin_url, "a b/c")
