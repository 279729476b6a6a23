"""Reading the books."""

from litestar import get
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who


@get("/v1/ledger/accounts", tags=MONEY, summary="Ledger accounts", operation_id="listLedgerAccounts")
async def list_accounts(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.LedgerAccountPage:
    """One's own; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.LedgerAccountPage.from_page(
            await service.list_accounts(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/ledger/transfers", tags=MONEY, summary="Ledger transfers", operation_id="listLedgerTransfers")
async def list_transfers(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.LedgerTransferPage:
    """Those that touch one's own accounts, oldest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.LedgerTransferPage.from_page(
            await service.list_transfers(tx, actor, PageRequest.parse(limit, cursor))
        )


@get("/v1/ledger/trial-balance", tags=MONEY, summary="Trial balance", operation_id="getTrialBalance")
async def trial_balance(context: Here, actor: Who) -> schemas.TrialBalanceView:
    """For the platform's people: the books against themselves, the bank account and its last statement."""
    async with context.db.begin(actor) as tx:
        return schemas.TrialBalanceView.from_proofs(await service.trial_balance(tx, actor))


@get("/v1/ledger/check", tags=MONEY, summary="Check of the ledger", operation_id="checkLedger")
async def check_ledger(context: Here, actor: Who) -> schemas.LedgerCheckView:
    """For the platform's people: every balance recomputed from the log; statement, bank account and claims compared."""
    async with context.db.begin(actor) as tx:
        return schemas.LedgerCheckView.from_checked(await service.check_ledger(tx, actor))


@get("/v1/ledger/checks", tags=MONEY, summary="Daily checks of the books", operation_id="listLedgerChecks")
async def list_checks(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.KeptCheckPage:
    """What the worker's daily three-way check found, newest first. While the last one found something, nothing is released."""
    async with context.db.begin(actor) as tx:
        return schemas.KeptCheckPage.from_page(await service.list_checks(tx, actor, PageRequest.parse(limit, cursor)))


HANDLERS: list[ControllerRouterHandler] = [
    list_accounts,
    list_transfers,
    trial_balance,
    check_ledger,
    list_checks,
]
