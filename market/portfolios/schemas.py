"""What goes over the wire. Amounts are minor units of the currency beside them."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from market.kit.pages import Page
from market.portfolios import rules

_STATE = re.compile(r"[A-Z]{2}")
Text = Annotated[str, Meta(min_length=1, max_length=120)]
Word = Annotated[str, Meta(min_length=1, max_length=80)]
Words = Annotated[list[Word], Meta(max_length=100)]
Cents = Annotated[int, Meta(ge=0, le=10**15)]
Days = Annotated[int, Meta(ge=-36_500, le=36_500)]


class Refusal(Struct, frozen=True):
    """Why, and where in the tape (the header is row 1)."""

    code: str
    message: str
    row: int | None
    column: str | None

    @classmethod
    def from_refusal(cls, refusal: rules.Refusal | None) -> "Refusal | None":
        return None if refusal is None else cls(refusal.code, refusal.message, refusal.row, refusal.column)


class MappingView(Struct, frozen=True):
    """Header → field, or null to drop the column."""

    columns: dict[str, str | None]
    decimal_mark: str
    date_order: str
    encoding: str = ""

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any] | None) -> "MappingView | None":
        return None if mapping is None else cls(**mapping)


class PortfolioSummary(Struct, frozen=True):
    portfolio_id: UUID
    name: str
    currency: str
    cut_off_on: date
    state: str
    refusal: Refusal | None
    created_at: datetime

    @classmethod
    def from_portfolio(cls, found: rules.Portfolio) -> "PortfolioSummary":
        return cls(
            found.portfolio_id,
            found.name,
            found.currency,
            found.cut_off_on,
            found.state.value,
            Refusal.from_refusal(found.refusal),
            found.created_at,
        )


class PortfolioView(Struct, frozen=True):
    """`source`: how the file was read, its headers, warnings, and the template that made the mapping, if one did. Where
    `encoding_guessed`, `words` are some of the tape's own as they were read, until the mapping says the encoding.

    `findings`: per column the detected field, how sure (0 to 1) and why. `mapping`: proposed until it is put, then in
    force. `totals`, `strata` and `report` come with the masked files; `saleability` tells which rules took how many accounts.
    """

    portfolio_id: UUID
    name: str
    currency: str
    cut_off_on: date
    state: str
    refusal: Refusal | None
    source: dict[str, Any] | None
    findings: list[dict[str, Any]] | None
    mapping: MappingView | None
    totals: dict[str, Any] | None
    strata: dict[str, Any] | None
    report: dict[str, Any] | None
    time_barred: str
    saleability: dict[str, Any] | None
    preview_sha256: str | None
    vetted_sha256: str | None
    created_at: datetime

    @classmethod
    def from_portfolio(cls, found: rules.Portfolio) -> "PortfolioView":
        return cls(
            portfolio_id=found.portfolio_id,
            name=found.name,
            currency=found.currency,
            cut_off_on=found.cut_off_on,
            state=found.state.value,
            refusal=Refusal.from_refusal(found.refusal),
            source=found.source,
            findings=found.findings,
            mapping=MappingView.from_mapping(found.mapping),
            totals=found.totals,
            strata=found.strata,
            report=found.report,
            time_barred=found.time_barred,
            saleability=found.saleability,
            preview_sha256=found.preview.sha256 if found.preview else None,
            vetted_sha256=found.vetted.sha256 if found.vetted else None,
            created_at=found.created_at,
        )


class MappingPut(Struct, frozen=True, forbid_unknown_fields=True):
    """Columns that are not named stay as proposed; `save_as` keeps the result as a template.

    `time_barred`: accounts past their limitation period, or near it, are carved out, unless they are to be sold as such
    (`disclose`): then every buyer sees how many there are. `encoding`: must be said where `source.encoding_guessed`; look at
    `source.words`.
    """

    columns: dict[str, str | None]
    decimal_mark: Literal[".", ","] | None = None
    date_order: Literal["mdy", "dmy", "ymd"] | None = None
    save_as: Text | None = None
    time_barred: Literal["carve_out", "disclose"] | None = None
    encoding: Annotated[str, Meta(min_length=1, max_length=40)] | None = None

    def to_order(self) -> rules.MappingOrder:
        return rules.MappingOrder(
            self.columns, self.decimal_mark, self.date_order, self.save_as, self.time_barred, self.encoding
        )


class TemplatePost(Struct, frozen=True, forbid_unknown_fields=True):
    """For tapes whose headers are exactly the named columns, in any order."""

    name: Text
    columns: dict[str, str | None]
    decimal_mark: Literal[".", ","] = "."
    date_order: Literal["mdy", "dmy", "ymd"] = "mdy"

    def to_order(self) -> rules.MappingOrder:
        return rules.MappingOrder(self.columns, self.decimal_mark, self.date_order)


class TemplateView(Struct, frozen=True):
    template_id: UUID
    name: str
    columns: dict[str, str | None]
    decimal_mark: str
    date_order: str
    created_at: datetime

    @classmethod
    def from_template(cls, found: rules.Template) -> "TemplateView":
        return cls(found.template_id, found.name, **found.mapping, created_at=found.created_at)


class RefusedAccountView(Struct, frozen=True):
    row_number: int
    column_name: str
    reason: str

    @classmethod
    def from_refused(cls, found: rules.RefusedAccount) -> "RefusedAccountView":
        return cls(found.row_number, found.column_name, found.reason)


class SelectionBody(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All conditions together, bounds inclusive; `everything` is said instead of any condition.

    Ages are days from charge-off (else first delinquency, else due date) to the cut-off date.
    """

    everything: bool = False
    states: Words = field(default_factory=list)
    min_face_value_cents: Cents | None = None
    max_face_value_cents: Cents | None = None
    min_age_days: Days | None = None
    max_age_days: Days | None = None
    debt_types: Words = field(default_factory=list)
    debtor_types: Words = field(default_factory=list)

    def to_selection(self, place: int) -> rules.Selection:
        """Raises `BadSelection` for a selection that says nothing, or says `everything` and more."""
        selection = rules.Selection(
            tuple(self.states),
            self.min_face_value_cents,
            self.max_face_value_cents,
            self.min_age_days,
            self.max_age_days,
            tuple(self.debt_types),
            tuple(self.debtor_types),
        )
        if self.everything is (selection != rules.Selection()):
            raise rules.BadSelection(
                "name at least one condition, or everything: true and nothing else", field=f"pools[{place}].selection"
            )
        if not all(_STATE.fullmatch(state.strip().upper()) for state in self.states):
            raise rules.BadSelection("name states by two letters as CA", field=f"pools[{place}].selection.states")
        return selection

    @classmethod
    def from_selection(cls, found: rules.Selection) -> "SelectionBody":
        return cls(
            found == rules.Selection(),
            list(found.states),
            found.min_face_value_cents,
            found.max_face_value_cents,
            found.min_age_days,
            found.max_age_days,
            list(found.debt_types),
            list(found.debtor_types),
        )


