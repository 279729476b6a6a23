"""The machines of a simulated day: one database, nodes that die, sockets that break, all in virtual time and by one seed.

What decides is the real thing: `decide_batch` under the engine, `Room` for the watchers, `Follower` in the clients. Made up
are time, the wires and the database: a list of events per auction that takes a batch whole or not at all.
"""

import heapq
from collections import Counter, deque
from datetime import timedelta
from itertools import count

from auctions.engine import due_at, evolve, schedule
from auctions.messages import Close, Open
from auctions.moves import Tick
from auctions.record import encode
from market.bidding.batch import Decided, Seen, decide_batch
from market.bidding.content import BIDDER_ORDERS, content_of
from market.bidding.orders import BidOrder, Status
from market.bidding.rules import LockedAuction
from market.bidding.states import fold
from market.kit.actor import SYSTEM
from market.live.outlet import texts_of
from market.live.room import TURN_COUNT, Room

DRAIN = timedelta(milliseconds=500)
S = timedelta(seconds=1)


class Time:
    """What is to happen, in order of its instant. Nothing else moves the clock."""

    def __init__(self, now):
        self.now = now
        self._agenda, self._numbers = [], count()

    def after(self, wait, act):
        heapq.heappush(self._agenda, (self.now + wait, next(self._numbers), act))

    def run(self, until):
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, act = heapq.heappop(self._agenda)
            act()
        self.now = until


class Database:
    """Survives everything. Refuses what the real one refuses: a second event of a seq, a second decision of a cid."""

    def __init__(self):
        self.auctions, self.texts, self.folded = {}, {}, {}
        self.decided, self.facts = {}, {}

    def publish(self, auction_id, terms, seller_id, now):
        first = schedule(str(auction_id), terms, now)
        self.auctions[auction_id] = LockedAuction(auction_id, auction_id, seller_id, terms.currency, 0)
        self.texts[auction_id] = [encode(first).decode()]
        self.folded[auction_id] = fold(None, self.texts[auction_id])

    def commit(self, draft, orders):
        for line in draft.events:
            assert line.seq == len(self.texts[line.auction_id]) + 1, "somebody wrote without the lock"
            self.texts[line.auction_id].append(line.body)
        self.folded.update(draft.folded)
        for order, answer in zip(orders, draft.answers, strict=True):
            if answer.status is not Status.DUPLICATE and isinstance(order.command, BIDDER_ORDERS):
                self._decide(order, answer)

    def _decide(self, order, answer):
        key, content = (order.auction_id, order.actor.org_id, order.cid), content_of(order.command)
        if key in self.decided and self.decided[key].content != content:
            assert answer.code == "DUPLICATE_CID"
            return
        assert key not in self.decided, "a cid was decided twice"
        self.decided[key] = Decided(
            content,
            answer.seq,
            answer.code,
            answer.detail,
            answer.min_next_cents,
            answer.received_at,
            answer.decided_at,
        )


class Wire:
    """One direction of a socket: frames arrive late, in order, or not at all once it is cut."""

    def __init__(self, time, rng, hear):
        self._time, self._rng, self._hear = time, rng, hear
        self._arrives_at = time.now
        self.is_cut = False

    def push(self, frames):
        """Take a frame, or several in one."""
        self._arrives_at = max(self._arrives_at, self._time.now + self._rng.choice((1, 5, 40, 400)) * S / 1000)
        self._time.after(self._arrives_at - self._time.now, lambda: self._arrive(frames))

    def _arrive(self, frames):
        for text in texts_of(frames):
            if not self.is_cut:
                self._hear(text)


