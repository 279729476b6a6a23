"""Documents are what their facts make, sealed for both parties, and every change after it is found."""

import asyncio
import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
import typst
from asn1crypto import tsp
from asn1crypto.keys import PrivateKeyInfo
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.stamp import TextStampStyle
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.bidding.sale_terms import SaleTerms
from market.kit.actor import SYSTEM
from market.kit.errors import NotFound
from market.settlement import jobs, service
from market.settlement.agreement import TEMPLATE, render, state_facts
from market.settlement.documents import sealing
from market.settlement.documents.authority import SealUnusable, from_pkcs12, local
from market.settlement.documents.checking import check
from market.settlement.documents.rendering import FOLDER, canonical
from market.settlement.documents.sealing import Seal, TimeStampRefused
from market.settlement.service import DocumentKind
from tests import factories
from tests.settlement.test_agreement import DEAL, GOODS, SCHEDULE, SELLER
from tests.settlement.test_life import approve, prepare, public_key

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return local(tmp_path_factory.mktemp("authority"), NOW)


@pytest.fixture(scope="module")
def agreement():
    return render(state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms()))


def sealed_by(authority, base, *, tsa_url=None) -> bytes:
    seals = [
        Seal("Buyer", "Bea Büyer 田中", "Buyer LLC", f"against SHA-256 {base.sha256}", NOW),
        Seal("Seller", "Sal Seller", SELLER.name, f"against SHA-256 {base.sha256}", NOW),
    ]
    return sealing.seal(base.pdf, seals, authority, tsa_url=tsa_url, frames=sealing.SIGNATURE_PAGE)


@pytest.fixture(scope="module")
def sealed(authority, agreement):
    return sealed_by(authority, agreement)


def wrong(pdf, authority, **said) -> list[str]:
    return [each.words for each in check(pdf, authorities=[authority.certificate_pem], **said) if not each.holds]


def test_a_sealed_agreement_begins_with_the_agreement_and_everything_about_it_holds(authority, agreement, sealed):
    assert sealed.startswith(agreement.pdf)
    assert wrong(sealed, authority, sale_file_sha256="a" * 64) == []
    words = [each.words for each in check(sealed, authorities=[authority.certificate_pem])]
    assert "Buyer, Bea Büyer 田中: it covers the whole document" in words
    assert any("PAdES B-B" in each for each in words)


def test_a_document_travels_with_the_facts_that_make_it(agreement, sealed):
    found = check(sealed)
    assert found[0].holds
    assert agreement.sha256 in found[0].words


def test_another_sale_file_is_not_the_one_in_the_schedule(authority, sealed):
    assert wrong(sealed, authority, sale_file_sha256="f" * 64) == [
        f"the sale file is not the one (SHA-256 {'a' * 64}) that the account schedule names"
    ]


def test_an_unsealed_agreement_lacks_both_seals(authority, agreement):
    assert wrong(agreement.pdf, authority) == ["not sealed for: Buyer, Seller"]


def test_without_an_authority_nobody_vouches_for_the_seals(sealed):
    assert [each.words for each in check(sealed) if not each.holds] == [
        f"{who}: the seal's issuer is not known; name its certificate as authority"
        for who in ("Buyer, Bea Büyer 田中", "Seller, Sal Seller")
    ]


def test_anothers_authority_is_not_trusted(sealed, tmp_path):
    found = wrong(sealed, local(tmp_path, NOW))
    assert len(found) == 2
    assert all("not trusted" in each for each in found)


def test_a_changed_byte_is_found(authority, agreement, sealed):
    at = agreement.pdf.index(b"stream") + 40
    changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    assert wrong(changed, authority)


def test_what_is_stamped_over_a_sealed_page_is_found(authority, sealed):
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    style = TextStampStyle(stamp_text="paid in full", text_box_style=TextBoxStyle(), background=None)
    style.create_stamp(writer, None, {}).apply(0, 100, 400)
    out = BytesIO()
    writer.write(out)
    found = wrong(out.getvalue(), authority)
    assert any("something was changed after it" in each for each in found)


def test_bytes_after_the_last_seal_are_found(authority, sealed):
    assert wrong(sealed + b"\n% more", authority) == ["Seller, Sal Seller: something was changed after it"]


def test_a_seal_that_was_cut_off_is_missed(authority, sealed):
    ends = [at + 6 for at in range(len(sealed)) if sealed.startswith(b"%%EOF\n", at)]
    assert any("not sealed for: Seller" in each for each in wrong(sealed[: ends[-2]], authority))


def test_facts_of_another_deal_under_true_seals_are_found(authority, agreement):
    """The facts were exchanged before sealing: the seals hold, the document is not what its facts make."""
    other = agreement.pdf.replace(b"/Title", b"/Titel", 1)
    found = wrong(sealed_by(authority, type(agreement)(agreement.facts, other, agreement.sha256)), authority)
    assert any("it is not what its facts make" in each for each in found)


