"""One shape for every no: the problem document of RFC 9457."""

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from market.edge.complaints import explained, missing_part, parameter
from market.kit.errors import MarketError

_log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


def problem(status: int, slug: str, title: str, detail: str, **members: Any) -> Response[dict[str, Any]]:
    """A problem document; members that are None are left out."""
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail, **members}
    return Response(
        {name: value for name, value in body.items() if value is not None}, status_code=status, media_type=PROBLEM_JSON
    )


def refusal(_: Request[Any, Any, Any], error: MarketError) -> Response[dict[str, Any]]:
    """Handler of every expected no."""
    return rendered(error)


def rendered(error: MarketError) -> Response[dict[str, Any]]:
    """The problem document of a refusal, with the headers that its status asks for."""
    response = problem(error.status, error.slug, error.title, error.detail, field=error.field, **error.members)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="market"'
    if error.status == 408:
        response.headers["Connection"] = "close"  # the rest of the body is not waited for either (RFC 9110 § 15.5.9)
    wait_s = error.members.get("retry_after_s")
    if wait_s is not None:
        response.headers["Retry-After"] = str(max(1, int(wait_s + 0.999)))
    return response


def http_refusal(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Handler of what the framework itself refuses: no route, a wrong method, a body that does not decode."""
    if isinstance(error, ValidationException):
        field, detail = _first_complaint(error, _parameters(request))
        return problem(422, "malformed", "The request is not well formed", detail, field=field)
    if error.status_code == 400:
        return problem(422, "malformed", "The request is not well formed", _UNREADABLE)
    slug, title = _HTTP_SLUGS.get(error.status_code, ("refused", "Refused"))
    response = problem(
        error.status_code, slug, title, _HTTP_DETAILS.get(error.status_code, "the request cannot be served")
    )
    if error.headers:
        response.headers.update(error.headers)
    return response


_UNREADABLE = "the body or the address cannot be read; compare it with /schema"
_HTTP_SLUGS = {
    401: ("unauthenticated", "Sign in first"),
    403: ("forbidden", "Not yours to do"),
    404: ("not-found", "No such thing, or not yours to see"),
    405: ("method-not-allowed", "This address does not take that method"),
    413: ("too-large", "Too large"),
    415: ("unsupported-media-type", "Send JSON, or the media type that the address takes"),
}
_HTTP_DETAILS = {
    404: "there is nothing at this address; /schema lists what there is",
    405: "the header Allow lists the methods of this address",
    413: "the body is larger than this address takes",
}


def _parameters(request: Request[Any, Any, Any]) -> Mapping[str, Any]:
    """What the route takes, by the names of its function."""
    handler = request.scope.get("route_handler")
    return {} if handler is None else handler.parsed_fn_signature.parameters


def _first_complaint(error: ValidationException, parameters: Mapping[str, Any]) -> tuple[str | None, str]:
    """The field at fault and what is wrong with it. Messages of the decoder name types and bounds, never values."""
    missing = missing_part(error.detail)
    if missing is not None:
        return missing
    complaints = error.extra if isinstance(error.extra, list) else []
    for complaint in complaints:
        if isinstance(complaint, dict):
            name, values = str(complaint.get("key") or ""), list[str]()
            if complaint.get("source") != "body":
                name, values = parameter(parameters, name)
            return explained(str(complaint.get("message", "is not well formed")), name, values)
    return None, "the request does not match its schema; compare it with /schema"


def fault(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Our mistake: logged with its place, told without its content."""
    _log.error("fault", path=template_of(request.scope), exc_info=error)
    return problem(500, "fault", "Our mistake", "something broke on our side; nothing was changed, and it is logged")


def template_of(scope: Any) -> str:
    """The route's pattern (`/v1/pools/{pool_id:uuid}`): an address as sent may hold personal data."""
    return str(scope.get("path_template") or "(no such route)")
