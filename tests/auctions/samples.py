"""Terms, commands and a small driver that the tests of the auction core share."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from auctions.auction import Auction
from auctions.engine import Accepted, Decision, Refused, decide, evolve, schedule
from auctions.messages import (
    IN_GOOD_STANDING,
    BuyNow,
    CancelCeiling,
    Close,
    Command,
    Event,
    Outcome,
    PlaceBid,
    RefuseBid,
    SetCeiling,
    VoidBid,
)
from auctions.record import encode
from auctions.terms import LATEST_RULES, EnglishTerms, IncrementStep

OPENS_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
CLOSES_AT = OPENS_AT + timedelta(hours=1)
LATEST_CLOSE_AT = CLOSES_AT + timedelta(minutes=30)
US = timedelta(microseconds=1)

TERMS = EnglishTerms(
    currency="USD",
    opening_cents=1_000,
    reserve_cents=None,
    increments=(IncrementStep(0, 100), IncrementStep(5_000, 500)),
    opens_at=OPENS_AT,
    closes_at=CLOSES_AT,
    latest_close_at=LATEST_CLOSE_AT,
    tape_version="tape-1",
    face_value_cents=1_000_000,
    rules=LATEST_RULES,
)


def terms(**changes):
    return replace(TERMS, **changes)


@dataclass
class Hall:
    """An auction being run: applies what is accepted, keeps the log, and remembers the last answer."""

    terms: EnglishTerms = TERMS
    now: datetime = OPENS_AT
    auction: Auction = field(init=False)
    log: list[Event] = field(init=False)
    cids: int = 0

    def __post_init__(self):
        first = schedule("auction-1", self.terms, OPENS_AT - timedelta(days=1))
        self.log = [first]
        self.auction = evolve(None, first)

    def say(self, command: Command, at: datetime | None = None) -> Decision:
        decision = decide(self.auction, command, self.now if at is None else at)
        if isinstance(decision, Accepted):
            for event in decision.events:
                self.auction = evolve(self.auction, event, encode(event))
                self.log.append(event)
        return decision

    def bid(self, bidder, cents, at=None, confirmed=True, standing=IN_GOOD_STANDING):
        return self.say(
            PlaceBid(bidder=bidder, cid=self._cid(), amount_cents=cents, confirmed=confirmed, standing=standing), at
        )

    def ceiling(self, bidder, cents, at=None, confirmed=True, standing=IN_GOOD_STANDING):
        return self.say(
            SetCeiling(bidder=bidder, cid=self._cid(), ceiling_cents=cents, confirmed=confirmed, standing=standing), at
        )

    def lower(self, bidder, at=None):
        return self.say(CancelCeiling(bidder=bidder, cid=self._cid()), at)

    def buy(self, bidder, at=None, standing=IN_GOOD_STANDING):
        return self.say(BuyNow(bidder=bidder, cid=self._cid(), standing=standing), at)

    def refuse(self, seq, at=None):
        return self.say(RefuseBid(seq=seq, reason="not a buyer I sell to"), at)

    def void(self, seq, at=None):
        return self.say(VoidBid(seq=seq, reason="typed by mistake"), at)

    def close(self, at=None):
        return self.say(Close(), at or self.auction.closes_at)

    @property
    def stands(self):
        """Leader, price, ceiling."""
        return self.auction.leader, self.auction.price_cents, self.auction.leader_ceiling_cents

    def _cid(self):
        self.cids += 1
        return f"c{self.cids}"


def kinds(decision):
    assert isinstance(decision, Accepted), decision
    return [event.kind for event in decision.events]


def reason(decision):
    assert isinstance(decision, Refused), decision
    return decision.reason


def outcome(decision) -> Outcome:
    assert isinstance(decision, Accepted), decision
    return next(event.outcome for event in decision.events if event.kind == "bid_accepted")
