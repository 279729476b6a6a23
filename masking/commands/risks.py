"""The verb that says how safe a masking is."""

import argparse
import json
from pathlib import Path
from typing import Any

from masking import intake
from masking.commands.arguments import Verbs, add_currency, add_encoding, add_verb, day, mapping_of, say, whole_k
from masking.fields import FIELDS
from masking.granularity import QUASI_COLUMNS
from masking.leaks import opened_columns
from masking.outputs import written
from masking.progress import watched
from masking.riskpage import OPENING, page
from masking.riskreport import RiskReport, of_masked, of_tape, view_of_masked

RISK = """Say how unique rows are, what simulated attacks would find, and which columns cost most.

FILE is a folder that `apply` wrote, one masked file, or an unmasked tape (then give --cut-off: it is masked in memory, and
the report compares before and after). Prints JSON; --out report.html writes a page with plots, --out report.json the JSON."""
STAGES = ("preview", "vetted")


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, risk, RISK)
    verb.add_argument("file", type=Path, metavar="FILE")
    verb.add_argument(
        "--out", type=Path, metavar="FILE", help="report.html or report.json; an older risk report is replaced"
    )
    verb.add_argument("--k", type=whole_k, default=5, help="no row stands among fewer than k like it [5]")
    verb.add_argument("--cut-off", type=day, metavar="DAY", help="for an unmasked tape: the cut-off date, YYYY-MM-DD")
    add_currency(verb, "for an unmasked tape: ISO 4217 code [USD]")
    add_encoding(verb)
    verb.add_argument("--mapping", type=Path, metavar="FILE", help="for an unmasked tape: as `detect --save` wrote it")


def risk(chosen: argparse.Namespace) -> None:
    if chosen.out and chosen.out.suffix not in {".html", ".json"}:
        raise ValueError(f"--out {chosen.out}: name a file that ends in .html or .json")
    made = _of_folder(chosen) if chosen.file.is_dir() else _of_file(chosen)
    if not chosen.out:
        say(made.as_json())
        return
    text = page(made) if chosen.out.suffix == ".html" else json.dumps(made.as_json(), indent=2)
    with written(chosen.out, replaces=_is_report) as sink:
        sink.write(text.encode())


def _of_folder(chosen: argparse.Namespace) -> RiskReport:
    said = _said(chosen.file)
    views = []
    for stage in STAGES:
        with watched(chosen.file / f"{stage}.csv") as source:
            views.append(view_of_masked(source, name=stage, report=said.get("masks", {}).get(stage)))
    return RiskReport(chosen.file.name or "pool", chosen.k, 2, tuple(views), said.get("totals"))


def _of_file(chosen: argparse.Namespace) -> RiskReport:
    with watched(chosen.file, readings=4) as source:
        if is_masked(intake.inspect(source).columns):
            report = _said(chosen.file.parent).get("masks", {}).get(chosen.file.stem)
            return of_masked(source, name=chosen.file.stem, k=chosen.k, report=report)
        if chosen.cut_off is None:
            raise ValueError(f"{chosen.file} is not a masked file; for a tape give --cut-off YYYY-MM-DD")
        mapping, info = mapping_of(chosen, source)
        name, currency = chosen.file.name, chosen.currency
        return of_tape(source, info, mapping, name=name, cut_off_on=chosen.cut_off, currency=currency, k=chosen.k)


def _is_report(start: bytes) -> bool:
    return start.startswith(OPENING) or b'"format": "market-mask-risk/' in start[:100]


def is_masked(columns: tuple[str, ...]) -> bool:
    """Whether all headers are those of a masked file: canonical names, or what masking makes of them."""
    made = {name for name in columns if name in QUASI_COLUMNS or name not in opened_columns(columns)}
    return all(name in made or name in FIELDS for name in columns)


def _said(folder: Path) -> dict[str, Any]:
    """What `apply` reported beside the files, if it is there."""
    try:
        found = json.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
