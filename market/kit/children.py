"""Child processes for what computes: killed with their parent, and bounded in memory, so that a hostile file ends one of them."""

import asyncio
import faulthandler
import functools
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

_MIB = 1 << 20
_GRACE_S = 60.0
"""So long a child that is out of time may take to leave; then its process ends, and with it what else its crew does."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class TookTooLong(Exception):
    """A task did not end in its time; it was interrupted, and cleaned up behind itself."""


class Crew:
    """Up to so many child processes for one kind of work, started when first needed."""

    def __init__(self, process_count: int) -> None:
        self._process_count = process_count
        self._pools: dict[int, ProcessPoolExecutor] = {}

    def submit(
        self, memory_mib: int, task: Callable[[Job], Result], job: Job, *, within_s: float | None = None
    ) -> asyncio.Future[Result]:
        """The result of `task` to come from a child with so much address space.

        The future fails with `MemoryError` if that was too little, with `TookTooLong` if the task was still at work after
        `within_s` seconds, with `BrokenProcessPool` if the child died; the next job gets new children then.
        """
        loop = asyncio.get_running_loop()
        task = task if within_s is None else functools.partial(_in_time, within_s, task)
        try:
            future = loop.run_in_executor(self.pool(memory_mib), task, job)
        except BrokenProcessPool:  # a child died while it had nothing to do
            self._pools.pop(memory_mib)
            future = loop.run_in_executor(self.pool(memory_mib), task, job)
        future.add_done_callback(functools.partial(self._forget_broken, memory_mib))
        return future

    def pool(self, memory_mib: int) -> ProcessPoolExecutor:
        """The children themselves, which end with this process, however it ends."""
        if memory_mib not in self._pools:
            self._pools[memory_mib] = ProcessPoolExecutor(
                self._process_count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(memory_mib * _MIB,),
            )
        return self._pools[memory_mib]

    def renew(self, memory_mib: int) -> None:
        """The next job gets new children: one that has worked long may have little address space left. What runs goes on."""
        self._pools.pop(memory_mib, None)

    def _forget_broken(self, memory_mib: int, future: asyncio.Future[Result]) -> None:
        if not future.cancelled() and isinstance(future.exception(), BrokenProcessPool):
            self._pools.pop(memory_mib, None)


class _OutOfTime(BaseException):
    """Passes through handlers of errors, as the task may have some."""


def _in_time(within_s: float, task: Callable[[Job], Result], job: Job) -> Result:
    """In a child's main thread: the task's result, or `TookTooLong`."""
    signal.signal(signal.SIGALRM, _interrupt)
    faulthandler.dump_traceback_later(within_s + _GRACE_S, exit=True, file=2)  # for code that no signal interrupts
    signal.setitimer(signal.ITIMER_REAL, within_s)
    try:
        return task(job)
    except _OutOfTime:
        raise TookTooLong from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


def _interrupt(*_: object) -> None:
    raise _OutOfTime


def _begin(memory_bytes: int) -> None:
    """In a child: an address space of its own size, and no life after its parent's."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
