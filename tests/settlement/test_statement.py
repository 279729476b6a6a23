import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.kit.money import MAX_CENTS
from market.settlement.rules import StatementUnreadable
from market.settlement.statement import MAX_BYTES, digest, read_statements
from tests.settlement.wires import FBO_IBAN, Wire, balance, entry, statement

amounts = st.integers(1, 10**12)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(amounts, st.booleans(), st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40)),
        max_size=20,
    ),
    st.integers(-(10**12), 10**12),
    st.sampled_from(["USD", "JPY", "KWD", "EUR"]),
    st.sampled_from(["02", "04", "08", "13"]),
)
def test_what_a_bank_writes_is_read_back_to_the_cent(movements, opening, currency, version):
    wires = [Wire(cents, texts, credit=credit) for cents, credit, texts in movements]
    (found,) = read_statements(statement(wires, opening_cents=opening, currency=currency, version=version))
    assert [(line.amount_cents, line.credit) for line in found.lines] == [(w.amount_cents, w.credit) for w in wires]
    assert (found.opening_cents, found.currency, found.bank_account) == (opening, currency, FBO_IBAN)
    moved = sum(w.amount_cents if w.credit else -w.amount_cents for w in wires)
    assert found.closing_cents == opening + moved


@settings(max_examples=60, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=8), st.integers(-(10**6), 10**6).filter(bool))
def test_a_statement_that_does_not_tie_out_is_refused(cents, off):
    wires = [Wire(each) for each in cents]
    with pytest.raises(StatementUnreadable, match="does not tie out"):
        read_statements(statement(wires, closing_cents=sum(cents) + off))


def test_entries_that_are_not_booked_are_left_out():
    (found,) = read_statements(statement([Wire(5), Wire(7, status="PDNG"), Wire(9, status="INFO")]))
    assert [line.amount_cents for line in found.lines] == [5]


def test_a_reversal_is_marked_as_one():
    (found,) = read_statements(statement([Wire(5), Wire(5, credit=False, reversal=True)]))
    assert [line.reversal for line in found.lines] == [False, True]


def batch(total: str, *parts: str) -> bytes:
    details = "".join(
        f'<TxDtls><Refs><EndToEndId>PART-{n}</EndToEndId></Refs><Amt Ccy="USD">{part}</Amt></TxDtls>'
        for n, part in enumerate(parts)
    )
    entries = f"""<Ntry><Amt Ccy="USD">{total}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
        <AcctSvcrRef>B1</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"""
    return statement([], entries=entries, closing_cents=int(total.replace(".", "")))


def test_a_batch_that_ties_out_becomes_its_parts_and_one_that_does_not_stays_whole_and_nameless():
    (found,) = read_statements(batch("10.00", "4.00", "6.00"))
    assert [(line.entry_ref, line.amount_cents, line.texts) for line in found.lines] == [
        ("B1#1", 400, "PART-0"),
        ("B1#2", 600, "PART-1"),
    ]
    for parts in (("4.00", "5.00"), ("10.00", "0.00")):
        (found,) = read_statements(batch("10.00", *parts))
        assert [(line.entry_ref, line.amount_cents, line.texts) for line in found.lines] == [("B1", 1000, "")]


DTD = '<!DOCTYPE d [<!ENTITY x "y">]>'
LAUGHS = "<!DOCTYPE d [" + '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
) + "]>"  # fmt: skip
XXE = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
REMOTE = '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">'


@pytest.mark.parametrize("prologue", [DTD, LAUGHS, XXE, REMOTE], ids=["dtd", "laughs", "file", "remote"])
def test_a_file_with_a_dtd_or_entities_is_refused_unread(prologue):
    xml = statement([Wire(5)], prologue=prologue)
    with pytest.raises(StatementUnreadable, match="DTD or entities"):
        read_statements(xml)
    with pytest.raises(StatementUnreadable, match="DTD or entities"):
        read_statements(xml.replace(b"NOTPROVIDED", b"&i;" if prologue is LAUGHS else b"&x;"))


GOOD = statement([Wire(500)])


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", "body is empty"),
        (b"\x00\xff", "none of the formats"),
        (b"<Document/>", "not a camt.053"),
        (GOOD[:-20], "well-formed"),
        (GOOD.replace(b"camt.053", b"camt.054"), "1 to 100 statements"),
        (GOOD.replace(b'encoding="UTF-8"', b'encoding="klingon"'), "well-formed"),
        (GOOD.replace(b">5.00<", b">5.001<"), "whole minor units"),
        (GOOD.replace(b">5.00<", b">-5.00<"), "whole minor units"),
        (GOOD.replace(b">5.00<", b">5e2<"), "whole minor units"),
        (GOOD.replace(b">5.00<", b">NaN<"), "whole minor units"),
        (GOOD.replace(b">5.00<", "<٥.٠٠<".replace("<", ">", 1).encode()), "whole minor units"),
        (GOOD.replace(b">5.00<", f">{MAX_CENTS}<".encode()), "whole minor units"),
        (GOOD.replace(b'Ccy="USD">5.00', b'Ccy="EUR">5.00'), "EUR|not in USD"),
        (GOOD.replace(b"USD", b"XXX"), "currency traded here"),
        (GOOD.replace(b"OPBD", b"ITAV"), "no balance"),
        (GOOD.replace(b"CLBD", b"CLAV"), "no balance"),
        (GOOD.replace(b">CRDT<", b">BOTH<"), "neither credit nor debit"),
        (GOOD.replace(b"AcctSvcrRef", b"Elsewhere"), "no reference"),
        (GOOD.replace(FBO_IBAN.encode(), b""), "lacks its id"),
        (GOOD.replace(b"2026-11-20</Dt></BookgDt>", b"yesterday</Dt></BookgDt>"), "booking date"),
        (statement([Wire(5, ref="A"), Wire(6, ref="A")]), "same reference"),
        (statement([Wire(0)]), "no amount"),
        (GOOD.replace(b"<Stmt>", b"<Rpt>").replace(b"</Stmt>", b"</Rpt>"), "1 to 100 statements"),
        (b"x" * (MAX_BYTES + 1), "larger"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_its_reason(xml, why):
    with pytest.raises(StatementUnreadable, match=why) as refusal:
        read_statements(xml)
    assert refusal.value.status == 422


def test_of_a_document_with_one_bad_statement_none_is_read():
    good = balance("OPBD", 0, "USD") + balance("CLBD", 5, "USD") + entry(Wire(5), "USD")
    bad = balance("OPBD", 0, "USD") + balance("CLBD", 6, "USD") + entry(Wire(5), "USD")
    two = "</Stmt><Stmt><Id>S2</Id><Acct><Id><IBAN>DE1</IBAN></Id></Acct>" + bad
    with pytest.raises(StatementUnreadable, match="statement 2 does not tie out"):
        read_statements(statement([], entries="", ref="S1").replace(b"</Stmt>", (two + "</Stmt>").encode()))
    assert good


def test_a_deep_document_is_read_or_refused_but_breaks_nothing():
    deep = statement([Wire(5)]).replace(b"NOTPROVIDED", b"<a>" * 20_000 + b"</a>" * 20_000)
    (found,) = read_statements(deep)
    assert found.lines[0].amount_cents == 5


def test_the_digest_is_of_the_file_as_received():
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
