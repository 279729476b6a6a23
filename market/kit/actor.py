"""Who acts: the answer to every «who did this?» in the journal, and the scope of every transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    MEMBER = "member"
    """A person of a trading organisation (a seller, a buyer, or both)."""
    OFFICER = "officer"
    """A compliance officer; belongs to the platform, never to a trading organisation."""
    OPERATOR = "operator"
    """Runs the marketplace: bank statements, voids, fee reports; decides no clearance."""
    SYSTEM = "system"
    """The software itself: worker ticks and migrations."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`scopes` limits an API key; a person's session has every scope of the role (`None`).

    How the actor came in is no part of who it is: `session_id` and `proved_at` (when the person last proved to be there)
    for a session, `max_bid_cents` and `day_bid_cents` (None: no limit of its own) for an API key.
    """

    role: Role
    user_id: UUID | None = None
    org_id: UUID | None = None
    key_id: UUID | None = None
    scopes: frozenset[str] | None = field(default=None)
    session_id: UUID | None = field(default=None, compare=False)
    proved_at: datetime | None = field(default=None, compare=False)
    max_bid_cents: int | None = field(default=None, compare=False)
    day_bid_cents: int | None = field(default=None, compare=False)

    def allows(self, scope: str) -> bool:
        """Whether this actor may use an operation of `scope` (e.g. `bids:write`)."""
        return self.scopes is None or scope in self.scopes


SYSTEM = Actor(Role.SYSTEM)
