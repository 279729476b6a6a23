"""The calendar of auctions as an iCalendar feed (RFC 5545), for the calendar that people keep anyway. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from market.bidding.rules import Auction
from market.kit.money import show
from market.portfolios.rules import Pool

_LINE_OCTETS = 75
_STATUS = {"scheduled": "TENTATIVE", "cancelled": "CANCELLED"}


def feed(auctions: Sequence[Auction], pools: Mapping[UUID, Pool], *, public_url: str, now: datetime) -> bytes:
    """One event per auction, from its opening to its present close, named after its pool if that is among `pools`. Lines end in CRLF and have at most 75 octets."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//debtmarket//auctions//EN", "NAME:Auctions"]
    for auction in auctions:
        lines += _event(auction, pools.get(auction.pool_id), public_url, now)
    return "".join(f"{folded}\r\n" for text in [*lines, "END:VCALENDAR"] for folded in _fold(text)).encode()


def _event(auction: Auction, pool: Pool | None, public_url: str, now: datetime) -> list[str]:
    address = f"{public_url}/v1/auctions/{auction.auction_id}"
    about = f"{auction.format} auction, {auction.phase}; debtor states: {', '.join(auction.debtor_states) or 'none'}"
    return [
        "BEGIN:VEVENT",
        f"UID:{auction.auction_id}@debtmarket",
        f"DTSTAMP:{_instant(now)}",
        f"DTSTART:{_instant(auction.opens_at)}",
        f"DTEND:{_instant(auction.closes_at)}",
        f"SUMMARY:{_text(_summary(auction, pool))}",
        f"DESCRIPTION:{_text(about)}",
        f"URL:{address}",
        f"STATUS:{_STATUS.get(auction.phase, 'CONFIRMED')}",
        f"SEQUENCE:{auction.seq}",
        "END:VEVENT",
    ]


def _summary(auction: Auction, pool: Pool | None) -> str:
    if pool is None or pool.account_count is None or pool.face_value_cents is None:
        return f"Auction ({auction.format}, {auction.currency})"
    value = show(pool.face_value_cents, auction.currency)
    return f"Auction: {pool.name}, {pool.account_count:,} accounts, face value {value} ({auction.format})"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """RFC 5545, section 3.3.11."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return value


def _fold(line: str) -> Iterator[str]:
    """RFC 5545, section 3.1: a longer line goes on in the next one, after a space."""
    rest, room = line.encode(), _LINE_OCTETS
    prefix = ""
    while len(rest) > room:
        cut = room
        while rest[cut] & 0xC0 == 0x80:  # not inside a character
            cut -= 1
        yield prefix + rest[:cut].decode()
        rest, prefix, room = rest[cut:], " ", _LINE_OCTETS - 1
    yield prefix + rest.decode()
