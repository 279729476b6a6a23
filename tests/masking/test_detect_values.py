"""Columns without headers, told by their values: other scripts and ways of writing, and figures that only look like somebody's."""

import pyarrow as pa
import pytest
from stdnum import luhn

from masking import detect, forms
from masking.guessing import by_values

MARKED_NAMES = [
    "आज्ञा बेगानी",
    "मनिष शाही",
    "रमेश अग्रवाल",
    "शोभा सिंह",
    "बीणा मानन्धर",
    "भोला सिंह",
    "दिनेश राणा",
    "मिरा भुजू",
    "रुपा पाण्डे",
    "सुनिता थापा",
    "हरि कार्की",
    "गीता महर्जन",
]
SIGNED_NAMES = ["김민준", "이서연", "박지호", "최수빈", "정하은", "강도윤", "조예은", "윤시우", "장지민", "임하준"]
PLATES = [
    f"{one}{other} {number}" for one, other, number in zip("KLMNPRSTVWXZ", "ABCDEFGHJKLM", range(117, 129), strict=True)
]
MIXED_PHONES = [
    "+45 48 81 25 07",
    "7512 9121",
    "76550665",
    "4614 3648",
    "+45 1429 2767",
    "00882015",
    "+45 06 28 57 95",
    "4436 6159",
]
WHOLE_ADDRESSES = [f"{street} {number}, {57_000 + number} {town}" for number, (street, town) in enumerate([("Hvidkløvergade", "Lundby"), ("Snaregade", "Branderup"), ("Moldavská", "Hořice"), ("Nystigen", "Karlstad"), ("Ylipolku", "Ulvila"), ("Ellasteeg", "Oekene")], start=8)]  # fmt: skip
KOREAN_STREETS = [f"경기도 군포시 삼성길 {number}" for number in range(81, 91)]


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        (MARKED_NAMES, "debtor_name"),
        (SIGNED_NAMES, "debtor_name"),
        (PLATES, "identity_document"),
        (MIXED_PHONES, "phone"),
        (WHOLE_ADDRESSES, "street_address"),
        (KOREAN_STREETS, "street_address"),
        (
            [f"(주) {name}상사" for name in "가온 시너지 보람 네오 아름 한빛 새길 우리 미래 태양 바다 하늘".split()],
            "debtor_name",
        ),
        ([f"۰۹۱۲ ۳۴۵ ۶۷{number}" for number in ("۰۱", "۱۲", "۲۳", "۳۴", "۴۵", "۵۶")], "phone"),
    ],
)
def test_what_is_somebodys_is_told_in_other_scripts_and_ways_of_writing(cells, field):
    finding = detect.detect(["Column 7"], pa.table({"Column 7": cells}))[0]
    assert finding.cls == "I"
    assert finding.field in {field, "account_number"}


@pytest.mark.parametrize(
    "cells",
    [
        [f"0.{number:06}" for number in range(2_867, 900_000, 30_011)],
        [f"{2_010 + number % 14}-{1 + number % 12:02}" for number in range(30)],
        [f"Q{1 + number % 4} {2_010 + number % 13}" for number in range(40)],
        [f"{number} {number:03},07 kr" for number in range(1, 40)],
        [repr(number / 7) for number in range(100, 130)],
        [str(100 * (100_000 + number * 7_919 % 90_000)) for number in range(40)],
        ["CCC123CC0123", "CC1C2CC00000", "0123C0C0CCCC", "CCCCCCCC1234", "12C0C0C12CCC", "C0C0C0C0C0C0"] * 5,
        [f"{kind} {number}" for number in (12, 24, 36) for kind in ("Summit Savings & Loan", "First Union Bank")] * 5,
    ],
)
def test_rates_sums_months_and_histories_are_nobodys(cells):
    assert detect.detect(["Column 7"], pa.table({"Column 7": cells}))[0].cls == "A"


def test_a_rare_name_among_categories_keeps_the_column_back_and_a_rare_category_does_not():
    kinds = ["Sole trader", "Partnership", "Individual"] * 60
    column = {"Debtor Type": [*kinds, "Ludmila Havlickova"]}
    assert detect.detect(["Debtor Type"], pa.table(column))[0].cls == "I"
    column = {"Debtor Type": [*kinds, "Housing cooperative"]}
    assert detect.detect(["Debtor Type"], pa.table(column))[0].field == "debtor_type"


def test_resident_numbers_of_korea_are_no_cards():
    born = [f"{day}-{digits}" for day in ("440717", "450323", "490106") for digits in range(2_056_460, 2_056_480)]
    assert any(luhn.is_valid(number.replace("-", "")) for number in born)
    detect.detect(["Number"], pa.table({"Number": born}))


def test_cells_that_show_nothing_are_no_values():
    unseen = "\u200b"
    for cells in (
        ["12", "34 5", unseen, "678"] * 10,
        [unseen] * 30,
        ["+44 20 7946 0958", "\u0301", "(020) 7946 0018"] * 10,
    ):
        assert by_values(cells)[3] in {"I", "Q", "A", "?"}
    assert by_values([unseen] * 30) == by_values([])


def test_a_cell_of_a_megabyte_without_an_address_is_read_once():
    assert not forms.EMAIL.search("1." * 500_000)  # hours, when every letter of it may begin an address
    assert forms.EMAIL.search("write to a@b@mail.example, please")[0].endswith("mail.example")
