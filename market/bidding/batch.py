"""One batch, decided: what each order leads to, given what was read under the locks. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from auctions.auction import Auction
from auctions.engine import decide, due_at, evolve
from auctions.messages import (
    Accepted,
    AnswerAwaited,
    AuctionCancelled,
    AuctionClosed,
    AuctionFailed,
    AuctionPaused,
    AuctionResumed,
    Awarded,
    BidAccepted,
    BidRefusedBySeller,
    BidVoided,
    BuyNow,
    CancelCeiling,
    Close,
    Command,
    Event,
    Move,
    Open,
    Outcome,
    PlaceBid,
    Reason,
    RefuseBid,
    Refused,
    SetCeiling,
    Standing,
    StrikeCommand,
    TakeHighest,
    VoidBid,
)
from auctions.moves import BidSealed, Countered, OpenBids, PoolsAwarded, Shortlisted, StageBegan, Tick
from auctions.record import encode
from auctions.sealed import sealing_key_of
from auctions.terms import SealedTerms, Sealing
from market.bidding.content import (
    BID_EVENTS,
    BIDDER_ORDERS,
    BidderOrder,
    Content,
    content_of,
    content_of_strike,
    stake_of,
)
from market.bidding.envelopes import open_all
from market.bidding.lines import BidLine, EventLine, RefusalLine, StrikeLine
from market.bidding.orders import Answer, BidOrder, Committed, Status
from market.bidding.rules import NOBODY, BidderFacts, LockedAuction, may_command, standing
from market.bidding.states import Folded
from market.bidding.timing import instant_of
from market.kit.actor import Actor

Key = tuple[UUID, UUID, str]
"""Auction, organisation, cid: what a bidder's decision is kept under; or auction, who strikes a bid out, and its key."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was kept: `seq` if the command was accepted."""

    content: Content
    seq: int | None
    code: Reason | None
    detail: str
    min_next_cents: int | None
    received_at: datetime
    decided_at: datetime
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read under the locks of the batch's auctions and its bidders' clearances."""

    auctions: Mapping[UUID, LockedAuction]
    folded: Mapping[UUID, Folded]
    bidders: Mapping[tuple[UUID, UUID], BidderFacts]
    decided: Mapping[Key, Decided]
    decided_at: datetime
    received_at: Callable[[BidOrder], datetime]
    """When an order arrived, on the database's clock."""


class News(NamedTuple):
    """What others must hear of through the journal, with the one who did it."""

    actor: Actor
    auction: LockedAuction
    event: Event


@dataclass(slots=True)
class Draft:
    """All that one transaction is to write, and the answers that hold once it is committed."""

    answers: list[Answer] = field(default_factory=list)
    events: list[EventLine] = field(default_factory=list)
    bids: list[BidLine] = field(default_factory=list)
    refusals: list[RefusalLine] = field(default_factory=list)
    strikes: list[StrikeLine] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    folded: dict[UUID, Folded] = field(default_factory=dict)
    committed: dict[UUID, Committed] = field(default_factory=dict)
    sooner: bool = False
    """Whether the clock has something to do earlier than was known."""


_NEWSWORTHY = (
    AuctionPaused,
    AuctionResumed,
    AuctionCancelled,
    AuctionClosed,
    AnswerAwaited,
    AuctionFailed,
    Awarded,
    BidRefusedBySeller,
    BidVoided,
    PoolsAwarded,
    StageBegan,
    Shortlisted,
    Countered,
)


def decide_batch(orders: Sequence[BidOrder], seen: Seen) -> Draft:
    """Decide first come, first served; each order sees what those before it led to. Answers come in the same order."""
    return _Batch(seen).run(orders)


