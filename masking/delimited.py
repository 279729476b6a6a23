"""Delimited text without trust: one strict decoding, bounded lines, ragged rows refused one by one."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from threading import Lock, Semaphore
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from masking.encodings import is_guessed, likely, telling_words
from masking.limits import (
    MIB,
    NO_ROW_FITS,
    ROW,
    Headless,
    IntakeError,
    Limits,
    RefusedRow,
    TapeInfo,
    check_headers,
    numbered,
)

BLOCK_BYTES = 6 * MIB
AHEAD_COUNT = 5
"""So many blocks are read before the first of them was taken; left alone, Arrow reads 32."""

PATIENCE_S = 5.0
"""So long the next block waits for that; a parser that gives nothing for one block needs the next."""

NEWLINE = ord("\n")
QUOTE = ord('"')
END_SIGN = "\x1f"  # stands in no text that is read
TELLING_BYTES = 64 << 10  # of lines that are not ASCII, from which an encoding is told
DELIMITERS = (",", ";", "\t", "|")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class _Utf8:
    """The file's text as UTF-8 bytes, decoded strictly, without a byte order mark; refuses what `limits` refuse."""

    def __init__(self, file: BinaryIO, encoding: str, limits: Limits) -> None:
        file.seek(3 if encoding == "utf-8-sig" else 0)
        self._file = file
        self._plain = encoding in {"utf-8", "utf-8-sig"}
        self._decoder = codecs.getincrementaldecoder("utf-8" if self._plain else encoding)("strict")
        self._step = min(MIB, limits.line_bytes)
        self._limit = limits.line_bytes
        self._run = 0
        self.newlines_count = 0
        self.quotes_count = 0
        self.closed = False
        self._turn = Lock()
        self._room = Semaphore(AHEAD_COUNT)

    def blocks(self) -> Iterator[bytes]:
        """The whole text in blocks no longer than a line may be."""
        while raw := self._file.read(self._step):
            yield self._checked(raw, final=False)
        yield self._checked(b"", final=True)

    def _checked(self, raw: bytes, *, final: bool) -> bytes:
        block = raw if self._plain and raw.isascii() and not self._decoder.getstate()[0] else self._decoded(raw, final)
        if places := [place for sign in (b"\0", b"\x1f") if (place := block.find(sign)) >= 0]:
            above = self.newlines_count + block.count(b"\n", 0, min(places))
            raise IntakeError("control_character", row=above + 1)
        self._measure(block)
        return block

    def _decoded(self, raw: bytes, final: bool) -> bytes:  # noqa: FBT001  # as the codec calls it
        try:
            text = self._decoder.decode(raw, final)
        except UnicodeDecodeError as error:
            raise IntakeError("undecodable", f"The text is not {error.encoding}.") from None
        return raw if self._plain else text.encode()

    def _measure(self, block: bytes) -> None:
        first = block.find(b"\n")
        self._run += len(block) if first < 0 else first
        if self._run > self._limit:
            raise IntakeError("line_too_long", row=self.newlines_count + 1)
        if first >= 0:
            self._run = len(block) - block.rfind(b"\n") - 1
            self.newlines_count += int(np.count_nonzero(np.frombuffer(block, np.uint8) == NEWLINE))
        if b'"' in block:
            self.quotes_count += int(np.count_nonzero(np.frombuffer(block, np.uint8) == QUOTE))

    def close(self) -> None:
        """Touch the file no more: a parser reads ahead in a thread of its own, and the next one moves the same file."""
        with self._turn:
            self.closed = True
        self.taken()

    def taken(self) -> None:
        """A block was parsed and taken: there is room for another."""
        self._room.release()

    def read(self, size: int) -> bytes:
        """About as many bytes of text, once there is room for them; none at its end."""
        self._room.acquire(timeout=PATIENCE_S)
        with self._turn:
            blocks: list[bytes] = []
            while not self.closed and sum(map(len, blocks)) < size:
                raw = self._file.read(self._step)
                blocks.append(self._checked(raw, final=not raw))
                if not raw:
                    break
            return b"".join(blocks)


