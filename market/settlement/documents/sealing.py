"""Sealing: one PAdES signature for each party, in fields that all exist before the first of them.

Levels are those of ETSI EN 319 142-1 V1.2.1 (2024-01): B-T with a time-stamp authority, B-B without one; then the times
are the platform's own word.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TypeAlias

import httpx
from anyascii import anyascii
from asn1crypto import tsp
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, SimpleBoxLayoutRule
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.stamp import TextStampStyle

from market.settlement.documents.authority import Authority

Frames: TypeAlias = Mapping[str, tuple[int, int, int, int]]

SIGNATURE_PAGE: Frames = {"Seller": (70, 510, 287, 602), "Buyer": (308, 510, 525, 602)}
"""Where the agreement's last page has its frames: points from the lower left corner of A4. See templates/psa_v4.typ."""
_TSA_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Seal:
    """What is said in whose name: the field, the signatory as typed, and the reason in words."""

    field: str
    signatory: str
    organisation: str
    reason: str
    signed_at: datetime


class TimeStampRefused(Exception):
    """The time-stamp authority did not answer with a time-stamp; nothing was sealed."""


class HttpTimeStamper(TimeStamper):
    """RFC 3161 over HTTP (section 3.4)."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            async with httpx.AsyncClient(timeout=_TSA_TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.post(self._url, content=req.dump(), headers=headers)
        except httpx.HTTPError as error:
            raise TimeStampRefused(f"the time-stamp authority cannot be reached: {type(error).__name__}") from error
        if answer.status_code != 200 or answer.headers.get("Content-Type") != "application/timestamp-reply":
            raise TimeStampRefused(f"the time-stamp authority answered {answer.status_code}")
        return tsp.TimeStampResp.load(answer.content)


def seal(
    pdf: bytes, seals: Sequence[Seal], authority: Authority, *, tsa_url: str | None = None, frames: Frames | None = None
) -> bytes:
    """The document with all `seals`, each appended to what was there: the first bytes stay `pdf`.

    A seal whose field has a frame on the last page shows there; others are invisible.

    The first seal forbids every change but filling the fields that are there. Takes about 0.1 s of CPU for each, and a
    request to the authority if there is one. Raises `TimeStampRefused`.
    """
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    for each in seals:
        append_signature_field(
            writer,
            SigFieldSpec(
                each.field, on_page=-1, box=(frames or {}).get(each.field), readable_field_name=f"For the {each.field}"
            ),
        )
    sealed = BytesIO()
    writer.write(sealed)  # type: ignore[no-untyped-call]
    stamper = HttpTimeStamper(tsa_url) if tsa_url else None
    for number, each in enumerate(seals):
        sealed = _add(sealed, each, authority, stamper, is_first=number == 0)
    return sealed.getvalue()


def digest(pdf: bytes) -> str:
    """SHA-256 of a document, in hex."""
    return hashlib.sha256(pdf).hexdigest()


def _add(
    document: BytesIO, said: Seal, authority: Authority, stamper: TimeStamper | None, *, is_first: bool
) -> BytesIO:
    document.seek(0)
    meta = PdfSignatureMetadata(
        field_name=said.field,
        name=said.signatory,
        reason=said.reason,
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        certify=is_first,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    signer = PdfSigner(meta, signer=authority.signer, timestamper=stamper, stamp_style=_stamp(said))
    written: BytesIO = signer.sign_pdf(IncrementalPdfFileWriter(document), output=BytesIO())
    return written


def _stamp(said: Seal) -> TextStampStyle:
    """What people see in the frame; its font has Latin letters only, the name as typed is in the signature itself."""
    lines = (
        anyascii(said.signatory)[:60],
        f"for {anyascii(said.organisation)[:56]}",
        f"signed in on the Platform {said.signed_at:%Y-%m-%d %H:%M:%S} UTC",
        "sealed by the Platform in its name",
    )
    return TextStampStyle(
        stamp_text="\n".join(line.replace("%", " per cent ") for line in lines),
        text_box_style=TextBoxStyle(font_size=8),
        inner_content_layout=SimpleBoxLayoutRule(AxisAlignment.ALIGN_MIN, AxisAlignment.ALIGN_MID),
        border_width=0,
        background=None,
    )
