"""Harder tapes: other countries, headers in their languages or in none, odd spellings, analytic columns that no catalogue knows.

Sizes run from 40 to 1,500 rows; cells are missing, names are in capitals, numbers unseparated, customers recur.
"""

import random
from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa

from bench.detection.locales import Locale, digits, fill
from bench.detection.tapes import Label, Tape

ANALYTIC = {
    "term_months": ["Term", "Loan Term Mths", "Tenor"],
    "rate": ["APR", "Interest Rate %", "Rate Pct"],
    "score": ["Score", "Risk Score", "FICO at Origination"],
    "days_past_due": ["DPD", "Days Past Due", "Ageing Days"],
    "naics": ["NAICS", "Industry Code", "SIC Code"],
    "status": ["Status", "Acct Status", "Collection Stage"],
    "payments": ["Pmt Count", "No of Payments", "Instalments Paid"],
    "year": ["Vintage", "Origination Year", "Charge-off Year"],
    "flag": ["Secured Y/N", "Promise to Pay", "Email Opt In"],
    "code": ["Product Code", "Branch Code", "Reason Cd"],
    "whole_amount": ["Original Principal", "Credit Line", "High Credit"],
    "ratio": ["LTV", "DTI Ratio", "Utilization"],
    "creditors": ["Originator", "Seller", "Original Creditor Name"],
    "debtor_type": ["Debtor Type", "Customer Segment", "Client Category"],
}
BANKS = [f"{place} {kind}" for place in ("First National", "Riverside", "Summit", "Union", "Coastal", "Heritage", "Prairie", "Lakeside") for kind in ("Bank", "Credit Union", "Financial Services", "Capital LLC", "Savings & Loan")]  # fmt: skip
STATUS = ["Open", "In litigation", "Payment plan", "Dormant", "Judgment obtained", "Cease contact"]


