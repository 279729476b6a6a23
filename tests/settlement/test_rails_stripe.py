"""Stripe's contract (`stripe_contract`), against a real server that keeps to it; and its signed messages, once each."""

import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import httpx
import pytest

from market.app import create_app
from market.settlement.rails.orders import Batch, Order
from market.settlement.rails.providers import Outcome
from market.settlement.rails.stripe import API_VERSION, StripePayments, WebhookRefused, read_event
from tests.settlement import stripe_contract

BATCH = Batch("B", "USD", datetime(2026, 11, 22, tzinfo=UTC), date(2026, 11, 23))
SECRET = "whsec_test"


class FakeStripe(ThreadingHTTPServer):
    """Keeps to the published contract: keyed idempotency, form bodies, JSON answers and errors. `flaws` are departures from it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.by_key: dict[str, tuple[dict[str, str], dict]] = {}
        self.mood = "good"
        self.flaws: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeStripe

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
        self.server.seen.append((self.path, dict(self.headers), form))
        self.server.flaws += stripe_contract.flaws(stripe_contract.TRANSFER_ASKED, stripe_contract.asked(form))
        if self.server.mood == "silent":
            self.connection.close()
            return None
        if self.headers["Authorization"] != "Bearer sk_test_1":
            return self._say(401, {"error": {"type": "invalid_request_error"}})
        moods = {
            "poor": (400, "balance_insufficient"),
            "busy": (429, "rate_limit"),
            "broken": (500, "api_error"),
            "locked": (409, "lock"),
        }
        if self.server.mood in moods:
            status, code = moods[self.server.mood]
            return self._say(status, {"error": {"type": "invalid_request_error", "code": code}})
        key = self.headers["Idempotency-Key"]
        if key in self.server.by_key:
            before, answer = self.server.by_key[key]
            return (
                self._say(200, answer) if before == form else self._say(400, {"error": {"type": "idempotency_error"}})
            )
        amount = int(form["amount"]) + (1 if self.server.mood == "wrong" else 0)
        answer = {
            "id": "tr_1",
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "created": 1_795_000_000,
            "currency": form["currency"],
            "destination": None if self.server.mood == "nowhere" else form["destination"],
            "livemode": False,
            "metadata": {"payout_id": form["metadata[payout_id]"]},
            "reversals": {"object": "list", "data": [], "has_more": False, "url": "/v1/transfers/tr_1/reversals"},
            "reversed": False,
            "transfer_group": form["transfer_group"],
        }
        self.server.by_key[key] = (form, answer)
        return self._say(200, answer)

    def _say(self, status, body):
        promised = stripe_contract.TRANSFER if status == 200 else stripe_contract.ERROR
        self.server.flaws += stripe_contract.flaws(promised, body)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def stripe():
    server = FakeStripe()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
    assert server.flaws == []


def order(cents=500, *, number="acct_1ABC", ref="PAYOUT-A-1"):
    return Order(UUID(int=1), ref, cents, "Seller", "stripe", number)


async def submit(stripe, *orders, key="sk_test_1"):
    return list((await StripePayments(key, url=stripe.url).submit(orders, BATCH)).outcomes.values())


async def test_a_transfer_is_asked_for_as_documented(stripe):
    assert await submit(stripe, order()) == [Outcome.GIVEN]
    ((path, headers, form),) = stripe.seen
    assert path == "/v1/transfers"
    assert headers["Idempotency-Key"] == "PAYOUT-A-1"
    assert headers["Stripe-Version"] == API_VERSION
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form == {
        "amount": "500", "currency": "usd", "destination": "acct_1ABC", "transfer_group": "PAYOUT-A-1",
        "metadata[payout_id]": str(UUID(int=1)),
    }  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [{"currency": "usd"}, {"currency": "usd", "destination": "acct_1", "amount": "5.00"},
     {"currency": "usd", "destination": "acct_1", "reference": "PAYOUT-A-1"},
     {"currency": "usd", "destination": "acct_1", "source_type": "cash"}],
)  # fmt: skip
def test_the_contract_refuses_what_stripe_does_not_know(form):
    assert stripe_contract.flaws(stripe_contract.TRANSFER_ASKED, stripe_contract.asked(form))


async def test_asking_again_pays_nobody_twice_and_another_amount_is_refused(stripe):
    assert await submit(stripe, order()) == await submit(stripe, order()) == [Outcome.GIVEN]
    assert len(stripe.by_key) == 1
    assert await submit(stripe, order(501)) == [Outcome.REFUSED]
    assert len(stripe.by_key) == 1


@pytest.mark.parametrize(
    ("mood", "outcome"),
    [("poor", Outcome.REFUSED), ("busy", Outcome.UNKNOWN), ("locked", Outcome.UNKNOWN), ("broken", Outcome.UNKNOWN),
     ("silent", Outcome.UNKNOWN), ("wrong", Outcome.UNKNOWN), ("nowhere", Outcome.UNKNOWN)],
)  # fmt: skip
async def test_only_a_clear_no_is_a_no(stripe, mood, outcome):
    stripe.mood = mood
    assert await submit(stripe, order()) == [outcome]


async def test_a_wrong_key_or_account_is_refused_and_nobody_at_home_is_unknown(stripe):
    assert await submit(stripe, order(), key="sk_other") == [Outcome.REFUSED]
    before = len(stripe.seen)
    assert await submit(stripe, order(number="DE89370400440532013000")) == [Outcome.REFUSED]
    assert len(stripe.seen) == before
    assert list((await StripePayments("k", url="http://127.0.0.1:1").submit([order()], BATCH)).outcomes.values()) == [
        Outcome.UNKNOWN
    ]


# Messages.


def event(**changes) -> bytes:
    body = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "created": 1_795_000_000,
        "livemode": False,
        "pending_webhooks": 1,
        "type": "transfer.created",
        "data": {"object": {"id": "tr_1", "transfer_group": "PAYOUT-A-1"}},
    }
    return json.dumps(body | changes).encode()


def signed(body: bytes, at: datetime, *, secret=SECRET, scheme="v1") -> str:
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},{scheme}={digest}"


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_signed_message_is_read():
    body = event(id="evt_1")
    assert stripe_contract.flaws(stripe_contract.EVENT, json.loads(body)) == []
    found = read_event(body, signed(body, NOW), SECRET, NOW)
    assert (found.event_id, found.kind, found.reference) == ("evt_1", "transfer.created", "PAYOUT-A-1")


def test_one_right_signature_among_several_is_enough_while_a_secret_is_changed():
    body = event()
    both = f"{signed(body, NOW, secret='old')},{signed(body, NOW).split(',')[1]}"
    assert read_event(body, both, SECRET, NOW)


@pytest.mark.parametrize("ahead", [timedelta(minutes=-5), timedelta(), timedelta(minutes=5)])
def test_a_message_within_five_minutes_is_believed(ahead):
    body = event()
    assert read_event(body, signed(body, NOW + ahead), SECRET, NOW)


_BODY = event(id="evt_1")


@pytest.mark.parametrize(
    "signature",
    ["", "t=1", "v1=00", signed(_BODY, NOW, secret="other"), signed(_BODY, NOW, scheme="v0"), signed(_BODY + b" ", NOW),
     signed(_BODY, NOW - timedelta(minutes=5, seconds=1)), signed(_BODY, NOW + timedelta(minutes=5, seconds=1)),
     "t=x," + signed(_BODY, NOW).split(",")[1], "t=1,t=2," + signed(_BODY, NOW), "t=٣,v1=é"],
)  # fmt: skip
def test_what_is_not_signed_just_now_with_the_secret_is_refused(signature):
    with pytest.raises(WebhookRefused):
        read_event(_BODY, signature, SECRET, NOW)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", event(id=""), event(type=7), b'{"id": "e", "type": "t"}'])
def test_what_is_signed_but_no_event_is_refused(body):
    with pytest.raises(WebhookRefused):
        read_event(body, signed(body, NOW), SECRET, NOW)


async def test_a_message_counts_once_however_often_it_comes(context):
    on = replace(context, settings=replace(context.settings, stripe_webhook_secret=SECRET))
    body, now = event(), context.clock.now()
    headers = {"Stripe-Signature": signed(body, now), "Content-Type": "application/json"}
    for there, wanted in ((context, [401]), (on, [200, 200])):
        transport = httpx.ASGITransport(app=create_app(there))
        async with httpx.AsyncClient(transport=transport, base_url="http://market.test") as client:
            answers = [await client.post("/v1/webhooks/stripe", content=body, headers=headers) for _ in wanted]
            forged = await client.post("/v1/webhooks/stripe", content=body + b" ", headers=headers)
        assert [each.status_code for each in answers] == wanted
        assert forged.status_code == 401
    assert [each.json()["duplicate"] for each in answers] == [False, True]
