"""What the seller fixes before the auction opens. Terms refuse nonsense when they are built and never change."""

from collections.abc import Mapping
from typing import Any

from auctions.increments import MAX_CENTS, IncrementStep
from auctions.terms.asking import BestOfferTerms, FixedPriceTerms
from auctions.terms.base import LATEST_RULES, TermsError, instant
from auctions.terms.dutch import DutchTerms
from auctions.terms.english import EnglishTerms
from auctions.terms.hybrid import HybridTerms
from auctions.terms.packages import PackageTerms, Packaging, PoolOffer
from auctions.terms.sealed import Pricing, SealedTerms, Sealing
from auctions.terms.two_stage import Binding, TwoStageTerms

__all__ = [
    "LATEST_RULES",
    "MAX_CENTS",
    "BestOfferTerms",
    "Binding",
    "DutchTerms",
    "EnglishTerms",
    "FixedPriceTerms",
    "HybridTerms",
    "IncrementStep",
    "OtherTerms",
    "PackageTerms",
    "Packaging",
    "PoolOffer",
    "Pricing",
    "SealedTerms",
    "Sealing",
    "Terms",
    "TermsError",
    "TwoStageTerms",
    "instant",
    "terms_from_json",
    "terms_of",
]

OtherTerms = DutchTerms | SealedTerms | FixedPriceTerms | BestOfferTerms | HybridTerms | TwoStageTerms | PackageTerms
"""The terms of all formats but the ascending one."""

Terms = EnglishTerms | OtherTerms
"""Every format's terms. The engine dispatches on the type."""

_FORMATS: dict[str, type[Terms]] = {
    cls.format: cls
    for cls in (
        EnglishTerms,
        DutchTerms,
        SealedTerms,
        FixedPriceTerms,
        BestOfferTerms,
        HybridTerms,
        TwoStageTerms,
        PackageTerms,
    )
}


def terms_from_json(data: Mapping[str, Any]) -> Terms:
    """Terms of whichever format the data names. Raises TermsError."""
    return terms_of(data.get("format")).from_json(data)


def terms_of(name: object) -> type[Terms]:
    """The class of a format's terms. Raises TermsError for a format that there is not."""
    if not isinstance(name, str) or name not in _FORMATS:
        raise TermsError("format", f"must be one of: {', '.join(_FORMATS)}")
    return _FORMATS[name]
