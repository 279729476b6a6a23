"""The risk report as one HTML page: plots are inline SVG, nothing is loaded from elsewhere, and there is no script."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from masking.attacks import Attack
from masking.granularity import LINKAGE_LIMIT
from masking.riskreport import RiskReport, View

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-top:1px solid #d0d7de;padding-top:1rem}table{border-collapse:collapse;margin:1rem 0}
td,th{border:1px solid #d0d7de;padding:.25rem .6rem;text-align:right}td:first-child,th:first-child{text-align:left}
figure{margin:1.5rem 0}figcaption{font-weight:600}.good{color:#116329}.bad{color:#a40e26}small,.note{color:#57606a}svg text{font:13px system-ui}
svg{max-width:100%;height:auto}figure,tr{break-inside:avoid}h2,figcaption{break-after:avoid}@media print{svg,p{print-color-adjust:exact}}"""
ATTACKERS = {
    "person": "knows who the debtor is (age, place)",
    "person and debt": "also knows the debt (its date and balance)",
    "everything shown": "knows every column that is shown",
}
NAMES = {
    "original": "The tape as it came",
    "preview": "Preview, before an NDA",
    "vetted": "Vetted, after NDA and clearance",
}
BAR, LINE = 420, 26
LETTER, LEAST_LEFT, LONGEST_LABEL = 7.2, 60, 46
SMALLEST_SCALE = 0.05
"""Costs of a column are drawn to at least this share, so that a tenth of a percent does not look like the whole."""


OPENING = b'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Risk report</title>'
"""What every page begins with."""


def page(report: RiskReport) -> str:
    """The whole page."""
    about = (
        '<p class="note">The masked files are pseudonymised, not anonymous: they are still personal data. This page holds counts, '
        "shares and names of columns, and no value of any row.</p>"
    )
    body = [
        f"<h1>Risk of identification: {escape(report.source)}</h1>",
        about,
        _summary(report),
        _totals(report),
        *(_view(view, report.k) for view in report.views),
        _method(),
    ]
    return f"{OPENING.decode()}<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"


def _name(view: View) -> str:
    return NAMES.get(view.name, escape(view.name))


def _summary(report: RiskReport) -> str:
    rows = []
    for view in report.views:
        person = view.attacks["person"]
        rows.append(
            [_name(view), f"{person.rows_count:,}", f"{person.smallest_count:,}", f"{person.unique_count:,}"]
            + [_percent(view.attacks[name].simulated_share) if name in view.attacks else "" for name in ATTACKERS]
        )
    head = [
        "",
        "rows",
        "smallest class",
        "unique rows",
        *(f"linked rightly by one who {said}" for said in ATTACKERS.values()),
    ]
    masked = [view for view in report.views if view.name != "original"]
    held = all(view.attacks["person"].smallest_count >= report.k for view in masked)
    verdict = (
        f"every masked row has at least {report.k - 1} others like it"
        if held
        else f"some masked rows stand below k = {report.k}"
    )
    return (
        f'<p class="{"good" if held else "bad"}">k = {report.k}: {verdict}.</p>'
        + _table(head, rows)
        + _known_debt(masked)
    )


def _known_debt(masked: list[View]) -> str:
    """What a high share under a kept k means, where there is one: the first question of whoever reads the table."""
    high = [view for view in masked for name in list(ATTACKERS)[1:] if _share(view, name) > LINKAGE_LIMIT]
    if not high:
        return ""
    return (
        '<p class="note">k is about age and place, which anybody may know. Dates and balances are what buyers price from, so they stay: '
        "who already holds a debtor's date and balance, such as the creditor or a former buyer, finds the row, and learns what else is "
        "shown in it. Against them stand the agreement, tokens of each buyer's own, and what the columns below hold back.</p>"
    )


def _share(view: View, attacker: str) -> float:
    return view.attacks[attacker].simulated_share if attacker in view.attacks else 0.0


def _totals(report: RiskReport) -> str:
    rows = []
    unit = 10**report.exponent
    if report.totals:
        found = report.totals
        rows.append(["Read from the tape", _count(found["read_count"]), _money(found["read_cents"], unit), "", ""])
        rows.append(
            ["Refused, with a reason", _count(found["refused_count"]), _money(found["refused_cents"], unit), "", ""]
        )
        rows.append(["Accepted", _count(found["accepted_count"]), _money(found["accepted_cents"], unit), "", ""])
    for view in report.views:
        if (said := view.report) is None:
            continue
        moved = said["face_in_cents"] - said["suppressed_face_cents"] - said["face_out_cents"]
        rows.append(
            [
                _name(view),
                _count(said["rows_out_count"]),
                _money(said["face_out_cents"], unit),
                f"{said['suppressed_count']:,} rows, {_money(said['suppressed_face_cents'], unit)}",
                f"{_money(moved, unit)} (at most {_money(said['rounding_bound_cents'], unit)})",
            ]
        )
    if not rows:
        return ""
    head = ["", "rows", "face value", "left out, because too few are like them", "moved by rounding"]
    return "<h2>Totals before and after</h2>" + _table(head, rows)


