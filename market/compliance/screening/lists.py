"""The lists as their publishers hand them out: OFAC's CSV files (legacy format) and the UN's consolidated XML.

OFAC: sdn, alt, add and their cons_ counterparts, https://ofac.treasury.gov/faq/topic/1641, with or without a header row.
UN: https://scsanctions.un.org/resources/xml/en/consolidated.xml. Files may be compressed (.gz, .xz).
"""

import csv
import gzip
import hashlib
import io
import json
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from market.compliance.screening.names import Kind

OFAC_SDN, OFAC_CONS, UN = "ofac-sdn", "ofac-cons", "un"
LARGEST_BYTES: Final = 256 * 1024**2
_NOTHING, _END_OF_FILE = "-0-", "\x1a"
_DATE_IN_NAME = re.compile(r"(20\d\d)[-_]?(\d\d)(?:[-_]?(\d\d))?")
_IDENTIFIER = re.compile(
    r"(?:^|alt\. )(?:Passport|SSN|National ID No\.|Tax ID No\.|Registration (?:ID|Number)|Business Registration (?:Number|Document #)"
    r"|Company Number|Commercial Registry Number|Identification Number|Legal Entity Number|Government Gazette Number|NIT #"
    r"|Cedula No\.|C\.U\.R\.P\.|R\.F\.C\.|RUC #|RIF #|D-U-N-S Number|V\.A\.T\. Number|SWIFT/BIC|C\.R\. No\.|Driver's License No\."
    r"|Unified Social Credit Code \(USCC\)|Vessel Registration Identification(?: IMO)?|Aircraft Manufacturer's Serial Number \(MSN\)"
    r"|Aircraft Tail Number|Economic Register Number \(CBLS\)|Birth Certificate Number|Residency Number|Personal ID Card"
    r"|Stateless Person ID Card|Citizen's Card Number|Numero de Identidad|D\.N\.I\.|Matricula Mercantil No|Registered Charity No\.)"
    r"\s+([A-Z0-9][A-Z0-9./ -]*)"
)
_SHORTEST_IDENTIFIER = 6


class ListUnreadable(ValueError):
    """The file is none of the lists that are known, or broken; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ListedName:
    """`weak`: the publisher itself warns that the alias is too common to go by."""

    text: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One person, organisation, vessel or aircraft of a list."""

    list_id: str
    entry_id: str
    kind: Kind
    names: tuple[ListedName, ...]
    births: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex over everything known of the entry."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """The entry as plain values; `from_plain` turns it back."""
        return {
            "list_id": self.list_id,
            "entry_id": self.entry_id,
            "kind": self.kind.value,
            "names": [[name.text, name.weak] for name in self.names],
            "births": list(self.births),
            "countries": list(self.countries),
            "identifiers": list(self.identifiers),
            "programmes": list(self.programmes),
        }

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "ListEntry":
        return cls(
            values["list_id"],
            values["entry_id"],
            Kind(values["kind"]),
            tuple(ListedName(text, bool(weak)) for text, weak in values["names"]),
            *(tuple(values[name]) for name in ("births", "countries", "identifiers", "programmes")),
        )


@dataclass(frozen=True, slots=True)
class ListVersion:
    """One list as published: its entries in order of id, and a hash over all of them."""

    list_id: str
    published_on: date | None
    entries: tuple[ListEntry, ...]

    @property
    def content_hash(self) -> str:
        lines = "".join(f"{entry.entry_id} {entry.content_hash}\n" for entry in self.entries)
        return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True, slots=True, repr=False)
class PackedVersion:
    """A list as it is kept, and handed from process to process: `entries` as deflated JSON. Equal by its content."""

    list_id: str
    published_on: date | None
    content_hash: str
    entry_count: int
    entries: bytes = field(compare=False)

    @classmethod
    def of(cls, version: ListVersion) -> "PackedVersion":
        body = json.dumps([entry.plain() for entry in version.entries], ensure_ascii=False, separators=(",", ":"))
        packed = zlib.compress(body.encode(), 6)
        return cls(version.list_id, version.published_on, version.content_hash, len(version.entries), packed)

    def unpacked(self) -> ListVersion:
        entries = tuple(ListEntry.from_plain(values) for values in json.loads(zlib.decompress(self.entries)))
        return ListVersion(self.list_id, self.published_on, entries)


def identifier(text: str) -> str | None:
    """A number of a document in capitals without signs, or None if it is too short to identify anybody."""
    found = re.sub(r"[^A-Z0-9]", "", text.upper())
    return found if len(found) >= _SHORTEST_IDENTIFIER and any(char.isdigit() for char in found) else None


def list_files(folder: Path) -> list[Path]:
    """The CSV and XML files in a folder, compressed or not, by name."""
    endings = tuple(f"{kind}{packed}" for kind in (".csv", ".xml") for packed in ("", ".gz", ".xz"))
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().endswith(endings))


def read_lists(paths: Iterable[Path], *, published_on: date | None = None) -> list[ListVersion]:
    """The lists that these files make up together; OFAC's names, aliases and addresses are joined by their number.

    Raises `ListUnreadable`.
    """
    draft = _Draft()
    for path in paths:
        draft.take(path, published_on)
    if not draft.entries:
        raise ListUnreadable("no list entries found: give OFAC's sdn.csv, alt.csv, add.csv, cons_….csv or the UN's XML")
    return draft.versions()


def _read_bytes(path: Path) -> bytes:
    try:
        opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix.lower(), open)
        with opener(path, "rb") as source:  # type: ignore[operator]
            data: bytes = source.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ListUnreadable(f"{path.name} cannot be read: {error}") from None
    if len(data) > LARGEST_BYTES:
        raise ListUnreadable(f"{path.name} is larger than {LARGEST_BYTES // 1024**2} MB; is it a sanctions list?")
    return data


@dataclass(slots=True)
class _Growing:
    kind: Kind | None = None
    names: list[ListedName] = field(default_factory=list)
    births: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    programmes: list[str] = field(default_factory=list)

    def add_name(self, text: str, *, weak: bool = False) -> None:
        clean = " ".join(text.split())
        if clean and all(clean != known.text for known in self.names):
            self.names.append(ListedName(clean, weak))


class _Draft:
    """Entries while their files come in, in any order."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], _Growing] = {}
        self.published: dict[str, date] = {}

    def of(self, list_id: str, entry_id: str) -> _Growing:
        return self.entries.setdefault((list_id, entry_id), _Growing())

    def take(self, path: Path, published_on: date | None) -> None:
        data = _read_bytes(path)
        if data[:512].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            _take_un(self, path, data, published_on)
        else:
            _take_ofac(self, path, data, published_on)

    def date(self, list_id: str, found: date | None) -> None:
        """A list is as old as the oldest of its files."""
        if found is not None:
            self.published[list_id] = min(found, self.published.get(list_id, found))

    def versions(self) -> list[ListVersion]:
        found: dict[str, list[ListEntry]] = {}
        for (list_id, entry_id), grown in sorted(self.entries.items()):
            if grown.names:
                found.setdefault(list_id, []).append(_entry(list_id, entry_id, grown))
        return [ListVersion(list_id, self.published.get(list_id), tuple(of)) for list_id, of in found.items()]


