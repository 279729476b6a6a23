"""A hostile file is refused with a code and a remedy, and a good row is never lost because of a bad one."""

import gzip
import io
import time
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import delimited, intake
from masking.extent import Extent
from masking.forms import is_row_of_values
from masking.intake import ROW, IntakeError, Limits
from masking.limits import REMEDIES
from masking.workbook import as_text, as_texts


def read(raw: bytes, **limits: int) -> tuple[intake.TapeInfo, dict[str, list[object]], list[intake.RefusedRow]]:
    bounds = Limits(**limits)
    source = io.BytesIO(raw)
    info = intake.inspect(source, limits=bounds)
    ragged: list[intake.RefusedRow] = []
    chunks = list(intake.read_chunks(source, info, on_ragged=ragged.append, limits=bounds))
    return info, pa.concat_tables(chunks).to_pydict() if chunks else {}, ragged


def code(raw: bytes, **limits: int) -> str:
    with pytest.raises(IntakeError) as caught:
        read(raw, **limits)
    assert str(caught.value).endswith(caught.value.remedy)
    return caught.value.code


def outcome(raw: bytes) -> str:
    try:
        read(raw)
    except IntakeError as error:
        return error.code
    return "read"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (b"a,b", "header_only"),
        (b"a,b\n", "header_only"),
        (b"a,a\n1,2\n", "duplicate_header"),
        (b"a,A \n1,2\n", "duplicate_header"),
        (b"a,,c\n1,2,3\n", "blank_header"),
        (b"a,b\n1,2\x00\n", "control_character"),
        (b"a,b\n1,2\x1f\n", "control_character"),
        (b"a,b\n\xff\xfe\x81,\x8d\n", "undecodable"),
        (b"a,b\n" + b"x" * (1 << 20) + b",2\n", "line_too_long"),
        (b"a,b\n1,2\n" + b"x" * (10 << 20), "line_too_long"),
        (b",".join(b"c%d" % i for i in range(513)) + b"\n" + b",".join([b"1"] * 513), "too_many_columns"),
        (b"a,b\n1\n2\n3,4,5\n", "ragged_row"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "unsupported_format"),
        (b"%PDF-1.7\n", "unsupported_format"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "unsupported_format"),
        (b"PK\x03\x04 not a zip", "malformed"),
        (b"PAR1 not parquet PAR1", "malformed"),
    ],
)
def test_each_kind_of_broken_file_has_its_own_code(raw, expected):
    assert code(raw) == expected


def test_a_file_past_the_size_limit_is_refused_before_it_is_read():
    assert code(b"a,b\n1,2\n" * 100, file_bytes=200) == "too_large"


def test_more_rows_than_allowed_are_refused():
    assert code(b"a,b\n" + b"1,2\n" * 100, rows_count=99) == "too_many_rows"


def test_leading_zeros_and_empty_cells_survive():
    _, cells, _ = read(b"zip,note\n01234,\n00000, x \n")
    assert cells["zip"] == ["01234", "00000"]
    assert cells["note"] == ["", " x "]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_are_recognised(encoding, delimiter):
    lines = [["konto", "name", "ort"], ["1", "Müller", "Köln"], ["2", "Groß", "Nürnberg"], ["3", "Jäger", "Düren"]]
    raw = "\r\n".join(delimiter.join(line) for line in lines).encode(encoding)
    info, cells, _ = read(raw)
    assert info.delimiter == delimiter
    assert cells["name"] == ["Müller", "Groß", "Jäger"]
    assert bool(info.warnings) == info.encoding_guessed == (encoding == "cp1252")


def test_a_late_undecodable_byte_is_never_ignored():
    assert code(b"a,b\n" + b"1,2\n" * 400_000 + b"\x81\x8d,2\n") == "undecodable"


def test_a_character_that_is_cut_off_at_the_end_is_not_read_as_utf_8():
    assert read(b"a,b\n1,\xc3")[0].encoding == "cp1252"