def _view(view: View, k: int) -> str:
    parts = [f"<h2>{_name(view)}</h2>"]
    person = view.attacks["person"]
    parts.append(
        _bars(
            "k distribution: rows by how many rows share their age, place and country",
            {label: float(count) for label, count in person.rows_by_class_size.items()},
            lambda count: f"{count:,.0f}",
            warn=[label for label in ("1", "2-4") if k >= 5],
        )
    )
    shares = {ATTACKERS[name]: attack.simulated_share for name, attack in view.attacks.items()}
    parts.append(_bars("Simulated attack: rows that somebody links rightly who …", shares, _percent, most=1.0))
    parts += [_costs(name, attack) for name, attack in view.attacks.items() if len(attack.knows) > 1]
    parts.append(_said(view.report) if view.report else "")
    return "\n".join(parts)


def _costs(name: str, attack: Attack) -> str:
    """What each column adds to the share that is linked rightly."""
    costs = {column: max(attack.linkage_share - share, 0.0) for column, share in attack.share_without.items()}
    ranked = dict(
        sorted(((column, cost) for column, cost in costs.items() if cost >= 0.00005), key=lambda item: -item[1])
    )
    free = len(costs) - len(ranked)
    title = f"What each column costs, against one who {ATTACKERS[name]}"
    scale = max([SMALLEST_SCALE, *ranked.values()])
    told = f'<p class="note">{_free(free, len(costs))}: what is left beside it tells as much.</p>' if free else ""
    return (
        _bars(title, ranked, _percent, most=scale)
        if ranked
        else f"<figure><figcaption>{escape(title)}</figcaption></figure>"
    ) + told


def _free(count: int, of: int) -> str:
    if count == of:
        return "None of the columns costs anything alone"
    return "The other column costs nothing alone" if count == 1 else f"The other {count} columns cost nothing alone"


def _said(report: Mapping[str, Any]) -> str:
    level = report["granularity"]
    age = f"{level['age_width']}-year age bands" if level["age_width"] else "no ages"
    places = [
        said
        for shown, said in (
            (level["zip3"], "ZIP prefixes"),
            (level["state"], "states"),
            (level["country"] and "country" in report["columns"], "countries"),
        )
        if shown
    ]
    lines = [f"Detail chosen for this pool: {', '.join([age, *places])}."]
    if merged := level["merged_states"]:
        lines.append(f"{len(merged)} states with too few accounts are shown as OTHER.")
    lines += [
        f"<code>{escape(name)}</code>: {count:,} values that fewer than {report['k']} rows share are shown as OTHER."
        for name, count in report["merged_values_counts"].items()
        if count
    ]
    lines.append(f"{report['suppressed_count']:,} of {report['rows_in_count']:,} rows are left out.")
    if dropped := report["dropped_columns"]:
        lines.append(
            "Columns of the tape that are not shown: "
            + ", ".join(f"<code>{escape(name)}</code>" for name in dropped)
            + "."
        )
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def _method() -> str:
    return (
        '<h2>How to read this</h2><p class="note">A class is all rows that look alike to the attacker, who is assumed to know that '
        "the debtor is in the file and to draw one row of the right class: right once per class. The simulated share is one such "
        "draw for every row, with a fixed seed. A preview is refused if somebody who knows age, state, ZIP prefix and country "
        f"of everybody would link more than {LINKAGE_LIMIT:.0%} of its rows rightly; for the vetted stage it is reported. A column "
        "costs as much as the share would fall without it. Exact balances and days single out nearly every row: that is why the "
        "vetted stage needs an NDA.</p>"
    )


def _bars(title: str, values: Mapping[str, float], form: Any, *, most: float = 0.0, warn: Iterable[str] = ()) -> str:
    """A bar chart as SVG, the longest bar at `most` or at the largest value."""
    scale = BAR / (most or max(values.values(), default=0.0) or 1.0)
    left = LEAST_LEFT + LETTER * max((len(_short(label)) for label in values), default=0)
    marked, bars = set(warn), []
    for number, (label, value) in enumerate(values.items()):
        y, width = number * LINE, max(value * scale, 1 if value else 0)
        colour = "#a40e26" if label in marked else "#0a58ca"
        bars.append(
            f'<text x="{left - 8:.0f}" y="{y + 17}" text-anchor="end">{escape(_short(label))}</text>'
            f'<rect x="{left:.0f}" y="{y + 4}" width="{width:.1f}" height="{LINE - 8}" fill="{colour}"/>'
            f'<text x="{left + width + 6:.1f}" y="{y + 17}">{escape(form(value))}</text>'
        )
    across, down = round(left + BAR + 90), max(len(values), 1) * LINE
    size = f'width="{across}" height="{down}" viewBox="0 0 {across} {down}"'
    svg = f'<svg role="img" aria-label="{escape(title)}" {size}>{"".join(bars)}</svg>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < 0.995 else f"{share:.1%}"


def _count(number: int) -> str:
    return f"{number:,}"


def _money(minor: int, unit: int) -> str:
    return f"{minor / unit:,.2f}" if unit > 1 else f"{minor:,}"
