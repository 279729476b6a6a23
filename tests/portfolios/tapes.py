"""Generated tapes: every person and number in them is invented."""

import csv
import io
from random import Random

HEADERS = (
    "Acct No", "First Name", "Last Name", "SSN", "DOB", "Home Ph", "Email", "Addr1", "City", "ST", "Zip",
    "Orig Creditor", "Debt Type", "Debtor Type", "Open Dt", "Chg Off Dt", "Curr Bal", "Memo",
)  # fmt: skip
STATES = {"CA": ("Fresno", "937"), "TX": ("Waco", "767"), "NY": ("Utica", "135"), "FL": ("Ocala", "344")}
FIRST = "Adelina Bertram Cosima Dietmar Eulalia Fridolin Gundula Hartwig Isolde Jeremias".split()
LAST = "Abendroth Birnbaum Czerwinski Dombrowski Eisenhauer Fleischmann Grünewald Habermann".split()


def rows(count: int, *, seed: int = 1) -> list[dict[str, str]]:
    """`count` good rows; account numbers are `seed` and the row's place."""
    return [_row(Random(f"{seed}/{place}"), f"{seed:04d}-{place:07d}") for place in range(count)]


def text(found: list[dict[str, str]], *, headers: tuple[str, ...] = HEADERS) -> bytes:
    """The rows as CSV in UTF-8."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, headers)
    writer.writeheader()
    writer.writerows(found)
    return sink.getvalue().encode()


def tape(count: int, *, seed: int = 1) -> bytes:
    return text(rows(count, seed=seed))


def identifiers(found: list[dict[str, str]]) -> set[str]:
    """Every original value that may not be in the clear anywhere but in the seller's file."""
    personal = ("Acct No", "First Name", "Last Name", "SSN", "Home Ph", "Email", "Addr1", "Memo")
    return {row[name] for row in found for name in personal if row[name]}


def face_value_cents(found: list[dict[str, str]]) -> int:
    return sum(round(float(row["Curr Bal"]) * 100) for row in found)


def _row(draw: Random, account: str) -> dict[str, str]:
    state = draw.choice(sorted(STATES))
    city, zip3 = STATES[state]
    first, last = draw.choice(FIRST), draw.choice(LAST)
    year = draw.randint(2018, 2023)
    return {
        "Acct No": account,
        "First Name": first,
        "Last Name": last,
        "SSN": f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}",
        "DOB": f"{draw.randint(1, 12):02d}/{draw.randint(13, 28)}/{draw.randint(1940, 2000)}",
        "Home Ph": f"({draw.randint(200, 989)}) {draw.randint(200, 999)}-{draw.randint(1000, 9999)}",
        "Email": f"{first}.{last}.{account}@mail.example".lower(),
        "Addr1": f"{draw.randint(100, 9999)} Quittenbaum Street",
        "City": city,
        "ST": state,
        "Zip": f"{zip3}{draw.randint(10, 99)}",
        "Orig Creditor": draw.choice(["First Meadow Bank", "Lakeside Credit"]),
        "Debt Type": draw.choice(["CREDIT CARD", "AUTO"]),
        "Debtor Type": draw.choice(["CONSUMER", "BUSINESS"]),
        "Open Dt": f"{draw.randint(1, 12):02d}/{draw.randint(13, 28)}/{year - 2}",
        "Chg Off Dt": f"{draw.randint(1, 12):02d}/{draw.randint(13, 28)}/{year}",
        "Curr Bal": f"{draw.randint(100, 9000)}.{draw.randint(0, 99):02d}",
        "Memo": f"called {first}, no answer" if draw.random() < 0.3 else "",
    }
