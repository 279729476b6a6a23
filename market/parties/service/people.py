"""What others ask about organisations and people."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor
from market.parties.rules import Organisation, Person
from market.parties.store import people


async def find_organisation(tx: AsyncSession, org_id: UUID) -> Organisation | None:
    """An organisation that this transaction's actor may see: the own one, or any for the platform's roles."""
    return await people.find_organisation(tx, org_id)


async def display_names(tx: AsyncSession, org_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Names of organisations, the own and others', by id; unknown ids are left out."""
    return await people.names(tx, org_ids)


async def emails_of(tx: AsyncSession, org_id: UUID) -> list[str]:
    """Verified addresses of an organisation's people."""
    return await people.emails_of(tx, org_id)


async def read_person(tx: AsyncSession, actor: Actor) -> Person:
    """The person behind the actor, who is signed in."""
    if actor.user_id is None:
        raise AssertionError("only people are asked for")
    return await people.read_person(tx, actor.user_id)
