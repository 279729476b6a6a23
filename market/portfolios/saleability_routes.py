"""The doors of what may not be sold: rules, carve-out reports, held pools; double sales and leaks for officers."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.errors import TooLarge
from market.kit.pages import MAX_LIMIT, PageRequest
from market.parties import service as parties
from market.parties.rules import require
from market.portfolios import saleability_schemas as schemas
from market.portfolios import service
from market.portfolios.doubles import Outcome
from market.portfolios.rules import RefusedAccount
from market.portfolios.saleability import RULES, CarveOut, rule_of_reason

_SALEABILITY, _OFFICERS = ["Saleability"], ["Compliance"]
_LEAK_BYTES = 64 * 1024 * 1024
_CSV = {200: ResponseSpec(data_container=bytes, media_type="text/csv", description="The file, as an attachment")}


@dataclass
class _LeakOperation(Operation):
    """The body is the leaked file itself."""

    def __post_init__(self) -> None:
        file = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody(content={"text/csv": OpenAPIMediaType(schema=file)}, required=True)


@get("/v1/saleability-rules", tags=_SALEABILITY, summary="Saleability rules", operation_id="getSaleabilityRules")
async def get_rules(actor: NamedDependency[Actor]) -> schemas.SaleabilityRules:
    """On what grounds an account is not sold, each with its citation, and the limitation periods with their conflicts."""
    require(actor, scope="portfolios:read")
    return schemas.SaleabilityRules.present()


@get(
    "/v1/portfolios/{portfolio_id:uuid}/carve-out.csv",
    tags=_SALEABILITY,
    summary="Carve-out report",
    operation_id="downloadCarveOut",
    responses=_CSV,
)
async def download_carve_out(
    context: NamedDependency[Context], actor: NamedDependency[Actor], portfolio_id: FromPath[UUID]
) -> Response[bytes]:
    """Every account that is not sold: row number (the header is row 1), rule, citation, effective date; never a value.

    `disclosed` accounts are sold as time-barred. `refused` rows were no accounts before any was carved out: they count among the
    refused, not in `carved_out_count`. Rows that could not be read at all are among the refused accounts.
    """
    async with context.db.begin(actor) as tx:
        found = await service.carve_outs(tx, actor, portfolio_id)
    refused = await _all_refused(context, actor, portfolio_id)
    return _file(_report(found, refused), f"carve-out-{portfolio_id}.csv")


@post(
    "/v1/portfolios/{portfolio_id:uuid}/held-pools",
    tags=_SALEABILITY,
    summary="Hold carved-out accounts",
    operation_id="holdAccounts",
)
async def hold(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    data: JSONBody[schemas.HeldPoolPost],
) -> schemas.HeldPoolView:
    """The accounts that these rules carved out (all, if none is named), kept together; a held pool is never sold."""
    async with context.db.begin(actor) as tx:
        held = await service.hold(
            tx,
            actor,
            portfolio_id,
            data.name,
            data.rule_ids,
            held_pool_id=context.chance.new_id(),
            now=context.clock.now(),
        )
    return schemas.HeldPoolView.of(held)


@get(
    "/v1/portfolios/{portfolio_id:uuid}/held-pools",
    tags=_SALEABILITY,
    summary="Held pools",
    operation_id="listHeldPools",
)
async def list_held(
    context: NamedDependency[Context], actor: NamedDependency[Actor], portfolio_id: FromPath[UUID]
) -> schemas.HeldPoolList:
    async with context.db.begin(actor) as tx:
        found = await service.held_pools(tx, actor, portfolio_id)
    return schemas.HeldPoolList([schemas.HeldPoolView.of(each) for each in found])


@get(
    "/v1/portfolios/{portfolio_id:uuid}/held-pools/{held_pool_id:uuid}/rows.csv",
    tags=_SALEABILITY,
    summary="Rows of a held pool",
    operation_id="downloadHeldPool",
    responses=_CSV,
)
async def download_held(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    held_pool_id: FromPath[UUID],
) -> Response[bytes]:
    """The numbers of its rows in the tape (the header is row 1)."""
    async with context.db.begin(actor) as tx:
        held = await service.held_pool(tx, actor, portfolio_id, held_pool_id)
    lines = "".join(f"{number}\r\n" for number in ("row_number", *held.row_numbers))
    return _file(lines.encode(), f"held-pool-{held_pool_id}.csv")


@get("/v1/double-sales", tags=_OFFICERS, summary="Accounts in two listings", operation_id="listDoubleSales")
async def list_flags(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    *,
    only_open: FromQuery[bool] = False,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.FlagPage:
    """For officers, newest first; with `only_open` those that wait for a decision."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        page = await service.list_flags(tx, actor, PageRequest.parse(limit, cursor), only_open=only_open)
        names = await parties.display_names(tx, sorted({item.org_id for item in page.items}))
    return schemas.FlagPage.from_page(page, names)


