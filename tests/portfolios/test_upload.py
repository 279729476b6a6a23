"""Tapes through HTTP: what is taken, what is refused, and that nothing half done stays."""

import asyncio
import io
import re
import zipfile
from dataclasses import replace

import httpx
import openpyxl

from market.app import create_app
from market.journal import service as journal
from market.kit.actor import SYSTEM
from tests import factories
from tests.portfolios import tapes


async def post(visitor, tape, **parts):
    content_type, body = factories.upload_body(tape, **parts)
    return await visitor.post("/v1/portfolios", content=body, headers={"Content-Type": content_type})


async def inspected(context, visitor, tape, **parts):
    answer = await post(visitor, tape, **parts)
    assert answer.status_code == 202, answer.text
    await factories.work_off(context)
    return (await visitor.get(f"/v1/portfolios/{answer.json()['portfolio_id']}")).json()


def stored(context):
    """Every file of the store, drafts included; the papers of the seller's verification lie there too."""
    return {path for path in context.files.root.rglob("*") if path.is_file()}


def a_workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


async def test_a_tape_is_taken_inspected_and_waits_for_its_mapping(context, visit):
    seller = await factories.seller(context)
    visitor = await visit(seller)
    found = await inspected(context, visitor, tapes.tape(40), name="  Spring   cards ")
    assert found["state"] == "mapping_needed"
    assert found["name"] == "Spring cards"
    findings = {finding["column"]: finding for finding in found["findings"]}
    assert set(findings) == set(tapes.HEADERS)
    assert findings["SSN"]["field"] == "national_id"
    assert all(0 <= finding["confidence"] <= 1 and finding["why"] for finding in findings.values())
    assert found["mapping"]["columns"]["Curr Bal"] == "current_balance"
    async with context.db.begin(SYSTEM) as tx:
        entries = await journal.history(tx, f"portfolio:{found['portfolio_id']}")
    assert [entry.kind for entry in entries] == ["portfolio.received", "portfolio.inspected"]


async def test_nobody_uploads_without_a_clearance_to_list(context, visit):
    visitor = await visit(await factories.register_member(context))
    before = stored(context)
    answer = await post(visitor, tapes.tape(10))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-cleared")
    assert stored(context) == before


async def test_nobody_uploads_without_signing_in(client):
    assert (await post(client, tapes.tape(10))).status_code == 401


UNFIT_PARTS = [
    ({"currency": "XXX"}, "unknown-currency", "currency"),
    ({"currency": "usd"}, "unknown-currency", "currency"),
    ({"cut_off_on": "31.01.2026"}, "malformed", "cut_off_on"),
    ({"cut_off_on": "2999-01-01"}, "malformed", "cut_off_on"),
    ({"name": "   "}, "malformed", "name"),
    ({"name": "n" * 121}, "malformed", "name"),
    ({"name": "n" * 5000}, "malformed", "name"),
    ({"colour": "red"}, "malformed", None),
]


async def test_a_form_that_cannot_be_taken_names_its_part(context, visit):
    visitor = await visit(await factories.seller(context))
    before = stored(context)
    for parts, slug, field in UNFIT_PARTS:
        answer = await post(visitor, tapes.tape(10), **parts)
        problem = answer.json()
        assert (answer.status_code, problem["type"], problem.get("field")) == (422, f"/problems/{slug}", field), parts
    assert stored(context) == before
    assert (await visitor.get("/v1/portfolios")).json()["items"] == []


async def test_a_form_without_a_tape_or_with_two_is_refused(context, visit):
    visitor = await visit(await factories.seller(context))
    before = stored(context)
    content_type, body = factories.upload_body(tapes.tape(5))
    boundary = content_type.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary + b"\r\n")
    without = b"--" + boundary + b"\r\n" + (b"--" + boundary + b"\r\n").join(parts[1:-1]) + b"--" + boundary + b"--\r\n"
    twice = body.removesuffix(b"--\r\n") + b"\r\n" + parts[-1]
    for form, field in ((without, "tape"), (twice, "tape")):
        answer = await visitor.post("/v1/portfolios", content=form, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json().get("field")) == (422, field)
    assert stored(context) == before


