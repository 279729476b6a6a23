"""Columns are recognised by header, then by the form of their values; what may not be uploaded is refused."""

import random
import time

import pyarrow as pa
import pytest
from stdnum import luhn

from masking import detect, forms
from masking.fields import ALIASES, CATALOGUE, reduce
from masking.headers import by_header
from masking.intake import IntakeError


def found(header: str, cells: list[str]) -> tuple[str | None, float]:
    finding = detect.detect([header], pa.table({header: cells}))[0]
    return finding.field, finding.confidence


@pytest.mark.parametrize(
    ("header", "cells", "field"),
    [
        ("Acct No", ["A1", "A2"], "account_number"),
        ("customerID", ["7590-VHVEG"], "client_id"),
        ("SSN/TIN", ["123456789"], "national_id"),
        ("FName", ["Ann"], "first_name"),
        ("Surname", ["Li"], "last_name"),
        ("Home Ph", ["5550100"], "phone"),
        ("POE Ph", ["5550100"], "phone"),
        ("Addr1", ["1 Sample St"], "street_address"),
        ("DOB", ["01/02/1970"], "date_of_birth"),
        ("ST", ["CA"], "state"),
        ("Chg Off Dt", ["01/02/2020"], "charged_off_on"),
        ("DLP", ["01/02/2020"], "last_payment_on"),
        ("DOFD", ["01/02/2020"], "delinquent_on"),
        ("CO Bal", ["12.00"], "charge_off_balance"),
        ("Curr Bal", ["$12.00"], "current_balance"),
        ("UPB", ["12"], "principal"),
        ("C&D", ["N"], "cease_and_desist"),
        ("Debtor 1 Last Name", ["Li"], "last_name"),
        ("borrower_zip_code", ["90210"], "postal_code"),
        ("InvoiceAmount", ["12,50"], "invoice_amount"),
        ("Rechnungsnummer", ["R-1"], "invoice_number"),
        ("Mystery", ["ann@example.org", "bob@example.net"], "email"),
        ("Mystery", ["123-45-6789", "234-56-7891"], "national_id"),
        ("Mystery", ["(555) 010-1234", "555-010-9999"], "phone"),
        ("Mystery", ["1 Sample Street", "22 Example Ave Apt 3"], "street_address"),
        ("Mystery", ["DE89370400440532013000", "GB29NWBK60161331926819"], "bank_account"),
        ("Mystery", ["CA", "TX", "NY"], "state"),
        ("Téléphone", ["01 23 45 67 89"], "phone"),
        ("NAZWISKO", ["Nowak"], "last_name"),
        ("Móvil del cliente 2", ["600 000 000"], "phone"),
        ("Mystery", ["12345678Z", "87654321X"], "national_id"),
        ("Mystery", ["44051401359", "02070803628"], "national_id"),
        ("Mystery", ["RSSMRA85T10A562S"], "national_id"),
        ("Mystery", ["+48 601 234 567", "+39 333 1234567"], "phone"),
        ("Mystery", ["ul. Polna 7", "Hauptstraße 12", "12 rue des Lilas", "Via Roma 3"], "street_address"),
        ("Mystery", [f"K-{90_000 + i}" for i in range(40)], "account_number"),
        ("Mystery", [f"{chr(65 + i)}da Nowak" for i in range(26)], "debtor_name"),
        ("Mystery", [f"01/02/{1940 + i}" for i in range(50)], "date_of_birth"),
        ("Mystery", [f"01/02/{2015 + i % 5}" for i in range(50)], None),
        ("Mystery", [f"{i}.50" for i in range(1_000, 1_050)], None),
        ("Original Creditor", ["Big Bank"] * 99 + ["ann@example.org"], None),
        ("Original Creditor", ["Big Bank"] * 99 + ["GB29NWBK60161331926819"], None),
        ("Product", ["Visa"] * 99 + ["re 078-05-1120"], None),
        ("Open Date", ["ann@example.org", "bob@example.net"], "email"),
        ("Mystery", ["red", "green"], None),
        ("Mystery", ["", ""], None),
    ],
)
def test_a_column_is_recognised(header, cells, field):
    assert found(header, cells)[0] == field


def test_a_header_that_its_values_contradict_is_dropped_until_mapped():
    assert found("Charge Off Date", ["Ann", "Bob", "Cid"])[0] is None
    assert found("Current Balance", ["Ann", "Bob", "Cid"])[0] is None


