"""Every command of this room may come with an `Idempotency-Key`: sent again, it is answered as the first time."""

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import HeaderParameter
from litestar.serialization import encode_json

from market.db.context import Context
from market.db.session import Joined
from market.kit.actor import Actor
from market.settlement import service

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=64,
        pattern="^[!-~]+$",
        description="Yours, new for every command (a UUID does well). The same key with the same bytes, by the same person"
        " within 30 days, does nothing and is answered as the first time; with others it is refused (`key-reused`).",
    ),
]


def once(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The handler of a command, which takes `context` and `actor`; with a key in the header it happens once.

    All that the handler does becomes a part of the transaction that keeps its answer: both are there after a crash, or
    neither. So a command holds one connection, and what is to stay after a refusal is done around it.
    """
    asks = inspect.signature(handler).parameters

    @wraps(handler)
    async def command(
        request: Request[Any, Any, Any],
        context: Context,
        actor: Actor,
        idempotency_key: str | None = None,
        **given: Any,
    ) -> Any:
        if "request" in asks:
            given["request"] = request
        if idempotency_key is None:
            return await handler(context=context, actor=actor, **given)
        asked = service.Command(actor, idempotency_key, await _digest(request))
        now, vault = context.clock.now(), context.vault
        async with context.db.begin(actor) as tx:
            outcome = await service.find_outcome(tx, asked, now=now, vault=vault)
            if outcome is None:
                joined = replace(context, db=Joined(context.db, actor, tx))
                answer = await handler(context=joined, actor=actor, **given)
                outcome = service.Outcome(_status(request), encode_json(answer))
                await service.keep_outcome(tx, asked, outcome, now=now, chance=context.chance, vault=vault)
        return Response(outcome.body, status_code=outcome.status, media_type="application/json")

    added = {"request": Request[Any, Any, Any], "idempotency_key": Key}
    command.__annotations__ = {**handler.__annotations__, **added}
    command.__signature__ = _extended(inspect.signature(handler), added)  # type: ignore[attr-defined]
    return command


def _extended(known: inspect.Signature, added: dict[str, Any]) -> inspect.Signature:
    """The framework reads from it what to hand in."""
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = {name: each.replace(kind=kind) for name, each in known.parameters.items()}
    for name, annotation in added.items():
        default = None if name == "idempotency_key" else inspect.Parameter.empty
        parameters[name] = inspect.Parameter(name, kind, default=default, annotation=annotation)
    return known.replace(parameters=list(parameters.values()))


async def _digest(request: Request[Any, Any, Any]) -> str:
    """Of address and content, byte for byte as they came."""
    head = f"{request.method} {request.scope['path']}?".encode() + request.scope["query_string"] + b"\n"
    content = await request.body()
    return await asyncio.to_thread(lambda: hashlib.sha256(head + content).hexdigest())


def _status(request: Request[Any, Any, Any]) -> int:
    status: int = request.route_handler.status_code
    return status