async def test_another_content_type_is_refused(context, visit):
    visitor = await visit(await factories.seller(context))
    for content_type in ("application/json", "text/csv", "multipart/form-data"):
        answer = await visitor.post("/v1/portfolios", content=b"a,b\n1,2\n", headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["type"]) == (415, "/problems/not-a-tape-upload")


async def test_an_upload_cut_in_the_middle_leaves_nothing(context, visit):
    visitor = await visit(await factories.seller(context))
    before = stored(context)
    content_type, body = factories.upload_body(tapes.tape(2000))
    for cut in (len(body) // 2, len(body) - 3):
        answer = await visitor.post("/v1/portfolios", content=body[:cut], headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed")
    assert (await visitor.get("/v1/portfolios")).json()["items"] == []
    assert stored(context) == before


async def test_a_tape_that_announces_too_much_is_refused_before_it_is_read(context, visit):
    visitor = await visit(await factories.seller(context))
    read = 0

    async def body():
        nonlocal read
        yield b"--x\r\n"
        read += 1
        yield b"y" * 1000

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(2**40)}
    answer = await visitor.post("/v1/portfolios", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/tape-too-large")
    assert read == 0


async def test_a_tape_that_turns_out_too_large_is_refused_on_the_way(context, client):
    small = replace(context, settings=replace(context.settings, upload_max_bytes=200_000))
    seller = await factories.seller(context)
    before, sent = stored(context), 0

    async def body():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="tape"; filename="t"\r\n\r\n'
        for _ in range(1000):
            sent += 10_000
            yield b"y" * 10_000

    app = create_app(small)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market.test") as visitor:
        await visitor.post("/v1/session", json=seller.credentials, headers={"Origin": "http://market.test"})
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": "http://market.test"}
        answer = await visitor.post("/v1/portfolios", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/tape-too-large")
    assert sent < 300_000
    assert stored(context) == before


async def test_two_uploads_at_once_become_two_portfolios(context, visit):
    visitor = await visit(await factories.seller(context))
    answers = await asyncio.gather(*(post(visitor, tapes.tape(60), name=f"Tape {n}") for n in range(2)))
    assert [answer.status_code for answer in answers] == [202, 202]
    await asyncio.gather(factories.work_off(context), factories.work_off(context))
    items = (await visitor.get("/v1/portfolios")).json()["items"]
    assert sorted(item["name"] for item in items) == ["Tape 0", "Tape 1"]
    assert {item["state"] for item in items} == {"mapping_needed"}


def a_zip_bomb():
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (600 << 20))
    return sink.getvalue()


HEADER = ",".join(tapes.HEADERS).encode()
HOSTILE = {
    "nothing at all": (b"", "empty_file"),
    "only blanks": (b"  \r\n \r\n", "empty_file"),
    "only a header": (HEADER + b"\r\n", "header_only"),
    "UTF-8 cut in the middle of a character": (tapes.tape(20) + b'"\xff\xfe\xfa\x00"', "control_character"),
    "a line of 10 MB": (HEADER + b"\r\n" + b"x" * (10 << 20) + b"\r\n", "line_too_long"),
    "two headers of one name": (tapes.tape(20).replace(b"Home Ph", b"EMAIL"), "duplicate_header"),
    "a header without a name": (tapes.tape(20).replace(b"Home Ph", b""), "blank_header"),
    "values where the header should be": (
        tapes.text([row | {"Memo": "none"} for row in tapes.rows(20)]).split(b"\r\n", 1)[1],
        "no_header",
    ),
    "card numbers": (tapes.text(tapes.rows(20)).replace(b"Memo", b"CVV"), "forbidden_column"),
    "a PDF": (b"%PDF-1.7 tape", "unsupported_format"),
}


async def test_a_file_that_is_no_tape_is_refused_with_a_code_and_a_remedy(context, visit):
    visitor = await visit(await factories.seller(context))
    for case, (tape, code) in HOSTILE.items():
        found = await inspected(context, visitor, tape)
        assert (found["state"], found["refusal"]["code"]) == ("refused", code), case
        assert len(found["refusal"]["message"]) > 30
        assert found["findings"] is None


async def test_a_workbook_that_unpacks_to_far_more_is_refused(context, visit):
    found = await inspected(context, await visit(await factories.seller(context)), a_zip_bomb())
    assert found["refusal"]["code"] == "archive_bomb"


async def test_a_refusal_about_a_file_without_headings_does_not_quote_a_person(context, visit):
    row = b"111-22-3333,Adelina,111-22-3333,900.00\r\n"
    found = await inspected(context, await visit(await factories.seller(context)), row * 30)
    assert found["state"] == "refused"
    assert "111-22-3333" not in str(found)


async def test_a_legacy_encoding_is_read_and_said(context, visit):
    tape = tapes.tape(200).decode().encode("cp1252")
    found = await inspected(context, await visit(await factories.seller(context)), tape)
    assert found["state"] == "mapping_needed"
    assert (found["source"]["encoding"], found["source"]["encoding_guessed"]) == ("cp1252", True)
    assert found["source"]["warnings"]
    assert found["source"]["words"] == ["Grünewald", "grünewald"]


async def test_an_encoding_that_was_guessed_is_confirmed_with_the_mapping_or_said_otherwise(context, visit):
    tape = tapes.text([row | {"Memo": "später"} for row in tapes.rows(200)]).replace(b"Memo", "Größe".encode())
    visitor = await visit(await factories.seller(context))
    found = await inspected(context, visitor, tape.decode().encode("cp1252"))
    path = f"/v1/portfolios/{found['portfolio_id']}"
    for said, told in ({}, "it was read as cp1252"), ({"encoding": "klingon"}, "those that are read"):
        answer = await visitor.put(f"{path}/mapping", json={"columns": {}} | said)
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (422, "bad-mapping")
        assert answer.json()["field"] == "encoding"
        assert told in answer.json()["detail"]
    answer = await visitor.put(f"{path}/mapping", json={"columns": {"Größe": "notes"}, "encoding": "windows-1250"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["mapping"]["encoding"] == "cp1250"
    assert answer.json()["source"]["words"] == []
    await factories.work_off(context)
    masked = (await visitor.get(path)).json()
    assert (masked["state"], masked["report"]["encoding"]) == ("ready", "cp1250")
    assert (masked["report"]["face_field"], masked["report"]["face_column"]) == ("current_balance", "Curr Bal")


async def test_a_workbook_is_a_tape_too(context, visit):
    rows = [tapes.HEADERS, *([row[name] for name in tapes.HEADERS] for row in tapes.rows(30))]
    found = await inspected(context, await visit(await factories.seller(context)), a_workbook(rows))
    assert (found["state"], found["source"]["format"]) == ("mapping_needed", "xlsx")


async def mapped(context, visitor, tape, columns=None, **parts):
    found = await inspected(context, visitor, tape, **parts)
    answer = await visitor.put(
        f"/v1/portfolios/{found['portfolio_id']}/mapping", json={"columns": columns or {}, "time_barred": "disclose"}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "masking"
    await factories.work_off(context)
    return (await visitor.get(f"/v1/portfolios/{found['portfolio_id']}")).json()


def a_template(rows):
    """An EU data template as a workbook: counterparties, loans, and a sheet that is no table of it."""
    book = openpyxl.Workbook()
    book.active.append(["Please read first"])
    people, loans = book.create_sheet("Counterparties"), book.create_sheet("Loans")
    people.append(["1.02 Counterparty Identifier", "1.03", "1.10", "1.16"])
    loans.append(["Loan Identifier", "counterparty_identifier", "3.06", "Legal Balance"])
    for place, row in enumerate(rows):
        people.append([f"P{place}", f"{row['First Name']} {row['Last Name']}", row["SSN"], row["Zip"]])
        loans.append([row["Acct No"], f"P{place}", row["Debt Type"], row["Curr Bal"]])
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


async def test_an_eu_data_template_is_a_tape_with_the_names_of_the_regulation(context, visit):
    visitor, rows = await visit(await factories.seller(context)), tapes.rows(80)
    rows[7]["Curr Bal"] = "a lot"
    found = await mapped(context, visitor, a_template(rows))
    assert found["source"]["format"] == "template"
    assert "2 sheets were joined to one row per loan" in found["source"]["warnings"][0]
    fields = {finding["column"]: finding["field"] for finding in found["findings"]}
    assert fields["loan_identifier"] == "account_number"
    assert (fields["name_of_counterparty"], fields["legal_balance"]) == ("debtor_name", "current_balance")
    assert (found["state"], found["refusal"]) == ("ready", None)
    assert (found["totals"]["read_count"], found["totals"]["accepted_count"]) == (80, 79)
    path = f"/v1/portfolios/{found['portfolio_id']}"
    refused = (await visitor.get(f"{path}/refused-accounts")).json()["items"]
    assert [(each["row_number"], each["column_name"]) for each in refused] == [(9, "legal_balance")]
    shown = (await visitor.get(f"{path}/masked-file?stage=vetted")).text
    assert "product" in shown.splitlines()[0]
    assert not [value for value in tapes.identifiers(rows) if value in shown]


async def test_bad_rows_are_refused_by_number_and_column_and_the_totals_reconcile(context, visit):
    visitor = await visit(await factories.seller(context))
    rows = tapes.rows(60)
    rows[3]["Curr Bal"] = "-12.00"
    rows[5]["Curr Bal"] = "a lot"
    rows[8]["Curr Bal"] = ""
    rows[11]["Acct No"] = ""
    rows[13]["Chg Off Dt"] = "13/45/2021"
    rows[20]["Acct No"] = rows[19]["Acct No"]
    tape = tapes.text(rows) + b"one,cell,short\r\n"
    found = await mapped(context, visitor, tape)
    assert found["state"] == "ready"
    totals = found["totals"]
    assert (totals["read_count"], totals["accepted_count"], totals["refused_count"]) == (61, 54, 7)
    assert totals["accepted_cents"] + totals["refused_cents"] == totals["read_cents"]
    good = [row for place, row in enumerate(rows) if place not in {3, 5, 8, 11, 13, 20}]
    assert totals["accepted_cents"] == tapes.face_value_cents(good)
    assert found["strata"]["count"] == 54

    refused, cursor = [], ""
    while cursor is not None:
        page = (
            await visitor.get(
                f"/v1/portfolios/{found['portfolio_id']}/refused-accounts",
                params={"limit": 3} | ({"cursor": cursor} if cursor else {}),
            )
        ).json()
        refused += page["items"]
        cursor = page["next_cursor"]
    assert [(one["row_number"], one["column_name"]) for one in refused] == [
        (5, "Curr Bal"), (7, "Curr Bal"), (10, "Curr Bal"), (13, "Acct No"), (15, "Chg Off Dt"), (22, "Acct No"), (62, ""),
    ]  # fmt: skip
    assert all(one["reason"] and "12.00" not in one["reason"] for one in refused)

    file = await visitor.get(f"/v1/portfolios/{found['portfolio_id']}/refused-accounts.csv")
    assert file.headers["content-disposition"].startswith("attachment")
    lines = file.text.splitlines()
    assert lines[0] == "row_number,column_name,reason"
    assert len(lines) == 8


async def test_formula_cells_come_out_as_text(context, visit):
    visitor = await visit(await factories.seller(context))
    rows = tapes.rows(40)
    for row in rows:
        row["Orig Creditor"] = '=HYPERLINK("http://x.example")'
    found = await mapped(context, visitor, tapes.text(rows))
    file = await visitor.get(f"/v1/portfolios/{found['portfolio_id']}/masked-file", params={"stage": "vetted"})
    assert "HYPERLINK" in file.text
    assert re.search(r'(^|,)"?=', file.text, re.MULTILINE) is None


async def test_a_mapping_without_account_number_or_balance_is_refused_at_once(context, visit):
    visitor = await visit(await factories.seller(context))
    found = await inspected(context, visitor, tapes.tape(20))
    for columns in (
        {"Acct No": None},
        {"Curr Bal": None},
        {"SSN": "no_such_field"},
        {"Nowhere": "state"},
        {"Memo": "state"},
    ):
        answer = await visitor.put(f"/v1/portfolios/{found['portfolio_id']}/mapping", json={"columns": columns})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-mapping"), columns
    again = (await visitor.get(f"/v1/portfolios/{found['portfolio_id']}")).json()
    assert again["state"] == "mapping_needed"


async def test_a_mapping_with_several_faults_is_told_them_all(context, visit):
    visitor = await visit(await factories.seller(context))
    found = await inspected(context, visitor, tapes.tape(20))
    columns = {"Acct No": None, "Curr Bal": "no_such_field", "Nowhere": None, "Elsewhere": "state"}
    answer = await visitor.put(f"/v1/portfolios/{found['portfolio_id']}/mapping", json={"columns": columns})
    told = answer.json()
    assert answer.status_code == 422
    assert told["fields"] == ["columns.Nowhere", "columns.Elsewhere"]
    for fault in ("no such column", "'no_such_field' is not a field", "two columns are mapped to state"):
        assert fault in told["detail"]


async def test_missing_columns_must_be_mapped_before_anything_is_masked(context, visit):
    visitor = await visit(await factories.seller(context))
    headers = tuple(name for name in tapes.HEADERS if name not in {"Acct No", "Curr Bal"})
    rows = [{name: row[name] for name in headers} for row in tapes.rows(20)]
    found = await inspected(context, visitor, tapes.text(rows, headers=headers))
    answer = await visitor.put(f"/v1/portfolios/{found['portfolio_id']}/mapping", json={"columns": {}})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-mapping")


async def test_a_column_that_nobody_mapped_is_dropped(context, visit):
    visitor = await visit(await factories.seller(context))
    tape = tapes.tape(40).replace(b"Debt Type", b"Zzyzx")
    found = await mapped(context, visitor, tape)
    assert found["mapping"]["columns"]["Zzyzx"] is None
    for stage in ("preview", "vetted"):
        file = await visitor.get(f"/v1/portfolios/{found['portfolio_id']}/masked-file", params={"stage": stage})
        assert "AUTO" not in file.text


async def test_a_mapping_is_corrected_saved_as_a_template_and_proposed_for_the_next_tape(context, visit):
    visitor = await visit(await factories.seller(context))
    first = await inspected(context, visitor, tapes.tape(30).replace(b"Debt Type", b"Zzyzx"))
    assert first["mapping"]["columns"]["Zzyzx"] is None
    body = {"columns": {"Zzyzx": "debt_type"}, "save_as": "Our system"}
    answer = await visitor.put(
        f"/v1/portfolios/{first['portfolio_id']}/mapping", json=body | {"time_barred": "disclose"}
    )
    assert answer.json()["mapping"]["columns"]["Zzyzx"] == "debt_type"
    await factories.work_off(context)
    assert [item["name"] for item in (await visitor.get("/v1/mapping-templates")).json()["items"]] == ["Our system"]

    second = await inspected(context, visitor, tapes.tape(30, seed=2).replace(b"Debt Type", b"ZZYZX"))
    assert second["source"]["template"] == "Our system"
    assert second["mapping"]["columns"]["ZZYZX"] == "debt_type"
    other = await inspected(context, visitor, tapes.tape(30, seed=3))
    assert other["source"]["template"] is None


async def test_a_template_is_saved_replaced_and_checked(context, visit):
    visitor = await visit(await factories.seller(context))
    columns = {"Konto": "account_number", "Saldo": "current_balance", "Bemerkung": None}
    for mark in (".", ","):
        answer = await visitor.post(
            "/v1/mapping-templates", json={"name": "SAP", "columns": columns, "decimal_mark": mark}
        )
        assert (answer.status_code, answer.json()["decimal_mark"]) == (201, mark)
    items = (await visitor.get("/v1/mapping-templates")).json()["items"]
    assert [(item["name"], item["decimal_mark"], item["columns"]) for item in items] == [("SAP", ",", columns)]
    answer = await visitor.post("/v1/mapping-templates", json={"name": "Bad", "columns": {"Konto": "account_number"}})
    assert answer.status_code == 422
    stranger = await visit(await factories.seller(context))
    assert (await stranger.get("/v1/mapping-templates")).json()["items"] == []


async def test_a_tape_of_four_accounts_is_refused_with_what_would_help(context, visit):
    found = await mapped(context, await visit(await factories.seller(context)), tapes.tape(4))
    assert (found["state"], found["refusal"]["code"]) == ("refused", "too_few_accounts")
    assert "4 accounts" in found["refusal"]["message"]


async def test_a_tape_refused_by_its_mapping_can_be_mapped_again(context, visit):
    visitor = await visit(await factories.seller(context))
    tape = tapes.tape(40).replace(b"Open Dt", b"Bal 2")
    found = await mapped(context, visitor, tape, {"Curr Bal": None, "Bal 2": "current_balance"})
    assert (found["state"], found["refusal"]["code"]) == ("refused", "no_account_accepted")
    assert (found["totals"]["read_count"], found["totals"]["accepted_count"]) == (40, 0)
    refused = (await visitor.get(f"/v1/portfolios/{found['portfolio_id']}/refused-accounts")).json()["items"]
    assert {(one["column_name"], one["reason"]) for one in refused} == {("Bal 2", "the amount cannot be read")}
    body = {"columns": {"Bal 2": None, "Curr Bal": "current_balance"}}
    answer = await visitor.put(
        f"/v1/portfolios/{found['portfolio_id']}/mapping", json=body | {"time_barred": "disclose"}
    )
    assert (answer.status_code, answer.json()["refusal"]) == (202, None)
    await factories.work_off(context)
    assert (await visitor.get(f"/v1/portfolios/{found['portfolio_id']}")).json()["state"] == "ready"


async def test_no_tape_is_sold_by_a_balance_that_was_only_guessed_beside_other_amounts(context, visit):
    visitor = await visit(await factories.seller(context))
    tape = tapes.text([row | {"Memo": f"{place + 7},50"} for place, row in enumerate(tapes.rows(200))])
    found = await inspected(
        context, visitor, tape.replace(b"Curr Bal", b"Saldobetrag").replace(b"Memo", b"Zwischenwert")
    )
    path = f"/v1/portfolios/{found['portfolio_id']}"
    assert [each["column"] for each in found["findings"] if each["rivals"] == ["Zwischenwert"]] == ["Saldobetrag"]
    answer = await visitor.put(f"{path}/mapping", json={"columns": {}})
    assert (answer.status_code, answer.json()["field"]) == (422, "columns.Saldobetrag")
    assert "'Saldobetrag'" in answer.json()["detail"]
    assert "'Zwischenwert'" in answer.json()["detail"]
    answer = await visitor.put(f"{path}/mapping", json={"columns": {"Saldobetrag": "current_balance"}})
    assert answer.status_code == 202, answer.text


async def test_rows_refused_for_the_order_of_their_dates_come_with_the_order_that_would_do(context, visit):
    visitor = await visit(await factories.seller(context))
    found = await inspected(context, visitor, tapes.tape(200))
    path = f"/v1/portfolios/{found['portfolio_id']}"
    answer = await visitor.put(f"{path}/mapping", json={"columns": {}, "date_order": "dmy"})
    assert answer.status_code == 202, answer.text
    await factories.work_off(context)
    refused = (await visitor.get(path)).json()
    assert "read as mdy instead of dmy" in refused["refusal"]["message"]
