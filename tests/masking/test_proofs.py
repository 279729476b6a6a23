"""Sampled rows are opened against the commitment, and nothing but those rows."""

import dataclasses
import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from masking import commitment, proofs
from masking.__main__ import main

KEY = b"c" * 32
TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"


def committed(count: int) -> tuple[list[pa.Table], io.BytesIO, str]:
    rows = pa.table({"a": [f"row {i}" for i in range(count)], "b": [str(i * i) for i in range(count)]})
    chunks = [rows.slice(at, 700) for at in range(0, count, 700)]
    tree = commitment.leaves(rows, commit_key=KEY, first=0)
    header = commitment.header_leaf(commitment.header_salt(KEY), rows.column_names)
    return chunks, io.BytesIO(header + b"".join(tree)), commitment.topped(header, commitment.root(tree)).hex()


def committed_before_headers(count: int) -> tuple[list[pa.Table], io.BytesIO, str]:
    """As the first version of the commitment made it: no header, and the root is that of the rows."""
    chunks, leaves, _ = committed(count)
    rows = leaves.getvalue()[commitment.LEAF_BYTES :]
    return chunks, io.BytesIO(rows), commitment.root_of(io.BytesIO(rows)).hex()


@pytest.mark.parametrize("count", [1, 2, 5, 1_000, commitment.BLOCK_LEAVES, 2 * commitment.BLOCK_LEAVES + 3])
def test_a_proof_holds_for_rows_anywhere_in_a_file_of_any_size(count):
    chunks, leaves, root = committed(count)
    numbers = sorted({2, count + 1, *random.Random(count).choices(range(2, count + 2), k=8)})
    stated = proofs.prove(chunks, leaves, commit_key=KEY, numbers=numbers, expected_root=root).as_json()
    made = proofs.read(json.dumps(stated).encode())
    proofs.check(made, expected_root=root)
    assert [opened.row for opened in made.rows] == numbers
    assert made.rows[0].cells == ("row 0", "0")


def test_a_proof_names_no_row_but_those_that_were_asked_for():
    chunks, leaves, root = committed(50)
    text = json.dumps(proofs.prove(chunks, leaves, commit_key=KEY, numbers=[7], expected_root=root).as_json())
    assert "row 5" in text
    assert not [i for i in range(50) if i != 5 and f'"row {i}"' in text]
    shown = {salt.hex() for i, salt in enumerate(commitment.salts(KEY, 0, 50)) if i != 5}
    assert not [salt for salt in shown if salt in text]


def test_a_changed_cell_number_salt_path_or_root_breaks_a_proof():
    chunks, leaves, root = committed(50)
    made = proofs.prove(chunks, leaves, commit_key=KEY, numbers=[7, 9], expected_root=root)
    row = made.rows[0]
    for change in (
        {"cells": ("row 6", "36")},
        {"row": 8},
        {"salt": "00" * 16},
        {"path": row.path[:-1]},
        {"path": (*row.path, "00" * 32)},
        {"salt": "zz"},
        {"salt": row.salt + b"ro".hex(), "cells": ("w 5", "25")},
        {"salt": row.salt + b"row 5\x1f".hex(), "cells": ("25",)},
    ):
        wrong = dataclasses.replace(made, rows=(dataclasses.replace(row, **change), made.rows[1]))
        with pytest.raises(proofs.ProofError):
            proofs.check(wrong, expected_root=root)
    proofs.check(made, expected_root=root)
    for wrong in (
        dataclasses.replace(made, rows_count=5),
        dataclasses.replace(made, rows=()),
        dataclasses.replace(made, columns=("b", "a")),
        dataclasses.replace(made, columns=("a",)),
        dataclasses.replace(made, columns=("b",), header_salt=made.header_salt + b"a\x1f".hex()),
        dataclasses.replace(made, header_salt="00" * 16),
        dataclasses.replace(made, rows_root="00" * 32),
        dataclasses.replace(made, header_salt="", rows_root=""),
        dataclasses.replace(made, header_salt="", rows_root="", columns=("b", "a"), rows_count=51),
    ):
        with pytest.raises(proofs.ProofError):
            proofs.check(wrong, expected_root=root)
    with pytest.raises(proofs.ProofError):
        proofs.check(made, expected_root="00" * 32)


def test_no_proof_is_made_of_a_row_that_was_swapped_or_is_not_there():
    chunks, leaves, root = committed(50)
    swapped = [pa.concat_tables([chunks[0].slice(1, 1), chunks[0].slice(0, 1), chunks[0].slice(2)])]
    with pytest.raises(proofs.ProofError, match="row 2 is not the one"):
        proofs.prove(swapped, leaves, commit_key=KEY, numbers=[2], expected_root=root)
    with pytest.raises(proofs.ProofError, match="the header"):
        renamed = [chunk.rename_columns(["b", "a"]) for chunk in chunks]
        proofs.prove(renamed, leaves, commit_key=KEY, numbers=[2], expected_root=root)
    for numbers in ([52], [1], []):
        with pytest.raises(proofs.ProofError):
            proofs.prove(chunks, leaves, commit_key=KEY, numbers=numbers, expected_root=root)


