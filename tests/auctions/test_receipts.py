"""Receipts: the tree of RFC 6962 by known answers, and every way in which a receipt may be wrong."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions.receipts import Checkpoint, flaw_in, leaf, path, root, root_from

HEADS = [sha256(bytes([number])).digest() for number in range(7)]
BLINDS = [sha256(b"blind%d" % number).digest() for number in range(7)]
LEAVES = [leaf(blind, head) for blind, head in zip(BLINDS, HEADS, strict=True)]
KEY = bytes(range(32))


def sign(statement):
    return sha256(KEY + statement).digest() * 2


def is_signed(key, statement, signature):
    return key == KEY and signature == sign(statement)


def receipt(seq=3, size=5, **changes):
    checkpoint = Checkpoint(
        auction_id="a", size=size, root=root(LEAVES[:size]), at="2026-11-22T08:00:00Z", public_key=KEY
    )
    said = {
        "auction_id": "a", "size": size, "root": checkpoint.root.hex(), "at": checkpoint.at,
        "public_key": KEY.hex(), "signature": sign(checkpoint.statement).hex(),
    }  # fmt: skip
    siblings = [sibling.hex() for sibling in path(LEAVES[:size], seq - 1)]
    whole = {"seq": seq, "blind": BLINDS[seq - 1].hex(), "path": siblings, "checkpoint": said}
    for name, value in changes.items():
        (said if name in said else whole)[name] = value
    return json.dumps(whole)


def flaw(text, heads=HEADS, key=KEY):
    return flaw_in(text, heads, public_key=key, check_signature=is_signed)


def test_the_tree_is_that_of_rfc_6962():
    """MTH of three leaves is H(1 H(1 a b) c); RFC 6962, section 2.1."""
    a, b, c = LEAVES[:3]
    pair = sha256(b"\x01" + a + b).digest()
    assert root(LEAVES[:1]) == a == sha256(b"\x00" + BLINDS[0] + HEADS[0]).digest()
    assert root(LEAVES[:3]) == sha256(b"\x01" + pair + c).digest()


@given(st.integers(1, 40), st.data())
def test_every_leaf_has_a_path_to_the_root_and_to_no_other_place(size, data):
    leaves = [sha256(bytes([number])).digest() for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1))
    siblings = path(leaves, index)
    assert root_from(leaves[index], index, size, siblings) == root(leaves)
    if other != index:
        assert root_from(leaves[other], index, size, siblings) != root(leaves)
    assert root_from(leaves[index], size, size, siblings) is None
    assert root_from(leaves[index], index, size, [*siblings, siblings[0] if siblings else leaves[0]]) is None


@pytest.mark.parametrize(("seq", "size"), [(1, 1), (1, 5), (5, 5), (3, 7), (7, 7)])
def test_a_receipt_holds_for_the_log_it_was_given_for(seq, size):
    assert flaw(receipt(seq, size)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "no receipt"),
        ("[]", "no receipt"),
        (receipt(seq=3, size=5, blind="zz"), "no receipt"),
        (receipt(size=5, at=5), "no receipt"),
        (receipt(size=5, root="0" * 64), "signature"),
        (receipt(size=5, signature="0" * 128), "signature"),
        (receipt(size=5, auction_id="b"), "signature"),
        (receipt(size=5, path=[]), "not the one"),
        (receipt(size=5, blind="0" * 64), "not the one"),
    ],
)
def test_what_was_changed_is_found(text, words):
    assert words in flaw(text)


def test_a_log_that_was_rewritten_before_the_event_or_cut_off_before_the_checkpoint_is_found():
    assert "not the one" in flaw(receipt(), [HEADS[0], HEADS[0], HEADS[1], *HEADS[3:]])
    assert "shorter" in flaw(receipt(3, 5), HEADS[:4])
    assert "another key" in flaw(receipt(), key=bytes(32))


def test_a_path_shows_no_head_and_no_blind_of_another_event():
    text = receipt(3, 7)
    for number, (head, blind) in enumerate(zip(HEADS, BLINDS, strict=True), start=1):
        assert head.hex() not in text
        assert (blind.hex() in text) is (number == 3)
