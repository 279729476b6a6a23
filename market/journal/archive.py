"""The examiner's archive: one text file with a case, its papers' digests, its decisions, and the proof that nothing was
changed, dropped or moved since. `market audit verify` checks it with nothing but the platform's public key.

Each line is canonical JSON. The first says what the archive is about, the last one is the seal: an Ed25519 signature over
every byte before it. Inside, three proofs stand on their own: streams are hash chains from their first entry, their heads lie
under the Merkle root of a signed checkpoint, and every row of the case has its entry in the journal.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any
from uuid import UUID

from market.journal import merkle
from market.journal.checkpoints import FIRST_HASH, Checkpoint, Head, Signer
from market.journal.rules import Entry, first_broken
from market.kit.signing import is_signed_by

FORMAT = "examiner-archive/1"
LINE_COUNT = 200_000
_ORDER = ("archive", "row", "entry", "proof", "checkpoint")
_SHOWN_BY = {
    "evidence": ("evidence.added", "evidence_id", "file_sha256"),
    "verification": ("evidence.verified", "evidence_id", None),
    "erasure": ("evidence.erased", "evidence_id", None),
    "clearance": ("clearance.granted", "clearance_id", None),
    "clearance_end": ("clearance.ended", "clearance_id", None),
    "screening": ("screening.run", "run_id", "occasion"),
    "alert_dismissed": ("screening.alert_dismissed", "alert_id", None),
    "match_proposed": ("screening.match_proposed", "alert_id", None),
    "match_confirmed": ("screening.match_confirmed", "alert_id", None),
}
"""Row of the archive -> the kind of entry that tells of it, its id, and a fact that both must state alike."""


class Tampered(Exception):
    """The archive is not what was given out; the message says where and what."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What goes in: `rows` are (what, facts) of the case; entries of each stream whole, in order."""

    case_id: UUID
    made_at: datetime
    rows: Sequence[tuple[str, dict[str, Any]]]
    streams: Sequence[Sequence[Entry]]
    checkpoints: Sequence[Checkpoint]
    heads: Sequence[Head]


@dataclass(slots=True)
class Findings:
    """What a verified archive holds, counted."""

    case_id: str = ""
    made_at: str = ""
    row_counts: dict[str, int] = field(default_factory=dict)
    entry_count: int = 0
    stream_count: int = 0
    checkpoint_count: int = 0


def write(archive: Archive, signer: Signer) -> bytes:
    """The sealed archive. `archive.heads` are all streams' heads at the last of its checkpoints."""
    body = b"".join(_line(found) for found in _records(archive, signer.public_key))
    return body + _line({"line": "seal", "signature": signer.sign(body).hex()})


def _records(archive: Archive, public_key: bytes) -> Iterator[dict[str, Any]]:
    yield {
        "line": "archive", "format": FORMAT, "case_id": str(archive.case_id), "made_at": _instant(archive.made_at),
        "public_key": public_key.hex(),
    }  # fmt: skip
    for what, facts in archive.rows:
        yield {"line": "row", "what": what, "facts": facts}
    for entries in archive.streams:
        for entry in entries:
            yield {"line": "entry", **_entry(entry)}
    leaves = [merkle.leaf(head.stream, head.seq, head.hash) for head in archive.heads]
    places = {head.stream: place for place, head in enumerate(archive.heads)}
    for entries in archive.streams:
        if entries and entries[0].stream in places:
            place = places[entries[0].stream]
            head = archive.heads[place]
            siblings = [sibling.hex() for sibling in merkle.path(leaves, place)]
            yield {
                "line": "proof", "stream": head.stream, "seq": head.seq, "place": place, "path": siblings,
            }  # fmt: skip
    for checkpoint in archive.checkpoints:
        yield {"line": "checkpoint", **_checkpoint(checkpoint)}