class PoolOrder(Struct, frozen=True, forbid_unknown_fields=True):
    name: Text
    selection: SelectionBody


class PoolsPost(Struct, frozen=True, forbid_unknown_fields=True):
    """In order: the first pool whose selection an account meets takes it."""

    pools: Annotated[list[PoolOrder], Meta(min_length=1, max_length=50)]

    def to_orders(self) -> list[rules.PoolOrder]:
        return [
            rules.PoolOrder(order.name, order.selection.to_selection(place)) for place, order in enumerate(self.pools)
        ]


class LeftOut(Struct, frozen=True):
    """How many accounts, and their face value."""

    account_count: int
    face_value_cents: int

    @classmethod
    def from_report(cls, report: dict[str, Any] | None) -> "dict[str, LeftOut] | None":
        """By stage: accounts sold with the pool that stand in no masked row, as fewer than k look alike. None before it is cut."""
        if report is None:
            return None
        masks = report.get("masks", {})
        return {s: cls(m["suppressed_count"], m["suppressed_face_cents"]) for s, m in masks.items()}


class PoolView(Struct, frozen=True):
    """What everyone may see of a pool on offer; `selection`, `refusal` and `report` are the seller's alone (else null).

    `left_out` tells by stage what the masked file does not show of the accounts that are sold; `time_barred` how many
    are past their limitation period, or near it, and sold as such.
    """

    pool_id: UUID
    portfolio_id: UUID
    org_id: UUID
    name: str
    state: str
    currency: str
    account_count: int | None
    face_value_cents: int | None
    debtor_states: list[str] | None
    strata: dict[str, Any] | None
    tape_version: str
    commitment_root: str | None
    preview_sha256: str | None
    vetted_sha256: str | None
    left_out: dict[str, LeftOut] | None
    time_barred: LeftOut | None
    auction_id: UUID | None
    offered_at: datetime | None
    sold_at: datetime | None
    created_at: datetime
    selection: SelectionBody | None
    refusal: Refusal | None
    report: dict[str, Any] | None

    @classmethod
    def from_pool(cls, found: rules.Pool, viewer: UUID | None) -> "PoolView":
        own = found.org_id == viewer
        return cls(
            pool_id=found.pool_id,
            portfolio_id=found.portfolio_id,
            org_id=found.org_id,
            name=found.name,
            state=found.state.value,
            currency=found.currency,
            account_count=found.account_count,
            face_value_cents=found.face_value_cents,
            debtor_states=None if found.debtor_states is None else list(found.debtor_states),
            strata=found.strata,
            tape_version=found.tape_version,
            commitment_root=found.commitment_root,
            preview_sha256=found.preview.sha256 if found.preview else None,
            vetted_sha256=found.vetted.sha256 if found.vetted else None,
            left_out=LeftOut.from_report(found.report),
            time_barred=None if found.saleability is None else LeftOut(**found.saleability["time_barred"]),
            auction_id=found.auction_id,
            offered_at=found.offered_at,
            sold_at=found.sold_at,
            created_at=found.created_at,
            selection=SelectionBody.from_selection(found.selection) if own else None,
            refusal=Refusal.from_refusal(found.refusal) if own else None,
            report=found.report if own else None,
        )