@pytest.mark.parametrize(
    "junk", [b"", b"%PDF-1.7\n", b"\x00" * 1000, b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\nstartxref\n9\n%%EOF"]
)
def test_what_is_no_document_is_said_to_be_none(authority, junk):
    (found,) = wrong(junk, authority)
    assert "cannot be read" in found or "no facts" in found


CLAUSES = [
    "Definitions", "Sale and assignment", "Price and commission", "Closing and escrow", "Deposit, forfeiture and second bidder",
    "Seller's representations", "Buyer's representations", "Covenants", "Put-Back", "Documents", "Payments after closing",
    "Audit and records", "Confidentiality and data security", "Indemnity", "Default", "Law", "Electronic signature",
]  # fmt: skip


def plain(body: dict) -> str:
    if "children" in body:
        return "".join(plain(child) for child in body["children"])
    return body.get("text") or {"smartquote": "'", "space": " "}[body["func"]]


def test_the_agreement_has_all_its_clauses():
    facts = state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())
    found = typst.query(str(FOLDER / f"{TEMPLATE}.typ"), "heading", sys_inputs={"facts": facts}, root=str(FOLDER))
    assert [plain(each["body"]) for each in json.loads(found)] == CLAUSES


@pytest.mark.parametrize("template", ["bill_of_sale_v1", "affidavit_v1"])
def test_a_deed_follows_from_its_facts_byte_for_byte(template):
    facts = json.loads(state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())) | {
        "template": template, "closed_at": "2026-11-22 10:00:00", "agreement_sha256": "e" * 64,
        "signatory": "Sal #Seller", "signed_at": "2026-11-20",
    }  # fmt: skip
    once = render(canonical(facts))
    render.cache_clear()
    assert render(canonical(facts)) == once
    assert render(canonical(facts | {"agreement_sha256": "0" * 64})).sha256 != once.sha256


@pytest.mark.parametrize("template", ["psa_v1", "psa_v2", "psa_v3"])
def test_earlier_versions_of_the_agreement_can_still_be_made(template):
    facts = json.loads(state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())) | {"template": template}
    assert render(canonical(facts)).pdf.startswith(b"%PDF-")


def test_the_fourth_version_says_what_the_third_said():
    """It is set on fewer pages; no word of a clause or an exhibit has changed."""

    def words(template):
        text = (FOLDER / f"{template}.typ").read_text()
        return text[text.index("= Definitions") : text.index('#exhibit("B")')]

    assert words("psa_v4") == words("psa_v3")


@pytest.mark.parametrize("deal", [DEAL, None])
def test_the_agreement_is_of_six_pages(deal):
    """Even where debtors live in every state, and as the specimen, whose blanks are longer than what fills them."""
    goods = replace(GOODS, states=[f"{letter}{other}" for letter in "ABCDE" for other in "FGHIJKLMNO"])
    pdf = render(state_facts(SELLER, goods, SCHEDULE, deal, sale_terms=SaleTerms())).pdf
    assert PdfFileReader(BytesIO(pdf)).root["/Pages"]["/Count"] == 6


def test_the_local_authority_is_made_once_and_kept_to_its_owner(tmp_path):
    once = local(tmp_path / "a", NOW).certificate_pem
    assert local(tmp_path / "a", NOW + timedelta(days=1)).certificate_pem == once
    seal = tmp_path / "a" / "seal.p12"
    assert seal.stat().st_mode & 0o777 == 0o600
    seal.chmod(0o644)
    with pytest.raises(SealUnusable, match="chmod 600"):
        local(tmp_path / "a", NOW)
    (tmp_path / "junk.p12").write_bytes(b"junk")
    with pytest.raises(SealUnusable):
        from_pkcs12(tmp_path / "junk.p12", None)


# Time-stamps: a real authority behind a real socket.


def _tsa_certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A time-stamp authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, certificate


@pytest.fixture(scope="module")
def tsa():
    key, certificate = _tsa_certificate()
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    stamper = DummyTimeStamper(
        Certificate.load(certificate.public_bytes(serialization.Encoding.DER)), PrivateKeyInfo.load(der)
    )

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Type"] != "application/timestamp-query" or self.path != "/tsa":
                self.send_response(400)
                self.end_headers()
                return
            answer = stamper.request_tsa_response(tsp.TimeStampReq.load(body)).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", certificate.public_bytes(serialization.Encoding.PEM)
    server.shutdown()
    server.server_close()


def test_with_an_authority_seals_bear_its_time(authority, agreement, tsa):
    url, certificate = tsa
    pdf = sealed_by(authority, agreement, tsa_url=f"{url}/tsa")
    found = check(pdf, authorities=[authority.certificate_pem, certificate])
    assert [each.words for each in found if not each.holds] == []
    assert sum("time-stamp of" in each.words and "holds" in each.words for each in found) == 2
    assert any("time-stamp of" in each for each in wrong(pdf, authority)), "its issuer is not trusted then"


