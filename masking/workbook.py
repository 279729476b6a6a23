"""XLSX without trust: the archive is weighed and searched before a parser opens it; only cell values come out."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, BinaryIO, cast
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum, ZipError

from masking.extent import Extent
from masking.limits import IntakeError, Limits

PIECE_BYTES = 256 << 10
OVERLAP_BYTES = 2048
NAMED_ROWS = 10

ACTIVE_PARTS = re.compile(
    r"vbaproject|macrosheets/|externallinks/|embeddings/|activex/|ctrlprops/|connections\.xml|querytables/|dialogsheets/"
)
HIDDEN_CELLS = re.compile(rb"<(?:\w+:)?(row|col)\b[^<>]*\bhidden=[\"'](?:1|true)[\"']")
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b")
# A cell with a formula and no stored value: programs that write workbooks leave the reckoning to the first spreadsheet that opens them.
_P = rb"(?:\w+:)?"
UNRECKONED = re.compile(
    rb"<"
    + _P
    + rb"c\b[^<>]*\br=[\"'][A-Z]{1,3}([0-9]{1,7})[\"'][^<>]*>\s*<"
    + _P
    + rb"f\b[^<>]*(?:/>|>[^<]{0,1024}</"
    + _P
    + rb"f>)\s*"
    rb"(?:<" + _P + rb"v\s*/>|<" + _P + rb"v>\s*</" + _P + rb"v>)?\s*</" + _P + rb"c>"
)
FORBIDDEN_XML = (b"<!DOCTYPE", b"<!ENTITY", b"<!doctype", b"<!entity")
UTF16_XML = (b"\xff\xfe", b"\xfe\xff", b"\0<", b"<\0")


def check(file: BinaryIO, limits: Limits) -> list[str]:
    """Warnings about hidden rows and columns, merged cells and formulas without a value; raises IntakeError for bombs, macros, links, DTDs and other formats.

    Declared sizes are checked first, then every member is unpacked and counted, so that a false declaration fails.
    """
    file.seek(0, 2)
    if file.tell() > limits.workbook_bytes:
        raise IntakeError("too_large")
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, limits)
            _check_kind(archive)
            return _search(archive, members, limits)
    # Besides its own errors, zipfile raises NotImplementedError for a compression method that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, RuntimeError):
        raise IntakeError("malformed") from None
    except (DefusedXmlException, ParseError):
        raise IntakeError("active_content") from None


def _check_members(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.members_count:
        raise IntakeError("archive_bomb", f"{len(members)} members.")
    if len({member.filename.casefold() for member in members}) < len(members):
        raise IntakeError("malformed", "Two members have the same name.")
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > limits.unpacked_bytes or unpacked > max(packed, 1) * limits.unpacked_ratio + (1 << 20):
        raise IntakeError("archive_bomb", f"{packed} bytes would become {unpacked}.")
    placed = sorted((member.header_offset, member.compress_size) for member in members)
    if any(start + size > after for (start, size), (after, _) in pairwise(placed)):
        raise IntakeError("archive_bomb", "Members overlap.")
    if any(member.flag_bits & 1 for member in members):
        raise IntakeError("protected_workbook")


def _check_kind(archive: zipfile.ZipFile) -> None:
    names = {name.casefold() for name in archive.namelist()}
    if "xl/workbook.bin" in names:
        raise IntakeError("unsupported_format", "This is an .xlsb workbook.")
    if any(ACTIVE_PARTS.search(name) for name in names):
        raise IntakeError("active_content")
    if not {"xl/workbook.xml", "[content_types].xml"} <= names:
        raise IntakeError("unsupported_format", "This archive is not an .xlsx workbook.")
    kinds = archive.read(next(name for name in archive.namelist() if name.casefold() == "[content_types].xml"))
    for part in fromstring(kinds, forbid_dtd=True):
        if "macroenabled" in part.get("ContentType", "").casefold():
            raise IntakeError("active_content", "This is a macro-enabled workbook.")


def _search(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limits: Limits) -> list[str]:
    """Unpack every member in pieces: count, forbid DTDs and vast empty sheets, note hidden rows and columns."""
    unpacked = 0
    hidden: set[bytes] = set()
    merged = False
    unreckoned: set[int] = set()
    for member in members:
        is_xml = member.filename.casefold().endswith((".xml", ".rels", ".vml"))
        tail, extent = b"", Extent()
        with archive.open(member) as stream:
            while piece := stream.read(PIECE_BYTES):
                unpacked += len(piece)
                if unpacked > limits.unpacked_bytes:
                    raise IntakeError("archive_bomb", f"It unpacks past {limits.unpacked_bytes} bytes.")
                if is_xml:
                    window = tail + piece
                    _forbid(window, first=not tail)
                    if b"hidden" in window:
                        hidden.update(found[1] for found in HIDDEN_CELLS.finditer(window))
                    merged = merged or bool(MERGED.search(window))
                    extent.feed(window)
                    if extent.may_reckon:
                        unreckoned.update(int(found[1]) for found in UNRECKONED.finditer(window))
                    tail = window[-OVERLAP_BYTES:]
        extent.check(limits)
    words = {b"row": "rows", b"col": "columns"}
    told = [f"The workbook has hidden {words[kind]}; they are read like all others." for kind in sorted(hidden)]
    if merged:
        told.append(
            "The workbook has merged cells: the first of each holds its value, the others are empty. Part them and fill each."
        )
    return [*told, _told(sorted(unreckoned))] if unreckoned else told


def _told(rows: list[int]) -> str:
    named = ", ".join(map(str, rows[:NAMED_ROWS])) + (", …" if len(rows) > NAMED_ROWS else "")
    return (
        f"Formulas in {len(rows)} rows have no stored value and are read as empty (rows {named}): "
        "open the workbook in a spreadsheet program and save it."
    )


def _forbid(window: bytes, *, first: bool) -> None:
    if b"!" in window and any(mark in window for mark in FORBIDDEN_XML):
        raise IntakeError("active_content", "A DTD was found.")
    if first and window[:2] in UTF16_XML:
        raise IntakeError("malformed", "A part of the workbook is not UTF-8.")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The one sheet that is read: the first visible one with cells. `others` are the other visible ones with cells."""

    name: str
    height: int
    warnings: tuple[str, ...]
    _sheet: Any
    others: tuple["Sheet", ...] = ()

    def rows(self) -> Iterator[list[object]]:
        """Every row's cells, from the first row that has any: what `as_text` and `as_texts` understand."""
        found: Iterator[list[object]] = self._sheet.iter_rows()
        return found

    @property
    def alone(self) -> "Sheet":
        """The same sheet without a hold on the others."""
        return replace(self, others=())