class _Batch:
    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._decided: dict[Key, Decided] = dict(seen.decided)
        self._added: dict[UUID, list[tuple[Event, bytes]]] = {}
        self._draft = Draft()

    def run(self, orders: Sequence[BidOrder]) -> Draft:
        draft = self._draft
        draft.answers = [self._answer(order) for order in orders]
        draft.committed = {
            auction_id: Committed(draft.folded[auction_id].auction, tuple(added))
            for auction_id, added in self._added.items()
        }
        draft.sooner = any(
            _is_sooner(self._seen.folded[auction_id].auction, after.auction)
            for auction_id, after in draft.committed.items()
        )
        return draft

    def _answer(self, order: BidOrder) -> Answer:
        received_at = self._seen.received_at(order)
        auction = self._seen.auctions.get(order.auction_id)
        if auction is None:
            return self._rejected(received_at, Reason.NOT_ELIGIBLE, None, "there is no such auction")
        command, org_id = order.command, order.actor.org_id
        if isinstance(command, BIDDER_ORDERS) and org_id is not None:
            return self._bidder(order, command, org_id, auction, received_at)
        return self._office(order, auction, received_at)

    def _bidder(
        self, order: BidOrder, command: BidderOrder, org_id: UUID, auction: LockedAuction, received_at: datetime
    ) -> Answer:
        key, content = (auction.auction_id, org_id, command.cid), content_of(command)
        if before := self._decided.get(key):
            return self._repeated(before, content, received_at)
        facts = self._seen.bidders.get((auction.auction_id, org_id), NOBODY)
        judged = _with_standing(command, standing(auction, org_id, facts))
        answer = self._decide(order.actor, judged, auction, received_at)
        decided = Decided(
            content, answer.seq, answer.code, answer.detail, answer.min_next_cents, received_at, answer.decided_at,
            answer.outcome,
        )  # fmt: skip
        if answer.holds or facts.registered:  # nothing is kept of strangers: they may be told anew
            self._decided[key] = decided
            self._keep(order, key, decided, facts)
        return answer

    def _keep(self, order: BidOrder, key: Key, decided: Decided, facts: BidderFacts) -> None:
        who = order.actor.user_id
        assert who is not None
        kind, amount_cents, confirmed, asked = decided.content
        if decided.seq is None:
            code = decided.code
            assert code is not None
            self._draft.refusals.append(
                RefusalLine(
                    *key, kind, amount_cents, confirmed, asked, who, code.value, decided.detail, decided.min_next_cents,
                    decided.received_at, decided.decided_at,
                )
            )  # fmt: skip
            return
        assert facts.clearance_id is not None
        assert decided.min_next_cents is not None
        self._draft.bids.append(
            BidLine(
                *key, decided.seq, kind, self._stake(key[0], decided.seq), confirmed, asked, facts.clearance_id, who,
                decided.code and decided.code.value, decided.min_next_cents, decided.received_at, decided.decided_at,
            )
        )  # fmt: skip

    def _stake(self, auction_id: UUID, seq: int) -> int | None:
        event = next(event for event, _ in reversed(self._added[auction_id]) if event.seq == seq)
        assert isinstance(event, BID_EVENTS)
        return stake_of(event, self._draft.folded[auction_id].auction.terms)

    def _office(self, order: BidOrder, auction: LockedAuction, received_at: datetime) -> Answer:
        if not may_command(order.actor, auction.seller_org_id, order.command):
            return self._rejected(received_at, Reason.NOT_ELIGIBLE, None, "not yours to do in this auction")
        command = order.command
        if (key := order.strike_key) is not None:
            assert isinstance(command, RefuseBid | VoidBid)
            return self._strike(order, key, command, auction, received_at)
        if isinstance(command, TakeHighest):
            command = replace(command, standing=self._standing_of_leader(auction))
        if isinstance(command, OpenBids) and (read := self._opened(command, auction)) is not command:
            if read is None:
                return self._rejected(received_at, Reason.MALFORMED, None, "this key does not open this auction's bids")
            command = read
        return self._decide(order.actor, command, auction, received_at)

    def _strike(
        self, order: BidOrder, key: Key, command: StrikeCommand, auction: LockedAuction, received_at: datetime
    ) -> Answer:
        """A strike under a key is decided once, as a bid is."""
        content = content_of_strike(command)
        if before := self._decided.get(key):
            return self._repeated(before, content, received_at)
        answer = self._decide(order.actor, command, auction, received_at)
        self._decided[key] = Decided(
            content, answer.seq, answer.code, answer.detail, answer.min_next_cents, received_at, answer.decided_at
        )
        who, code = order.actor.user_id, None if answer.holds else answer.code
        assert who is not None
        self._draft.strikes.append(
            StrikeLine(
                *key, content.kind, content.asked, who, answer.seq, code and code.value, answer.detail, received_at,
                answer.decided_at,
            )
        )  # fmt: skip
        return answer

    def _opened(self, command: OpenBids, auction: LockedAuction) -> OpenBids | None:
        """What the market itself reads with the key, whatever the command says; None if the key is not the auction's."""
        before = self._before(auction).auction
        terms = before.terms
        if not isinstance(terms, SealedTerms) or terms.sealing is Sealing.SIMPLE or terms.rules == 1:
            return command
        bids = [offer for _, offer in sorted(before.the_book.offers.items()) if isinstance(offer, BidSealed)]
        contents = open_all(command.key or "", sealing_key_of(before), before.auction_id, bids) if command.key else None
        return None if contents is None else OpenBids(opened=contents, key=command.key)

    def _standing_of_leader(self, auction: LockedAuction) -> Standing:
        """Whether who leads may still buy; of no matter while nobody does."""
        leader = self._before(auction).auction.leader
        if leader is None:
            return Standing()
        org_id = UUID(leader)
        return standing(auction, org_id, self._seen.bidders.get((auction.auction_id, org_id), NOBODY))

    def _before(self, auction: LockedAuction) -> Folded:
        return self._draft.folded.get(auction.auction_id) or self._seen.folded[auction.auction_id]

    def _decide(self, actor: Actor, command: Command | Move, auction: LockedAuction, received_at: datetime) -> Answer:
        before = self._before(auction)
        decided_at = self._seen.decided_at
        of_the_clock = isinstance(command, Open | Close | Tick)
        at = decided_at if of_the_clock else instant_of(received_at, decided_at, before.last_at)
        decision = decide(before.auction, command, at)
        if isinstance(decision, Refused):
            return self._rejected(received_at, decision.reason, decision.min_next_cents, decision.detail)
        after = self._append(actor, auction, before, decision)
        own = next((event for event in decision.events if isinstance(event, BID_EVENTS)), None)
        return Answer(
            status=Status.ACCEPTED,
            received_at=received_at,
            decided_at=decided_at,
            seq=after.auction.seq if own is None else own.seq,
            code=decision.notice,
            outcome=own.outcome if isinstance(own, BidAccepted) else None,
            min_next_cents=after.auction.min_next_cents,
        )

    def _append(self, actor: Actor, auction: LockedAuction, before: Folded, decision: Accepted) -> Folded:
        if not decision.events:
            return before
        added = self._added.setdefault(auction.auction_id, [])
        state = before.auction
        for event in decision.events:
            body = encode(event)
            state = evolve(state, event, body)
            added.append((event, body))
            line = EventLine(auction.auction_id, event.seq, event.at, event.kind, body.decode("ascii"), state.head)
            self._draft.events.append(line)
            if isinstance(event, _NEWSWORTHY):
                self._draft.news.append(News(actor, auction, event))
        after = Folded(state, decision.events[-1].at)
        self._draft.folded[auction.auction_id] = after
        return after

    def _repeated(self, before: Decided, content: Content, received_at: datetime) -> Answer:
        if before.content != content:
            return self._rejected(received_at, Reason.DUPLICATE_CID, None, "this key was used for another command")
        return Answer(
            status=Status.DUPLICATE,
            received_at=before.received_at,
            decided_at=before.decided_at,
            seq=before.seq,
            code=before.code,
            outcome=before.outcome,
            min_next_cents=before.min_next_cents,
            detail=before.detail,
        )

    def _rejected(self, received_at: datetime, reason: Reason, min_next_cents: int | None, detail: str) -> Answer:
        return Answer(
            status=Status.REJECTED,
            received_at=received_at,
            decided_at=self._seen.decided_at,
            code=reason,
            min_next_cents=min_next_cents,
            detail=detail,
        )


def _is_sooner(before: Auction, after: Auction) -> bool:
    was, now = due_at(before), due_at(after)
    return now is not None and (was is None or now < was)


def _with_standing(command: BidderOrder, found: Standing) -> BidderOrder:
    """The command as the engine is to judge it. What comes by the thousand is spelt out: `replace` takes five times
    as long.
    """
    bidder, cid = command.bidder, command.cid
    match command:
        case PlaceBid(amount_cents=cents, confirmed=confirmed):
            return PlaceBid(bidder=bidder, cid=cid, amount_cents=cents, confirmed=confirmed, standing=found)
        case SetCeiling(ceiling_cents=cents, confirmed=confirmed):
            return SetCeiling(bidder=bidder, cid=cid, ceiling_cents=cents, confirmed=confirmed, standing=found)
        case CancelCeiling():
            return CancelCeiling(bidder=bidder, cid=cid, standing=found)
        case BuyNow():
            return BuyNow(bidder=bidder, cid=cid, standing=found)
        case _:
            return replace(command, standing=found)
