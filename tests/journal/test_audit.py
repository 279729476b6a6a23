"""Checkpoints and the examiner's archive: whatever is changed, dropped or moved is found, offline, with one public key."""

import json
from dataclasses import replace

import asyncpg
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from market.compliance import service as compliance
from market.compliance.commands import audit
from market.compliance.screening import service as screening
from market.compliance.screening.rules import Disclosed, SubjectRole, Verdict
from market.compliance.service import exporting
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.journal import archive, merkle
from market.journal import service as journal
from market.journal.archive import Tampered
from market.journal.checkpoints import Signer
from market.journal.jobs import take_checkpoints
from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from tests import factories
from tests.compliance.raw import REFUSED, acting


@pytest.fixture
async def sealed(context: Context) -> tuple[bytes, Signer]:
    """The archive of a case that was cleared, suspended and is in review again."""
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.prepared_case(context, party, officers[0], factories.a_grant(("list",)))
    clearances = await factories.approve(context, officers[1], case_id)
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        await compliance.end_clearance(tx, officers[0].actor, clearances["list"], "lapsed", context.clock.now())
    await decided_alert(context, officers, party, "Bora Zlatarovic", "f")
    await decided_alert(context, officers, party, "Fairuz Hashim al-Tamburi", "tt")
    await journal.take_checkpoint(context)
    return await compliance.export_case(context, officers[1].actor, case_id), Signer.of(context)


async def decided_alert(context: Context, officers, party, name: str, verdicts: str) -> None:
    """A director with a listed name, and what officers say of the alert: f(alse) or t(rue), each by another one."""
    async with context.db.begin_as_officer(officers[0].actor) as tx:
        director = Disclosed(SubjectRole.DIRECTOR, name, is_person=True)
        now, chance = context.clock.now(), context.chance
        await screening.disclose(tx, officers[0].actor, party.org_id, director, now=now, chance=chance)
    await factories.screen(context)
    for officer, said in zip(officers, verdicts, strict=False):
        async with context.db.begin_as_officer(officer.actor) as tx:
            page = await screening.list_alerts(tx, officer.actor, PageRequest())
            [alert] = [found for found in page.items if found.name == name]
            verdict = Verdict.FALSE_POSITIVE if said == "f" else Verdict.TRUE_POSITIVE
            await compliance.decide_alert(
                tx, officer.actor, alert.alert_id, verdict, "as the passport says", now=now, chance=chance
            )


def test_every_leaf_leads_to_the_root_and_no_other_does() -> None:
    for count in range(1, 40):
        leaves = [merkle.leaf(f"case:{n}", n, bytes(32)) for n in range(count)]
        for place, leaf in enumerate(leaves):
            siblings = merkle.path(leaves, place)
            assert merkle.root_from(leaf, place, count, siblings) == merkle.root(leaves)
            assert merkle.root_from(merkle.leaf("x", 1, bytes(32)), place, count, siblings) != merkle.root(leaves)
            assert merkle.root_from(leaf, place, count, [*siblings, bytes(32)]) is None
        assert merkle.root_from(leaves[0], count, count, []) is None


async def test_checkpoints_are_signed_follow_each_other_and_cover_every_stream(
    context: Context, urls: RoleUrls
) -> None:
    await factories.register_member(context)
    first = await journal.take_checkpoint(context)
    assert await journal.take_checkpoint(context) is None
    await factories.register_member(context)
    second = await journal.take_checkpoint(context)
    key = Signer.of(context).public_key
    assert first.is_signed_by(key)
    assert second.is_signed_by(key)
    assert (second.number, second.prev_hash) == (2, first.hash)
    assert not replace(second, stream_count=second.stream_count + 1).is_signed_by(key)
    owner = await asyncpg.connect(urls.migrator)
    assert second.stream_count == await owner.fetchval("SELECT count(*) FROM journal_head")
    await owner.close()
    async with context.db.begin(SYSTEM) as tx:
        heads = await journal.heads_at(tx, 2)
        assert merkle.root([merkle.leaf(h.stream, h.seq, h.hash) for h in heads]) == second.root
        assert [found.number for found in await journal.list_checkpoints(tx)] == [1, 2]
    stored = (context.settings.data_dir / "keys" / "checkpoint").read_bytes()
    assert Signer.of(context).sign(b"x") == Signer.of(context).sign(b"x")
    assert len(stored) > 32  # wrapped, not the key itself


