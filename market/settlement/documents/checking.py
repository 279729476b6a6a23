"""Checking a delivered document offline: is it what its facts make, who sealed it, does it tie to the sale file?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from market.settlement.documents.rendering import render

MAX_BYTES = 20_000_000
_MAX_FACTS_BYTES = 200_000
_FIELDS = {
    "psa": {"Seller", "Buyer"}, "psa_flow": {"Seller", "Buyer"}, "bill_of_sale": {"Seller"},
    "bill_of_sale_flow": {"Seller"}, "affidavit": {"Platform"}, "receipt": {"Platform"},
    "forward_flow": {"Seller", "Buyer"},
}  # fmt: skip
"""Who must have sealed what, by the template's name without its version."""


@dataclass(frozen=True, slots=True)
class Finding:
    holds: bool
    words: str


def check(pdf: bytes, *, authorities: Sequence[bytes] = (), sale_file_sha256: str | None = None) -> list[Finding]:
    """What was looked at, in order; the document is sound if every finding holds.

    `authorities` are PEM certificates that are trusted to vouch for seals and time-stamps; without any, no seal's issuer is
    known, which does not hold. `sale_file_sha256` is the digest of the sale file as delivered.
    """
    if len(pdf) > MAX_BYTES:
        return [Finding(False, f"the file is larger than {MAX_BYTES} bytes")]
    try:
        return list(_findings(pdf, authorities, sale_file_sha256))
    except Exception as error:  # noqa: BLE001 - a hostile PDF may make its reader fail in any way
        return [Finding(False, f"the file cannot be read as a document of this marketplace ({type(error).__name__})")]


def facts_of(pdf: bytes) -> dict[str, Any] | None:
    """The facts that travel with a document, unchecked; None if it has none."""
    text = _attached_facts(PdfFileReader(BytesIO(pdf)))
    return json.loads(text) if text else None


def _findings(pdf: bytes, authorities: Sequence[bytes], sale_file_sha256: str | None) -> Iterator[Finding]:
    reader = PdfFileReader(BytesIO(pdf))
    text = _attached_facts(reader)
    if text is None:
        yield Finding(False, "the file has no facts of a document of this marketplace in it")
        return
    facts = json.loads(text)
    base = render(text)
    same = pdf.startswith(base.pdf)
    yield Finding(
        same, f"{'it is' if same else 'it is not'} what its facts make, byte for byte (SHA-256 {base.sha256})"
    )
    trusted = [each for pem in authorities for each in load_certs_from_pemder_data(pem)]
    signatures = list(reader.embedded_signatures)
    kind = str(facts["template"]).rsplit("_v", 1)[0]
    if kind not in _FIELDS:
        yield Finding(False, "a document of this kind bears no seals, so nobody vouches for it")
        return
    missing = _FIELDS[kind] - {each.field_name for each in signatures}
    yield Finding(not missing, f"not sealed for: {', '.join(sorted(missing))}" if missing else "every seal is there")
    for number, each in enumerate(signatures, 1):
        status = validate_pdf_signature(each, ValidationContext(trust_roots=trusted, allow_fetching=False))
        yield from _of_signature(each, status, base.sha256, is_last=number == len(signatures), has_roots=bool(trusted))
    if sale_file_sha256 is not None:
        yield _of_sale_file(facts, sale_file_sha256)


def _of_sale_file(facts: dict[str, Any], sale_file_sha256: str) -> Finding:
    if "schedule" not in facts:
        return Finding(False, "the document is of no sale file; the agreement of each delivery names its own")
    agreed = facts["schedule"]["sale_file_sha256"]
    ties = agreed == sale_file_sha256
    words = "is the one" if ties else f"is not the one (SHA-256 {agreed})"
    return Finding(ties, f"the sale file {words} that the account schedule names")


def _of_signature(
    signature: EmbeddedPdfSignature, status: PdfSignatureStatus, base_sha256: str, *, is_last: bool, has_roots: bool
) -> Iterator[Finding]:
    said: Any = signature.sig_object
    who = f"{signature.field_name}, {said.get('/Name', 'nobody')}"
    sound = status.intact and status.valid
    yield Finding(sound, f"{who}: the seal {'matches' if sound else 'does not match'} the document")
    if not has_roots:
        yield Finding(False, f"{who}: the seal's issuer is not known; name its certificate as authority")
    else:
        yield Finding(status.trusted, f"{who}: the seal's issuer is {'trusted' if status.trusted else 'not trusted'}")
    names = base_sha256 in str(said.get("/Reason", ""))
    yield Finding(names, f"{who}: it {'names' if names else 'does not name'} the document's digest")
    whole = status.coverage >= (
        SignatureCoverageLevel.ENTIRE_FILE if is_last else SignatureCoverageLevel.ENTIRE_REVISION
    )
    later = status.modification_level is not None and status.modification_level <= ModificationLevel.FORM_FILLING
    covered = whole and later and status.docmdp_ok is not False
    yield Finding(covered, f"{who}: {'it covers the whole document' if covered else 'something was changed after it'}")
    if status.timestamp_validity is not None:
        stamp = status.timestamp_validity
        sound = stamp.intact and stamp.valid and stamp.trusted
        yield Finding(
            sound,
            f"{who}: time-stamp of {stamp.timestamp:%Y-%m-%d %H:%M:%S} UTC {'holds' if sound else 'does not hold'}",
        )
    else:
        yield Finding(True, f"{who}: no time-stamp of an authority; the time is the platform's word (PAdES B-B)")


def _attached_facts(reader: PdfFileReader) -> str | None:
    """The attachment `facts.json` of the first revision; None if there is none, or a huge one."""
    names = reader.get_historical_root(0).get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    for number in range(0, len(names) - 1, 2):
        if str(names[number]) == "facts.json":
            data = names[number + 1]["/EF"]["/F"].data
            return data.decode() if len(data) <= _MAX_FACTS_BYTES else None
    return None
