"""What a portfolio must have shown before a pool of it is sold."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.papers import Shortfall, listing_shortfalls
from market.compliance.rules import EvidenceShort
from market.compliance.service.steps import day_of
from market.compliance.store import cases as store


async def listing_lacks(tx: AsyncSession, portfolio_id: UUID, now: datetime) -> Sequence[Shortfall]:
    """The papers of a portfolio that are missing or that no officer has verified. For its seller and the platform."""
    return listing_shortfalls(await store.papers_of_portfolio(tx, portfolio_id), day_of(now))


async def require_listing_papers(tx: AsyncSession, portfolio_ids: Collection[UUID], now: datetime) -> None:
    """Raises `EvidenceShort` naming every paper that is missing or unverified, of which portfolio, and how it is brought."""
    lacking = [(one, found) for one in sorted(portfolio_ids) for found in await listing_lacks(tx, one, now)]
    if lacking:
        raise EvidenceShort(
            f"before anything of it is sold, each portfolio needs papers that an officer has verified: {said_of(lacking)}. Bring "
            "each with its portfolio_id to the case that cleared you (POST /v1/cases/{case_id}/evidence); officers see it in their queue",
            evidence=[{"type": found.type.value, "why": found.why, "portfolio_id": str(one)} for one, found in lacking],
        )


def said_of(lacking: Collection[tuple[UUID, Shortfall]]) -> str:
    return ", ".join(f"{found.said} of portfolio {one}" for one, found in lacking)
