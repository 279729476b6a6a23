"""Indicative, then binding, once more, naively."""

from copy import deepcopy
from datetime import timedelta

from tests.reference.english import English
from tests.reference.english import No as EnglishNo
from tests.reference.running import No, Running


class TwoStage(Running):
    def __init__(self, terms):
        super().__init__(terms)
        self.part, self.tape = "indicative", terms.tape_version
        self.said = {}  # who -> (seq, low, tape)
        self.listed = {}
        self.bids = {}  # who -> (seq, cents)
        self.kept = {}  # the same of who may better its bid in the final round
        self.hall = None  # an English one, while the binding part is that
        self.excused = set()

    def state(self):
        standing = self.hall.standing()[:3] if self.hall else (None, None, None)
        return super().state() | {"standing": standing}

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
        if self.part == "due diligence" or self.hall:
            raise No("NOT_OPEN")
        pile = self.bids if self.part in {"binding", "final"} else self.said
        if pile.pop(command.bidder, None) is None:
            raise No("NO_SUCH_BID")

    def hear(self, command, now):
        self.must_be_running(now)
        if self.hall and command.bidder in self.hall.unwanted:
            raise No("NOT_ELIGIBLE")
        super().hear(command, now)

    def on_refuse_bid(self, command, now, _):
        self.strike(command, now, by_seller=True)

    def on_void_bid(self, command, now, _):
        self.strike(command, now, by_seller=False)

    def strike(self, command, now, *, by_seller):
        if self.phase != "paused":
            self.must_be_running(now)
        if self.hall:
            self.in_the_hall(lambda hall: hall.strike(command.seq, now, by_seller=by_seller))
            return
        pile = {"binding": self.bids, "final": self.bids, "due diligence": {}}.get(self.part, self.said)
        for who, one in list(pile.items()):
            if one[0] == command.seq:
                del pile[who]
                return
        raise No("NO_SUCH_BID")

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
        self.must_be_of_the_circle(command, now)
        if self.hall:
            self.in_the_open(command, now, seq, command.amount_cents, "exact")
            return
        _, before = self.kept.get(command.bidder, (0, self.terms.opening_cents - 1))
        if command.amount_cents <= before:
            raise No("BID_TOO_LOW")
        limit = command.standing.limit_cents
        if limit is not None and command.amount_cents > limit:
            raise No("LIMIT")
        if self.is_far_below(command.bidder, command.amount_cents) and not command.reason.strip():
            raise No("CONFIRM_NEEDED")
        self.bids[command.bidder] = (seq, command.amount_cents)

    def must_be_of_the_circle(self, command, now):
        self.hear(command, now)
        if self.part not in {"binding", "final"}:
            raise No("NOT_OPEN")
        if command.bidder not in (self.kept if self.part == "final" else self.listed):
            raise No("NOT_ELIGIBLE")

    def is_far_below(self, who, cents):
        _, low, tape = self.listed[who]
        return tape == self.tape and cents < low * (1 - self.terms.deviation_bps / 10_000) - 1e-9

    def is_open_to_the_eye(self):
        if self.terms.binding.value != "english":
            raise No("MALFORMED")

    def on_place_bid(self, command, now, seq):
        self.is_open_to_the_eye()
        self.must_be_of_the_circle(command, now)
        self.in_the_open(command, now, seq, command.amount_cents, "exact")

    def on_set_ceiling(self, command, now, seq):
        self.is_open_to_the_eye()
        self.must_be_of_the_circle(command, now)
        self.in_the_open(command, now, seq, command.ceiling_cents, "ceiling")

    def on_cancel_ceiling(self, command, now, _):
        self.is_open_to_the_eye()
        self.must_be_of_the_circle(command, now)
        self.in_the_hall(lambda hall: hall.lower(command.bidder, now, barred=None))

    def in_the_open(self, command, now, seq, cents, what):
        why = getattr(command, "reason", "").strip()
        excused = command.bidder in self.excused or why or not self.is_far_below(command.bidder, cents)
        said = {
            "exact": what == "exact",
            "confirmed": getattr(command, "confirmed", False),
            "limit": command.standing.limit_cents,
            "barred": None,
        }
        self.hall.closes_at = self.closes_at
        before = deepcopy(self.hall)
        self.in_the_hall(lambda hall: hall.bid(seq, command.bidder, cents, now, **said))
        if not excused:
            self.hall, self.closes_at = before, before.closes_at
            raise No("CONFIRM_NEEDED")
        if why:
            self.excused.add(command.bidder)

    def in_the_hall(self, act):
        self.hall.phase, self.hall.closes_at = self.phase, self.closes_at
        try:
            act(self.hall)
        except EnglishNo as no:
            raise No(str(no)) from None
        self.closes_at = self.hall.closes_at

    def moved_by(self, stood):
        if self.hall:
            self.hall.latest_close_at += stood

    def end(self, now):
        if self.part == "indicative" and self.said:
            self.next_part("shortlisting", now, self.terms.shortlist_s)
        elif self.part == "shortlisting":
            self.fail("NOT_AWARDED")
        elif self.part == "due diligence":
            self.next_part("binding", now, self.terms.binding_s)
            if self.terms.binding.value == "english":
                self.hall = English(self.terms.ascent)
                self.hall.latest_close_at = self.closes_at + timedelta(seconds=self.terms.binding_extends_s)
        elif self.hall:
            who, price, _, _ = self.hall.standing()
            self.finish(who, price)
        else:
            order = sorted(self.bids, key=lambda name: (-self.bids[name][1], self.bids[name][0]))
            chosen = self.finalists(order) if self.part == "binding" and self.terms.final_s and order else []
            if len(chosen) > 1:
                self.kept, self.bids = {who: self.bids[who] for who in chosen}, {}
                self.next_part("final", now, self.terms.final_s)
                return
            last = [*self.kept.items(), *self.bids.items()]
            who, (_, price) = min(last, key=lambda one: (-one[1][1], one[1][0])) if last else (None, (0, None))
            self.finish(who, price)

    def finalists(self, order):
        if self.terms.final_top:
            return order[: self.terms.final_top]
        least = self.bids[order[0]][1] * (1 - self.terms.final_within_bps / 10_000)
        return [who for who in order if self.bids[who][1] >= least - 1e-9]

    def finish(self, who, price):
        if who is None:
            self.fail("NO_BIDS")
        elif price < (self.terms.reserve_cents or 0):
            self.fail("RESERVE_NOT_MET")
        else:
            self.win(who, price)
