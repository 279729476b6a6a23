"""Nothing is listed or delivered without a chain of title and sample media that an officer has verified."""

import json
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from market.compliance import service
from market.compliance.papers import Description, Evidence
from market.compliance.requirements import LISTING_TYPES, EvidenceType, Method
from market.compliance.rules import CaseState, EvidenceShort, PaperUnopened, SealedAgain, WrongCaseState
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import archive
from market.journal.checkpoints import Signer
from market.kit.actor import SYSTEM
from market.kit.errors import Malformed
from market.portfolios import service as portfolios
from market.settlement import service as settlements
from market.settlement.flows import DeliveryRefused
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.factories import Party, a_paper
from tests.settlement import flowing

CHAIN, MEDIA = EvidenceType.CHAIN_OF_TITLE, EvidenceType.SAMPLE_MEDIA


PAPER = b"%PDF-1.4 the paper"


async def cleared_seller(context: Context, officers: tuple[Party, Party]) -> tuple[Party, UUID]:
    """Cleared to list, and the case that cleared it."""
    seller = await factories.seller(context, officers)
    async with context.db.begin(seller.actor) as tx:
        (clearance,) = (await service.list_clearances(tx, seller.actor, factories.PageRequest())).items
    return seller, clearance.case_id


async def portfolio_of(context: Context, pool_id: UUID) -> UUID:
    async with context.db.begin(SYSTEM) as tx:
        return (await portfolios.find_pool(tx, SYSTEM, pool_id)).portfolio_id


def of_portfolio(context: Context, portfolio_id: UUID | None, of: EvidenceType = CHAIN, **said: Any) -> Description:
    return a_paper(of, context.clock.now().date(), portfolio_id=portfolio_id, **said)


async def verify(context: Context, officer: Party, paper: Evidence, method: Method = Method.CALL_BACK) -> Evidence:
    async with context.db.begin_as_officer(officer.actor) as tx:
        now = context.clock.now()
        return await service.verify_evidence(
            tx, officer.actor, paper.case_id, paper.evidence_id, "the deed", now, method=method
        )


async def test_a_listing_waits_for_papers_that_an_officer_verified_and_says_which(
    client: httpx.AsyncClient, context: Context
) -> None:
    officers = await factories.two_officers(context)
    seller, case_id = await cleared_seller(context, officers)
    pool_id = await factories.bare_pool(context, seller, papers=())
    portfolio_id = await portfolio_of(context, pool_id)
    assert (await client.post("/v1/session", json=seller.credentials)).status_code == 201
    body = {"pool_id": str(pool_id), "format": "english", "terms": factories.some_terms(context.clock.now())}
    no = await client.post("/v1/auctions", json=body | {"deposit_cents": 0})
    assert (no.status_code, no.json()["type"].rsplit("/", 1)[-1].rsplit("#", 1)[-1]) == (409, "evidence-short")
    assert no.json()["evidence"] == [
        {"type": of.value, "why": "missing", "portfolio_id": str(portfolio_id)} for of in LISTING_TYPES
    ]
    assert "POST /v1/cases/{case_id}/evidence" in no.json()["detail"]
    for of in LISTING_TYPES:
        fields = {"type": of.value, "issuer": "Originator", "jurisdiction": "US", "issued_on": "2026-01-31"}
        fields["portfolio_id"] = str(portfolio_id)
        added = await client.post(f"/v1/cases/{case_id}/evidence", data=fields, files={"file": PAPER})
        assert (added.status_code, added.json()["portfolio_id"]) == (201, str(portfolio_id))
    with pytest.raises(EvidenceShort) as short:
        await factories.published_auction(context, seller, pool_id=pool_id)
    assert {one["why"] for one in short.value.members["evidence"]} == {"unverified"}

    async with context.db.begin_as_officer(officers[0].actor) as tx:
        waiting = (await service.queue(tx, officers[0].actor)).listing_papers
    assert [(paper.case_id, paper.described.portfolio_id) for paper in waiting] == [(case_id, portfolio_id)] * 2
    for paper in waiting:
        with pytest.raises(PaperUnopened, match="open it first"):
            await verify(context, officers[0], paper, Method.INSPECTION)
        _, clear = await service.read_file(context, officers[0].actor, case_id, paper.evidence_id)
        assert clear == PAPER
        assert (await verify(context, officers[0], paper, Method.INSPECTION)).verified_by == officers[0].user_id
        with pytest.raises(SealedAgain):
            await service.read_file(context, officers[1].actor, case_id, paper.evidence_id)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        assert (await service.queue(tx, officers[0].actor)).listing_papers == []
    assert await factories.published_auction(context, seller, pool_id=pool_id)


