"""Files for the bank: laid out as published, the same every time, and no payout in two of them."""

import asyncio
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from market.kit.errors import Forbidden, Malformed
from market.parties import service as parties
from market.settlement import moves, service
from market.settlement.calendar import next_business_day
from market.settlement.rails import nacha, pain001
from market.settlement.rails.orders import Batch, Order, Originator
from market.settlement.rails.providers import BankFiles, Format
from market.settlement.rules import PayoutState
from market.settlement.service.bankfiles import NoEscrowAccount, NothingToPay
from tests import factories
from tests.compliance.test_keeping import as_owner
from tests.settlement.books import balance, books_hold
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.wires import Wire

SEPA = Originator("Escrow & Co. GmbH", iban="DE89370400440532013000", bic="COBADEFFXXX")
ACH = Originator(
    "Escrow Co", bank_name="First Bank", routing_number="091000019", account_number="123456789", company_id="1234567890"
)
BATCH = Batch("DM261122-0123456789AB", "USD", datetime(2026, 11, 22, 10, 5, tzinfo=UTC), date(2026, 11, 24))


def order(cents: int, *, number: str = "DE89370400440532013000", name: str = "Seller & Söhne <1>", n: int = 1) -> Order:
    scheme = "ach" if " " in number else "iban"
    return Order(UUID(int=n), f"PAYOUT-ABCDEFGH{n:02d}-11", cents, name, scheme, number)


# pain.001: against the parts of the schema pain.001.001.09 that are used, in its order and with its patterns.

_XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"
  xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09" targetNamespace="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
 <xs:element name="Document"><xs:complexType><xs:sequence><xs:element name="CstmrCdtTrfInitn"><xs:complexType><xs:sequence>
  <xs:element name="GrpHdr"><xs:complexType><xs:sequence>
   <xs:element name="MsgId" type="Max35Text"/><xs:element name="CreDtTm" type="xs:dateTime"/>
   <xs:element name="NbOfTxs" type="Num"/><xs:element name="CtrlSum" type="xs:decimal"/>
   <xs:element name="InitgPty" type="Party"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="PmtInf" maxOccurs="unbounded"><xs:complexType><xs:sequence>
   <xs:element name="PmtInfId" type="Max35Text"/><xs:element name="PmtMtd" fixed="TRF"/><xs:element name="BtchBookg" type="xs:boolean"/>
   <xs:element name="NbOfTxs" type="Num"/><xs:element name="CtrlSum" type="xs:decimal"/>
   <xs:element name="PmtTpInf" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="SvcLvl"><xs:complexType><xs:sequence>
     <xs:element name="Cd" type="Max35Text"/></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
   <xs:element name="ReqdExctnDt"><xs:complexType><xs:choice><xs:element name="Dt" type="xs:date"/></xs:choice></xs:complexType></xs:element>
   <xs:element name="Dbtr" type="Party"/><xs:element name="DbtrAcct"><xs:complexType><xs:sequence>
     <xs:element name="Id" type="Acct"/><xs:element name="Ccy" type="Ccy"/></xs:sequence></xs:complexType></xs:element>
   <xs:element name="DbtrAgt"><xs:complexType><xs:sequence><xs:element name="FinInstnId"><xs:complexType><xs:choice>
     <xs:element name="BICFI" type="BIC"/><xs:element name="Othr"><xs:complexType><xs:sequence><xs:element name="Id" type="Max35Text"/>
     </xs:sequence></xs:complexType></xs:element></xs:choice></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
   <xs:element name="ChrgBr"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="DEBT"/><xs:enumeration value="CRED"/>
     <xs:enumeration value="SHAR"/><xs:enumeration value="SLEV"/></xs:restriction></xs:simpleType></xs:element>
   <xs:element name="CdtTrfTxInf" maxOccurs="unbounded"><xs:complexType><xs:sequence>
    <xs:element name="PmtId"><xs:complexType><xs:sequence><xs:element name="InstrId" type="Max35Text"/>
      <xs:element name="EndToEndId" type="Max35Text"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="Amt"><xs:complexType><xs:choice><xs:element name="InstdAmt"><xs:complexType><xs:simpleContent>
      <xs:extension base="Amount"><xs:attribute name="Ccy" type="Ccy" use="required"/></xs:extension></xs:simpleContent>
      </xs:complexType></xs:element></xs:choice></xs:complexType></xs:element>
    <xs:element name="Cdtr" type="Party"/><xs:element name="CdtrAcct"><xs:complexType><xs:sequence><xs:element name="Id" type="Acct"/>
      </xs:sequence></xs:complexType></xs:element>
    <xs:element name="RmtInf"><xs:complexType><xs:sequence><xs:element name="Ustrd" type="Max140Text"/></xs:sequence></xs:complexType></xs:element>
   </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
 </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
 <xs:complexType name="Party"><xs:sequence><xs:element name="Nm" type="Max140Text"/></xs:sequence></xs:complexType>
 <xs:complexType name="Acct"><xs:choice><xs:element name="IBAN"><xs:simpleType><xs:restriction base="xs:string">
   <xs:pattern value="[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}"/></xs:restriction></xs:simpleType></xs:element></xs:choice></xs:complexType>
 <xs:simpleType name="Max35Text"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="35"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="Max140Text"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="140"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="Num"><xs:restriction base="xs:string"><xs:pattern value="[0-9]{1,15}"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="Ccy"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{3,3}"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="BIC"><xs:restriction base="xs:string">
   <xs:pattern value="[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="Amount"><xs:restriction base="xs:decimal"><xs:fractionDigits value="5"/><xs:totalDigits value="18"/>
   <xs:minInclusive value="0"/></xs:restriction></xs:simpleType>
