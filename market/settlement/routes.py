"""The doors of money and title: deposits, statements, the books, agreements, release, payouts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from market.bidding import service as bidding
from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.pages import PageRequest
from market.parties.rules import require
from market.settlement import schemas, service
from market.settlement.agreement import Document, render
from market.settlement.rules import PayoutState
from market.settlement.statement import MAX_BYTES, digest, read_statements

_FILE_CHUNK_BYTES = 256 * 1024
Here: TypeAlias = NamedDependency[Context]
Who: TypeAlias = NamedDependency[Actor]
_MONEY, _SALES = ["Money"], ["Settlements"]
_PDF = {200: ResponseSpec(data_container=bytes, media_type="application/pdf", description="The document")}
_SEALED = {200: ResponseSpec(data_container=bytes, media_type="application/octet-stream", description="The file")}


class _StatementOperation(Operation):
    """The statement is read as it is, so its media type is said here."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="camt.053, 10 MB at most"))
        self.request_body = RequestBody(content={"application/xml": body}, required=True)


# Money.


@post(
    "/v1/auctions/{auction_id:uuid}/deposit",
    tags=_MONEY,
    summary="Place the deposit and register to bid",
    operation_id="placeDeposit",
)
async def place_deposit(
    context: Here,
    actor: Who,
    auction_id: FromPath[UUID],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=64)],
) -> schemas.DepositView:
    """Reserves the deposit in your cash account; it is freed when you do not win. The same key answers the same."""
    async with context.db.begin(actor) as tx:
        deposit = await service.place_deposit(tx, actor, auction_id, idempotency_key, now=context.clock.now())
    return schemas.DepositView.from_deposit(deposit)


@get("/v1/bank-account", tags=_MONEY, summary="How to pay in, and where one is paid to", operation_id="getBankAccount")
async def get_bank_account(context: Here, actor: Who) -> schemas.BankAccountView:
    async with context.db.begin(actor) as tx:
        return schemas.BankAccountView.from_account(*await service.own_bank(tx, actor))


@put("/v1/bank-account", tags=_MONEY, summary="Say where to be paid to", operation_id="putBankAccount")
async def put_bank_account(context: Here, actor: Who, data: JSONBody[schemas.BankAccountIn]) -> schemas.BankAccountView:
    """The first account counts at once, a changed one after 48 hours. For signed-in people, not for API keys."""
    async with context.db.begin(actor) as tx:
        account = await service.put_bank_account(
            tx, actor, data.details(), now=context.clock.now(), chance=context.chance, vault=context.vault
        )
        pay_with, _ = await service.own_bank(tx, actor)
    return schemas.BankAccountView.from_account(pay_with, account)


@post(
    "/v1/bank-statements",
    tags=_MONEY,
    summary="Import a bank statement",
    operation_id="importBankStatement",
    operation_class=_StatementOperation,
    request_max_body_size=MAX_BYTES,
)
async def import_statement(request: Request[Any, Any, Any], context: Here, actor: Who) -> schemas.ImportsView:
    """For operators. All statements of the document are applied, or none; none is applied twice."""
    service.require_importer(actor)
    xml = await request.body()
    statements = await asyncio.to_thread(read_statements, xml)
    async with context.db.begin(actor) as tx:
        imported = await service.import_statements(
            tx, actor, statements, digest(xml), now=context.clock.now(), chance=context.chance
        )
    return schemas.ImportsView([schemas.ImportView.from_import(each) for each in imported])


