"""SQL of what sellers ask of bidders."""

from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.qualifications import Qualifications
from market.db.tables.compliance import SaleQualificationRow


async def add(tx: AsyncSession, auction_id: UUID, seller_org_id: UUID | None, asked: Qualifications) -> None:
    await tx.execute(
        insert(SaleQualificationRow).values(
            auction_id=auction_id,
            org_id=seller_org_id,
            needs_rmai=asked.needs_rmai,
            min_net_worth_cents=asked.min_net_worth_cents,
        )
    )


async def find(tx: AsyncSession, auction_id: UUID) -> Qualifications | None:
    row = await tx.scalar(select(SaleQualificationRow).where(SaleQualificationRow.auction_id == auction_id))
    return None if row is None else Qualifications(row.needs_rmai, row.min_net_worth_cents)


async def lacking(tx: AsyncSession, org_id: UUID, auction_id: UUID) -> list[str]:
    """Codes of what the organisation has not shown; the database looks at its verified papers."""
    return list(await tx.scalar(select(func.lacks_qualification(org_id, auction_id))) or [])
