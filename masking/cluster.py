"""Past one machine: the pure work on chunks is done by the workers of a Dask cluster; the result is the same, byte for byte.

The tape is read, sealed, committed to and written where the command runs; workers type, draft and mask chunks. They see rows
in clear and the token key, so the cluster must be the seller's own, and the way to it encrypted (tls://) or local.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

from masking import lanes

SCHEDULER = re.compile(r"(?:(?:tcp|tls|ws|wss)://)?[\w.\-\[\]:]+:\d{1,5}")
CONNECT_S = 10
CHUNKS_PER_THREAD = 2


class ClusterError(ValueError):
    """The cluster cannot be used; the message says what to do."""


@contextmanager
def on(scheduler: str) -> Iterator[None]:
    """While this holds, chunks go to the workers of the scheduler at `host:port`.

    Raises ClusterError if Dask is not installed, nobody answers, or there is no worker.
    """
    if not SCHEDULER.fullmatch(scheduler):
        raise ClusterError(f"--cluster {scheduler}: write the scheduler as host:port, or tls://host:port")
    if find_spec("distributed") is None:
        raise ClusterError(
            "--cluster needs Dask: pip install 'dask>=2026.8' 'distributed>=2026.8' here and on every worker"
        )
    distributed = import_module("distributed")
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(f"no scheduler answers at {scheduler}: {type(error).__name__}") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ClusterError(f"the scheduler at {scheduler} has no workers")
        with lanes.on(client.get_executor(pure=False), window=CHUNKS_PER_THREAD * threads):
            yield