@post(
    "/v1/double-sales/{flag_id:uuid}/resolution",
    tags=_OFFICERS,
    summary="Decide about a double sale",
    operation_id="resolveDoubleSale",
)
async def resolve_flag(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    flag_id: FromPath[UUID],
    data: JSONBody[schemas.ResolutionPost],
) -> schemas.FlagView:
    """`allowed`, such as when a buyer sells on what it bought here: the portfolio may be listed beside that other pool."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        flag = await service.resolve_flag(
            tx, actor, flag_id, Outcome(data.outcome), data.reason, now=context.clock.now()
        )
        names = await parties.display_names(tx, [flag.org_id])
    return schemas.FlagView.of(flag, names)


@post(
    "/v1/pools/{pool_id:uuid}/leak-traces",
    tags=_OFFICERS,
    summary="Name the source of a leak",
    operation_id="traceLeak",
    request_max_body_size=_LEAK_BYTES,
    operation_class=_LeakOperation,
)
async def trace_leak(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    pool_id: FromPath[UUID],
) -> schemas.LeakView:
    """For officers: send any part of a leaked masked file as the body; the answer names whose copy it came from."""
    require(actor, role=Role.OFFICER)
    if (request.content_length or 0) > _LEAK_BYTES:
        raise TooLarge(f"send up to {_LEAK_BYTES} bytes; a part of the file is enough")
    leak = await service.trace_leak(context, actor, pool_id, await request.body())
    async with context.db.begin(actor) as tx:
        names = await parties.display_names(tx, sorted(UUID(each.buyer) for each in leak.suspicions))
    return schemas.LeakView.of(leak, names)


def _file(content: bytes, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv", headers=headers)


async def _all_refused(context: Context, actor: Actor, portfolio_id: UUID) -> list[RefusedAccount]:
    found: list[RefusedAccount] = []
    cursor: str | None = ""
    while cursor is not None:
        async with context.db.begin(actor) as tx:
            page = await service.refused_accounts(tx, actor, portfolio_id, PageRequest.parse(MAX_LIMIT, cursor or None))
        found += page.items
        cursor = page.next_cursor
    return found


def _report(found: list[CarveOut], refused: list[RefusedAccount]) -> bytes:
    """In the tape's order; an account that met several rules has a line for each."""
    lines = [
        (row, each.rule_id, "carved out" if each.carved else "disclosed")
        for each in found
        for row in each.row_numbers.tolist()
    ]
    lines += [(row.row_number, rule, "refused") for row in refused if (rule := rule_of_reason(row.reason))]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("row_number", "rule_id", "title", "citation", "effective_from", "outcome"))
    writer.writerows(_cells(sorted(lines)))
    return text.getvalue().encode()


def _cells(lines: list[tuple[int, str, str]]) -> Iterator[tuple[object, ...]]:
    rules = {rule.rule_id: rule for rule in RULES}
    for number, rule_id, outcome in lines:
        rule = rules[rule_id]
        yield number, rule_id, rule.title, rule.citation, rule.effective_from, outcome


HANDLERS: list[ControllerRouterHandler] = [
    get_rules,
    download_carve_out,
    hold,
    list_held,
    download_held,
    list_flags,
    resolve_flag,
    trace_leak,
]
