"""Looking at a tape or a masked file: detect, fields, preview, risk. Nothing here writes what a row holds."""

import argparse
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile

from masking import detect as detection
from masking import mappingfile
from masking.commands import risks
from masking.commands.arguments import (
    Verbs,
    add_keys,
    add_masking,
    add_tape,
    add_verb,
    load_keys,
    mapping_of,
    note_refused,
    printable,
    say,
    suggested,
    whole_count,
)
from masking.drafting import Drafting
from masking.fields import CATALOGUE
from masking.policy import Stage, default_policy
from masking.progress import watched

DETECT = """Show which column holds what, as a mapping to correct and save.

Prints JSON: `findings`, per column its field, class (I identifier, Q quasi-identifier, S sensitive flag, F free text,
A analytic, ? unknown), confidence from 0 to 1, reasons, and treatment at each stage; and the mapping that follows from them."""
PREVIEW = """Show the first rows as bidders would see them; writes nothing.

Says on stderr how many rows are refused, by column and reason, with the numbers of the first of them."""


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, detect, DETECT)
    add_tape(verb)
    verb.add_argument(
        "--save", type=Path, metavar="FILE", help="write the mapping there, to be corrected; an older one is replaced"
    )
    verb.add_argument("--table", action="store_true", help="print a table for people instead of JSON")
    add_verb(
        verbs, fields, "List the fields that a column may be mapped to, with their class and treatment at each stage."
    )
    verb = add_verb(verbs, preview, PREVIEW)
    add_masking(verb)
    add_keys(verb)
    verb.add_argument("--rows", type=whole_count, default=10, help="how many rows [10]")
    verb.add_argument("--stage", choices=["preview", "vetted"], default="preview")
    risks.add_to(verbs)


def detect(chosen: argparse.Namespace) -> None:
    with watched(chosen.tape) as source:
        findings, mapping, info = suggested(source, chosen.encoding)
    if chosen.save:
        mappingfile.save(chosen.save, mapping)
    if chosen.table:
        _print_table(findings)
    else:
        say(detection.as_json(findings, mapping, info))


def _print_table(findings: list[detection.Finding]) -> None:
    names = [printable(finding.column) for finding in findings]
    width = max(map(len, names))
    for name, finding in zip(names, findings, strict=True):
        shown = f"{finding.cls} {finding.field or '(dropped)':<20} {finding.confidence:.2f}"
        sys.stdout.write(f"{name:<{width}}  {shown}  {finding.why}\n")


def fields(_: argparse.Namespace) -> None:
    policy = default_policy()
    for entry in CATALOGUE:
        shown = (policy.treatment(entry.name, stage).value for stage in (Stage.PREVIEW, Stage.VETTED))
        sys.stdout.write(
            f"{entry.name:<22} {entry.cls.value} {entry.kind.value:<7} {'  '.join(f'{x:<12}' for x in shown)}\n"
        )


def preview(chosen: argparse.Namespace) -> None:
    keys = load_keys(chosen.key_file)
    with watched(chosen.tape) as source, TemporaryFile() as sink:
        mapping, info = mapping_of(chosen, source)
        drafting = Drafting(
            mapping,
            default_policy(),
            token_key=keys.token_key,
            cut_off_on=chosen.cut_off,
            currency=chosen.currency,
        )
        with closing(drafting):
            drafting.read_tape(source, info)
            note_refused(drafting.validator.refused, drafting.validator.totals)
            drafting.write(sink, stage=Stage[chosen.stage.upper()], k=chosen.k)
        sink.seek(0)
        for line in islice(sink, chosen.rows + 1):
            sys.stdout.write(printable(line.decode().removesuffix("\n")) + "\n")
