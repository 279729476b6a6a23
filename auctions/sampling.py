"""Sample bidders that try out terms: each values what is sold, and does what the format lets it do up to that.

Who they are follows from the seed alone, and what becomes of it from the engine alone. They are no forecast: nobody knows
what buyers will pay. They show how the format goes on when some come early and some late, some with a ceiling and some step by
step, and one values the pool less than is asked.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from auctions.allocation import TooHardError
from auctions.auction import Phase
from auctions.crowd import Crowd, Dice, Sample
from auctions.descending import Falling, step_at
from auctions.messages import BuyNow, DeclineHighest, PlaceBid, SetCeiling, TakeHighest
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    AwardOffer,
    BidSealed,
    CounterOffer,
    Indicate,
    IndicationPlaced,
    OfferPlaced,
    OpenBids,
    Opened,
    PlaceBinding,
    PlacePackageBid,
    SealBid,
    Shortlist,
    Stage,
)
from auctions.packages import flaw_in_pools, needed
from auctions.sealed import commitment_of
from auctions.simulate import Trial, Turned
from auctions.terms import (
    BestOfferTerms,
    DutchTerms,
    EnglishTerms,
    FixedPriceTerms,
    HybridTerms,
    PackageTerms,
    Pricing,
    SealedTerms,
    Sealing,
    Terms,
    TwoStageTerms,
)

SELLER_TAKES_PERCENT = 90
"""The sample seller sells below its reserve from this part of it up."""
_MAX_LATE_BIDS = 60
_QUIET = 30
"""After so many who do not bid for another set of pools, nobody will."""
_NO_KEY = "00" * 32


def play(terms: Terms, bidder_count: int, seed: int) -> tuple[Trial, Sequence[Sample]]:
    """A trial in which sample bidders, 2 to 12, have bid until nothing is due any more; and who they were."""
    trial, crowd = Trial(terms), Crowd(terms, bidder_count, Dice(seed))
    trial.wait_until(terms.opens_at)
    _PLAYS[type(terms)](trial, crowd)
    trial.wait_until(None)
    return trial, crowd.all


def _ascending(trial: Trial, crowd: Crowd, of: Sequence[Sample]) -> None:
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 2, of):
        trial.wait_until(at)
        _outbid(trial, crowd, one)
    for _ in range(_MAX_LATE_BIDS):
        wanting = [one for one in of if _wants_to_lead(trial, one)]
        if not wanting:
            break
        left = trial.auction.closes_at - trial.now
        trial.wait_until(trial.now + left * crowd.rng.uniform(0.4, 0.95))
        _outbid(trial, crowd, crowd.rng.choice(wanting))
    trial.wait_until(trial.auction.closes_at)


def _wants_to_lead(trial: Trial, one: Sample) -> bool:
    auction = trial.auction
    is_open = auction.phase is Phase.OPEN and auction.ascent is not None
    return is_open and auction.leader != one.name and one.worth_cents >= auction.min_next_cents


def _outbid(trial: Trial, crowd: Crowd, one: Sample) -> None:
    auction, rng = trial.auction, crowd.rng
    if auction.phase is not Phase.OPEN or auction.leader == one.name:
        return
    room = one.worth_cents - auction.min_next_cents
    terms = auction.ascent
    assert terms is not None
    if terms.buy_now_cents is not None and one.worth_cents >= terms.buy_now_cents and rng.random() < 0.5:
        trial.say(BuyNow(bidder=one.name, cid=crowd.cid()), trial.now)
    elif room < 0 and one.name not in auction.paddles and not _was_turned_away(trial, one):
        trial.say(PlaceBid(bidder=one.name, cid=crowd.cid(), amount_cents=one.worth_cents), trial.now)
    elif room >= 0 and rng.random() < 0.35:
        trial.say(
            SetCeiling(bidder=one.name, cid=crowd.cid(), ceiling_cents=one.worth_cents, confirmed=True), trial.now
        )
    elif room >= 0:
        cents = auction.min_next_cents + int(room * rng.choice((0, 0, 0.1, 0.25)))
        trial.say(PlaceBid(bidder=one.name, cid=crowd.cid(), amount_cents=cents, confirmed=True), trial.now)


def _was_turned_away(trial: Trial, one: Sample) -> bool:
    return any(isinstance(told, Turned) and getattr(told.command, "bidder", "") == one.name for told in trial.told)


def _english(trial: Trial, crowd: Crowd) -> None:
    _ascending(trial, crowd, crowd.all)
    auction = trial.auction
    if auction.phase is not Phase.AWARDING or auction.answer_until is None:
        return
    assert isinstance(auction.terms, EnglishTerms)
    assert auction.terms.reserve_cents is not None
    assert auction.price_cents is not None
    is_enough = 100 * auction.price_cents >= SELLER_TAKES_PERCENT * auction.terms.reserve_cents
    answer = TakeHighest if is_enough else DeclineHighest
    trial.say(answer(seq_seen=auction.seq), crowd.between(trial.now, auction.answer_until))


def _sealed(trial: Trial, crowd: Crowd) -> None:
    terms = trial.auction.terms
    assert isinstance(terms, SealedTerms)
    percent = (100, 100) if terms.pricing is Pricing.SECOND_PRICE else (80, 92)
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 1, crowd.all):
        trial.wait_until(at)
        _seal(trial, crowd, one, one.part(crowd.rng.randint(*percent), terms.most_cents))
    _open(trial, crowd)
    if trial.auction.phase.has_ended or trial.auction.the_book.stage is not Stage.FINAL:
        return
    first = {bid.bidder: bid.amount_cents or 0 for bid in trial.auction.the_book.opened_first}
    finalists = crowd.named(trial.auction.the_book.admitted)
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 1, finalists):
        trial.wait_until(at)
        if (cents := one.part(97, terms.most_cents)) > first[one.name]:
            _seal(trial, crowd, one, cents)
    _open(trial, crowd)


def _seal(trial: Trial, crowd: Crowd, one: Sample, cents: int) -> None:
    terms, cid = trial.auction.terms, crowd.cid()
    if isinstance(terms, SealedTerms) and terms.sealing is Sealing.CLIENT:
        commitment = commitment_of(trial.auction.auction_id, one.name, cents, cid)
        trial.say(SealBid(bidder=one.name, cid=cid, sealed=str(cents), commitment=commitment), trial.now)
    else:
        trial.say(PlaceBid(bidder=one.name, cid=cid, amount_cents=cents), trial.now)


def _open(trial: Trial, crowd: Crowd) -> None:
    """The deadline, and what the officers do who hold the key; in a trial without keys the bytes are plain."""
    trial.wait_until(trial.auction.closes_at)
    auction = trial.auction
    if auction.phase is not Phase.OPEN or auction.the_book.stage not in {Stage.OPENING, Stage.FINAL_OPENING}:
        return
    envelopes = [offer for _, offer in sorted(auction.the_book.offers.items()) if isinstance(offer, BidSealed)]
    opened = tuple(Opened(bid_seq=o.seq, amount_cents=int(o.sealed or 0), salt=o.cid) for o in envelopes)
    trial.say(OpenBids(opened=opened, key=_NO_KEY), crowd.between(trial.now, auction.closes_at))


def _first_step(terms: Falling, cents: int) -> int:
    """The first step whose price is not above the amount; one after the last if there is none."""
    return bisect_left(range(terms.last_step + 1), -cents, key=lambda step: -terms.price_at(step))


def _falling(trial: Trial, crowd: Crowd, terms: Falling, *, percent: int, may_arm: bool) -> None:
    """Each stops the price, by hand or by an armed step, once it is down to this part of what the bidder values."""
    interval = timedelta(seconds=terms.interval_s)
    begins_at = trial.auction.closes_at - (terms.last_step + 1) * interval
    by_hand = []
    for one in crowd.all:
        step = _first_step(terms, one.part(percent))
        if step > terms.last_step:
            continue
        if may_arm and step > 0 and crowd.rng.random() < 0.4:
            trial.say(ArmStep(bidder=one.name, cid=crowd.cid(), step=step), max(trial.now, begins_at))
        else:
            begin = begins_at + step * interval
            by_hand.append((crowd.between(begin, begin + interval), one.name))
    for at, name in sorted(by_hand):
        trial.wait_until(at)
        if trial.auction.phase is not Phase.OPEN or trial.auction.the_book.stage not in {Stage.BIDDING, Stage.DUTCH}:
            return
        step = step_at(terms, trial.auction.closes_at, at)
        trial.say(AcceptStep(bidder=name, cid=crowd.cid(), step=step, price_cents=terms.price_at(step)), at)


def _dutch(trial: Trial, crowd: Crowd) -> None:
    assert isinstance(trial.auction.terms, DutchTerms)
    _falling(trial, crowd, trial.auction.terms, percent=100, may_arm=True)


def _hybrid(trial: Trial, crowd: Crowd) -> None:
    assert isinstance(trial.auction.terms, HybridTerms)
    _falling(trial, crowd, trial.auction.terms, percent=80, may_arm=False)
    for stage, percent in ((Stage.SEALED, 95), (Stage.BEST, 100)):
        auction = trial.auction
        if auction.phase.has_ended or auction.the_book.stage is not stage:
            continue
        begin = max(trial.now, auction.the_book.begins_at or trial.now)
        stopper = auction.leader if stage is Stage.SEALED else None
        others = [one for one in crowd.named(auction.the_book.admitted) if one.name != stopper]
        for at, one in crowd.visits(begin, auction.closes_at, 1, others):
            trial.wait_until(at)
            least = trial.auction.min_next_cents
            if least <= one.worth_cents:
                _seal(trial, crowd, one, max(least, one.part(percent)) if stage is Stage.SEALED else least)
        trial.wait_until(auction.closes_at)


def _best_offer(trial: Trial, crowd: Crowd) -> None:
    closes_at = trial.auction.closes_at
    half = trial.now + (closes_at - trial.now) / 2
    for at, one in crowd.visits(trial.now, half, 1, crowd.all):
        trial.wait_until(at)
        _seal(trial, crowd, one, one.part(crowd.rng.randint(65, 85)))
    trial.wait_until(half)
    best = _best(trial)
    if best is None:
        return
    price, expires_at = best.amount_cents * 110 // 100, half + (closes_at - half) / 2
    trial.say(CounterOffer(bid_seq=best.seq, price_cents=price, expires_at=expires_at), half)
    bidder = crowd.named([best.bidder])[0]
    trial.wait_until(crowd.between(half, expires_at))
    if bidder.worth_cents >= price:
        seq = trial.auction.the_book.counters[best.seq].seq
        trial.say(AcceptCounter(bidder=bidder.name, cid=crowd.cid(), counter_seq=seq), trial.now)
    else:
        award = AwardOffer(bid_seq=best.seq, seq_seen=trial.auction.seq)
        trial.say(award, crowd.between(expires_at, closes_at))


def _best(trial: Trial) -> OfferPlaced | None:
    offers = [offer for offer in trial.auction.the_book.offers.values() if isinstance(offer, OfferPlaced)]
    return max(offers, key=lambda offer: (offer.amount_cents, -offer.seq), default=None)


def _fixed_price(trial: Trial, crowd: Crowd) -> None:
    terms = trial.auction.terms
    assert isinstance(terms, FixedPriceTerms)
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 1, crowd.all):
        trial.wait_until(at)
        if one.worth_cents >= terms.price_cents and trial.auction.phase is Phase.OPEN:
            trial.say(BuyNow(bidder=one.name, cid=crowd.cid()), at)


def _two_stage(trial: Trial, crowd: Crowd) -> None:
    terms = trial.auction.terms
    assert isinstance(terms, TwoStageTerms)
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 1, crowd.all):
        low, high = one.part(85), one.part(110)
        trial.say(Indicate(bidder=one.name, cid=crowd.cid(), low_cents=low, high_cents=high), at)
    trial.wait_until(trial.auction.closes_at)
    said = [offer for offer in trial.auction.the_book.offers.values() if isinstance(offer, IndicationPlaced)]
    if trial.auction.phase.has_ended or not said:
        return
    best = sorted(said, key=lambda offer: (-offer.high_cents, offer.seq))
    chosen, rest = best[: terms.shortlist_most], best[terms.shortlist_most :]
    declined = tuple((offer.bidder, "others indicated more") for offer in rest)
    shortlist = Shortlist(chosen=tuple(offer.bidder for offer in chosen), declined=declined)
    trial.say(shortlist, crowd.between(trial.now, trial.auction.closes_at))
    trial.wait_until(trial.auction.closes_at)  # due diligence
    admitted = crowd.named([offer.bidder for offer in chosen])
    if trial.auction.ascent is not None:
        _ascending(trial, crowd, admitted)
        return
    for percent in (90, 97):
        if trial.auction.phase is not Phase.OPEN:
            return
        finalists = crowd.named(trial.auction.the_book.admitted)
        for at, one in crowd.visits(trial.now, trial.auction.closes_at, 1, finalists):
            reason = "less was found than indicated" if crowd.rng.random() < 0.5 else ""
            binding = PlaceBinding(bidder=one.name, cid=crowd.cid(), amount_cents=one.part(percent), reason=reason)
            trial.say(binding, at)
        trial.wait_until(trial.auction.closes_at)


def _packages(trial: Trial, crowd: Crowd) -> None:
    for at, one in crowd.visits(trial.now, trial.auction.closes_at, 3, crowd.all):
        trial.wait_until(at)
        _bid_for_some(trial, crowd, one)
    bids, quiet = 0, 0
    while bids < _MAX_LATE_BIDS and quiet < _QUIET and trial.auction.phase is Phase.OPEN:
        left = trial.auction.closes_at - trial.now
        trial.wait_until(trial.now + left * crowd.rng.uniform(0.1, 0.4))
        has_bid = _bid_for_some(trial, crowd, crowd.rng.choice(crowd.all))
        bids, quiet = bids + has_bid, 0 if has_bid else quiet + 1


def _bid_for_some(trial: Trial, crowd: Crowd, one: Sample) -> bool:
    """Whether the bidder bids what a set of pools needs to win: it is worth that, a tenth more if there are several."""
    terms = trial.auction.terms
    assert isinstance(terms, PackageTerms)
    names = [offer.pool for offer in terms.pools]
    pools = tuple(crowd.rng.sample(names, crowd.rng.choice((1, 1, len(names), crowd.rng.randint(1, len(names))))))
    held = {pool for seq in trial.auction.the_book.winning for pool in _pools_of(trial, seq, one.name)}
    if flaw_in_pools(terms, pools) is not None or held & set(pools):
        return False
    try:
        cents = needed(trial.auction, one.name, pools)
    except TooHardError:
        return False
    worth = sum(one.worth[pool] for pool in pools) * (110 if len(pools) > 1 else 100) // 100
    if cents > worth:
        return False
    cents += int((worth - cents) * crowd.rng.choice((0, 0.25, 0.5)))
    return trial.say(PlacePackageBid(bidder=one.name, cid=crowd.cid(), pools=pools, amount_cents=cents), trial.now)


def _pools_of(trial: Trial, seq: int, bidder: str) -> tuple[str, ...]:
    offer = trial.auction.the_book.offers[seq]
    return getattr(offer, "pools", ()) if offer.bidder == bidder else ()


_PLAYS: Mapping[type[Any], Callable[[Trial, Crowd], None]] = {
    EnglishTerms: _english,
    SealedTerms: _sealed,
    DutchTerms: _dutch,
    HybridTerms: _hybrid,
    BestOfferTerms: _best_offer,
    TwoStageTerms: _two_stage,
    FixedPriceTerms: _fixed_price,
    PackageTerms: _packages,
}
