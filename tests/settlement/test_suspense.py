"""Money that nobody was found for moves only when two different people agree on whose it is."""

from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.kit.errors import Forbidden, Malformed, NotFound
from market.kit.pages import PageRequest
from market.settlement import moves, service
from market.settlement.rules import InsufficientFunds, NoticeUndecided, TransferConflict, TwoPeople, reference
from market.settlement.service.suspense import EntryMatched, ProposalDecided
from market.settlement.statement import digest, read_file
from market.settlement.store import bank as bank_store
from market.settlement.store import ledger
from market.settlement.store.notices import MOST
from tests import factories
from tests.settlement.books import apply, balance, books_hold, member, move, organisation
from tests.settlement.test_guards import forge
from tests.settlement.test_http import doors, problem  # noqa: F401 - a fixture
from tests.settlement.test_putbacks import in_window
from tests.settlement.test_rails_in import notice
from tests.settlement.wires import Wire


async def in_suspense(bank, cents, *, credit=True):
    imported = await factories.import_wires(bank.context, bank.operator, Wire(cents, "who knows", credit=credit))
    return imported.suspense[0].entry_id


async def propose(bank, entry_id, org_id, *, by=None, reason="the bank told us on the phone"):
    actor = (by or bank.operator).actor
    async with bank.context.db.begin(actor) as tx:
        return await service.propose_match(
            tx, actor, entry_id, org_id=org_id, reason=reason, now=bank.context.clock.now(), chance=bank.context.chance
        )


async def decide(bank, proposal, how=service.confirm_match, *, by=None):
    actor = (by or bank.officers[0]).actor
    async with bank.context.db.begin(actor) as tx:
        return await how(tx, actor, proposal.proposal_id, now=bank.context.clock.now())


async def cash(bank, org_id):
    return (await balance(bank.context, moves.cash(org_id)))[0]


async def waiting(bank):
    async with bank.context.db.begin(SYSTEM) as tx:
        page = await service.list_suspense(tx, SYSTEM, PageRequest(200))
    return {entry.entry_id for entry in page.items}


async def test_a_credit_becomes_cash_once_a_second_person_agrees(bank):
    party, entry_id = bank.buyers[0], await in_suspense(bank, 777)
    before = await cash(bank, party.org_id)
    proposal = await propose(bank, entry_id, party.org_id)
    assert await cash(bank, party.org_id) == before
    with pytest.raises(TwoPeople):
        await decide(bank, proposal, by=bank.operator)
    assert await cash(bank, party.org_id) == before
    assert entry_id in await waiting(bank)
    await decide(bank, proposal)
    assert await cash(bank, party.org_id) == before + 777
    assert entry_id not in await waiting(bank)
    assert await books_hold(bank.context)


async def test_an_entry_is_matched_once_whoever_proposed_what(bank):
    one, two = bank.buyers[:2]
    entry_id = await in_suspense(bank, 500)
    first, second = [await propose(bank, entry_id, party.org_id) for party in (one, two)]
    await decide(bank, first)
    after = await cash(bank, one.org_id), await cash(bank, two.org_id)
    with pytest.raises(ProposalDecided):
        await decide(bank, first)
    with pytest.raises(EntryMatched):
        await decide(bank, second)
    with pytest.raises(EntryMatched):
        await propose(bank, entry_id, two.org_id)
    assert (await cash(bank, one.org_id), await cash(bank, two.org_id)) == after


async def test_a_rejected_proposal_moves_nothing_and_the_entry_waits_on(bank):
    entry_id = await in_suspense(bank, 600)
    proposal = await propose(bank, entry_id, bank.buyers[0].org_id)
    await decide(bank, proposal, service.reject_match, by=bank.operator)
    assert entry_id in await waiting(bank)
    with pytest.raises(ProposalDecided):
        await decide(bank, proposal)
    await decide(bank, await propose(bank, entry_id, bank.buyers[1].org_id))


