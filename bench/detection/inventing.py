"""Tapes of many languages, invented by Faker once and kept as files: `python -m bench.detection.inventing dev|sealed`.

A language belongs to one half altogether, drawn by the hash of its name, so that no name, street or way of writing telephones
of the sealed half was ever looked at. Faker (MIT) has other authors than detection; it is asked for here only, and the files
that it made are what the benchmark reads.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import random
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.detection.invented import HERE
from bench.detection.titles import ENGLISH, HEADERS
from bench.detection.world import fill

LOCALES = (
    "ar_DZ az_AZ bn_BD cs_CZ da_DK de_AT de_CH de_DE el_GR en_GB en_IE en_IN en_NZ en_US es_AR es_CL es_CO es_ES es_MX fa_IR fi_FI "
    "fr_CH fr_DZ fr_FR he_IL hi_IN hr_HR hu_HU hy_AM id_ID it_IT ja_JP ka_GE ko_KR mk_MK mr_IN ne_NP nl_BE nl_NL no_NO pl_PL pt_BR "
    "pt_PT ro_RO ru_RU sk_SK sl_SI sv_SE ta_IN th_TH uk_UA vi_VN zh_CN zh_TW"
).split()
"""Those of which Faker has both names and addresses of their own."""

PROVIDERS = {"national_id": "ssn", "phone": "phone_number", "company_name": "company", "employer": "company"}
"""What a locale must have of its own, or the kind is left out: Faker would answer in English."""

CLASSES = {
    **dict.fromkeys(
        "account_number client_id debtor_name last_and_first first_name last_name company_name national_id phone email "
        "street_address full_address bank_account passport plate".split(),
        "I",
    ),
    **dict.fromkeys("date_of_birth city postal_code employer".split(), "Q"),
    "notes": "F",
}
ANALYTIC = (
    "opened_on charged_off_on last_payment_on current_balance charge_off_balance interest original_creditor debt_type purpose "
    "whole_amount signed_amount currency term rate score days_past_due bucket vintage flag status ratio rating margin payments age_band "
    "sector channel probability written_term updated_at payment_history"
).split()
LEAKS = ("email", "national_id", "phone", "debtor_name")
TAPES = {"dev": 2, "sealed": 4}
"""Tapes of each locale."""

FEW_NAMES = 12
"""Columns of somebody's data with fewer different values in a tape of 30 rows are left out: Faker knows too few there."""


def half_of(locale: str) -> str:
    digest = hashlib.sha256(f"detection-2026:{locale.split('_', maxsplit=1)[0]}".encode()).digest()
    return "sealed" if digest[0] % 2 else "dev"


class Inventor:
    """Columns of one tape of one locale."""

    def __init__(self, locale: str, seed: str) -> None:
        self.rng = random.Random(seed)
        self.locale = locale
        self.faker: Any = import_module("faker").Faker(locale)
        self.faker.seed_instance(self.rng.randrange(10**9))
        self.day = self.rng.choice(("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y%m%d"))
        self.mark = self.rng.choice(".,")

    def knows(self, kind: str) -> bool:
        provider = PROVIDERS.get(kind)
        if provider is None:
            return True
        found = import_module("faker.config").find_available_locales([f"faker.providers.{provider}"])
        return self.locale in found

    def cells(self, kind: str, count: int) -> list[str]:
        case = self.rng.choice((str, str, str.upper))
        style = self.rng.choice(
            ("########", "@@-######", "############", "####-####-##", "@#######", "#######", "##/####/###")
        )
        words = self._pool(kind)
        return [self._one(kind, case, style, words) for _ in range(count)]

    def _pool(self, kind: str) -> list[str]:
        match kind:
            case "original_creditor":
                kinds = ("Bank", "Credit Union", "Finance", "Capital", "Savings", "Leasing")
                return [f"{self.faker.last_name()} {self.rng.choice(kinds)}" for _ in range(6)]
            case "debt_type" | "purpose":
                return list(dict.fromkeys(word.capitalize() for word in self.faker.words(8)))
            case _:
                return POOLS.get(kind, [])

    def _one(self, kind: str, case: Any, style: str, words: list[str]) -> str:
        faker, rng = self.faker, self.rng
        match kind:
            case "account_number" | "client_id":
                return fill(rng, style)
            case (
                "debtor_name"
                | "first_name"
                | "last_name"
                | "street_address"
                | "full_address"
                | "company_name"
                | "employer"
            ):
                asked = {
                    "debtor_name": "name",
                    "full_address": "address",
                    "company_name": "company",
                    "employer": "company",
                }
                said = getattr(faker, asked.get(kind, kind))()
                return str(case(" ".join(said.replace("\n", ", ").split())))
            case "last_and_first":
                return str(case(f"{faker.last_name()}, {faker.first_name()}"))
            case "national_id" | "phone" | "email" | "bank_account" | "passport" | "plate" | "postal_code" | "city":
                return str(getattr(faker, ASKED.get(kind, kind))())
            case "notes":
                return str(faker.sentence(nb_words=8))
            case "date_of_birth":
                return self._date(1944, 2003)
            case "opened_on":
                return self._date(2006, 2018)
            case "charged_off_on" | "last_payment_on":
                return self._date(2016, 2024)
            case _ if words:
                return rng.choice(words)
            case _:
                return self._figure(kind)

    def _date(self, first: int, last: int) -> str:
        return (date(first, 1, 1) + timedelta(days=self.rng.randrange((last - first) * 365))).strftime(self.day)

    def _figure(self, kind: str) -> str:
        rng = self.rng
        match kind:
            case "whole_amount":
                return str(int(rng.lognormvariate(9, 1.1)))
            case "signed_amount":
                return f"{rng.lognormvariate(6, 1) * rng.choice((1, 1, -1)):,.2f}"
            case "rate" | "margin":
                return f"{rng.uniform(0.5, 24):.2f}{'%' if kind == 'margin' else ''}"
            case "term" | "payments":
                return str(rng.randrange(3, 121))
            case "score":
                return str(rng.randrange(300, 900))
            case "days_past_due":
                return str(int(rng.expovariate(1 / 300)))
            case "vintage":
                return f"{rng.randrange(2008, 2024)}-{rng.randrange(1, 13):02}"
            case "ratio" | "probability":
                return f"{rng.random():.{4 if kind == 'ratio' else 6}f}"
            case "written_term":
                return f"{rng.randrange(1, 30)}y {rng.randrange(12)}m"
            case "updated_at":
                return f"{rng.randrange(2019, 2025)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"
            case "payment_history":
                return "".join(rng.choice("CCCCC0123456") for _ in range(12))
            case _:
                text = f"{rng.lognormvariate(7, 1.2):.2f}"
                return text if self.mark == "." else text.replace(".", ",")


