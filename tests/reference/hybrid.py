"""Dutch, sealed, best bid once more, naively: three lists of what was said, one after the other."""

import math
from datetime import timedelta
from fractions import Fraction

from tests.reference.running import No, Running


class Hybrid(Running):
    def __init__(self, terms):
        super().__init__(terms)
        fall = Fraction(terms.start_cents * terms.step_bps, 10_000)
        self.prices = [math.ceil(terms.start_cents - fall * step) for step in range(terms.last_step + 1)]
        self.part = "dutch"
        self.begins_at = terms.opens_at + timedelta(seconds=terms.lead_s)
        self.closes_at = self.begins_at + len(self.prices) * timedelta(seconds=terms.interval_s)
        self.dutch = None  # (who, price)
        self.sealed = []  # [seq, who, cents]
        self.best = []

    def moved_by(self, stood):
        self.begins_at += stood

    def within(self, command, cents):
        limit = command.standing.limit_cents
        if limit is not None and cents > limit:
            raise No("LIMIT")

    def next_part(self, part, now, lasts_s):
        self.part = part
        self.begins_at = now + timedelta(seconds=self.terms.pause_s)
        self.closes_at = self.begins_at + timedelta(seconds=lasts_s)
        self.phase = "open"

    def on_accept_step(self, command, now, _):
        self.hear(command, now)
        if self.part != "dutch":
            raise No("STEP_MOVED")
        if now < self.begins_at:
            raise No("NOT_OPEN")
        step = 0
        while self.begins_at + (step + 1) * timedelta(seconds=self.terms.interval_s) <= now:
            step += 1
        price = self.prices[step]
        if self.terms.strict and (command.step, command.price_cents) != (step, price):
            raise No("STEP_MOVED")
        if command.step > step or command.price_cents < price:
            raise No("STEP_MOVED")
        self.within(command, price)
        self.dutch = (command.bidder, price)
        self.next_part("sealed", now, self.terms.sealed_s)

    def on_place_bid(self, command, now, seq):
        self.hear(command, now)
        if self.part == "dutch" or now < self.begins_at:
            raise No("NOT_OPEN")
        if (command.bidder == self.dutch[0]) != (self.part == "best"):
            raise No("NOT_ELIGIBLE")
        pile = self.sealed if self.part == "sealed" else self.best
        over = self.dutch[1] if self.part == "sealed" else self.challenge()[2]
        if command.amount_cents <= over:
            raise No("BID_TOO_LOW")
        self.within(command, command.amount_cents)
        pile[:] = [one for one in pile if one[1] != command.bidder] + [[seq, command.bidder, command.amount_cents]]

    def challenge(self):
        highest = max(cents for _, _, cents in self.sealed)
        return next(one for one in sorted(self.sealed) if one[2] == highest)

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
        pile = self.sealed if self.part == "sealed" else self.best
        kept = [one for one in pile if one[0] != command.seq]
        if len(kept) == len(pile):
            raise No("NO_SUCH_BID")
        pile[:] = kept

    on_refuse_bid = on_void_bid

    def end(self, now):
        if self.part == "dutch":
            self.fail("NO_BIDS")
        elif self.part == "sealed" and self.sealed:
            self.next_part("best", now, self.terms.best_s)
        elif self.part == "sealed":
            self.win(*self.dutch)
        elif self.best:
            self.win(self.dutch[0], self.best[0][2])
        else:
            self.win(*self.challenge()[1:])
