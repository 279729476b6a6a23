"""What a format would do with sample bids: terms and commands in, every event and the end out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, get_args

from auctions.auction import Auction
from auctions.engine import decide, due_at, evolve, schedule
from auctions.messages import Accepted, Close, Command, Move, Open
from auctions.moves import BidderMove, OfficeMove, Opened, Tick
from auctions.presets import fill
from auctions.terms import Terms, TermsError, terms_from_json
from auctions.views import OFFICER, project, snapshot

MAX_TICKS = 100

_COMMANDS: Mapping[str, type[Any]] = {
    cls.__name__: cls for cls in (*get_args(Command), *get_args(BidderMove), *get_args(OfficeMove))
}


class ScriptError(ValueError):
    """Sample commands that cannot be read: `place` is the first bad one, counted from 1."""

    def __init__(self, place: int, problem: str) -> None:
        super().__init__(f"command {place}: {problem}")
        self.place = place


def read_terms(data: object) -> Terms:
    """Terms from JSON: a `preset` fills in what they leave open, and what a pool says need not be said here.

    Raises TermsError.
    """
    if not isinstance(data, dict):
        raise TermsError("terms", "must be a JSON object")
    given = {name: value for name, value in data.items() if name != "preset"}
    if "preset" in data:
        given = fill(str(given.get("format")), str(data["preset"]), given)
    return terms_from_json({**_OF_A_POOL, **given})


_OF_A_POOL = {"currency": "USD", "tape_version": "sample", "face_value_cents": 100_000_000}


def read_script(script: object) -> list[tuple[datetime, Command | Move]]:
    """Commands from JSON: a list of `{"at": instant, "command": "PlaceBid", …}`; `cid` may be left out.

    Raises ScriptError.
    """
    if not isinstance(script, list):
        raise ScriptError(1, "must be in a list")
    return [_read(place, entry) for place, entry in enumerate(script, start=1)]


def _read(place: int, entry: object) -> tuple[datetime, Command | Move]:
    if not isinstance(entry, dict) or entry.get("command") not in _COMMANDS:
        raise ScriptError(place, f"command must be one of: {', '.join(sorted(_COMMANDS))}")
    cls = _COMMANDS[entry["command"]]
    values = {name: _value(name, value) for name, value in entry.items() if name not in {"at", "command"}}
    if "cid" in {field.name for field in fields(cls)}:
        values.setdefault("cid", f"sample-{place}")
    try:
        at = datetime.fromisoformat(entry["at"])
        command = cls(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise ScriptError(place, str(error)) from None
    if at.tzinfo is None:
        raise ScriptError(place, "at must be an instant with a time zone")
    return at, command


def _value(name: str, value: Any) -> Any:
    if name == "opened":
        return tuple(Opened(**one) for one in value)
    if name == "declined":
        return tuple((bidder, reason) for bidder, reason in value)
    if name == "expires_at":
        return datetime.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def simulate(terms: Terms, script: Sequence[tuple[datetime, Command | Move]]) -> Iterator[dict[str, Any]]:
    """Frames of every event as an officer sees them, refusals in their place, and the last state.

    The clock acts on its own between the commands: it opens, ticks and closes whatever is due by then.
    """
    first = schedule("simulation", terms, terms.opens_at - timedelta(days=1))
    auction = evolve(None, first)
    yield project(first, OFFICER)
    for at, command in sorted(script, key=lambda pair: pair[0]):
        auction, frames = _run_clock(auction, at)
        yield from frames
        auction, frames = _say(auction, command, at)
        yield from frames
    auction, frames = _run_clock(auction, None)
    yield from frames
    yield snapshot(auction, OFFICER)


def _run_clock(auction: Auction, until: datetime | None) -> tuple[Auction, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    for _ in range(MAX_TICKS):
        at = due_at(auction)
        if at is None or (until is not None and at > until):
            break
        for command in (Open(), Tick(), Close()):
            auction, frames = _say(auction, command, at)
            told += [frame for frame in frames if "refused" not in frame]
    return auction, told


def _say(auction: Auction, command: Command | Move, at: datetime) -> tuple[Auction, list[dict[str, Any]]]:
    decision = decide(auction, command, at)
    if not isinstance(decision, Accepted):
        facts = {"refused": type(command).__name__, "at": at.isoformat(), "reason": decision.reason.value}
        return auction, [facts | {"detail": decision.detail, "min_next_cents": decision.min_next_cents}]
    for event in decision.events:
        auction = evolve(auction, event)
    return auction, [project(event, OFFICER) for event in decision.events]
