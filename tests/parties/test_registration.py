import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, Malformed, MarketError, Transient
from market.parties import jobs, service
from market.parties.mail import Undeliverable
from market.parties.rules import CodeRefused, InvitationRefused, WeakPassword
from market.parties.service import Joining, SignIn
from tests import factories
from tests.factories import CHEAP, PASSWORD, Mailbox, a_registration, deliver_codes


class SetClock:
    """A clock that a test moves by hand."""

    def __init__(self, context: Context) -> None:
        self.at = context.clock.now()

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


def body(**changes: str) -> dict[str, Any]:
    stated = a_registration(**changes)
    return {
        "organisation": {
            "name": stated.organisation_name,
            "country": stated.country,
            "registration_number": stated.registration_number,
        },
        "person": {"email": stated.email, "name": stated.person_name, "password": stated.password},
    }


async def ask(context: Context, question: str, **values: Any) -> Any:
    async with context.db.begin(SYSTEM) as tx:
        return (await tx.execute(text(question), values)).scalar()


async def test_a_stranger_registers_proves_the_address_and_signs_in(
    client: httpx.AsyncClient, context: Context
) -> None:
    stated = body()
    email = stated["person"]["email"]
    credentials = {"email": email, "password": PASSWORD}
    assert (await client.post("/v1/organisations", json=stated)).status_code == 201

    too_early = await client.post("/v1/session", json=credentials)
    assert too_early.status_code == 403
    assert too_early.json()["type"] == "/problems/contact-unverified"

    while await jobs.send_contact_codes(context):
        pass
    code = factories.mailed_code(context, email)
    proof = {"email": email, "code": code, "password": PASSWORD}
    assert (await client.post("/v1/contact/verification", json=proof)).status_code == 204

    answer = await client.post("/v1/session", json=credentials)
    assert answer.status_code == 201
    assert answer.json()["role"] == "member"
    organisation = (await client.get("/v1/organisation")).json()
    assert organisation["name"] == stated["organisation"]["name"]
    assert organisation["org_id"] == answer.json()["org_id"]


async def test_registering_a_known_address_answers_like_a_new_one_and_changes_nothing(
    client: httpx.AsyncClient, context: Context
) -> None:
    known = await factories.register_member(context)
    fresh = await client.post("/v1/organisations", json=body())
    again = await client.post("/v1/organisations", json=body(email=known.email, password="another long password"))
    assert (again.status_code, again.text) == (fresh.status_code, fresh.text)
    assert await ask(context, "SELECT count(*) FROM organisation WHERE kind = 'trading'") == 2
    assert (await client.post("/v1/session", json=known.credentials)).status_code == 201


async def test_the_owner_of_a_known_address_is_told_by_mail(context: Context) -> None:
    known = await factories.register_member(context)
    clock = SetClock(context)
    clock.at += timedelta(minutes=2)
    context = replace(context, clock=clock)
    await service.register(context, a_registration(email=known.email), hasher=CHEAP)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    [(recipient, subject, text_)] = mailbox.messages
    assert recipient == known.email
    assert "registered already" in subject
    assert "code" not in text_


async def test_registering_takes_as_long_for_a_known_address_as_for_a_new_one(context: Context) -> None:
    known = await factories.register_member(context)

    async def took(email: str) -> float:
        started = perf_counter()
        await service.register(context, a_registration(email=email))
        return perf_counter() - started

    pairs = [(await took(known.email), await took(f"new{n}@trader.example")) for n in range(5)]
    assert 0.5 < median(a for a, _ in pairs) / median(b for _, b in pairs) < 2


async def test_asking_for_a_code_tells_nothing_about_who_is_known(client: httpx.AsyncClient, context: Context) -> None:
    known = await factories.register_member(context)
    answers = [
        await client.post("/v1/contact/codes", json={"email": email}) for email in (known.email, "nobody@x.example")
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].text == answers[1].text


