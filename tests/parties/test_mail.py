import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from market.db.context import Context
from market.kit.clock import SystemClock
from market.kit.errors import Transient
from market.parties.mail import FolderMailer, SmtpMailer, Undeliverable, mailer_of
from market.settings import SettingsError
from tests.running import free_port


@dataclass
class Relay:
    """A real SMTP server's handler, which answers recipients as told."""

    taken: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("later"):
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 taken"


@pytest.fixture
def relay() -> Iterator[tuple[Relay, str]]:
    handler = Relay()
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, f"127.0.0.1:{port}"
    controller.stop()


def mailer(host: str, login: str = "") -> SmtpMailer:
    return SmtpMailer(f"smtp://{login}{host}", "market@example.com", SystemClock())


async def test_a_message_reaches_a_real_relay_whole(relay: tuple[Relay, str]) -> None:
    handler, host = relay
    await mailer(host).send("ann@example.com", "Your code: 1", "Grüße, the code is 12345678\n")
    [envelope] = handler.taken
    assert envelope.rcpt_tos == ["ann@example.com"]
    assert envelope.mail_from == "market@example.com"
    message = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)
    assert message["Subject"] == "Your code: 1"
    assert message["To"] == "ann@example.com"
    assert message["Date"]
    assert "Grüße, the code is 12345678" in message.get_content()


async def test_what_the_relay_refuses_for_good_is_not_tried_again(relay: tuple[Relay, str]) -> None:
    with pytest.raises(Undeliverable):
        await mailer(relay[1]).send("nobody@example.com", "s", "b")


async def test_what_the_relay_refuses_for_now_is_weather(relay: tuple[Relay, str]) -> None:
    with pytest.raises(Transient):
        await mailer(relay[1]).send("later@example.com", "s", "b")


async def test_a_relay_that_is_down_is_weather() -> None:
    with pytest.raises(Transient):
        await mailer("127.0.0.1:1").send("ann@example.com", "s", "b")


async def test_a_password_is_not_sent_without_tls(relay: tuple[Relay, str]) -> None:
    handler, host = relay
    with pytest.raises(Transient):
        await mailer(host, login="user:secret@").send("ann@example.com", "s", "b")
    assert handler.taken == []


async def test_no_recipient_and_no_subject_can_add_a_header(relay: tuple[Relay, str]) -> None:
    with pytest.raises(ValueError, match="linefeed|newline"):
        await mailer(relay[1]).send("ann@example.com", "s\r\nBcc: all@example.com", "b")
    assert relay[0].taken == []


async def test_without_a_relay_mail_lands_in_files_that_only_their_owner_reads(context: Context) -> None:
    folder = mailer_of(context)
    assert isinstance(folder, FolderMailer)
    for number in range(3):
        await folder.send("ann@example.com", f"mail {number}", "body\n")
    paths = sorted((context.settings.data_dir / "mail").glob("*.eml"))
    assert [message_from_bytes(path.read_bytes())["Subject"] for path in paths] == ["mail 0", "mail 1", "mail 2"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_the_settings_choose_the_mailer(context: Context) -> None:
    chosen = mailer_of(replace(context, settings=replace(context.settings, smtp_url="smtp://mail.example.com")))
    assert isinstance(chosen, SmtpMailer)


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "mail.example.com:25"])
def test_an_address_that_is_no_relays_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError):
        SmtpMailer(url, "market@example.com", SystemClock())
