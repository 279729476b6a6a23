"""Full garbage collections in lulls: every bid is kept, so one amid bids takes 30 to 100 ms, and everybody waits."""

import asyncio
import gc
from collections.abc import Callable

_NEVER = 2**31 - 1


async def collect_in_lulls(
    work_count: Callable[[], int], *, look_s: float = 1.0, least_looks: int = 30, most_looks: int = 600
) -> None:
    """Until cancelled, collect all garbage after `look_s` in which `work_count` stood still; after `most_looks` since it was due anyway.

    At the earliest after `least_looks`: what else is asked meanwhile waits for it, too. What is young is collected as ever.
    Cycles that grew old before they were garbage stay until then, so memory may grow meanwhile.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    try:
        look_count = waited_looks = 0
        while True:
            before = work_count()
            await asyncio.sleep(look_s)
            look_count += 1
            if gc.get_count()[2] < old:  # as the collector itself would say
                continue
            waited_looks += 1
            if (look_count >= least_looks and work_count() == before) or waited_looks >= most_looks:
                gc.collect()
                look_count = waited_looks = 0
    finally:
        gc.set_threshold(young, middle, old)