async def test_a_later_registration_replaces_an_unproved_one_and_voids_its_code(context: Context) -> None:
    squatter = a_registration(password="the squatter's password")
    await service.register(context, squatter, hasher=CHEAP)
    clock = SetClock(context)
    context = replace(context, clock=clock)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    first_code = mailbox.code_for(squatter.email)

    owner = a_registration(email=squatter.email, organisation_name="The Owner's Company")
    await service.register(context, owner, hasher=CHEAP)
    with pytest.raises(CodeRefused):
        await service.verify_contact(context, owner.email, first_code, owner.password, hasher=CHEAP)

    clock.at += timedelta(minutes=2)
    await deliver_codes(context, mailbox)
    assert "The Owner's Company" in mailbox.messages[-1][2]
    await service.verify_contact(context, owner.email, mailbox.code_for(owner.email), owner.password, hasher=CHEAP)
    with pytest.raises(MarketError):
        await service.sign_in(context, SignIn(owner.email, squatter.password, "192.0.2.9"), hasher=CHEAP)
    signed_in = await service.sign_in(context, SignIn(owner.email, PASSWORD, "192.0.2.8"), hasher=CHEAP)
    async with context.db.begin(signed_in.actor) as tx:
        assert signed_in.actor.org_id
        found = await service.find_organisation(tx, signed_in.actor.org_id)
    assert found
    assert found.name == "The Owner's Company"


async def test_the_owners_code_never_proves_the_registration_that_a_stranger_put_in_its_place(context: Context) -> None:
    owner = a_registration()
    await service.register(context, owner, hasher=CHEAP)
    stranger = a_registration(email=owner.email, password="the stranger's password")
    await service.register(context, stranger, hasher=CHEAP)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    code = mailbox.code_for(owner.email)
    with pytest.raises(CodeRefused):
        await service.verify_contact(context, owner.email, code, owner.password, hasher=CHEAP)
    assert await ask(context, "SELECT count(*) FROM person WHERE contact_verified_at IS NOT NULL") == 0
    await service.verify_contact(context, owner.email, code, stranger.password, hasher=CHEAP)


async def test_a_code_drawn_for_a_registration_that_is_replaced_meanwhile_is_never_mailed(context: Context) -> None:
    squatter = a_registration()
    await service.register(context, squatter, hasher=CHEAP)

    class SlowHasher(type(CHEAP)):  # type: ignore[misc]
        async def hash(self, plain: str, salt: bytes) -> str:
            await service.register(context, a_registration(email=squatter.email), hasher=CHEAP)
            return await CHEAP.hash(plain, salt)

    mailbox = Mailbox()
    assert await jobs.send_contact_codes(context, mailer=mailbox, hasher=SlowHasher())
    assert mailbox.messages == []
    assert await ask(context, "SELECT code_hash FROM contact_code") is None


async def test_two_registrations_of_one_address_at_once_leave_one_organisation(context: Context) -> None:
    await asyncio.gather(
        *(service.register(context, a_registration(email="race@x.example"), hasher=CHEAP) for _ in range(4))
    )
    assert await ask(context, "SELECT count(*) FROM person") == 1
    assert await ask(context, "SELECT count(*) FROM organisation WHERE kind = 'trading'") == 1


async def test_a_code_can_be_guessed_five_times_and_no_more(context: Context) -> None:
    stated = a_registration()
    await service.register(context, stated, hasher=CHEAP)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    code = mailbox.code_for(stated.email)
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    guesses = [service.verify_contact(context, stated.email, wrong, stated.password, hasher=CHEAP) for _ in range(20)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(answer, CodeRefused | Transient) for answer in answers)
    with pytest.raises(CodeRefused):
        await service.verify_contact(context, stated.email, code, stated.password, hasher=CHEAP)
    assert await ask(context, "SELECT attempt_count FROM contact_code") == 5


async def test_a_code_ends_after_half_an_hour(context: Context) -> None:
    clock = SetClock(context)
    context = replace(context, clock=clock)
    stated = a_registration()
    await service.register(context, stated, hasher=CHEAP)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    clock.at += timedelta(minutes=30)
    with pytest.raises(CodeRefused):
        await service.verify_contact(
            context, stated.email, mailbox.code_for(stated.email), stated.password, hasher=CHEAP
        )


