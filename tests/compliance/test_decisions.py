"""What officers decide: appeals, blocks, break-glass, holds, rule packs, the queue; and what the party sees of it."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from market.compliance import packs, service
from market.compliance.deadlines import Promise
from market.compliance.papers import Evidence
from market.compliance.proposals import Kind
from market.compliance.requirements import EvidenceType, Method, needed_types
from market.compliance.rules import (
    NEUTRAL,
    CaseState,
    CoolingOff,
    EvidenceShort,
    FourEyes,
    NotCleared,
    PaperUnopened,
    Risk,
    SealedAgain,
)
from market.compliance.screening import store as screening_store
from market.compliance.sealed import sealing
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.kit.errors import Conflict, Forbidden, Malformed, NotFound
from market.kit.pages import PageRequest
from market.parties import service as parties
from tests import factories
from tests.compliance.raw import REFUSED, acting
from tests.factories import Party, a_grant, a_paper


async def case_of(context: Context, party: Party, case_id: UUID) -> service.CaseFile:
    async with context.db.begin(party.actor) as tx:
        return await service.read_case(tx, party.actor, case_id, now=context.clock.now())


async def decline(context: Context, officer: Party, case_id: UUID) -> None:
    async with context.db.begin_as_officer(officer.actor) as tx:
        await service.decline(tx, officer.actor, case_id, "the register does not know this company")


async def prepare(context: Context, officer: Party, case_id: UUID, granted, **given) -> None:
    async with context.db.begin_as_officer(officer.actor) as tx:
        await service.prepare(tx, officer.actor, case_id, granted, valid_until=None, now=context.clock.now(), **given)


# No, and the word against it.


async def test_a_declined_party_cools_off_for_90_days(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    await decline(context, officer, case_id)
    with pytest.raises(CoolingOff, match="appeal"):
        await factories.draft_case(context, party)
    new = (
        "INSERT INTO verification_case (case_id, org_id, opened_by, state, capabilities, states, max_bid_cents, currency,"
        " created_at) VALUES (gen_random_uuid(), $1, $2, 'draft', ARRAY['bid'], ARRAY['*'], 1, 'USD', now())"
    )
    async with acting(urls.app, party.actor) as connection:
        with pytest.raises(REFUSED, match="90 days"):
            await connection.execute(new, party.org_id, party.user_id)
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("ALTER TABLE verification_case DISABLE TRIGGER USER")
    await owner.execute("UPDATE verification_case SET decided_at = decided_at - interval '91 days'")
    await owner.execute("ALTER TABLE verification_case ENABLE TRIGGER USER")
    await owner.close()
    assert await factories.draft_case(context, party) != case_id


async def test_another_officer_decides_an_appeal_and_upheld_it_brings_the_case_back(
    context: Context, urls: RoleUrls
) -> None:
    first, second = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    await decline(context, first, case_id)
    now, chance = context.clock.now(), context.chance
    async with context.db.begin(party.actor) as tx:
        made = await service.appeal(tx, party.actor, case_id, "the register was corrected", now=now, chance=chance)
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(Conflict):
            await service.appeal(tx, party.actor, case_id, "again", now=now, chance=chance)
    async with context.db.begin_as_officer(first.actor) as tx:
        assert [found.appeal_id for found in (await service.queue(tx, first.actor)).appeals] == [made.appeal_id]
        with pytest.raises(FourEyes):
            await service.decide_appeal(tx, first.actor, case_id, "no", upheld=False, now=now)
    forged = "INSERT INTO appeal_decision VALUES ($1, $2, $3, $4, $5, true, 'x', now())"
    async with acting(urls.officer, first.actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(forged, made.appeal_id, case_id, party.org_id, first.user_id, first.user_id)
    async with acting(urls.officer, first.actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute(forged, made.appeal_id, case_id, party.org_id, first.user_id, second.user_id)
    async with context.db.begin_as_officer(second.actor) as tx:
        case = await service.decide_appeal(tx, second.actor, case_id, "corrected indeed", upheld=True, now=now)
    assert (case.state, case.declined_by) == (CaseState.IN_REVIEW, None)
    assert (await case_of(context, party, case_id)).appeal.upheld is True


async def test_a_rejected_appeal_leaves_the_no(context: Context) -> None:
    first, second = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    await decline(context, first, case_id)
    now, chance = context.clock.now(), context.chance
    async with context.db.begin(party.actor) as tx:
        await service.appeal(tx, party.actor, case_id, "please", now=now, chance=chance)
    async with context.db.begin_as_officer(second.actor) as tx:
        case = await service.decide_appeal(tx, second.actor, case_id, "no", upheld=False, now=now)
    assert case.state is CaseState.DECLINED


# Suspended by one, lifted by two.


async def test_a_suspended_party_is_reviewed_again_and_two_officers_grant_anew(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    clearances = await factories.approve(context, officers[1], case_id)
    now = context.clock.now()
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        with pytest.raises(Conflict):
            await service.review_again(tx, officers[0].actor, case_id, "why not", now=now)
    async with acting(urls.officer, officers[0].actor) as connection:
        with pytest.raises(REFUSED):
            await connection.execute("UPDATE verification_case SET state = 'in_review' WHERE case_id = $1", case_id)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await service.end_clearance(tx, officers[0].actor, clearances["bid"], "the licence lapsed", now)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await service.review_again(tx, officers[0].actor, case_id, "licence is back", now=now)
    await prepare(context, officers[0], case_id, a_grant(("bid",)))
    with pytest.raises(FourEyes):
        await factories.approve(context, officers[0], case_id)
    lifted = await factories.approve(context, officers[1], case_id)
    async with context.db.begin(party.actor) as tx:
        found = await service.require_clearance(tx, party.org_id, "bid", context.clock.now())
    assert found.clearance_id == lifted["bid"] != clearances["bid"]


async def test_an_end_that_two_have_lifted_opens_the_case_to_no_single_officer_again(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    clearances = await factories.approve(context, officers[1], case_id)
    now = context.clock.now()
    for capability, left in (("bid", ("bid",)), ("list", ("list",))):
        async with context.db.begin_as_officer(officers[0].actor) as tx:
            await service.end_clearance(tx, officers[0].actor, clearances[capability], "lapsed", now)
        async with context.db.begin_as_officer(officers[0].actor) as tx:
            await service.review_again(tx, officers[0].actor, case_id, "it is back", now=now)
        await prepare(context, officers[0], case_id, a_grant(left))
        await factories.approve(context, officers[1], case_id)
        async with context.db.begin_as_officer(officers[0].actor) as tx:
            with pytest.raises(Conflict, match="still holds"):
                await service.review_again(tx, officers[0].actor, case_id, "to open its papers", now=now)
        async with acting(urls.officer, officers[0].actor) as connection:
            with pytest.raises(REFUSED):
                await connection.execute("UPDATE verification_case SET state = 'in_review' WHERE case_id = $1", case_id)


async def test_high_risk_halves_the_longest_clearance(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.verified_case(context, party, officers[0], a_grant(("list",)))
    await prepare(context, officers[0], case_id, a_grant(("list",)), risk=Risk.HIGH)
    await factories.approve(context, officers[1], case_id)
    async with context.db.begin(party.actor) as tx:
        found = await service.require_clearance(tx, party.org_id, "list", context.clock.now())
    assert found.valid_until - found.valid_from <= timedelta(days=183)


# Blocked.


async def test_a_block_takes_two_and_suspends_with_the_first(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    now, chance = context.clock.now(), context.chance
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        made = await service.propose(
            tx, officers[0].actor, Kind.BLOCK, "a confirmed hit", org_id=party.org_id, now=now, chance=chance
        )
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(NotCleared):
            await service.require_clearance(tx, party.org_id, "bid", context.clock.now())
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        with pytest.raises(FourEyes):
            await service.decide(tx, officers[0].actor, made.proposal_id, "me too", carried=True, now=now)
    forged = "INSERT INTO proposal_decision VALUES ($1, $2, $3, true, 'x', now())"
    for decider in (officers[0], officers[1]):
        async with acting(urls.officer, officers[0].actor) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(forged, made.proposal_id, officers[0].user_id, decider.user_id)
    async with context.db.begin_as_officer(officers[1].actor) as tx:
        assert (await service.decide(tx, officers[1].actor, made.proposal_id, "yes", carried=True, now=now)).carried
        with pytest.raises(Conflict):
            await service.decide(tx, officers[1].actor, made.proposal_id, "yes", carried=True, now=now)


async def test_nothing_tips_a_blocked_party_off(context: Context, urls: RoleUrls) -> None:
    """What it reads is, field by field, what a party in review reads."""
    officers = await factories.two_officers(context)
    blocked, waiting = await factories.register_member(context), await factories.register_member(context)
    asked = a_grant(("list",))
    case_id = await factories.prepared_case(context, blocked, officers[0], asked)
    await factories.block(context, officers, blocked.org_id)
    other_id = await factories.verified_case(context, waiting, officers[0], asked)
    mine, theirs = (await case_of(context, blocked, case_id)).case, (await case_of(context, waiting, other_id)).case
    own = ("state", "message", "plan", "approved_by", "declined_by", "decided_at", "due_at", "assigned_to")
    assert [getattr(mine, name) for name in own] == [getattr(theirs, name) for name in own]
    assert (mine.state, mine.message) == (CaseState.IN_REVIEW, NEUTRAL)
    async with context.db.begin(blocked.actor) as tx:
        page = await service.list_cases(tx, blocked.actor, PageRequest(), state=CaseState.IN_REVIEW)
        assert [case.state for case in page.items] == [CaseState.IN_REVIEW]
        assert not (await service.list_cases(tx, blocked.actor, PageRequest(), state=CaseState.BLOCKED)).items
        with pytest.raises(Conflict, match="open case"):
            await service.open_case(
                tx, blocked.actor, asked, [factories.AN_OWNER], now=context.clock.now(), chance=context.chance
            )
        for table in ("proposal", "proposal_decision", "legal_hold"):
            point = await tx.begin_nested()
            with pytest.raises(DBAPIError):
                await tx.connection(execution_options={})
                await tx.execute(factories.text(f"SELECT * FROM {table}"))
            await point.rollback()
        entries = await journal.history(tx, f"org:{blocked.org_id}")
        assert "blocked" not in str(entries)


async def test_a_blocked_organisation_gets_no_clearance_until_two_unblock_it(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    asked = a_grant(("list",))
    case_id = await factories.prepared_case(context, party, officers[0], asked)
    await factories.block(context, officers, party.org_id)
    move = "UPDATE verification_case SET state = $2 WHERE case_id = $1"
    for after in ("in_review", "cleared", "prepared"):
        async with acting(urls.officer, officers[1].actor) as connection:
            with pytest.raises(REFUSED):
                await connection.execute(move, case_id, after)
    await factories.agreed(context, officers, Kind.UNBLOCK, org_id=party.org_id)
    await prepare(context, officers[0], case_id, asked)
    assert await factories.approve(context, officers[1], case_id)


async def test_a_payout_to_a_blocked_organisation_is_refused_by_the_database(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    await factories.block(context, officers, party.org_id)
    async with acting(urls.app) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="frozen"):
            await connection.execute(
                "INSERT INTO payout (payout_id, settlement_id, org_id, bank_account_id, reference, amount_cents, currency,"
                " state, ordered_at) VALUES (gen_random_uuid(), gen_random_uuid(), $1, gen_random_uuid(),"
                " 'PAYOUT-0123456789-01', 1, 'USD', 'ordered', now())",
                party.org_id,
            )


# Break-glass.


async def test_the_papers_of_a_decided_case_need_two_officers_and_24_hours_later_two_again(
    context: Context, urls: RoleUrls
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0])
    paper = (await case_of(context, party, case_id)).evidence[0]
    assert await service.read_file(context, officers[0].actor, case_id, paper.evidence_id)
    await factories.approve(context, officers[1], case_id)
    with pytest.raises(SealedAgain):
        await service.read_file(context, officers[0].actor, case_id, paper.evidence_id)
    glass = await factories.agreed(context, officers, Kind.BREAK_GLASS, org_id=party.org_id)
    assert await service.read_file(context, officers[0].actor, case_id, paper.evidence_id)
    async with context.db.begin(SYSTEM) as tx:
        last = (await journal.history(tx, f"case:{case_id}"))[-1]
    assert (last.kind, last.body["proposal_id"]) == ("evidence.read", str(glass.proposal_id))
    assert last.actor_user_id == officers[0].user_id
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("ALTER TABLE proposal_decision DISABLE TRIGGER USER")
    await owner.execute("UPDATE proposal_decision SET decided_at = decided_at - interval '24 hours'")
    await owner.close()
    with pytest.raises(SealedAgain):
        await service.read_file(context, officers[0].actor, case_id, paper.evidence_id)


async def test_the_officers_own_login_reads_no_bid_at_all(context: Context, urls: RoleUrls) -> None:
    officer = await factories.officer(context)
    for table in ("bid", "bid_refusal", "auction_event"):
        async with acting(urls.officer, officer.actor) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")


# Rules.


def a_pack(version: str = "2027-01", **changes: str) -> packs.Pack:
    shipped = packs.shipped(packs.LICENCES)
    text = packs.write_rules(shipped.rules)
    for old, new in changes.items():
        text = text.replace(old, new)
    return packs.read_pack(packs.LICENCES, version, text, source="the officers' own reading")


GEORGIA = {"GA,debt_buyer,not_required": "GA,debt_buyer,required"}


async def test_rules_hold_once_two_officers_agree_and_say_so(context: Context) -> None:
    first, second = await factories.two_officers(context)
    now, chance = context.clock.now(), context.chance
    pack = a_pack(**GEORGIA)
    async with context.db.begin_as_officer(first.actor) as tx:
        loaded = await service.load_pack(tx, first.actor, pack, now=now, chance=chance)
        with pytest.raises(Conflict):
            await service.load_pack(tx, first.actor, pack, now=now, chance=chance)
    async with context.db.begin(first.actor) as tx:
        holding = await service.pack_in_force(tx, packs.LICENCES)
    assert (holding.is_reviewed, holding.needs_licence("GA", now.date())) == (False, False)
    await factories.agreed(context, (first, second), Kind.ADOPT_RULES, subject_id=loaded.pack_id)
    async with context.db.begin(first.actor) as tx:
        holding = await service.pack_in_force(tx, packs.LICENCES)
    assert (holding.reviewed_by, holding.needs_licence("GA", now.date())) == (second.user_id, True)
    assert holding.rules == tuple(sorted(pack.rules, key=lambda rule: (rule.rule_class, rule.state)))


async def test_who_changes_rules_does_not_approve_on_that_day(context: Context, urls: RoleUrls) -> None:
    first, second = await factories.two_officers(context)
    third = await factories.officer(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, third)
    now, chance = context.clock.now(), context.chance
    async with context.db.begin_as_officer(first.actor) as tx:
        loaded = await service.load_pack(tx, first.actor, a_pack(**GEORGIA), now=now, chance=chance)
    await factories.agreed(context, (first, second), Kind.ADOPT_RULES, subject_id=loaded.pack_id)
    for officer in (first, second):
        with pytest.raises(FourEyes, match="changes rules"):
            await factories.approve(context, officer, case_id)
        async with acting(urls.officer, officer.actor) as connection:
            await connection.execute(
                "UPDATE verification_case SET state = 'cleared', approved_by = $2, decision_reason = 'x' WHERE case_id = $1",
                case_id, officer.user_id,
            )  # fmt: skip
            with pytest.raises(REFUSED, match="changes rules"):
                await connection.execute(
                    "INSERT INTO clearance SELECT gen_random_uuid(), org_id, 'bid', prepared_states, prepared_max_bid_cents,"
                    " prepared_currency, now(), prepared_valid_until, case_id, prepared_by, $2, evidence_digest"
                    " FROM verification_case WHERE case_id = $1",
                    case_id, officer.user_id,
                )  # fmt: skip
    assert await factories.approve(context, await factories.officer(context), case_id)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("state,class", "state,kind"),
        ("GA,debt_buyer,not_required", "GA,debt_buyer,perhaps"),
        ("GA,debt_buyer", "Georgia,debt_buyer"),
        ("GA,debt_buyer", "AK,debt_buyer"),
        ("2026-01-01", "soon"),
        (",false,", ",no,"),
    ],
)
def test_a_pack_with_a_flaw_is_not_read(old: str, new: str) -> None:
    text = packs.write_rules(packs.shipped(packs.LICENCES).rules)
    with pytest.raises(Malformed):
        packs.read_pack(packs.LICENCES, "1", text.replace(old, new), source="x")


def test_the_shipped_pack_is_unreviewed_and_cites_everything() -> None:
    pack = packs.shipped(packs.LICENCES)
    assert not pack.is_reviewed
    assert len({rule.state for rule in pack.rules}) == 51
    assert all(rule.citation and (rule.why or not rule.conflict) for rule in pack.rules)


# Licences and owners.


async def test_a_buyer_is_cleared_for_no_state_in_which_neither_it_nor_its_servicer_is_licensed(
    context: Context,
) -> None:
    officer = await factories.officer(context)
    party = await factories.register_member(context)
    asked = a_grant(("bid",), ("CA", "GA", "NY", "TX"))
    case_id = await factories.draft_case(context, party, asked)
    types = [of for of in needed_types(asked.capabilities) if of is not EvidenceType.DEBT_LICENCE]
    await factories.bring_papers(context, party, case_id, types)
    today = context.clock.now().date()
    servicer = {"held_by": "Sunrise Servicing LLC"}
    for paper in (
        a_paper(EvidenceType.DEBT_LICENCE, today, jurisdiction="US-CA", covered_states=()),
        a_paper(EvidenceType.DEBT_LICENCE, today, jurisdiction="US", covered_states=("NY",), **servicer),
        a_paper(EvidenceType.DEBT_LICENCE, today, jurisdiction="US", covered_states=("TX",), held_by="Somebody Else"),
        a_paper(EvidenceType.SERVICING_AGREEMENT, today, **servicer),
    ):
        await service.add_evidence(context, party.actor, case_id, paper, b"paper")
    async with context.db.begin(party.actor) as tx:
        await service.submit(tx, party.actor, case_id, context.clock.now())
    async with context.db.begin_as_officer(officer.actor) as tx:
        for paper in (await service.read_case(tx, officer.actor, case_id)).evidence:
            await service.verify_evidence(tx, officer.actor, case_id, paper.evidence_id, "NMLS", context.clock.now(),
                                          method=Method.REGISTER)  # fmt: skip
    with pytest.raises(EvidenceShort) as refusal:
        await prepare(context, officer, case_id, asked)
    assert refusal.value.members["evidence"] == [{"type": "debt_licence", "why": "missing", "state": "TX"}]
    await prepare(context, officer, case_id, a_grant(("bid",), ("CA", "GA", "NY")))


async def test_everybody_who_owns_a_quarter_or_controls_is_identified(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.register_member(context)
    asked = a_grant(("list",))
    owners = [
        factories.Owner("Quarter", None, "US", 2500),
        factories.Owner("Less", None, "US", 2499),
        factories.Owner("Manager", None, "US", 0, controls=True),
    ]
    async with context.db.begin(party.actor) as tx:
        opened = await service.open_case(tx, party.actor, asked, owners, now=context.clock.now(), chance=context.chance)
    case_id, ids = opened.case.case_id, {owner.name: owner.owner_id for owner in opened.owners}
    types = [of for of in needed_types(asked.capabilities) if of is not EvidenceType.GOVERNMENT_ID]
    await factories.bring_papers(context, party, case_id, types)
    today = context.clock.now().date()
    for name in ("Less", "Manager"):
        described = a_paper(EvidenceType.GOVERNMENT_ID, today, owner_id=ids[name])
        await service.add_evidence(context, party.actor, case_id, described, b"passport")
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(EvidenceShort) as refusal:
            await service.submit(tx, party.actor, case_id, context.clock.now())
    assert refusal.value.members["evidence"] == [
        {"type": "government_id", "why": "missing", "owner_id": str(ids["Quarter"])}
    ]
    with pytest.raises(Malformed):
        foreign = a_paper(EvidenceType.GOVERNMENT_ID, today, owner_id=officer.user_id)
        await service.add_evidence(context, party.actor, case_id, foreign, b"passport")


async def test_who_signs_is_identified_and_signatories_and_directors_are_screened_as_such(
    context: Context, urls: RoleUrls
) -> None:
    preparer, approver = await factories.two_officers(context)
    party = await factories.register_member(context)
    asked = a_grant(("list",))
    people = [
        factories.AN_OWNER,
        factories.Owner("Signe Signer", None, "US", 0, signs=True),
        factories.Owner("Dirk Director", None, "US", 0, directs=True),
    ]
    async with context.db.begin(party.actor) as tx:
        opened = await service.open_case(tx, party.actor, asked, people, now=context.clock.now(), chance=context.chance)
    case_id, ids = opened.case.case_id, {owner.name: owner.owner_id for owner in opened.owners}
    types = [of for of in needed_types(asked.capabilities) if of is not EvidenceType.GOVERNMENT_ID]
    await factories.bring_papers(context, party, case_id, types)
    today = context.clock.now().date()

    async def identify(name: str) -> None:
        described = a_paper(EvidenceType.GOVERNMENT_ID, today, owner_id=ids[name])
        await service.add_evidence(context, party.actor, case_id, described, b"passport")

    await identify(factories.AN_OWNER.name)
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(EvidenceShort) as refusal:
            await service.submit(tx, party.actor, case_id, context.clock.now())
    assert [one["owner_id"] for one in refusal.value.members["evidence"]] == [str(ids["Signe Signer"])]
    await identify("Signe Signer")
    async with context.db.begin(party.actor) as tx:
        await service.submit(tx, party.actor, case_id, context.clock.now())
    await factories.screen(context)
    async with context.db.begin(SYSTEM) as tx:
        run = await screening_store.last_run(tx, party.org_id)
    assert run is not None
    roles = sorted(each["role"] for each in run.results)
    assert roles == ["director", "entity", "owner", "signatory", "user"]

    await factories.verify_papers(context, preparer, case_id)
    await prepare(context, preparer, case_id, asked)
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("ALTER TABLE beneficial_owner DISABLE TRIGGER USER")
    await owner.execute("UPDATE beneficial_owner SET signs = true WHERE owner_id = $1", ids["Dirk Director"])
    await owner.execute("ALTER TABLE beneficial_owner ENABLE TRIGGER USER")
    await owner.close()
    with pytest.raises(FourEyes):
        await factories.approve(context, approver, case_id)


async def test_a_reseller_brings_what_a_buyer_brings_for_its_own_trade(context: Context) -> None:
    officer = await factories.officer(context)
    party = await factories.register_member(context)
    asked = a_grant(("list",), ("CA",))
    async with context.db.begin(party.actor) as tx:
        opened = await service.open_case(
            tx, party.actor, asked, [factories.AN_OWNER], resells=True, now=context.clock.now(), chance=context.chance
        )
    case_id = opened.case.case_id
    assert opened.case.resells
    await factories.bring_papers(context, party, case_id, needed_types(asked.capabilities))
    async with context.db.begin(party.actor) as tx:
        with pytest.raises(EvidenceShort) as refusal:
            await service.submit(tx, party.actor, case_id, context.clock.now())
    lacking = {one["type"] for one in refusal.value.members["evidence"]}
    assert lacking == {"debt_licence", "reg_f_policy", "data_security_programme"}
    await factories.bring_papers(context, party, case_id, map(EvidenceType, sorted(lacking)))
    async with context.db.begin(party.actor) as tx:
        await service.submit(tx, party.actor, case_id, context.clock.now())
    await factories.verify_papers(context, officer, case_id)
    await prepare(context, officer, case_id, asked)


async def test_who_was_cleared_to_bid_here_and_asks_to_list_counts_as_a_reseller_whatever_it_says(
    context: Context,
) -> None:
    officers = await factories.two_officers(context)
    buyer, newcomer = await factories.buyer(context, officers), await factories.register_member(context)
    for party, asked, resells in (
        (buyer, a_grant(("list",)), True),
        (newcomer, a_grant(("list",)), False),
    ):
        case_id = await factories.draft_case(context, party, asked)
        assert (await case_of(context, party, case_id)).case.resells is resells


async def test_what_an_officer_reads_off_a_paper_is_sealed_and_every_look_at_it_recorded(
    context: Context, urls: RoleUrls
) -> None:
    officer = await factories.officer(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    paper = (await case_of(context, party, case_id)).evidence[0]
    async with context.db.begin_as_officer(officer.actor) as tx:
        verified = await service.verify_evidence(
            tx, officer.actor, case_id, paper.evidence_id, "NMLS", context.clock.now(), method=Method.REGISTER,
            seal=sealing(context, {"licensee": "Trader"}),
        )  # fmt: skip
    assert verified.method is Method.REGISTER
    assert b"Trader" not in (verified.extracted or b"")
    assert await service.read_fields(context, officer.actor, case_id, paper.evidence_id) == {"licensee": "Trader"}
    with pytest.raises(Forbidden):
        await service.read_fields(context, party.actor, case_id, paper.evidence_id)


async def test_an_inspection_is_by_who_has_opened_the_file_and_by_nobody_else(context: Context) -> None:
    officer, other = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    first, second = (await case_of(context, party, case_id)).evidence[:2]

    async def verify(by: Party, paper: Evidence, method: Method = Method.INSPECTION) -> Evidence:
        now = context.clock.now()
        async with context.db.begin_as_officer(by.actor) as tx:
            return await service.verify_evidence(
                tx, by.actor, case_id, paper.evidence_id, "the paper", now, method=method
            )

    # Neither another officer's look, nor the party's, nor one at another paper, nor one at what was read off it.
    await service.read_file(context, other.actor, case_id, first.evidence_id)
    await service.read_file(context, party.actor, case_id, first.evidence_id)
    await service.read_file(context, officer.actor, case_id, second.evidence_id)
    assert await service.read_fields(context, officer.actor, case_id, first.evidence_id) == {}
    with pytest.raises(PaperUnopened, match="open it first"):
        await verify(officer, first)
    assert (await case_of(context, party, case_id)).evidence[0].verified_by is None
    await service.read_file(context, officer.actor, case_id, first.evidence_id)
    assert (await verify(officer, first)).method is Method.INSPECTION
    assert (await verify(officer, second)).verified_by == officer.user_id
    third = (await case_of(context, party, case_id)).evidence[2]
    assert (await verify(officer, third, Method.ISSUER)).method is Method.ISSUER


# The queue.


async def test_the_queue_has_the_overdue_first_and_stands_while_the_party_is_asked(context: Context) -> None:
    first, second = await factories.two_officers(context)
    parties = [await factories.register_member(context) for _ in range(3)]
    ids = [await factories.draft_case(context, party, a_grant(("list",))) for party in parties]
    for hours, (party, case_id) in zip((50, 2, 20), zip(parties, ids, strict=True), strict=True):
        await factories.bring_papers(context, party, case_id, needed_types(a_grant(("list",)).capabilities))
        async with context.db.begin(party.actor) as tx:
            await service.submit(
                tx, party.actor, case_id, context.clock.now() - timedelta(hours=10), promise=Promise(hours, None)
            )
    async with context.db.begin_as_officer(first.actor) as tx:
        queue = await service.queue(tx, first.actor)
        assert [case.case_id for case in queue.cases] == [ids[1], ids[2], ids[0]]
        assert queue.cases[0].due_at < context.clock.now() < queue.cases[1].due_at
        await service.assign(tx, first.actor, ids[2], second.user_id)
        assert [c.case_id for c in (await service.queue(tx, first.actor, assigned_to=second.user_id)).cases] == [ids[2]]
        now, chance = context.clock.now(), context.chance
        await service.request_information(tx, first.actor, ids[1], "Who signs?", now=now, chance=chance)
        assert ids[1] not in [case.case_id for case in (await service.queue(tx, first.actor)).cases]
    async with context.db.begin(parties[1].actor) as tx:
        await service.answer(tx, parties[1].actor, ids[1], "Our treasurer.", now=now, chance=chance)
        await service.submit(tx, parties[1].actor, ids[1], now)
    talk = (await case_of(context, first, ids[1])).messages
    assert [(line.side, line.text) for line in talk] == [("officer", "Who signs?"), ("party", "Our treasurer.")]
    async with context.db.begin(parties[0].actor) as tx:
        for question in (
            service.queue(tx, parties[0].actor),
            service.list_proposals(tx, parties[0].actor, PageRequest()),
        ):
            with pytest.raises(Forbidden):
                await question
        with pytest.raises(NotFound):
            await service.answer(tx, parties[0].actor, ids[1], "me?", now=now, chance=chance)


async def test_a_case_is_looked_after_by_an_officer_who_is_still_here_and_by_nobody_else(context: Context) -> None:
    first, second = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    async with context.db.begin(SYSTEM) as tx:
        await parties.disable_staff(tx, SYSTEM, second.user_id, "left", context.clock.now())
    for somebody in (second.user_id, party.user_id, context.chance.new_id()):
        async with context.db.begin_as_officer(first.actor) as tx:
            with pytest.raises(Malformed) as refusal:
                await service.assign(tx, first.actor, case_id, somebody)
            assert refusal.value.field == "officer_id"
    async with context.db.begin_as_officer(first.actor) as tx:
        assert (await service.assign(tx, first.actor, case_id, None)).assigned_to is None


# Without the journal nothing is decided.


async def test_a_decision_that_is_not_in_the_journal_cannot_commit(context: Context, urls: RoleUrls) -> None:
    officers = await factories.two_officers(context)
    party = await factories.cleared_organisation(context, officers=officers)
    waiting = await factories.register_member(context)
    case_id = await factories.verified_case(context, waiting, officers[0])
    me = officers[0].user_id
    attempts = [
        (
            "INSERT INTO clearance_end (clearance_id, org_id, ended_at, ended_by, reason) VALUES ($1, $2, now(), $3, 'x')",
            (party.clearances["bid"], party.org_id, me),
        ),
        (
            "UPDATE verification_case SET state = 'declined', declined_by = $2, decision_reason = 'x' WHERE case_id = $1",
            (case_id, me),
        ),
        ("INSERT INTO proposal VALUES (gen_random_uuid(), 'block', $1, NULL, 'x', $2, now())", (party.org_id, me)),
        ("INSERT INTO legal_hold VALUES (gen_random_uuid(), $1, 'x', $2, now())", (party.org_id, me)),
    ]
    for statement, values in attempts:
        async with acting(urls.officer, officers[0].actor) as connection:
            await connection.execute(statement, *values)
            with pytest.raises(asyncpg.CheckViolationError, match="not in the journal"):
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for statement, values in attempts[:2]:
        without_reason = statement.replace("'x'", "NULL")
        async with acting(urls.officer, officers[0].actor) as connection:
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError)):
                await connection.execute(without_reason, *values)
