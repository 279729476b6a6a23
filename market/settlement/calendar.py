"""Business days: when a deadline of «T + 2» ends. A day that banks do not settle on is none."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SATURDAY = 5
_STATEMENT_BUSINESS_DAYS = 1


def deadline(start_at: datetime, business_days: int, currency: str) -> datetime:
    """The first instant after the `business_days`-th business day that follows `start_at`, in UTC.

    Days are those of the currency's settlement system: Fedwire and New York for USD, TARGET and Frankfurt for EUR;
    elsewhere every Monday to Friday in UTC. `start_at` is aware.
    """
    zone = _zone(currency)
    day = start_at.astimezone(zone).date()
    for _ in range(business_days):
        day = next_business_day(day, currency)
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def statement_due_at(end_at: datetime, currency: str) -> datetime:
    """When the bank's statement of the day that ends at `end_at` (a deadline: the midnight after its day) is to be here."""
    return deadline(end_at - timedelta(microseconds=1), _STATEMENT_BUSINESS_DAYS, currency)


def next_business_day(day: date, currency: str) -> date:
    """The first business day after `day`."""
    day += timedelta(days=1)
    while not is_business_day(day, currency):
        day += timedelta(days=1)
    return day


def is_business_day(day: date, currency: str) -> bool:
    """Whether payments in `currency` settle on that day."""
    if day.weekday() >= _SATURDAY:
        return False
    match currency:
        case "USD":
            return day not in us_holidays(day.year)
        case "EUR":
            return day not in target_holidays(day.year)
        case _:
            return True


def us_holidays(year: int) -> frozenset[date]:
    """Days on which Fedwire is closed: the legal holidays of 5 U.S.C. § 6103(a), as of 2021-06-17 (Juneteenth added).

    A holiday on a Sunday is kept on the Monday after it; one on a Saturday is not moved (Federal Reserve Banks,
    holiday schedule for the Fedwire services).
    """
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    kept = {day + timedelta(days=1) if day.weekday() == 6 else day for day in fixed}
    moving = {
        _nth_weekday(year, 1, 0, 3),
        _nth_weekday(year, 2, 0, 3),
        _nth_weekday(year, 6, 0, 1) - timedelta(days=7),  # the last Monday of May
        _nth_weekday(year, 9, 0, 1),
        _nth_weekday(year, 10, 0, 2),
        _nth_weekday(year, 11, 3, 4),
    }
    return frozenset(kept | moving)


def target_holidays(year: int) -> frozenset[date]:
    """Days on which TARGET is closed besides weekends: the ECB's long-term calendar, since 2002 (ECB, 2000-12-14)."""
    sunday = _easter(year)
    return frozenset(
        {
            date(year, 1, 1),
            sunday - timedelta(days=2),
            sunday + timedelta(days=1),
            date(year, 5, 1),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


def _zone(currency: str) -> ZoneInfo:
    return ZoneInfo({"USD": "America/New_York", "EUR": "Europe/Berlin"}.get(currency, "UTC"))


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, 1991, ch. 8)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    correction = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + correction + 15) % 30
    to_sunday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