async def test_a_matched_debit_is_settled_and_releases_go_on(bank):
    party = bank.buyers[2]
    await bank.pay_in(party, 900)
    before = await cash(bank, party.org_id)
    entry_id = await in_suspense(bank, 900, credit=False)
    async with bank.context.db.begin(SYSTEM) as tx:
        assert not (await service.check_ledger(tx, SYSTEM)).holds
    await decide(bank, await propose(bank, entry_id, party.org_id))
    assert await cash(bank, party.org_id) == before - 900
    async with bank.context.db.begin(SYSTEM) as tx:
        assert (await service.check_ledger(tx, SYSTEM)).lines()[-1] == "the books hold"


async def test_the_banks_own_charge_is_borne_by_the_commission_and_never_by_clients(bank):
    await in_window(bank)
    earned = (await balance(bank.context, moves.COMMISSION))[0]
    too_much = await in_suspense(bank, earned + 1, credit=False)
    with pytest.raises(InsufficientFunds):
        await decide(bank, await propose(bank, too_much, None))
    async with bank.context.db.begin(SYSTEM) as tx:
        (open_debit,) = await bank_store.unmatched_debits(tx, "USD")
    await factories.import_wires(bank.context, bank.operator, Wire(earned + 1, open_debit.entry_ref))
    await decide(bank, await propose(bank, await in_suspense(bank, 25, credit=False), None))
    assert (await balance(bank.context, moves.COMMISSION))[0] == earned - 25
    assert await books_hold(bank.context)


async def test_more_than_an_organisation_has_cannot_be_taken_from_it(bank):
    poor = await factories.buyer(bank.context, bank.officers)
    entry_id = await in_suspense(bank, 1_000_000, credit=False)
    proposal = await propose(bank, entry_id, poor.org_id)
    with pytest.raises(InsufficientFunds):
        await decide(bank, proposal)
    await bank.pay_in(poor, 1_000_000)
    await decide(bank, proposal)
    assert await cash(bank, poor.org_id) == 0


async def test_what_makes_no_sense_is_refused(bank):
    entry_id = await in_suspense(bank, 5)
    with pytest.raises(Malformed, match="some organisation's"):
        await propose(bank, entry_id, None)
    with pytest.raises(Malformed, match="no such organisation"):
        await propose(bank, entry_id, uuid4())
    with pytest.raises(Malformed, match="reason"):
        await propose(bank, entry_id, bank.buyers[0].org_id, reason="  ")
    with pytest.raises(NotFound):
        await propose(bank, uuid4(), bank.buyers[0].org_id)
    with pytest.raises(Forbidden):
        await propose(bank, entry_id, bank.buyers[0].org_id, by=bank.buyers[0])


async def test_the_database_lets_nobody_confirm_their_own_idea_or_act_in_anothers_name(bank):
    entry_id = await in_suspense(bank, 5)
    proposal = await propose(bank, entry_id, bank.buyers[0].org_id)
    said = {"p": proposal.proposal_id, "e": entry_id, "by": bank.operator.actor.user_id}
    insert = text("INSERT INTO suspense_decision VALUES (:p, :e, 'confirmed', :by, now())")
    with pytest.raises(DBAPIError, match="does not confirm it"):
        async with bank.context.db.begin(bank.operator.actor) as tx:
            await tx.execute(insert, said)
    with pytest.raises(DBAPIError, match="own name"):
        async with bank.context.db.begin(bank.operator.actor) as tx:
            await tx.execute(insert, said | {"by": bank.officers[0].actor.user_id})


async def test_two_people_match_through_the_doors(bank, doors):  # noqa: F811
    operator, officer = await doors.as_(bank.operator), await doors.as_(bank.officers[0])
    entry_id, party = await in_suspense(bank, 4321), bank.buyers[1]
    said = {"org_id": str(party.org_id), "reason": "their remittance advice names it"}
    made = await operator.post(f"/v1/bank-entries/{entry_id}/matches", json=said)
    assert made.status_code == 201, made.text
    door = f"/v1/matches/{made.json()['proposal_id']}"
    assert made.json() in (await officer.get("/v1/matches?limit=200")).json()["items"]
    problem(await operator.post(f"{door}/confirmation"), 403, "two-people")
    stranger = await doors.as_(party)
    problem(await stranger.post(f"{door}/confirmation"), 403, "forbidden")
    before = await cash(bank, party.org_id)
    assert (await officer.post(f"{door}/confirmation")).status_code == 200
    assert await cash(bank, party.org_id) == before + 4321
    problem(await officer.post(f"{door}/confirmation"), 409, "proposal-decided")
    problem(await operator.post(f"/v1/bank-entries/{entry_id}/matches", json=said), 409, "entry-matched")


