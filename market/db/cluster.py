"""Make a PostgreSQL server (15 or newer) ready: four login roles, one database, nothing for everybody else."""

import base64
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from market.kit.errors import Trouble

OLDEST_MAJOR = 15  # since 15, nobody but its owner may create objects in a new database's schema public

_ROLES = ("migrator", "app", "officer", "auditor")
_LOCK_KEY = int.from_bytes(b"market", "big")
_CONNECT_S = 10
_COMMAND_S = 60
_SCRAM_ROUNDS = 4096  # PostgreSQL's default scram_iterations; RFC 5802 § 2.2, RFC 7677
_IDENTIFIER_BYTES = 63
_SETTINGS = (
    *((role, "lock_timeout", "5s") for role in _ROLES),
    *((role, "idle_in_transaction_session_timeout", "60s") for role in _ROLES),
    *((role, "statement_timeout", "60s") for role in ("app", "officer")),
)


class ClusterError(Trouble):
    """The server or the login cannot be used as asked; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """One password per login role; never shown by `repr`."""

    migrator: str = field(repr=False)
    app: str = field(repr=False)
    officer: str = field(repr=False)
    auditor: str = field(repr=False)

    @classmethod
    def load_or_create(cls, path: Path, draw: Callable[[], str]) -> Self:
        """The passwords kept in `path`, drawn with `draw` the first time; see `keep_passwords`."""
        return cls(**keep_passwords(path, _ROLES, draw))


@dataclass(frozen=True, slots=True)
class RoleUrls:
    """`postgresql://` addresses of one database, one per login role; never shown by `repr`."""

    migrator: str = field(repr=False)
    app: str = field(repr=False)
    officer: str = field(repr=False)
    auditor: str = field(repr=False)


def keep_passwords(path: Path, names: Sequence[str], draw: Callable[[], str]) -> dict[str, str]:
    """The passwords of `names` in the JSON file `path` (mode 0600), drawn once, whoever comes first.

    The file appears whole or not at all; of two processes that create it together both get the same passwords.

    Raises:
        ClusterError: the file is readable by others, or is not a JSON object with exactly these names.
    """
    if not path.exists():
        _create_once(path, json.dumps({name: draw() for name in names}, indent=2) + "\n")
    if path.stat().st_mode & 0o077:
        raise ClusterError(f"{path} holds passwords and others may read it: chmod 600 {path}")
    try:
        kept = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ClusterError(f"{path} is not JSON: restore it, or remove it to draw new passwords") from error
    if not isinstance(kept, dict) or set(kept) != set(names) or not all(isinstance(kept[name], str) for name in names):
        raise ClusterError(f"{path} must hold the passwords of exactly {', '.join(names)}")
    return {name: kept[name] for name in names}


async def can_prepare(url: str) -> bool:
    """Whether this login may create roles and databases, so that `prepare` can work with it."""
    async with _connected(url) as conn:
        return bool(
            await conn.fetchval(
                "SELECT rolsuper OR (rolcreaterole AND rolcreatedb) FROM pg_roles WHERE rolname = current_user"
            )
        )


async def prepare(admin_url: str, *, database: str, passwords: RolePasswords) -> RoleUrls:
    """Make the four login roles and the database exist as they should; repeatable, and safe to run concurrently.

    Takes an advisory lock in the database of `admin_url` for the whole of it. The roles belong to the cluster: all its
    databases share them, and the passwords of the latest call count. The server receives SCRAM verifiers only, so
    no log of its own can hold a password.

    Args:
        admin_url: `postgresql://…` of a superuser, or of a login with CREATEROLE and CREATEDB.
        database: name of the database, created if missing, owned by `market_migrator`.
        passwords: printable ASCII.

    Raises:
        ClusterError: server older than 15, login not allowed to, database owned by another role, or a role of ours
            that was given more than it should have.
    """
    _check_name(database)
    if not await can_prepare(admin_url):
        raise ClusterError("this login may not create roles and databases: give it CREATEROLE and CREATEDB")
    async with _connected(admin_url) as conn:
        await conn.execute("SET lock_timeout = '50s'")
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)  # released with the connection
        await _ensure_roles(conn, asdict(passwords))
        await _ensure_database(conn, database)
        async with _connected(_address(admin_url, database)) as inside:
            await _close_to_public(inside, database)
    return RoleUrls(**{role: _address(admin_url, database, role, word) for role, word in asdict(passwords).items()})


async def drop_database(admin_url: str, database: str) -> None:
    """Drop the database if it exists, ending the sessions in it. For tests."""
    _check_name(database)
    async with _connected(admin_url) as conn:
        await _run(conn, "DROP DATABASE IF EXISTS %I WITH (FORCE)", database)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(url, timeout=_CONNECT_S, command_timeout=_COMMAND_S)
    try:
        major = conn.get_server_version().major
        if major < OLDEST_MAJOR:
            raise ClusterError(f"this is PostgreSQL {major}; the market needs {OLDEST_MAJOR} or newer")
        yield conn
    finally:
        await conn.close()


async def _run(conn: Any, template: str, *values: str) -> None:
    """Execute a statement that takes no parameters; PostgreSQL itself quotes the values (%I a name, %L a literal)."""
    await conn.execute(await conn.fetchval("SELECT format($1, VARIADIC $2::text[])", template, values))


async def _ensure_roles(conn: Any, passwords: dict[str, str]) -> None:
    names = [f"market_{role}" for role in _ROLES]
    existing = {
        row["rolname"] for row in await conn.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", names)
    }
    for role in _ROLES:
        name = f"market_{role}"
        if name not in existing:
            await _run(conn, "CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION", name)
        await _run(conn, "ALTER ROLE %I LOGIN PASSWORD %L", name, _scram_verifier(name, passwords[role]))
    for role, setting, value in _SETTINGS:
        await _run(conn, "ALTER ROLE %I SET %I = %L", f"market_{role}", setting, value)
    too_much = await conn.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)"
        " AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)",
        names,
    )
    if too_much:
        raise ClusterError(
            f"{', '.join(row['rolname'] for row in too_much)} may do more than it should: as a superuser,"
            " ALTER ROLE … NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
        )


async def _ensure_database(conn: Any, database: str) -> None:
    await _join_migrator(conn)
    owner = await conn.fetchval("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", database)
    if owner is None:
        await _run(conn, "CREATE DATABASE %I OWNER market_migrator TEMPLATE template0 ENCODING 'UTF8'", database)
    elif owner != "market_migrator":
        raise ClusterError(
            f"the database {database} belongs to {owner}: choose another name, or as its owner"
            f" ALTER DATABASE … OWNER TO market_migrator"
        )
    await _run(conn, "REVOKE ALL ON DATABASE %I FROM PUBLIC", database)
    await _run(
        conn,
        "GRANT CONNECT ON DATABASE %I TO market_migrator, market_app, market_officer, market_auditor",
        database,
    )


async def _join_migrator(conn: Any) -> None:
    """Let an admin who is no superuser act for the owner: making a role does not include that (GRANT, PostgreSQL 16)."""
    if await conn.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return
    options = " WITH INHERIT TRUE, SET TRUE" if conn.get_server_version().major >= 16 else ""
    await _run(conn, f"GRANT market_migrator TO CURRENT_USER{options}")


async def _close_to_public(conn: Any, database: str) -> None:
    """Inside the database: schema public is the migrator's to fill and the others' to look names up in."""
    owner = await conn.fetchval("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'")
    if owner not in {"pg_database_owner", "market_migrator"}:
        raise ClusterError(f"in {database} the schema public belongs to {owner}: give it to pg_database_owner")
    await conn.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    await conn.execute("GRANT USAGE ON SCHEMA public TO market_app, market_officer, market_auditor")


def _check_name(database: str) -> None:
    if not database or not database.isprintable() or len(database.encode()) > _IDENTIFIER_BYTES:
        raise ClusterError(f"a database's name has 1 to {_IDENTIFIER_BYTES} bytes and is printable")


def _scram_verifier(name: str, password: str) -> str:
    """What PostgreSQL itself would store for this password (RFC 5803; `pg_authid.rolpassword`).

    The salt is derived from the name and the password (as slowly as the verifier, so that it gives nothing away): both
    the same, the verifier is the same, and `prepare` is repeatable.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ClusterError(f"the password of {name} must be printable ASCII and not empty")
    salt = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), f"salt of {name}".encode("ascii"), _SCRAM_ROUNDS)[
        :16
    ]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode("ascii") for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"


def _address(admin_url: str, database: str, role: str | None = None, password: str = "") -> str:
    """`admin_url` pointed at `database`, as the login role `market_<role>` if one is given."""
    parts = urlsplit(admin_url)
    login, at, hosts = parts.netloc.rpartition("@")
    dropped = {"dbname", "database"} if role is None else {"dbname", "database", "user", "password", "passfile"}
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key not in dropped])
    if role is not None:
        login, at = f"market_{role}:{quote(password, safe='')}", "@"
    return urlunsplit(("postgresql", f"{login}{at}{hosts}", "/" + quote(database, safe=""), query, ""))


def _create_once(path: Path, text: str) -> None:
    """Put a finished 0600 file under that name unless one is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".draft-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()
