"""The sample bidders of a trial: who they are, what each pool is worth to them, and the chance by which they come and go."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

from auctions.terms import (
    BestOfferTerms,
    DutchTerms,
    EnglishTerms,
    FixedPriceTerms,
    HybridTerms,
    PackageTerms,
    SealedTerms,
    Terms,
    TwoStageTerms,
)

_T = TypeVar("_T")

NAMES = ("ada", "bob", "cy", "dee", "eve", "fay", "gus", "hal", "ivy", "jo", "kit", "lou")


class Dice:
    """What is drawn from a seed: hashes of it and a counter, so the same on every machine and for ever."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0

    def random(self) -> float:
        """At least 0 and less than 1."""
        self._count += 1
        return int.from_bytes(sha256(f"{self._seed}/{self._count}".encode()).digest()[:6]) / 2**48

    def uniform(self, least: float, most: float) -> float:
        return least + (most - least) * self.random()

    def randint(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return least + int((most - least + 1) * self.random())

    def choice(self, among: Sequence[_T]) -> _T:
        return among[self.randint(0, len(among) - 1)]

    def sample(self, among: Iterable[_T], count: int) -> list[_T]:
        """So many of them, in the order drawn."""
        left = list(among)
        return [left.pop(self.randint(0, len(left) - 1)) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Sample:
    """A bidder, and what each pool is worth to it in minor units; of an auction of one pool, that one's name is empty."""

    name: str
    worth: Mapping[str, int]

    @property
    def worth_cents(self) -> int:
        return sum(self.worth.values())

    def part(self, percent: int, most_cents: int | None = None) -> int:
        """So much of what it is worth to the bidder, at least 1 and at most `most_cents`."""
        cents = max(1, self.worth_cents * percent // 100)
        return cents if most_cents is None else min(cents, most_cents)


class Crowd:
    """The sample bidders of one trial, and the chance by which they come and go."""

    def __init__(self, terms: Terms, count: int, rng: Dice) -> None:
        """Values are drawn evenly between bounds of the amounts that the terms name, one below what is asked."""
        self.rng, self._number = rng, 0
        anchors, least, most = _ANCHORS[type(terms)](terms)
        self.all = [
            Sample(name, {pool: max(1, cents * rng.randint(least, most) // 100) for pool, cents in anchors.items()})
            for name in NAMES[: count - 1]
        ]
        low = {pool: max(1, cents * rng.randint(least // 2, least) // 100) for pool, cents in anchors.items()}
        self.all.append(Sample(NAMES[count - 1], low))
        self.all = rng.sample(self.all, count)

    def named(self, names: Sequence[str] | None) -> list[Sample]:
        """These of them, or all."""
        return [one for one in self.all if names is None or one.name in names]

    def visits(
        self, begin: datetime, end: datetime, times: int, of: Sequence[Sample]
    ) -> Iterator[tuple[datetime, Sample]]:
        """Each comes so many times between the two instants."""
        drawn = [(self.between(begin, end), one.name) for one in of for _ in range(times)]
        by_name = {one.name: one for one in of}
        for at, name in sorted(drawn):
            yield at, by_name[name]

    def between(self, begin: datetime, end: datetime) -> datetime:
        """An instant between the two, to the second where there is room for it."""
        at = begin + (end - begin) * self.rng.uniform(0.02, 0.98)
        whole = at.replace(microsecond=0)
        return whole if whole >= begin else at

    def cid(self) -> str:
        self._number += 1
        return f"sample-{self._number}"


def _of_one_pool(cents: int, least: int, most: int) -> tuple[dict[str, int], int, int]:
    return {"": cents}, least, most


_ANCHORS: Mapping[type[Any], Callable[[Any], tuple[dict[str, int], int, int]]] = {
    EnglishTerms: lambda terms: _of_one_pool(terms.reserve_cents or 2 * terms.opening_cents, 70, 140),
    SealedTerms: lambda terms: _of_one_pool(terms.reserve_cents or 2 * terms.opening_cents, 70, 140),
    TwoStageTerms: lambda terms: _of_one_pool(terms.reserve_cents or 2 * terms.opening_cents, 70, 140),
    BestOfferTerms: lambda terms: _of_one_pool(terms.opening_cents, 110, 220),
    FixedPriceTerms: lambda terms: _of_one_pool(terms.price_cents, 80, 130),
    DutchTerms: lambda terms: _of_one_pool(terms.start_cents, 40, 95),
    HybridTerms: lambda terms: _of_one_pool(terms.start_cents, 40, 95),
    PackageTerms: lambda terms: ({one.pool: one.least_cents for one in terms.pools}, 90, 250),
}
"""By format: the amount that a bidder's value is drawn around, and between which percentages of it."""