async def test_a_notice_names_the_payers_of_a_batch_that_the_statement_books_as_one(bank, doors):  # noqa: F811
    operator = await doors.as_(bank.operator)
    party = await factories.buyer(bank.context, bank.officers)
    async with bank.context.db.begin(SYSTEM) as tx:
        pay_with = await service.keep_reference(tx, party.org_id)
    ref = f"BATCH-{uuid4().hex[:8]}"
    told = notice(300, 700, ref=ref).replace(
        reference("DEP", __import__("uuid").UUID(int=7)).encode(), pay_with.encode()
    )
    for new_count in (1, 0):
        answer = await operator.post("/v1/bank-statements", content=told, headers={"Content-Type": "application/xml"})
        assert (answer.status_code, answer.json()) == (201, {"statements": [], "notice_count": new_count})
    # One person's word about whose the parts are moves nothing: the statement waits for a second one.
    with pytest.raises(NoticeUndecided):
        await factories.import_wires(bank.context, bank.operator, Wire(1000, "", ref=ref))
    officer, shown = await doors.as_(bank.officers[0]), (await operator.get("/v1/bank-notices")).json()["items"]
    (mine,) = [each for each in shown if each["entry_ref"] == ref]
    assert [each["amount_cents"] for each in mine["parts"]] == [300, 700]
    assert pay_with in mine["parts"][0]["texts"]
    door = f"/v1/bank-notices/{mine['file_sha256']}"
    problem(await operator.post(f"{door}/confirmation"), 403, "two-people")
    problem(await (await doors.as_(party)).post(f"{door}/confirmation"), 403, "forbidden")
    problem(await officer.post(f"/v1/bank-notices/{'0' * 64}/confirmation"), 404, "not-found")
    assert (await officer.post(f"{door}/confirmation")).json() == mine | {"outcome": "confirmed"}
    problem(await officer.post(f"{door}/rejection"), 409, "proposal-decided")
    assert ref not in {each["entry_ref"] for each in (await officer.get("/v1/bank-notices")).json()["items"]}
    imported = await factories.import_wires(bank.context, bank.operator, Wire(1000, "", ref=ref))
    assert (imported.matched_count, imported.suspense) == (2, [])
    assert await cash(bank, party.org_id) == 1000
    other = await factories.import_wires(bank.context, bank.operator, Wire(999, "", ref=f"{ref}-OTHER"))
    assert len(other.suspense) == 1


async def test_a_batch_whose_notice_was_rejected_is_booked_as_the_statement_has_it(bank, doors):  # noqa: F811
    operator, ref = await doors.as_(bank.operator), f"BATCH-{uuid4().hex[:8]}"
    content = notice(300, 700, ref=ref)
    await operator.post("/v1/bank-statements", content=content, headers={"Content-Type": "application/xml"})
    rejected = await operator.post(f"/v1/bank-notices/{digest(content)}/rejection")
    assert (rejected.status_code, rejected.json()["outcome"]) == (200, "rejected")
    imported = await factories.import_wires(bank.context, bank.operator, Wire(1000, "", ref=ref))
    assert [entry.amount_cents for entry in imported.suspense] == [1000]


async def test_who_confirms_a_file_of_notices_is_shown_all_of_it(bank):
    context, told = bank.context, read_file(notice(300, 700, ref="BATCH-0"))
    many = [replace(told[0], entry_ref=f"BATCH-{uuid4().hex}") for _ in range(MOST + 1)]
    async with context.db.begin(bank.operator.actor) as tx:
        with pytest.raises(Malformed, match="201 batches"):
            await service.keep_notices(tx, bank.operator.actor, many, "a" * 64, now=context.clock.now())
        await service.keep_notices(tx, bank.operator.actor, many[:150], "a" * 64, now=context.clock.now())
        await service.keep_notices(tx, bank.operator.actor, many[150:], "b" * 64, now=context.clock.now())
        more = [replace(told[0], entry_ref=f"BATCH-{uuid4().hex}") for _ in range(60)]
        await service.keep_notices(tx, bank.operator.actor, more, "c" * 64, now=context.clock.now())
        shown = Counter(
            each.file_sha256 for each in await service.list_notices_undecided(tx, bank.operator.actor)
            if each.notice.entry_ref.startswith("BATCH-")
        )  # fmt: skip
    assert set(shown.values()) <= {150, 51, 60}


