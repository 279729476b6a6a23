"""All tables at once, for the migration history and the test that compares the two."""

from market.db.base import Base
from market.db.tables import (
    afterwards,
    bidding,
    compliance,
    erasures,
    flows,
    journal,
    keys,
    parties,
    portfolios,
    rails,
    screening,
    settlement,
)

__all__ = [
    "Base",
    "afterwards",
    "bidding",
    "compliance",
    "erasures",
    "flows",
    "journal",
    "keys",
    "parties",
    "portfolios",
    "rails",
    "screening",
    "settlement",
]
