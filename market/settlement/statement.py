"""Reading what a bank sends, whatever format it speaks: camt.053, camt.054, MT940 or BAI2, told apart by content."""

import hashlib

from market.settlement.rails import bai2, camt, mt940
from market.settlement.rails.lines import MAX_BYTES, MAX_ENTRIES, Line, Notice, Statement
from market.settlement.rules import StatementUnreadable

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "Line", "Notice", "Statement", "digest", "read_file", "read_statements"]


_TAKEN = "the file itself as the body: camt.053 or camt.054 (XML), MT940 or BAI2"
_HEAD_BYTES = 1000
_XML = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")
"""How a document in XML begins, in UTF-8 or UTF-16 (XML 1.0, appendix F)."""


def read_file(content: bytes) -> list[Statement] | list[Notice]:
    """The statements of a file (camt.053, MT940, BAI2), or its notices of batch bookings (camt.054), in its order.

    Raises `StatementUnreadable` naming statement and line; half a file is never given.
    """
    if len(content) > MAX_BYTES:
        raise StatementUnreadable(f"the file is larger than {MAX_BYTES} bytes")
    if not content.strip():
        raise StatementUnreadable(f"the body is empty: send {_TAKEN}")
    if content.startswith(b"--") and b"form-data" in content[:_HEAD_BYTES]:
        raise StatementUnreadable(f"the body is a multipart form: send {_TAKEN}")
    if bai2.is_bai2(content):
        return bai2.read(content)
    if mt940.is_mt940(content):
        return mt940.read(content)
    if not content.lstrip().startswith(_XML):
        raise StatementUnreadable(f"this is in none of the formats that are taken: send {_TAKEN}")
    return camt.read(content)


def read_statements(content: bytes) -> list[Statement]:
    """The statements of a file. Raises `StatementUnreadable`, also for a file of notices."""
    found = read_file(content)
    statements = [each for each in found if isinstance(each, Statement)]
    if len(statements) != len(found) or not statements:
        raise StatementUnreadable("the file holds no statements (camt.053, MT940 or BAI2)")
    return statements


def digest(content: bytes) -> str:
    """SHA-256 of the file as received, in hex."""
    return hashlib.sha256(content).hexdigest()