DRAWN = random.Random(7)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Open Date", [f"{1940 + i % 60}-0{1 + i % 9}-1{i % 9}" for i in range(80)]),
        ("Chg Off Dt", [f"0{1 + i % 9}/1{i % 9}/{1940 + i % 60}" for i in range(80)]),
        ("Curr Bal", [f"{1940 + i % 60}0{1 + i % 9}1{i % 9}" for i in range(80)]),
        ("Int Bal", [f"{DRAWN.randrange(10_000):04}" for _ in range(200)]),
        ("CO Bal", [str(number) for number in DRAWN.sample(range(10_000, 100_000), 200)]),
        ("Original Creditor", [f"Xer{chr(97 + i % 26)}x Qu{chr(97 + i // 26)}bert" for i in range(60)]),
        ("Product", [f"{DRAWN.randrange(10_000, 99_999)}" for _ in range(60)]),
        ("ST", [f"{2_125_550_100 + i}" for i in range(60)]),
        ("Country", [f"ann{i}@example.org" for i in range(60)]),
        ("Province", ["Ann Smith", "Mary Jones", "John Miller", "Linda Baker", "Susan Cook"] * 12),
    ],
)
def test_a_header_that_lies_about_somebodys_data_is_not_believed(header, cells):
    table = pa.table({header: cells})
    field = detect.detect([header], table)[0].field
    assert set(detect.treatment_of(field).values()) & {"keep", "exact", "month", "round"} == set()


def test_honest_columns_that_look_a_little_like_somebodys_data_are_believed():
    honest = {
        "Open Date": [f"{1996 + i % 25}-0{1 + i % 9}-11" for i in range(80)],
        "Curr Bal": [str(100 + i * i * 7) for i in range(200)],
        "NAICS": [str(number) for number in DRAWN.sample(range(111_110, 813_990), 60)],
        "Original Creditor": [f"Credit Union of Town{i}" for i in range(60)],
        "ST": ["CA", "TX", "NY", "WY", "OH", "VT"] * 10,
        "Country": ["Germany", "France", "Poland", "Spain", "Italy"] * 10,
    }
    found_fields = {header: found(header, cells)[0] for header, cells in honest.items()}
    assert None not in found_fields.values()
    assert found_fields["Open Date"] == "opened_on"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("BORRNAME", "debtor_name"),
        ("Prim_Name_F", "debtor_name"),
        ("Adr. postale", "street_address"),
        ("Gesamtsaldo", "current_balance"),
        ("Mahnkosten", "fees"),
        ("Sygn.", "account_number"),
        ("Należność gł.", "current_balance"),
        ("Coll_Log", "notes"),
        ("BUSINESSTYPE", None),
        ("FRANCHISENAME", None),
        ("Pool Name", None),
        ("JOBSSUPPORTED", None),
    ],
)
def test_a_header_is_told_by_the_ends_of_its_words(header, field):
    assert found(header, ["", ""])[0] == field


def test_strays_are_told_apart_from_categories():
    somebody = [
        "Visa - John Smith",
        "Smith, Mary-Kate",
        "Mr. Abernathy",
        "xxx-xx-6789",
        "j.smith (at) x.org",
        "44.8378,-0.5792",
    ]
    nobody = [
        "Tulsa, OK",
        "Agriculture, Forestry",
        "Capital One 2019-A",
        "Synchrony Bank / Lowes",
        "Chapter 7",
        "PAN card",
    ]
    assert [cell for cell in somebody if not forms.stray(cell)] == []
    assert [cell for cell in nobody if forms.stray(cell)] == []


def test_a_finding_never_tells_a_value():
    table = pa.table({"Mystery": ["ann@example.org"], "Charge Off Date": ["Ann"]})
    assert not [
        finding for finding in detect.detect(table.column_names, table) if "nn" in finding.why.split("another")[0]
    ]


def test_two_columns_for_one_field_leave_the_surer_one():
    table = pa.table({"Loan Current Balance": ["1"], "Balance": ["2"], "Home Ph": ["1"], "Cell": ["2"]})
    findings = {finding.column: finding.field for finding in detect.detect(table.column_names, table)}
    assert findings == {"Loan Current Balance": None, "Balance": "current_balance", "Home Ph": "phone", "Cell": "phone"}


