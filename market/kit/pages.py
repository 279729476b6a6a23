"""Lists come in pages: at most `limit` items, and an opaque cursor to the next ones."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from market.kit.errors import Malformed

T = TypeVar("T")
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Ask for up to `limit` items after `after` (an id; ids are time-ordered)."""

    limit: int = 50
    after: UUID | None = None

    @classmethod
    def parse(cls, limit: int, cursor: str | None) -> "PageRequest":
        """Raises `Malformed` naming the query parameter."""
        if not 1 <= limit <= MAX_LIMIT:
            raise Malformed(f"limit must be between 1 and {MAX_LIMIT}", field="limit")
        if cursor is None:
            return cls(limit)
        try:
            return cls(limit, UUID(bytes=base64.urlsafe_b64decode(cursor.encode() + b"==")))
        except (ValueError, binascii.Error):
            raise Malformed("cursor is not one that a page returned", field="cursor") from None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next_cursor: str | None

    @classmethod
    def cut(cls, found: Sequence[T], request: PageRequest, id_of: Callable[[T], UUID]) -> "Page[T]":
        """Make a page of up to `limit + 1` found items: the one too many tells that there is a next page."""
        items = found[: request.limit]
        more = len(found) > request.limit
        cursor = base64.urlsafe_b64encode(id_of(items[-1]).bytes).decode().rstrip("=") if more else None
        return cls(items, cursor)
