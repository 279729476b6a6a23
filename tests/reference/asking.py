"""Fixed price and best offer once more, naively."""

from tests.reference.running import No, Running


class FixedPrice(Running):
    def on_buy_now(self, command, now, _):
        self.hear(command, now)
        limit = command.standing.limit_cents
        if limit is not None and limit < self.terms.price_cents:
            raise No("LIMIT")
        self.win(command.bidder, self.terms.price_cents)

    def on_void_bid(self, _, now, __):
        if self.phase != "paused":
            self.must_be_running(now)
        raise No("NO_SUCH_BID")

    on_refuse_bid = on_void_bid

    def end(self, _):
        self.fail("NO_BIDS")


class BestOffer(Running):
    def __init__(self, terms):
        super().__init__(terms)
        self.table = {}  # who -> {"seq", "cents", "counter": None or (seq, cents, until)}

    def on_place_bid(self, command, now, seq):
        self.hear(command, now)
        if command.amount_cents < self.terms.opening_cents:
            raise No("BID_TOO_LOW")
        limit = command.standing.limit_cents
        if limit is not None and command.amount_cents > limit:
            raise No("LIMIT")
        self.table[command.bidder] = {"seq": seq, "cents": command.amount_cents, "counter": None}
        self.heard()

    def on_withdraw(self, command, now, _):
        self.hear(command, now)
        if self.table.pop(command.bidder, None) is None:
            raise No("NO_SUCH_BID")

    def find(self, seq):
        for who, offer in self.table.items():
            if offer["seq"] == seq:
                return who, offer
        raise No("NO_SUCH_BID")

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
        del self.table[self.find(command.seq)[0]]

    on_refuse_bid = on_void_bid

    def on_award_offer(self, command, now, _):
        self.must_be_running(now)
        who, offer = self.find(command.bid_seq)
        for other in self.table.values():
            if other["seq"] > command.seq_seen and (other is offer or other["cents"] > offer["cents"]):
                raise No("STALE")
        self.win(who, offer["cents"])

    def on_counter_offer(self, command, now, seq):
        self.must_be_running(now)
        _, offer = self.find(command.bid_seq)
        if command.expires_at <= now:
            raise No("STALE")
        if command.price_cents <= offer["cents"]:
            raise No("BID_TOO_LOW")
        offer["counter"] = (seq, command.price_cents, min(command.expires_at, self.closes_at))

    def on_accept_counter(self, command, now, _):
        self.hear(command, now)
        counter = self.table.get(command.bidder, {}).get("counter")
        if counter is None or counter[0] != command.counter_seq:
            raise No("NO_SUCH_BID")
        if counter[2] <= now:
            raise No("STALE")
        limit = command.standing.limit_cents
        if limit is not None and counter[1] > limit:
            raise No("LIMIT")
        self.win(command.bidder, counter[1])

    def end(self, _):
        self.fail("NOT_AWARDED" if self.table else "NO_BIDS")
