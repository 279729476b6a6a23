"""The forward flow agreement as delivered: sealed by the worker once both sides signed it, read by both."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import NotFound
from market.parties.rules import require
from market.settlement.documents import sealing
from market.settlement.documents.authority import Authority
from market.settlement.documents.rendering import Document
from market.settlement.documents.sealing import Seal
from market.settlement.service.books import READ
from market.settlement.service.documents import put_seals, seal_of_signature
from market.settlement.store import flow_seals as store
from market.settlement.store import flows
from market.settlement.store.flow_seals import SealedFlow


@dataclass(frozen=True, slots=True)
class UnsealedFlow:
    """A forward flow agreement that both sides signed, and who it is sealed for, in the order of signing."""

    flow_id: UUID
    agreement: Document
    seals: tuple[Seal, ...]


async def next_unsealed_flow(tx: AsyncSession) -> UnsealedFlow | None:
    """One agreement that is due and not sealed yet. Two workers may seal the same; one of them is kept."""
    flow_id = await store.next_unsealed(tx)
    if flow_id is None:
        return None
    agreement = await flows.document_of(tx, flow_id)
    if agreement is None:
        raise AssertionError("a forward flow has an agreement")
    facts = json.loads(agreement.facts)
    signed = await flows.signatures(tx, flow_id)
    return UnsealedFlow(flow_id, agreement, tuple(seal_of_signature(each, facts, agreement) for each in signed))


def seal_flow(unsealed: UnsealedFlow, by: Authority, *, tsa_url: str | None, now: datetime) -> tuple[SealedFlow, bytes]:
    """The sealed agreement and its bytes. CPU, and the time-stamp authority's answer: call it in a thread."""
    pdf, level = put_seals(unsealed.agreement, unsealed.seals, by, tsa_url=tsa_url)
    return SealedFlow(unsealed.flow_id, unsealed.agreement.sha256, sealing.digest(pdf), level, now), pdf


async def keep_sealed_flow(tx: AsyncSession, sealed: SealedFlow, pdf: bytes) -> bool:
    """Deliver it, once. Returns whether it was this one."""
    if not await store.add(tx, sealed, pdf):
        return False
    body = {"sha256": sealed.sha256, "level": sealed.level}
    await journal.append(tx, SYSTEM, f"flow:{sealed.flow_id}", "flow.agreement_sealed", body)
    return True


async def flow_seal(tx: AsyncSession, flow_id: UUID) -> SealedFlow | None:
    """What was sealed and when; None before both sides have signed, and the moment until the worker has sealed."""
    return await store.find(tx, flow_id)


async def sealed_flow(tx: AsyncSession, actor: Actor, flow_id: UUID) -> tuple[SealedFlow, bytes]:
    """The sealed agreement and its bytes. Raises `NotFound` before it is delivered, and for strangers."""
    require(actor, scope=READ)
    found, pdf = await store.find(tx, flow_id), await store.pdf_of(tx, flow_id)
    if found is None or pdf is None:
        raise NotFound("there is no such document yet, or it is not yours")
    return found, pdf