@pytest.mark.parametrize("header", ["CVV", "cvv2", "Card Number", "Password", "PIN", "CC Number", "Security Code"])
def test_headers_of_cards_and_passwords_refuse_the_upload(header):
    with pytest.raises(IntakeError) as caught:
        found(header, ["1"])
    assert (caught.value.code, caught.value.column) == ("forbidden_column", header)


CARD = "4111 1111 1111 1111"  # the networks' published test number


@pytest.mark.parametrize(
    "card", [CARD, "4111111111111111", "5555-5555-5555-4444", "378282246310005", "6011111111111117"]
)
def test_card_numbers_in_one_cell_of_twenty_refuse_the_upload(card):
    with pytest.raises(IntakeError) as caught:
        found("Ref", [card] + ["x"] * 19)
    assert caught.value.code == "forbidden_column"
    assert card not in str(caught.value)


def test_identity_numbers_of_thirteen_digits_are_no_cards():
    born = ["4606125009087", "4701015800085", "4806055123089", "4512315001082", "7001015800084"]
    numbers = [f"{number[:12]}{luhn.calc_check_digit(number[:12])}" for number in born]
    assert found("Mystery", numbers * 3)[0] == "national_id"


def test_fewer_card_numbers_or_numbers_that_only_look_like_cards_pass():
    found("Ref", [CARD] + ["x"] * 20)
    found("Ref", ["4111111111111112"] * 20)
    found("Ref", ["1015066002"] * 20)


def test_formats_of_amounts_and_dates_are_suggested():
    table = pa.table({"Konto": ["1", "2"], "Balance": ["1.234,56", "7,00"], "Due Date": ["31.12.2024", "01.02.2024"]})
    mapping = detect.suggest(detect.detect(table.column_names, table), table)
    assert (mapping.decimal_mark, mapping.date_order) == (",", "dmy")


def test_no_alias_stands_for_two_fields():
    for field in CATALOGUE:
        assert {ALIASES[reduce(alias)] for alias in field.aliases} == {field.name}


@pytest.mark.parametrize(
    ("days", "order"),
    [
        (["01.03.2021", "02.04.2021"], "dmy"),
        (["01/03/2021", "02/04/2021"], "mdy"),
        (["01/03/2021", "25/04/2021"], "dmy"),
        (["01.03.2021", "04.25.2021"], "mdy"),
        (["2021-03-01", "2021-04-25"], "mdy"),
    ],
)
def test_the_order_of_dates_is_read_off_columns_that_nobody_has_named_yet(days, order):
    sample = pa.table({"Konto": ["A-1", "A-2"], "Zzqx": days, "Wwqx": ["1.234,56", "99,00"]})
    mapping = detect.suggest(detect.detect(sample.column_names, sample), sample)
    assert mapping.columns["Zzqx"] is None
    assert mapping.date_order == order
    assert mapping.decimal_mark == ","


@pytest.mark.parametrize(
    ("cells", "cls"),
    [
        ([f"NL{i:08}" for i in range(30)], "I"),
        ([f"{1_000 + i}" for i in range(30)], "I"),
        (["06-12345678", "06-87654321", "06-11112222", "06-33334444", "06-55556666"], "I"),
        (["Marta Silva", "Rui Costa", "Ana Lopes", "Hugo Pires", "Rita Nunes"] * 30, "I"),
        (["Credit Card", "Auto", "Medical"] * 30, "A"),
        (["0.3123", "0.5531", "0.9120", "0.1000", "0.2222", "0.4545"] * 5, "A"),
        (["12", "24", "36", "48", "60"] * 8, "A"),
        (["Y", "N", "N", "Y", "N"], "A"),
        (["2019", "2020", "2021", "2022"] * 9, "A"),
        ([f"{i}" for i in (720, 655, 701, 590, 688, 540, 810, 777)] * 5, "A"),
        ([f"Riverside Bank {c}" for c in "ABCDEFGHIJKLMN"] * 6, "A"),
    ],
)
def test_without_a_header_the_values_tell_the_class(cells, cls):
    table = pa.table({"Column 1": cells})
    assert detect.detect(["Column 1"], table)[0].cls == cls


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Email Opt In", ["Y", "N"] * 10),
        ("Customer Score", [str(300 + i * i * 7 % 499) for i in range(40)]),
        ("Debtor Type", ["Individual", "Company"] * 10),
        ("Days Past Due", [str(i * i * 13 % 907) for i in range(40)]),
        ("LTV", [f"0.{i:04}" for i in range(40)]),
    ],
)
def test_a_word_of_a_person_in_a_header_makes_no_identifier_of_a_figure(header, cells):
    assert detect.detect([header], pa.table({header: cells}))[0].cls == "A"


