"""What a seller asks of the bidders of one sale, and whether one has shown it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.qualifications import SAID, Qualifications
from market.compliance.store import qualifications as store
from market.kit.actor import Actor, Role
from market.parties.rules import require


async def ask_of_bidders(tx: AsyncSession, actor: Actor, auction_id: UUID, asked: Qualifications) -> None:
    """Fix what the seller asks, in the transaction that publishes the auction. Raises `Malformed`."""
    require(actor, role=Role.MEMBER)
    await store.add(tx, auction_id, actor.org_id, asked.checked())


async def qualifications_of(tx: AsyncSession, auction_id: UUID) -> Qualifications:
    """What bidders of the auction must have shown."""
    return await store.find(tx, auction_id) or Qualifications()


async def lacks_qualification(tx: AsyncSession, org_id: UUID, auction_id: UUID) -> list[tuple[str, str]]:
    """(code, what to do) for everything that the seller asks and the organisation has not shown."""
    return [(code, SAID[code]) for code in await store.lacking(tx, org_id, auction_id)]
