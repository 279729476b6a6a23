"""SQL of portfolios, tapes, refused rows and mapping templates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import ShreddingRow
from market.db.tables.portfolios import (
    MappingTemplateRow,
    PoolRow,
    PortfolioKeyRow,
    PortfolioRow,
    RefusedAccountRow,
    TapeRow,
)
from market.kit.pages import PageRequest
from market.portfolios.rules import KeptFile, KeyPurpose, Portfolio, PortfolioState, RefusedAccount, Tape, Template
from market.portfolios.shreds import Shredded
from market.portfolios.store.rows import before, free, kept_file, refusal_of, stored

_INSERT_COUNT = 1000


async def add_portfolio(tx: AsyncSession, portfolio: Portfolio, tape: Tape, keys: dict[KeyPurpose, bytes]) -> None:
    """A new portfolio, its tape and its wrapped keys."""
    await tx.execute(
        insert(PortfolioRow).values(
            portfolio_id=portfolio.portfolio_id,
            org_id=portfolio.org_id,
            name=portfolio.name,
            currency=portfolio.currency,
            cut_off_on=portfolio.cut_off_on,
            state=portfolio.state.value,
            attempt_count=0,
            created_by=portfolio.created_by,
            created_at=portfolio.created_at,
        )
    )
    await tx.execute(
        insert(TapeRow).values(
            portfolio_id=portfolio.portfolio_id,
            org_id=portfolio.org_id,
            original_sha256=tape.original.sha256,
            original_size_bytes=tape.original.size_bytes,
            sealed_sha256=tape.sealed.sha256,
            sealed_size_bytes=tape.sealed.size_bytes,
            received_at=portfolio.created_at,
        )
    )
    await tx.execute(
        insert(PortfolioKeyRow),
        [
            {
                "portfolio_id": portfolio.portfolio_id,
                "purpose": purpose.value,
                "org_id": portfolio.org_id,
                "wrapped": wrapped,
            }
            for purpose, wrapped in keys.items()
        ],
    )


async def find_portfolio(tx: AsyncSession, portfolio_id: UUID) -> Portfolio | None:
    row = await tx.scalar(select(PortfolioRow).where(PortfolioRow.portfolio_id == portfolio_id))
    return None if row is None else _portfolio(row)


async def lock_portfolio(tx: AsyncSession, portfolio_id: UUID) -> Portfolio | None:
    """Locks the portfolio's row until the transaction ends."""
    row = await tx.scalar(
        select(PortfolioRow)
        .where(PortfolioRow.portfolio_id == portfolio_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else _portfolio(row)


async def list_portfolios(tx: AsyncSession, org_id: UUID, request: PageRequest) -> list[Portfolio]:
    """Up to `limit + 1` portfolios, newest first."""
    found = await tx.scalars(
        select(PortfolioRow)
        .where(PortfolioRow.org_id == org_id, *before(PortfolioRow.portfolio_id, request))
        .order_by(PortfolioRow.portfolio_id.desc())
        .limit(request.limit + 1)
    )
    return [_portfolio(row) for row in found]


async def claim_portfolio(
    tx: AsyncSession, states: Sequence[PortfolioState], claimed: PortfolioState, *, now: datetime, until: datetime
) -> Portfolio | None:
    """The oldest portfolio in one of `states` that no worker holds, now held until `until`. Locks its row, skipping locked ones."""
    row = await tx.scalar(
        free(select(PortfolioRow), PortfolioRow, [state.value for state in states], now)
        .order_by(PortfolioRow.portfolio_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    row.state, row.claimed_until, row.attempt_count = claimed.value, until, row.attempt_count + 1
    await tx.flush()
    return _portfolio(row)


async def hold_portfolio(tx: AsyncSession, portfolio_id: UUID, claimed_until: datetime) -> bool:
    """Whether the claim that ends at `claimed_until` still stands. Locks the portfolio's row."""
    return (
        await tx.scalar(
            select(PortfolioRow.portfolio_id)
            .where(PortfolioRow.portfolio_id == portfolio_id, PortfolioRow.claimed_until == claimed_until)
            .with_for_update()
        )
        is not None
    )


async def renew_portfolio(tx: AsyncSession, portfolio_id: UUID, claimed_until: datetime, until: datetime) -> bool:
    """Whether the claim still stood; it now lasts until `until`."""
    result = await tx.execute(
        update(PortfolioRow)
        .where(PortfolioRow.portfolio_id == portfolio_id, PortfolioRow.claimed_until == claimed_until)
        .values(claimed_until=until)
        .returning(PortfolioRow.portfolio_id)
    )
    return result.scalar_one_or_none() is not None


async def save_portfolio(tx: AsyncSession, portfolio_id: UUID, state: PortfolioState, **changed: Any) -> None:
    """Move a portfolio on: its claim ends and its attempts start again from 0."""
    await tx.execute(
        update(PortfolioRow)
        .where(PortfolioRow.portfolio_id == portfolio_id)
        .values(state=state.value, claimed_until=None, attempt_count=0, **stored(changed))
    )


async def tape_of(tx: AsyncSession, portfolio_id: UUID) -> Tape:
    row = (await tx.scalars(select(TapeRow).where(TapeRow.portfolio_id == portfolio_id))).one()
    return Tape(
        KeptFile(row.original_sha256, row.original_size_bytes), KeptFile(row.sealed_sha256, row.sealed_size_bytes)
    )


async def unsold_bytes(tx: AsyncSession, org_id: UUID) -> int:
    """The sealed bytes of an organisation's tapes, without those of portfolios that sold a pool or were shredded."""
    sold = exists().where(PoolRow.portfolio_id == TapeRow.portfolio_id, PoolRow.sold_at.is_not(None))
    shredded = exists().where(ShreddingRow.portfolio_id == TapeRow.portfolio_id)
    total = select(func.coalesce(func.sum(TapeRow.sealed_size_bytes), 0))
    return int(await tx.scalar(total.where(TapeRow.org_id == org_id, ~sold, ~shredded)) or 0)


async def portfolio_key(tx: AsyncSession, portfolio_id: UUID, purpose: KeyPurpose) -> bytes:
    """The wrapped key. Raises `Shredded` once it was destroyed."""
    found = await tx.scalars(
        select(PortfolioKeyRow.wrapped).where(
            PortfolioKeyRow.portfolio_id == portfolio_id, PortfolioKeyRow.purpose == purpose.value
        )
    )
    wrapped: bytes | None = found.one_or_none()
    if wrapped is None:
        raise Shredded("the portfolio's keys were destroyed; nothing of its tape can be opened any more")
    return wrapped


async def replace_refused(tx: AsyncSession, portfolio: Portfolio, refused: Sequence[tuple[int, str, str]]) -> None:
    """Set a portfolio's refused rows to these (row number, column, reason).

    A row's id is its place in the list, so that pages come in that order.
    """
    await tx.execute(delete(RefusedAccountRow).where(RefusedAccountRow.portfolio_id == portfolio.portfolio_id))
    for first in range(0, len(refused), _INSERT_COUNT):
        await tx.execute(
            insert(RefusedAccountRow),
            [
                {
                    "portfolio_id": portfolio.portfolio_id,
                    "org_id": portfolio.org_id,
                    "refusal_id": UUID(int=place),
                    "row_number": row_number,
                    "column_name": column_name,
                    "reason": reason,
                }
                for place, (row_number, column_name, reason) in enumerate(
                    refused[first : first + _INSERT_COUNT], start=first
                )
            ],
        )


async def list_refused(tx: AsyncSession, portfolio_id: UUID, request: PageRequest) -> list[RefusedAccount]:
    """Up to `limit + 1` refused rows in the tape's order."""
    after = [RefusedAccountRow.refusal_id > request.after] if request.after else []
    found = await tx.scalars(
        select(RefusedAccountRow)
        .where(RefusedAccountRow.portfolio_id == portfolio_id, *after)
        .order_by(RefusedAccountRow.refusal_id)
        .limit(request.limit + 1)
    )
    return [RefusedAccount(row.refusal_id, row.row_number, row.column_name, row.reason) for row in found]


async def save_template(tx: AsyncSession, template: Template, created_by: UUID) -> Template:
    """A new template, or a new content of the organisation's template of that name; as it is then kept."""
    values = {"header_digest": template.header_digest, "columns": template.mapping, "created_by": created_by}
    row = await tx.scalar(
        upsert(MappingTemplateRow)
        .values(
            template_id=template.template_id,
            org_id=template.org_id,
            name=template.name,
            created_at=template.created_at,
            **values,
        )
        .on_conflict_do_update(constraint="uq_mapping_template_org_id_name", set_=values)
        .returning(MappingTemplateRow),
        execution_options={"populate_existing": True},
    )
    if row is None:
        raise AssertionError("an upsert always returns its row")
    return _template(row)


async def delete_template(tx: AsyncSession, template_id: UUID) -> bool:
    """Whether there was one of the organisation's own."""
    result = await tx.execute(
        delete(MappingTemplateRow)
        .where(MappingTemplateRow.template_id == template_id)
        .returning(MappingTemplateRow.template_id)
    )
    return result.scalar_one_or_none() is not None


async def find_template(tx: AsyncSession, org_id: UUID, digest: str) -> Template | None:
    """The newest template of the organisation for this set of headers."""
    row = await tx.scalar(
        select(MappingTemplateRow)
        .where(MappingTemplateRow.org_id == org_id, MappingTemplateRow.header_digest == digest)
        .order_by(MappingTemplateRow.template_id.desc())
        .limit(1)
    )
    return None if row is None else _template(row)


async def list_templates(tx: AsyncSession, org_id: UUID, request: PageRequest) -> list[Template]:
    """Up to `limit + 1` templates, newest first."""
    found = await tx.scalars(
        select(MappingTemplateRow)
        .where(MappingTemplateRow.org_id == org_id, *before(MappingTemplateRow.template_id, request))
        .order_by(MappingTemplateRow.template_id.desc())
        .limit(request.limit + 1)
    )
    return [_template(row) for row in found]


def _portfolio(row: PortfolioRow) -> Portfolio:
    return Portfolio(
        portfolio_id=row.portfolio_id,
        org_id=row.org_id,
        name=row.name,
        currency=row.currency,
        cut_off_on=row.cut_off_on,
        state=PortfolioState(row.state),
        claimed_until=row.claimed_until,
        attempt_count=row.attempt_count,
        refusal=refusal_of(row.refusal),
        source=row.source,
        header_digest=row.header_digest,
        findings=row.findings,
        mapping=row.mapping,
        totals=row.totals,
        strata=row.strata,
        report=row.report,
        time_barred=row.time_barred,
        saleability=row.saleability,
        preview=kept_file(row.preview_sha256, row.preview_size_bytes),
        vetted=kept_file(row.vetted_sha256, row.vetted_size_bytes),
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _template(row: MappingTemplateRow) -> Template:
    return Template(row.template_id, row.org_id, row.name, row.header_digest, row.columns, row.created_at)
