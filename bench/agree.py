"""The engine against the naive rules of tests/reference, a million drawn commands for each format, in virtual time.

`python -m bench.agree [--commands 1000000] [--seed 0] [--format dutch]`. Terms, commands, amounts, instants and bidders'
standings are drawn; after every command both must have given the same answer and be in the same state. The first
difference is printed with the seed that leads to it: `--seed THAT --commands 1` shows it again.
"""

import argparse
import random
import sys
import time
from collections import Counter

from auctions.engine import Accepted
from tests.auctions import test_formats, test_reference
from tests.auctions.formats import FORMATS
from tests.auctions.samples import Hall


def one_auction(form, seed: int) -> int:
    """Play one drawn auction in both; returns how many commands were said. Raises AssertionError at a difference."""
    rng = random.Random(seed)
    hall = Hall(form.terms(rng))
    reference, said_count = form.reference(hall.terms), 0

    def compare(_before: object, command: object, at: object, answer: object) -> None:
        nonlocal said_count
        said_count += 1
        said = "ok" if isinstance(answer, Accepted) else answer.reason.value
        events = getattr(answer, "events", ())
        own = [event.seq for event in events if event.kind not in {"auction_opened", "binding_explained"}]
        told = reference.say(command, at, own[0] if own else None)
        assert told == said, f"{command} at {at}: the engine says {said}, the naive rules {told}"
        shown, expected = test_formats.state_of(hall.auction), reference.state()
        assert shown == expected, f"{command} at {at}: {shown} is not {expected}"

    form.play(rng, hall, form.count, compare)
    return said_count


def english(seed: int) -> int:
    counts: Counter = Counter()
    test_reference.run_both(seed, counts)
    return sum(number for what, number in counts.items() if isinstance(what, tuple))


def run(name: str, play, commands: int, first_seed: int) -> bool:
    said_count, seed, began_s = 0, first_seed, time.perf_counter()
    while said_count < commands:
        try:
            said_count += play(seed)
        except AssertionError as difference:
            print(f"{name}: seed {seed}: {difference}")
            return False
        seed += 1
    spent_s = time.perf_counter() - began_s
    print(f"{name}: {said_count:,} commands in {seed - first_seed:,} auctions agree ({spent_s:.0f} s)", flush=True)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.agree", description="Engine and naive rules side by side.")
    parser.add_argument("--commands", type=int, default=1_000_000, help="at least so many for each format")
    parser.add_argument("--seed", type=int, default=0, help="the first auction's")
    parser.add_argument("--format", help="this one only")
    options = parser.parse_args()
    plays = {"english": english} | {form.name: lambda seed, form=form: one_auction(form, seed) for form in FORMATS}
    chosen = {name: play for name, play in plays.items() if options.format in {None, name}}
    agreed = [run(name, play, options.commands, options.seed) for name, play in chosen.items()]
    sys.exit(0 if agreed and all(agreed) else 1)


if __name__ == "__main__":
    main()
