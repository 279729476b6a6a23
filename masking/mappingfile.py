"""A column mapping kept in a file, so that next month's tape needs no second thought: `market mask` and `market demo` read it.

JSON in UTF-8: `columns` from header to field or null (drop the column); `decimal_mark`, `date_order` and `encoding`
(of a delimited file) if they are known.
Other keys, such as the findings that `market mask detect` prints beside them, are ignored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from masking.encodings import ENCODINGS
from masking.fields import FIELDS
from masking.limits import MIB
from masking.outputs import written
from masking.policy import Mapping, PolicyError

EXAMPLE = '{"columns": {"Acct No": "account_number", "Memo": null}, "decimal_mark": ".", "date_order": "mdy"}'


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """What a mapping file says; marks that it leaves out are read off the tape."""

    columns: dict[str, str | None]
    decimal_mark: str | None = None
    date_order: str | None = None
    encoding: str | None = None

    def on(self, headers: Sequence[str], proposed: Mapping) -> Mapping:
        """The mapping of a tape with these headers; columns that the file does not name are dropped.

        Raises PolicyError if the tape lacks a column that the file maps to a field.
        """
        missing = [column for column, name in self.columns.items() if name and column not in headers]
        if missing:
            names = ", ".join(f"{column!r} ({self.columns[column]})" for column in missing)
            raise PolicyError(
                f"the tape lacks columns of the mapping: {names}; map their new headers or set them to null"
            )
        return Mapping(
            {header: self.columns.get(header) for header in headers},
            decimal_mark=self.decimal_mark or proposed.decimal_mark,
            date_order=self.date_order or proposed.date_order,
            encoding=proposed.encoding,
        )


def load(path: Path) -> SavedMapping:
    """A mapping file. Raises PolicyError naming the file, every key that is wrong and what to write instead."""
    try:
        if path.stat().st_size > MIB:
            raise PolicyError(f"{path} is no mapping: it is larger than {MIB} bytes")
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise (error if isinstance(error, PolicyError) else PolicyError(f"{path} is not JSON in UTF-8")) from None
    columns = found.get("columns") if isinstance(found, dict) else None
    if not isinstance(columns, dict):
        raise PolicyError(f"{path} has no object 'columns': write {EXAMPLE}")
    faults = [
        f"columns.{column}: {name!r} is not a field; `market mask fields` lists them"
        for column, name in columns.items()
        if name is not None and (not isinstance(name, str) or name not in FIELDS)
    ]
    faults += [
        f"{key} is one of {' '.join(allowed)}; leave it out to have it read off the tape"
        for key, allowed in _CHOICES.items()
        if (value := found.get(key)) is not None and not (isinstance(value, str) and value in allowed)
    ]
    try:
        Mapping({column: name for column, name in columns.items() if isinstance(name, str) and name in FIELDS})
    except PolicyError as error:  # two columns on one field that allows one
        faults.append(str(error))
    if faults:
        raise PolicyError(f"{path}: {'; '.join(faults)}")
    return SavedMapping(columns, **{key: found.get(key) for key in _CHOICES})


_CHOICES = {"decimal_mark": (".", ","), "date_order": ("mdy", "dmy", "ymd"), "encoding": ENCODINGS}


def save(path: Path, mapping: Mapping) -> None:
    """Write a mapping file whole or not at all, in place of an older one; raises FileExistsError for any other file."""
    body: dict[str, object] = {
        "columns": dict(mapping.columns),
        "decimal_mark": mapping.decimal_mark,
        "date_order": mapping.date_order,
    }
    if mapping.encoding:
        body["encoding"] = mapping.encoding
    with written(path, replaces=_is_mapping) as sink:
        sink.write((json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode())


def _is_mapping(start: bytes) -> bool:
    return start.lstrip().startswith(b"{") and b'"columns"' in start