def test_ragged_rows_are_refused_by_number_and_the_others_are_kept_with_theirs():
    _, cells, ragged = read(b'a,b\r\n1,2\r\n3\r\n"x\r\ny",6\r\n7,8,9\r\n1,1\r\n')
    assert [row.row for row in ragged] == [3, 5]
    assert cells[ROW] == [2, 4, 6]
    assert cells["a"] == ["1", "x\r\ny", "1"]


def test_row_numbers_are_right_far_into_a_tape_that_turns_ragged():
    lines = [b"%d,2,%s" % (i, b"x" * 60) for i in range(2, 200_002)]
    for place in (123_456, 123_457, 180_000):
        lines[place] = b"only one"
    _, cells, ragged = read(b"a,b,c\n" + b"\n".join(lines))
    assert [row.row for row in ragged] == [123_458, 123_459, 180_002]
    assert len(cells["a"]) == 200_000 - 3
    assert all(int(a) == row for a, row in zip(cells["a"], cells[ROW], strict=True))


def test_without_a_handler_a_ragged_row_raises_with_its_number():
    source = io.BytesIO(b"a,b\n1,2\n3\n")
    info = intake.inspect(source)
    with pytest.raises(IntakeError) as caught:
        list(intake.read_chunks(source, info))
    assert (caught.value.code, caught.value.row) == ("ragged_row", 3)


