"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO

START_BYTES = 4096


def _never(_: bytes) -> bool:
    return False


@contextmanager
def written(path: Path, *, replaces: Callable[[bytes], bool] = _never) -> Iterator[BinaryIO]:
    """A file to write, of mode 600, that takes its name when the block ends without an error.

    `replaces` says by the start of a file that has the name whether it may be replaced. Raises FileExistsError if it may not,
    FileNotFoundError if there is no such folder, before anything is written.
    """
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(path.absolute().parent))
    if path.exists() and not (path.is_file() and replaces(_start(path))):
        raise FileExistsError(17, "there is such a file already: name another, or move it away", str(path))
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb", opener=_private) as sink:  # the opener sets the mode
            yield sink
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(START_BYTES)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to work in; it takes its name when the block ends without an error.

    Raises FileExistsError before anything is written if `folder` holds files already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(17, "the output folder must be new or empty", str(folder))
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(parent))
    work = Path(mkdtemp(prefix=f".{folder.name}.", dir=parent))
    try:
        yield work
        work.replace(folder.absolute())
    finally:
        shutil.rmtree(work, ignore_errors=True)
