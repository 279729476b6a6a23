"""What goes over the wire about saleability, double sale and leaks."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from market.kit.pages import Page
from market.portfolios import doubles, limitation, saleability
from market.portfolios.service import Leak

Reason = Annotated[str, Meta(min_length=1, max_length=1000)]


class RuleView(Struct, frozen=True):
    rule_id: str
    title: str
    citation: str
    effective_from: date


class PeriodView(Struct, frozen=True):
    """One limitation period. `conflict`: its sources disagree, `why` says how, and the shortest is taken."""

    state: str
    debt_class: str
    years: int
    citation: str
    effective_from: date
    source: str
    reviewed_by: str | None
    conflict: bool
    why: str


class SaleabilityRules(Struct, frozen=True):
    """The rules in order of precedence, and the limitation pack (unreviewed where `reviewed_by` is null)."""

    rules: list[RuleView]
    limitation_pack: list[PeriodView]

    @classmethod
    def present(cls) -> "SaleabilityRules":
        rules = [RuleView(rule.rule_id, rule.title, rule.citation, rule.effective_from) for rule in saleability.RULES]
        periods = [
            PeriodView(
                each.state,
                each.debt_class,
                each.years,
                each.citation,
                each.effective_from,
                each.source,
                each.reviewed_by,
                each.conflict,
                each.why,
            )
            for each in limitation.pack().values()
        ]
        return cls(rules, periods)


class HeldPoolPost(Struct, frozen=True, forbid_unknown_fields=True):
    """No rule means all."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    rule_ids: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=50)] = field(default_factory=list)


class HeldPoolView(Struct, frozen=True):
    held_pool_id: UUID
    name: str
    rule_ids: list[str]
    account_count: int
    face_value_cents: int
    created_at: datetime

    @classmethod
    def of(cls, held: doubles.HeldPool) -> "HeldPoolView":
        return cls(
            held.held_pool_id,
            held.name,
            list(held.rule_ids),
            held.account_count,
            held.face_value_cents,
            held.created_at,
        )


class HeldPoolList(Struct, frozen=True):
    items: list[HeldPoolView]


class ResolutionPost(Struct, frozen=True, forbid_unknown_fields=True):
    outcome: Literal["allowed", "upheld"]
    reason: Reason


class ResolutionView(Struct, frozen=True):
    outcome: str
    reason: str
    resolved_by: UUID
    resolved_at: datetime

    @classmethod
    def of(cls, made: doubles.Resolution) -> "ResolutionView":
        return cls(made.outcome.value, made.reason, made.resolved_by, made.resolved_at)


class FlagView(Struct, frozen=True):
    """`organisation` lists accounts that are on offer or sold in `other_pool_id`; counts only."""

    flag_id: UUID
    organisation: str
    org_id: UUID
    portfolio_id: UUID
    pool_id: UUID | None
    other_pool_id: UUID
    account_count: int
    raised_at: datetime
    resolution: ResolutionView | None

    @classmethod
    def of(cls, flag: doubles.Flag, names: Mapping[UUID, str]) -> "FlagView":
        resolved = None if flag.resolution is None else ResolutionView.of(flag.resolution)
        return cls(
            flag_id=flag.flag_id,
            organisation=names.get(flag.org_id, "(unknown)"),
            org_id=flag.org_id,
            portfolio_id=flag.portfolio_id,
            pool_id=flag.pool_id,
            other_pool_id=flag.other_pool_id,
            account_count=flag.account_count,
            raised_at=flag.raised_at,
            resolution=resolved,
        )


class FlagPage(Struct, frozen=True):
    items: list[FlagView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[doubles.Flag], names: Mapping[UUID, str]) -> "FlagPage":
        return cls([FlagView.of(item, names) for item in page.items], page.next_cursor)


class SuspicionView(Struct, frozen=True):
    """`matched_count` of the `count` tokens looked for are those of this organisation's copy."""

    organisation: str
    org_id: UUID
    matched_count: int
    count: int


class LeakView(Struct, frozen=True):
    """Who had a copy, the likeliest source first. One match is no chance: a token has 80 bits."""

    pool_id: UUID
    suspicions: list[SuspicionView]

    @classmethod
    def of(cls, leak: Leak, names: Mapping[UUID, str]) -> "LeakView":
        made: Sequence[SuspicionView] = [
            SuspicionView(names.get(UUID(each.buyer), "(unknown)"), UUID(each.buyer), each.matched_count, each.count)
            for each in leak.suspicions
        ]
        return cls(leak.pool_id, list(made))