class Counted(io.BytesIO):
    """A file that knows how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return found


def test_a_tape_is_read_no_further_ahead_than_a_few_blocks():
    line = b"%d," + b"x" * 1000 + b"\n"
    raw = b"a,b\n" + b"".join(line % number for number in range(100_000))
    info, file = intake.inspect(io.BytesIO(raw)), Counted(raw)
    chunks = intake.read_chunks(file, info)
    first = next(chunks)
    time.sleep(0.3)
    assert file.furthest <= (delimited.AHEAD_COUNT + 2) * delimited.BLOCK_BYTES < len(raw)
    assert first.num_rows + sum(chunk.num_rows for chunk in chunks) == 100_000


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_columns_that_nobody_asks_for_are_not_read(kind):
    rows: list[list[object]] = [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "6"]]
    raw = workbook(rows) if kind == "xlsx" else "\n".join(",".join(map(str, row)) for row in rows).encode()
    source = io.BytesIO(raw)
    info = intake.inspect(source)
    (chunk,) = intake.read_chunks(source, info, columns={"c", "a"})
    assert chunk.to_pydict() == {"a": ["1", "4"], "c": ["3", "6"], ROW: [2, 3]}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=4), max_size=8),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
)
def test_mutated_bytes_are_read_or_refused_but_never_crash(rows, mutations):
    raw = bytearray("\n".join(",".join(row) for row in [["a", "b", "c"], *rows]).encode("utf-8", "surrogatepass"))
    for place, value in mutations:
        raw[place % len(raw)] = value
    assert outcome(bytes(raw)) in {"read", *REMEDIES}


def workbook(rows: list[list[object]], change=lambda book: None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
ROWS: list[list[object]] = [["Acct No", "Bal"], ["007", 12.5], ["008", 3]]


def repacked(raw: bytes, extra: dict[str, bytes], replace: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, (replace or {}).get(name, old.read(name)))
        for name, data in extra.items():
            new.writestr(name, data)
    return out.getvalue()


pieces_of_xml = st.lists(
    st.tuples(
        st.sampled_from(
            ['<c r="'] * 9 + ['<x:c r="', "<row r='", ' ref="', ' sqref="', ' xr="', 'r ="', 'r= "', "<f>é:f", ""]
        ),
        st.sampled_from(["A1", "Z9", "XFD1048576", "AAAA1", "B2:C30", "12", "12345678", "A", ""]),
        st.sampled_from(['"'] * 9 + ["'", "", " ", '">']),
    ).map("".join),
    max_size=8,
).map(lambda parts: "".join(parts).encode())


@given(pieces_of_xml)
@settings(max_examples=500, deadline=None)
def test_all_places_of_a_sheet_are_found_at_once_as_they_are_found_one_by_one(window: bytes) -> None:
    at_once, one_by_one = Extent(), Extent()
    at_once.feed(window)
    one_by_one.feed_any(window)
    assert (at_once.rows, at_once.columns) == (one_by_one.rows, one_by_one.columns)
    assert at_once.cells == window.count(b"<c") + window.count(b":c")
    assert at_once.may_reckon == (b"<f" in window or b":f" in window)


any_cell = st.one_of(
    st.text(max_size=5),
    st.booleans(),
    st.floats(allow_nan=False),
    st.integers(0, 3),
    st.dates(),
    st.datetimes(),
    st.none(),
)


@given(
    st.one_of(
        st.lists(any_cell), st.lists(st.floats(allow_nan=False) | st.just("")), st.lists(st.dates() | st.just(""))
    )
)
@settings(max_examples=200, deadline=None)
def test_a_column_of_cells_is_written_as_each_of_them_alone(cells: list[object]) -> None:
    assert list(as_texts(cells)) == [as_text(cell) for cell in cells]


def test_a_workbook_is_read_as_text():
    info, cells, _ = read(workbook(ROWS))
    assert info.format == "xlsx"
    assert cells == {"Acct No": ["007", "008"], "Bal": ["12.5", "3"], ROW: [2, 3]}


@pytest.mark.parametrize(("place", "expected"), [("Z1048576", "archive_bomb"), ("XFD1048576", "too_many_columns")])
@pytest.mark.parametrize("where", ["first sheet", "second sheet"])
def test_a_few_cells_that_span_a_vast_sheet_are_refused_before_a_parser_lays_it_out(place, expected, where):
    def stretch(book):
        sheet = book.active if where == "first sheet" else book.create_sheet("more")
        sheet[place] = "x"

    with pytest.raises(IntakeError) as caught:
        read(workbook(ROWS, stretch))
    assert caught.value.code == expected


def test_a_long_and_wide_sheet_whose_cells_are_there_is_read():
    wide = [[f"c{n}" for n in range(200)], *([[n] * 200 for n in range(300)])]
    _, cells, _ = read(workbook(wide))
    assert len(cells["c199"]) == 300


def test_hidden_rows_columns_and_sheets_are_said():
    def hide(book):
        book.active.row_dimensions[2].hidden = True
        book.active.column_dimensions["B"].hidden = True
        book.create_sheet("secret").sheet_state = "hidden"

    info, cells, _ = read(workbook(ROWS, hide))
    assert len(info.warnings) == 3
    assert len(cells["Bal"]) == 2


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"xl/vbaProject.bin": b"x"}, "active_content"),
        ({"xl/externalLinks/externalLink1.xml": b"<x/>"}, "active_content"),
        ({"xl/connections.xml": b"<x/>"}, "active_content"),
        ({"xl/extra.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}, "active_content"),
        ({"xl/workbook.bin": b"x"}, "unsupported_format"),
        ({"xl/media/big.xml": b"0" * (60 << 20)}, "archive_bomb"),
        ({f"xl/m{i}.xml": b"" for i in range(600)}, "archive_bomb"),
    ],
)
def test_bombs_macros_links_and_dtds_are_refused(extra, expected):
    assert code(repacked(workbook(ROWS), extra)) == expected


def test_a_macro_enabled_workbook_is_refused_by_its_content_type():
    raw = workbook(ROWS)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        kinds = archive.read("[Content_Types].xml").replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")
    assert code(repacked(raw, {}, {"[Content_Types].xml": kinds})) == "active_content"


def test_a_bomb_that_lies_about_its_size_is_found_while_it_is_unpacked():
    raw = bytearray(repacked(workbook(ROWS), {"xl/media/big.xml": b"0" * (60 << 20)}))
    size = (60 << 20).to_bytes(4, "little")
    for start in (raw.find(size), raw.rfind(size)):
        raw[start : start + 4] = (5).to_bytes(4, "little")
    assert code(bytes(raw)) == "malformed"


def test_a_zip_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "x")
    assert code(out.getvalue()) == "unsupported_format"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_workbook_is_read_or_refused_but_never_crashes(mutations):
    raw = bytearray(WORKBOOK)
    for place, value in mutations:
        raw[place % len(raw)] = value
    assert outcome(bytes(raw)) in {"read", *REMEDIES}


WORKBOOK = workbook(ROWS)


def test_parquet_is_read_as_text():
    out = io.BytesIO()
    pa.parquet.write_table(pa.table({"Acct No": ["01", None], "Bal": [1.5, 2.0], "N": [1, 2]}), out)
    info, cells, _ = read(out.getvalue())
    assert info.format == "parquet"
    assert cells == {"Acct No": ["01", ""], "Bal": ["1.5", "2"], "N": ["1", "2"], ROW: [2, 3]}


def test_a_control_character_in_parquet_is_refused_by_row():
    """Cells are joined by the byte 1F where a tape is committed to: with one inside, two rows could pass for each other."""
    for mark in ("\0", "\x1f"):
        out = io.BytesIO()
        pa.parquet.write_table(pa.table({"Acct No": ["01", "02", f"0{mark}3"], "Note": ["", "", ""]}), out)
        with pytest.raises(IntakeError) as caught:
            read(out.getvalue())
        assert (caught.value.code, caught.value.row) == ("control_character", 4)


def test_parquet_with_texts_that_are_no_utf_8_is_refused():
    out = io.BytesIO()
    cells = pa.array([b"caf\x80e"]).view(pa.string())
    pa.parquet.write_table(pa.table({"Acct No": cells}), out)
    with pytest.raises(IntakeError, match="cannot be read"):
        read(out.getvalue())


def test_parquet_with_lists_is_refused():
    out = io.BytesIO()
    pa.parquet.write_table(pa.table({"a": [[1]]}), out)
    assert code(out.getvalue()) == "malformed"


def test_a_reader_that_was_left_moves_the_file_no_more():
    file = io.BytesIO(b"a,b\n" + b"1,2\n" * 100)
    left = delimited._Utf8(file, "utf-8", intake.Limits())
    left.close()
    file.seek(7)
    assert (left.read(10), file.tell()) == (b"", 7)


def test_a_tape_that_turns_ragged_is_read_the_same_every_time():
    data = b"a,b\n" + b"".join(b"%d,x\n" % i if i != 90_000 else b"ragged\n" for i in range(120_000))
    for _ in range(12):
        _, cells, ragged = read(data)
        assert ([row.row for row in ragged], len(cells["a"])) == ([90_002], 119_999)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_tape_without_headers_keeps_its_first_row_and_row_numbers(tmp_path, kind):
    rows = [["N1", "ann@example.org", "12.50"], ["N2", "bob@example.org", "13.50"]]
    path = tmp_path / f"tape.{kind}"
    if kind == "csv":
        path.write_text("\n".join(map(",".join, rows)))
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    info = intake.inspect(path, headless=is_row_of_values)
    assert (info.columns, info.headed) == (("Column 1", "Column 2", "Column 3"), False)
    chunk = next(intake.read_chunks(path, info))
    assert chunk.column(ROW).to_pylist() == [1, 2]
    assert chunk.column("Column 1").to_pylist() == ["N1", "N2"]


@pytest.mark.parametrize(
    "row", [["Acct No", "2021", "2022"], ["Name", "Email", "Phone 1", "01/2021"], ["a", "b"], [""]]
)
def test_headers_are_not_taken_for_values(row):
    assert not is_row_of_values(row)


def test_formulas_without_a_stored_value_and_hidden_rows_are_told(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Acct", "Balance"])
    for number in range(3):
        book.active.append([f"N{number}", f"=1+{number}" if number != 1 else 5])
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "tape.xlsx")
    said = intake.inspect(tmp_path / "tape.xlsx").warnings
    assert any("hidden rows" in warning for warning in said)
    assert any("no stored value" in warning and "rows 2, 4" in warning for warning in said)
    assert not any("=1" in warning for warning in said)


def test_a_workbook_that_changed_after_it_was_inspected_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "tape.xlsx"

    def save(cell: str) -> None:
        book = openpyxl.Workbook()
        book.active.append(["Acct No"])
        book.active.append([cell])
        book.save(path)

    def cells(info: intake.TapeInfo) -> list[str]:
        return [cell for chunk in intake.read_chunks(path, info) for cell in chunk.column("Acct No").to_pylist()]

    save("before")
    info = intake.inspect(path)
    assert (cells(info), cells(info)) == (["before"], ["before"])
    info = intake.inspect(path)
    save("after")
    assert cells(info) == ["after"]


def test_a_control_character_in_a_workbook_is_refused_by_row():
    raw = workbook([["Acct No", "Note"], ["007", "fine"], [8.0, "PLACE"], ["009", "PLACE"]])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheet = archive.read(SHEET).replace(b"PLACE", b"a_x001F_b")
    with pytest.raises(IntakeError) as caught:
        read(repacked(raw, {}, {SHEET: sheet}))
    assert (caught.value.code, caught.value.row) == ("control_character", 3)


_WESTERN = [
    "Inès Müller Weiß Çelik Öztürk Krüger München offen € 12,00",
    "José Núñez Peña García Ibáñez Muñoz Martínez",
    "João São Magalhães Conceição Simões Gonçalves",
    "François Hélène Chloé Noël Benoît Œuvre l’été",
    "Søren Åse Jørgensen Kjær Bjørn Næss Ødegård",
    "Guðrún Þór Sigurðsson Björn Jónsdóttir Árni Ýmir",
]
_ELSEWHERE = [
    ("cp1250", "Łukasz Wójcik Świątek Żółć Gdańsk Łódź Kraków Poznań Wąs"),
    ("cp1250", "Dvořák Černý Novák Růžička Němec Jiří Šťastný Kučera Beneš Plzeň"),
    ("cp1250", "Kőszegi Győr Erdős Nagy László Szűcs Fűrész István"),
    ("cp1251", "Иванов Пётр Москва Сидорова Улица Ленина"),
    ("cp1253", "Παπαδόπουλος Γιώργος Αθήνα Ελένη"),
    ("cp1254", "Yılmaz Şahin Öztürk Çelik Doğan İstanbul Güneş Kılıç"),
    ("cp932", "山田太郎 東京都 田中花子 大阪府 名古屋"),
    ("euc_kr", "김철수 이영희 서울특별시 부산광역시 박민수"),
]


@pytest.mark.parametrize(("encoding", "text"), [*(("cp1252", text) for text in _WESTERN), *_ELSEWHERE])
def test_names_of_every_language_are_read_in_the_encoding_that_they_were_written_in(encoding, text):
    rows = "\r\n".join(f"{number};{word}" for number, word in enumerate(text.split() * 3))
    info, cells, _ = read(f"Konto;Name\r\n{rows}\r\n".encode(encoding))
    assert cells["Name"] == text.split() * 3
    assert (info.encoding, info.encoding_guessed) == (encoding, True)
    assert info.words
    assert set(info.words) <= set(text.replace("’", " ").split())


def test_an_encoding_that_is_stated_is_taken_and_one_that_is_certain_is_no_question():
    tape = "Konto;Name\r\n1;Kovačić\r\n2;Inès\r\n"
    stated = intake.inspect(io.BytesIO(tape.replace("Inès", "Žagar").encode("cp1250")), encoding="cp1250")
    assert (stated.encoding, stated.encoding_guessed, stated.words) == ("cp1250", False, ("Kovačić", "Žagar"))
    certain = intake.inspect(io.BytesIO(tape.encode()))
    assert (certain.encoding, certain.encoding_guessed, certain.words) == ("utf-8", False, ())
    assert intake.inspect(io.BytesIO(tape.encode()), encoding="cp1250").encoding == "utf-8"
    with pytest.raises(IntakeError, match="not utf-8"):
        intake.inspect(io.BytesIO(tape.replace("č", "").replace("ć", "").encode("cp1252")), encoding="utf-8")
