"""The published contract is valid, complete, and says what the doors really do."""

import re

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from market.compliance.papers import Description
from market.db.context import Context
from tests.application import application


@pytest.fixture
def document(context: Context) -> dict:
    return application(context).openapi_schema.to_schema()


def _operations(document: dict) -> list[tuple[str, str, dict]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "delete", "patch"}
    ]


def test_the_document_is_valid_openapi_3_1(document: dict) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_is_named_described_and_grouped(document: dict) -> None:
    for path, method, operation in _operations(document):
        assert operation.get("operationId"), (path, method)
        assert operation.get("summary"), (path, method)
        assert operation.get("tags"), (path, method)
        assert path.startswith("/v1/"), path
    names = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(names) == len(set(names))


def test_every_operation_promises_problem_documents(document: dict) -> None:
    for path, method, operation in _operations(document):
        assert "400" not in operation["responses"], (path, method)
        assert "application/problem+json" in operation["responses"]["default"]["content"], (path, method)


def test_bodies_that_are_read_as_they_come_are_described_all_the_same(document: dict) -> None:
    paths = document["paths"]
    form = paths["/v1/cases/{case_id}/evidence"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {name for name in Description.__dataclass_fields__ if name not in form["properties"]} == set()
    statement = paths["/v1/bank-statements"]["post"]["requestBody"]
    assert statement["required"]
    assert {"application/xml", "text/plain"} <= set(statement["content"])
    document_of = paths["/v1/settlements/{settlement_id}/put-back-evidence"]["post"]["requestBody"]["content"]
    assert set(document_of) == {"application/octet-stream"}
    tape = paths["/v1/portfolios"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"][
        "tape"
    ]
    assert all(kind in tape["description"] for kind in ("CSV", "XLSX", "Parquet"))


def test_amounts_in_the_contract_are_whole_minor_units(document: dict) -> None:
    wrong = []
    for name, schema in document["components"]["schemas"].items():
        for field, shape in schema.get("properties", {}).items():
            if re.search(r"_(cents|bps|count|bytes|s)$", field):
                kinds = {shape.get("type")} | {option.get("type") for option in shape.get("oneOf", [])}
                kinds |= set(shape["type"]) if isinstance(shape.get("type"), list) else set()
                if "number" in str(kinds) or not any("integer" in str(kind) for kind in kinds):
                    wrong.append(f"{name}.{field}: {shape}")
    assert wrong == []


async def test_every_door_but_the_public_ones_asks_who_is_there(client: httpx.AsyncClient, document: dict) -> None:
    public = {"register_organisation", "register_staff", "verify_contact", "request_contact_code", "sign_in"}
    anonymous = "00000000-0000-7000-8000-000000000000"
    let_in = []
    for path, method, operation in _operations(document):
        address = re.sub(r"\{[^}]+\}", anonymous, path)
        response = await client.request(method, address, json={} if method in {"post", "put", "patch"} else None)
        if response.status_code not in {401, 403, 404, 405, 415, 422} or (
            response.status_code != 401 and operation["operationId"] not in public and response.status_code != 422
        ):
            let_in.append((method, path, operation["operationId"], response.status_code))
    assert let_in == []


async def test_a_no_is_a_problem_document_with_safe_headers(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/session", content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) >= {"type", "title", "status", "detail"}


def test_what_comes_in_several_forms_promises_each_of_them(document: dict) -> None:
    several = [
        operation["responses"]["200"]["content"]
        for _, _, operation in _operations(document)
        if any(parameter["name"] == "form" for parameter in operation.get("parameters", ()))
    ]
    assert len(several) == 3
    for content in several:
        assert set(content) == {"application/json", "text/csv", "application/pdf"}
