"""The increment ladder: by how much the price must rise, depending on where it stands."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

MAX_CENTS = 10**15
"""No amount in an auction is larger; a bound so that nothing downstream overflows."""

MAX_STEPS = 64

_from_cents = attrgetter("from_cents")


@dataclass(frozen=True, slots=True)
class IncrementStep:
    """From `from_cents` on, until the next step begins, the price rises by at least `increment_cents`."""

    from_cents: int
    increment_cents: int


def is_amount(value: object) -> bool:
    """Whether `value` is an exact amount in minor units, 1 to MAX_CENTS. A bool is not a number here."""
    return type(value) is int and 1 <= value <= MAX_CENTS


def flaw_in(ladder: object) -> str | None:
    """What is wrong with an increment ladder, as a clause in lower case; None if it can be used."""
    if not isinstance(ladder, tuple) or not all(isinstance(step, IncrementStep) for step in ladder):
        return "must be a tuple of IncrementStep"
    if not 1 <= len(ladder) <= MAX_STEPS:
        return f"must have 1 to {MAX_STEPS} steps"
    if type(ladder[0].from_cents) is not int or ladder[0].from_cents != 0:
        return "must start at 0"
    if not all(is_amount(step.from_cents) for step in ladder[1:]):
        return "must begin each step at a whole amount within bounds"
    if not all(is_amount(step.increment_cents) for step in ladder):
        return "must rise by a positive whole amount within bounds"
    if any(after.from_cents <= before.from_cents for before, after in pairwise(ladder)):
        return "must begin each step above the one before"
    if any(after.increment_cents < before.increment_cents for before, after in pairwise(ladder)):
        return "must not shrink: a higher price would ask for a lower next bid"
    return None


def increment_at(ladder: tuple[IncrementStep, ...], cents: int) -> int:
    """The least rise, in cents, above an amount of `cents` (0 or more)."""
    return ladder[bisect_right(ladder, cents, key=_from_cents) - 1].increment_cents
