"""What Stripe's published OpenAPI document says of the three things that the adapter meets, in our words: names, types, bounds.

Source: github.com/stripe/openapi (MIT), latest/openapi.spec3.json at commit a2de9917ac9c7be3ba11abd5151b5c2df3add59e: operation
PostTransfers, schemas transfer, event and error (api_errors), read in December 2026. Members that neither side here sends or reads are
left out where the document does not require them. `nullable` is written as the type null.
"""

from typing import Any

from jsonschema import Draft202012Validator

_TEXT = {"type": "string", "maxLength": 5000}
_TEXT_OR_NOT = {"type": ["string", "null"], "maxLength": 5000}
_NUMBER, _TRUTH = {"type": "integer"}, {"type": "boolean"}


def _an(kind: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": {"object": {"const": kind}, **properties}}


TRANSFER_ASKED = {
    "type": "object",
    "required": ["currency", "destination"],
    "additionalProperties": False,
    "properties": {
        "amount": _NUMBER,
        "currency": {"type": "string"},
        "description": _TEXT,
        "destination": {"type": "string"},
        "expand": {"type": "array", "items": _TEXT},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "source_transaction": {"type": "string"},
        "source_type": {"enum": ["bank_account", "card", "fpx"]},
        "transfer_group": {"type": "string"},
    },
}
"""The form of `POST /v1/transfers` (application/x-www-form-urlencoded; `metadata` as deepObject)."""

TRANSFER = _an(
    "transfer",
    [
        "amount", "amount_reversed", "created", "currency", "id", "livemode", "metadata", "object", "reversals", "reversed",
    ],
    amount=_NUMBER,
    amount_reversed=_NUMBER,
    created=_NUMBER,
    currency={"type": "string"},
    destination=_TEXT_OR_NOT,  # an account instead if the request asks to `expand` it, which ours does not
    id=_TEXT,
    livemode=_TRUTH,
    metadata={"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}},
    reversals=_an("list", ["data", "has_more", "object", "url"], data={"type": "array"}, has_more=_TRUTH, url=_TEXT),
    reversed=_TRUTH,
    transfer_group=_TEXT_OR_NOT,
)  # fmt: skip
"""The answer 200."""

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["api_error", "card_error", "idempotency_error", "invalid_request_error"]},
                "code": _TEXT,
            },
        }
    },
}
"""Any other answer."""

EVENT = _an(
    "event",
    ["created", "data", "id", "livemode", "object", "pending_webhooks", "type"],
    created=_NUMBER,
    data={"type": "object", "required": ["object"], "properties": {"object": {"type": "object"}}},
    id=_TEXT,
    livemode=_TRUTH,
    pending_webhooks=_NUMBER,
    type=_TEXT,
)
"""The body of a webhook."""


def flaws(schema: dict[str, Any], found: Any) -> list[str]:
    """How what was sent or answered departs from the contract."""
    return [error.message for error in Draft202012Validator(schema).iter_errors(found)]


def asked(form: dict[str, str]) -> dict[str, Any]:
    """A form as the document types it: whole numbers, and `metadata[name]` as members of `metadata`."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        if name.startswith("metadata[") and name.endswith("]"):
            found.setdefault("metadata", {})[name[9:-1]] = value
        else:
            found[name] = int(value) if name == "amount" and value.isdigit() else value
    return found