def tells_of(entries: Iterable[Entry], rows: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """The rows that these entries tell of, and those of which no entry tells ever: what came after them belongs in none."""
    told = {(entry.kind, str(value)) for entry in entries for value in entry.body.values()}
    shown = {what: (kind, id_name) for what, (kind, id_name, _) in _SHOWN_BY.items()}
    return [row for row in rows if row[0] not in shown or (shown[row[0]][0], row[1][shown[row[0]][1]]) in told]


def check(data: bytes, public_key: bytes) -> Findings:
    """What the archive holds, once every proof in it held under this key. Raises `Tampered`."""
    records = _sealed(data, public_key)
    head, findings = records[0], Findings()
    if head.get("line") != "archive" or head.get("format") != FORMAT or head.get("public_key") != public_key.hex():
        raise Tampered("the first line is not that of an archive made under this key")
    findings.case_id, findings.made_at = str(head["case_id"]), str(head["made_at"])
    try:
        _check_order(records)
        streams = _streams(records)
        checkpoints = [_read_checkpoint(found) for found in records if found["line"] == "checkpoint"]
        _check_checkpoints(checkpoints, public_key)
        _check_heads(streams, [found for found in records if found["line"] == "proof"], checkpoints[-1])
        rows = [(str(found["what"]), found["facts"]) for found in records if found["line"] == "row"]
        _check_rows(rows, [entry for entries in streams.values() for entry in entries])
        _check_about(rows, streams, findings.case_id)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise Tampered(f"a line lacks something or has it in another form ({type(error).__name__})") from None
    for what, _ in rows:
        findings.row_counts[what] = findings.row_counts.get(what, 0) + 1
    findings.entry_count = sum(len(entries) for entries in streams.values())
    findings.stream_count, findings.checkpoint_count = len(streams), len(checkpoints)
    return findings


def _sealed(data: bytes, public_key: bytes) -> list[dict[str, Any]]:
    """The lines before the seal, once the seal holds."""
    body, _, last = data.rstrip(b"\n").rpartition(b"\n")
    body += b"\n"
    lines = body.split(b"\n")[:-1]
    try:
        seal = json.loads(last)
        signature = bytes.fromhex(seal["signature"])
        records = [json.loads(line) for line in lines]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Tampered("it does not end with a seal, or holds a line that is not JSON") from None
    if data != body + _line({"line": "seal", "signature": signature.hex()}) or not is_signed_by(
        public_key, body, signature
    ):
        raise Tampered("the seal does not hold: a byte was changed, or another key made it")
    if len(records) > LINE_COUNT or not all(isinstance(record, dict) and "line" in record for record in records):
        raise Tampered("a line says not what it is")
    return records


def _check_order(records: Sequence[dict[str, Any]]) -> None:
    """Lines come by kind, entries stream by stream, and proofs in the order of their streams."""
    ranks = [_ORDER.index(found["line"]) for found in records]
    streams = [stream for stream, _ in groupby(found["stream"] for found in records if found["line"] == "entry")]
    if ranks != sorted(ranks) or streams != [found["stream"] for found in records if found["line"] == "proof"]:
        raise Tampered("the lines are not in their order")


def _streams(records: Iterable[dict[str, Any]]) -> dict[str, list[Entry]]:
    streams: dict[str, list[Entry]] = {}
    for found in records:
        if found["line"] == "entry":
            entry = _read_entry(found)
            streams.setdefault(entry.stream, []).append(entry)
    for stream, entries in streams.items():
        if (seq := first_broken(entries)) is not None:
            raise Tampered(f"the chain of {stream} is broken at {seq}")
    return streams


def _check_checkpoints(checkpoints: Sequence[Checkpoint], public_key: bytes) -> None:
    if not checkpoints or (checkpoints[0].number == 1) is not (checkpoints[0].prev_hash == FIRST_HASH):
        raise Tampered("there is no checkpoint, or the first one follows another")
    for before, after in pairwise(checkpoints):
        if after.number != before.number + 1 or after.prev_hash != before.hash:
            raise Tampered(f"checkpoint {after.number} does not follow the one before it")
    for checkpoint in checkpoints:
        if not checkpoint.is_signed_by(public_key):
            raise Tampered(f"checkpoint {checkpoint.number} is not signed by this key")


def _check_heads(streams: dict[str, list[Entry]], proofs: Sequence[dict[str, Any]], checkpoint: Checkpoint) -> None:
    proved = {proof["stream"]: proof for proof in proofs}
    if set(proved) != set(streams) or len(proofs) != len(proved):
        raise Tampered("a stream has no proof, or a proof no stream")
    for stream, entries in streams.items():
        proof = proved[stream]
        if not 1 <= proof["seq"] == len(entries):
            raise Tampered(f"{stream} does not end where the checkpoint saw it end")
        leaf = merkle.leaf(stream, proof["seq"], entries[proof["seq"] - 1].hash)
        siblings = [bytes.fromhex(sibling) for sibling in proof["path"]]
        if merkle.root_from(leaf, proof["place"], checkpoint.stream_count, siblings) != checkpoint.root:
            raise Tampered(f"{stream} does not lie under the checkpoint's root")


def _check_rows(rows: Sequence[tuple[str, dict[str, Any]]], entries: Sequence[Entry]) -> None:
    """Every row is told of in the journal, and everything that the journal tells of is a row."""
    for what, (kind, id_name, fact) in _SHOWN_BY.items():
        told = {entry.body[id_name]: entry for entry in entries if entry.kind == kind}
        shown = {facts[id_name]: facts for found, facts in rows if found == what}
        if told.keys() != shown.keys() or len(shown) != sum(found == what for found, _ in rows):
            raise Tampered(f"the rows of {what} are not those that the journal tells of")
        for id_, facts in shown.items():
            if fact is not None and told[id_].body[fact] != facts[fact]:
                raise Tampered(f"{what} {id_} states another {fact} than the journal")
    decided = [entry for entry in entries if entry.kind.startswith("case.")]
    cases = [facts for what, facts in rows if what == "case"]
    if [entry.kind for entry in decided] != [name for facts in cases for name in facts["history"]]:
        raise Tampered("the steps of the case are not those that the journal tells of")


def _check_about(rows: Sequence[tuple[str, dict[str, Any]]], streams: dict[str, list[Entry]], case_id: str) -> None:
    if [facts["case_id"] for what, facts in rows if what == "case"] != [case_id] or f"case:{case_id}" not in streams:
        raise Tampered("the archive is about another case than it says")


def _line(found: dict[str, Any]) -> bytes:
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "stream": entry.stream, "seq": entry.seq, "kind": entry.kind, "at": _instant(entry.at),
        "actor_role": entry.actor_role, "actor_user_id": _id(entry.actor_user_id),
        "actor_org_id": _id(entry.actor_org_id), "body": entry.body_text, "prev_hash": entry.prev_hash.hex(),
        "hash": entry.hash.hex(),
    }  # fmt: skip


