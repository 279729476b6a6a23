"""Draws terms and commands that meet at the edges: ties, steps, the reserve, the last microsecond."""

from datetime import timedelta

from auctions.messages import (
    BuyNow,
    Cancel,
    CancelCeiling,
    Close,
    DeclineHighest,
    Open,
    Pause,
    PlaceBid,
    Reason,
    RefuseBid,
    Resume,
    SetCeiling,
    Standing,
    TakeHighest,
    VoidBid,
)
from auctions.terms import LATEST_RULES, EnglishTerms, IncrementStep
from tests.auctions.samples import OPENS_AT, US

BIDDERS = ("ada", "bob", "cy", "dee")


def draw_terms(rng):
    opening = rng.choice((1, 7, 100, 1_000))
    reserve = rng.choice((None, opening, opening + 1, opening + 350, opening * 3, opening * 9))
    closes_at = OPENS_AT + timedelta(seconds=rng.choice((60, 600, 3_600)))
    return EnglishTerms(
        currency="USD",
        opening_cents=opening,
        reserve_cents=reserve,
        increments=_draw_ladder(rng),
        opens_at=OPENS_AT,
        closes_at=closes_at,
        latest_close_at=closes_at + timedelta(seconds=rng.choice((0, 1, 90, 900))),
        soft_close_window_s=rng.choice((0, 1, 60, 180)),
        soft_close_extension_s=rng.choice((0, 1, 60, 180)),
        buy_now_cents=rng.choice((None, None, (reserve or opening) + rng.choice((1, 500, 20_000)))),
        confirm_multiple=rng.choice((2, 10, 1_000)),
        below_reserve_answer_s=rng.choice((None, 1, 600)),
        tape_version="tape-1",
        face_value_cents=1_000_000,
        rules={7: 1, 1_000: 2}.get(opening, LATEST_RULES),
    )


def _draw_ladder(rng):
    from_cents, steps = 0, []
    for increment_cents in sorted(rng.choice((1, 10, 100, 333)) for _ in range(rng.choice((1, 1, 2, 4)))):
        steps.append(IncrementStep(from_cents, increment_cents))
        from_cents += rng.choice((1, 150, 1_000, 2_500))
    return tuple(steps)


def draw_wait(rng, auction):
    """An instant for the next command, mostly soon, often at the very edge of the interval."""
    edges = (auction.closes_at - US, auction.closes_at, auction.closes_at + US, auction.terms.opens_at - US)
    return rng.choice(edges) if rng.random() < 0.1 else None


def draw_command(rng, auction, cid, bid_seqs):
    """One command against the state as it is; mostly bids near the amounts that matter."""
    what, who = rng.random(), rng.choice(BIDDERS)
    standing = _draw_standing(rng, auction)
    if what < 0.40:
        confirmed = rng.random() < 0.8
        return PlaceBid(
            bidder=who, cid=cid, amount_cents=_draw_amount(rng, auction), confirmed=confirmed, standing=standing
        )
    if what < 0.78:
        confirmed = rng.random() < 0.8
        return SetCeiling(
            bidder=who, cid=cid, ceiling_cents=_draw_amount(rng, auction), confirmed=confirmed, standing=standing
        )
    if what < 0.84:
        return CancelCeiling(bidder=rng.choice((who, auction.leader or who)), cid=cid, standing=standing)
    if what < 0.85:
        return BuyNow(bidder=who, cid=cid, standing=standing)
    if what < 0.92:
        seq = rng.choice(bid_seqs) if bid_seqs and rng.random() < 0.9 else rng.randint(1, auction.seq + 1)
        return rng.choice((RefuseBid, VoidBid))(seq=seq, reason="because")
    return rng.choice((Open(), Pause(reason="because"), Resume(), Resume(), Close(), _cancel_rarely(rng)))


def draw_answer(rng, auction):
    """What the seller may say after the close, and an instant near the edges of the time to say it."""
    until = auction.answer_until or auction.closes_at
    seq_seen = max(1, auction.seq - rng.choice((0, 0, 0, 1, 2, -1)))
    price = auction.price_cents or 1
    standings = (Standing(), Standing(limit_cents=price), Standing(limit_cents=price - 1), Standing(Reason.NOT_CLEARED))
    taking = TakeHighest(seq_seen=seq_seen, standing=rng.choice(standings))
    command = rng.choice((taking, taking, DeclineHighest(seq_seen=seq_seen), Close()))
    return command, rng.choice((auction.closes_at, until - US, until, until + US))


def _cancel_rarely(rng):
    return Cancel(reason="because") if rng.random() < 0.2 else Resume()


def _draw_amount(rng, auction):
    marks = [auction.min_next_cents] * 3
    marks += [auction.terms.opening_cents, auction.terms.reserve_cents, auction.terms.buy_now_cents]
    marks += [auction.price_cents, auction.leader_ceiling_cents, auction.leader_ceiling_cents]
    marks += [step.from_cents for step in auction.terms.increments]
    mark = rng.choice([mark for mark in marks if mark is not None])
    return max(1, mark + rng.choice((-1, 0, 0, 1, 10, 100, rng.randint(0, 3_000))))


def _draw_standing(rng, auction):
    if rng.random() < 0.9:
        return Standing()
    if rng.random() < 0.5:
        return Standing(refusal=rng.choice((Reason.NOT_CLEARED, Reason.OWN_POOL, Reason.NO_DEPOSIT)))
    return Standing(limit_cents=auction.min_next_cents + rng.choice((0, 50, 500)))


def play(rng, hall, count, watch=lambda *_: None):
    """Send `count` drawn commands to the hall; `watch` sees state before, command, instant and answer of each."""
    hall.now = OPENS_AT
    for number in range(count):
        before = hall.auction
        command = draw_command(rng, before, f"c{number}", [bid.seq for bid in before.bids])
        at = draw_wait(rng, before)
        if at is None:
            hall.now += rng.choice((US, US, timedelta(seconds=1), timedelta(seconds=7), timedelta(seconds=61)))
            at = hall.now
        watch(before, command, at, hall.say(command, at))
