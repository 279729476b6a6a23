"""docs/retention.md names every column that can hold something about a person, and nothing that is gone."""

import importlib
import re
from pathlib import Path
from pkgutil import iter_modules

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Integer, Uuid

from market.db import tables
from market.db.schema import Base

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "retention.md"

# Columns of text, JSON, bytes and days that hold nothing about a person: states, kinds, codes, terms, digests of files, and
# what an organisation calls its own things.
NOTHING_PERSONAL = {
    f"{table}.{column}"
    for table, _, columns in (
        line.partition(":")
        for line in """
agreement: sha256
api_key: scopes
api_key_day: day
auction: circle commission currency debtor_states format head phase psa_version sale_terms terms
auction_checkpoint: public_key root signature
auction_event: hash kind
award: currency
bank_account: scheme
bank_entry: bank_account booked_on currency direction entry_ref outcome reference told_by
bank_file: currency execute_on file_ref format originator sha256
bank_notice: bank_account currency direction entry_ref file_sha256 notice_ref
bank_notice_decision: file_sha256 outcome
bank_statement: bank_account currency file_sha256 statement_ref
bid: asked capability cid kind notice
bid_refusal: asked cid code kind
buyer_copy: file_sha256
carve_out: rule_id
case_message: side
checkpoint_head: hash stream
clearance: capability currency evidence_digest states
command_outcome: name
contact_code: purpose
disclosed_name: role
double_sale_resolution: outcome
duty: name
evidence: covered_states expires_on file_sha256 issued_on jurisdiction sealed_sha256 type
evidence_erasure: rule
evidence_verification: method
forward_flow: agreement_sha256 commission currency debt_types debtor_types ends_on first_on reference rhythm
forward_flow: sale_terms state states
forward_flow_delivery: currency
forward_flow_period: first_on last_on
forward_flow_signature: agreement_sha256 party
held_pool: name rule_ids
journal: actor_role hash kind prev_hash stream
journal_checkpoint: prev_hash public_key root signature
journal_head: hash stream
journal_reader: name
ledger_account: currency name side
ledger_check: lines
ledger_resolution: outcome
ledger_transfer: currency digest kind phase subject
mapping_template: columns header_digest name
masked_download: file_sha256 stage
media_answer: file_sha256
media_request: kind
nda_acceptance: nda_version text_sha256
organisation: country kind
passkey_challenge: purpose
payment_reference: reference
payout: currency reference state
person: org_kind role
platform_key: name wrapped
pool: circle commitment_root currency debtor_states leaves_sha256 name preview_sha256 refusal report sale_sha256
pool: saleability selection state state_sums strata tape_version vetted_sha256
pool_key: purpose
portfolio: currency cut_off_on findings header_digest mapping name preview_sha256 refusal report saleability source
portfolio: state strata time_barred totals vetted_sha256
portfolio_key: purpose
proposal: kind
provider_event: body_sha256 event_id kind provider reference
put_back: evidence_sha256 ground state
put_back_evidence: file_sha256
recall: ground
recall_notice: forward_to ground
refused_account: column_name reason
registration: capability
resale: sold_on
rule: citation class effective_from source state value why
rule_pack: name sha256 source version
sale_key_grant: file_sha256 info leaves_sha256
screening_alert: entry_hash entry_id list_id role
screening_check: list_id
screening_decision: verdict
screening_horizon: list_id
screening_list: content_hash list_id published_on
screening_order: occasion
screening_run: algorithm config_hash occasion party_hash
sealed_document: base_sha256 kind level sha256
sealed_flow: base_sha256 level sha256
sealing_key: sealing_key
second_offer: state
settlement: commission currency reference state tax
settlement_hold: outcome
settlement_signature: agreement_sha256 party recipient_public_key
shredding: cause
staff_invitation: role
strike: asked cid code kind
suspense_decision: outcome
sweep: currency source
sweep_decision: outcome
tape: original_sha256 sealed_sha256
tax_rule: country name source valid_from_on
title_link: cause
upload: currency cut_off_on name
upload_part: sealed_sha256
user_session: lacks proved_by
verification_case: capabilities currency evidence_digest prepared_capabilities prepared_currency prepared_risk
verification_case: prepared_states state states
write_off_decision: outcome
""".strip().splitlines()
    )
    for column in columns.split()
}
_HOLDS_NO_WORDS = (Uuid, DateTime, BigInteger, Integer, Boolean)


def _can_hold_words(column: Column[object]) -> bool:
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return not isinstance(kind, _HOLDS_NO_WORDS)


def _columns() -> set[str]:
    for module in iter_modules(tables.__path__):
        importlib.import_module(f"{tables.__name__}.{module.name}")
    return {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns}


def _wordy() -> set[str]:
    _columns()
    found = (column for table in Base.metadata.sorted_tables for column in table.columns if _can_hold_words(column))
    return {f"{column.table.name}.{column.name}" for column in found}


def _rows() -> list[list[str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert rows
    return rows


def test_every_column_that_can_hold_something_about_a_person_has_its_time() -> None:
    named = [name for columns, *_ in _rows() for name in re.findall(r"`(\w+\.\w+)`", columns)]
    assert len(named) == len(set(named)), "a column is named twice"
    assert set(named) & NOTHING_PERSONAL == set(), "here and there"
    assert (set(named) | NOTHING_PERSONAL) - _columns() == set(), "gone from the schema"
    assert _wordy() - set(named) - NOTHING_PERSONAL == set(), (
        "say in docs/retention.md how long it is kept, or here that it is nobody's"
    )


def test_what_goes_goes_by_something_that_is_there() -> None:
    sources = [*ROOT.glob("market/*/store/*.py"), *ROOT.glob("migrations/versions/*.py")]
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for columns, _, how in _rows():
        means = re.findall(r"`(\w+)`", how)
        assert bool(means) is (how != "\u2013"), columns
        for name in means:
            assert re.search(rf"\b(def|FUNCTION) {name}\b", written), name
