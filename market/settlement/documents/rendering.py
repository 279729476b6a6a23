"""Facts become a PDF: the same bytes for the same facts, on every machine."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

TEMPLATES = frozenset(
    {
        "psa_v1", "psa_v2", "psa_v3", "psa_v4", "psa_flow_v1", "bill_of_sale_v1", "bill_of_sale_flow_v1",
        "affidavit_v1", "receipt_v1", "statement_v1", "forward_flow_v1",
        "forward_flow_v2",
    }
)  # fmt: skip
"""A template is never edited once documents were made from it; a change is a new version."""
FOLDER = Path(__file__).parents[1] / "templates"
_FONTS = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


@dataclass(frozen=True, slots=True)
class Document:
    """`facts` is canonical JSON text from which `pdf` follows byte for byte; `sha256` is the PDF's digest in hex."""

    facts: str
    pdf: bytes
    sha256: str


def canonical(facts: dict[str, Any]) -> str:
    """Facts as the one JSON text that stands for them."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=32)
def render(facts: str) -> Document:
    """The PDF of canonical `facts`, which name their template. About 0.1 s of CPU; call it in a thread (the compiler
    lets others run meanwhile). Raises `ValueError` for a template that does not exist.
    """
    template = str(json.loads(facts)["template"])
    if template not in TEMPLATES:
        raise ValueError(f"there is no template {template!r}")
    pdf = typst.compile(
        str(FOLDER / f"{template}.typ"),
        root=str(FOLDER),
        font_paths=_FONTS,
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"facts": facts},
        timestamp=0,  # otherwise the PDF holds the time of rendering
    )
    return Document(facts, pdf, hashlib.sha256(pdf).hexdigest())