async def test_a_code_works_once_and_for_its_own_address_only(context: Context) -> None:
    one, other = a_registration(), a_registration()
    mailbox = Mailbox()
    for stated in (one, other):
        await service.register(context, stated, hasher=CHEAP)
    await deliver_codes(context, mailbox)
    code = mailbox.code_for(one.email)
    with pytest.raises(CodeRefused):
        await service.verify_contact(context, other.email, code, other.password, hasher=CHEAP)
    await service.verify_contact(context, one.email, code, one.password, hasher=CHEAP)
    with pytest.raises(CodeRefused):
        await service.verify_contact(context, one.email, code, one.password, hasher=CHEAP)


async def test_however_often_it_is_asked_for_one_address_gets_one_mail_a_minute(context: Context) -> None:
    clock = SetClock(context)
    context = replace(context, clock=clock)
    stated = a_registration()
    await service.register(context, stated, hasher=CHEAP)
    mailbox = Mailbox()
    for _ in range(10):
        await service.request_code(context, stated.email)
        await deliver_codes(context, mailbox)
    assert len(mailbox.messages) == 1
    clock.at += timedelta(seconds=61)
    await deliver_codes(context, mailbox)
    assert len(mailbox.messages) == 2


async def test_mail_that_fails_for_now_is_tried_again_with_another_code(context: Context) -> None:
    clock = SetClock(context)
    context = replace(context, clock=clock)
    stated = a_registration()
    await service.register(context, stated, hasher=CHEAP)

    class Down(Mailbox):
        async def send(self, recipient: str, subject: str, body: str) -> None:
            await super().send(recipient, subject, body)
            raise Transient("down")

    down, up = Down(), Mailbox()
    await deliver_codes(context, down)
    assert len(down.messages) == 1
    clock.at += timedelta(seconds=61)
    await deliver_codes(context, up)
    assert up.code_for(stated.email) != down.code_for(stated.email)
    await service.verify_contact(context, stated.email, up.code_for(stated.email), stated.password, hasher=CHEAP)


async def test_a_mailbox_that_does_not_exist_holds_up_nobody(context: Context) -> None:
    class Refusing(Mailbox):
        async def send(self, recipient: str, subject: str, body: str) -> None:
            if recipient.startswith("nobody"):
                raise Undeliverable("550")
            await super().send(recipient, subject, body)

    await service.register(context, a_registration(email="nobody@x.example"), hasher=CHEAP)
    await service.register(context, a_registration(email="ann@x.example"), hasher=CHEAP)
    mailbox = Refusing()
    await deliver_codes(context, mailbox)
    assert [recipient for recipient, _, _ in mailbox.messages] == ["ann@x.example"]
    assert await ask(context, "SELECT count(*) FROM contact_code WHERE send_due_at IS NOT NULL") == 0


async def test_neither_the_journal_nor_the_database_knows_the_code_or_the_password(context: Context) -> None:
    stated = a_registration()
    await service.register(context, stated, hasher=CHEAP)
    mailbox = Mailbox()
    await deliver_codes(context, mailbox)
    code = mailbox.code_for(stated.email)
    everything = await ask(
        context, "SELECT string_agg(row_to_json(t)::text, '') FROM (SELECT c.*, p.* FROM contact_code c, person p) t"
    )
    assert code not in everything
    assert PASSWORD not in everything
    assert "$argon2id$" in everything
    said = await ask(context, "SELECT string_agg(body, '') FROM journal")
    for secret in (code, PASSWORD, stated.email, stated.person_name):
        assert secret not in said


async def test_every_step_is_in_the_organisations_journal_and_its_chain_holds(context: Context) -> None:
    party = await factories.register_member(context)
    stream = f"org:{party.org_id}"
    async with context.db.begin(SYSTEM) as tx:
        kinds = [entry.kind for entry in await journal.history(tx, stream)]
        assert await journal.verify_stream(tx, stream) is None
    assert kinds == [
        "organisation.registered",
        "person.contact_code_requested",
        "person.contact_verified",
        "session.started",
    ]


