"""Every buyer's file has tokens of its own: files cannot be joined, and a leak names its buyer."""

import io

import pyarrow as pa
import pytest

from masking import buyers
from masking.tokens import tokenise

KEY = b"t" * 32
MASKED = (
    "account_number,national_id,state,current_balance\n"
    + "\n".join(
        f"{a},{b},CA,{i}.00"
        for i, (a, b) in enumerate(
            zip(
                tokenise(pa.array([f"N{i}" for i in range(300)]), pool_key=KEY, domain="account_number").to_pylist(),
                tokenise(pa.array([f"S{i}" for i in range(300)]), pool_key=KEY, domain="national_id").to_pylist(),
                strict=True,
            )
        )
    )
    + "\n"
).encode()


def copy_of(buyer: str, key: bytes = KEY) -> bytes:
    sink = io.BytesIO()
    buyers.rekey(io.BytesIO(MASKED), sink, token_key=key, buyer=buyer)
    return sink.getvalue()


def cells(raw: bytes, column: int) -> list[str]:
    return [line.split(",")[column].strip('"') for line in raw.decode().splitlines()[1:]]


def test_two_buyers_share_no_token_and_every_other_cell():
    first, second = copy_of("Alpha Fund"), copy_of("Beta Capital")
    for column in (0, 1):
        assert not set(cells(first, column)) & set(cells(second, column))
        assert not set(cells(first, column)) & set(cells(MASKED, column))
        assert len(set(cells(first, column))) == 300
    for column in (2, 3):
        assert cells(first, column) == cells(second, column) == cells(MASKED, column)


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        "  {} ".format,
        lambda token: f"{token[:4]}-{token[4:8]} {token[8:]}",
        "see {}, he said".format,
        "'{}".format,
    ],
)
def test_a_leak_that_somebody_typed_again_names_its_buyer(typed):
    leak = "what I was told\n" + "\n".join(f'"{typed(token)}"' for token in cells(copy_of("Beta Capital"), 0)[:3])
    found = buyers.trace(
        io.BytesIO(leak.encode()), io.BytesIO(MASKED), token_key=KEY, candidates=["Alpha Fund", "Beta Capital"]
    )
    assert [(each.buyer, each.matched_count) for each in found] == [("Beta Capital", 3), ("Alpha Fund", 0)]


def test_a_leak_is_compared_with_a_masked_file_only():
    with pytest.raises(ValueError, match="this is not a masked file"):
        buyers.trace(io.BytesIO(MASKED), io.BytesIO(b"Acct No,Bal\n1,2\n"), token_key=KEY, candidates=["Alpha Fund"])


def test_the_same_buyer_gets_the_same_file_again_and_another_one_under_another_key():
    assert copy_of("Alpha Fund") == copy_of("Alpha Fund")
    assert not set(cells(copy_of("Alpha Fund"), 0)) & set(cells(copy_of("Alpha Fund", b"u" * 32), 0))


@pytest.mark.parametrize("kept", [slice(None), slice(7, 8), slice(None, None, -3)])
def test_a_leak_names_its_buyer_whatever_rows_and_headers_are_left(kept):
    lines = copy_of("Beta Capital").decode().splitlines()
    leak = "\n".join(["x,y,z,w", *lines[1:][kept]]).encode()
    found = buyers.trace(
        io.BytesIO(leak), io.BytesIO(MASKED), token_key=KEY, candidates=["Alpha Fund", "Beta Capital", "Gamma"]
    )
    assert found[0].buyer == "Beta Capital"
    assert found[0].matched_count == found[0].count > 0
    assert [suspicion.matched_count for suspicion in found[1:]] == [0, 0]


@pytest.mark.parametrize("first", [None, "a list from somewhere,,,", ",,,"])
def test_a_leak_names_its_buyer_with_its_headers_lost(first):
    lines = copy_of("Beta Capital").decode().splitlines()[1:4]
    lines[0] = lines[0].replace('"CA"', "")
    leak = "\n".join([first, *lines] if first else lines).encode()
    found = buyers.trace(io.BytesIO(leak), io.BytesIO(MASKED), token_key=KEY, candidates=["Alpha Fund", "Beta Capital"])
    assert [(suspicion.buyer, suspicion.matched_count) for suspicion in found] == [
        ("Beta Capital", 6),
        ("Alpha Fund", 0),
    ]


@pytest.mark.parametrize("tape", [b"Acct No,Name\nA1,Ann\n", b"account_number,state\nA1,CA\n", b"state\nCA\n"])
def test_a_file_that_was_not_masked_is_not_copied(tape):
    with pytest.raises(ValueError, match="not a masked file"):
        buyers.rekey(io.BytesIO(tape), io.BytesIO(), token_key=KEY, buyer="Alpha Fund")


def test_a_file_of_nobody_matches_nobody():
    found = buyers.trace(io.BytesIO(MASKED), io.BytesIO(MASKED), token_key=KEY, candidates=["Alpha Fund"])
    assert found[0].matched_count == 0


def test_a_label_without_letters_is_refused():
    with pytest.raises(ValueError, match="label"):
        buyers.buyer_key(KEY, " ")
