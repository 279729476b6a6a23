"""Bodies that the documents show are taken as they stand."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from msgspec.json import decode, encode

from auctions.presets import fill
from auctions.terms import terms_from_json
from market.bidding.schemas import BidBody, PublishBody
from market.live.protocol import Proxy
from market.live.reading import read
from market.parties.schemas import ProofBody
from market.settlement.flows import FlowTerms
from market.settlement.schemas import FlowIn

DOCS = Path(__file__).resolve().parents[2] / "docs"
_FLOW_ID = UUID("01920000-0000-7000-8000-000000000000")


def _shown(page: str, pattern: str) -> str:
    found = re.search(pattern, (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert found is not None, f"{page} shows no such body"
    return found[1]


def test_the_terms_of_a_forward_flow_are_a_proposal_once_the_options_are_said() -> None:
    terms = decode(_shown("settlement.md", r"`terms\.json` is.*?```json\n(.*?)```"), type=dict)
    said = {"as_party": "seller", "other_org_id": _FLOW_ID, "typed_name": "Sal Seller"}
    made: FlowTerms = decode(encode(terms | said), type=FlowIn).to_proposal(_FLOW_ID).terms
    assert (made.period_count, made.price_bps, made.accounts.states) == (12, 800, ("CA", "NY"))


def test_a_ceiling_is_an_amount_over_http_and_a_ceiling_on_the_socket() -> None:
    body = decode(_shown("guide-buyer.md", r'`(\{"kind": "proxy".*?\})`'), type=BidBody)
    command = read(_shown("guide-buyer.md", r'`(\{"op": "proxy".*?\})`'))
    assert isinstance(command, Proxy)
    assert (body.kind, body.amount_cents) == ("proxy", command.ceiling_cents)


def test_an_auction_is_published_with_the_body_that_sellers_are_shown() -> None:
    body = decode(_shown("guide-seller.md", r"POST /v1/auctions`\..*?```json\n(.*?)```"), type=PublishBody)
    of_pool = {"format": body.format, "currency": "USD", "tape_version": "1", "face_value_cents": 191_150_860}
    assert body.preset is not None
    terms = terms_from_json({**fill(body.format, body.preset, body.terms), **of_pool})
    assert terms.closes_at - terms.opens_at == timedelta(days=1)


def test_a_proof_is_shown_as_it_is_taken() -> None:
    body = decode(_shown("signing-in.md", r"-d '([^']*)' \S*/v1/session/proof"), type=ProofBody)
    assert (body.kind, body.text) == ("totp", "123456")
