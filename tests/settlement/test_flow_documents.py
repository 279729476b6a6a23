"""The forward flow agreement as delivered: sealed for both sides, checked offline by anybody, kept by the database as signed."""

import asyncio
import json
from hashlib import sha256

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.cli import cli
from market.kit.actor import SYSTEM
from market.kit.errors import NotFound
from market.settlement import jobs, service
from market.settlement.documents.checking import check
from market.settlement.documents.rendering import canonical, render
from market.settlement.rules import Party as Side
from tests import factories
from tests.settlement import flowing
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture among them


async def a_buyer(bank):
    return await factories.buyer(bank.context, bank.officers)


async def seal_all(bank):
    while await jobs.seal_flows(bank.context):
        pass


async def wrong(bank, pdf, **said):
    by = service.authority(bank.context.settings, bank.context.clock.now())
    found = await asyncio.to_thread(check, pdf, authorities=[by.certificate_pem], **said)
    return [each.words for each in found if not each.holds]


async def test_a_forward_flow_is_sealed_for_both_sides_once_both_have_signed_and_anybody_checks_it(
    bank, doors, tmp_path  # noqa: F811
):  # fmt: skip
    context, buyer_party = bank.context, await a_buyer(bank)
    flow = await flowing.proposed(context, buyer_party, bank.seller, side=Side.BUYER)
    door = f"/v1/forward-flows/{flow.flow_id}"
    buyer, seller, officer, stranger = [
        await doors.as_(each) for each in (buyer_party, bank.seller, bank.officers[0], bank.buyers[0])
    ]
    await seal_all(bank)
    problem(await buyer.get(f"{door}/sealed-agreement"), 404, "not-found")
    assert (await buyer.get(door)).json()["seal"] is None
    await flowing.accept(context, bank.seller, flow)
    await seal_all(bank)
    assert not await jobs.seal_flows(context)

    signed = (await buyer.get(f"{door}/agreement")).content
    assert sha256(signed).hexdigest() == flow.agreement_sha256
    sealed = await buyer.get(f"{door}/sealed-agreement")
    assert sealed.headers["ETag"] == f'"{sha256(sealed.content).hexdigest()}"'
    for client in (seller, officer):
        assert (await client.get(f"{door}/sealed-agreement")).content == sealed.content
        shown = (await client.get(door)).json()["seal"]
        assert (shown["sha256"], shown["level"]) == (sha256(sealed.content).hexdigest(), "B-B")
    problem(await stranger.get(f"{door}/sealed-agreement"), 404, "not-found")
    assert sealed.content.startswith(signed)

    (tmp_path / "flow.pdf").write_bytes(sealed.content)
    (tmp_path / "ca.pem").write_bytes((await buyer.get("/v1/document-authority")).content)

    def verify(*more):
        asked = ["documents", "verify", str(tmp_path / "flow.pdf"), "--authority", str(tmp_path / "ca.pem"), *more]
        return CliRunner().invoke(cli, asked)

    good = await asyncio.to_thread(verify)
    assert good.exit_code == 0, good.output
    # In the order of signing: who proposed signed first.
    assert good.output.index("Buyer, Pia Proposer") < good.output.index("Seller, Ada Acceptor")
    bad = await asyncio.to_thread(verify, "--sale-file", str(tmp_path / "ca.pem"))
    assert bad.exit_code == 1
    assert "the document is of no sale file" in bad.output
    changed = sealed.content.replace(b"/Title", b"/Titel", 1)
    assert any("it is not what its facts make" in each for each in await wrong(bank, changed))
    assert await wrong(bank, signed) == ["not sealed for: Buyer, Seller"]


async def test_an_agreement_of_the_first_version_is_sealed_without_a_signature_page(bank):
    flow = await flowing.active(bank.context, bank.seller, await a_buyer(bank))
    async with bank.context.db.begin(SYSTEM) as tx:
        facts = json.loads((await service.flow_document(tx, SYSTEM, flow.flow_id)).facts)
        unsealed = await service.next_unsealed_flow(tx)
    first = await asyncio.to_thread(render, canonical(facts | {"template": "forward_flow_v1"}))
    by = service.authority(bank.context.settings, bank.context.clock.now())
    pdf, _ = await asyncio.to_thread(service.put_seals, first, unsealed.seals, by, tsa_url=None)
    assert [each for each in await wrong(bank, pdf) if "does not name" not in each] == []
    await seal_all(bank)


async def test_nobody_vouches_for_a_document_of_a_kind_that_bears_no_seals(bank):
    facts = {"template": "statement_v1", "title": "Proceeds", "made_at": "today", "about": [], "lines": [], "sums": []}
    document = await asyncio.to_thread(render, canonical(facts))
    assert await wrong(bank, document.pdf) == ["a document of this kind bears no seals, so nobody vouches for it"]


async def test_the_database_keeps_no_sealed_flow_that_is_not_accepted_or_not_the_signed_one(bank):
    context, buyer = bank.context, await a_buyer(bank)
    flow = await flowing.proposed(context, bank.seller, buyer)

    async def keep(pdf: str, as_: object = SYSTEM) -> None:
        async with context.db.begin(as_) as tx:
            await tx.execute(
                text(
                    "INSERT INTO sealed_flow SELECT flow_id, agreement_sha256, encode(sha256(made), 'hex'), 'B-B', made, now()"
                    f" FROM (SELECT f.flow_id, f.agreement_sha256, {pdf} AS made FROM forward_flow f WHERE f.flow_id = :id) of"
                ),
                {"id": flow.flow_id},
            )

    with pytest.raises(DBAPIError, match="not the forward flow agreement that both signed"):
        await keep("f.pdf || 'x'::bytea")
    await flowing.accept(context, buyer, flow)
    with pytest.raises(DBAPIError, match="not the forward flow agreement that both signed"):
        await keep("'x'::bytea || f.pdf")
    with pytest.raises(DBAPIError, match="row-level security"):
        await keep("f.pdf || 'x'::bytea", buyer.actor)
    await seal_all(bank)
    with pytest.raises(NotFound):
        async with context.db.begin(bank.buyers[0].actor) as tx:
            await service.sealed_flow(tx, bank.buyers[0].actor, flow.flow_id)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text("DELETE FROM sealed_flow WHERE flow_id = :id"), {"id": flow.flow_id})
