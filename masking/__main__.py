"""Mask tapes on one machine with no server and no database: `market mask VERB`, or `python -m masking VERB`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from masking import buyers, commitment, detect, envelope, intake, tape
from masking.granularity import RiskRefused
from masking.limits import IntakeError
from masking.policy import Mapping, PolicyError, Stage, default_policy
from masking.progress import watched
from masking.report import plain
from masking.risk import distribution, linkage_without

SHOWN_ROWS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when it held, 1 with the reason on stderr when it was refused."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except IntakeError as error:
        print(f"{error.code}: {error}", file=sys.stderr)  # noqa: T201  # a command line speaks
    except (PolicyError, RiskRefused, tape.LeakGateRefused, envelope.EnvelopeError, OSError, ValueError) as error:
        print(f"refused: {error}", file=sys.stderr)  # noqa: T201
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="market mask", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = _verb(verbs, "detect", _detect, "show which column holds what, as a mapping to correct and save")
    verb.add_argument("tape", type=Path)
    verb = _verb(verbs, "preview", _preview, "show the first rows as bidders would see them; writes nothing")
    _add_masking(verb)
    verb.add_argument("--rows", type=int, default=10)
    verb.add_argument("--stage", choices=["preview", "vetted"], default="preview")
    verb = _verb(verbs, "apply", _apply, "write masked files, a sealed sale file, a report and a commitment", "mask")
    _add_masking(verb)
    verb.add_argument("out", type=Path, help="a folder that exists")
    verb.add_argument("--portfolio", default="local")
    verb.add_argument("--seller", default="local")
    verb = _verb(verbs, "risk", _risk, "show how unique the rows of a masked file are, and which column costs most")
    verb.add_argument("masked", type=Path)
    verb.add_argument("--k", type=int, default=5)
    verb = _verb(verbs, "verify", _verify, "find every row of a sale file that is not the one that was masked")
    verb.add_argument("sale", type=Path, help="the sale file, sealed or opened")
    verb.add_argument("masked", type=Path, help="the folder of the masked files, or one of them")
    _add_keys(verb)
    verb.add_argument("--root", help="the published root, hexadecimal; that of report.json if not given")
    verb = _verb(verbs, "open", _open, "open a sealed sale file and check it against its commitment")
    verb.add_argument("sealed", type=Path)
    verb.add_argument("out", type=Path)
    _add_keys(verb)
    verb.add_argument("--leaves", type=Path, help="leaves.bin as published")
    verb.add_argument("--root", help="the published root, hexadecimal")
    verb = _verb(verbs, "rekey", _rekey, "write a copy of a masked file with one buyer's own tokens")
    verb.add_argument("masked", type=Path)
    verb.add_argument("out", type=Path)
    verb.add_argument("--buyer", required=True)
    _add_keys(verb)
    verb = _verb(verbs, "trace", _trace, "name the buyer whose copy of a masked file was leaked")
    verb.add_argument("leak", type=Path)
    verb.add_argument("masked", type=Path, help="the masked file before any buyer's tokens")
    verb.add_argument("--buyer", action="append", required=True, help="a candidate's label; give it once for each")
    _add_keys(verb)
    return parser


Verbs = Any  # argparse keeps the type of its subparsers to itself


def _verb(verbs: Verbs, name: str, run: Callable[[argparse.Namespace], None], text: str, *aliases: str) -> Verbs:
    verb = verbs.add_parser(name, help=text, aliases=list(aliases))
    verb.set_defaults(run=run)
    return verb


def _add_keys(verb: Verbs) -> None:
    verb.add_argument("--key-file", type=Path, required=True, help="103 random bytes: token, data, commit key, prefix")


def _add_masking(verb: Verbs) -> None:
    verb.add_argument("tape", type=Path)
    _add_keys(verb)
    verb.add_argument("--cut-off", type=date.fromisoformat, required=True, help="YYYY-MM-DD")
    verb.add_argument("--currency", default="USD")
    verb.add_argument("--mapping", type=Path, help="what `detect` printed, corrected; detected again if not given")
    verb.add_argument("--k", type=int, default=5)


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(plain(value), indent=2) + "\n")


def load_keys(path: Path) -> tape.PoolKeys:
    """The keys in a file of exactly 103 random bytes; raises ValueError for another size."""
    raw = path.read_bytes()
    if len(raw) != 103:
        raise ValueError("a key file has 103 random bytes: head -c 103 /dev/urandom > keys")
    return tape.PoolKeys(token_key=raw[:32], data_key=raw[32:64], commit_key=raw[64:96], nonce_prefix=raw[96:])


def _suggested(path: Path) -> tuple[list[detect.Finding], Mapping, intake.TapeInfo]:
    info = intake.inspect(path)
    sample = intake.sample(path, info)
    findings = detect.detect(info.columns, sample)
    return findings, detect.suggest(findings, sample), info


def _detect(chosen: argparse.Namespace) -> None:
    findings, mapping, info = _suggested(chosen.tape)
    _say(
        {
            "tape": asdict(info),
            "findings": [asdict(finding) for finding in findings],
            "columns": mapping.columns,
            "decimal_mark": mapping.decimal_mark,
            "date_order": mapping.date_order,
        }
    )


def _load_mapping(path: Path) -> Mapping:
    saved = json.loads(path.read_text())
    return Mapping(saved["columns"], decimal_mark=saved["decimal_mark"], date_order=saved["date_order"])


def _mapping(chosen: argparse.Namespace) -> Mapping:
    suggested = _suggested(chosen.tape)[1]  # detection refuses card numbers, whatever the mapping says
    return _load_mapping(chosen.mapping) if chosen.mapping else suggested


def _preview(chosen: argparse.Namespace) -> None:
    with watched(chosen.tape) as source, TemporaryFile() as sink:
        info = intake.inspect(source)
        tape.mask_to(
            intake.read_chunks(source, info, on_ragged=lambda _: None),
            sink,
            _mapping(chosen),
            default_policy(),
            stage=Stage[chosen.stage.upper()],
            token_key=load_keys(chosen.key_file).token_key,
            cut_off_on=chosen.cut_off,
            currency=chosen.currency,
            k=chosen.k,
        )
        sink.seek(0)
        for line in islice(sink, chosen.rows + 1):
            sys.stdout.write(line.decode())


def _apply(chosen: argparse.Namespace) -> None:
    mapping, keys = _mapping(chosen), load_keys(chosen.key_file)
    with watched(chosen.tape, readings=4) as source:
        made = tape.publish_pool(
            source,
            mapping,
            tape.ALL_ACCOUNTS,
            keys,
            chosen.out,
            portfolio=chosen.portfolio,
            seller=chosen.seller,
            cut_off_on=chosen.cut_off,
            currency=chosen.currency,
            k=chosen.k,
        )
    _say(made.pool.report.as_json() | {"checks": {s: [asdict(c) for c in found] for s, found in made.checks.items()}})


def _risk(chosen: argparse.Namespace) -> None:
    info = intake.inspect(chosen.masked)
    without = linkage_without(intake.read_chunks(chosen.masked, info))
    spread = distribution(intake.read_chunks(chosen.masked, info), k=chosen.k)
    shown = {name: share for name, share in without.items() if name in info.columns}
    _say({"k": chosen.k, "distribution": asdict(spread), "linkage_share_without": shown})


def _verify(chosen: argparse.Namespace) -> None:
    folder = chosen.masked if chosen.masked.is_dir() else chosen.masked.parent
    root = chosen.root or json.loads((folder / "report.json").read_text())["commitment_root"]
    keys = load_keys(chosen.key_file)
    with (folder / "leaves.bin").open("rb") as leaves, _clear(chosen.sale, keys) as clear:
        if commitment.root_of(leaves).hex() != root:
            raise ValueError("the leaves do not lead to the root")
        leaves.seek(0)
        wrong = commitment.differing_rows(tape.original_rows(clear), commit_key=keys.commit_key, published=leaves)
        first = [row + 2 for row in islice(wrong, SHOWN_ROWS)]  # as a spreadsheet counts: the header is row 1
        count = len(first) + sum(1 for _ in wrong)
    if count:
        raise ValueError(f"{count} rows are not those that were masked; the first: {', '.join(map(str, first))}")
    _say({"root": root, "verified": True})


@contextmanager
def _clear(path: Path, keys: tape.PoolKeys) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if file.read(len(envelope.MAGIC)) != envelope.MAGIC:
            yield file
            return
        file.seek(0)
        header = envelope.read_header(file)
        with envelope.open_for_reading(file, data_key=keys.data_key, expected=header) as clear:
            yield clear


def _rekey(chosen: argparse.Namespace) -> None:
    token_key = load_keys(chosen.key_file).token_key
    with watched(chosen.masked) as source, chosen.out.open("xb") as sink:
        buyers.rekey(source, sink, token_key=token_key, buyer=chosen.buyer)


def _trace(chosen: argparse.Namespace) -> None:
    token_key = load_keys(chosen.key_file).token_key
    found = buyers.trace(chosen.leak, chosen.masked, token_key=token_key, candidates=chosen.buyer)
    _say([asdict(suspicion) for suspicion in found])
    if not found[0].matched_count:
        raise ValueError("no candidate's tokens are in this file")


def _open(chosen: argparse.Namespace) -> None:
    keys = load_keys(chosen.key_file)
    with chosen.sealed.open("rb") as sealed:
        header = envelope.read_header(sealed)
        sealed.seek(0)
        envelope.open_to_path(sealed, chosen.out, data_key=keys.data_key, expected=header)
    result: dict[str, object] = {"header": asdict(header), "sha256": sha256(chosen.out.read_bytes()).hexdigest()}
    if chosen.leaves and chosen.root:
        raw = chosen.leaves.read_bytes()
        published = [raw[i : i + 32] for i in range(0, len(raw), 32)]
        rows = tape.original_rows(chosen.out)
        root = bytes.fromhex(chosen.root)
        check = commitment.verify_sale_file(rows, commit_key=keys.commit_key, expected_root=root, published=published)
        result["commitment"] = asdict(check)
        if not check.ok:
            raise ValueError(f"the sale file is not what was committed to: {check.reason}, row {check.first_wrong}")
    _say(result)


if __name__ == "__main__":
    sys.exit(main())
