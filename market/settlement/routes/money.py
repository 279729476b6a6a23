"""Deposits, and where organisations are paid to."""

from typing import Annotated
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once


@post(
    "/v1/auctions/{auction_id:uuid}/deposit",
    tags=MONEY,
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


@get("/v1/bank-account", tags=MONEY, summary="How to pay in, and where one is paid to", operation_id="getBankAccount")
async def get_bank_account(context: Here, actor: Who) -> schemas.BankAccountView:
    async with context.db.begin(actor) as tx:
        pay_with, account = await service.own_bank(tx, actor)
        waits = await service.awaits_call_back(tx, account)
    return schemas.BankAccountView.from_account(pay_with, account, context.settings, awaits_call_back=waits)


@put("/v1/bank-account", tags=MONEY, summary="Say where to be paid to", operation_id="putBankAccount", opt=STEP_UP)
@once
async def put_bank_account(context: Here, actor: Who, data: JSONBody[schemas.BankAccountIn]) -> schemas.BankAccountView:
    """The first account counts at once if it is in the organisation's name, in another after a call back; a changed one after
    48 hours and a call back. For signed-in people, not for API keys.
    """
    async with context.db.begin(actor) as tx:
        account = await service.put_bank_account(
            tx, actor, data.details(), now=context.clock.now(), chance=context.chance, vault=context.vault
        )
        pay_with, _ = await service.own_bank(tx, actor)
        waits = await service.awaits_call_back(tx, account)
    return schemas.BankAccountView.from_account(pay_with, account, context.settings, awaits_call_back=waits)


@post("/v1/withdrawals", tags=MONEY, summary="Have free cash paid out", operation_id="withdraw", opt=STEP_UP)
async def withdraw(
    context: Here,
    actor: Who,
    data: JSONBody[schemas.WithdrawalIn],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=64)],
) -> schemas.WithdrawalView:
    """To the bank account that you named. The same key answers the same. For signed-in people, not for API keys."""
    async with context.db.begin(actor) as tx:
        payout = await service.withdraw(
            tx, actor, data.currency, data.amount_cents, idempotency_key, now=context.clock.now()
        )
    return schemas.WithdrawalView.from_payout(payout)


@get("/v1/withdrawals", tags=MONEY, summary="What was paid out to you", operation_id="listWithdrawals")
async def list_withdrawals(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.WithdrawalPage:
    """Withdrawals and the proceeds of sales, oldest first."""
    async with context.db.begin(actor) as tx:
        return schemas.WithdrawalPage.from_page(
            await service.list_withdrawals(tx, actor, PageRequest.parse(limit, cursor))
        )


HANDLERS: list[ControllerRouterHandler] = [
    place_deposit,
    get_bank_account,
    put_bank_account,
    withdraw,
    list_withdrawals,
]
