"""Licence-aware bidding: which debtor states block a bidder, with their accounts and face value, and what the seller asks.

Figures of fewer accounts than `LEAST_COUNT` are not told apart: a state with one account would tell its balance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LEAST_COUNT = 10


@dataclass(frozen=True, slots=True)
class Blocking:
    """States that the bidder's clearance lacks, one or several small ones together; None where too few accounts are."""

    states: tuple[str, ...]
    account_count: int | None
    face_value_cents: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "states": list(self.states),
            "account_count": self.account_count,
            "face_value_cents": self.face_value_cents,
        }

    @property
    def said(self) -> str:
        """In words, for the detail of a refusal."""
        names = ", ".join(self.states)
        if self.account_count is None:
            return f"{names} (fewer than {LEAST_COUNT} accounts)"
        return f"{names} ({self.account_count:,} accounts, face value {(self.face_value_cents or 0) / 100:,.2f})"


def blocking(uncovered: Iterable[str], sums: Iterable[Mapping[str, Mapping[str, int]]]) -> list[Blocking]:
    """What the uncovered states of these pools come to, the largest first; small states come last, as one."""
    wanted = sorted(set(uncovered))
    by_state = {state: _total(state, sums) for state in wanted}
    large = [state for state in wanted if by_state[state][0] >= LEAST_COUNT]
    small = tuple(state for state in wanted if by_state[state][0] < LEAST_COUNT)
    found = sorted((Blocking((state,), *by_state[state]) for state in large), key=_size, reverse=True)
    if small:
        count, face = sum(by_state[state][0] for state in small), sum(by_state[state][1] for state in small)
        found.append(Blocking(small, count, face) if count >= LEAST_COUNT else Blocking(small, None, None))
    return found


def _size(found: Blocking) -> int:
    return found.face_value_cents or 0


def _total(state: str, sums: Iterable[Mapping[str, Mapping[str, int]]]) -> tuple[int, int]:
    of_state = [pool[state] for pool in sums if state in pool]
    return sum(one["account_count"] for one in of_state), sum(one["face_value_cents"] for one in of_state)
