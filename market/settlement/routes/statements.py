"""Statements for people, as JSON, CSV or PDF, and the books for an accountant's tool."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.parties.rules import require
from market.settlement import schemas, service
from market.settlement.documents.rendering import render
from market.settlement.reports import Report
from market.settlement.routes.doors import MONEY, SALES, Here, Who
from market.settlement.rules import Party
from market.settlement.service.books import READ, STAFF

_TEXT = {200: ResponseSpec(data_container=str, media_type="text/plain", description="The journal")}


class As(StrEnum):
    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


@dataclass
class _ReportOperation(Operation):
    """The same report comes in three forms."""

    def __post_init__(self) -> None:
        found = (self.responses or {})["200"]
        assert isinstance(found, OpenAPIResponse)
        text, file = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        found.content = {
            **(found.content or {}), "text/csv": OpenAPIMediaType(schema=text), "application/pdf": OpenAPIMediaType(schema=file)
        }  # fmt: skip


@get(
    "/v1/settlements/{settlement_id:uuid}/statements/{of:str}",
    tags=SALES,
    summary="Statement of a sale",
    operation_id="getSaleStatement",
    operation_class=_ReportOperation,
)
async def sale_statement(
    context: Here, actor: Who, settlement_id: FromPath[UUID], of: FromPath[Party], form: FromQuery[As] = As.JSON
) -> Response[schemas.ReportView | bytes | str]:
    """`seller`: the statement of proceeds; `buyer`: the closing statement. Each party's own; `form` is json, csv or pdf."""
    async with context.db.begin(actor) as tx:
        report = await service.party_statement(tx, actor, settlement_id, of, now=context.clock.now())
    return await _answer(report, form, f"{of.value}-{settlement_id}")


@get(
    "/v1/reports/fees",
    tags=MONEY,
    summary="Fee report",
    operation_id="getFeeReport",
    operation_class=_ReportOperation,
)
async def fee_report(
    context: Here, actor: Who, first_on: FromQuery[date], last_on: FromQuery[date], form: FromQuery[As] = As.JSON
) -> Response[schemas.ReportView | bytes | str]:
    """For the platform's people: what was earned and given back from `first_on` to `last_on`, both included."""
    async with context.db.begin(actor) as tx:
        report = await service.fee_report(tx, actor, first_on, last_on, now=context.clock.now())
    return await _answer(report, form, f"fees-{first_on}-{last_on}")


@get(
    "/v1/reports/escrow-ageing",
    tags=MONEY,
    summary="Ageing of escrow",
    operation_id="getEscrowAgeing",
    operation_class=_ReportOperation,
)
async def escrow_ageing(
    context: Here, actor: Who, form: FromQuery[As] = As.JSON
) -> Response[schemas.ReportView | bytes | str]:
    """For the platform's people: what is held for whom, and since when; the oldest first."""
    async with context.db.begin(actor) as tx:
        report = await service.escrow_ageing(tx, actor, now=context.clock.now())
    return await _answer(report, form, "escrow-ageing")


@get(
    "/v1/ledger/journal",
    tags=MONEY,
    summary="The books as a plain-text accounting journal",
    operation_id="getAccountingJournal",
    responses=_TEXT,
)
async def accounting_journal(context: Here, actor: Who) -> Stream:
    """For the platform's people: every posted transfer in the syntax of hledger, which accountants' tools read."""
    require(actor, role=STAFF, scope=READ)
    headers = {"Content-Disposition": 'attachment; filename="ledger.journal"'}
    return Stream(_journal(context, actor), media_type="text/plain", headers=headers)


async def _journal(context: Context, actor: Actor) -> AsyncIterator[str]:
    """A transaction for each page: whoever stops reading leaves no connection behind."""
    after: UUID | None = None
    while True:
        async with context.db.begin(actor) as tx:
            text, after = await service.journal_page(tx, actor, after)
        yield text
        if after is None:
            return


async def _answer(report: Report, form: As, name: str) -> Response[schemas.ReportView | bytes | str]:
    match form:
        case As.JSON:
            return Response(schemas.ReportView.from_report(report), media_type="application/json")
        case As.CSV:
            return Response(report.csv(), media_type="text/csv", headers=_attached(f"{name}.csv"))
        case As.PDF:
            document = await asyncio.to_thread(render, report.facts())
            return Response(document.pdf, media_type="application/pdf", headers=_attached(f"{name}.pdf"))


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


HANDLERS: list[ControllerRouterHandler] = [sale_statement, fee_report, escrow_ageing, accounting_journal]