def test_an_authority_that_refuses_or_is_gone_seals_nothing(authority, agreement, tsa):
    for url in (f"{tsa[0]}/elsewhere", "http://127.0.0.1:1/tsa"):
        with pytest.raises(TimeStampRefused):
            sealed_by(authority, agreement, tsa_url=url)


# The worker delivers them.


async def sealed_kinds(bank, settlement_id, actor=SYSTEM):
    async with bank.context.db.begin(actor) as tx:
        return [each.kind for each in await service.list_documents(tx, actor, settlement_id)]


async def seal_all(bank):
    while await jobs.seal_documents(bank.context):
        pass


async def test_the_worker_delivers_agreement_and_deeds_when_they_are_due(bank, tmp_path):
    context, buyer = bank.context, await factories.buyer(bank.context, bank.officers)
    pool_id = await factories.keyed_pool(context, bank.seller)
    auction = await factories.sold_auction(context, bank.seller, [buyer], hammer_cents=300_000, pool_id=pool_id)
    sale = await factories.settlement_in(context, "signing", auction)
    await factories.sign_agreement(context, bank.seller, sale.settlement_id)
    await seal_all(bank)
    assert await sealed_kinds(bank, sale.settlement_id) == []
    await factories.sign_agreement(context, buyer, sale.settlement_id, public_key(3))
    await seal_all(bank)
    assert await sealed_kinds(bank, sale.settlement_id) == ["agreement"]
    await bank.pay_in(buyer, sale.due_cents)
    await factories.settlement_in(context, "funded", auction)
    await prepare(context, bank.officers[0], sale.settlement_id)
    await approve(context, bank.operator, sale.settlement_id)
    await seal_all(bank)
    await seal_all(bank)
    for party in (bank.seller, buyer):
        assert await sealed_kinds(bank, sale.settlement_id, party.actor) == sorted(DocumentKind)
    with pytest.raises(NotFound):
        await sealed_kinds(bank, sale.settlement_id, bank.buyers[0].actor)

    by = service.authority(context.settings, context.clock.now())
    agreement = None
    for kind in DocumentKind:
        async with context.db.begin(buyer.actor) as tx:
            document, pdf = await service.find_document(tx, buyer.actor, sale.settlement_id, kind)
        agreement = agreement or (document, pdf)
        schedule = json.loads(document.facts)["schedule"]
        holds = await asyncio.to_thread(wrong, pdf, by, sale_file_sha256=schedule["sale_file_sha256"])
        assert holds == []
        assert hashlib.sha256(pdf).hexdigest() == document.sha256
    async with context.db.begin(buyer.actor) as tx:
        issued = await service.find_agreement(tx, buyer.actor, sale.settlement_id)
    assert agreement[1].startswith(issued.pdf)

    # Anybody checks it from the command line.
    (tmp_path / "psa.pdf").write_bytes(agreement[1])
    (tmp_path / "ca.pem").write_bytes(by.certificate_pem)
    (tmp_path / "sale").write_bytes(b"another file")
    command = [sys.executable, "-m", "market", "documents", "verify", "psa.pdf", "--authority", "ca.pem"]
    tree = [part for part in sys.path if part]

    def run(*more):
        env = {"PYTHONPATH": ":".join(tree), "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [*command, *more], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    alone = await asyncio.to_thread(
        subprocess.run, command[:-2], cwd=tmp_path, env={"PYTHONPATH": ":".join(tree)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (alone.returncode, alone.stderr) == (1, "")
    assert "WRONG" in alone.stdout
    good = await asyncio.to_thread(run)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "it covers the whole document" in good.stdout
    bad = await asyncio.to_thread(run, "--sale-file", "sale")
    assert bad.returncode == 1
    assert "WRONG     the sale file is not the one (SHA-256 " in bad.stdout


async def test_the_database_keeps_no_document_that_is_not_due_or_not_the_signed_one(bank):
    context, buyer = bank.context, await factories.buyer(bank.context, bank.officers)
    auction = await factories.sold_auction(context, bank.seller, [buyer], hammer_cents=300_000)
    sale = await factories.settlement_in(context, "signing", auction)
    await factories.sign_agreement(context, bank.seller, sale.settlement_id)

    async def keep(kind: str) -> None:
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(
                text(
                    "INSERT INTO sealed_document SELECT settlement_id, :kind, facts, sha256, encode(sha256('x'), 'hex'),"
                    " 'B-B', 'x', now() FROM agreement WHERE settlement_id = :id"
                ),
                {"kind": kind, "id": sale.settlement_id},
            )

    with pytest.raises(DBAPIError, match="not the agreement that both signed"):
        await keep("agreement")
    await factories.sign_agreement(context, buyer, sale.settlement_id, public_key(4))
    with pytest.raises(DBAPIError, match="not the agreement that both signed"):
        await keep("agreement")
    with pytest.raises(DBAPIError, match="the sale is not released"):
        await keep("bill_of_sale")
    await seal_all(bank)
