"""Every format of a statement is read to the cent, or refused naming the place."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.kit.money import exponent
from market.settlement.rules import StatementUnreadable, reference
from market.settlement.statement import MAX_BYTES, Notice, read_file, read_statements
from tests.settlement.wires import Wire, amount, entry

REF = reference("DEP", __import__("uuid").UUID(int=7))


def mt940(movements, *, opening=0, closing=None, currency="EUR", number="5/1", tell=":86:") -> bytes:
    def swift(cents: int) -> str:
        return f"{Decimal(abs(cents)).scaleb(-exponent(currency))}".replace(".", ",") + (
            "" if exponent(currency) else ","
        )

    def balance(tag: str, cents: int) -> str:
        return f":{tag}:{'C' if cents >= 0 else 'D'}261120{currency}{swift(cents)}"

    end = opening + sum(m[0] if m[1] else -m[0] for m in movements) if closing is None else closing
    lines = [":20:STMT", ":25:DE89370400440532013000", f":28C:{number}", balance("60F", opening)]
    for n, (cents, credit, texts) in enumerate(movements):
        lines += [f":61:2611201120{'C' if credit else 'D'}{swift(cents)}NTRFNONREF//B{n}", f"{tell}{texts}"]
    return "\r\n".join([*lines, balance("62F", end), "-", ""]).encode()


def bai2(movements, *, opening=0, closing=None, control=None, currency="USD", texts_in_88=False) -> bytes:
    end = opening + sum(m[0] if m[1] else -m[0] for m in movements) if closing is None else closing
    account = [f"03,975312468,{currency},010,{opening},,,015,{end},,/"]
    for n, (cents, credit, texts) in enumerate(movements):
        head = f"16,{'165' if credit else '475'},{cents},Z,B{n},C{n}"
        account += [f"{head}/", f"88,{texts}"] if texts_in_88 else [f"{head},{texts}"]
    total = opening + end + sum(m[0] for m in movements) if control is None else control
    account.append(f"49,{total},{len(account) + 1}/")
    group = ["02,031001234,122099999,1,261120,2359,,2/", *account]
    group.append(f"98,{total},1,{len(group) + 1}/")
    file = ["01,122099999,123456789,261121,0200,1,80,1,2/", *group]
    return "\n".join([*file, f"99,{total},1,{len(file) + 1}/"]).encode()


movements = st.lists(
    st.tuples(st.integers(1, 10**11), st.booleans(), st.from_regex(r"[A-Za-z0-9 ]{0,30}", fullmatch=True)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(
    movements,
    st.integers(-(10**9), 10**9),
    st.sampled_from([mt940, bai2]),
    st.sampled_from(["USD", "JPY", "KWD", "EUR"]),
)
def test_every_format_is_read_back_to_the_cent(moved, opening, write, currency):
    (found,) = read_statements(write(moved, opening=opening, currency=currency))
    assert [(line.amount_cents, line.credit) for line in found.lines] == [(m[0], m[1]) for m in moved]
    assert (found.opening_cents, found.currency) == (opening, currency)
    for line, (_, _, texts) in zip(found.lines, moved, strict=True):
        assert " ".join(texts.split()) in " ".join(line.texts.split())


@pytest.mark.parametrize("write", [mt940, bai2])
def test_a_statement_that_does_not_tie_out_is_refused_in_every_format(write):
    with pytest.raises(StatementUnreadable, match=r"does not tie out: .* make 0\.10 .* closes with 0\.11"):
        read_statements(write([(10, True, "x")], closing=11))


@pytest.mark.parametrize("write", [mt940, bai2])
def test_a_reference_is_found_in_every_format(write):
    (found,) = read_statements(write([(10, True, f"INVOICE {REF} THANKS")]))
    assert REF in found.lines[0].texts


def test_a_reference_that_the_bank_broke_at_the_line_end_is_found():
    text = f"?00CREDIT?20EREF+X?21SVWZ+{REF[:6]}?22{REF[6:]}?32BUYER LLC"
    (found,) = read_statements(mt940([(10, True, "166" + text)]))
    assert REF in found.lines[0].texts.split()
    assert "BUYER LLC" in found.lines[0].texts
    (unstructured,) = read_statements(mt940([(10, True, f"some text {REF[:8]}\r\n{REF[8:]}")]))
    assert REF in unstructured.lines[0].texts.split()


def test_marks_of_reversals_turn_the_direction():
    text = mt940([(10, True, "a"), (4, True, "b"), (3, True, "c")], closing=9).decode()
    text = text.replace("C0,04NTRF", "RC0,04NTRF").replace("C0,03NTRF", "RD0,03NTRF")
    (found,) = read_statements(text.encode())
    assert [(line.credit, line.reversal) for line in found.lines] == [(True, False), (False, True), (True, True)]


def test_a_booking_across_new_year_belongs_to_the_year_beside_it():
    text = mt940([(10, True, "a")]).decode().replace(":61:2611201120C", ":61:2612310102C")
    (found,) = read_statements(text.encode())
    assert str(found.lines[0].booked_on) == "2027-01-02"


@pytest.mark.parametrize(("dates", "booked_on"), [("2312310229", "2024-02-29"), ("2412310229", "2024-02-29")])
def test_a_booking_on_the_leap_day_is_of_a_year_that_has_one(dates, booked_on):
    (found,) = read_statements(mt940([(10, True, "a")]).decode().replace("2611201120", dates).encode())
    assert str(found.lines[0].booked_on) == booked_on


@pytest.mark.parametrize("write", [mt940, bai2])
def test_a_statement_with_nul_in_it_is_refused_unread(write):
    with pytest.raises(StatementUnreadable, match="NUL"):
        read_statements(write([(10, True, "a\0b")]))


def test_pages_of_one_statement_are_named_apart_and_tie_out_one_by_one():
    one = mt940([(10, True, "a")], number="5/1").replace(b":62F:", b":62M:")
    two = mt940([(5, True, "b")], opening=10, number="5/2").replace(b":60F:", b":60M:").replace(b"//B0", b"//B9")
    found = read_statements(one + two)
    assert [each.statement_ref for each in found] == ["5/1 261120", "5/2 261120"]
    assert [each.closing_cents for each in found] == [10, 15]


def test_an_envelope_around_a_message_does_not_matter():
    inner = mt940([(10, True, "a")])
    wrapped = b"{1:F01BANKDEFFAXXX0000000000}{2:I940BANKDEFFXXXXN}{4:\r\n" + inner.removesuffix(b"-\r\n") + b"-}"
    assert read_statements(wrapped) == read_statements(inner)


def test_texts_of_continuations_are_one_text_with_commas_and_slashes():
    plain = bai2([(10, True, "PAYMENT, 1/2, OF FEES")])
    continued = bai2([(10, True, "PAYMENT, 1/2, OF FEES")], texts_in_88=True)
    for content in (plain, continued):
        assert "PAYMENT, 1/2, OF FEES" in read_statements(content)[0].lines[0].texts
    two = plain.replace(b"OF FEES", b"OF\n88,FEES").replace(b"49,20,3", b"49,20,4").replace(b"98,20,1,5", b"98,20,1,6")
    two = two.replace(b"99,20,1,7", b"99,20,1,8")
    assert "PAYMENT, 1/2, OF FEES" in read_statements(two)[0].lines[0].texts


@pytest.mark.parametrize(
    ("funds", "more"), [("V", "261120,1200,"), ("S", "1,2,3,"), ("D", "2,0,4,1,6,"), ("0", ""), ("", "")]
)
def test_what_a_funds_type_brings_with_it_is_no_reference(funds, more):
    content = bai2([(10, True, "TEXT")]).replace(b"10,Z,B0,C0", f"10,{funds},{more}B0,C0".encode())
    (line,) = read_statements(content)[0].lines
    assert (line.entry_ref, line.texts) == ("B0", "C0 | TEXT")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b"49,", b"49,9"), r"line 5: the control total is 920"),
        ((b"49,20,3", b"49,20,4"), r"line 5: the counts are \['4'\], there are \[3\]"),
        ((b"98,20,1", b"98,20,2"), "line 6: the counts are"),
        ((b"99,20,1,7", b"99,20,1,8"), "line 7: the counts are"),
        ((b"16,165", b"16,999"), "line 4: type code '999' is neither"),
        ((b"16,165", "16,1²5".encode()), "line 4: type code '1²5' is neither"),
        ((b"16,165", "16,١٦٥".encode()), "line 4: type code '١٦٥' is neither"),
        ((b"16,165", b"16," + b"1" * 5_000), "line 4: type code '1111111111' is neither"),
        ((b"10,Z,B0", b"1O,D," + b"1" * 5_000), "line 4 has no amount"),
        ((b"10,Z,", "1O,D,²,".encode()), "line 4 has no amount"),
        ((b"16,165,10", b"16,165,1O"), "line 4 has no amount"),
        ((b"16,165", b"17,165"), "line 4 is no record"),
        ((b"010,0", b"011,0"), "has no opening"),
        ((b",USD,", b",XXX,"), "not in a currency"),
        ((b"98,20", b"16,20"), "line 6: a record 16 has no place"),
        ((b"\n99,", b"\n98,"), "end with a record 99"),
    ],
)
def test_a_damaged_bai2_file_is_refused_naming_the_line(change, words):
    content = bai2([(10, True, "x")])
    assert change[0] in content
    with pytest.raises(StatementUnreadable, match=words):
        read_statements(content.replace(*change, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b":60F:", b":60X:"), "needs exactly one field :60F:"),
        ((b":62F:C261120EUR", b":62F:C261120USD"), "opens in EUR and closes in USD"),
        ((b":61:261120", b":61:261340"), "statement 1, entry 1 has no readable date"),
        ((b"C0,10NTRF", b"X0,10NTRF"), "statement 1, entry 1 is no statement line"),
        ((b"C0,10NTRF", b"C0,NTRF"), "entry 1 is of no amount"),
        ((b"EUR0,10", b"EUR0,101"), "no amount in whole minor units"),
        ((b":28C:5/1", b":28C:"), "needs exactly one field :28C:"),
        ((b":61:2611201120", b":61:2606300229"), "statement 1, entry 1 has no readable date"),
    ],
)
def test_a_damaged_mt940_message_is_refused_naming_the_place(change, words):
    content = mt940([(10, True, "x")])
    assert change[0] in content
    with pytest.raises(StatementUnreadable, match=words):
        read_statements(content.replace(*change, 1))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), st.sampled_from([mt940, bai2]))
def test_damage_of_any_kind_is_refused_or_leaves_the_money_as_it_was(junk, at, write):
    whole = write([(1234, True, "first"), (99, False, "second")], opening=5000)
    try:
        found = read_statements(whole[:at] + junk + whole[at + len(junk) :])
    except StatementUnreadable:
        return
    for each in found:
        moved = sum(line.amount_cents if line.credit else -line.amount_cents for line in each.lines)
        assert each.opening_cents + moved == each.closing_cents


def notice(*parts: int, total: int | None = None, ref: str = "BATCH-1", root: str = "") -> bytes:
    details = "".join(
        f'<TxDtls><Refs><EndToEndId>{REF}</EndToEndId></Refs><Amt Ccy="USD">{amount(part, "USD")}</Amt></TxDtls>'
        for part in parts
    )
    whole = entry(Wire(sum(parts) if total is None else total, ref=ref), "USD")
    whole = whole[: whole.index("<NtryDtls>")] + f"<NtryDtls>{details}</NtryDtls></Ntry>"
    return f"""<?xml version="1.0"?>{root}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08">
    <BkToCstmrDbtCdtNtfctn><Ntfctn><Id>N-1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>{whole}</Ntfctn>
    </BkToCstmrDbtCdtNtfctn></Document>""".encode()


def test_a_notice_tells_the_parts_of_a_batch():
    (found,) = read_file(notice(300, 700))
    assert isinstance(found, Notice)
    assert (found.entry_ref, found.amount_cents, found.currency) == ("BATCH-1", 1000, "USD")
    assert [(part.amount_cents, part.texts) for part in found.parts] == [(300, REF), (700, REF)]
    with pytest.raises(StatementUnreadable, match="no statements"):
        read_statements(notice(300, 700))


def test_a_notice_with_entities_is_refused_unread():
    with pytest.raises(StatementUnreadable, match="DTD or entities"):
        read_file(notice(1, root='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x00\xff" * 50, b"<html/>", b"01,\n", b":20:"])
def test_what_is_no_statement_is_refused(content):
    with pytest.raises(StatementUnreadable):
        read_file(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n<Document/>\r\n--x--', "multipart form"),
        (b"date,amount\n2026-01-01,5", "none of the formats"),
    ],
)
def test_who_sends_no_statement_is_told_which_formats_are_taken(content, words):
    with pytest.raises(StatementUnreadable, match=words) as refusal:
        read_file(content)
    assert "camt.053 or camt.054 (XML), MT940 or BAI2" in refusal.value.detail


def test_the_line_where_xml_breaks_off_is_named():
    with pytest.raises(StatementUnreadable, match="line 3: the file is not well-formed XML"):
        read_file(b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">\n<b>\n</Document>')


def test_a_file_that_is_too_large_is_refused_unread():
    with pytest.raises(StatementUnreadable, match="larger than"):
        read_file(b" " * (MAX_BYTES + 1))
