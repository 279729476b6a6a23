"""Pools and packages once more, naively: after every bid, every set of bids is tried."""

from datetime import timedelta
from itertools import combinations

from tests.reference.running import No, Running


class Packages(Running):
    def __init__(self, terms):
        super().__init__(terms)
        self.latest = terms.latest_close_at
        self.bids = []  # (seq, who, set of pools, cents)
        self.xor = terms.packaging.value == "xor_packages"
        self.winners, self.sold = (), []

    def moved_by(self, stood):
        self.latest += stood

    def best(self):
        found = (0, 0, 0, ())
        for count in range(1, len(self.terms.pools) + 1):
            for chosen in combinations(self.bids, count):
                pools = [pool for bid in chosen for pool in bid[2]]
                names = [bid[1] for bid in chosen]
                if len(pools) != len(set(pools)) or (self.xor and len(names) != len(set(names))):
                    continue
                late = tuple(sorted((-bid[0] for bid in chosen), key=abs, reverse=True))
                rank = (sum(bid[3] for bid in chosen), len(pools), count)
                if rank > found[:3] or (rank == found[:3] and late > found[3]):
                    found = (*rank, late)
        return tuple(sorted(-seq for seq in found[3]))

    def on_place_package_bid(self, command, now, seq):
        self.hear(command, now)
        names, wanted = [one.pool for one in self.terms.pools], set(command.pools)
        if not wanted <= set(names):
            raise No("NO_SUCH_BID")
        kind = self.terms.packaging.value
        if len(wanted) > 1 and (kind == "pools_only" or (kind == "entirety_vs_pools" and len(wanted) < len(names))):
            raise No("NO_SUCH_BID")
        least = sum(one.least_cents for one in self.terms.pools if one.pool in wanted)
        same = [bid for bid in self.bids if bid[2] == wanted and (not self.xor or bid[1] == command.bidder)]
        for bid in same:
            least = max(least, bid[3] + self.terms.increment_cents)
        if command.amount_cents < least:
            raise No("BID_TOO_LOW")
        limit = command.standing.limit_cents
        if limit is not None and command.amount_cents > limit:
            raise No("LIMIT")
        highest = max((bid[3] for bid in same), default=None)
        mine = [b for b in same if b[1] == command.bidder and (self.terms.rules > 1 or b[3] == highest)]
        self.bids = [b for b in self.bids if b not in mine]
        self.bids.append((seq, command.bidder, wanted, command.amount_cents))
        self.heard()
        winners = self.best()
        if winners != self.winners and self.closes_at - now <= timedelta(seconds=self.terms.soft_close_window_s):
            wanted_end = now + timedelta(seconds=self.terms.soft_close_extension_s)
            self.closes_at = max(self.closes_at, min(wanted_end, self.latest))
        self.winners = winners

    def on_void_bid(self, command, now, _):
        if self.phase != "paused":
            self.must_be_running(now)
        kept = [bid for bid in self.bids if bid[0] != command.seq]
        if len(kept) == len(self.bids):
            raise No("NO_SUCH_BID")
        self.bids = kept
        self.winners = self.best()

    on_refuse_bid = on_void_bid

    def end(self, _):
        if not self.winners:
            self.fail("NO_BIDS")
        else:
            self.sold = [
                (who, pools, cents)
                for seq, who, pools, cents in sorted(self.bids, key=lambda bid: bid[0])
                if seq in self.winners
            ]
            self.win(None, sum(cents for _, _, cents in self.sold))

    def state(self):
        return {**super().state(), "winning": self.winners, "sold": self.sold}
