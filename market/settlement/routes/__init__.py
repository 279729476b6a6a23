"""The doors of money and title: deposits, statements, the books, agreements, release, payouts."""

from litestar.types import ControllerRouterHandler

from market.settlement.routes import (
    afterwards,
    books,
    files,
    flows,
    money,
    onward,
    orders,
    papers,
    rails,
    sales,
    statements,
    suspense,
    sweeps,
    taxes,
    webhooks,
    writeoffs,
)

HANDLERS: list[ControllerRouterHandler] = [
    *money.HANDLERS,
    *rails.HANDLERS,
    *suspense.HANDLERS,
    *sweeps.HANDLERS,
    *writeoffs.HANDLERS,
    *orders.HANDLERS,
    *statements.HANDLERS,
    *webhooks.HANDLERS,
    *taxes.HANDLERS,
    *books.HANDLERS,
    *papers.HANDLERS,
    *sales.HANDLERS,
    *afterwards.HANDLERS,
    *onward.HANDLERS,
    *flows.HANDLERS,
    *files.HANDLERS,
]
