"""The key ceremony of sealed bids, on machines that are not the server: make a key in shares, seal, open, check."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from auctions.moves import BidSealed, BidsOpened, OpenedBid
from auctions.proof import GENESIS, chain, read, verify
from market.bidding import envelopes, shares
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="ceremony")
def ceremony() -> None:
    """Sealed bids that the market cannot read: the auction's key, sealing, opening by several officers together."""


@ceremony.command("make-key")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option("--needed", type=click.IntRange(2, 16), default=2, show_default=True, help="So many shares open.")
@click.option("--count", type=click.IntRange(2, 16), default=3, show_default=True, help="So many shares are made.")
def make_key(out: Path, needed: int, count: int) -> None:
    """Make a key pair: public.json for the seller's terms, one share file for each officer. The whole key is not kept."""
    if needed > count:
        raise click.UsageError("no more shares can be needed than are made")
    chance = SystemChance(SystemClock())
    key = chance.entropy(envelopes.KEY_BYTES)
    public = {"sealing_key": envelopes.public_key_of(key), "needed": needed, "count": count}
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_new(out / "public.json", public)
    parts = shares.split(key, chance.entropy(len(key) * (needed - 1)), needed=needed, count=count)
    for number, share in parts.items():
        _write_new(out / f"share-{number}.json", public | {"number": number, "share": share.hex()})
    click.echo(f"{public['sealing_key']}\ngive each share to another officer, and keep none beside another")


@ceremony.command("seal")
@click.option(
    "--key",
    "sealing_key",
    required=True,
    help="The sealing_key of the published terms; in a final round final_sealing_key.",
)
@click.option("--auction", "auction_id", required=True, help="The auction's id.")
@click.option("--bidder", required=True, help="Your organisation's id.")
@click.option("--amount-cents", type=click.IntRange(1, 10**15), required=True, help="What you bid, in minor units.")
def seal(sealing_key: str, auction_id: str, bidder: str, amount_cents: int) -> None:
    """Print a sealed bid as JSON: the body of POST /v1/auctions/{id}/sealed-bids."""
    salt = SystemChance(SystemClock()).entropy(envelopes.SALT_BYTES)
    try:
        bid = envelopes.seal(sealing_key, auction_id=auction_id, bidder=bidder, amount_cents=amount_cents, salt=salt)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps({"sealed": bid.sealed, "commitment": bid.commitment}))


@ceremony.command("open")
@click.argument("bids", type=_FILE)
@click.option("--share", "share_files", type=_FILE, multiple=True, required=True, help="A share; give enough of them.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The transcript to write.")
def open_bids(bids: Path, share_files: Sequence[Path], out: Path) -> None:
    """Open what GET /v1/auctions/{id}/sealed-bids gave, and write the transcript.

    Its member `key` is what an officer sends to POST /v1/auctions/{id}/opening; keep it secret until bidding is over. A bid that cannot be read is
    reported as such, never left out.
    """
    asked = _read(bids)
    key = shares.join({part["number"]: bytes.fromhex(part["share"]) for part in map(_read, share_files)})
    if envelopes.public_key_of(key) != asked["sealing_key"]:
        raise click.ClickException("these shares do not make up the key of this auction")
    opened = [_opened(asked["auction_id"], key, bid) for bid in asked["bids"]]
    _write_new(out, asked | {"key": key.hex(), "opened": opened})
    unreadable = sum(one["amount_cents"] is None for one in opened)
    click.echo(f"{len(opened)} bids opened, {unreadable} of them cannot be read")


def _opened(auction_id: str, key: bytes, bid: dict[str, Any]) -> dict[str, Any]:
    found = envelopes.unseal(key, bid["sealed"], auction_id=auction_id, bidder=bid["bidder"])
    if found is None:
        return {"bid_seq": bid["bid_seq"], "amount_cents": None, "salt": ""}
    return {"bid_seq": bid["bid_seq"], "amount_cents": found.amount_cents, "salt": found.salt}


@ceremony.command("check")
@click.argument("transcript", type=_FILE)
@click.argument("log", type=_FILE)
def check(transcript: Path, log: Path) -> None:
    """Compare a published transcript with the auction's log: the same bids, sealed before, opened as they were."""
    said = _read(transcript)
    lines = log.read_bytes().splitlines()
    verdict = verify(lines, open_all=envelopes.open_all)
    if verdict.problem is not None:
        raise click.ClickException(f"the log does not hold at event {verdict.wrong_seq}: {verdict.problem}")
    if flaw := _flaw(said, lines):
        raise click.ClickException(flaw)
    click.echo(f"{len(said['opened'])} bids were sealed before the opening and opened as the log says")


def _flaw(said: dict[str, Any], lines: Sequence[bytes]) -> str | None:
    """What does not fit a log that holds, as a clause; None if everything does."""
    sealed: dict[int, BidSealed] = {}
    opened: dict[int, OpenedBid] = {}
    head = head_then = GENESIS
    for seq, log_line in enumerate(lines, start=1):
        event, event_bytes = read(log_line, seq, head)
        head = chain(head, event_bytes)
        head_then = head if seq == said["seq"] else head_then
        if isinstance(event, BidSealed):
            sealed[event.seq] = event
        elif isinstance(event, BidsOpened):
            opened |= {bid.bid_seq: bid for bid in event.opened}
    if head_then.hex() != said["head"]:
        return "the transcript was not made at the log's head that it names"
    for bid, content in zip(said["bids"], said["opened"], strict=True):
        kept, told = sealed.get(bid["bid_seq"]), opened.get(bid["bid_seq"])
        if kept is None or any(getattr(kept, name) != bid[name] for name in ("bidder", "sealed", "commitment")):
            return f"bid {bid['bid_seq']} is not the one in the log"
        if told is None or told.amount_cents != content["amount_cents"]:
            return f"bid {bid['bid_seq']} was opened otherwise in the log"
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise click.ClickException(f"{path} holds no JSON") from None
    if not isinstance(found, dict):
        raise click.ClickException(f"{path} holds no JSON object")
    return found


def _write_new(path: Path, facts: dict[str, Any]) -> None:
    """Only for the owner's eyes; an existing file is never replaced."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise click.ClickException(f"{path} exists already") from None
    path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
