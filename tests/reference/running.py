"""The clock and the office that the naive formats share: open, pause, resume, cancel, and who may be heard when."""

import re


class No(Exception):
    """The answer is no, and this is the code."""


class Running:
    """`say` takes a command as it is, calls the method named after it, and answers "ok" or a code."""

    def __init__(self, terms):
        self.terms = terms
        self.phase = "scheduled"
        self.closes_at = terms.closes_at
        self.stopped_at = None
        self.winner = self.hammer = self.why = None

    def say(self, command, now, seq):
        method = getattr(
            self, "on" + re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), type(command).__name__), None
        )
        if method is None:
            return "MALFORMED"
        try:
            method(command, now, seq)
        except No as no:
            return str(no)
        return "ok"

    def state(self):
        return {
            "phase": self.phase,
            "closes_at": self.closes_at,
            "end": (self.winner, self.hammer, self.why),
        }

    def over(self):
        return self.phase in {"awarded", "failed", "cancelled"}

    def must_be_running(self, now):
        if self.over():
            raise No("TOO_LATE")
        if self.phase == "paused":
            raise No("PAUSED")
        if now < self.terms.opens_at:
            raise No("NOT_OPEN")
        if now >= self.closes_at:
            raise No("TOO_LATE")

    def hear(self, command, now):
        """What every command of a bidder goes through first."""
        self.must_be_running(now)
        if command.standing.refusal:
            raise No(command.standing.refusal)

    def heard(self):
        """After a command held."""
        if self.phase == "scheduled":
            self.phase = "open"

    def sold_already(self, now):
        """Whether something that fell due ended the auction before now."""
        return False

    def win(self, who, cents):
        self.phase, self.winner, self.hammer, self.why = "awarded", who, cents, None

    def fail(self, why):
        self.phase, self.why = "failed", why

    def on_open(self, _, now, __):
        if self.phase not in {"open", "paused"}:
            self.must_be_running(now)
            self.phase = "open"

    def on_pause(self, _, now, __):
        if self.phase != "paused":
            self.must_be_running(now)
            if self.sold_already(now):
                raise No("POOL_SOLD")
            self.phase, self.stopped_at, self.why = "paused", now, "because"

    def on_resume(self, _, now, __):
        if self.phase == "scheduled":
            raise No("NOT_OPEN")
        if self.over():
            raise No("TOO_LATE")
        if self.phase == "paused":
            stood = now - self.stopped_at
            if stood.total_seconds() > 0:
                self.closes_at += stood
                self.moved_by(stood)
            self.phase, self.why = "open", None

    def moved_by(self, stood):
        """The pause moved everything that was to come."""

    def on_cancel(self, _, now, __):
        if self.phase in {"awarded", "failed"} or (self.phase in {"scheduled", "open"} and now >= self.closes_at):
            raise No("TOO_LATE")
        if self.phase == "open" and self.sold_already(now):
            raise No("POOL_SOLD")
        self.phase, self.why = "cancelled", "because"

    def on_tick(self, _, now, __):
        pass

    def on_close(self, _, now, __):
        if self.over():
            return
        if self.phase == "paused" or now < self.closes_at:
            raise No("NOT_DUE")
        self.end(now)
