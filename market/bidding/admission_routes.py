"""The door that says, before anybody bids, what blocks a bidder."""

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


HANDLERS: list[ControllerRouterHandler] = [get_admission]
