"""The demo's own tape: 1,500 invented accounts as a US seller would export them, flaws included.

Nobody in it exists: names are words, e-mail addresses end in example.com (RFC 2606 § 3), telephones are 555-01xx (reserved
for fiction by the North American Numbering Plan), and tax numbers start with 9 and have a group below 50, which is
neither an SSN (SSA, areas 900-999 are not assigned) nor an ITIN (groups from 50 on).
"""

import csv
import io
import random  # noqa: TID251 - a seeded generator: the same tape for the same seed, nothing secret
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

SEED = 20_261_122
ACCOUNT_COUNT = 1_500

HEADERS = (
    "Acct No", "Customer", "Ref 1", "Orig Creditor", "Prod", "Acct Type", "Debtor Type", "FName", "LName", "Company",
    "SSN/TIN", "DOB", "Addr1", "City", "ST", "Zip", "Home Ph", "Email", "Open Dt", "DOFD", "Chg Off Dt", "LPD", "LPA",
    "CO Bal", "Due", "Int Bal", "Currency", "BK", "Score Band", "Notes",
)  # fmt: skip

CORRECTIONS: dict[str, str | None] = {"Customer": "client_id", "Due": "current_balance", "Ref 1": "invoice_number"}
"""What the seller knows about its own headers: `Customer` holds numbers, not names; `Due` holds what is due, not when."""