def _entry(list_id: str, entry_id: str, grown: _Growing) -> ListEntry:
    def once(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(set(values)))

    kind = grown.kind or _kind_from(grown.names[0].text)
    strong = any(not name.weak for name in grown.names)
    names = tuple(grown.names) if strong else tuple(ListedName(name.text) for name in grown.names)
    return ListEntry(
        list_id, entry_id, kind, names, once(grown.births), once(grown.countries), once(grown.identifiers),
        once(grown.programmes),
    )  # fmt: skip


def _kind_from(name: str) -> Kind:
    """Of an alias whose entry is missing: OFAC writes people as SURNAME, Given."""
    family, comma, given = name.partition(", ")
    return Kind.PERSON if comma and family.isupper() and any(char.islower() for char in given) else Kind.ORGANISATION


def _take_ofac(draft: _Draft, path: Path, data: bytes, published_on: date | None) -> None:
    try:
        text = data.rstrip(b"\x1a\r\n ").decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.rstrip(b"\x1a\r\n ").decode("cp1252", errors="replace")
    list_id = OFAC_CONS if path.name.lower().startswith("cons") else OFAC_SDN
    takers = {12: _take_primary, 5: _take_alias, 6: _take_address, 2: _take_comment}
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise ListUnreadable(f"{path.name} is not CSV: {error}") from None
    for at, cells in enumerate(rows, start=1):
        row = ["" if cell.strip() in (_NOTHING, _END_OF_FILE) else cell.strip() for cell in cells]
        if not any(row) or (at == 1 and not row[0].isdigit()):
            continue
        taker = takers.get(len(row))
        if taker is None or not row[0].isdigit():
            raise ListUnreadable(f"{path.name}, line {at}: not a row of OFAC's sdn, alt, add or cons files")
        taker(draft.of(list_id, row[0]), row)
    draft.date(list_id, published_on or _date_from(path.name))


def _date_from(name: str) -> date | None:
    """The date in a file's name: 2025-12 is the first of December, which is the earliest that it can be."""
    match = _DATE_IN_NAME.search(name)
    try:
        return date(int(match[1]), int(match[2]), int(match[3] or 1)) if match else None
    except ValueError:
        return None


