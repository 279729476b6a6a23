"""Market days in virtual time, one seed after the other: `python -m bench.days [--days 300] [--settle 20] [--seed 0]`.

Each day holds an auction of every format at once, with bidders who bid at the edges, sockets that break, commands sent twice,
lost answers, and nodes that die before their commit or between commit and broadcast. What the first `--settle` days sold is
settled to the end on a PostgreSQL of its own, with a bank and parties that do everything wrong and a process that dies at
commits. The first day that goes wrong is told by its seed: `--seed THAT --days 1 --settle 1` plays it again. Exit status 1 then.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import structlog

from market.db.cluster import RolePasswords, prepare
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance
from tests.conftest import load_a_list
from tests.settlement.banks import opened
from tests.simulation.market_day import Day
from tests.simulation.settling import settle


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.days", description="Simulated market days.")
    parser.add_argument("--days", type=int, default=300)
    parser.add_argument("--settle", type=int, default=20, help="of how many of the days the sales are settled")
    parser.add_argument("--seed", type=int, default=0, help="the first day's")
    options = parser.parse_args()
    happened: Counter[str] = Counter()
    days = []
    try:
        for seed in range(options.seed, options.seed + options.days):
            day = Day(seed)
            happened += day.run()
            if len(days) < options.settle:
                days.append(day)
        if days:
            happened += asyncio.run(settled(days))
    except AssertionError as error:
        print(error)
        sys.exit(1)
    for what, number in sorted(happened.items()):
        print(f"{number:>9,}  {what}")
    print(f"{options.days} market days hold (seeds {options.seed} to {options.seed + options.days - 1})")
    print(f"what {len(days)} of them sold is settled, and the books hold")


async def settled(days: Sequence[Day]) -> Counter[str]:
    """Settle one day after the other in one market. AssertionError names the seed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    happened: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        chance = SystemChance(SystemClock())
        with EmbeddedPostgres(folder / "postgres", superuser_password=chance.token()) as postgres:
            words = RolePasswords.load_or_create(folder / "roles.json", chance.token)
            urls = await prepare(postgres.admin_url, database="market_bench", passwords=words)
            await migrate(urls.migrator)
            await load_a_list(urls)
            async with opened(urls, folder / "data", buyer_count=0) as bank:
                for day in days:
                    happened += await settle(bank, day)
    return happened


if __name__ == "__main__":
    main()
