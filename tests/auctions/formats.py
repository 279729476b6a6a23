"""The formats with a book, as the tests draw them: terms, commands at the edges, and the naive statement of each."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auctions.messages import (
    BuyNow,
    Cancel,
    CancelCeiling,
    Close,
    Open,
    Pause,
    PlaceBid,
    Reason,
    RefuseBid,
    Resume,
    SetCeiling,
    Standing,
    VoidBid,
)
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    AwardOffer,
    CounterOffer,
    Indicate,
    OpenBids,
    Opened,
    PlaceBinding,
    PlacePackageBid,
    ReviseTape,
    SealBid,
    Shortlist,
    Stage,
    Tick,
    Withdraw,
)
from auctions.sealed import commitment_of
from auctions.terms import (
    LATEST_RULES,
    BestOfferTerms,
    Binding,
    DutchTerms,
    FixedPriceTerms,
    HybridTerms,
    IncrementStep,
    PackageTerms,
    Packaging,
    PoolOffer,
    Pricing,
    SealedTerms,
    Sealing,
    TwoStageTerms,
)
from auctions.views import OBSERVER, OFFICER, OTHER_BIDDER, PUBLIC, SELLER, Audience, Role
from tests.auctions.samples import OPENS_AT, US, Hall
from tests.reference.asking import BestOffer, FixedPrice
from tests.reference.dutch import Dutch
from tests.reference.hybrid import Hybrid
from tests.reference.packages import Packages
from tests.reference.sealed import Sealed
from tests.reference.two_stage import TwoStage

BIDDERS = ("ada", "bob", "cy", "dee")
AUDIENCES = [*(Audience(Role.BIDDER, name) for name in BIDDERS), OTHER_BIDDER, OBSERVER, SELLER, OFFICER, PUBLIC]
COMMON = {
    "currency": "USD",
    "opens_at": OPENS_AT,
    "tape_version": "tape-1",
    "face_value_cents": 1_000_000,
    "rules": LATEST_RULES,
}
S = timedelta(seconds=1)


@dataclass(frozen=True)
class Format:
    """How a format is drawn: `terms(rng)`, `command(rng, auction, who, cid, now)`, and its `reference(terms)`.

    `command` gives a command that fits the format; those that all formats share are mixed in by `play`.
    """

    name: str
    terms: Any
    command: Any
    reference: Any
    must_hold: tuple = ()
    runs: int = 600
    count: int = 40
    waits: tuple = (US, US, S, 7 * S, 31 * S)

    def play(self, rng, hall, count, watch):
        play(rng, self, hall, count, watch)


def common(rng):
    return COMMON | {"rules": rng.choice((1, 2, LATEST_RULES))}


def standing(rng, around=1_000):
    if rng.random() < 0.9:
        return Standing()
    if rng.random() < 0.5:
        return Standing(refusal=rng.choice((Reason.NOT_CLEARED, Reason.OWN_POOL, Reason.NO_DEPOSIT)))
    return Standing(limit_cents=max(1, around + rng.choice((-50, 0, 50))))


def shared_command(rng, auction, who, cid):
    offers = list(auction.book.offers) or [1]
    seq = rng.choice(offers) if rng.random() < 0.8 else rng.randint(1, auction.seq + 1)
    return rng.choice(
        (
            Open(),
            Pause(reason="because"),
            Resume(),
            Resume(),
            Close(),
            Close(),
            Tick(),
            Tick(),
            Cancel(reason="because") if rng.random() < 0.1 else Resume(),
            RefuseBid(seq=seq, reason="because"),
            VoidBid(seq=seq, reason="because"),
            rng.choice((CancelCeiling, BuyNow))(bidder=who, cid=cid),
            rng.choice(
                (PlaceBid(bidder=who, cid=cid, amount_cents=5), SetCeiling(bidder=who, cid=cid, ceiling_cents=5))
            ),
        )
    )


def play(rng, form, hall, count, watch=lambda *_: None):
    """Send drawn commands; `watch` sees state before, command, instant and answer. Time never runs back."""
    hall.now = hall.terms.opens_at - rng.choice((0, 0, 1)) * US
    for number in range(count):
        before, who, cid = hall.auction, rng.choice(BIDDERS), f"c{number}"
        if rng.random() < 0.7:
            command = form.command(rng, before, who, cid, hall.now)
        else:
            command = shared_command(rng, before, who, cid)
        watch(before, command, hall.now, hall.say(command, hall.now))
        if hall.auction.phase.has_ended and rng.random() < 0.4:
            return
        edges = [at for at in (hall.auction.closes_at - US, hall.auction.closes_at) if at >= hall.now]
        jump = edges and rng.random() < 0.06
        hall.now = rng.choice(edges) if jump else hall.now + rng.choice(form.waits)


# Dutch


def dutch_terms(rng):
    start = rng.choice((10, 999, 10_000, 123_457))
    floor = rng.choice((1, start // 5, start - 1))
    by_bps = rng.random() < 0.5
    return DutchTerms(
        **common(rng),
        start_cents=start,
        floor_cents=floor,
        step_bps=rng.choice((100, 333, 2_500)) if by_bps else None,
        step_cents=None if by_bps else max(1, start // rng.choice((3, 7, 20))),
        interval_s=rng.choice((1, 10, 60)),
        strict=rng.random() < 0.3,
    )


def dutch_command(rng, auction, who, cid, now):
    terms, shift = auction.terms, auction.closes_at - auction.terms.closes_at
    step = max(0, (now - terms.opens_at - shift) // (terms.interval_s * S)) + rng.choice((-1, 0, 0, 0, 1, 2, 3))
    step = max(0, min(step, terms.last_step + 1))
    price = terms.price_at(step)
    what = rng.random()
    if what < 0.2:
        price = max(1, price + rng.choice((-1, 0, 0, 0, 0, 1)))
        return AcceptStep(bidder=who, cid=cid, step=step, price_cents=price, standing=standing(rng, price))
    if what < 0.85:
        return ArmStep(bidder=who, cid=cid, step=step + rng.choice((0, 0, 1, 3)), standing=standing(rng, price))
    return Withdraw(bidder=who, cid=cid, standing=standing(rng))


# Sealed


def sealed_terms(rng):
    by_clients = rng.random() < 0.4
    final = rng.choice((None, None, "top", "within"))
    shared = common(rng)
    return SealedTerms(
        **shared,
        closes_at=OPENS_AT + rng.choice((60, 300)) * S,
        opening_cents=1_000,
        reserve_cents=rng.choice((None, None, 1_000, 1_200)),
        pricing=rng.choice(tuple(Pricing)),
        sealing=Sealing.CLIENT if by_clients else Sealing.SIMPLE,
        sealing_key="ab" * 32 if by_clients else None,
        final_sealing_key="ef" * 32 if by_clients and final and shared["rules"] > 2 else None,
        most_cents=2_000 if by_clients else rng.choice((None, 2_000)),
        opening_s=60,
        final_s=final and 120,
        final_top=rng.choice((2, 3)) if final == "top" else None,
        final_within_bps=rng.choice((0, 500, 10_000)) if final == "within" else None,
    )


def sealed_command(rng, auction, who, cid, now):
    what, cents = rng.random(), rng.choice((999, 1_000, 1_100, 1_100, 1_200, 1_201, 1_500, 2_000, 2_001))
    if what < 0.12:
        return Withdraw(bidder=who, cid=cid, standing=standing(rng))
    if auction.terms.sealing is Sealing.SIMPLE:
        return PlaceBid(bidder=who, cid=cid, amount_cents=cents, standing=standing(rng, 1_100))
    if auction.book.stage in (Stage.OPENING, Stage.FINAL_OPENING) and what < 0.9:
        contents = tuple(_read(rng, offer) for offer in auction.book.offers.values())
        return OpenBids(opened=contents, key=rng.choice((None, "cd" * 32, "cd" * 32)))
    commitment = commitment_of("auction-1", who, cents, f"salt-{who}")
    return SealBid(bidder=who, cid=cid, sealed=str(cents), commitment=commitment, standing=standing(rng, 2_000))


def _read(rng, offer):
    """What the officers make of an envelope: its content, nothing, or something else."""
    salt = f"salt-{offer.bidder}" if rng.random() < 0.85 else "another"
    return Opened(bid_seq=offer.seq, amount_cents=int(offer.sealed) if rng.random() < 0.85 else None, salt=salt)


# Fixed price and best offer


def fixed_price_terms(rng):
    return FixedPriceTerms(**COMMON, closes_at=OPENS_AT + rng.choice((60, 300)) * S, price_cents=1_000)


def fixed_price_command(rng, auction, who, cid, now):
    if rng.random() < 0.2:
        return BuyNow(bidder=who, cid=cid, standing=standing(rng))
    return rng.choice((Tick(), Open(), Pause(reason="because"), Resume(), Withdraw(bidder=who, cid=cid)))


def best_offer_terms(rng):
    return BestOfferTerms(**COMMON, closes_at=OPENS_AT + rng.choice((60, 600)) * S, opening_cents=1_000)


def best_offer_command(rng, auction, who, cid, now):
    what, book = rng.random(), auction.book
    bid_seq = rng.choice([*book.offers, 2])
    if what < 0.45:
        cents = rng.choice((999, 1_000, 1_001, 1_100, 1_500))
        return PlaceBid(bidder=who, cid=cid, amount_cents=cents, standing=standing(rng))
    if what < 0.55:
        return Withdraw(bidder=who, cid=cid, standing=standing(rng))
    if what < 0.62:
        return AwardOffer(bid_seq=bid_seq, seq_seen=max(1, auction.seq - rng.choice((0, 0, 1, 3))))
    if what < 0.85:
        expires_at = now + rng.choice((US, 5 * S, 100 * S, 1_000 * S, -US))
        return CounterOffer(bid_seq=bid_seq, price_cents=rng.choice((1_000, 1_101, 1_600)), expires_at=expires_at)
    counters = [c for c in book.counters.values() if rng.random() < 0.9] or [None]
    counter = rng.choice(counters)
    who = who if counter is None or rng.random() < 0.2 else counter.bidder
    seq = counter.seq if counter else 3
    return AcceptCounter(bidder=who, cid=cid, counter_seq=seq, standing=standing(rng))


# Hybrid


def hybrid_terms(rng):
    step_bps = rng.choice((100, 333, 2_500))
    return HybridTerms(
        **common(rng),
        start_cents=rng.choice((999, 10_000, 123_457)),
        step_bps=step_bps,
        last_step=rng.choice((1, 2, 9_999 // step_bps)),
        interval_s=rng.choice((10, 60)),
        lead_s=rng.choice((0, 30)),
        pause_s=rng.choice((0, 20)),
        sealed_s=rng.choice((60, 120)),
        best_s=rng.choice((30, 60)),
        strict=rng.random() < 0.3,
    )


def hybrid_command(rng, auction, who, cid, now):
    terms, book = auction.terms, auction.book
    if book.stage is Stage.DUTCH or rng.random() < 0.05:
        if rng.random() < 0.6 or now < auction.closes_at - terms.last_step * terms.interval_s * S:
            return Tick()
        began_at = auction.closes_at - (terms.last_step + 1) * terms.interval_s * S
        step = max(0, (now - began_at) // (terms.interval_s * S) + rng.choice((-1, 0, 0, 0, 0, 1)))
        price = max(1, terms.price_at(min(step, terms.last_step)) + rng.choice((-1, 0, 0, 0, 1)))
        return AcceptStep(bidder=who, cid=cid, step=step, price_cents=price, standing=standing(rng, price))
    if book.stage is Stage.BEST and rng.random() < 0.6:
        who = book.admitted[0]
    cents = max(1, book.least_cents + rng.choice((-1, 0, 0, 1, 50, 50)))
    return PlaceBid(bidder=who, cid=cid, amount_cents=cents, standing=standing(rng, cents))


# Two stages


def two_stage_terms(rng):
    last = rng.choice(
        (
            {},
            {"final_s": 30, "final_top": 2},
            {"final_s": 30, "final_within_bps": rng.choice((0, 1_000))},
            english_binding(rng),
            english_binding(rng),
        )
    )
    return TwoStageTerms(
        **common(rng),
        **{"binding_s": rng.choice((30, 60)), **last},
        opening_cents=1_000,
        reserve_cents=rng.choice((None, 1_200)),
        indicative_s=rng.choice((30, 60)),
        shortlist_s=120,
        shortlist_most=rng.choice((1, 2, 3)),
        due_diligence_s=rng.choice((1, 20)),
        deviation_bps=rng.choice((0, 1_000)),
    )


def english_binding(rng):
    return {
        "binding": Binding.ENGLISH,
        "binding_s": rng.choice((120, 400)),
        "increments": (IncrementStep(0, rng.choice((1, 20))),),
        "soft_close_window_s": rng.choice((0, 40)),
        "soft_close_extension_s": rng.choice((0, 40)),
        "binding_extends_s": rng.choice((0, 60)),
    }


def two_stage_command(rng, auction, who, cid, now):
    stage, what, cents = auction.book.stage, rng.random(), rng.choice((999, 1_000, 1_080, 1_199, 1_200, 1_500))
    if what < 0.05:
        return ReviseTape(tape_version=rng.choice(("tape-1", "tape-2")))
    if what < 0.12:
        return Withdraw(bidder=who, cid=cid, standing=standing(rng))
    if stage is Stage.DUE_DILIGENCE and what < 0.7:
        return Close()
    if stage is Stage.SHORTLISTING and what < 0.8:
        names = sorted(offer.bidder for offer in auction.book.offers.values())
        rng.shuffle(names)
        count = rng.randint(1, 3)
        chosen, rest = tuple(names[:count]) or ("eve",), names[count:] if rng.random() < 0.9 else []
        return Shortlist(chosen=chosen, declined=tuple((name, "too low") for name in rest))
    if auction.ascent is not None and rng.random() < 0.9:
        who = rng.choice(auction.book.admitted)
    if auction.ascent is not None and what < 0.6:
        cents = rng.choice((cents, auction.min_next_cents, auction.min_next_cents + 5))
        if what < 0.17:
            return CancelCeiling(bidder=rng.choice((who, auction.leader or who)), cid=cid, standing=standing(rng))
        confirmed = rng.random() < 0.8
        if what < 0.4:
            return SetCeiling(
                bidder=who, cid=cid, ceiling_cents=cents, confirmed=confirmed, standing=standing(rng, 1_200)
            )
        return PlaceBid(bidder=who, cid=cid, amount_cents=cents, confirmed=confirmed, standing=standing(rng, 1_200))
    if auction.ascent is not None and what < 0.65 and auction.bids:
        return rng.choice((VoidBid, RefuseBid))(seq=rng.choice([bid.seq for bid in auction.bids]), reason="because")
    if stage in {Stage.BINDING, Stage.FINAL} and what < 0.95:
        cents = rng.choice((cents, 1_201, 1_600, 1_700))
        reason = rng.choice(("", " ", "worse than it looked"))
        return PlaceBinding(bidder=who, cid=cid, amount_cents=cents, reason=reason, standing=standing(rng, 1_200))
    return Indicate(bidder=who, cid=cid, low_cents=cents, high_cents=cents + 100, standing=standing(rng))


# Pools and packages


def package_terms(rng):
    closes_at = OPENS_AT + rng.choice((60, 300)) * S
    return PackageTerms(
        **common(rng),
        closes_at=closes_at,
        latest_close_at=closes_at + rng.choice((0, 90)) * S,
        packaging=rng.choice(tuple(Packaging)),
        pools=tuple(PoolOffer(pool=name, least_cents=rng.choice((10, 20))) for name in "pqr"),
        increment_cents=rng.choice((1, 5)),
        soft_close_window_s=rng.choice((0, 30)),
        soft_close_extension_s=rng.choice((0, 30)),
    )


def package_command(rng, auction, who, cid, now):
    count = rng.choice((1, 1, 1, 2, 3))
    pools, cents = tuple(rng.sample("pqr", count)), count * rng.choice((9, 20, 20, 21, 25, 30)) + rng.choice((0, 0, 1))
    if rng.random() < 0.05:
        pools = ("x",)
    return PlacePackageBid(bidder=who, cid=cid, pools=pools, amount_cents=cents, standing=standing(rng, 25))


FORMATS = [
    Format("dutch", dutch_terms, dutch_command, Dutch, ("AcceptStep", "ArmStep", "Withdraw", "Tick", "VoidBid")),
    Format("sealed", sealed_terms, sealed_command, Sealed, ("PlaceBid", "SealBid", "OpenBids", "Withdraw", "VoidBid")),
    Format("hybrid", hybrid_terms, hybrid_command, Hybrid, ("AcceptStep", "PlaceBid", "VoidBid")),
    Format(
        "two_stage",
        two_stage_terms,
        two_stage_command,
        TwoStage,
        (
            "Indicate",
            "Shortlist",
            "PlaceBinding",
            "Withdraw",
            "ReviseTape",
            "PlaceBid",
            "SetCeiling",
            "CancelCeiling",
            "VoidBid",
        ),
        runs=800,
        count=90,
    ),
    Format("packages", package_terms, package_command, Packages, ("PlacePackageBid", "VoidBid")),
    Format("fixed_price", fixed_price_terms, fixed_price_command, FixedPrice, ("BuyNow",)),
    Format(
        "best_offer",
        best_offer_terms,
        best_offer_command,
        BestOffer,
        ("PlaceBid", "Withdraw", "AwardOffer", "CounterOffer", "AcceptCounter", "RefuseBid"),
    ),
]


def drawn_hall(rng, form, count=30, watch=lambda *_: None):
    hall = Hall(form.terms(rng))
    play(rng, form, hall, count, watch)
    return hall
