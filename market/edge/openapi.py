"""The published contract: OpenAPI 3.1 that says what really happens, and its pages from an installed package."""

import importlib.util
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    Schema,
    SecurityScheme,
)
from litestar.static_files import create_static_files_router

from market.edge.problems import PROBLEM_JSON

_UI = "/schema/ui"


def openapi() -> OpenAPIConfig:
    """The document at /schema/openapi.json and its page at /schema."""
    return OpenAPIConfig(
        title="debtmarket",
        version="1",
        description="A marketplace for delinquent receivables: masked tapes, vetted parties, live auctions, escrow.",
        path="/schema",
        use_handler_docstrings=True,
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                js_url=f"{_UI}/swagger-ui-bundle.js",
                css_url=f"{_UI}/swagger-ui.css",
                standalone_preset_js_url=f"{_UI}/swagger-ui-standalone-preset.js",
                favicon="<link rel='icon' href='data:,'>",
            )
        ],
        components=Components(
            security_schemes={
                "session": SecurityScheme(type="apiKey", security_scheme_in="cookie", name="market_session"),
                "api_key": SecurityScheme(type="http", scheme="bearer"),
            }
        ),
        security=[{"session": []}, {"api_key": []}],
    )


def swagger_files() -> Any:
    """The pages' scripts, from the installed package: nothing is loaded from another host."""
    found = importlib.util.find_spec("swagger_ui")
    if found is None or found.origin is None:
        raise AssertionError("the package swagger-ui-py is missing from this installation")
    return create_static_files_router(
        path=_UI, directories=[Path(found.origin).with_name("static")], include_in_schema=False, html_mode=False
    )


def tell_the_truth(app: Litestar) -> None:
    """Replace the framework's guess at refusals by what is really sent: problem documents, 422 for malformed input."""
    schema = app.openapi_schema
    assert isinstance(schema.components, Components)
    schema.components.schemas = {**(schema.components.schemas or {}), "Problem": _PROBLEM}
    for path in (schema.paths or {}).values():
        for method in ("get", "put", "post", "delete", "patch"):
            operation = getattr(path, method)
            if isinstance(operation, Operation) and operation.responses is not None:
                malformed = operation.responses.pop("400", None)
                if malformed is not None:
                    operation.responses["422"] = _refused("the input is malformed; `field` names where")
                operation.responses["default"] = _refused(
                    "refused; `type` and `code` say why, `detail` what would help"
                )


def _refused(description: str) -> OpenAPIResponse:
    media = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))
    return OpenAPIResponse(description=description, content={PROBLEM_JSON: media})


def _text(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description)


_PROBLEM = Schema(
    type=OpenAPIType.OBJECT,
    description="RFC 9457. Further members belong to the problem's type; docs/problems.md lists them.",
    required=["type", "title", "status", "detail"],
    properties={
        "type": _text("/problems/<slug>; stable"),
        "title": _text("the kind of problem, for people"),
        "status": Schema(type=OpenAPIType.INTEGER, description="the HTTP status"),
        "detail": _text("what is wrong this time, and what would help"),
        "field": _text("the input at fault, as a dotted path"),
        "code": _text("the reason of refusal of a bid; the same as on the live socket"),
    },
)
