"""Rule packs: what the law asks in each state, as dated and cited data that officers maintain.

The packs that come with the software are *unreviewed*: nobody of the platform has checked them against the statutes. They
hold until two officers have adopted a pack of the same name, and everything that rests on them says so.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

from market.kit.errors import Malformed

LICENCES = "licences"
DEBT_BUYER = "debt_buyer"
REQUIRED, NOT_REQUIRED = "required", "not_required"
NAMES = {LICENCES: {DEBT_BUYER: (REQUIRED, NOT_REQUIRED)}}
"""The packs that the market reads; for each class of rule, the values that it may have."""
RULE_COUNT = 2_000
COLUMNS = ("state", "class", "value", "citation", "effective_from", "source", "conflict", "why")
_FOLDER = Path(__file__).with_name("packs_us")


@dataclass(frozen=True, slots=True)
class Rule:
    """`conflict`: sources disagree, `why` says about what; then the stricter reading was taken."""

    state: str
    rule_class: str
    value: str
    citation: str
    effective_from: date
    source: str
    conflict: bool
    why: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`reviewed_by` is the officer who adopted what another had proposed; None: unreviewed."""

    name: str
    version: str
    rules: tuple[Rule, ...]
    sha256: str
    source: str
    pack_id: UUID | None = None
    reviewed_by: UUID | None = None
    reviewed_at: datetime | None = None

    @property
    def is_reviewed(self) -> bool:
        return self.reviewed_by is not None

    def value(self, state: str, rule_class: str, on: date) -> Rule | None:
        """The newest rule of the class in the state that is in effect on that day."""
        holding = [
            rule
            for rule in self.rules
            if (rule.state, rule.rule_class) == (state, rule_class) and rule.effective_from <= on
        ]
        return max(holding, key=lambda rule: rule.effective_from, default=None)

    def needs_licence(self, state: str, on: date) -> bool:
        """Whether a buyer of debts owed there must be licensed; a state that the pack does not know counts as one."""
        rule = self.value(state, DEBT_BUYER, on)
        return rule is None or rule.value == REQUIRED

    def licensed_states(self, on: date) -> list[str]:
        """Every state of the pack in which a licence is needed."""
        return sorted({rule.state for rule in self.rules if self.needs_licence(rule.state, on)})


def read_pack(name: str, version: str, text: str, *, source: str) -> Pack:
    """A pack from CSV text with the columns of `COLUMNS`. Raises `Malformed` naming line and column."""
    if name not in NAMES:
        raise Malformed(f"one of: {', '.join(NAMES)}", field="name")
    lines = csv.DictReader(io.StringIO(text))
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise Malformed(f"the first line names the columns {','.join(COLUMNS)}", field="csv")
    rules = [_rule(name, number, row) for number, row in enumerate(lines, start=2)]
    if not 1 <= len(rules) <= RULE_COUNT:
        raise Malformed(f"1 to {RULE_COUNT} rules", field="csv")
    if len({(rule.rule_class, rule.state, rule.effective_from) for rule in rules}) != len(rules):
        raise Malformed("a state has two rules of one class from the same day", field="csv")
    return Pack(name, version, tuple(rules), digest(rules), source)


def digest(rules: Sequence[Rule]) -> str:
    """SHA-256 in hex over the rules in their order."""
    said = ["\x1f".join(map(str, _fields(rule))) for rule in rules]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def write_rules(rules: Iterable[Rule]) -> str:
    """The CSV text that `read_pack` reads."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_fields(rule) for rule in rules)
    return sink.getvalue()


def _fields(rule: Rule) -> tuple[str, ...]:
    return (
        rule.state, rule.rule_class, rule.value, rule.citation, rule.effective_from.isoformat(), rule.source,
        "true" if rule.conflict else "false", rule.why,
    )  # fmt: skip


def _rule(name: str, number: int, row: dict[str, str]) -> Rule:
    try:
        found = Rule(
            row["state"], row["class"], row["value"], row["citation"], date.fromisoformat(row["effective_from"]),
            row["source"], {"true": True, "false": False}[row["conflict"]], row["why"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        raise Malformed(f"line {number} lacks a column, a day as 2026-01-31, or true/false", field="csv") from None
    if found.value not in NAMES[name].get(found.rule_class, ()):
        raise Malformed(f"line {number} has a class or value that the market does not know", field="csv")
    if len(found.state) != 2 or not found.state.isalpha() or not found.state.isupper():
        raise Malformed(f"line {number} names a state by two letters as CA", field="csv")
    if not 1 <= len(found.citation) <= 500 or not 1 <= len(found.source) <= 500 or len(found.why) > 1000:
        raise Malformed(f"line {number} cites nothing, names no source, or is too long", field="csv")
    return found


@cache
def shipped(name: str) -> Pack:
    """The unreviewed pack that comes with the software."""
    text = (_FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    return read_pack(name, "shipped-2026-11-22", text, source="shipped with the software, unreviewed")
