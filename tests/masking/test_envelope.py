"""A sealed file opens whole and unaltered with its key, or not at all."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masking import envelope
from masking.envelope import EnvelopeError, Header

KEY, PREFIX = b"k" * 32, b"prefix7"
HEADER = Header(portfolio="p-1", seller="s-1", digest="sha256:00")
SEGMENT = envelope.SEGMENT_BYTES


def sealed(plain: bytes, **changes: bytes) -> bytes:
    out = io.BytesIO()
    keys = {"data_key": KEY, "nonce_prefix": PREFIX, **changes}
    info = envelope.seal(io.BytesIO(plain), out, aad=HEADER, **keys)
    assert (info.plain_bytes, info.sealed_bytes) == (len(plain), len(out.getvalue()))
    return out.getvalue()


def opened(raw: bytes, key: bytes = KEY, header: Header = HEADER) -> bytes:
    out = io.BytesIO()
    envelope.open_sealed(io.BytesIO(raw), out, data_key=key, expected=header)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 5])
def test_what_is_sealed_opens_again(size):
    plain = bytes(i % 251 for i in range(997)) * (size // 997 + 1)
    assert opened(sealed(plain[:size])) == plain[:size]


def test_the_plain_text_is_not_in_the_sealed_file():
    assert b"debtor" not in sealed(b"debtor" * 100)


SMALL = sealed(b"some plain text of a tape")


@pytest.mark.parametrize("place", range(len(SMALL)))
def test_any_altered_byte_is_refused(place):
    raw = bytearray(SMALL)
    raw[place] ^= 1
    with pytest.raises(EnvelopeError):
        opened(bytes(raw))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_cut_or_lengthened_file_is_refused(data):
    raw = sealed(b"x" * (2 * SEGMENT + 100))
    start = len(raw) - 100 - 16 - 2 * (SEGMENT + 16)
    places = st.one_of(st.integers(0, len(raw) - 1), st.sampled_from([start, start + SEGMENT + 16, len(raw) - 116]))
    cut = raw[: data.draw(places)]
    with pytest.raises(EnvelopeError):
        opened(cut)
    with pytest.raises(EnvelopeError):
        opened(raw + b"\0")


def test_swapped_segments_are_refused():
    raw = sealed(b"a" * SEGMENT + b"b" * SEGMENT + b"c")
    step = SEGMENT + 16
    start = len(raw) - 17 - 2 * step
    with pytest.raises(EnvelopeError):
        opened(raw[:start] + raw[start + step : start + 2 * step] + raw[start : start + step] + raw[start + 2 * step :])


def test_another_key_or_another_header_is_refused():
    with pytest.raises(EnvelopeError):
        opened(SMALL, key=b"j" * 32)
    with pytest.raises(EnvelopeError):
        opened(SMALL, header=Header(portfolio="p-2", seller="s-1", digest="sha256:00"))


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path):
    raw = bytearray(sealed(b"x" * (2 * SEGMENT)))
    raw[-1] ^= 1
    with pytest.raises(EnvelopeError):
        envelope.open_to_path(io.BytesIO(bytes(raw)), tmp_path / "tape.csv", data_key=KEY, expected=HEADER)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_opens_is_readable_by_its_owner_only(tmp_path: Path):
    envelope.open_to_path(io.BytesIO(SMALL), tmp_path / "tape.csv", data_key=KEY, expected=HEADER)
    assert (tmp_path / "tape.csv").read_bytes() == b"some plain text of a tape"
    assert (tmp_path / "tape.csv").stat().st_mode & 0o777 == 0o600


def test_a_wrapped_key_opens_only_with_its_key_and_context():
    wrapped = envelope.wrap_key(b"w" * 32, KEY, b"n" * 12, b"p-1")
    assert envelope.unwrap_key(b"w" * 32, wrapped, b"p-1") == KEY
    for kek, raw, context in (
        (b"v" * 32, wrapped, b"p-1"),
        (b"w" * 32, wrapped, b"p-2"),
        (b"w" * 32, wrapped[:-1], b"p-1"),
        (b"w" * 32, b"", b"p-1"),
    ):
        with pytest.raises(EnvelopeError):
            envelope.unwrap_key(kek, raw, context)


def test_a_released_key_opens_only_for_its_recipient_and_deal():
    winner, other = envelope.private_key_from_seed(b"1" * 32), envelope.private_key_from_seed(b"2" * 32)
    released = envelope.release_key(KEY, winner.public_key(), b"deal-1")
    assert KEY not in released
    assert envelope.receive_key(released, winner, b"deal-1") == KEY
    for raw, key, info in (
        (released, winner, b"deal-2"),
        (released, other, b"deal-1"),
        (released[:-1], winner, b"deal-1"),
    ):
        with pytest.raises(EnvelopeError):
            envelope.receive_key(raw, key, info)


def test_key_pairs_survive_pem_and_are_never_overwritten(tmp_path: Path):
    key, path = envelope.generate_private_key(), tmp_path / "key.pem"
    envelope.save_private_key(key, path, passphrase=b"secret")
    again = envelope.load_private_key(path.read_bytes(), passphrase=b"secret")
    assert envelope.public_pem(again) == envelope.public_pem(key)
    assert envelope.load_public_key(envelope.public_pem(key)) == key.public_key()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EnvelopeError):
        envelope.load_private_key(path.read_bytes(), passphrase=b"wrong")
    with pytest.raises(FileExistsError):
        envelope.save_private_key(key, path)
    with pytest.raises(EnvelopeError):
        envelope.load_public_key(b"no pem")


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2 * SEGMENT + 9),
    st.lists(st.tuples(st.integers(0, 2 * SEGMENT + 9), st.integers(0, 9_000)), max_size=5),
)
def test_a_sealed_file_is_read_at_any_place_as_the_plain_one(size, reads):
    plain = (bytes(range(256)) * (size // 256 + 1))[:size]
    with envelope.open_for_reading(io.BytesIO(sealed(plain)), data_key=KEY, expected=HEADER) as reader:
        assert reader.seek(0, io.SEEK_END) == size
        for place, length in reads:
            reader.seek(place)
            assert reader.read(length) == plain[place : place + length]


def test_a_cut_file_is_refused_before_its_first_byte_is_read():
    raw = sealed(b"x" * (2 * SEGMENT + 100))
    for end in (len(raw) - 1, len(raw) - 116, 100, 0):
        with pytest.raises(EnvelopeError):
            envelope.open_for_reading(io.BytesIO(raw[:end]), data_key=KEY, expected=HEADER)


@pytest.mark.parametrize("place", range(len(SMALL)))
def test_any_altered_byte_is_refused_by_the_reader_too(place):
    raw = bytearray(SMALL)
    raw[place] ^= 1
    with pytest.raises(EnvelopeError):
        envelope.open_for_reading(io.BytesIO(bytes(raw)), data_key=KEY, expected=HEADER)
