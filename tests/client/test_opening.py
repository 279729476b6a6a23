"""`market sale make-key` and `market sale open`: the buyer's side of the hand-over, offline."""

import base64
import io
import json
from hashlib import sha256
from uuid import uuid4

import pyarrow as pa
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from market.cli import cli
from masking import commitment
from masking.envelope import Header, private_key_from_seed, release_key, seal

ROWS = pa.table({"Account": ["1001", "1002", "1003"], "Owner": ["One", "Two", "Three"], "Balance": ["10", "20", "30"]})
CLEAR = b"Account,Owner,Balance\n1001,One,10\n1002,Two,20\n1003,Three,30\n"
DATA_KEY, COMMIT_KEY = bytes(range(32)), bytes(range(32, 64))


def market(*arguments):
    return CliRunner().invoke(cli, ["sale", *(f"{each}" for each in arguments)])


@pytest.fixture
def made(tmp_path):
    """(key file, public key) as `market sale make-key` made them."""
    said = market("make-key", "--out", tmp_path / "sale.key")
    assert said.exit_code == 0, said.output
    return tmp_path / "sale.key", base64.b64decode(said.output.strip(), validate=True)


@pytest.fixture
def given(tmp_path, made):
    """What a buyer saves of the three answers: options of `market sale open`."""
    _, public = made
    sealed, info = io.BytesIO(), "deal-1"
    seal(
        io.BytesIO(CLEAR),
        sealed,
        data_key=DATA_KEY,
        nonce_prefix=bytes(7),
        aad=Header(f"{uuid4()}", f"{uuid4()}", "merkle"),
    )
    leaves = list(commitment.leaves(ROWS, commit_key=COMMIT_KEY, first=0))

    def released(key, what):
        return {
            "sealed_key": base64.b64encode(
                release_key(key, X25519PublicKey.from_public_bytes(public), f"{info}|{what}".encode())
            ).decode(),
            "info": f"{info}|{what}",
        }

    answer = {
        "settlement_id": f"{uuid4()}",
        "file_sha256": sha256(sealed.getvalue()).hexdigest(),
        "leaves_sha256": sha256(b"".join(leaves)).hexdigest(),
        "sale": released(DATA_KEY, "sale"),
        "commitment": released(COMMIT_KEY, "commitment"),
    }
    (tmp_path / "sale-key.json").write_text(json.dumps(answer))
    (tmp_path / "sale.sealed").write_bytes(sealed.getvalue())
    (tmp_path / "leaves").write_bytes(b"".join(leaves))
    return {
        "--key": made[0], "--sale-key": tmp_path / "sale-key.json", "--sealed": tmp_path / "sale.sealed",
        "--leaves": tmp_path / "leaves", "--commitment-root": commitment.root(leaves).hex(), "--out": tmp_path / "sale.csv",
    }  # fmt: skip


def opened(given, **changes):
    options = given | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return market("open", *(word for option, value in options.items() if value is not None for word in (option, value)))


def test_a_key_is_its_owners_alone_fits_its_public_half_and_is_never_overwritten(made):
    path, public = made
    private = base64.b64decode(path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o600
    assert private_key_from_seed(private).public_key().public_bytes_raw() == public
    again = market("make-key", "--out", path)
    assert again.exit_code == 1
    assert "never overwritten" in again.output
    assert base64.b64decode(path.read_bytes()) == private


def test_two_keys_differ(tmp_path, made):
    assert market("make-key", "--out", tmp_path / "other").output.strip() != base64.b64encode(made[1]).decode()


def test_the_key_opens_the_sale_file_and_every_row_is_checked(given):
    said = opened(given)
    assert said.exit_code == 0, said.output
    assert "every row is the row that was committed to: 3 rows" in said.output
    assert given["--out"].read_bytes() == CLEAR
    assert given["--out"].stat().st_mode & 0o777 == 0o600


def test_without_leaves_the_file_is_opened_and_nothing_is_claimed_about_rows(given):
    said = opened(given, leaves=None, commitment_root=None)
    assert said.exit_code == 0, said.output
    assert "row" not in said.output
    assert opened(given, leaves=None).exit_code == 2


def test_an_opened_file_is_never_overwritten(given):
    given["--out"].write_text("mine")
    said = opened(given)
    assert said.exit_code == 1
    assert "never overwritten" in said.output
    assert given["--out"].read_text() == "mine"


def test_another_key_another_file_and_a_broken_answer_open_nothing(tmp_path, given):
    market("make-key", "--out", tmp_path / "other")
    (tmp_path / "no-key").write_text("hello")
    (tmp_path / "no-answer").write_text("{}")
    changed = bytearray(given["--sealed"].read_bytes())
    changed[-1] ^= 1
    (tmp_path / "changed").write_bytes(changed)
    for changes, why in (
        ({"key": tmp_path / "other"}, "does not open for this deal"),
        ({"key": tmp_path / "no-key"}, "was not opened"),
        ({"sale_key": tmp_path / "no-answer"}, "not the answer of GET"),
        ({"sealed": tmp_path / "changed"}, "SHA-256 differs"),
        ({"commitment_root": "not hex"}, "was not opened"),
    ):
        said = opened(given, **changes)
        assert (said.exit_code, why in said.output) == (1, True), said.output
        assert not given["--out"].exists()


def test_a_file_that_was_tampered_with_under_a_new_digest_leaves_nothing_behind(tmp_path, given):
    changed = bytearray(given["--sealed"].read_bytes())
    changed[-1] ^= 1
    given["--sealed"].write_bytes(changed)
    answer = json.loads(given["--sale-key"].read_text())
    given["--sale-key"].write_text(json.dumps(answer | {"file_sha256": sha256(changed).hexdigest()}))
    said = opened(given)
    assert said.exit_code == 1
    assert not given["--out"].exists()


def test_rows_that_were_not_committed_to_are_named_as_the_market_counts_them(tmp_path, given):
    other = list(commitment.leaves(ROWS.slice(0, 1), commit_key=COMMIT_KEY, first=0)) * 3
    (tmp_path / "leaves").write_bytes(b"".join(other))
    said = opened(given, commitment_root=commitment.root(other).hex())
    assert said.exit_code == 1
    assert "row 2; the first account is row 1" in said.output
    assert "do not lead to the root" in opened(given, commitment_root="00" * 32, out=tmp_path / "again.csv").output
