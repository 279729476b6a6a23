"""Parties, pools, auctions and settlements for tests, made through the real services. One section a feature."""

import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from itertools import count
from uuid import UUID

from argon2.profiles import CHEAPEST

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor, Role
from market.parties import jobs as parties_jobs
from market.parties import service as parties
from market.parties.passwords import Hasher
from market.parties.rules import Registration

# Parties.

CHEAP = Hasher(CHEAPEST)
"""Hashes in microseconds; the profile of production takes a tenth of a second."""
PASSWORD = "correct horse battery staple"
_numbers = count(1)


@dataclass(frozen=True)
class Party:
    """A person with a verified address, and the organisation; `clearances` by capability."""

    org_id: UUID
    user_id: UUID
    actor: Actor
    email: str
    password: str = PASSWORD
    clearances: dict[str, UUID] = field(default_factory=dict)

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


class Mailbox:
    """A mailer that keeps what it is given: (recipient, subject, body)."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, str]] = []

    async def send(self, recipient: str, subject: str, body: str) -> None:
        self.messages.append((recipient, subject, body))

    def code_for(self, email: str) -> str:
        """The newest code mailed to this address."""
        bodies = [body for recipient, _, body in self.messages if recipient == email and "code is" in body]
        found = re.search(r"code is (\d+)", bodies[-1])
        assert found is not None
        return found[1]


def mailed_code(context: Context, email: str) -> str:
    """The newest code in the mail folder for this address."""
    for path in sorted((context.settings.data_dir / "mail").glob("*.eml"), reverse=True):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        found = re.search(r"code is (\d+)", message.get_content()) if message["To"] == email else None
        if found is not None:
            return found[1]
    raise AssertionError(f"no code was mailed to {email}")


async def deliver_codes(context: Context, mailbox: Mailbox) -> None:
    while await parties_jobs.send_contact_codes(context, mailer=mailbox, hasher=CHEAP):
        pass


def a_registration(**changes: str) -> Registration:
    number = next(_numbers)
    stated = {
        "organisation_name": f"Trader {number} LLC",
        "country": "US",
        "registration_number": f"REG-{number}",
        "email": f"person{number}@trader{number}.example",
        "person_name": f"Person {number}",
        "password": PASSWORD,
    }
    return Registration(**{**stated, **changes})


async def verify(context: Context, email: str) -> Party:
    """Let the worker mail the code, enter it, and tell who that is."""
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    await parties.verify_contact(context, email, mailbox.code_for(email), hasher=CHEAP)
    signed_in = await parties.sign_in(context, parties.SignIn(email, PASSWORD, "192.0.2.1"), hasher=CHEAP)
    actor = signed_in.actor
    assert actor.org_id is not None
    assert actor.user_id is not None
    return Party(actor.org_id, actor.user_id, actor, email)


async def register_member(context: Context, **changes: str) -> Party:
    """A person of a new trading organisation, address verified, cleared for nothing."""
    stated = a_registration(**changes)
    await parties.register(context, stated, hasher=CHEAP)
    return await verify(context, stated.email)


async def staff(context: Context, role: Role) -> Party:
    number = next(_numbers)
    email = f"{role}{number}@market.example"
    async with context.db.begin(SYSTEM) as tx:
        invitation = await parties.invite_staff(tx, SYSTEM, email, role, now=context.clock.now(), chance=context.chance)
    joining = parties.Joining(invitation.token, email, f"Staff {number}", PASSWORD)
    await parties.join_staff(context, joining, hasher=CHEAP)
    return await verify(context, email)


async def officer(context: Context) -> Party:
    """A compliance officer; each call is another person."""
    return await staff(context, Role.OFFICER)


async def operator(context: Context) -> Party:
    return await staff(context, Role.OPERATOR)
