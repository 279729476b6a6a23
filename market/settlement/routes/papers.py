"""The agreement, before the bidding and after the award."""

import asyncio
from uuid import UUID

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from market.bidding import service as bidding
from market.kit.actor import SYSTEM
from market.parties.routes import STEP_UP
from market.parties.rules import require
from market.settlement import schemas, service
from market.settlement.agreement import Document, render
from market.settlement.routes.doors import SALES, Here, Who
from market.settlement.routes.once import once

_PEM = {200: ResponseSpec(data_container=bytes, media_type="application/x-pem-file", description="The certificate")}
_PDF = {200: ResponseSpec(data_container=bytes, media_type="application/pdf", description="The document")}


@get(
    "/v1/auctions/{auction_id:uuid}/agreement",
    tags=SALES,
    summary="Specimen of the agreement",
    operation_id="getSpecimenAgreement",
    responses=_PDF,
)
async def specimen(context: Here, actor: Who, auction_id: FromPath[UUID]) -> Response[bytes]:
    """What the winner of this auction will be asked to sign, with blanks for buyer and price."""
    require(actor, scope="auctions:read")
    async with context.db.begin(actor) as tx:
        await bidding.find_auction(tx, auction_id)
    async with context.db.begin(SYSTEM) as tx:
        facts = await service.specimen_facts(tx, auction_id)
    return _pdf(await asyncio.to_thread(render, facts), f"specimen-{auction_id}.pdf")


@get(
    "/v1/settlements/{settlement_id:uuid}/agreement",
    tags=SALES,
    summary="The agreement",
    operation_id="getAgreement",
    responses=_PDF,
)
async def get_agreement(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Response[bytes]:
    """The document to sign; the ETag is its SHA-256, which the signature names."""
    async with context.db.begin(actor) as tx:
        document = await service.find_agreement(tx, actor, settlement_id)
    return _pdf(document, f"agreement-{settlement_id}.pdf")


@post(
    "/v1/settlements/{settlement_id:uuid}/signature",
    tags=SALES,
    summary="Sign the agreement",
    operation_id="signAgreement",
    opt=STEP_UP,
)
@once
async def sign(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    data: JSONBody[schemas.SignatureIn],
) -> schemas.SettlementView:
    """For signed-in people of the two parties. The buyer names the key that the sale file's key is sealed to."""
    async with context.db.begin(actor) as tx:
        settlement = await service.sign(tx, actor, settlement_id, data.signing(), now=context.clock.now())
        return schemas.SettlementView.from_settlement(settlement, await service.signatures(tx, settlement_id))


@get(
    "/v1/settlements/{settlement_id:uuid}/documents",
    tags=SALES,
    summary="Delivered documents",
    operation_id="listDocuments",
)
async def list_documents(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SealedDocumentList:
    """The sealed agreement once both signed; bill of sale and affidavit once the sale is released."""
    async with context.db.begin(actor) as tx:
        found = await service.list_documents(tx, actor, settlement_id)
    return schemas.SealedDocumentList([schemas.SealedDocumentView.from_document(each) for each in found])


@get(
    "/v1/settlements/{settlement_id:uuid}/documents/{kind:str}",
    tags=SALES,
    summary="One delivered document",
    operation_id="getDocument",
    responses=_PDF,
)
async def get_document(
    context: Here, actor: Who, settlement_id: FromPath[UUID], kind: FromPath[service.DocumentKind]
) -> Response[bytes]:
    """With its seals (PAdES); `market documents verify` checks it offline, and so does any reader of PDF."""
    async with context.db.begin(actor) as tx:
        document, pdf = await service.find_document(tx, actor, settlement_id, kind)
    return _pdf(Document(document.facts, pdf, document.sha256), f"{kind.value}-{settlement_id}.pdf")


@get(
    "/v1/document-authority",
    tags=SALES,
    summary="Whose certificate vouches for the seals",
    operation_id="getDocumentAuthority",
    responses=_PEM,
)
async def get_authority(context: Here, actor: Who) -> Response[bytes]:
    """The certificate to trust when checking documents, as PEM; that of the local test authority unless one is set up."""
    require(actor, scope="settlements:read")
    by = await asyncio.to_thread(service.authority, context.settings, context.clock.now())
    return Response(by.certificate_pem, media_type="application/x-pem-file")


def _pdf(document: Document, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{document.sha256}"'}
    return Response(document.pdf, media_type="application/pdf", headers=headers)


HANDLERS: list[ControllerRouterHandler] = [
    specimen,
    get_agreement,
    sign,
    list_documents,
    get_document,
    get_authority,
]
