"""One whole market day, drawn from a seed: auctions of every format side by side, and everything that may go wrong."""

import json
import random
from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

from auctions.auction import Phase
from auctions.messages import Resume
from auctions.proof import line, verify
from auctions.record import GENESIS, chain, decode
from auctions.views import OBSERVER, OFFICER, SELLER, Audience, snapshot
from auctions.views import Role as Seat
from market.bidding.rules import BidderFacts
from market.kit.actor import Role
from tests.auctions.drawing import draw_terms
from tests.auctions.formats import FORMATS
from tests.auctions.samples import OPENS_AT
from tests.simulation.people import Crowd, Person, actor
from tests.simulation.world import Chances, Database, Node, S, Time

LONGEST = timedelta(hours=6)


class Day(Chances):
    """`run` plays it to the end and checks it. Everything follows from the seed; AssertionError names it."""

    def __init__(self, seed):
        super().__init__(random.Random(seed))
        self.seed = seed
        self.time, self.database = Time(OPENS_AT - 60 * S), Database()
        self.nodes = [Node(self, number) for number in range(2)]
        self._events = {}
        self._hire()
        self.names = [self._publish(form) for form in [None, *FORMATS]]

    def _hire(self):
        rng = self.rng
        self.bidders = [
            Person(
                self, actor(rng, Role.MEMBER), lambda _, n=n: Audience(Seat.BIDDER, str(self.bidders[n].actor.org_id))
            )
            for n in range(4)
        ]
        self.seller = Person(self, actor(rng, Role.MEMBER), lambda _: SELLER)
        self.officer = Person(self, actor(rng, Role.OFFICER), lambda _: OFFICER)
        self.operator = Person(self, actor(rng, Role.OPERATOR), lambda _: OBSERVER)
        self.people = [*self.bidders, self.seller, self.officer, self.operator]

    def _publish(self, form):
        rng, name = self.rng, UUID(int=self.rng.getrandbits(128))
        terms = draw_terms(rng) if form is None else form.terms(rng)
        later = rng.choice((0, 30, 300, 3_600)) * S
        moved = {f.name: getattr(terms, f.name) + later for f in fields(terms) if f.name.endswith("_at")}
        self.database.publish(name, replace(terms, **moved), self.seller.actor.org_id, self.time.now)
        for person in self.bidders:
            limit = rng.choice((None, None, None, 1_200))
            self.database.facts[name, person.actor.org_id] = BidderFacts(True, True, UUID(int=1), limit)
        self.time.after(terms.opens_at + later - self.time.now - S, Crowd(self, name, form).act)
        return name

    def run(self):
        try:
            for person in self.people:
                person.watch(self.names)
            for act, every in ((self._poll, S / 2), (self._tick, S / 10), (self._beat, 5 * S), (self._trouble, 2 * S)):
                self._repeat(act, every)
            while not self._is_over():
                assert self.time.now < OPENS_AT + LONGEST, "the day does not end"
                self.time.run(self.time.now + 30 * S)
            self._check()
        except AssertionError as error:
            raise AssertionError(f"a market day went wrong: seed {self.seed}: {error}") from error
        return self.happened

    def _repeat(self, act, every):
        def again():
            act()
            self.time.after(every, again)

        self.time.after(every, again)

    def _poll(self):
        for node in self.nodes:
            node.poll()

    def _tick(self):
        for node in self.nodes:
            node.tick()

    def _beat(self):
        for person in self.people:
            person.beat()
        for name, folded in self.database.folded.items():
            if folded.auction.phase is Phase.PAUSED and self.rng.random() < 0.3:
                self.operator.say(name, Resume())

    def _trouble(self):
        for person in self.people:
            if person.node is not None and self.happens("a socket breaks", 0.004):
                person.cut()
        for node in self.nodes:
            if node.is_up and self.happens("a node dies", 0.0005):
                node.die()

    def _is_over(self):
        ended = all(folded.auction.phase.has_ended for folded in self.database.folded.values())
        told = all(not person.pending and person.node is not None for person in self.people)
        return ended and told and all(self._is_up_to_date(person) for person in self.people)

    def _is_up_to_date(self, person):
        heads = {name: folded.auction.seq for name, folded in self.database.folded.items()}
        return all(follower.seq == heads[name] for name, follower in person.followers.items())

    def event(self, text):
        found = self._events.get(text)
        if found is None:
            found = self._events[text] = decode(text)
        return found

    def look_at(self, person, frame, text):
        """Whatever is heard: no name of a bidder but for the office, no secret but for its owner."""
        if person.audience(None).role in {Seat.SELLER, Seat.OFFICER}:
            return
        assert "reserve_cents" not in text, frame
        assert not any(str(one.actor.org_id) in text for one in self.bidders), frame
        self.happened["a frame is looked at"] += 1

    def _check(self):
        for name in self.names:
            self._check_log(name)
            for person in self.people:
                auction, audience = self.database.folded[name].auction, person.audience(name)
                shown = json.loads(json.dumps(snapshot(auction, audience)))
                assert person.followers[name].state == shown, (name, audience)
        for person in self.people:
            self._check_answers(person)

    def _check_log(self, name):
        head, lines, kinds = GENESIS, [], Counter()
        for text in self.database.texts[name]:
            head = chain(head, text.encode())
            lines.append(line(text.encode(), head))
            kinds[json.loads(text)["kind"]] += 1
        verdict = verify(lines, head)
        assert verdict.holds, (name, verdict.wrong_seq, verdict.problem)
        assert kinds["awarded"] + kinds["pools_awarded"] + kinds["auction_failed"] + kinds["auction_cancelled"] == 1, (
            kinds
        )
        self.happened[f"{verdict.auction.terms.format} {verdict.auction.phase.value}"] += 1
        self.happened["an event is written"] += len(lines)

    def _check_answers(self, person):
        """What was acknowledged is stored at its place, under its cid, and nowhere else."""
        stored = {
            key[2]: decided.seq for key, decided in self.database.decided.items() if key[1] == person.actor.org_id
        }
        for cid, answer in person.acked.items():
            if cid.startswith("office-"):
                continue
            if answer.holds:
                name = UUID(cid[:36])
                body = json.loads(self.database.texts[name][answer.seq - 1])
                assert (stored.get(cid), body["cid"], body["bidder"]) == (answer.seq, cid, str(person.actor.org_id))
                self.happened["an accepted command is found again"] += 1
            else:
                assert stored.get(cid) is None
