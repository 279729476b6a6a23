"""Column detection on labelled tapes: `python -m bench.detection [--half dev|sealed] [--misses]`.

Recall counts a column of class I as found when detection says that it is an identifier. *Protected* counts it as well when
it is dropped until mapped, because nobody sees it then. Over-mask counts clean analytic columns that detection takes for
anything personal, and *left to map* those that it drops without a field. Intervals are Wilson's (1927), 95 %.
"""

import argparse
import math
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.detection import invented, real, world
from bench.detection.locales import OPEN
from bench.detection.opened import OPENED
from bench.detection.tapes import Label, Tape, half_of
from masking import detect


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def line(what: str, hits: int, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{what:<58} {hits:>4} of {count:<4} {hits / max(count, 1):6.1%}  [{low:.1%}, {high:.1%}]"


def tapes_of(half: str) -> list[Tape]:
    """Every tape of one half. What was once sealed and has been measured since belongs to the open half."""
    read = [*invented.tapes_of(half), *real.tapes_of(half)]
    if half == "sealed":
        return read
    generated = [*half_of("dev"), *half_of("sealed"), *world.tapes_of("dev", OPEN)]
    return [*generated, *world.tapes_of("sealed", OPENED, each=8), *read]


@dataclass(frozen=True)
class Outcome:
    """One column: where it stands, what it truly is, and what detection said."""

    tape: Tape
    column: str
    label: Label
    said: detect.Finding

    @property
    def kept(self) -> bool:
        """Whether bidders would see its values."""
        return bool(self.said.field) and self.said.cls == "A"

    @property
    def wrong(self) -> bool:
        if self.label.disguise and self.label.disguise != "lying header":
            return self.kept
        if self.label.disguise:
            return self.label.cls == "I" and self.kept
        return (self.label.cls == "I" and self.said.cls != "I") or (self.label.cls == "A" and self.said.cls in PERSONAL)


PERSONAL = frozenset("IQSF")


def measure(tapes: Iterable[Tape]) -> tuple[list[Outcome], list[float]]:
    """(every column and what detection said, seconds per tape)."""
    outcomes, seconds = [], []
    for tape in tapes:
        start = time.perf_counter()
        findings = detect.detect(tape.table.column_names, tape.table)
        seconds.append(time.perf_counter() - start)
        outcomes += [Outcome(tape, f.column, tape.labels[f.column], f) for f in findings]
    return outcomes, seconds


def figures(outcomes: list[Outcome]) -> Iterable[str]:
    for headed, said in ((True, "with headers"), (False, "without headers")):
        mine = [o for o in outcomes if o.tape.headed == headed and not o.label.disguise]
        persons = [o for o in mine if o.label.cls == "I"]
        yield line(f"identifiers found, {said}", sum(o.said.cls == "I" for o in persons), len(persons))
        yield line(f"identifiers protected, {said}", sum(not o.kept for o in persons), len(persons))
        clean = [o for o in mine if o.label.cls == "A"]
        yield line(f"analytic over-masked, {said}", sum(o.said.cls in PERSONAL for o in clean), len(clean))
        yield line(f"analytic left to map, {said}", sum(not o.said.field for o in clean), len(clean))
    for begins, said in (
        ("lying header", "identifiers under another column's header, protected"),
        ("1 %", "1 % of identifiers in a clean column, not kept"),
        ("", "identifiers inside free text, not kept"),
    ):
        mine = [
            o for o in outcomes if (o.label.disguise.startswith(begins) if begins else "inside" in o.label.disguise)
        ]
        mine = [o for o in mine if o.label.cls == "I" or begins != "lying header"]
        yield line(said, sum(not o.kept for o in mine), len(mine))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["dev", "sealed"], default="dev")
    parser.add_argument("--misses", action="store_true", help="list what was wrong (dev half only)")
    chosen = parser.parse_args()
    tapes = tapes_of(chosen.half)
    outcomes, seconds = measure(tapes)
    rows = sum(tape.table.num_rows for tape in tapes)
    python = platform.python_version()
    print(f"detection, {chosen.half} half: {len(tapes)} tapes, {len(outcomes)} columns, {rows} rows, python {python}")
    for said in figures(outcomes):
        print(said)
    print(f"seconds per tape: median {sorted(seconds)[len(seconds) // 2]:.3f}, longest {max(seconds):.3f}")
    if chosen.misses and chosen.half == "dev":
        for each in outcomes:
            if each.wrong:
                said = f"{each.said.cls} {each.said.field} ({each.said.why})"
                print(f"  {each.tape.name:<30} {each.column:<28} {each.label.kind} {each.label.disguise} -> {said}")


if __name__ == "__main__":
    main()
