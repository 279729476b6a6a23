"""Every setting, read once. Nothing else reads the environment; `market check` prints what is in force."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from market.kit.errors import Trouble

_KEY_PROVIDERS = ("file", "vault")
_SECOND_FACTORS = ("everybody", "staff", "nobody")
_COMMISSION_BY = ("operator", "listing")


class SettingsError(Trouble):
    """A setting cannot be used; the message names the variable, what is wrong and what would do."""


def _setting(default: Any, doc: str, *, low: int | None = None, high: int | None = None, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc, "low": low, "high": high, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read from variables `MARKET_<NAME>`; bounds are inclusive."""

    data_dir: Path = _setting(Path(".market"), "folder of the embedded database, sealed files and keys (created 0700)")
    database_url: str | None = _setting(
        None,
        "PostgreSQL >= 15 to use instead of the embedded one: a login that may create roles and databases "
        "(then everything is prepared by itself), or the app role's login beside the two below",
        secret=True,
    )
    officer_database_url: str | None = _setting(
        None, "login of the officer role, if database_url is the app role's", secret=True
    )
    migrator_database_url: str | None = _setting(
        None, "login of the migrator role, for `market migrate` only", secret=True
    )
    logins_file: Path | None = _setting(
        None, "file of lines MARKET_…_URL=… with the logins above, written by `market migrate --logins-file`"
    )
    database_name: str = _setting("market", "database to prepare when database_url may create it")
    bus_url: str | None = _setting(
        None,
        "nats://user:password@host:4222 of a NATS server by which nodes hint at each other's news, or tls://…; "
        "without it PostgreSQL passes the hints on",
        secret=True,
    )
    database_pool_count: int = _setting(10, "pooled connections of the app role", low=2, high=100)
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 chooses a free one", low=0, high=65535)
    public_url: str = _setting("http://127.0.0.1:8000", "address that people use; decides cookie and origin checks")
    key_file: Path | None = _setting(None, "file with the 32-byte key-encryption key; default: keys/kek in data_dir")
    key_provider: str = _setting(
        "file", "who wraps data keys: file, or vault (HashiCorp Vault or OpenBao, transit engine)"
    )
    vault_url: str | None = _setting(None, "https://host:8200 of the vault, if key_provider is vault")
    vault_token: str | None = _setting(None, "token that may use, read, rotate and configure vault_key", secret=True)
    vault_key: str = _setting("market", "name of the aes256-gcm96 key in the transit engine")
    vault_mount: str = _setting("transit", "where the transit engine is mounted")
    vault_timeout_ms: int = _setting(5000, "longest wait for an answer of the vault", low=50, high=60_000)
    unsold_retention_days: int = _setting(
        0,
        "keys of a portfolio that sold nothing are destroyed this long after its upload; 0: never",
        low=0,
        high=36_500,
    )
    smtp_url: str | None = _setting(
        None,
        "smtp://user:password@host:port of the mail relay; without it mail goes to files in data_dir/mail",
        secret=True,
    )
    mail_from: str = _setting("market@localhost", "sender of the mail")
    session_hours: int = _setting(12, "life of a sign-in", low=1, high=24 * 30)
    session_idle_minutes: int = _setting(60, "a sign-in ends after this long without use", low=5, high=24 * 60)
    second_factor: str = _setting(
        "staff", "who must have a second factor: everybody, staff or nobody; whoever has one always needs it"
    )
    commission_by: str = _setting(
        "operator",
        "who sets the commission: operator (the house's tiers; a listing says who pays), or listing (its own, 1 to 5 %)",
    )
    upload_max_bytes: int = _setting(2 * 1024**3, "largest tape", low=1024, high=64 * 1024**3)
    upload_places_count: int = _setting(5, "unfinished uploads in parts of one organisation", low=1, high=1000)
    upload_quota_bytes: int = _setting(
        8 * 1024**3, "bytes that an organisation's unfinished uploads may announce together", low=1024, high=1024**4
    )
    tape_quota_bytes: int = _setting(
        64 * 1024**3,
        "sealed bytes that an organisation's tapes may have together, without portfolios that sold a pool or were shredded",
        low=1024,
        high=1024**5,
    )
    upload_hours: int = _setting(
        24, "an upload in parts that is not finished in this time is forgotten", low=1, high=720
    )
    mask_memory_mib: int = _setting(
        4096,
        "address space of one process that reads tapes or screens names; a file that takes more is refused",
        low=1024,
        high=262_144,
    )
    mask_limit_s: int = _setting(
        3600,
        "seconds that one step on a tape (inspect, judge, mask, cut) may take; a file that takes longer is refused",
        low=60,
        high=86_400,
    )
    evidence_max_bytes: int = _setting(25 * 1024**2, "largest evidence file", low=1024, high=1024**3)
    review_hours: int = _setting(16, "hours in which officers promise to act on what waits for them", low=1, high=1000)
    review_zone: str = _setting(
        "America/New_York", "where these are working hours (Monday to Friday, 9 to 17); empty: every hour counts"
    )
    trusted_proxies: str = _setting(
        "", "addresses of reverse proxies whose X-Forwarded-For is believed, separated by commas; empty: nobody's"
    )
    connection_count: int = _setting(
        8192,
        "connections of one node, at most half of them live sockets; past it HTTP is answered 503",
        low=64,
        high=1_000_000,
    )
    requests_per_minute: int = _setting(
        600,
        "HTTP requests a minute of one signed-in user or API key; all keys of an organisation have twice, one network address"
        " four times as many",
        low=10,
        high=1_000_000,
    )
    signins_per_minute: int = _setting(
        20, "sign-in and registration attempts a minute from one address", low=1, high=1_000_000
    )
    commands_per_second: int = _setting(10, "live commands a second per bidder and auction", low=1, high=1_000_000)
    commands_burst: int = _setting(20, "live commands at once per bidder and auction", low=1, high=1_000_000)
    lane_queue_count: int = _setting(4096, "bids waiting on one node before it answers BUSY", low=16, high=1_000_000)
    lane_batch_count: int = _setting(128, "bids decided in one database transaction", low=1, high=10_000)
    close_drain_ms: int = _setting(500, "wait after an auction's end for bids already received", low=0, high=10_000)
    heartbeat_s: int = _setting(5, "seconds between heartbeats on a live socket", low=1, high=60)
    worker_poll_ms: int = _setting(
        250, "pause between two looks whether anything was written that may be work", low=10, high=60_000
    )
    seal_file: Path | None = _setting(
        None, "PKCS #12 file of the certificate that seals documents; without it a local test authority seals them"
    )
    seal_password: str | None = _setting(None, "password of seal_file", secret=True)
    tsa_url: str | None = _setting(
        None,
        "address of an RFC 3161 time-stamp authority; without it seals are PAdES B-B, with the platform's own times",
    )
    escrow_holder: str | None = _setting(
        None, "holder of the escrow account, as the bank writes it; on files of payouts"
    )
    escrow_iban: str | None = _setting(None, "IBAN of the escrow account that pain.001 files pay from")
    escrow_bic: str | None = _setting(None, "BIC of the escrow account's bank, for pain.001 files")
    escrow_bank_name: str | None = _setting(None, "name of the bank that NACHA files go to")
    escrow_routing_number: str | None = _setting(None, "ABA routing number of the bank that NACHA files go to")
    escrow_account_number: str | None = _setting(None, "number of the escrow account that NACHA files pay from")
    ach_company_id: str | None = _setting(None, "ten characters by which that bank knows the platform, for NACHA files")
    stripe_key: str | None = _setting(None, "secret key of Stripe; without it the adapter is off", secret=True)
    stripe_webhook_secret: str | None = _setting(None, "secret that Stripe signs its messages with", secret=True)
    stripe_url: str = _setting("https://api.stripe.com", "address of Stripe's API")
    screening_lists: str = _setting(
        "",
        "folder of sanctions lists that the worker loads when a file in it is new (default: lists in data_dir); a list "
        "counts as checked when its file was written. The word specimen means the package's own lists, taken for "
        "current: for demos and tests only",
    )
    screening_list_hours: int = _setting(
        72,
        "a list that was not checked for so long stops bids, listings, registrations and clearances; 0 stops nothing",
        low=0,
        high=24 * 365,
    )
    log_level: str = _setting("info", "debug, info, warning or error")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> "Settings":
        """Settings from `MARKET_…` variables (the process's own by default), overridden by `given`.

        Raises `SettingsError` for a value out of bounds and for a `MARKET_` variable that no setting has.
        """
        source = dict(os.environ if environment is None else environment)
        if source.get("MARKET_LOGINS_FILE"):
            source |= _logins(Path(source["MARKET_LOGINS_FILE"]))
        known = {f"MARKET_{f.name.upper()}": f for f in fields(cls)}
        unknown = sorted(name for name in source if name.startswith("MARKET_") and name not in known)
        if unknown:
            raise SettingsError(f"no such setting: {', '.join(unknown)}; `market check` lists them")
        values = {f.name: _parse(name, f, source[name]) for name, f in known.items() if source.get(name)}
        found = cls(**{**values, **given})
        if found.key_provider not in _KEY_PROVIDERS:
            raise SettingsError(f"MARKET_KEY_PROVIDER must be one of: {', '.join(_KEY_PROVIDERS)}")
        if found.bus_url and not found.bus_url.startswith(("nats://", "tls://")):
            raise SettingsError("MARKET_BUS_URL must begin with nats:// or tls://")
        if found.key_provider == "vault" and not (found.vault_url and found.vault_token):
            raise SettingsError("MARKET_KEY_PROVIDER=vault needs MARKET_VAULT_URL and MARKET_VAULT_TOKEN")
        if found.commission_by not in _COMMISSION_BY:
            raise SettingsError(f"MARKET_COMMISSION_BY must be one of: {', '.join(_COMMISSION_BY)}")
        if found.second_factor not in _SECOND_FACTORS:
            raise SettingsError(f"MARKET_SECOND_FACTOR must be one of: {', '.join(_SECOND_FACTORS)}")
        return found

    @property
    def has_house_commission(self) -> bool:
        """Whether a listing says no more of the commission than who pays it."""
        return self.commission_by == "operator"

    def show(self) -> list[tuple[str, str, str]]:
        """Rows of (variable, value with secrets masked, meaning)."""
        return [
            (
                f"MARKET_{f.name.upper()}",
                "***" if f.metadata["secret"] and getattr(self, f.name) else str(getattr(self, f.name)),
                f.metadata["doc"],
            )
            for f in fields(self)
        ]

    def environment(self) -> dict[str, str]:
        """The environment for a child process that is to have the same settings."""
        own = {
            f"MARKET_{f.name.upper()}": str(getattr(self, f.name))
            for f in fields(self)
            if getattr(self, f.name) is not None
        }
        return {**{name: value for name, value in os.environ.items() if not name.startswith("MARKET_")}, **own}

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")


def _logins(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SettingsError(f"MARKET_LOGINS_FILE cannot be read: {error.strerror}") from None
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    if not set(pairs) <= {"MARKET_DATABASE_URL", "MARKET_OFFICER_DATABASE_URL"}:
        raise SettingsError("MARKET_LOGINS_FILE may hold only MARKET_DATABASE_URL and MARKET_OFFICER_DATABASE_URL")
    return pairs


def _parse(name: str, of: Any, text: str) -> Any:
    kind = str(of.type)
    if "Path" in kind:
        return Path(text)
    if "int" not in kind:
        return text
    low, high = of.metadata["low"], of.metadata["high"]
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}")
    return int(text)
