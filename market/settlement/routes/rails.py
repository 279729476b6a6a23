"""What the bank says and what it is told: statements, suspense, payouts."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once
from market.settlement.rules import PayoutState
from market.settlement.statement import MAX_BYTES, Notice, Statement, digest, read_file


@dataclass
class _StatementOperation(Operation):
    """The statement is read as it is, so its media type is said here."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="100 MB at most"))
        self.request_body = RequestBody(content={"application/xml": body, "text/plain": body}, required=True)


@post(
    "/v1/bank-statements",
    tags=MONEY,
    summary="Import a bank statement",
    operation_id="importBankStatement",
    operation_class=_StatementOperation,
    request_max_body_size=MAX_BYTES,
    opt=STEP_UP,
)
@once
async def import_statement(request: Request[Any, Any, Any], context: Here, actor: Who) -> schemas.ImportsView:
    """For operators: camt.053, camt.054, MT940 or BAI2, told apart by content. All statements of the file are applied, or
    none; none is applied twice. The notices of a camt.054 are kept for the statement that books them, until another person confirms.
    """
    service.require_importer(actor)
    content = await request.body()
    found = await asyncio.to_thread(read_file, content)
    statements = [each for each in found if isinstance(each, Statement)]
    notices = [each for each in found if isinstance(each, Notice)]
    now, sha256 = context.clock.now(), digest(content)
    async with context.db.begin(actor) as tx:
        new_count = await service.keep_notices(tx, actor, notices, sha256, now=now)
        imported = await service.import_statements(tx, actor, statements, sha256, now=now, chance=context.chance)
    return schemas.ImportsView([schemas.ImportView.from_import(each) for each in imported], new_count)


@get("/v1/bank-statements", tags=MONEY, summary="Imported statements", operation_id="listBankStatements")
async def list_statements(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.StatementPage:
    """For the platform's people, newest first."""
    async with context.db.begin(actor) as tx:
        return schemas.StatementPage.from_page(
            await service.list_statements(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/bank-entries/suspense", tags=MONEY, summary="Entries nobody was found for", operation_id="listSuspense")
async def list_suspense(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.BankEntryPage:
    """For the platform's people, oldest first."""
    async with context.db.begin(actor) as tx:
        return schemas.BankEntryPage.from_page(await service.list_suspense(tx, actor, PageRequest.parse(limit, cursor)))


@get("/v1/payouts", tags=MONEY, summary="Orders to the bank", operation_id="listPayouts", opt=STEP_UP)
async def list_payouts(
    context: Here,
    actor: Who,
    at: Annotated[PayoutState | None, QueryParameter(name="state")] = None,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.PayoutPage:
    """For operators, oldest first: what to pay, to whom, with which reference."""
    async with context.db.begin(actor) as tx:
        page, accounts = await service.list_payouts(tx, actor, PageRequest.parse(limit, cursor), at)
    items = [
        schemas.PayoutView.from_payout(payout, account, service.open_number(account, context.vault))
        for payout in page.items
        for account in [accounts[payout.bank_account_id]]
    ]
    return schemas.PayoutPage(items, page.next_cursor)


@post(
    "/v1/payouts/{payout_id:uuid}/dispatch",
    status_code=200,
    tags=MONEY,
    summary="The order was given to the bank",
    operation_id="dispatchPayout",
)
@once
async def send_payout(context: Here, actor: Who, payout_id: FromPath[UUID]) -> schemas.PayoutStateView:
    """For operators. Only the bank's statement confirms it; without an answer in three business days it is unknown."""
    async with context.db.begin(actor) as tx:
        payout = await service.send_payout(tx, actor, payout_id, now=context.clock.now())
    return schemas.PayoutStateView(payout.payout_id, payout.state, payout.sent_at)


@get(
    "/v1/withdrawals/unapproved",
    tags=MONEY,
    summary="Withdrawals that no second person has approved",
    operation_id="listUnapprovedWithdrawals",
)
async def list_unapproved(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.UnapprovedPage:
    """For the platform's people, oldest first."""
    async with context.db.begin(actor) as tx:
        page = await service.list_unapproved(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.UnapprovedPage.from_page(page)


@post(
    "/v1/payouts/{payout_id:uuid}/approval",
    status_code=200,
    tags=MONEY,
    summary="Approve a withdrawal as the second person",
    operation_id="approveWithdrawal",
    opt=STEP_UP,
)
@once
async def approve_withdrawal(context: Here, actor: Who, payout_id: FromPath[UUID]) -> schemas.UnapprovedView:
    """For officers and operators who imported none of that organisation's money; then another person may send it."""
    async with context.db.begin(actor) as tx:
        payout = await service.approve_withdrawal(tx, actor, payout_id, now=context.clock.now())
    return schemas.UnapprovedView.from_payout(payout)


@get(
    "/v1/bank-accounts/unconfirmed",
    tags=MONEY,
    summary="Changed bank accounts to call back about",
    operation_id="listUnconfirmedBankAccounts",
)
async def list_unconfirmed(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.UnconfirmedPage:
    """For the platform's people, oldest first. Call a number that you know from before, not one that came with the change."""
    async with context.db.begin(actor) as tx:
        page = await service.list_unconfirmed(tx, actor, PageRequest.parse(limit, cursor))
        known = await parties.who_are(tx, actor, {account.org_id for account in page.items})
    return schemas.UnconfirmedPage.from_page(page, known)


@post(
    "/v1/bank-accounts/{bank_account_id:uuid}/call-back",
    status_code=200,
    tags=MONEY,
    summary="Say that one called back about a bank account",
    operation_id="confirmBankAccount",
    opt=STEP_UP,
)
@once
async def confirm_bank_account(
    context: Here, actor: Who, bank_account_id: FromPath[UUID], data: JSONBody[schemas.CallBackIn]
) -> schemas.UnconfirmedView:
    """For officers and operators. Without it nothing is paid to a changed account, however long ago it was changed."""
    async with context.db.begin(actor) as tx:
        account = await service.confirm_bank_account(tx, actor, bank_account_id, data.note, now=context.clock.now())
    return schemas.UnconfirmedView.from_account(account)


HANDLERS: list[ControllerRouterHandler] = [
    import_statement,
    list_statements,
    list_suspense,
    list_payouts,
    send_payout,
    list_unapproved,
    approve_withdrawal,
    list_unconfirmed,
    confirm_bank_account,
]
