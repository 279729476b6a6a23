"""One organisation against the lists: all entries, or only those that changed since it was screened last.

This takes seconds of a processor, so that the worker has it done by a process of its own: see `answer`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from market.compliance.screening.index import Index
from market.compliance.screening.lists import ListVersion, PackedVersion, read_lists
from market.compliance.screening.rules import (
    Disclosed,
    Stake,
    SubjectRole,
    blocked_share_bps,
)
from market.compliance.screening.search import Match, search

MATCH_COUNT = 200
"""Of one name; a name with more is an alert whatever the rest may be."""
KEPT_COUNT = 5
_ITSELF = ""


@dataclass(frozen=True, slots=True, repr=False)
class Screened:
    """A disclosed name and its matches, best first."""

    disclosed: Disclosed
    matches: Sequence[Match]

    def plain(self) -> dict[str, object]:
        """For the record: the hash of the name, and its best matches with their traces."""
        return {
            "role": self.disclosed.role.value,
            "subject_hash": self.disclosed.content_hash,
            "matches": [
                {
                    "list": match.entry.list_id,
                    "entry_id": match.entry.entry_id,
                    "entry_hash": match.entry.content_hash,
                    "score": round(match.score, 4),
                    "rank": match.rank,
                    "alert": match.alert,
                    "trace": match.trace,
                }
                for match in self.matches[:KEPT_COUNT]
            ],
        }


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """Names to be looked for on the newest lists; if `before` is given, only on what changed since those."""

    disclosed: Sequence[Disclosed]
    newest: tuple[PackedVersion, ...]
    before: tuple[PackedVersion, ...] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """`touched` are `list:entry` of everything that changed, came or went since the lists of before."""

    found: list[Screened]
    touched: frozenset[str]


def answer(question: Question) -> Answer:
    """What a screening finds. The index is kept for the next one: every question of a process is best about the same lists."""
    if question.before is None:
        return Answer(screen(_whole(question.newest), question.disclosed), frozenset())
    index, touched = _changes(question.before, question.newest)
    return Answer(screen(index, question.disclosed), touched)


@lru_cache(maxsize=1)
def _whole(newest: tuple[PackedVersion, ...]) -> Index:
    return Index([each.unpacked() for each in newest])


@lru_cache(maxsize=1)
def _changes(before: tuple[PackedVersion, ...], newest: tuple[PackedVersion, ...]) -> tuple[Index, frozenset[str]]:
    lists, touched = changed_entries([each.unpacked() for each in before], [each.unpacked() for each in newest])
    return Index(lists), frozenset(touched)


def read_and_pack(files: Sequence[Path]) -> list[PackedVersion]:
    """The lists in these files, ready to be kept. Raises `ListUnreadable`."""
    return [PackedVersion.of(version) for version in read_lists(files)]


def screen(index: Index, disclosed: Sequence[Disclosed]) -> list[Screened]:
    """Every name searched on the lists of the index."""
    return [Screened(each, search(index, each.subject, limit=MATCH_COUNT)) for each in disclosed]


def changed_entries(before: Sequence[ListVersion], after: Sequence[ListVersion]) -> tuple[list[ListVersion], set[str]]:
    """(lists of only the new and changed entries, `list:entry` of all that changed, came or went)."""
    known = {(v.list_id, e.entry_id): e.content_hash for v in before for e in v.entries}
    now = {(v.list_id, e.entry_id): e.content_hash for v in after for e in v.entries}
    touched = {key for key in known.keys() | now.keys() if known.get(key) != now.get(key)}
    lists = [
        ListVersion(v.list_id, v.published_on, tuple(e for e in v.entries if (v.list_id, e.entry_id) in touched))
        for v in after
    ]
    return [version for version in lists if version.entries], {f"{list_id}:{entry_id}" for list_id, entry_id in touched}


def suspect_share_bps(disclosed: Sequence[Disclosed], suspects: Collection[str]) -> int:
    """The part of the organisation that owners with an alert hold together, by OFAC's 50 percent rule; basis points.

    `suspects` are content hashes of disclosed names.
    """
    stakes = [
        Stake(each.name, each.holds_in or _ITSELF, each.share_bps)
        for each in disclosed
        if each.role is SubjectRole.OWNER and each.share_bps
    ]
    blocked = {each.name for each in disclosed if each.content_hash in suspects}
    return blocked_share_bps(_ITSELF, stakes, blocked)
