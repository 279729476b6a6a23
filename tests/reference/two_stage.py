"""Indicative, then binding, once more, naively."""

from datetime import timedelta

from tests.reference.running import No, Running


class TwoStage(Running):
    def __init__(self, terms):
        super().__init__(terms)
        self.part, self.tape = "indicative", terms.tape_version
        self.said = {}  # who -> (seq, low, tape)
        self.listed = {}
        self.bids = {}  # who -> (seq, cents)

    def next_part(self, part, now, lasts_s):
        self.part, self.closes_at, self.phase = part, now + timedelta(seconds=lasts_s), "open"

    def on_revise_tape(self, command, now, _):
        self.must_be_running(now)
        self.tape = command.tape_version
        self.heard()

    def on_indicate(self, command, now, seq):
        self.hear(command, now)
        old = self.said.get(command.bidder)
        may_renew = self.part == "shortlisting" and old is not None and old[2] != self.tape
        if self.part != "indicative" and not may_renew:
            raise No("TOO_LATE")
        if command.low_cents < self.terms.opening_cents:
            raise No("BID_TOO_LOW")
        self.said[command.bidder] = (seq, command.low_cents, self.tape)
        self.heard()

    def on_withdraw(self, command, now, _):
        self.hear(command, now)
        if self.part == "due diligence":
            raise No("NOT_OPEN")
        pile = self.bids if self.part == "binding" else self.said
        if pile.pop(command.bidder, None) is None:
            raise No("NO_SUCH_BID")

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
        pile = {"binding": self.bids, "due diligence": {}}.get(self.part, self.said)
        for who, one in list(pile.items()):
            if one[0] == command.seq:
                del pile[who]
                return
        raise No("NO_SUCH_BID")

    on_refuse_bid = on_void_bid

    def on_shortlist(self, command, now, _):
        self.must_be_running(now)
        if self.part != "shortlisting":
            raise No("STALE")
        if [who for who in command.chosen if who not in self.said]:
            raise No("NO_SUCH_BID")
        if {who for who, _ in command.declined} | set(command.chosen) != set(self.said):
            raise No("STALE")
        if any(self.said[who][2] != self.tape for who in command.chosen):
            raise No("STALE")
        if len(command.chosen) > self.terms.shortlist_most:
            raise No("LIMIT")
        self.listed = {who: self.said[who] for who in command.chosen}
        self.next_part("due diligence", now, self.terms.due_diligence_s)

    def on_place_binding(self, command, now, seq):
        self.hear(command, now)
        if self.part != "binding":
            raise No("NOT_OPEN")
        if command.bidder not in self.listed:
            raise No("NOT_ELIGIBLE")
        if command.amount_cents < self.terms.opening_cents:
            raise No("BID_TOO_LOW")
        limit = command.standing.limit_cents
        if limit is not None and command.amount_cents > limit:
            raise No("LIMIT")
        _, low, tape = self.listed[command.bidder]
        share = 1 - self.terms.deviation_bps / 10_000
        if tape == self.tape and command.amount_cents < low * share - 1e-9 and not command.reason.strip():
            raise No("CONFIRM_NEEDED")
        self.bids[command.bidder] = (seq, command.amount_cents)

    def end(self, now):
        if self.part == "indicative" and self.said:
            self.next_part("shortlisting", now, self.terms.shortlist_s)
        elif self.part == "shortlisting":
            self.fail("NOT_AWARDED")
        elif self.part == "due diligence":
            self.next_part("binding", now, self.terms.binding_s)
        elif not self.bids:
            self.fail("NO_BIDS")
        else:
            who = min(self.bids, key=lambda name: (-self.bids[name][1], self.bids[name][0]))
            if self.bids[who][1] < (self.terms.reserve_cents or 0):
                self.fail("RESERVE_NOT_MET")
            else:
                self.win(who, self.bids[who][1])
