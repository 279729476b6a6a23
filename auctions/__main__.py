"""`market auction replay LOG`, `verify LOG` and `simulate TERMS.json [COMMANDS.json]`; `python -m auctions` is the same."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from auctions.auction import Auction
from auctions.crowd import NAMES
from auctions.engine import evolve
from auctions.proof import GENESIS, NO_EVENT, CutOffError, LogError, Verdict, chain, read, verify
from auctions.receipts import CheckSignature, flaw_in
from auctions.sampling import play
from auctions.sealed import OpenAll
from auctions.simulate import frames, read_script, read_terms, simulate
from auctions.story import tell
from auctions.views import OFFICER, project, snapshot


def plain(cents: int, currency: str) -> str:
    """An amount where nobody says how many digits the currency has."""
    return f"{cents} minor units of {currency}"


def main(
    arguments: list[str] | None = None,
    *,
    check_signature: CheckSignature | None = None,
    open_all: OpenAll | None = None,
    show: Callable[[int, str], str] = plain,
    beside: str | None = None,
) -> int:
    """Run one command; receipts are checked with `check_signature`, which takes a library of signatures; amounts (minor units, currency) are said by `show`; the help ends with what there is `beside`. 0 if the log holds, 1 if it does not (and says which seq is wrong), 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="market auction", description="Replay or verify an auction's log, or try out terms.", epilog=beside
    )
    commands = parser.add_subparsers(dest="command", required=True)
    replaying = commands.add_parser("replay", help="print every event, then the state they add up to, as JSON lines")
    verifying = commands.add_parser("verify", help="check hashes, order and rules; print the award")
    verifying.add_argument("--head", type=_head, help="the head that the log must end at, 64 hexadecimal digits")
    verifying.add_argument("--receipt", type=Path, help="a receipt that must hold for this log")
    verifying.add_argument("--public-key", type=_head, help="who must have signed it, 64 hexadecimal digits")
    for command in (replaying, verifying):
        command.add_argument("log", type=Path, metavar="LOG", help="JSON lines, one event a line")
    trying = commands.add_parser(
        "simulate", help="show what terms would do with sample bidders, or with given commands"
    )
    trying.add_argument(
        "terms", type=Path, metavar="TERMS.json", help="terms of any format, as when publishing; a preset may fill them"
    )
    trying.add_argument(
        "script",
        type=Path,
        nargs="?",
        metavar="COMMANDS.json",
        help="a list of commands with instants: no samples then",
    )
    trying.add_argument(
        "--bidders", type=_crowd, default=4, help=f"how many sample bidders, 2 to {len(NAMES)}; 4 if not given"
    )
    trying.add_argument(
        "--seed", type=int, default=1, help="another number draws other values and instants; 1 if not given"
    )
    trying.add_argument(
        "--json", action="store_true", help="every event as officers see it, as JSON lines, for samples too"
    )
    options = parser.parse_args(arguments)
    if options.command == "simulate":
        return _simulate(parser, options, show)
    if options.command == "verify" and options.receipt is not None and (not options.public_key or not check_signature):
        parser.error("a receipt is checked by `market auction verify LOG --receipt R --public-key K`")
    try:
        if options.command == "replay":
            return _replay(options.log)
        wrong = _verify(options.log, options.head, open_all, show)
        if wrong or options.receipt is None:
            return wrong
        assert check_signature is not None
        return _check(options.log, options.receipt, options.public_key, check_signature)
    except OSError as error:
        parser.error(f"cannot read {error.filename}: {error.strerror}")


def _check(log: Path, receipt: Path, public_key: bytes, check_signature: CheckSignature) -> int:
    heads, head = [], GENESIS
    with log.open("rb") as lines:
        for seq, log_line in enumerate(lines, start=1):
            head = chain(head, read(log_line, seq, head)[1])
            heads.append(head)
    flaw = flaw_in(receipt.read_bytes(), heads, public_key=public_key, check_signature=check_signature)
    if flaw is not None:
        sys.stderr.write(f"the receipt does not hold: {flaw}\n")
        return 1
    _say("the receipt holds")
    return 0


