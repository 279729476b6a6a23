"""Mask tapes on one machine with no server and no database.

market mask detect tape.csv --save mapping.json     which column holds what
market mask apply tape.csv pool --cut-off 2025-06-30 --mapping mapping.json --key-file pool.keys
market mask risk pool --out report.html             how safe the result is
market mask verify sale.csv pool --key-file pool.keys
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from errno import ENOSPC
from typing import NoReturn

import pyarrow as pa

from masking.commands import gating, looking, making, proving, templates
from masking.commands.arguments import load_keys
from masking.envelope import EnvelopeError
from masking.granularity import RiskRefused
from masking.limits import IntakeError
from masking.policy import PolicyError
from masking.publishing import LeakGateRefused

__all__ = ["leave", "load_keys", "main", "run"]

REFUSALS = (PolicyError, RiskRefused, LeakGateRefused, EnvelopeError, ValueError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when it held, 1 with the reason on stderr when it was refused, 2 when it was not understood."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the answer has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _refuse("stopped; nothing was written", status=130)
    except IntakeError as error:
        place = "".join(
            [f" (column {error.column!r})" if error.column else "", f" (row {error.row})" if error.row else ""]
        )
        return _refuse(f"{error.code}: {error}{place}")
    except pa.ArrowException:
        return _refuse("malformed: the file cannot be read as a table")  # Arrow's own message may quote a cell
    except REFUSALS as error:
        return _refuse(f"refused: {error}")
    except OSError as error:
        if error.errno == ENOSPC:
            return _refuse("refused: no room is left on the disk: make some, or name another place")
        return _refuse(f"refused: {error.filename}: {error.strerror}" if error.filename else f"refused: {error}")
    return 0


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """`main` as a process: whoever ends it politely, as by closing the terminal, leaves as little behind as by Ctrl-C."""
    for polite in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(polite) is not signal.SIG_IGN:
            signal.signal(polite, signal.default_int_handler)
    leave(main(arguments))


def leave(status: int) -> NoReturn:
    """End the process at once with what was printed, without the interpreter's teardown.

    Nothing is left to tear down, and before Python 3.14 it may abort: a thread of Arrow that lets go of a Python file during
    it is ended in the middle of C++ (apache/arrow issue 34314).
    """
    with suppress(OSError):  # `main` has told already what stdout does not take
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _refuse(message: str, *, status: int = 1) -> int:
    sys.stderr.write(message + "\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="market mask", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for part in (looking, templates, making, gating, proving):
        part.add_to(verbs)
    return parser


if __name__ == "__main__":
    run()
