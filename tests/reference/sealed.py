"""Sealed bids once more, naively: a pile of envelopes, gone through at the deadline with nothing but sorting."""

from datetime import timedelta

from tests.reference.running import No, Running


class Sealed(Running):
    def __init__(self, terms):
        super().__init__(terms)
        self.pile = []  # [seq, who, what]; what is an amount, or a commitment
        self.round, self.opening = 1, False
        self.first = {}  # who -> (amount, seq), opened in the first round
        self.in_final = None

    def may(self, command, now):
        self.hear(command, now)
        if self.opening:
            raise No("TOO_LATE")
        if self.in_final is not None and command.bidder not in self.in_final:
            raise No("NOT_ELIGIBLE")

    def put(self, seq, who, what):
        self.pile = [one for one in self.pile if one[1] != who] + [[seq, who, what]]
        self.heard()

    def say(self, command, now, seq):
        by_clients = self.terms.sealing.value == "client"
        name = type(command).__name__
        if name == ("PlaceBid" if by_clients else "SealBid") or (name == "OpenBids" and not by_clients):
            return "MALFORMED"
        return super().say(command, now, seq)

    def on_place_bid(self, command, now, seq):
        self.may(command, now)
        cents, who = command.amount_cents, command.bidder
        if cents < self.terms.opening_cents or (who in self.first and cents <= self.first[who][0]):
            raise No("BID_TOO_LOW")
        for most in (self.terms.most_cents, command.standing.limit_cents):
            if most is not None and cents > most:
                raise No("LIMIT")
        self.put(seq, who, cents)

    def on_seal_bid(self, command, now, seq):
        self.may(command, now)
        limit = command.standing.limit_cents
        if limit is not None and limit < self.terms.most_cents:
            raise No("LIMIT")
        self.put(seq, command.bidder, command.commitment)

    def on_withdraw(self, command, now, _):
        self.may(command, now)
        if command.bidder not in [one[1] for one in self.pile]:
            raise No("NO_SUCH_BID")
        self.pile = [one for one in self.pile if one[1] != command.bidder]
        self.heard()

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
        if command.seq not in [one[0] for one in self.pile]:
            raise No("NO_SUCH_BID")
        self.pile = [one for one in self.pile if one[0] != command.seq]

    on_refuse_bid = on_void_bid

    def on_open_bids(self, command, now, _):
        self.must_be_running(now)
        if not self.opening:
            raise No("NOT_OPEN")
        if [one.bid_seq for one in command.opened] != sorted(one[0] for one in self.pile):
            raise No("STALE")
        said = {one.bid_seq: one for one in command.opened}
        sound = {}
        for seq, who, commitment in self.pile:
            one = said[seq]
            if one.amount_cents is None or not self.fits(one, who, commitment):
                continue
            if self.terms.opening_cents <= one.amount_cents <= self.terms.most_cents:
                sound[who] = (one.amount_cents, seq)
        ends = self.round == 2 or len(self.finalists(sound)) < 2
        must_show = {1: False, 2: ends}.get(self.terms.rules, True)
        if must_show and command.key is None:
            raise No("MALFORMED")
        self.opened(sound, now)

    def finalists(self, sound):
        order = sorted(sound, key=lambda who: (-sound[who][0], sound[who][1]))
        if not self.terms.final_s or not order:
            return []
        if self.terms.final_top:
            return order[: self.terms.final_top]
        share = 1 - self.terms.final_within_bps / 10_000
        return [who for who in order if sound[who][0] >= sound[order[0]][0] * share - 1e-9]

    def fits(self, one, who, commitment):
        return one.salt == f"salt-{who}"  # in these tests a commitment is honest if its salt is the bidder's own

    def end(self, now):
        if self.opening and self.pile:
            self.fail("NOT_OPENED")
        elif self.pile and self.terms.sealing.value == "client":
            self.opening = True
            self.closes_at = now + timedelta(seconds=self.terms.opening_s)
            self.heard()
            self.phase = "open"
        else:
            self.opened({who: (cents, seq) for seq, who, cents in self.pile}, now)

    def opened(self, sound, now):
        self.opening = False
        order = sorted(sound, key=lambda who: (-sound[who][0], sound[who][1]))
        if self.round == 1 and self.terms.final_s and order:
            chosen = self.finalists(sound)
            if len(chosen) > 1:
                self.round, self.first, self.pile = 2, {who: sound[who] for who in chosen}, []
                self.in_final = set(chosen)
                self.closes_at = now + timedelta(seconds=self.terms.final_s)
                self.phase = "open"
                return
        for who, (cents, seq) in self.first.items():
            if who not in sound or sound[who][0] <= cents:
                sound[who] = (cents, seq)
        self.settle(sound)

    def settle(self, sound):
        order = sorted(sound, key=lambda who: (-sound[who][0], sound[who][1]))
        if not order:
            return self.fail("NO_BIDS")
        best, least = sound[order[0]][0], self.terms.reserve_cents or self.terms.opening_cents
        if best < least:
            return self.fail("RESERVE_NOT_MET")
        if self.terms.pricing.value == "second_price":
            best = max([least] + [sound[who][0] for who in order[1:2]])
        return self.win(order[0], best)