def _analytic(kind: str, rng: random.Random, count: int) -> list[str]:
    match kind:
        case "term_months":
            return [str(rng.choice((12, 24, 36, 48, 60, 72, 84, rng.randrange(6, 120)))) for _ in range(count)]
        case "rate":
            return [f"{rng.uniform(2, 30):.2f}" + ("%" if rng.random() < 0 else "") for _ in range(count)]
        case "score":
            return [str(rng.randrange(300, 851)) for _ in range(count)]
        case "days_past_due":
            return [str(int(rng.expovariate(1 / 400))) for _ in range(count)]
        case "naics":
            codes = [str(rng.randrange(111110, 928120)) for _ in range(count // 3 + 2)]
            return [rng.choice(codes) for _ in range(count)]
        case "status":
            return [rng.choice(STATUS) for _ in range(count)]
        case "payments":
            return [str(rng.randrange(0, 60)) for _ in range(count)]
        case "year":
            return [str(rng.randrange(2009, 2024)) for _ in range(count)]
        case "flag":
            return [rng.choice(("Y", "N", "N")) for _ in range(count)]
        case "code":
            codes = [fill(rng, rng.choice(("@@#", "@##", "##@@"))) for _ in range(12)]
            return [rng.choice(codes) for _ in range(count)]
        case "whole_amount":
            return [str(int(rng.lognormvariate(9, 1.2)) // 50 * 50 + 50) for _ in range(count)]
        case "ratio":
            return [f"{rng.random():.4f}" for _ in range(count)]
        case "creditors":
            banks = rng.sample(BANKS, 14)
            return [rng.choice(banks) for _ in range(count)]
        case _:
            return [rng.choice(("Individual", "Sole trader", "Limited company", "Partnership")) for _ in range(count)]


def _day(rng: random.Random, form: str, first: int, last: int) -> str:
    return (date(first, 1, 1) + timedelta(days=rng.randrange((last - first) * 365))).strftime(form)


def _personal(kind: str, rng: random.Random, at: Locale, count: int) -> list[str]:
    case = rng.choice((str, str, str.upper))
    amount = rng.choice(("{:.2f}", "{:,.2f}")) if not at.comma else "{:.2f}"
    phone, full = (
        rng.choice(at.phones),
        rng.choice(("{g} {f}", "{f}, {g}", "{f} {g}" if at.family_first else "{g} {f}")),
    )
    style = rng.choice(("########", "@@-######", "L##########", "############", "{n}"))
    start = rng.randrange(1_000, 90_000)
    banks = rng.sample(BANKS, 6)

    def one(number: int) -> str:
        match kind:
            case "account_number" | "client_id":
                return str(start + number) if style == "{n}" else fill(rng, style)
            case "first_name":
                return case(rng.choice(at.given))
            case "last_name":
                return case(rng.choice(at.family))
            case "debtor_name":
                return case(full.format(g=rng.choice(at.given), f=rng.choice(at.family)))
            case "national_id":
                return at.national(rng)
            case "phone":
                return fill(rng, phone)
            case "email":
                return f"{rng.choice(('a', 'info', 'k'))}.{digits(rng, 4)}@{rng.choice(('example.org', 'example.com', 'mail.example.net'))}"
            case "street_address":
                street, house = rng.choice(at.streets), rng.randrange(1, 240)
                return case(f"{house} {street}" if at.house_first else f"{street} {house}")
            case "bank_account":
                return _iban(rng, at.iban)
            case "city":
                return case(rng.choice(at.cities))
            case "postal_code":
                return fill(rng, at.postal)
            case "date_of_birth":
                return _day(rng, at.day, 1944, 2002)
            case "opened_on":
                return _day(rng, at.day, 2006, 2018)
            case "charged_off_on" | "last_payment_on":
                return _day(rng, at.day, 2016, 2024)
            case "notes":
                return rng.choice(("no answer at the door", "asked for two more weeks", "letter returned by post", "wants to see the contract", "spoke to the partner at home", "will pay after the tenth"))  # fmt: skip
            case "original_creditor":
                return rng.choice(banks)
            case "debt_type":
                return rng.choice(("Credit Card", "Auto", "Personal Loan", "Overdraft", "Telecom"))
            case _:
                text = amount.format(rng.lognormvariate(7, 1.2))
                return text.replace(".", ",") if at.comma else text

    return [one(number) for number in range(count)]


def _iban(rng: random.Random, form: str) -> str:
    body = fill(rng, form)[4:]
    number = int("".join(str(int(char, 36)) for char in f"{body}{form[:2]}00"))
    return f"{form[:2]}{98 - number % 97:02}{body}"


CLASS = {
    **dict.fromkeys(("account_number", "client_id", "first_name", "last_name", "debtor_name", "national_id", "phone", "email", "street_address", "bank_account"), "I"),
    **dict.fromkeys(("city", "postal_code", "date_of_birth"), "Q"),
    "notes": "F",
}  # fmt: skip
LEAKS = ("email", "national_id", "phone", "debtor_name")
MODES = ("headed", "headed", "missing", "headed", "missing", "lying")


def made(half: str, name: str, at: Locale, seed: int) -> Tape:
    """One tape of one country."""
    rng = random.Random(f"world:{half}:{name}:{seed}")
    mode, count = MODES[seed % len(MODES)], rng.choice((40, 90, 250, 700, 1_500))
    kinds = ["account_number", "current_balance", *rng.sample([k for k in at.headers if k not in {"account_number", "current_balance"}], 14)]  # fmt: skip
    extras = rng.sample(list(ANALYTIC), 6)
    order = [*kinds, *extras]
    rng.shuffle(order)
    headers = {kind: rng.choice(at.headers[kind] if kind in at.headers else ANALYTIC[kind]) for kind in order}
    if mode == "lying":
        swapped = [k for k in kinds if k in {"email", "phone", "national_id", "bank_account"}][:2]
        for one, other in zip(
            swapped, [k for k in kinds if k in {"opened_on", "charged_off_on", "interest"}], strict=False
        ):
            headers[one], headers[other] = headers[other], headers[one]
    columns: dict[str, list[str]] = {}
    labels: dict[str, Label] = {}
    for number, kind in enumerate(order, start=1):
        true = at.headers.get(kind) or ANALYTIC[kind]
        cells = _personal(kind, rng, at, count) if kind in at.headers else _analytic(kind, rng, count)
        cells, disguise = _disguised(cells, kind, rng, at)
        if headers[kind] not in true and mode == "lying":
            disguise = disguise or "lying header"
        header = f"Column {number}" if mode == "missing" else headers[kind]
        header = header if header not in columns else f"{header} {number}"
        if rng.random() < 0.3 and kind not in {"account_number", "current_balance"}:
            cells = ["" if rng.random() < 0.3 else cell for cell in cells]
        columns[header], labels[header] = cells, Label(CLASS.get(kind, "A"), kind, disguise)
    return Tape(f"{half}-{name}-{seed}-{mode}", pa.table(columns), labels, mode != "missing")


def _disguised(cells: list[str], kind: str, rng: random.Random, at: Locale) -> tuple[list[str], str]:
    leak = rng.choice(LEAKS)
    if kind == "notes" and rng.random() < 0.5:
        return [
            f"{cell}, {each}" for cell, each in zip(cells, _personal(leak, rng, at, len(cells)), strict=True)
        ], f"{leak} inside text"
    if kind in {"original_creditor", "debt_type", "status", "creditors", "debtor_type"} and rng.random() < 0.25:
        places = rng.sample(range(len(cells)), max(1, len(cells) // 100))
        for place, value in zip(places, _personal(leak, rng, at, len(places)), strict=True):
            cells[place] = value
        return cells, f"1 % {leak}"
    return cells, ""


def tapes_of(half: str, places: Mapping[str, Locale], *, each: int = 6) -> list[Tape]:
    """`each` tapes per country."""
    return [made(half, name, at, seed) for name, at in places.items() for seed in range(each)]
