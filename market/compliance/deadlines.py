"""When officers should have acted: hours of the working week, or hours of the calendar."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from market.settings import Settings

_OPENS, _SHUTS = time(9), time(17)
_FRIDAY = 4


def due_at(since: datetime, hours: int, zone: str | None) -> datetime:
    """The instant after so many working hours (Monday to Friday, 9 to 17 o'clock in `zone`), in UTC like `since`.

    Without a zone every hour counts. Public holidays count as working days: the clock is a promise to the party.
    """
    if zone is None:
        return since + timedelta(hours=hours)
    local = since.astimezone(ZoneInfo(zone))
    left = timedelta(hours=hours)
    while True:
        opens = datetime.combine(local.date(), _OPENS, local.tzinfo)
        shuts = datetime.combine(local.date(), _SHUTS, local.tzinfo)
        begins = max(local, opens)
        if local.weekday() <= _FRIDAY and begins < shuts:
            if left <= shuts - begins:
                return (begins + left).astimezone(since.tzinfo)
            left -= shuts - begins
        local = datetime.combine(local.date() + timedelta(days=1), time.min, local.tzinfo)


@dataclass(frozen=True, slots=True)
class Promise:
    """How soon officers act: so many hours, of the working week in `zone` or, without one, of the calendar."""

    hours: int = 16
    zone: str | None = "America/New_York"

    @classmethod
    def of(cls, settings: Settings) -> "Promise":
        return cls(settings.review_hours, settings.review_zone or None)

    def from_(self, now: datetime) -> datetime:
        """When something that came in now is due."""
        return due_at(now, self.hours, self.zone)
