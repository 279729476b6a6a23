"""The doors of money and title: deposits, statements, the books, agreements, release, payouts."""

from litestar.types import ControllerRouterHandler

from market.settlement.routes import books, files, money, papers, rails, sales

HANDLERS: list[ControllerRouterHandler] = [
    *money.HANDLERS,
    *rails.HANDLERS,
    *books.HANDLERS,
    *papers.HANDLERS,
    *sales.HANDLERS,
    *files.HANDLERS,
]
