"""Which bids win when bids are for sets of pools: exact winner determination.

Maximises revenue; every pool is sold at most once. Ties, in this order: fewer unsold pools, more winning bids, and
then the set whose latest bid is earliest (of two sets the one with the smaller sum of 2 ** seq). With `exclusive`
every bidder wins at most one of its bids; otherwise each bid stands for itself.

A bidder with several exclusive bids is one more thing that can be sold once, so that all is packing of sets. Things are
decided one after the other, each goes to one of the bids that begin with it or to nobody; of two ways to sell the same things
the better one is kept. Prices of things, high enough that no bid offers more than its things cost, say how much a way can
bring at most: what cannot catch up with the best that is known is dropped. The search is narrow first, to find something
good, and then wider until nothing was left out but what cannot win: so the result is exact, or there is none. Parts of
the board that have nothing in common are searched one by one. Prices and search have one bound of work together.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

MAX_POOL_COUNT = 60
"""What a command for all of them needs fits a frame. How hard a board is lies in its bids, not in its pools."""
MAX_STEP_COUNT = 200_000
"""So much work one allocation may take, a third of a second or so. Counted, not timed: it is the same everywhere."""
PRICING_STEPS = 4
"""So many steps the prices count for, for each thing of each bid: 0.3 s at most where they use up the whole allowance."""
_WIDTHS = (32, 256, 2_048, 16_384, MAX_STEP_COUNT)
_SCALE = 5_040
"""Prices are in parts of a cent, so that a bid is divided among its pools without rounding."""
_FAIR_ROUNDS, _TIGHT_ROUNDS, _TIGHT_EVERY = 24, 48, 8


class TooHardError(ValueError):
    """It cannot be proven with the work that is allowed which bids win."""


class Package(NamedTuple):
    """A bid of `amount_cents` for all of `pools` (numbers of pools) or none."""

    seq: int
    bidder: str
    pools: frozenset[int]
    amount_cents: int


class Worth(NamedTuple):
    """How good a set of bids is; more is better."""

    revenue_cents: int
    sold_count: int
    winner_count: int
    earliness: int

    def plus(self, bid: Package) -> "Worth":
        """The worth with one more bid."""
        return Worth(
            self.revenue_cents + bid.amount_cents,
            self.sold_count + len(bid.pools),
            self.winner_count + 1,
            self.earliness - (1 << bid.seq),
        )


NOTHING = Worth(0, 0, 0, 0)


class Allocation(NamedTuple):
    """The winning seqs in order, and what they are worth."""

    winning: tuple[int, ...]
    worth: Worth

    def with_part(self, other: "Allocation") -> "Allocation":
        """This and what wins in another part of the board."""
        worth = Worth(*(mine + its for mine, its in zip(self.worth, other.worth, strict=True)))
        return Allocation(tuple(sorted((*self.winning, *other.winning))), worth)


class _Line(NamedTuple):
    """A bid and the things that it takes: its pools, and its bidder if that one may win once."""

    bid: Package
    things: tuple[int, ...]


class _Way(NamedTuple):
    """How some things may be sold. `lost` is how far it falls behind the two bounds, in parts of a cent."""

    worth: Worth
    winning: tuple[int, ...]
    lost: tuple[int, int]


def allocate(
    bids: Iterable[Package], *, exclusive: bool, most_steps: int = MAX_STEP_COUNT, pricing_steps: int = PRICING_STEPS
) -> Allocation:
    """The best set of bids. Raises ValueError beyond MAX_POOL_COUNT pools, TooHardError beyond `most_steps`.

    `pricing_steps` is what the prices count for, for each thing of each bid.
    """
    lines = _lines(list(bids), exclusive=exclusive)
    found, steps_left = Allocation((), NOTHING), most_steps - pricing_steps * sum(len(line.things) for line in lines)
    if steps_left < 0:
        raise TooHardError("too many bids for too many pools")
    for part in _apart(lines):
        search = _Search(part, steps_left)
        found, steps_left = found.with_part(search.run()), search.steps_left
    return found


def _apart(lines: Sequence[_Line]) -> list[list[_Line]]:
    """The parts of a board that have nothing in common, neither pools nor bidders: what wins in one does not bear on the rest."""
    parts: list[tuple[set[int], list[_Line]]] = []
    for line in lines:
        touched = [part for part in parts if not part[0].isdisjoint(line.things)]
        parts = [part for part in parts if part not in touched]
        things = set(line.things).union(*(part[0] for part in touched))
        parts.append((things, [*(one for part in touched for one in part[1]), line]))
    return [part[1] for part in parts]


def _lines(bids: Sequence[Package], *, exclusive: bool) -> list[_Line]:
    """Of bids that differ in their amount alone only the best is kept."""
    if len(set[int]().union(*(bid.pools for bid in bids))) > MAX_POOL_COUNT:
        raise ValueError(f"more than {MAX_POOL_COUNT} pools cannot be allocated exactly here")
    own = _best((bid.bidder if exclusive else "", bid.pools, bid) for bid in bids)
    counts = Counter(bid.bidder for bid in own) if exclusive else Counter()
    several = {name: MAX_POOL_COUNT + at for at, name in enumerate(sorted(n for n, c in counts.items() if c > 1))}
    kept = _best((bid.bidder if bid.bidder in several else "", bid.pools, bid) for bid in own)
    return [_Line(bid, (*sorted(bid.pools), *([several[bid.bidder]] if bid.bidder in several else ()))) for bid in kept]


def _best(keyed: Iterable[tuple[str, frozenset[int], Package]]) -> list[Package]:
    kept: dict[tuple[str, frozenset[int]], Package] = {}
    for name, pools, bid in keyed:
        other = kept.get((name, pools))
        if other is None or (bid.amount_cents, -bid.seq) > (other.amount_cents, -other.seq):
            kept[name, pools] = bid
    return list(kept.values())


class _Search:
    def __init__(self, lines: Sequence[_Line], most_steps: int) -> None:
        self._lines = lines
        self.steps_left = most_steps
        self._known_cents = max(_greedy(lines, by_share=True), _greedy(lines, by_share=False))
        fair, tight = _fair_prices(lines), _tight_prices(lines, self._known_cents)
        self._prices = (fair, tight)
        self._totals = (sum(fair.values()), sum(tight.values()))

    def run(self) -> Allocation:
        for width in _WIDTHS:
            ways, is_whole = self._sweep(width)
            best = max(ways, default=None)
            if best is not None and is_whole:
                return Allocation(tuple(sorted(best.winning)), best.worth)
            if best is not None:
                self._known_cents = max(self._known_cents, best.worth.revenue_cents)
        raise TooHardError("too many ways to sell these pools")

    def _sweep(self, width: int) -> tuple[list[_Way], bool]:
        """The best ways found, and whether none was left out that could have been better."""
        gaps = (self._totals[0] - self._known_cents * _SCALE, self._totals[1] - self._known_cents * _SCALE)
        fitting = [(line, lost) for line in self._lines if _fits(lost := self._lost(line), gaps)]
        order = self._order(fitting)
        place_of = {thing: place for place, thing in enumerate(order)}
        beginning: list[list[tuple[int, Package, tuple[int, int]]]] = [[] for _ in order]
        for line, lost in fitting:
            places = [place_of[thing] for thing in line.things]
            beginning[min(places)].append((sum(1 << place for place in places), line.bid, lost))
        ways, is_whole = {0: _Way(NOTHING, (), (0, 0))}, True
        for place, thing in enumerate(order):
            unsold = (self._prices[0][thing], self._prices[1][thing])
            ways = self._decide(ways, 1 << place, beginning[place], unsold, gaps)
            if len(ways) > width:
                nearest = sorted(ways.items(), key=lambda item: item[1].lost[0])
                ways, is_whole = dict(nearest[:width]), False
        return list(ways.values()), is_whole

    def _order(self, fitting: Sequence[tuple[_Line, tuple[int, int]]]) -> list[int]:
        counts = Counter(thing for line, _ in fitting for thing in line.things)
        return sorted(self._prices[0], key=lambda thing: (counts[thing], thing))

    def _decide(
        self,
        ways: Mapping[int, _Way],
        bit: int,
        bids: Sequence[tuple[int, Package, tuple[int, int]]],
        unsold: tuple[int, int],
        gaps: tuple[int, int],
    ) -> dict[int, _Way]:
        """Every way goes on without the thing or with one of the bids that begin with it. Keys are what is sold ahead."""
        after: dict[int, _Way] = {}
        for mask, way in ways.items():
            self.steps_left -= 1 if mask & bit else 1 + len(bids)
            if self.steps_left < 0:
                raise TooHardError("too many ways to sell these pools")
            if mask & bit:
                _keep(after, mask ^ bit, way)
                continue
            (fair, tight) = way.lost
            if _fits(lost := (fair + unsold[0], tight + unsold[1]), gaps):
                _keep(after, mask, _Way(way.worth, way.winning, lost))
            for taken, bid, more in bids:
                if not mask & taken and _fits(lost := (fair + more[0], tight + more[1]), gaps):
                    _keep(after, (mask | taken) ^ bit, _Way(way.worth.plus(bid), (*way.winning, bid.seq), lost))
        return after

    def _lost(self, line: _Line) -> tuple[int, int]:
        """By how much the bid's things cost more than it offers, under both prices."""
        fair, tight = self._prices
        cents = line.bid.amount_cents * _SCALE
        return sum(fair[thing] for thing in line.things) - cents, sum(tight[thing] for thing in line.things) - cents


