"""Two people say whose money is that nobody was found for."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once


@post(
    "/v1/bank-entries/{entry_id:uuid}/matches",
    tags=MONEY,
    summary="Say whose an entry in suspense is",
    operation_id="proposeMatch",
)
@once
async def propose_match(
    context: Here, actor: Who, entry_id: FromPath[UUID], data: JSONBody[schemas.MatchIn]
) -> schemas.MatchView:
    """For officers and operators. Nothing moves until another person confirms."""
    async with context.db.begin(actor) as tx:
        proposal = await service.propose_match(
            tx, actor, entry_id, org_id=data.org_id, reason=data.reason, now=context.clock.now(), chance=context.chance
        )
    return schemas.MatchView.from_proposal(proposal)


@get("/v1/matches", tags=MONEY, summary="Matches that await a second person", operation_id="listMatches")
async def list_matches(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.MatchPage:
    """For the platform's people, oldest first."""
    async with context.db.begin(actor) as tx:
        return schemas.MatchPage.from_page(await service.list_proposals(tx, actor, PageRequest.parse(limit, cursor)))


@post(
    "/v1/matches/{proposal_id:uuid}/confirmation",
    status_code=200,
    tags=MONEY,
    summary="Confirm a match",
    operation_id="confirmMatch",
    opt=STEP_UP,
)
@once
async def confirm_match(context: Here, actor: Who, proposal_id: FromPath[UUID]) -> schemas.MatchView:
    """By another person than the proposer; the money moves in the same transaction."""
    async with context.db.begin(actor) as tx:
        return schemas.MatchView.from_proposal(
            await service.confirm_match(tx, actor, proposal_id, now=context.clock.now())
        )


@post(
    "/v1/matches/{proposal_id:uuid}/rejection",
    status_code=200,
    tags=MONEY,
    summary="Reject a match",
    operation_id="rejectMatch",
)
@once
async def reject_match(context: Here, actor: Who, proposal_id: FromPath[UUID]) -> schemas.MatchView:
    """The entry waits on. Who proposed may reject as well."""
    async with context.db.begin(actor) as tx:
        return schemas.MatchView.from_proposal(
            await service.reject_match(tx, actor, proposal_id, now=context.clock.now())
        )


@get("/v1/bank-notices", tags=MONEY, summary="Notices that await a second person", operation_id="listBankNotices")
async def list_notices(context: Here, actor: Who) -> schemas.NoticeList:
    """For the platform's people. A statement that books such a batch is refused until one of them has decided."""
    async with context.db.begin(actor) as tx:
        found = await service.list_notices_undecided(tx, actor)
    return schemas.NoticeList([schemas.NoticeView.from_kept(each) for each in found])


@post(
    "/v1/bank-notices/{file_sha256:str}/confirmation",
    status_code=200,
    tags=MONEY,
    summary="Confirm a file of notices",
    operation_id="confirmBankNotices",
    opt=STEP_UP,
)
@once
async def confirm_notices(context: Here, actor: Who, file_sha256: FromPath[str]) -> schemas.NoticeView:
    """By an officer or operator who did not import it: the file is the bank's. One notice of it is answered."""
    async with context.db.begin(actor) as tx:
        return schemas.NoticeView.from_kept(
            await service.confirm_notices(tx, actor, file_sha256, now=context.clock.now())
        )


@post(
    "/v1/bank-notices/{file_sha256:str}/rejection",
    status_code=200,
    tags=MONEY,
    summary="Reject a file of notices",
    operation_id="rejectBankNotices",
)
@once
async def reject_notices(context: Here, actor: Who, file_sha256: FromPath[str]) -> schemas.NoticeView:
    """Its batches are booked as the statement has them. Who imported it may reject it as well."""
    async with context.db.begin(actor) as tx:
        return schemas.NoticeView.from_kept(
            await service.reject_notices(tx, actor, file_sha256, now=context.clock.now())
        )


HANDLERS: list[ControllerRouterHandler] = [
    propose_match,
    list_matches,
    confirm_match,
    reject_match,
    list_notices,
    confirm_notices,
    reject_notices,
]
