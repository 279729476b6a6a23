"""Pure work on chunks in a few lanes, results in order: threads, as Arrow computes without the interpreter's lock, or a cluster."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

LANES = 2
WINDOW = 3

Item = TypeVar("Item")
Result = TypeVar("Result")

_elsewhere: ContextVar[tuple[Executor, int] | None] = ContextVar("elsewhere", default=None)


@contextmanager
def on(executor: Executor, *, window: int) -> Iterator[None]:
    """While this holds, `in_order` hands its work to this executor, at most `window` items at a time.

    The work and its items must be picklable if the executor is in other processes.
    """
    token = _elsewhere.set((executor, window))
    try:
        yield
    finally:
        _elsewhere.reset(token)


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of every item, in the items' order; few items are under way at a time, so memory stays bounded."""
    if given := _elsewhere.get():
        yield from _through(given[0], given[1], work, items)
        return
    with ThreadPoolExecutor(LANES) as pool:
        yield from _through(pool, WINDOW, work, items)


def _through(pool: Executor, window: int, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) == window:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
