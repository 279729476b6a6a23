"""Stripe as a payment provider: off unless a key is set. Stripe is no escrow service: the escrow stays with a bank.

Contract as documented for the API version named here: POST /v1/transfers, form-encoded, with a bearer key, `Idempotency-Key`
and `Stripe-Version`; webhooks signed with HMAC-SHA256 over `{timestamp}.{body}` in the header `Stripe-Signature`. Tests hold
requests and answers to Stripe's published OpenAPI document.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec

from market.kit.errors import Unauthenticated
from market.settlement.rails.orders import Batch, Order
from market.settlement.rails.providers import Outcome, Submission

API_VERSION = "2024-06-20"
TOLERANCE = timedelta(minutes=5)
MAX_EVENT_BYTES = 200_000
_TIMEOUT_S = 20
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,64}")
_WEATHER = frozenset({408, 409, 425, 429})
"""Answers after which nobody knows whether the transfer was made; the same key may be tried again."""


class WebhookRefused(Unauthenticated):
    slug, title = "webhook-refused", "The message is not signed as it should be"


class _Made(msgspec.Struct):
    id: str
    amount: int
    currency: str
    destination: str


class _Object(msgspec.Struct):
    id: str = ""
    transfer_group: str | None = None


class _Data(msgspec.Struct):
    object: _Object


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


@dataclass(frozen=True, slots=True)
class Event:
    """What Stripe told: `reference` is the payout's, if the event is about one of our transfers."""

    event_id: str
    kind: str
    reference: str | None


class StripePayments:
    """`PaymentProvider` by Stripe's transfers to connected accounts (`acct_…`)."""

    def __init__(self, key: str, *, url: str = "https://api.stripe.com") -> None:
        self._key = key
        self._url = url.rstrip("/")

    async def submit(self, orders: Sequence[Order], batch: Batch) -> Submission:
        """One transfer an order, the payout's reference as idempotency key: asking again never pays twice.

        A clear no is refused; no answer, or one that says nothing about the money, is unknown.
        """
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            return Submission({each.payout_id: await self._transfer(client, each, batch) for each in orders})

    async def _transfer(self, client: httpx.AsyncClient, order: Order, batch: Batch) -> Outcome:
        if not _ACCOUNT.fullmatch(order.number):
            return Outcome.REFUSED
        form = {
            "amount": str(order.amount_cents),
            "currency": batch.currency.lower(),
            "destination": order.number,
            "transfer_group": order.reference,
            "metadata[payout_id]": str(order.payout_id),
        }
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Idempotency-Key": order.reference,
            "Stripe-Version": API_VERSION,
        }
        try:
            answer = await client.post(f"{self._url}/v1/transfers", data=form, headers=headers)
        except httpx.HTTPError:
            return Outcome.UNKNOWN
        if 400 <= answer.status_code < 500 and answer.status_code not in _WEATHER:
            return Outcome.REFUSED
        if answer.status_code != 200:
            return Outcome.UNKNOWN
        return _confirmed(answer.content, order, batch)


def _confirmed(content: bytes, order: Order, batch: Batch) -> Outcome:
    """Given only if the answer is about this very amount and account."""
    try:
        made = msgspec.json.decode(content, type=_Made)
    except msgspec.DecodeError:
        return Outcome.UNKNOWN
    asked = (order.amount_cents, batch.currency.lower(), order.number)
    return Outcome.GIVEN if (made.amount, made.currency, made.destination) == asked else Outcome.UNKNOWN


def read_event(body: bytes, signature: str, secret: str, now: datetime) -> Event:
    """The event of a webhook, if it is signed with `secret` and its timestamp is within five minutes of `now`.

    Raises `WebhookRefused`, without saying which part is wrong.
    """
    pairs = [part.split("=", 1) for part in signature.split(",") if "=" in part]
    stamps = [value for name, value in pairs if name.strip() == "t"]
    signed = [value for name, value in pairs if name.strip() == "v1"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit()) or len(stamps[0]) > 12:
        raise WebhookRefused("the signature does not hold")
    wanted = hmac.new(secret.encode(), f"{stamps[0]}.".encode() + body, hashlib.sha256).hexdigest()
    fresh = abs(now.timestamp() - int(stamps[0])) <= TOLERANCE.total_seconds()
    # Every candidate is compared, in constant time, so that the time tells nothing.
    matches = [hmac.compare_digest(wanted.encode(), each.encode()) for each in signed]
    if not any(matches) or not fresh:
        raise WebhookRefused("the signature does not hold")
    try:
        event = msgspec.json.decode(body, type=_Event)
    except msgspec.DecodeError:
        raise WebhookRefused("the message is no event") from None
    if not (1 <= len(event.id) <= 255 and 1 <= len(event.type) <= 100):
        raise WebhookRefused("the message is no event")
    return Event(event.id, event.type, event.data.object.transfer_group)
