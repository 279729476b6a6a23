"""What blocks a bidder before it bids, and what it has bid that still runs."""

from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from market.bidding import schemas, service
from market.compliance import service as compliance
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.parties.rules import require


@get("/v1/auctions/{auction_id:uuid}/admission", tags=["Auctions"], summary="What blocks you",
     operation_id="getAdmission")  # fmt: skip
async def get_admission(
    context: NamedDependency[Context], actor: NamedDependency[Actor], auction_id: FromPath[UUID]
) -> schemas.AdmissionView:
    """What your organisation still needs before it may bid, and the debtor states for which it is not licensed, with
    their accounts and face value. Figures of fewer than 10 accounts are not told apart.
    """
    require(actor, role=Role.MEMBER, scope="auctions:read")
    now = context.clock.now()
    async with context.db.begin(actor) as tx:
        auction = await service.find_auction(tx, auction_id)
        own = await service.own_standing(tx, actor, auction, now)
        blocked = [] if actor.org_id is None else await service.blocking_states(tx, actor.org_id, auction, now)
        asked = await compliance.qualifications_of(tx, auction_id)
    return schemas.AdmissionView(
        is_registered=own is not None and own.is_registered,
        missing=[] if own is None else [schemas.RequirementView(one.code, one.detail) for one in own.missing],
        blocking=[schemas.BlockingView(one.states, one.account_count, one.face_value_cents) for one in blocked],
        qualifications=schemas.QualificationsBody(asked.needs_rmai, asked.min_net_worth_cents),
    )


@get("/v1/organisations/{org_id:uuid}/running-bids", tags=["Auctions"], summary="An organisation's running bids",
     operation_id="list_running_bids")  # fmt: skip
async def list_running_bids(
    context: NamedDependency[Context], actor: NamedDependency[Actor], org_id: FromPath[UUID]
) -> schemas.RunningBids:
    """What an organisation has bid in auctions that have not ended, for officers alone, newest first, 500 at most.

    To suspend a bidder takes no bid away: an operator voids it by its `seq` (`POST /v1/auctions/{id}/voids`). Each look is recorded.
    """
    found = await service.running_bids(context, actor, org_id)
    return schemas.RunningBids([schemas.RunningBid(one.auction_id, one.seq, one.kind, one.placed_at) for one in found])


HANDLERS: list[ControllerRouterHandler] = [get_admission, list_running_bids]
