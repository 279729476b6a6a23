"""What the doors of this room share."""

from dataclasses import dataclass
from typing import TypeAlias

from litestar import Response
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from market.db.context import Context
from market.kit.actor import Actor

Here: TypeAlias = NamedDependency[Context]
Who: TypeAlias = NamedDependency[Actor]
MONEY, SALES = ["Money"], ["Settlements"]
FILE = {200: ResponseSpec(data_container=bytes, media_type="application/octet-stream", description="The document")}


MAX_DOCUMENT_BYTES = 10_000_000


@dataclass
class DocumentOperation(Operation):
    """The body is the document as it is, so its media type is said here."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="10 MB at most"))
        self.request_body = RequestBody(content={"application/octet-stream": body}, required=True)


def attached(content: bytes, name: str) -> Response[bytes]:
    """A document of somebody's, to save and never to show: nobody has looked at what is in it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)
