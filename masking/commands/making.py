"""Making files: apply masks a tape, rekey gives a buyer tokens of its own, trace names whose copy was leaked."""

import argparse
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from masking import buyers, cluster, tape
from masking.commands.arguments import Verbs, add_keys, add_masking, add_verb, load_keys, mapping_of, note_refused, say
from masking.outputs import filled, written
from masking.progress import require_file, watched

APPLY = """Write masked files, a sealed sale file, a commitment and a report; or nothing at all.

The output folder is new or empty. It gets preview.csv, vetted.csv, sale.csv.sealed, leaves.bin and report.json, and only if
every check of the leak gate passed."""
REKEY = "Write a copy of a masked file with one buyer's own tokens; every other cell stays as it is."
TRACE = "Name the buyer whose copy of a masked file was leaked."


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, apply, APPLY, "mask")
    add_masking(verb)
    add_keys(verb)
    verb.add_argument("out", type=Path, help="the output folder, new or empty")
    verb.add_argument("--portfolio", default="local", help="the portfolio's name in the sealed file's header")
    verb.add_argument(
        "--cluster", metavar="HOST:PORT", help="a Dask scheduler whose workers mask the chunks; the output is the same"
    )
    verb.add_argument("--seller", default="local", help="the seller's name in the sealed file's header")
    verb = add_verb(verbs, rekey, REKEY)
    verb.add_argument("masked", type=Path, help="a masked file")
    verb.add_argument("out", type=Path, help="the copy; there must be no such file yet")
    verb.add_argument("--buyer", required=True, help="the buyer's label, as `trace` will be asked for it")
    add_keys(verb)
    verb = add_verb(verbs, trace, TRACE)
    verb.add_argument("leak", type=Path, help="any part of a leaked copy with a token in it")
    verb.add_argument("masked", type=Path, help="the masked file before any buyer's tokens")
    verb.add_argument("--buyer", action="append", required=True, help="a candidate's label; give it once for each")
    add_keys(verb)


def apply(chosen: argparse.Namespace) -> None:
    keys = load_keys(chosen.key_file)
    with ExitStack() as held:
        if chosen.cluster:
            held.enter_context(cluster.on(chosen.cluster))
        source = held.enter_context(watched(chosen.tape, readings=6))
        folder = held.enter_context(filled(chosen.out))
        mapping, info = mapping_of(chosen, source)
        made = tape.publish_pool(
            source,
            mapping,
            tape.ALL_ACCOUNTS,
            keys,
            folder,
            portfolio=chosen.portfolio,
            seller=chosen.seller,
            cut_off_on=chosen.cut_off,
            currency=chosen.currency,
            k=chosen.k,
            info=info,
        )
    note_refused(made.pool.report.refused, made.pool.report.totals)
    say(made.pool.report.as_json() | {"checks": {s: [asdict(c) for c in found] for s, found in made.checks.items()}})


def rekey(chosen: argparse.Namespace) -> None:
    token_key = load_keys(chosen.key_file).token_key
    with watched(chosen.masked) as source, written(chosen.out) as sink:
        buyers.rekey(source, sink, token_key=token_key, buyer=chosen.buyer)


def trace(chosen: argparse.Namespace) -> None:
    token_key = load_keys(chosen.key_file).token_key
    require_file(chosen.leak)
    with watched(chosen.masked) as masked:
        found = buyers.trace(chosen.leak, masked, token_key=token_key, candidates=chosen.buyer)
    say([asdict(suspicion) for suspicion in found])
    if not found[0].matched_count:
        raise ValueError("no candidate's tokens are in this file")