def _simulate(parser: argparse.ArgumentParser, options: argparse.Namespace, show: Callable[[int, str], str]) -> int:
    try:
        terms = read_terms(json.loads(options.terms.read_text()))
        script = None if options.script is None else read_script(json.loads(options.script.read_text()))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if script is not None:
        return _say_all(map(json.dumps, frames(simulate(terms, script))))
    trial, samples = play(terms, options.bidders, options.seed)
    if options.json:
        return _say_all(map(json.dumps, frames(trial)))
    _say(f"{options.bidders} sample bidders, seed {options.seed}; what they value and do is drawn, and no forecast")
    return _say_all(tell(trial, samples, lambda cents: show(cents, terms.currency)))


def _say_all(lines: Iterable[str]) -> int:
    for line in lines:
        _say(line)
    return 0


def _crowd(text: str) -> int:
    if not (text.isdecimal() and 2 <= int(text) <= len(NAMES)):
        raise argparse.ArgumentTypeError(f"must be a whole number from 2 to {len(NAMES)}")
    return int(text)


def _head(text: str) -> bytes:
    try:
        head = bytes.fromhex(text)
    except ValueError:
        head = b""
    if len(head) != len(GENESIS):
        raise argparse.ArgumentTypeError(f"must be {2 * len(GENESIS)} hexadecimal digits")
    return head


def _replay(log: Path) -> int:
    auction: Auction | None = None
    with log.open("rb") as lines:
        for seq, log_line in enumerate(lines, start=1):
            try:
                event, event_bytes = read(log_line, seq, GENESIS if auction is None else auction.head)
                auction = evolve(auction, event, event_bytes)
            except LogError as error:
                return _complain(error.seq, error.problem, is_cut_off=isinstance(error, CutOffError))
            except OverflowError:
                return _complain(seq, "an instant that follows from it is out of range")
            _say(json.dumps(project(event, OFFICER)))
    if auction is None:
        return _complain(1, "the next one is missing", is_cut_off=True)
    _say(json.dumps(snapshot(auction, OFFICER)))
    return 0


def _verify(log: Path, head: bytes | None, open_all: OpenAll | None, show: Callable[[int, str], str]) -> int:
    with log.open("rb") as lines:
        verdict = verify(lines, head, open_all=open_all)
    if verdict.wrong_seq is not None:
        return _complain(verdict.wrong_seq, verdict.problem, is_cut_off=verdict.is_cut_off)
    _say(_summary(verdict, show))
    return 0


def _summary(verdict: Verdict, show: Callable[[int, str], str]) -> str:
    auction = verdict.auction
    assert auction is not None
    if auction.winner is not None and auction.hammer_cents is not None:
        price = show(auction.hammer_cents, auction.terms.currency)
        end = f"awarded to {auction.winner} (B{auction.paddles[auction.winner]}) at {price}"
    else:
        end = " ".join(filter(None, [auction.phase.value, auction.phase_reason]))
        awards = () if auction.book is None else auction.book.awards
        for each in awards:
            price = show(each.hammer_cents, auction.terms.currency)
            end += f"\n{', '.join(each.pools)} to {each.bidder} (B{each.paddle}) at {price}"
    return f"{auction.auction_id}: {auction.seq} events hold, head {auction.head.hex()}\n{end}"


def _complain(seq: int, problem: str | None, *, is_cut_off: bool = False) -> int:
    if seq == 1 and problem == NO_EVENT:
        sys.stderr.write("this is no auction log: its first line holds no event\n")
        return 1
    last = f"event {seq - 1} is the last whole one" if seq > 1 else "it has no whole event"
    sys.stderr.write(f"the log is cut off: {last}; {problem}\n" if is_cut_off else f"event {seq} is wrong: {problem}\n")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