def open_sheet(file: BinaryIO, name: str = "") -> Sheet:
    """The first visible sheet with cells, and warnings that name what is left out; raises IntakeError if unreadable.

    With a name it is that visible sheet, and nothing is said about the others.
    """
    sheets = _sheets(file)
    if name:
        found = [s for meta, s in sheets if meta.visible == SheetVisibleEnum.Visible and s.height and meta.name == name]
        if not found:
            raise IntakeError("empty_file", "There is no visible sheet of that name with cells.")
        return Sheet(name, found[0].height, (), found[0])
    visible = [s for meta, s in sheets if meta.visible == SheetVisibleEnum.Visible and s.height]
    if not visible:
        raise IntakeError("empty_file", "No visible sheet has cells.")
    warnings = []
    if hidden := len([1 for meta, _ in sheets if meta.visible != SheetVisibleEnum.Visible]):
        warnings.append(f"The workbook has {hidden} hidden sheet(s); they are not read.")
    if len(visible) > 1:
        warnings.append(f"Only the first of {len(visible)} sheets is read.")
    others = tuple(Sheet(sheet.name, sheet.height, (), sheet) for sheet in visible[1:])
    return Sheet(visible[0].name, visible[0].height, tuple(warnings), visible[0], others)


def sheet_names(file: BinaryIO) -> list[str]:
    """The visible sheets with cells, in order; the file must have passed `check`."""
    return [meta.name for meta, sheet in _sheets(file) if meta.visible == SheetVisibleEnum.Visible and sheet.height]


def _sheets(file: BinaryIO) -> list[tuple[Any, Any]]:
    file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(file)
        return [(meta, book.get_sheet_by_name(meta.name)) for meta in book.sheets_metadata]
    except PasswordError:
        raise IntakeError("protected_workbook") from None
    except (CalamineError, ZipError, ValueError, OSError):
        raise IntakeError("malformed") from None


def as_text(cell: object) -> str:
    """A cell as a seller would type it: whole numbers without a point, dates as year-month-day."""
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return _number(cell)
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
        case date() | time():
            return cell.isoformat()
        case timedelta() | int():
            return str(cell)
        case _:
            return ""


def as_texts(cells: Sequence[object]) -> Sequence[str]:
    """`as_text` of each cell of a column: what occurs more than once is written once."""
    kinds = set(map(type, cells)) - {str}
    if not kinds:
        return cast("Sequence[str]", cells)
    if kinds == {float}:
        return [cell if type(cell) is str else _number(cast("float", cell)) for cell in cells]
    if len(kinds & {bool, int, float}) > 1:  # 1.0 is equal to True, and written otherwise
        return list(map(as_text, cells))
    texts = {cell: as_text(cell) for cell in set(cells)}
    return [texts[cell] for cell in cells]


def _number(value: float) -> str:
    return f"{value + 0.0:.15g}"  # as spreadsheet programs keep it; the sum makes 0 of -0
