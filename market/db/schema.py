"""All tables at once, for the migration history and the test that compares the two."""

from market.db.base import Base
from market.db.tables import compliance, journal, parties

__all__ = ["Base", "compliance", "journal", "parties"]