_FIRST = "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo".split()
_LAST = "Sampleton Mockford Testerby Specimen Placeholder Fictional Exampleton Dummyworth Inventado Lorem Ipsum Dolor".split()
_TRADES = "Plumbing Catering Printing Roofing Logistics Landscaping Tailoring Bakery Signage Carpentry".split()
_PLACES = (
    ("CA", "Sampleville", "900", 24), ("TX", "Mock Springs", "750", 20), ("FL", "Port Example", "331", 16),
    ("NY", "Testerbury", "112", 12), ("IL", "Placeholder", "606", 9), ("OH", "Fiction Falls", "432", 8),
    ("GA", "Specimen City", "303", 6), ("AZ", "Dummy Wells", "850", 5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Line:
    """A kind of business that the seller does: debt type, creditor, products, whether it is business debt, balances."""

    debt_type: str
    creditor: str
    products: tuple[str, ...]
    business: bool
    typical: int
    weight: int


_LINES = (
    _Line("TRADE INVOICE", "FICTIONAL SUPPLY CO", ("NET 30", "NET 60"), business=True, typical=6_500, weight=26),
    _Line("EQUIPMENT LEASE", "SPECIMEN LEASING LLC", ("LEASE",), business=True, typical=14_000, weight=6),
    _Line("CREDIT CARD", "EXAMPLE BANK NA", ("GOLD CARD", "STORE CARD"), business=False, typical=2_900, weight=34),
    _Line("MEDICAL", "SAMPLE HOSPITAL GROUP", ("INPATIENT", "OUTPATIENT"), business=False, typical=1_400, weight=20),
    _Line("TELECOM", "PLACEHOLDER WIRELESS", ("POSTPAID",), business=False, typical=420, weight=14),
)


@dataclass(frozen=True, slots=True)
class GeneratedTape:
    """The file, and what a careful reader must find in it: refused rows (the header is row 1) with a word of the reason,
    the accounts and the face value (cents) that remain, and one account number that must never be seen in clear.
    """

    content: bytes
    refused: dict[int, str]
    account_count: int
    face_value_cents: int
    known_value: str


def generate(cut_off_on: date, *, count: int = ACCOUNT_COUNT, seed: int = SEED) -> GeneratedTape:
    """`count` rows as CSV (UTF-8); the same for the same arguments. At least 100 rows, as six of them are flawed."""
    if count < 100:
        raise ValueError("a generated tape has at least 100 rows")
    draw = random.Random(seed)  # noqa: S311 - see the import
    rows = [_account(draw, number, cut_off_on) for number in range(1, count + 1)]
    refused = {}
    for place, (spoil, reason) in zip(range(count // 10, count, count // 7), _FLAWS, strict=False):
        spoil(rows[place], rows[place - 1], cut_off_on)
        refused[place + 2] = reason
    good = [row for number, row in enumerate(rows, start=2) if number not in refused]
    face_cents = sum(int(row["Due"].replace(",", "").replace(".", "")) for row in good)
    return GeneratedTape(_csv(rows), refused, len(good), face_cents, good[0]["Acct No"])


def _csv(rows: list[dict[str, str]]) -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, HEADERS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def _account(draw: random.Random, number: int, cut_off_on: date) -> dict[str, str]:
    line = draw.choices(_LINES, [each.weight for each in _LINES])[0]
    state, city, zip3, _ = draw.choices(_PLACES, [place[3] for place in _PLACES])[0]
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    charged_off = cut_off_on - timedelta(days=draw.randrange(40, 1_500))
    delinquent = charged_off - timedelta(days=180)
    paid = delinquent - timedelta(days=draw.randrange(5, 60)) if draw.random() < 0.6 else None
    balance = max(2_500, int(draw.lognormvariate(0, 0.8) * line.typical * 100))
    interest = balance * draw.randrange(0, 12) // 100
    return {
        "Acct No": f"{draw.randrange(10**4):04d}-{number:06d}",
        "Customer": f"C{draw.randrange(10**7):07d}",
        "Ref 1": f"INV-{charged_off:%y}-{number:05d}" if line.business else "",
        "Orig Creditor": line.creditor,
        "Prod": draw.choice(line.products),
        "Acct Type": line.debt_type,
        "Debtor Type": "BUSINESS" if line.business else "CONSUMER",
        "FName": first,
        "LName": last,
        "Company": f"{last} {draw.choice(_TRADES)} LLC" if line.business else "",
        "SSN/TIN": f"9{draw.randrange(100):02d}-{draw.randrange(1, 50):02d}-{draw.randrange(1, 10_000):04d}",
        "DOB": "" if line.business else _us(date(1945, 1, 1) + timedelta(days=draw.randrange(21_000))),
        "Addr1": f"{draw.randrange(1, 9_000)} Example St",
        "City": city,
        "ST": state,
        "Zip": f"{zip3}{draw.randrange(1, 40):02d}",
        "Home Ph": f"({draw.choice(('212', '310', '415', '512', '786'))}) 555-01{draw.randrange(100):02d}",
        "Email": f"{first}.{last}.{number}@example.com".lower() if draw.random() < 0.7 else "",
        "Open Dt": _us(delinquent - timedelta(days=draw.randrange(200, 2_000))),
        "DOFD": _us(delinquent),
        "Chg Off Dt": _us(charged_off),
        "LPD": _us(paid) if paid else "",
        "LPA": _money(draw.randrange(1_000, 20_000)) if paid else "",
        "CO Bal": _money(balance - interest),
        "Due": _money(balance),
        "Int Bal": _money(interest),
        "Currency": "USD",
        "BK": "Y" if draw.random() < 0.02 else "N",
        "Score Band": draw.choice("ABCDE"),
        "Notes": draw.choice(("", "", "promised to pay", "=left a message twice", "+ moved, no new address")),
    }


Spoil = Callable[[dict[str, str], dict[str, str], date], None]


def _negative(row: dict[str, str], _before: dict[str, str], _cut_off_on: date) -> None:
    row["Due"] = "-" + row["Due"]


def _nameless(row: dict[str, str], _before: dict[str, str], _cut_off_on: date) -> None:
    row["Acct No"] = " "


def _repeated(row: dict[str, str], before: dict[str, str], _cut_off_on: date) -> None:
    row["Acct No"] = before["Acct No"]


def _no_such_day(row: dict[str, str], _before: dict[str, str], _cut_off_on: date) -> None:
    row["Chg Off Dt"] = "02/30/2024"


def _not_yet(row: dict[str, str], _before: dict[str, str], cut_off_on: date) -> None:
    row["Chg Off Dt"] = _us(cut_off_on + timedelta(days=20))


def _unreadable(row: dict[str, str], _before: dict[str, str], _cut_off_on: date) -> None:
    row["Due"] = "see file"


_FLAWS: tuple[tuple[Spoil, str], ...] = (
    (_negative, "negative"),
    (_nameless, "missing"),
    (_repeated, "occurs before"),
    (_no_such_day, "cannot be read"),
    (_not_yet, "after the cut-off"),
    (_unreadable, "cannot be read"),
)


def _us(day: date) -> str:
    return f"{day:%m/%d/%Y}"


def _money(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"
