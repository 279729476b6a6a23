"""Market days in virtual time, one seed after the other: `python -m bench.days [--days 300] [--seed 0]`.

Each day holds an auction of every format at once, with bidders who bid at the edges, sockets that break, commands sent twice,
lost answers, and nodes that die before their commit or between commit and broadcast. The first day that goes wrong is told by its
seed: `--seed THAT --days 1` plays it again. Exit status 1 then.
"""

import argparse
import sys
from collections import Counter

from tests.simulation.market_day import Day


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.days", description="Simulated market days.")
    parser.add_argument("--days", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="the first day's")
    options = parser.parse_args()
    happened: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.days):
        try:
            happened += Day(seed).run()
        except AssertionError as error:
            print(error)
            sys.exit(1)
    for what, number in sorted(happened.items()):
        print(f"{number:>9,}  {what}")
    print(f"{options.days} market days hold (seeds {options.seed} to {options.seed + options.days - 1})")


if __name__ == "__main__":
    main()
