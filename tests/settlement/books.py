"""What the tests of the ledger share: organisations, money on the bank account, and raw SQL as the role `app`."""

from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor, Role
from market.settlement.moves import CLEARING_IN, FBO, Move, Outcome, Resolve, Transfer, cash
from market.settlement.store import ledger as store

USD = "USD"


def member(org_id: UUID) -> Actor:
    return Actor(Role.MEMBER, user_id=uuid4(), org_id=org_id)


def move(
    debit: str, credit: str, cents: int, *, currency: str = USD, pending: bool = False, id_: UUID | None = None
) -> Transfer:
    return Transfer(
        transfer_id=id_ or uuid4(), debit=debit, credit=credit, currency=currency, amount_cents=cents,
        kind="test", subject="test:1", pending=pending,
    )  # fmt: skip


def resolve(pending: Transfer, outcome: Outcome, cents: int | None = None, *, id_: UUID | None = None) -> Resolve:
    return Resolve(resolution_id=id_ or uuid4(), pending_id=pending.transfer_id, outcome=outcome, amount_cents=cents)


async def organisation(context: Context) -> UUID:
    org_id = uuid4()
    async with context.db.begin(SYSTEM) as tx:
        await tx.execute(
            text("INSERT INTO organisation VALUES (:id, 'An Organisation', 'DE', 'HRB 1', 'trading', now())"),
            {"id": org_id},
        )
    return org_id


async def apply(context: Context, *moves: Move, actor: Actor = SYSTEM) -> int:
    async with context.db.begin(actor) as tx:
        return await store.apply(tx, moves)


async def rich(context: Context, cents: int, *, currency: str = USD) -> UUID:
    """An organisation with cash that came in by wire."""
    org_id = await organisation(context)
    await apply(
        context,
        move(FBO, CLEARING_IN, cents, currency=currency),
        move(CLEARING_IN, cash(org_id), cents, currency=currency),
    )
    return org_id


async def balance(context: Context, name: str, currency: str = USD) -> tuple[int, int]:
    """(balance, available) of an account; zeros if it was never opened."""
    async with context.db.begin(SYSTEM) as tx:
        account = await store.find_account(tx, name, currency)
    return (account.balance_cents, account.available_cents) if account else (0, 0)


async def books_hold(context: Context) -> bool:
    """Debits equal credits, the bank equals what it is owed for, and every counter equals its transfers."""
    async with context.db.begin(SYSTEM) as tx:
        found = await store.trial_balances(tx)
    return all(
        each.debits_cents == each.credits_cents
        and each.bank_cents == each.claims_cents + each.income_cents
        and each.drifted_account_count == 0
        for each in found
    )


async def as_app(context: Context, *statements: str, role: str = "system", org_id: UUID | None = None) -> None:
    """Raw SQL as the role `app`, in one transaction with the given scope."""
    connection: asyncpg.Connection = await context.db.raw_connection()
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.role', $1, true)", role)
            await connection.execute("SELECT set_config('app.org_id', $1, true)", str(org_id or ""))
            for statement in statements:
                await connection.execute(statement)
    finally:
        await connection.close()
