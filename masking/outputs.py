"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO


@contextmanager
def written(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A file to write, of mode 600, that takes its name when the block ends without an error.

    Raises FileExistsError before anything is written if the name is taken and not to be replaced.
    """
    if path.exists() and not replace:
        raise FileExistsError(17, "there is such a file already: name another, or move it away", str(path))
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb", opener=_private) as sink:  # the opener sets the mode
            yield sink
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