async def test_the_worker_signs_each_minute_and_once(context: Context) -> None:
    await factories.register_member(context)
    assert not await take_checkpoints(context)
    assert not await take_checkpoints(context)
    async with context.db.begin(SYSTEM) as tx:
        assert len(await journal.list_checkpoints(tx)) == 1


async def test_nobody_but_the_platform_writes_checkpoints_and_nobody_changes_them(
    context: Context, urls: RoleUrls
) -> None:
    party = await factories.register_member(context)
    await journal.take_checkpoint(context)
    async with acting(urls.app, party.actor) as connection:
        assert await connection.fetch("SELECT * FROM journal_checkpoint") == []
        assert await connection.fetch("SELECT * FROM journal_heads()") == []
    for url in (urls.app, urls.officer, urls.migrator):
        for statement in ("UPDATE journal_checkpoint SET number = 9", "DELETE FROM checkpoint_head"):
            async with acting(url) as connection:
                with pytest.raises(REFUSED):
                    await connection.execute(statement)


async def test_a_whole_archive_verifies_and_says_what_it_holds(sealed, tmp_path) -> None:
    data, signer = sealed
    found = archive.check(data, signer.public_key)
    assert found.row_counts["case"] == found.row_counts["clearance"] == found.row_counts["clearance_end"] == 1
    assert found.row_counts["evidence"] == found.row_counts["verification"] > 5
    assert found.row_counts["screening"] >= 3
    assert [found.row_counts[f"{word}"] for word in ("alert_dismissed", "match_proposed", "match_confirmed")] == [1] * 3
    assert not any(word in data for word in (b"Olivia", b"Zlatarovic", b"passport"))
    assert b"lapsed" not in data
    path = tmp_path / "case.archive"
    path.write_bytes(data)
    good = CliRunner().invoke(audit, ["verify", str(path), "--key", signer.public_key.hex()])
    assert (good.exit_code, "holds: seal" in good.output) == (0, True)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert CliRunner().invoke(audit, ["verify", str(path), "--key", other.hex()]).exit_code == 1
    assert CliRunner().invoke(audit, ["verify", str(path), "--key", "abc"]).exit_code == 2
    path.write_bytes(data[:-1])
    assert CliRunner().invoke(audit, ["verify", str(path), "--key", signer.public_key.hex()]).exit_code == 1


async def test_what_is_decided_between_checkpoint_and_export_is_left_to_the_next_archive(context: Context) -> None:
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party)
    await journal.take_checkpoint(context)
    await factories.verify_papers(context, officers[0], case_id)
    async with context.db.begin(SYSTEM) as tx:
        found = await exporting.gathered(tx, context, case_id)
    signer = Signer.of(context)
    findings = archive.check(archive.write(found, signer), signer.public_key)
    assert findings.row_counts["evidence"] > 0
    assert "verification" not in findings.row_counts


