"""After the release: hold-back, accounts that go back, the chain of title; and sales that compliance holds."""

from dataclasses import astuple, replace
from datetime import timedelta
from hashlib import sha256
from itertools import accumulate, pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.portfolios import service as portfolios
from market.settlement import jobs, moves, service
from market.settlement.refunds import Ground, PutBack, PutBackState, WaitsFor, refund, waits_for
from market.settlement.rules import OnHold, PutBackRefused, State, TwoPeople, WrongState
from market.settlement.service.evidence import EvidenceFull
from market.settlement.service.putbacks import NoEvidence
from market.settlement.store import afterwards
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_defaults import awarded
from tests.settlement.test_guards import forge, paid
from tests.settlement.test_http import doors  # noqa: F401 - a fixture
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.test_rules import sales
from tests.settlement.wires import Wire

HAMMER = 60_000_00
DOCUMENT = b"certificate of death"
EVIDENCE = sha256(DOCUMENT).hexdigest()


async def in_window(bank, holdback_bps=1_000, pool_id=None):
    """(settlement, buyer) of a sale whose seller was paid: accounts can go back."""
    context = bank.context
    buyer = await factories.buyer(context, bank.officers)
    auction = await factories.sold_auction(
        context,
        bank.seller,
        [buyer],
        hammer_cents=HAMMER,
        pool_id=pool_id,
        sale_terms={"holdback_bps": holdback_bps, "putback_days": 30},
    )
    signing = await factories.settlement_in(context, "signing", auction)
    await factories.sign_agreement(context, bank.seller, signing.settlement_id)
    await factories.sign_agreement(context, buyer, signing.settlement_id, public_key(9))
    await factories.import_wires(context, bank.operator, Wire(signing.due_cents, end_to_end=signing.reference))
    await prepare(context, bank.officers[0], signing.settlement_id)
    await approve(context, bank.officers[1], signing.settlement_id)
    async with context.db.begin(bank.operator.actor) as tx:
        page, _ = await service.list_payouts(tx, bank.operator.actor, factories.PageRequest(200), None)
    (payout,) = [each for each in page.items if each.settlement_id == signing.settlement_id]
    borne_cents = signing.seller_fee_cents + signing.seller_tax_cents
    assert payout.amount_cents == HAMMER - borne_cents - HAMMER * holdback_bps // 10_000
    await factories.import_wires(context, bank.operator, Wire(payout.amount_cents, payout.reference, credit=False))
    return await seen(context, bank.seller, signing.settlement_id), buyer


async def seen(context, party, settlement_id):
    async with context.db.begin(party.actor) as tx:
        return await service.find_settlement(tx, party.actor, settlement_id)


async def claim(context, party, settlement, *rows, face=1_000_00, evidence=DOCUMENT):
    claims = [service.Claim(row, face, Ground.DECEASED, sha256(evidence).hexdigest()) for row in rows]
    async with context.db.begin(party.actor) as tx:
        return await service.claim_put_backs(
            tx, party.actor, settlement.settlement_id, claims, now=context.clock.now(), chance=context.chance
        )


async def hand_in(context, party, settlement, document=DOCUMENT):
    async with context.db.begin(party.actor) as tx:
        return await service.hand_in_evidence(
            tx,
            party.actor,
            settlement.settlement_id,
            document,
            now=context.clock.now(),
            chance=context.chance,
            vault=context.vault,
        )


async def answer(context, party, put_back, *, accept, reason=None):
    async with context.db.begin(party.actor) as tx:
        return await service.answer_put_back(
            tx, party.actor, put_back.put_back_id, accept=accept, reason=reason, now=context.clock.now()
        )


async def decide(context, party, put_back, *, uphold):
    async with context.db.begin(party.actor) as tx:
        return await service.decide_put_back(
            tx, party.actor, put_back.put_back_id, uphold=uphold, reason="the papers say so", now=context.clock.now()
        )


