from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.compliance import packs, papers, rules
from market.compliance.papers import Evidence
from market.compliance.requirements import REQUIREMENTS, Capability, EvidenceType, needed_types
from market.compliance.rules import CaseAct, CaseState, Grant, Owner, WrongCaseState, next_state
from market.kit.errors import Malformed
from tests.factories import a_grant, a_paper

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OFFICER = UUID(int=7)
BOTH = frozenset(Capability)


def paper(of: EvidenceType, *, verified: bool = True, expires_on: date | None = None, number: int = 1) -> Evidence:
    described = replace(a_paper(of, TODAY), expires_on=expires_on)
    found = Evidence(
        UUID(int=number), UUID(int=1), UUID(int=2), described, "00" * 32, 1, "11" * 32, b"", UUID(int=3), NOW
    )
    return replace(found, verified_by=OFFICER, source="register") if verified else found


# The state machine.


@given(st.lists(st.sampled_from(CaseAct), max_size=30))
@settings(max_examples=300, deadline=None)
def test_a_case_is_cleared_only_from_prepared_and_prepared_only_from_review(acts: list[CaseAct]) -> None:
    state, path = CaseState.DRAFT, [CaseState.DRAFT]
    for act in acts:
        try:
            state = next_state(state, act)
        except WrongCaseState:
            continue
        path.append(state)
    for before, after in pairwise(path):
        if after is CaseState.CLEARED:
            assert before is CaseState.PREPARED
        if after is CaseState.PREPARED:
            assert before is CaseState.IN_REVIEW
        if before in (CaseState.CLEARED, CaseState.DECLINED):
            assert after in (CaseState.IN_REVIEW, CaseState.BLOCKED)
        if before is CaseState.BLOCKED:
            assert after is CaseState.IN_REVIEW


@given(st.lists(st.sampled_from(CaseAct), max_size=30))
@settings(max_examples=300, deadline=None)
def test_what_was_prepared_is_never_approved_after_new_evidence_came_in(acts: list[CaseAct]) -> None:
    state, prepared_since_evidence = CaseState.DRAFT, False
    for act in acts:
        try:
            state = next_state(state, act)
        except WrongCaseState:
            continue
        if act is CaseAct.ADD_EVIDENCE:
            prepared_since_evidence = False
        if act is CaseAct.PREPARE:
            prepared_since_evidence = True
        if act is CaseAct.APPROVE:
            assert prepared_since_evidence


@pytest.mark.parametrize("state", list(CaseState))
def test_every_refused_act_says_where_the_case_stands(state: CaseState) -> None:
    """And of a blocked one, that it is in review: the words go to the party too."""
    with pytest.raises(WrongCaseState, match="in_review" if state is CaseState.BLOCKED else state):
        for act in CaseAct:
            next_state(state, act)


