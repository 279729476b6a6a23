"""Where payment providers call."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.params import HeaderParameter
from litestar.types import ControllerRouterHandler

from market.kit.actor import SYSTEM
from market.settlement import schemas, service
from market.settlement.rails.stripe import MAX_EVENT_BYTES, WebhookRefused, read_event
from market.settlement.routes.doors import MONEY, Here


@post(
    "/v1/webhooks/stripe",
    status_code=200,
    tags=MONEY,
    summary="Stripe's messages",
    operation_id="receiveStripeEvent",
    request_max_body_size=MAX_EVENT_BYTES,
)
async def receive_stripe_event(
    request: Request[Any, Any, Any],
    context: Here,
    stripe_signature: Annotated[str, HeaderParameter(name="Stripe-Signature", max_length=1000)] = "",
) -> schemas.WebhookView:
    """For Stripe alone, which signs each message; refused unless the adapter is set up. A message again changes nothing."""
    secret = context.settings.stripe_webhook_secret
    if not secret:
        raise WebhookRefused("the adapter is off")
    body = await request.body()
    now = context.clock.now()
    event = read_event(body, stripe_signature, secret, now)
    async with context.db.begin(SYSTEM) as tx:
        is_new = await service.keep_event(tx, "stripe", event, body, now=now)
    return schemas.WebhookView(event.event_id, not is_new)


HANDLERS: list[ControllerRouterHandler] = [receive_stripe_event]