@pytest.mark.parametrize(
    "stray", ["ann@example.org", "Maria Garcia", "call 555 010 1234", "078-05-1120", "12 Sample Street"]
)
@pytest.mark.parametrize("header", ["Product", "Original Creditor", "Debt Type", "Column 7"])
def test_one_identifier_in_a_hundred_cells_is_enough_to_keep_a_column_back(header, stray):
    cells = ["Credit Card", "Auto", "Medical", "Personal"] * 25
    cells[57] = stray
    found = detect.detect([header], pa.table({header: cells}))[0]
    assert (found.field, found.cls) == (None, "I")
    assert stray not in found.why


def test_a_number_of_somebody_among_amounts_keeps_the_column_back():
    cells = [f"{i}.50" for i in range(100, 200)]
    assert detect.detect(["Balance"], pa.table({"Balance": cells}))[0].field == "current_balance"
    cells[30] = "5550101234"
    assert detect.detect(["Balance"], pa.table({"Balance": cells}))[0].cls == "I"


def test_headers_over_each_others_columns_are_told_apart_by_their_values():
    emails, days = [f"a{i}@example.org" for i in range(20)], [f"2021-03-{i + 1:02}" for i in range(20)]
    table = pa.table({"Email": days, "Charge Off Date": emails})
    first, second = detect.detect(table.column_names, table)
    assert (first.field, first.cls) == (None, "A")
    assert (second.field, second.cls) == ("email", "I")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Фамилия", "last_name"),
        ("Телефон", "phone"),
        ("Τηλέφωνο", None),
        ("Achternaam", "last_name"),
        ("Personnummer", "national_id"),
    ],
)
def test_headers_in_other_scripts_and_languages_are_read(header, field):
    assert detect.detect([header], pa.table({header: ["x", "y"]}))[0].field == field


def test_twenty_five_columns_are_detected_in_less_than_two_seconds():
    rows = {f"Column {n}": [f"{i * 7919 % 10**9:09}-{n}" for i in range(5_000)] for n in range(25)}
    table = pa.table(rows)
    started = time.process_time()
    detect.detect(table.column_names, table)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("offen (€)", "current_balance"),
        ("Offener Betrag EUR", "current_balance"),
        ("Betrag offen", "current_balance"),
        ("Restbetrag", "current_balance"),
        ("Montant restant dû", "current_balance"),
        ("Reste à payer", "current_balance"),
        ("Importe pendiente", "current_balance"),
        ("Importo residuo", "current_balance"),
        ("Pozostało do zapłaty", "current_balance"),
        ("urspr. Rg-Betrag", "invoice_amount"),
        ("Rg.-Betrag", "invoice_amount"),
        ("urspr. Betrag", "original_amount"),
        ("Montant initial", "original_amount"),
        ("Importe original", "original_amount"),
        ("Importo originario", "original_amount"),
        ("Kwota pierwotna", "original_amount"),
    ],
)
def test_what_is_open_is_told_from_what_once_was_owed(header, field):
    assert by_header(header)[0] == field


def test_a_balance_beside_amounts_that_nothing_explains_is_a_question():
    amounts = [f"{number}7,4{number % 10}" for number in range(1, 41)]
    columns = {
        "Konto-Nr": [f"K-{number:05d}" for number in range(40)],
        "Saldobetrag": amounts,
        "Zwischenwert X": amounts,
    }
    first, guessed, other = detect.detect(list(columns), pa.table(columns))
    assert (guessed.field, guessed.confidence, guessed.rivals) == ("current_balance", 0.6, ("Zwischenwert X",))
    assert (first.rivals, other.field, other.rivals) == ((), None, ())
    assert "'Saldobetrag' was taken for current_balance, and amounts stand in 'Zwischenwert X'" in detect.question(
        [first, guessed, other]
    )
    known = {"Konto-Nr": columns["Konto-Nr"], "Offener Betrag": amounts, "Zwischenwert X": amounts}
    assert detect.question(detect.detect(list(known), pa.table(known))) == ""