def _read_entry(found: dict[str, Any]) -> Entry:
    return Entry(
        str(found["stream"]), int(found["seq"]), 0, 0, str(found["kind"]), _read_instant(found["at"]),
        str(found["actor_role"]), _read_id(found["actor_user_id"]), _read_id(found["actor_org_id"]),
        json.loads(found["body"]), str(found["body"]), bytes.fromhex(found["prev_hash"]), bytes.fromhex(found["hash"]),
    )  # fmt: skip


def _checkpoint(found: Checkpoint) -> dict[str, Any]:
    return {
        "number": found.number, "at": _instant(found.at), "stream_count": found.stream_count,
        "root": found.root.hex(), "prev_hash": found.prev_hash.hex(), "public_key": found.public_key.hex(),
        "signature": found.signature.hex(),
    }  # fmt: skip


def _read_checkpoint(found: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        int(found["number"]), _read_instant(found["at"]), int(found["stream_count"]), bytes.fromhex(found["root"]),
        bytes.fromhex(found["prev_hash"]), bytes.fromhex(found["public_key"]), bytes.fromhex(found["signature"]),
    )  # fmt: skip


def _read_instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _id(found: UUID | None) -> str | None:
    return None if found is None else str(found)


def _read_id(found: str | None) -> UUID | None:
    return None if found is None else UUID(found)