def _take_primary(grown: _Growing, row: list[str]) -> None:
    kinds = {"individual": Kind.PERSON, "vessel": Kind.OBJECT, "aircraft": Kind.OBJECT, "": Kind.ORGANISATION}
    grown.kind = kinds.get(row[2].lower(), Kind.ORGANISATION)
    grown.names.insert(0, ListedName(" ".join(row[1].split())))
    grown.programmes += [part for part in re.split(r"[\]\[; ]+", row[3]) if part]
    if row[9]:
        grown.countries.append(row[9])
    _take_remarks(grown, row[11])


def _take_comment(grown: _Growing, row: list[str]) -> None:
    _take_remarks(grown, row[1])


def _take_remarks(grown: _Growing, remarks: str) -> None:
    for segment in (part.strip().rstrip(".") for part in remarks.split(";")):
        if match := re.match(r"(?:alt\. )?DOB (.+)", segment):
            grown.births.append(match[1])
        elif (match := re.match(r"(?:alt\. )?(?:nationality|citizen) (.+)", segment)) or (
            match := re.match(r"(?:alt\. )?POB (?:.*, )?(.+)", segment)
        ):
            grown.countries.append(match[1])
        elif match := re.match(r"(?:a|f|n)\.k\.a\. '(.+)'$", segment):
            grown.add_name(match[1].strip("'"), weak=True)
        elif match := _IDENTIFIER.match(segment):
            found = identifier(re.split(r" (?:issued|expires)", match[1])[0])
            if found:
                grown.identifiers.append(found)


def _take_alias(grown: _Growing, row: list[str]) -> None:
    grown.add_name(row[3])


def _take_address(grown: _Growing, row: list[str]) -> None:
    if row[4]:
        grown.countries.append(row[4])


def _take_un(draft: _Draft, path: Path, data: bytes, published_on: date | None) -> None:
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException) as error:
        raise ListUnreadable(f"{path.name} is not the UN's XML: {type(error).__name__}") from None
    if root.tag != "CONSOLIDATED_LIST":
        raise ListUnreadable(f"{path.name} is not the UN's consolidated list: its root is {root.tag[:60]}")
    stated = (root.get("dateGenerated") or "")[:10]
    draft.date(UN, published_on or (date.fromisoformat(stated) if re.fullmatch(r"\d{4}-\d\d-\d\d", stated) else None))
    for tag, kind in (("INDIVIDUAL", Kind.PERSON), ("ENTITY", Kind.ORGANISATION)):
        for node in root.iter(tag):
            number = _said(node, "DATAID")
            if number:
                _take_un_entry(draft.of(UN, number), node, tag, kind)


def _take_un_entry(grown: _Growing, node: Any, tag: str, kind: Kind) -> None:
    grown.kind = kind
    name = " ".join(_said(node, f"{place}_NAME") for place in ("FIRST", "SECOND", "THIRD", "FOURTH"))
    for text in _variants(name):
        grown.add_name(text)
    grown.add_name(_said(node, "NAME_ORIGINAL_SCRIPT"))
    for alias in node.iter(f"{tag}_ALIAS"):
        for text in _variants(_said(alias, "ALIAS_NAME")):
            grown.add_name(text.strip("“”\"' "), weak=_said(alias, "QUALITY").lower() == "low")
    grown.births += _un_births(node)
    for place in ("NATIONALITY/VALUE", f"{tag}_ADDRESS/COUNTRY", f"{tag}_PLACE_OF_BIRTH/COUNTRY"):
        grown.countries += [found for each in node.findall(place) if (found := (each.text or "").strip())]
    for each in node.findall(f"{tag}_DOCUMENT/NUMBER"):
        if found := identifier(each.text or ""):
            grown.identifiers.append(found)
    grown.programmes.append(_said(node, "UN_LIST_TYPE"))


def _variants(name: str) -> Iterator[str]:
    """`A (B) ; C` names A, B and C; words na stand for a part that is not known."""
    for part in name.split(";"):
        inside = re.findall(r"\(([^()]+)\)", part)
        yield " ".join(word for word in re.sub(r"\([^()]*\)", " ", part).split() if word.lower() != "na")
        yield from inside


def _un_births(node: Any) -> list[str]:
    found = []
    for birth in node.findall("INDIVIDUAL_DATE_OF_BIRTH"):
        about = "circa " if _said(birth, "TYPE_OF_DATE").upper() == "APPROXIMATELY" else ""
        if _said(birth, "FROM_YEAR") and _said(birth, "TO_YEAR"):
            found.append(f"{_said(birth, 'FROM_YEAR')} to {_said(birth, 'TO_YEAR')}")
        elif day := _said(birth, "DATE") or _said(birth, "YEAR"):
            found.append(about + day)
    return found


def _said(node: Any, tag: str) -> str:
    return (node.findtext(tag) or "").strip()
