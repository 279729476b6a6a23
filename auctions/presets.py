"""The short list that a seller chooses from: every format in plain words, with presets that leave little to fill in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from auctions.terms import Terms, TermsError, terms_of
from auctions.terms.base import in_utc, instant, parse_instant

_HOUR, _DAY = 3_600, 86_400
_LADDER = [
    {"from_cents": 0, "increment_cents": 5_000},
    {"from_cents": 500_000, "increment_cents": 25_000},
    {"from_cents": 5_000_000, "increment_cents": 100_000},
    {"from_cents": 50_000_000, "increment_cents": 500_000},
]
_TWO_STAGE = {
    "indicative_s": 14 * _DAY,
    "shortlist_s": 3 * _DAY,
    "shortlist_most": 4,
    "due_diligence_s": 21 * _DAY,
}
_SOFT = {"soft_close_window_s": 180, "soft_close_extension_s": 180}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Terms that somebody thought about. What `fill` leaves open, the seller says; what it says takes precedence.

    The auction closes `closes_after_s` seconds after it opens, if given, and extensions may add `extends_s` seconds.
    """

    name: str
    title: str
    terms: Mapping[str, Any] = field(default_factory=dict)
    closes_after_s: int | None = None
    extends_s: int | None = None

    def fill(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The terms as JSON, completed. Raises TermsError for an opening instant that is none or missing."""
        filled = {**self.terms, **given}
        if self.closes_after_s is not None and "closes_at" not in filled:
            if "opens_at" not in filled:
                raise TermsError("opens_at", "is missing: say when the auction opens")
            opens_at = parse_instant("opens_at", filled["opens_at"])
            filled["closes_at"] = _later("opens_at", opens_at, self.closes_after_s)
        if self.extends_s is not None and "latest_close_at" not in filled and "closes_at" in filled:
            closes_at = parse_instant("closes_at", filled["closes_at"])
            filled["latest_close_at"] = _later("closes_at", closes_at, self.extends_s)
        return filled


def _later(name: str, at: datetime, seconds: int) -> str:
    try:
        return instant(in_utc(name, at) + timedelta(seconds=seconds))
    except OverflowError:
        raise TermsError(name, "is too far away") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format of the list; `summary` is for a seller who has never heard of it."""

    name: str
    title: str
    summary: str
    presets: Sequence[Preset]

    @property
    def terms_type(self) -> type[Terms]:
        """The class of its terms."""
        return terms_of(self.name)


FORMATS: Sequence[Format] = (
    Format(
        name="english",
        title="Ascending auction",
        summary="Bidders outbid each other in the open; the market bids for absent ones up to a secret ceiling.",
        presets=(
            Preset(
                name="standard",
                title="One day, three minutes to answer a late bid",
                terms={"increments": _LADDER, **_SOFT},
                closes_after_s=_DAY,
                extends_s=4 * _HOUR,
            ),
            Preset(
                name="accept-below-reserve",
                title="The same; below the reserve you may still take the highest bid for two days",
                terms={"increments": _LADDER, **_SOFT, "below_reserve_answer_s": 2 * _DAY},
                closes_after_s=_DAY,
                extends_s=4 * _HOUR,
            ),
            Preset(
                name="quick",
                title="One hour, one minute to answer a late bid",
                terms={"increments": _LADDER, "soft_close_window_s": 60, "soft_close_extension_s": 60},
                closes_after_s=_HOUR,
                extends_s=_HOUR,
            ),
        ),
    ),
    Format(
        name="sealed",
        title="Sealed bids",
        summary="Everybody bids once, unseen by the others; all bids are opened together after the deadline.",
        presets=(
            Preset(name="first-price", title="The winner pays its bid", closes_after_s=7 * _DAY),
            Preset(
                name="vickrey",
                title="The winner pays the second best bid",
                terms={"pricing": "second_price"},
                closes_after_s=7 * _DAY,
            ),
            Preset(
                name="best-and-final",
                title="The best three may better their bids for two days",
                terms={"final_s": 2 * _DAY, "final_top": 3},
                closes_after_s=7 * _DAY,
            ),
            Preset(
                name="ceremony",
                title="Sealed by the bidders; not even the market can read them before officers open them together",
                terms={"sealing": "client", "opening_s": 2 * _DAY},
                closes_after_s=7 * _DAY,
            ),
        ),
    ),
    Format(
        name="dutch",
        title="Descending auction",
        summary="The price falls step by step; who accepts first buys at that price.",
        presets=(
            Preset(
                name="standard", title="1 % of the start every five minutes", terms={"step_bps": 100, "interval_s": 300}
            ),
            Preset(
                name="strict",
                title="The same; only the step that is current may be accepted",
                terms={"step_bps": 100, "interval_s": 300, "strict": True},
            ),
        ),
    ),
    Format(
        name="hybrid",
        title="Descending, then sealed, then best bid",
        summary="Who stops the falling price is challenged once by sealed bids, and may answer them once.",
        presets=(
            Preset(name="dgf-2018", title="81 prices from 100 % to 20 % of the start", terms={"preset": "dgf-2018"}),
            Preset(
                name="privatization", title="100 prices, down to 1 % of the start", terms={"preset": "privatization"}
            ),
        ),
    ),
    Format(
        name="best_offer",
        title="Best offer",
        summary="Buyers make offers that only you see; you take, refuse or counter them whenever you like.",
        presets=(Preset(name="standard", title="Two weeks", closes_after_s=14 * _DAY),),
    ),
    Format(
        name="two_stage",
        title="Indicative, then binding",
        summary="Many say roughly what they would pay; those you choose look closely and bid, under seal or in the open.",
        presets=(
            Preset(
                name="standard",
                title="Two weeks of indications, the best four, three weeks of due diligence, two days to bind",
                terms={**_TWO_STAGE, "binding_s": 2 * _DAY},
            ),
            Preset(
                name="best-and-final",
                title="The same; the best two sealed bids may be bettered once, for two days",
                terms={**_TWO_STAGE, "binding_s": 2 * _DAY, "final_s": 2 * _DAY, "final_top": 2},
            ),
            Preset(
                name="open-binding",
                title="The same; the best four outbid each other in the open on the last day",
                terms={
                    **_TWO_STAGE,
                    "binding_s": _DAY,
                    "binding": "english",
                    "increments": _LADDER,
                    "binding_extends_s": 4 * _HOUR,
                    **_SOFT,
                },
            ),
        ),
    ),
    Format(
        name="fixed_price",
        title="Fixed price",
        summary="Who is first to buy at your price gets it; also for a pool that found no buyer in an auction.",
        presets=(Preset(name="standard", title="One week", closes_after_s=7 * _DAY),),
    ),
    Format(
        name="packages",
        title="Several pools at once",
        summary="Buyers bid for single pools or for sets of them; the combination that brings the most wins.",
        presets=tuple(
            Preset(
                name=name,
                title=title,
                terms={"packaging": packaging, "increment_cents": 25_000, **_SOFT},
                closes_after_s=_DAY,
                extends_s=4 * _HOUR,
            )
            for name, packaging, title in (
                ("any-sets", "xor_packages", "Any set of pools; every bidder wins at most one of its bids"),
                ("all-or-each", "entirety_vs_pools", "Single pools against all of them together"),
                ("each", "pools_only", "Single pools only, side by side"),
            )
        ),
    ),
)
"""What a seller may choose from, the most usual first."""


def fill(format_name: str, preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a format as JSON, completed by one of its presets. Raises TermsError for an unknown preset."""
    presets = [one for known in FORMATS if known.name == format_name for one in known.presets]
    found = next((one for one in presets if one.name == preset), None)
    if found is None:
        raise TermsError("preset", f"must be one of: {', '.join(one.name for one in presets)}")
    return found.fill(given)
