"""The doors for people and programs: registering, signing in, proving it is you, keys."""

from litestar.types import ControllerRouterHandler

from market.parties.routes import factors, keys, people, sessions, staff
from market.parties.routes.who import (
    COOKIE,
    STEP_UP,
    actor_of,
    address_of,
    count_attempt,
    host_of,
    provide_actor,
    refuse_other_sites,
)

HANDLERS: list[ControllerRouterHandler] = [
    *people.HANDLERS,
    *staff.HANDLERS,
    *sessions.HANDLERS,
    *factors.HANDLERS,
    *keys.HANDLERS,
]

__all__ = [
    "COOKIE",
    "HANDLERS",
    "STEP_UP",
    "actor_of",
    "address_of",
    "count_attempt",
    "host_of",
    "provide_actor",
    "refuse_other_sites",
]
