"""What was committed to is what is delivered: the first row that differs is named."""

from hashlib import sha256

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import commitment
from masking.commitment import leaves, proof, root, row_bytes, salts, verify_row, verify_sale_file

KEY = b"c" * 32


def tape(count: int) -> pa.Table:
    return pa.table({"a": [str(i) for i in range(count)], "b": [f"name {i}" for i in range(count)]})


def test_the_root_follows_the_published_tree_shape():
    def split(tree: list[bytes]) -> bytes:  # RFC 6962 section 2.1, by the letter
        if len(tree) == 1:
            return tree[0]
        k = 1 << (len(tree) - 1).bit_length() - 1
        return commitment.sha256(b"\x01" + split(tree[:k]) + split(tree[k:])).digest()

    for count in range(1, 40):
        made = leaves(tape(count), commit_key=KEY, first=0)
        assert root(made) == split(made)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(1, 60), st.integers(1, 5))
def test_the_root_grows_the_same_in_chunks(count, step, height):
    made = leaves(tape(count), commit_key=KEY, first=0) if count else []
    growing = commitment.Growing(block_leaves=1 << height)
    for start in range(0, count, step):
        growing.add(made[start : start + step])
    assert growing.root() == root(made)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.data())
def test_every_row_proves_its_place_and_no_other_row_does(count, data):
    made = leaves(tape(count), commit_key=KEY, first=0)
    top, index = root(made), data.draw(st.integers(0, count - 1))
    row, salt, path = row_bytes([str(index), f"name {index}"]), salts(KEY, index, 1)[0], proof(made, index)
    assert verify_row(row, salt=salt, index=index, count=count, path=path, expected_root=top)
    assert not verify_row(row + b"!", salt=salt, index=index, count=count, path=path, expected_root=top)
    assert not verify_row(row, salt=salt, index=index, count=count, path=[*path, b"x" * 32], expected_root=top)
    other = data.draw(st.integers(-1, count))
    if other != index:
        assert not verify_row(row, salt=salt, index=other, count=count, path=path, expected_root=top)


def check(rows: pa.Table, published: list[bytes], top: bytes) -> tuple[bool, int | None]:
    halves = [rows.slice(0, 3), rows.slice(3)]
    result = verify_sale_file(halves, commit_key=KEY, expected_root=top, published=published)
    return result.ok, result.first_wrong


def test_the_first_swapped_lost_or_added_row_is_named():
    rows = tape(10)
    header = commitment.header_leaf(commitment.header_salt(KEY), rows.column_names)
    of_rows = leaves(rows, commit_key=KEY, first=0)
    made, top = [header, *of_rows], commitment.topped(header, root(of_rows))
    assert check(rows, made, top) == (True, None)
    swapped = pa.concat_tables([rows.slice(0, 4), rows.slice(5, 1), rows.slice(4, 1), rows.slice(6)])
    assert check(swapped, made, top) == (False, 4)
    assert check(rows.slice(0, 9), made, top) == (False, 9)
    assert check(pa.concat_tables([rows, rows.slice(0, 1)]), made, top) == (False, 10)
    assert check(rows, made[::-1], top) == (False, None)
    cells = rows.column("b").to_pylist()
    cells[6] = "somebody else"
    assert check(rows.set_column(1, "b", pa.array(cells)), made, top) == (False, 6)


def test_a_leaf_hides_its_row_without_the_key():
    same = pa.table({"a": ["x", "x"]})
    first, second = leaves(same, commit_key=KEY, first=0)
    assert first != second
    assert leaves(same, commit_key=b"d" * 32, first=0)[0] != first


def test_the_separator_inside_a_cell_is_refused():
    with pytest.raises(ValueError, match="separator"):
        row_bytes(["a\x1fb"])


def test_a_proof_of_a_row_that_does_not_exist_is_refused():
    with pytest.raises(IndexError):
        proof([b"x" * 32], 1)


def test_the_header_is_under_the_root_and_a_first_version_says_that_its_own_is_not():
    rows = tape(10)
    header = commitment.header_leaf(commitment.header_salt(KEY), rows.column_names)
    of_rows = leaves(rows, commit_key=KEY, first=0)
    made, top = [header, *of_rows], commitment.topped(header, root(of_rows))
    for published, expected, warning in ((made, top, ""), (of_rows, root(of_rows), commitment.UNHEADED)):
        found = verify_sale_file([rows], commit_key=KEY, expected_root=expected, published=published)
        assert (found.ok, found.rows_count, found.warning) == (True, 10, warning)
    for names in (["b", "a"], ["a", "B"], ["a"]):
        swapped = rows.select(range(len(names))).rename_columns(names)
        found = verify_sale_file([swapped], commit_key=KEY, expected_root=top, published=made)
        assert (found.ok, found.first_wrong, found.reason) == (False, None, "the header differs")
    for published, expected in ((made, root(made)), (of_rows, top), (made, root(of_rows))):
        assert not verify_sale_file([rows], commit_key=KEY, expected_root=expected, published=published).ok


def test_a_known_file_has_a_known_root():
    """The format as docs/masking.md describes it, by the letter; whoever changes it must make a new version."""
    rows = pa.table({"Acct": ["7", "8"], "Bal": ["10.00", "12.50"]})

    def salt(word: bytes) -> bytes:
        mac = CMAC(AES(KEY))
        mac.update(word)
        return mac.finalize()

    header = sha256(b"\x02" + salt(b"header") + b"Acct\x1fBal").digest()
    first = sha256(b"\x00" + salt(b"0") + b"7\x1f10.00").digest()
    second = sha256(b"\x00" + salt(b"1") + b"8\x1f12.50").digest()
    top = sha256(b"\x03" + header + sha256(b"\x01" + first + second).digest()).digest()
    assert commitment.header_leaf(commitment.header_salt(KEY), rows.column_names) == header
    assert commitment.topped(header, root(leaves(rows, commit_key=KEY, first=0))) == top
    assert top.hex() == "5575a3493c8ddb817c55dbd6682ed2dabd5a9f77da1aaf24daae6f0d06c2fb2c"
