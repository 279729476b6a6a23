"""Child processes for what computes: killed with their parent, and bounded in memory, so that a hostile file ends one of them."""

import asyncio
import functools
import multiprocessing
import os
import resource
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

_MIB = 1 << 20

Job = TypeVar("Job")
Result = TypeVar("Result")


class Crew:
    """Up to so many child processes for one kind of work, started when first needed."""

    def __init__(self, process_count: int) -> None:
        self._process_count = process_count
        self._pools: dict[int, ProcessPoolExecutor] = {}

    def submit(self, memory_mib: int, task: Callable[[Job], Result], job: Job) -> asyncio.Future[Result]:
        """The result of `task` to come from a child with so much address space.

        The future fails with `MemoryError` if that was too little, with `BrokenProcessPool` if the child died; the next
        job gets new children then.
        """
        loop = asyncio.get_running_loop()
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