def test_a_commitment_of_the_first_version_is_told_apart_and_still_proves_its_rows():
    chunks, leaves, root = committed_before_headers(50)
    stated = proofs.prove(chunks, leaves, commit_key=KEY, numbers=[7, 9], expected_root=root).as_json()
    assert stated["format"] == proofs.FIRST_FORMAT
    made = proofs.read(json.dumps(stated).encode())
    proofs.check(made, expected_root=root)
    with pytest.raises(proofs.ProofError):
        proofs.check(made, expected_root=committed(50)[2])
    with pytest.raises(proofs.ProofError):
        proofs.read(json.dumps(stated | {"format": proofs.FORMAT}).encode())


def test_the_buyers_seed_draws_other_rows_for_another_root_or_seed():
    drawn = proofs.challenged("ab", "seed", rows_count=10_000, count=30)
    assert len(set(drawn)) == 30
    assert min(drawn) >= 2
    assert max(drawn) <= 10_001
    assert drawn == proofs.challenged("ab", "seed", rows_count=10_000, count=30)
    assert drawn != proofs.challenged("ab", "seeds", rows_count=10_000, count=30)
    assert drawn != proofs.challenged("ac", "seed", rows_count=10_000, count=30)
    assert proofs.challenged("ab", "x", rows_count=3, count=30) == [2, 3, 4]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"rows": 1}', b"\xff", b'{"format": "other", "rows": []}'])
def test_what_is_no_proof_is_refused(text):
    with pytest.raises(proofs.ProofError):
        proofs.read(text)


def test_the_command_line_proves_to_somebody_without_a_key(tmp_path, capsys):
    keys, pool = tmp_path / "keys", tmp_path / "pool"
    keys.write_bytes(bytes(range(103)))
    assert main(["apply", str(TAPE), str(pool), "--cut-off", "2015-01-01", "--key-file", str(keys)]) == 0
    proof, sale = tmp_path / "proof.json", str(pool / "sale.csv.sealed")
    made = ["prove", sale, str(pool), "--seed", "buyer", "--sample", "5", "--out", str(proof), "--key-file", str(keys)]
    assert main(made) == 0
    capsys.readouterr()
    assert main(["verify", str(proof), str(pool), "--seed", "buyer", "--sample", "5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows_count"], "warning" in found) == (686, False)
    assert main(["verify", str(proof), str(pool), "--seed", "buyer"]) == 1
    assert "the seed draws 20 rows (--sample), the proof opens 5" in capsys.readouterr().err
    assert main(["verify", str(proof), str(pool), "--seed", "another", "--sample", "5"]) == 1
    assert "not those that the seed draws" in capsys.readouterr().err
    text = proof.read_text()
    proof.write_text(text.replace('"rows_count": 686', '"rows_count": 687'))
    assert main(["verify", str(proof), str(pool)]) == 1
    assert "the leaves say otherwise" in capsys.readouterr().err
    made = json.loads(text)
    first, second, *others = made["columns"]
    proof.write_text(json.dumps(made | {"columns": [second, first, *others]}))
    assert main(["verify", str(proof), str(pool)]) == 1
    assert "the header is not the one" in capsys.readouterr().err
    proof.write_text(text.replace('"CA"', '"NV"'))
    assert main(["verify", str(proof), str(pool)]) == 1
    assert "rows that are not as they were committed to: 5; the first: " in capsys.readouterr().err


def test_a_winner_verifies_with_the_two_keys_that_were_released(tmp_path, capsys):
    keys, pool = tmp_path / "keys", tmp_path / "pool"
    keys.write_bytes(bytes(range(103)))
    assert main(["apply", str(TAPE), str(pool), "--cut-off", "2015-01-01", "--key-file", str(keys)]) == 0
    (tmp_path / "released").write_bytes(bytes(range(32, 96)))
    sale, released = str(pool / "sale.csv.sealed"), str(tmp_path / "released")
    assert main(["verify", sale, str(pool), "--key-file", released]) == 0


def test_headers_that_changed_places_in_a_sale_file_are_row_1_of_what_is_wrong(tmp_path, capsys):
    keys, pool, sale = tmp_path / "keys", tmp_path / "pool", tmp_path / "sale.csv"
    keys.write_bytes(bytes(range(103)))
    assert main(["apply", str(TAPE), str(pool), "--cut-off", "2015-01-01", "--key-file", str(keys)]) == 0
    assert main(["open", str(pool / "sale.csv.sealed"), str(sale), "--key-file", str(keys)]) == 0
    verify = ["verify", str(sale), str(pool), "--key-file", str(keys)]
    assert main(verify) == 0
    capsys.readouterr()
    header, rows = sale.read_bytes().split(b"\n", 1)
    first, second, others = header.split(b",", 2)
    sale.write_bytes(b",".join([second, first, others]) + b"\n" + rows)
    assert main(verify) == 1
    assert "rows that are not as they were masked: 1; the first: 1" in capsys.readouterr().err


def test_a_pool_of_the_first_version_is_verified_with_a_plain_warning(tmp_path, capsys):
    keys, pool = tmp_path / "keys", tmp_path / "pool"
    keys.write_bytes(bytes(range(103)))
    assert main(["apply", str(TAPE), str(pool), "--cut-off", "2015-01-01", "--key-file", str(keys)]) == 0
    leaves = pool / "leaves.bin"
    leaves.write_bytes(leaves.read_bytes()[commitment.LEAF_BYTES :])
    with leaves.open("rb") as published:
        root = commitment.root_of(published).hex()
    capsys.readouterr()
    assert main(["verify", str(pool / "sale.csv.sealed"), str(pool), "--key-file", str(keys), "--root", root]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows_count"], found["warning"]) == (686, commitment.UNHEADED)
