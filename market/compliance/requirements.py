"""Which papers a capability needs and how long each counts. Data: a change here is a change of policy, not of code."""

from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    LIST = "list"
    BID = "bid"


class EvidenceType(StrEnum):
    FORMATION_DOCUMENT = "formation_document"
    GOOD_STANDING = "good_standing"
    TAX_FORM = "tax_form"
    OWNERSHIP_DECLARATION = "ownership_declaration"
    GOVERNMENT_ID = "government_id"
    SANCTIONS_SCREENING = "sanctions_screening"
    DEBT_LICENCE = "debt_licence"
    SURETY_BOND = "surety_bond"
    INSURANCE = "insurance"
    RMAI_CERTIFICATE = "rmai_certificate"
    REG_F_POLICY = "reg_f_policy"
    DATA_SECURITY_PROGRAMME = "data_security_programme"
    COMPLAINTS_AND_LITIGATION = "complaints_and_litigation"
    BANK_ACCOUNT_OWNERSHIP = "bank_account_ownership"
    SIGNING_AUTHORITY = "signing_authority"
    CHAIN_OF_TITLE = "chain_of_title"
    SAMPLE_MEDIA = "sample_media"
    SERVICING_AGREEMENT = "servicing_agreement"
    FINANCIAL_STATEMENT = "financial_statement"


class Method(StrEnum):
    """How an officer checked a paper."""

    REGISTER = "register"
    ISSUER = "issuer"
    CALL_BACK = "call_back"
    SCREENING = "screening"
    INSPECTION = "inspection"


OWNER_SHARE_BPS = 2_500
"""31 CFR 1010.230(d)(1) (2018-05-11): who owns 25 % or more is identified, and one person in control."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`life_days`: counts this long from its issue. `fresh_days`: at most this old when it comes in.

    `has_term`: the paper itself says when it ends, and that must be stated. What has neither counts until replaced.
    `has_amount`: it says an amount, and that must be stated too (the net worth of a financial statement).
    `of_resellers`: who sells what others originated brings it too, whatever it asks for.
    `per_listing`: of each portfolio that something is sold of, once its seller is cleared.
    """

    type: EvidenceType
    needed_for: frozenset[Capability]
    life_days: int | None = None
    fresh_days: int | None = None
    has_term: bool = False
    has_amount: bool = False
    of_resellers: bool = False
    per_listing: bool = False


_NOBODY: frozenset[Capability] = frozenset()
_BOTH = frozenset(Capability)
_BUYERS = frozenset({Capability.BID})
_T = EvidenceType

REQUIREMENTS: dict[EvidenceType, Requirement] = {
    found.type: found
    for found in (
        Requirement(_T.FORMATION_DOCUMENT, _BOTH),
        Requirement(_T.GOOD_STANDING, _BOTH, life_days=365, fresh_days=90),
        Requirement(_T.TAX_FORM, _BOTH, life_days=3 * 365),
        # 31 CFR 1010.230 (2018-05-11): owners of 25 % or more, and one person in control.
        Requirement(_T.OWNERSHIP_DECLARATION, _BOTH, life_days=365),
        Requirement(_T.GOVERNMENT_ID, _BOTH, has_term=True),
        Requirement(_T.COMPLAINTS_AND_LITIGATION, _BOTH, life_days=183),
        Requirement(_T.BANK_ACCOUNT_OWNERSHIP, _BOTH),
        Requirement(_T.SIGNING_AUTHORITY, _BOTH, life_days=365),
        Requirement(_T.DEBT_LICENCE, _BUYERS, has_term=True, of_resellers=True),
        Requirement(_T.SURETY_BOND, _BUYERS, has_term=True),
        Requirement(_T.INSURANCE, _BUYERS, has_term=True),
        # 12 CFR 1006 (Regulation F, 2021-11-30): the collector's written policies.
        Requirement(_T.REG_F_POLICY, _BUYERS, life_days=365, of_resellers=True),
        # 16 CFR 314 (Safeguards Rule, 2023-06-09): the written information security programme.
        Requirement(_T.DATA_SECURITY_PROGRAMME, _BUYERS, life_days=365, of_resellers=True),
        Requirement(_T.RMAI_CERTIFICATE, _NOBODY, has_term=True),
        Requirement(_T.SANCTIONS_SCREENING, _NOBODY, life_days=1),
        Requirement(_T.CHAIN_OF_TITLE, _NOBODY, per_listing=True),
        Requirement(_T.SAMPLE_MEDIA, _NOBODY, per_listing=True),
        # Lets a named servicer's licences count for the buyer that contracts with it.
        Requirement(_T.SERVICING_AGREEMENT, _NOBODY, has_term=True),
        Requirement(_T.FINANCIAL_STATEMENT, _NOBODY, life_days=365, has_amount=True),
    )
}

LISTING_TYPES = tuple(found.type for found in REQUIREMENTS.values() if found.per_listing)
"""What an officer must have verified of a portfolio before a pool of it is listed or delivered; the database asks for the same."""


def needed_types(capabilities: frozenset[Capability], *, of_reseller: bool = False) -> list[EvidenceType]:
    """The papers that these capabilities need, in a fixed order; `of_reseller`: of who sells what others originated."""
    return [
        found.type
        for found in REQUIREMENTS.values()
        if found.needed_for & capabilities or (of_reseller and found.of_resellers)
    ]