def _keep(ways: dict[int, _Way], mask: int, way: _Way) -> None:
    other = ways.get(mask)
    if other is None or way.worth > other.worth:
        ways[mask] = way


def _fits(lost: tuple[int, int], gaps: tuple[int, int]) -> bool:
    return lost[0] <= gaps[0] and lost[1] <= gaps[1]


def _greedy(lines: Sequence[_Line], *, by_share: bool) -> int:
    """What taking the best bid that still fits brings, again and again: best as a whole, or for each of its pools."""
    sold: set[int] = set()
    revenue_cents = 0
    for line in sorted(
        lines, key=lambda one: -one.bid.amount_cents * _SCALE // (len(one.bid.pools) if by_share else 1)
    ):
        if sold.isdisjoint(line.things):
            sold |= set(line.things)
            revenue_cents += line.bid.amount_cents
    return revenue_cents


_Prices = dict[int, int]


def _fair_prices(lines: Sequence[_Line]) -> _Prices:
    """Every bid divided evenly among its things; then each price sinks slowly as far as the others let it."""
    prices = _shares(lines, lambda line: line.things)
    with_thing, above = _by_thing(lines), _above(prices, lines)
    things = sorted(prices)
    for number in range(_FAIR_ROUNDS):
        for thing in things if number % 2 == 0 else reversed(things):
            least = _least(prices, thing, with_thing[thing], above)
            is_last = number >= _FAIR_ROUNDS - 2
            price = least if is_last else prices[thing] - (prices[thing] - least) // 4
            _reprice(prices, thing, price, with_thing[thing], above)
    return prices


