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

from market.settings import Settings

_PROCESS_COUNT = 2
_MIB = 1 << 20

Job = TypeVar("Job")
Result = TypeVar("Result")


def submit(settings: Settings, task: Callable[[Job], Result], job: Job) -> asyncio.Future[Result]:
    """The result of `task` to come from a child process; its future fails with `BrokenProcessPool` if the child died."""
    memory_bytes = settings.mask_memory_mib * _MIB
    future = asyncio.get_running_loop().run_in_executor(_processes(memory_bytes), task, job)
    future.add_done_callback(_forget_broken)
    return future


@functools.cache
def _processes(memory_bytes: int) -> ProcessPoolExecutor:
    """Children that are started when first needed and end with this process, however it ends."""
    return ProcessPoolExecutor(
        _PROCESS_COUNT,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(memory_bytes,),
    )


def _forget_broken(future: asyncio.Future[Result]) -> None:
    if not future.cancelled() and isinstance(future.exception(), BrokenProcessPool):
        _processes.cache_clear()


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
