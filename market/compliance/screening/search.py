"""Who on the lists a person or organisation may be: candidates scored, ranked by what else is known, and explained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from market.compliance.screening import countries, dates
from market.compliance.screening.index import Index
from market.compliance.screening.lists import ListEntry, identifier
from market.compliance.screening.names import Kind, Name, read
from market.compliance.screening.readings import readings
from market.compliance.screening.score import TUNED, Compared, Config, compare

SHOWN_FROM: Final = 0.5
"""Matches below this score are not worth a look."""
_OTHER_BIRTH, _OTHER_COUNTRY, _SAME = 0.2, 0.1, 0.05
_KINDS: Final = (Kind.PERSON, Kind.ORGANISATION, Kind.OBJECT)


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """Who is looked for. `birth` is a date as `dates.read_span` reads it; `identifiers` are numbers of documents."""

    name: str
    kind: Kind = Kind.ANY
    birth: str = ""
    country: str = ""
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Match:
    """An entry that may be meant. `score` is of the names alone, `rank` what it is sorted by, `trace` explains both."""

    entry: ListEntry
    listed_name: str
    score: float
    rank: float
    alert: bool
    trace: dict[str, object]


def search(index: Index, asked: Subject, *, limit: int = 10, config: Config = TUNED) -> list[Match]:
    """The best match of each entry, alerts first, then by rank. Date of birth and country move the rank, no alert."""
    found: dict[tuple[str, str], Match] = {}
    for entry, name, compared, number in _hits(index, asked, config):
        match = _match(entry, name, compared, number, asked)
        key = (entry.list_id, entry.entry_id)
        if key not in found or _order(match) < _order(found[key]):
            found[key] = match
    return sorted(found.values(), key=_order)[:limit]


def _order(match: Match) -> tuple[bool, float, float, str, str, str]:
    return (not match.alert, -match.rank, -match.score, match.entry.list_id, match.entry.entry_id, match.listed_name)


def _hits(index: Index, asked: Subject, config: Config) -> Iterable[tuple[ListEntry, str, Compared | None, str | None]]:
    for number in filter(None, map(identifier, asked.identifiers)):
        for entry in index.by_identifier(number):
            yield entry, entry.names[0].text, None, number
    kinds: Sequence[Kind] = _KINDS if asked.kind is Kind.ANY else (asked.kind,)
    for name in _names(asked, kinds):
        for listed in index.candidates(name):
            if listed.entry.kind is not name.kind:
                continue
            compared = compare(name, listed.name, config)
            if compared.is_match or compared.score >= SHOWN_FROM:
                yield listed.entry, listed.name.given, compared, None


def _names(asked: Subject, kinds: Sequence[Kind]) -> Iterable[Name]:
    """Each reading of what is asked, as each kind; those that come to the same words once."""
    seen = set()
    for kind in kinds:
        for text in readings(asked.name):
            name = read(text, kind)
            if (name.tokens, name.kind) not in seen:
                seen.add((name.tokens, name.kind))
                yield name


def _match(entry: ListEntry, name: str, compared: Compared | None, number: str | None, asked: Subject) -> Match:
    birth, country = dates.agreement(asked.birth, entry.births), countries.agreement(asked.country, entry.countries)
    score = 1.0 if compared is None else compared.score
    moved = {
        "birth": {"other": -_OTHER_BIRTH, "same": _SAME}.get(birth, 0.0),
        "country": {"other": -_OTHER_COUNTRY, "same": _SAME}.get(country, 0.0),
    }
    trace: dict[str, object] = {"identifier": number} if compared is None else compared.trace()
    trace |= {"birth": birth, "country": country}
    rank = round(score + sum(moved.values()) + (1.0 if compared is None else 0.0), 4)
    return Match(entry, name, score, rank, compared is None or compared.is_match, trace)