def _tight_prices(lines: Sequence[_Line], known_cents: int) -> _Prices:
    """Prices whose sum is near the least possible one, by subgradient steps (Held, Wolfe and Crowder 1974)."""
    prices = dict.fromkeys({thing for line in lines for thing in line.things}, 0)
    prices |= _shares(lines, lambda line: tuple(line.bid.pools))
    with_thing, best = _by_thing(lines), prices
    for number in range(_TIGHT_ROUNDS):
        slope, bound = dict.fromkeys(prices, 1), sum(prices.values())
        for line in lines:
            above = line.bid.amount_cents * _SCALE - sum(prices[thing] for thing in line.things)
            if above > 0:
                bound += above
                for thing in line.things:
                    slope[thing] -= 1
        if number % _TIGHT_EVERY in {0, _TIGHT_EVERY - 1}:
            best = min(best, _made_sound(prices, lines, with_thing), key=lambda found: sum(found.values()))
        step = max(1, (bound - known_cents * _SCALE) // (sum(one * one for one in slope.values()) or 1))
        prices = {thing: max(0, price - step * slope[thing]) for thing, price in prices.items()}
    return _made_sound(best, lines, with_thing)


def _made_sound(prices: _Prices, lines: Sequence[_Line], with_thing: Mapping[int, Sequence[int]]) -> _Prices:
    """The prices raised until no bid offers more than its things cost, then lowered as far as that allows."""
    sound = dict(prices)
    for line in lines:
        more = line.bid.amount_cents * _SCALE - sum(sound[thing] for thing in line.things)
        for thing in line.things if more > 0 else ():
            sound[thing] += -(-more // len(line.things))
    above = _above(sound, lines)
    for thing in (*sorted(sound), *sorted(sound, reverse=True)):
        _reprice(sound, thing, _least(sound, thing, with_thing[thing], above), with_thing[thing], above)
    return sound


def _above(prices: _Prices, lines: Sequence[_Line]) -> list[int]:
    """By how much each bid offers more than its things cost. Kept up to date, so that no price is added up twice."""
    return [line.bid.amount_cents * _SCALE - sum(prices[thing] for thing in line.things) for line in lines]


def _least(prices: _Prices, thing: int, places: Sequence[int], above: Sequence[int]) -> int:
    """The least price of the thing at which no bid for it offers more than its things cost, all others unchanged."""
    return max(0, prices[thing] + max(above[place] for place in places))


def _reprice(prices: _Prices, thing: int, price: int, places: Sequence[int], above: list[int]) -> None:
    """Give the thing another price, and the bids for it (at these places) what that changes for them."""
    change = price - prices[thing]
    if change:
        prices[thing] = price
        for place in places:
            above[place] -= change


def _shares(lines: Sequence[_Line], among: Callable[[_Line], tuple[int, ...]]) -> _Prices:
    shares: _Prices = {}
    for line in lines:
        things = among(line)
        share = -(-line.bid.amount_cents * _SCALE // len(things))
        for thing in things:
            shares[thing] = max(share, shares.get(thing, 0))
    return shares


def _by_thing(lines: Sequence[_Line]) -> Mapping[int, list[int]]:
    """Thing to the places of the bids that take it."""
    found: dict[int, list[int]] = {}
    for place, line in enumerate(lines):
        for thing in line.things:
            found.setdefault(thing, []).append(place)
    return found


def needed_cents(
    bids: Sequence[Package],
    bidder: str,
    pools: frozenset[int],
    *,
    exclusive: bool,
    pricing_steps: int = PRICING_STEPS,
) -> int:
    """The least amount with which a new bid of `bidder` for `pools` surely wins, all other bids unchanged.

    Raises TooHardError.
    """
    now = allocate(bids, exclusive=exclusive, pricing_steps=pricing_steps).worth.revenue_cents
    rivals = [bid for bid in bids if not (exclusive and bid.bidder == bidder) and pools.isdisjoint(bid.pools)]
    without = allocate(rivals, exclusive=exclusive, pricing_steps=pricing_steps).worth.revenue_cents
    return now - without + 1
