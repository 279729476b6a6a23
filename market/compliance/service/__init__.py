"""What happens in compliance: one function, one sentence, one transaction."""

from market.compliance.service.cases import (
    CaseFile,
    add_evidence,
    answer,
    appeal,
    case_for_evidence,
    list_cases,
    open_case,
    read_case,
    read_fields,
    read_file,
    submit,
)
from market.compliance.service.clearances import (
    current_clearance,
    end_clearance,
    hold_clearance,
    list_clearances,
    require_clearance,
    require_ever_cleared,
    require_listing,
)
from market.compliance.service.exporting import export_case
from market.compliance.service.keeping import parties_report, retention_report
from market.compliance.service.listing_papers import listing_lacks, require_listing_papers
from market.compliance.service.matching import decide_alert
from market.compliance.service.proposing import decide, list_holds, list_proposals, place_hold, propose
from market.compliance.service.qualifying import ask_of_bidders, lacks_qualification, qualifications_of
from market.compliance.service.reviewing import (
    Queue,
    approve,
    assign,
    decide_appeal,
    decline,
    prepare,
    queue,
    request_information,
    review_again,
    send_back,
    verify_evidence,
)
from market.compliance.service.rulebook import list_packs, load_pack, pack_in_force, read_pack

__all__ = [
    "CaseFile",
    "Queue",
    "add_evidence",
    "answer",
    "appeal",
    "approve",
    "ask_of_bidders",
    "assign",
    "case_for_evidence",
    "current_clearance",
    "decide",
    "decide_alert",
    "decide_appeal",
    "decline",
    "end_clearance",
    "export_case",
    "hold_clearance",
    "lacks_qualification",
    "list_cases",
    "list_clearances",
    "list_holds",
    "list_packs",
    "list_proposals",
    "listing_lacks",
    "load_pack",
    "open_case",
    "pack_in_force",
    "parties_report",
    "place_hold",
    "prepare",
    "propose",
    "qualifications_of",
    "queue",
    "read_case",
    "read_fields",
    "read_file",
    "read_pack",
    "request_information",
    "require_clearance",
    "require_ever_cleared",
    "require_listing",
    "require_listing_papers",
    "retention_report",
    "review_again",
    "send_back",
    "submit",
    "verify_evidence",
]
