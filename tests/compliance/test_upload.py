import asyncio
from collections.abc import AsyncIterator

import pytest

from market.compliance import upload
from market.compliance.rules import EvidenceTooLarge, NoPaper
from market.compliance.schemas.cases import described
from market.compliance.upload import receive
from market.kit.errors import Malformed, Transient

KIND = "multipart/form-data; boundary=b"
FIELDS = {"type": "tax_form", "issuer": "IRS", "jurisdiction": "US", "issued_on": "2026-01-01"}


def form(parts: dict[str, bytes] | list[tuple[str, bytes]], end: bytes = b"--b--\r\n") -> bytes:
    pairs = parts.items() if isinstance(parts, dict) else parts
    return (
        b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
            for name, value in pairs
        )
        + end
    )


CLEAR = b"%PDF-1.4\r\nbytes\0"
GOOD = {**{name: value.encode() for name, value in FIELDS.items()}, "file": CLEAR}


async def pieces(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_form_is_read_the_same_however_it_is_cut(size: int) -> None:
    assert await receive(KIND, pieces(form(GOOD), size), max_bytes=100) == (FIELDS, CLEAR)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (form({**GOOD, "surprise": b"x"}), None),
        (form([*GOOD.items(), ("issuer", b"again")]), "issuer"),
        (form([*GOOD.items(), ("file", b"again")]), "file"),
        (form({name: value for name, value in GOOD.items() if name != "file"}), "file"),
        (form({name: value for name, value in GOOD.items() if name != "type"}), "type"),
        (form({**GOOD, "issuer": b"x" * 1025}), "issuer"),
        (form({**GOOD, "issuer": b"\xff\xfe"}), None),
        (form(GOOD, end=b""), None),
        (form(GOOD)[:-30], None),
        (b"", None),
        (b"nonsense", None),
    ],
)
async def test_a_form_that_is_not_as_asked_for_is_refused(data: bytes, field: str | None) -> None:
    with pytest.raises(Malformed) as refusal:
        await receive(KIND, pieces(data), max_bytes=100)
    assert refusal.value.field == field


@pytest.mark.parametrize("begun", [b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*"])
async def test_what_papers_come_in_is_taken(begun: bytes) -> None:
    assert (await receive(KIND, pieces(form({**GOOD, "file": begun})), max_bytes=100))[1] == begun


@pytest.mark.parametrize("file", [b"a deed", b"", b"PK\3\4", b"<html>", b"%PD", b" %PDF-1.7", b"MZ"])
async def test_another_file_is_no_paper_whatever_it_is_called(file: bytes) -> None:
    with pytest.raises(NoPaper, match="PDF, PNG, JPEG, TIFF") as refusal:
        await receive(KIND, pieces(form({**GOOD, "file": file})), max_bytes=100)
    assert (refusal.value.status, refusal.value.field) == (415, "file")


async def test_another_media_type_is_refused() -> None:
    for kind in ("application/json", "multipart/form-data", ""):
        with pytest.raises(Malformed):
            await receive(kind, pieces(form(GOOD)), max_bytes=100)


async def test_reading_stops_as_soon_as_there_is_too_much() -> None:
    given_count = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given_count
        yield form(GOOD, end=b"")[:-2]
        while True:
            given_count += 1
            yield b"x" * 1024

    with pytest.raises(EvidenceTooLarge):
        await receive(KIND, endless(), max_bytes=100_000)
    assert given_count < 200

    with pytest.raises(EvidenceTooLarge):
        await receive(KIND, pieces(form({**GOOD, "file": b"x" * 101})), max_bytes=100)


async def test_an_upload_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_LONGEST_S", 0.1)

    async def dripping() -> AsyncIterator[bytes]:
        yield form(GOOD, end=b"")[:-2]
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    async with asyncio.timeout(60):
        with pytest.raises(Transient):
            await receive(KIND, dripping(), max_bytes=100_000)


@pytest.mark.parametrize("text", ["1_0", "\uff19\uff19", "+5", "1e3", "9" * 5000])
def test_cents_are_plain_digits(text: str) -> None:
    fields = {**FIELDS, "amount_cents": text}
    with pytest.raises(Malformed) as refusal:
        described(fields)
    assert refusal.value.field == "amount_cents"
