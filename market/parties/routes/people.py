"""The doors of newcomers: registering, proving an address, and the own organisation."""

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.errors import NotFound
from market.parties import rules, schemas, service
from market.parties.routes.who import guard_newcomers
from market.parties.service import Joining

_PEOPLE = ["People"]


@post("/v1/organisations", tags=_PEOPLE, summary="Register an organisation", operation_id="register",
      opt={"public": True}, security=[{}])  # fmt: skip
async def register(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.RegistrationBody]
) -> schemas.Registered:
    """Enter an organisation with its first person. A code is mailed; with it the address is proved, then sign in.

    The answer does not tell whether the address was known.
    """
    guard_newcomers(request, context)
    await service.register(context, data.stated())
    return schemas.Registered()


@post(
    "/v1/staff", tags=_PEOPLE, summary="Join the staff", operation_id="joinStaff", opt={"public": True}, security=[{}]
)
async def join_staff(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.StaffBody]
) -> schemas.Registered:
    """Become an officer or operator with an invitation, which works once and for its own address only."""
    guard_newcomers(request, context)
    await service.join_staff(context, Joining(data.invitation, data.email, data.name, data.password))
    return schemas.Registered()


@post("/v1/contact/codes", tags=_PEOPLE, summary="Mail another code", operation_id="requestCode", status_code=202,
      opt={"public": True}, security=[{}])  # fmt: skip
async def request_code(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.EmailBody]
) -> schemas.Registered:
    """Mail a code to the address if it still has to be proved, at most one a minute."""
    guard_newcomers(request, context)
    await service.request_code(context, data.email)
    return schemas.Registered()


@post("/v1/contact/verification", tags=_PEOPLE, summary="Prove an e-mail address", operation_id="verifyContact",
      status_code=204, opt={"public": True}, security=[{}])  # fmt: skip
async def verify_contact(
    request: Request[Any, Any, Any], context: NamedDependency[Context], data: JSONBody[schemas.CodeBody]
) -> None:
    """Enter the mailed code, and the password chosen when registering: 8 digits, 30 minutes, five attempts."""
    guard_newcomers(request, context)
    await service.verify_contact(context, data.email, data.code, data.password)


@get("/v1/organisation", tags=_PEOPLE, summary="The own organisation", operation_id="readOrganisation")
async def read_organisation(
    context: NamedDependency[Context], actor: NamedDependency[Actor]
) -> schemas.OrganisationView:
    """The organisation of whoever asks."""
    rules.require(actor, scope="parties:read")
    async with context.db.begin(actor) as tx:
        found = await service.find_organisation(tx, actor.org_id) if actor.org_id else None
    if found is None:
        raise NotFound("there is no organisation behind this sign-in")
    return schemas.OrganisationView.of(found)


HANDLERS: list[ControllerRouterHandler] = [register, join_staff, request_code, verify_contact, read_organisation]
