"""Every refusal has one class, one slug and one HTTP status; on the wire it is an RFC 9457 problem."""

from typing import Any, ClassVar


class Trouble(Exception):
    """What whoever runs the market can mend: one line that names the cause and the remedy, and no traceback."""


class MarketError(Exception):
    """An expected no. `detail` says what is wrong and how to mend it, and never holds personal data.

    Subclasses stand next to the rule that refuses; `slug` is stable and listed in docs/problems.md.
    """

    slug: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, *, field: str | None = None, **members: Any) -> None:
        """`field` names the offending input (dotted path); `members` are extension members of the problem."""
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.members = members


class Malformed(MarketError):
    slug, title, status = "malformed", "The request is not well formed", 422


class Unauthenticated(MarketError):
    slug, title, status = "unauthenticated", "Sign in first", 401


class Forbidden(MarketError):
    slug, title, status = "forbidden", "Not yours to do", 403


class NotFound(MarketError):
    slug, title, status = "not-found", "No such thing, or not yours to see", 404


class Conflict(MarketError):
    slug, title, status = "conflict", "The state has moved on", 409


class PreconditionFailed(MarketError):
    slug, title, status = "precondition-failed", "Someone changed it first", 412


class TooLarge(MarketError):
    slug, title, status = "too-large", "Too large", 413


class RateLimited(MarketError):
    slug, title, status = "rate-limited", "Too many requests", 429


class Transient(MarketError):
    """Weather: nothing was done, and the same call may succeed later."""

    slug, title, status = "try-again", "Passing trouble", 503
