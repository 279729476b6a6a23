"""A bar on stderr while a file is read: how far long work is, with no thread and no clock."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from pathlib import Path
from typing import BinaryIO

WIDTH = 40


class Watched(io.RawIOBase):
    """A file that draws how much of it was read, over as many readings as the work needs."""

    def __init__(self, file: BinaryIO, *, readings: int) -> None:
        self._file = file
        self._total = max(file.seek(0, io.SEEK_END) * readings, 1)
        self._read = self._drawn = 0
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the protocol's buffer is a memoryview
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._read += len(data)
        self._draw(min(100 * self._read // self._total, 99))
        return len(data)

    def _draw(self, percent: int) -> None:
        if percent > self._drawn:
            self._drawn = percent
            full = WIDTH * percent // 100
            sys.stderr.write(f"\r[{'#' * full}{'.' * (WIDTH - full)}] {percent:3} %")
            sys.stderr.flush()

    def finish(self) -> None:
        """Draw the end of the bar."""
        self._draw(100)
        sys.stderr.write("\n")

    def give_up(self) -> None:
        """Leave the bar where it is, so that what went wrong starts a line of its own."""
        if self._drawn:
            sys.stderr.write("\n")


def require_file(path: Path) -> None:
    """Raises OSError for a folder, and for what cannot be read twice or would be waited for, such as a pipe."""
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise OSError(EINVAL, f"this is {kind}: give a file", str(path))


@contextmanager
def watched(path: Path, *, readings: int = 2) -> Iterator[Path | BinaryIO]:
    """The file to read: with a bar if somebody looks at stderr, else the path itself. Raises OSError if it is no file."""
    require_file(path)
    if not sys.stderr.isatty():
        yield path
        return
    with path.open("rb") as file:
        bar = Watched(file, readings=readings)
        try:
            yield io.BufferedReader(bar, 1 << 20)
        except BaseException:
            bar.give_up()
            raise
        bar.finish()