async def test_any_byte_changed_line_dropped_or_moved_is_found(sealed) -> None:
    data, signer = sealed
    lines = data.splitlines(keepends=True)

    @given(st.integers(0, len(data) - 1), st.integers(1, 255))
    @settings(max_examples=150, deadline=None, derandomize=True)
    def a_byte(at: int, flip: int) -> None:
        changed = bytearray(data)
        changed[at] ^= flip
        with pytest.raises(Tampered):
            archive.check(bytes(changed), signer.public_key)

    @given(st.integers(0, len(lines) - 1), st.integers(0, len(lines) - 1))
    @settings(max_examples=60, deadline=None, derandomize=True)
    def a_line(one: int, other: int) -> None:
        dropped = lines[:one] + lines[one + 1 :]
        moved = list(dropped)
        moved.insert(other, lines[one])
        doubled = [*lines[:one], lines[other], *lines[one:]]
        for wrong in (dropped, moved if moved != lines else dropped, doubled):
            with pytest.raises(Tampered):
                archive.check(b"".join(wrong), signer.public_key)

    a_byte()
    a_line()
    for wrong in (
        b"",
        b"\n",
        data + b"\n",
        data + data,
        b"[]\n" + data,
        data[: len(data) // 2],
        b"[" * 200_000 + b"\n",
    ):
        with pytest.raises(Tampered):
            archive.check(wrong, signer.public_key)


async def test_even_who_holds_the_sealing_key_cannot_drop_or_change_what_the_journal_tells_of(sealed) -> None:
    """The seal is made anew after each change, so that the proofs inside have to find it."""
    data, signer = sealed
    records = [json.loads(line) for line in data.splitlines()[:-1]]
    survived, tried = [], 0
    for place, record in enumerate(records):
        if record["line"] == "archive" or record.get("what") == "owner" or record.get("number") == 1:
            continue
        tried += 1
        for name, wrong in changes(records, place):
            try:
                archive.check(resealed(wrong, signer), signer.public_key)
            except Tampered:
                continue
            survived.append((name, record["line"], record.get("what"), record.get("kind")))
    assert tried > 30
    # The order of the rows alone says nothing.
    assert {(name, line) for name, line, _, _ in survived} <= {("moved", "row")}


def changes(records, place):
    record = records[place]
    yield "dropped", records[:place] + records[place + 1 :]
    if place + 1 < len(records) and records[place + 1]["line"] == record["line"]:
        yield "moved", [*records[:place], records[place + 1], record, *records[place + 2 :]]
    if record["line"] == "entry":
        for name, value in (("kind", "case.declined"), ("body", "{}"), ("actor_role", "system"), ("seq", 99)):
            if record[name] != value:
                yield "changed", [*records[:place], {**record, name: value}, *records[place + 1 :]]
    if record["line"] == "checkpoint":
        yield "changed", [*records[:place], {**record, "stream_count": 1}, *records[place + 1 :]]
    if record.get("what") == "evidence":
        facts = {**record["facts"], "file_sha256": "0" * 64}
        yield "forged", [*records[:place], {**record, "facts": facts}, *records[place + 1 :]]
    if record.get("what") == "screening":
        facts = {**record["facts"], "occasion": "asked"}
        yield "forged", [*records[:place], {**record, "facts": facts}, *records[place + 1 :]]


def resealed(records, signer: Signer) -> bytes:
    body = b"".join(archive._line(record) for record in records)
    return body + archive._line({"line": "seal", "signature": signer.sign(body).hex()})


async def test_an_archive_of_a_rewritten_journal_does_not_verify(context: Context, urls: RoleUrls) -> None:
    """The owner of the tables switches the guards off and rewrites an entry with a right chain: the checkpoint knows."""
    officers = await factories.two_officers(context)
    party = await factories.register_member(context)
    case_id = await factories.submitted_case(context, party, factories.a_grant(("list",)))
    await journal.take_checkpoint(context)
    owner = await asyncpg.connect(urls.migrator)
    await owner.execute("ALTER TABLE journal DISABLE TRIGGER USER")
    await owner.execute(f"DELETE FROM journal WHERE stream = 'case:{case_id}' AND kind = 'evidence.added'")
    await owner.close()
    data = await compliance.export_case(context, officers[0].actor, case_id)
    with pytest.raises(Tampered, match="chain"):
        archive.check(data, Signer.of(context).public_key)


async def test_the_gate_counts_nothing_that_must_not_exist(context: Context) -> None:
    await factories.cleared_organisation(context)
    async with context.db.begin(SYSTEM) as tx:
        found = dict(await journal.breaches(tx))
    assert set(found.values()) == {0}
    assert {"bid", "clearance_by_one_person", "decision_without_a_reason"} <= found.keys()
