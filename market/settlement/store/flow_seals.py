"""All SQL of sealed forward flow agreements."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.flows import ForwardFlowRow, SealedFlowRow


@dataclass(frozen=True, slots=True)
class SealedFlow:
    """A forward flow agreement as delivered; `sha256` is of the sealed file, `base_sha256` of what both sides signed."""

    flow_id: UUID
    base_sha256: str
    sha256: str
    level: str
    sealed_at: datetime


async def next_unsealed(tx: AsyncSession) -> UUID | None:
    """A flow that both sides have signed and whose agreement is not sealed yet."""
    sealed = exists().where(SealedFlowRow.flow_id == ForwardFlowRow.flow_id)
    return await tx.scalar(
        select(ForwardFlowRow.flow_id)
        .where(ForwardFlowRow.accepted_at.is_not(None), ~sealed)
        .order_by(ForwardFlowRow.accepted_at)
        .limit(1)
    )


async def add(tx: AsyncSession, sealed: SealedFlow, pdf: bytes) -> bool:
    """Keep it; False if another worker's is kept already."""
    values = {name: getattr(sealed, name) for name in SealedFlow.__slots__}
    added = await tx.execute(
        insert(SealedFlowRow)
        .values(**values, pdf=pdf)
        .on_conflict_do_nothing(index_elements=["flow_id"])
        .returning(SealedFlowRow.flow_id)
    )
    return added.one_or_none() is not None


async def find(tx: AsyncSession, flow_id: UUID) -> SealedFlow | None:
    """What was sealed, without its bytes; None before, and for strangers."""
    row = await tx.scalar(select(SealedFlowRow).where(SealedFlowRow.flow_id == flow_id))
    return None if row is None else SealedFlow(*(getattr(row, name) for name in SealedFlow.__slots__))


async def pdf_of(tx: AsyncSession, flow_id: UUID) -> bytes | None:
    return await tx.scalar(select(SealedFlowRow.pdf).where(SealedFlowRow.flow_id == flow_id))