async def test_papers_of_a_listing_go_to_a_cleared_case_about_an_own_portfolio(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    seller, case_id = await cleared_seller(context, officers)
    other, _ = await cleared_seller(context, officers)
    own = await portfolio_of(context, await factories.bare_pool(context, seller, papers=()))
    foreign = await portfolio_of(context, await factories.bare_pool(context, other, papers=()))
    add = service.add_evidence
    for described, field in (
        (of_portfolio(context, foreign), "portfolio_id"),
        (of_portfolio(context, None, MEDIA), "portfolio_id"),
        (of_portfolio(context, own, EvidenceType.TAX_FORM), "portfolio_id"),
        (of_portfolio(context, own, expires_on=date(2099, 1, 1)), "expires_on"),
    ):
        with pytest.raises(Malformed) as flaw:
            await add(context, seller.actor, case_id, described, b"x")
        assert flaw.value.field == field
    with pytest.raises(WrongCaseState):
        await add(context, seller.actor, case_id, of_portfolio(context, None), b"x")
    draft = await factories.draft_case(context, seller)
    with pytest.raises(WrongCaseState, match="the case that cleared you"):
        await add(context, seller.actor, draft, of_portfolio(context, own), b"x")
    paper = await add(context, seller.actor, case_id, of_portfolio(context, own), b"x")
    copied = (
        "INSERT INTO evidence SELECT (jsonb_populate_record(e, jsonb_build_object('evidence_id', gen_random_uuid()) || $2::text::jsonb)).*"
        " FROM evidence e WHERE evidence_id = $1"
    )
    for change in (
        {"portfolio_id": str(foreign)},
        {"portfolio_id": None},
        {"case_id": str(draft)},
        {"type": "tax_form"},
        {"expires_on": "2099-01-01"},
    ):
        async with acting(urls.app, seller.actor) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(copied, paper.evidence_id, json.dumps(change))


async def test_nobody_but_an_officer_verifies_a_paper_of_a_listing(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    seller, case_id = await cleared_seller(context, officers)
    portfolio_id = await portfolio_of(context, await factories.bare_pool(context, seller, papers=()))
    paper = await service.add_evidence(context, seller.actor, case_id, of_portfolio(context, portfolio_id), b"x")
    word = (
        "INSERT INTO evidence_verification (evidence_id, case_id, org_id, uploaded_by, verified_by, verified_at, source, method)"
        " VALUES ($1, $2, $3, $4, $5, now(), 'seen', 'inspection')"
    )
    for url, actor, by in (
        (urls.app, seller.actor, seller.user_id),
        (urls.app, SYSTEM, officers[0].user_id),
        (urls.officer, officers[1].actor, officers[0].user_id),
        (urls.officer, seller.actor, seller.user_id),
    ):
        async with acting(url, actor) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(word, paper.evidence_id, case_id, seller.org_id, seller.user_id, by)


@pytest.mark.parametrize("papers", [(), (CHAIN,), (MEDIA,)])
async def test_the_database_lists_and_delivers_nothing_without_both_papers_whoever_writes_it(
    context: Context, urls: RoleUrls, papers: tuple[EvidenceType, ...]
) -> None:
    officers = await factories.two_officers(context)
    seller, _ = await cleared_seller(context, officers)
    model = await factories.published_auction(context, seller)
    buyer = await factories.buyer(context, officers)
    flow = await flowing.active(context, seller, buyer)
    pool_id = await factories.bare_pool(context, seller, papers=papers)
    with pytest.raises(DeliveryRefused) as refused:
        await flowing.deliver(context, seller, flow, pool_id)
    assert {one["code"] for one in refused.value.members["findings"]} == {"papers"}
    async with context.db.begin(seller.actor) as tx:
        found = await settlements.look_at_pool(tx, seller.actor, flow.flow_id, pool_id, now=context.clock.now())
    assert len(found) == len(LISTING_TYPES) - len(papers)
    for insert, *values in (
        ("INSERT INTO auction SELECT (jsonb_populate_record(a, jsonb_build_object('auction_id', gen_random_uuid(),"
         " 'pool_id', $2::uuid))).* FROM auction a WHERE auction_id = $1", model.auction_id, pool_id),
        ("INSERT INTO auction_pool VALUES ($1, $2, $3)", model.auction_id, pool_id, seller.org_id),
        ("INSERT INTO forward_flow_delivery VALUES (gen_random_uuid(), $1, 1, $2, $3, $4, 200, 25000000, 2000000, 'USD', $5,"
         " now())", flow.flow_id, pool_id, seller.org_id, buyer.org_id, seller.user_id),
    ):  # fmt: skip
        async with acting(urls.app, seller.actor) as connection:
            if "delivery" in insert:
                offered = "UPDATE pool SET state = 'offered', circle = 'invited', offered_at = now(), flow_id = $1 WHERE pool_id = $2"
                await connection.execute(offered, flow.flow_id, pool_id)
            with pytest.raises(asyncpg.CheckViolationError, match="chain of title and sample media"):
                await connection.execute(insert, *values)


async def test_no_pool_is_cut_from_the_portfolio_of_another_whose_papers_were_verified(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    seller, _ = await cleared_seller(context, officers)
    other, _ = await cleared_seller(context, officers)
    own = await factories.bare_pool(context, seller, papers=())
    verified = await portfolio_of(context, await factories.bare_pool(context, other))
    cut = (
        "INSERT INTO pool (pool_id, portfolio_id, org_id, name, selection, excluded_pool_ids, state, attempt_count, currency,"
        " tape_version, created_by, created_at) SELECT gen_random_uuid(), $2, org_id, name, selection, excluded_pool_ids,"
        " 'cutting', 0, currency, tape_version, created_by, created_at FROM pool WHERE pool_id = $1"
    )
    async with acting(urls.app, seller.actor) as connection:
        await connection.execute(cut, own, await portfolio_of(context, own))
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="portfolio_id_org_id"):
            await connection.execute(cut, own, verified)


async def test_an_officer_asks_about_a_paper_of_a_listing_and_the_case_stays_cleared(context: Context) -> None:
    officers = await factories.two_officers(context)
    seller, case_id = await cleared_seller(context, officers)

    async def ask() -> CaseState:
        async with context.db.begin_as_officer(officers[0].actor) as tx:
            asked = await service.request_information(
                tx,
                officers[0].actor,
                case_id,
                "the second page is missing",
                now=context.clock.now(),
                chance=context.chance,
            )
        return asked.state

    with pytest.raises(WrongCaseState, match="nothing to ask"):
        await ask()
    portfolio_id = await portfolio_of(context, await factories.bare_pool(context, seller, papers=()))
    await service.add_evidence(context, seller.actor, case_id, of_portfolio(context, portfolio_id), b"x")
    assert await ask() is CaseState.CLEARED
    async with context.db.begin(seller.actor) as tx:
        found = await service.read_case(tx, seller.actor, case_id)
        assert await service.require_clearance(tx, seller.org_id, "list", context.clock.now())
    assert [message.text for message in found.messages] == ["the second page is missing"]


async def test_a_new_clearance_does_not_rest_on_papers_of_listings_and_the_archive_holds_them(context: Context) -> None:
    officers = await factories.two_officers(context)
    seller, case_id = await cleared_seller(context, officers)
    portfolio_id = await portfolio_of(context, await factories.bare_pool(context, seller, papers=()))
    paper = await service.add_evidence(context, seller.actor, case_id, of_portfolio(context, portfolio_id), b"x")
    await verify(context, officers[0], paper)
    officer, now = officers[0].actor, context.clock.now()
    async with context.db.begin_as_officer(officer) as tx:
        before = (await service.read_case(tx, officer, case_id)).case.plan
        await service.end_clearance(tx, officer, seller.clearances["list"], "a lapse", now)
        await service.review_again(tx, officer, case_id, "all is well again", now=now)
        await service.prepare(tx, officer, case_id, factories.a_grant(("list",)), valid_until=None, now=now)
        again = (await service.read_case(tx, officer, case_id)).case.plan
    assert before is not None
    assert again is not None
    assert again.evidence_digest == before.evidence_digest
    packed = await service.export_case(context, officer, case_id)
    assert archive.check(packed, Signer.of(context).public_key).row_counts["verification"] >= 1
    async with context.db.begin(officer) as tx:
        kept = {one.type: one.rule for one in await service.retention_report(tx, officer, now)}
    assert EvidenceType.SAMPLE_MEDIA not in kept
