"""Token buckets: how often somebody may do something, for HTTP and sockets alike. One per process."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from market.kit.clock import Clock

_MAX_KEYS = 100_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class Rates:
    """Each key holds up to `burst` tokens and regains `per_second` of them; least recently used keys are forgotten."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable, count: int = 1) -> float:
        """0 if `key` may go on (so many tokens are taken), else the seconds to wait."""
        now = self._clock.monotonic_s()
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_s) * self._per_second)
        bucket.filled_s = now
        self._buckets[key] = bucket
        if len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)
        if bucket.tokens < count:
            return (count - bucket.tokens) / self._per_second
        bucket.tokens -= count
        return 0.0
