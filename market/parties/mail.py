"""Where mail goes: a relay in production, a folder of .eml files without one. The provider is a seam."""

import asyncio
import os
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from market.db.context import Context
from market.kit.clock import Clock
from market.kit.errors import Transient
from market.kit.ids import Chance
from market.settings import SettingsError

_TIMEOUT_S = 20


class Undeliverable(Exception):
    """The relay refuses this message for good; trying again is of no use."""


class Mailer(Protocol):
    async def send(self, recipient: str, subject: str, body: str) -> None:
        """Hand one text message over. Raises `Transient` when it may work later, `Undeliverable` when never."""
        ...


def mailer_of(context: Context) -> Mailer:
    """The mailer that the settings ask for."""
    settings = context.settings
    if settings.smtp_url is None:
        return FolderMailer(settings.data_dir / "mail", settings.mail_from, context.clock, context.chance)
    return SmtpMailer(settings.smtp_url, settings.mail_from, context.clock)


class FolderMailer:
    """Writes each message to a file of its own, readable by the owner only; names sort by time."""

    def __init__(self, folder: Path, sender: str, clock: Clock, chance: Chance) -> None:
        self._folder, self._sender, self._clock, self._chance = folder, sender, clock, chance

    async def send(self, recipient: str, subject: str, body: str) -> None:
        message = _message(self._sender, recipient, subject, body, self._clock)
        await asyncio.to_thread(self._write, message.as_bytes(policy=SMTP))

    def _write(self, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = self._chance.new_id()
        draft = self._folder / f".{name}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            sink.write(data)
        draft.replace(self._folder / f"{name}.eml")


class SmtpMailer:
    """Speaks to one relay: `smtp://[user:password@]host[:port]` with STARTTLS where offered, or `smtps://`.

    A password is only ever sent over TLS, whose certificate must hold.
    """

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        """Raises `SettingsError` for an address that is no mail relay's."""
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise SettingsError("MARKET_SMTP_URL must be smtp://[user:password@]host[:port], or smtps://…")
        self._tls_first = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls_first else 587)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender, self._clock = sender, clock

    async def send(self, recipient: str, subject: str, body: str) -> None:
        message = _message(self._sender, recipient, subject, body, self._clock)
        await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: EmailMessage) -> None:
        try:
            with self._connected() as relay:
                relay.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal([code for code, _ in error.recipients.values()]) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal([error.smtp_code]) from None
        except (smtplib.SMTPException, OSError):
            raise Transient("the mail relay cannot be reached") from None

    def _connected(self) -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if self._tls_first:
            relay: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT_S, context=tls)
        else:
            relay = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            relay.ehlo()
            secure = self._tls_first
            if not secure and relay.has_extn("starttls"):
                relay.starttls(context=tls)
                secure = True
            if self._login is not None and secure:
                relay.login(*self._login)
            elif self._login is not None:
                raise smtplib.SMTPNotSupportedError("the relay offers no TLS to send a password over")  # noqa: TRY301
        except BaseException:
            relay.close()
            raise
        return relay


def _refusal(codes: list[int]) -> Exception:
    """RFC 5321 § 4.2.1: 5yz is for good, 4yz for now. A refused login (535) is ours to mend, not the recipient's."""
    if all(500 <= code < 600 and code not in {530, 534, 535} for code in codes):
        return Undeliverable(f"the relay answers {codes[0]}")
    return Transient("the mail relay does not take mail now")


def _message(sender: str, recipient: str, subject: str, body: str, clock: Clock) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(body)
    return message
