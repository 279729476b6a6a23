"""The Dutch format once more, naively: it walks down the steps one by one with exact fractions, and asks who was first."""

import math
from datetime import timedelta
from fractions import Fraction

from tests.reference.running import No, Running


class Dutch(Running):
    def __init__(self, terms):
        super().__init__(terms)
        start, floor = terms.start_cents, terms.floor_cents
        step = Fraction(terms.step_cents) if terms.step_cents else Fraction(start * terms.step_bps, 10_000)
        self.prices = [start]
        exact = Fraction(start)
        while self.prices[-1] > floor:
            exact -= step
            self.prices.append(max(floor, math.ceil(exact)))
        self.began_at = terms.opens_at
        self.closes_at = self.began_at + len(self.prices) * timedelta(seconds=terms.interval_s)
        self.armed = []  # (step, seq, who), the armings that stand

    def begins_at(self, step):
        return self.began_at + step * timedelta(seconds=self.terms.interval_s)

    def step(self, now):
        return max(step for step in range(len(self.prices)) if step == 0 or self.begins_at(step) <= now)

    def moved_by(self, stood):
        self.began_at += stood

    def due(self, now):
        return min([one for one in self.armed if self.begins_at(one[0]) <= now], default=None)

    def sold_already(self, now):
        return self.due(now) is not None

    def not_sold(self, command, now):
        self.hear(command, now)
        if self.sold_already(now):
            raise No("POOL_SOLD")

    def within(self, command, cents):
        limit = command.standing.limit_cents
        if limit is not None and cents > limit:
            raise No("LIMIT")

    def on_accept_step(self, command, now, _):
        self.not_sold(command, now)
        step = self.step(now)
        price = self.prices[step]
        if command.price_cents < price or command.step > step:
            raise No("STEP_MOVED")
        if self.terms.strict and (command.step != step or command.price_cents != price):
            raise No("STEP_MOVED")
        self.within(command, price)
        self.win(command.bidder, price)

    def on_arm_step(self, command, now, seq):
        self.not_sold(command, now)
        if command.step <= self.step(now) or command.step >= len(self.prices):
            raise No("STEP_MOVED")
        self.within(command, self.prices[command.step])
        self.drop(command.bidder)
        self.armed.append((command.step, seq, command.bidder))
        self.heard()

    def on_withdraw(self, command, now, _):
        self.not_sold(command, now)
        if not self.drop(command.bidder):
            raise No("NO_SUCH_BID")
        self.heard()

    def drop(self, who):
        kept = [one for one in self.armed if one[2] != who]
        dropped = len(kept) != len(self.armed)
        self.armed = kept
        return dropped

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
            if self.sold_already(now):
                raise No("POOL_SOLD")
        who = [one[2] for one in self.armed if one[1] == command.seq]
        if not who:
            raise No("NO_SUCH_BID")
        self.drop(who[0])

    on_refuse_bid = on_void_bid

    def on_tick(self, _, now, __):
        if self.phase == "open":
            self.sell_due(now)

    def sell_due(self, now):
        due = self.due(now)
        if due is not None:
            self.win(due[2], self.prices[due[0]])

    def end(self, now):
        self.sell_due(now)
        if self.phase != "awarded":
            self.fail("NO_BIDS")