def inspect_csv(file: BinaryIO, limits: Limits, headless: Headless, stated: str = "") -> TapeInfo:
    """What a delimited file is; the whole text is decoded and measured, in the encoding `stated` if there is one."""
    encoding, scan, head = _scan(file, limits, stated)
    if not head.strip():
        raise IntakeError("empty_file")
    delimiter = _delimiter(head)
    try:
        header = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
    except (csv.Error, StopIteration):
        raise IntakeError("malformed", row=1) from None
    if scan.quotes_count % 2:
        _require_closed(file, encoding, delimiter)
    headed = not headless(header)
    columns = check_headers(header if headed else numbered(len(header)), limits)
    if headed and len(head.splitlines()) < 2:
        raise IntakeError("header_only", row=2)
    count = max(scan.newlines_count - 1, 1)
    telling = _telling(file, limits) if is_guessed(encoding) else b""
    guessed = bool(telling) and not stated
    warnings = (f"The text was read as {encoding}, by the looks of its words: check them.",) if guessed else ()
    info = TapeInfo(
        "csv",
        encoding,
        delimiter,
        columns,
        count,
        warnings,
        scan.quotes_count > 0,
        headed=headed,
        encoding_guessed=guessed,
        words=telling_words(telling.decode(encoding, "ignore").splitlines()),  # shown only, never read on
    )
    _require_rows(file, info, limits)
    return info


def _require_closed(file: BinaryIO, encoding: str, delimiter: str) -> None:
    """Raises IntakeError("malformed") if the text ends inside quotes: the rows after the last one would be part of its cell."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    count = 0
    try:
        for row in csv.reader(chain(text, ["\n", END_SIGN]), delimiter=delimiter):
            if row == [END_SIGN]:
                return
            count += 1
    except csv.Error:  # a cell of many rows
        count += 1
    finally:
        text.detach()
    raise IntakeError("malformed", "A quotation mark is never closed: close it, or write it twice.", row=count)


def _require_rows(file: BinaryIO, info: TapeInfo, limits: Limits) -> None:
    ragged: list[RefusedRow] = []
    if first_rows(file, info, ragged.append, limits) is None:
        raise IntakeError("ragged_row", NO_ROW_FITS, row=2) if ragged else IntakeError("header_only", row=2)


def _scan(file: BinaryIO, limits: Limits, stated: str) -> tuple[str, _Utf8, str]:
    """The encoding that decodes the whole file, its scan, and its first text.

    What decodes as UTF-8 is UTF-8 whatever older encoding is stated: last month's mapping may say it of this month's file.
    """
    file.seek(0)
    head = file.read(MIB)
    marked = next((name for bom, name in BOMS if head.startswith(bom)), "")
    known = marked or ("" if is_guessed(stated) else stated)
    for name in (known,) if known else ("utf-8", stated):
        encoding = name or _guess(file, limits)
        scan = _Utf8(file, encoding, limits)
        try:
            blocks = scan.blocks()
            text = next(blocks).decode(
                "utf-8", "replace"
            )  # a character may straddle the block; only the header is used
            for _ in blocks:
                pass
        except IntakeError as error:
            if error.code == "undecodable" and not known and encoding == "utf-8":
                continue
            raise
        return encoding, scan, text
    raise IntakeError("undecodable")


def _guess(file: BinaryIO, limits: Limits) -> str:
    """The likeliest legacy encoding, from the lines that are not plain ASCII."""
    telling = _telling(file, limits)
    if b"\0" in telling:
        raise IntakeError("control_character")
    return likely(telling)


def _telling(file: BinaryIO, limits: Limits) -> bytes:
    """The first lines that are not plain ASCII."""
    file.seek(0)
    telling = b""
    while len(telling) < TELLING_BYTES and (line := file.readline(limits.line_bytes)):
        telling += b"" if line.isascii() else line
    return telling


def _delimiter(head: str) -> str:
    """The delimiter that cuts the first lines most evenly; a comma for a single column."""
    lines = head.splitlines()[:20]
    full = lines[:-1] if len(head) >= MIB - 4 and len(lines) > 1 else lines

    def evenness(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(full, delimiter=delimiter)]
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (widths.count(widths[0]) / len(widths), widths[0])

    try:
        return max(DELIMITERS, key=evenness)
    except csv.Error:
        return ","


class _RaggedError(Exception):
    """A ragged row was met by the threaded reader, which does not know its number."""


def read_csv(
    file: BinaryIO,
    info: TapeInfo,
    chunk_rows: int,
    report: Callable[[RefusedRow], None],
    limits: Limits,
    columns: Sequence[str],
) -> Iterator[pa.Table]:
    """These columns of the file's rows as text with ROW, in blocks of about `chunk_rows`; ragged rows go to `report`.

    Most tapes have no ragged row and are parsed by threads. At the first one the rest is parsed again by one thread,
    which knows row numbers.
    """
    block_bytes = file.seek(0, io.SEEK_END) // info.row_count_estimate * chunk_rows
    block_bytes = min(max(block_bytes, 2 * limits.line_bytes), BLOCK_BYTES)
    done = 0
    try:
        for table in _even(file, info, limits, block_bytes, columns):
            yield table.append_column(
                ROW, pa.array(np.arange(done + info.first_row, done + info.first_row + table.num_rows))
            )
            done += table.num_rows
    except _RaggedError:
        yield from _uneven(file, info, limits, block_bytes, report, done, columns)


def first_rows(file: BinaryIO, info: TapeInfo, report: Callable[[RefusedRow], None], limits: Limits) -> pa.Table | None:
    """The first block that has a row which fits the header; None if no row does."""
    blocks = _uneven(file, info, limits, 2 * limits.line_bytes, report, 0, info.columns)
    return next((block for block in blocks if block.num_rows), None)


def _even(
    file: BinaryIO, info: TapeInfo, limits: Limits, block_bytes: int, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Blocks without any ragged row; raises _RaggedError before the block that has one."""
    met: list[None] = []

    def stop(_: pa.csv.InvalidRow) -> str:
        met.append(None)
        return "error"

    try:
        with _open_csv(file, info, limits, stop, columns, block_bytes=block_bytes, threads=True) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid:
        raise (_RaggedError if met else IntakeError("malformed")) from None