@pytest.mark.parametrize(
    ("changes", "refusal", "field"),
    [
        ({"country": "XX"}, Malformed, "organisation.country"),
        ({"email": "nonsense"}, Malformed, "person.email"),
        ({"password": "short"}, WeakPassword, "person.password"),
        ({"organisation_name": "  "}, Malformed, "organisation.name"),
        ({"registration_number": "x" * 65}, Malformed, "organisation.registration_number"),
    ],
)
async def test_nonsense_is_refused_naming_the_field_and_nothing_is_stored(
    context: Context, changes: dict[str, str], refusal: type[MarketError], field: str
) -> None:
    with pytest.raises(refusal) as raised:
        await service.register(context, a_registration(**changes), hasher=CHEAP)
    assert raised.value.field == field
    assert await ask(context, "SELECT count(*) FROM person") == 0


async def test_a_body_with_a_part_too_many_is_malformed(client: httpx.AsyncClient) -> None:
    stated = body()
    stated["person"]["role"] = "officer"
    answer = await client.post("/v1/organisations", json=stated)
    assert answer.status_code == 422


# Staff.


async def test_an_invitation_makes_one_officer_and_only_for_its_own_address(context: Context) -> None:
    async with context.db.begin(SYSTEM) as tx:
        invitation = await service.invite_staff(
            tx, SYSTEM, "Olga@market.example", Role.OFFICER, now=context.clock.now(), chance=context.chance
        )
    for email in ("eve@market.example", "olga@market.example", "olga@market.example"):
        joining = Joining(invitation.token, email, "Somebody", PASSWORD)
        if email == "olga@market.example" and await ask(context, "SELECT count(*) FROM person") == 0:
            await service.join_staff(context, joining, hasher=CHEAP)
            continue
        with pytest.raises(InvitationRefused):
            await service.join_staff(context, joining, hasher=CHEAP)
    olga = await factories.verify(context, "olga@market.example")
    assert olga.actor.role is Role.OFFICER


async def test_an_invitation_ends_after_a_week(context: Context) -> None:
    clock = SetClock(context)
    context = replace(context, clock=clock)
    async with context.db.begin(SYSTEM) as tx:
        invitation = await service.invite_staff(
            tx, SYSTEM, "olga@market.example", Role.OFFICER, now=clock.now(), chance=context.chance
        )
    clock.at += timedelta(days=7)
    with pytest.raises(InvitationRefused):
        await service.join_staff(context, Joining(invitation.token, invitation.email, "Olga", PASSWORD), hasher=CHEAP)


async def test_nobody_can_take_an_invited_address_by_registering_it(context: Context) -> None:
    async with context.db.begin(SYSTEM) as tx:
        invitation = await service.invite_staff(
            tx, SYSTEM, "olga@market.example", Role.OFFICER, now=context.clock.now(), chance=context.chance
        )
    await service.register(context, a_registration(email="olga@market.example"), hasher=CHEAP)
    assert await ask(context, "SELECT count(*) FROM person") == 0
    await service.join_staff(context, Joining(invitation.token, invitation.email, "Olga", PASSWORD), hasher=CHEAP)


async def test_only_the_machine_invites_and_never_a_traders_address(context: Context) -> None:
    member = await factories.register_member(context)
    async with context.db.begin(SYSTEM) as tx:
        for actor, email, refusal in (
            (member.actor, "x@market.example", MarketError),
            (Actor(Role.OPERATOR), "x@market.example", MarketError),
            (SYSTEM, member.email, Conflict),
        ):
            with pytest.raises(refusal):
                await service.invite_staff(
                    tx, actor, email, Role.OFFICER, now=context.clock.now(), chance=context.chance
                )


async def test_staff_join_through_the_front_door(client: httpx.AsyncClient, context: Context) -> None:
    async with context.db.begin(SYSTEM) as tx:
        invitation = await service.invite_staff(
            tx, SYSTEM, "otto@market.example", Role.OPERATOR, now=context.clock.now(), chance=context.chance
        )
    stated = {"invitation": invitation.token, "email": invitation.email, "name": "Otto", "password": PASSWORD}
    assert (await client.post("/v1/staff", json={**stated, "invitation": "wrong"})).status_code == 403
    assert (await client.post("/v1/staff", json=stated)).status_code == 201
    assert (await client.post("/v1/staff", json=stated)).status_code == 403
