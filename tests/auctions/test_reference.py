"""The engine agrees with a second, naive statement of the rules, on thousands of drawn auctions."""

import random
from collections import Counter
from dataclasses import replace

from auctions.auction import Phase
from auctions.engine import Accepted
from auctions.messages import (
    BuyNow,
    Cancel,
    CancelCeiling,
    Close,
    DeclineHighest,
    Open,
    Pause,
    PlaceBid,
    RefuseBid,
    Resume,
    SetCeiling,
    TakeHighest,
    VoidBid,
)
from tests.auctions.drawing import draw_answer, draw_command, draw_terms, play
from tests.auctions.samples import Hall
from tests.reference.english import English, No


def tell(reference, command, at, seq, *, is_stale):
    """Say the same to the reference; a bid is known there by the seq that the engine gave it."""
    match command:
        case PlaceBid() | SetCeiling():
            exact = isinstance(command, PlaceBid)
            reference.bid(
                seq,
                command.bidder,
                command.amount_cents if exact else command.ceiling_cents,
                at,
                exact=exact,
                confirmed=command.confirmed,
                limit=command.standing.limit_cents,
                barred=command.standing.refusal,
            )
        case CancelCeiling():
            reference.lower(command.bidder, at, barred=command.standing.refusal)
        case BuyNow():
            reference.buy(command.bidder, at, limit=command.standing.limit_cents, barred=command.standing.refusal)
        case RefuseBid() | VoidBid():
            reference.strike(command.seq, at, by_seller=isinstance(command, RefuseBid))
        case Open():
            reference.open(at)
        case Pause():
            reference.pause(at)
        case Resume():
            reference.resume(at)
        case Cancel():
            reference.cancel(at)
        case Close():
            reference.close(at)
        case TakeHighest():
            limit, barred = command.standing.limit_cents, command.standing.refusal
            reference.take(at, is_stale=is_stale, limit=limit, barred=barred)
        case DeclineHighest():
            reference.decline(at, is_stale=is_stale)


def answer_of(reference, before, command, at, decision):
    bids = [e.seq for e in decision.events if e.kind == "bid_accepted"] if isinstance(decision, Accepted) else []
    try:
        is_stale = getattr(command, "seq_seen", before.seq) != before.seq
        tell(reference, command, at, bids[0] if bids else None, is_stale=is_stale)
    except No as no:
        return str(no)
    if reference.phase == "scheduled" and not isinstance(command, Cancel | Close | TakeHighest | DeclineHighest):
        reference.phase = "open"
    return "ok"


def state_of(auction):
    return {
        "phase": auction.phase.value,
        "standing": (auction.leader, auction.price_cents, auction.leader_ceiling_cents),
        "least": auction.min_next_cents,
        "met": auction.reserve_met,
        "closes": (auction.closes_at, auction.latest_close_at, auction.answer_until),
        "end": (auction.winner, auction.hammer_cents, auction.phase_reason),
    }


def state_of_reference(reference):
    return {
        "phase": reference.phase,
        "standing": reference.standing()[:3],
        "least": reference.least(),
        "met": reference.met,
        "closes": (reference.closes_at, reference.latest_close_at, reference.answer_until),
        "end": (reference.winner, reference.hammer, reference.why),
    }


def run_both(seed, counts, **changes):
    rng = random.Random(seed)
    hall = Hall(replace(draw_terms(rng), **changes))
    reference = English(hall.terms)

    def compare(before, command, at, decision):
        said = "ok" if isinstance(decision, Accepted) else decision.reason.value
        assert answer_of(reference, before, command, at, decision) == said, (seed, command, at)
        assert state_of(hall.auction) == state_of_reference(reference), (seed, command, at)
        counts[type(command), said] += 1

    play(rng, hall, 30, compare)
    for command in (Resume(), Close()):
        at = hall.auction.closes_at
        compare(hall.auction, command, at, hall.say(command, at))
    if hall.auction.phase is Phase.AWARDING:
        at = hall.auction.closes_at
        late = draw_command(rng, hall.auction, "late", [2])
        compare(hall.auction, late, at, hall.say(late, at))
    for _ in range(3):
        command, at = draw_answer(rng, hall.auction)
        compare(hall.auction, command, at, hall.say(command, at))
    counts[hall.auction.phase] += 1


def test_the_engine_and_the_naive_rules_agree_on_thousands_of_auctions():
    counts = Counter()
    for seed in range(4_000):
        run_both(seed, counts)
    often = {Phase.AWARDED, Phase.FAILED, Phase.CANCELLED, (BuyNow, "ok"), (CancelCeiling, "ok"), (VoidBid, "ok")}
    assert min(counts[thing] for thing in often) > 50, "the drawn auctions no longer reach what they should test"


def test_they_agree_on_what_a_seller_may_do_below_the_reserve():
    counts = Counter()
    for seed in range(1_500):
        run_both(seed, counts, reserve_cents=10_000_000, buy_now_cents=None, below_reserve_answer_s=600)
    answers = {(TakeHighest, said) for said in ("ok", "STALE", "NOT_ELIGIBLE", "LIMIT")} | {(DeclineHighest, "ok")}
    assert min(counts[thing] for thing in answers) > 20, "the drawn auctions no longer reach what they should test"
