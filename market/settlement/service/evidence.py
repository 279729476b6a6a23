"""The documents behind claims to give accounts back: handed in by the buyer, sealed, shown to both parties and to officers."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.sealed import seal, unseal
from market.kit.vault import Vault
from market.parties.rules import require, require_person
from market.settlement.rules import Party
from market.settlement.service.books import READ
from market.settlement.service.sale import WRITE, find_settlement
from market.settlement.service.steps import locked, note
from market.settlement.store import afterwards as store

MAX_EVIDENCE_BYTES = 10_000_000
MAX_SALE_EVIDENCE_BYTES = 500_000_000
"""Of all documents of a sale, sealed; the database holds it too."""


class EvidenceFull(Conflict):
    slug, title = "evidence-full", "The sale has as many documents as it may"


async def hand_in_evidence(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, clear: bytes, *, now: datetime, chance: Chance, vault: Vault
) -> str:
    """The buyer's document behind one or more claims, which name its SHA-256; returns that. Once is enough.

    Raises `Malformed` for none or too much, and for a document that no undecided claim of the sale names, `EvidenceFull`
    past 500 MB. Locks the settlement.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    if settlement.party(actor.org_id) is not Party.BUYER or actor.user_id is None:
        raise NotFound("there is no such sale, or you are not its buyer")
    if not 1 <= len(clear) <= MAX_EVIDENCE_BYTES:
        raise Malformed(f"send the document as body, 1 to {MAX_EVIDENCE_BYTES} bytes", field="body")
    digest = hashlib.sha256(clear).hexdigest()
    if digest in await store.evidence_handed_in(tx, settlement_id):
        return digest
    if not await store.awaits_evidence(tx, settlement_id, digest):
        raise Malformed(
            "no claim of this sale that is still to be answered or decided names this document; claim first, with"
            f" evidence_sha256 {digest}",
            field="body",
        )
    sealed = await seal(clear, _purpose(settlement_id, digest), vault=vault, chance=chance)
    if await store.evidence_bytes(tx, settlement_id) + len(sealed.content) > MAX_SALE_EVIDENCE_BYTES:
        raise EvidenceFull(
            "the documents of this sale would be more than 500 MB; name one document in the claims that it is for, and"
            " send smaller scans",
            field="body",
        )
    await store.add_evidence(tx, settlement_id, digest, sealed, handed_in_by=actor.user_id, now=now)
    await note(tx, actor, settlement, "putback_evidence_handed_in", {"file_sha256": digest})
    return digest


async def take_evidence(tx: AsyncSession, actor: Actor, put_back_id: UUID, *, vault: Vault) -> bytes:
    """The document behind a claim, for the parties of the sale and officers; each time is recorded. Raises `NotFound`."""
    require(actor, role=(Role.MEMBER, Role.OFFICER), scope=READ)
    claimed = await store.find_put_back(tx, put_back_id)
    if claimed is None:
        raise NotFound("there is no such put-back, or it is not yours")
    kept = await store.sealed_evidence(tx, claimed.settlement_id, claimed.evidence_sha256)
    if kept is None:
        raise NotFound("the document was not handed in")
    settlement = await find_settlement(tx, actor, claimed.settlement_id)
    await note(tx, actor, settlement, "putback_evidence_taken", {"put_back_id": put_back_id})
    return await unseal(kept, _purpose(claimed.settlement_id, claimed.evidence_sha256), vault=vault)


async def evidence_handed_in(tx: AsyncSession, settlement_id: UUID) -> frozenset[str]:
    """The SHA-256 of each document that was handed in for claims of a sale."""
    return await store.evidence_handed_in(tx, settlement_id)


def _purpose(settlement_id: UUID, digest: str) -> str:
    return f"put-back-evidence/{settlement_id}/{digest}"
