"""Organisations and their people, and how staff come in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import (
    ContactCodeRow,
    OrganisationRow,
    PasskeyRow,
    PersonRow,
    StaffDisablingRow,
    StaffInvitationRow,
    TotpFactorRow,
)
from market.kit.actor import Role
from market.kit.pages import PageRequest
from market.parties.rules import Known, Organisation, OrganisationKind, Person, Registration, StaffMember

_NAMES = text("SELECT org_id, name FROM organisation_names(:org_ids)")


async def find_organisation(tx: AsyncSession, org_id: UUID) -> Organisation | None:
    row = await tx.get(OrganisationRow, org_id)
    return None if row is None else _organisation(row)


async def platform_id(tx: AsyncSession) -> UUID:
    """The one organisation that runs the marketplace; the migration made it."""
    return (await tx.scalars(select(OrganisationRow.org_id).where(OrganisationRow.kind == "platform"))).one()


async def names(tx: AsyncSession, org_ids: Sequence[UUID]) -> dict[UUID, str]:
    found = await tx.execute(_NAMES, {"org_ids": list(org_ids)})
    return {row.org_id: row.name for row in found}


async def emails_of(tx: AsyncSession, org_id: UUID) -> list[str]:
    """Verified addresses only, 100 at most."""
    found = await tx.scalars(
        select(PersonRow.email)
        .where(PersonRow.org_id == org_id, PersonRow.contact_verified_at.is_not(None))
        .order_by(PersonRow.user_id)
        .limit(100)
    )
    return list(found)


async def find_known(tx: AsyncSession, org_ids: Sequence[UUID]) -> dict[UUID, Known]:
    """Organisations by id with their people's verified addresses, of all of them 100 a piece at most."""
    rows = await tx.scalars(select(OrganisationRow).where(OrganisationRow.org_id.in_(org_ids)).limit(len(org_ids)))
    verified = await tx.execute(
        select(PersonRow.org_id, PersonRow.email)
        .where(PersonRow.org_id.in_(org_ids), PersonRow.contact_verified_at.is_not(None))
        .order_by(PersonRow.user_id)
        .limit(100 * len(org_ids))
    )
    emails: dict[UUID, list[str]] = {}
    for org_id, email in verified:
        emails.setdefault(org_id, []).append(email)
    return {row.org_id: Known(_organisation(row), tuple(emails.get(row.org_id, ()))) for row in rows}


async def find_person(tx: AsyncSession, email: str) -> Person | None:
    row = await tx.scalar(select(PersonRow).where(PersonRow.email == email))
    return None if row is None else _person(row)


async def read_person(tx: AsyncSession, user_id: UUID) -> Person:
    return _person((await tx.scalars(select(PersonRow).where(PersonRow.user_id == user_id))).one())


async def lock_person(tx: AsyncSession, email: str) -> Person | None:
    """Locks the person's row, so that a registration and a verification of one address take turns."""
    row = await tx.scalar(select(PersonRow).where(PersonRow.email == email).with_for_update())
    return None if row is None else _person(row)


async def add_newcomer(tx: AsyncSession, person: Person, stated: Registration, now: datetime) -> bool:
    """Add a trading organisation and its first person; False, and nothing written, if the address was taken meanwhile."""
    try:
        async with tx.begin_nested():
            await _add_organisation(tx, person.org_id, stated, now)
            if not await add_person(tx, person, invitation_id=None, now=now):
                raise _Taken  # noqa: TRY301 - leaves the savepoint
    except _Taken:
        return False
    return True


class _Taken(Exception):
    pass


async def _add_organisation(tx: AsyncSession, org_id: UUID, stated: Registration, now: datetime) -> None:
    await tx.execute(
        insert(OrganisationRow).values(
            org_id=org_id,
            name=stated.organisation_name,
            country=stated.country,
            registration_number=stated.registration_number,
            kind=OrganisationKind.TRADING.value,
            created_at=now,
        )
    )