async def test_the_database_lets_no_one_person_say_whose_a_part_of_a_batch_is(bank):
    context, ref, sha = bank.context, f"BATCH-{uuid4().hex[:8]}", uuid4().hex * 2
    told = read_file(notice(300, 700, ref=ref))
    async with context.db.begin(bank.operator.actor) as tx:
        await service.keep_notices(tx, bank.operator.actor, told, sha, now=context.clock.now())
    part = """INSERT INTO bank_entry (entry_id, statement_id, bank_account, entry_ref, direction, amount_cents, currency,
            remittance, outcome, told_by)
        SELECT gen_random_uuid(), (SELECT statement_id FROM bank_statement WHERE currency = n.currency LIMIT 1),
            n.bank_account, p ->> 'entry_ref', n.direction, (p ->> 'amount_cents')::bigint + :more, n.currency, p ->> 'texts',
            'suspense', n.file_sha256 FROM bank_notice n, jsonb_array_elements(n.parts) p WHERE n.file_sha256 = :sha"""
    decided = "INSERT INTO bank_notice_decision VALUES (:sha, 'confirmed', :by, clock_timestamp())"
    assert "no two people" in await forge(context, bank.operator.actor, part, sha=sha, more=0)
    by = {"sha": sha, "by": bank.operator.actor.user_id}
    assert "who imported notices" in await forge(context, bank.operator.actor, decided, **by)
    assert "own name" in await forge(context, bank.operator.actor, decided, **by | {"by": bank.cashier.actor.user_id})
    assert "no notices came" in await forge(context, bank.cashier.actor, decided, sha="1" * 64, by=bank.cashier.user_id)
    async with context.db.begin(bank.cashier.actor) as tx:
        await service.confirm_notices(tx, bank.cashier.actor, sha, now=context.clock.now())
    assert "no two people" in await forge(context, bank.operator.actor, part, sha=sha, more=1)
    more = "INSERT INTO bank_notice SELECT bank_account, entry_ref || 'x', notice_ref, currency, direction, amount_cents, parts,"
    more += " file_sha256, :by, imported_at FROM bank_notice WHERE file_sha256 = :sha"
    assert "were decided" in await forge(context, bank.operator.actor, more, **by)


async def test_a_notice_that_does_not_fit_the_booking_is_not_believed(bank, doors):  # noqa: F811
    operator, ref = await doors.as_(bank.operator), f"BATCH-{uuid4().hex[:8]}"
    told = notice(300, 700, ref=ref)
    await operator.post("/v1/bank-statements", content=told, headers={"Content-Type": "application/xml"})
    imported = await factories.import_wires(bank.context, bank.operator, Wire(1001, "", ref=ref))
    assert [entry.amount_cents for entry in imported.suspense] == [1001]


async def test_a_notice_does_not_take_a_wire_that_names_its_payer(bank):
    victim, thief = bank.buyers[0], await factories.register_member(bank.context)
    async with bank.context.db.begin(SYSTEM) as tx:
        of_victim, of_thief = [await service.keep_reference(tx, each.org_id) for each in (victim, thief)]
    named, nameless = f"WIRE-{uuid4().hex[:8]}", f"WIRE-{uuid4().hex[:8]}"
    before = await cash(bank, victim.org_id)
    for ref in (named, nameless):
        forged = notice(5_000, ref=ref).replace(reference("DEP", UUID(int=7)).encode(), of_thief.encode())
        async with bank.context.db.begin(bank.operator.actor) as tx:
            told = read_file(forged)
            assert await service.keep_notices(tx, bank.operator.actor, told, "0" * 64, now=bank.context.clock.now())
    imported = await factories.import_wires(
        bank.context,
        bank.operator,
        Wire(5_000, of_victim, ref=named),
        Wire(5_000, "", ref=nameless, name="Somebody Ltd"),
    )
    assert [entry.entry_ref for entry in imported.suspense] == [nameless]
    assert await cash(bank, victim.org_id) == before + 5_000
    assert await cash(bank, thief.org_id) == 0


