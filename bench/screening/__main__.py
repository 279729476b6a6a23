"""How well names are compared: `python -m bench.screening [--each 100] [--misses]`.

Pairs: the labelled pairs that the comparison was tuned on, so their F1 flatters; beside it the F1 when the numbers of the
scorer are chosen anew on four fifths and measured on the fifth left out. Recall: names of the bundled lists, mangled by a
seeded generator; a hit is an alert on that very entry. Innocents: synthetic people, and common names, those that the comparison
was tuned on apart from others; who has the very name of a listed person is counted apart from who has a like one.
Intervals are 95 %: Wilson's (1927) for shares, percentile bootstrap for F1.
"""

import argparse
import csv
import platform
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rapidfuzz import fuzz

from bench.detection.__main__ import wilson
from bench.screening import mangles
from bench.screening.people import HELD_OUT, TUNED_ON, Names, innocents
from market.compliance.screening import bundled
from market.compliance.screening.index import Index
from market.compliance.screening.lists import ListEntry, list_files, read_lists
from market.compliance.screening.names import Kind, kind_of, plain, read
from market.compliance.screening.score import MATCH, TUNED, Config, compare
from market.compliance.screening.search import Match, Subject, search

DATA = Path(__file__).parents[2] / "tests" / "data"
SEED = 20261122
Scored = list[tuple[float, bool]]

CLEAR_CUT = (
    ("Vladimir Putin", "Vladimir Putin", "Person", True),
    ("PUTIN, Vladimir", "Vladimir Putin", "Person", True),
    ("Владимир Путин", "Vladimir Putin", "Person", True),
    ("Gazprom JSC", "OAO Gazprom", "Company", True),
    ("Crédit Agricole S.A.", "CREDIT AGRICOLE SA", "Company", True),
    ("Usama bin Ladin", "Osama bin Laden", "Person", True),
    ("John Smith", "Maria Gonzalez", "Person", False),
    ("John Smith", "John Miller", "Person", False),
    ("Siemens AG", "Deutsche Bank AG", "Company", False),
    ("Bank of China (Hong Kong) Limited", "Bank of Ireland Limited", "Company", False),
    ("Li Wei", "Zhao Min", "Person", False),
    ("Mohammed Ali Hassan", "Ivan Petrovich Sidorov", "Person", False),
)


