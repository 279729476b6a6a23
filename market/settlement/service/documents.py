"""The delivered documents: sealed by the worker once they are due, read by the parties."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import SYSTEM, Actor
from market.kit.errors import NotFound
from market.parties.rules import require
from market.settings import Settings
from market.settlement.documents import sealing
from market.settlement.documents.authority import Authority, from_pkcs12, local
from market.settlement.documents.rendering import Document, canonical, render
from market.settlement.documents.sealing import Seal
from market.settlement.flows import FlowSignature
from market.settlement.rules import Party
from market.settlement.service.books import READ
from market.settlement.service.steps import note
from market.settlement.store import documents as store
from market.settlement.store import settlements
from market.settlement.store.documents import SealedDocument
from market.settlement.store.settlements import Signature


class DocumentKind(StrEnum):
    AGREEMENT = "agreement"
    BILL_OF_SALE = "bill_of_sale"
    AFFIDAVIT = "affidavit"
    RECEIPT = "receipt"


_TEMPLATES = {
    DocumentKind.BILL_OF_SALE: "bill_of_sale_v1",
    DocumentKind.AFFIDAVIT: "affidavit_v1",
    DocumentKind.RECEIPT: "receipt_v1",
}


_OF_FLOW = {DocumentKind.BILL_OF_SALE: "bill_of_sale_flow_v1"}
_MORE = {DocumentKind.RECEIPT: ("price",)}


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A document that is due, and who it is sealed for. `base` is None if it is still to be rendered from `facts`."""

    settlement_id: UUID
    kind: DocumentKind
    facts: str
    base: Document | None
    seals: tuple[Seal, ...]


def authority(settings: Settings, now: datetime) -> Authority:
    """Who seals: the certificate of the settings, or the local authority, made on first use. Raises `SealUnusable`."""
    if settings.seal_file is not None:
        return from_pkcs12(settings.seal_file, settings.seal_password)
    return local(settings.data_dir / "keys" / "authority", now)


async def next_unsealed(tx: AsyncSession) -> Unsealed | None:
    """One document that is due and not sealed yet. Two workers may seal the same; one of them is kept."""
    due = await store.next_unsealed(tx)
    if due is None:
        return None
    settlement_id, kind = due[0], DocumentKind(due[1])
    agreement = await settlements.find_agreement(tx, settlement_id)
    signed = await settlements.signatures(tx, settlement_id)
    if agreement is None:
        raise AssertionError("what is signed or released has an agreement")
    facts = json.loads(agreement.facts)
    if kind is DocumentKind.AGREEMENT:
        in_order = sorted(signed.values(), key=lambda one: one.signed_at)
        seals = [seal_of_signature(each, facts, agreement) for each in in_order]
        return Unsealed(settlement_id, kind, agreement.facts, agreement, tuple(seals))
    closed_at = await store.released_at(tx, settlement_id)
    if closed_at is None:
        raise AssertionError("these documents are due with the release")
    seller = signed[Party.SELLER]
    if kind is DocumentKind.RECEIPT:
        facts["price"].setdefault("buyer_tax", "none")
    of_flow = ("flow",) if "flow" in facts and kind in _OF_FLOW else ()
    named = ("reference", "seller", "buyer", "pool", "schedule", *_MORE.get(kind, ()), *of_flow)
    made = {name: facts[name] for name in named} | {
        "template": _OF_FLOW[kind] if of_flow else _TEMPLATES[kind],
        "agreement_sha256": agreement.sha256,
        "closed_at": f"{closed_at:%Y-%m-%d %H:%M:%S}",
        "signatory": seller.typed_name,
        "signed_at": f"{seller.signed_at:%Y-%m-%d}",
    }
    in_whose_name = _of_deed(kind, facts["seller"]["name"], seller, closed_at)
    return Unsealed(settlement_id, kind, canonical(made), None, (in_whose_name,))


