"""Turning the vault's key: every wrap in the database is made anew under the newest version, a batch a transaction.

Which columns hold wraps, and what each is bound to, is said at the columns themselves (`base.WRAP`).
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from sqlalchemy import ARRAY, Column, LargeBinary, Table, bindparam, func, select, text

from market.db.base import WRAP
from market.db.context import Context
from market.db.schema import Base
from market.kit.actor import SYSTEM
from market.kit.vault import VERSION_BYTES, version_bytes, version_of

BATCH_COUNT = 200
_MANY = ARRAY(LargeBinary)
_REWRAP = text("SELECT rewrap(:table, :column, :old, :new)").bindparams(
    bindparam("old", type_=_MANY), bindparam("new", type_=_MANY)
)


@dataclass(frozen=True, slots=True)
class Wraps:
    """A column of wraps, and the pattern of the context that each is bound to."""

    table: Table
    column: Column[bytes]
    context: str

    @property
    def context_columns(self) -> list[str]:
        """The columns that the pattern names."""
        return [name for _, name, _, _ in Formatter().parse(self.context) if name]


@dataclass(frozen=True, slots=True)
class Rotation:
    """`version` is the newest; `wrap_count` were made anew, `resumed` tells that an earlier rotation was finished."""

    version: int
    wrap_count: int
    resumed: bool


def wraps() -> Iterator[Wraps]:
    """Every column that holds wraps."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if WRAP in column.info:
                yield Wraps(table, column, column.info[WRAP])


async def count_older(context: Context, version: int) -> int:
    """How many wraps were made under a version before this one."""
    total = 0
    async with context.db.begin(SYSTEM) as tx:
        for each in wraps():
            older = func.substring(each.column, 1, VERSION_BYTES) < version_bytes(version)
            total += await tx.scalar(select(func.count()).select_from(each.table).where(older)) or 0
    return total


async def rotate(
    context: Context, *, files: Sequence[tuple[Path, str]] = (), batch_count: int = BATCH_COUNT
) -> Rotation:
    """Make a new version, wrap every data key under it, and retire the versions before; only wraps are touched, no file.

    Killed in the middle, the next call finishes what was begun before it makes another version. Old wraps open until the
    last one was made anew. `files` are wraps outside the database, each with what it is bound to.
    """
    vault = context.vault
    version = await asyncio.to_thread(vault.version)
    resumed = await count_older(context, version) > 0
    if not resumed:
        version = await asyncio.to_thread(vault.rotate)
    done = 0
    while changed := await _batches(context, version, batch_count):
        done += changed
    done += sum([await asyncio.to_thread(_file_again, context, *each, version) for each in files])
    if await count_older(context, version):
        raise AssertionError("a wrap of an older version appeared; rotate again")
    await asyncio.to_thread(vault.retire, version)
    return Rotation(version, done, resumed)


async def _batches(context: Context, version: int, batch_count: int) -> int:
    return sum([await _batch(context, each, version, batch_count) for each in wraps()])


async def _batch(context: Context, of: Wraps, version: int, batch_count: int) -> int:
    """Wrap up to `batch_count` keys of one column anew; how many there were. What was shredded meanwhile stays so."""
    older = func.substring(of.column, 1, VERSION_BYTES) < version_bytes(version)
    bound_to = [of.table.c[name] for name in of.context_columns]
    async with context.db.begin(SYSTEM) as tx:
        found = (await tx.execute(select(of.column, *bound_to).where(older).limit(batch_count))).all()
    if not found:
        return 0
    contexts = [of.context.format(**dict(zip(of.context_columns, row[1:], strict=True))) for row in found]
    old = [bytes(row[0]) for row in found]
    new = [await asyncio.to_thread(_again, context, *each) for each in zip(old, contexts, strict=True)]
    async with context.db.begin(SYSTEM) as tx:
        values = {"table": of.table.name, "column": of.column.name, "old": old, "new": new}
        await tx.execute(_REWRAP, values)
    return len(found)


def _again(context: Context, wrapped: bytes, bound_to: str) -> bytes:
    return context.vault.wrap(context.vault.unwrap(wrapped, bound_to), bound_to)


def _file_again(context: Context, path: Path, bound_to: str, version: int) -> bool:
    """Whether the file's wrap was older; it is replaced whole."""
    if not path.exists() or version_of(path.read_bytes()) >= version:
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(_again(context, path.read_bytes(), bound_to))
    draft.replace(path)
    return True
