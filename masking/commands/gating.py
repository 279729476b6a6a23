"""The verb that runs the leak gate again over files that are finished."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from masking import intake
from masking.commands.arguments import Verbs, add_currency, add_keys, add_tape, add_verb, load_keys, mapping_of, say
from masking.gate import Candidate, gate_all
from masking.progress import watched
from masking.publishing import LeakGateRefused
from masking.report import mask_report

GATE = """Check finished masked files against their tape, as `apply` does before it leaves them.

POOL is a folder that `apply` wrote, and TAPE what it was made from. Everything is read again; how many rows and how much face
value went in, k, and the rounding that is allowed are taken from the folder's report.json. Prints every check, and fails if one did."""
STAGES = ("preview", "vetted")


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, gate, GATE)
    add_tape(verb)
    verb.add_argument("pool", type=Path, help="the folder with preview.csv, vetted.csv and report.json")
    add_currency(verb, "ISO 4217 code of every amount [USD]")
    verb.add_argument("--mapping", type=Path, metavar="FILE", help="the one that was applied")
    add_keys(verb)


def gate(chosen: argparse.Namespace) -> None:
    keys, masks = load_keys(chosen.key_file), _masks(chosen.pool)
    candidates = [Candidate(chosen.pool / f"{stage}.csv", mask_report(masks.get(stage))) for stage in STAGES]
    with watched(chosen.tape, readings=2) as source:
        mapping, info = mapping_of(chosen, source)
        originals = intake.read_chunks(source, info, on_ragged=lambda _: None)
        made = gate_all(originals, candidates, mapping, currency=chosen.currency, token_key=keys.token_key)
    checks = dict(zip(STAGES, made, strict=True))
    say({stage: [asdict(check) for check in found] for stage, found in checks.items()})
    if failed := [(stage, check) for stage, found in checks.items() for check in found if not check.passed]:
        raise LeakGateRefused(failed)


def _masks(folder: Path) -> dict[str, Any]:
    path = folder / "report.json"
    try:
        return dict(json.loads(path.read_bytes())["masks"])
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a report that `apply` wrote") from None