async def test_who_told_of_a_batch_does_not_send_a_withdrawal_of_it(bank):
    party = await factories.buyer(bank.context, bank.officers)
    await factories.name_bank_account(bank.context, party)
    async with bank.context.db.begin(SYSTEM) as tx:
        pay_with = await service.keep_reference(tx, party.org_id)
    ref = f"BATCH-{uuid4().hex[:8]}"
    told = read_file(notice(300, 700, ref=ref).replace(reference("DEP", UUID(int=7)).encode(), pay_with.encode()))
    sha = uuid4().hex * 2
    async with bank.context.db.begin(bank.cashier.actor) as tx:
        await service.keep_notices(tx, bank.cashier.actor, told, sha, now=bank.context.clock.now())
    async with bank.context.db.begin(bank.officers[0].actor) as tx:
        await service.confirm_notices(tx, bank.officers[0].actor, sha, now=bank.context.clock.now())
    await factories.import_wires(bank.context, bank.operator, Wire(1000, "", ref=ref))
    async with bank.context.db.begin(party.actor) as tx:
        payout = await service.withdraw(tx, party.actor, "USD", 1000, "1", now=bank.context.clock.now())
    for who in (bank.cashier, bank.operator):
        with pytest.raises(TwoPeople):
            async with bank.context.db.begin(who.actor) as tx:
                await service.send_payout(tx, who.actor, payout.payout_id, now=bank.context.clock.now())


# Posting a whole statement at once is the same as posting it wire by wire.


async def test_a_large_statement_may_take_longer_than_any_other_statement(unguarded):
    """100,000 entries are booked by one statement, on a machine that does much else for more than its ordinary minute."""
    async with unguarded.db.begin(SYSTEM) as tx:
        await ledger.post_all(tx, [move(moves.FBO, moves.CLEARING_IN, 1)])
        assert await tx.scalar(text("SHOW statement_timeout")) == "10min"
    async with unguarded.db.begin(SYSTEM) as tx:
        assert await tx.scalar(text("SHOW statement_timeout")) == "1min"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 10**6), st.booleans()), min_size=1, max_size=12))
async def test_many_transfers_at_once_leave_what_they_leave_one_by_one(unguarded, amounts):
    orgs = [await organisation(unguarded) for _ in range(3)]
    twins = [await organisation(unguarded) for _ in range(3)]

    def wires(owners):
        for who, cents, back in amounts:
            yield move(moves.FBO, moves.CLEARING_IN, cents)
            yield move(moves.CLEARING_IN, moves.cash(owners[who]), cents)
            if back:
                yield move(moves.cash(owners[who]), moves.FBO, cents)

    batch = list(wires(orgs))
    async with unguarded.db.begin(SYSTEM) as tx:
        assert await ledger.post_all(tx, batch) == len(batch)
        assert await ledger.post_all(tx, batch) == 0
    await apply(unguarded, *wires(twins))
    for org_id, twin in zip(orgs, twins, strict=True):
        assert await balance(unguarded, moves.cash(org_id)) == await balance(unguarded, moves.cash(twin))
    assert await books_hold(unguarded)


async def test_a_batch_that_overdraws_or_changes_a_transfer_leaves_nothing(unguarded):
    poor = await organisation(unguarded)
    good, bad = move(moves.FBO, moves.CLEARING_IN, 5), move(moves.cash(poor), moves.FBO, 1)
    before = await balance(unguarded, moves.FBO)
    with pytest.raises(InsufficientFunds):
        async with unguarded.db.begin(SYSTEM) as tx:
            await ledger.post_all(tx, [good, bad])
    assert await balance(unguarded, moves.FBO) == before
    await apply(unguarded, good, move(moves.CLEARING_IN, moves.cash(poor), 5))
    changed = move(moves.FBO, moves.CLEARING_IN, 6, id_=good.transfer_id)
    with pytest.raises(TransferConflict):
        async with unguarded.db.begin(SYSTEM) as tx:
            await ledger.post_all(tx, [changed])
    with pytest.raises(DBAPIError, match="not this organisation"):
        async with unguarded.db.begin(member(poor)) as tx:
            await ledger.post_all(tx, [good])
