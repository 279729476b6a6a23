"""The English format once more, naively: one list of what was said, gone through from the start at every question.

Written from the rules alone and in another style than the engine (no events, no dispatch, plain dicts, a linear
ladder), so that an error is unlikely to be made twice. Slow on purpose.
"""

from datetime import timedelta


class No(Exception):
    """The answer is no, and this is the code."""


class English:
    def __init__(self, terms):
        self.terms = terms
        self.said = []  # bids and lowered ceilings, in order; a bid that was struck out is marked so
        self.phase = "scheduled"
        self.closes_at = terms.closes_at
        self.latest_close_at = terms.latest_close_at
        self.met = False
        self.stopped_at = None
        self.winner = None
        self.hammer = None
        self.why = None
        self.bought = None
        self.answer_until = None
        self.unwanted = set()  # whom the seller refused, where that is remembered

    def step(self, price):
        found = None
        for step in self.terms.increments:
            if price >= step.from_cents:
                found = step.increment_cents
        return found

    def standing(self):
        """(leader, price, ceiling, id of the leading bid), from all that was said and still counts."""
        if self.bought:
            return self.bought
        leader = price = ceiling = by = None
        gone = {entry["id"] for entry in self.said if entry["struck"]}
        for entry in self.said:
            who, cents = entry["who"], entry["cents"]
            if entry["what"] == "strike":
                if who == leader:
                    price = min(price, entry["price"])
                    ceiling = max(price, min(ceiling, cents))
                continue
            if entry["what"] == "lower":
                if who == leader and cents < ceiling:
                    ceiling = max(price, cents)
                continue
            if entry["id"] in gone or entry["raises"] in gone:
                continue
            exact = entry["what"] == "exact"
            if leader is None:
                leader, ceiling, by = who, cents, entry["id"]
                price = cents if exact else self.terms.opening_cents
            elif who == leader and not exact:
                ceiling = max(ceiling, cents)
            elif cents > ceiling:
                one_step_above = max(price + self.step(price), ceiling + self.step(ceiling))
                price = cents if exact else min(cents, one_step_above)
                leader, ceiling, by = who, cents, entry["id"]
            else:
                price = max(price, min(ceiling, cents + self.step(cents)))
            reserve = self.terms.reserve_cents
            if reserve and ceiling >= reserve and price < reserve:
                price = reserve
        return leader, price, ceiling, by

    def least(self):
        _, price, _, _ = self.standing()
        return self.terms.opening_cents if price is None else price + self.step(price)

    def reserve_is_met(self):
        _, price, _, _ = self.standing()
        return price is not None and price >= (self.terms.reserve_cents or 0)

    def must_be_running(self, now):
        if self.phase in {"awarding", "awarded", "failed", "cancelled"}:
            raise No("TOO_LATE")
        if self.phase == "paused":
            raise No("PAUSED")
        if now < self.terms.opens_at:
            raise No("NOT_OPEN")
        if now >= self.closes_at:
            raise No("TOO_LATE")

    def must_be_welcome(self, who, barred):
        if who in self.unwanted:
            raise No("NOT_ELIGIBLE")
        if barred:
            raise No(barred)

    def bid(self, name, who, cents, now, *, exact, confirmed, limit, barred):
        self.must_be_running(now)
        self.must_be_welcome(who, barred)
        leader, price, ceiling, by = self.standing()
        least = self.least()
        floors = [least]
        if leader == who:
            floors = [least, ceiling + 1] if exact else [ceiling + (self.step(ceiling) if self.terms.rules > 1 else 1)]
        if cents < max(floors):
            raise No("BID_TOO_LOW")
        if limit is not None and cents > limit:
            raise No("LIMIT")
        if not confirmed and cents >= self.terms.confirm_multiple * least:
            raise No("CONFIRM_NEEDED")
        raises = by if leader == who and not exact else None
        self.said.append(
            {
                "what": "exact" if exact else "ceiling",
                "id": name,
                "who": who,
                "cents": cents,
                "raises": raises,
                "struck": False,
            }
        )
        self.phase = "open"
        if self.standing()[:2] != (leader, price):
            self.met = self.met or self.reserve_is_met()
            left = self.closes_at - now
            if left <= timedelta(seconds=self.terms.soft_close_window_s):
                wanted = now + timedelta(seconds=self.terms.soft_close_extension_s)
                self.closes_at = max(self.closes_at, min(wanted, self.latest_close_at))

    def lower(self, who, now, *, barred):
        self.must_be_running(now)
        self.must_be_welcome(who, barred)
        leader, price, ceiling, _ = self.standing()
        if who != leader or ceiling <= price:
            raise No("NO_CEILING")
        self.said.append({"what": "lower", "id": None, "who": who, "cents": price, "raises": None, "struck": False})

    def buy(self, who, now, *, limit, barred):
        self.must_be_running(now)
        self.must_be_welcome(who, barred)
        price, asked = self.standing()[1], self.terms.buy_now_cents
        if asked is None or (price or 0) >= asked:
            raise No("NO_BUY_NOW")
        if limit is not None and asked > limit:
            raise No("LIMIT")
        self.bought = (who, asked, asked, None)
        self.phase, self.winner, self.hammer, self.met = "awarded", who, asked, True

    def strike(self, name, now, *, by_seller):
        if self.phase != "paused":
            self.must_be_running(now)
        gone = {entry["id"] for entry in self.said if entry["struck"]}
        for entry in self.said:
            if entry["id"] == name and name is not None and not gone & {name, entry["raises"]}:
                before = self.standing()
                entry["struck"] = True
                if self.terms.rules > 2:
                    self.remember(entry["who"], before, by_seller=by_seller)
                self.met = self.reserve_is_met()
                return
        raise No("NO_SUCH_BID")

    def remember(self, who, before, *, by_seller):
        """The price rises by no strike, a beaten ceiling is spent, and who was refused has left with all its bids."""
        if by_seller:
            self.unwanted.add(who)
            for entry in self.said:
                if entry["who"] == who and entry["id"] is not None:
                    entry["struck"] = True
        leader, price, ceiling, _ = self.standing()
        if leader is None:
            return
        price = min(price, before[1])
        if leader != before[0]:
            ceiling = price
        self.said.append(
            {
                "what": "strike",
                "id": None,
                "who": leader,
                "cents": ceiling,
                "price": price,
                "raises": None,
                "struck": False,
            }
        )

    def open(self, now):
        if self.phase not in {"open", "paused"}:
            self.must_be_running(now)
            self.phase = "open"

    def pause(self, now):
        if self.phase != "paused":
            self.must_be_running(now)
            self.phase, self.stopped_at, self.why = "paused", now, "because"

    def resume(self, now):
        if self.phase == "scheduled":
            raise No("NOT_OPEN")
        if self.phase in {"awarding", "awarded", "failed", "cancelled"}:
            raise No("TOO_LATE")
        if self.phase == "paused":
            stood = max(timedelta(0), now - self.stopped_at)
            self.closes_at += stood
            self.latest_close_at += stood
            self.phase, self.why = "open", None

    def cancel(self, now):
        if self.phase in {"awarding", "awarded", "failed"} or (
            self.phase in {"scheduled", "open"} and now >= self.closes_at
        ):
            raise No("TOO_LATE")
        self.phase, self.why = "cancelled", "because"

    def close(self, now):
        if self.phase in {"awarded", "failed", "cancelled"}:
            return
        if self.phase == "paused" or now < (self.answer_until or self.closes_at):
            raise No("NOT_DUE")
        leader, price, _, _ = self.standing()
        if leader is None:
            self.phase, self.why = "failed", "NO_BIDS"
        elif not self.reserve_is_met():
            if self.phase != "awarding" and self.terms.below_reserve_answer_s:
                self.phase = "awarding"
                self.answer_until = now + timedelta(seconds=self.terms.below_reserve_answer_s)
                return
            self.phase, self.why = "failed", "RESERVE_NOT_MET"
        else:
            self.phase, self.winner, self.hammer = "awarded", leader, price

    def must_be_asking(self, now):
        if self.phase in {"awarded", "failed", "cancelled"}:
            raise No("TOO_LATE")
        if self.phase != "awarding":
            raise No("NOT_DUE")
        if now >= self.answer_until:
            raise No("TOO_LATE")

    def take(self, now, *, is_stale, limit, barred):
        self.must_be_asking(now)
        if barred:
            raise No("NOT_ELIGIBLE")
        if is_stale:
            raise No("STALE")
        leader, price, _, _ = self.standing()
        if limit is not None and price > limit:
            raise No("LIMIT")
        self.phase, self.winner, self.hammer = "awarded", leader, price

    def decline(self, now, *, is_stale):
        self.must_be_asking(now)
        if is_stale:
            raise No("STALE")
        self.phase, self.why = "failed", "RESERVE_NOT_MET"