def line(what: str, hits: int, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{what:<52} {hits:>5} of {count:<5} {hits / max(count, 1):7.2%}  [{low:.2%}, {high:.2%}]"


def f1(scored: Scored, threshold: float = MATCH) -> float:
    true = sum(same and score >= threshold for score, same in scored)
    wrong = sum((score >= threshold) is not same for score, same in scored)
    return 2 * true / max(1, 2 * true + wrong)


def bootstrap(scored: Scored, rng: random.Random, threshold: float = MATCH) -> tuple[float, float]:
    drawn = sorted(f1(rng.choices(scored, k=len(scored)), threshold) for _ in range(1000))
    return drawn[24], drawn[974]


def pairs() -> list[dict[str, str]]:
    with (DATA / "name_pairs.csv").open(encoding="utf-8") as source:
        return list(csv.DictReader(source))


def scored_by(rows: Sequence[dict[str, str]], how: Callable[[str, str, Kind], float]) -> Scored:
    return [(how(r["name1"], r["name2"], kind_of(r["schema"])), r["is_match"] == "true") for r in rows]


def ours(config: Config = TUNED) -> Callable[[str, str, Kind], float]:
    return lambda left, right, kind: compare(read(left, kind), read(right, kind), config).score


def grid() -> list[Config]:
    """The choices that cross-validation has."""
    return [
        replace(TUNED, edit=edit, replaced=other, extra_person=person, extra_organisation=organisation)
        for edit in (1.05, 1.25, 1.45)
        for other in (0.1, 0.18, 0.26)
        for person in (0.34, 0.42, 0.5)
        for organisation in (0.8, 1.1, 1.4)
    ]


def cross_validated(rows: list[dict[str, str]], rng: random.Random) -> Scored:
    """Each pair's score by numbers that were chosen without its fifth."""
    shuffled = rng.sample(rows, len(rows))
    folds = [shuffled[at::5] for at in range(5)]
    by_config = [(config, [scored_by(fold, ours(config)) for fold in folds]) for config in grid()]
    found: Scored = []
    for held_out in range(5):
        _, best = max(
            by_config, key=lambda each: f1([s for at, fold in enumerate(each[1]) if at != held_out for s in fold])
        )
        found += best[held_out]
    return found


def report_pairs(rng: random.Random, *, misses: bool) -> None:
    rows = pairs()
    mine = scored_by(rows, ours())
    token_sort = scored_by(rows, lambda left, right, _: fuzz.token_sort_ratio(plain(left), plain(right)) / 100)
    best = max((at / 100 for at in range(50, 100)), key=lambda threshold: f1(token_sort, threshold))
    for what, scored, threshold in (
        ("F1, our scorer at 0.75 (tuned on these)", mine, MATCH),
        ("F1, our scorer, numbers chosen without the fold", cross_validated(rows, rng), MATCH),
        (f"F1, token-sort alone at its best threshold {best:.2f}", token_sort, best),
    ):
        low, high = bootstrap(scored, rng, threshold)
        print(f"{what:<52} {f1(scored, threshold):.3f} on {len(scored)}   [{low:.3f}, {high:.3f}]")
    strong = [(score, same) for (score, same), row in zip(mine, rows, strict=True) if row["quality"] == "STRONG"]
    print(line("pairs labelled as strong, decided right", sum((s >= MATCH) is same for s, same in strong), len(strong)))
    right = sum((ours()(left, right, kind_of(schema)) >= MATCH) is same for left, right, schema, same in CLEAR_CUT)
    print(line("clear-cut cases, decided right", right, len(CLEAR_CUT)))
    if misses:
        for (score, same), row in zip(mine, rows, strict=True):
            if (score >= MATCH) is not same:
                print(f"    {score:.2f} {same!s:<5} {row['schema']}: {row['name1']} | {row['name2']}")


def report_recall(index: Index, entries: Sequence[ListEntry], rng: random.Random, each: int, *, misses: bool) -> None:
    all_hits = 0
    for harm in mangles.HARMS:
        hits, missed = 0, []
        for _ in range(each):
            mangled = None
            while mangled is None:
                entry = rng.choice(entries)
                name = rng.choice([found.text for found in entry.names if not found.weak])
                mangled = harm(rng, name, entry)
            found = search(index, Subject(mangled), limit=500)
            hit = any(match.alert and match.entry == entry for match in found)
            hits += hit
            missed += [] if hit else [f"    {mangled} | {name}"]
        all_hits += hits
        print(line(f"found on the lists after: {harm.__name__}", hits, each))
        if misses:
            print("\n".join(missed))
    print(line("found on the lists, all of them", all_hits, each * len(mangles.HARMS)))


def report_innocents(index: Index, rng: random.Random, *, misses: bool) -> None:
    with (DATA / "febrl_people.csv").open(encoding="utf-8") as source:
        people = [(row["name"], row["birth_date"]) for row in csv.DictReader(source)]
    start = time.process_time()
    _alerts("alerts on synthetic Australians (Febrl)", index, people, misses=misses)
    seconds = time.process_time() - start
    for what, among in (("held-out names of 16 countries", HELD_OUT), ("names of 16 cultures tuned on", TUNED_ON)):
        _report_common(what, index, rng, among, misses=misses and among is TUNED_ON)
    print(f"screens a second of a processor                      {len(people) / seconds:.0f}")


def _report_common(what: str, index: Index, rng: random.Random, among: Names, *, misses: bool) -> None:
    """Alerts on common names, and how many of them are of people who are called what a listed person is called."""
    people = [(name, "") for _, name in innocents(rng, 1600, among)]
    found = _alerts(f"alerts on {what}", index, people, misses=misses)
    exact = sum(is_namesake(name, match.listed_name) for name, match in found)
    everyday = sum(is_everyday_namesake(name, match.listed_name) for name, match in found)
    print(line("    the whole name of a listed person", exact, len(people)))
    print(line("    first given and first family name of one", everyday, len(people)))
    print(line("    likeness of names alone", len(found) - exact - everyday, len(people)))


def is_namesake(name: str, listed: str) -> bool:
    """Whether the listed name has the same words, in any order."""
    return sorted(plain(name).split()) == sorted(plain(listed).split())


def is_everyday_namesake(name: str, listed: str) -> bool:
    """Whether a name of two words is what somebody of that longer listed name is called: `Juan Mora` of MORA DIAZ, Juan."""
    called = [token.text for token in read(listed, Kind.PERSON).tokens if token.head]
    return not is_namesake(name, listed) and len(called) > 1 and sorted(plain(name).split()) == sorted(called)


def _alerts(what: str, index: Index, people: Sequence[tuple[str, str]], *, misses: bool) -> list[tuple[str, Match]]:
    """Prints how many people are alerted; (name, best match) of each of them."""
    found: list[tuple[str, Match]] = []
    for name, birth in people:
        best = search(index, Subject(name, Kind.PERSON, birth), limit=1)
        found += [(name, match) for match in best if match.alert]
    print(line(what, len(found), len(people)))
    if misses:
        print("\n".join(f"    {name} | {match.listed_name} {match.score:.2f}" for name, match in found))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=100, help="mangled names per harm")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--misses", action="store_true")
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    print(f"screening: python {platform.python_version()}, scorer {TUNED.digest[:12]}, seed {chosen.seed}")
    report_pairs(rng, misses=chosen.misses)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    versions = read_lists(list_files(bundled.FOLDER))
    read_s = time.process_time() - start
    index = Index(versions)
    print(
        f"lists read in {read_s:.1f} s of a processor, indexed in {time.process_time() - start - read_s:.1f} s: {len(index.names)} names of "
        f"{sum(len(v.entries) for v in versions)} entries, "
        f"{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MB more at the peak"
    )
    report_recall(
        index, [entry for version in versions for entry in version.entries], rng, chosen.each, misses=chosen.misses
    )
    report_innocents(index, rng, misses=chosen.misses)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
