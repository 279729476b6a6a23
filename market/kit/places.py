"""What bounds an upload or a stream that lasts: a place among few, and a time in which its bytes have come."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

from market.kit.errors import RateLimited, Transient


class Places:
    """How many of one kind this process has under way at once, and how many of them one holder may have."""

    def __init__(self, noun: str = "uploads of your organisation", *, count: int = 8, each_count: int = 2) -> None:
        """`noun` is what a holder is told to have too many of."""
        self._noun, self._count, self._each_count = noun, count, each_count
        self._of_holder: Counter[UUID] = Counter()

    @contextmanager
    def taken(self, holder_id: UUID) -> Iterator[None]:
        """A place until the block is left. Raises `RateLimited` if the holder has its share, `Transient` if all are taken."""
        if self._of_holder[holder_id] >= self._each_count:
            raise RateLimited(f"{self._each_count} {self._noun} are under way", retry_after_s=2)
        if self._of_holder.total() >= self._count:
            raise Transient("many are under way; try again in a moment", retry_after_s=2)
        self._of_holder[holder_id] += 1
        try:
            yield
        finally:
            self._of_holder[holder_id] -= 1
            self._of_holder += Counter()  # forgets who has none


async def in_time(body: AsyncIterator[bytes], longest_s: float) -> AsyncIterator[bytes]:
    """The same chunks, all within `longest_s`: who drips bytes does not keep a place for ever. Raises `Transient`.

    Only the wait for a chunk is broken off, never what is done with one.
    """
    end = asyncio.get_running_loop().time() + longest_s
    chunks = aiter(body)
    while True:
        try:
            async with asyncio.timeout_at(end):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise Transient("the file took too long to come; try again on a better line") from None
        if chunk is None:
            return
        yield chunk