async def add_person(tx: AsyncSession, person: Person, *, invitation_id: UUID | None, now: datetime) -> bool:
    """False if the e-mail address or the invitation is taken; then nothing was written.

    Waits for a transaction that is registering the same address.
    """
    kind = OrganisationKind.TRADING if person.role is Role.MEMBER else OrganisationKind.PLATFORM
    added = await tx.execute(
        insert(PersonRow)
        .values(
            user_id=person.user_id,
            org_id=person.org_id,
            org_kind=kind.value,
            email=person.email,
            name=person.name,
            password_hash=person.password_hash,
            role=person.role.value,
            invitation_id=invitation_id,
            contact_verified_at=person.contact_verified_at,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(PersonRow.user_id)
    )
    return added.first() is not None


async def replace_registration(tx: AsyncSession, person: Person, stated: Registration, password_hash: str) -> None:
    """Overwrite what an unverified newcomer stated before."""
    await tx.execute(
        update(OrganisationRow)
        .where(OrganisationRow.org_id == person.org_id)
        .values(
            name=stated.organisation_name,
            country=stated.country,
            registration_number=stated.registration_number,
        )
    )
    await tx.execute(
        update(PersonRow)
        .where(PersonRow.user_id == person.user_id)
        .values(name=stated.person_name, password_hash=password_hash)
    )


async def mark_contact_verified(tx: AsyncSession, user_id: UUID, now: datetime) -> None:
    await tx.execute(update(PersonRow).where(PersonRow.user_id == user_id).values(contact_verified_at=now))
    await tx.execute(delete(ContactCodeRow).where(ContactCodeRow.user_id == user_id))


async def change_password(tx: AsyncSession, user_id: UUID, password_hash: str) -> None:
    await tx.execute(update(PersonRow).where(PersonRow.user_id == user_id).values(password_hash=password_hash))


async def is_disabled(tx: AsyncSession, user_id: UUID) -> bool:
    found = await tx.scalar(select(StaffDisablingRow.user_id).where(StaffDisablingRow.user_id == user_id))
    return found is not None


async def find_staff(tx: AsyncSession, user_id: UUID) -> Person | None:
    """A person of the platform."""
    row = await tx.scalar(
        select(PersonRow).where(PersonRow.user_id == user_id, PersonRow.org_kind == OrganisationKind.PLATFORM.value)
    )
    return None if row is None else _person(row)


async def is_officer(tx: AsyncSession, user_id: UUID) -> bool:
    """Whether this is an officer whose access has not ended."""
    found = await tx.scalar(
        select(PersonRow.user_id)
        .outerjoin(StaffDisablingRow, StaffDisablingRow.user_id == PersonRow.user_id)
        .where(PersonRow.user_id == user_id, PersonRow.role == Role.OFFICER.value, StaffDisablingRow.user_id.is_(None))
    )
    return found is not None


async def list_staff(tx: AsyncSession, page: PageRequest) -> list[StaffMember]:
    """The platform's people, the disabled too; up to one more than asked for, in order of joining."""
    query = (
        select(PersonRow, StaffDisablingRow.disabled_at, _HAS_FACTOR.label("has_factor"))
        .outerjoin(StaffDisablingRow, StaffDisablingRow.user_id == PersonRow.user_id)
        .where(PersonRow.org_kind == OrganisationKind.PLATFORM.value)
        .order_by(PersonRow.user_id)
        .limit(page.limit + 1)
    )
    if page.after is not None:
        query = query.where(PersonRow.user_id > page.after)
    return [
        StaffMember(
            found.PersonRow.user_id, found.PersonRow.email, found.PersonRow.name, Role(found.PersonRow.role),
            found.has_factor, found.disabled_at,
        )
        for found in await tx.execute(query)
    ]  # fmt: skip


_HAS_FACTOR = or_(
    exists().where(
        TotpFactorRow.user_id == PersonRow.user_id,
        TotpFactorRow.confirmed_at.is_not(None),
        TotpFactorRow.removed_at.is_(None),
    ),
    exists().where(PasskeyRow.user_id == PersonRow.user_id, PasskeyRow.removed_at.is_(None)),
)


async def disable(tx: AsyncSession, person: Person, *, disabled_by: UUID | None, reason: str, now: datetime) -> bool:
    """Whether the access was not disabled before."""
    added = await tx.execute(
        insert(StaffDisablingRow)
        .values(user_id=person.user_id, org_id=person.org_id, disabled_by=disabled_by, reason=reason, disabled_at=now)
        .on_conflict_do_nothing()
        .returning(StaffDisablingRow.user_id)
    )
    return added.first() is not None


async def add_invitation(
    tx: AsyncSession, invitation_id: UUID, email: str, role: Role, digest: bytes, *, now: datetime, expires_at: datetime
) -> None:
    await tx.execute(
        insert(StaffInvitationRow).values(
            invitation_id=invitation_id,
            org_id=await platform_id(tx),
            email=email,
            role=role.value,
            token_sha256=digest,
            created_at=now,
            expires_at=expires_at,
        )
    )


async def find_invitation(tx: AsyncSession, digest: bytes, now: datetime) -> tuple[UUID, UUID, str, Role] | None:
    """(invitation, platform organisation, e-mail, role) of an invitation that is neither used nor expired."""
    row = await tx.scalar(
        select(StaffInvitationRow)
        .outerjoin(PersonRow, PersonRow.invitation_id == StaffInvitationRow.invitation_id)
        .where(
            StaffInvitationRow.token_sha256 == digest,
            StaffInvitationRow.expires_at > now,
            PersonRow.user_id.is_(None),
        )
    )
    return None if row is None else (row.invitation_id, row.org_id, row.email, Role(row.role))


async def is_invited(tx: AsyncSession, email: str, now: datetime) -> bool:
    """Whether the address waits for its staff member."""
    found = await tx.scalar(
        select(StaffInvitationRow.invitation_id)
        .where(StaffInvitationRow.email == email, StaffInvitationRow.expires_at > now)
        .limit(1)
    )
    return found is not None


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(
        row.org_id, row.name, row.country, row.registration_number, OrganisationKind(row.kind), row.created_at
    )


def _person(row: PersonRow) -> Person:
    return Person(
        row.user_id, row.org_id, row.email, row.name, row.password_hash, Role(row.role), row.contact_verified_at
    )
