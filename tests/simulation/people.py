"""Who takes part in a simulated day: bidders, sellers, officers and onlookers, all of them with bad connections."""

import json
from collections import deque
from dataclasses import fields, replace
from itertools import count
from uuid import UUID

from auctions.messages import IN_GOOD_STANDING, Close, Open, Pause, Resume, VoidBid
from auctions.moves import OpenBids, SealBid, Tick
from auctions.sealed import commitment_of
from market.bidding.content import BIDDER_ORDERS
from market.bidding.orders import BidOrder, Status
from market.client.follower import Follower, Nothing
from market.kit.actor import Actor, Role
from tests.auctions.drawing import draw_command
from tests.simulation.world import S, Wire

_RETRY = 4 * S


class Person:
    """Watches auctions through one socket at a time, and sends again what was not answered, to whatever node is up."""

    def __init__(self, day, actor, audience):
        self.day, self.actor, self.audience = day, actor, audience
        self.followers, self.pending, self.acked = {}, {}, {}
        self.node = self.wire = None
        self._cids = count(1)

    def watch(self, names):
        self.followers = {name: Follower(name) for name in names}
        self.connect()

    def connect(self):
        up = [node for node in self.day.nodes if node.is_up]
        if not up:
            self.day.time.after(S, self.connect)
            return
        self.node = self.day.rng.choice(up)
        self.wire = Wire(self.day.time, self.day.rng, self.hear)
        self.node.sockets[self] = None
        for follower in self.followers.values():
            self.subscribe(follower)
        for cid in list(self.pending):
            self.send(cid)

    def cut(self):
        """The socket breaks: what is under way in it is lost, in both directions."""
        if self.wire is not None:
            self.wire.is_cut = True
        if self.node is not None:
            self.node.sockets.pop(self, None)
            for room in self.node.rooms.values():
                room.leave(self.wire)
        self.node = self.wire = None
        self.day.time.after(self.day.rng.choice((0, 1, 7)) * S, self.reconnect)

    def reconnect(self):
        if self.node is None:
            self.connect()

    def subscribe(self, follower):
        asked, name = follower.subscription(), follower.auction
        room = self.node.room(name)
        room.join(self.wire, self.audience(name), from_seq=asked.get("from_seq"), epoch=asked.get("epoch"))

    def hear(self, text):
        frame = json.loads(text)
        self.day.look_at(self, frame, text)
        follower = self.followers[UUID(frame["auction"])]
        if frame["t"] == "snapshot":
            follower.take_snapshot(frame)
        elif follower.take_event(frame) is Nothing.GAP:
            raise AssertionError(f"{frame['seq']} came after {follower.seq} on one socket")

    def beat(self):
        """A heartbeat with the heads; who stays behind for two of them subscribes anew."""
        if self.node is None or not self.node.is_up:
            return
        for follower in self.followers.values():
            room = self.node.rooms.get(follower.auction)
            if follower.hear_head(None if room is None else room.known_seq):
                self.subscribe(follower)

    def say(self, name, command):
        """Send a command under a cid of its own, twice now and then, until there is an answer."""
        cid = getattr(command, "cid", None) or f"office-{next(self._cids)}"
        self.pending[cid] = (name, command)
        self.send(cid)
        if self.day.happens("a command is sent twice", 0.08):
            self.send(cid)

    def send(self, cid):
        if cid not in self.pending:
            return
        name, command = self.pending[cid]
        self.day.time.after(_RETRY, lambda: self.send(cid))
        node, wire = self.node, self.wire
        if node is None or self.day.happens("a command is lost on its way", 0.01):
            return

        def arrive():
            if node.is_up and not wire.is_cut:
                order = BidOrder(self.actor, name, command, self.day.time.now)
                node.take(order, lambda answer: wire.is_cut or self.answered(cid, answer))

        self.day.time.after(self.day.rng.choice((1, 20, 300)) * S / 1000, arrive)

    def answered(self, cid, answer):
        if self.day.happens("an answer is lost", 0.01):
            return
        self.pending.pop(cid, None)
        before = self.acked.setdefault(cid, answer)
        if isinstance(before.seq, int) and answer.status is Status.DUPLICATE:
            assert answer.seq == before.seq, "the same cid was answered in two ways"


class Crowd:
    """Draws commands at the edges for one auction and has the right person say them."""

    def __init__(self, day, name, form):
        self.day, self.name, self.form = day, name, form
        self.moves = deque(range(day.rng.randint(30, 70)))

    def act(self):
        auction, rng = self.day.database.folded[self.name].auction, self.day.rng
        if auction.phase.has_ended or not self.moves:
            return
        command = self.draw(auction, rng, f"{self.name}-{self.moves.popleft()}")
        if command is not None:
            self.speaker(command).say(self.name, command)
        left = max(auction.closes_at - self.day.time.now, S)
        self.day.time.after(left * rng.choice((0, 0, 0.001, 0.02, 0.05, 0.1)) + S / 100, self.act)
        if rng.random() < 0.1:  # some come at the very end, on this side of it or on that
            self.day.time.after(left - rng.choice((0.35, 0.3, 0.02, 0, -0.02)) * S, self.act)

    def draw(self, auction, rng, cid):
        bidder = rng.choice(self.day.bidders)
        who = str(bidder.actor.org_id)
        if self.form is None:
            command = draw_command(rng, auction, cid, [bid.seq for bid in auction.bids])
            changes = {"bidder": who} if "bidder" in _names(command) else {}
        else:
            command = self.form.command(rng, auction, who, cid, self.day.time.now)
            changes = {}
            if rng.random() < 0.03:
                command = rng.choice(
                    (Pause(reason="a look"), VoidBid(seq=rng.randint(1, auction.seq), reason="a slip"))
                )
        if isinstance(command, Open | Close | Tick):
            return None  # that is the closers' business
        if isinstance(command, SealBid):
            changes["commitment"] = commitment_of(str(self.name), who, int(command.sealed), f"salt-{who}")
        if "standing" in _names(command):
            changes["standing"] = IN_GOOD_STANDING
        return replace(command, **changes) if changes else command

    def speaker(self, command):
        if isinstance(command, BIDDER_ORDERS):
            return next(one for one in self.day.bidders if str(one.actor.org_id) == command.bidder)
        if isinstance(command, OpenBids):
            return self.day.officer
        return self.day.operator if isinstance(command, Pause | Resume | VoidBid) else self.day.seller


def _names(command):
    return {field.name for field in fields(command)}


def actor(rng, role):
    org_id = UUID(int=rng.getrandbits(128)) if role is Role.MEMBER else None
    return Actor(role, UUID(int=rng.getrandbits(128)), org_id)
