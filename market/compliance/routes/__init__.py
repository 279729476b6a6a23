"""The doors of compliance."""

from litestar.types import ControllerRouterHandler

from market.compliance.routes import audit, cases, officers

HANDLERS: list[ControllerRouterHandler] = [*cases.HANDLERS, *officers.HANDLERS, *audit.HANDLERS]
