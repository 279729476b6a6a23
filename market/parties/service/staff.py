"""The platform's own people: how they come in, and how their access ends."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, Forbidden, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import rules
from market.parties.passwords import SALT_BYTES, STANDARD, Hasher
from market.parties.rules import Invitation, Person, StaffMember
from market.parties.service.registering import ask_for_code
from market.parties.service.tokens import digest
from market.parties.store import factors, keys, people, signins


async def invite_staff(
    tx: AsyncSession, actor: Actor, email: str, role: Role, *, now: datetime, chance: Chance
) -> Invitation:
    """The right to become an officer or operator within 7 days; only whoever runs the machine gives it.

    Raises `Forbidden`, `Malformed`, or `Conflict` if the address is a person's already.
    """
    rules.require(actor, role=Role.SYSTEM)
    email = rules.checked_email(email)
    if role not in (Role.OFFICER, Role.OPERATOR):
        raise Malformed("staff are officers or operators", field="role")
    if await people.find_person(tx, email) is not None:
        raise Conflict("this address belongs to somebody already; staff need one of their own")
    token, invitation_id, expires_at = chance.token(), chance.new_id(), now + rules.INVITATION_LIFE
    await people.add_invitation(tx, invitation_id, email, role, digest(token), now=now, expires_at=expires_at)
    await journal.append(
        tx,
        actor,
        f"org:{await people.platform_id(tx)}",
        "staff.invited",
        {"invitation_id": invitation_id, "role": role},
    )
    return Invitation(token, email, role, expires_at)


@dataclass(frozen=True, slots=True, repr=False)
class Joining:
    """An invited person's answer."""

    invitation: str
    email: str
    name: str
    password: str


async def join_staff(context: Context, stated: Joining, *, hasher: Hasher = STANDARD) -> None:
    """Become what the invitation says, and have a code mailed to prove the address.

    Raises `InvitationRefused` (unknown, used, expired, or for another address), `Malformed`, `WeakPassword`.
    """
    email, name = rules.checked_email(stated.email), rules.checked_name(stated.name)
    password = rules.checked_password(stated.password, email)
    password_hash = await hasher.hash(password, context.chance.entropy(SALT_BYTES))
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        found = await people.find_invitation(tx, digest(stated.invitation), now)
        if found is None or found[2] != email:
            raise _invitation_refused()
        invitation_id, org_id, _, role = found
        person = Person(context.chance.new_id(), org_id, email, name, password_hash, role, None)
        if not await people.add_person(tx, person, invitation_id=invitation_id, now=now):
            raise _invitation_refused()
        await journal.append(
            tx, person.actor, f"org:{org_id}", "staff.joined", {"user_id": person.user_id, "role": role}
        )
        await ask_for_code(tx, person)


def _invitation_refused() -> rules.InvitationRefused:
    return rules.InvitationRefused(
        "the invitation is unknown, used, expired, or for another address; ask for a new one"
    )


async def list_staff(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[StaffMember]:
    """The platform's people, for its operators; the disabled too."""
    rules.require(actor, role=Role.OPERATOR, scope="parties:read")
    return Page.cut(await people.list_staff(tx, page), page, lambda member: member.user_id)


async def disable_staff(tx: AsyncSession, actor: Actor, user_id: UUID, reason: str, now: datetime) -> None:
    """End a staff member's access for good: sessions and keys at once, live sockets within a heartbeat.

    By an operator, or by whoever runs the machine; nobody ends the own access. Raises `Forbidden`, `NotFound`,
    `Malformed`, or `Conflict` if it was ended before. Who comes back is invited again, with another address.
    """
    rules.require(actor, role=(Role.OPERATOR, Role.SYSTEM), scope="parties:write")
    rules.require_person(actor)
    reason = rules.checked_reason(reason)
    if user_id == actor.user_id:
        raise Forbidden("nobody ends the own access; let another operator do it")
    person = await people.find_staff(tx, user_id)
    if person is None:
        raise NotFound("there is no such person among the platform's people")
    if not await people.disable(tx, person, disabled_by=actor.user_id, reason=reason, now=now):
        raise Conflict("this access was ended before")
    session_count = await signins.end_sessions(tx, user_id, now)
    key_count = await keys.revoke_keys_of(tx, user_id, now)
    body = {"user_id": user_id, "role": person.role, "session_count": session_count, "key_count": key_count}
    await journal.append(tx, actor, f"org:{person.org_id}", "staff.disabled", body)


async def disable_staff_by_email(tx: AsyncSession, actor: Actor, email: str, reason: str, now: datetime) -> None:
    """The same by address, for whoever runs the machine."""
    rules.require(actor, role=Role.SYSTEM)
    await disable_staff(tx, actor, (await _known(tx, email)).user_id, reason, now)


async def forget_factors(tx: AsyncSession, actor: Actor, email: str, now: datetime) -> int:
    """Remove all second factors of who lost them and every recovery code; how many there were. Sessions end.

    Only whoever runs the machine does that, after making sure who asks. Raises `Forbidden`, `NotFound`.
    """
    rules.require(actor, role=Role.SYSTEM)
    person = await _known(tx, email)
    count = await factors.remove_factors(tx, person.user_id, now)
    await factors.replace_recovery_codes(tx, person.user_id, person.org_id, [], now)
    await signins.end_sessions(tx, person.user_id, now)
    body = {"user_id": person.user_id, "factor_count": count}
    await journal.append(tx, actor, f"org:{person.org_id}", "factors.forgotten", body)
    return count


async def _known(tx: AsyncSession, email: str) -> Person:
    person = await people.find_person(tx, rules.checked_email(email))
    if person is None:
        raise NotFound("nobody has this address")
    return person
