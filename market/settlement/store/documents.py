"""All SQL of sealed documents."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from market.db.tables.rails import SealedDocumentRow
from market.db.tables.settlement import AgreementRow, ReleaseApprovalRow, SettlementSignatureRow


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """As delivered; `sha256` is of the sealed file, `base_sha256` of what its facts render to."""

    settlement_id: UUID
    kind: str
    facts: str
    base_sha256: str
    sha256: str
    level: str
    sealed_at: datetime


async def next_unsealed(tx: AsyncSession) -> tuple[UUID, str] | None:
    """A settlement and the kind of document that is due for it: its agreement once both signed, the rest once released."""

    def lacks(kind: str, settlement_id: object) -> object:
        return ~select(1).where(
            SealedDocumentRow.settlement_id == settlement_id, SealedDocumentRow.kind == kind
        ).exists()  # fmt: skip

    signed = (
        select(SettlementSignatureRow.settlement_id)
        .group_by(SettlementSignatureRow.settlement_id)
        .having(func.count() == 2)
    )
    due = [
        select(AgreementRow.settlement_id, literal("agreement").label("kind")).where(
            AgreementRow.settlement_id.in_(signed),
            lacks("agreement", AgreementRow.settlement_id),  # type: ignore[arg-type]
        ),
        *(
            select(ReleaseApprovalRow.settlement_id, literal(kind)).where(
                lacks(kind, ReleaseApprovalRow.settlement_id)  # type: ignore[arg-type]
            )
            for kind in ("bill_of_sale", "affidavit", "receipt")
        ),
    ]
    found = (await tx.execute(union_all(*due).limit(1))).one_or_none()
    return None if found is None else (found.settlement_id, found.kind)


async def released_at(tx: AsyncSession, settlement_id: UUID) -> datetime | None:
    return await tx.scalar(select(ReleaseApprovalRow.at).where(ReleaseApprovalRow.settlement_id == settlement_id))


async def add_sealed(tx: AsyncSession, document: SealedDocument, pdf: bytes) -> bool:
    """Keep it; False if another worker's is kept already."""
    values = {name: getattr(document, name) for name in SealedDocument.__slots__}
    added = await tx.execute(
        insert(SealedDocumentRow)
        .values(**values, pdf=pdf)
        .on_conflict_do_nothing(index_elements=["settlement_id", "kind"])
        .returning(SealedDocumentRow.settlement_id)
    )
    return added.one_or_none() is not None


async def list_sealed(tx: AsyncSession, settlement_id: UUID) -> list[SealedDocument]:
    """The documents of a sale, as far as the actor may see them; four at most."""
    found = await tx.scalars(
        select(SealedDocumentRow)
        .where(SealedDocumentRow.settlement_id == settlement_id)
        .order_by(SealedDocumentRow.kind)
    )
    return [_sealed(row) for row in found]


async def find_sealed(tx: AsyncSession, settlement_id: UUID, kind: str) -> tuple[SealedDocument, bytes] | None:
    row = await tx.scalar(
        select(SealedDocumentRow)
        .where(SealedDocumentRow.settlement_id == settlement_id, SealedDocumentRow.kind == kind)
        .options(undefer(SealedDocumentRow.pdf))
    )
    return None if row is None else (_sealed(row), row.pdf)


def _sealed(row: SealedDocumentRow) -> SealedDocument:
    return SealedDocument(*(getattr(row, name) for name in SealedDocument.__slots__))