@get("/v1/bank-statements", tags=_MONEY, summary="Imported statements", operation_id="listBankStatements")
async def list_statements(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.StatementPage:
    """For the platform's people, newest first."""
    async with context.db.begin(actor) as tx:
        return schemas.StatementPage.from_page(
            await service.list_statements(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/bank-entries/suspense", tags=_MONEY, summary="Entries nobody was found for", operation_id="listSuspense")
async def list_suspense(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.BankEntryPage:
    """For the platform's people, oldest first."""
    async with context.db.begin(actor) as tx:
        return schemas.BankEntryPage.from_page(await service.list_suspense(tx, actor, PageRequest.parse(limit, cursor)))


@get("/v1/ledger/accounts", tags=_MONEY, summary="Ledger accounts", operation_id="listLedgerAccounts")
async def list_accounts(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.LedgerAccountPage:
    """One's own; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.LedgerAccountPage.from_page(
            await service.list_accounts(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/ledger/transfers", tags=_MONEY, summary="Ledger transfers", operation_id="listLedgerTransfers")
async def list_transfers(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.LedgerTransferPage:
    """Those that touch one's own accounts, oldest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.LedgerTransferPage.from_page(
            await service.list_transfers(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/ledger/trial-balance", tags=_MONEY, summary="Trial balance", operation_id="getTrialBalance")
async def trial_balance(context: Here, actor: Who) -> schemas.TrialBalanceView:
    """For the platform's people: the books against themselves, the bank account and its last statement."""
    async with context.db.begin(actor) as tx:
        return schemas.TrialBalanceView.from_proofs(await service.trial_balance(tx, actor))


@get("/v1/payouts", tags=_MONEY, summary="Orders to the bank", operation_id="listPayouts")
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
    tags=_MONEY,
    summary="The order was given to the bank",
    operation_id="dispatchPayout",
)
async def send_payout(context: Here, actor: Who, payout_id: FromPath[UUID]) -> schemas.PayoutStateView:
    """For operators. Only the bank's statement confirms it; without an answer in three business days it is unknown."""
    async with context.db.begin(actor) as tx:
        payout = await service.send_payout(tx, actor, payout_id, now=context.clock.now())
    return schemas.PayoutStateView(payout.payout_id, payout.state, payout.sent_at)


# Sales.


@get(
    "/v1/auctions/{auction_id:uuid}/agreement",
    tags=_SALES,
    summary="Specimen of the agreement",
    operation_id="getSpecimenAgreement",
    responses=_PDF,
)
async def specimen(context: Here, actor: Who, auction_id: FromPath[UUID]) -> Response[bytes]:
    """What the winner of this auction will be asked to sign, with blanks for buyer and price."""
    require(actor, scope="auctions:read")
    async with context.db.begin(actor) as tx:
        await bidding.find_auction(tx, auction_id)
    async with context.db.begin(SYSTEM) as tx:
        facts = await service.specimen_facts(tx, auction_id)
    return _pdf(await asyncio.to_thread(render, facts), f"specimen-{auction_id}.pdf")


@get("/v1/settlements", tags=_SALES, summary="Settlements", operation_id="listSettlements")
async def list_settlements(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.SettlementPage:
    """One's own, newest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.SettlementPage.from_page(
            await service.list_settlements(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/settlements/{settlement_id:uuid}", tags=_SALES, summary="One settlement", operation_id="getSettlement")
async def get_settlement(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    async with context.db.begin(actor) as tx:
        found = await service.find_settlement(tx, actor, settlement_id)
        return schemas.SettlementView.from_settlement(found, await service.signatures(tx, settlement_id))


@get(
    "/v1/settlements/{settlement_id:uuid}/agreement",
    tags=_SALES,
    summary="The agreement",
    operation_id="getAgreement",
    responses=_PDF,
)
async def get_agreement(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Response[bytes]:
    """The document to sign; the ETag is its SHA-256, which the signature names."""
    async with context.db.begin(actor) as tx:
        document = await service.find_agreement(tx, actor, settlement_id)
    return _pdf(document, f"agreement-{settlement_id}.pdf")


@post(
    "/v1/settlements/{settlement_id:uuid}/signature",
    tags=_SALES,
    summary="Sign the agreement",
    operation_id="signAgreement",
)
async def sign(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    data: JSONBody[schemas.SignatureIn],
) -> schemas.SettlementView:
    """For signed-in people of the two parties. The buyer names the key that the sale file's key is sealed to."""
    async with context.db.begin(actor) as tx:
        settlement = await service.sign(tx, actor, settlement_id, data.signing(), now=context.clock.now())
        return schemas.SettlementView.from_settlement(settlement, await service.signatures(tx, settlement_id))


@post(
    "/v1/settlements/{settlement_id:uuid}/cancellation",
    status_code=200,
    tags=_SALES,
    summary="Ask for the sale to be undone",
    operation_id="askCancellation",
)
async def ask_cancellation(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    data: JSONBody[schemas.CancellationIn],
) -> schemas.SettlementView:
    """Once both parties ask, before the release, it is undone and the buyer is refunded in full."""
    async with context.db.begin(actor) as tx:
        settlement = await service.ask_cancellation(tx, actor, settlement_id, data.reason, now=context.clock.now())
    return schemas.SettlementView.from_settlement(settlement)


@post(
    "/v1/settlements/{settlement_id:uuid}/release-preparation",
    tags=_SALES,
    summary="Prepare the release",
    operation_id="prepareRelease",
)
async def prepare_release(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    """The first of two of the platform's people finds everything in order."""
    async with context.db.begin(actor) as tx:
        settlement = await service.prepare_release(tx, actor, settlement_id, now=context.clock.now())
    return schemas.SettlementView.from_settlement(settlement)


@post(
    "/v1/settlements/{settlement_id:uuid}/release-approval",
    tags=_SALES,
    summary="Approve the release",
    operation_id="approveRelease",
)
async def approve_release(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    """By another person than the preparer: money, payout order and the buyer's keys, in one transaction."""
    async with context.db.begin(actor) as tx:
        settlement = await service.approve_release(
            tx, actor, settlement_id, now=context.clock.now(), chance=context.chance, vault=context.vault
        )
    return schemas.SettlementView.from_settlement(settlement)


@get(
    "/v1/settlements/{settlement_id:uuid}/sale-key",
    tags=_SALES,
    summary="Keys of the sale file",
    operation_id="getSaleKey",
)
async def sale_key(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SaleKeyView:
    """For the buyer, after the release; they open with the private key of the public key named when signing."""
    async with context.db.begin(actor) as tx:
        return schemas.SaleKeyView.from_grant(await service.sale_key(tx, actor, settlement_id))


@get(
    "/v1/settlements/{settlement_id:uuid}/sale-file",
    tags=_SALES,
    summary="The sealed sale file",
    operation_id="downloadSaleFile",
    responses=_SEALED,
)
async def sale_file(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Stream:
    """For the buyer, after the release; each download is recorded."""
    async with context.db.begin(actor) as tx:
        grant = await service.take_file(tx, actor, settlement_id, "sale_file")
    return _file(context, grant.file_sha256, f"sale-{settlement_id}.sealed")


@get(
    "/v1/settlements/{settlement_id:uuid}/leaves-file",
    tags=_SALES,
    summary="Leaves of the commitment",
    operation_id="downloadLeavesFile",
    responses=_SEALED,
)
async def leaves_file(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Stream:
    """For the buyer, after the release: what every row of the sale file is checked against."""
    async with context.db.begin(actor) as tx:
        grant = await service.take_file(tx, actor, settlement_id, "leaves_file")
    return _file(context, grant.leaves_sha256, f"leaves-{settlement_id}")


def _pdf(document: Document, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{document.sha256}"'}
    return Response(document.pdf, media_type="application/pdf", headers=headers)


def _file(context: Context, sha256: str, name: str) -> Stream:
    path = context.files.path(sha256)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "ETag": f'"{sha256}"',
        "Content-Length": str(path.stat().st_size),
    }
    return Stream(_bytes_of(path), media_type="application/octet-stream", headers=headers)


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as source:
        while chunk := await asyncio.to_thread(source.read, _FILE_CHUNK_BYTES):
            yield chunk


HANDLERS: list[ControllerRouterHandler] = [
    place_deposit,
    get_bank_account,
    put_bank_account,
    import_statement,
    list_statements,
    list_suspense,
    list_accounts,
    list_transfers,
    trial_balance,
    list_payouts,
    send_payout,
    specimen,
    list_settlements,
    get_settlement,
    get_agreement,
    sign,
    ask_cancellation,
    prepare_release,
    approve_release,
    sale_key,
    sale_file,
    leaves_file,
]
