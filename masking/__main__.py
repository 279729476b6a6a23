"""`python -m masking`: mask, detect, seal and open files on one machine, with no server and no database."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from hashlib import sha256
from pathlib import Path

from masking import commitment, detect, envelope, intake, tape
from masking.granularity import RiskRefused
from masking.limits import IntakeError
from masking.policy import Mapping, PolicyError
from masking.report import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when it held, 1 with the reason on stderr when it was refused."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except IntakeError as error:
        print(f"{error.code}: {error}", file=sys.stderr)  # noqa: T201  # a command line speaks
    except (PolicyError, RiskRefused, envelope.EnvelopeError, OSError, ValueError) as error:
        print(f"refused: {error}", file=sys.stderr)  # noqa: T201
    else:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m masking", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    found = verbs.add_parser("detect", help="show which column holds what, as a mapping to correct and save")
    found.add_argument("tape", type=Path)
    found.set_defaults(run=_detect)
    masked = verbs.add_parser("mask", help="write masked files, a sealed sale file, a report and a commitment")
    masked.add_argument("tape", type=Path)
    masked.add_argument("out", type=Path, help="a folder that exists")
    masked.add_argument(
        "--key-file", type=Path, required=True, help="103 random bytes: token, data, commit key, prefix"
    )
    masked.add_argument("--cut-off", type=date.fromisoformat, required=True, help="YYYY-MM-DD")
    masked.add_argument("--currency", default="USD")
    masked.add_argument("--mapping", type=Path, help="what `detect` printed, corrected; detected again if not given")
    masked.add_argument("--k", type=int, default=5)
    masked.add_argument("--portfolio", default="local")
    masked.add_argument("--seller", default="local")
    masked.set_defaults(run=_mask)
    opened = verbs.add_parser("open", help="open a sealed sale file and check it against its commitment")
    opened.add_argument("sealed", type=Path)
    opened.add_argument("out", type=Path)
    opened.add_argument("--key-file", type=Path, required=True)
    opened.add_argument("--leaves", type=Path, help="leaves.bin as published")
    opened.add_argument("--root", help="the published root, hexadecimal")
    opened.set_defaults(run=_open)
    return parser


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


def _mask(chosen: argparse.Namespace) -> None:
    suggested = _suggested(chosen.tape)[1]  # detection refuses card numbers, whatever the mapping says
    pool = tape.prepare_pool(
        chosen.tape,
        _load_mapping(chosen.mapping) if chosen.mapping else suggested,
        tape.ALL_ACCOUNTS,
        load_keys(chosen.key_file),
        chosen.out,
        portfolio=chosen.portfolio,
        seller=chosen.seller,
        cut_off_on=chosen.cut_off,
        currency=chosen.currency,
        k=chosen.k,
    )
    _say(pool.report.as_json())


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