def make_sealed(
    unsealed: Unsealed, by: Authority, *, tsa_url: str | None, now: datetime
) -> tuple[SealedDocument, bytes]:
    """The sealed document and its bytes. CPU, and the time-stamp authority's answer: call it in a thread."""
    base = unsealed.base or render(unsealed.facts)
    pdf, level = put_seals(base, unsealed.seals, by, tsa_url=tsa_url)
    document = SealedDocument(
        unsealed.settlement_id, unsealed.kind.value, unsealed.facts, base.sha256, sealing.digest(pdf), level, now
    )
    return document, pdf


def put_seals(base: Document, seals: Sequence[Seal], by: Authority, *, tsa_url: str | None) -> tuple[bytes, str]:
    """A document with its seals, each of which names its digest, and the level they reach. CPU: call it in a thread."""
    named = [
        Seal(each.field, each.signatory, each.organisation, f"{each.reason} SHA-256 {base.sha256}", each.signed_at)
        for each in seals
    ]
    frames = sealing.SIGNATURE_PAGE if _has_page(base.facts) else {}
    return sealing.seal(base.pdf, named, by, tsa_url=tsa_url, frames=frames), "B-T" if tsa_url else "B-B"


async def keep_sealed(tx: AsyncSession, document: SealedDocument, pdf: bytes) -> bool:
    """Deliver it, once. Returns whether it was this one."""
    if not await store.add_sealed(tx, document, pdf):
        return False
    settlement = await settlements.find(tx, document.settlement_id)
    if settlement is None:
        raise AssertionError("a document belongs to a settlement")
    body = {"kind": document.kind, "sha256": document.sha256, "level": document.level}
    await note(tx, SYSTEM, settlement, "document_sealed", body)
    return True


async def list_documents(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> list[SealedDocument]:
    """The documents of a sale that are delivered, for its parties and the platform. Raises `NotFound`."""
    require(actor, scope=READ)
    if await settlements.find(tx, settlement_id) is None:
        raise NotFound("there is no such settlement, or it is not yours")
    return await store.list_sealed(tx, settlement_id)


async def find_document(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, kind: DocumentKind
) -> tuple[SealedDocument, bytes]:
    """A delivered document and its bytes. Raises `NotFound` before it is delivered, and for strangers."""
    require(actor, scope=READ)
    found = await store.find_sealed(tx, settlement_id, kind.value)
    if found is None:
        raise NotFound("there is no such document yet, or it is not yours")
    return found


def _has_page(facts: str) -> bool:
    """Agreements have a signature page, but for the first version of each; deeds have none."""
    kind, _, version = str(json.loads(facts)["template"]).rpartition("_v")
    return kind == "psa_flow" or (kind in {"psa", "forward_flow"} and version != "1")


def seal_of_signature(signature: Signature | FlowSignature, facts: dict[str, Any], agreement: Document) -> Seal:
    """What is sealed in the name of who signed this agreement."""
    if signature.agreement_sha256 != agreement.sha256:
        raise AssertionError("a signature names the agreement that was issued")
    return Seal(
        signature.party.value.capitalize(),
        signature.typed_name,
        facts[signature.party.value]["name"],
        f"typed in a signed-in session on {signature.signed_at:%Y-%m-%dT%H:%M:%SZ} against",
        signature.signed_at,
    )


def _of_deed(kind: DocumentKind, seller_name: str, seller: Signature, closed_at: datetime) -> Seal:
    if kind is DocumentKind.AFFIDAVIT:
        return Seal("Platform", "The Platform", "the Platform", "form as issued, not sworn:", closed_at)
    if kind is DocumentKind.RECEIPT:
        return Seal("Platform", "The Platform", "the Platform", "received and handed over:", closed_at)
    reason = "issued at Closing in the Seller's name, as the agreement authorises:"
    return Seal("Seller", seller.typed_name, seller_name, reason, closed_at)
