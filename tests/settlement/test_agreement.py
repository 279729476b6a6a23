import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bidding.commission import Payer, Schedule
from market.bidding.sale_terms import SaleTerms
from market.settlement.agreement import TEMPLATE, Deal, Goods, Signatory, render, state_facts
from market.settlement.documents.rendering import FOLDER

SELLER = Signatory("Seller & Söhne GmbH", "DE", "HRB 77")
GOODS = Goods(
    pool_id=UUID(int=7), name="Autumn pool", currency="USD", account_count=1234, face_value_cents=123_456_789,
    cut_off_on=date(2026, 10, 1), states=("CA", "NY"), sale_file_sha256="a" * 64, masked_sha256="b" * 64,
    tape_version="c" * 64, commitment_root="d" * 64,
)  # fmt: skip
DEAL = Deal(
    reference="PSA-0000000000-00", dated_at=datetime(2026, 11, 22, tzinfo=UTC), buyer=Signatory("Buyer LLC", "US", "R-1"),
    hammer_cents=12_345_678, buyer_fee_cents=1, seller_fee_cents=2, deposit_cents=3,
)  # fmt: skip
SCHEDULE = Schedule.default("USD", Payer.SPLIT)
HOSTILE = [
    '#panic("x")', "#sys.exit()", "]", "[", "$ x $", '"', "\\", "*bold*", "= Heading", '#read("/etc/passwd")', "//", "/*",
    "`raw`", "<label>", "@ref", "\u202egnp.exe", '#include "x"', "}", "#let d = 1",
]  # fmt: skip


def fresh(facts: str):
    render.cache_clear()
    return render(facts)


def test_the_document_follows_from_its_facts_byte_for_byte():
    facts = state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())
    assert facts == state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())
    assert fresh(facts) == fresh(facts)


def test_another_process_makes_the_same_document():
    facts = state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())
    code = "import sys; from market.settlement.agreement import render; print(render(sys.stdin.read()).sha256)"
    other = subprocess.run(
        [sys.executable, "-c", code], input=facts, capture_output=True, text=True, check=True, timeout=60
    )
    assert other.stdout.strip() == render(facts).sha256


def test_every_fact_changes_the_document():
    before = render(state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms())).sha256
    changes = [
        state_facts(replace(SELLER, name="Other"), GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms()),
        state_facts(SELLER, replace(GOODS, sale_file_sha256="e" * 64), SCHEDULE, DEAL, sale_terms=SaleTerms()),
        state_facts(SELLER, replace(GOODS, commitment_root="e" * 64), SCHEDULE, DEAL, sale_terms=SaleTerms()),
        state_facts(SELLER, replace(GOODS, account_count=1235), SCHEDULE, DEAL, sale_terms=SaleTerms()),
        state_facts(SELLER, GOODS, replace(SCHEDULE, payer=Payer.BUYER), DEAL, sale_terms=SaleTerms()),
        state_facts(SELLER, GOODS, SCHEDULE, replace(DEAL, hammer_cents=12_345_679), sale_terms=SaleTerms()),
        state_facts(SELLER, GOODS, SCHEDULE, None, sale_terms=SaleTerms()),
    ]
    assert len({before, *(render(each).sha256 for each in changes)}) == 8


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)), min_size=3, max_size=3))
def test_a_name_is_text_and_never_markup(names):
    names = [name.encode("utf-8", "replace").decode() for name in names]
    facts = state_facts(
        replace(SELLER, name=names[0]),
        replace(GOODS, name=names[1]),
        SCHEDULE,
        replace(DEAL, buyer=replace(DEAL.buyer, name=names[2])),
        sale_terms=SaleTerms(),
    )
    assert json.loads(facts)["seller"]["name"] == names[0]
    assert render(facts).pdf.startswith(b"%PDF-")


def test_hostile_names_add_no_structure_to_the_document():
    def headings(name: str) -> str:
        facts = state_facts(
            replace(SELLER, name=name), replace(GOODS, name=name), SCHEDULE, DEAL, sale_terms=SaleTerms()
        )
        return typst.query(str(FOLDER / f"{TEMPLATE}.typ"), "heading", sys_inputs={"facts": facts}, root=str(FOLDER))

    assert headings("\n".join(HOSTILE)) == headings("An innocent name")


def test_a_specimen_names_no_buyer_and_no_price():
    facts = json.loads(state_facts(SELLER, GOODS, SCHEDULE, None, sale_terms=SaleTerms()))
    assert facts["specimen"] is True
    assert set(facts["price"].values()) == {"to be filled at the award"}


def test_facts_of_an_unknown_template_are_a_fault():
    facts = json.dumps(
        json.loads(state_facts(SELLER, GOODS, SCHEDULE, DEAL, sale_terms=SaleTerms()))
        | {"template": "../../etc/passwd"}
    )
    with pytest.raises(ValueError, match="no template"):
        render(facts)