class NdaView(Struct, frozen=True):
    """The terms, and when the caller's organisation accepted them for this pool."""

    nda_version: str
    text: str
    text_sha256: str
    accepted_at: datetime | None


class NdaPost(Struct, frozen=True, forbid_unknown_fields=True):
    nda_version: Annotated[str, Meta(max_length=40)]


class NdaAcceptance(Struct, frozen=True):
    pool_id: UUID
    nda_version: str
    accepted_at: datetime


class DownloadView(Struct, frozen=True):
    organisation: str
    stage: str
    file_sha256: str
    downloaded_at: datetime


class PortfolioPage(Struct, frozen=True):
    items: list[PortfolioSummary]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[rules.Portfolio]) -> "PortfolioPage":
        return cls([PortfolioSummary.from_portfolio(item) for item in page.items], page.next_cursor)


class TemplatePage(Struct, frozen=True):
    items: list[TemplateView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[rules.Template]) -> "TemplatePage":
        return cls([TemplateView.from_template(item) for item in page.items], page.next_cursor)


class RefusedPage(Struct, frozen=True):
    items: list[RefusedAccountView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[rules.RefusedAccount]) -> "RefusedPage":
        return cls([RefusedAccountView.from_refused(item) for item in page.items], page.next_cursor)


class PoolPage(Struct, frozen=True):
    items: list[PoolView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[rules.Pool], viewer: UUID | None) -> "PoolPage":
        return cls([PoolView.from_pool(item, viewer) for item in page.items], page.next_cursor)


class ServerEvent(Struct, frozen=True):
    """One server-sent event, field by field."""

    id: Annotated[str, Meta(description="its number; the next connection says it as Last-Event-ID")]
    event: Annotated[str, Meta(description="its kind, such as portfolio.masked")]
    data: Annotated[str, Meta(description="JSON: counts and hashes, and `at`")]


class PoolList(Struct, frozen=True):
    items: list[PoolView]


class DownloadPage(Struct, frozen=True):
    items: list[DownloadView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[rules.Download], names: Mapping[UUID, str]) -> "DownloadPage":
        items = [
            DownloadView(names.get(item.org_id, "(unknown)"), item.stage.value, item.file_sha256, item.downloaded_at)
            for item in page.items
        ]
        return cls(items, page.next_cursor)
