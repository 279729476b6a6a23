"""What a format would do with given commands: terms and commands in, every event and the end out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, get_args

from auctions.engine import decide, due_at, evolve, schedule
from auctions.messages import Close, Command, Event, Move, Open, Refused
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


@dataclass(frozen=True, slots=True)
class Turned:
    """A command that was refused, at its place among the events."""

    at: datetime
    command: Command | Move
    refused: Refused


class Trial:
    """One auction without a market: commands are said at instants, and the clock acts on its own between them.

    `told` is what happened so far, in order; `now` never runs back.
    """

    def __init__(self, terms: Terms) -> None:
        self.now = terms.opens_at - timedelta(days=1)
        self.told: list[Event | Turned] = [first := schedule("simulation", terms, self.now)]
        self.auction = evolve(None, first)

    def say(self, command: Command | Move, at: datetime) -> bool:
        """Whether the command was accepted, after everything that was due by then."""
        self.wait_until(at)
        return self._say(command, at)

    def wait_until(self, at: datetime | None) -> None:
        """Open, tick and close whatever is due by the instant; None: until nothing will be due any more."""
        for _ in range(MAX_TICKS):
            due = due_at(self.auction)
            if due is None or (at is not None and due > at):
                break
            for command in (Open(), Tick(), Close()):
                self._say(command, due, is_clock=True)
        self.now = self.now if at is None else max(self.now, at)

    def _say(self, command: Command | Move, at: datetime, *, is_clock: bool = False) -> bool:
        decision = decide(self.auction, command, at)
        if isinstance(decision, Refused):
            self.told += [] if is_clock else [Turned(at, command, decision)]
            return False
        for event in decision.events:
            self.auction = evolve(self.auction, event)
        self.told += decision.events
        return True


def simulate(terms: Terms, script: Sequence[tuple[datetime, Command | Move]]) -> Trial:
    """What the commands come to, each at its instant, until nothing is due any more."""
    trial = Trial(terms)
    for at, command in sorted(script, key=lambda pair: pair[0]):
        trial.say(command, at)
    trial.wait_until(None)
    return trial


def frames(trial: Trial) -> Iterator[dict[str, Any]]:
    """Every event as an officer sees it, refusals in their place, and the last state."""
    for one in trial.told:
        yield _refusal(one) if isinstance(one, Turned) else project(one, OFFICER)
    yield snapshot(trial.auction, OFFICER)


def _refusal(turned: Turned) -> dict[str, Any]:
    refused = turned.refused
    facts = {"refused": type(turned.command).__name__, "at": turned.at.isoformat(), "reason": refused.reason.value}
    return facts | {"detail": refused.detail, "min_next_cents": refused.min_next_cents}