ASKED = {"phone": "phone_number", "national_id": "ssn", "email": "safe_email", "bank_account": "iban", "passport": "passport_number", "plate": "license_plate", "postal_code": "postcode"}  # fmt: skip
POOLS = {
    "currency": ["EUR", "USD", "CHF"],
    "bucket": ["Current", "1-30", "31-60", "61-90", "91-180", ">180"],
    "flag": ["Y", "N", "N"],
    "status": ["Open", "In arrears", "Legal", "Settled", "Written off", "Promise to pay"],
    "rating": ["A+", "A", "A-", "B+", "B", "C", "D"],
    "age_band": ["18-25", "26-35", "36-45", "46-55", "56-65", "65+"],
    "sector": ["Retail trade", "Construction", "Hospitality", "Transport", "Agriculture", "Manufacturing"],
    "channel": ["Branch", "Online", "Broker", "Dealer"],
}


def invented(half: str, locale: str, number: int) -> tuple[list[str], list[list[str]], dict[str, Any]] | None:
    """(headers, columns, labels) of one tape: even numbers without headers, odd ones with; every fourth lies."""
    work = Inventor(locale, f"invented:{half}:{locale}:{number}")
    rng, count = work.rng, work.rng.choice((30, 50, 80, 140))
    mode = ("missing", "headed", "missing", "lying")[number]
    kinds = [kind for kind in CLASSES if work.knows(kind)]
    persons = [kind for kind in kinds if CLASSES[kind] == "I"]
    others = [kind for kind in kinds if CLASSES[kind] != "I"]
    order = [*rng.sample(persons, min(9, len(persons))), *rng.sample(others, 3), *rng.sample(ANALYTIC, 8)]
    rng.shuffle(order)
    made = {kind: work.cells(kind, count) for kind in order}
    order = [kind for kind in order if CLASSES.get(kind) != "I" or len(set(made[kind])) >= FEW_NAMES]
    native = HEADERS.get(locale.split("_", maxsplit=1)[0], {})
    english = {kind: titles[1:2] if half == "dev" else titles[::2] for kind, titles in ENGLISH.items()}
    true = {kind: rng.choice(native.get(kind) or english[kind]) for kind in order}
    headers = dict(true)
    if mode == "lying":
        clean = [kind for kind in order if kind in {"opened_on", "charged_off_on", "interest", "current_balance"}]
        private = [kind for kind in order if kind in {"email", "phone", "national_id", "bank_account", "debtor_name"}]
        for one, other in zip(private[:2], clean[:2], strict=False):
            headers[one], headers[other] = headers[other], headers[one]
    names: list[str] = []
    columns: list[list[str]] = []
    labels: dict[str, list[str]] = {}
    for place, kind in enumerate(order, start=1):
        cells, disguise = _disguised(work, kind, made[kind])
        disguise = disguise or ("lying header" if headers[kind] != true[kind] else "")
        name = f"Column {place}" if mode == "missing" else headers[kind]
        name = name if name not in labels else f"{name} {place}"
        if rng.random() < 0.3:
            cells = ["" if rng.random() < 0.3 else cell for cell in cells]
        names.append(name)
        columns.append(cells)
        labels[name] = [CLASSES.get(kind, "A"), kind, disguise]
    return names, columns, {"headed": mode != "missing", "columns": labels}


def _disguised(work: Inventor, kind: str, cells: list[str]) -> tuple[list[str], str]:
    leak = work.rng.choice([kind for kind in LEAKS if work.knows(kind)])
    if kind == "notes" and work.rng.random() < 0.5:
        return [
            f"{cell} {each}" for cell, each in zip(cells, work.cells(leak, len(cells)), strict=True)
        ], f"{leak} inside text"
    if kind in {"original_creditor", "status", "sector"} and work.rng.random() < 0.25:
        places = work.rng.sample(range(len(cells)), max(1, len(cells) // 100))
        for place, value in zip(places, work.cells(leak, len(places)), strict=True):
            cells[place] = value
        return cells, f"1 % {leak}"
    return cells, ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=["dev", "sealed"])
    half = parser.parse_args().half
    labels: dict[str, Any] = {}
    (HERE / half).mkdir(parents=True, exist_ok=True)
    for locale in LOCALES:
        for number in range(TAPES[half]) if half_of(locale) == half else ():
            names, columns, label = invented(half, locale, number)
            labels[f"{locale}-{number}"] = label
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([names, *zip(*columns, strict=True)])
            _keep(HERE / half / f"{locale}-{number}.csv.gz", text.getvalue())
    _keep(HERE / half / "labels.json.gz", json.dumps(labels, ensure_ascii=False))


def _keep(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
