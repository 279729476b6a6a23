"""Put-backs, the chain of title, and compliance holds."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.refunds import PutBack
from market.settlement.routes.doors import FILE, MAX_DOCUMENT_BYTES, SALES, DocumentOperation, Here, Who, attached
from market.settlement.routes.once import once

_OF_SALE = "/v1/settlements/{settlement_id:uuid}"
_PUT_BACK = "/v1/put-backs/{put_back_id:uuid}"


async def _view(context: Context, tx: AsyncSession, actor: Actor, found: PutBack) -> schemas.PutBackView:
    settlement = await service.find_settlement(tx, actor, found.settlement_id)
    handed_in = await service.evidence_handed_in(tx, found.settlement_id)
    return schemas.PutBackView.from_put_back(found, settlement, handed_in, context.clock.now())


@post(f"{_OF_SALE}/put-backs", tags=SALES, summary="Give accounts back", operation_id="claimPutBacks")
@once
async def claim_put_backs(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.PutBacksIn]
) -> schemas.PutBackList:
    """By the buyer, within the window, on a ground that the agreement names. All claims are taken, or none.

    Hand in the documents afterwards: `POST …/put-back-evidence`.
    """
    async with context.db.begin(actor) as tx:
        made = await service.claim_put_backs(
            tx,
            actor,
            settlement_id,
            [each.claim() for each in data.claims],
            now=context.clock.now(),
            chance=context.chance,
        )
        return schemas.PutBackList([await _view(context, tx, actor, each) for each in made])


@get(f"{_OF_SALE}/put-backs", tags=SALES, summary="Claims to give accounts back", operation_id="listPutBacks")
async def list_put_backs(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.PutBackPage:
    """For the parties and the platform, oldest first."""
    async with context.db.begin(actor) as tx:
        found = await service.list_put_backs(tx, actor, settlement_id, PageRequest.parse(limit, cursor))
        settlement = await service.find_settlement(tx, actor, settlement_id)
        handed_in = await service.evidence_handed_in(tx, settlement_id)
    return schemas.PutBackPage.from_page(found, settlement, handed_in, context.clock.now())


@post(
    f"{_OF_SALE}/put-back-evidence",
    tags=SALES,
    summary="Hand in the document behind claims",
    operation_id="handInEvidence",
    operation_class=DocumentOperation,
    request_max_body_size=MAX_DOCUMENT_BYTES,
)
@once
async def hand_in_evidence(
    request: Request[Any, Any, Any], context: Here, actor: Who, settlement_id: FromPath[UUID]
) -> schemas.PutBackEvidence:
    """By the buyer: the body is the document, at most 10 MB, whose SHA-256 an undecided claim of the sale names; kept sealed."""
    content = await request.body()
    async with context.db.begin(actor) as tx:
        digest = await service.hand_in_evidence(
            tx, actor, settlement_id, content, now=context.clock.now(), chance=context.chance, vault=context.vault
        )
    return schemas.PutBackEvidence(digest)


@get(
    f"{_PUT_BACK}/evidence",
    tags=SALES,
    summary="The document behind a claim",
    operation_id="getEvidenceOfPutBack",
    responses=FILE,
)
async def take_evidence(context: Here, actor: Who, put_back_id: FromPath[UUID]) -> Response[bytes]:
    """For the parties of the sale and officers; each download is recorded."""
    async with context.db.begin(actor) as tx:
        content = await service.take_evidence(tx, actor, put_back_id, vault=context.vault)
    return attached(content, str(put_back_id))


@post(f"{_PUT_BACK}/answer", status_code=200, tags=SALES, summary="Answer a claim", operation_id="answerPutBack")
@once
async def answer_put_back(
    context: Here, actor: Who, put_back_id: FromPath[UUID], data: JSONBody[schemas.PutBackAnswerIn]
) -> schemas.PutBackView:
    """By the seller, in ten business days; silence accepts. What is disputed an officer decides."""
    async with context.db.begin(actor) as tx:
        found = await service.answer_put_back(
            tx, actor, put_back_id, accept=data.accept, reason=data.reason, now=context.clock.now()
        )
        return await _view(context, tx, actor, found)


@post(
    f"{_PUT_BACK}/withdrawal", status_code=200, tags=SALES, summary="Keep the account", operation_id="withdrawPutBack"
)
@once
async def withdraw_put_back(context: Here, actor: Who, put_back_id: FromPath[UUID]) -> schemas.PutBackView:
    """By the buyer, until the claim is accepted."""
    async with context.db.begin(actor) as tx:
        found = await service.withdraw_put_back(tx, actor, put_back_id)
        return await _view(context, tx, actor, found)


@post(f"{_PUT_BACK}/decision", status_code=200, tags=SALES, summary="Decide a claim", operation_id="decidePutBack")
@once
async def decide_put_back(
    context: Here, actor: Who, put_back_id: FromPath[UUID], data: JSONBody[schemas.PutBackDecisionIn]
) -> schemas.PutBackView:
    """By an officer, when the seller disputes. Nothing is upheld whose document was not handed in (`no-evidence`)."""
    async with context.db.begin(actor) as tx:
        found = await service.decide_put_back(
            tx, actor, put_back_id, uphold=data.uphold, reason=data.reason, now=context.clock.now()
        )
        return await _view(context, tx, actor, found)


@get(f"{_OF_SALE}/title", tags=SALES, summary="Chain of title of an account", operation_id="getTitle")
async def get_title(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    row_number: Annotated[int, QueryParameter(name="row", ge=1, description=schemas.ROW_COUNTED)],
) -> schemas.TitleChain:
    """Who assigned the account of that row to whom, in this sale, those before and those since, for the parties and the platform."""
    async with context.db.begin(actor) as tx:
        links = await service.chain_of_title(tx, actor, settlement_id, row_number)
    return schemas.TitleChain.from_links(row_number, links)


@post(f"{_OF_SALE}/second-offer", tags=SALES, summary="Offer to the next bidder", operation_id="offerSecond")
@once
async def offer_second(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SecondOfferView:
    """By the seller, after the buyer's default: at the next bidder's own bid, for one business day."""
    async with context.db.begin(actor) as tx:
        offer = await service.offer_second(tx, actor, settlement_id, now=context.clock.now(), chance=context.chance)
    return schemas.SecondOfferView.from_offer(offer)


@get("/v1/second-offers", tags=SALES, summary="Second offers", operation_id="listSecondOffers")
async def list_second_offers(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.SecondOfferPage:
    """Made by or to you, oldest first."""
    async with context.db.begin(actor) as tx:
        return schemas.SecondOfferPage.from_page(
            await service.list_second_offers(tx, actor, PageRequest.parse(limit, cursor))
        )


@post(
    "/v1/second-offers/{offer_id:uuid}/answer",
    status_code=200,
    tags=SALES,
    summary="Answer a second offer",
    operation_id="answerSecond",
)
@once
async def answer_second(
    context: Here, actor: Who, offer_id: FromPath[UUID], data: JSONBody[schemas.SecondAnswerIn]
) -> schemas.SecondOfferView:
    """By the bidder that it was made to. An accepted offer becomes a settlement of its own."""
    async with context.db.begin(actor) as tx:
        offer = await service.answer_second(tx, actor, offer_id, accept=data.accept, now=context.clock.now())
    return schemas.SecondOfferView.from_offer(offer)


@post(f"{_OF_SALE}/hold", status_code=200, tags=SALES, summary="Hold a sale", operation_id="placeHold")
@once
async def place_hold(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.HoldIn]
) -> schemas.SettlementView:
    """By one officer, before the release: no step is taken and no deadline passes until two lift it."""
    async with context.db.begin(actor) as tx:
        found = await service.place_hold(
            tx, actor, settlement_id, data.reason, now=context.clock.now(), chance=context.chance
        )
    return schemas.SettlementView.from_settlement(found)


@post(
    f"{_OF_SALE}/hold/lift-preparation",
    status_code=200,
    tags=SALES,
    summary="Prepare the end of a hold or a dispute",
    operation_id="prepareLift",
)
@once
async def prepare_lift(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.LiftIn]
) -> schemas.SettlementView:
    """By the first of two officers; a dispute may end with the sale undone."""
    async with context.db.begin(actor) as tx:
        found = await service.prepare_lift(tx, actor, settlement_id, data.reason, data.outcome)
    return schemas.SettlementView.from_settlement(found)


@post(
    f"{_OF_SALE}/hold/lift-approval",
    status_code=200,
    tags=SALES,
    summary="End a hold or a dispute",
    operation_id="approveLift",
    opt=STEP_UP,
)
@once
async def approve_lift(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    """By the second officer; deadlines move by the time that they stood still, or the sale is undone."""
    async with context.db.begin(actor) as tx:
        found = await service.approve_lift(tx, actor, settlement_id, now=context.clock.now())
    return schemas.SettlementView.from_settlement(found)


@post(f"{_OF_SALE}/disputes", tags=SALES, summary="Dispute a sale", operation_id="raiseDispute")
@once
async def raise_dispute(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.HoldIn]
) -> schemas.SettlementView:
    """By a party, before the release: the sale stands still until two officers decide."""
    async with context.db.begin(actor) as tx:
        found = await service.raise_dispute(
            tx, actor, settlement_id, data.reason, now=context.clock.now(), chance=context.chance
        )
    return schemas.SettlementView.from_settlement(found)


@get(f"{_OF_SALE}/disputes", tags=SALES, summary="Disputes of a sale", operation_id="listDisputes")
async def list_disputes(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.DisputeList:
    """With what was decided, for the parties and the platform, oldest first."""
    async with context.db.begin(actor) as tx:
        found = await service.list_disputes(tx, actor, settlement_id)
    return schemas.DisputeList([schemas.DisputeView.from_hold(each) for each in found])


HANDLERS: list[ControllerRouterHandler] = [
    claim_put_backs,
    list_put_backs,
    answer_put_back,
    withdraw_put_back,
    decide_put_back,
    hand_in_evidence,
    take_evidence,
    get_title,
    offer_second,
    list_second_offers,
    answer_second,
    place_hold,
    prepare_lift,
    approve_lift,
    raise_dispute,
    list_disputes,
]
