"""The calendar of auctions as an iCalendar feed (RFC 5545), for the calendar that people keep anyway. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from market.bidding.rules import Auction

_LINE_OCTETS = 75
_STATUS = {"scheduled": "TENTATIVE", "cancelled": "CANCELLED"}


def feed(auctions: Sequence[Auction], *, public_url: str, now: datetime) -> bytes:
    """One event per auction, from its opening to its present close. Lines end in CRLF and have at most 75 octets."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//debtmarket//auctions//EN", "NAME:Auctions"]
    for auction in auctions:
        lines += _event(auction, public_url, now)
    return "".join(f"{folded}\r\n" for text in [*lines, "END:VCALENDAR"] for folded in _fold(text)).encode()


def _event(auction: Auction, public_url: str, now: datetime) -> list[str]:
    address = f"{public_url}/auctions/{auction.auction_id}"
    about = f"{auction.format} auction, {auction.phase}; debtor states: {', '.join(auction.debtor_states) or 'none'}"
    return [
        "BEGIN:VEVENT",
        f"UID:{auction.auction_id}@debtmarket",
        f"DTSTAMP:{_instant(now)}",
        f"DTSTART:{_instant(auction.opens_at)}",
        f"DTEND:{_instant(auction.closes_at)}",
        f"SUMMARY:{_text(f'Auction ({auction.format}, {auction.currency})')}",
        f"DESCRIPTION:{_text(about)}",
        f"URL:{address}",
        f"STATUS:{_STATUS.get(auction.phase, 'CONFIRMED')}",
        f"SEQUENCE:{auction.seq}",
        "END:VEVENT",
    ]


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