def _uneven(
    file: BinaryIO,
    info: TapeInfo,
    limits: Limits,
    block_bytes: int,
    report: Callable[[RefusedRow], None],
    done: int,
    columns: Sequence[str],
) -> Iterator[pa.Table]:
    """Blocks with row numbers after the first `done` rows; ragged rows are reported and left out."""
    ragged: list[int] = []
    failure: list[Exception] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        ragged.append(row.number)
        try:
            report(RefusedRow(row.number, "", f"{row.actual_columns} cells, the header has {row.expected_columns}"))
        except Exception as error:  # noqa: BLE001  # the reader cannot carry it; raised below
            failure.append(error)
            return "error"
        return "skip"

    first = info.first_row
    try:
        with _open_csv(file, info, limits, skip, columns, block_bytes=block_bytes, threads=False) as reader:
            for batch in reader:
                candidates = np.arange(first, first + batch.num_rows + len(ragged))
                numbers = candidates[~np.isin(candidates, ragged)][: batch.num_rows]
                first = int(numbers[-1]) + 1 if len(numbers) else first
                ragged[:] = [number for number in ragged if number >= first]
                table = pa.Table.from_batches([batch]).append_column(ROW, pa.array(numbers))
                yield table.slice(min(done, table.num_rows))
                done -= min(done, table.num_rows)
    except pa.ArrowInvalid:
        raise (failure[0] if failure else IntakeError("malformed")) from None


@contextmanager
def _open_csv(
    file: BinaryIO,
    info: TapeInfo,
    limits: Limits,
    on_ragged: Callable[[pa.csv.InvalidRow], str],
    columns: Sequence[str],
    *,
    block_bytes: int,
    threads: bool,
) -> Iterator[Iterator[pa.RecordBatch]]:
    text = _Utf8(file, info.encoding, limits)
    try:
        with pa.csv.open_csv(
            pa.PythonFile(text, mode="r"),
            read_options=pa.csv.ReadOptions(
                column_names=list(info.columns),
                skip_rows_after_names=int(info.headed),
                use_threads=threads,
                block_size=block_bytes,
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=info.delimiter, newlines_in_values=info.quoted, invalid_row_handler=on_ragged
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=list(columns),
                strings_can_be_null=False,
                check_utf8=False,  # `_Utf8` has decoded it
            ),
        ) as reader:
            yield _taken_from(reader, text)
    finally:
        text.close()


def _taken_from(reader: pa.csv.CSVStreamingReader, text: _Utf8) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        text.taken()
        yield batch
