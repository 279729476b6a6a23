"""What others ask about organisations and people."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor, Role
from market.parties.rules import Known, Organisation, Person, require
from market.parties.store import people


async def find_organisation(tx: AsyncSession, org_id: UUID) -> Organisation | None:
    """An organisation that this transaction's actor may see: the own one, or any for the platform's roles."""
    return await people.find_organisation(tx, org_id)


async def display_names(tx: AsyncSession, org_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Names of organisations, the own and others', by id; unknown ids are left out."""
    return await people.names(tx, org_ids)


async def who_are(tx: AsyncSession, actor: Actor, org_ids: Collection[UUID]) -> dict[UUID, Known]:
    """Organisations with the addresses of their people, by id; for officers and operators alone. Raises `Forbidden`."""
    require(actor, role=(Role.OFFICER, Role.OPERATOR))
    return await people.find_known(tx, sorted(org_ids))


async def names_for(tx: AsyncSession, actor: Actor, org_ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of organisations by id, for officers and operators; nothing for anybody else."""
    if actor.role not in {Role.OFFICER, Role.OPERATOR}:
        return {}
    return await people.names(tx, sorted(org_ids))


async def is_officer(tx: AsyncSession, user_id: UUID) -> bool:
    """Whether this is an officer who still has access."""
    return await people.is_officer(tx, user_id)


async def emails_of(tx: AsyncSession, org_id: UUID) -> list[str]:
    """Verified addresses of an organisation's people."""
    return await people.emails_of(tx, org_id)


async def read_person(tx: AsyncSession, actor: Actor) -> Person:
    """The person behind the actor, who is signed in."""
    if actor.user_id is None:
        raise AssertionError("only people are asked for")
    return await people.read_person(tx, actor.user_id)
