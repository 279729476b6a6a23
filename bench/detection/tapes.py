"""Labelled tapes for the detection benchmark: made by seed, in six languages, with the ways in which real ones go wrong.

A column's label is its class (I identifier, Q quasi-identifier, S sensitive, F free text, A analytic, O other) and kind of value.
The two halves share neither seeds nor a single header: `dev` may be looked at while `masking/detect.py` is improved,
`sealed` only when the final figure is taken.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from bench.detection.words import CITIES, GIVEN, HEADERS, NOTES, STREETS, SURNAMES

ROWS = 120
LANGUAGES = ("en", "de", "fr", "es", "pl", "it")


@dataclass(frozen=True)
class Label:
    """What a column really holds: class letter, kind of value, and how it was disguised ("" if not)."""

    cls: str
    kind: str
    disguise: str = ""


@dataclass(frozen=True)
class Tape:
    name: str
    table: pa.Table
    labels: dict[str, Label]
    headed: bool


Maker = Callable[[random.Random, str], str]


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _day(rng: random.Random, language: str, first: int, last: int) -> str:
    day = date(first, 1, 1) + timedelta(days=rng.randrange((last - first) * 365))
    return day.strftime({"en": "%m/%d/%Y", "de": "%d.%m.%Y", "pl": "%Y-%m-%d"}.get(language, "%d/%m/%Y"))


def _amount(rng: random.Random, language: str) -> str:
    text = f"{rng.lognormvariate(7, 1.1):.2f}"
    return text if language == "en" else text.replace(".", ",")


def _name(rng: random.Random, language: str) -> str:
    given, last = rng.choice(GIVEN[language]), rng.choice(SURNAMES[language])
    return rng.choice((f"{given} {last}", f"{last}, {given}"))


def _email(rng: random.Random, _language: str) -> str:
    name = f"{rng.choice(GIVEN['en'])}.{rng.choice(SURNAMES['en'])}{rng.randrange(99)}".lower()
    return f"{name}@example.{rng.choice(('org', 'com', 'net'))}"


def _phone(rng: random.Random, language: str) -> str:
    match language:
        case "en":
            return f"({rng.randrange(200, 990)}) 555-{_digits(rng, 4)}"
        case "de":
            return rng.choice(
                (f"0{rng.randrange(30, 999)} {_digits(rng, 7)}", f"+49 1{_digits(rng, 2)} {_digits(rng, 7)}")
            )
        case "fr":
            return f"0{rng.randrange(1, 8)} " + " ".join(_digits(rng, 2) for _ in range(4))
        case "es":
            return f"+34 6{_digits(rng, 2)} {_digits(rng, 3)} {_digits(rng, 3)}"
        case "pl":
            return f"+48 {_digits(rng, 3)} {_digits(rng, 3)} {_digits(rng, 3)}"
        case _:
            return f"+39 3{_digits(rng, 2)} {_digits(rng, 7)}"


def _iban(rng: random.Random, language: str) -> str:
    country, length = {"en": ("GB", 0), "de": ("DE", 18), "fr": ("FR", 23), "es": ("ES", 20)}.get(language, ("PL", 24))
    body = f"NWBK{_digits(rng, 14)}" if country == "GB" else _digits(rng, length)
    number = int("".join(str(int(char, 36)) for char in f"{body}{country}00"))
    return f"{country}{98 - number % 97:02}{body}"


def _national_id(rng: random.Random, language: str) -> str:
    match language:
        case "en":
            return f"{rng.randrange(100, 665):03}-{rng.randrange(1, 99):02}-{rng.randrange(1, 9999):04}"
        case "es":
            number = rng.randrange(10**7, 10**8)
            return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"
        case "pl":
            head = f"{rng.randrange(40, 99):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{_digits(rng, 4)}"
            total = sum(int(c) * w for c, w in zip(head, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
            return f"{head}{-total % 10}"
        case "fr":
            head = (
                f"{rng.choice('12')}{_digits(rng, 2)}{rng.randrange(1, 13):02}{rng.randrange(10, 95)}{_digits(rng, 6)}"
            )
            return f"{head}{97 - int(head) % 97:02}"
        case "de":
            return _german_tax_id(rng)
        case _:
            return _italian_code(rng)


def _german_tax_id(rng: random.Random) -> str:
    pool = list("0123456789")
    rng.shuffle(pool)
    head = [*pool[:9], pool[0]]
    rng.shuffle(head)
    if head[0] == "0":
        head[0], head[1] = head[1], head[0]
    product = 10
    for char in head:
        product = ((int(char) + product) % 10 or 10) * 2 % 11
    return "".join(head) + str((11 - product) % 10)


def _italian_code(rng: random.Random) -> str:
    letters = "".join(rng.choice("BCDFGLMNPRSTV") for _ in range(6))
    body = f"{letters}{rng.randrange(40, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randrange(1, 29):02}{rng.choice('ABCDFGHL')}{_digits(rng, 3)}"
    odd = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
    total = sum(odd[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for i, c in enumerate(body))
    return body + chr(65 + total % 26)


def _address(rng: random.Random, language: str) -> str:
    street = rng.choice(STREETS[language])
    return f"{rng.randrange(1, 400)} {street}" if language in {"en", "fr"} else f"{street} {rng.randrange(1, 200)}"


def _zip(rng: random.Random, language: str) -> str:
    return f"{_digits(rng, 2)}-{_digits(rng, 3)}" if language == "pl" else _digits(rng, 5)


STYLES = ("N{}", "{}", "{}-{}", "ACC{}", "XX{}ZZ")


def _numbers(rng: random.Random) -> Maker:
    style, width = rng.choice(STYLES), rng.randrange(7, 13)
    return lambda r, _: style.format(_digits(r, width), r.randrange(10, 99))


def _pick(*words: str) -> Maker:
    return lambda rng, _: rng.choice(words)


KINDS: dict[str, tuple[str, Callable[[random.Random], Maker]]] = {
    "account_number": ("I", _numbers),
    "client_id": ("I", _numbers),
    "debtor_name": ("I", lambda _: _name),
    "first_name": ("I", lambda _: lambda r, lang: r.choice(GIVEN[lang])),
    "last_name": ("I", lambda _: lambda r, lang: r.choice(SURNAMES[lang])),
    "national_id": ("I", lambda _: _national_id),
    "phone": ("I", lambda _: _phone),
    "email": ("I", lambda _: _email),
    "street_address": ("I", lambda _: _address),
    "bank_account": ("I", lambda _: _iban),
    "date_of_birth": ("Q", lambda _: lambda r, lang: _day(r, lang, 1945, 2001)),
    "city": ("Q", lambda _: lambda r, lang: r.choice(CITIES[lang])),
    "postal_code": ("Q", lambda _: _zip),
    "notes": ("F", lambda _: lambda r, lang: r.choice(NOTES[lang])),
    "original_creditor": ("A", lambda r: _pick(*(f"{w} Bank" for w in r.sample(CITIES["en"], 5)))),
    "debt_type": ("A", lambda _: _pick("Credit Card", "Auto", "Medical", "Telecom", "Personal")),
    "opened_on": ("A", lambda _: lambda r, lang: _day(r, lang, 2008, 2017)),
    "charged_off_on": ("A", lambda _: lambda r, lang: _day(r, lang, 2018, 2022)),
    "last_payment_on": ("A", lambda _: lambda r, lang: _day(r, lang, 2016, 2022)),
    "current_balance": ("A", lambda _: _amount),
    "charge_off_balance": ("A", lambda _: _amount),
    "interest": ("A", lambda _: _amount),
    "currency": ("A", lambda r: _pick(r.choice(("USD", "EUR", "PLN")))),
}


def _cells(kind: str, rng: random.Random, language: str) -> list[str]:
    make = KINDS[kind][1](rng)
    return [make(rng, language) for _ in range(ROWS)]


def _disguised(cells: list[str], kind: str, rng: random.Random, language: str) -> tuple[list[str], str]:
    """Sometimes: an identifier in 1 % of the cells of a clean column, or in most cells of a free text."""
    leak = rng.choice(("email", "national_id", "phone", "bank_account"))
    if kind == "notes" and rng.random() < 0.5:
        return [f"{cell} {_cells_one(leak, rng, language)}" for cell in cells], f"{leak} inside text"
    if kind in {"original_creditor", "debt_type"} and rng.random() < 0.25:
        places = set(rng.sample(range(ROWS), max(1, ROWS // 100)))
        return [_cells_one(leak, rng, language) if i in places else cell for i, cell in enumerate(cells)], f"1 % {leak}"
    return cells, ""


def _cells_one(kind: str, rng: random.Random, language: str) -> str:
    return KINDS[kind][1](rng)(rng, language)


def made(seed: int, half: str, mode: str) -> Tape:
    """One tape. `mode`: headed (true headers), missing (Column 1 …) or lying (two true headers stand over each other's column)."""
    rng = random.Random(f"{half}:{seed}")
    language = LANGUAGES[seed % len(LANGUAGES)]
    optional = [kind for kind in KINDS if kind not in {"account_number", "current_balance"}]
    kinds = ["account_number", "current_balance", *rng.sample(optional, rng.randrange(15, len(optional) + 1))]
    rng.shuffle(kinds)
    headers = {kind: rng.choice(HEADERS[half][language][kind]) for kind in kinds}
    if mode == "lying":
        honest = [kind for kind in kinds if kind in {"email", "phone", "national_id", "bank_account", "debtor_name"}]
        clean = [kind for kind in kinds if kind in {"opened_on", "charged_off_on", "interest", "charge_off_balance"}]
        for one, other in zip(honest[:2], clean[:2], strict=False):
            headers[one], headers[other] = headers[other], headers[one]
    columns: dict[str, list[str]] = {}
    labels: dict[str, Label] = {}
    for number, kind in enumerate(kinds, start=1):
        cells, disguise = _disguised(_cells(kind, rng, language), kind, rng, language)
        header = f"Column {number}" if mode == "missing" else headers[kind]
        header = header if header not in columns else f"{header} {number}"
        if mode == "lying" and headers[kind] not in HEADERS[half][language][kind]:
            disguise = disguise or "lying header"
        columns[header], labels[header] = cells, Label(KINDS[kind][0], kind, disguise)
    return Tape(f"{half}-{seed}-{language}-{mode}", pa.table(columns), labels, mode != "missing")


def half_of(half: str) -> list[Tape]:
    """36 tapes of one half: six per language, half of them headed, a third without headers, the rest lying."""
    modes = ("headed", "headed", "headed", "missing", "missing", "lying")
    return [made(seed, half, modes[seed // len(LANGUAGES)]) for seed in range(36)]