# What is asked and granted.


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"capabilities": ()}, "capabilities"),
        ({"states": ()}, "states"),
        ({"states": ("*", "CA")}, "states"),
        ({"states": ("California",)}, "states"),
        ({"states": tuple(f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH")}, "states"),
        ({"currency": "XXX"}, "currency"),
        ({"max_bid_cents": 0}, "max_bid_cents"),
        ({"max_bid_cents": -1}, "max_bid_cents"),
        ({"max_bid_cents": 10**15 + 1}, "max_bid_cents"),
    ],
)
def test_nonsense_cannot_be_asked_for(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Malformed) as refusal:
        a_grant(**changes).checked()  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_nobody_is_granted_more_than_was_asked_for() -> None:
    asked = a_grant(("bid",), ("CA", "NY"), 100, "USD")
    a_grant(("bid",), ("CA",), 100, "USD").refuse_beyond(asked)
    for beyond in (
        a_grant(("bid", "list"), ("CA",), 100),
        a_grant(("bid",), ("TX",), 100),
        a_grant(("bid",), ("*",), 100),
        a_grant(("bid",), ("CA",), 101),
        a_grant(("bid",), ("CA",), 100, "EUR"),
    ):
        with pytest.raises(Malformed):
            beyond.refuse_beyond(asked)


def test_owners_are_named_and_own_no_more_than_everything() -> None:
    owner = Owner("Ann", date(1980, 1, 1), "US", 6000, controls=True)
    assert rules.checked_owners([owner, replace(owner, share_bps=0)], TODAY)
    for wrong in (
        [],
        [owner] * 2,
        [replace(owner, controls=False)],
        [replace(owner, share_bps=-1)],
        [replace(owner, birth_date=TODAY)],
        [replace(owner, country="XX")],
        [replace(owner, name=" ")],
        [replace(owner, share_bps=0)] * 51,
    ):
        with pytest.raises(Malformed):
            rules.checked_owners(wrong, TODAY)


# Evidence.


def test_sellers_and_buyers_bring_what_the_table_says() -> None:
    sellers, buyers = needed_types(frozenset({Capability.LIST})), needed_types(frozenset({Capability.BID}))
    assert EvidenceType.BANK_ACCOUNT_OWNERSHIP in sellers
    assert set(sellers) < set(buyers)
    of_resellers = {
        EvidenceType.DEBT_LICENCE, EvidenceType.REG_F_POLICY, EvidenceType.DATA_SECURITY_PROGRAMME,
    }  # fmt: skip
    assert set(buyers) - set(sellers) == {*of_resellers, EvidenceType.SURETY_BOND, EvidenceType.INSURANCE}
    resellers = needed_types(frozenset({Capability.LIST}), of_reseller=True)
    assert set(resellers) - set(sellers) == of_resellers
    assert needed_types(frozenset({Capability.BID}), of_reseller=True) == buyers
    assert set(REQUIREMENTS) == set(EvidenceType)


def test_a_reseller_shows_a_licence_for_every_state_that_needs_one() -> None:
    pack, grant = packs.shipped("licences"), a_grant(("list",), ("CA", "GA", "NY"))
    needed = [of for of in needed_types(grant.capabilities) if of is not EvidenceType.GOVERNMENT_ID]
    brought = [paper(of, number=n) for n, of in enumerate(needed, 1)]
    assert papers.shortfalls(grant, [], brought, pack=pack, today=TODAY)[0].type is EvidenceType.GOVERNMENT_ID

    def lacking() -> set[tuple[str, str | None]]:
        found = papers.shortfalls(grant, [], brought, pack=pack, today=TODAY, of_reseller=True)
        return {(one.type.value, one.state) for one in found} - {("government_id", None)}

    assert lacking() == {("debt_licence", None), ("reg_f_policy", None), ("data_security_programme", None)}
    brought += [
        paper(of, number=n)
        for n, of in enumerate((EvidenceType.REG_F_POLICY, EvidenceType.DATA_SECURITY_PROGRAMME), 100)
    ]
    licence = paper(EvidenceType.DEBT_LICENCE, number=102)
    brought.append(replace(licence, described=replace(licence.described, covered_states=("NY",))))
    assert lacking() == {("debt_licence", "CA")}


@pytest.mark.parametrize(
    ("jurisdiction", "listed", "states"),
    [
        ("US-CA", (), {"CA"}),
        ("US", (), set()),
        ("IN-CA", (), set()),
        ("DE-NW", (), set()),
        ("US-CA", ("NY", "TX"), {"NY", "TX"}),
    ],
)
def test_a_licence_is_for_the_states_that_it_lists_or_that_of_its_own(jurisdiction, listed, states) -> None:
    licence = paper(EvidenceType.DEBT_LICENCE, number=1).described
    assert replace(licence, jurisdiction=jurisdiction, covered_states=listed).states == states


@given(
    st.frozensets(st.sampled_from(Capability), min_size=1),
    st.lists(
        st.tuples(st.sampled_from(EvidenceType), st.booleans(), st.none() | st.integers(min_value=-400, max_value=400)),
        max_size=30,
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_capability_is_carried_exactly_when_each_needed_type_has_a_paper_that_is_verified_and_counts(
    capabilities: frozenset[Capability], brought: list[tuple[EvidenceType, bool, int | None]]
) -> None:
    brought_papers = [
        paper(of, verified=verified, expires_on=None if days is None else TODAY + timedelta(days=days), number=n)
        for n, (of, verified, days) in enumerate(brought, 1)
    ]
    grant = a_grant(capabilities, ("GA",))
    lacking = {
        one.type.value
        for one in papers.shortfalls(grant, [], brought_papers, pack=packs.shipped("licences"), today=TODAY)
    }
    for needed in needed_types(capabilities):
        if needed is EvidenceType.DEBT_LICENCE:
            assert needed.value not in lacking
            continue
        carried = any(of is needed and verified and (days is None or days >= 0) for of, verified, days in brought)
        assert (needed.value in lacking) is not carried


@given(st.lists(st.tuples(st.booleans(), st.none() | st.integers(min_value=0, max_value=2000)), max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_clearance_never_outlives_its_verified_papers_nor_twelve_months(
    brought: list[tuple[bool, int | None]],
) -> None:
    found_papers = [
        paper(
            EvidenceType.INSURANCE,
            verified=verified,
            expires_on=None if days is None else TODAY + timedelta(days=days),
            number=n,
        )
        for n, (verified, days) in enumerate(brought, 1)
    ]
    end = papers.latest_end(found_papers, NOW)
    assert end <= NOW + timedelta(days=365)
    assert papers.latest_end(found_papers, NOW, rules.Risk.HIGH) <= NOW + timedelta(days=183)
    for found in found_papers:
        if found.verified_by and found.described.expires_on:
            assert end <= datetime.combine(found.described.expires_on, NOW.timetz()) + timedelta(days=1)


def test_a_paper_that_never_expires_by_its_own_word_binds_nothing() -> None:
    forever = paper(EvidenceType.GOVERNMENT_ID, expires_on=date.max)
    assert papers.latest_end([forever], NOW) == NOW + timedelta(days=365)


@pytest.mark.parametrize(
    ("of", "changes", "field"),
    [
        (EvidenceType.TAX_FORM, {"issued_on": TODAY + timedelta(days=1)}, "issued_on"),
        (EvidenceType.GOOD_STANDING, {"issued_on": TODAY - timedelta(days=91)}, "issued_on"),
        (EvidenceType.INSURANCE, {"expires_on": None}, "expires_on"),
        (EvidenceType.INSURANCE, {"expires_on": TODAY - timedelta(days=1)}, "expires_on"),
        (EvidenceType.INSURANCE, {"expires_on": TODAY - timedelta(days=10)}, "expires_on"),
        (EvidenceType.SIGNING_AUTHORITY, {"issued_on": TODAY - timedelta(days=366)}, "expires_on"),
        (EvidenceType.TAX_FORM, {"jurisdiction": "Delaware"}, "jurisdiction"),
        (EvidenceType.TAX_FORM, {"number": "x" * 101}, "number"),
        (EvidenceType.TAX_FORM, {"issuer": ""}, "issuer"),
    ],
)
def test_a_paper_that_cannot_count_is_refused_at_the_door(
    of: EvidenceType, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(Malformed) as refusal:
        a_paper(of, TODAY, **changes).checked(TODAY)
    assert refusal.value.field == field


def test_a_paper_counts_as_long_as_its_type_allows_whatever_it_says_itself() -> None:
    said = a_paper(EvidenceType.COMPLAINTS_AND_LITIGATION, TODAY, expires_on=TODAY + timedelta(days=5000))
    assert said.checked(TODAY).expires_on == said.issued_on + timedelta(days=183)
    short = a_paper(EvidenceType.COMPLAINTS_AND_LITIGATION, TODAY, expires_on=TODAY + timedelta(days=3))
    assert short.checked(TODAY).expires_on == TODAY + timedelta(days=3)


def test_the_digest_moves_with_every_verified_paper_and_only_with_those() -> None:
    one = paper(EvidenceType.TAX_FORM, number=1)
    two = paper(EvidenceType.INSURANCE, number=2)
    digest = papers.evidence_digest([one, two])
    assert papers.evidence_digest([two, one]) == digest
    assert papers.evidence_digest([one, two, paper(EvidenceType.GOOD_STANDING, verified=False, number=3)]) == digest
    for other in (
        [one],
        [one, replace(two, file_sha256="22" * 32)],
        [one, replace(two, source="elsewhere")],
        [one, replace(two, verified_by=UUID(int=8))],
        [one, replace(two, described=replace(two.described, expires_on=TODAY))],
    ):
        assert papers.evidence_digest(other) != digest


def test_no_owner_and_no_paper_shows_in_a_repr() -> None:
    found = paper(EvidenceType.TAX_FORM)
    assert "Secretary" not in repr(found)
    assert "Ann" not in repr(Owner("Ann", None, "US", 1))
    assert BOTH
    assert Grant(BOTH, ("*",), 1, "USD").checked().states == ("*",)
