"""Two runs that differ only in what is hidden are equal, byte for byte, for those it is hidden from."""

import json
from datetime import timedelta

import pytest

from auctions.messages import Close, PlaceBid
from auctions.moves import AcceptStep, ArmStep, CounterOffer, Indicate, PlaceBinding, SealBid, Shortlist
from auctions.terms import (
    BestOfferTerms,
    Binding,
    DutchTerms,
    HybridTerms,
    IncrementStep,
    SealedTerms,
    Sealing,
    TwoStageTerms,
)
from auctions.views import OBSERVER, OTHER_BIDDER, PUBLIC, SELLER, Audience, Role, project, snapshot
from tests.auctions.formats import COMMON, S
from tests.auctions.samples import CLOSES_AT, OPENS_AT, Hall, terms

BOB = Audience(Role.BIDDER, "bob")
STRANGERS = (OTHER_BIDDER, BOB, OBSERVER, PUBLIC)


def english_reserve(secret):
    hall = Hall(terms(reserve_cents=100_000 + secret))
    hall.bid("ada", 1_000)
    hall.bid("bob", 2_000)
    return hall


def english_ceiling(secret):
    hall = Hall()
    hall.ceiling("ada", 50_000 + secret)
    hall.bid("bob", 3_000)
    return hall


def sealed_amount_and_reserve(secret):
    sealed = SealedTerms(**COMMON, closes_at=CLOSES_AT, opening_cents=1_000, reserve_cents=3_000 + secret)
    hall = Hall(sealed)
    hall.say(PlaceBid(bidder="ada", cid="1", amount_cents=2_000 + secret))
    hall.say(PlaceBid(bidder="bob", cid="2", amount_cents=1_500))
    hall.say(PlaceBid(bidder="ada", cid="3", amount_cents=2_500 + secret))
    return hall


def sealed_by_clients(secret):
    hall = Hall(
        SealedTerms(
            **COMMON, closes_at=CLOSES_AT, opening_cents=1_000, sealing=Sealing.CLIENT, sealing_key="ab" * 32,
            most_cents=9_000,
        )
    )  # fmt: skip
    hall.say(SealBid(bidder="ada", cid="1", sealed=f"bytes{secret}", commitment=f"{secret:064x}"))
    return hall


def dutch_armed_step(secret):
    hall = Hall(DutchTerms(**COMMON, start_cents=10_000, floor_cents=1_000, step_cents=100, interval_s=60))
    hall.say(ArmStep(bidder="ada", cid="1", step=20 + secret))
    return hall


def best_offer_and_counter(secret):
    hall = Hall(BestOfferTerms(**COMMON, closes_at=CLOSES_AT, opening_cents=1_000))
    hall.say(PlaceBid(bidder="ada", cid="1", amount_cents=2_000 + secret))
    hall.say(CounterOffer(bid_seq=3, price_cents=5_000 + secret, expires_at=CLOSES_AT))
    return hall


def hybrid_sealed_part(secret):
    hall = Hall(HybridTerms.from_json({"preset": "dgf-2018", "start_cents": 10_000, **_plain()}))
    hall.now = OPENS_AT + 31 * S
    hall.say(_accept())
    hall.now += 21 * S
    hall.say(PlaceBid(bidder="ada", cid="2", amount_cents=11_000 + secret))
    return hall


def _plain():
    return {**COMMON, "opens_at": OPENS_AT.isoformat()}


def _accept():
    return AcceptStep(bidder="cy", cid="1", step=0, price_cents=10_000)


def two_stage_indication_and_binding(secret):
    hall = Hall(
        TwoStageTerms(
            **COMMON, opening_cents=1_000, reserve_cents=2_000 + secret, indicative_s=60, shortlist_s=60,
            shortlist_most=2, due_diligence_s=60, binding_s=60,
        )
    )  # fmt: skip
    hall.say(Indicate(bidder="ada", cid="1", low_cents=3_000 + secret, high_cents=4_000 + secret))
    hall.say(Indicate(bidder="bob", cid="2", low_cents=3_000, high_cents=4_000))
    hall.say(Indicate(bidder="cy", cid="3", low_cents=3_000, high_cents=4_000))
    hall.now += timedelta(seconds=60)
    hall.say(Close())
    hall.say(Shortlist(chosen=("ada", "bob"), declined=(("cy", f"reason {secret}"),)))
    hall.now += timedelta(seconds=60)
    hall.say(Close())
    hall.say(PlaceBinding(bidder="ada", cid="4", amount_cents=5_000 + secret))
    return hall


def two_stage_reason_and_ceiling(secret):
    hall = Hall(
        TwoStageTerms(
            **COMMON, opening_cents=1_000, reserve_cents=90_000 + secret, indicative_s=60, shortlist_s=60,
            shortlist_most=2, due_diligence_s=60, binding_s=60, binding=Binding.ENGLISH,
            increments=(IncrementStep(0, 100),),
        )
    )  # fmt: skip
    hall.say(Indicate(bidder="ada", cid="1", low_cents=30_000 + secret, high_cents=40_000))
    hall.say(Indicate(bidder="bob", cid="2", low_cents=1_000, high_cents=4_000))
    hall.now += timedelta(seconds=60)
    hall.say(Close())
    hall.say(Shortlist(chosen=("ada", "bob"), declined=()))
    hall.now += timedelta(seconds=60)
    hall.say(Close())
    hall.say(PlaceBinding(bidder="ada", cid="3", amount_cents=5_000, reason=f"reason {secret}"))
    hall.ceiling("ada", 50_000 + secret)
    hall.bid("bob", 6_000)
    return hall


SECRETS = [
    (english_reserve, STRANGERS),
    (english_ceiling, (*STRANGERS, SELLER)),
    (sealed_amount_and_reserve, STRANGERS),
    (sealed_by_clients, (*STRANGERS, SELLER)),
    (dutch_armed_step, (*STRANGERS, SELLER)),
    (best_offer_and_counter, STRANGERS),
    (hybrid_sealed_part, (*STRANGERS, SELLER)),
    (two_stage_indication_and_binding, STRANGERS),
    (two_stage_reason_and_ceiling, STRANGERS),
]


def shown(hall, audience):
    """Every byte that leaves for an audience: each event, and the snapshot at the end."""
    return json.dumps([[project(event, audience) for event in hall.log], snapshot(hall.auction, audience)])


@pytest.mark.parametrize(("run", "audiences"), SECRETS, ids=[run.__name__ for run, _ in SECRETS])
def test_runs_that_differ_only_in_what_is_hidden_are_equal_to_the_byte(run, audiences):
    one, other = run(1), run(7)
    assert one.log != other.log
    assert one.auction.seq == other.auction.seq
    for audience in audiences:
        assert shown(one, audience) == shown(other, audience), audience