async def pay(context):
    """The put-backs that the worker refunds now."""
    async with context.db.begin(SYSTEM) as tx:
        due = await service.payable_put_backs(tx, now=context.clock.now())
    await jobs.pay_put_backs(context)
    async with context.db.begin(SYSTEM) as tx:
        after = [await afterwards.find_put_back(tx, each) for each in due]
    return [each for each in after if each.state is PutBackState.REFUNDED]


async def owners(context, party, settlement, row):
    async with context.db.begin(party.actor) as tx:
        links = await service.chain_of_title(tx, party.actor, settlement.settlement_id, row)
    assert all(one.to_org_id == two.from_org_id for one, two in pairwise(links))
    return [links[0].from_org_id, *(link.to_org_id for link in links)] if links else []


async def test_an_accepted_account_goes_back_with_its_price_its_fee_and_its_title(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    kept = moves.holdback(settlement.settlement_id)
    assert await balance(context, kept) == (6_000_00, 6_000_00)
    before, income = await balance(context, moves.cash(buyer.org_id)), await balance(context, moves.COMMISSION)
    given, other = await claim(context, buyer, settlement, 1, 2)
    assert await owners(context, buyer, settlement, 1) == [bank.seller.org_id, buyer.org_id]
    await answer(context, bank.seller, given, accept=True)
    (refunded,) = await pay(context)
    assert (refunded.put_back_id, refunded.state) == (given.put_back_id, PutBackState.REFUNDED)
    due = refund(settlement, 1_000_00, 6_000_00)
    assert due.from_seller_cents == 0
    assert refunded.refund_cents == due.from_holdback_cents + due.buyer_fee_cents
    assert (await balance(context, moves.cash(buyer.org_id)))[0] == before[0] + refunded.refund_cents
    assert (await balance(context, moves.COMMISSION))[0] == income[0] - due.buyer_fee_cents - due.seller_fee_cents
    assert await owners(context, buyer, settlement, 1) == [bank.seller.org_id, buyer.org_id, bank.seller.org_id]
    assert await owners(context, bank.seller, settlement, 2) == [bank.seller.org_id, buyer.org_id]
    assert await pay(context) == []
    assert (await answer(context, bank.seller, other, accept=False, reason="alive")).state is PutBackState.DISPUTED
    assert await books_hold(context)


async def test_what_went_back_shows_on_the_sale(bank, doors):  # noqa: F811
    """Claimed, accepted and refunded through the doors; both parties see what the buyer got and what is held back."""
    settlement, party = await in_window(bank)
    buyer, seller = await doors.as_(party), await doors.as_(bank.seller)
    door = f"/v1/settlements/{settlement.settlement_id}"
    claim_ = {"row_number": 1, "face_value_cents": 1_000_00, "ground": "deceased", "evidence_sha256": EVIDENCE}
    made = await buyer.post(f"{door}/put-backs", json={"claims": [claim_]})
    assert made.status_code == 201, made.text
    assert (made.json()["items"][0]["waits_for"], made.json()["items"][0]["seller_due_cents"]) == ("seller_answer", 0)
    answered = f"/v1/put-backs/{made.json()['items'][0]['put_back_id']}/answer"
    said = await seller.post(answered, json={"accept": True, "reason": None})
    assert (said.status_code, said.json()["waits_for"]) == (200, "refund_run")
    await pay(bank.context)
    (refunded,) = (await buyer.get(f"{door}/put-backs")).json()["items"]
    assert (refunded["refund_cents"] > 0, refunded["waits_for"]) == (True, None)
    for client in (buyer, seller):
        sale = (await client.get(door)).json()
        assert (sale["refunded_cents"], sale["holdback_cents"]) == (refunded["refund_cents"], HAMMER // 10)
        assert (sale["account_count"], sale["face_value_cents"]) == (200, 250_000_00)


async def test_evidence_is_handed_in_by_the_buyer_and_seen_by_the_parties_and_officers(bank, doors):  # noqa: F811
    settlement, party = await in_window(bank)
    buyer, seller, officer = [await doors.as_(each) for each in (party, bank.seller, bank.officers[0])]
    other = await doors.as_(bank.buyers[0])
    door = f"/v1/settlements/{settlement.settlement_id}"
    early = await buyer.post(f"{door}/put-back-evidence", content=DOCUMENT)
    assert (early.status_code, early.json()["field"]) == (422, "body")
    given, same = await claim(bank.context, party, settlement, 1, 2)
    document = f"/v1/put-backs/{given.put_back_id}/evidence"
    assert (await seller.get(document)).status_code == 404
    for wrong in (b"", b"another document"):
        assert (await buyer.post(f"{door}/put-back-evidence", content=wrong)).status_code == 422
    assert (await buyer.post(f"{door}/put-back-evidence", content=bytes(10_000_001))).status_code == 413
    assert [
        (await each.post(f"{door}/put-back-evidence", content=DOCUMENT)).status_code for each in (seller, other)
    ] == [
        404,
        404,
    ]
    for _ in range(2):
        handed_in = await buyer.post(f"{door}/put-back-evidence", content=DOCUMENT)
        assert (handed_in.status_code, handed_in.json()) == (201, {"file_sha256": EVIDENCE})
    for each in (buyer, seller, officer):
        taken = await each.get(document)
        assert (taken.status_code, taken.content) == (200, DOCUMENT)
        assert taken.headers["content-disposition"].startswith("attachment")
    assert (await seller.get(f"/v1/put-backs/{same.put_back_id}/evidence")).content == DOCUMENT
    assert (await other.get(document)).status_code == 404
    assert {each["evidence_handed_in"] for each in (await seller.get(f"{door}/put-backs")).json()["items"]} == {True}
    async with bank.context.db.begin(SYSTEM) as tx:
        kept = (await tx.execute(text("SELECT sealed FROM put_back_evidence"))).scalars().all()
        noted = await tx.execute(
            text("SELECT kind, count(*) FROM journal WHERE stream = :stream AND kind LIKE '%evidence%' GROUP BY kind"),
            {"stream": f"settlement:{settlement.settlement_id}"},
        )
        assert dict(noted.all()) == {
            "settlement.putback_evidence_handed_in": 1,
            "settlement.putback_evidence_taken": 4,
        }
    assert not any(DOCUMENT in each for each in kept)
    for each in (given, same):
        await answer(bank.context, bank.seller, each, accept=True)
    await pay(bank.context)


async def test_a_document_comes_in_up_to_ten_megabytes_and_no_operator_reads_it(bank, doors):  # noqa: F811
    settlement, party = await in_window(bank)
    buyer, operator = await doors.as_(party), await doors.as_(bank.operator)
    big = bytes(10_000_000)
    (given,) = await claim(bank.context, party, settlement, 1, evidence=big)
    door = f"/v1/settlements/{settlement.settlement_id}/put-back-evidence"
    handed_in = await buyer.post(door, content=big)
    assert handed_in.status_code == 201, handed_in.text
    document = f"/v1/put-backs/{given.put_back_id}/evidence"
    assert (await buyer.get(document)).content == big
    assert (await operator.get(document)).status_code == 403
    await answer(bank.context, bank.seller, given, accept=True)
    await pay(bank.context)


async def test_nothing_is_handed_in_for_a_claim_that_is_decided(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    kept, late = [(await claim(context, buyer, settlement, row, evidence=b"%d" % row))[0] for row in (1, 2)]
    await hand_in(context, buyer, settlement, b"1")
    for each in (kept, late):
        await answer(context, bank.seller, each, accept=True)
    assert await hand_in(context, buyer, settlement, b"1") == kept.evidence_sha256
    with pytest.raises(Malformed):
        await hand_in(context, buyer, settlement, b"2")
    insert = text("INSERT INTO put_back_evidence VALUES (:sale, :digest, '\\x00', '\\x00', :by, :now)")
    values = {"sale": settlement.settlement_id, "by": buyer.actor.user_id, "now": context.clock.now()}
    with pytest.raises(DBAPIError, match="no undecided claim"):
        async with context.db.begin(buyer.actor) as tx:
            await tx.execute(insert, values | {"digest": late.evidence_sha256})
    await pay(context)


async def test_the_documents_of_a_sale_are_500_megabytes_at_most(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    claimed = [(await claim(context, buyer, settlement, row, evidence=b"%d" % row))[0] for row in range(1, 8)]
    insert = text(
        "INSERT INTO put_back_evidence VALUES (:sale, :digest, convert_to(repeat('0', :size), 'UTF8'), '1', :by, :now)"
    )
    values = {"sale": settlement.settlement_id, "by": buyer.actor.user_id, "now": context.clock.now()}

    async def forge(each, size):
        async with context.db.begin(buyer.actor) as tx:
            await tx.execute(insert, values | {"digest": each.evidence_sha256, "size": size})

    for each in claimed[:5]:
        await forge(each, 100_000_000 - 10)
    await hand_in(context, buyer, settlement, b"6")
    with pytest.raises(EvidenceFull):
        await hand_in(context, buyer, settlement, b"7")
    with pytest.raises(DBAPIError, match="500 MB"):
        await forge(claimed[6], 30)
    for each in claimed:
        await answer(context, bank.seller, each, accept=True)
    await pay(context)


async def test_the_database_keeps_no_document_that_no_claim_names(bank):
    settlement, buyer = await in_window(bank)
    (given,) = await claim(bank.context, buyer, settlement, 1)
    values = {"sale": settlement.settlement_id, "by": buyer.actor.user_id, "now": bank.context.clock.now()}
    insert = text("INSERT INTO put_back_evidence VALUES (:sale, :digest, '\\x00', '\\x00', :by, :now)")
    for party, digest in ((buyer, "cd" * 32), (bank.seller, EVIDENCE), (bank.buyers[0], EVIDENCE)):
        with pytest.raises(DBAPIError):
            async with bank.context.db.begin(party.actor) as tx:
                await tx.execute(insert, values | {"digest": digest, "by": party.actor.user_id})
    async with bank.context.db.begin(buyer.actor) as tx:
        await tx.execute(insert, values | {"digest": EVIDENCE})
    for change in ("UPDATE put_back_evidence SET sealed = '\\x01'", "DELETE FROM put_back_evidence"):
        with pytest.raises(DBAPIError):
            async with bank.context.db.begin(buyer.actor) as tx:
                await tx.execute(text(change))
    await answer(bank.context, bank.seller, given, accept=True)
    await pay(bank.context)


async def test_what_the_seller_disputes_an_officer_decides_and_silence_accepts(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    upheld, declined, silent, kept = await claim(context, buyer, settlement, 1, 2, 3, 4)
    for each in (upheld, declined):
        with pytest.raises(Malformed):
            await answer(context, bank.seller, each, accept=False)
        await answer(context, bank.seller, each, accept=False, reason="not so")
    with pytest.raises(WrongState):
        await decide(context, bank.officers[0], silent, uphold=True)
    for nobody in (buyer, bank.seller, bank.operator):
        with pytest.raises(Forbidden):
            await decide(context, nobody, upheld, uphold=True)
    with pytest.raises(NoEvidence):
        await decide(context, bank.officers[0], upheld, uphold=True)
    await hand_in(context, buyer, settlement)
    await decide(context, bank.officers[0], upheld, uphold=True)
    assert (await decide(context, bank.officers[0], declined, uphold=False)).state is PutBackState.DECLINED
    async with context.db.begin(buyer.actor) as tx:
        await service.withdraw_put_back(tx, buyer.actor, kept.put_back_id)
    assert [each.put_back_id for each in await pay(context)] == [upheld.put_back_id]
    assert [each.put_back_id for each in await pay(bank.later(days=20))] == [silent.put_back_id]
    again = await claim(context, buyer, settlement, 2)
    assert again[0].state is PutBackState.CLAIMED


async def test_who_was_silent_does_not_dispute_while_its_money_is_waited_for(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    (silent,) = await claim(context, buyer, settlement, 1)
    in_time, late = bank.later(days=1), bank.later(days=20)
    with pytest.raises(WrongState, match="silence has accepted it"):
        await answer(late, bank.seller, silent, accept=False, reason="not so")
    assert (await answer(in_time, bank.seller, silent, accept=False, reason="not so")).state is PutBackState.DISPUTED
    async with context.db.begin(buyer.actor) as tx:
        await service.withdraw_put_back(tx, buyer.actor, silent.put_back_id)


async def test_nothing_is_claimed_twice_too_late_by_others_or_that_was_not_sold(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    await claim(context, buyer, settlement, 1)
    for rows, face, error in (
        ((1,), 1_000_00, PutBackRefused),
        ((2, 1), 1_000_00, PutBackRefused),
        ((2, 2), 1_000_00, Malformed),
        ((0,), 1_000_00, Malformed),
        ((settlement.account_count + 1,), 1_000_00, Malformed),
        ((), 1_000_00, Malformed),
    ):
        with pytest.raises(error):
            await claim(context, buyer, settlement, *rows, face=face)
    for stranger in (bank.seller, bank.buyers[0]):
        with pytest.raises(NotFound):
            await claim(context, stranger, settlement, 2)
    with pytest.raises(WrongState, match="the window has closed"):
        await claim(bank.later(days=31), buyer, settlement, 2)
    unreleased, early = await paid(bank)
    with pytest.raises(WrongState, match="settlement is funded: accounts can be put back after the release") as told:
        await claim(context, early, unreleased, 1)
    assert told.value.members["state"] == "funded"


async def test_between_release_and_payout_a_claim_is_told_what_is_awaited_and_until_when_it_can_be_made(bank):
    context = bank.context
    settlement, buyer = await paid(bank)
    await prepare(context, bank.officers[0], settlement.settlement_id)
    released = await approve(context, bank.officers[1], settlement.settlement_id)
    with pytest.raises(WrongState) as told:
        await claim(context, buyer, released, 1)
    assert told.value.members["state"] == "released"
    for word in (
        "is released",
        "bank has not confirmed",
        "putback_window",
        f"{released.putback_until_at:%Y-%m-%d %H:%M}",
    ):
        assert word in told.value.detail


async def test_an_account_goes_back_at_the_balance_on_record_whatever_its_buyer_says(bank):
    """Who is silent accepts a claim, so none is let in at more than the account was sold at."""
    context, balances = bank.context, [1_000_00] * 999 + [500_00, 700_00, 0]
    pool_id = await factories.keyed_pool(context, bank.seller, balances)
    settlement, buyer = await in_window(bank, pool_id=pool_id)
    for row, face in ((1_000, 1_000_00), (1_001, 500_00), (1_002, 1), (1, settlement.face_value_cents), (1, 1), (1, 0)):
        with pytest.raises(Malformed) as told:
            await claim(context, buyer, settlement, row, face=face)
        assert told.value.field == "claims[0].face_value_cents"
        assert "the first account is row 1" in told.value.detail
        # No balance is told: whoever miscounts the rows would put another debtor's account back with it.
        assert not any(f"{cents}" in told.value.detail for cents in (1_000_00, 500_00, 700_00, "1,000.00", "500.00"))
    forged = """INSERT INTO put_back (put_back_id, settlement_id, row_number, face_value_cents, ground, evidence_sha256,
        claimed_by, claimed_at, answer_by_at, state) VALUES (gen_random_uuid(), :sale, :row, 50001, 'fraud',
        repeat('a', 64), :user_id, now(), now(), 'claimed')"""
    row = {"sale": settlement.settlement_id, "row": 1_000, "user_id": buyer.user_id}
    assert "not the balance on record" in await forge(context, buyer.actor, forged, **row)
    await claim(context, buyer, settlement, 1_000, face=500_00)
    await claim(context, buyer, settlement, 1_001, face=700_00)
    paid_back = {each.row_number: each for each in await pay(bank.later(days=20)) if each.claimed_by == buyer.user_id}
    first = refund(settlement, 500_00, settlement.holdback_cents)
    assert paid_back[1_000].refund_cents == first.from_holdback_cents + first.buyer_fee_cents
    assert (await seen(context, buyer, settlement.settlement_id)).refunded_face_cents == 1_200_00


async def test_balances_are_read_by_the_parties_once_they_have_the_file_and_changed_by_nobody(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    unreleased, early = await paid(bank)
    for party, sale, count in (
        (buyer, settlement, 1),
        (bank.seller, settlement, 1),
        (bank.buyers[0], settlement, 0),
        (early, unreleased, 0),
    ):
        async with context.db.begin(party.actor) as tx:
            assert len(await portfolios.balances(tx, sale.pool_id, [200, 201])) == count
    for change in ("UPDATE pool_balance SET balances_cents = '{5}'", "DELETE FROM pool_balance"):
        assert "permission denied" in await forge(context, SYSTEM, change)


async def test_beyond_the_holdback_the_seller_pays_or_the_refund_waits_for_its_money(bank, doors):  # noqa: F811
    context = bank.context
    pool_id = await factories.keyed_pool(context, bank.seller, [25_000_000])
    settlement, buyer = await in_window(bank, holdback_bps=0, pool_id=pool_id)
    (given,) = await claim(context, buyer, settlement, 1, face=25_000_000)
    await answer(context, bank.seller, given, accept=True)
    due = settlement.hammer_cents - settlement.seller_fee_cents - settlement.seller_tax_cents
    client = await doors.as_(buyer)
    (told,) = (await client.get(f"/v1/settlements/{settlement.settlement_id}/put-backs")).json()["items"]
    assert (told["state"], told["refund_cents"]) == ("accepted", 0)
    assert (told["waits_for"], told["seller_due_cents"]) == ("seller_money", due)
    free = (await balance(context, moves.cash(bank.seller.org_id)))[1]
    if free < HAMMER:
        assert await pay(context) == []
        assert await owners(context, buyer, settlement, 1) == [bank.seller.org_id, buyer.org_id]
        await bank.pay_in(bank.seller, HAMMER - free)
    (refunded,) = await pay(context)
    assert refunded.refund_cents == settlement.price_cents
    final = await seen(context, buyer, settlement.settlement_id)
    assert (final.refunded_price_cents, final.refunded_buyer_fee_cents) == (HAMMER, settlement.buyer_fee_cents)
    assert final.refunded_seller_fee_cents == settlement.seller_fee_cents
    assert await books_hold(context)


async def test_the_window_closes_once_no_claim_is_open_and_the_holdback_is_the_sellers(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    (given,) = await claim(context, buyer, settlement, 1)
    await answer(context, bank.seller, given, accept=False, reason="not so")
    late = bank.later(days=31)
    async with context.db.begin(SYSTEM) as tx:
        assert settlement.settlement_id not in {
            each.settlement_id for each in await service.close_due(tx, now=late.clock.now())
        }
    assert "put-backs are open" in await forge(
        context, SYSTEM, "UPDATE settlement SET state = 'closed' WHERE settlement_id = :id", id=settlement.settlement_id
    )
    await decide(context, bank.officers[0], given, uphold=False)
    before = await balance(context, moves.cash(bank.seller.org_id))
    async with context.db.begin(SYSTEM) as tx:
        closed = {each.settlement_id: each for each in await service.close_due(tx, now=late.clock.now())}
    assert closed[settlement.settlement_id].state is State.CLOSED
    assert (await balance(context, moves.cash(bank.seller.org_id)))[0] - before[0] >= 6_000_00
    assert await balance(context, moves.holdback(settlement.settlement_id)) == (0, 0)


async def test_the_database_draws_no_arrow_of_a_put_back_and_no_link_of_title_that_is_not_due(bank):
    context = bank.context
    settlement, buyer = await in_window(bank)
    (given,) = await claim(context, buyer, settlement, 1)
    move = "UPDATE put_back SET state = :state, refunded_at = CASE :state WHEN 'refunded' THEN now() END WHERE put_back_id = :id"
    for actor, state in (
        (buyer.actor, "accepted"),
        (buyer.actor, "refunded"),
        (bank.seller.actor, "withdrawn"),
        (bank.officers[0].actor, "accepted"),
        (SYSTEM, "refunded"),
        (SYSTEM, "declined"),
    ):
        said = await forge(context, actor, move.replace(":state", f"'{state}'"), id=given.put_back_id)
        assert "does not go from claimed" in said or "row-level" in said or "ck_put_back" in said, (state, said)
    link = """INSERT INTO title_link VALUES (:sale, :seq, :row, :row, :giver, :taker, :cause, :put_back, repeat('a', 64), now())"""
    row = {
        "sale": settlement.settlement_id, "seq": 2, "row": 1, "giver": buyer.org_id, "taker": bank.seller.org_id,
        "cause": "reassignment", "put_back": given.put_back_id,
    }  # fmt: skip
    assert "not the giver's" in await forge(context, SYSTEM, link, **row)
    assert "no gap" in await forge(context, SYSTEM, link, **row | {"seq": 5})
    assert "with the release" in await forge(context, SYSTEM, link, **row | {"cause": "assignment", "put_back": None})
    await answer(context, bank.seller, given, accept=True)
    assert "not the giver's" in await forge(context, SYSTEM, link, **row | {"row": 2})
    assert "not the giver's" in await forge(context, SYSTEM, link, **row | {"giver": bank.buyers[0].org_id})
    for change in ("UPDATE title_link SET to_org_id = from_org_id", "DELETE FROM title_link"):
        assert "append-only" in await forge(context, SYSTEM, change) or "permission" in await forge(
            context, SYSTEM, change
        )


async def hold(context, officer, settlement, reason="a new list names a director"):
    async with context.db.begin(officer.actor) as tx:
        return await service.place_hold(
            tx, officer.actor, settlement.settlement_id, reason, now=context.clock.now(), chance=context.chance
        )


async def test_a_held_sale_stands_still_and_its_deadlines_move_by_as_much(bank):
    context, (first, second) = bank.context, bank.officers
    _, settlement, buyer = await awarded(bank, deposit_cents=0)
    await hold(context, first, settlement)
    with pytest.raises(OnHold) as told:
        await factories.sign_agreement(context, buyer, settlement.settlement_id, public_key(9))
    assert "list" not in told.value.detail
    assert "is held" in await forge(
        context,
        SYSTEM,
        "UPDATE settlement SET state = 'sign_default' WHERE settlement_id = :id",
        id=settlement.settlement_id,
    )
    late = bank.later(days=10)
    async with context.db.begin(SYSTEM) as tx:
        lapsed = await service.lapse_due(tx, now=late.clock.now())
    assert settlement.settlement_id not in {each.settlement_id for each in lapsed}
    with pytest.raises(WrongState):
        await lift(late, second, settlement)
    async with context.db.begin(first.actor) as tx:
        await service.prepare_lift(tx, first.actor, settlement.settlement_id, "another person of that name")
    with pytest.raises(TwoPeople):
        await lift(late, first, settlement)
    lifted = await lift(late, second, settlement)
    assert lifted.held_since_at is None
    assert timedelta(days=9) < lifted.sign_by_at - settlement.sign_by_at < timedelta(days=11)
    signed = await factories.sign_agreement(context, buyer, settlement.settlement_id, public_key(9))
    assert signed.state is State.SIGNING


async def lift(context, officer, settlement):
    async with context.db.begin(officer.actor) as tx:
        return await service.approve_lift(tx, officer.actor, settlement.settlement_id, now=context.clock.now())


async def test_only_officers_hold_once_and_before_the_release(bank):
    context = bank.context
    settlement, buyer = await paid(bank)
    for nobody in (buyer, bank.seller, bank.operator):
        with pytest.raises(Forbidden):
            await hold(context, nobody, settlement)
    await hold(context, bank.officers[0], settlement)
    with pytest.raises(WrongState):
        await hold(context, bank.officers[1], settlement)
    with pytest.raises(OnHold):
        await prepare(context, bank.officers[0], settlement.settlement_id)
    assert "own record" in await forge(
        context,
        SYSTEM,
        "UPDATE settlement SET held_since_at = NULL WHERE settlement_id = :id",
        id=settlement.settlement_id,
    )
    released, _ = await in_window(bank)
    with pytest.raises(WrongState):
        await hold(context, bank.officers[0], released)
    async with context.db.begin(bank.seller.actor) as tx:
        assert await tx.scalar(text("SELECT count(*) FROM settlement_hold WHERE org_id IS NULL")) == 0


@given(sales(), st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_putting_back_all_accounts_in_any_order_gives_back_all_of_it_to_the_cent(sale, faces):
    sale = replace(sale, face_value_cents=sum(faces))
    left = sale.holdback_cents
    for face, done in zip(faces, accumulate(faces), strict=True):
        due = refund(sale, face, left)
        assert min(astuple(due)) >= 0
        assert due.from_seller_cents == 0 or due.from_holdback_cents == left
        left -= due.from_holdback_cents
        sale = replace(
            sale,
            refunded_face_cents=done,
            refunded_price_cents=sale.refunded_price_cents + due.from_holdback_cents + due.from_seller_cents,
            refunded_buyer_fee_cents=sale.refunded_buyer_fee_cents + due.buyer_fee_cents,
            refunded_seller_fee_cents=sale.refunded_seller_fee_cents + due.seller_fee_cents,
            refunded_buyer_tax_cents=sale.refunded_buyer_tax_cents + due.buyer_tax_cents,
            refunded_seller_tax_cents=sale.refunded_seller_tax_cents + due.seller_tax_cents,
        )
    assert (sale.refunded_price_cents, sale.refunded_buyer_fee_cents, sale.refunded_seller_fee_cents) == (
        sale.hammer_cents,
        sale.buyer_fee_cents,
        sale.seller_fee_cents,
    )
    assert (sale.refunded_buyer_tax_cents, sale.refunded_seller_tax_cents) == (
        sale.buyer_tax_cents,
        sale.seller_tax_cents,
    )


def put_back(settlement, state, now, face_value_cents):
    return PutBack(
        put_back_id=uuid4(), settlement_id=settlement.settlement_id, row_number=1, face_value_cents=face_value_cents,
        ground=Ground.DECEASED, evidence_sha256=EVIDENCE, claimed_by=uuid4(), claimed_at=now,
        answer_by_at=now + timedelta(days=14), state=state,
    )  # fmt: skip


@given(sales(), st.integers(1, 10**9), st.sampled_from(PutBackState), st.booleans(), st.booleans())
def test_an_open_put_back_says_what_it_waits_for_and_one_that_is_over_nothing(sale, face, state, late, held):
    now = sale.awarded_at
    sale = replace(sale, face_value_cents=face, held_since_at=now if held else None)
    asked = put_back(sale, state, now, face)
    word, cents = waits_for(sale, asked, now + timedelta(days=15 if late else 1))
    due = refund(sale, face, max(0, sale.holdback_cents - sale.refunded_price_cents))
    assert 0 <= cents <= due.from_seller_cents
    match state:
        case PutBackState.DISPUTED:
            assert word is WaitsFor.OFFICER
        case PutBackState.CLAIMED if not late:
            assert word is WaitsFor.SELLER_ANSWER
        case PutBackState.CLAIMED | PutBackState.ACCEPTED if held:
            assert word is WaitsFor.HOLD
        case PutBackState.CLAIMED | PutBackState.ACCEPTED:
            assert word is (WaitsFor.SELLER_MONEY if cents else WaitsFor.REFUND_RUN)
        case _:
            assert (word, cents) == (None, 0)
