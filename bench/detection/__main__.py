"""Column detection on labelled tapes: `python -m bench.detection [--half dev|sealed] [--misses]`.

Recall counts a column of class I as found when detection says that it is an identifier. *Protected* counts it as well when
it is dropped until mapped, because nobody sees it then. Over-mask counts analytic columns that detection takes for anything
personal, and *left to map* those that it drops without knowing them. Intervals are Wilson's (1927), 95 %.
"""

import argparse
import math
import platform
import time
from collections.abc import Iterable

from bench.detection.tapes import Label, Tape, half_of
from masking import detect
from masking.fields import FIELDS


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


def found_class(field: str | None) -> str:
    return FIELDS[field].cls.value if field else ""


def measure(tapes: Iterable[Tape]) -> tuple[list[tuple[Tape, str, Label, str | None]], list[float]]:
    """(every column with its label and what detection said, seconds per tape)."""
    columns, seconds = [], []
    for tape in tapes:
        start = time.perf_counter()
        findings = detect.detect(tape.table.column_names, tape.table)
        seconds.append(time.perf_counter() - start)
        columns += [(tape, f.column, tape.labels[f.column], f.field) for f in findings]
    return columns, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["dev", "sealed"], default="dev")
    parser.add_argument("--misses", action="store_true", help="list what was wrong (dev half only)")
    chosen = parser.parse_args()
    tapes = half_of(chosen.half)
    columns, seconds = measure(tapes)
    print(
        f"detection, {chosen.half} half: {len(tapes)} tapes, {len(columns)} columns, python {platform.python_version()}"
    )
    for headed, said in ((True, "with headers"), (False, "without headers")):
        mine = [
            (label, field)
            for tape, _, label, field in columns
            if tape.headed == headed and label.disguise != "lying header"
        ]
        persons = [field for label, field in mine if label.cls == "I"]
        print(line(f"identifiers found, {said}", sum(found_class(f) == "I" for f in persons), len(persons)))
        print(line(f"identifiers protected, {said}", sum(found_class(f) != "A" for f in persons), len(persons)))
        clean = [field for label, field in mine if label.cls == "A" and not label.disguise]
        print(line(f"analytic over-masked, {said}", sum(found_class(f) in {*"IQSF"} for f in clean), len(clean)))
        print(line(f"analytic left to map, {said}", sum(f is None for f in clean), len(clean)))
    lying = [field for _, _, label, field in columns if label.disguise == "lying header" and label.cls == "I"]
    print(
        line(
            "identifiers under another column's header, protected",
            sum(found_class(f) != "A" for f in lying),
            len(lying),
        )
    )
    hidden = [field for _, _, label, field in columns if label.disguise.startswith("1 %")]
    print(
        line("1 % of identifiers in a clean column, not kept", sum(found_class(f) != "A" for f in hidden), len(hidden))
    )
    text = [field for _, _, label, field in columns if "inside" in label.disguise]
    print(line("identifiers inside free text, not kept", sum(found_class(f) != "A" for f in text), len(text)))
    print(f"seconds per tape: median {sorted(seconds)[len(seconds) // 2]:.3f}, longest {max(seconds):.3f}")
    if chosen.misses and chosen.half == "dev":
        for tape, column, label, field in columns:
            wrong = (label.cls == "I" and found_class(field) != "I") or (
                label.cls == "A" and found_class(field) in {*"IQSF"}
            )
            wrong |= label.cls == "A" and bool(label.disguise) and found_class(field) == "A"
            if wrong:
                print(f"  {tape.name:<24} {column:<28} {label.kind} {label.disguise} -> {field}")


if __name__ == "__main__":
    main()
