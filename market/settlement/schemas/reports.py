"""Statements for people on the wire."""

from datetime import date, datetime
from typing import Self

from msgspec import Struct

from market.settlement.reports import Report


class ReportLineView(Struct, frozen=True, forbid_unknown_fields=True):
    on: date | None
    what: str
    of: str
    amount_cents: int
    currency: str


class ReportSumView(Struct, frozen=True, forbid_unknown_fields=True):
    what: str
    amount_cents: int
    currency: str


class ReportView(Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts are signed as the reader sees them: negative is a deduction, or money that left."""

    title: str
    about: dict[str, str]
    lines: list[ReportLineView]
    sums: list[ReportSumView]
    made_at: datetime

    @classmethod
    def from_report(cls, report: Report) -> Self:
        return cls(
            report.title,
            dict(report.about),
            [ReportLineView(each.on, each.what, each.of, each.amount_cents, each.currency) for each in report.lines],
            [ReportSumView(each.what, each.amount_cents, each.currency) for each in report.sums],
            report.made_at,
        )