</xs:schema>"""
_SCHEMA = etree.XMLSchema(etree.fromstring(_XSD))
_NS = {"p": pain001.NAMESPACE}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**12), st.text(max_size=90)), min_size=1, max_size=6),
    st.sampled_from(["EUR", "JPY", "KWD", "USD"]),
)
def test_a_pain_file_keeps_to_the_schema_and_adds_up(amounts, currency):
    orders = [order(cents, name=name, n=n) for n, (cents, name) in enumerate(amounts, 1)]
    content = pain001.write(orders, SEPA, replace(BATCH, currency=currency))
    _SCHEMA.assertValid(etree.fromstring(content))
    root = ET.fromstring(content)
    paid = [each.text for each in root.findall(".//p:InstdAmt", _NS)]
    digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
    assert [round(float(each) * 10**digits) if digits else int(each) for each in paid] == [
        o.amount_cents for o in orders
    ]
    sums = {each.text for each in root.findall(".//p:CtrlSum", _NS)}
    assert sums == {pain001._amount(sum(o.amount_cents for o in orders), currency)}
    assert {each.text for each in root.findall(".//p:NbOfTxs", _NS)} == {str(len(orders))}
    assert [each.text for each in root.findall(".//p:EndToEndId", _NS)] == [o.reference for o in orders]


def test_a_pain_file_in_euro_asks_for_sepa_and_writes_names_in_its_letters():
    content = pain001.write([order(12345)], SEPA, replace(BATCH, currency="EUR")).decode()
    assert "<SvcLvl><Cd>SEPA</Cd></SvcLvl>" in content
    assert "<ChrgBr>SLEV</ChrgBr>" in content
    assert "<Nm>Seller + Sohne 1</Nm>" in content
    assert '<InstdAmt Ccy="EUR">123.45</InstdAmt>' in content


# NACHA: field by field, as the rules lay them out.


def records(content: bytes) -> list[str]:
    lines = content.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    return lines


accounts = st.tuples(st.sampled_from(["091000019", "021000021", "111000025"]), st.integers(1000, 10**16))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**9), accounts, st.text(max_size=40)), min_size=1, max_size=30))
def test_a_nacha_file_is_laid_out_as_published_and_its_totals_are_right(amounts):
    orders = [
        order(cents, number=f"{routing} {account}", name=name or "X", n=n)
        for n, (cents, (routing, account), name) in enumerate(amounts, 1)
    ]
    lines = records(nacha.write(orders, ACH, BATCH))
    assert all(len(line) == 94 for line in lines)
    assert len(lines) % 10 == 0
    header, batch_header = lines[0], lines[1]
    assert (header[:3], header[3:13], header[34:37], header[37:39], header[39]) == (
        "101",
        " 091000019",
        "094",
        "10",
        "1",
    )
    assert (batch_header[0], batch_header[1:4], batch_header[50:53]) == ("5", "220", "CCD")
    assert batch_header[69:75] == "261124"
    body = lines[2 : 2 + 2 * len(orders)]
    for n, each in enumerate(orders):
        entry, addenda = body[2 * n], body[2 * n + 1]
        routing, account = each.number.split(" ")
        assert entry[:3] == "622"
        assert entry[3:12] == routing
        assert entry[12:29].rstrip() == account
        assert int(entry[29:39]) == each.amount_cents
        assert entry[78] == "1"
        assert entry[79:94] == f"09100001{n + 1:07d}"
        assert addenda[:3] == "705"
        assert addenda[3:83].rstrip() == each.reference
        assert (addenda[83:87], addenda[87:94]) == ("0001", f"{n + 1:07d}")
    control, file_control = lines[2 + 2 * len(orders)], lines[3 + 2 * len(orders)]
    entry_hash = str(sum(int(line[3:11]) for line in body if line[0] == "6"))[-10:].zfill(10)
    total = sum(o.amount_cents for o in orders)
    assert (control[0], control[1:4], int(control[4:10])) == ("8", "220", 2 * len(orders))
    assert (control[10:20], int(control[20:32]), int(control[32:44])) == (entry_hash, 0, total)
    assert (control[79:87], control[87:94]) == ("09100001", "0000001")
    assert (file_control[0], int(file_control[1:7]), int(file_control[7:13])) == ("9", 1, len(lines) // 10)
    assert (int(file_control[13:21]), file_control[21:31], int(file_control[43:55])) == (
        2 * len(orders),
        entry_hash,
        total,
    )
    assert all(line == "9" * 94 for line in lines[4 + 2 * len(orders) :])


def test_what_nacha_cannot_pay_is_refused():
    files, big = BankFiles(Format.NACHA, ACH), order(nacha.MAX_AMOUNT_CENTS + 1, number="091000019 1234")
    with pytest.raises(Malformed, match="wire"):
        files.order([big], BATCH)
    with pytest.raises(Malformed, match="USD"):
        files.order([order(5, number="091000019 1234")], replace(BATCH, currency="EUR"))


@pytest.mark.parametrize(
    ("format_", "by", "number"),
    [(Format.PAIN_001, SEPA, "DE89370400440532013000"), (Format.NACHA, ACH, "091000019 1234")],
)
def test_the_same_orders_make_the_same_file_and_others_another(format_, by, number):
    files = BankFiles(format_, by)
    once = files.order([order(5, number=number)], BATCH)
    assert files.order([order(5, number=number)], BATCH) == once
    assert files.order([order(6, number=number)], BATCH).sha256 != once.sha256
    assert "1234" not in repr(once)


# On the real database.


def escrow_settings(bank):
    given = replace(
        bank.context.settings, escrow_holder="Escrow Co", escrow_iban=SEPA.iban, escrow_bic=SEPA.bic,
        escrow_bank_name="First Bank", escrow_routing_number="091000019", escrow_account_number="1234",
        ach_company_id="1234567890",
    )  # fmt: skip
    return replace(bank.context, settings=given)


async def withdrawal(bank, party, cents):
    await bank.pay_in(party, cents)
    async with bank.context.db.begin(party.actor) as tx:
        return await service.withdraw(tx, party.actor, "USD", cents, uuid4().hex, now=bank.context.clock.now())


async def to_us_account(bank, party):
    async with bank.context.db.begin(party.actor) as tx:
        organisation = await parties.find_organisation(tx, party.org_id)
        await service.put_bank_account(
            tx, party.actor,
            service.BankDetails(organisation.name, routing_number="091000019", account_number="123456789"),
            now=bank.context.clock.now(), chance=bank.context.chance, vault=bank.context.vault,
        )  # fmt: skip


def a_day(bank) -> date:
    return next_business_day(bank.context.clock.now().date(), "USD")


async def make(bank, format_, ids=None, *, by=None, day=None):
    context, actor = escrow_settings(bank), (by or bank.cashier).actor
    asked = service.FileOrder(format_, "USD", day or a_day(bank), ids)
    async with context.db.begin(actor) as tx:
        return await service.make_bank_file(
            tx, actor, asked, service.originator_of(context.settings, format_),
            now=context.clock.now(), chance=context.chance, vault=context.vault,
        )  # fmt: skip


async def test_a_file_marks_its_payouts_as_sent_and_the_statement_confirms_them(bank):
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payouts = [await withdrawal(bank, party, cents) for cents in (1_234, 5_678)]
    ids = tuple(each.payout_id for each in payouts)
    file, made = await make(bank, Format.NACHA, ids)
    assert (file.payout_count, file.total_cents) == (2, 6_912)
    assert all(each.reference.encode() in made.content for each in payouts)
    for again in (ids, ids[:1]):
        with pytest.raises(Malformed, match="not ordered"):
            await make(bank, Format.NACHA, again)
    async with bank.context.db.begin(bank.operator.actor) as tx:
        _, same = await service.remake_bank_file(tx, bank.operator.actor, file.bank_file_id, vault=bank.context.vault)
    assert same == made
    await factories.import_wires(
        bank.context, bank.operator, *(Wire(p.amount_cents, p.reference, credit=False) for p in payouts)
    )
    assert (await balance(bank.context, moves.cash(party.org_id)))[0] == 0
    assert await books_hold(bank.context)


async def test_a_payee_who_was_erased_by_rule_is_listed_without_a_number_and_its_file_is_refused(bank, doors):  # noqa: F811
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 2_345)
    file, _ = await make(bank, Format.NACHA, (payout.payout_id,))
    await as_owner(
        bank.urls,
        "ALTER TABLE bank_account DISABLE TRIGGER USER",
        "UPDATE bank_account SET holder_name = 'erased by rule', last_four = '0000', sealed_number = NULL"
        f" WHERE org_id = '{party.org_id}'",
        "ALTER TABLE bank_account ENABLE TRIGGER USER",
    )
    operator = await doors.as_(bank.operator)
    listed = await operator.get("/v1/payouts?state=sent&limit=200")
    assert listed.status_code == 200, listed.text
    (found,) = [each for each in listed.json()["items"] if each["payout_id"] == str(payout.payout_id)]
    assert (found["holder_name"], found["account_number"]) == ("erased by rule", None)
    said = problem(await operator.get(f"/v1/bank-files/{file.bank_file_id}/content"), 410, "payee-erased")
    assert payout.reference in said["detail"]


async def test_a_format_takes_the_payouts_that_it_can_pay(bank):
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 99)
    with pytest.raises(Malformed, match="cannot pay"):
        await make(bank, Format.PAIN_001, (payout.payout_id,))
    file, _ = await make(bank, Format.NACHA)
    assert file.payout_count >= 1
    with pytest.raises(NothingToPay):
        await make(bank, Format.NACHA)


async def test_a_file_that_is_refused_sends_nothing(bank):
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 77)
    saturday = a_day(bank)
    while saturday.weekday() != 5:
        saturday += timedelta(days=1)
    for day in (saturday, a_day(bank) + timedelta(days=60), date(2020, 1, 2)):
        with pytest.raises(Malformed, match=re.compile("day")):
            await make(bank, Format.NACHA, (payout.payout_id,), day=day)
    with pytest.raises(Forbidden):
        await make(bank, Format.NACHA, (payout.payout_id,), by=party)
    with pytest.raises(NoEscrowAccount, match="MARKET_ESCROW_HOLDER"):
        service.originator_of(bank.context.settings, Format.NACHA)
    async with bank.context.db.begin(bank.cashier.actor) as tx:
        found = await service.send_payout(tx, bank.cashier.actor, payout.payout_id, now=bank.context.clock.now())
    assert found.state is PayoutState.SENT, "it was still ordered until now"


async def test_an_operator_makes_and_takes_a_file_through_the_doors(bank, doors):  # noqa: F811
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 4_444)
    plain = await doors.as_(bank.cashier)
    said = {"format": "nacha", "currency": "USD", "execute_on": f"{a_day(bank)}", "payout_ids": [str(payout.payout_id)]}
    problem(await plain.post("/v1/bank-files", json=said), 409, "no-escrow-account")
    there = type(doors)(replace(bank, context=escrow_settings(bank)))
    operator, stranger = await there.as_(bank.cashier), await there.as_(party)
    problem(await stranger.post("/v1/bank-files", json=said), 403, "forbidden")
    made = await operator.post("/v1/bank-files", json=said)
    assert made.status_code == 201, made.text
    assert made.json() in (await operator.get("/v1/bank-files")).json()["items"]
    door = f"/v1/bank-files/{made.json()['bank_file_id']}/content"
    file = await operator.get(door)
    assert file.headers["etag"] == f'"{made.json()["sha256"]}"'
    assert payout.reference.encode() in file.content
    assert (await operator.get(door)).content == file.content
    problem(await stranger.get(door), 403, "forbidden")
    problem(await operator.post("/v1/bank-files", json=said), 422, "malformed")
    for client in there.open:
        await client.aclose()


async def test_people_see_where_to_pay_once_the_settings_say_it(bank, doors):  # noqa: F811
    party = bank.buyers[0]
    before = (await (await doors.as_(party)).get("/v1/bank-account")).json()
    assert before["pay_to"] is None
    there = type(doors)(replace(bank, context=escrow_settings(bank)))
    client = await there.as_(party)
    pay_to = (await client.get("/v1/bank-account")).json()["pay_to"]
    assert (pay_to["holder"], pay_to["iban"], pay_to["routing_number"]) == ("Escrow Co", SEPA.iban, "091000019")
    await client.aclose()


async def test_an_operator_makes_and_remakes_a_file_from_the_command_line(bank, tmp_path):
    party = await factories.buyer(bank.context, bank.officers)
    await to_us_account(bank, party)
    payout = await withdrawal(bank, party, 3_210)
    env = os.environ | {
        "MARKET_DATABASE_URL": bank.urls.app, "MARKET_OFFICER_DATABASE_URL": bank.urls.officer,
        "MARKET_DATA_DIR": str(bank.context.settings.data_dir), "MARKET_ESCROW_HOLDER": "Escrow Co",
        "MARKET_ESCROW_BANK_NAME": "First Bank", "MARKET_ESCROW_ROUTING_NUMBER": "091000019",
        "MARKET_ESCROW_ACCOUNT_NUMBER": "1234", "MARKET_ACH_COMPANY_ID": "1234567890",
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }  # fmt: skip

    async def run(*words):
        command = [sys.executable, "-m", "market", *words]
        return await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False
        )

    send = ("payouts", "send", "--format", "nacha", "--currency", "USD", "--execute-on", f"{a_day(bank)}")
    by = ("--operator", f"{bank.cashier.actor.user_id}")
    made = await run(*send, *by, "--out", "pay.ach")
    assert made.returncode == 0, made.stderr
    content = (tmp_path / "pay.ach").read_bytes()
    assert payout.reference.encode() in content
    assert (tmp_path / "pay.ach").stat().st_mode & 0o777 == 0o600
    nothing = await run(*send, *by, "--out", "more.ach")
    assert (nothing.returncode, (tmp_path / "more.ach").exists()) == (1, False)
    again = await run("payouts", "again", made.stdout.split()[0], "--out", "again.ach")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.ach").read_bytes() == content
    exported = await run("ledger", "export", "--out", "books.journal")
    assert exported.returncode == 0, exported.stderr
    assert f"payout:{payout.payout_id}" not in (tmp_path / "books.journal").read_text(), "reserved, not posted yet"
    assert "assets:bank:fbo" in (tmp_path / "books.journal").read_text()
