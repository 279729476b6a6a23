"""Parties, pools, auctions and settlements for tests, made through the real services. One section a feature."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from typing import Any
from uuid import UUID

from argon2.profiles import CHEAPEST

from market.compliance import service as compliance
from market.compliance.requirements import REQUIREMENTS, Capability, EvidenceType, needed_types
from market.compliance.rules import Description, Grant, Owner
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


# Compliance.


def a_paper(of: EvidenceType, today: date, **changes: Any) -> Description:
    """A fresh paper that holds for two years, or as long as its type counts."""
    said: dict[str, Any] = {
        "type": of,
        "issuer": "Secretary of State",
        "number": "A-1",
        "jurisdiction": "US-DE",
        "issued_on": today - timedelta(days=10),
        "expires_on": today + timedelta(days=730) if REQUIREMENTS[of].has_term else None,
    }
    return Description(**{**said, **changes})


def a_grant(
    capabilities: Iterable[str] = ("list", "bid"),
    states: Sequence[str] = ("*",),
    max_bid_cents: int = 10_000_000_00,
    currency: str = "USD",
) -> Grant:
    return Grant(frozenset(map(Capability, capabilities)), tuple(states), max_bid_cents, currency)


AN_OWNER = Owner("Olivia Owner", date(1970, 1, 1), "US", 6000)


async def draft_case(context: Context, party: Party, asked: Grant | None = None) -> UUID:
    async with context.db.begin(party.actor) as tx:
        found = await compliance.open_case(
            tx, party.actor, asked or a_grant(), [AN_OWNER], now=context.clock.now(), chance=context.chance
        )
    return found.case.case_id


async def bring_papers(context: Context, party: Party, case_id: UUID, types: Iterable[EvidenceType]) -> None:
    today = context.clock.now().date()
    for of in types:
        await compliance.add_evidence(context, party.actor, case_id, a_paper(of, today), f"{of} paper".encode())


async def submitted_case(context: Context, party: Party, asked: Grant | None = None) -> UUID:
    """A case with all papers that it needs, waiting for an officer."""
    asked = asked or a_grant()
    case_id = await draft_case(context, party, asked)
    await bring_papers(context, party, case_id, needed_types(asked.capabilities))
    async with context.db.begin(party.actor) as tx:
        await compliance.submit(tx, party.actor, case_id, context.clock.now())
    return case_id


async def verified_case(context: Context, party: Party, preparer: Party, asked: Grant | None = None) -> UUID:
    """A case in review whose papers an officer has verified."""
    case_id = await submitted_case(context, party, asked)
    async with context.db.begin_as_officer(preparer.actor) as tx:
        for paper in (await compliance.read_case(tx, preparer.actor, case_id)).evidence:
            await compliance.verify_evidence(
                tx, preparer.actor, case_id, paper.evidence_id, "the register's website", context.clock.now()
            )
    return case_id


async def prepared_case(
    context: Context,
    party: Party,
    preparer: Party,
    asked: Grant | None = None,
    valid_until: datetime | None = None,
) -> UUID:
    """A case that officer A has prepared as asked."""
    case_id = await verified_case(context, party, preparer, asked)
    async with context.db.begin_as_officer(preparer.actor) as tx:
        await compliance.prepare(
            tx, preparer.actor, case_id, asked or a_grant(), valid_until=valid_until, now=context.clock.now()
        )
    return case_id


async def approve(context: Context, approver: Party, case_id: UUID) -> dict[str, UUID]:
    """Officer B's yes: clearance ids by capability."""
    async with context.db.begin_as_officer(approver.actor) as tx:
        _, granted = await compliance.approve(
            tx, approver.actor, case_id, now=context.clock.now(), chance=context.chance
        )
    return {found.capability.value: found.clearance_id for found in granted}


async def two_officers(context: Context) -> tuple[Party, Party]:
    return await officer(context), await officer(context)


async def cleared_organisation(
    context: Context,
    capabilities: Iterable[str] = ("list", "bid"),
    states: Sequence[str] = ("*",),
    max_bid_cents: int = 10_000_000_00,
    currency: str = "USD",
    officers: tuple[Party, Party] | None = None,
) -> Party:
    """A new organisation that two officers have cleared; give `officers` to reuse them."""
    preparer, approver = officers or await two_officers(context)
    party = await register_member(context)
    asked = a_grant(capabilities, states, max_bid_cents, currency)
    case_id = await prepared_case(context, party, preparer, asked)
    return replace(party, clearances=await approve(context, approver, case_id))


async def seller(context: Context, officers: tuple[Party, Party] | None = None) -> Party:
    """Cleared to list."""
    return await cleared_organisation(context, capabilities=("list",), officers=officers)


async def buyer(context: Context, officers: tuple[Party, Party] | None = None) -> Party:
    """Cleared to bid up to 10,000,000.00 USD for all states."""
    return await cleared_organisation(context, capabilities=("bid",), officers=officers)
