"""What follows a sale: recalls, resales, documents behind accounts, destruction by those who did not win."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.settlement import schemas, service
from market.settlement.routes.doors import FILE, MAX_DOCUMENT_BYTES, SALES, DocumentOperation, Here, Who, attached
from market.settlement.routes.once import once

_OF_SALE = "/v1/settlements/{settlement_id:uuid}"
_REQUEST = "/v1/media-requests/{request_id:uuid}"


@post(f"{_OF_SALE}/recalls", tags=SALES, summary="Recall an account", operation_id="recallAccount")
@once
async def recall(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.RecallIn]
) -> schemas.RecallView:
    """By the seller or an officer, after the release: every owner since is told, on this market by itself."""
    async with context.db.begin(actor) as tx:
        made = await service.recall(
            tx,
            actor,
            settlement_id,
            data.row_number,
            ground=data.ground,
            reason=data.reason,
            now=context.clock.now(),
            chance=context.chance,
        )
    return schemas.RecallView.from_recall(made)


@get("/v1/recall-notices", tags=SALES, summary="Recalls sent to you", operation_id="listRecallNotices")
async def list_notices(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.RecallNoticePage:
    """Oldest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.RecallNoticePage.from_page(
            await service.list_notices(tx, actor, PageRequest.parse(limit, cursor))
        )


@post(
    "/v1/recall-notices/{notice_id:uuid}/confirmation",
    status_code=200,
    tags=SALES,
    summary="Confirm a recall",
    operation_id="confirmRecall",
)
@once
async def confirm_notice(context: Here, actor: Who, notice_id: FromPath[UUID]) -> schemas.RecallNoticeView:
    """All activity on the account has stopped, and those to whom it went outside the market were told."""
    async with context.db.begin(actor) as tx:
        found = await service.confirm_notice(tx, actor, notice_id, now=context.clock.now())
    return schemas.RecallNoticeView.from_notice(found)


@post(f"{_OF_SALE}/resales", tags=SALES, summary="Declare a resale", operation_id="declareResale")
@once
async def declare_resale(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.ResaleIn]
) -> schemas.ResaleView:
    """By the buyer: accounts were sold outside the market, as often as the listing allows."""
    async with context.db.begin(actor) as tx:
        made = await service.declare_resale(
            tx,
            actor,
            settlement_id,
            (data.first_row, data.last_row),
            to_name=data.to_name,
            sold_on=data.sold_on,
            now=context.clock.now(),
            chance=context.chance,
        )
    return schemas.ResaleView.from_resale(made)


@get(f"{_OF_SALE}/resales", tags=SALES, summary="Declared resales", operation_id="listResales")
async def list_resales(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.ResaleList:
    """For the parties and the platform."""
    async with context.db.begin(actor) as tx:
        found = await service.list_resales(tx, actor, settlement_id)
    return schemas.ResaleList([schemas.ResaleView.from_resale(each) for each in found])


@post(f"{_OF_SALE}/media-requests", tags=SALES, summary="Ask for a document", operation_id="askMedia")
@once
async def ask_media(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.MediaRequestIn]
) -> schemas.MediaRequestView:
    """By the buyer, after the release; due within the listing's `media_days`."""
    async with context.db.begin(actor) as tx:
        made = await service.ask_media(
            tx, actor, settlement_id, data.row_number, data.kind, now=context.clock.now(), chance=context.chance
        )
    return schemas.MediaRequestView.from_request(made)


@get(f"{_OF_SALE}/media-requests", tags=SALES, summary="Requests for documents", operation_id="listMedia")
async def list_media(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.MediaRequestPage:
    """With their answers, oldest first, for the parties and the platform."""
    async with context.db.begin(actor) as tx:
        return schemas.MediaRequestPage.from_page(
            await service.list_media(tx, actor, settlement_id, PageRequest.parse(limit, cursor))
        )


@post(
    f"{_REQUEST}/delivery",
    status_code=200,
    tags=SALES,
    summary="Deliver a document",
    operation_id="deliverMedia",
    operation_class=DocumentOperation,
    request_max_body_size=MAX_DOCUMENT_BYTES,
)
@once
async def deliver_media(
    request: Request[Any, Any, Any], context: Here, actor: Who, request_id: FromPath[UUID]
) -> schemas.MediaRequestView:
    """By the seller: the body is the document, at most 10 MB; it is kept sealed."""
    content = await request.body()
    async with context.db.begin(actor) as tx:
        found = await service.deliver_media(
            tx, actor, request_id, content, now=context.clock.now(), chance=context.chance, vault=context.vault
        )
    return schemas.MediaRequestView.from_request(found)


@post(f"{_REQUEST}/refusal", status_code=200, tags=SALES, summary="Refuse a document", operation_id="refuseMedia")
@once
async def refuse_media(
    context: Here, actor: Who, request_id: FromPath[UUID], data: JSONBody[schemas.MediaRefusalIn]
) -> schemas.MediaRequestView:
    """By the seller, with the reason; the buyer may then give the account back while the window is open."""
    async with context.db.begin(actor) as tx:
        found = await service.refuse_media(tx, actor, request_id, data.reason, now=context.clock.now())
    return schemas.MediaRequestView.from_request(found)


@get(f"{_REQUEST}/document", tags=SALES, summary="A delivered document", operation_id="getMedia", responses=FILE)
async def take_media(context: Here, actor: Who, request_id: FromPath[UUID]) -> Response[bytes]:
    """For the parties of the sale; each download is recorded."""
    async with context.db.begin(actor) as tx:
        content = await service.take_media(tx, actor, request_id, vault=context.vault)
    return attached(content, str(request_id))


@get("/v1/destructions", tags=SALES, summary="Masked files to destroy", operation_id="listDestructions")
async def list_destructions(context: Here, actor: Who) -> schemas.DestructionList:
    """Pools that others bought and whose masked files you took."""
    async with context.db.begin(actor) as tx:
        found = await service.destructions_owed(tx, actor)
    return schemas.DestructionList([schemas.DestructionView.from_owed(each) for each in found])


@post(
    "/v1/pools/{pool_id:uuid}/destruction",
    status_code=200,
    tags=SALES,
    summary="Attest destruction",
    operation_id="attestDestruction",
)
@once
async def attest_destruction(
    context: Here, actor: Who, pool_id: FromPath[UUID], data: JSONBody[schemas.DestructionIn]
) -> schemas.DestructionView:
    """By a bidder that did not win: its masked files of the pool are destroyed, says the person who types its name."""
    async with context.db.begin(actor) as tx:
        found = await service.attest_destruction(tx, actor, pool_id, data.typed_name, now=context.clock.now())
    return schemas.DestructionView.from_owed(found)


HANDLERS: list[ControllerRouterHandler] = [
    recall,
    list_notices,
    confirm_notice,
    declare_resale,
    list_resales,
    ask_media,
    list_media,
    deliver_media,
    refuse_media,
    take_media,
    list_destructions,
    attest_destruction,
]
