"""Full garbage collections in lulls: every bid is kept, so one amid bids takes 30 to 100 ms, and everybody waits."""

import asyncio
import gc
import time

_NEVER = 2**31 - 1
_BUSY_SHARE = 0.2


async def collect_in_lulls(*, look_s: float = 5.0, most_looks: int = 120) -> None:
    """Until cancelled, collect all garbage after `look_s` in which this process did little; after `most_looks` of them anyway.

    What is young is collected as ever. Cycles that grew old before they were garbage wait, so memory may grow meanwhile.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    try:
        look_count = 0
        while True:
            before_s = time.process_time()
            await asyncio.sleep(look_s)
            look_count += 1
            is_lull = time.process_time() - before_s < _BUSY_SHARE * look_s
            is_due = gc.get_count()[2] >= old  # as the collector itself would say
            if is_due and (is_lull or look_count >= most_looks):
                gc.collect()
                look_count = 0
    finally:
        gc.set_threshold(young, middle, old)