class Node:
    """One server: its queue, its folded auctions and its rooms are gone when it dies; it comes back empty."""

    def __init__(self, day, number):
        self.day, self.number, self.is_up = day, number, True
        self._start()

    def _start(self):
        self.queue, self.states, self.rooms, self.sockets = deque(), {}, {}, {}
        self.is_deciding, self.has_news = False, set()

    def die(self):
        self.is_up = False
        for socket in tuple(self.sockets):
            socket.cut()
        self._start()
        self.day.time.after(self.day.rng.choice((1, 5, 20)) * S, self._rise)

    def _rise(self):
        self.is_up = True

    def take(self, order, answered):
        """Queue an order; `answered(answer)` is called after the commit, if the node lives so long."""
        self.queue.append((order, answered))
        if not self.is_deciding:
            self.is_deciding = True
            wait = self.day.rng.choice((1, 1, 1, 3, 30, 700)) * S / 1000  # now and then the row is held by another
            self.day.time.after(wait, self._decide)

    def _decide(self):
        self.is_deciding = False
        batch = [self.queue.popleft() for _ in range(min(len(self.queue), self.day.rng.choice((1, 3, 64))))]
        if not batch:
            return
        orders = [order for order, _ in batch]
        draft = decide_batch(orders, self._see(orders))
        if self.day.happens("a node dies before its commit", 0.002):
            self.die()
            return
        self.day.database.commit(draft, orders)
        self.states.update(draft.folded)
        if self.day.happens("a node dies between commit and broadcast", 0.006):
            self.die()
            return
        self._broadcast(draft)
        for (_, answered), answer in zip(batch, draft.answers, strict=True):
            answered(answer)
        if self.queue:
            self.is_deciding = True
            self.day.time.after(S / 1000, self._decide)

    def _see(self, orders):
        database, now = self.day.database, self.day.time.now
        names = {order.auction_id for order in orders}
        for name in names:  # what other nodes wrote is folded in; what is known here is never ahead
            known = self.states.get(name)
            texts = database.texts[name][0 if known is None else known.auction.seq :]
            self.states[name] = fold(known, texts) if texts else known
        return Seen(
            auctions={name: database.auctions[name] for name in names},
            folded={name: self.states[name] for name in names},
            bidders={key: facts for key, facts in database.facts.items() if key[0] in names},
            decided=database.decided,
            decided_at=now,
            received_at=lambda order: order.received_at,
        )

    def _broadcast(self, draft):
        for name, committed in draft.committed.items():
            if (room := self.rooms.get(name)) is not None:
                self.has_news.add(name)
                if room.auction.seq + 1 == committed.events[0][0].seq:
                    room.advance(committed.auction, [event for event, _ in committed.events])
                else:
                    self.catch_up(name)
            for node in self.day.nodes:
                if node is not self and not self.day.happens("a hint is lost", 0.05):
                    self.day.time.after(S / 100, lambda node=node, name=name: node.catch_up(name))

    def catch_up(self, name):
        room = self.rooms.get(name)
        if room is None or not self.is_up or room.auction.seq == len(self.day.database.texts[name]):
            return
        self.has_news.add(name)
        auction, events = room.auction, []
        for text in self.day.database.texts[name][auction.seq :]:
            event = self.day.event(text)
            auction = evolve(auction, event, text.encode())
            events.append(event)
        room.advance(auction, events)

    def poll(self):
        """What every node does each second, hints or not; and what its closer does when something is due."""
        if self.is_up:
            for name in list(self.rooms):
                self.catch_up(name)
            for name, folded in self.day.database.folded.items():
                due = due_at(folded.auction)
                if due is not None and due <= self.day.time.now:
                    late = due + DRAIN <= self.day.time.now
                    for command in (Open(), Tick(), Close()) if late else (Open(), Tick()):
                        self.take(BidOrder(SYSTEM, name, command, self.day.time.now), lambda _: None)

    def tick(self):
        """What every node does ten times a second for the observers."""
        for name in sorted(self.has_news & self.rooms.keys()):
            for turn in range(TURN_COUNT):
                for wire, frame in self.rooms[name].show_observers(turn):
                    wire.push(frame)
        self.has_news.clear()

    def room(self, name):
        if name not in self.rooms:
            texts = self.day.database.texts[name]
            self.rooms[name] = Room(fold(None, texts).auction, "one", [self.day.event(text) for text in texts])
        return self.rooms[name]


class Chances:
    """Counts what happened, so that a day without trouble does not pass for a day that went well."""

    def __init__(self, rng):
        self.rng, self.happened = rng, Counter()

    def happens(self, what, chance):
        if self.rng.random() >= chance:
            return False
        self.happened[what] += 1
        return True
