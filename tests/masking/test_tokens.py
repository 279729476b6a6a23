"""Tokens are keyed: same value, same token in one pool; another key or domain, another token."""

import base64

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import tokens

KEY = bytes(range(32))
VALUES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=70), min_size=1, max_size=20)
# NIST SP 800-38B, examples of AES-256: key and messages of 0, 16, 40 and 64 bytes.
NIST_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
NIST_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("length", "answer"),
    [
        (0, "028962f61b7bf89efc6b551f4667d983"),
        (16, "28a7023f452e8f82bd4bf28d8c37c35c"),
        (40, "aaf3d8f1de5640c232f5b169b9c911e6"),
        (64, "e1992190549f6ed5696a2c056c315410"),
    ],
)
def test_the_column_prf_gives_the_published_answers(length, answer):
    message = pa.array([NIST_MESSAGE[:length]], pa.binary()).view(pa.string())
    assert tokens.prf(NIST_KEY, message)[0].tobytes().hex() == answer


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(0, 5))
def test_a_column_is_hashed_as_its_values_one_by_one(values, start):
    column = pa.array(["x" * 20] * start + values)[start:]
    for value, digest in zip(values, tokens.prf(KEY, column), strict=True):
        single = CMAC(algorithms.AES(KEY))
        single.update(value.encode())
        assert single.finalize() == digest.tobytes()


def test_base32_is_the_standard_alphabet():
    raw = np.random.default_rng(1).integers(0, 256, (200, 10)).astype(np.uint8)
    for row, text in zip(raw, tokens.base32(raw), strict=True):
        assert base64.b32encode(row.tobytes()) == text.tobytes()


def made(values: list[str], key: bytes = KEY, domain: str = "national_id") -> list[str]:
    return tokens.tokenise(pa.array(values), pool_key=key, domain=domain).to_pylist()


def test_written_forms_of_one_value_share_a_token_and_blanks_have_none():
    first, second, third, blank, dashes = made(["123-45-6789", "123456789", "123 45 6789", "", "--"])
    assert first == second == third
    assert blank == dashes == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.from_regex(r"[A-Z0-9]{4,12}", fullmatch=True), min_size=1, max_size=30, unique=True))
def test_another_key_or_domain_changes_every_token_and_values_stay_apart(values):
    mine, other_key, other_domain = made(values), made(values, bytes(32)), made(values, domain="account_number")
    assert len(set(mine)) == len(values)
    assert not set(mine) & set(other_key)
    assert not set(mine) & set(other_domain)


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        made(["1"], b"short")
